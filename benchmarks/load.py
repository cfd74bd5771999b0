"""A closed-loop HTTP/1.1 load client: so many kept connections, each sending its next request when answered.

Every answer is checked; a wrong one is counted apart and never as throughput. It speaks to loopback only, so
it cannot be pointed at anybody else's server, and every round ends by a time and by a count.
"""

import asyncio
import ipaddress
import math
import re
import time
from collections.abc import Sequence
from typing import Protocol, cast
from urllib.parse import urlsplit

import uvloop
from msgspec import Struct

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)


class Request(Struct, frozen=True):
    """The bytes to send, and how to know a right answer: its status, and `marker` found `times` or more."""

    wire: bytes
    status: int
    marker: bytes
    times: int = 1


class Source(Protocol):
    """Makes the n-th request of one operation; it crosses to the load process, so it must pickle."""

    def request(self, n: int) -> Request: ...


class Lane(Struct, kw_only=True, frozen=True):
    """One operation of one target."""

    target: str
    operation: str
    base_url: str
    source: Source


class Plan(Struct, kw_only=True, frozen=True):
    """How hard and how long. A round of a lane ends after `seconds` or `max_requests`, whichever is first."""

    connections: int = 16
    rounds: int = 5
    seconds: float = 3.0
    warmup_seconds: float = 1.0
    max_requests: int = 250_000
    answer_within: float = 30.0


class Measurement(Struct, kw_only=True, frozen=True):
    """One lane in one round. `client_busy` is the share of time the client worked: near 1, the client was the
    limit and not the server."""

    target: str
    operation: str
    round: int
    answered: int
    wrong: int
    complaint: str
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    client_busy: float


def loopback_address(base_url: str) -> tuple[str, int]:
    """Host and port of `base_url`. Raises ValueError unless it is http on a loopback address, port given."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme != "http" or parts.port is None or not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{base_url!r} is not an http address with a port on loopback")
    return host, parts.port


class _Run:
    """What the connections of one lane share while a round lasts."""

    def __init__(self, source: Source, first: int, count: int) -> None:
        self.source = source
        self.next = first
        self.last = first + count
        self.open = 0
        self.latencies: list[int] = []
        self.wrong = 0
        self.complaint = ""
        self.deadline = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class _Connection(asyncio.Protocol):
    """One keep-alive connection; answers must carry Content-Length, as every target's JSON answers do."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = b""
        self._end = 0
        self._body = 0
        self._status = 0
        self._finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have asyncio's methods without being its subclasses.
        self._transport = cast(asyncio.Transport, transport)
        self._run.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._finished:
            self._run.fail(exc or ConnectionError("the server closed a connection that was in use"))

    def send_next(self) -> None:
        run = self._run
        if run.next >= run.last or time.perf_counter_ns() >= run.deadline:
            self._finished = True
            self._transport.close()
            run.open -= 1
            if run.open == 0 and not run.done.done():
                run.done.set_result(None)
            return
        self._request = run.source.request(run.next)
        run.next += 1
        self._sent = time.perf_counter_ns()
        self._transport.write(self._request.wire)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._end:
            head = buffer.find(b"\r\n\r\n")
            if head < 0:
                self._buffer = buffer
                return
            length = CONTENT_LENGTH.search(buffer, 0, head)
            if length is None:
                self._run.fail(ValueError(f"answer without Content-Length: {buffer[:head]!r}"))
                return
            self._status = int(buffer[9:12])
            self._body = head + 4
            self._end = self._body + int(length[1])
        if len(buffer) < self._end:
            self._buffer = buffer
            return
        took = time.perf_counter_ns() - self._sent
        run, request = self._run, self._request
        if self._status == request.status and buffer.count(request.marker, self._body) >= request.times:
            run.latencies.append(took)
        else:
            run.wrong += 1
            run.complaint = run.complaint or f"{self._status}: {buffer[self._body : self._body + 300]!r}"
        self._buffer = b""
        self._end = 0
        self.send_next()


async def _drive(lane: Lane, plan: Plan, seconds: float, first: int) -> tuple[_Run, float]:
    host, port = loopback_address(lane.base_url)
    loop = asyncio.get_running_loop()
    run = _Run(lane.source, first, plan.max_requests)
    made = [(await loop.create_connection(lambda: _Connection(run), host, port))[1] for _ in range(plan.connections)]
    begun = time.perf_counter_ns()
    run.deadline = begun + int(seconds * 1e9)
    for connection in made:
        connection.send_next()
    async with asyncio.timeout(seconds + plan.answer_within):
        await run.done
    return run, (time.perf_counter_ns() - begun) / 1e9


def percentile(ordered: Sequence[int], share: float) -> int:
    """Nearest rank in an ascending, non-empty sequence."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def run_round(plan: Plan, lanes: Sequence[Lane], number: int) -> list[Measurement]:
    """One round over all lanes, one after another. Round 0 is the warm-up.

    Requests are numbered from `number * max_requests`, so no two rounds create the same thing.
    Raises ConnectionError or TimeoutError when a target stops answering.
    """
    seconds = plan.seconds if number else plan.warmup_seconds
    measured = []
    for lane in lanes:
        busy = time.process_time()
        run, elapsed = uvloop.run(_drive(lane, plan, seconds, number * plan.max_requests))
        busy = time.process_time() - busy
        if not run.latencies:
            raise RuntimeError(f"{lane.target} {lane.operation}: no right answer; {run.complaint}")
        ordered = sorted(run.latencies)
        measured.append(
            Measurement(
                target=lane.target,
                operation=lane.operation,
                round=number,
                answered=len(ordered),
                wrong=run.wrong,
                complaint=run.complaint,
                rate=len(ordered) / elapsed,
                p50_ms=percentile(ordered, 0.50) / 1e6,
                p95_ms=percentile(ordered, 0.95) / 1e6,
                p99_ms=percentile(ordered, 0.99) / 1e6,
                client_busy=busy / elapsed,
            )
        )
    return measured
