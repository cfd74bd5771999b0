"""Queries about the taxonomy. It is the same for everybody, and so small that no list needs an index."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.engine import Row

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import AgencyReference, LedgerEventPage
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.plain_words import PlainWord, words_of
from registry.directory.taxonomy.rules import (
    AttributeDefinition,
    AttributeKind,
    CategoryStatus,
    Typing,
    in_force,
    upwards,
)
from registry.directory.taxonomy.schemas import (
    ByCode,
    CapabilityType,
    CapabilityTypePage,
    CapabilityTypeQuery,
    Category,
    CategoryAttribute,
    CategoryPage,
    CategoryQuery,
    CategorySummary,
    ProvisionHeading,
    ProvisionHeadingPage,
    Purpose,
    PurposePage,
    ResourceType,
)
from registry.directory.taxonomy.seed import ROOT
from registry.directory.taxonomy.tables import (
    capability_type,
    capability_type_closure,
    category,
    category_attribute,
    category_closure,
    provision_heading,
    purpose,
)
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.paging import Orders, cut, given
from registry.platform.http.searching import search_words
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound, RuleBroken
from registry.platform.kernel.words import Sought, index_words
from registry.platform.ledger.schemas import HistoryQuery

_above = category_closure.alias("above")
_DEPTH = (
    sa.select(sa.func.count())
    .select_from(_above)
    .where(_above.c.descendant == category_closure.c.ancestor)
    .scalar_subquery()
)
_AGENCY_NAME = (
    sa.select(agency.c.name).where(agency.c.id == category.c.agency_id).scalar_subquery().label("agency_name")
)
_WITH_ANCESTORS = (
    sa.select(category, _AGENCY_NAME)
    .join(category_closure, category_closure.c.ancestor == category.c.code)
    .where(category_closure.c.descendant == sa.bindparam("code"))
    .order_by(_DEPTH)
)
# With its time: two databases of one process may have counted equally far.
_EDITION = sa.select(category.c.version, category.c.updated_at).where(category.c.code == ROOT)
_DESCENDANTS = (
    sa.select(category_closure.c.descendant)
    .where(category_closure.c.ancestor == sa.bindparam("code", type_=sa.Text))
    .order_by(category_closure.c.descendant)
)
_SHARED_DEFINITIONS = (
    sa.select(category_attribute)
    .join(category, category.c.code == category_attribute.c.category)
    .where(category.c.agency_id.is_(None))
)
_OWN_WORDS = (
    sa.select(category.c.code, category.c.name, category.c.aliases, category.c.agency_id)
    .where(category.c.agency_id.is_not(None), category.c.status == CategoryStatus.IN_USE.value)
    .order_by(category.c.code)
)
_PATH = (
    sa.select(category.c.code, category.c.parent)
    .join(category_closure, category_closure.c.ancestor == category.c.code)
    .where(category_closure.c.descendant == sa.bindparam("code", type_=sa.Text))
)
_DEFINED_ON_PATH = (
    sa.select(category_attribute)
    .join(category_closure, category_closure.c.ancestor == category_attribute.c.category)
    .where(category_closure.c.descendant == sa.bindparam("code", type_=sa.Text))
    .order_by(category_attribute.c.category, category_attribute.c.position)
)
_ID = sa.select(category.c.code, category.c.id).where(category.c.code == sa.bindparam("code", type_=sa.Text))
_PURPOSE = sa.select(purpose.c.code).where(purpose.c.code == sa.bindparam("code"))


async def get_category(read: Read, caller: Caller, code: str) -> Category:
    """One category with its ancestors, its types and the attributes that hold for it. Raises NotFound."""
    rows = await read.all(_WITH_ANCESTORS, {"code": code})
    if not rows:
        raise NotFound("category")
    path = [row.code for row in reversed(rows)]
    types = _nearest_types(reversed(rows))
    return Category(
        **structs.asdict(_summary(rows[-1], msgspec.json.decode(rows[-1].aliases, type=list[str]))),
        ancestors=[row.code for row in rows[:-1]],
        typing=typing_of(types),
        types=types,
        attributes=[
            CategoryAttribute(
                name=each.name,
                kind=each.kind,
                measured_in=each.measured_in,
                choices=list(each.choices),
                minimum=each.minimum,
                maximum=each.maximum,
                description=each.description,
                defined_by=by,
            )
            for by, each in in_force(path, await _defined_on_path(read, code))
        ],
        speed_basis=rows[-1].speed_basis,
        allowed_actions=_offered(caller, rows[-1]),
    )


async def category_history(read: Read, caller: Caller, code: str, query: HistoryQuery) -> LedgerEventPage:
    """What happened to a category that an agency added; nothing of one that comes with the release. Raises NotFound."""
    found = await read.first(_ID, {"code": code})
    if found is None:
        raise NotFound("category")
    if found.id is None:
        return LedgerEventPage(items=[], agencies=[], archived_to=None, next_cursor=None)
    return await history(read, caller.principal, "category", found.id, query)


def relations(caller: Caller, agency_id: UUID | None) -> list[Relation]:
    """The relations of the caller's agency to a category that the agency added; none to one that all share."""
    return ["own"] if caller.agency_id == agency_id else []


