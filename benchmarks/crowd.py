"""`python -m benchmarks.crowd`: what the service answers when far more ask at once than it can answer.

So many connections in a closed loop, each asking for a page of assets (or one asset, `--operation get`) again as soon
as it is answered or refused: first those that saturate one worker, then ten and fifty times as many, then the first
ones again. Last, beside those, a thousand connections that only begin a request.

The bars: no answer but 200 and 503; refusals within half a second; at ten times the connections four fifths of what is
answered a second when the service is just saturated, at fifty times three fifths; of what is answered the slowest
hundredth within a second; back to itself within five seconds; with the idle ones beside them the others' slowest
hundredth no more than twice as slow, and all of the idle ones closed within thirty-five seconds.
"""

import argparse
import asyncio
import multiprocessing
import resource
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar, cast

import uvloop
from msgspec import Struct

from benchmarks.load import CONTENT_LENGTH, Source, loopback_address, percentile
from benchmarks.run import POSTGRESQL_URL, load_prepare, take_client_core
from benchmarks.targets import Database, Workspace, registry

T = TypeVar("T")
SATURATING = 16
TIMES = (10, 50)
IDLE = 1_000
CLOSED_WITHIN = 35.0
PATIENCE = 30.0


class Heard(Struct, kw_only=True, frozen=True):
    """What a crowd heard: milliseconds of answers and of refusals, and how often anything else."""

    connections: int
    seconds: float
    answered: list[float]
    refused: list[float]
    others: dict[str, int]
    by_half_second: list[int]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answered) / self.seconds


class _Crowd:
    def __init__(self, source: Source, until: float) -> None:
        self.source = source
        self.until = until
        self.begun = time.perf_counter()
        self.next = 0
        self.open = 0
        self.answered: list[tuple[float, float]] = []
        self.refused: list[float] = []
        self.others: Counter[str] = Counter()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def left(self) -> None:
        self.open -= 1
        if self.open == 0 and not self.done.done():
            self.done.set_result(None)


class _Client(asyncio.Protocol):
    """One kept connection that asks again as soon as it hears anything."""

    def __init__(self, crowd: _Crowd) -> None:
        self._crowd = crowd
        self._buffer = b""
        self._finished = False
        crowd.open += 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have asyncio's methods without being its subclasses.
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._finished:
            self._crowd.others["connection lost"] += 1
        self._crowd.left()

    def _ask(self) -> None:
        crowd = self._crowd
        if time.perf_counter() >= crowd.until:
            self._finished = True
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(crowd.source.request(crowd.next).wire)
        crowd.next += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(self._buffer, 0, head) if head >= 0 else None
        if length is None or len(self._buffer) < head + 4 + int(length[1]):
            return
        now = time.perf_counter()
        status, closes = self._buffer[9:12], b"connection: close" in self._buffer[:head].lower()
        if status == b"200":
            self._crowd.answered.append((now - self._crowd.begun, (now - self._sent) * 1e3))
        elif status == b"503":
            self._crowd.refused.append((now - self._sent) * 1e3)
        else:
            self._crowd.others[status.decode()] += 1
        self._buffer = b""
        if closes:
            self._finished = True
            self._transport.close()
        else:
            self._ask()


async def _run(source: Source, base_url: str, connections: int, seconds: float) -> Heard:
    host, port = loopback_address(base_url)
    loop = asyncio.get_running_loop()
    crowd = _Crowd(source, time.perf_counter() + seconds)
    await asyncio.gather(*(loop.create_connection(lambda: _Client(crowd), host, port) for _ in range(connections)))
    async with asyncio.timeout(seconds + PATIENCE):
        await crowd.done
    buckets = [0] * (int(seconds * 2) + 1)
    for at, _ in crowd.answered:
        buckets[min(int(at * 2), len(buckets) - 1)] += 1
    return Heard(
        connections=connections,
        seconds=seconds,
        answered=sorted(took for _, took in crowd.answered),
        refused=sorted(crowd.refused),
        others=dict(crowd.others),
        by_half_second=buckets[:-1],
    )


def crowd(source: Source, base_url: str, connections: int, seconds: float) -> Heard:
    """Let so many connections ask for so long. Raises TimeoutError where somebody never hears anything."""
    return uvloop.run(_run(source, base_url, connections, seconds))


def beside_idle(source: Source, base_url: str, seconds: float) -> tuple[Heard, float]:
    """What the saturating connections hear while a thousand only begin a request; seconds until all are closed."""
    host, port = loopback_address(base_url)
    begun = time.monotonic()
    idle = [socket.create_connection((host, port)) for _ in range(IDLE)]
    try:
        for each in idle:
            each.sendall(b"GET /v1/assets HTTP/1.1\r\nHost: local")
        heard = crowd(source, base_url, SATURATING, seconds)
        for each in idle:
            each.settimeout(max(begun + 2 * CLOSED_WITHIN - time.monotonic(), 0.01))
            try:
                while each.recv(4096):
                    pass
            except ConnectionResetError:
                continue
        return heard, time.monotonic() - begun
    finally:
        for each in idle:
            each.close()


def _milliseconds(found: Sequence[float], share: float) -> str:
    return f"{percentile([int(1e3 * each) for each in found], share) / 1e3:.0f}" if found else "-"


def _line(name: str, heard: Heard, to: Heard) -> str:
    refused = f"{len(heard.refused) / heard.seconds:.0f}/s, p99 {_milliseconds(heard.refused, 0.99)} ms"
    return (
        f"| {name} | {heard.connections} | {heard.rate:.0f} | {heard.rate / to.rate:.2f} "
        f"| {_milliseconds(heard.answered, 0.5)} | {_milliseconds(heard.answered, 0.99)} "
        f"| {refused} | {heard.others or 'none'} |"
    )


def main() -> int:
    """Print the table; 1 where anything was heard but 200 and 503."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--operation", choices=("list", "get"), default="list")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each crowd asks")
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    kind: Database = options.database
    with tempfile.TemporaryDirectory(prefix="registry-benchmark-") as folder:
        workspace = Workspace(folder=Path(folder), assets=options.assets, postgresql_url=POSTGRESQL_URL)
        target = registry(workspace, kind, load_prepare("benchmarks.service:prepare"))
        context = multiprocessing.get_context("spawn")
        with target.start() as running, ProcessPoolExecutor(1, context, initializer=take_client_core) as client:
            source = target.requests(running)[options.operation]

            def ask(work: Callable[..., T], *arguments: object) -> T:
                return client.submit(work, source, running.base_url, *arguments).result()

            ask(crowd, SATURATING, 3.0)  # unmeasured
            saturated = ask(crowd, SATURATING, options.seconds)
            rows = [("saturated", saturated)]
            rows += [(f"{times} times", ask(crowd, SATURATING * times, options.seconds)) for times in TIMES]
            after = ask(crowd, SATURATING, options.seconds)
            beside, closed_after = ask(beside_idle, options.seconds)
    rows += [("afterwards", after), (f"beside {IDLE:,} idle", beside)]
    print("| crowd | connections | answered/s | of saturated | p50 ms | p99 ms | refused | anything else |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, heard in rows:
        print(_line(name, heard, saturated))
    usual = 0.9 * saturated.rate / 2
    recovered = next((n / 2 for n, count in enumerate(after.by_half_second) if count >= usual), None)
    print(f"recovered after {'more than it was watched' if recovered is None else f'{recovered} s'};", end=" ")
    print(f"the idle ones were all closed after {closed_after:.0f} s")
    return 1 if any(heard.others for _, heard in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
