"""Allocation of a quantity of an asset to a loan, so that the same capacity is never committed twice.

Each function takes the asset as `Bookable`, which exists only while its row is locked: any other transaction that wants
the asset waits until this one ends. The other allocations are read after the lock, so the result cannot change between
check and insert. A transaction that allocates several assets must lock them in the order of their ids, to avoid
deadlocks. Constraints of the database forbid overlaps as well.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, WrongStatus
from registry.platform.kernel.time import Window, format_instant
from registry.resources.allocations.occupancy import Stretch, first_conflict
from registry.resources.allocations.queries import allocations_in, as_holds, live, peak_held
from registry.resources.allocations.rules import AllocationStatus, Bookable
from registry.resources.allocations.tables import allocation

_INSERT = allocation.insert()
_OF_LOAN = sa.select(
    *(allocation.c[name] for name in ("id", "asset_id", "quantity", "status", "starts_at", "ends_at"))
).where(allocation.c.loan_id == sa.bindparam("loan_id", type_=allocation.c.loan_id.type), live())
_ONE = allocation.update().where(allocation.c.id == sa.bindparam("allocation_id", type_=allocation.c.id.type))
_MARK_OUT = _ONE.values(
    status=AllocationStatus.OUT.value, starts_at=sa.bindparam("left_at", type_=allocation.c.starts_at.type)
)
_EXTEND = _ONE.values(ends_at=sa.bindparam("new_end", type_=allocation.c.ends_at.type))
_RELEASE = (
    allocation.update()
    .where(allocation.c.loan_id == sa.bindparam("of_loan", type_=allocation.c.loan_id.type), live())
    .values(status=AllocationStatus.RELEASED.value)
)
_other = allocation.alias("other")
_overlapped = (
    sa.select(sa.literal(1))
    .where(
        _other.c.asset_id == allocation.c.asset_id,
        _other.c.id != allocation.c.id,
        live(_other),
        _other.c.starts_at < allocation.c.ends_at,
        _other.c.ends_at > allocation.c.starts_at,
    )
    .correlate(allocation)
    .exists()
)
_MARK_EXCLUSIVE = (
    allocation.update()
    .where(allocation.c.asset_id == sa.bindparam("of_asset", type_=allocation.c.asset_id.type), live())
    .values(exclusive=sa.and_(sa.bindparam("is_one", type_=sa.Boolean), ~_overlapped))
)


async def allocate(
    write: Write,
    asset: Bookable,
    *,
    allocation_id: UUID,
    loan_id: UUID,
    quantity: int,
    window: Window,
    requesting_agency_id: UUID,
    assisting_agency_id: UUID,
    now: datetime,
) -> None:
    """Reserve a quantity for a loan's window.

    Raises Conflict `asset_not_free` with the first blocking interval, WrongStatus `asset_not_in_service`.
    """
    if not asset.in_service:
        raise WrongStatus("The asset is not in service and cannot be committed.", "asset_not_in_service")
    _check_free(asset, await allocations_in(write, asset.id, window, now), window, quantity, now)
    await write.run_fast(
        _INSERT,
        {
            "id": allocation_id,
            "asset_id": asset.id,
            "loan_id": loan_id,
            "quantity": quantity,
            "exclusive": asset.capacity == 1,
            "status": AllocationStatus.HELD.value,
            "starts_at": window.start,
            "ends_at": window.end,
            "requesting_agency_id": requesting_agency_id,
            "assisting_agency_id": assisting_agency_id,
        },
    )


async def mark_out(write: Write, asset: Bookable, loan_id: UUID, now: datetime) -> None:
    """Mark the loan's allocation as out. If the asset leaves early, the allocation starts now.

    Raises Conflict `asset_still_out` while another loan has it, `asset_not_free` when leaving early would take what is
    reserved for another loan until then.
    """
    mine = await _of_loan(write, asset, loan_id)
    left_at = min(mine.starts_at, now)
    others = await _others(write, mine, Window(start=left_at, end=mine.ends_at), now)
    if mine.quantity + sum(row.quantity for row in others if row.status == AllocationStatus.OUT) > asset.capacity:
        raise Conflict("The asset is still out on another loan.", "asset_still_out")
    if left_at < mine.starts_at:
        _check_free(asset, others, Window(start=left_at, end=mine.starts_at), mine.quantity, now)
    await write.run(_MARK_OUT, {"allocation_id": mine.id, "left_at": left_at})


async def release(write: Write, loan_id: UUID) -> None:
    """Release the loan's allocation. Has no effect when it has been released."""
    await write.run(_RELEASE, {"of_loan": loan_id})


async def check_extension(write: Write, asset: Bookable, loan_id: UUID, new_end: datetime, now: datetime) -> UUID:
    """Whether the loan's allocation can be extended until `new_end`; returns the allocation's id.

    Raises Conflict `asset_not_free` when another loan needs the capacity by then, WrongStatus `nothing_held`.
    """
    mine = await _of_loan(write, asset, loan_id)
    further = Window(start=mine.ends_at, end=new_end)
    _check_free(asset, await _others(write, mine, further, now), further, mine.quantity, now)
    allocation_id: UUID = mine.id
    return allocation_id


async def extend(write: Write, asset: Bookable, loan_id: UUID, new_end: datetime, now: datetime) -> None:
    """Extend the loan's allocation until `new_end`. Raises what `check_extension` raises."""
    allocation_id = await check_extension(write, asset, loan_id, new_end, now)
    await write.run(_EXTEND, {"allocation_id": allocation_id, "new_end": new_end})


async def fit_capacity(write: Write, asset: Bookable, capacity: int, now: datetime) -> None:
    """Check that all allocations fit a new capacity, and update the `exclusive` mark.

    Raises Conflict `capacity_committed`.
    """
    if await peak_held(write, asset.id, now) > capacity:
        raise Conflict("More than this quantity is committed to loans.", "capacity_committed")
    await follow_capacity(write, asset, capacity)


async def follow_capacity(write: Write, asset: Bookable, capacity: int) -> None:
    """Set or remove the `exclusive` mark, by which the database refuses overlaps, after a change of capacity.

    It is set while the capacity is 1. After a loss more may be committed than the asset has: allocations that already
    overlap stay without the mark, and are checked at the hand-over.
    """
    await write.run(_MARK_EXCLUSIVE, {"of_asset": asset.id, "is_one": capacity == 1})


async def _of_loan(write: Write, asset: Bookable, loan_id: UUID) -> Row[Any]:
    mine = await write.first(_OF_LOAN, {"loan_id": loan_id})
    if mine is None:
        raise WrongStatus("This loan holds nothing any more.", "nothing_held")
    assert mine.asset_id == asset.id, "the asset that was locked is the loan's"
    return mine


async def _others(write: Write, mine: Row[Any], window: Window, now: datetime) -> list[Row[Any]]:
    return [row for row in await allocations_in(write, mine.asset_id, window, now) if row.id != mine.id]


def _check_free(asset: Bookable, rows: Sequence[Row[Any]], window: Window, quantity: int, now: datetime) -> None:
    blocking = first_conflict(asset.capacity, as_holds(rows, now), (window.start, window.end), quantity)
    if blocking is not None:
        raise Conflict(
            "The asset is committed for part of that time.", "asset_not_free", extra={"blocking": _shown(blocking)}
        )


def _shown(stretch: Stretch) -> dict[str, str | None]:
    start, end = stretch
    return {"start": format_instant(start), "end": None if end is None else format_instant(end)}
