"""The asset list: a page, with what was asked for beside it, and with what would help where it is empty."""

from collections.abc import Sequence
from math import ceil
from typing import Any, Final, cast

import msgspec

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Rows
from registry.platform.http.paging import cut
from registry.platform.kernel.geo import Location, haversine_to_km
from registry.platform.kernel.time import Window
from registry.platform.kernel.words import Sought
from registry.resources.assets.certifying import CertifiedToLend
from registry.resources.assets.queries.asking import criteria_of, words_of
from registry.resources.assets.queries.certified import at_present, certified_among
from registry.resources.assets.queries.counting import count_all, count_facets, count_free, count_left_out, what_emptied
from registry.resources.assets.queries.finding import NEVER, Asked, page_statement
from registry.resources.assets.queries.keeping import Wanted, held_back_among
from registry.resources.assets.queries.spelling import corrections_in, with_own_words
from registry.resources.assets.schemas.availability import CertifiedInWindow
from registry.resources.assets.schemas.listing import AssetPage, AssetQuery, AssetSummary, BoundedCount

_SHORT = frozenset({"service_status", "sharing", "type_at_least", "cursor"})


async def list_assets(read: Read, caller: Caller, query: AssetQuery, *, explained: bool = True) -> AssetPage:
    """A page of assets that the caller may see; unless it is to be `explained`, without why so few are found.

    Raises RuleBroken for an unknown category, an incomplete point or window, or another list's cursor.
    """
    exactly = await words_of(read, query)
    sought, asked, rows = await _found(read, caller, query, exactly)
    alone = asked.sort.endswith("created_at")
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.n,) if alone else (row.key, row.n))
    # Nothing has changed is the usual answer to whoever keeps a copy, and needs no explanation.
    first = explained and query.cursor is None and query.updated_from is None and query.updated_to is None
    counts_left_out = "left_out" in query.include or query.within_minutes is not None
    return AssetPage(
        items=await _with_held_back(read, caller, asked, await _summaries(read, caller, asked, kept)),
        next_cursor=next_cursor,
        total=await count_all(read, caller, asked) if "total" in query.include else None,
        facets=await count_facets(read, caller, asked, query.facets) if query.facets else None,
        corrections=corrections_in(sought, exactly, kept),
        emptied_by=await what_emptied(read, caller, query, sought) if first and not rows else [],
        left_out=await count_left_out(read, asked) if first and counts_left_out else [],
    )


async def _with_held_back(read: Read, caller: Caller, asked: Asked, items: list[AssetSummary]) -> list[AssetSummary]:
    """The items, each with whether its owner holds it back in the window; as they are where none is asked about.

    The statement finds what is free; what an agency keeps at home depends on all that it has of a category, and is
    looked at for the few assets of a page.
    """
    if "window" not in asked.filters or not items:
        return items
    quantity = cast(Any, asked.parameters["quantity"])
    wanted = [
        Wanted(owner=each.agency_id, quantities={each.id: quantity}, categories=[each.category]) for each in items
    ]
    held = await held_back_among(read, caller.agency_id, wanted, _window(caller, asked), caller.now)
    return [msgspec.structs.replace(each, held_back=kept) for each, kept in zip(items, held, strict=True)]


async def free_in_all(read: Read, caller: Caller, query: AssetQuery) -> BoundedCount:
    """How many of all that the list finds, on whichever page, can be lent at once. Raises as `list_assets`."""
    first = msgspec.structs.replace(query, cursor=None, limit=1)
    _, asked, _ = await _found(read, caller, first, await words_of(read, query))
    return await count_free(read, caller, asked)


async def _found(
    read: Read, caller: Caller, query: AssetQuery, exactly: Sought | None
) -> tuple[Sought | None, Asked, Rows]:
    """What is looked for, how it was asked, and the page: by the words as they are, or by those that they may mean."""
    asked = await criteria_of(read, caller, query, exactly)
    rows = await _page(read, asked)
    nearly = None if rows or exactly is None else await _nearly(read, caller, query, exactly)
    return (exactly, asked, rows) if nearly is None else nearly


async def _page(read: Read, asked: Asked) -> Rows:
    # A single category is a short range of its index; queries that may take milliseconds must not block the event loop.
    short = asked.categories == 1 and asked.filters <= _SHORT and asked.sort.endswith("created_at")
    statement = page_statement(read.dialect, asked.filters, asked.categories, asked.sort)
    return await (read.fast if short else read.fast_slowly)(statement, asked.parameters)


async def _nearly(read: Read, caller: Caller, query: AssetQuery, exactly: Sought) -> tuple[Sought, Asked, Rows] | None:
    """The page by words that are one letter off those of names and tags; None where that finds nothing either.

    Also None where an asset that the caller sees has the words as they are written: then another condition, or the end
    of the pages, leaves it out.
    """
    tolerant = await with_own_words(read, exactly, query.q or "")
    if tolerant is None or await _page(read, await criteria_of(read, caller, AssetQuery(limit=1), exactly)):
        return None
    asked = await criteria_of(read, caller, query, tolerant)
    rows = await _page(read, asked)
    return (tolerant, asked, rows) if rows else None


async def _summaries(read: Read, caller: Caller, asked: Asked, rows: Sequence[Any]) -> list[AssetSummary]:
    """Rows to structs by position, in the order of `COLUMNS`."""
    held = await certified_among(read, [row for row in rows if _may_be_certified(row)], _window(caller, asked))
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
            distance_km=None if distance is None else round(haversine_to_km(distance), 1),
            arrival_minutes=None if arrival is None or arrival >= NEVER else ceil(arrival),
            certification=certification,
            certified=certified,
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
            _required,
            _stated,
            _has_certificates,
            distance,
            arrival,
            _key,
        ) in rows
        for certification, certified in (held.get(asset_id, _UNCERTIFIED),)
    ]


_UNCERTIFIED: Final = (CertifiedToLend.NOT_REQUIRED, list[CertifiedInWindow]())
_NONE: Final = msgspec.Raw(b"[]")


def _may_be_certified(row: Any) -> bool:
    """Whether it has to be asked how the asset is certified: most need not be, and have no certificates."""
    return bool(row.certification_required or row.has_certificates) or row.certifications != _NONE


def _window(caller: Caller, asked: Asked) -> Window:
    if "window" not in asked.filters:
        return at_present(caller)
    start, end = (cast(Any, asked.parameters[name]) for name in ("start", "end"))
    return Window(start=start, end=end)
