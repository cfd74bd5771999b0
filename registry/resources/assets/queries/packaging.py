"""Which packages an asset is in. Packages themselves are in their own room."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.resources.assets.queries.visibility import package_visible
from registry.resources.assets.rules import PackageStatus
from registry.resources.assets.schemas.shown import PackageReference
from registry.resources.assets.tables import package, package_member

MOST_PACKAGES = 100
_WITH_ASSET = (
    sa.select(package.c.id, package.c.name)
    .join(package_member, package_member.c.package_id == package.c.id)
    .where(
        package_member.c.asset_id == sa.bindparam("asset_id", type_=package_member.c.asset_id.type),
        package.c.status == PackageStatus.ACTIVE.value,
        package_visible(),
    )
    .order_by(package.c.id)
    .limit(MOST_PACKAGES)
)


async def packages_of(read: Read, caller: Caller, row: Row[Any]) -> list[PackageReference]:
    """The packages with the asset of a row of `asset_row` that the caller sees, the oldest first; retired ones not."""
    if not row.in_package:
        return []
    found = await read.all(_WITH_ASSET, {"asset_id": row.id, "viewer": caller.agency_id, "at": caller.now})
    return [PackageReference(id=each.id, name=each.name) for each in found]
