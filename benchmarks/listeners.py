"""What a thousand who listen to the stream of events cost a process while nothing happens.

    python -m benchmarks.listeners --listeners 1000 --database sqlite

The processor time of the serving process is read before and after some seconds, first without listeners, then with
them, signs of life included. The bar is a tenth of a core.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from benchmarks.load import loopback_address
from benchmarks.run import POSTGRESQL_URL
from benchmarks.servers import Running, free_port, processor_seconds, serve, temporary_postgresql
from benchmarks.service import prepare
from registry.directory.agencies.tables import agency
from registry.platform.access.development import development_token
from registry.platform.access.principals import Role
from registry.platform.database.connect import connect
from registry.platform.kernel.time import utc_now
from registry.platform.settings import Settings, load

SETTLED_SECONDS = 5.0
_AGENCIES = sa.select(agency.c.id).order_by(agency.c.id.desc()).limit(200)


def main() -> None:
    """Serve a small database, have it listened to, and print what the process took."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, too
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=45.0, help="that are measured (default: three signs of life)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="registry-listeners-") as folder:
        if given.database == "sqlite":
            _measure(f"sqlite:///{Path(folder) / 'listeners.db'}", folder, given)
        else:
            with temporary_postgresql(os.environ.get("BENCH_POSTGRESQL_URL", POSTGRESQL_URL)) as url:
                _measure(url, folder, given)


def _measure(url: str, folder: str, given: argparse.Namespace) -> None:
    prepared = prepare(url, 1_000)
    port = free_port()
    environment = {**prepared.environment, "HOST": "127.0.0.1", "PORT": str(port), "REGISTRY_LOG_LEVEL": "error"}
    with serve([sys.executable, "-m", "registry", "serve"], environment, port, Path(folder) / "log") as running:
        tokens = asyncio.run(_tokens(url, load(prepared.environment), given.listeners))
        alone, beside = asyncio.run(_listen(running, tokens, given.seconds))
    print(f"{given.database}, load {os.getloadavg()[0]:.1f}, {given.seconds:.0f} s each")
    print(f"at rest: {alone:.1%} of a core; with {given.listeners} who listen: {beside:.1%}")


async def _tokens(url: str, settings: Settings, many: int) -> list[str]:
    """A token for each, of so many agencies and people that none has more streams than it may."""
    database = connect(url)
    try:
        agencies = [row.id for row in await database.read().all(_AGENCIES)]
    finally:
        await database.close()
    return [
        development_token(
            settings,
            agency_id=agencies[number % len(agencies)],
            roles=[Role.COORDINATOR],
            subject=f"listener-{number}",
            now=utc_now(),
        )
        for number in range(many)
    ]


async def _listen(running: Running, tokens: list[str], seconds: float) -> tuple[float, float]:
    """The share of a core that the process takes alone, and with all of them."""
    await asyncio.sleep(SETTLED_SECONDS)
    alone = await _share(running.pid, seconds)
    heard: list[asyncio.Task[None]] = []
    try:
        for token in tokens:
            reader = await _opened(running.base_url, token)
            heard.append(asyncio.create_task(_take(reader)))
        await asyncio.sleep(SETTLED_SECONDS)
        beside = await _share(running.pid, seconds)
        assert not any(each.done() for each in heard), "a stream ended"
    finally:
        for each in heard:
            each.cancel()
        await asyncio.gather(*heard, return_exceptions=True)
    return alone, beside


async def _opened(base_url: str, token: str) -> asyncio.StreamReader:
    reader, writer = await asyncio.open_connection(*loopback_address(base_url))
    writer.write(f"GET /v1/events/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    _WRITERS.append(writer)
    return reader


_WRITERS: list[asyncio.StreamWriter] = []
"""Kept, since a writer that nobody knows any more closes its connection."""


async def _take(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(4096):
            pass


async def _share(pid: int, seconds: float) -> float:
    began, took = time.monotonic(), processor_seconds(pid)
    await asyncio.sleep(seconds)
    return (processor_seconds(pid) - took) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
