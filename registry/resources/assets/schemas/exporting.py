"""Assets in an export."""

from collections.abc import Mapping
from typing import Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.bulk.exports import export_query
from registry.platform.kernel.geo import Location
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import Instant
from registry.resources.assets.rules import Grade, ServiceStatus, Sharing
from registry.resources.assets.schemas.listing import AssetQuery
from registry.resources.assets.schemas.words import CrewNeed, HeldBack, ServiceArea

AssetExportQuery = export_query("AssetExportQuery", AssetQuery, without=("include", "facets"))

ExportFormat: TypeAlias = Literal["ndjson", "csv", "xlsx", "geojson"]

EXPORTED_AS: Mapping[ExportFormat, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "geojson": "application/geo+json",
}


class ExportedAsset(Struct, kw_only=True, frozen=True):
    """An asset in an export: its record, without what a caller may do with it."""

    id: UUID
    agency: AgencyReference
    tag: str
    name: str
    category: str
    description: str
    type_level: int | None
    capacity: int
    sharing: Sharing
    service_status: ServiceStatus
    location: Location | None
    home_base: str | None
    home_location: Location | None
    service_area: ServiceArea | None
    identifiers: list[dict[str, str | bool]]
    condition: Grade | None
    crew: list[CrewNeed]
    mobilisation_minutes: int | None
    turnaround_minutes: int
    hourly_rate: Money | None
    funding: list[str]
    certification_required: bool
    certifications: list[dict[str, str | None]]
    attributes: dict[str, str | bool | int | float]
    version: int
    created_at: Instant
    updated_at: Instant
    held_back: HeldBack
