"""A page of assets in other forms: GeoJSON (RFC 7946) for maps, each asset a feature; and tables."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import fields

from registry.platform.bulk.writing import CsvWriter, NdjsonWriter, XlsxWriter, feature
from registry.platform.http.forms import OtherForm
from registry.resources.assets.schemas.exporting import EXPORTED_AS
from registry.resources.assets.schemas.listing import AssetPage, AssetSummary


class Point(Struct, kw_only=True, frozen=True):
    """A point, its longitude first."""

    type: Literal["Point"] = "Point"
    coordinates: Annotated[list[float], Meta(min_length=2, max_length=2)]


AssetProperties = msgspec.defstruct(
    "AssetProperties",
    [
        (each.name, each.type) if each.default is msgspec.NODEFAULT else (each.name, each.type, each.default)
        for each in fields(AssetSummary)
        if each.name not in ("id", "location")
    ],
    kw_only=True,
    frozen=True,
    module=__name__,
    namespace={"__doc__": "An asset in a list, without what its feature says of it already: its id and where it is."},
)


class AssetFeature(Struct, kw_only=True, frozen=True):
    """An asset on a map."""

    type: Literal["Feature"] = "Feature"
    id: UUID
    geometry: Point | None
    properties: AssetProperties  # type: ignore[valid-type]  # made of the summary's fields


class AssetFeatures(Struct, kw_only=True, frozen=True):
    """A page of assets on a map; the `Link` header leads to the next one."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[AssetFeature]
    next_cursor: str | None


def as_features(page: AssetPage) -> AssetFeatures:
    """The page as a collection of features."""
    return AssetFeatures(
        features=[msgspec.convert(feature(record), AssetFeature) for record in _records(page)],
        next_cursor=page.next_cursor,
    )


COLUMNS: Final = (
    *("id", "agency_id", "category", "name", "tag", "type_level", "capacity", "sharing", "service_status"),
    *("location.latitude", "location.longitude", "mobilisation_minutes", "version", "updated_at"),
    *("distance_km", "arrival_minutes", "held_back", "certification", "certified"),
)


def as_lines(page: AssetPage) -> bytes:
    """The page as NDJSON, an asset a line; that there is more is said by the `Link` header alone."""
    return NdjsonWriter().rows(_records(page))


def as_csv(page: AssetPage) -> bytes:
    """The page as CSV, with headers: for programs, so without the mark of UTF-8 of a file that is downloaded."""
    writer = CsvWriter(COLUMNS, mark=b"")
    return writer.begin() + writer.rows(_records(page))


def as_workbook(page: AssetPage) -> bytes:
    """The page as a workbook."""
    writer = XlsxWriter(COLUMNS)
    return writer.begin() + writer.rows(_records(page)) + writer.end(len(page.items))


def _records(page: AssetPage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.to_builtins(page.items)
    return found


GEOJSON = OtherForm(media_type="application/geo+json", make=as_features, kind=AssetFeatures)
PAGE_FORMS: Final = (
    GEOJSON,
    OtherForm(media_type=EXPORTED_AS["ndjson"], make=as_lines),
    OtherForm(media_type=EXPORTED_AS["csv"], make=as_csv),
    OtherForm(media_type=EXPORTED_AS["xlsx"], make=as_workbook),
)
