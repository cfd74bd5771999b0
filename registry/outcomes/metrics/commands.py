"""The sums of metrics by day, month and year, which follow the sealed events in the order of the ledger.

They can be made from nothing as well.

An event says what changed; what that adds is read from the tables, so that an act which is entered late, corrected or
contested counts on the day to which it belongs now. What a later event, that is not sealed yet, has changed already is
counted with it; that event finds nothing left to do. So the sums, once all is sealed and followed, are the same as
those made from nothing.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import postgresql, sqlite

from registry.outcomes.metrics.adding_up import Added, Key, PeriodKey, Sums, difference, of_periods, sums_of
from registry.outcomes.metrics.queries.lines import lines_of_requests, loans_by_id
from registry.outcomes.metrics.queries.records import decisions_of_requests, obligations_of_loans
from registry.outcomes.metrics.tables import metric_cursor, metric_day, metric_fact, metric_period
from registry.platform.database.handles import Read, Write
from registry.platform.ledger.tables import ledger_event, ledger_leaf
from registry.sharing.loans.tables import loan
from registry.sharing.obligations.tables import obligation
from registry.sharing.policy.tables import policy_decision
from registry.sharing.requests.tables import request, request_line

Work: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]

AT_ONCE: Final = 100
"""So many events are followed in one transaction, which must not keep others waiting."""
_PAGE: Final = 500
_KINDS: Final = ("agreement", "decision", "loan", "obligation", "request")
_ID: Final = loan.c.id.type
_IDS: Final = sa.bindparam("ids", type_=_ID, expanding=True)


class Rebuilt(Struct, kw_only=True, frozen=True):
    """How many requests and loans were counted, and how many sums and facts stood otherwise than they are now."""

    owners: int
    differing: int


async def follow_all(read: Read, work: Work) -> int:
    """Follow the sealed events up to the last; how many that were."""
    followed = 0
    while more := await _follow_some(read, work):
        followed += more
    return followed


async def _follow_some(read: Read, work: Work) -> int:
    """Follow the next events, in one transaction with the cursor."""
    if not await read.all(_NEXT, {"after": await read.value(_CURSOR) or 0, "most": 1}):
        return 0
    async with work() as write:
        after = await write.value(_CURSOR_TO_MOVE)
        if after is None:
            await write.run(metric_cursor.insert(), {"id": 1, "seq": -1})
            after = -1
        events = await write.all(_NEXT, {"after": after + 1, "most": AT_ONCE})
        if not events:
            return 0
        subjects: dict[str, set[UUID]] = {kind: set() for kind in _KINDS}
        for event in events:
            if event.subject_kind in subjects:
                subjects[event.subject_kind].add(event.subject_id)
        now = await _count(write, *await _concerned(write, subjects))
        await _put(write, now)
        await write.run(metric_cursor.update(), {"seq": events[-1].seq})
        return len(events)


async def rebuild(read: Read, work: Work, *, check: bool) -> Rebuilt:
    """Count everything from nothing; with `check` only say how much stands otherwise, else put it in place.

    What is sealed has to be followed first, by `follow_all`.
    """
    last = await read.value(_LAST)
    facts: dict[UUID, Sums] = {}
    sums: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
    async for page in _all_owners(read):
        for owner, of_owner in page.items():
            facts[owner] = of_owner
            for key, row in of_owner.items():
                total = sums[key]
                for place, part in enumerate(row):
                    total[place] += part
    made = {key: (row[0], row[1], row[2]) for key, row in sums.items() if any(row)}
    stored = {_key(row): (row.numerator, row.denominator, row.n) for row in await read.all_slowly(_STORED)}
    periods = {
        _period_key(row): (row.numerator, row.denominator, row.n) for row in await read.all_slowly(_STORED_PERIODS)
    }
    counted = {row.owner_id: _read(row.counted) for row in await read.all_slowly(_FACTS)}
    differing = (
        len(difference(made, stored))
        + len(difference(of_periods(made), periods))
        + sum(facts.get(owner, {}) != counted.get(owner, {}) for owner in facts.keys() | counted.keys())
    )
    if not check:
        async with work() as write:
            await write.run(metric_day.delete())
            await write.run(metric_period.delete())
            await write.run(metric_fact.delete())
            await write.run(metric_cursor.delete())
            await write.run(metric_cursor.insert(), {"id": 1, "seq": -1 if last is None else last})
            await _put(write, facts)
    return Rebuilt(owners=len(facts), differing=differing)


async def _all_owners(read: Read) -> AsyncIterator[dict[UUID, Sums]]:
    for statement in (_REQUESTS_AFTER, _LOANS_AFTER):
        after: UUID | None = UUID(int=0)
        while after is not None:
            ids = [row.id for row in await read.all_slowly(statement, {"after": after, "most": _PAGE})]
            after = ids[-1] if ids else None
            if ids:
                requests, loans = (ids, []) if statement is _REQUESTS_AFTER else ([], ids)
                yield {owner: found for owner, found in (await _count(read, requests, loans)).items() if found}


async def _concerned(read: Read, subjects: Mapping[str, set[UUID]]) -> tuple[list[UUID], list[UUID]]:
    """The requests and loans of which the events tell, with those that depend on them."""
    requests, loans = set(subjects["request"]), set(subjects["loan"])
    steps = (
        (_LOANS_OF_AGREEMENTS, subjects["agreement"], loans),
        (_LOANS_OF_OBLIGATIONS, subjects["obligation"], loans),
        (_REQUESTS_OF_DECISIONS, subjects["decision"], requests),
        (_REQUESTS_OF_LOANS, loans, requests),
        (_LOANS_OF_REQUESTS, requests, loans),
    )
    for statement, ids, into in steps:
        if ids:
            into |= {row.id for row in await read.all_slowly(statement, {"ids": list(ids)}) if row.id is not None}
    return sorted(requests), sorted(loans)


async def _count(read: Read, requests: Sequence[UUID], loans: Sequence[UUID]) -> dict[UUID, Sums]:
    """What each of these requests and loans adds to which sums."""
    facts: dict[UUID, list[Added]] = {owner: [] for owner in (*requests, *loans)}
    if requests:
        for owner, line in await lines_of_requests(read, requests):
            facts[owner].append(line)
        for owner, decision in await decisions_of_requests(read, requests):
            facts[owner].append(decision)
    if loans:
        for owner, made in await loans_by_id(read, loans):
            facts[owner].append(made)
        for owner, owed in await obligations_of_loans(read, loans):
            facts[owner].append(owed)
    return {owner: sums_of(of_owner) for owner, of_owner in facts.items()}


async def _put(write: Write, now: Mapping[UUID, Sums]) -> None:
    """Put what these add now in the place of what they added, and the difference on the sums."""
    if not now:
        return
    before: dict[UUID, Sums] = {}
    owners = list(now)
    for start in range(0, len(owners), _PAGE):
        ids = owners[start : start + _PAGE]
        before |= {row.owner_id: _read(row.counted) for row in await write.all_slowly(_FACTS_OF, {"ids": ids})}
    changed = {owner: of_owner for owner, of_owner in now.items() if of_owner != before.get(owner, {})}
    sums: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
    for owner, of_owner in changed.items():
        for key, row in difference(of_owner, before.get(owner, {})).items():
            total = sums[key]
            for place, part in enumerate(row):
                total[place] += part
    if changed:
        facts = [{"owner_id": owner, "counted": _write(of_owner)} for owner, of_owner in changed.items()]
        await write.run(_PUT_FACT[write.dialect], facts)
    added = [_row(key, row) for key, row in sorted(sums.items()) if any(row)]
    if added:
        await write.run(_ADD[write.dialect], added)
    of_longer = [_period_row(key, row) for key, row in sorted(of_periods(sums).items())]
    if of_longer:
        await write.run(_ADD_PERIODS[write.dialect], of_longer)


_COLUMNS: Final = tuple(column.name for column in metric_day.primary_key.columns)
_PERIOD_COLUMNS: Final = tuple(column.name for column in metric_period.primary_key.columns)


def _row(key: Key, row: Sequence[int]) -> dict[str, object]:
    return {**dict(zip(_COLUMNS, key, strict=True)), "numerator": row[0], "denominator": row[1], "n": row[2]}


def _key(row: Any) -> Key:
    return tuple(getattr(row, name) for name in _COLUMNS)


def _period_row(key: PeriodKey, row: Sequence[int]) -> dict[str, object]:
    return {**dict(zip(_PERIOD_COLUMNS, key, strict=True)), "numerator": row[0], "denominator": row[1], "n": row[2]}


def _period_key(row: Any) -> PeriodKey:
    return tuple(getattr(row, name) for name in _PERIOD_COLUMNS)


def _write(sums: Sums) -> list[object]:
    return [[*key, *row] for key, row in sorted(sums.items())]


_Stored: TypeAlias = list[tuple[str, date, UUID, UUID, UUID, str, str, str, int, int, int, int]]
_decode = msgspec.json.Decoder(_Stored).decode


def _read(stored: bytes) -> Sums:
    return {row[:9]: row[9:] for row in _decode(stored)}


def _adding(insertion: Any, to: sa.Table) -> Any:
    names = ("numerator", "denominator", "n")
    return insertion.on_conflict_do_update(
        index_elements=list(to.primary_key.columns),
        set_={name: to.c[name] + insertion.excluded[name] for name in names},
    )


def _putting(insertion: Any) -> Any:
    return insertion.on_conflict_do_update(index_elements=["owner_id"], set_={"counted": insertion.excluded["counted"]})


_ADD: Final = {
    "sqlite": _adding(sqlite.insert(metric_day), metric_day),
    "postgresql": _adding(postgresql.insert(metric_day), metric_day),
}
_ADD_PERIODS: Final = {
    "sqlite": _adding(sqlite.insert(metric_period), metric_period),
    "postgresql": _adding(postgresql.insert(metric_period), metric_period),
}
_PUT_FACT: Final = {
    "sqlite": _putting(sqlite.insert(metric_fact)),
    "postgresql": _putting(postgresql.insert(metric_fact)),
}
_CURSOR: Final = sa.select(metric_cursor.c.seq + 1)
_CURSOR_TO_MOVE: Final = sa.select(metric_cursor.c.seq).with_for_update()
_LAST: Final = sa.select(sa.func.max(ledger_leaf.c.seq))
_NEXT: Final = (
    sa.select(ledger_leaf.c.seq, ledger_event.c.subject_kind, ledger_event.c.subject_id)
    .join(ledger_event, ledger_event.c.id == ledger_leaf.c.event_id)
    .where(ledger_leaf.c.seq >= sa.bindparam("after", type_=sa.BigInteger))
    .order_by(ledger_leaf.c.seq)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_AFTER: Final = sa.bindparam("after", type_=_ID)
_MOST: Final = sa.bindparam("most", type_=sa.Integer)
_REQUESTS_AFTER: Final = sa.select(request.c.id).where(request.c.id > _AFTER).order_by(request.c.id).limit(_MOST)
_LOANS_AFTER: Final = sa.select(loan.c.id).where(loan.c.id > _AFTER).order_by(loan.c.id).limit(_MOST)
_LOANS_OF_AGREEMENTS: Final = sa.select(loan.c.id).where(loan.c.agreement_id.in_(_IDS))
_LOANS_OF_OBLIGATIONS: Final = sa.select(obligation.c.loan_id.label("id")).where(obligation.c.id.in_(_IDS))
_REQUESTS_OF_DECISIONS: Final = (
    sa.select(request_line.c.request_id.label("id"))
    .join(policy_decision, policy_decision.c.root_decision_id == request_line.c.decision_id)
    .where(policy_decision.c.id.in_(_IDS))
)
_REQUESTS_OF_LOANS: Final = (
    sa.select(request_line.c.request_id.label("id"))
    .join(loan, loan.c.root_decision_id == request_line.c.decision_id)
    .where(loan.c.id.in_(_IDS))
)
_LOANS_OF_REQUESTS: Final = (
    sa.select(loan.c.id)
    .join(request_line, request_line.c.decision_id == loan.c.root_decision_id)
    .where(request_line.c.request_id.in_(_IDS))
)
_STORED: Final = sa.select(metric_day)
_STORED_PERIODS: Final = sa.select(metric_period)
_FACTS: Final = sa.select(metric_fact)
_FACTS_OF: Final = sa.select(metric_fact).where(metric_fact.c.owner_id.in_(_IDS))
