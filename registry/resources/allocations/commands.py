"""Allocation of a quantity of an asset to a loan, so that the same capacity is never committed twice.

Each function takes the asset as `Bookable`, which exists only while its row is locked: any other transaction that wants
the asset waits until this one ends. The other allocations are read after the lock, so the result cannot change between
check and insert. A transaction that allocates several assets must lock them in the order of their ids, to avoid
deadlocks. Constraints of the database forbid overlaps as well.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Conflict, WrongStatus
from registry.platform.kernel.time import EARLIEST, LATEST, Window, format_instant
from registry.resources.allocations.occupancy import Stretch, conflicts, first_conflict
from registry.resources.allocations.queries import (
    allocations_in,
    as_holds,
    in_the_way,
    live,
    meets,
    of_loans,
    peak_held,
    unavailable_for,
)
from registry.resources.allocations.rules import (
    AllocationKind,
    AllocationStatus,
    Assessment,
    Bookable,
    Stock,
    slots_short,
    why_held,
    why_too_few,
)
from registry.resources.allocations.tables import allocation

TICK = timedelta(microseconds=1)
_MOST_WEEKS = 8
_INSERT = allocation.insert()
_OF_LOAN = sa.select(
    *(allocation.c[name] for name in ("id", "asset_id", "quantity", "status", "starts_at", "ends_at", "free_at"))
).where(allocation.c.loan_id == sa.bindparam("loan_id", type_=allocation.c.loan_id.type), of_loans(), live())
_ONE = allocation.update().where(allocation.c.id == sa.bindparam("allocation_id", type_=allocation.c.id.type))
_MARK_OUT = _ONE.values(
    status=AllocationStatus.OUT.value,
    starts_at=sa.bindparam("left_at", type_=allocation.c.starts_at.type),
    blocks_from_at=sa.bindparam("left_from", type_=allocation.c.starts_at.type),
)
_EXTEND = _ONE.values(
    ends_at=sa.bindparam("new_end", type_=allocation.c.ends_at.type),
    free_at=sa.bindparam("new_free", type_=allocation.c.ends_at.type),
)
_FREE = _ONE.values(
    status=AllocationStatus.RELEASED.value,
    released_at=sa.bindparam("freed_at", type_=allocation.c.released_at.type),
    version=allocation.c.version + 1,
)
_MOVE_BLOCK = _ONE.values(blocks_from_at=sa.bindparam("blocks_from", type_=allocation.c.ends_at.type))
_ASSESS = _ONE.values(assessment=sa.bindparam("assessed", type_=sa.Text), version=allocation.c.version + 1)
_FOLLOW_WHOLE = (
    allocation.update()
    .where(
        allocation.c.asset_id == sa.bindparam("of_asset", type_=allocation.c.asset_id.type),
        allocation.c.whole,
        live(),  # what is released says what was taken then
    )
    .values(quantity=sa.bindparam("all_of_it", type_=sa.Integer))
)
_RELEASE = (
    allocation.update()
    .where(allocation.c.loan_id == sa.bindparam("of_loan", type_=allocation.c.loan_id.type), of_loans(), live())
    .values(status=AllocationStatus.RELEASED.value)
)
_CHANGE_QUANTITY = (
    allocation.update()
    .where(allocation.c.loan_id == sa.bindparam("of_loan", type_=allocation.c.loan_id.type), of_loans(), live())
    .values(quantity=allocation.c.quantity + sa.bindparam("change", type_=sa.Integer))
)
_TAKE_AGAIN = (
    allocation.update()
    .where(
        allocation.c.loan_id == sa.bindparam("of_loan", type_=allocation.c.loan_id.type), of_loans(), sa.not_(live())
    )
    .values(status=AllocationStatus.OUT.value, quantity=sa.bindparam("how_many", type_=sa.Integer), exclusive=False)
)
_HOLD_AGAIN = (
    allocation.update()
    .where(
        allocation.c.loan_id == sa.bindparam("of_loan", type_=allocation.c.loan_id.type), of_loans(), sa.not_(live())
    )
    .values(
        status=AllocationStatus.HELD.value,
        quantity=sa.bindparam("how_many", type_=sa.Integer),
        exclusive=sa.bindparam("is_one", type_=sa.Boolean),
    )
)
_other = allocation.alias("other")
_overlapped = (
    sa.select(sa.literal(1))
    .where(
        _other.c.asset_id == allocation.c.asset_id,
        _other.c.id != allocation.c.id,
        live(_other),
        _other.c.starts_at < allocation.c.free_at,
        _other.c.free_at > allocation.c.starts_at,
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
    """Reserve a quantity for a loan's window, and until the asset is ready again after it.

    Raises Conflict `asset_not_free` with the first blocking interval, WrongStatus `asset_not_in_service`.
    """
    if not asset.in_service:
        raise WrongStatus("The asset is not in service and cannot be committed.", "asset_not_in_service")
    needed = asset.with_turnaround(window)
    _check_free(asset, await allocations_in(write, asset.id, needed, now), needed, quantity, now)
    await write.run_fast(
        _INSERT,
        {
            "id": allocation_id,
            "asset_id": asset.id,
            "kind": AllocationKind.LOAN.value,
            "loan_id": loan_id,
            "quantity": quantity,
            "exclusive": asset.capacity == 1,
            "whole": False,
            "status": AllocationStatus.HELD.value,
            "starts_at": needed.start,
            "ends_at": asset.held(window).end,
            "blocks_from_at": asset.blocks_from(needed.start),
            "free_at": needed.end,
            "created_at": now,
            "requesting_agency_id": requesting_agency_id,
            "assisting_agency_id": assisting_agency_id,
        },
    )


async def mark_out(write: Write, asset: Bookable, loan_id: UUID, now: datetime) -> None:
    """Mark the loan's allocation as out. If the asset leaves early, the allocation starts now.

    Raises what `check_leaving` raises.
    """
    mine, left_at = await check_leaving(write, asset, loan_id, now)
    await write.run(_MARK_OUT, {"allocation_id": mine.id, "left_at": left_at, "left_from": asset.blocks_from(left_at)})


async def check_leaving(read: Read, asset: Stock, loan_id: UUID, now: datetime) -> tuple[Row[Any], datetime]:
    """Whether what the loan holds can leave now; returns its allocation, and from when on it is away.

    Raises Conflict `fewer_than_promised` when some were lost since, `asset_still_out` while another loan has it,
    `asset_not_free` when leaving early would take what is reserved for another loan until then, `asset_unavailable`
    when it cannot be had for part of the time, and WrongStatus `nothing_held`.
    """
    mine = await _of_loan(read, asset, loan_id)
    left_at = min(mine.starts_at, asset.held(Window(start=now, end=now + TICK)).start)
    if mine.quantity > asset.capacity:
        raise Conflict(why_too_few(asset.capacity, mine.quantity), "fewer_than_promised")
    others = await _others(read, mine, Window(start=left_at, end=mine.ends_at), now)
    if mine.quantity + sum(row.quantity for row in others if row.status == AllocationStatus.OUT) > asset.capacity:
        raise Conflict("The asset is still out on another loan.", "asset_still_out")
    if left_at < mine.starts_at:
        _check_free(asset, others, Window(start=left_at, end=mine.starts_at), mine.quantity, now)
    blocked = unavailable_for(
        asset.capacity, others, mine.quantity, Window(start=now, end=max(mine.ends_at, now + TICK)), now
    )
    if blocked is not None:
        raise Conflict(
            "The asset cannot be had for part of that time.", "asset_unavailable", extra={"blocking": _shown(blocked)}
        )
    return mine, left_at


async def release(write: Write, loan_id: UUID) -> None:
    """Release the loan's allocation. Has no effect when it has been released."""
    await write.run(_RELEASE, {"of_loan": loan_id})


