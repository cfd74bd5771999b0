"""Who has somebody for it: the own agency's people exactly, of all others what was last published of them.

A question about others reaches `capability_published` and nothing else that people are in, and takes of it one cell
for each agency: capability, step and whether tested. Everything else that is asked is about the agency.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.in_force import covers_asset
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.seed import CapabilityScale
from registry.platform.access.permissions import Action, permit, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.database.search import haversine, in_cells, near, point_parameters
from registry.platform.http.paging import asked_window, cut, decode_cursor
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.geo import distance_km, haversine_to_km, km_to_haversine
from registry.platform.kernel.time import Window, civil_day
from registry.resources.allocations.people import person_held_in
from registry.resources.personnel.disclosure import (
    DEFAULT_THRESHOLD,
    BelowThreshold,
    CapabilitySharing,
    free_in,
    shown_count,
)
from registry.resources.personnel.duty_hours import blocks_in
from registry.resources.personnel.queries.getting import VIEWER, hindrances_of
from registry.resources.personnel.queries.listing import asked_level, under
from registry.resources.personnel.queries.unpublished import not_published, shown_cells
from registry.resources.personnel.readiness import Days
from registry.resources.personnel.rules import PERSONNEL_CATEGORY, PersonnelStatus
from registry.resources.personnel.scales import level_of, step_for
from registry.resources.personnel.searching import (
    CapabilityConditionName,
    CapabilityCount,
    CapabilityCountPage,
    CapabilityDisclosure,
    CapabilityQuery,
    NobodyFor,
    NotPublished,
)
from registry.resources.personnel.tables import (
    capability_disclosure,
    capability_published,
    personnel_capability,
    personnel_record,
)

CONDITIONS: Final[dict[CapabilityConditionName, tuple[str, ...]]] = {
    "place": ("latitude", "longitude", "within_km"),
    "level_at_least": ("level_at_least",),
    "tested": ("tested",),
    "agency": ("agency_id",),
    "state": ("state",),
    "lendable": ("lendable",),
}
"""What can be left out of a query for people, each with the parameters that it goes by."""
NOWHERE: Final = 2.0
"""Where an agency comes of which it is not known where it is: behind all others, whose haversine is 1 at most."""
_OWN_AGENCY = sa.select(
    agency.c.id, agency.c.name, agency.c.latitude, agency.c.longitude, agency.c.time_zone, agency.c.state
).where(agency.c.id == VIEWER)
_DISCLOSURE = sa.select(capability_disclosure).where(
    capability_disclosure.c.agency_id == sa.bindparam("agency_id", type_=agency.c.id.type)
)


@cache
def others_statement(dialect: str, filters: frozenset[str]) -> sa.Select[Any]:
    """One row of each other agency that has published somebody for the cell, for one combination of filters.

    With `page` no more than `limit` of them, the nearest first, else in the order of their ids, from behind `after`.
    """
    its, rules = capability_published, capability_disclosure
    found = (
        sa.select(
            agency.c.id,
            agency.c.name,
            agency.c.latitude,
            agency.c.longitude,
            agency.c.time_zone,
            its.c.band,
            its.c.blocks,
            rules.c.blocks.label("agency_blocks"),
            rules.c.threshold,
        )
        .select_from(its.join(agency, agency.c.id == its.c.agency_id).join(rules, rules.c.agency_id == its.c.agency_id))
        .where(
            its.c.agency_id != VIEWER,
            agency.c.status == "active",
            *shown_cells(),
        )
    )
    away = haversine(agency.c.latitude, agency.c.longitude) if filters & {"point", "near"} else sa.null()
    found = found.add_columns(away.label("away"))
    if "near" in filters:
        found = found.where(in_cells(its.c.cell, dialect), sa.bindparam("reach", type_=sa.Double) >= away)
    if "agency_id" in filters:
        found = found.where(its.c.agency_id == sa.bindparam("agency_id", type_=agency.c.id.type))
    if "state" in filters:
        found = found.where(agency.c.state == sa.bindparam("state"))
    if "lendable" in filters or "not_lendable" in filters:
        covered = covers_asset(its.c.agency_id, sa.literal(PERSONNEL_CATEGORY, sa.Text))
        found = found.where(covered if "lendable" in filters else ~covered)
    if "page" in filters:
        order = (sa.func.coalesce(away, NOWHERE, type_=sa.Double), its.c.agency_id)
        if "after" in filters:
            places = [sa.bindparam(f"after_{i}", type_=column.type) for i, column in enumerate(order)]
            found = found.where(sa.tuple_(*order) > sa.tuple_(*places))
        found = found.order_by(*order).limit(sa.bindparam("limit", type_=sa.Integer))
    return found


@cache
def own_statement(*, in_window: bool, tested: bool) -> sa.Select[Any]:
    """The own people who can do it on both days, and what is needed to say whether they can be sent."""
    held = personnel_capability
    holders = sa.select(held.c.personnel_id).where(
        held.c.agency_id == VIEWER,
        under(held.c.capability),
        held.c["tested_level" if tested else "level"] >= sa.bindparam("level", type_=sa.Integer),
        held.c.from_on <= sa.bindparam("first", type_=held.c.from_on.type),
        held.c.until_on >= sa.bindparam("last", type_=held.c.until_on.type),
    )
    columns: list[sa.ColumnElement[Any]] = [personnel_record.c.id]
    if in_window:
        columns += [personnel_record.c[name] for name in ("status", "hours", "absences", "conditions")]
        columns += [agency.c.time_zone, person_held_in(personnel_record.c.id).label("committed")]
    return (
        sa.select(*columns)
        .join(agency, agency.c.id == personnel_record.c.agency_id)
        .where(
            personnel_record.c.agency_id == VIEWER,
            personnel_record.c.status != PersonnelStatus.SEPARATED.value,
            personnel_record.c.id.in_(holders),
        )
    )


class _Found(NamedTuple):
    """An agency that has somebody; shown only if it comes on the page, since there may be thousands."""

    agency_id: UUID
    name: str
    away: float | None
    """As the haversine, which orders as the distance does and is exact in a cursor."""
    show: Callable[[], CapabilityCount]


class _Asked:
    """A question with what it rests on: scale, rank and window."""

    def __init__(self, query: CapabilityQuery, caller: Caller, scale: CapabilityScale, rank: int) -> None:
        self.query, self.caller, self.scale, self.rank = query, caller, scale, rank
        self.window = _window(query)
        self.tested = bool(query.tested)


async def list_capabilities(read: Read, caller: Caller, query: CapabilityQuery) -> CapabilityCountPage:
    """A page of agencies that have somebody for it.

    Raises RuleBroken for an unknown capability or level, an incomplete point or window, or another list's cursor.
    """
    found, point, step = await _find(read, caller, query, only_a_page=True)
    unpublished = None
    if query.cursor is None and not _is_of_own(query, caller):
        unpublished = await not_published(read, caller, query, point, step)
    emptied_by = [] if found or query.cursor is not None else await _what_emptied(read, caller, query)
    return _page(found, query, unpublished, emptied_by)


async def _find(
    read: Read, caller: Caller, query: CapabilityQuery, *, only_a_page: bool
) -> tuple[list[_Found], tuple[float, float] | None, int | None]:
    """The agencies that are shown, the point from which they are away, and the step for which others publish theirs.

    Of thousands it is enough to find those that can come on the page, where it is in the order of the distance.
    """
    scale, rank = await asked_level(read, query.capability, query.level_at_least)
    asked = _Asked(query, caller, scale, rank)
    own_agency = await read.first(_OWN_AGENCY, {"viewer": caller.agency_id})
    assert own_agency is not None
    point = _point(query, own_agency)
    step = step_for(scale, rank)
    found = await _own(read, asked, own_agency, point)
    if step is not None:  # above the highest step nothing is published
        found += await _others(read, asked, point, step, only_a_page=only_a_page)
    return found, point, step


async def _what_emptied(read: Read, caller: Caller, query: CapabilityQuery) -> list[NobodyFor]:
    """Each condition without which some agency would be shown, those first without which the fewest are."""
    given = [name for name, fields in CONDITIONS.items() if any(getattr(query, each) is not None for each in fields)]
    emptied_by = []
    for name in given:
        found, _, _ = await _find(read, caller, replace(query, **dict.fromkeys(CONDITIONS[name])), only_a_page=False)
        emptied_by += [NobodyFor(without=name, agencies=len(found))] if found else []
    return sorted(emptied_by, key=lambda each: each.agencies)


def _is_of_own(query: CapabilityQuery, caller: Caller) -> bool:
    return query.agency_id is not None and query.agency_id == caller.agency_id


def _point(query: CapabilityQuery, own_agency: Row[Any]) -> tuple[float, float] | None:
    """The point asked about, else where the own agency is; None when that is not known. Raises RuleBroken."""
    if (query.latitude is None) != (query.longitude is None):
        raise _incomplete("give both or none", "longitude")
    if query.latitude is not None and query.longitude is not None:
        return query.latitude, query.longitude
    if own_agency.latitude is not None:
        return own_agency.latitude, own_agency.longitude
    if query.within_km is not None:
        raise _incomplete("give the point: it is not known where your agency is", "latitude")
    return None


def _incomplete(fault: str, parameter: str) -> RuleBroken:
    return RuleBroken.at(
        "A search around a point needs latitude and longitude.", "incomplete_place", fault, parameter=parameter
    )


def _window(query: CapabilityQuery) -> Window | None:
    if query.available_from is None and query.available_to is None:
        return None
    if query.available_from is None or query.available_to is None:
        raise RuleBroken.at(
            "A search for who is free needs available_from and available_to.",
            "incomplete_window",
            "give both ends of the window",
            parameter="available_to",
        )
    return asked_window(query.available_from, query.available_to, "available_from", "available_to")


async def _own(read: Read, asked: _Asked, own_agency: Row[Any], point: tuple[float, float] | None) -> list[_Found]:
    """The own agency's people, exactly; nothing where the question is about others."""
    query = asked.query
    if query.lendable or query.agency_id not in (None, own_agency.id) or query.state not in (None, own_agency.state):
        return []
    away = None
    if point is not None and own_agency.latitude is not None:
        away = km_to_haversine(distance_km(*point, own_agency.latitude, own_agency.longitude))
    if query.within_km is not None and (away is None or away > km_to_haversine(query.within_km)):
        return []
    zone, now = own_agency.time_zone or "UTC", asked.caller.now
    today = civil_day(now, zone)
    days = Days(today, today) if asked.window is None else Days.of(asked.window, zone)
    parameters: dict[str, object] = {
        "viewer": own_agency.id,
        "capability": query.capability,
        "level": asked.rank,
        "first": days.first,
        "last": days.last,
    }
    if asked.window is not None:
        parameters |= {"start": asked.window.start, "end": asked.window.end, "at": now}
    statement = own_statement(in_window=asked.window is not None, tested=asked.tested)
    rows = await read.all_slowly(statement, parameters)
    if not rows:
        return []
    free_count = None
    if asked.window is not None:
        free_count = sum(not hindrances_of(row, asked.window, committed=bool(row.committed)) for row in rows)
    count = CapabilityCount(
        agency=AgencyReference(id=own_agency.id, name=own_agency.name),
        capability=query.capability,
        level=None if query.level_at_least is None else level_of(asked.scale, asked.rank),
        count=len(rows),
        at_least_one=True,
        rounded_to=1,
        free=None if free_count is None else ("yes" if free_count else "no"),
        free_count=free_count,
        distance_km=_shown(away),
    )
    return [_Found(own_agency.id, own_agency.name, away, lambda: count)]


