"""The service with other settings than the session's: behind a real socket, as a separate process, or in process."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import UUID

import httpx
from msgspec import Struct

from registry.app import create_app
from registry.platform.access.development import development_token
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.kernel.time import utc_now
from registry.platform.settings import Settings, load
from registry.serve import DeadlineProtocol, server
from tests.support.service import Service, leaving


class LiveServer(Struct, kw_only=True):
    """The address of a running server, with tokens for its agencies."""

    settings: Settings
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def token(self, *roles: Role, agency_id: UUID = OPERATOR_AGENCY_ID, subject: str = "operator") -> str:
        """A token that the server accepts; the operator's, if nothing else is said."""
        return development_token(
            self.settings,
            agency_id=agency_id,
            roles=list(roles) or [Role.REGISTRY_ADMIN],
            subject=subject,
            now=utc_now(),
            life_seconds=3600,
        )


def environment(database_url: str, data_dir: Path, **more: str) -> dict[str, str]:
    """The settings of a demonstration server, as environment variables."""
    return {
        "REGISTRY_DEMO": "1",
        "REGISTRY_DEMO_ALLOWS": "issuers",
        "REGISTRY_DATA_DIR": str(data_dir),
        "REGISTRY_DATABASE_URL": database_url,
        "REGISTRY_LOG_LEVEL": "error",
        "REGISTRY_RATE_PER_PRINCIPAL": "0",  # tests are faster than people
        "REGISTRY_RATE_PER_AGENCY": "0",
        "REGISTRY_DATABASE_POOL": "4",  # many such servers share one PostgreSQL, which allows a hundred connections
        **more,
    }


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def live_server(
    settings: Settings, protocol: type[DeadlineProtocol] = DeadlineProtocol, shutdown_seconds: float = 30
) -> Iterator[LiveServer]:
    """The production server in a thread, on a loop of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        running = server(settings, protocol)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + 60
            while not running.started:
                assert thread.is_alive(), "the server did not start"
                assert time.monotonic() < deadline, "the server took too long to start"
                time.sleep(0.01)
            yield LiveServer(settings=settings, port=listening.getsockname()[1])
        finally:
            running.should_exit = True
            thread.join(shutdown_seconds)
            assert not thread.is_alive(), "the server did not stop"


_MAIN = "from registry.serve import serve; from registry.platform.settings import load; serve(load())"


@contextmanager
def server_process(
    database_url: str, data_dir: Path, *, log: Path = Path(os.devnull), begin: str = "", **more: str
) -> Iterator[LiveServer]:
    """The production server as a process of its own, at `PORT` if that is given; statements that `begin` come first.

    It is killed at the end if it has not ended by itself.
    """
    port = int(more.pop("PORT", 0)) or free_port()
    given = environment(database_url, data_dir, **more)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", begin + _MAIN],
            env={**kept, **given, "HOST": "127.0.0.1", "PORT": str(port)},
            stdout=written,
            stderr=written,
        )
    try:
        wait_until_it_answers(port, process)
        yield LiveServer(settings=load(given), port=port, process=process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(60)


def wait_until_it_answers(port: int, process: "subprocess.Popen[bytes]", seconds: float = 120) -> None:
    """Return when something accepts connections on the port; fail when the process ends first."""
    deadline = time.monotonic() + seconds
    while True:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        assert time.monotonic() < deadline, "the server took too long to start"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return


@asynccontextmanager
async def in_process(settings: Settings) -> AsyncIterator[Service]:
    """The application without a socket, over a database or settings of the test's own."""
    edge = create_app(settings)
    transport = httpx.ASGITransport(app=leaving(edge), raise_app_exceptions=False)
    async with edge.app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://registry.test") as http:
        yield Service(edge, settings, http)
