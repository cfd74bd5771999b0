"""The assets' operations."""

from uuid import UUID

from litestar import Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.assets import commands, listing, queries
from registry.assets.rules import AssetAction
from registry.assets.schemas import (
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
from registry.database.handles import Read, Write
from registry.http.answers import Answer, entity_tag
from registry.http.links import next_link
from registry.http.paging import Page
from registry.kernel.versions import Expected
from registry.ledger.queries import history
from registry.ledger.schemas import LedgerEventPage


def _answer(found: Asset, *, created: bool = False) -> Answer[Asset]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.service_state, found.allowed_actions),
        location=f"/v1/assets/{found.id}" if created else None,
    )


@operation("get", "/assets", permission=Action.ASSETS_READ, query=AssetQuery)
async def list_assets(
    read: NamedDependency[Read],
    filters: NamedDependency[AssetQuery],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[AssetPage]:
    """Search what can be lent: by word, category, type, owner, distance, free window and coverage."""
    page = await listing.list_assets(read, caller, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation(
    "post", "/assets", permission=Action.ASSETS_CREATE, problems=(409, 422), example=NEW_ASSET_EXAMPLE, etag=True
)
async def create_asset(
    data: JSONBody[NewAsset], write: NamedDependency[Write], caller: NamedDependency[Caller]
) -> Answer[Asset]:
    """Register an asset of your own agency."""
    return _answer(await commands.create_asset(write, caller, data), created=True)


@operation("get", "/assets/{asset_id:uuid}", permission=Action.ASSETS_READ, etag=True)
async def get_asset(
    asset_id: FromPath[UUID], read: NamedDependency[Read], caller: NamedDependency[Caller]
) -> Answer[Asset]:
    """Read one asset."""
    return _answer(await queries.get_asset(read, caller, asset_id))


@operation(
    "patch",
    "/assets/{asset_id:uuid}",
    permission=Action.ASSETS_UPDATE,
    problems=(409, 422),
    example={"mobilisation_minutes": 30, "type_level": 1},
    etag=True,
)
async def update_asset(
    asset_id: FromPath[UUID],
    data: JSONBody[AssetPatch],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Asset]:
    """Correct an asset's record."""
    return _answer(await commands.update_asset(write, caller, asset_id, data, if_match))


@operation(
    "post",
    "/assets/{asset_id:uuid}/take-out-of-service",
    permission=Action.ASSETS_UPDATE,
    status=200,
    problems=(409, 422),
    example={"reason": "Dog is recovering from surgery (demo)."},
    etag=True,
)
async def take_asset_out_of_service(
    asset_id: FromPath[UUID],
    data: JSONBody[ServiceChange],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Asset]:
    """Say that an asset cannot be used for now; what is committed stays so until somebody cancels it."""
    return _answer(
        await commands.change_service_state(
            write, caller, asset_id, AssetAction.TAKE_OUT_OF_SERVICE, data.reason, if_match
        )
    )


@operation(
    "post",
    "/assets/{asset_id:uuid}/return-to-service",
    permission=Action.ASSETS_UPDATE,
    status=200,
    problems=(409, 422),
    example={"reason": "Cleared by the veterinarian (demo)."},
    etag=True,
)
async def return_asset_to_service(
    asset_id: FromPath[UUID],
    data: JSONBody[ServiceChange],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Asset]:
    """Say that an asset can be used again."""
    return _answer(
        await commands.change_service_state(
            write, caller, asset_id, AssetAction.RETURN_TO_SERVICE, data.reason, if_match
        )
    )


@operation(
    "post",
    "/assets/{asset_id:uuid}/retire",
    permission=Action.ASSETS_UPDATE,
    status=200,
    problems=(409, 422),
    example={"reason": "Sold at auction (demo)."},
    etag=True,
)
async def retire_asset(
    asset_id: FromPath[UUID],
    data: JSONBody[ServiceChange],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Asset]:
    """Take an asset off the shelf for good; refused while a loan holds it."""
    return _answer(
        await commands.change_service_state(write, caller, asset_id, AssetAction.RETIRE, data.reason, if_match)
    )


@operation("get", "/assets/{asset_id:uuid}/availability", permission=Action.ASSETS_READ, query=AvailabilityQuery)
async def get_asset_availability(
    asset_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[AvailabilityQuery],
    caller: NamedDependency[Caller],
) -> Answer[Availability]:
    """See how much of an asset is free in a window, and when it is not."""
    return Answer(await queries.get_availability(read, caller, asset_id, filters))


@operation("get", "/assets/{asset_id:uuid}/history", permission=Action.LEDGER_READ, query=Page)
async def list_asset_history(
    asset_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[Page],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[LedgerEventPage]:
    """List what happened to an asset's record."""
    await queries.visible_asset(read, caller.principal, asset_id, caller.now)
    page = await history(read, caller.principal, "asset", asset_id, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


router = Router(
    path="/v1",
    tags=["assets"],
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
