"""Commands that change an asset, and the lock under which it is booked."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category, category_closure
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.database.search import cell_token
from registry.platform.kernel.errors import Conflict, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.geo import Location, cell_of
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.money import Money
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.kernel.words import index_words
from registry.platform.ledger.commands import changes, record
from registry.resources.allocations.commands import fit_capacity, follow_capacity, release
from registry.resources.allocations.rules import Bookable
from registry.resources.assets.queries.getting import SHOWN, as_asset, asset_row, relations
from registry.resources.assets.rules import (
    COMMITTED,
    ROOT_CATEGORY,
    AssetAction,
    ServiceStatus,
    advance,
    check_certification_dates,
    check_type_level,
    needs_certification,
)
from registry.resources.assets.schemas import MOST_ATTRIBUTES, Asset, AssetPatch, Certification, NewAsset
from registry.resources.assets.tables import asset

_INSERT = asset.insert().returning(
    *SHOWN,
    sa.select(agency.c.name)
    .where(agency.c.id == sa.bindparam("owner_id", type_=agency.c.id.type))
    .scalar_subquery()
    .label("agency_name"),
)
_CATEGORY_PATH = (
    sa.select(category.c.code, category.c.name, category.c.aliases, category.c.types)
    .select_from(category_closure.join(category, category.c.code == category_closure.c.ancestor))
    .where(category_closure.c.descendant == sa.bindparam("category", type_=sa.Text))
)
_LOCK = (
    sa.select(asset.c.id).where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type)).with_for_update(key_share=True)
)
_ITS = asset.update().where(asset.c.id == sa.bindparam("its_id", type_=asset.c.id.type))
_TOUCH = _ITS.values(allocation_version=asset.c.allocation_version + 1).returning(
    asset.c.capacity, asset.c.service_status, asset.c.version
)
_FREE_TEXT = ("name", "description", "attributes")
_EVENT = {
    AssetAction.TAKE_OUT_OF_SERVICE: "asset.taken_out_of_service",
    AssetAction.RETURN_TO_SERVICE: "asset.returned_to_service",
    AssetAction.RETIRE: "asset.retired",
}


class _Category(msgspec.Struct, kw_only=True, frozen=True):
    path: frozenset[str]
    words: tuple[str, ...]
    levels: frozenset[int]


async def lock(write: Write, asset_id: UUID) -> None:
    """Lock the asset against edits and bookings until the end of the transaction. Raises NotFound.

    It is a statement of its own, so that the next statement sees what the transaction it waited for has committed.
    """
    if await write.value(_LOCK, {"id": asset_id}) is None:
        raise NotFound("asset")


async def lock_for_booking(write: Write, asset_id: UUID) -> Bookable:
    """As `lock`, for booking; only this creates a `Bookable`. Raises NotFound."""
    return _bookable(asset_id, await _lock_row(write, asset_id))


async def _lock_row(write: Write, asset_id: UUID) -> Row[Any]:
    rows = await write.run_returning(_TOUCH, {"its_id": asset_id})
    if not rows:
        raise NotFound("asset")
    return rows[0]


def _bookable(asset_id: UUID, row: Row[Any]) -> Bookable:
    return Bookable(id=asset_id, capacity=row.capacity, in_service=row.service_status == ServiceStatus.IN_SERVICE)


async def create_asset(write: Write, caller: Caller, new: NewAsset) -> Asset:
    """Register an asset of the caller's agency.

    Raises Conflict for a taken tag, RuleBroken for an unknown category, a level that its type does not have, or a
    certification that expires before it is issued.
    """
    permit(caller.principal, Action.ASSETS_CREATE, ["own"])
    await write.once()
    kind = await _known_category(write, new.category)
    check_type_level(new.type_level, kind.levels, "/type_level")
    _check_certifications(new.certifications)
    asset_id = new_id()
    tag = new.tag or f"A-{asset_id.hex[-12:].upper()}"
    required = new.certification_required
    (row,) = await write.run_returning(
        _INSERT,
        {
            "id": asset_id,
            "agency_id": caller.agency_id,
            "owner_id": caller.agency_id,
            "category": new.category,
            "name": new.name,
            "description": new.description,
            "tag": tag,
            "type_level": new.type_level,
            "capacity": new.capacity,
            "sharing": new.sharing,
            "service_status": ServiceStatus.IN_SERVICE,
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
    record(
        write,
        caller,
        "asset.created",
        subject=("asset", asset_id, 1),
        agencies=[caller.agency_id],
        data={"category": new.category, "tag": tag, "sharing": new.sharing, "capacity": new.capacity},
    )
    return as_asset(row, caller.principal, owner=row.agency_name, committed=False)


async def update_asset(write: Write, caller: Caller, asset_id: UUID, patch: AssetPatch, expected: Expected) -> Asset:
    """Correct an asset's record.

    Raises StaleVersion, PreconditionMissing, WrongStatus for a retired asset, Conflict when allocations do not allow
    the change, and what `create_asset` raises.
    """
    await lock(write, asset_id)
    row = await asset_row(write, caller, asset_id)
    permit(caller.principal, Action.ASSETS_UPDATE, relations(caller.principal, row.agency_id))
    check_version(expected, row.version, required=True)
    if row.service_status == ServiceStatus.RETIRED:
        raise WrongStatus("A retired asset cannot be edited.", "asset_retired")
    committed = bool(row.committed)  # the asset is locked, so nobody can book it meanwhile
    before = as_asset(row, caller.principal, owner=row.agency_name, committed=committed)
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    if "attributes" in given:
        given["attributes"] = _merged(msgspec.json.decode(row.attributes), given["attributes"])
    changed = changes({name: _plain(getattr(before, name)) for name in given}, _plain(given))
    if not changed:
        return before
    after = {**{f: getattr(before, f) for f in patch.__struct_fields__}, **given}
    if "category" in changed and committed:
        raise Conflict(COMMITTED, "asset_committed")
    kind = await _known_category(write, after["category"])
    check_type_level(after["type_level"], kind.levels, "/type_level")
    _check_certifications(given.get("certifications", []))
    if "capacity" in changed:
        await fit_capacity(write, await lock_for_booking(write, asset_id), after["capacity"], caller.now)
    values = {name: given[name] for name in changed if name not in ("location", "hourly_rate")}
    if "location" in changed:
        values |= _point(given["location"])
    if "hourly_rate" in changed:
        values |= _rate(given["hourly_rate"])
    values["search_text"] = _search_text(after["name"], after["description"], after["tag"], kind, after["location"])
    edited = await _edited(write, caller, asset_id, values)
    record(
        write,
        caller,
        "asset.updated",
        subject=("asset", asset_id, row.version + 1),
        agencies=[row.agency_id],
        data=_for_history(changed),
    )
    return as_asset(edited, caller.principal, owner=row.agency_name, committed=committed)


async def change_service_status(
    write: Write, caller: Caller, asset_id: UUID, action: AssetAction, reason: str, expected: Expected = None
) -> Asset:
    """Take an asset out of service, return it to service, or retire it for good.

    Existing allocations stay. Raises WrongStatus, and Conflict `asset_committed` for retiring an asset that a loan
    holds.
    """
    await lock(write, asset_id)
    row = await asset_row(write, caller, asset_id)
    permit(caller.principal, Action.ASSETS_UPDATE, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    status = advance(ServiceStatus(row.service_status), action)
    if action is AssetAction.RETIRE and row.committed:
        raise Conflict(COMMITTED, "asset_committed")
    edited = await _edited(write, caller, asset_id, {"service_status": status})
    record(
        write,
        caller,
        _EVENT[action],
        subject=("asset", asset_id, row.version + 1),
        agencies=[row.agency_id],
        data={"service_status": {"from": row.service_status, "to": status}, "reason": reason},
    )
    return as_asset(edited, caller.principal, owner=row.agency_name, committed=bool(row.committed))


async def _edited(write: Write, caller: Caller, asset_id: UUID, values: Mapping[str, object]) -> Row[Any]:
    """Store the asset's next version with these values."""
    change = asset.update().where(asset.c.id == asset_id)
    (row,) = await write.all(
        change.values(**values, version=asset.c.version + 1, updated_at=caller.now).returning(*SHOWN)
    )
    return row


