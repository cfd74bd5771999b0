"""Operations that read the taxonomy. Every caller may use them."""

from litestar.params import FromPath

from registry.directory.agencies.schemas import LedgerEventPage
from registry.directory.taxonomy import queries
from registry.directory.taxonomy.funding import FundingSourceList, funding_sources
from registry.directory.taxonomy.schemas import (
    ByCode,
    CapabilityTypePage,
    CapabilityTypeQuery,
    Category,
    CategoryPage,
    CategoryQuery,
    ProvisionHeadingPage,
    PurposePage,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.ledger.schemas import HistoryQuery


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
async def get_category(
    category_code: FromPath[str], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[Category]:
    """Read one category with its ancestors, published types and attributes."""
    found = await queries.get_category(read, caller, category_code)
    return Answer(
        found, etag=entity_tag(found.version, found)
    )  # what all share changes with a release: the ETag depends on the content too


@operation("get", "/categories/{category_code:str}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_category_history(
    category_code: FromPath[str],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to a category that an agency added. What all share comes with the release: it has none."""
    return Answer(await queries.category_history(read, caller, category_code, filters))


@operation("get", "/purposes", permission=Action.TAXONOMY_READ, query=ByCode)
async def list_purposes(read: Supplied[Read], filters: Supplied[ByCode]) -> Answer[PurposePage]:
    """List the purposes for which resources are requested."""
    return Answer(await queries.list_purposes(read, filters))


@operation("get", "/provision-headings", permission=Action.TAXONOMY_READ, query=ByCode)
async def list_provision_headings(read: Supplied[Read], filters: Supplied[ByCode]) -> Answer[ProvisionHeadingPage]:
    """List the headings of the provisions of agreements."""
    return Answer(await queries.list_provision_headings(read, filters))


@operation(
    "get",
    "/capability-types",
    permission=Action.TAXONOMY_READ,
    query=CapabilityTypeQuery,
    problems=("bad_words", "search_not_supported"),
)
async def list_capability_types(
    read: Supplied[Read], filters: Supplied[CapabilityTypeQuery]
) -> Answer[CapabilityTypePage]:
    """Search the types of capability by word, kind or ancestor: languages, skills, credentials, training, positions."""
    return Answer(await queries.list_capability_types(read, filters))


@operation("get", "/funding-sources", permission=Action.TAXONOMY_READ)
async def list_funding_sources(caller: Supplied[Caller]) -> Answer[FundingSourceList]:
    """List the funds with which assets are paid, with the law behind each and what it restricts.

    No legal advice: have counsel review it. They are the codes of an asset's `funding`, and policies read them.
    """
    return Answer(FundingSourceList(items=[*funding_sources().values()]))


handlers = [
    list_funding_sources,
    list_categories,
    get_category,
    list_category_history,
    list_purposes,
    list_provision_headings,
    list_capability_types,
]
