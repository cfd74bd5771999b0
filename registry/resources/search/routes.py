"""The operation that understands a sentence."""

from litestar import Router

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer
from registry.resources.search import queries
from registry.resources.search.schemas import SearchAnswer, SearchQuery


@operation(
    "get",
    "/search",
    permission=Action.ASSETS_READ,
    query=SearchQuery,
    problems=(
        "incomplete_place",
        "incomplete_window",
        "level_not_on_scale",
        "unknown_capability",
        "unknown_category",
        "unknown_place",
        "window_too_long",
    ),
)
async def search_resources(
    read: Supplied[Read], filters: Supplied[SearchQuery], caller: Supplied[Caller]
) -> Answer[SearchAnswer]:
    """Search in a sentence, such as “2 narcotics dogs near Minneapolis tonight”.

    Times are read on the clock of your agency. Each part says from which words it was understood, and a parameter of
    the same name overrules it. What is ambiguous shows its alternatives; what is not understood is said.
    """
    return Answer(await queries.search(read, caller, filters))


router = Router(path="/v1", route_handlers=[search_resources])
