"""Serving: one process, one event loop, uvicorn with a deadline for headers.

uvicorn was chosen over granian after measuring: with real work the two are within 10 % of each other, uvicorn lets
the service set its own deadline for slow headers (it has none by itself), and granian's backpressure starves new
clients behind idle ones. Scale out on PostgreSQL with more such processes, not with worker flags.
"""

import asyncio
import errno
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import httptools
import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from registry.app import create_app
from registry.database_tables import check_database, differing
from registry.directory.clients.commands.signing import AuthorizationServer, check_service_clients
from registry.directory.issuers.queries import in_both_places, trusted_issuers
from registry.platform.database.connect import Database, connect
from registry.platform.database.in_use import Use, used
from registry.platform.database.installation import purpose_of
from registry.platform.database.migrate import SchemaStatus, schema_status
from registry.platform.database.room import is_closed
from registry.platform.database.snapshot import sqlite_file
from registry.platform.http import open_files
from registry.platform.http.edge import Edge
from registry.platform.http.health import MIGRATE, OK, unserved
from registry.platform.http.listening import Listener
from registry.platform.http.problems import TooManyHeaders, render
from registry.platform.http.waiting import ClientBudget
from registry.platform.http.whole_answers import EXTENSIONS, AnsweringCycle
from registry.platform.kernel.errors import Busy, DomainError, Malformed
from registry.platform.kernel.ids import new_id
from registry.platform.logging import configure_logging
from registry.platform.settings import Settings, SettingsError
from registry.sharing.policy.queries.layers import altered_layers

HEADER_SECONDS = 10.0
MOST_HEADER_BYTES = 65_536
KEEP_ALIVE_SECONDS = 15
TAKING_SECONDS = 30.0
LEAST_TAKING_SECONDS = 4.0
REQUEST_SECONDS = 30.0  # unless the settings say otherwise
LEAST_TAKEN_BYTES = 65_536
SHUTDOWN_SECONDS = 20
DRAIN_STEP_SECONDS = 0.1
_HOSTS = (
    "Name an address of this machine: 127.0.0.1 for a proxy beside it, 0.0.0.0 for all. That is a setting to correct "
    "(exit code 2), while a port that is in use may be free at the next try (1)."
)
_log = structlog.get_logger("registry.serve")


class AddressInUseError(Exception):
    """Another process listens where this one should; the message says where."""


