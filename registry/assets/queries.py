"""Questions about assets. Who may see one is decided here, by one criterion inside every statement."""

from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Raw, Struct
from sqlalchemy.engine import Row

from registry.access.permissions import Action, Relation, refusal
from registry.access.principals import Caller, Principal
from registry.agencies.schemas import Location
from registry.agreements.queries import partner_in_force, partners_in_force
from registry.assets.allocations import holds_in, live
from registry.assets.holds import conflicts, free_units
from registry.assets.rules import AssetAction, ServiceState, Sharing, withheld
from registry.assets.schemas import (
    Asset,
    Availability,
    AvailabilityQuery,
    BusyStretch,
    Certification,
)
from registry.assets.tables import allocation, asset
from registry.database.handles import Read
from registry.kernel.actions import AllowedAction, offer
from registry.kernel.errors import Fault, NotFound, RuleBroken
from registry.kernel.money import Money
from registry.kernel.time import Window
from registry.taxonomy.tables import category_closure

VIEWER = sa.bindparam("viewer", type_=asset.c.agency_id.type)


class HeldCertification(Struct, kw_only=True, frozen=True):
    """A certificate as stored."""

    code: str
    issued_on: date | None = None
    expires_on: date | None = None


class AssetRow(Struct, kw_only=True, frozen=True):
    """An asset as other features see it. `category_path` runs from its category up to `any`."""

    id: UUID
    agency_id: UUID
    category: str
    category_path: tuple[str, ...]
    name: str
    tag: str
    type_level: int | None
    capacity: int
    sharing: Sharing
    service_state: ServiceState
    latitude: float | None
    longitude: float | None
    mobilisation_minutes: int | None
    hourly_rate_minor: int | None
    currency: str
    funding: tuple[str, ...]
    certification_required: bool
    certifications: tuple[HeldCertification, ...]
    version: int


def visible_to(*, among_many: bool = False) -> sa.ColumnElement[bool]:
    """Assets that the agency in the bind `viewer` may know of at the instant in the bind `at`.

    Its own; those shared with the whole network; those shared under agreement by a partner in force. An asset marked
    private is its owner's alone, agreement or not. `among_many` gathers the partners once instead of asking about
    each row's owner.
    """
    partner = asset.c.agency_id.in_(partners_in_force()) if among_many else partner_in_force(asset.c.agency_id)
    return sa.or_(
        asset.c.agency_id == VIEWER,
        asset.c.sharing == Sharing.NETWORK.value,
        sa.and_(asset.c.sharing == Sharing.AGREEMENT.value, partner),
    )


_committed = sa.select(sa.literal(1)).where(allocation.c.asset_id == asset.c.id, live()).correlate(asset).exists()
_GET = sa.select(
    asset.c.id,
    asset.c.agency_id,
    asset.c.category,
    asset.c.name,
    asset.c.description,
    asset.c.tag,
    asset.c.type_level,
    asset.c.capacity,
    asset.c.sharing,
    asset.c.service_state,
    asset.c.latitude,
    asset.c.longitude,
    asset.c.mobilisation_minutes,
    asset.c.hourly_rate_minor,
    asset.c.currency,
    asset.c.funding,
    asset.c.certification_required,
    asset.c.certifications,
    asset.c.attributes,
    asset.c.version,
    asset.c.created_at,
    asset.c.updated_at,
    sa.and_(asset.c.agency_id == VIEWER, _committed).label("committed"),
).where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type), visible_to())

_above = category_closure.alias("above")
_height = (
    sa.select(sa.cast(sa.func.count(), sa.Text))
    .where(_above.c.descendant == category_closure.c.ancestor)
    .correlate(category_closure)
    .scalar_subquery()
)
_PATH = (
    sa.select(sa.func.aggregate_strings(_height + "/" + category_closure.c.ancestor, ","))
    .where(category_closure.c.descendant == asset.c.category)
    .correlate(asset)
    .scalar_subquery()
)
_FACTS = sa.select(
    asset.c.id,
    asset.c.agency_id,
    asset.c.category,
    asset.c.name,
    asset.c.tag,
    asset.c.type_level,
    asset.c.capacity,
    asset.c.sharing,
    asset.c.service_state,
    asset.c.latitude,
    asset.c.longitude,
    asset.c.mobilisation_minutes,
    asset.c.hourly_rate_minor,
    asset.c.currency,
    asset.c.funding,
    asset.c.certification_required,
    asset.c.certifications,
    asset.c.version,
    _PATH.label("path"),
).where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type))
_VISIBLE_FACTS = _FACTS.where(visible_to())


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """How the caller stands to an asset of that agency."""
    return ["own"] if principal.agency_id == agency_id else []


async def asset_facts(read: Read, asset_id: UUID) -> AssetRow | None:
    """Everything decided about an asset is decided from this; None when there is none. Asks nobody's leave."""
    row = await read.first(_FACTS, {"id": asset_id})
    return None if row is None else _as_facts(row)


