"""Queries about allocations, and whether an asset is free."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.time import EARLIEST, LATEST, Window, known_end
from registry.resources.allocations.occupancy import Hold, KindHold, Stretch, conflicts, first_conflict, free_quantity
from registry.resources.allocations.rules import AllocationKind, AllocationStatus
from registry.resources.allocations.tables import allocation

_LIVE: list[sa.ColumnElement[str]] = [
    sa.literal_column(f"'{status}'") for status in (AllocationStatus.HELD, AllocationStatus.OUT)
]


_HELD, _OUT = _LIVE


def live(held: sa.FromClause = allocation) -> sa.ColumnElement[bool]:
    """Allocations that are not released.

    The statuses are constants of the statement rather than expanded parameters.
    """
    return held.c.status.in_(_LIVE)


def of_loans(held: sa.FromClause = allocation) -> sa.ColumnElement[bool]:
    """Allocations to loans."""
    return held.c.kind == sa.literal_column(f"'{AllocationKind.LOAN}'")


_NOW = sa.bindparam("now", type_=allocation.c.starts_at.type)
_IN_WINDOW = sa.select(
    *(allocation.c[name] for name in ("id", "kind", "loan_id", "quantity", "status", "reason")),
    *(allocation.c[name] for name in ("requesting_agency_id", "starts_at", "ends_at", "free_at", "asset_id")),
).where(
    live(),
    allocation.c.starts_at < sa.bindparam("end", type_=allocation.c.ends_at.type),
    sa.or_(
        allocation.c.free_at > sa.bindparam("start", type_=allocation.c.starts_at.type),
        sa.and_(allocation.c.status == AllocationStatus.OUT.value, allocation.c.ends_at <= _NOW),
    ),
)
_HOLDS = _IN_WINDOW.where(allocation.c.asset_id == sa.bindparam("asset_id", type_=allocation.c.asset_id.type))
_HOLDS_OF_SEVERAL = _IN_WINDOW.where(
    allocation.c.asset_id.in_(sa.bindparam("asset_ids", type_=allocation.c.asset_id.type, expanding=True))
)


MOST_NAMED = 100
_COMMITTED = (
    sa.select(
        allocation.c.loan_id,
        allocation.c.quantity,
        allocation.c.status,
        allocation.c.starts_at,
        allocation.c.ends_at,
        allocation.c.requesting_agency_id,
        agency.c.name.label("requesting_agency_name"),
    )
    .join(agency, agency.c.id == allocation.c.requesting_agency_id)
    .where(allocation.c.asset_id == sa.bindparam("asset_id", type_=allocation.c.asset_id.type), of_loans(), live())
    .order_by(allocation.c.starts_at, allocation.c.id)
    .limit(MOST_NAMED)
)
_NAMED_LOANS = _COMMITTED.where(allocation.c.id.in_(sa.bindparam("ids", type_=allocation.c.id.type, expanding=True)))
_ONE_UNAVAILABLE = sa.select(*allocation.c).where(
    allocation.c.id == sa.bindparam("allocation_id", type_=allocation.c.id.type),
    allocation.c.asset_id == sa.bindparam("asset_id", type_=allocation.c.asset_id.type),
    ~of_loans(),
)
_UNAVAILABLE = (
    sa.select(*allocation.c)
    .where(
        allocation.c.asset_id == sa.bindparam("asset_id", type_=allocation.c.asset_id.type),
        ~of_loans(),
        live(),
        allocation.c.free_at > _NOW,
    )
    .order_by(allocation.c.starts_at, allocation.c.id)
)


def free_in_window(
    asset_id: sa.Column[UUID], capacity: sa.Column[int], quantity: sa.Column[int] | None = None
) -> sa.ColumnElement[bool]:
    """A criterion: `quantity` of the asset is free for a loan in [`start`, `end`), as known at `at`.

    Exact for any capacity. `asset_id` and `capacity` are columns of the enclosing statement, and so may be `quantity`,
    which is a bind parameter unless given. The quantity held can only increase where a hold begins, so the sum is
    computed there and at the window's start. An asset that is out past its end is held without end. For an exclusive
    asset any hold decides.
    """
    one = allocation.alias("one")
    outer = [asset_id.table] if quantity is None else [asset_id.table, quantity.table]
    wanted = sa.bindparam("quantity", type_=sa.Integer) if quantity is None else quantity
    overfull = (
        sa.select(sa.literal(1))
        .where(*_in_the_window(one, asset_id), sa.or_(capacity == 1, _held_at(one, asset_id) + wanted > capacity))
        .correlate(*outer)
        .exists()
    )
    return sa.and_(capacity >= wanted, ~overfull)


def free_quantity_in_window(asset_id: sa.Column[UUID], capacity: sa.Column[int]) -> sa.ColumnElement[int]:
    """An expression: how many of the asset are free throughout [`start`, `end`), as `free_in_window` counts."""
    one = allocation.alias("one")
    most_held = (
        sa.select(sa.func.max(_held_at(one, asset_id)))
        .where(*_in_the_window(one, asset_id))
        .correlate(asset_id.table)
        .scalar_subquery()
    )
    return capacity - sa.func.coalesce(most_held, 0)


def _in_the_window(one: sa.FromClause, asset_id: sa.Column[UUID]) -> list[sa.ColumnElement[bool]]:
    """Criteria: the allocation holds some of the asset in the window."""
    start, end = (sa.bindparam(name, type_=allocation.c.starts_at.type) for name in ("start", "end"))
    return [one.c.asset_id == asset_id, live(one), one.c.blocks_from_at < end, _holds_past(one, start)]


def _held_at(one: sa.FromClause, asset_id: sa.Column[UUID]) -> sa.ColumnElement[int]:
    """An expression: how many are held where that allocation begins, or at the window's start if that is later."""
    other = allocation.alias("other")
    start = sa.bindparam("start", type_=allocation.c.starts_at.type)
    return (
        sa.select(sa.func.sum(other.c.quantity))
        .where(
            other.c.asset_id == asset_id,
            live(other),
            sa.or_(other.c.starts_at <= one.c.starts_at, other.c.starts_at <= start),
            _holds_past(other, one.c.starts_at, start),
        )
        .correlate(asset_id.table, one)
        .scalar_subquery()
    )


