"""The outermost ASGI layer: checks that apply to every request before the framework handles it.

Admission control (a limited number of requests in progress, 503 for the others), checks of host, path and headers, HEAD
and OPTIONS, a deadline and a size limit for the body, the trace id, the access log and the metrics.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from ipaddress import ip_network
from typing import cast
from uuid import UUID

import structlog
from litestar import Litestar
from litestar.types.internal_types import PathParameterDefinition

from registry.platform.http.admission import Admission
from registry.platform.http.asgi import AsgiApp, Message, Receive, Scope, Send
from registry.platform.http.draining import Draining
from registry.platform.http.metrics import Metrics, RefusedBy
from registry.platform.http.problems import (
    MethodNotAllowed,
    ProblemAnswer,
    TooLarge,
    TooManyHeaders,
    TooSlow,
    as_domain_error,
    render,
)
from registry.platform.http.proxies import client_address
from registry.platform.kernel.errors import Busy, DomainError, Malformed, NotFound
from registry.platform.kernel.ids import new_id
from registry.platform.settings import Settings

_REQUEST_ID = re.compile(rb"\A[A-Za-z0-9._-]{8,128}\Z")
_TRACE_PARENT = re.compile(  # version 00 ends with its flags; later versions may have more fields
    rb"\A(?:00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?\Z"
)
_HOST = re.compile(rb"\A(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
_UUID = "-".join(f"[0-9A-Fa-f]{{{digits}}}" for digits in (8, 4, 4, 4, 12))
_NUMBER = "(?:0|[1-9][0-9]{0,8})"
_MOST_HEADERS = 100
DRAIN_SECONDS = 5.0
DRAIN_BYTES = 33_554_432
STOPPING_SECONDS = 3.0
REFUSED_AFTER_SECONDS = 0.1
_EXEMPT = frozenset({"/health/live", "/health/ready", "/metrics"})
_log = structlog.get_logger("registry.platform.access")


def _component(part: str | PathParameterDefinition) -> str:
    # The framework would accept Python's forms: a UUID in braces or without hyphens, and numbers such as +1 and 1_0.
    if isinstance(part, str):
        return re.escape(part)
    return {UUID: _UUID, int: _NUMBER}.get(part.type, "[^/]+")


class Routes:
    """The methods that a path allows, for OPTIONS and for the Allow header of a 405."""

    def __init__(self, app: Litestar) -> None:
        # Grouped by number of parts and collection, so that a request is matched against few patterns.
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
        """The methods that the path allows; None when there is no such path."""
        for pattern, methods in self._patterns.get(self._key(path), ()):
            if pattern.match(path):
                return methods
        return None

    def takes_files(self, path: str) -> bool:
        """Whether the path accepts files, for which a larger size limit applies."""
        return any(re.fullmatch(pattern, path) for pattern in self._uploads)


class Edge:
    """An ASGI application that wraps the framework's."""

    def __init__(self, app: Litestar, settings: Settings) -> None:
        self.app = app
        self._framework = cast(AsgiApp, app)
        self.metrics = Metrics()
        self._settings = settings
        self._routes = Routes(app)
        self._in_flight = 0
        self.reading = Admission(settings.max_in_flight)
        self._bodies = _Bodies()
        self.draining = Draining()
        self._proxies = tuple(ip_network(proxy) for proxy in settings.trusted_proxies)

    def stop(self) -> None:
        """Wait for bodies no longer than a moment from now on: the service is to end."""
        self._bodies.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._settings, self._bodies, self.draining)
        if self._proxies and scope.get("client"):
            given = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            scope["client"] = (client_address(scope["client"][0], given, self._proxies), 0)
        exempt = scope["path"] in _EXEMPT
        try:
            await self._admit(exchange, exempt=exempt)
        except Busy as refusal:
            await exchange.refuse(refusal)
            await exchange.end()
            return
        self._in_flight += 1
        self.metrics.in_flight.inc()
        try:
            await self._answer(exchange)
        finally:
            self._in_flight -= 1
            exchange.computed()
            self.metrics.in_flight.dec()
            self._note(exchange)
        await exchange.end()

    async def _admit(self, exchange: "_Exchange", *, exempt: bool) -> None:
        """Raises Busy when the service is at its limit: at once would be too soon, since most try again at once."""
        if exempt:
            return
        if exchange.scope["method"] in ("GET", "HEAD", "OPTIONS"):
            try:
                since = await self.reading.enter()
            except Busy:
                self.metrics.refused.labels(RefusedBy.READS).inc()
                raise
            exchange.on_computed = partial(self.reading.leave, since)
        if self._in_flight >= self._settings.max_in_flight:
            exchange.computed()
            self.metrics.refused.labels(RefusedBy.MAX_IN_FLIGHT).inc()
            await asyncio.sleep(REFUSED_AFTER_SECONDS)
            raise Busy("The service is at its limit; try again in a moment.", "overloaded")

    async def _answer(self, exchange: "_Exchange") -> None:
        scope = exchange.scope
        try:
            self._check_shape(scope)
            methods = self._routes.methods(scope["path"])
            if methods is None:
                raise NotFound("page")
            method = str(scope["method"])
            if method not in methods:
                raise MethodNotAllowed(f"This path allows {', '.join(methods)}.", extra={"allow": ", ".join(methods)})
            if method == "OPTIONS":
                await exchange.empty({"allow": ", ".join(methods)})
                return
        except DomainError as error:
            await exchange.refuse(error)
            return
        if method == "POST" and self._routes.takes_files(scope["path"]):
            exchange.most_bytes = self._settings.max_upload_bytes
        if method == "HEAD":
            # In a copy: the server must still see HEAD, so that it sends no body.
            exchange.scope = scope = {**scope, "method": "GET", "registry.head": True}
            exchange.head = True
        try:
            await self._framework(scope, exchange.receive, exchange.send)
        except Exception as error:  # every request must get an answer
            if exchange.started:
                raise
            _log.error("unhandled", trace_id=exchange.trace_id, exc_info=error)
            await exchange.refuse(as_domain_error(error))

    def _check_shape(self, scope: Scope) -> None:
        headers = scope["headers"]
        if len(headers) > _MOST_HEADERS:
            raise TooManyHeaders(f"Send at most {_MOST_HEADERS} header fields.")
        if scope["path"] not in _EXEMPT:  # asked by address, and by some load balancers without a host
            self._check_host(headers)
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
            raise NotFound("page")  # each path has one form: caches and access rules must not interpret it differently

    def _check_host(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not _HOST.match(hosts[0]):
            raise Malformed("Send exactly one valid Host header.", "bad_host")
        allowed = self._settings.allowed_hosts
        if allowed and hosts[0].rsplit(b":", 1)[0].decode().lower() not in allowed:
            raise Malformed("This service does not answer for that host.", "bad_host")

    def _note(self, exchange: "_Exchange") -> None:
        scope = exchange.scope
        seconds = time.perf_counter() - exchange.began
        route = str(scope.get("path_template") or "(none)")
        method = "HEAD" if exchange.head else str(scope["method"])
        method = method if method in ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS") else "(other)"
        self.metrics.count(method, route, exchange.status, seconds)
        principal = scope.get("user")
        _log.info(
            "answered",
            trace_id=exchange.trace_id,
            method=method,
            route=route,
            status=exchange.status,
            ms=round(seconds * 1000, 1),
            operation=getattr(scope.get("route_handler"), "operation_id", None),
            ids=_ids(scope),
            agency=str(principal.agency_id) if principal is not None else None,
            issuer=principal.issuer if principal is not None else None,
            subject=principal.subject if principal is not None else None,
            token_id=principal.token_id if principal is not None else None,
            client=(scope.get("client") or ("", 0))[0],
        )


def _ids(scope: Scope) -> dict[str, UUID | int]:
    """What the request is about: the ids and numbers in its path. Other parts of a path may be secrets."""
    found = scope.get("path_params") or {}
    return {name: value for name, value in found.items() if isinstance(value, UUID | int)}


def _trace_id(scope: Scope) -> str:
    """The trace id from `traceparent` (W3C Trace Context), else from `X-Request-Id`, else a new one like the former."""
    given = {name: value for name, value in scope["headers"] if name in (b"traceparent", b"x-request-id")}
    if found := _TRACE_PARENT.match(given.get(b"traceparent", b"")):
        return found[1].decode()
    own = given.get(b"x-request-id", b"")
    return own.decode() if _REQUEST_ID.match(own) else new_id().hex


class _Bodies:
    """The waits for bodies, which end early when the service is to end."""

    def __init__(self) -> None:
        self._waits: set[asyncio.Timeout] = set()
        self._latest: float | None = None

    @property
    def stopping(self) -> bool:
        """Whether the service is to end."""
        return self._latest is not None

    def stop(self) -> None:
        """Let every wait, those of later requests too, end in a moment."""
        self._latest = asyncio.get_running_loop().time() + STOPPING_SECONDS
        for wait in self._waits:
            when = wait.when()
            wait.reschedule(self._latest if when is None else min(when, self._latest))

    @asynccontextmanager
    async def wait(self, seconds: float) -> AsyncIterator[None]:
        """Raises TimeoutError when the block takes longer, or the service is to end."""
        at = asyncio.get_running_loop().time() + max(seconds, 0)
        async with asyncio.timeout_at(at if self._latest is None else min(at, self._latest)) as wait:
            self._waits.add(wait)
            try:
                yield
            finally:
                self._waits.discard(wait)


class _Exchange:
    """One request and its response: enforces limits on the body, and completes the response headers."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, settings: Settings, bodies: _Bodies, draining: Draining
    ) -> None:
        self._bodies = bodies
        self._draining = draining
        self._unended = False
        self._gone = False
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
        self.on_computed: Callable[[], None] | None = None
        self.started = False
        self.status = 0
        scope["registry.trace_id"] = self.trace_id = _trace_id(scope)

    def computed(self) -> None:
        """The answer is known; how fast the client takes it is its own affair."""
        done, self.on_computed = self.on_computed, None
        if done is not None:
            done()

    async def receive(self) -> Message:
        """The next part of the body.

        Raises TooSlow past the deadline, TooLarge past the limit, Malformed when the connection ends early. Each time
        as many bytes have arrived as an ordinary body may have, the deadline is extended by the same time: a large file
        may arrive over a slow connection, but a connection that has stopped sending is closed.
        """
        if self._complete:
            return await self._receive()
        try:
            async with self._bodies.wait(self._deadline() - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            if self._bodies.stopping:
                raise Busy("The service is stopping; nothing was done. Send the request again.", "stopping") from None
            raise TooSlow("The body took too long to arrive; send it again over a faster connection.") from None
        if message["type"] == "http.disconnect":
            self._gone = True
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
            self.computed()
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.trace_id.encode()),
                (b"x-content-type-options", b"nosniff"),
                *self.scope.get("registry.rate", ()),
            ]
            unread = not (self._complete or self._gone) and any(
                (n == b"content-length" and v != b"0") or n == b"transfer-encoding" for n, v in self.scope["headers"]
            )
            if unread and self.status >= 400:  # the rest of the body would be read as the next request
                message["headers"].append((b"connection", b"close"))
                self._unended = not any(name == b"expect" for name, _ in self.scope["headers"])
            elif self._draining.begun:
                message["headers"].append((b"connection", b"close"))
        elif self.head and message["type"] == "http.response.body":
            message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
        if self._unended and message["type"] == "http.response.body":
            message = {**message, "more_body": True}
        await self._send(message)

    async def end(self) -> None:
        """Take in the rest of a body that was refused, within bounds, before the connection is closed.

        A connection that is closed while bytes arrive is reset, and the client would lose the answer that it was sent.
        """
        if not self._unended:
            return
        left = DRAIN_BYTES
        with suppress(TimeoutError):
            async with self._bodies.wait(DRAIN_SECONDS):
                while left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        break
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def refuse(self, error: DomainError) -> None:
        """Answer with a problem, without calling the framework."""
        answer: ProblemAnswer = render(error, path=self.scope["path"], trace_id=self.trace_id)
        await self._finish(answer.status, answer.headers, answer.body)

    async def empty(self, headers: Mapping[str, str]) -> None:
        """Answer with 204 and these headers."""
        await self._finish(204, headers, b"")

    async def _finish(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        raw: Sequence[tuple[bytes, bytes]] = [(k.encode(), v.encode("latin-1", "replace")) for k, v in headers.items()]
        length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
        start: Message = {"type": "http.response.start", "status": status, "headers": [*raw, *length]}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": body, "more_body": False})
