"""How many reads are worked on at once follows from how long they take."""

import asyncio
import time

import pytest

from registry.platform.http.admission import FIRST, LEAST, SAMPLE, TARGET_SECONDS, Admission
from registry.platform.kernel.errors import Busy


def work(gate: Admission, seconds: float, requests: int = SAMPLE) -> None:
    """So many requests have taken so long, one after the other."""
    for _ in range(requests):
        gate.running += 1
        gate.leave(time.monotonic() - seconds)


def test_fewer_are_admitted_while_they_take_too_long_but_never_none() -> None:
    gate = Admission(512)
    assert gate.limit == FIRST
    work(gate, TARGET_SECONDS * 4)
    assert gate.limit == FIRST // 2
    for _ in range(10):
        work(gate, TARGET_SECONDS * 4)
    assert gate.limit == LEAST
    assert gate.running == 0


def test_a_single_long_report_shuts_nobody_out() -> None:
    gate = Admission(512)
    for _ in range(5):
        work(gate, 10.0, 3)
        work(gate, 0.01, SAMPLE - 3)
    assert gate.limit == FIRST


async def test_more_are_admitted_when_some_had_to_wait_although_all_are_quick() -> None:
    gate = Admission(512)
    before = gate.limit
    work(gate, 0.01)
    assert gate.limit == before, "nobody had to wait"
    inside = [await gate.enter() for _ in range(gate.limit)]
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    for since in inside:
        gate.leave(since)
    gate.leave(await waiting)
    assert gate.limit > before
    assert gate.running == 0


async def test_who_waits_in_vain_or_is_cancelled_loses_nobodys_turn() -> None:
    gate = Admission(1)
    since = await gate.enter()
    with pytest.raises(Busy) as refused:
        await gate.enter()
    assert refused.value.code == "overloaded"
    cancelled = asyncio.create_task(gate.enter())
    second = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gate.leave(since)
    cancelled.cancel()  # at the moment in which its turn came
    gate.leave(await second)
    assert gate.running == 0
    gate.leave(await gate.enter())
