"""Queries about allocations, and whether an asset is free."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.time import EARLIEST, LATEST, Window
from registry.resources.allocations.occupancy import Hold, free_quantity
from registry.resources.allocations.rules import AllocationStatus
from registry.resources.allocations.tables import allocation

_LIVE: list[sa.ColumnElement[str]] = [
    sa.literal_column(f"'{status}'") for status in (AllocationStatus.HELD, AllocationStatus.OUT)
]


def live(held: sa.FromClause = allocation) -> sa.ColumnElement[bool]:
    """Allocations that are not released.

    The statuses are constants of the statement rather than expanded parameters.
    """
    return held.c.status.in_(_LIVE)


_NOW = sa.bindparam("now", type_=allocation.c.starts_at.type)
_HOLDS = sa.select(
    allocation.c.id, allocation.c.quantity, allocation.c.status, allocation.c.starts_at, allocation.c.ends_at
).where(
    allocation.c.asset_id == sa.bindparam("asset_id", type_=allocation.c.asset_id.type),
    live(),
    allocation.c.starts_at < sa.bindparam("end", type_=allocation.c.ends_at.type),
    sa.or_(
        allocation.c.ends_at > sa.bindparam("start", type_=allocation.c.starts_at.type),
        sa.and_(allocation.c.status == AllocationStatus.OUT.value, allocation.c.ends_at <= _NOW),
    ),
)


def free_in_window(asset_id: sa.Column[UUID], capacity: sa.Column[int]) -> sa.ColumnElement[bool]:
    """A criterion: `quantity` of the asset is free throughout [`start`, `end`), as known at `at`.

    Exact for any capacity. `asset_id` and `capacity` are columns of the enclosing statement. The quantity held can only
    increase where a hold begins, so the sum is computed there and at the window's start. An asset that is out past its
    end is held without end. For an exclusive asset any hold decides.
    """
    one, other = allocation.alias("one"), allocation.alias("other")
    start, end = (sa.bindparam(name, type_=allocation.c.starts_at.type) for name in ("start", "end"))
    level = (
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
    quantity = sa.bindparam("quantity", type_=sa.Integer)
    overfull = (
        sa.select(sa.literal(1))
        .where(
            one.c.asset_id == asset_id,
            live(one),
            one.c.starts_at < end,
            _holds_past(one, start),
            sa.or_(capacity == 1, level + quantity > capacity),
        )
        .correlate(asset_id.table)
        .exists()
    )
    return sa.and_(capacity >= quantity, ~overfull)


def _holds_past(held: sa.FromClause, *instants: Any) -> sa.ColumnElement[bool]:
    at = sa.bindparam("at", type_=allocation.c.starts_at.type)
    return sa.or_(
        sa.and_(*(held.c.ends_at > instant for instant in instants)),
        sa.and_(held.c.status == AllocationStatus.OUT.value, held.c.ends_at <= at),
    )


async def allocations_in(read: Read, asset_id: UUID, window: Window, now: datetime) -> Rows:
    """The allocations of an asset that overlap the window, including those that are out past their end."""
    return await read.fast(_HOLDS, {"asset_id": asset_id, "start": window.start, "end": window.end, "now": now})


def as_holds(rows: Iterable[Row[Any]], now: datetime) -> list[Hold]:
    """The rows as holds; an asset that is out past its end is held without end."""
    return [
        (
            row.starts_at,
            None if row.status == AllocationStatus.OUT and row.ends_at <= now else row.ends_at,
            row.quantity,
        )
        for row in rows
    ]


async def holds_in(read: Read, asset_id: UUID, window: Window, now: datetime) -> list[Hold]:
    """The holds of an asset that overlap the window; an asset that is out past its end is held without end."""
    return as_holds(await allocations_in(read, asset_id, window, now), now)


async def peak_held(read: Read, asset_id: UUID, now: datetime) -> int:
    """The largest quantity held at one time from `now` on, including what is out past its end."""
    rows = await allocations_in(read, asset_id, Window(start=EARLIEST, end=LATEST), now)
    holds = [hold for hold in as_holds(rows, now) if hold[1] is None or hold[1] > now]
    return -free_quantity(0, holds, (EARLIEST, LATEST))
