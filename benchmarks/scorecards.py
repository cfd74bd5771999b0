"""How long the totals of ten years take, and how fast what happened is counted.

    python -m benchmarks.scorecards --loans 2000000 --agencies 500

The loans of a nation are shared out among its agencies; the sums of one of them are made and asked for. The rest
of the nation stands beyond the index by which they are read, and is not made. Counting is timed without the database:
lines and loans as they are read, into the sums to which they add. The totals are asked for in turns from days alone
and with the sums of months and years, of which the answers must be the same.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from benchmarks.servers import temporary_postgresql
from registry.outcomes.metrics.adding_up import Added, Key, of_periods, sums_of
from registry.outcomes.metrics.facts import LineFact, LoanFact
from registry.outcomes.metrics.queries.totals import totals_over
from registry.outcomes.metrics.rules import days_alone, pieces_of
from registry.outcomes.metrics.tables import metric_day, metric_period
from registry.platform.database.connect import connect, unit_of_work
from registry.platform.database.migrate import migrate
from registry.platform.kernel.ids import new_id
from registry.sharing.loans.rules import LoanStatus
from registry.sharing.requests.rules import LineStatus

ADMIN_URL = "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"
_BEGIN = datetime(2015, 1, 1, tzinfo=UTC)
_DAYS = 3650
_EVENTS_OF_A_LOAN = 8  # asked, decided, reserved, sent, received, sent back, back, closed
_CATEGORIES = ("k9.narcotics", "k9.explosives", "vehicle.command_post", "aircraft.drone")
_AT_ONCE = 2000


def main() -> None:
    """Make the sums of one agency, and print what asking and counting cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loans", type=int, default=200_000, help="loans of the nation in ten years (default: 200000)")
    parser.add_argument("--agencies", type=int, default=500, help="agencies that share them (default: 500)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    given = parser.parse_args()
    viewer, own = new_id(), given.loans * 2 // given.agencies
    facts = list(_history(viewer, own))
    began = time.perf_counter()
    sums: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
    for fact in facts:
        for key, row in sums_of([fact]).items():
            for place, part in enumerate(row):
                sums[key][place] += part
    counting = time.perf_counter() - began
    rows = [
        {**dict(zip(_COLUMNS, key, strict=True)), "numerator": row[0], "denominator": row[1], "n": row[2]}
        for key, row in sums.items()
    ]
    names = ("numerator", "denominator", "n")
    of_longer = [
        {**dict(zip(_PERIOD_COLUMNS, key, strict=True)), **dict(zip(names, row, strict=True))}
        for key, row in of_periods(sums).items()
        if key[0] == viewer
    ]
    with tempfile.TemporaryDirectory(prefix="registry-scorecards-") as folder:
        if given.database == "sqlite":
            asked = asyncio.run(_ask(f"sqlite:///{Path(folder) / 'registry.db'}", viewer, rows, of_longer))
        else:
            with temporary_postgresql(ADMIN_URL) as url:
                asked = asyncio.run(_ask(url, viewer, rows, of_longer))
    print(f"{given.database}, {own} loans of the agency, {len(rows)} daily sums, load {os.getloadavg()[0]:.1f}")
    print(f"sums of months and years of the agency: {len(of_longer)}")
    for what, times in asked.items():
        print(f"{what}: median {median(times):.1f} ms, at most {max(times):.1f} ms")
    loans = own / counting
    print(f"counted: {loans:,.0f} loans with their lines in a second, {_EVENTS_OF_A_LOAN * loans:,.0f} events")


_COLUMNS = tuple(column.name for column in metric_day.primary_key.columns)
_PERIOD_COLUMNS = tuple(column.name for column in metric_period.primary_key.columns)


def _history(viewer: UUID, loans: int) -> Sequence[Added]:
    chance = random.Random(1)
    others, agreements = [new_id() for _ in range(20)], [new_id() for _ in range(10)]
    facts: list[Added] = []
    for number in range(loans):
        asked = _BEGIN + timedelta(days=chance.random() * _DAYS)
        other, agreement = chance.choice(others), chance.choice(agreements)
        requesting, assisting = (viewer, other) if number % 2 else (other, viewer)
        left = asked + timedelta(hours=chance.lognormvariate(1, 1))
        arrived, back = left + timedelta(hours=1), left + timedelta(hours=chance.lognormvariate(3, 1))
        shared: dict[str, Any] = {
            "requesting_agency_id": requesting,
            "assisting_agency_id": assisting,
            "agreement_id": agreement,
            "category": chance.choice(_CATEGORIES),
            "purpose": "mutual_aid",
        }
        facts.append(
            LineFact(
                submitted_at=asked,
                status=LineStatus.RESERVED,
                decided_at=asked + timedelta(minutes=chance.randint(1, 600)),
                reserved_at=left,
                arrived_at=arrived,
                arrived_quantity=1,
                **shared,
            )
        )
        facts.append(
            LoanFact(
                status=LoanStatus.CLOSED,
                starts_at=arrived,
                due_at=left + timedelta(hours=48),
                reserved_at=asked,
                dispatched_at=left,
                arrived_at=arrived,
                returned_at=back,
                back_at=back,
                asset_id=agreement,
                incident=f"25-{number // 2}",
                **shared,
            )
        )
    return facts


async def _ask(
    url: str, viewer: UUID, rows: Sequence[dict[str, object]], of_longer: Sequence[dict[str, object]]
) -> dict[str, list[float]]:
    """Milliseconds of each answer, by what was asked. Raises AssertionError where two answers differ."""
    await migrate(url)
    database = connect(url)
    first, after = _BEGIN.date(), (_BEGIN + timedelta(days=_DAYS + 60)).date()
    cut = first + timedelta(days=40), after - timedelta(days=40)
    try:
        for into, what in ((metric_day, rows), (metric_period, of_longer)):
            for start in range(0, len(what), _AT_ONCE):
                async with unit_of_work(database) as write:
                    await write.run(into.insert(), what[start : start + _AT_ONCE])
        times: dict[str, list[float]] = {}
        for _ in range(20):
            for of_what, days in (("all of ten years", (first, after)), ("ten years cut at both ends", cut)):
                answers = []
                for how, pieces in (("days alone", days_alone(*days)), ("with months and years", pieces_of(*days))):
                    began = time.perf_counter()
                    answers.append(await totals_over(database.read(), viewer, pieces))
                    times.setdefault(f"{of_what}, {how}", []).append(1000 * (time.perf_counter() - began))
                assert answers[0] == answers[1], of_what
            began = time.perf_counter()
            await totals_over(database.read(), viewer, days_alone(first, after), _agreement(rows))
            times.setdefault("under one agreement", []).append(1000 * (time.perf_counter() - began))
        return times
    finally:
        await database.close()


def _agreement(rows: Sequence[dict[str, object]]) -> UUID:
    found = rows[0]["agreement_id"]
    assert isinstance(found, UUID)
    return found


if __name__ == "__main__":
    main()
