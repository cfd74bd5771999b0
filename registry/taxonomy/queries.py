"""Questions about the shared words. They are the same for everybody, and so few that no list needs an index."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.database.handles import Read
from registry.http.paging import Page, cut, decode_cursor
from registry.http.searching import search_words
from registry.kernel.errors import NotFound
from registry.kernel.text import Code, tokens
from registry.taxonomy.schemas import (
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
from registry.taxonomy.tables import category, category_closure, provision_heading, purpose

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


@cache
def _category_list(filters: frozenset[str]) -> sa.Select[Any]:
    statement = sa.select(*(c for c in category.c if c.name != "types")).order_by(category.c.code)
    if "parent" in filters:
        statement = statement.where(category.c.parent == sa.bindparam("parent"))
    if "under" in filters:
        below = sa.select(category_closure.c.descendant).where(category_closure.c.ancestor == sa.bindparam("under"))
        statement = statement.where(category.c.code.in_(below))
    if "after" in filters:
        statement = statement.where(category.c.code > sa.bindparam("after"))
    return statement


async def list_categories(read: Read, query: CategoryQuery) -> CategoryPage:
    """A page of categories. Raises Malformed for a search without a word or another list's cursor."""
    parameters: dict[str, object] = {name: getattr(query, name) for name in ("parent", "under") if getattr(query, name)}
    if query.cursor is not None:
        parameters["after"] = _place(query.cursor)
    rows = await read.all(_category_list(frozenset(parameters)), parameters)
    if query.q is not None:
        # Matched here, with the tokens of every other search.
        wanted = search_words(query.q)
        rows = [row for row in rows if _matches(row, wanted)]
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.code,))
    return CategoryPage(items=[_summary(row) for row in kept], next_cursor=next_cursor)


def _matches(row: Row[Any], wanted: Sequence[str]) -> bool:
    aliases = msgspec.json.decode(row.aliases, type=list[str])
    held = tokens(" ".join([row.code, row.name, row.nims_name or "", row.description, *aliases]))
    return all(
        any(token.startswith(word[:-1]) if word.endswith("*") else token == word for token in held) for word in wanted
    )


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


async def list_purposes(read: Read, page: Page) -> PurposePage:
    """A page of purposes."""
    rows, next_cursor = await _terms(read, purpose, page)
    items = [Purpose(code=row.code, name=row.name, description=row.description) for row in rows]
    return PurposePage(items=items, next_cursor=next_cursor)


async def list_provision_headings(read: Read, page: Page) -> ProvisionHeadingPage:
    """A page of provision headings."""
    rows, next_cursor = await _terms(read, provision_heading, page)
    items = [ProvisionHeading(code=row.code, name=row.name, description=row.description) for row in rows]
    return ProvisionHeadingPage(items=items, next_cursor=next_cursor)


@cache
def _term_list(table: sa.Table) -> sa.Select[Any]:
    after, limit = sa.bindparam("after", type_=sa.Text), sa.bindparam("limit", type_=sa.Integer)
    return sa.select(table).where(table.c.code > after).order_by(table.c.code).limit(limit)


async def _terms(read: Read, table: sa.Table, page: Page) -> tuple[Sequence[Row[Any]], str | None]:
    after = _place(page.cursor) if page.cursor else ""
    rows = await read.all(_term_list(table), {"after": after, "limit": page.limit + 1})
    return cut(rows, page.limit, lambda row: (row.code,))


def _place(cursor: str) -> str:
    (code,) = decode_cursor(cursor, (Code,))
    return str(code)
