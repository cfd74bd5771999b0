"""The command that registers an asset."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import normal_key
from registry.platform.kernel.time import civil_day
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.commands.details import (
    AssetCategory,
    check_said,
    home_columns,
    point_columns,
    rate_columns,
    search_text,
    usable_category,
)
from registry.resources.assets.commands.searchable import keep_searchable
from registry.resources.assets.commands.spelling import keep_words
from registry.resources.assets.commands.stating import check_stated, keep_stated
from registry.resources.assets.queries.columns import SHOWN
from registry.resources.assets.queries.showing import Owner, as_asset
from registry.resources.assets.rules import (
    ServiceStatus,
    check_type_level,
    needs_certification,
)
from registry.resources.assets.schemas.given import NewAsset
from registry.resources.assets.schemas.shown import Asset
from registry.resources.assets.tables import asset

_INSERT = asset.insert()
_INSERT_SHOWN = _INSERT.returning(
    *SHOWN,
    *(
        sa.select(agency.c[name])
        .where(agency.c.id == sa.bindparam("owner_id", type_=agency.c.id.type))
        .scalar_subquery()
        .label(label)
        for name, label in (("name", "agency_name"), ("time_zone", "time_zone"))
    ),
)


async def create_asset(write: Write, caller: Caller, new: NewAsset) -> Asset:
    """Register an asset of the caller's agency.

    Raises Conflict for a taken tag or identifier, RuleBroken for an unknown category, a level that its type does not
    have, attributes that are not as the category defines them, and what `check_said` raises.
    """
    columns, said = await _checked(write, caller, new)
    (row,) = await write.run_returning(_INSERT_SHOWN, {**columns, "owner_id": caller.agency_id})
    await _keep(write, caller, new, columns, said)
    owner = Owner(name=row.agency_name, today=civil_day(caller.now, row.time_zone or "UTC"))
    return as_asset(row, caller.principal, owner=owner, committed=False)


async def enter_asset(write: Write, caller: Caller, new: NewAsset) -> UUID:
    """As `create_asset`, for many assets of which nobody is shown the record; the id."""
    columns, said = await _checked(write, caller, new)
    await write.run_fast(_INSERT, columns)
    await _keep(write, caller, new, columns, said)
    asset_id: UUID = columns["id"]
    return asset_id


async def _checked(write: Write, caller: Caller, new: NewAsset) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns of the new asset, and its properties by name."""
    permit(caller.principal, Action.ASSETS_CREATE, ["own"])
    await write.once()
    kind = await usable_category(write, new.category, caller.agency_id)
    check_type_level(new.type_level, kind.levels, "/type_level")
    said = {name: getattr(new, name) for name in new.__struct_fields__}
    await check_said(write, said, new.home_location)
    await check_stated(write, kind.code, new.attributes)
    return asset_columns(new_id(), caller.agency_id, new, kind, caller.now), said


async def _keep(
    write: Write, caller: Caller, new: NewAsset, columns: Mapping[str, Any], said: Mapping[str, Any]
) -> None:
    """What else is kept of a new asset: for search, and in its history."""
    asset_id: UUID = columns["id"]
    keep_stated(write, asset_id, new.attributes)
    keep_words(write, new.name, columns["tag"])
    await keep_searchable(write, asset_id, caller.agency_id, said)
    record(
        write,
        caller,
        EventType.ASSET_CREATED,
        subject=("asset", asset_id, 1),
        agencies=[caller.agency_id],
        data={"category": new.category, "tag": columns["tag"], "sharing": new.sharing, "capacity": new.capacity},
    )


def asset_columns(asset_id: UUID, agency_id: UUID, new: NewAsset, kind: AssetCategory, now: datetime) -> dict[str, Any]:
    """The row of a new asset, with what follows from what is said of it. `kind` is its category."""
    tag = new.tag or f"A-{asset_id.hex[-12:].upper()}"
    required = new.certification_required
    return {
        "id": asset_id,
        "agency_id": agency_id,
        "category": new.category,
        "name": new.name,
        "description": new.description,
        "tag": tag,
        "tag_key": normal_key(tag),
        "type_level": new.type_level,
        "capacity": new.capacity,
        "sharing": new.sharing,
        "service_status": ServiceStatus.IN_SERVICE,
        "service_changed_at": now,
        "described_at": now,
        **point_columns(new.location),
        "home_base": new.home_base,
        **home_columns(new.home_location),
        "service_area": new.service_area,
        "identifiers": new.identifiers,
        "condition": new.condition,
        "crew": new.crew,
        "mobilisation_minutes": new.mobilisation_minutes,
        "turnaround_minutes": new.turnaround_minutes,
        **rate_columns(new.hourly_rate),
        "funding": new.funding,
        "certification_required": needs_certification(kind.path) if required is None else required,
        "certifications": new.certifications,
        "attributes": new.attributes,
        "search_text": search_text(new.name, new.description, tag, kind, new.location, new.attributes),
        "allocation_version": 0,
        "public_changes": 1,
        "public_updated_at": now,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
