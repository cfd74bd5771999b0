"""The list of an agency's own people: it begins with the agency, so that no question goes through those of others."""

from functools import cache
from typing import Any

import sqlalchemy as sa

from registry.directory.taxonomy.seed import CapabilityScale
from registry.directory.taxonomy.tables import capability_type_closure
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.errors import RuleBroken
from registry.resources.personnel.queries.getting import VIEWER
from registry.resources.personnel.queries.types import known_types
from registry.resources.personnel.rules import tag_form
from registry.resources.personnel.scales import ANY_LEVEL, rank_of
from registry.resources.personnel.schemas import PersonnelPage, PersonnelQuery, PersonnelSummary
from registry.resources.personnel.tables import personnel_capability, personnel_record

_ORDERS = Orders(
    PersonnelQuery,
    created_at=personnel_record.c.id,
    updated_at=(personnel_record.c.updated_at, personnel_record.c.id),
    tag=(personnel_record.c.tag_form, personnel_record.c.id),
)


def under(column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """The capability of that column is the parameter `capability`, or stands under it."""
    closure = capability_type_closure
    return column.in_(sa.select(closure.c.descendant).where(closure.c.ancestor == sa.bindparam("capability")))


@cache
def statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    """The statement for one combination of filters."""
    found = sa.select(
        *(personnel_record.c[name] for name in ("id", "tag", "display_name", "rank", "status", "version", "updated_at"))
    ).where(personnel_record.c.agency_id == VIEWER, *changed_in(personnel_record.c.updated_at, filters))
    if "ids" in filters:
        ids = sa.bindparam("ids", type_=personnel_record.c.id.type, expanding=True)
        found = found.where(personnel_record.c.id.in_(ids))
    if "tag" in filters:
        found = found.where(personnel_record.c.tag_form == sa.bindparam("tag"))
    if "status" in filters:
        found = found.where(personnel_record.c.status.in_(sa.bindparam("status", expanding=True)))
    if "capability" in filters:
        level = personnel_capability.c["tested_level" if "tested" in filters else "level"]
        holders = sa.select(personnel_capability.c.personnel_id).where(
            personnel_capability.c.agency_id == VIEWER,
            under(personnel_capability.c.capability),
            level >= sa.bindparam("level", type_=sa.Integer),
        )
        found = found.where(personnel_record.c.id.in_(holders))
    return _ORDERS.page(found, sort, after="cursor" in filters)


async def list_records(read: Read, caller: Caller, query: PersonnelQuery) -> PersonnelPage:
    """A page of the caller's own agency's people. Raises RuleBroken for an unknown capability or level."""
    permit(caller.principal, Action.PERSONNEL_READ, ["own"])
    parameters = given(query, "ids", "status", *CHANGED)
    filters = set(parameters)
    if query.tag is not None:
        filters.add("tag")
        parameters["tag"] = tag_form(query.tag)
    if query.capability is not None:
        filters |= {"capability", *(["tested"] if query.tested else [])}
        parameters |= {
            "capability": query.capability,
            "level": (await asked_level(read, query.capability, query.level_at_least))[1],
        }
    elif query.level_at_least is not None:
        raise RuleBroken.at(
            "A level is one of some capability: give `capability` too.",
            "level_without_capability",
            "needs `capability`",
            parameter="capability",
        )
    if query.cursor is not None:
        filters.add("cursor")
    parameters |= {"viewer": caller.agency_id, **_ORDERS.parameters(query)}
    rows = await read.all_slowly(statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    items = [
        PersonnelSummary(
            id=row.id,
            tag=row.tag,
            display_name=row.display_name,
            rank=row.rank,
            status=row.status,
            version=row.version,
            updated_at=row.updated_at,
        )
        for row in kept
    ]
    return PersonnelPage(items=items, next_cursor=next_cursor)


async def asked_level(read: Read, capability: str, level: str | None) -> tuple[CapabilityScale, int]:
    """The scale, and the rank asked for. Raises RuleBroken for an unknown capability, and a word of another scale."""
    its = (await known_types(read, {capability})).get(capability)
    if its is None:
        raise RuleBroken.at(
            "There is no such capability; GET /v1/capability-types lists them.",
            "unknown_capability",
            "no such capability",
            parameter="capability",
        )
    rank = ANY_LEVEL if level is None else rank_of(its.scale, level, "level_at_least", parameter=True)
    return its.scale, rank
