"""Operations that read assets."""

from uuid import UUID

from litestar.params import FromPath

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer
from registry.platform.ledger.schemas import HistoryQuery
from registry.resources.assets.page_forms import PAGE_FORMS
from registry.resources.assets.queries import availability, facts, getting, listing
from registry.resources.assets.routes.answering import answer
from registry.resources.assets.schemas.availability import Availability, AvailabilityQuery
from registry.resources.assets.schemas.listing import AssetPage, AssetQuery
from registry.resources.assets.schemas.shown import Asset, AssetView
from registry.resources.rates.queries import rates_of_asset
from registry.resources.rates.schemas import RatePage, RateQuery


@operation(
    "get",
    "/assets",
    permission=Action.ASSETS_READ,
    query=AssetQuery,
    other_forms=PAGE_FORMS,
    problems=(
        "bad_attribute_filter",
        "bad_words",
        "incomplete_place",
        "incomplete_window",
        "not_acceptable",
        "search_not_supported",
        "unknown_area",
        "unknown_category",
        "window_too_long",
    ),
)
async def list_assets(
    read: Supplied[Read],
    filters: Supplied[AssetQuery],
    caller: Supplied[Caller],
) -> Answer[AssetPage]:
    """Search what can be lent: by word, category, type, attributes, owner, distance, free window and coverage.

    All filters hold together. An empty answer says which of them left nothing over (`emptied_by`). `Accept` asks for
    the page as GeoJSON, NDJSON, CSV or a workbook; the `Link` header leads to the next one. For all of it in one file
    there are the exports.
    """
    return Answer(await listing.list_assets(read, caller, filters))


@operation("get", "/assets/{asset_id:uuid}", permission=Action.ASSETS_READ, query=AssetView, etag=True)
async def get_asset(
    asset_id: FromPath[UUID], read: Supplied[Read], filters: Supplied[AssetView], caller: Supplied[Caller]
) -> Answer[Asset]:
    """Read one asset; `as_of` says on which day its certifications are looked at."""
    return answer(await getting.get_asset(read, caller, asset_id, filters.as_of))


@operation(
    "get",
    "/assets/{asset_id:uuid}/availability",
    permission=Action.ASSETS_READ,
    query=AvailabilityQuery,
    problems=("too_many_intervals", "window_too_long"),
)
async def get_asset_availability(
    asset_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[AvailabilityQuery],
    caller: Supplied[Caller],
) -> Answer[Availability]:
    """See how much of an asset is free when in a window, what holds the rest, and when next as much is free."""
    return Answer(await availability.get_availability(read, caller, asset_id, filters))


@operation("get", "/assets/{asset_id:uuid}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_asset_history(
    asset_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to an asset's record."""
    await facts.visible_asset(read, caller.principal, asset_id, caller.now)
    return Answer(await history(read, caller.principal, "asset", asset_id, filters))


@operation("get", "/assets/{asset_id:uuid}/rates", permission=Action.ASSETS_READ, query=RateQuery)
async def list_asset_rates(
    asset_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[RateQuery],
    caller: Supplied[Caller],
) -> Answer[RatePage]:
    """List the rates of one asset. Those of its agency's schedule are at `GET /v1/rates`."""
    await facts.visible_asset(read, caller.principal, asset_id, caller.now)
    return Answer(await rates_of_asset(read, caller, asset_id, filters))


handlers = [list_asset_rates, list_assets, get_asset, get_asset_availability, list_asset_history]
