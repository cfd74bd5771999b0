"""Commands that register a package, correct it, and retire it."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import normal_key
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.kernel.words import index_words
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.commands.packaging import change_package, lock_package, store_package
from registry.resources.assets.queries.facts import facts_of
from registry.resources.assets.rules import PackageStatus, ServiceStatus
from registry.resources.packages.queries.getting import as_package, get_package, members_of, package_row, relations
from registry.resources.packages.rules import PackageAction, check_active
from registry.resources.packages.schemas import NewPackage, NewPackageMember, Package, PackagePatch

_FREE_TEXT = ("name", "description")


async def create_package(write: Write, caller: Caller, new: NewPackage) -> Package:
    """Register a package of the caller's agency's assets.

    Raises Conflict for a taken name, WrongStatus for a retired asset, RuleBroken for one that is not the agency's, that
    is named twice, or of which there are not so many.
    """
    permit(caller.principal, Action.PACKAGES_MANAGE, ["own"])
    await write.once()
    await _check_members(write, caller, new.members)
    package_id = new_id()
    await store_package(
        write,
        {
            "id": package_id,
            "agency_id": caller.agency_id,
            "name": new.name,
            "name_key": normal_key(new.name),
            "description": new.description,
            "sharing": new.sharing,
            "status": PackageStatus.ACTIVE,
            "search_text": index_words(new.name, new.description),
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
        _pairs(new.members),
    )
    record(
        write,
        caller,
        EventType.PACKAGE_CREATED,
        subject=("package", package_id, 1),
        agencies=[caller.agency_id],
        data={"sharing": new.sharing, "members": _plain(new.members)},
    )
    return await get_package(write, caller, package_id)


async def update_package(
    write: Write, caller: Caller, package_id: UUID, patch: PackagePatch, expected: Expected
) -> Package:
    """Correct a package: its name, who sees it, which assets are in it. Loans that were made stay as they are.

    Raises StaleVersion, PreconditionMissing, WrongStatus for a retired package, and what `create_package` raises.
    """
    await lock_package(write, package_id)
    row = await package_row(write, caller, package_id)
    permit(caller.principal, Action.PACKAGES_MANAGE, relations(caller.principal, row.agency_id))
    check_version(expected, row.version, required=True)
    check_active(PackageStatus(row.status), PackageAction.UPDATE)
    members = await members_of(write, package_id)
    stated = [NewPackageMember(asset_id=each.asset.id, quantity=each.quantity) for each in members]
    before = {"name": row.name, "description": row.description, "sharing": row.sharing, "members": _plain(stated)}
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    changed = changes({name: before[name] for name in given}, msgspec.to_builtins(given))
    if not changed:
        return as_package(row, members, caller)
    if "members" in changed:
        await _check_members(write, caller, given["members"])
    values = {name: given[name] for name in changed if name != "members"}
    if "name" in changed:
        values["name_key"] = normal_key(given["name"])
    after = {**before, **given}
    values["search_text"] = index_words(after["name"], after["description"])
    version = row.version + 1
    await change_package(
        write,
        package_id,
        {**values, "version": version, "updated_at": caller.now},
        _pairs(given["members"]) if "members" in changed else None,
    )
    record(
        write,
        caller,
        EventType.PACKAGE_UPDATED,
        subject=("package", package_id, version),
        agencies=[row.agency_id],
        data={**changed, **{name: {"changed": True} for name in _FREE_TEXT if name in changed}},
    )
    return await get_package(write, caller, package_id)


async def retire_package(
    write: Write, caller: Caller, package_id: UUID, reason: str, expected: Expected = None
) -> Package:
    """Retire a package for good: its assets stay, and loans that were made of it too. Raises WrongStatus."""
    await lock_package(write, package_id)
    row = await package_row(write, caller, package_id)
    permit(caller.principal, Action.PACKAGES_MANAGE, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    check_active(PackageStatus(row.status), PackageAction.RETIRE)
    version = row.version + 1
    values = {
        "status": PackageStatus.RETIRED,
        "retired_reason": reason,
        "version": version,
        "updated_at": caller.now,
    }
    await change_package(write, package_id, values)
    record(
        write,
        caller,
        EventType.PACKAGE_RETIRED,
        subject=("package", package_id, version),
        agencies=[row.agency_id],
        data={"reason": reason},
    )
    return await get_package(write, caller, package_id)


async def _check_members(write: Write, caller: Caller, members: Sequence[NewPackageMember]) -> None:
    facts = await facts_of(write, [each.asset_id for each in members])
    seen: set[UUID] = set()
    for index, each in enumerate(members):
        found, pointer = facts.get(each.asset_id), f"/members/{index}"
        if found is None or found.agency_id != caller.agency_id:
            raise RuleBroken.at(
                "A package holds assets of its own agency, and there is no such asset of yours.",
                "not_own_asset",
                "no asset of your agency",
                pointer=f"{pointer}/asset_id",
            )
        if each.asset_id in seen:
            raise RuleBroken.at(
                "An asset is in a package once, with its quantity.",
                "member_repeated",
                "named before",
                pointer=f"{pointer}/asset_id",
            )
        seen.add(each.asset_id)
        if found.service_status is ServiceStatus.RETIRED:
            raise WrongStatus.at(
                "A retired asset is lent no more: leave it out.",
                "asset_retired",
                "a retired asset",
                pointer=f"{pointer}/asset_id",
            )
        if each.quantity > found.capacity:
            raise RuleBroken.at(
                f"There are {found.capacity} of this asset.",
                "quantity_over_capacity",
                "more than there are",
                pointer=f"{pointer}/quantity",
            )


def _pairs(members: Sequence[NewPackageMember]) -> list[tuple[UUID, int]]:
    return [(each.asset_id, each.quantity) for each in members]


def _plain(members: Sequence[NewPackageMember]) -> list[dict[str, object]]:
    return [{"asset_id": str(each.asset_id), "quantity": each.quantity} for each in members]
