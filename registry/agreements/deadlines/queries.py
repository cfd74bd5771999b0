"""The caller's deadlines in the order in which they fall due.

The days are derived, so no index can order them: each page goes once through the caller's agreements, a slice at a
time, and keeps no more than a page of what comes soonest after the cursor.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from heapq import nsmallest
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from registry.access.principals import Principal
from registry.agreements.deadlines.gathering import records
from registry.agreements.deadlines.rules import Due, Record, deadlines, status_at
from registry.agreements.deadlines.schemas import Deadline, DeadlineBasis, DeadlinePage, DeadlineQuery
from registry.agreements.deadlines.wording import HEADINGS, words
from registry.agreements.tables import provision
from registry.database.handles import Read
from registry.http.paging import cut, decode_cursor

Key: TypeAlias = tuple[datetime, str, UUID, str]
Found: TypeAlias = tuple[Key, Due, Record]

_PROVISIONS = (
    sa.select(provision.c.version_id, provision.c.heading, provision.c.number)
    .where(
        provision.c.version_id.in_(sa.bindparam("ids", type_=provision.c.version_id.type, expanding=True)),
        provision.c.heading.in_(sorted(set(HEADINGS.values()))),
    )
    .order_by(provision.c.version_id, provision.c.ordinal.desc())
)


def _key(found: Found) -> Key:
    return found[0]


async def list_deadlines(read: Read, principal: Principal, query: DeadlineQuery, now: datetime) -> DeadlinePage:
    """A page of what is due under the agreements that the caller's agency sees in full. Raises RuleBroken."""
    after = None if query.cursor is None else decode_cursor(query.cursor, (datetime, str, UUID, str))
    named = {"agreement_id": query.agreement_id, "party": query.party, "custodian": query.custodian}
    kept: list[Found] = []
    async for found in records(read, principal.agency_id, now, named, query.kind):
        kept = await asyncio.to_thread(_soonest, kept, found, query, after, now)
    page, next_cursor = cut(kept, query.limit, _key)
    provisions = await _provisions(read, page)
    return DeadlinePage(
        as_of=now,
        items=[_deadline(record, due, now, provisions) for _, due, record in page],
        next_cursor=next_cursor,
    )


def _soonest(
    kept: list[Found], found: Sequence[Record], query: DeadlineQuery, after: tuple[Any, ...] | None, now: datetime
) -> list[Found]:
    """The first of what was kept and what is new, one more than a page holds."""
    new = [
        ((due.at, due.kind.value, record.id, due.subject), due, record)
        for record in found
        for due in deadlines(record, now)
        if _wanted(due, query, now)
    ]
    return nsmallest(query.limit + 1, [*kept, *(each for each in new if after is None or each[0] > after)], key=_key)


def _wanted(due: Due, query: DeadlineQuery, now: datetime) -> bool:
    return (
        (query.kind is None or due.kind is query.kind)
        and (query.due_from is None or due.on >= query.due_from)
        and (query.due_to is None or due.on <= query.due_to)
        and (query.agency_id is None or due.agency_id == query.agency_id)
        and (query.status is None or status_at(due, now) is query.status)
    )


async def _provisions(read: Read, page: Sequence[Found]) -> dict[tuple[UUID, str], str]:
    """The number of the first provision under each heading, of the versions on the page."""
    versions = {record.version_id for _, _, record in page}
    rows = await read.all(_PROVISIONS, {"ids": sorted(versions)}) if versions else ()
    return {(row.version_id, row.heading): row.number for row in rows}


def _deadline(record: Record, due: Due, now: datetime, provisions: dict[tuple[UUID, str], str]) -> Deadline:
    said = words(record, due)
    heading = HEADINGS.get(due.kind, "")
    named = record.insurance_provision if heading == "insurance" else None
    return Deadline(
        kind=due.kind,
        agreement_id=record.id,
        agreement_number=record.number,
        agreement_title=record.title,
        custodian_id=record.custodian_id,
        agency_id=due.agency_id,
        duty_id=due.duty.id if due.duty else None,
        due_on=due.on,
        due_at=due.at,
        time_zone=due.time_zone,
        status=status_at(due, now),
        basis=DeadlineBasis(
            says=said.basis, provision=named or provisions.get((record.version_id, heading)), citation=said.citation
        ),
        action=said.action,
    )
