"""Operations that change whether an asset can be used."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.resources.assets.commands import servicing
from registry.resources.assets.routes.answering import answer
from registry.resources.assets.rules import AssetAction
from registry.resources.assets.schemas.given import ServiceChange
from registry.resources.assets.schemas.shown import ChangedAsset


@operation(
    "post",
    "/assets/{asset_id:uuid}/take-out-of-service",
    permission=Action.ASSETS_SERVE,
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
) -> Answer[ChangedAsset]:
    """Mark an asset as unusable for now.

    Loans not yet returned stay until somebody cancels them; the answer names them, both sides see it on each, and none
    is dispatched meanwhile.
    """
    return answer(
        await servicing.change_service_status(
            write, caller, asset_id, AssetAction.TAKE_OUT_OF_SERVICE, data.reason, if_match
        )
    )


@operation(
    "post",
    "/assets/{asset_id:uuid}/return-to-service",
    permission=Action.ASSETS_SERVE,
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
) -> Answer[ChangedAsset]:
    """Mark an asset as usable again."""
    return answer(
        await servicing.change_service_status(
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
) -> Answer[ChangedAsset]:
    """Retire an asset for good; refused while a loan holds it."""
    return answer(
        await servicing.change_service_status(write, caller, asset_id, AssetAction.RETIRE, data.reason, if_match)
    )


handlers = [take_asset_out_of_service, return_asset_to_service, retire_asset]
