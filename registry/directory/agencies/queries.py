"""Queries about agencies. Every authenticated caller may see every agency; contacts are not part of it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.rules import (
    OWN_WORD_IS_REQUIRED,
    SILENCE_COUNTS,
    TRANSITIONS,
    AgencyAction,
    AgencyStatus,
)
from registry.directory.agencies.schemas import (
    Agency,
    AgencyPage,
    AgencyQuery,
    AgencyReference,
    AgencySummary,
    LedgerEventPage,
    OwnWordOnly,
    RelaxedSeparation,
)
from registry.directory.agencies.tables import agency, agency_ori
from registry.platform.access.acts import relaxed_by
from registry.platform.access.permissions import Action, Relation, permit, refusal
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Separation
from registry.platform.database.handles import Read
from registry.platform.database.search import (
    haversine,
    holds_phrases,
    in_cells,
    matches,
    phrases_among,
    word_parameters,
)
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.http.searching import place_parameters, search_words, with_sort
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.geo import Location, haversine_to_km
from registry.platform.ledger.queries import Found, audited_events, events_about, events_of_chain
from registry.platform.ledger.schemas import AuditQuery, HistoryQuery

_ORIS = (
    sa.select(sa.func.aggregate_strings(agency_ori.c.ori, ","))
    .where(agency_ori.c.agency_id == agency.c.id)
    .correlate(agency)
    .scalar_subquery()
)
_ID = sa.bindparam("id", type_=agency.c.id.type)
_NAMED = sa.select(agency.c.id, agency.c.name).where(
    agency.c.id.in_(sa.bindparam("ids", type_=agency.c.id.type, expanding=True))
)
_ZONE = sa.select(agency.c.time_zone).where(agency.c.id == _ID)
_ZONES = sa.select(agency.c.id, agency.c.time_zone).where(
    agency.c.id.in_(sa.bindparam("ids", type_=agency.c.id.type, expanding=True)), agency.c.time_zone.is_not(None)
)
_BY_ORI = sa.select(agency_ori.c.agency_id).where(agency_ori.c.ori == sa.bindparam("ori"))
_parent, _successor = agency.alias("parent"), agency.alias("successor")
_GET = (
    sa.select(
        *(c for c in agency.c if c.name not in ("n", "cell", "search_text", "source_facts")),
        _ORIS.label("oris"),
        _parent.c.name.label("parent_name"),
        _successor.c.name.label("successor_name"),
    )
    .outerjoin(_parent, _parent.c.id == agency.c.parent_id)
    .outerjoin(_successor, _successor.c.id == agency.c.successor_id)
    .where(agency.c.id == _ID)
)


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to an agency."""
    return ["own"] if principal.agency_id == agency_id else []


async def agency_row(read: Read, agency_id: UUID) -> Row[Any]:
    """The agency's row with its ORIs. Raises NotFound."""
    row = await read.first(_GET, {"id": agency_id})
    if row is None:
        raise NotFound("agency")
    return row


async def zone_of_agency(read: Read, agency_id: UUID) -> str | None:
    """The time zone of an agency; None when it has none, or when there is no such agency."""
    found: str | None = await read.value(_ZONE, {"id": agency_id})
    return found


async def zones_of_agencies(read: Read, ids: Iterable[UUID]) -> dict[UUID, str]:
    """The time zones of those agencies that have one, by id."""
    return {row.id: row.time_zone for row in await read.all(_ZONES, {"ids": sorted(set(ids))})}


async def agency_by_ori(read: Read, ori: str) -> UUID | None:
    """The id of the agency with that ORI; None when there is none."""
    found: UUID | None = await read.value(_BY_ORI, {"ori": ori})
    return found


async def unknown_agencies(read: Read, ids: Iterable[UUID]) -> set[UUID]:
    """Of these ids those that no agency has."""
    wanted = set(ids)
    return wanted - (await references(read, wanted)).keys()


