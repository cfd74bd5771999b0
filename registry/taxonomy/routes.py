"""The shared words' operations: everybody may look them up."""

from litestar import Router
from litestar.di import NamedDependency
from litestar.params import FromPath

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.database.handles import Read
from registry.http.answers import Answer, entity_tag
from registry.http.links import next_link
from registry.http.paging import Page
from registry.taxonomy import queries
from registry.taxonomy.schemas import Category, CategoryPage, CategoryQuery, ProvisionHeadingPage, PurposePage


@operation("get", "/categories", permission=Action.TAXONOMY_READ, query=CategoryQuery)
async def list_categories(
    read: NamedDependency[Read], filters: NamedDependency[CategoryQuery], here: NamedDependency[str]
) -> Answer[CategoryPage]:
    """Search categories by word, parent or ancestor."""
    page = await queries.list_categories(read, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation("get", "/categories/{code:str}", permission=Action.TAXONOMY_READ, etag=True)
async def get_category(code: FromPath[str], read: NamedDependency[Read]) -> Answer[Category]:
    """Read one category with its ancestors and published types."""
    found = await queries.get_category(read, code)
    return Answer(found, etag=entity_tag(1, found))  # nobody edits it: the tag follows what it says


@operation("get", "/purposes", permission=Action.TAXONOMY_READ, query=Page)
async def list_purposes(
    read: NamedDependency[Read], filters: NamedDependency[Page], here: NamedDependency[str]
) -> Answer[PurposePage]:
    """List what resources are asked for."""
    page = await queries.list_purposes(read, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation("get", "/provision-headings", permission=Action.TAXONOMY_READ, query=Page)
async def list_provision_headings(
    read: NamedDependency[Read], filters: NamedDependency[Page], here: NamedDependency[str]
) -> Answer[ProvisionHeadingPage]:
    """List what the provisions of agreements are about."""
    page = await queries.list_provision_headings(read, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


router = Router(
    path="/v1",
    tags=["taxonomy"],
    route_handlers=[list_categories, get_category, list_purposes, list_provision_headings],
)
