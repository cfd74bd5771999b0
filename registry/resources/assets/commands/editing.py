"""The command that corrects an asset's record."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.taxonomy.rules import AttributeValue
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, RuleBroken, WrongStatus
from registry.platform.kernel.geo import Location
from registry.platform.kernel.text import normal_key
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes
from registry.platform.ledger.event_types import EventType
from registry.resources.allocations.commands import fit_capacity, follow_turnaround
from registry.resources.allocations.queries import committed_to
from registry.resources.assets.commands.booking import lock, lock_for_booking
from registry.resources.assets.commands.details import (
    check_said,
    home_columns,
    known_category,
    point_columns,
    rate_columns,
    record_change,
    search_text,
    store_edited,
    usable_category,
)
from registry.resources.assets.commands.searchable import keep_searchable
from registry.resources.assets.commands.spelling import drop_words, keep_words
from registry.resources.assets.commands.stating import check_stated, replace_stated
from registry.resources.assets.queries.describing import describe_columns
from registry.resources.assets.queries.getting import asset_row
from registry.resources.assets.queries.packaging import packages_of
from registry.resources.assets.queries.showing import as_asset, as_changed, owner_of
from registry.resources.assets.queries.visibility import relations
from registry.resources.assets.rules import (
    COMMITTED,
    ServiceStatus,
    changed_since,
    check_type_level,
)
from registry.resources.assets.schemas.given import AssetPatch, ServiceAreaPatch
from registry.resources.assets.schemas.shown import Asset, ChangedAsset
from registry.resources.assets.schemas.words import MOST_ATTRIBUTES, Certification, CrewNeed, ServiceArea
from registry.resources.assets.tables import asset
from registry.resources.certificates.queries import check_certificates_fit

_DESCRIBED = (
    asset.update()
    .where(asset.c.id == sa.bindparam("its_id", type_=asset.c.id.type))
    .values(described_at=sa.bindparam("since", type_=asset.c.described_at.type))
)
_LIMITS_PACKAGES = {"capacity", "sharing"}
"""Fewer, or shown to fewer: a package with it may not be had, or not be seen, any more."""
_FREE_TEXT = (
    *("name", "description", "attributes", "home_base", "home_location", "service_area"),
    *("identifiers", "crew", "certifications"),
)


async def update_asset(
    write: Write, caller: Caller, asset_id: UUID, patch: AssetPatch, expected: Expected
) -> ChangedAsset:
    """Correct an asset's record.

    Where a property changes on which borrowers rely, the loans not yet returned are named, and their other side is
    told. Raises StaleVersion, PreconditionMissing, WrongStatus for a retired asset, Conflict when allocations or
    certificates do not allow the change, and what `create_asset` raises.
    """
    await lock(write, asset_id)
    row = await asset_row(write, caller, asset_id)
    permit(caller.principal, Action.ASSETS_UPDATE, relations(caller.principal, row.agency_id))
    check_version(expected, row.version, required=True)
    return await _edit(write, caller, row, patch)


async def move_asset(
    write: Write, caller: Caller, asset_id: UUID, location: Location, expected: Expected = None
) -> ChangedAsset:
    """Say where an asset stands from now on. Raises WrongStatus for a retired asset."""
    await lock(write, asset_id)
    row = await asset_row(write, caller, asset_id)
    permit(caller.principal, Action.ASSETS_MOVE, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    return await _edit(write, caller, row, AssetPatch(location=location))


async def _edit(write: Write, caller: Caller, row: Row[Any], patch: AssetPatch) -> ChangedAsset:
    asset_id: UUID = row.id
    if row.service_status == ServiceStatus.RETIRED:
        raise WrongStatus("A retired asset cannot be edited.", "asset_retired")
    committed = bool(row.committed)  # the asset is locked, so nobody can book it meanwhile
    owner = owner_of(row, caller.now)
    packages = await packages_of(write, caller, row)
    before = _as_stated(row, as_asset(row, caller.principal, owner=owner, committed=committed))
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    stored, stated = msgspec.json.decode(row.attributes), given.get("attributes", {})
    if "attributes" in given:
        given["attributes"] = _merged(stored, stated)
    if given.get("service_area") is not None:
        given["service_area"] = _merged_area(before["service_area"], given["service_area"])
    changed = changes({name: plain(before[name]) for name in given}, plain(given))
    if not changed:
        return as_changed(row, caller.principal, owner=owner, committed=committed, affected=(), packages=packages)
    after = {**{f: before[f] for f in patch.__struct_fields__}, **given}
    if "category" in changed and committed:
        raise Conflict(COMMITTED, "asset_committed")
    kind = (
        await usable_category(write, after["category"], row.agency_id)
        if "category" in changed
        else await known_category(write, after["category"])
    )
    if "category" in changed:
        await check_certificates_fit(write, asset_id, kind.path)
    check_type_level(after["type_level"], kind.levels, "/type_level")
    said = {name: after[name] for name in (*changed, *(("service_area",) if "home_location" in changed else ()))}
    await check_said(write, said, after["home_location"])
    await check_stated(write, kind.code, given.get("attributes", stored) if "category" in changed else stated)
    if "capacity" in changed:
        await fit_capacity(write, await lock_for_booking(write, asset_id), after["capacity"], caller.now)
    if "turnaround_minutes" in changed:
        turnaround = timedelta(minutes=given["turnaround_minutes"])
        await follow_turnaround(write, await lock_for_booking(write, asset_id), turnaround, caller.now)
    values = {name: given[name] for name in changed if name not in ("location", "home_location", "hourly_rate")}
    if "tag" in changed:
        values["tag_key"] = normal_key(given["tag"])
    if "location" in changed:
        values |= point_columns(given["location"])
    if "home_location" in changed:
        values |= home_columns(given["home_location"])
    if "hourly_rate" in changed:
        values |= rate_columns(given["hourly_rate"])
    values["search_text"] = search_text(
        after["name"], after["description"], after["tag"], kind, after["location"], given.get("attributes", stored)
    )
    if "attributes" in changed:
        await replace_stated(write, asset_id, given["attributes"])
    if {"name", "tag"} & changed.keys():
        keep_words(write, after["name"], after["tag"])
        drop_words(write, (before["name"], before["tag"]), (after["name"], after["tag"]), caller.now)
    await keep_searchable(write, asset_id, row.agency_id, after, changed)
    edited = await store_edited(write, caller, row, values)
    relied_on = changed_since(describe_columns(row), describe_columns(edited))
    affected: Sequence[Row[Any]] = ()
    if relied_on:
        await write.run(_DESCRIBED, {"its_id": asset_id, "since": caller.now})
        affected = await committed_to(write, asset_id) if committed else ()
    history = _for_history(changed)
    await record_change(write, caller, EventType.ASSET_UPDATED, row, history, affected, {"changed": relied_on})
    return as_changed(
        edited,
        caller.principal,
        owner=owner,
        committed=committed,
        affected=affected,
        packages=packages,
        packages_affected=bool(_LIMITS_PACKAGES & changed.keys()),
    )


def _as_stated(row: Row[Any], shown: Asset) -> dict[str, Any]:
    """The asset's properties as its owner stated them, and not as they stand today."""
    return {
        **{name: getattr(shown, name) for name in shown.__struct_fields__},
        "service_area": None if row.service_area is None else msgspec.json.decode(row.service_area, type=ServiceArea),
        "certifications": msgspec.json.decode(row.certifications, type=list[Certification]),
        "crew": msgspec.json.decode(row.crew, type=list[CrewNeed]),
        "funding": msgspec.json.decode(row.funding, type=list[str]),
    }


