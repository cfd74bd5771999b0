"""Committing units of an asset to a loan, so that no two loans ever get the same ones.

Each function first touches the asset's row: on PostgreSQL that is the lock behind which everybody else who wants the
asset waits, on SQLite the write lock is held anyway. Only then is what others hold read, so the answer cannot change
between check and insert. Whoever commits several assets in one transaction takes them in the order of their ids, or
two such transactions block each other. The database's own overlap rule stands behind this, for code not yet written.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.assets.holds import Hold, Stretch, first_conflict, free_units
from registry.assets.rules import AllocationState, ServiceState
from registry.assets.tables import allocation, asset
from registry.database.handles import Read, Write
from registry.kernel.errors import Conflict, NotFound, WrongState
from registry.kernel.time import EARLIEST, LATEST, Window, format_instant

_ASSET_ID = sa.bindparam("asset_id", type_=asset.c.id.type)
_LOAN_ID = sa.bindparam("loan_id", type_=allocation.c.loan_id.type)
_NOW = sa.bindparam("now", type_=allocation.c.starts_at.type)
_LIVE_STATES: list[sa.ColumnElement[str]] = [
    sa.literal_column(f"'{state}'") for state in (AllocationState.HELD, AllocationState.OUT)
]


def live(held: sa.FromClause = allocation) -> sa.ColumnElement[bool]:
    """Allocations that hold something. The states are constants of the statement, not parameters to be expanded."""
    return held.c.state.in_(_LIVE_STATES)


_TOUCH = (
    asset.update()
    .where(asset.c.id == _ASSET_ID)
    .values(allocation_version=asset.c.allocation_version + 1)
    .returning(asset.c.capacity, asset.c.service_state)
)
_HOLD = sa.select(asset.c.id).where(asset.c.id == _ASSET_ID).with_for_update(key_share=True)
_INSERT = allocation.insert()
_OF_LOAN = sa.select(
    allocation.c.id,
    allocation.c.asset_id,
    allocation.c.units,
    allocation.c.state,
    allocation.c.starts_at,
    allocation.c.ends_at,
).where(allocation.c.loan_id == _LOAN_ID, live())
_HOLDS = sa.select(
    allocation.c.id, allocation.c.units, allocation.c.state, allocation.c.starts_at, allocation.c.ends_at
).where(
    allocation.c.asset_id == _ASSET_ID,
    live(),
    allocation.c.starts_at < sa.bindparam("end", type_=allocation.c.ends_at.type),
    sa.or_(
        allocation.c.ends_at > sa.bindparam("start", type_=allocation.c.starts_at.type),
        sa.and_(allocation.c.state == AllocationState.OUT.value, allocation.c.ends_at <= _NOW),
    ),
)
_MARK_OUT = (
    allocation.update()
    .where(allocation.c.id == sa.bindparam("allocation_id", type_=allocation.c.id.type))
    .values(state=AllocationState.OUT.value, starts_at=sa.bindparam("left_at", type_=allocation.c.starts_at.type))
)
_RELEASE = (
    allocation.update()
    .where(allocation.c.loan_id == sa.bindparam("of_loan", type_=allocation.c.loan_id.type), live())
    .values(state=AllocationState.RELEASED.value)
)
_EXTEND = (
    allocation.update()
    .where(allocation.c.id == sa.bindparam("allocation_id", type_=allocation.c.id.type))
    .values(ends_at=sa.bindparam("new_end", type_=allocation.c.ends_at.type))
)


def free_in_window() -> sa.ColumnElement[bool]:
    """`units` of the asset are free throughout [`start`, `end`), seen at `at`; the peak is exact for any capacity.

    What is held can only rise where a hold begins, so the sum is asked there and at the window's start. What is out
    past its end is held without end. An exclusive asset is settled by any hold at all.
    """
    one, other = allocation.alias("one"), allocation.alias("other")
    start, end = (sa.bindparam(name, type_=allocation.c.starts_at.type) for name in ("start", "end"))
    level = (
        sa.select(sa.func.sum(other.c.units))
        .where(
            other.c.asset_id == asset.c.id,
            live(other),
            sa.or_(other.c.starts_at <= one.c.starts_at, other.c.starts_at <= start),
            _holds_past(other, one.c.starts_at, start),
        )
        .correlate(asset, one)
        .scalar_subquery()
    )
    units = sa.bindparam("units", type_=sa.Integer)
    overfull = (
        sa.select(sa.literal(1))
        .where(
            one.c.asset_id == asset.c.id,
            live(one),
            one.c.starts_at < end,
            _holds_past(one, start),
            sa.or_(asset.c.capacity == 1, level + units > asset.c.capacity),
        )
        .correlate(asset)
        .exists()
    )
    return sa.and_(asset.c.capacity >= units, ~overfull)


def _holds_past(held: sa.FromClause, *instants: Any) -> sa.ColumnElement[bool]:
    at = sa.bindparam("at", type_=allocation.c.starts_at.type)
    return sa.or_(
        sa.and_(*(held.c.ends_at > instant for instant in instants)),
        sa.and_(held.c.state == AllocationState.OUT.value, held.c.ends_at <= at),
    )


async def hold_still(write: Write, asset_id: UUID) -> None:
    """Until the end of the transaction nobody else edits or commits the asset. Raises NotFound.

    A statement of its own: what is read after it was waited for is what the one before left behind.
    """
    if await write.value(_HOLD, {"asset_id": asset_id}) is None:
        raise NotFound("asset")


async def holds_in(read: Read, asset_id: UUID, window: Window, now: datetime) -> list[Hold]:
    """What is held of an asset in the window; what is out past its end is held without end."""
    return _as_holds(await _rows(read, asset_id, window, now), now)


async def peak_held(read: Read, asset_id: UUID, now: datetime) -> int:
    """The most units held at one time from `now` on, and by whatever is out."""
    rows = await _rows(read, asset_id, Window(start=EARLIEST, end=LATEST), now)
    holds = [hold for hold in _as_holds(rows, now) if hold[1] is None or hold[1] > now]
    return -free_units(0, holds, (EARLIEST, LATEST))


async def allocate(
    write: Write,
    *,
    allocation_id: UUID,
    asset_id: UUID,
    loan_id: UUID,
    units: int,
    window: Window,
    requesting_agency_id: UUID,
    assisting_agency_id: UUID,
    now: datetime,
) -> None:
    """Reserve units for a loan's window.

    Raises Conflict `asset_not_free` with the first blocking stretch, WrongState `asset_not_in_service`, NotFound.
    """
    capacity, service_state = await _touch(write, asset_id)
    if service_state != ServiceState.IN_SERVICE:
        raise WrongState(
            f"The asset is {service_state.replace('_', ' ')} and cannot be committed.", "asset_not_in_service"
        )
    rows = await _rows(write, asset_id, window, now)
    _check_free(capacity, _as_holds(rows, now), window, units)
    await write.run(
        _INSERT,
        {
            "id": allocation_id,
            "asset_id": asset_id,
            "loan_id": loan_id,
            "units": units,
            "exclusive": capacity == 1,
            "state": AllocationState.HELD.value,
            "starts_at": window.start,
            "ends_at": window.end,
            "requesting_agency_id": requesting_agency_id,
            "assisting_agency_id": assisting_agency_id,
        },
    )


async def mark_out(write: Write, loan_id: UUID, now: datetime) -> None:
    """The loan's units leave home; early, they are held from now.

    Raises Conflict `asset_still_out` while another loan has them, `asset_not_free` when leaving early would take what
    is reserved for another loan until then.
    """
    mine, capacity = await _of_loan(write, loan_id)
    left_at = min(mine.starts_at, now)
    others = [
        row
        for row in await _rows(write, mine.asset_id, Window(start=left_at, end=mine.ends_at), now)
        if row.id != mine.id
    ]
    if mine.units + sum(row.units for row in others if row.state == AllocationState.OUT) > capacity:
        raise Conflict("The asset is still out on another loan.", "asset_still_out")
    if left_at < mine.starts_at:
        _check_free(capacity, _as_holds(others, now), Window(start=left_at, end=mine.starts_at), mine.units)
    await write.run(_MARK_OUT, {"allocation_id": mine.id, "left_at": left_at})


async def release(write: Write, loan_id: UUID) -> None:
    """The loan holds nothing any more; harmless when it already does not."""
    await write.run(_RELEASE, {"of_loan": loan_id})


async def extend_allocation(write: Write, loan_id: UUID, new_end: datetime, now: datetime) -> None:
    """Hold the loan's units until `new_end`. Raises Conflict `asset_not_free` when they are promised to another."""
    mine, capacity = await _of_loan(write, loan_id)
    window = Window(start=mine.starts_at, end=new_end)
    others = [row for row in await _rows(write, mine.asset_id, window, now) if row.id != mine.id]
    _check_free(capacity, _as_holds(others, now), window, mine.units)
    await write.run(_EXTEND, {"allocation_id": mine.id, "new_end": new_end})


