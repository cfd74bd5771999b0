"""What stands beside a page of assets: how many there are in all, by what they differ, and what left none over."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.agencies.queries import references
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.time import Window
from registry.platform.kernel.words import Sought
from registry.resources.assets.queries.asking import criteria_of
from registry.resources.assets.queries.finding import (
    NEEDS_SERVICE,
    Asked,
    counting_statement,
    free_statement,
    kept_of_statement,
    one_of_parameters,
)
from registry.resources.assets.queries.keeping import Free, Wanted, free_together, held_back_among
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.schemas.listing import (
    AssetCount,
    AssetQuery,
    BoundedCount,
    ConditionName,
    EmptiedBy,
    Facet,
    FacetName,
    FacetValue,
    LeftOut,
    LeftOutReason,
)

MOST_COUNTED: Final = 1_000
MOST_LOOKED_AT: Final = 10_000
"""Of how many assets the facets tell; where there are more, their counts are the least there can be."""
MOST_VALUES: Final = 50
CONDITIONS: Final[dict[ConditionName, tuple[str, ...]]] = {
    "available": ("available_from", "available_to", "quantity"),
    "lendable": ("lendable",),
    "type_at_least": ("type_at_least",),
    "certification": ("certification",),
    "certificates": ("certified_for",),
    "funding": ("funding",),
    "attributes": ("attributes",),
    "service_status": ("service_status",),
    "sharing": ("sharing",),
    "service_area": ("serves_county", "serves_latitude", "serves_longitude"),
    "place": ("latitude", "longitude", "within_km", "within_minutes"),
    "state": ("state",),
    "agency": ("agency_id",),
    "words": ("q",),
    "identifier": ("identifier",),
    "ids": ("ids",),
    "category": ("category", "also_category"),
}
"""What can be left out of a query for assets, each with the parameters that it goes by.