def _holds_past(held: sa.FromClause, *instants: Any) -> sa.ColumnElement[bool]:
    at = sa.bindparam("at", type_=allocation.c.starts_at.type)
    return sa.or_(
        sa.and_(*(held.c.free_at > instant for instant in instants)),
        sa.and_(held.c.status == AllocationStatus.OUT.value, held.c.ends_at <= at),
    )


async def allocations_in(read: Read, asset_id: UUID, window: Window, now: datetime) -> Rows:
    """The allocations of an asset that overlap the window, with their turnaround, and those that are out past it."""
    return await read.fast(_HOLDS, {"asset_id": asset_id, "start": window.start, "end": window.end, "now": now})


async def allocations_of_several(
    read: Read, asset_ids: Collection[UUID], window: Window, now: datetime
) -> dict[UUID, list[Row[Any]]]:
    """As `allocations_in`, of several assets in one statement, by their ids."""
    asked = {"asset_ids": sorted(asset_ids), "start": window.start, "end": window.end, "now": now}
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await read.all(_HOLDS_OF_SEVERAL, asked):
        found.setdefault(row.asset_id, []).append(row)
    return found


def as_holds(rows: Iterable[Row[Any]], now: datetime) -> list[Hold]:
    """The rows as holds; an asset that is out past its end, or kept until further notice, is held without end."""
    return [
        (
            row.starts_at,
            None if row.status == AllocationStatus.OUT and row.ends_at <= now else known_end(row.free_at),
            row.quantity,
        )
        for row in rows
    ]


def as_kind_holds(rows: Iterable[Row[Any]], now: datetime) -> list[KindHold]:
    """The rows as holds with what they are for; a loan's turnaround apart, and one that is late as `overdue`."""
    found: list[KindHold] = []
    for row in rows:
        if row.status == AllocationStatus.OUT and row.ends_at <= now:
            found.append((row.starts_at, row.ends_at, row.quantity, row.kind))
            found.append((row.ends_at, None, row.quantity, "overdue"))
            continue
        found.append((row.starts_at, known_end(row.ends_at), row.quantity, row.kind))
        if row.free_at > row.ends_at:
            found.append((row.ends_at, known_end(row.free_at), row.quantity, AllocationKind.TURNAROUND.value))
    return found


