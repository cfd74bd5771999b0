"""Operations that read the taxonomy. Every caller may use them."""

from litestar import Router
from litestar.params import FromPath

from registry.directory.taxonomy import queries
from registry.directory.taxonomy.schemas import (
    ByCode,
    Category,
    CategoryPage,
    CategoryQuery,
    ProvisionHeadingPage,
    PurposePage,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer, entity_tag


@operation(
    "get",
    "/categories",
    permission=Action.TAXONOMY_READ,
    query=CategoryQuery,
    problems=("bad_words", "search_not_supported"),
)
async def list_categories(read: Supplied[Read], filters: Supplied[CategoryQuery]) -> Answer[CategoryPage]:
    """Search categories by word, parent or ancestor."""
    return Answer(await queries.list_categories(read, filters))


@operation("get", "/categories/{category_code:str}", permission=Action.TAXONOMY_READ, etag=True)
async def get_category(category_code: FromPath[str], read: Supplied[Read]) -> Answer[Category]:
    """Read one category with its ancestors and published types."""
    found = await queries.get_category(read, category_code)
    return Answer(
        found, etag=entity_tag(1, found)
    )  # it has no version, because nobody edits it: the ETag depends on the content


@operation("get", "/purposes", permission=Action.TAXONOMY_READ, query=ByCode)
async def list_purposes(read: Supplied[Read], filters: Supplied[ByCode]) -> Answer[PurposePage]:
    """List the purposes for which resources are requested."""
    return Answer(await queries.list_purposes(read, filters))


@operation("get", "/provision-headings", permission=Action.TAXONOMY_READ, query=ByCode)
async def list_provision_headings(read: Supplied[Read], filters: Supplied[ByCode]) -> Answer[ProvisionHeadingPage]:
    """List the headings of the provisions of agreements."""
    return Answer(await queries.list_provision_headings(read, filters))


router = Router(
    path="/v1",
    route_handlers=[list_categories, get_category, list_purposes, list_provision_headings],
)
