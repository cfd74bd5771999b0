"""Agencies that publish no numbers to the one that asks: of them, an answer without numbers does not mean nobody.

Which they are follows from rules, and never from people: an agency that has released nothing yet publishes nothing, and
looks not like one that has nobody; nor does any other whose rules keep its numbers from the viewer now, for which they
are hidden at once, or did so at its last release.
"""

from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from registry.agreements.instruments.queries.in_force import covers_asset, partners_in_force
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller
from registry.platform.database.handles import Read
from registry.platform.database.search import haversine, in_cells, near, point_parameters
from registry.resources.personnel.disclosure import BelowThreshold, CapabilitySharing
from registry.resources.personnel.queries.getting import VIEWER
from registry.resources.personnel.rules import PERSONNEL_CATEGORY
from registry.resources.personnel.searching import CapabilityQuery, NotPublished
from registry.resources.personnel.tables import capability_disclosure, capability_published

MOST_COUNTED: Final = 1_000
_MOST_NAMED: Final = 5


def shown_cells() -> list[sa.ColumnElement[bool]]:
    """Criteria of a row of `capability_published` with its agency's rules: what of the cell asked for is shown.

    What was published is hidden at once by rules that show less. Who is a partner is asked of the agency.
    """
    its, rules = capability_published, capability_disclosure
    return [
        its.c.capability == sa.bindparam("capability", type_=sa.Text),
        its.c.level == sa.bindparam("level", type_=sa.Integer),
        its.c.tested == sa.bindparam("tested", type_=sa.Boolean),
        sa.or_(
            rules.c.sharing == CapabilitySharing.NETWORK.value,
            sa.and_(rules.c.sharing == CapabilitySharing.AGREEMENT.value, its.c.agency_id.in_(partners_in_force())),
        ),
        sa.or_(rules.c.below_threshold == BelowThreshold.AT_LEAST_ONE.value, its.c.band >= rules.c.threshold),
    ]


def _hide(sharing: sa.Column[str]) -> list[sa.ColumnElement[bool]]:
    """Criteria, of which one suffices: this sharing shows nothing to the viewer."""
    return [
        sharing == CapabilitySharing.PRIVATE.value,
        sa.and_(sharing == CapabilitySharing.AGREEMENT.value, agency.c.id.not_in(partners_in_force())),
    ]


@cache
def unpublished_statement(dialect: str, filters: frozenset[str]) -> sa.Select[Any]:
    """The other agencies whose rules keep numbers from the viewer, the nearest first where a point is known."""
    rules, its = capability_disclosure, capability_published
    # Of a large agency numbers may be shown all the same, and where it shows more now, those of its last release.
    shown = sa.select(its.c.agency_id).where(its.c.agency_id == agency.c.id, *shown_cells()).correlate(agency, rules)
    found = (
        sa.select(agency.c.id, agency.c.name)
        .select_from(agency.outerjoin(rules, rules.c.agency_id == agency.c.id))
        .where(
            # Nearly all are active: an index by that must not lead where there is one by the place.
            sa.func.coalesce(agency.c.status, "") == "active" if "near" in filters else agency.c.status == "active",
            agency.c.id != VIEWER,
            agency.c.id != OPERATOR_AGENCY_ID,  # it lends nothing, and is not asked
            sa.or_(
                rules.c.released_on.is_(None),
                *_hide(rules.c.sharing),
                sa.and_(
                    sa.or_(
                        *(
                            column == BelowThreshold.WITHHELD.value
                            for column in (rules.c.below_threshold, rules.c.released_below_threshold)
                        ),
                        *_hide(rules.c.released_sharing),
                    ),
                    ~shown.exists(),
                ),
            )
            if "published" in filters
            else sa.true(),
        )
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )
    if "agency_id" in filters:
        found = found.where(agency.c.id == sa.bindparam("agency_id", type_=agency.c.id.type))
    if "state" in filters:
        found = found.where(agency.c.state == sa.bindparam("state"))
    if "lendable" in filters or "not_lendable" in filters:
        covered = covers_asset(agency.c.id, sa.literal(PERSONNEL_CATEGORY, sa.Text))
        found = found.where(covered if "lendable" in filters else ~covered)
    if not filters & {"point", "near"}:
        return found.order_by(agency.c.name, agency.c.id)
    away = haversine(agency.c.latitude, agency.c.longitude)
    if "near" in filters:
        found = found.where(in_cells(agency.c.cell, dialect), sa.bindparam("reach", type_=sa.Double) >= away)
    return found.order_by(away.asc().nulls_last(), agency.c.id)


async def not_published(
    read: Read,
    caller: Caller,
    query: CapabilityQuery,
    point: tuple[float, float] | None,
    step: int | None,
) -> NotPublished:
    """How many agencies meet the query's place, state and agreements and publish no numbers for it; the nearest named.

    Others publish theirs for the `step` of the level; above the highest nobody does.
    """
    filters = {name for name in ("agency_id", "state") if getattr(query, name) is not None}
    filters |= {"published"} if step is not None else set()
    if query.lendable is not None:
        filters.add("lendable" if query.lendable else "not_lendable")
    parameters: dict[str, object] = {
        "viewer": caller.agency_id,
        "at": caller.now,
        "agency_id": query.agency_id,
        "state": query.state,
        "capability": query.capability,
        "level": step,
        "tested": bool(query.tested),
        "limit": MOST_COUNTED + 1,
    }
    if point is not None and query.within_km is not None:
        filters.add("near")
        parameters |= near(read.dialect, *point, query.within_km)
    elif point is not None:
        filters.add("point")
        parameters |= point_parameters(*point)
    rows = await read.all_slowly(unpublished_statement(read.dialect, frozenset(filters)), parameters)
    return NotPublished(
        count=min(len(rows), MOST_COUNTED),
        or_more=len(rows) > MOST_COUNTED,
        agencies=[AgencyReference(id=row.id, name=row.name) for row in rows[:_MOST_NAMED]],
    )
