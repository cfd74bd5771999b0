"""An asset as other rooms see it: the facts on which decisions about it depend."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.rules import AttributeValue
from registry.directory.taxonomy.tables import category_closure
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.time import Window, civil_day
from registry.resources.allocations.rules import needed_for
from registry.resources.assets.costing import HourlyCost, hourly_cost_on
from registry.resources.assets.queries.columns import OWNER_ZONE, decoded
from registry.resources.assets.queries.visibility import visible_to
from registry.resources.assets.rules import ServiceStatus, Sharing
from registry.resources.assets.schemas.words import Certification
from registry.resources.assets.tables import asset
from registry.resources.certificates.queries import has_certificates
from registry.resources.certificates.rules import LAB_CATEGORY
from registry.resources.rates.queries import hourly_rates_of, read_hourly_rates
from registry.resources.rates.rules import HourlyRate


class AssetRow(Struct, kw_only=True, frozen=True):
    """An asset as other rooms see it. `category_path` runs from its category up to `any`.

    `version` is the one that others than the owner are given.
    """

    id: UUID
    agency_id: UUID
    category: str
    category_path: tuple[str, ...]
    name: str
    tag: str
    type_level: int | None
    description: str
    attributes: dict[str, AttributeValue]
    capacity: int
    sharing: Sharing
    service_status: ServiceStatus
    latitude: float | None
    longitude: float | None
    mobilisation_minutes: int | None
    turnaround: timedelta
    hourly_rate_minor: int | None
    currency: str
    hourly_rates: tuple[HourlyRate, ...]
    time_zone: str | None
    funding: tuple[str, ...]
    condition: str | None
    crew: tuple[dict[str, Any], ...]
    certification_required: bool
    certifications: tuple[Certification, ...]
    has_certificates: bool
    weeks_in: str | None
    version: int

    def needed(self, window: Window) -> Window:
        """The window for which a loan needs the asset: until it is ready again."""
        return needed_for(window, self.turnaround, self.weeks_in)


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


def weeks_in(category: sa.ColumnElement[str], owner: sa.ColumnElement[UUID]) -> sa.ColumnElement[str | None]:
    """The time zone in whose weeks a laboratory is booked: its owner's. Null for every other category."""
    labs = sa.select(category_closure.c.descendant).where(
        category_closure.c.ancestor == sa.literal_column(f"'{LAB_CATEGORY}'")
    )
    zone = sa.select(sa.func.coalesce(agency.c.time_zone, sa.literal_column("'UTC'"))).where(
        agency.c.id == owner, category.in_(labs)
    )
    return zone.correlate(asset).scalar_subquery()


_FACTS = sa.select(
    asset.c.id,
    asset.c.agency_id,
    asset.c.category,
    asset.c.name,
    asset.c.description,
    asset.c.attributes,
    asset.c.tag,
    asset.c.type_level,
    asset.c.capacity,
    asset.c.sharing,
    asset.c.service_status,
    asset.c.latitude,
    asset.c.longitude,
    asset.c.mobilisation_minutes,
    asset.c.turnaround_minutes,
    asset.c.hourly_rate_minor,
    asset.c.currency,
    hourly_rates_of(asset.c.id).label("hourly_rates"),
    OWNER_ZONE.label("time_zone"),
    asset.c.funding,
    asset.c.condition,
    asset.c.crew,
    asset.c.certification_required,
    asset.c.certifications,
    has_certificates(asset.c.id).label("has_certificates"),
    weeks_in(asset.c.category, asset.c.agency_id).label("weeks_in"),
    asset.c.public_changes.label("version"),
    _PATH.label("path"),
)
FACTS_OF_SEVERAL = _FACTS.where(asset.c.id.in_(sa.bindparam("ids", type_=asset.c.id.type, expanding=True)))
FACTS = _FACTS.where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type))
"""The columns on which decisions about an asset depend; visibility is not checked here."""
_OWNER = sa.select(asset.c.agency_id).where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type))
VISIBLE_FACTS = FACTS.where(visible_to())


async def visible_asset(read: Read, principal: Principal, asset_id: UUID, now: datetime) -> AssetRow:
    """The asset, if the caller may see it. Raises NotFound."""
    row = await read.first(VISIBLE_FACTS, {"id": asset_id, "viewer": principal.agency_id, "at": now})
    if row is None:
        raise NotFound("asset")
    return as_facts(row)


_TAGGED = sa.select(asset.c.tag_key, asset.c.id).where(
    asset.c.agency_id == sa.bindparam("agency_id", type_=asset.c.agency_id.type),
    asset.c.tag_key.in_(sa.bindparam("tag_keys", expanding=True)),
)


async def owns_asset(read: Read, caller: Caller, asset_id: UUID) -> bool:
    """Whether the asset is the caller's agency's."""
    return bool(await read.value(_OWNER, {"id": asset_id}) == caller.agency_id)


async def assets_tagged(read: Read, caller: Caller, tag_keys: Sequence[str]) -> dict[str, UUID]:
    """The assets of the caller's agency with those tags, by the normal form of the tag."""
    rows = await read.all(_TAGGED, {"agency_id": caller.agency_id, "tag_keys": list(tag_keys)})
    return {row.tag_key: row.id for row in rows}


async def asset_facts(read: Read, asset_id: UUID) -> AssetRow:
    """The asset, whoever may see it: for a side of its loan. Raises NotFound."""
    row = await read.first(FACTS, {"id": asset_id})
    if row is None:
        raise NotFound("asset")
    return as_facts(row)


async def facts_of(read: Read, ids: Sequence[UUID]) -> dict[UUID, AssetRow]:
    """As `asset_facts`, of several assets in one statement; those that there are not are left out."""
    return {row.id: as_facts(row) for row in await read.all(FACTS_OF_SEVERAL, {"ids": [*ids]})} if ids else {}


def cost_at(found: AssetRow, at: datetime) -> HourlyCost | None:
    """What an hour of the asset costs on the day that `at` is for its owner."""
    day = civil_day(at, found.time_zone or "UTC")
    return hourly_cost_on(found.hourly_rates, found.hourly_rate_minor, found.currency, day)


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
        description=row.description,
        attributes=decoded(row.attributes, dict[str, AttributeValue]),
        tag=row.tag,
        type_level=row.type_level,
        capacity=row.capacity,
        sharing=Sharing(row.sharing),
        service_status=ServiceStatus(row.service_status),
        latitude=row.latitude,
        longitude=row.longitude,
        mobilisation_minutes=row.mobilisation_minutes,
        turnaround=timedelta(minutes=0 if row.weeks_in else row.turnaround_minutes),
        hourly_rate_minor=row.hourly_rate_minor,
        currency=row.currency,
        hourly_rates=tuple(read_hourly_rates(row.hourly_rates)),
        time_zone=row.time_zone,
        funding=decoded(row.funding, tuple[str, ...]),
        condition=row.condition,
        crew=decoded(row.crew, tuple[dict[str, Any], ...]),
        certification_required=bool(row.certification_required),
        certifications=decoded(row.certifications, tuple[Certification, ...]),
        has_certificates=bool(row.has_certificates),
        weeks_in=row.weeks_in,
        version=row.version,
    )
