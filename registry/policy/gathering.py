"""Gathers the facts of one decision from the database: the only place that does, so nothing else is decided on.

What the registry does not know stays absent, and policies treat absence as not satisfied: whether the requesting
agency is insured (`requesting_insurance_current`), where it has never put a certificate on file.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.principals import Principal
from registry.agencies.schemas import Location
from registry.agencies.tables import agency
from registry.agreements.in_force import day_starts_at
from registry.agreements.insurance.queries import insured
from registry.agreements.queries import AgreementCandidate, candidates
from registry.agreements.terms import Terms
from registry.assets.queries import AssetRow, asset_facts
from registry.assets.tables import allocation, asset
from registry.database.handles import Read
from registry.kernel.errors import NotFound
from registry.kernel.geo import distance_km, rounded_km
from registry.kernel.time import Window
from registry.policy.facts import (
    ActionAt,
    AgencyFacts,
    AgreementFacts,
    Ask,
    AssetFacts,
    CertificationFacts,
    Facts,
    PrincipalFacts,
    Priority,
    TermFacts,
)

# Beyond any ceiling, and still a number that Cedar and JSON readers can hold.
_LARGEST_COST = 2**53 - 1

# A policy names a term of the facts, a drafter the member of the agreement's terms that it comes from.
_TERM_OF = {"cost_ceiling": "cost_ceiling_minor", "reimbursement": "reimbursement_model"}

_SIDES = sa.select(agency.c.id, agency.c.state, agency.c.kind, agency.c.status, agency.c.time_zone).where(
    agency.c.id.in_(
        [
            sa.bindparam("requesting_id", type_=agency.c.id.type),
            sa.bindparam("assisting_id", type_=agency.c.id.type),
        ]
    )
)
_LENT_OUT = (
    sa.select(sa.func.coalesce(sa.func.sum(allocation.c.units), 0))
    .select_from(asset.join(allocation, allocation.c.asset_id == asset.c.id))
    .where(
        asset.c.agency_id == sa.bindparam("assisting_id", type_=asset.c.agency_id.type),
        asset.c.category == sa.bindparam("category"),
        allocation.c.state == "out",
    )
)


def acting(principal: Principal) -> PrincipalFacts:
    """The caller, as policies see who asks."""
    return PrincipalFacts(
        sub=principal.subject,
        agency_id=principal.agency_id,
        roles=tuple(sorted(role.value for role in principal.roles)),
    )


async def gather(
    read: Read,
    *,
    asset_id: UUID,
    quantity: int,
    window: Window,
    purpose: str,
    priority: Priority,
    requesting_agency_id: UUID,
    principal: PrincipalFacts,
    action_at: ActionAt,
    now: datetime,
    place: Location | None = None,
    known_distance_km: int | None = None,
) -> Facts:
    """Everything that a decision on this ask depends on at `now`; for a recorded one, read in its transaction.

    The distance runs from the asset's home to `place`; `known_distance_km` stands in for a place that is not kept.
    The cost is begun hours × the asset's hourly rate × quantity. It is left out where there is no rate, and where a
    ceiling in force is in another currency and so cannot be shown to be kept. Visibility is for the caller to check.
    Raises NotFound for an unknown asset.
    """
    row = await asset_facts(read, asset_id)
    if row is None:
        raise NotFound("asset")
    parties = {"requesting_id": requesting_agency_id, "assisting_id": row.agency_id}
    sides = {side.id: side for side in await read.all(_SIDES, parties)}
    lent_out = await read.value(_LENT_OUT, {"assisting_id": row.agency_id, "category": row.category})
    tried = await candidates(read, requesting_agency_id, row.agency_id, row.category, now)
    insurance_matters = any(candidate.terms.insurance_required for candidate in tried)
    insurance = await insured(read, requesting_agency_id, window) if insurance_matters else None
    ask = Ask(
        start=window.start,
        end=window.end,
        purpose=purpose,
        priority=priority,
        quantity=quantity,
        currency=row.currency,
        distance_km=known_distance_km if place is None else _distance(row, place),
    )
    return Facts(
        now=now,
        action_at=action_at,
        ask=msgspec.structs.replace(ask, estimated_cost_minor=_cost(row, ask, tried)),
        principal=principal,
        requesting=_side(sides[requesting_agency_id]),
        assisting=_side(sides[row.agency_id]),
        asset=AssetFacts(
            id=asset_id,
            agency_id=row.agency_id,
            category=row.category,
            category_path=row.category_path,
            type_level=row.type_level,
            service_state=row.service_state.value,
            sharing=row.sharing.value,
            capacity=row.capacity,
            funding=row.funding,
            certifications=_certifications(row, sides[row.agency_id].time_zone),
            certification_required=row.certification_required,
            hourly_cost_minor=row.hourly_rate_minor,
        ),
        agreements=tuple(_agreement(candidate, insurance) for candidate in tried),
        lent_out_units=int(lent_out),
    )


def _side(row: Row[Any]) -> AgencyFacts:
    return AgencyFacts(id=row.id, state=row.state, kind=row.kind, status=row.status)


def _distance(row: AssetRow, place: Location) -> int | None:
    if row.latitude is None or row.longitude is None:
        return None
    return rounded_km(distance_km(row.latitude, row.longitude, place.latitude, place.longitude))


def _cost(row: AssetRow, ask: Ask, tried: list[AgreementCandidate]) -> int | None:
    ceilings = {c.terms.cost_ceiling.currency for c in tried if c.in_force and c.terms.cost_ceiling is not None}
    if row.hourly_rate_minor is None or ceilings - {row.currency}:
        return None
    return min(ask.duration_hours * row.hourly_rate_minor * ask.quantity, _LARGEST_COST)


def _certifications(row: AssetRow, time_zone: str | None) -> tuple[CertificationFacts, ...]:
    """The last good day ends in the assisting agency's time zone, where that is known."""
    zone = ZoneInfo(time_zone) if time_zone else None
    return tuple(
        CertificationFacts(
            code=held.code,
            expires_on=held.expires_on,
            expires_at=day_starts_at(held.expires_on + timedelta(days=1), zone) if held.expires_on and zone else None,
        )
        for held in row.certifications
    )


def _agreement(candidate: AgreementCandidate, insurance: bool | None) -> AgreementFacts:
    return AgreementFacts(
        id=candidate.id,
        number=candidate.number,
        title=candidate.title,
        kind=str(candidate.kind),
        version_id=candidate.version_id,
        version_no=candidate.version_no,
        in_force=candidate.in_force,
        covers_category=candidate.covers_category,
        covers_direction=candidate.covers_direction,
        covers_until=candidate.covers_until,
        effective_at=candidate.effective_at,
        terms=_terms(candidate.terms, insurance),
        clauses={_TERM_OF.get(term, term): number for term, number in candidate.terms.clauses.items()},
    )


def _terms(terms: Terms, insurance: bool | None) -> TermFacts:
    return TermFacts(
        purposes=tuple(terms.purposes),
        least_priority=terms.least_priority,
        max_duration_hours=terms.max_duration_hours,
        notice_hours=terms.notice_hours,
        cost_ceiling_minor=terms.cost_ceiling.to_minor() if terms.cost_ceiling else None,
        max_quantity=terms.max_quantity,
        approval_required=terms.approval_required,
        approval_over_hours=terms.approval_over_hours,
        insurance_required=terms.insurance_required,
        requesting_insurance_current=insurance if terms.insurance_required else None,
        reimbursement_model=terms.reimbursement.model,
        liability=terms.liability,
        recall_notice_hours=terms.recall_notice_hours,
    )
