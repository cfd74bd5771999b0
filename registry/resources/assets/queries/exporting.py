"""The assets of a list as a file, read some hundred at a time: who may see what is the list's own criterion."""

from collections.abc import AsyncGenerator
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Caller
from registry.platform.bulk.exports import exported
from registry.platform.bulk.writing import CsvWriter, GeojsonWriter, NdjsonWriter, TableWriter, XlsxWriter
from registry.platform.database.handles import Read
from registry.resources.assets.queries.columns import SHOWN, hourly_rate, location
from registry.resources.assets.queries.listing import list_assets
from registry.resources.assets.queries.showing import identifiers_in, updated_at_in, version_in
from registry.resources.assets.schemas.exporting import ExportedAsset, ExportFormat
from registry.resources.assets.schemas.listing import AssetQuery
from registry.resources.assets.schemas.words import CrewNeed, ServiceArea
from registry.resources.assets.tables import asset

AT_ONCE: Final = 500
COLUMNS: Final = (
    *("id", "agency.id", "agency.name", "tag", "name", "category", "description", "type_level", "capacity"),
    *(
        "sharing",
        "service_status",
        "location.latitude",
        "location.longitude",
        "home_base",
        "home_location.latitude",
        "home_location.longitude",
        "service_area.states",
        "service_area.counties",
        "service_area.within_km",
        "identifiers",
        "condition",
        "crew",
        "mobilisation_minutes",
        "turnaround_minutes",
    ),
    *("hourly_rate.amount", "hourly_rate.currency", "funding", "certification_required", "certifications"),
    *("attributes", "version", "created_at", "updated_at", "held_back"),
)
_THESE = (
    sa.select(*SHOWN, agency.c.name.label("agency_name"))
    .join(agency, agency.c.id == asset.c.agency_id)
    .where(asset.c.id.in_(sa.bindparam("ids", type_=asset.c.id.type, expanding=True)))
)


def writer_of(kind: ExportFormat) -> TableWriter:
    """The writer of that format."""
    match kind:
        case "csv":
            return CsvWriter(COLUMNS)
        case "xlsx":
            return XlsxWriter(COLUMNS)
        case "geojson":
            return GeojsonWriter()
        case "ndjson":
            return NdjsonWriter()


async def export_assets(
    read: Read, caller: Caller, query: AssetQuery, writer: TableWriter
) -> AsyncGenerator[bytes, None]:
    """The file, piece by piece, in the order of the list."""
    query = msgspec.structs.replace(query, limit=AT_ONCE, cursor=None)
    return await exported(lambda cursor: _page(read, caller, msgspec.structs.replace(query, cursor=cursor)), writer)


async def _page(read: Read, caller: Caller, query: AssetQuery) -> tuple[list[Any], str | None]:
    page = await list_assets(read, caller, query, explained=False)
    if not page.items:
        return [], None
    rows = await read.all_slowly(_THESE, {"ids": [item.id for item in page.items]})
    by_id: dict[UUID, Any] = {row.id: row for row in rows}
    found = [
        msgspec.to_builtins(
            _exported(by_id[item.id], privy=by_id[item.id].agency_id == caller.agency_id, held_back=item.held_back)
        )
        for item in page.items
        if item.id in by_id
    ]
    return found, page.next_cursor


def _exported(row: Any, *, privy: bool, held_back: bool | None) -> Struct:
    return ExportedAsset(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        tag=row.tag,
        name=row.name,
        category=row.category,
        description=row.description,
        type_level=row.type_level,
        capacity=row.capacity,
        sharing=row.sharing,
        service_status=row.service_status,
        location=location(row.latitude, row.longitude),
        home_base=row.home_base,
        home_location=location(row.home_latitude, row.home_longitude),
        service_area=None if row.service_area is None else msgspec.json.decode(row.service_area, type=ServiceArea),
        identifiers=msgspec.to_builtins(identifiers_in(row, privy=privy)),
        condition=row.condition,
        crew=msgspec.json.decode(row.crew, type=list[CrewNeed]),
        mobilisation_minutes=row.mobilisation_minutes,
        turnaround_minutes=row.turnaround_minutes,
        hourly_rate=hourly_rate(row.hourly_rate_minor, row.currency),
        funding=msgspec.json.decode(row.funding),
        certification_required=bool(row.certification_required),
        certifications=msgspec.json.decode(row.certifications),
        attributes=msgspec.json.decode(row.attributes),
        version=version_in(row, own=privy),
        created_at=row.created_at,
        updated_at=updated_at_in(row, own=privy),
        held_back=held_back,
    )
