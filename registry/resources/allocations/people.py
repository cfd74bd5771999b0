"""Commitments of people to loans, so that nobody is ever at two places.

Each command takes the person as `LockedPerson`, which exists only while the record's row is locked, as `Bookable` does
for an asset. A transaction that commits both, such as a dog with its handler, locks all assets before the first person,
and people in the order of their ids. Constraints of the database forbid overlaps as well.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read, Rows, Write
from registry.platform.kernel.errors import Conflict, WrongStatus
from registry.platform.kernel.time import Window, format_instant
from registry.resources.allocations.occupancy import Hold, Stretch, first_conflict
from registry.resources.allocations.queries import live
from registry.resources.allocations.rules import AllocationStatus, LockedPerson
from registry.resources.allocations.tables import personnel_allocation


def _held_past(held: sa.FromClause, at: Any) -> sa.ColumnElement[bool]:
    """A commitment that ends after the instant, or has no end because the person is still out as of `at`."""
    now = sa.bindparam("at", type_=personnel_allocation.c.starts_at.type)
    return sa.or_(held.c.ends_at > at, sa.and_(held.c.status == AllocationStatus.OUT.value, held.c.ends_at <= now))


def holds_person(personnel_id: sa.ColumnElement[UUID], *, requesting: Any = None) -> sa.ColumnElement[bool]:
    """A criterion: somebody is committed to a loan; of the agency `requesting`, where one is given."""
    held = personnel_allocation
    found = sa.select(sa.literal(1)).where(held.c.personnel_id == personnel_id, live(held))
    if requesting is not None:
        found = found.where(held.c.requesting_agency_id == requesting)
    return found.correlate(getattr(personnel_id, "table", None)).exists()


def person_held_in(personnel_id: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """A criterion: somebody is committed for part of [`start`, `end`), as known at `at`."""
    held = personnel_allocation
    start, end = (sa.bindparam(name, type_=held.c.starts_at.type) for name in ("start", "end"))
    found = sa.select(sa.literal(1)).where(
        held.c.personnel_id == personnel_id, live(held), held.c.starts_at < end, _held_past(held, start)
    )
    return found.correlate(getattr(personnel_id, "table", None)).exists()


_PEOPLE_HELD = (
    sa.select(
        *(personnel_allocation.c[name] for name in ("id", "status", "starts_at", "ends_at", "loan_id", "personnel_id")),
    )
    .where(
        live(personnel_allocation),
        personnel_allocation.c.starts_at < sa.bindparam("end", type_=personnel_allocation.c.starts_at.type),
        _held_past(personnel_allocation, sa.bindparam("start", type_=personnel_allocation.c.starts_at.type)),
    )
    .order_by(personnel_allocation.c.starts_at)
)
_PERSON_HOLDS = _PEOPLE_HELD.where(
    personnel_allocation.c.personnel_id == sa.bindparam("personnel_id", type_=personnel_allocation.c.id.type)
)
_OF_SEVERAL_PEOPLE = _PEOPLE_HELD.where(
    personnel_allocation.c.personnel_id.in_(
        sa.bindparam("personnel_ids", type_=personnel_allocation.c.id.type, expanding=True)
    )
)


async def person_allocations_in(read: Read, personnel_id: UUID, window: Window, now: datetime) -> Rows:
    """The commitments of somebody that overlap the window, including one that is out past its end."""
    return await read.all(
        _PERSON_HOLDS, {"personnel_id": personnel_id, "start": window.start, "end": window.end, "at": now}
    )


async def people_allocations_in(
    read: Read, personnel_ids: Collection[UUID], window: Window, now: datetime
) -> dict[UUID, list[Row[Any]]]:
    """As `person_allocations_in`, of several people in one statement, by their ids."""
    if not personnel_ids:
        return {}
    asked = {"personnel_ids": sorted(personnel_ids), "start": window.start, "end": window.end, "at": now}
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await read.all(_OF_SEVERAL_PEOPLE, asked):
        found.setdefault(row.personnel_id, []).append(row)
    return found


async def person_committed_in(read: Read, personnel_id: UUID, window: Window, now: datetime) -> bool:
    """Whether somebody is committed for part of the window."""
    return bool(await person_allocations_in(read, personnel_id, window, now))


_INSERT_PERSON = personnel_allocation.insert()
_PERSON_ID = sa.bindparam("of_person", type_=personnel_allocation.c.personnel_id.type)
_PERSON_LOAN = sa.bindparam("of_loan", type_=personnel_allocation.c.loan_id.type)
_PERSON_OF_LOAN = personnel_allocation.select().where(
    personnel_allocation.c.personnel_id == _PERSON_ID,
    personnel_allocation.c.loan_id == _PERSON_LOAN,
    live(personnel_allocation),
)
_CHANGE_PERSON = personnel_allocation.update().where(
    personnel_allocation.c.id == sa.bindparam("allocation_id", type_=personnel_allocation.c.id.type)
)
_PERSON_OUT = _CHANGE_PERSON.values(
    status=AllocationStatus.OUT.value, starts_at=sa.bindparam("left_at", type_=personnel_allocation.c.starts_at.type)
)
_PERSON_EXTENDED = _CHANGE_PERSON.values(ends_at=sa.bindparam("new_end", type_=personnel_allocation.c.ends_at.type))
_RELEASE_PEOPLE = (
    personnel_allocation.update()
    .where(personnel_allocation.c.loan_id == _PERSON_LOAN, live(personnel_allocation))
    .values(status=AllocationStatus.RELEASED.value)
)


async def commit_person(
    write: Write,
    person: LockedPerson,
    *,
    allocation_id: UUID,
    loan_id: UUID,
    window: Window,
    requesting_agency_id: UUID,
    now: datetime,
) -> None:
    """Reserve somebody for a loan's window.

    Raises Conflict `personnel_not_free` with the first blocking interval, WrongStatus `personnel_not_active`.
    """
    if not person.active:
        raise WrongStatus("Somebody who is not active cannot be committed.", "personnel_not_active")
    _check_person_free(await person_allocations_in(write, person.id, window, now), window, now)
    await write.run(
        _INSERT_PERSON,
        {
            "id": allocation_id,
            "personnel_id": person.id,
            "loan_id": loan_id,
            "status": AllocationStatus.HELD.value,
            "starts_at": window.start,
            "ends_at": window.end,
            "requesting_agency_id": requesting_agency_id,
            "assisting_agency_id": person.agency_id,
        },
    )


async def mark_person_out(write: Write, person: LockedPerson, loan_id: UUID, now: datetime) -> None:
    """Mark that somebody has left for a loan; who leaves early is committed from now on.

    Raises Conflict `personnel_still_out`, and `personnel_not_free` when leaving early would take another loan's time.
    """
    mine, left_at = await check_person_leaving(write, person.id, loan_id, now)
    await write.run(_PERSON_OUT, {"allocation_id": mine.id, "left_at": left_at})


async def check_person_leaving(
    read: Read, personnel_id: UUID, loan_id: UUID, now: datetime
) -> tuple[Row[Any], datetime]:
    """Whether somebody who is committed to a loan can leave now; returns the commitment, and from when on.

    Raises as `mark_person_out`.
    """
    mine = await _person_of_loan(read, personnel_id, loan_id)
    left_at = min(mine.starts_at, now)
    others = await _others_of_person(read, mine, Window(start=left_at, end=mine.ends_at), now)
    if any(row.status == AllocationStatus.OUT for row in others):
        raise Conflict("The person is still out on another loan.", "personnel_still_out")
    if left_at < mine.starts_at:
        _check_person_free(others, Window(start=left_at, end=mine.starts_at), now)
    return mine, left_at


async def check_person_extension(
    write: Write, person: LockedPerson, loan_id: UUID, new_end: datetime, now: datetime
) -> UUID:
    """Whether somebody can be committed until `new_end`; returns the commitment's id. Raises as `extend_person`."""
    mine = await _person_of_loan(write, person.id, loan_id)
    further = Window(start=mine.ends_at, end=new_end)
    _check_person_free(await _others_of_person(write, mine, further, now), further, now)
    commitment_id: UUID = mine.id
    return commitment_id