async def references(read: Read, ids: Iterable[UUID | None]) -> dict[UUID, AgencyReference]:
    """Agencies as answers name them, by id: those of a whole page in one statement.

    For what is derived and has no row that the name could be joined to.
    """
    wanted = {each for each in ids if each is not None}
    rows = await read.all(_NAMED, {"ids": sorted(wanted)}) if wanted else ()
    return {row.id: AgencyReference(id=row.id, name=row.name) for row in rows}


async def history(
    read: Read, principal: Principal, kind: str, subject_id: UUID, query: HistoryQuery
) -> LedgerEventPage:
    """The events about a thing that concern the caller's agency, or everybody, with the names of the agencies in them.

    Whether the caller may see the thing at all is for the thing's own room to ask first.
    """
    return await _named(read, await events_about(read, principal, kind, subject_id, query))


async def chain_history(
    read: Read, principal: Principal, subjects: Mapping[str, Sequence[UUID]], query: HistoryQuery
) -> LedgerEventPage:
    """The same about several things that follow from one another, by their kinds, in the order of recording."""
    return await _named(read, await events_of_chain(read, principal, subjects, query))


async def _named(read: Read, found: Found) -> LedgerEventPage:
    named = await references(read, found.agency_ids)
    return LedgerEventPage(
        items=found.events,
        agencies=[named[each] for each in sorted(named)],
        archived_to=found.archived_to,
        next_cursor=found.next_cursor,
    )


async def audit(read: Read, principal: Principal, query: AuditQuery) -> LedgerEventPage:
    """What an auditor reviews: refusals, readings and exports that concern the caller's agency."""
    permit(principal, Action.AUDIT_READ, ["own"])
    return await _named(read, await audited_events(read, principal, query))


async def get_agency(read: Read, principal: Principal, agency_id: UUID) -> Agency:
    """One agency as this caller may see it. Raises NotFound."""
    return await as_agency(read, await agency_row(read, agency_id), principal)


