"""From the query of the asset list to the criteria and parameters of its statements."""

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from registry.directory.agencies.queries import zone_of_agency
from registry.directory.taxonomy import queries as taxonomy
from registry.directory.taxonomy.tables import category
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.database.search import phrases_among, word_parameters
from registry.platform.http.paging import CHANGED, asked_window, decode_cursor, given
from registry.platform.http.searching import place_parameters, search_words, with_sort
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import civil_day
from registry.platform.kernel.words import Sought
from registry.resources.assets.queries.attributes import attribute_parameters, attributes_among
from registry.resources.assets.queries.finding import ONE_OF, Asked, one_of_parameters
from registry.resources.assets.queries.spelling import with_corrections
from registry.resources.assets.queries.stating import (
    STATED,
    certification_parameters,
    identifier_parameters,
    served_parameters,
    stated_among,
)
from registry.resources.assets.rules import ROOT_CATEGORY
from registry.resources.assets.schemas.listing import AssetQuery

MOST_CELLS_AMONG_WORDS = 200
MOST_KM = 500.0
_FASTEST = sa.select(sa.func.max(category.c.speed_kmh))


async def descendants(read: Read, code: str, parameter: str = "category") -> tuple[str, ...]:
    """A category and all categories under it.

    Raises RuleBroken for an unknown category: a typing error must not look like an empty result.
    """
    found = await taxonomy.descendants(read, code)
    if not found:
        raise RuleBroken.at(
            "There is no such category; GET /v1/categories lists them.",
            "unknown_category",
            "no such category",
            parameter=parameter,
        )
    return found


async def criteria_of(read: Read, caller: Caller, query: AssetQuery, sought: Sought | None) -> Asked:
    """The criteria of a query whose words are read already.

    Raises RuleBroken for an unknown category, an incomplete point or window, or another list's cursor.
    """
    parameters: dict[str, object] = {"viewer": caller.agency_id, "at": caller.now, "limit": query.limit + 1}
    filters: set[str] = set()
    for name in ONE_OF:
        if values := getattr(query, name):
            filters.add(name)
            parameters |= one_of_parameters(name, values)
    for name in ("agency_id", "type_at_least", "within_minutes"):
        if (value := getattr(query, name)) is not None:
            filters.add(name)
            parameters[name] = value
    if query.within_minutes is not None and query.latitude is None:
        raise RuleBroken.at(
            "A search by minutes to arrive needs the point: latitude and longitude.",
            "incomplete_place",
            "give the point",
            parameter="latitude",
        )
    changed = given(query, *CHANGED)
    filters |= changed.keys()
    parameters |= changed
    for name in ("ids", "state"):
        if value := getattr(query, name):
            filters.add(name)
            parameters[name] = value
    if query.lendable is not None:
        filters.add("lendable" if query.lendable else "not_lendable")
    if query.attributes:
        stated = attribute_parameters(query.attributes)
        filters |= attributes_among(stated)
        parameters |= stated
    placed = place_parameters(read.dialect, query.latitude, query.longitude, await _reach(read, query))
    if placed:
        filters.add("near")
        parameters |= placed
    said = await _stated(read, caller, query)
    filters |= {*stated_among(said)}
    parameters |= said
    sort = with_sort(query, placed=bool(placed)).sort or ""
    if sought is not None:
        words = word_parameters(read.dialect, sought, _cells(placed) if placed else ())
        filters |= {"words", *phrases_among(words)}
        parameters |= words
    codes = await _categories(read, query, sort, alone=not filters & {"near", "words", "agency_id", "ids", *STATED})
    parameters |= {f"category_{i}": code for i, code in enumerate(codes)}
    _add_window(query, filters, parameters)
    if query.certified_for is not None:
        filters.add("certified")
        parameters |= {
            "disciplines": await descendants(read, query.certified_for, "certified_for"),
            "certified_from": parameters.get("start", caller.now),
            "certified_to": parameters.get("end", caller.now),
        }
    if query.cursor is not None:
        filters.add("cursor")
        parameters |= _place_in_order(query.cursor, sort)
    return Asked(filters=frozenset(filters), categories=len(codes), sort=sort, parameters=parameters)


async def words_of(read: Read, query: AssetQuery) -> Sought | None:
    """The words of a query, with what a misspelt one may mean; None without any. Raises RuleBroken."""
    return None if query.q is None else await with_corrections(read, search_words(query.q), query.q)


async def _categories(read: Read, query: AssetQuery, sort: str, *, alone: bool) -> tuple[str, ...]:
    """The categories to look into; for an order by name all of them, since the index of names is by category."""
    if query.category is None or query.category == ROOT_CATEGORY:
        return await descendants(read, ROOT_CATEGORY) if alone and sort.endswith("name") else ()
    found = await descendants(read, query.category)
    if query.also_category is None:
        return found
    return tuple(dict.fromkeys((*found, *await descendants(read, query.also_category, "also_category"))))


async def _reach(read: Read, query: AssetQuery) -> float | None:
    """How far around the point to look: as far as was asked, or as the fastest gets in the time."""
    if query.within_minutes is None or query.within_km is not None or query.latitude is None:
        return query.within_km
    fastest = await read.value(_FASTEST) or 0
    return min(max(fastest * query.within_minutes / 60, 1.0), MOST_KM)


async def _stated(read: Read, caller: Caller, query: AssetQuery) -> dict[str, object]:
    """The parameters of what assets have to state.

    Certifications are looked at on the days of the window, as the caller's agency counts them, or today.
    """
    found: dict[str, object] = {}
    if query.identifier is not None:
        found |= identifier_parameters(query.identifier)
    if any(each is not None for each in (query.serves_county, query.serves_latitude, query.serves_longitude)):
        found |= served_parameters(query.serves_county, query.serves_latitude, query.serves_longitude)
    if query.certification is not None:
        zone = await zone_of_agency(read, caller.agency_id) or "UTC"
        first = query.available_from or caller.now
        last = query.available_to or first
        found |= certification_parameters(query.certification, civil_day(first, zone), civil_day(last, zone))
    if query.funding is not None:
        found["funded"] = query.funding
    return found


def _cells(placed: dict[str, object]) -> list[int]:
    """The cells of the place, to be added to the words; empty when so many that the words alone are faster."""
    cells: Any = placed["cells"]
    numbers: list[int] = msgspec.json.decode(cells) if isinstance(cells, str) else cells
    return numbers if len(numbers) <= MOST_CELLS_AMONG_WORDS else []


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


def _place_in_order(cursor: str, sort: str) -> dict[str, object]:
    """The parameters after which the page begins."""
    by = sort.removeprefix("-")
    if by == "created_at":
        (after,) = decode_cursor(cursor, (int,))
        return {"after": after}
    key, after = decode_cursor(cursor, ({"name": str, "updated_at": datetime}.get(by, float), int))
    return {"after_key": key, "after": after}
