"""The rows of packages: stored, changed, and which assets belong to them. Their rules are in their own room."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound
from registry.resources.assets.tables import package, package_member

_INSERT = package.insert()
_INSERT_MEMBER = package_member.insert()
_ITS = package.update().where(package.c.id == sa.bindparam("its_id", type_=package.c.id.type))
_FORGET = package_member.delete().where(
    package_member.c.package_id == sa.bindparam("its_id", type_=package_member.c.package_id.type)
)
_LOCK = (
    sa.select(package.c.id)
    .where(package.c.id == sa.bindparam("id", type_=package.c.id.type))
    .with_for_update(key_share=True)
)


async def lock_package(write: Write, package_id: UUID) -> None:
    """Lock a package against edits and reservations until the end of the transaction. Raises NotFound.

    It is locked before its assets.
    """
    if await write.value(_LOCK, {"id": package_id}) is None:
        raise NotFound("package")


async def store_package(write: Write, values: Mapping[str, object], members: Sequence[tuple[UUID, int]]) -> None:
    """Store a new package with its members: each an asset, and how many of it. Raises Conflict for a taken name."""
    await write.run(_INSERT, values)
    await _store_members(write, values["id"], members)


async def change_package(
    write: Write, package_id: UUID, values: Mapping[str, Any], members: Sequence[tuple[UUID, int]] | None = None
) -> None:
    """Store the package's next version with these values, and with these members where they are given.

    Raises Conflict for a taken name.
    """
    await write.run(_ITS.values(**values), {"its_id": package_id})
    if members is not None:
        await write.run(_FORGET, {"its_id": package_id})
        await _store_members(write, package_id, members)


async def _store_members(write: Write, package_id: object, members: Sequence[tuple[UUID, int]]) -> None:
    rows = [
        {"package_id": package_id, "asset_id": asset_id, "position": position, "quantity": quantity}
        for position, (asset_id, quantity) in enumerate(members)
    ]
    await write.run(_INSERT_MEMBER, rows)