async def as_agency(read: Read, row: Row[Any], principal: Principal) -> Agency:
    """The representation of a row, with the caller's allowed actions."""
    own = row.id == principal.agency_id
    relaxed = [
        RelaxedSeparation(separation=Separation(each.separation), reason=each.reason, relaxed_at=each.relaxed_at)
        for each in (await relaxed_by(read, row.id) if own else ())
    ]
    return Agency(
        id=row.id,
        name=row.name,
        kind=row.kind,
        level=row.level,
        state=row.state,
        counties=msgspec.json.decode(row.counties),
        oris=_oris(row.oris),
        uei=row.uei,
        parent_agency=_reference(row.parent_id, row.parent_name),
        successor_agency=_reference(row.successor_id, row.successor_name),
        location=_location(row),
        time_zone=row.time_zone,
        population=row.population,
        sworn=row.sworn,
        civilian=row.civilian,
        status=row.status,
        own_word_only=_own_word(row),
        relaxed_separations=relaxed if own else None,
        allowed_actions=_allowed(principal, row, relaxed),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _own_word(row: Row[Any]) -> OwnWordOnly | None:
    return None if row.own_word_since is None else OwnWordOnly(reason=row.own_word_reason, said_at=row.own_word_since)


def _allowed(principal: Principal, row: Row[Any], relaxed: Sequence[RelaxedSeparation]) -> list[AllowedAction]:
    actions = []
    relation, status = relations(principal, row.id), AgencyStatus(row.status)
    if refusal(principal, Action.AGENCIES_UPDATE, relation) is None:
        gone = "The agency is dissolved." if status is AgencyStatus.DISSOLVED else None
        actions.append(offer("update", withheld=gone))
    if refusal(principal, Action.AGENCIES_ADMIT, relation) is None:
        for action in AgencyAction:
            possible = (status, action) in TRANSITIONS
            actions.append(offer(action, withheld=None if possible else f"Not while the agency is {status}."))
    if refusal(principal, Action.AGENCIES_SEPARATE, relation) is None:
        all_relaxed = "Every separation of duties is relaxed already." if len(relaxed) == len(Separation) else None
        actions.append(offer("relax_separation", withheld=all_relaxed))
        actions.append(offer("restore_separation", withheld=None if relaxed else "All duties are separated."))
    if refusal(principal, Action.AGENCIES_SILENCE, relation) is None:
        required = row.own_word_since is not None
        actions.append(offer("require_own_word", withheld=OWN_WORD_IS_REQUIRED if required else None))
        actions.append(offer("let_silence_count", withheld=None if required else SILENCE_COUNTS))
    return actions


def _reference(agency_id: UUID | None, name: str) -> AgencyReference | None:
    return None if agency_id is None else AgencyReference(id=agency_id, name=name)


def _oris(joined: str | None) -> list[str]:
    return sorted(joined.split(",")) if joined else []


def _location(row: Row[Any]) -> Location | None:
    return None if row.latitude is None else Location(latitude=row.latitude, longitude=row.longitude)


_DISTANCE = haversine(agency.c.latitude, agency.c.longitude)
_ORDERS = Orders(
    AgencyQuery,
    created_at=agency.c.id,
    updated_at=(agency.c.updated_at, agency.c.id),
    name=(agency.c.name, agency.c.id),
    distance=(_DISTANCE, agency.c.id),
)


@cache
def _list_statement(dialect: str, filters: frozenset[str], sort: str) -> sa.Select[Any]:
    """The statement for one combination of filters; built once for each combination."""
    placed = "near" in filters
    columns = (
        agency.c.id,
        agency.c.name,
        agency.c.kind,
        agency.c.level,
        agency.c.state,
        agency.c.counties,
        agency.c.latitude,
        agency.c.longitude,
        agency.c.status,
        agency.c.version,
        agency.c.updated_at,
        _ORIS.label("oris"),
        (_DISTANCE if placed else sa.null()).label("distance"),
    )
    statement = sa.select(*columns).where(*changed_in(agency.c.updated_at, filters))
    if "q" in filters:
        statement = statement.where(matches(agency, dialect), holds_phrases(agency, filters))
    for name in ("state", "status"):
        if name in filters:
            statement = statement.where(agency.c[name].in_(sa.bindparam(name, expanding=True)))
    if "ids" in filters:
        statement = statement.where(agency.c.id.in_(sa.bindparam("ids", type_=agency.c.id.type, expanding=True)))
    if "ori" in filters:
        statement = statement.where(
            agency.c.id.in_(sa.select(agency_ori.c.agency_id).where(agency_ori.c.ori == sa.bindparam("ori")))
        )
    if placed:
        statement = statement.where(
            in_cells(agency.c.cell, dialect), sa.bindparam("reach", type_=sa.Double) >= _DISTANCE
        )
    return _ORDERS.page(statement, sort, after="cursor" in filters)


async def list_agencies(read: Read, query: AgencyQuery) -> AgencyPage:
    """A page of agencies. Raises RuleBroken when the point is incomplete or the cursor is another list's."""
    parameters = given(query, "state", "status", "ori", "ids", *CHANGED)
    filters = set(parameters)
    if query.q is not None:
        found = word_parameters(read.dialect, search_words(query.q))
        filters |= {"q", *phrases_among(found)}
        parameters |= found
    placed = place_parameters(read.dialect, query.latitude, query.longitude, query.within_km)
    if placed:
        filters.add("near")
        parameters |= placed
    query = with_sort(query, placed=bool(placed))
    if query.cursor is not None:
        filters.add("cursor")
    parameters |= _ORDERS.parameters(query)
    rows = await read.all_slowly(_list_statement(read.dialect, frozenset(filters), query.sort or ""), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return AgencyPage(
        items=[
            AgencySummary(
                id=row.id,
                name=row.name,
                kind=row.kind,
                level=row.level,
                state=row.state,
                counties=row.counties,
                oris=_oris(row.oris),
                location=_location(row),
                status=row.status,
                version=row.version,
                updated_at=row.updated_at,
                distance_km=round(haversine_to_km(row.distance), 1) if placed else None,
            )
            for row in kept
        ],
        next_cursor=next_cursor,
    )
