"""Queries about one asset. Which assets a caller may see is decided here, by one criterion in every statement."""

from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Raw, Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.in_force import partner_in_force, partners_in_force
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category_closure
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound, RuleBroken
from registry.platform.kernel.geo import Location
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import Window
from registry.resources.allocations.occupancy import conflicts, free_quantity
from registry.resources.allocations.queries import holds_in, live
from registry.resources.allocations.tables import allocation
from registry.resources.assets.rules import AssetAction, ServiceStatus, Sharing, withheld
from registry.resources.assets.schemas import Asset, Availability, AvailabilityQuery, Certification
from registry.resources.assets.tables import asset

VIEWER = sa.bindparam("viewer", type_=asset.c.agency_id.type)


class HeldCertification(Struct, kw_only=True, frozen=True):
    """A certification as stored."""

    code: str
    issued_on: date | None = None
    expires_on: date | None = None


class AssetRow(Struct, kw_only=True, frozen=True):
    """An asset as other rooms see it. `category_path` runs from its category up to `any`."""

    id: UUID
    agency_id: UUID
    category: str
    category_path: tuple[str, ...]
    name: str
    tag: str
    type_level: int | None
    capacity: int
    sharing: Sharing
    service_status: ServiceStatus
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
    """A criterion: assets that the agency `viewer` may see at the instant `at` (both bind parameters).

    These are its own, those shared with the whole network, and those shared under agreement by a partner in force. A
    private asset is visible only to its owner. With `among_many` the partners are collected once, instead of a subquery
    for the owner of each row.
    """
    partner = asset.c.agency_id.in_(partners_in_force()) if among_many else partner_in_force(asset.c.agency_id)
    return sa.or_(
        asset.c.agency_id == VIEWER,
        asset.c.sharing == Sharing.NETWORK.value,
        sa.and_(asset.c.sharing == Sharing.AGREEMENT.value, partner),
    )


_committed = sa.select(sa.literal(1)).where(allocation.c.asset_id == asset.c.id, live()).correlate(asset).exists()
SHOWN = [
    asset.c[name]
    for name in (
        *("id", "agency_id", "category", "name", "description", "tag", "type_level", "capacity", "sharing"),
        *("service_status", "latitude", "longitude", "mobilisation_minutes", "hourly_rate_minor", "currency"),
        *("funding", "certification_required", "certifications", "attributes", "version", "created_at", "updated_at"),
    )
]
"""The columns of an asset's representation, apart from its owner's name and whether it is committed."""

_owner_name = sa.select(agency.c.name).where(agency.c.id == asset.c.agency_id).correlate(asset).scalar_subquery()
_GET = sa.select(
    *SHOWN,
    _owner_name.label("agency_name"),
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
FACTS = sa.select(
    asset.c.id,
    asset.c.agency_id,
    asset.c.category,
    asset.c.name,
    asset.c.tag,
    asset.c.type_level,
    asset.c.capacity,
    asset.c.sharing,
    asset.c.service_status,
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
"""The columns on which decisions about an asset depend; visibility is not checked here."""

_VISIBLE_FACTS = FACTS.where(visible_to())


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to an asset of that agency."""
    return ["own"] if principal.agency_id == agency_id else []


async def visible_asset(read: Read, principal: Principal, asset_id: UUID, now: datetime) -> AssetRow:
    """The asset, if the caller may see it. Raises NotFound."""
    row = await read.first(_VISIBLE_FACTS, {"id": asset_id, "viewer": principal.agency_id, "at": now})
    if row is None:
        raise NotFound("asset")
    return as_facts(row)


async def asset_row(read: Read, caller: Caller, asset_id: UUID) -> Row[Any]:
    """The row, if the caller may see it; for an asset of its own, with whether it is committed. Raises NotFound."""
    rows = await read.fast(_GET, {"id": asset_id, "viewer": caller.agency_id, "at": caller.now})
    if not rows:
        raise NotFound("asset")
    return rows[0]


async def get_asset(read: Read, caller: Caller, asset_id: UUID) -> Asset:
    """One asset as this caller may see it. Raises NotFound."""
    row = await asset_row(read, caller, asset_id)
    return as_asset(row, caller.principal, owner=row.agency_name, committed=bool(row.committed))


def as_asset(row: Row[Any], principal: Principal, *, owner: str, committed: bool) -> Asset:
    """The representation of a row, with the owner's name and the caller's allowed actions.

    Stored JSON is sent unchanged.
    """
    status = ServiceStatus(row.service_status)
    return Asset(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=owner),
        category=row.category,
        name=row.name,
        description=row.description,
        tag=row.tag,
        type_level=row.type_level,
        capacity=row.capacity,
        sharing=row.sharing,
        service_status=status,
        location=location(row.latitude, row.longitude),
        mobilisation_minutes=row.mobilisation_minutes,
        hourly_rate=hourly_rate(row.hourly_rate_minor, row.currency),
        funding=cast(list[str], row.funding),
        certification_required=bool(row.certification_required),
        certifications=cast(list[Certification], row.certifications),
        attributes=cast(dict[str, str], row.attributes),
        allowed_actions=_allowed(principal, row.agency_id, status, committed=committed),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _allowed(principal: Principal, agency_id: UUID, status: ServiceStatus, *, committed: bool) -> list[AllowedAction]:
    if refusal(principal, Action.ASSETS_UPDATE, relations(principal, agency_id)) is not None:
        return []
    retired = "The asset is retired." if status is ServiceStatus.RETIRED else None
    return [
        offer("update", withheld=retired),
        *(offer(action, withheld=withheld(status, action, committed=committed)) for action in AssetAction),
    ]


def location(latitude: float | None, longitude: float | None) -> Location | None:
    """The point; None when it is not known."""
    return None if latitude is None or longitude is None else Location(latitude=latitude, longitude=longitude)


def hourly_rate(minor: int | None, currency: str) -> Money | None:
    """The rate; None when there is none."""
    return None if minor is None else Money.from_minor(minor, currency)


async def get_availability(read: Read, caller: Caller, asset_id: UUID, query: AvailabilityQuery) -> Availability:
    """The free quantity of an asset throughout a window, and the intervals with too little.

    Raises NotFound, RuleBroken.
    """
    found = await visible_asset(read, caller.principal, asset_id, caller.now)
    window = asked_window(query.from_, query.to, "from", "to")
    stretch = (window.start, window.end)
    holds = await holds_in(read, asset_id, window, caller.now)
    usable = found.service_status is ServiceStatus.IN_SERVICE
    return Availability(
        asset_id=asset_id,
        window=window,
        capacity=found.capacity,
        service_status=found.service_status,
        free_quantity=max(free_quantity(found.capacity, holds, stretch), 0) if usable else 0,
        blocking=[
            Window(start=start, end=end or window.end)
            for start, end in conflicts(found.capacity, holds, stretch, query.quantity)
        ],
    )


def asked_window(start: datetime, end: datetime, start_name: str, end_name: str) -> Window:
    """The window from two query parameters. Raises RuleBroken with the parameter's name."""
    try:
        return Window(start=start, end=end).checked()
    except RuleBroken as error:
        name = start_name if error.faults[0].pointer == "/start" else end_name
        raise RuleBroken.at(error.detail, error.code, error.faults[0].detail, parameter=name) from None


def as_facts(row: Row[Any]) -> AssetRow:
    """The struct for a row of `FACTS`."""
    # A category with more ancestors is further down.
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
        service_status=ServiceStatus(row.service_status),
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