def _merged_area(stored: ServiceArea | None, patch: ServiceAreaPatch) -> ServiceArea:
    said = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    cleared: dict[str, Any] = {
        name: None if name == "within_km" else [] for name, value in said.items() if value is None
    }
    return msgspec.structs.replace(stored or ServiceArea(), **said | cleared)


def _merged(
    stored: Mapping[str, AttributeValue], patch: Mapping[str, AttributeValue | None]
) -> dict[str, AttributeValue]:
    merged = {name: value for name, value in {**stored, **patch}.items() if value is not None}
    if len(merged) > MOST_ATTRIBUTES:
        raise RuleBroken.at(
            f"An asset has at most {MOST_ATTRIBUTES} attributes.",
            "too_many_attributes",
            f"{len(merged)} in all",
            pointer="/attributes",
        )
    return merged


def plain(value: Any) -> Any:
    """The value as it is in JSON, so that stored and new values can be compared and recorded alike."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _for_history(changed: dict[str, object]) -> dict[str, object]:
    """The changes for the ledger: coordinates as text; what may name a person, such as free text, only as changed."""
    changed = {**changed, **{name: {"changed": True} for name in _FREE_TEXT if name in changed}}
    if "location" not in changed:
        return changed
    text = {
        side: None if point is None else {name: repr(degrees) for name, degrees in point.items()}
        for side, point in plain(changed["location"]).items()
    }
    return {**changed, "location": text}