def _offered(caller: Caller, row: Row[Any]) -> list[AllowedAction]:
    """What the caller may do about a category that an agency added; those that all share come with the release."""
    if row.agency_id is None:
        return []
    gone = "It is retired." if row.status == CategoryStatus.RETIRED else None
    return [
        offer(action, withheld=gone)
        for action, permission in (("update", Action.TAXONOMY_EXTEND), ("retire", Action.TAXONOMY_RETIRE))
        if refusal(caller.principal, permission, relations(caller, row.agency_id)) is None
    ]


def _nearest_types(upwards: Iterable[Row[Any]]) -> list[ResourceType]:
    decoded = (msgspec.json.decode(row.types, type=list[ResourceType]) for row in upwards)
    return next(filter(None, decoded), [])


def typing_of(types: Sequence[ResourceType]) -> Typing:
    """How much is known of these types."""
    if not types:
        return Typing.NONE
    return Typing.PUBLISHED if any(each.minimum_capability for each in types) else Typing.LEVELS_ONLY


async def own_words(read: Read) -> list[tuple[PlainWord, UUID]]:
    """The words for categories of agencies' own that are not retired, each with the agency whose category it is."""
    return [
        (each, row.agency_id)
        for row in await read.fast(_OWN_WORDS, {})
        for each in words_of(row.name, msgspec.json.decode(row.aliases), category=row.code, own=True)
    ]


_trees: dict[str, tuple[tuple[object, ...], tuple[str, ...]]] = {}


async def descendants(read: Read, code: str) -> tuple[str, ...]:
    """A category and all categories under it; none for one that is unknown.

    They are kept until the tree changes, which the root's version tells: in every process, and at once.
    """
    edition = tuple((await read.fast(_EDITION, {}))[0])
    known = _trees.get(code)
    if known is None or known[0] != edition:
        found = tuple(row.descendant for row in await read.all(_DESCENDANTS, {"code": code}))
        if not found:
            return ()
        known = _trees[code] = (edition, found)
    return known[1]


async def shared_definitions(read: Read) -> list[AttributeDefinition]:
    """Every attribute that a category that all share defines."""
    return [_definition(row) for row in await read.all(_SHARED_DEFINITIONS)]


async def attribute_definitions(read: Read, code: str) -> list[AttributeDefinition]:
    """The attributes that hold for a category: its own and those of the categories above it."""
    parents = {row.code: row for row in await read.fast(_PATH, {"code": code})}
    return [each for _, each in in_force(upwards(code, parents), await _defined_on_path(read, code))]


async def _defined_on_path(read: Read, code: str) -> dict[str, list[AttributeDefinition]]:
    found: dict[str, list[AttributeDefinition]] = {}
    for row in await read.fast(_DEFINED_ON_PATH, {"code": code}):
        found.setdefault(row.category, []).append(_definition(row))
    return found


def _definition(row: Row[Any]) -> AttributeDefinition:
    return AttributeDefinition(
        name=row.name,
        kind=AttributeKind(row.kind),
        measured_in=row.measured_in,
        choices=msgspec.json.decode(row.choices, type=tuple[str, ...]),
        minimum=row.minimum,
        maximum=row.maximum,
        description=row.description,
    )


_ORDERS = Orders(CategoryQuery, code=category.c.code)


@cache
def _category_list(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    statement = sa.select(*(c for c in category.c if c.name not in ("types", "speed_basis")), _AGENCY_NAME)
    if "parent" in filters:
        statement = statement.where(category.c.parent == sa.bindparam("parent"))
    if "under" in filters:
        below = sa.select(category_closure.c.descendant).where(category_closure.c.ancestor == sa.bindparam("under"))
        statement = statement.where(category.c.code.in_(below))
    if "cursor" in filters:
        statement = statement.where(_ORDERS.behind(sort))
    return statement.order_by(category.c.code.desc() if sort.startswith("-") else category.c.code)


async def list_categories(read: Read, query: CategoryQuery) -> CategoryPage:
    """A page of categories. Raises Malformed for a search without a word or another list's cursor."""
    filters = {name for name in ("parent", "under", "cursor") if getattr(query, name) is not None}
    parameters = {"parent": query.parent, "under": query.under, **_ORDERS.parameters(query)}
    rows = await read.all(_category_list(frozenset(filters), query.sort), parameters)
    if query.q is not None:
        # Matched here, by the rule of every other search.
        wanted = search_words(query.q)
        rows = [row for row in rows if _matches(row, wanted)]
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.code,))
    return CategoryPage(items=[_summary(row) for row in kept], next_cursor=next_cursor)


