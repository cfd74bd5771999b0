"""Serving: one process, one event loop, uvicorn with a deadline for headers.

uvicorn was chosen over granian after measuring: with real work the two are within 10 % of each other, uvicorn lets
the service set its own deadline for slow headers (it has none by itself), and granian's backpressure starves new
clients behind idle ones. Scale out on PostgreSQL with more such processes, not with worker flags.
"""

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import Any

import httptools
import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from registry.app import create_app
from registry.database_tables import check_database
from registry.directory.issuers.queries import trusted_issuers
from registry.platform.database.connect import Database, connect
from registry.platform.database.in_use import Use, used
from registry.platform.database.installation import purpose_of
from registry.platform.database.migrate import SchemaStatus, schema_status
from registry.platform.http.edge import Edge
from registry.platform.http.health import MIGRATE, unserved
from registry.platform.http.problems import TooManyHeaders, render
from registry.platform.kernel.errors import Busy, DomainError, Malformed
from registry.platform.kernel.ids import new_id
from registry.platform.logging import configure_logging
from registry.platform.settings import Settings, SettingsError

HEADER_SECONDS = 10.0
MOST_HEADER_BYTES = 65_536
KEEP_ALIVE_SECONDS = 15
SHUTDOWN_SECONDS = 20
DRAIN_STEP_SECONDS = 0.1
_log = structlog.get_logger("registry.serve")


class AddressInUseError(Exception):
    """Another process listens where this one should; the message says where."""


class DeadlineProtocol(HttpToolsProtocol):
    """Closes a connection whose headers do not arrive in time or never end, so that it frees its resources.

    A request that the parser cannot read is answered with a problem, like every other error.
    """

    header_seconds = HEADER_SECONDS
    _deadline: asyncio.TimerHandle | None = None
    _header_bytes: int | None = 0  # None while no headers are expected
    _received = b""
    _upgrade_asked = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        super().connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        self._received = data
        super().data_received(data)
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_headers()  # an empty line, or the rest of an unread body, must not disable the deadline
        if self._header_bytes is not None:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES and not self.transport.is_closing():
                self._refuse(TooManyHeaders(f"Send at most {MOST_HEADER_BYTES} bytes of header fields."))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_headers()

    def on_headers_complete(self) -> None:
        self._headers_arrived()
        self._upgrade_asked = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._upgrade_asked:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._upgrade_asked:
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_arrived()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if no upgrade had been asked for (RFC 9110, 7.8), body included.

        The parser stops after the headers and takes what follows for the other protocol. Java's client and
        `curl --http2` ask for `h2c` and send a body of HTTP/1.1 all the same, so the request is read again without
        its `Upgrade` field.
        """
        if not self._upgrade_asked:  # CONNECT: there is no body, and what follows is for a tunnel that we do not open
            self.cycle.keep_alive = False
            return
        (read,) = sys.exception().args  # type: ignore[union-attr]  # called while the parser's exception is handled
        rest = self._received[read:]
        head = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = b"".join(b"%s: %s\r\n" % field for field in self.headers if field[0] != b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets it, for pipelining
        self.data_received(head + fields + b"\r\n" + rest)

    def send_400_response(self, msg: str) -> None:
        self._refuse(Malformed("The request is not well-formed HTTP/1.1.", "malformed_http"))

    def _expect_headers(self) -> None:
        self._headers_arrived()
        self._header_bytes = 0
        self._deadline = self.loop.call_later(self.header_seconds, self._too_slow)

    def _headers_arrived(self) -> None:
        self._header_bytes = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, error: DomainError) -> None:
        trace_id = new_id().hex
        answer = render(error, path="", trace_id=trace_id)
        headers = {
            **answer.headers,
            "x-request-id": trace_id,
            "content-length": str(len(answer.body)),
            "connection": "close",
        }
        lines = [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
        self.transport.write(b"".join([STATUS_LINE[answer.status], *lines, b"\r\n", answer.body]))
        self.transport.close()


class Server(uvicorn.Server):
    """Tells when it serves; a stop in order ends the process with 0."""

    edge: Edge
    drain_seconds = 0.0
    _has_drained = False
    on_started: Callable[[], None] = staticmethod(lambda: None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the application, then listen."""
        try:
            await super().startup(sockets=sockets)
        except OSError as error:  # the port was taken between binding and listening
            await self.lifespan.shutdown()
            raise AddressInUseError(_in_use(self.config.host, self.config.port)) from error
        self.on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in order; a second signal ends the grace for proxies."""
        if self.should_exit and not self._has_drained:
            self._has_drained = True
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let proxies notice that this process ends, answer what has been asked, then close."""
        self.edge.draining.begin()
        for _ in range(round(self.drain_seconds / DRAIN_STEP_SECONDS)):
            if self._has_drained:
                break
            await asyncio.sleep(DRAIN_STEP_SECONDS)
        self._has_drained = True
        self.edge.stop()
        await super().shutdown(sockets=sockets)
        self._captured_signals.clear()  # it would be raised again for the process, which would not end with 0


