"""Operations on assets."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import HistoryQuery
from registry.resources.assets import commands
from registry.resources.assets.queries import getting, listing
from registry.resources.assets.rules import AssetAction
from registry.resources.assets.schemas import (
    NEW_ASSET_EXAMPLE,
    Asset,
    AssetPage,
    AssetPatch,
    AssetQuery,
    Availability,
    AvailabilityQuery,
    NewAsset,
    ServiceChange,
)


def _answer(found: Asset, *, created: bool = False) -> Answer[Asset]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.service_status, found.allowed_actions),
        location=f"/v1/assets/{found.id}" if created else None,
    )


@operation(
    "get",
    "/assets",
    permission=Action.ASSETS_READ,
    query=AssetQuery,
    problems=(
        "bad_words",
        "incomplete_place",
        "incomplete_window",
        "search_not_supported",
        "unknown_category",
        "window_too_long",
    ),
)
async def list_assets(
    read: Supplied[Read],
    filters: Supplied[AssetQuery],
    caller: Supplied[Caller],
) -> Answer[AssetPage]:
    """Search what can be lent: by word, category, type, owner, distance, free window and coverage."""
    return Answer(await listing.list_assets(read, caller, filters))


@operation(
    "post",
    "/assets",
    permission=Action.ASSETS_CREATE,
    problems=("asset_tag_taken", "certification_reversed", "unknown_category", "unknown_type_level"),
    example=NEW_ASSET_EXAMPLE,
    etag=True,
)
async def create_asset(data: JSONBody[NewAsset], write: Supplied[Write], caller: Supplied[Caller]) -> Answer[Asset]:
    """Register an asset of your own agency."""
    return _answer(await commands.create_asset(write, caller, data), created=True)


@operation("get", "/assets/{asset_id:uuid}", permission=Action.ASSETS_READ, etag=True)
async def get_asset(asset_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]) -> Answer[Asset]:
    """Read one asset."""
    return _answer(await getting.get_asset(read, caller, asset_id))


@operation(
    "patch",
    "/assets/{asset_id:uuid}",
    permission=Action.ASSETS_UPDATE,
    problems=(
        "asset_committed",
        "asset_retired",
        "capacity_committed",
        "certification_reversed",
        "too_many_attributes",
        "unknown_category",
        "unknown_type_level",
    ),
    example={"mobilisation_minutes": 30, "type_level": 1},
    etag=True,
)
async def update_asset(
    asset_id: FromPath[UUID],
    data: JSONBody[AssetPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Asset]:
    """Correct an asset's record."""
    return _answer(await commands.update_asset(write, caller, asset_id, data, if_match))


@operation(
    "post",
    "/assets/{asset_id:uuid}/take-out-of-service",
    permission=Action.ASSETS_UPDATE,
    status=200,
    problems=("wrong_status",),
    example={"reason": "Dog is recovering from surgery (demo)."},
    etag=True,
)
async def take_asset_out_of_service(
    asset_id: FromPath[UUID],
    data: JSONBody[ServiceChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Asset]:
    """Mark an asset as unusable for now; loans that are reserved stay until somebody cancels them."""
    return _answer(
        await commands.change_service_status(
            write, caller, asset_id, AssetAction.TAKE_OUT_OF_SERVICE, data.reason, if_match
        )
    )


@operation(
    "post",
    "/assets/{asset_id:uuid}/return-to-service",
    permission=Action.ASSETS_UPDATE,
    status=200,
    problems=("wrong_status",),
    example={"reason": "Cleared by the veterinarian (demo)."},
    etag=True,
)
async def return_asset_to_service(
    asset_id: FromPath[UUID],
    data: JSONBody[ServiceChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Asset]:
    """Mark an asset as usable again."""
    return _answer(
        await commands.change_service_status(
            write, caller, asset_id, AssetAction.RETURN_TO_SERVICE, data.reason, if_match
        )
    )


@operation(
    "post",
    "/assets/{asset_id:uuid}/retire",
    permission=Action.ASSETS_UPDATE,
    status=200,
    problems=("asset_committed", "wrong_status"),
    example={"reason": "Sold at auction (demo)."},
    etag=True,
)
async def retire_asset(
    asset_id: FromPath[UUID],
    data: JSONBody[ServiceChange],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Asset]:
    """Retire an asset for good; refused while a loan holds it."""
    return _answer(
        await commands.change_service_status(write, caller, asset_id, AssetAction.RETIRE, data.reason, if_match)
    )


@operation(
    "get",
    "/assets/{asset_id:uuid}/availability",
    permission=Action.ASSETS_READ,
    query=AvailabilityQuery,
    problems=("window_reversed", "window_too_long"),
)
async def get_asset_availability(
    asset_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[AvailabilityQuery],
    caller: Supplied[Caller],
) -> Answer[Availability]:
    """See how much of an asset is free in a window, and when it is not."""
    return Answer(await getting.get_availability(read, caller, asset_id, filters))


@operation("get", "/assets/{asset_id:uuid}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_asset_history(
    asset_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to an asset's record."""
    await getting.visible_asset(read, caller.principal, asset_id, caller.now)
    return Answer(await history(read, caller.principal, "asset", asset_id, filters))


router = Router(
    path="/v1",
    route_handlers=[
        list_assets,
        create_asset,
        get_asset,
        update_asset,
        take_asset_out_of_service,
        return_asset_to_service,
        retire_asset,
        get_asset_availability,
        list_asset_history,
    ],
)
