"""Queries about the taxonomy. It is the same for everybody, and so small that no list needs an index."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.taxonomy.schemas import (
    ByCode,
    Category,
    CategoryPage,
    CategoryQuery,
    CategorySummary,
    ProvisionHeading,
    ProvisionHeadingPage,
    Purpose,
    PurposePage,
    ResourceType,
)
from registry.directory.taxonomy.tables import category, category_closure, provision_heading, purpose
from registry.platform.database.handles import Read
from registry.platform.http.paging import Orders, cut
from registry.platform.http.searching import search_words
from registry.platform.kernel.errors import NotFound, RuleBroken
from registry.platform.kernel.words import Sought, index_words

_above = category_closure.alias("above")
_DEPTH = (
    sa.select(sa.func.count())
    .select_from(_above)
    .where(_above.c.descendant == category_closure.c.ancestor)
    .scalar_subquery()
)
_WITH_ANCESTORS = (
    sa.select(category)
    .join(category_closure, category_closure.c.ancestor == category.c.code)
    .where(category_closure.c.descendant == sa.bindparam("code"))
    .order_by(_DEPTH)
)
_PURPOSE = sa.select(purpose.c.code).where(purpose.c.code == sa.bindparam("code"))


async def get_category(read: Read, code: str) -> Category:
    """One category with its ancestors and types. Raises NotFound."""
    rows = await read.all(_WITH_ANCESTORS, {"code": code})
    if not rows:
        raise NotFound("category")
    *ancestors, row = rows
    return Category(
        code=row.code,
        name=row.name,
        parent=row.parent,
        resource_kind=row.resource_kind,
        nims_name=row.nims_name,
        description=row.description,
        aliases=msgspec.json.decode(row.aliases, type=list[str]),
        ancestors=[ancestor.code for ancestor in ancestors],
        types=msgspec.json.decode(row.types, type=list[ResourceType]),
    )


_ORDERS = Orders(CategoryQuery, code=category.c.code)


@cache
def _category_list(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    statement = sa.select(*(c for c in category.c if c.name != "types"))
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


def _summary(row: Row[Any]) -> CategorySummary:
    return CategorySummary(
        code=row.code,
        name=row.name,
        parent=row.parent,
        resource_kind=row.resource_kind,
        nims_name=row.nims_name,
        description=row.description,
        aliases=row.aliases,
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
