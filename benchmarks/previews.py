"""What a preview of very many past decisions takes: decisions per second, and memory, which does not grow with them.

    python -m benchmarks.previews --decisions 100000

An agency's past decisions are written to a SQLite database of its own: one that the service made, many times, for
other lengths and quantities. Then a set of three rules is tried on them as the service and `registry policy impact` try
it, batch by batch, without leaving others their half of the time. After each tenth a line says what the process holds,
in KiB of resident memory. Exits 1 where the last nine tenths took more than `MOST_KIB` beyond the first.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from benchmarks.service import prepare
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import utc_now
from registry.sharing.policy.cedar import load_policy_set
from registry.sharing.policy.facts import ask_digest, decode_facts, facts_bytes, facts_digest
from registry.sharing.policy.queries.impact import ImpactReading, Period, Sides, decisions_made
from registry.sharing.policy.standard_rules import ApprovalOverCost, LongestLoan, WithinDistance, cedar_of
from registry.sharing.policy.tables import policy_decision

POLICIES = Path(__file__).parents[1] / "policies"
MOST_KIB = 4_096
"""For what the allocator keeps of one batch more than of another; all facts would take many times that."""
AT_ONCE = 250
_ONE = sa.select(policy_decision).limit(1)


def drafted() -> str:
    """The Cedar text of the set that is tried."""
    return cedar_of(
        (
            LongestLoan(hours=72),
            WithinDistance(km=150, category="vehicle"),
            ApprovalOverCost(over=Money(amount="2500.00", currency="USD"), role="agency_admin"),
        )
    )


def rows_like(kept: dict[str, Any], many: int) -> Iterator[dict[str, Any]]:
    """So many decisions like that one, for lengths of one to 96 hours and quantities of one to five."""
    facts = decode_facts(kept["facts"])
    for number in range(many):
        ask = replace(facts.ask, end=facts.ask.start + timedelta(hours=1 + number % 96), quantity=1 + number % 5)
        its = replace(facts, ask=ask, salt=f"{number:032x}")
        decision_id = new_id()
        yield {
            **kept,
            "id": decision_id,
            "root_decision_id": decision_id,
            "facts": facts_bytes(its),
            "ask_digest": ask_digest(its),
            "input_digest": facts_digest(its),
            "ends_at": ask.end,
            "quantity": ask.quantity,
        }


async def fill(database: Database, many: int) -> UUID:
    """Write the decisions; the agency that was asked."""
    row = await database.read().first(_ONE)
    assert row is not None, "the service's own commands made some"
    kept: dict[str, Any] = {column.name: getattr(row, column.name) for column in policy_decision.c}
    kept["decision"] = msgspec.json.decode(row.decision)
    waiting: list[dict[str, Any]] = []
    for number, each in enumerate(rows_like(kept, many), 1):
        waiting.append(each)
        if len(waiting) == AT_ONCE or number == many:
            async with unit_of_work(database) as write:
                await write.run(policy_decision.insert(), waiting)
            waiting = []
    owner: UUID = row.assisting_agency_id
    return owner


def resident_kib() -> int:
    """What this process holds now. Linux says it; elsewhere there is nothing to read."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("this system does not say how much memory a process holds")


async def measure(url: str, many: int) -> bool:
    """Whether memory stayed where the first tenth had brought it."""
    database = connect(url)
    try:
        owner = await fill(database, many)
        shipped = load_policy_set(POLICIES)
        sides = Sides(active=shipped, drafted=shipped.with_agency(owner, drafted()), active_digest=None)
        read, period = database.read(), Period.of_days(owner, 366, utc_now())
        total = await decisions_made(read, period)
        reading = ImpactReading(read, period, sides, yields=False)
        began, held, told = time.perf_counter(), [], 1
        print(f"{'decisions':>10} {'otherwise':>10} {'seconds':>8} {'a second':>9} {'resident KiB':>13}")
        while await reading.next_batch() is not None:
            if reading.sums.examined * 10 >= total * told:
                took, told = time.perf_counter() - began, told + 1
                held.append(resident_kib())
                print(
                    f"{reading.sums.examined:>10,} {reading.sums.flips:>10,} {took:>8.1f} "
                    f"{reading.sums.examined / took:>9,.0f} {held[-1]:>13,}",
                    flush=True,
                )
        grown = max(held) - held[0]
        print(f"{grown:,} KiB more than after the first tenth, of at most {MOST_KIB:,}")
        return grown <= MOST_KIB
    finally:
        await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="registry-benchmark-") as folder:
        url = f"sqlite:///{folder}/registry.db"
        prepare(url, 1_000)
        if not asyncio.run(measure(url, asked.decisions)):
            sys.exit(1)


if __name__ == "__main__":
    main()
