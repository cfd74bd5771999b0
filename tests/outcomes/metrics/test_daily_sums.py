"""Sums of days, months and years follow the ledger: they are those made from nothing, and those of the tables."""

import csv
import io
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa

from registry.outcomes.metrics import commands
from registry.outcomes.metrics.adding_up import NOWHERE, OBSERVED, ONCE, Key, adds_up, of_periods
from registry.outcomes.metrics.definitions import DEFINITIONS
from registry.outcomes.metrics.queries.totals import totals_over
from registry.outcomes.metrics.rules import days_alone, pieces_of
from registry.outcomes.metrics.statistics import ERROR, bucket_of, bucket_value, quantile, quantile_of_buckets
from registry.outcomes.metrics.tables import metric_cursor, metric_day, metric_period
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.kernel.ids import new_id
from registry.sharing.loans.commands import contesting
from registry.sharing.loans.schemas.given import TimeAnswer, TimeContestation
from registry.sharing.loans.tables import loan
from registry.sharing.loans.times import TimedAct
from registry.sharing.policy.approvals import Verdict
from tests.outcomes.metrics.history import Partnership, at, make_partnership, two_months
from tests.support.cast import Agency, Cast
from tests.support.feed import sealed
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.service import Service

ADDED = [key for key, definition in DEFINITIONS.items() if adds_up(definition)]


async def follow(service: Service) -> int:
    """Seal what was recorded, and follow it."""
    await sealed(service)
    return await commands.follow_all(service.database.read(), partial(unit_of_work, service.database))


async def differing(service: Service) -> int:
    """How much stands otherwise than made from nothing."""
    made = await commands.rebuild(service.database.read(), partial(unit_of_work, service.database), check=True)
    return made.differing


async def totals(agency: Agency, query: str = "") -> dict[str, dict[str, Any]]:
    found = await agency.auditor.done("GET", f"/v1/scorecard/totals?from=2025-03-01&to=2025-12-31&{query}")
    return {each["key"]: each["measure"] for each in found["metrics"]}


async def straight(agency: Agency) -> dict[str, dict[str, Any]]:
    """The same from the tables."""
    window = "from=2025-03-01T00:00:00Z&to=2026-01-01T00:00:00Z"
    return {
        key: (await agency.auditor.done("GET", f"/v1/metrics/{key}?{window}"))["groups"][0]["measure"] for key in ADDED
    }


def check_alike(summed: dict[str, dict[str, Any]], exact: dict[str, dict[str, Any]]) -> None:
    """Counts and sums are the same; percentiles within the error that is stated."""
    assert summed.keys() == exact.keys()
    for key, of in exact.items():
        here = summed[key]
        for name in ("numerator", "denominator"):
            assert here[name] == pytest.approx(of[name], abs=1e-5), (key, name)
        assert here["n"] == of["n"], key
        assert {part["code"]: part["amount"] for part in here["parts"]} == pytest.approx(
            {part["code"]: part["amount"] for part in of["parts"]}, abs=1e-5
        ), key
        for name in ("value", "low", "high"):
            if of[name] is None:
                assert here[name] is None, (key, name)
            else:
                assert here[name] == pytest.approx(of[name], rel=ERROR + 1e-9, abs=1e-6), (key, name)


async def contest_a_return(pair: Partnership, hours: float) -> UUID:
    """The requesting agency says of the first loan that it came back at another time."""
    service = pair.requesting.service
    first = await service.database.read().value(
        sa.select(loan.c.id).where(loan.c.assisting_agency_id == pair.assisting.id).order_by(loan.c.id).limit(1)
    )
    caller = acting_for(pair.requesting, Role.COORDINATOR, now=at("03-20T00"))
    async with unit_of_work(service.database) as write:
        said = TimeContestation(
            act=TimedAct.RETURN, occurred_at=at("03-10T17") - timedelta(hours=hours), reason="earlier (demo)"
        )
        await contesting.contest_time(write, caller, first, said)
    return UUID(str(first))


async def test_sums_are_those_counted_straight_from_the_tables_on_both_sides(cast: Cast) -> None:
    pair = await two_months(cast)
    service = pair.assisting.service
    assert await follow(service) > 0
    assert await follow(service) == 0, "each event is followed once"
    for agency in (pair.assisting, pair.requesting):
        check_alike(await totals(agency), await straight(agency))
        check_alike(await totals(agency, f"agreement_id={pair.agreement['id']}"), await straight(agency))
        under = f"agreement_id={pair.agreement['id']}"
        for days in (
            "from=2025-03-10&to=2025-04-10",
            "from=2025-03-11&to=2025-03-31",
            "to=2025-12-31",
            "to=2026-02-03",
        ):
            path = f"/v1/scorecard/totals?{days}"
            alone = await agency.auditor.done("GET", f"{path}&{under}")
            assert await agency.auditor.done("GET", path) == alone, "of years and months as of days alone"
    assert await differing(service) == 0


