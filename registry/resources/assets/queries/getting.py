"""Queries about one asset, as its caller may see it; each statement has the criterion of `visibility`."""

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import NotFound
from registry.resources.allocations.queries import live, of_loans
from registry.resources.allocations.tables import allocation
from registry.resources.assets.queries.columns import OWNER_ZONE, SHOWN
from registry.resources.assets.queries.packaging import packages_of
from registry.resources.assets.queries.showing import as_asset, owner_of
from registry.resources.assets.queries.visibility import VIEWER, visible_to
from registry.resources.assets.schemas.shown import Asset
from registry.resources.assets.tables import asset, package_member
from registry.resources.rates.queries import hourly_rates_of

_committed = (
    sa.select(sa.literal(1)).where(allocation.c.asset_id == asset.c.id, of_loans(), live()).correlate(asset).exists()
)
_owner_name = sa.select(agency.c.name).where(agency.c.id == asset.c.agency_id).correlate(asset).scalar_subquery()
_borrowed = (
    sa.select(sa.literal(1))
    .where(allocation.c.asset_id == asset.c.id, of_loans(), live(), allocation.c.requesting_agency_id == VIEWER)
    .correlate(asset)
    .exists()
)
_GET = sa.select(
    *SHOWN,
    _owner_name.label("agency_name"),
    OWNER_ZONE.label("time_zone"),
    _borrowed.label("borrowed"),
    hourly_rates_of(asset.c.id).label("hourly_rates"),
    sa.and_(asset.c.agency_id == VIEWER, _committed).label("committed"),
    sa.select(sa.literal(1))
    .where(package_member.c.asset_id == asset.c.id)
    .correlate(asset)
    .exists()
    .label("in_package"),
).where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type), visible_to())


async def asset_row(read: Read, caller: Caller, asset_id: UUID) -> Row[Any]:
    """The row, if the caller may see it; for an asset of its own, with whether it is committed. Raises NotFound."""
    rows = await read.fast(_GET, {"id": asset_id, "viewer": caller.agency_id, "at": caller.now})
    if not rows:
        raise NotFound("asset")
    return rows[0]


async def get_asset(read: Read, caller: Caller, asset_id: UUID, as_of: date | None = None) -> Asset:
    """One asset as this caller may see it, its certifications as of a day: today, unless one is given.

    Raises NotFound.
    """
    row = await asset_row(read, caller, asset_id)
    owner = owner_of(row, caller.now)
    if as_of is not None:
        owner = msgspec.structs.replace(owner, today=as_of)
    return as_asset(
        row,
        caller.principal,
        owner=owner,
        committed=bool(row.committed),
        borrowed=bool(row.borrowed),
        packages=await packages_of(read, caller, row),
    )
