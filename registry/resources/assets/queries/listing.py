"""The asset list: one prepared statement for each combination of filters, with the plan chosen here.

Neither database's planner can weigh a text index against a place, and SQLite keeps no statistics of ours, so one access
path is picked here and SQLite's planner kept from another (`performance`, section 5):

- one owner, assets by their ids, or the partners of a lendable list: their rows, then everything else, words included;
- words: the text index, with the place's cells among the words when there is one;
- a point: the (category, cell) index, over every category where none is named;
- a category: its own run of the (category, n) index; one run for each category under it, merged;
- nothing of the kind: the assets in their order of registration, the newest first unless asked otherwise.
"""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql.operators import custom_op

from registry.agreements.instruments.queries.in_force import covers_asset, partners_in_force
from registry.directory.taxonomy.tables import category, category_closure
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.database.search import (
    degrees_to_km,
    holds_phrases,
    in_cells,
    matches,
    phrases_among,
    squared_degrees,
    word_parameters,
)
from registry.platform.http.paging import cut, decode_cursor
from registry.platform.http.searching import place_parameters, search_words, with_sort
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.geo import Location, cells_within
from registry.resources.allocations.queries import free_in_window
from registry.resources.assets.queries.getting import asked_window, visible_to
from registry.resources.assets.rules import ROOT_CATEGORY, ServiceStatus, Sharing
from registry.resources.assets.schemas import AssetPage, AssetQuery, AssetSummary
from registry.resources.assets.tables import asset

MOST_CELLS_AMONG_WORDS = 200
REMEMBERED_SECONDS = 60.0

_COLUMNS = (
    asset.c.n,
    asset.c.id,
    asset.c.agency_id,
    asset.c.category,
    asset.c.name,
    asset.c.tag,
    asset.c.type_level,
    asset.c.capacity,
    asset.c.sharing,
    asset.c.service_status,
    asset.c.latitude,
    asset.c.longitude,
    asset.c.mobilisation_minutes,
    asset.c.version,
    asset.c.updated_at,
)
_DESCENDANTS = (
    sa.select(category_closure.c.descendant)
    .where(category_closure.c.ancestor == sa.bindparam("category", type_=sa.Text))
    .order_by(category_closure.c.descendant)
)
_SHORT = frozenset({"service_status", "sharing", "type_at_least", "cursor"})
_FTS = sa.table("asset_fts", sa.column("rowid", sa.BigInteger))
_AFTER = sa.bindparam("after", type_=sa.BigInteger)
_LIMIT = sa.bindparam("limit", type_=sa.Integer)
_known: dict[str, tuple[float, tuple[str, ...]]] = {}


async def descendants(read: Read, code: str) -> tuple[str, ...]:
    """A category and all categories under it, cached for a minute; the taxonomy only grows, with a new release.

    Raises RuleBroken for an unknown category: a typing error must not look like an empty result.
    """
    at = time.monotonic()
    known = _known.get(code)
    if known is None or at - known[0] >= REMEMBERED_SECONDS:
        found = tuple(row.descendant for row in await read.all(_DESCENDANTS, {"category": code}))
        if not found:
            raise RuleBroken.at(
                "There is no such category; GET /v1/categories lists them.",
                "unknown_category",
                "no such category",
                parameter="category",
            )
        known = _known[code] = (at, found)
    return known[1]