In the order in which conditions are given up where several stand in the way: what is asked for stays longest.
"""


def _bounded(number: int, most: int) -> BoundedCount:
    return BoundedCount(count=min(number, most), or_more=number > most)


async def count_all(read: Read, caller: Caller, asked: Asked) -> AssetCount:
    """How many assets there are on all pages, and how many of them are held back; counted to a thousand."""
    counted = _bounded(await _count(read, asked, MOST_COUNTED), MOST_COUNTED)
    held = await _held_back(read, caller, asked, MOST_COUNTED, ())
    return AssetCount(
        count=counted.count,
        or_more=counted.or_more,
        held_back=None if held is None else BoundedCount(count=len(held.rows), or_more=held.or_more or counted.or_more),
    )


async def count_free(read: Read, caller: Caller, asked: Asked) -> BoundedCount:
    """How many of all assets on all pages can be lent at once in the window; a thousand assets are looked at."""
    statement = free_statement(read.dialect, asked.filters - {"cursor"}, asked.categories)
    rows = await read.all_slowly(statement, {**asked.parameters, "limit": MOST_COUNTED})
    free = [Free(id=row.id, owner=row.agency_id, category=row.category, quantity=int(row.free)) for row in rows]
    number = await free_together(read, caller.agency_id, free, _window(asked), caller.now)
    return BoundedCount(count=number, or_more=len(rows) >= MOST_COUNTED)


class _HeldBack(Struct, kw_only=True, frozen=True):
    """Those of the assets counted that are held back; there may be more of them than were looked at."""

    rows: list[Row[Any]]
    or_more: bool


async def _held_back(read: Read, caller: Caller, asked: Asked, most: int, by: tuple[str, ...]) -> _HeldBack | None:
    """Those of the assets counted that are held back, as the page marks them; None where no window is asked about.

    Whether one is depends on all that its agency has, so that no more than a thousand are looked at.
    """
    if "window" not in asked.filters:
        return None
    statement = kept_of_statement(read.dialect, asked.filters - {"cursor"}, asked.categories, by)
    rows = await read.all_slowly(statement, {**asked.parameters, "limit": most + 1, "most": MOST_COUNTED + 1})
    looked_at = rows[:MOST_COUNTED]
    quantity: Any = asked.parameters["quantity"]
    wanted = [
        Wanted(owner=row.agency_id, quantities={row.id: quantity}, categories=[row.category]) for row in looked_at
    ]
    held = await held_back_among(read, caller.agency_id, wanted, _window(asked), caller.now) if wanted else []
    return _HeldBack(
        rows=[row for row, kept in zip(looked_at, held, strict=True) if kept], or_more=len(rows) > MOST_COUNTED
    )


def _window(asked: Asked) -> Window:
    start, end = (cast(Any, asked.parameters[name]) for name in ("start", "end"))
    return Window(start=start, end=end)


async def _count(read: Read, asked: Asked, most: int) -> int:
    filters = asked.filters - {"cursor"}
    statement = counting_statement(read.dialect, filters, asked.categories, ())
    (row,) = await read.all_slowly(statement, {**asked.parameters, "limit": most + 1})
    return int(row.number)


async def count_facets(read: Read, caller: Caller, asked: Asked, by: Sequence[FacetName]) -> list[Facet]:
    """How many there are of each value, in the order asked for; the most frequent values first."""
    names = tuple(dict.fromkeys(by))
    statement = counting_statement(read.dialect, asked.filters - {"cursor"}, asked.categories, tuple(sorted(names)))
    rows = await read.all_slowly(statement, {**asked.parameters, "limit": MOST_LOOKED_AT + 1})
    counts: dict[str, Counter[Any]] = defaultdict(Counter)
    for row in rows:
        for name in names:
            counts[name][getattr(row, name)] += row.number
    cut_off = sum(row.number for row in rows) > MOST_LOOKED_AT
    kept = await _held_back(read, caller, asked, MOST_LOOKED_AT, tuple(sorted(names)))
    kept_of = {name: Counter(getattr(row, f"by_{name}") for row in kept.rows) for name in names} if kept else {}
    owners = await references(read, counts["agency"]) if "agency" in names else {}
    found = []
    for name in names:
        first = sorted(counts[name].items(), key=lambda each: (-each[1], str(each[0])))[:MOST_VALUES]
        found.append(
            Facet(
                name=name,
                values=[
                    FacetValue(
                        value=None if value is None else str(value),
                        label=owners[value].name if name == "agency" else None,
                        count=min(number, MOST_COUNTED),
                        or_more=cut_off or number > MOST_COUNTED,
                        held_back=None
                        if kept is None
                        else BoundedCount(count=kept_of[name][value], or_more=cut_off or kept.or_more),
                    )
                    for value, number in first
                ],
                more_values=len(counts[name]) > MOST_VALUES,
            )
        )
    return found


async def what_emptied(read: Read, caller: Caller, query: AssetQuery, sought: Sought | None) -> list[EmptiedBy]:
    """What would be found without one of the conditions, the most helpful first: those that leave the fewest out.

    Where no single one stands in the way, as few as will do together. One bounded statement for each condition, and at
    most two more for each where several have to go; empty where the caller sees no asset at all.
    """
    given = [name for name, fields in CONDITIONS.items() if any(_is_given(getattr(query, each)) for each in fields)]

    async def found(without: Sequence[ConditionName]) -> EmptiedBy | None:
        asked = await criteria_of(read, caller, _without(query, without), None if "words" in without else sought)
        number = await _count(read, asked, MOST_COUNTED)
        counted = _bounded(number, MOST_COUNTED)
        return EmptiedBy(without=[*without], count=counted.count, or_more=counted.or_more) if number else None

    alone = [each for name in given if (each := await found([name])) is not None]
    if alone or len(given) < 2:
        return sorted(alone, key=lambda each: (each.count, each.or_more))
    together: list[ConditionName] = []
    enough = None
    for name in given:
        together.append(name)
        if len(together) > 1 and (enough := await found(together)) is not None:
            break
    for name in together if enough is not None and len(together) > 2 else ():
        fewer = [each for each in together if each != name]
        if len(fewer) > 1 and (still := await found(fewer)) is not None:
            together, enough = fewer, still
    return [] if enough is None else [enough]


def _without(query: AssetQuery, names: Sequence[ConditionName]) -> AssetQuery:
    """The query without some of its conditions."""
    fields = {field for name in names for field in CONDITIONS[name]} | ({"sort"} if "place" in names else set())
    empty: Any = {
        field: type(value)() if isinstance(value := getattr(query, field), tuple | dict) else None for field in fields
    }
    return msgspec.structs.replace(query, **empty)


def _only_in_service(asked: Asked) -> bool:
    statuses = one_of_parameters("service_status", [ServiceStatus.IN_SERVICE])
    return all(asked.parameters.get(name) == value for name, value in statuses.items())


async def count_left_out(read: Read, asked: Asked) -> list[LeftOut]:
    """What meets all criteria but one of time: out of service, not free in the window, or without a known arrival."""
    filters = asked.filters - {"cursor"}
    instead: dict[LeftOutReason, frozenset[str]] = {}
    if filters & NEEDS_SERVICE or _only_in_service(asked):
        instead["not_in_service"] = filters - {"window", "service_status"}
    if "window" in filters:
        instead["not_free"] = filters - {"window"}
    if "within_minutes" in filters:
        instead["arrival_unknown"] = filters - {"within_minutes"}
    found = []
    for reason, others in instead.items():
        number = await _count(read, msgspec.structs.replace(asked, filters=others | {reason}), MOST_COUNTED)
        if number:
            counted = _bounded(number, MOST_COUNTED)
            found.append(LeftOut(reason=reason, count=counted.count, or_more=counted.or_more))
    return found


def _is_given(value: object) -> bool:
    return value is not None and value not in ((), {})