def server(settings: Settings, protocol: type[DeadlineProtocol] = DeadlineProtocol) -> Server:
    """A configured server that owns no socket yet."""
    configure_logging(settings)
    config: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "http": protocol,
        "ws": "none",
        "loop": "uvloop",
        "lifespan": "on",
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "proxy_headers": False,  # the edge reads them, from proxies that are trusted
        "date_header": True,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "backlog": 1024,
    }
    edge = create_app(settings)
    made = Server(uvicorn.Config(edge, **config))
    made.edge = edge
    made.drain_seconds = settings.drain_seconds
    return made


def serve(settings: Settings, on_started: Callable[[str], None] = lambda _url: None) -> None:
    """Serve until a signal: SIGTERM or SIGINT end it, after the grace for proxies, with all requests answered.

    `on_started` hears the address once connections are accepted there. Raises FileInUseError, AddressInUseError,
    SettingsError and Busy when it cannot start.
    """
    configure_logging(settings)
    with used(settings.database_url, Use.SERVE), ExitStack() as bound:
        sockets = [bound.enter_context(each) for each in _bound(settings.host, settings.port)]
        asyncio.run(_check_database(settings))
        serving = server(settings)
        url = _url(settings.host, sockets[0].getsockname()[1])
        serving.on_started = lambda: on_started(url)
        serving.run(sockets=sockets)


def _bound(host: str, port: int) -> list[socket.socket]:
    """Sockets for every address of the host, not yet listening, so that nobody waits while the service starts."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise SettingsError(f"HOST={host[:60]}: {error.strerror}.") from None
    sockets: list[socket.socket] = []
    with ExitStack() as failed:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            bound = failed.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                bound.bind((address[0], sockets[0].getsockname()[1] if sockets else port, *address[2:]))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise AddressInUseError(_in_use(host, port)) from None
                raise SettingsError(f"HOST={host[:60]}, PORT={port}: {error.strerror}.") from None
            sockets.append(bound)
        failed.pop_all()
    return sockets


def _in_use(host: str, port: int) -> str:
    return f"{_url(host, port)} is in use by another process: stop it, or choose another PORT."


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _has_issuers(database: Database, settings: Settings) -> bool:
    """Whether the settings or the database name an issuer; a demonstration has its own."""
    if settings.demo or settings.issuers:
        return True
    found = await trusted_issuers(database.read(), settings.issuers, None)
    return found is None or bool(found[1])


async def _check_database(settings: Settings) -> None:
    """Raises SettingsError for a database without a schema or for the other mode, Busy in demo mode if that is unknown.

    A service for real work starts while its database is out of reach, and is ready when that is back. It starts beside
    a schema that it may not serve, too: during an upgrade the old and the new processes stand side by side.
    """
    database = connect(settings.database_url, pooler=settings.database_pooler)
    try:
        await check_database(database, purpose_of(demo=settings.demo))
        status = await schema_status(database)
        if status is SchemaStatus.NONE:
            raise SettingsError(f"The database has no schema yet: {MIGRATE}.")
        if not status.is_served:
            _log.error("the schema is not served", schema_status=status.value, todo=await unserved(database, status))
        elif not await _has_issuers(database, settings):
            _log.error("no issuer of tokens is known, so that nobody can call: run registry init")
    except Busy:
        if settings.demo:
            raise
        _log.warning("the database is out of reach; serving starts, and is ready once it answers")
    finally:
        await database.close()