class DeadlineProtocol(HttpToolsProtocol):
    """Closes a connection whose headers do not arrive in time or never end, so that it frees its resources.

    One whose client does not take its answer is cut: every `taking_seconds` a little of what waits must have gone.
    All these waits, the idle one before a request included, share one budget (`ClientBudget`), so that a client cannot
    use one deadline after the other.

    A request that the parser cannot read is answered with a problem, like every other error.
    """

    header_seconds = HEADER_SECONDS
    taking_seconds = TAKING_SECONDS
    least_taking_seconds = LEAST_TAKING_SECONDS
    request_seconds = REQUEST_SECONDS
    _taking: asyncio.TimerHandle | None = None
    _deadline: asyncio.TimerHandle | None = None
    _header_bytes: int | None = 0  # None while no headers are expected
    _received = b""
    _upgrade_asked = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        super().connection_made(transport)
        self._budget = ClientBudget(self.request_seconds, time.monotonic())
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        self._received = data
        super().data_received(data)
        if self._deadline is None and self._is_free():
            self._expect_headers()  # an empty line, or the rest of an unread body, must not disable the deadline
        if self._header_bytes is not None:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES and not self.transport.is_closing():
                self._refuse(TooManyHeaders(f"Send at most {MOST_HEADER_BYTES} bytes of header fields."))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._budget.request_begins(time.monotonic())
        self._expect_headers()

    def on_headers_complete(self) -> None:
        self._headers_arrived()
        self._upgrade_asked = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._upgrade_asked:
            if self._is_free():
                self.scope["registry.waited"] = self._budget.used(time.monotonic())  # type: ignore[typeddict-unknown-key]
            super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = AnsweringCycle  # uvicorn names the class within a method that has much else to do
        cycle.scope["extensions"] = EXTENSIONS  # type: ignore[typeddict-item]  # of our own
        super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        if not self._upgrade_asked:
            self._budget.hold(time.monotonic())
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is sent, as far as the client takes it."""
        self._budget.begin(time.monotonic())
        super().on_response_complete()
        self._expect_rest_taken()

    def timeout_keep_alive_handler(self) -> None:
        """No further request came."""
        super().timeout_keep_alive_handler()
        self._expect_rest_taken()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_arrived()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More waits to be sent than should."""
        super().pause_writing()
        self._expect_taking()

    def resume_writing(self) -> None:
        """The client has taken it."""
        self._taken()
        super().resume_writing()
        self._expect_rest_taken()

    def _is_free(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_rest_taken(self) -> None:
        """A connection that is to close waits for its client to take what is left, and for that only so long."""
        if self._taking is None and self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._expect_taking()

    def _expect_taking(self) -> None:
        left = max(self.least_taking_seconds, self._budget.left(time.monotonic()))
        self._check_taking_in(min(self.taking_seconds, left))

    def _check_taking_in(self, seconds: float) -> None:
        self._taken()
        left = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(seconds, self._check_taking, left)

    def _check_taking(self, before: int) -> None:
        if self.transport.get_write_buffer_size() > before - LEAST_TAKEN_BYTES:
            self.transport.abort()
        else:
            self._check_taking_in(self.taking_seconds)

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

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
        seconds = (
            min(self.header_seconds, self._budget.left(time.monotonic())) if self._is_free() else self.header_seconds
        )
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _headers_arrived(self) -> None:
        self._header_bytes = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
            self._expect_rest_taken()

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
        self._expect_rest_taken()


class Server(uvicorn.Server):
    """Tells when it serves; a stop in order ends the process with 0."""

    edge: Edge
    drain_seconds = 0.0
    _has_drained = False
    on_started: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._listeners: list[Listener] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the application, then listen."""
        if not sockets:
            raise ValueError("the service listens on sockets that are bound already")
        await super().startup(sockets=[])
        try:
            for each in sockets:
                self._listeners.append(Listener(each, self._protocol))
        except OSError as error:  # the port was taken between binding and listening
            await self.lifespan.shutdown()
            raise AddressInUseError(_in_use(self.config.host, self.config.port)) from error
        self.on_started()

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

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
        for each in self._listeners:
            await each.close()
        await super().shutdown(sockets=sockets)
        self._captured_signals.clear()  # it would be raised again for the process, which would not end with 0


def server(settings: Settings, protocol: type[DeadlineProtocol] = DeadlineProtocol) -> Server:
    """A configured server that owns no socket yet."""
    configure_logging(settings)
    config: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "http": type(protocol.__name__, (protocol,), {"request_seconds": settings.body_seconds}),
        "ws": "none",
        "loop": "uvloop",
        "lifespan": "on",
        "access_log": False,
        "log_config": None,  # what it reports goes the way of the service's own lines
        "log_level": "warning",
        "server_header": False,
        "proxy_headers": False,  # the edge reads them, from proxies that are trusted
        "date_header": True,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
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
    with used(settings.database_url, Use.SERVE), ExitStack() as opened:
        sockets = [opened.enter_context(each) for each in bound(settings.host, settings.port)]
        asyncio.run(_check_database(settings))
        serving = server(settings)
        url = _url(settings.host, sockets[0].getsockname()[1])
        serving.on_started = lambda: on_started(url)
        _let_open_files(settings)
        _tell_of_closed_folders(settings)
        if settings.copy:
            _log.warning("this is a copy (REGISTRY_COPY): nothing is sent from it")
        with _stopped_in_order(serving):
            serving.run(sockets=sockets)


def _let_open_files(settings: Settings) -> None:
    """Raise the limit of open files as far as the system lets it, and warn where that is too little."""
    most, least = open_files.raise_limit(), open_files.needed(settings)
    if most < least:
        _log.warning("few files may be open at once: raise the limit (LimitNOFILE)", limit=most, needed=least)


def _tell_of_closed_folders(settings: Settings) -> None:
    """What is kept can be read all the same, so it is told, and the service starts."""
    data = settings.data_dir.resolve()
    folders = [data, data / "documents"]  # into which uploads go first where documents are kept in a bucket
    if settings.database_url.startswith("sqlite:"):
        folders.append(sqlite_file(settings.database_url).parent)
    for folder in dict.fromkeys(folders):
        if is_closed(folder):
            _log.error("a folder cannot be written by this account: run registry doctor", folder=str(folder))


@contextmanager
def _stopped_in_order(serving: Server) -> Iterator[None]:
    """From here on a signal is the server's, also before its loop runs and after it has.

    uvicorn takes signals only within its loop: one that came while the loop was made left a coroutine behind, and one
    that came while it was closed a traceback. A server that is told before it starts opens, and ends at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, serving.handle_exit) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def bound(host: str, port: int) -> list[socket.socket]:
    """Sockets for every address of the host, not yet listening, so that nobody waits while the service starts.

    Raises SettingsError for an address that cannot be this machine's, AddressInUseError for one that is taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise SettingsError(f"HOST={host[:60]}: {error.strerror}. {_HOSTS}") from None
    sockets: list[socket.socket] = []
    with ExitStack() as failed:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            made = failed.enter_context(socket.socket(family, kind, protocol))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                made.bind((address[0], sockets[0].getsockname()[1] if sockets else port, *address[2:]))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise AddressInUseError(_in_use(host, port)) from None
                raise SettingsError(f"HOST={host[:60]}, PORT={port}: {error.strerror}. {_HOSTS}") from None
            sockets.append(made)
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
    """Raises SettingsError for a database without a schema, with tables of another state of the code, for the other
    mode, or with an agency's policies altered; Busy in demo mode if that is unknown.

    A service for real work starts while its database is out of reach, and is ready when that is back. It starts beside
    a schema that it may not serve, too: during an upgrade the old and the new processes stand side by side.
    """
    database = connect(settings.database_url, pooler=settings.database_pooler)
    try:
        await check_database(database, purpose_of(demo=settings.demo), settings.ledger_key)
        status = await schema_status(database)
        if status is SchemaStatus.NONE:
            raise SettingsError(f"The database has no schema yet: {MIGRATE}.")
        if status is SchemaStatus.DIFFERENT:
            words = await differing(database, settings.database_url, pooler=settings.database_pooler)
            raise SettingsError(words or f"The schema was made by another state of the code: {MIGRATE}.")
        if not status.is_served:
            _log.error("the schema is not served", schema_status=status.value, todo=await unserved(database, status))
        elif altered := await altered_layers(database.read()):
            raise SettingsError(
                f"The text of the active policy set {altered[0]} is not what was activated, and less would be asked "
                "than its agency asks: restore the database from a backup, and find out who altered it."
            )
        elif not await _has_issuers(database, settings):
            _log.error("no issuer of tokens is known, so that nobody can call: run registry init")
        elif (found := await check_service_clients(database.read(), AuthorizationServer.of(settings))) != OK:
            _log.error("service clients get no tokens", todo=found)
        if status.is_served and (names := await in_both_places(database.read(), settings.issuers)):
            _log.warning("an issuer is described by the settings and the database: the settings count", issuers=names)
    except Busy:
        if settings.demo:
            raise
        _log.warning("the database is out of reach; serving starts, and is ready once it answers")
    finally:
        await database.close()
