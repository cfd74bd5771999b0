"""Operations that hand out the asset list as a file."""

from functools import partial
from typing import Any

import msgspec

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.bulk.exports import filters_in, record_export
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.http.answers import Download
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.queries.exporting import export_assets, writer_of
from registry.resources.assets.schemas.exporting import EXPORTED_AS, AssetExportQuery, ExportFormat
from registry.resources.assets.schemas.listing import AssetQuery

_PROBLEMS = (
    "bad_attribute_filter",
    "bad_words",
    "incomplete_place",
    "incomplete_window",
    "search_not_supported",
    "unknown_area",
    "unknown_category",
    "window_too_long",
)


async def _exported(
    kind: ExportFormat, read: Read, own_transaction: OwnTransaction, caller: Caller, filters: msgspec.Struct
) -> Download:
    given = filters_in(filters)
    query = AssetQuery(**given)
    pieces = await export_assets(read, caller, query, writer_of(kind))
    await record_export(own_transaction, caller, EventType.ASSET_EXPORTED, kind, given)

    async def opened() -> Any:
        return pieces

    return Download(opened, media_type=EXPORTED_AS[kind], filename="assets")


_declared = partial(
    operation,
    "get",
    permission=Action.ASSETS_READ,
    query=AssetExportQuery,
    own_transactions=True,
    step_up=True,
    problems=_PROBLEMS,
)


@_declared("/assets.ndjson", produces=EXPORTED_AS["ndjson"])
async def export_assets_as_ndjson(
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
    filters: Supplied[msgspec.Struct],
) -> Download:
    """Download the asset list as NDJSON: all that the list shows you with these filters, an object a line.

    The last line is `{"complete": true, "count": …}`: without it, something is missing. The export is on record before
    its first byte, and needs a recent sign-in where your agency's issuer asks for one. A program that needs changes
    only asks again with the same filters and compares `version`.
    """
    return await _exported("ndjson", read, own_transaction, caller, filters)


@_declared("/assets.csv", produces=EXPORTED_AS["csv"])
async def export_assets_as_csv(
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
    filters: Supplied[msgspec.Struct],
) -> Download:
    """Download the asset list as CSV, for a spreadsheet: all that the list shows you with these filters.

    The last line begins with `# complete`: without it, something is missing. Text that a spreadsheet would run as a
    formula has an apostrophe before it, which an import takes away again. It begins with the mark of UTF-8 (U+FEFF)
    that spreadsheets need: programs read it as `utf-8-sig`, or drop the mark. Otherwise as the NDJSON export.
    """
    return await _exported("csv", read, own_transaction, caller, filters)


@_declared("/assets.xlsx", produces=EXPORTED_AS["xlsx"])
async def export_assets_as_xlsx(
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
    filters: Supplied[msgspec.Struct],
) -> Download:
    """Download the asset list as a workbook: all that the list shows you with these filters.

    A workbook that was cut off on the way does not open. Otherwise as the NDJSON export.
    """
    return await _exported("xlsx", read, own_transaction, caller, filters)


@_declared("/assets.geojson", produces=EXPORTED_AS["geojson"])
async def export_assets_as_geojson(
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
    filters: Supplied[msgspec.Struct],
) -> Download:
    """Download the asset list as GeoJSON, for a map: all that the list shows you with these filters.

    An asset without a place has a null geometry (RFC 7946, 3.2). A collection that was cut off on the way is not
    well-formed; a whole one has `"complete": true`. Otherwise as the NDJSON export.
    """
    return await _exported("geojson", read, own_transaction, caller, filters)


handlers = [export_assets_as_ndjson, export_assets_as_csv, export_assets_as_xlsx, export_assets_as_geojson]