async def test_a_corrected_act_moves_what_it_adds_and_a_contested_one_takes_it_away(cast: Cast) -> None:
    pair = await two_months(cast)
    service = pair.assisting.service
    await follow(service)
    before = await totals(pair.assisting)
    contested = await contest_a_return(pair, 2)
    assert await totals(pair.assisting) == before, "what is not followed yet is not counted"
    await follow(service)
    during = await totals(pair.assisting)
    assert (before["on_time_return"]["n"], during["on_time_return"]["n"]) == (3, 2)
    check_alike(during, await straight(pair.assisting))
    caller = acting_for(pair.assisting, Role.COORDINATOR, now=at("03-21T00"))
    async with unit_of_work(service.database) as write:
        await contesting.accept_time(write, caller, contested, TimeAnswer(act=TimedAct.RETURN))
    await follow(service)
    after = await totals(pair.assisting)
    assert after["on_time_return"]["n"] == 3
    assert after["reciprocity"]["numerator"] == before["reciprocity"]["numerator"] - 2
    check_alike(after, await straight(pair.assisting))
    assert await differing(service) == 0


@pytest.mark.parametrize("seed", range(3))
async def test_a_history_made_at_random_is_followed_to_what_is_made_from_nothing(cast: Cast, seed: int) -> None:
    chance = random.Random(seed)  # not a secret
    pair = await make_partnership(cast)
    service = pair.assisting.service
    assets = [pair.narcotics, pair.explosives, pair.command_post]
    for number in range(chance.randint(4, 7)):
        day, hours = at("03-01T00") + timedelta(days=6 * number), chance.choice([6, 30, 200])

        def when(hour: int, day: Any = day) -> str:
            return f"{day + timedelta(hours=hour):%m-%dT%H}"

        asked = await pair.ask(
            when(0), chance.choice(assets), when(12), hours=hours, incident=chance.choice([None, "25-1", "25-2"])
        )
        if hours == 30:
            verdict: Verdict = chance.choice(["approved", "rejected"])
            await pair.answer(when(chance.randint(1, 3)), asked, verdict)
        else:
            verdict = "approved" if hours == 6 else "rejected"
        fate = chance.choice(["back", "late", "lost", "out", "none", "withdrawn"])
        if verdict == "approved" and fate in ("back", "late", "out", "lost"):
            back = {"back": when(12 + hours), "late": when(15 + hours)}.get(fate)
            lost = when(20) if fate == "lost" else None
            await pair.lend(asked, reserved=when(4), left=when(11), arrived=when(13), back=back, lost=lost)
            if fate in ("out", "lost"):
                break  # what is away is not asked for again
        elif fate == "withdrawn":
            await pair.withdraw(when(5), asked)
        if chance.random() < 0.5:
            await follow(service)
    await follow(service)
    for agency in (pair.assisting, pair.requesting):
        check_alike(await totals(agency), await straight(agency))
    assert await differing(service) == 0


@pytest.mark.parametrize("of", [metric_day, metric_period], ids=["days", "periods"])
async def test_sums_that_were_damaged_are_found_and_made_anew(cast: Cast, of: sa.Table) -> None:
    pair = await two_months(cast)
    service = pair.assisting.service
    await follow(service)
    right, seq = await totals(pair.assisting), await service.database.read().value(sa.select(metric_cursor.c.seq))
    async with unit_of_work(service.database) as write:
        await write.run(
            of.update()
            .where(
                (of.c.agency_id if of is metric_period else of.c.assisting_agency_id) == pair.assisting.id,
                of.c.part == "",
            )
            .values(n=of.c.n + 1)
        )
    assert await differing(service) > 0
    made = await commands.rebuild(service.database.read(), partial(unit_of_work, service.database), check=False)
    assert made.differing > 0
    assert await differing(service) == 0
    assert await totals(pair.assisting) == right
    assert await service.database.read().value(sa.select(metric_cursor.c.seq)) == seq


class _UndoneError(Exception):
    """Undoes what a test wrote."""


@asynccontextmanager
async def undone(service: Service) -> AsyncIterator[Write]:
    """A transaction that is undone at the end, so that other tests do not count what it wrote."""
    with suppress(_UndoneError):
        async with unit_of_work(service.database) as write:
            yield write
            raise _UndoneError


