"""Questions about agencies. Everyone authenticated sees every agency; contacts are for partners and asked elsewhere."""

from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, Relation, refusal
from registry.access.principals import Principal
from registry.agencies.rules import TRANSITIONS, AgencyAction, AgencyStatus
from registry.agencies.schemas import Agency, AgencyPage, AgencyQuery, AgencySummary, Location
from registry.agencies.tables import agency, agency_ori
from registry.database.handles import Read
from registry.database.search import degrees_to_km, in_cells, match_text, matches, squared_degrees
from registry.http.paging import cut, decode_cursor
from registry.http.searching import place_parameters, search_words
from registry.kernel.actions import AllowedAction, offer
from registry.kernel.errors import NotFound

_ORIS = (
    sa.select(sa.func.aggregate_strings(agency_ori.c.ori, ","))
    .where(agency_ori.c.agency_id == agency.c.id)
    .correlate(agency)
    .scalar_subquery()
)
_ID = sa.bindparam("id", type_=agency.c.id.type)
_GET = sa.select(
    *(c for c in agency.c if c.name not in ("n", "cell", "search_text", "source_facts")), _ORIS.label("oris")
).where(agency.c.id == _ID)


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """How the caller stands to an agency."""
    return ["own"] if principal.agency_id == agency_id else []


async def agency_row(read: Read, agency_id: UUID) -> Row[Any]:
    """The agency's row with its ORIs. Raises NotFound."""
    row = await read.first(_GET, {"id": agency_id})
    if row is None:
        raise NotFound("agency")
    return row


async def get_agency(read: Read, principal: Principal, agency_id: UUID) -> Agency:
    """One agency as this caller may see it. Raises NotFound."""
    return as_agency(await agency_row(read, agency_id), principal)


def as_agency(row: Row[Any], principal: Principal) -> Agency:
    """The wire form of a row, with what this caller may do."""
    return Agency(
        id=row.id,
        name=row.name,
        kind=row.kind,
        level=row.level,
        state=row.state,
        counties=msgspec.json.decode(row.counties),
        oris=_oris(row.oris),
        uei=row.uei,
        parent_id=row.parent_id,
        successor_id=row.successor_id,
        location=_location(row),
        time_zone=row.time_zone,
        population=row.population,
        sworn=row.sworn,
        civilian=row.civilian,
        status=row.status,
        allowed_actions=_allowed(principal, row.id, AgencyStatus(row.status)),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _allowed(principal: Principal, agency_id: UUID, status: AgencyStatus) -> list[AllowedAction]:
    actions = []
    held = relations(principal, agency_id)
    if refusal(principal, Action.AGENCIES_UPDATE, held) is None:
        gone = "The agency is dissolved." if status is AgencyStatus.DISSOLVED else None
        actions.append(offer("update", withheld=gone))
    if refusal(principal, Action.AGENCIES_ADMIT, held) is None:
        for action in AgencyAction:
            possible = (status, action) in TRANSITIONS
            actions.append(offer(action, withheld=None if possible else f"Not while the agency is {status}."))
    return actions


def _oris(joined: str | None) -> list[str]:
    return sorted(joined.split(",")) if joined else []


def _location(row: Row[Any]) -> Location | None:
    return None if row.latitude is None else Location(latitude=row.latitude, longitude=row.longitude)


@cache
def _list_statement(dialect: str, filters: frozenset[str]) -> sa.Select[Any]:
    """The list for one combination of filters; each combination is built once."""
    placed = "near" in filters
    distance = squared_degrees(agency.c.latitude, agency.c.longitude) if placed else sa.null()
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
        _ORIS.label("oris"),
        distance.label("distance"),
    )
    statement = sa.select(*columns)
    if "q" in filters:
        statement = statement.where(matches(agency, dialect))
    for name in ("state", "status"):
        if name in filters:
            statement = statement.where(agency.c[name] == sa.bindparam(name))
    if "ori" in filters:
        statement = statement.where(
            agency.c.id.in_(sa.select(agency_ori.c.agency_id).where(agency_ori.c.ori == sa.bindparam("ori")))
        )
    after = agency.c.id > sa.bindparam("after_id", type_=agency.c.id.type)
    if placed:
        statement = statement.where(in_cells(agency.c.cell, dialect), distance <= sa.bindparam("reach2"))
        if "cursor" in filters:
            further = sa.bindparam("after_distance", type_=sa.Double)
            statement = statement.where(sa.or_(distance > further, sa.and_(distance == further, after)))
        statement = statement.order_by(distance, agency.c.id)
    else:
        if "cursor" in filters:
            statement = statement.where(after)
        statement = statement.order_by(agency.c.id)
    return statement.limit(sa.bindparam("limit", type_=sa.Integer))


async def list_agencies(read: Read, query: AgencyQuery) -> AgencyPage:
    """A page of agencies. Raises Malformed when the point is incomplete or the cursor is another list's."""
    parameters: dict[str, object] = {"limit": query.limit + 1}
    filters = set()
    for name in ("state", "status", "ori"):
        if (value := getattr(query, name)) is not None:
            filters.add(name)
            parameters[name] = value
    if query.q is not None:
        words = search_words(query.q)
        filters.add("q")
        parameters["match"] = match_text(read.dialect, words)
    placed = place_parameters(read.dialect, query.latitude, query.longitude, query.within_km)
    if placed:
        filters.add("near")
        parameters |= placed
    if query.cursor is not None:
        filters.add("cursor")
        if placed:
            parameters["after_distance"], parameters["after_id"] = decode_cursor(query.cursor, (float, UUID))
        else:
            (parameters["after_id"],) = decode_cursor(query.cursor, (UUID,))
    rows = await read.all_slowly(_list_statement(read.dialect, frozenset(filters)), parameters)
    kept, next_cursor = cut(rows, query.limit, lambda r: (r.distance, r.id) if placed else (r.id,))
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
                distance_km=round(degrees_to_km(row.distance), 1) if placed else None,
            )
            for row in kept
        ],
        next_cursor=next_cursor,
    )