async def hold_again(
    write: Write, asset: Bookable, loan_id: UUID, quantity: int, window: Window, now: datetime
) -> None:
    """Reserve for a loan again what was released, as `allocate` does; raises what that raises."""
    if not asset.in_service:
        raise WrongStatus("The asset is not in service and cannot be committed.", "asset_not_in_service")
    needed = asset.with_turnaround(window)
    _check_free(asset, await allocations_in(write, asset.id, needed, now), needed, quantity, now)
    await write.run(_HOLD_AGAIN, {"of_loan": loan_id, "how_many": quantity, "is_one": asset.capacity == 1})


async def hold_less(write: Write, loan_id: UUID, quantity: int) -> None:
    """Take a part of what the loan holds off its allocation."""
    await write.run(_CHANGE_QUANTITY, {"of_loan": loan_id, "change": -quantity})


async def hold_more(write: Write, loan_id: UUID, quantity: int) -> None:
    """Add what is out after all to the loan's allocation; one that was released is out again.

    Nothing is checked: it is there, whatever was promised meanwhile. Call `follow_capacity` afterwards.
    """
    if await write.first(_OF_LOAN, {"loan_id": loan_id}) is None:
        await write.run(_TAKE_AGAIN, {"of_loan": loan_id, "how_many": quantity})
    else:
        await write.run(_CHANGE_QUANTITY, {"of_loan": loan_id, "change": quantity})


async def check_extension(write: Write, asset: Bookable, loan_id: UUID, new_end: datetime, now: datetime) -> UUID:
    """Whether the loan's allocation can be extended until `new_end`; returns the allocation's id.

    Raises Conflict `asset_not_free` when another loan needs the capacity by then, WrongStatus `nothing_held`.
    """
    mine = await _of_loan(write, asset, loan_id)
    later = asset.held(Window(start=mine.starts_at, end=new_end)).end
    if later > mine.ends_at:  # of a laboratory, the week that is held already may be enough
        further = Window(start=mine.ends_at, end=min(later + asset.turnaround, LATEST))
        _check_free(asset, await _others(write, mine, further, now), further, mine.quantity, now)
    allocation_id: UUID = mine.id
    return allocation_id