async def _others(
    read: Read, asked: _Asked, point: tuple[float, float] | None, step: int, *, only_a_page: bool
) -> list[_Found]:
    """Other agencies, as published for the step."""
    query = asked.query
    parameters: dict[str, object] = {
        "viewer": asked.caller.agency_id,
        "at": asked.caller.now,
        "capability": query.capability,
        "level": step,
        "tested": asked.tested,
        "agency_id": query.agency_id,
        "state": query.state,
    }
    filters = {name for name in ("agency_id", "state") if getattr(query, name) is not None}
    if query.lendable is not None:
        filters.add("lendable" if query.lendable else "not_lendable")
    if point is not None and query.within_km is not None:
        filters.add("near")
        parameters |= near(read.dialect, *point, query.within_km)
    elif point is not None:
        filters.add("point")
        parameters |= point_parameters(*point)
    if only_a_page and query.sort == "distance":
        filters.add("page")
        parameters["limit"] = query.limit + 1
        if query.cursor is not None:
            filters.add("after")
            parameters |= {f"after_{i}": part for i, part in enumerate(decode_cursor(query.cursor, (float, UUID)))}
    rows = await read.all_slowly(others_statement(read.dialect, frozenset(filters)), parameters)
    wanted = _wanted_blocks(asked.window)
    level = None if query.level_at_least is None else level_of(asked.scale, step)

    def show(row: Row[Any]) -> CapabilityCount:
        free = None if wanted is None else free_in(wanted(row.time_zone or "UTC"), row.blocks, row.agency_blocks)
        return CapabilityCount(
            agency=AgencyReference(id=row.id, name=row.name),
            capability=query.capability,
            level=level,
            count=shown_count(row.band, row.threshold),
            at_least_one=True,
            rounded_to=row.threshold,
            free=free,
            free_count=None,
            distance_km=_shown(row.away),
        )

    return [_Found(row.id, row.name, row.away, partial(show, row)) for row in rows]