def _matches(row: Row[Any], wanted: Sought) -> bool:
    aliases = msgspec.json.decode(row.aliases, type=list[str])
    return wanted.stands_in(index_words(row.code, row.name, row.nims_name or "", row.description, *aliases))


def _summary(row: Row[Any], aliases: list[str] | None = None) -> CategorySummary:
    return CategorySummary(
        code=row.code,
        name=row.name,
        parent=row.parent,
        resource_kind=row.resource_kind,
        scheme=row.scheme,
        discipline=row.discipline,
        nims_id=row.nims_id,
        nims_name=row.nims_name,
        description=row.description,
        aliases=row.aliases if aliases is None else aliases,
        speed_kmh=row.speed_kmh,
        agency=None if row.agency_id is None else AgencyReference(id=row.agency_id, name=row.agency_name),
        status=row.status,
        version=row.version,
    )


async def list_purposes(read: Read, query: ByCode) -> PurposePage:
    """A page of purposes."""
    rows, next_cursor = await _terms(read, purpose, query)
    items = [Purpose(code=row.code, name=row.name, description=row.description) for row in rows]
    return PurposePage(items=items, next_cursor=next_cursor)


async def check_purpose(read: Read, code: str) -> None:
    """Raises RuleBroken `unknown_purpose`, at `/purpose`, when there is no purpose with this code."""
    if await read.value(_PURPOSE, {"code": code}) is None:
        raise RuleBroken.at(
            "There is no such purpose; the list is at /v1/purposes.",
            "unknown_purpose",
            "no such purpose",
            pointer="/purpose",
        )


async def list_provision_headings(read: Read, query: ByCode) -> ProvisionHeadingPage:
    """A page of provision headings."""
    rows, next_cursor = await _terms(read, provision_heading, query)
    items = [ProvisionHeading(code=row.code, name=row.name, description=row.description) for row in rows]
    return ProvisionHeadingPage(items=items, next_cursor=next_cursor)


@cache
def _orders(table: sa.Table) -> Orders:
    return Orders(ByCode, code=table.c.code)


@cache
def _term_list(table: sa.Table, sort: str, *, after: bool) -> sa.Select[Any]:
    return _orders(table).page(sa.select(table), sort, after=after)


async def _terms(read: Read, table: sa.Table, query: ByCode) -> tuple[Sequence[Row[Any]], str | None]:
    orders = _orders(table)
    rows = await read.all(_term_list(table, query.sort, after=query.cursor is not None), orders.parameters(query))
    return orders.cut(rows, query)


_CAPABILITY_ORDERS = Orders(CapabilityTypeQuery, code=capability_type.c.code)


@cache
def _capability_list(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    statement = sa.select(capability_type)
    if "kind" in filters:
        statement = statement.where(capability_type.c.kind.in_(sa.bindparam("kind", type_=sa.Text, expanding=True)))
    if "under" in filters:
        below = sa.select(capability_type_closure.c.descendant).where(
            capability_type_closure.c.ancestor == sa.bindparam("under")
        )
        statement = statement.where(capability_type.c.code.in_(below))
    if "cursor" in filters:
        statement = statement.where(_CAPABILITY_ORDERS.behind(sort))
    return statement.order_by(capability_type.c.code.desc() if sort.startswith("-") else capability_type.c.code)


async def list_capability_types(read: Read, query: CapabilityTypeQuery) -> CapabilityTypePage:
    """A page of types of capability. Raises RuleBroken for a search without a word or another list's cursor."""
    chosen = given(query, "kind", "under")
    filters = chosen.keys() | ({"cursor"} if query.cursor is not None else set())
    parameters = {**chosen, **_CAPABILITY_ORDERS.parameters(query)}
    rows = await read.all(_capability_list(frozenset(filters), query.sort), parameters)
    if query.q is not None:
        wanted = search_words(query.q)
        rows = [row for row in rows if _capability_matches(row, wanted)]
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.code,))
    items = [
        CapabilityType(
            code=row.code,
            name=row.name,
            parent=row.parent,
            kind=row.kind,
            scale=row.scale,
            description=row.description,
            aliases=row.aliases,
        )
        for row in kept
    ]
    return CapabilityTypePage(items=items, next_cursor=next_cursor)


def _capability_matches(row: Row[Any], wanted: Sought) -> bool:
    aliases = msgspec.json.decode(row.aliases, type=list[str])
    return wanted.stands_in(index_words(row.code, row.name, row.description, *aliases))