async def visible_asset(read: Read, principal: Principal, asset_id: UUID, now: datetime) -> AssetRow:
    """The same, for a caller who may see the asset. Raises NotFound."""
    row = await read.first(_VISIBLE_FACTS, {"id": asset_id, "viewer": principal.agency_id, "at": now})
    if row is None:
        raise NotFound("asset")
    return _as_facts(row)


async def asset_row(read: Read, caller: Caller, asset_id: UUID) -> Row[Any]:
    """The row that the caller may see, with whether it is committed where the asset is its own. Raises NotFound."""
    rows = await read.fast(_GET, {"id": asset_id, "viewer": caller.agency_id, "at": caller.now})
    if not rows:
        raise NotFound("asset")
    return rows[0]


async def get_asset(read: Read, caller: Caller, asset_id: UUID) -> Asset:
    """One asset as this caller may see it. Raises NotFound."""
    return as_asset(await asset_row(read, caller, asset_id), caller.principal)


def as_asset(row: Row[Any], principal: Principal) -> Asset:
    """The wire form of a row, with what this caller may do. JSON goes out as it was stored, unread."""
    state = ServiceState(row.service_state)
    return Asset(
        id=row.id,
        agency_id=row.agency_id,
        category=row.category,
        name=row.name,
        description=row.description,
        tag=row.tag,
        type_level=row.type_level,
        capacity=row.capacity,
        sharing=row.sharing,
        service_state=state,
        location=location(row.latitude, row.longitude),
        mobilisation_minutes=row.mobilisation_minutes,
        hourly_rate=hourly_rate(row.hourly_rate_minor, row.currency),
        funding=cast(list[str], row.funding),
        certification_required=bool(row.certification_required),
        certifications=cast(list[Certification], row.certifications),
        attributes=cast(dict[str, str], row.attributes),
        allowed_actions=_allowed(principal, row.agency_id, state, committed=bool(row.committed)),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _allowed(principal: Principal, agency_id: UUID, state: ServiceState, *, committed: bool) -> list[AllowedAction]:
    if refusal(principal, Action.ASSETS_UPDATE, relations(principal, agency_id)) is not None:
        return []
    retired = "The asset is retired." if state is ServiceState.RETIRED else None
    return [
        offer("update", withheld=retired),
        *(offer(action, withheld=withheld(state, action, committed=committed)) for action in AssetAction),
    ]


def location(latitude: float | None, longitude: float | None) -> Location | None:
    """The point, where one is known."""
    return None if latitude is None or longitude is None else Location(latitude=latitude, longitude=longitude)


def hourly_rate(minor: int | None, currency: str) -> Money | None:
    """The rate, where one is set."""
    return None if minor is None else Money.from_minor(minor, currency)


async def get_availability(read: Read, caller: Caller, asset_id: UUID, query: AvailabilityQuery) -> Availability:
    """What of an asset is free throughout a window, and when it is not. Raises NotFound, RuleBroken."""
    found = await visible_asset(read, caller.principal, asset_id, caller.now)
    window = asked_window(query.start, query.end, "start", "end")
    stretch = (window.start, window.end)
    holds = await holds_in(read, asset_id, window, caller.now)
    usable = found.service_state is ServiceState.IN_SERVICE
    return Availability(
        asset_id=asset_id,
        start=window.start,
        end=window.end,
        capacity=found.capacity,
        service_state=found.service_state,
        free_units=max(free_units(found.capacity, holds, stretch), 0) if usable else 0,
        conflicts=[
            BusyStretch(start=start, end=end or window.end)
            for start, end in conflicts(found.capacity, holds, stretch, query.units)
        ],
    )


def asked_window(start: datetime, end: datetime, start_name: str, end_name: str) -> Window:
    """The window that two query parameters name. Raises RuleBroken naming the parameter."""
    try:
        return Window(start=start, end=end).checked()
    except RuleBroken as error:
        name = start_name if error.faults[0].pointer == "/start" else end_name
        raise RuleBroken(
            error.detail,
            error.code,
            faults=[Fault(parameter=name, code=error.code, detail=error.faults[0].detail)],
        ) from None


def _as_facts(row: Row[Any]) -> AssetRow:
    # The more ancestors a category has, the lower it stands.
    path = sorted((entry.partition("/") for entry in row.path.split(",")), key=lambda part: -int(part[0]))
    return AssetRow(
        id=row.id,
        agency_id=row.agency_id,
        category=row.category,
        category_path=tuple(code for _, _, code in path),
        name=row.name,
        tag=row.tag,
        type_level=row.type_level,
        capacity=row.capacity,
        sharing=Sharing(row.sharing),
        service_state=ServiceState(row.service_state),
        latitude=row.latitude,
        longitude=row.longitude,
        mobilisation_minutes=row.mobilisation_minutes,
        hourly_rate_minor=row.hourly_rate_minor,
        currency=row.currency,
        funding=_decoded(row.funding, tuple[str, ...]),
        certification_required=bool(row.certification_required),
        certifications=_decoded(row.certifications, tuple[HeldCertification, ...]),
        version=row.version,
    )


def _decoded(stored: Raw, kind: Any) -> Any:
    return msgspec.json.decode(stored, type=kind)