def _wanted_blocks(window: Window | None) -> Callable[[str], int] | None:
    """The blocks that the window touches in a zone, each zone looked at once."""
    return None if window is None else cache(lambda zone: blocks_in(window, zone))


def _shown(away: float | None) -> float | None:
    """To where the agency is, never to where its people are."""
    return None if away is None else round(haversine_to_km(away), 1)


def _page(
    found: Sequence[_Found], query: CapabilityQuery, unpublished: NotPublished | None, emptied_by: list[NobodyFor]
) -> CapabilityCountPage:
    by_distance, down = query.sort == "distance", query.sort.startswith("-")

    def key(each: _Found) -> tuple[float | str, UUID]:
        away = NOWHERE if each.away is None else each.away
        return (away if by_distance else each.name), each.agency_id

    ordered = sorted(found, key=key, reverse=down)
    if query.cursor is not None:
        after = decode_cursor(query.cursor, (float if by_distance else str, UUID))
        ordered = [each for each in ordered if (key(each) < after if down else key(each) > after)]
    kept, next_cursor = cut(ordered[: query.limit + 1], query.limit, key)
    return CapabilityCountPage(
        items=[each.show() for each in kept],
        next_cursor=next_cursor,
        not_published=unpublished,
        emptied_by=emptied_by,
    )


