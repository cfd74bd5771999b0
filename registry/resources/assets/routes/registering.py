"""The operation that registers an asset."""

from litestar.params import JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.resources.assets.commands import registering
from registry.resources.assets.routes.answering import answer
from registry.resources.assets.schemas.given import NEW_ASSET_EXAMPLE, NewAsset
from registry.resources.assets.schemas.shown import Asset


@operation(
    "post",
    "/assets",
    permission=Action.ASSETS_CREATE,
    problems=(
        "area_without_home",
        "asset_tag_taken",
        "category_retired",
        "certification_reversed",
        "identifier_taken",
        "invalid_attribute",
        "invalid_identifier",
        "unknown_area",
        "unknown_attribute",
        "unknown_capability",
        "unknown_category",
        "unknown_funding_source",
        "unknown_type_level",
        "unlikely_place",
    ),
    example=NEW_ASSET_EXAMPLE,
    etag=True,
)
async def create_asset(data: JSONBody[NewAsset], write: Supplied[Write], caller: Supplied[Caller]) -> Answer[Asset]:
    """Register an asset of your own agency."""
    return answer(await registering.create_asset(write, caller, data), created=True)


handlers = [create_asset]