@pytest.mark.parametrize("seed", range(3))
async def test_a_time_is_the_same_from_days_as_from_years_and_months(cast: Cast, seed: int) -> None:
    chance = random.Random(seed)  # not a secret
    viewer, others = new_id(), [new_id(), new_id(), NOWHERE]
    parts = {
        "line_fill_rate": ["", "told_given"],
        "time_to_decision": ["", OBSERVED],
        "activation_count": ["", f"{ONCE}25-1", f"{ONCE}25-2", f"{ONCE}25-3"],
        "reciprocity": ["", "hours_given"],
    }
    sums: dict[Key, tuple[int, int, int]] = {}
    begin = date(2097, 11, 3)
    for _ in range(300):
        metric = chance.choice(list(parts))
        part, sides = chance.choice(parts[metric]), [viewer, chance.choice(others)]
        chance.shuffle(sides)
        bucket = chance.randint(-3, 3) if part == OBSERVED else 0
        day = begin + timedelta(days=chance.randrange(1200))
        key = (metric, day, chance.choice(others), sides[0], sides[1], "k9", "mutual_aid", part, bucket)
        sums[key] = (chance.randrange(10**7), chance.randrange(10**7, 10**8), chance.randrange(9))
    async with undone(cast.assisting.service) as write:
        for to, rows in ((metric_day, sums), (metric_period, of_periods(sums))):
            names = [column.name for column in to.columns]
            await write.run(to.insert(), [dict(zip(names, (*key, *row), strict=True)) for key, row in rows.items()])
        ends = [begin, date(2098, 1, 1), date(2099, 2, 1), date(2100, 1, 1), date(2101, 3, 1)]
        ends += [begin + timedelta(days=chance.randrange(1200)) for _ in range(12)]
        for first in ends:
            for after in (end for end in ends if first < end):
                found = await totals_over(write, viewer, pieces_of(first, after))
                assert found == await totals_over(write, viewer, days_alone(first, after)), (first, after)


async def test_what_counts_once_counts_once_for_who_gave_and_received(cast: Cast) -> None:
    one, other, day = new_id(), new_id(), date(2099, 5, 5)
    sums: dict[Key, tuple[int, int, int]] = {
        ("activation_count", day, NOWHERE, *sides, "k9", "mutual_aid", f"{ONCE}25-1", 0): (0, 0, 1)
        for sides in ((one, other), (other, one))
    }
    async with undone(cast.assisting.service) as write:
        names = [column.name for column in metric_day.columns]
        rows = [dict(zip(names, (*key, *row), strict=True)) for key, row in sums.items()]
        await write.run(metric_day.insert(), rows)
        found = await totals_over(write, one, days_alone(day, day + timedelta(days=1)))
        assert {each.key: each.measure.value for each in found}["activation_count"] == 1


async def test_strangers_are_told_no_sums_of_others(cast: Cast) -> None:
    pair = await two_months(cast)
    await follow(pair.assisting.service)
    for query in ("", f"agreement_id={pair.agreement['id']}"):
        assert {each["n"] for each in (await totals(cast.stranger, query)).values()} == {0}
    stranger = cast.stranger.coordinator
    assert_problem(await pair.assisting.service.anonymous.get("/v1/scorecard/totals"), 401)
    assert_problem(await pair.assisting.service.operator.get("/v1/scorecard/totals"), 403, "forbidden")
    assert_problem(await stranger.get("/v1/scorecard/totals?from=2025-02-30"), 400)


async def test_the_totals_are_a_page_for_the_eye_and_the_ear_and_a_table(cast: Cast) -> None:
    pair = await two_months(cast)
    await follow(pair.assisting.service)
    days = "from=2025-03-01&to=2025-04-30"
    page = await pair.assisting.auditor.get(f"/v1/scorecard/totals.html?{days}")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    chart = ET.fromstring(page.text[page.text.index("<svg") : page.text.index("</svg>") + 6])
    assert chart.get("role") == "img"
    told = {each.get("id", ""): each.text or "" for each in chart if each.tag in ("title", "desc")}
    assert list(told) == chart.get("aria-labelledby", "").split()
    assert "Line fill rate 50.0 %" in told["chart-description"]
    cells = [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", page.text)]
    assert ["Line fill rate, in %", "50.0 %*", "18.8 % to 81.2 %", "3", "6", "6"] in cells
    assert "<script" not in page.text
    table = await pair.assisting.auditor.get(f"/v1/scorecard/totals.csv?{days}")
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text.removeprefix("\ufeff"))))
    (row,) = (row for row in rows if row["key"] == "line_fill_rate")
    assert (row["value"], row["numerator"], row["denominator"], row["n"]) == ("0.5", "3.0", "6.0", "6")
    assert len(rows) == len(ADDED)
    empty = await cast.stranger.auditor.get(f"/v1/scorecard/totals.html?{days}")
    assert "nothing to count" in empty.text


def test_a_percentile_from_buckets_is_within_its_error_of_the_exact_one() -> None:
    chance = random.Random(1)  # not a secret
    values = [chance.lognormvariate(2, 2) for _ in range(5000)] + [0.0] * 100
    buckets: dict[int, int] = {}
    for value in values:
        buckets[bucket_of(value)] = buckets.get(bucket_of(value), 0) + 1
    for percent in (1, 2, 25, 50, 90, 99):
        exact, near = quantile(values, percent), quantile_of_buckets(buckets, percent)
        for name in ("value", "low", "high"):
            assert getattr(near, name) == pytest.approx(getattr(exact, name), rel=ERROR, abs=1e-9)


def test_buckets_are_those_of_the_authors_of_the_sketch() -> None:
    from ddsketch.mapping import LogarithmicMapping

    theirs, chance = LogarithmicMapping(ERROR), random.Random(2)  # not a secret
    for value in (chance.lognormvariate(0, 4) for _ in range(2000)):
        assert bucket_of(value) == theirs.key(value)
        assert bucket_value(bucket_of(value)) == pytest.approx(theirs.value(theirs.key(value)))