async def disclosure_row(read: Read, agency_id: UUID, *, locked: bool = False) -> Any:
    """An agency's rules for what others learn; None while it has no people and has said nothing of it."""
    statement = _DISCLOSURE.with_for_update() if locked else _DISCLOSURE
    return await read.first(statement, {"agency_id": agency_id})


async def get_disclosure(read: Read, caller: Caller) -> CapabilityDisclosure:
    """What other agencies may learn of the caller's own people."""
    permit(caller.principal, Action.PERSONNEL_READ, ["own"])
    row = await disclosure_row(read, caller.agency_id)
    if row is not None:
        return as_disclosure(row, caller.principal)
    return CapabilityDisclosure(
        sharing=CapabilitySharing.AGREEMENT,
        threshold=DEFAULT_THRESHOLD,
        below_threshold=BelowThreshold.AT_LEAST_ONE,
        released_on=None,
        allowed_actions=_allowed(caller.principal),
        version=0,
    )


def as_disclosure(row: Any, principal: Principal) -> CapabilityDisclosure:
    """The representation of a row."""
    return CapabilityDisclosure(
        sharing=CapabilitySharing(row.sharing),
        threshold=row.threshold,
        below_threshold=BelowThreshold(row.below_threshold),
        released_on=row.released_on,
        allowed_actions=_allowed(principal),
        version=row.version,
    )


def _allowed(principal: Principal) -> list[AllowedAction]:
    return [offer("update")] if refusal(principal, Action.PERSONNEL_DISCLOSE, ["own"]) is None else []
