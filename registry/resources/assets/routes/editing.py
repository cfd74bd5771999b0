"""The operation that corrects an asset's record."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.resources.assets.commands import editing
from registry.resources.assets.routes.answering import answer
from registry.resources.assets.schemas.given import AssetMove, AssetPatch
from registry.resources.assets.schemas.shown import ChangedAsset


@operation(
    "patch",
    "/assets/{asset_id:uuid}",
    permission=Action.ASSETS_UPDATE,
    problems=(
        "area_without_home",
        "asset_committed",
        "asset_retired",
        "asset_tag_taken",
        "capacity_committed",
        "category_retired",
        "certificates_in_the_way",
        "certification_reversed",
        "identifier_taken",
        "invalid_attribute",
        "invalid_identifier",
        "too_many_attributes",
        "unknown_area",
        "unknown_attribute",
        "unknown_capability",
        "unknown_category",
        "unknown_funding_source",
        "unknown_type_level",
        "unlikely_place",
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
) -> Answer[ChangedAsset]:
    """Correct an asset's record.

    Where a property changes on which borrowers rely, the answer names the loans not yet returned. Of those that are
    reserved none is dispatched before the requesting agency accepts the changed asset.
    """
    return answer(await editing.update_asset(write, caller, asset_id, data, if_match))


@operation(
    "post",
    "/assets/{asset_id:uuid}/move",
    permission=Action.ASSETS_MOVE,
    status=200,
    problems=("asset_retired", "unlikely_place"),
    example={"location": {"latitude": 44.95, "longitude": -93.09}},
    etag=True,
)
async def move_asset(
    asset_id: FromPath[UUID],
    data: JSONBody[AssetMove],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[ChangedAsset]:
    """Say where an asset stands from now on; a coordinator may."""
    return answer(await editing.move_asset(write, caller, asset_id, data.location, if_match))


handlers = [update_asset, move_asset]
