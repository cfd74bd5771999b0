"""Everything that changes an asset; and, for loans, the committing of its units."""

from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.access.permissions import Action, permit
from registry.access.principals import Caller
from registry.agencies.schemas import Location
from registry.assets.allocations import allocate, extend_allocation, hold_still, live, mark_out, peak_held, release
from registry.assets.queries import as_asset, asset_row, relations
from registry.assets.rules import (
    COMMITTED,
    ROOT_CATEGORY,
    AssetAction,
    ServiceState,
    advance,
    check_certification_dates,
    check_type_level,
    needs_certification,
)
from registry.assets.schemas import MOST_ATTRIBUTES, Asset, AssetPatch, Certification, NewAsset
from registry.assets.tables import allocation, asset
from registry.database.handles import Write
from registry.database.search import cell_token
from registry.kernel.errors import Conflict, Fault, RuleBroken, WrongState
from registry.kernel.geo import cell_of
from registry.kernel.ids import new_id
from registry.kernel.money import Money
from registry.kernel.text import tokens
from registry.kernel.versions import Expected, check_version
from registry.ledger.commands import changes, record
from registry.taxonomy.tables import category, category_closure

__all__ = [
    "allocate",
    "change_service_state",
    "create_asset",
    "extend_allocation",
    "mark_out",
    "release",
    "update_asset",
]

_INSERT = asset.insert()
_CATEGORY_PATH = (
    sa.select(category.c.code, category.c.name, category.c.aliases, category.c.types)
    .select_from(category_closure.join(category, category.c.code == category_closure.c.ancestor))
    .where(category_closure.c.descendant == sa.bindparam("category", type_=sa.Text))
)
_MARK_EXCLUSIVE = (
    allocation.update()
    .where(
        allocation.c.asset_id == sa.bindparam("of_asset", type_=asset.c.id.type),
        live(),
    )
    .values(exclusive=sa.bindparam("exclusive_now", type_=sa.Boolean))
)
_FREE_TEXT = ("name", "description", "attributes")
_EVENT = {
    AssetAction.TAKE_OUT_OF_SERVICE: "asset.taken_out_of_service",
    AssetAction.RETURN_TO_SERVICE: "asset.returned_to_service",
    AssetAction.RETIRE: "asset.retired",
}


class _Category(msgspec.Struct, kw_only=True, frozen=True):
    path: frozenset[str]
    words: str
    levels: frozenset[int]


