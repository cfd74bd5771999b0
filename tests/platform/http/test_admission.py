"""How many reads are worked on at once follows from how long they take; turns come in the order of asking."""

import asyncio
import time

import pytest

from registry.platform.http import admission
from registry.platform.http.admission import FIRST, IN_ONE_TURN, LEAST, SAMPLE, TARGET_SECONDS, Admission
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
    inside = await asyncio.gather(*(gate.enter() for _ in range(gate.limit)))
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    for since in inside:
        gate.leave(since)
    gate.leave(await waiting)
    assert gate.limit > before
    assert gate.running == 0


async def test_who_asks_again_at_once_comes_behind_all_who_have_waited() -> None:
    """Reads that never wait for a database: each ends before the next begins, and its client asks again at once."""
    gate = Admission(512)
    served: list[int] = []

    async def client(name: int) -> None:
        for _ in range(3):
            since = await gate.enter()
            served.append(name)
            gate.leave(since)
            await asyncio.sleep(0)  # the next request comes through the loop

    await asyncio.gather(*(client(name) for name in range(100)))
    rounds = [served[first : first + 100] for first in range(0, 300, 100)]
    assert all(sorted(each) == list(range(100)) for each in rounds), "somebody was served twice before another once"
    assert (gate.running, gate.waiting) == (0, 0)


async def test_few_are_admitted_before_the_connections_are_looked_at_again() -> None:
    gate = Admission(512)
    loop = asyncio.get_running_loop()
    in_turns: list[int] = []

    def count() -> None:
        in_turns.append(gate.running - sum(in_turns))
        if gate.waiting:
            loop.call_soon(count)

    asking = [asyncio.create_task(gate.enter()) for _ in range(50)]
    loop.call_soon(count)
    await asyncio.gather(*asking)
    assert sum(in_turns) == gate.running == 50
    assert max(in_turns) <= IN_ONE_TURN


async def test_who_cannot_be_served_in_time_is_refused_and_who_can_keeps_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "LOOK_SECONDS", 0.0)  # as soon as the loop comes to it
    monkeypatch.setattr(admission, "MORE_SECONDS", 3600.0)
    gate = Admission(1)
    inside = await gate.enter()
    asking = [asyncio.create_task(gate.enter()) for _ in range(3)]
    refused = await asyncio.gather(*asking[1:], return_exceptions=True)
    assert all(isinstance(each, Busy) for each in refused), "nobody had been admitted before them"
    assert not asking[0].done(), "nobody was before it"
    gate.leave(inside)
    gate.leave(await asking[0])
    assert (gate.running, gate.waiting) == (0, 0)


async def test_who_waits_in_vain_or_is_cancelled_loses_nobodys_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(admission, "MORE_SECONDS", 0.01)
    gate = Admission(1)
    since = await gate.enter()
    with pytest.raises(Busy) as refused:
        await gate.enter()
    assert refused.value.code == "overloaded"
    monkeypatch.setattr(admission, "LOOK_SECONDS", 3600.0)
    cancelled = asyncio.create_task(gate.enter())
    second = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gate.leave(since)
    cancelled.cancel()  # at the moment in which its turn came
    gate.leave(await second)
    assert gate.running == 0
    gate.leave(await gate.enter())