async def _touch(write: Write, asset_id: UUID) -> tuple[int, str]:
    row = await write.first(_TOUCH, {"asset_id": asset_id})
    if row is None:
        raise NotFound("asset")
    return row.capacity, row.service_state


async def _of_loan(write: Write, loan_id: UUID) -> tuple[Row[Any], int]:
    """The loan's live allocation, read behind the asset's lock, and the asset's capacity."""
    seen = await write.first(_OF_LOAN, {"loan_id": loan_id})
    if seen is None:
        raise WrongState("This loan holds nothing any more.", "nothing_held")
    capacity, _ = await _touch(write, seen.asset_id)
    mine = await write.first(_OF_LOAN, {"loan_id": loan_id})
    if mine is None:
        raise WrongState("This loan holds nothing any more.", "nothing_held")
    return mine, capacity


async def _rows(read: Read, asset_id: UUID, window: Window, now: datetime) -> list[Row[Any]]:
    return list(await read.all(_HOLDS, {"asset_id": asset_id, "start": window.start, "end": window.end, "now": now}))


def _as_holds(rows: Iterable[Row[Any]], now: datetime) -> list[Hold]:
    return [
        (row.starts_at, None if row.state == AllocationState.OUT and row.ends_at <= now else row.ends_at, row.units)
        for row in rows
    ]


def _check_free(capacity: int, holds: list[Hold], window: Window, units: int) -> None:
    blocking = first_conflict(capacity, holds, (window.start, window.end), units)
    if blocking is not None:
        raise Conflict(
            "The asset is committed for part of that time.",
            "asset_not_free",
            extra={"blocking": _shown(blocking)},
        )


def _shown(stretch: Stretch) -> dict[str, str | None]:
    start, end = stretch
    return {"start": format_instant(start), "end": None if end is None else format_instant(end)}