async def committed_to(read: Read, asset_id: UUID) -> Rows:
    """The loans to which the asset is committed, not yet returned, the next first, with the borrower's name."""
    return await read.all(_COMMITTED, {"asset_id": asset_id})


def in_the_way(
    capacity: int, others: Sequence[Row[Any]], quantity: int, window: Window, now: datetime
) -> list[Row[Any]]:
    """Of the other allocations of the asset those, other than loans, that leave too little in the window."""
    short = list(conflicts(capacity, as_holds(others, now), (window.start, window.end), quantity))
    return [row for row in others if row.kind != AllocationKind.LOAN and any(meets(row, part) for part in short)]


def meets(row: Row[Any], stretch: Stretch) -> bool:
    """Whether an allocation, which is held without end while it is out, overlaps the stretch."""
    begins_in_time: bool = stretch[1] is None or row.starts_at < stretch[1]
    return begins_in_time and (row.status == AllocationStatus.OUT or bool(row.ends_at > stretch[0]))


def unavailable_during(
    asset_id: sa.ColumnElement[UUID], start: sa.ColumnElement[Any], end: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    """A criterion: something other than a loan holds some of the asset in the window of these columns."""
    return (
        sa.select(sa.literal(1))
        .where(
            allocation.c.asset_id == asset_id,
            ~of_loans(),
            live(),
            allocation.c.starts_at < end,
            allocation.c.free_at > start,
        )
        .exists()
    )


def lacking_for_loan(
    loan: sa.FromClause,
    capacity: sa.Column[int],
    start: sa.ColumnElement[Any] | None = None,
    end: sa.ColumnElement[Any] | None = None,
) -> sa.ColumnElement[bool]:
    """A criterion: for some of a loan's time too little of the asset is left, and not because of other loans alone.

    `loan` has the columns of a loan, or of what may become one: that is of an `end` that is given. Out past its end is
    as known at `now`. What is held can only increase where a hold begins, so that it is looked at there and at the
    loan's start, or at the later `start` that is given.
    """
    start = loan.c.starts_at if start is None else start
    end = loan.c.planned_end_at if end is None else end
    one, other = allocation.alias("one"), allocation.alias("other")

    def of_others(held: sa.FromClause) -> sa.ColumnElement[bool]:
        mine = sa.and_(of_loans(held), held.c.loan_id == loan.c.id)
        return sa.and_(held.c.asset_id == loan.c.asset_id, live(held), ~mine)

    def holds_past(held: sa.FromClause, at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        late = sa.and_(held.c.status == AllocationStatus.OUT.value, held.c.ends_at <= _NOW)
        return sa.or_(held.c.free_at > at, late)

    at = sa.case((one.c.starts_at > start, one.c.starts_at), else_=start)
    then = sa.select(
        sa.and_(
            sa.func.sum(other.c.quantity) + loan.c.quantity > capacity,
            sa.func.sum(sa.case((of_loans(other), 0), else_=1)) > 0,
        )
    ).where(of_others(other), other.c.starts_at <= at, holds_past(other, at))
    return (
        sa.select(sa.literal(1))
        .where(
            of_others(one),
            one.c.starts_at < end,
            holds_past(one, start),
            then.correlate(loan, one, capacity.table).scalar_subquery(),
        )
        .correlate(loan, capacity.table)
        .exists()
    )


def fewer_than_promised(
    loan: sa.FromClause, capacity: sa.Column[int], start: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    """A criterion: fewer are left than were promised to the loan, and to those that share its time from `start` on.

    Some were lost since, and what was reserved first comes first: beside the loan count those that are out, and those
    reserved before it that there are still enough for. What is out past its end is `out_past_its_end`.
    """
    one, other = allocation.alias("one"), allocation.alias("other")

    def first(held: sa.FromClause) -> sa.ColumnElement[bool]:
        out = sa.and_(held.c.status == _OUT, held.c.ends_at > _NOW)
        before = sa.and_(held.c.status == _HELD, held.c.loan_id < loan.c.id, held.c.quantity <= capacity)
        mine = held.c.loan_id == loan.c.id
        return sa.and_(held.c.asset_id == loan.c.asset_id, of_loans(held), ~mine, sa.or_(out, before))

    at = sa.case((one.c.starts_at > start, one.c.starts_at), else_=start)
    then = sa.select(sa.func.sum(other.c.quantity) + loan.c.quantity > capacity).where(
        first(other), other.c.starts_at <= at, other.c.free_at > at
    )
    too_many = (
        sa.select(sa.literal(1))
        .where(
            first(one),
            one.c.starts_at < loan.c.planned_end_at,
            one.c.free_at > start,
            then.correlate(loan, one, capacity.table).scalar_subquery(),
        )
        .correlate(loan, capacity.table)
        .exists()
    )
    return sa.or_(loan.c.quantity > capacity, too_many)


def out_past_its_end(
    loan: sa.FromClause, capacity: sa.Column[int], start: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    """A criterion: as it stands at `now` too few are at home for the loan at `start`: others have it past its time."""
    other = allocation.alias("other")
    late = other.c.ends_at <= _NOW
    too_few = (
        sa.select(
            sa.and_(
                sa.func.sum(other.c.quantity) + loan.c.quantity > capacity,
                sa.func.sum(sa.case((late, 1), else_=0)) > 0,
            )
        )
        .where(
            other.c.asset_id == loan.c.asset_id,
            of_loans(other),
            other.c.status == _OUT,
            sa.or_(late, other.c.free_at > start),
        )
        .correlate(loan, capacity.table)
        .scalar_subquery()
    )
    return sa.func.coalesce(too_few, sa.false())


def unavailable_for(
    capacity: int, others: Iterable[Row[Any]], quantity: int, window: Window, now: datetime
) -> Stretch | None:
    """The first stretch of the window in which the asset, for other reasons than loans, cannot be had for a loan.

    `others` are the other allocations of the asset; of other loans only those count that have it now.
    """
    rows = [row for row in others if row.kind != AllocationKind.LOAN or row.status == AllocationStatus.OUT]
    if all(row.kind == AllocationKind.LOAN for row in rows):
        return None
    return first_conflict(capacity, as_holds(rows, now), (window.start, window.end), quantity)


async def named_loans(read: Read, asset_id: UUID, rows: Iterable[Row[Any]]) -> Rows:
    """As `committed_to`, of these allocations."""
    ids = [row.id for row in rows]
    return await read.all(_NAMED_LOANS, {"asset_id": asset_id, "ids": ids}) if ids else []


async def unavailable_from(read: Read, asset_id: UUID, now: datetime) -> Rows:
    """What keeps the asset from being had, now and later, other than loans."""
    return await read.all(_UNAVAILABLE, {"asset_id": asset_id, "now": now})


async def held_as_damaged(read: Read, asset_id: UUID, loan_id: UUID, now: datetime) -> Row[Any] | None:
    """What of the asset is held since it came back damaged from that loan, until its owner has ended that."""
    for row in await unavailable_from(read, asset_id, now):
        if row.loan_id == loan_id and row.kind == AllocationKind.DAMAGE:
            return row
    return None


async def unavailability_row(read: Read, asset_id: UUID, allocation_id: UUID) -> Row[Any] | None:
    """What kept, or keeps, the asset from being had, other than a loan."""
    return await read.first(_ONE_UNAVAILABLE, {"asset_id": asset_id, "allocation_id": allocation_id})


async def peak_held(read: Read, asset_id: UUID, now: datetime) -> int:
    """The largest quantity lent at one time from `now` on, including what is out past its end."""
    rows = await allocations_in(read, asset_id, Window(start=EARLIEST, end=LATEST), now)
    lent = [row for row in rows if row.kind == AllocationKind.LOAN]
    holds = [hold for hold in as_holds(lent, now) if hold[1] is None or hold[1] > now]
    return -free_quantity(0, holds, (EARLIEST, LATEST))