async def write_off(
    write: Write,
    caller: Caller,
    asset_id: UUID,
    quantity: int,
    *,
    loan_id: UUID,
    agencies: Sequence[UUID],
    agreement_id: UUID,
) -> None:
    """Subtract a quantity that a loan has lost from the asset's capacity, and release it.

    When nothing is left, the asset is out of service. More may then be committed than is left; the check at the
    hand-over prevents that anything is handed out twice. Raises NotFound.
    """
    row = await _lock_row(write, asset_id)  # lock the asset before its allocations, as all commands do
    await release(write, loan_id)
    left = row.capacity - quantity
    before = {"capacity": row.capacity, "service_status": row.service_status}
    if left > 0:
        after = {"capacity": left}
        await follow_capacity(write, _bookable(asset_id, row), left)
    elif row.service_status == ServiceStatus.IN_SERVICE:
        after = {"service_status": ServiceStatus.OUT_OF_SERVICE.value}
    else:
        return
    version = row.version + 1
    await write.run(_ITS.values(**after, version=version, updated_at=caller.now), {"its_id": asset_id})
    record(
        write,
        caller,
        "asset.written_off",
        subject=("asset", asset_id, version),
        agencies=agencies,
        agreement_id=agreement_id,
        data={**changes(before, after), "loan_id": str(loan_id), "quantity": quantity},
    )


