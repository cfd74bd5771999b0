"""Why packages that are meant are not found: what of them is not free, or which condition stands in the way."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.time import Window
from registry.resources.allocations.queries import free_quantity_in_window
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.schemas.listing import ConditionName, EmptiedBy
from registry.resources.assets.schemas.shown import AssetReference
from registry.resources.assets.tables import asset, package_member
from registry.resources.packages.queries.listing import held_back_of, member_free, package_rows
from registry.resources.packages.rules import HELD_BACK, why_blocked
from registry.resources.packages.schemas import BlockingMember, PackageLeftOut, PackageQuery, PackageSummary

MOST_EXPLAINED = 5
_MOMENT = timedelta(microseconds=1)
Blocked: TypeAlias = tuple[list[BlockingMember], str]
_MOST_COUNTED = 100
_BLOCKING = (
    sa.select(
        package_member.c.package_id,
        package_member.c.quantity,
        asset.c.id,
        asset.c.name,
        asset.c.service_status,
        free_quantity_in_window(asset.c.id, asset.c.capacity).label("free_quantity"),
    )
    .join(asset, asset.c.id == package_member.c.asset_id)
    .where(
        package_member.c.package_id.in_(sa.bindparam("ids", type_=package_member.c.package_id.type, expanding=True)),
        sa.not_(member_free()),
    )
    .order_by(package_member.c.package_id, package_member.c.position)
)


async def packages_left_out(read: Read, caller: Caller, query: PackageQuery) -> list[PackageLeftOut]:
    """The first packages that meet all of a query but its window, and which of their assets are not free in it.

    Then those of which each asset is free, and which their owners hold back. Who sees a package sees every asset in it,
    so that each may be named; why one is out of service is its owner's. Raises RuleBroken.
    """
    if query.available_from is None or query.available_to is None:
        return []
    few = structs.replace(query, cursor=None, limit=MOST_EXPLAINED)
    rows = (await package_rows(read, caller, few, blocked=True))[:MOST_EXPLAINED]
    window = Window(start=query.available_from, end=query.available_to)
    members = await _in_the_way(read, caller, [row.id for row in rows], window)
    left_out = [_left_out(row, members[row.id]) for row in rows]
    free = await package_rows(read, caller, structs.replace(few, limit=_MOST_COUNTED))
    held_back = await held_back_of(read, caller, query, free)
    left_out += [_held_back(row) for row in free if row.id in held_back]
    return left_out[:MOST_EXPLAINED]


async def blocked_now(read: Read, caller: Caller, packages: Sequence[PackageSummary]) -> dict[UUID, Blocked]:
    """Those of these packages of which something cannot be had at this moment, with what, and the same in words."""
    window = Window(start=caller.now, end=caller.now + _MOMENT)
    members = await _in_the_way(read, caller, [package.id for package in packages], window)
    return {each.id: _blocked(each.name, members[each.id]) for each in packages if each.id in members}


async def _in_the_way(
    read: Read, caller: Caller, packages: Sequence[UUID], window: Window
) -> dict[UUID, list[Row[Any]]]:
    """The members that are not free in the window, by their packages."""
    members: dict[UUID, list[Row[Any]]] = defaultdict(list)
    if packages:
        asked = {"ids": [*packages], "start": window.start, "end": window.end, "at": caller.now}
        for each in await read.all_slowly(_BLOCKING, asked):
            members[each.package_id].append(each)
    return members


def _held_back(row: Row[Any]) -> PackageLeftOut:
    agency = AgencyReference(id=row.agency_id, name=row.agency_name)
    return PackageLeftOut(id=row.id, name=row.name, agency=agency, blocked_by=[], said=f"{row.name}: {HELD_BACK}")


def _left_out(row: Row[Any], members: list[Row[Any]]) -> PackageLeftOut:
    blocked_by, said = _blocked(row.name, members)
    agency = AgencyReference(id=row.agency_id, name=row.agency_name)
    return PackageLeftOut(id=row.id, name=row.name, agency=agency, blocked_by=blocked_by, said=said)


def _blocked(name: str, members: Sequence[Row[Any]]) -> Blocked:
    reasons = [why_blocked(ServiceStatus(each.service_status), each.quantity, each.free_quantity) for each in members]
    said = [f"{each.name} {words}" for each, (_, words) in zip(members, reasons, strict=True)]
    blocked_by = [
        BlockingMember(asset=AssetReference(id=each.id, name=each.name), reason=reason)
        for each, (reason, _) in zip(members, reasons, strict=True)
    ]
    return blocked_by, f"{name}: {', '.join(said)}"


async def what_emptied(read: Read, caller: Caller, query: PackageQuery) -> list[EmptiedBy]:
    """What would be found without the window, or without the owner, where one of them alone stands in the way.

    Raises RuleBroken.
    """
    found: list[tuple[ConditionName, int]] = []
    whole = structs.replace(query, cursor=None, limit=_MOST_COUNTED)
    if query.available_from is not None:
        rows = await package_rows(read, caller, structs.replace(whole, available_from=None, available_to=None))
        found.append(("available", len(rows)))
    if query.agency_id is not None:
        found.append(("agency", len(await package_rows(read, caller, structs.replace(whole, agency_id=None)))))
    return [
        EmptiedBy(without=[name], count=min(number, _MOST_COUNTED), or_more=number > _MOST_COUNTED)
        for name, number in found
        if number
    ]
