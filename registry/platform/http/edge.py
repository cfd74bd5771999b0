"""The outermost ASGI layer: checks that apply to every request before the framework handles it.

Admission control (a limited number of requests that are worked on, 503 for the others), checks of host, path and
headers, HEAD and OPTIONS, the access log and the metrics. `Exchange` has the limits of a body, and who waits.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from functools import partial
from ipaddress import ip_network
from typing import NamedTuple, cast
from uuid import UUID

import structlog
from litestar import Litestar
from litestar.types.internal_types import PathParameterDefinition

from registry.platform.http.admission import Admission
from registry.platform.http.asgi import AsgiApp, Receive, Scope, Send
from registry.platform.http.draining import Draining
from registry.platform.http.exchange import AT_ITS_LIMIT, REFUSED_AFTER_SECONDS, Exchange
from registry.platform.http.metrics import Metrics, RefusedBy
from registry.platform.http.problems import MethodNotAllowed, TooManyHeaders, as_domain_error
from registry.platform.http.proxies import client_address
from registry.platform.http.waiting import Bodies, InFlight
from registry.platform.kernel.errors import Busy, DomainError, Malformed, NotFound
from registry.platform.settings import Settings

_HOST = re.compile(rb"\A([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
_UUID = "-".join(f"[0-9A-Fa-f]{{{digits}}}" for digits in (8, 4, 4, 4, 12))
_NUMBER = "(?:0|[1-9][0-9]{0,8})"
_MOST_HEADERS = 100
_EXEMPT = frozenset({"/health/live", "/health/ready", "/health/reading", "/metrics"})
_log = structlog.get_logger("registry.platform.access")


def _component(part: str | PathParameterDefinition) -> str:
    # The framework would accept Python's forms: a UUID in braces or without hyphens, and numbers such as +1 and 1_0.
    if isinstance(part, str):
        return re.escape(part)
    return {UUID: _UUID, int: _NUMBER}.get(part.type, "[^/]+")


class Path(NamedTuple):
    """The methods that a path allows, and whether it accepts files, for which a larger size limit applies."""

    methods: Sequence[str]
    takes_files: bool


class Routes:
    """What the edge has to know of each path, for OPTIONS and for the Allow header of a 405, too."""

    def __init__(self, app: Litestar) -> None:
        # Grouped by number of parts and collection, so that a request is matched against few patterns. They are
        # compiled for the first request that is, since three hundred at once are a tenth of the start.
        self._told: dict[tuple[int, str], list[tuple[str, Path]]] = {}
        self._patterns: dict[tuple[int, str], list[tuple[re.Pattern[str], Path]]] = {}
        for route in app.routes:
            pattern = "/" + "/".join(_component(part) for part in route.path_components)
            methods = sorted({str(m) for m in getattr(route, "methods", ())} | {"OPTIONS"})
            if "GET" in methods:
                methods = sorted({*methods, "HEAD"})
            takes_files = any(handler.opt.get("takes") for handler in getattr(route, "route_handlers", ()))
            key = self._key(str(route.path_format))
            known = Path(methods=methods, takes_files=takes_files)
            self._told.setdefault(key, []).append((rf"\A{pattern}\Z", known))

    @staticmethod
    def _key(path: str) -> tuple[int, str]:
        parts = path.split("/")
        return len(parts), parts[2] if len(parts) > 2 and parts[1] == "v1" else ""

    def find(self, path: str) -> Path | None:
        """What is known of the path; None when there is no such path."""
        key = self._key(path)
        if key not in self._patterns and key in self._told:
            self._patterns[key] = [(re.compile(pattern), known) for pattern, known in self._told[key]]
        for pattern, known in self._patterns.get(key, ()):
            if pattern.match(path):
                return known
        return None


class Edge:
    """An ASGI application that wraps the framework's."""

    def __init__(self, app: Litestar, settings: Settings, draining: Draining | None = None) -> None:
        self.app = app
        self._framework = cast(AsgiApp, app)
        self.metrics = Metrics()
        self._settings = settings
        self._routes = Routes(app)
        for route in app.routes:
            for method in getattr(route, "methods", ()):
                self.metrics.expect(str(method), str(route.path_format))
        self._in_flight = InFlight(settings.max_in_flight)
        self.metrics.in_flight.set_function(lambda: self._in_flight.now)
        self.reading = Admission(settings.max_in_flight)
        self.bodies = Bodies(settings.max_body_bytes)
        self.draining = draining or Draining()
        self._proxies = tuple(ip_network(proxy) for proxy in settings.trusted_proxies)

    def stop(self) -> None:
        """Wait for bodies no longer than a moment from now on: the service is to end."""
        self.bodies.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
            return
        exchange = Exchange(
            scope, receive, send, self._settings, self.bodies, self._in_flight, self.draining, self.metrics
        )
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
        exchange.enter()
        try:
            await self._answer(exchange)
        finally:
            exchange.leave()
            self._note(exchange)
        await exchange.end()

    async def _admit(self, exchange: "Exchange", *, exempt: bool) -> None:
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
        if self._in_flight.is_full:
            exchange.computed()
            self.metrics.refused.labels(RefusedBy.MAX_IN_FLIGHT).inc()
            await asyncio.sleep(REFUSED_AFTER_SECONDS)
            raise Busy(AT_ITS_LIMIT, "overloaded")

    async def _answer(self, exchange: "Exchange") -> None:
        scope = exchange.scope
        try:
            self._check_shape(scope)
            path = self._routes.find(scope["path"])
            if path is None:
                raise NotFound("page")
            method = str(scope["method"])
            if method not in path.methods:
                allowed = ", ".join(path.methods)
                raise MethodNotAllowed(f"This path allows {allowed}.", extra={"allow": allowed})
            if method == "OPTIONS":
                await exchange.empty({"allow": ", ".join(path.methods)})
                return
        except DomainError as error:
            await exchange.refuse(error)
            return
        if method == "POST" and path.takes_files:
            exchange.most_bytes = self._settings.max_upload_bytes
            exchange.is_streamed = True
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
        host = _HOST.match(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            raise Malformed("Send exactly one valid Host header.", "bad_host")
        allowed = self._settings.allowed_hosts
        if allowed and host[1].decode().lower() not in allowed:
            raise Malformed("This service does not answer for that host.", "bad_host")

    def _note(self, exchange: "Exchange") -> None:
        scope = exchange.scope
        seconds = (exchange.answered or time.perf_counter()) - exchange.began
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