async def _known_category(write: Write, code: str) -> _Category:
    rows = await write.fast(_CATEGORY_PATH, {"category": code})
    own = next((row for row in rows if row.code == code), None)
    if own is None or code == ROOT_CATEGORY:
        raise RuleBroken.at(
            "There is no such category for an asset; GET /v1/categories lists them.",
            "unknown_category",
            "no such category",
            pointer="/category",
        )
    words = tuple(
        word for row in rows if row.code != ROOT_CATEGORY for word in (row.name, *msgspec.json.decode(row.aliases))
    )
    return _Category(
        path=frozenset(row.code for row in rows),
        words=words,
        levels=frozenset(entry["level"] for entry in msgspec.json.decode(own.types)),
    )


def _check_certifications(certifications: list[Certification]) -> None:
    check_certification_dates([(c.issued_on, c.expires_on) for c in certifications], "/certifications")


def _search_text(name: str, description: str, tag: str, kind: _Category, location: Location | None) -> str:
    """The words under which an asset is found: its own, its category's and those above it; and its cell."""
    words = index_words(name, tag, *kind.words, description)
    return words if location is None else f"{words} {cell_token(cell_of(location.latitude, location.longitude))}"


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
        raise RuleBroken.at(
            f"An asset has at most {MOST_ATTRIBUTES} attributes.",
            "too_many_attributes",
            f"{len(merged)} in all",
            pointer="/attributes",
        )
    return merged


def _plain(value: Any) -> Any:
    """The value as it is in JSON, so that stored and new values can be compared and recorded alike."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _for_history(changed: dict[str, object]) -> dict[str, object]:
    """The changes for the ledger: free text only as changed, since it may name a person; coordinates as text."""
    changed = {**changed, **{name: {"changed": True} for name in _FREE_TEXT if name in changed}}
    if "location" not in changed:
        return changed
    text = {
        side: None if point is None else {name: repr(degrees) for name, degrees in point.items()}
        for side, point in _plain(changed["location"]).items()
    }
    return {**changed, "location": text}
