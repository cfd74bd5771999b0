"""The outer layer: what must hold for every request before the framework sees it.

Admission (a bounded number in flight, the rest told to come back), host, path and header checks, HEAD and OPTIONS,
a deadline and a size limit for the body, the request id, the access log and the metrics.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID

import structlog
from litestar import Litestar
from litestar.types.internal_types import PathParameterDefinition
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from registry.http.asgi import AsgiApp, Message, Receive, Scope, Send
from registry.http.problems import (
    MethodNotAllowed,
    ProblemAnswer,
    TooLarge,
    TooManyHeaders,
    TooSlow,
    as_domain_error,
    render,
)
from registry.kernel.errors import Busy, DomainError, Malformed, NotFound
from registry.kernel.ids import new_id
from registry.settings import Settings

_REQUEST_ID = re.compile(rb"\A[A-Za-z0-9._-]{8,128}\Z")
_HOST = re.compile(rb"\A(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
_UUID = "-".join(f"[0-9A-Fa-f]{{{digits}}}" for digits in (8, 4, 4, 4, 12))
_NUMBER = "(?:0|[1-9][0-9]{0,8})"
_MOST_HEADERS = 100
_EXEMPT = frozenset({"/health/live", "/health/ready", "/metrics"})
_log = structlog.get_logger("registry.access")


class Metrics:
    """What the service says about itself, in Prometheus's words. One registry per application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "registry_requests_total", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "registry_request_seconds",
            "Time to answer.",
            ["method", "route"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.in_flight = Gauge("registry_requests_in_flight", "Requests being answered.", registry=self.registry)
        self._counted: dict[tuple[str, str, int], Counter] = {}
        self._timed: dict[tuple[str, str], Histogram] = {}
        self.refused = Counter(
            "registry_requests_refused_total", "Requests refused at the door.", registry=self.registry
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request. The labelled series are kept: looking them up costs more than counting."""
        counted, timed = (method, route, status), (method, route)
        if counted not in self._counted:
            self._counted[counted] = self.requests.labels(method, route, str(status))
        if timed not in self._timed:
            self._timed[timed] = self.seconds.labels(method, route)
        self._counted[counted].inc()
        self._timed[timed].observe(seconds)


def _component(part: str | PathParameterDefinition) -> str:
    # The framework would take Python's spellings: a UUID in braces or without hyphens, numbers such as +1 and 1_0.
    if isinstance(part, str):
        return re.escape(part)
    return {UUID: _UUID, int: _NUMBER}.get(part.type, "[^/]+")


class Routes:
    """Which methods a path takes: for OPTIONS, and for a 405 that names them all."""

    def __init__(self, app: Litestar) -> None:
        # By number of parts and collection, so that a request is held against a handful of patterns and not all.
        self._patterns: dict[tuple[int, str], list[tuple[re.Pattern[str], list[str]]]] = {}
        self._uploads: set[str] = set()
        for route in app.routes:
            pattern = "/" + "/".join(_component(part) for part in route.path_components)
            methods = sorted({str(m) for m in getattr(route, "methods", ())} | {"OPTIONS"})
            if "GET" in methods:
                methods = sorted({*methods, "HEAD"})
            if any(handler.opt.get("takes") for handler in getattr(route, "route_handlers", ())):
                self._uploads.add(pattern)
            key = self._key(str(route.path_format))
            self._patterns.setdefault(key, []).append((re.compile(rf"\A{pattern}\Z"), methods))

    @staticmethod
    def _key(path: str) -> tuple[int, str]:
        parts = path.split("/")
        return len(parts), parts[2] if len(parts) > 2 and parts[1] == "v1" else ""

    def methods(self, path: str) -> list[str] | None:
        """The methods of the path, None when there is no such path."""
        for pattern, methods in self._patterns.get(self._key(path), ()):
            if pattern.match(path):
                return methods
        return None

    def takes_files(self, path: str) -> bool:
        """Whether what is sent there may be as large as a file."""
        return any(re.fullmatch(pattern, path) for pattern in self._uploads)


class Edge:
    """An ASGI application around the framework's."""

    def __init__(self, app: Litestar, settings: Settings) -> None:
        self.app = app
        self._framework = cast(AsgiApp, app)
        self.metrics = Metrics()
        self._settings = settings
        self._routes = Routes(app)
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._settings)
        exempt = scope["path"] in _EXEMPT
        if not exempt and self._in_flight >= self._settings.max_in_flight:
            self.metrics.refused.inc()
            await exchange.refuse(Busy("The service is at its limit; try again in a moment.", "overloaded"))
            return
        self._in_flight += 1
        self.metrics.in_flight.inc()
        try:
            await self._answer(exchange)
        finally:
            self._in_flight -= 1
            self.metrics.in_flight.dec()
            self._note(exchange)

    async def _answer(self, exchange: "_Exchange") -> None:
        scope = exchange.scope
        try:
            self._check_shape(scope)
            methods = self._routes.methods(scope["path"])
            if methods is None:
                raise NotFound("page")
            method = str(scope["method"])
            if method not in methods:
                raise MethodNotAllowed(f"This path takes {', '.join(methods)}.", extra={"allow": ", ".join(methods)})
            if method == "OPTIONS":
                await exchange.empty({"allow": ", ".join(methods)})
                return
        except DomainError as error:
            await exchange.refuse(error)
            return
        if method == "POST" and self._routes.takes_files(scope["path"]):
            exchange.most_bytes = self._settings.max_upload_bytes
        if method == "HEAD":
            # In a copy: the server below must still know that its answer has no body.
            exchange.scope = scope = {**scope, "method": "GET", "registry.head": True}
            exchange.head = True
        try:
            await self._framework(scope, exchange.receive, exchange.send)
        except Exception as error:  # nothing may leave the socket without an answer
            if exchange.started:
                raise
            _log.error("unhandled", request_id=exchange.request_id, exc_info=error)
            await exchange.refuse(as_domain_error(error))

    def _check_shape(self, scope: Scope) -> None:
        headers = scope["headers"]
        if len(headers) > _MOST_HEADERS:
            raise TooManyHeaders(f"Send at most {_MOST_HEADERS} header fields.")
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not _HOST.match(hosts[0]):
            raise Malformed("Send exactly one valid Host header.", "bad_host")
        allowed = self._settings.allowed_hosts
        if allowed and hosts[0].rsplit(b":", 1)[0].decode().lower() not in allowed:
            raise Malformed("This service does not answer for that host.", "bad_host")
        raw = (scope.get("raw_path") or scope["path"].encode()).split(b"?", 1)[0]
        path = scope["path"]
        if (
            b"//" in raw
            or (len(raw) > 1 and raw.endswith(b"/"))
            or b"%2f" in raw.lower()
            or b"\\" in raw
            or "\x00" in path
            or any(part in (".", "..") for part in path.split("/"))
        ):
            raise NotFound("page")  # one path, one spelling: caches and access rules must not disagree about it

    def _note(self, exchange: "_Exchange") -> None:
        scope = exchange.scope
        seconds = time.perf_counter() - exchange.began
        route = str(scope.get("path_template") or "(none)")
        method = "HEAD" if exchange.head else str(scope["method"])
        method = method if method in ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS") else "(other)"
        self.metrics.note(method, route, exchange.status, seconds)
        principal = scope.get("user")
        _log.info(
            "answered",
            request_id=exchange.request_id,
            method=method,
            route=route,
            status=exchange.status,
            ms=round(seconds * 1000, 1),
            agency=str(principal.agency_id) if principal is not None else None,
            client=(scope.get("client") or ("", 0))[0],
        )


class _Exchange:
    """One request and its answer: counts what comes in, completes what goes out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, settings: Settings) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self.most_bytes = settings.max_body_bytes
        self._settings = settings
        self._begun = time.monotonic()
        self._bytes = 0
        self._complete = False
        self.began = time.perf_counter()
        self.head = False
        self.started = False
        self.status = 0
        given = next((v for n, v in scope["headers"] if n == b"x-request-id"), None)
        self.request_id = given.decode() if given and _REQUEST_ID.match(given) else str(new_id())
        scope["registry.request_id"] = self.request_id

    async def receive(self) -> Message:
        """The next part of the body. Raises TooSlow past the deadline, TooLarge past the limit, Malformed cut off.

        Each time as much has arrived as an ordinary body may hold, there is as much time again: a large file may come
        over a slow line, a line that has gone quiet is given up.
        """
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(max(self._deadline() - time.monotonic(), 0)):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow("The body took too long to arrive; send it again on a better line.") from None
        if message["type"] == "http.disconnect":
            raise Malformed("The connection ended before the body did.", "body_cut_off")
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._bytes > self.most_bytes:
                raise TooLarge(f"The body is larger than {self.most_bytes} bytes.")
        return message

    def _deadline(self) -> float:
        stretches = 1 + self._bytes // self._settings.max_body_bytes
        return self._begun + self._settings.body_seconds * stretches

    async def send(self, message: Message) -> None:
        """Complete the headers; drop the body of an answer to HEAD."""
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
            unread = not self._complete and any(
                (n == b"content-length" and v != b"0") or n == b"transfer-encoding" for n, v in self.scope["headers"]
            )
            if unread and self.status >= 400:  # what is left of the body would be taken for the next request
                message["headers"].append((b"connection", b"close"))
        elif self.head and message["type"] == "http.response.body":
            message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
        await self._send(message)

    async def refuse(self, error: DomainError) -> None:
        """Answer with a problem without asking the framework."""
        answer: ProblemAnswer = render(error, path=self.scope["path"], request_id=self.request_id)
        await self._finish(answer.status, answer.headers, answer.body)

    async def empty(self, headers: Mapping[str, str]) -> None:
        """204 with headers."""
        await self._finish(204, headers, b"")

    async def _finish(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        raw: Sequence[tuple[bytes, bytes]] = [(k.encode(), v.encode("latin-1", "replace")) for k, v in headers.items()]
        length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
        start: Message = {"type": "http.response.start", "status": status, "headers": [*raw, *length]}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": body, "more_body": False})
