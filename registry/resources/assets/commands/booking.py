"""The locks under which an asset is edited or booked."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import NotFound
from registry.resources.allocations.rules import Bookable, Stock
from registry.resources.assets.queries.facts import weeks_in
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.tables import asset
from registry.resources.minimums.queries import has_minimums

_LOCK = (
    sa.select(asset.c.id).where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type)).with_for_update(key_share=True)
)


_ITS = asset.update().where(asset.c.id == sa.bindparam("its_id", type_=asset.c.id.type))
_BOOKED_BY = (
    asset.c.capacity,
    asset.c.service_status,
    asset.c.service_reason,
    asset.c.turnaround_minutes,
    asset.c.version,
    weeks_in(asset.c.category, asset.c.agency_id).label("weeks_in"),
    has_minimums(asset.c.agency_id, asset.c.category).label("has_minimums"),
)
_TOUCH = _ITS.values(allocation_version=asset.c.allocation_version + 1).returning(*_BOOKED_BY)
_READ = sa.select(*_BOOKED_BY).where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type))


async def lock(write: Write, asset_id: UUID) -> None:
    """Lock the asset against edits and bookings until the end of the transaction. Raises NotFound.

    It is a statement of its own, so that the next statement sees what the transaction it waited for has committed.
    """
    if await write.value(_LOCK, {"id": asset_id}) is None:
        raise NotFound("asset")


async def lock_for_booking(write: Write, asset_id: UUID) -> Bookable:
    """As `lock`, for booking; only this creates a `Bookable`. Raises NotFound."""
    return bookable(asset_id, await lock_row(write, asset_id))


async def lock_row(write: Write, asset_id: UUID) -> Row[Any]:
    """Lock the asset for booking, and return what a `Bookable` is made of. Raises NotFound."""
    rows = await write.run_returning(_TOUCH, {"its_id": asset_id})
    if not rows:
        raise NotFound("asset")
    return rows[0]


def bookable(asset_id: UUID, row: Row[Any]) -> Bookable:
    """The proof that the asset of this row, from `lock_row`, is locked."""
    return Bookable(id=asset_id, **_booked_by(row))


async def stock_of(read: Read, asset_id: UUID) -> Stock:
    """How the asset is booked, for an answer before the act: nothing is locked. Raises NotFound."""
    rows = await read.all(_READ, {"id": asset_id})
    if not rows:
        raise NotFound("asset")
    return Stock(id=asset_id, **_booked_by(rows[0]))


def _booked_by(row: Row[Any]) -> dict[str, Any]:
    return {
        "capacity": row.capacity,
        "in_service": row.service_status == ServiceStatus.IN_SERVICE,
        "turnaround": timedelta(minutes=0 if row.weeks_in else row.turnaround_minutes),
        "weeks_in": row.weeks_in,
        "has_minimums": bool(row.has_minimums),
    }
