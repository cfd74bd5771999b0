"""Serving: one process, one event loop, uvicorn with a deadline for headers.

uvicorn was chosen over granian after measuring: with real work the two are within 10 % of each other, uvicorn lets
the service set its own deadline for slow headers (it has none by itself), and granian's backpressure starves new
clients behind idle ones. Scale out on PostgreSQL with more such processes, not with worker flags.
"""

import asyncio
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy.engine import make_url
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from registry.app import configure_logging, create_app
from registry.database.sqlite_driver import safe_for_several_processes
from registry.http.problems import TooManyHeaders, render
from registry.kernel.errors import DomainError, Malformed
from registry.kernel.ids import new_id
from registry.settings import Settings, SettingsError

HEADER_SECONDS = 10.0
MOST_HEADER_BYTES = 65_536
KEEP_ALIVE_SECONDS = 15
SHUTDOWN_SECONDS = 20


class DeadlineProtocol(HttpToolsProtocol):
    """Closes a connection whose headers do not arrive in time, or never end: neither may hold sockets or memory.

    What the parser cannot read is answered like every other error, with a problem.
    """

    header_seconds = HEADER_SECONDS
    _deadline: asyncio.TimerHandle | None = None
    _header_bytes: int | None = 0  # None while no headers are expected

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        super().connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_headers()  # an empty line, or the rest of a body that nobody read, must not stop every clock
        if self._header_bytes is not None:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES and not self.transport.is_closing():
                self._refuse(TooManyHeaders(f"Send at most {MOST_HEADER_BYTES} bytes of header fields."))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_headers()

    def on_headers_complete(self) -> None:
        self._headers_arrived()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_arrived()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        self.cycle.keep_alive = False  # the parser takes whatever follows for another protocol

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
        request_id = str(new_id())
        answer = render(error, path="", request_id=request_id)
        headers = {
            **answer.headers,
            "x-request-id": request_id,
            "content-length": str(len(answer.body)),
            "connection": "close",
        }
        lines = [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
        self.transport.write(b"".join([STATUS_LINE[answer.status], *lines, b"\r\n", answer.body]))
        self.transport.close()


@contextmanager
def writing_alone(url: str) -> Iterator[None]:
    """Hold the SQLite file for this process where several writers would risk it.

    Raises SettingsError when another process holds it: then changes go through that one's API.
    """
    if not url.startswith("sqlite:") or safe_for_several_processes():
        yield
        return
    path = Path(str(make_url(url).database))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(
                f"{path} is in use by a running server, and this SQLite cannot safely take a second writer: "
                "use the server's API, or stop it first."
            ) from None
        file.write(str(os.getpid()))
        file.flush()
        yield


def server(settings: Settings, protocol: type[DeadlineProtocol] = DeadlineProtocol) -> uvicorn.Server:
    """A server ready to run; it owns no socket yet."""
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
        "date_header": True,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "backlog": 1024,
    }
    return uvicorn.Server(uvicorn.Config(create_app(settings), **config))


def serve(settings: Settings) -> None:
    """Serve until told to stop: SIGTERM or SIGINT finish what is in flight, then close."""
    # Once it has closed, uvicorn raises the signal again for whoever was there before it. Here that is nobody: having
    # stopped as told, the process ends with 0.
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, lambda _number, _frame: None)
    with writing_alone(settings.database_url):
        server(settings).run()
