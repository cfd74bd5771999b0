"""Searches beside the one that was asked: for what else it names, and for what there is where nothing is found."""

from collections.abc import Iterator
from urllib.parse import urlencode

import msgspec
import sqlalchemy as sa

from registry.directory.taxonomy.tables import category
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.resources.assets.queries.listing import list_assets
from registry.resources.assets.schemas.listing import AssetQuery
from registry.resources.search.rules.numbers import MOST_KM, MOST_MINUTES
from registry.resources.search.rules.saying import as_parameters
from registry.resources.search.rules.tokens import Span
from registry.resources.search.rules.understanding import Understanding, counted_from
from registry.resources.search.schemas import FurtherSearch

_LIST, _SEARCH = "/v1/assets", "/v1/search"
_PARENT = sa.select(category.c.parent, category.c.name).where(category.c.code == sa.bindparam("code", type_=sa.Text))
_ROOT = "any"


def by_themselves(found: Understanding) -> Iterator[FurtherSearch]:
    """What else the sentence names, each with the place and the time that the sentence says."""
    for kind in (*found.others, *found.dropped):
        sentence, first = found.sentence, counted_from(kind, found.sentence)
        reach = () if found.reach is None else (sentence.said([found.reach.span]),)
        where = [] if found.where is None else [sentence.said([found.where.span])]
        if where and not reach:
            where = ["in", *where]
        when = () if found.when is None else (sentence.said(found.when.span),)
        words = " ".join((sentence.said([Span(first, kind.span[-1].end)]), *reach, *where, *when))
        said = f"“{sentence.said(kind.span)}” by itself"
        yield FurtherSearch(said=said, count=None, same_as=f"{_SEARCH}?{urlencode({'q': words})}")


async def instead(read: Read, caller: Caller, query: AssetQuery) -> list[FurtherSearch]:
    """Where nothing is found: how far away the next is, else what there is of the broader category."""
    return [each for each in [await _farther(read, caller, query) or await _broader(read, caller, query)] if each]


async def _farther(read: Read, caller: Caller, query: AssetQuery) -> FurtherSearch | None:
    if query.within_minutes is None and query.within_km is None:
        return None
    by_time = query.within_minutes is not None
    wider = msgspec.structs.replace(
        query,
        within_minutes=MOST_MINUTES if by_time else None,
        within_km=None if by_time else MOST_KM,
        sort="arrival" if by_time else "distance",
        limit=1,
        include=(),
    )
    page = await list_assets(read, caller, wider, explained=False)
    if not page.items:
        return None
    nearest = page.items[0]
    if by_time and nearest.arrival_minutes is not None:
        minutes = nearest.arrival_minutes
        again = msgspec.structs.replace(wider, within_minutes=minutes, limit=query.limit)
        said = f"The first arrives within {minutes} minutes, by estimate"
    elif not by_time and nearest.distance_km is not None:
        km = round(nearest.distance_km + 0.1, 1)
        again = msgspec.structs.replace(wider, within_km=km, limit=query.limit)
        said = f"The nearest is within {km:g} km"
    else:
        return None
    return FurtherSearch(said=said, count=1, same_as=f"{_LIST}?{as_parameters(again)}")


async def _broader(read: Read, caller: Caller, query: AssetQuery) -> FurtherSearch | None:
    """The category above, with the same conditions; none where that is everything."""
    if query.category is None:
        return None
    row = await read.first(_PARENT, {"code": query.category})
    if row is None or row.parent in (None, _ROOT):
        return None
    above = await read.first(_PARENT, {"code": row.parent})
    wider = msgspec.structs.replace(query, category=row.parent, also_category=None, include=("total",), limit=1)
    total = (await list_assets(read, caller, wider, explained=False)).total
    covered = msgspec.structs.replace(wider, lendable=True)
    lendable = (await list_assets(read, caller, covered, explained=False)).total
    if total is None or lendable is None or not total.count:
        return None
    name = row.parent if above is None else above.name
    return FurtherSearch(
        said=f"Of the broader category “{name}” there are {total.count}; an agreement covers {lendable.count} of them",
        count=total.count,
        same_as=f"{_LIST}?{as_parameters(msgspec.structs.replace(wider, include=(), limit=query.limit))}",
    )