def _lendable(owner: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """A criterion: another agency's, in service, shared, and covered by an agreement in force with `viewer` at `at`."""
    return sa.and_(
        asset.c.service_status == ServiceStatus.IN_SERVICE.value,
        asset.c.sharing != Sharing.PRIVATE.value,
        owner.in_(partners_in_force()),
        covers_asset(asset.c.agency_id, asset.c.category),
    )


@cache
def statement(
    dialect: str, filters: frozenset[str], categories: int, sort: str
) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """The statement for one combination of filters; `categories` is the number of categories to search, 0 for all."""

    def ordered(n: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return n.desc() if sort.startswith("-") else n.asc()

    def behind(n: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        return n < _AFTER if sort.startswith("-") else n > _AFTER

    placed, words, few = "near" in filters, "words" in filters, bool({"agency_id", "ids"} & filters)
    distance = squared_degrees(asset.c.latitude, asset.c.longitude) if placed else sa.null()
    found: sa.Select[Any] = sa.select(*_COLUMNS, distance.label("distance"))
    codes = [sa.bindparam(f"category_{i}", type_=sa.Text) for i in range(categories)]
    by_rows = few or ("lendable" in filters and not placed and not words)
    text_rows = words and not few and dialect == "sqlite"
    for name in ("service_status", "sharing", "agency_id"):
        if name in filters:
            found = found.where(asset.c[name] == sa.bindparam(name, type_=asset.c[name].type))
    if "ids" in filters:
        found = found.where(asset.c.id.in_(sa.bindparam("ids", type_=asset.c.id.type, expanding=True)))
    if "type_at_least" in filters:
        found = found.where(asset.c.type_level <= sa.bindparam("type_at_least", type_=sa.Integer))
    if "lendable" in filters:
        owner = asset.c.agency_id if by_rows else _hidden(asset.c.agency_id, dialect)
        found = found.where(_lendable(owner))
    else:
        found = found.where(visible_to(among_many=True))
        if "not_lendable" in filters:
            found = found.where(~_lendable(asset.c.agency_id))
    if "window" in filters:
        found = found.where(
            asset.c.service_status == ServiceStatus.IN_SERVICE.value, free_in_window(asset.c.id, asset.c.capacity)
        )
    if words:
        found = _holding_words(found, dialect, text_first=not few).where(holds_phrases(asset, filters))
    if placed:
        found = found.where(distance <= sa.bindparam("reach2", type_=sa.Double))
        if not words:
            found = found.where(in_cells(asset.c.cell, dialect))
            if not codes:
                found = found.where(asset.c.category.in_(sa.select(category.c.code)))
        found = _of_any(found, codes, hidden=words, dialect=dialect)
        if sort != "distance":
            found = found.where(behind(asset.c.n)) if "cursor" in filters else found
            return found.order_by(ordered(asset.c.n)).limit(_LIMIT)
        if "cursor" in filters:
            further = sa.bindparam("after_distance", type_=sa.Double)
            found = found.where(sa.or_(distance > further, sa.and_(distance == further, asset.c.n > _AFTER)))
        return found.order_by(distance, asset.c.n).limit(_LIMIT)
    if "cursor" in filters:
        n = _hidden(asset.c.n, dialect) if by_rows else _FTS.c.rowid if text_rows else asset.c.n
        found = found.where(behind(n))
    if by_rows:
        order = ordered(_hidden(asset.c.n, dialect))
        return _of_any(found, codes, hidden=False, dialect=dialect).order_by(order).limit(_LIMIT)
    if words or len(codes) <= 1:
        order = _FTS.c.rowid if text_rows else asset.c.n
        return _of_any(found, codes, hidden=words, dialect=dialect).order_by(ordered(order)).limit(_LIMIT)
    runs = [
        sa.select(found.where(asset.c.category == code).order_by(ordered(asset.c.n)).limit(_LIMIT).subquery(f"run_{i}"))
        for i, code in enumerate(codes)
    ]
    merged = sa.union_all(*runs)
    return merged.order_by(ordered(merged.selected_columns.n)).limit(_LIMIT)


def _of_any(
    found: sa.Select[Any], codes: Sequence[sa.BindParameter[str]], *, hidden: bool, dialect: str
) -> sa.Select[Any]:
    column = _hidden(asset.c.category, dialect) if hidden else asset.c.category
    if len(codes) == 1:
        return found.where(column == codes[0])
    return found.where(column.in_(codes)) if codes else found


def _holding_words(found: sa.Select[Any], dialect: str, *, text_first: bool) -> sa.Select[Any]:
    """Rows whose text matches the parameter `match`.

    On SQLite the text index is either joined, so that it returns rows in the order of `n` and stops after the first
    page, or it is queried for each row that another index has found.
    """
    if dialect != "sqlite":
        return found.where(matches(asset, dialect))
    match = sa.literal_column("asset_fts").op("MATCH")(sa.bindparam("match", type_=sa.Text))
    if text_first:
        return found.select_from(_FTS.join(asset, asset.c.n == _FTS.c.rowid)).where(match)
    holds = sa.select(sa.literal(1)).select_from(_FTS).where(match, _FTS.c.rowid == asset.c.n)
    return found.where(holds.correlate(asset).exists())


T = TypeVar("T")


def _hidden(column: sa.Column[T], dialect: str) -> sa.ColumnElement[T]:
    """The column in a form for which SQLite cannot use an index; PostgreSQL has statistics and chooses itself."""
    if dialect != "sqlite":
        return column
    return sa.sql.expression.UnaryExpression(column, operator=custom_op("+"), type_=column.type)


async def list_assets(read: Read, caller: Caller, query: AssetQuery) -> AssetPage:
    """A page of assets that the caller may see.

    Raises RuleBroken for an unknown category, an incomplete point or window, or another list's cursor.
    """
    parameters: dict[str, object] = {
        "viewer": caller.agency_id,
        "at": caller.now,
        "limit": query.limit + 1,
    }
    filters: set[str] = set()
    for name in ("agency_id", "service_status", "sharing", "type_at_least"):
        if (value := getattr(query, name)) is not None:
            filters.add(name)
            parameters[name] = value
    if query.ids:
        filters.add("ids")
        parameters["ids"] = query.ids
    if query.lendable is not None:
        filters.add("lendable" if query.lendable else "not_lendable")
    codes: tuple[str, ...] = ()
    if query.category is not None and query.category != ROOT_CATEGORY:
        codes = await descendants(read, query.category)
        parameters.update((f"category_{i}", code) for i, code in enumerate(codes))
    placed = place_parameters(read.dialect, query.latitude, query.longitude, query.within_km)
    if placed:
        filters.add("near")
        parameters |= placed
    sort = with_sort(query, placed=bool(placed)).sort or ""
    if query.q is not None:
        words = word_parameters(read.dialect, search_words(query.q), _cells(query) if placed else ())
        filters |= {"words", *phrases_among(words)}
        parameters |= words
    _add_window(query, filters, parameters)
    if query.cursor is not None:
        filters.add("cursor")
        if sort == "distance":
            parameters["after_distance"], parameters["after"] = decode_cursor(query.cursor, (float, int))
        else:
            (parameters["after"],) = decode_cursor(query.cursor, (int,))
    # A single category is a short range of its index; queries that may take milliseconds must not block the event loop.
    ask = read.fast if len(codes) == 1 and filters <= _SHORT else read.all_slowly
    rows = await ask(statement(read.dialect, frozenset(filters), len(codes), sort), parameters)
    kept, next_cursor = cut(rows, query.limit, lambda r: (r.distance, r.n) if sort == "distance" else (r.n,))
    return AssetPage(items=_summaries(kept), next_cursor=next_cursor)


def _cells(query: AssetQuery) -> list[int]:
    """The cells of the place, to be added to the words; empty when so many that the words alone are faster."""
    assert query.latitude is not None
    assert query.longitude is not None
    assert query.within_km is not None
    cells = cells_within(query.latitude, query.longitude, query.within_km)
    return cells if len(cells) <= MOST_CELLS_AMONG_WORDS else []


def _add_window(query: AssetQuery, filters: set[str], parameters: dict[str, object]) -> None:
    if query.available_from is None and query.available_to is None and query.quantity is None:
        return
    if query.available_from is None or query.available_to is None:
        raise RuleBroken.at(
            "A search for what is free needs available_from and available_to.",
            "incomplete_window",
            "give both ends of the window",
            parameter="available_to",
        )
    window = asked_window(query.available_from, query.available_to, "available_from", "available_to")
    filters.add("window")
    parameters |= {"start": window.start, "end": window.end, "quantity": query.quantity or 1}


def _summaries(rows: Sequence[Any]) -> list[AssetSummary]:
    """Rows to structs by position, in the order of `_COLUMNS`."""
    return [
        AssetSummary(
            id=asset_id,
            agency_id=agency_id,
            category=code,
            name=name,
            tag=tag,
            type_level=type_level,
            capacity=capacity,
            sharing=sharing,
            service_status=service_status,
            location=None if latitude is None else Location(latitude=latitude, longitude=longitude),
            mobilisation_minutes=minutes,
            version=version,
            updated_at=updated_at,
            distance_km=None if distance is None else round(degrees_to_km(distance), 1),
        )
        for (
            _n,
            asset_id,
            agency_id,
            code,
            name,
            tag,
            type_level,
            capacity,
            sharing,
            service_status,
            latitude,
            longitude,
            minutes,
            version,
            updated_at,
            distance,
        ) in rows
    ]