async def extend_person(write: Write, person: LockedPerson, loan_id: UUID, new_end: datetime, now: datetime) -> None:
    """Commit somebody until `new_end`. Raises Conflict `personnel_not_free`, WrongStatus `nothing_held`."""
    commitment_id = await check_person_extension(write, person, loan_id, new_end, now)
    await write.run(_PERSON_EXTENDED, {"allocation_id": commitment_id, "new_end": new_end})


async def release_people(write: Write, loan_id: UUID) -> None:
    """Release everybody who is committed to the loan. Has no effect when they have been released."""
    await write.run(_RELEASE_PEOPLE, {"of_loan": loan_id})


async def _person_of_loan(read: Read, personnel_id: UUID, loan_id: UUID) -> Row[Any]:
    mine = await read.first(_PERSON_OF_LOAN, {"of_person": personnel_id, "of_loan": loan_id})
    if mine is None:
        raise WrongStatus("This loan holds the person no more.", "nothing_held")
    return mine


async def _others_of_person(read: Read, mine: Row[Any], window: Window, now: datetime) -> list[Row[Any]]:
    rows = await person_allocations_in(read, mine.personnel_id, window, now)
    return [row for row in rows if row.id != mine.id]


def person_holds(rows: Iterable[Row[Any]], now: datetime) -> list[Hold]:
    """The rows of `person_allocations_in` as holds; who is out past the end is held without end."""
    return [
        (row.starts_at, None if row.status == AllocationStatus.OUT and row.ends_at <= now else row.ends_at, 1)
        for row in rows
    ]


def _check_person_free(rows: Sequence[Row[Any]], window: Window, now: datetime) -> None:
    blocking = first_conflict(1, person_holds(rows, now), (window.start, window.end), 1)
    if blocking is not None:
        raise Conflict(
            "The person is committed for part of that time.",
            "personnel_not_free",
            extra={"blocking": _shown(blocking)},
        )


def _shown(stretch: Stretch) -> dict[str, str | None]:
    start, end = stretch
    return {"start": format_instant(start), "end": None if end is None else format_instant(end)}