async def create_asset(write: Write, caller: Caller, new: NewAsset) -> Asset:
    """Register an asset of the caller's agency.

    Raises Conflict for a taken tag, RuleBroken for an unknown category, a level its typing does not have, or a
    certification that lapses before it is issued.
    """
    permit(caller.principal, Action.ASSETS_CREATE, ["own"])
    await write.once()
    kind = await _known_category(write, new.category)
    check_type_level(new.type_level, kind.levels, "/type_level")
    _check_certifications(new.certifications)
    asset_id = new_id()
    tag = new.tag or f"A-{asset_id.hex[-12:].upper()}"
    required = new.certification_required
    await write.run_fast(
        _INSERT,
        {
            "id": asset_id,
            "agency_id": caller.agency_id,
            "category": new.category,
            "name": new.name,
            "description": new.description,
            "tag": tag,
            "type_level": new.type_level,
            "capacity": new.capacity,
            "sharing": new.sharing,
            "service_state": ServiceState.IN_SERVICE,
            **_point(new.location),
            "mobilisation_minutes": new.mobilisation_minutes,
            **_rate(new.hourly_rate),
            "funding": new.funding,
            "certification_required": needs_certification(kind.path) if required is None else required,
            "certifications": new.certifications,
            "attributes": new.attributes,
            "search_text": _search_text(new.name, new.description, tag, kind, new.location),
            "allocation_version": 0,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    await record(
        write,
        caller,
        "asset.created",
        subject=("asset", asset_id, 1),
        agencies=[caller.agency_id],
        data={"category": new.category, "tag": tag, "sharing": new.sharing, "capacity": new.capacity},
    )
    return as_asset(await asset_row(write, caller, asset_id), caller.principal)


async def update_asset(write: Write, caller: Caller, asset_id: UUID, patch: AssetPatch, expected: Expected) -> Asset:
    """Correct an asset's record.

    Raises StaleVersion, PreconditionMissing, WrongState for a retired one, Conflict where what is committed stands
    against it, and what `create_asset` raises.
    """
    await hold_still(write, asset_id)
    row = await asset_row(write, caller, asset_id)
    permit(caller.principal, Action.ASSETS_UPDATE, relations(caller.principal, row.agency_id))
    check_version(expected, row.version, required=True)
    if row.service_state == ServiceState.RETIRED:
        raise WrongState("A retired asset is not edited any more.", "asset_retired")
    before = as_asset(row, caller.principal)
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    if "attributes" in given:
        given["attributes"] = _merged(msgspec.json.decode(row.attributes), given["attributes"])
    changed = changes({name: _plain(getattr(before, name)) for name in given}, _plain(given))
    if not changed:
        return before
    after = {**{f: getattr(before, f) for f in patch.__struct_fields__}, **given}
    if "category" in changed and row.committed:
        raise Conflict(COMMITTED, "asset_committed")
    kind = await _known_category(write, after["category"])
    check_type_level(after["type_level"], kind.levels, "/type_level")
    _check_certifications(given.get("certifications", []))
    if "capacity" in changed:
        await _fit_commitments(write, caller, asset_id, after["capacity"])
    values = {name: given[name] for name in changed if name not in ("location", "hourly_rate")}
    if "location" in changed:
        values |= _point(given["location"])
    if "hourly_rate" in changed:
        values |= _rate(given["hourly_rate"])
    values["search_text"] = _search_text(after["name"], after["description"], after["tag"], kind, after["location"])
    await write.run(
        asset.update()
        .where(asset.c.id == asset_id)
        .values(**values, version=asset.c.version + 1, updated_at=caller.now)
    )
    await record(
        write,
        caller,
        "asset.updated",
        subject=("asset", asset_id, row.version + 1),
        agencies=[row.agency_id],
        data=_for_history(changed),
    )
    return as_asset(await asset_row(write, caller, asset_id), caller.principal)


async def change_service_state(
    write: Write, caller: Caller, asset_id: UUID, action: AssetAction, reason: str, expected: Expected = None
) -> Asset:
    """Take an asset out of service, return it, or retire it for good. What is committed already stays committed.

    Raises WrongState, and Conflict `asset_committed` when an asset that a loan holds is to be retired.
    """
    await hold_still(write, asset_id)
    row = await asset_row(write, caller, asset_id)
    permit(caller.principal, Action.ASSETS_UPDATE, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    state = advance(ServiceState(row.service_state), action)
    if action is AssetAction.RETIRE and row.committed:
        raise Conflict(COMMITTED, "asset_committed")
    await write.run(
        asset.update()
        .where(asset.c.id == asset_id)
        .values(service_state=state, version=asset.c.version + 1, updated_at=caller.now)
    )
    await record(
        write,
        caller,
        _EVENT[action],
        subject=("asset", asset_id, row.version + 1),
        agencies=[row.agency_id],
        data={"service_state": {"from": row.service_state, "to": state}, "reason": reason},
    )
    return as_asset(await asset_row(write, caller, asset_id), caller.principal)


async def _known_category(write: Write, code: str) -> _Category:
    rows = await write.all(_CATEGORY_PATH, {"category": code})
    own = next((row for row in rows if row.code == code), None)
    if own is None or code == ROOT_CATEGORY:
        raise RuleBroken(
            "There is no such category for an asset; GET /v1/categories lists them.",
            "unknown_category",
            faults=[Fault(pointer="/category", code="unknown_category", detail="no such category")],
        )
    words = [
        word for row in rows if row.code != ROOT_CATEGORY for word in (row.name, *msgspec.json.decode(row.aliases))
    ]
    return _Category(
        path=frozenset(row.code for row in rows),
        words=" ".join(words),
        levels=frozenset(entry["level"] for entry in msgspec.json.decode(own.types)),
    )


def _check_certifications(certifications: list[Certification]) -> None:
    check_certification_dates([(c.issued_on, c.expires_on) for c in certifications], "/certifications")


async def _fit_commitments(write: Write, caller: Caller, asset_id: UUID, capacity: int) -> None:
    """Refuse fewer units than are promised; keep the mark by which the database tells exclusive commitments."""
    if await peak_held(write, asset_id, caller.now) > capacity:
        raise Conflict("More units than that are committed to loans.", "capacity_committed")
    await write.run(_MARK_EXCLUSIVE, {"of_asset": asset_id, "exclusive_now": capacity == 1})


def _search_text(name: str, description: str, tag: str, kind: _Category, location: Location | None) -> str:
    """The words under which an asset is found: its own, its category's and those above it; and its cell."""
    words = tokens(f"{name} {tag} {kind.words} {description}")
    if location is not None:
        words.append(cell_token(cell_of(location.latitude, location.longitude)))
    return " ".join(dict.fromkeys(words))


def _point(location: Location | None) -> dict[str, object]:
    if location is None:
        return {"latitude": None, "longitude": None, "cell": None}
    return {
        "latitude": location.latitude,
        "longitude": location.longitude,
        "cell": cell_of(location.latitude, location.longitude),
    }


def _rate(rate: Money | None) -> dict[str, object]:
    if rate is None:
        return {"hourly_rate_minor": None, "currency": "USD"}
    return {"hourly_rate_minor": rate.to_minor(), "currency": rate.currency}


def _merged(stored: dict[str, str], patch: dict[str, str | None]) -> dict[str, str]:
    merged = {name: value for name, value in {**stored, **patch}.items() if value is not None}
    if len(merged) > MOST_ATTRIBUTES:
        raise RuleBroken(
            f"An asset has at most {MOST_ATTRIBUTES} attributes.",
            "too_many_attributes",
            faults=[Fault(pointer="/attributes", code="too_many_attributes", detail=f"{len(merged)} in all")],
        )
    return merged


def _plain(value: Any) -> Any:
    """As JSON would have it, so that what is stored and what is given compare and are recorded alike."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _for_history(changed: dict[str, object]) -> dict[str, object]:
    """Of free text only that it changed, since it may name a handler; coordinates as text, since no float may be."""
    changed = {**changed, **{name: {"changed": True} for name in _FREE_TEXT if name in changed}}
    if "location" not in changed:
        return changed
    text = {
        side: None if point is None else {name: repr(degrees) for name, degrees in point.items()}
        for side, point in _plain(changed["location"]).items()
    }
    return {**changed, "location": text}
