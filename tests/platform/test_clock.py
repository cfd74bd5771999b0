"""A wrong clock is told by others' clocks: the process takes no requests, and does nothing because a time is over."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from registry.platform import clock as clock_module
from registry.platform.access.fetching import body_at
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.background import Background, Task
from registry.platform.clock import ClockCheck, Comparison, fault_of
from registry.platform.database.connect import connect, unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.settings import load
from tests.support.cases import every_case
from tests.support.cast import inside
from tests.support.logs import logged_by
from tests.support.server import environment, in_process
from tests.test_doctor import issuer_whose_clock_is, issuers

WRONG = {
    "ahead of the database": (Comparison(database=90.0), "90.0 s ahead of the database's clock"),
    "behind the database": (Comparison(database=-90.0), "90.0 s behind the database's clock"),
    "behind the ledger": (Comparison(database=0.0, ledger=-61.0), "61.0 s behind the newest act in the ledger"),
    "ahead of the one issuer": (Comparison(database=0.0, issuers=[400.0]), "400.0 s ahead of the clock of every"),
    "far from every issuer": (Comparison(issuers=[-3600.0, -90.0]), "90.0 s behind the clock of every token issuer"),
}
RIGHT = {
    "nobody tells": Comparison(),
    "within the bound": Comparison(database=59.0, ledger=-59.0, issuers=[-59.0]),
    "long after the last act": Comparison(ledger=10**8),
    "one issuer agrees": Comparison(issuers=[0.5, 10_000.0]),
    "an issuer vouches against database and ledger": Comparison(database=-900.0, ledger=-900.0, issuers=[1.0]),
}


def test_who_tells_that_the_clock_is_wrong_and_who_vouches_for_it() -> None:
    with every_case() as case:
        for name, (found, words) in WRONG.items():
            with case(name):
                said = fault_of(found, 60.0)
                assert said.startswith(f"this machine's time is {words}")
                assert said.endswith("let it follow one (chrony)")
        for name, found in RIGHT.items():
            with case(name):
                assert fault_of(found, 60.0) == ""


@pytest.mark.one_database
async def test_by_an_issuers_clock_the_service_is_not_ready_and_nothing_due_is_done(
    private_url: str, tmp_path: Path
) -> None:
    with issuer_whose_clock_is(10) as slow:
        given = environment(private_url, tmp_path, REGISTRY_ISSUERS=issuers({"issuer": slow}))
        with logged_by(clock_module) as logged:
            async with in_process(load(given)) as service:
                for _ in range(500):
                    if service.edge.app.state.background.states()[0].done and logged:
                        break
                    await asyncio.sleep(0.01)
                health = await service.anonymous.get("/health/ready")
                assert health.status_code == 503
                assert "s ahead of the clock of every token issuer" in health.json()["checks"]["clock"]
                await service.anonymous.get("/metrics")
                sample = service.edge.metrics.registry.get_sample_value
                assert 590 < (sample("registry_clock_ahead_seconds", {"of": "issuers"}) or 0) < 610
                assert sample("registry_check_ok", {"check": "clock"}) == 0
                done = {each.name: each.done for each in service.edge.app.state.background.states()}
                assert [done[name] for name in ("expire", "settle", "prune", "sweep", "capabilities")] == [0] * 5
        assert [each["event"] for each in logged] == [
            "this machine's clock is wrong: nothing is done because a time is over"
        ]


async def test_the_ledger_and_the_databases_clock_are_asked(private_url: str) -> None:
    database, ready = connect(private_url), asyncio.Event()
    ready.set()
    check = ClockCheck(database, list, ready, skew_seconds=30)
    try:
        assert await check.ask() == "ok"
        found = check.found.database
        assert found is None if database.dialect == "sqlite" else abs(found or 0) < 5
        later = inside(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, now=utc_now() + timedelta(hours=1))
        async with unit_of_work(database) as write:
            record(write, later, EventType.ACCESS_DENIED, subject=("denial", new_id(), 0), agencies=[], data={})
        with logged_by(clock_module) as logged:
            assert "behind the newest act in the ledger" in await check.ask()
            assert not await check.may_act()
            vouched = ClockCheck(database, lambda: [0.0], ready, skew_seconds=30)
            assert await vouched.may_act(), "a token issuer's clock agrees with this machine's"
        assert len(logged) == 1
    finally:
        await database.close()


async def test_only_what_needs_a_clock_waits_for_it() -> None:
    done: list[str] = []

    def task(name: str, *, when_due: bool) -> Task:
        async def run() -> None:
            done.append(name)

        return Task(name=name, interval_seconds=0.001, run=run, when_due=when_due)

    right = False

    async def may_act() -> bool:
        return right

    background = Background([task("keys", when_due=False), task("expire", when_due=True)], may_act)
    background.start()
    await asyncio.sleep(0.05)
    assert set(done) == {"keys"}
    assert background.lags()["expire"] != "ok", "it is late, and told"
    right = True
    for _ in range(500):
        if "expire" in done:
            break
        await asyncio.sleep(0.005)
    await background.stop()
    assert "expire" in done


def test_an_answers_age_is_added_to_its_date() -> None:
    heard: list[float] = []
    with issuer_whose_clock_is(10) as slow:
        body_at(f"{slow}/keys", on_clock=heard.append)
    with issuer_whose_clock_is(10, age=600) as cached:
        body_at(f"{cached}/keys", on_clock=heard.append)
    assert abs(heard[0] - 600) < 2
    assert abs(heard[1]) < 2