async def extend(write: Write, asset: Bookable, loan_id: UUID, new_end: datetime, now: datetime) -> None:
    """Extend the loan's allocation until `new_end`. Raises what `check_extension` raises."""
    allocation_id = await check_extension(write, asset, loan_id, new_end, now)
    held = asset.held(Window(start=new_end - TICK, end=new_end))
    new_free = min(held.end + asset.turnaround, LATEST)
    await write.run(_EXTEND, {"allocation_id": allocation_id, "new_end": held.end, "new_free": new_free})


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
    await write.run(_FOLLOW_WHOLE, {"of_asset": asset.id, "all_of_it": capacity})
    await write.run(_MARK_EXCLUSIVE, {"of_asset": asset.id, "is_one": capacity == 1})


async def follow_turnaround(write: Write, asset: Bookable, turnaround: timedelta, now: datetime) -> None:
    """Keep a new turnaround before what is held already; loans made so far keep the turnaround that follows them."""
    held = await allocations_in(write, asset.id, Window(start=EARLIEST, end=LATEST), now)
    if held:  # all in one round trip; SQLite has no arithmetic of instants
        await write.run(
            _MOVE_BLOCK, [{"allocation_id": row.id, "blocks_from": row.starts_at - turnaround} for row in held]
        )


async def hold(
    write: Write,
    asset: Bookable,
    *,
    allocation_id: UUID,
    kind: AllocationKind,
    quantity: int | None,
    window: Window,
    owner_id: UUID,
    now: datetime,
    reason: str | None = None,
    recorded_by: str | None = None,
    loan_id: UUID | None = None,
) -> list[Row[Any]]:
    """Hold a quantity, or all of it, for something else than a loan; returns the loans that then have too little.

    It is held whatever is reserved already: who asks has to know of those loans, or must not be refused.
    """
    window = asset.held(window)
    rows = await allocations_in(write, asset.id, window, now)
    wanted = asset.capacity if quantity is None else quantity
    short = list(conflicts(asset.capacity, as_holds(rows, now), (window.start, window.end), wanted))
    await write.run_fast(
        _INSERT,
        {
            "id": allocation_id,
            "asset_id": asset.id,
            "kind": kind.value,
            "loan_id": loan_id,
            "quantity": wanted,
            "exclusive": asset.capacity == 1 and not rows,
            "whole": quantity is None,
            "status": AllocationStatus.HELD.value,
            "starts_at": window.start,
            "ends_at": window.end,
            "blocks_from_at": asset.blocks_from(window.start),
            "free_at": window.end,
            "assisting_agency_id": owner_id,
            "reason": reason,
            "recorded_by": recorded_by,
            "created_at": now,
        },
    )
    return [row for row in rows if row.kind == AllocationKind.LOAN and any(meets(row, stretch) for stretch in short)]


async def free(write: Write, allocation_id: UUID, now: datetime) -> None:
    """End what is not a loan: the asset can be had again."""
    await write.run(_FREE, {"allocation_id": allocation_id, "freed_at": now})


async def assess(write: Write, allocation_id: UUID, assessment: Assessment) -> None:
    """Keep the owner's word about what came back damaged."""
    await write.run(_ASSESS, {"allocation_id": allocation_id, "assessed": assessment.value})


async def _of_loan(read: Read, asset: Stock, loan_id: UUID) -> Row[Any]:
    mine = await read.first(_OF_LOAN, {"loan_id": loan_id})
    if mine is None:
        raise WrongStatus("This loan holds nothing any more.", "nothing_held")
    assert mine.asset_id == asset.id, "the asset that was locked is the loan's"
    return mine


async def _others(read: Read, mine: Row[Any], window: Window, now: datetime) -> list[Row[Any]]:
    return [row for row in await allocations_in(read, mine.asset_id, window, now) if row.id != mine.id]


def _check_free(asset: Stock, rows: Sequence[Row[Any]], window: Window, quantity: int, now: datetime) -> None:
    holds = as_holds(rows, now)
    blocking = first_conflict(asset.capacity, holds, (window.start, window.end), quantity)
    if blocking is not None:
        words = why_held(row.kind for row in in_the_way(asset.capacity, rows, quantity, window, now))
        short = [] if asset.weeks_in is None else slots_short(asset.capacity, holds, window, asset.weeks_in, quantity)
        if short:
            weeks = ", ".join(f"{left} in week {week}" for week, left in short[:_MOST_WEEKS])
            words = f"The laboratory does not have {quantity} slots free in each of these weeks: {weeks}."
        raise Conflict(words, "asset_not_free", extra={"blocking": _shown(blocking)})


def _shown(stretch: Stretch) -> dict[str, str | None]:
    start, end = stretch
    return {"start": format_instant(start), "end": None if end is None else format_instant(end)}
