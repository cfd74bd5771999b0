"""Collects the facts of one decision from the database; decisions use no other data.

A fact that the registry does not know is absent, and policies treat an absent fact as not satisfied: for example
whether the requesting agency is insured (`requesting_insurance_current`), when no certificate is on file.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Struct
from sqlalchemy.engine import Row

from registry.agreements.deadlines.queries.reviewing import ReviewDue, reviews_due
from registry.agreements.instruments.queries.in_force import AgreementCandidate, candidates, candidates_of_several
from registry.agreements.instruments.queries.later_texts import Lasting, governed, texts_ahead
from registry.agreements.instruments.terms import ANY_PURPOSE, Terms, ceiling, limit
from registry.agreements.instruments.unsaid import unsaid
from registry.agreements.insurance.queries import insured
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.geo import Location, distance_km, rounded_km
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import Window, day_ends_at
from registry.resources.allocations.rules import AllocationStatus
from registry.resources.allocations.tables import allocation
from registry.resources.assets.costing import HourlyCost
from registry.resources.assets.queries.certified import held_at_start
from registry.resources.assets.queries.describing import describe
from registry.resources.assets.queries.facts import FACTS, FACTS_OF_SEVERAL, AssetRow, as_facts, cost_at
from registry.resources.assets.queries.visibility import visible_to
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.tables import asset
from registry.resources.certificates.queries import certificates_of, certificates_of_several
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.facts import (
    ActionAt,
    AgencyFacts,
    AgreementFacts,
    Ask,
    AssetFacts,
    CertificationFacts,
    Facts,
    OtherWindow,
    PrincipalFacts,
    Priority,
    SideOfLoan,
    TermFacts,
    TextFromFacts,
    begun_hours,
)
from registry.sharing.policy.queries.adjoining import adjoins, counted_in_quantity, joined_windows, near
from registry.sharing.policy.queries.layers import active_digest, policies_beside

# Larger than any limit, and still a number that Cedar and JSON parsers can represent.
_LARGEST_COST = 2**53 - 1
_SALT_BYTES = 16
_TOLD_FOR: Final = timedelta(days=365)
"""So long after its end an agreement is still tried, and told as ended."""

# Name of a term in the facts, as policies use it → name of the member of the agreement's terms.
_TERM_OF = {"cost_ceiling": "cost_ceiling_minor", "reimbursement": "reimbursement_model"}

_requesting, _assisting = agency.alias("requesting"), agency.alias("assisting")
_lent, _lent_asset = allocation.alias("lent"), asset.alias("lent_asset")
_LENT_OUT = (
    sa.select(sa.func.coalesce(sa.func.sum(_lent.c.quantity), 0))
    .select_from(_lent_asset.join(_lent, _lent.c.asset_id == _lent_asset.c.id))
    .where(
        _lent_asset.c.agency_id == asset.c.agency_id,
        _lent_asset.c.category == asset.c.category,
        _lent.c.status == AllocationStatus.OUT.value,
        # What is out of service is not among what is owned, of which this is taken.
        _lent_asset.c.service_status == ServiceStatus.IN_SERVICE.value,
        visible_to(among_many=True, of=_lent_asset),
        # What overlaps the ask is part of its quantity: taken off what is owned twice, it would bar what is there.
        sa.not_(counted_in_quantity(_lent.c.loan_id)),
    )
    .correlate(asset)
    .scalar_subquery()
)
_owned = asset.alias("owned_asset")
_OWNED = (
    sa.select(sa.func.coalesce(sa.func.sum(_owned.c.capacity), 0))
    .where(
        _owned.c.agency_id == asset.c.agency_id,
        _owned.c.category == asset.c.category,
        _owned.c.service_status == ServiceStatus.IN_SERVICE.value,
        visible_to(among_many=True, of=_owned),
    )
    .correlate(asset)
    .scalar_subquery()
)
_OF_SIDES = ("state", "kind", "status", "time_zone")


def _with_sides(facts: sa.Select[Any]) -> sa.Select[Any]:
    return (
        facts.add_columns(
            *(side.c[name].label(f"{side.name}_{name}") for side in (_requesting, _assisting) for name in _OF_SIDES),
            _LENT_OUT.label("lent_out"),
            _OWNED.label("owned"),
            active_digest(asset.c.agency_id).label("agency_layer"),
            adjoins(asset.c.id).label("has_joined"),
        )
        .join(_assisting, _assisting.c.id == asset.c.agency_id)
        .join(_requesting, _requesting.c.id == sa.bindparam("requesting_id", type_=agency.c.id.type))
    )


_ASKED = _with_sides(FACTS)
"""An asset, the two agencies, what the assisting one has of that category and has lent of it, and its own policies.

What it has is counted as far as the agency `viewer` sees it: else whoever asks for one, for two, for three, would learn
how many there are that are not shared.
"""
_ASKED_OF_SEVERAL = _with_sides(FACTS_OF_SEVERAL)


class Gathered(Struct, kw_only=True, frozen=True):
    """The facts, the asset on which they are based, the policies to decide on them by, and the agreements tried."""

    facts: Facts
    asset: AssetRow
    policies: PolicySet
    tried: Sequence[AgreementCandidate] = ()


def acting(principal: Principal) -> PrincipalFacts:
    """The caller, as policies see it."""
    return PrincipalFacts(
        sub=principal.person,
        agency_id=principal.agency_id,
        roles=tuple(sorted(role.value for role in principal.roles)),
    )


async def collect_facts(
    read: Read,
    policies: PolicySet,
    *,
    asset_id: UUID,
    quantity: int,
    window: Window,
    purpose: str,
    priority: Priority,
    requesting_agency_id: UUID,
    viewer: UUID,
    principal: PrincipalFacts,
    action_at: ActionAt,
    now: datetime,
    place: Location | None = None,
    known_distance_km: int | None = None,
    root_decision_id: UUID | None = None,
) -> Gathered:
    """All facts for a decision on this ask at `now`; read in the transaction if the decision is recorded.

    The agreements are those that are not long over (`not_long_over`), by the texts that bind both as it begins
    (`lasting_from`).
    The owner's stock is counted as the agency `viewer` sees it, which is the one that is told the outcome first.
    With them come the `policies` beside which the owner's own set that is active now is asked.
    The distance is from the asset's home to `place`; `known_distance_km` replaces it when the place is not stored. The
    cost is begun hours × what an hour costs on the first day × quantity; it is omitted without a rate, and when a limit
    in force is in another currency and so cannot be compared. What adjoins the window counts with it: what was asked
    for before `root_decision_id`, and for an extension all of it. Visibility must be checked by the caller of this
    function. Raises NotFound for an unknown asset.
    """
    beside = near(window, root_decision_id, later_too=action_at == "extend")
    asked = await read.fast(
        _ASKED,
        {"id": asset_id, "requesting_id": requesting_agency_id, "viewer": viewer, "at": now, **beside},
    )
    if not asked:
        raise NotFound("asset")
    found, row = asked[0], as_facts(asked[0])
    certificates = await certificates_of(read, asset_id) if row.has_certificates else ()
    tried = not_long_over(await candidates(read, requesting_agency_id, row.agency_id, row.category, now), now)
    lasting = lasting_from(window, now)
    ahead = await texts_ahead(read, requesting_agency_id, {row.agency_id: tried}, row.category, now, lasting.end)
    tried = governed(row.agency_id, tried, ahead, now, lasting)
    insurance = await insured(read, requesting_agency_id, window) if _insurance_matters(tried) else None
    joined: tuple[OtherWindow, ...] = ()
    if found.has_joined:
        joined = (await joined_windows(read, [asset_id], requesting_agency_id, window, now, beside))[asset_id]
    asking = _Asking(
        quantity=quantity,
        window=window,
        purpose=purpose,
        priority=priority,
        requesting_agency_id=requesting_agency_id,
        principal=principal,
        action_at=action_at,
        now=now,
        distance_km=known_distance_km if place is None else _distance(row, place),
    )
    return Gathered(
        facts=_facts(asking, found, row, certificates, tried, await agreements_tried(read, tried, insurance), joined),
        asset=row,
        policies=await policies_beside(read, policies, row.agency_id, found.agency_layer),
        tried=tried,
    )


async def collect_page(
    read: Read,
    policies: PolicySet,
    asset_ids: Sequence[UUID],
    *,
    quantity: int,
    window: Window,
    purpose: str,
    priority: Priority,
    requesting_agency_id: UUID,
    principal: PrincipalFacts,
    now: datetime,
    place: Location | None = None,
) -> list[Gathered]:
    """As `collect_facts` for a preview, of several assets, in their order: as many questions as for one.

    One more is asked for each further category among them, for each where a text changes before the window is over, and
    for each set of policies that this process does not know yet. Of an asset of which there are fewer, as many are
    asked for as there are.
    """
    beside = near(window)
    asked = {
        "ids": [*asset_ids],
        "requesting_id": requesting_agency_id,
        "viewer": requesting_agency_id,
        "at": now,
        **beside,
    }
    rows = {row.id: row for row in (await read.all_slowly(_ASKED_OF_SEVERAL, asked) if asset_ids else ())}
    facts = {asset_id: as_facts(row) for asset_id, row in rows.items()}
    with_certificates = [each.id for each in facts.values() if each.has_certificates]
    certificates = await certificates_of_several(read, with_certificates) if with_certificates else {}
    lasting = lasting_from(window, now)
    tried: dict[tuple[UUID, str], list[AgreementCandidate]] = {}
    for category in sorted({each.category for each in facts.values()}):
        owners = {each.agency_id for each in facts.values() if each.category == category}
        of_owners = {
            owner: not_long_over(its, now)
            for owner, its in (await candidates_of_several(read, requesting_agency_id, owners, category, now)).items()
        }
        ahead = await texts_ahead(read, requesting_agency_id, of_owners, category, now, lasting.end)
        tried |= {(owner, category): governed(owner, of_owners.get(owner, []), ahead, now, lasting) for owner in owners}
    cycles = {one.id for its in tried.values() for one in its if one.review_every_months is not None}
    due = await reviews_due(read, sorted(cycles))
    matters = any(_insurance_matters(each) for each in tried.values())
    insurance = await insured(read, requesting_agency_id, window) if matters else None
    with_others = [each for each in facts if rows[each].has_joined]
    joined = await joined_windows(read, with_others, requesting_agency_id, window, now, beside)
    gathered = []
    for row in (facts[asset_id] for asset_id in asset_ids if asset_id in facts):
        asking = _Asking(
            quantity=min(quantity, row.capacity),
            window=window,
            purpose=purpose,
            priority=priority,
            requesting_agency_id=requesting_agency_id,
            principal=principal,
            action_at="what_if",
            now=now,
            distance_km=None if place is None else _distance(row, place),
        )
        found, its = rows[row.id], tried[row.agency_id, row.category]
        gathered.append(
            Gathered(
                facts=_facts(
                    asking,
                    found,
                    row,
                    certificates.get(row.id, ()),
                    its,
                    tuple(
                        agreement_facts(each, insurance if _insurance_matters(its) else None, due.get(each.id))
                        for each in its
                    ),
                    joined.get(row.id, ()),
                ),
                asset=row,
                policies=await policies_beside(read, policies, row.agency_id, found.agency_layer),
            )
        )
    return gathered


def not_long_over(tried: Sequence[AgreementCandidate], now: datetime) -> list[AgreementCandidate]:
    """Those under which help may be given, or that tell why it may not.

    One that ended within the last year is what the two would look for, and is told as ended; one that ended before, or
    without having been signed by both, tells nobody anything and is not tried.
    """
    return [each for each in tried if each.in_force or not _is_long_over(each, now)]


def _is_long_over(each: AgreementCandidate, now: datetime) -> bool:
    over_at = earliest(each.covers_until, each.over_at)
    if over_at is None or over_at > now:
        return False
    return not (each.signed and each.signed_by_other) or over_at <= now - _TOLD_FOR


def lasting_from(window: Window, now: datetime) -> Lasting:
    """From when the text governs that the decision goes by: the start of the window, or now where it has begun."""
    start = max(window.start, now)
    return Lasting(start=start, end=max(window.end, start))


class _Asking(Struct, kw_only=True, frozen=True):
    """Who asks for how many, when and what for; the same for whichever asset."""

    quantity: int
    window: Window
    purpose: str
    priority: Priority
    requesting_agency_id: UUID
    principal: PrincipalFacts
    action_at: ActionAt
    now: datetime
    distance_km: int | None


def _insurance_matters(tried: Sequence[AgreementCandidate]) -> bool:
    return any(candidate.terms.insurance_required for candidate in tried)


def _facts(
    asking: _Asking,
    found: Row[Any],
    row: AssetRow,
    certificates: Sequence[Row[Any]],
    tried: list[AgreementCandidate],
    agreements: tuple[AgreementFacts, ...],
    joined: tuple[OtherWindow, ...],
) -> Facts:
    cost = cost_at(row, asking.window.start)
    ask = Ask(
        start=asking.window.start,
        end=asking.window.end,
        purpose=asking.purpose,
        priority=asking.priority,
        quantity=asking.quantity,
        currency=row.currency if cost is None else cost.currency,
        distance_km=asking.distance_km,
        joined=joined,
        joined_cost_minor=sum(_cost_of(cost_at(row, each.start), each) for each in joined),
    )
    return Facts(
        now=asking.now,
        action_at=asking.action_at,
        ask=msgspec.structs.replace(ask, estimated_cost_minor=estimated_cost(cost, ask, tried)),
        principal=asking.principal,
        requesting=AgencyFacts(
            id=asking.requesting_agency_id,
            state=found.requesting_state,
            kind=found.requesting_kind,
            status=found.requesting_status,
        ),
        assisting=AgencyFacts(
            id=row.agency_id,
            state=found.assisting_state,
            kind=found.assisting_kind,
            status=found.assisting_status,
        ),
        asset=AssetFacts(
            id=row.id,
            agency_id=row.agency_id,
            category=row.category,
            category_path=row.category_path,
            type_level=row.type_level,
            service_status=row.service_status.value,
            sharing=row.sharing.value,
            capacity=row.capacity,
            funding=row.funding,
            crew_required=bool(row.crew),
            certifications=tuple(
                CertificationFacts(code=each.code, expires_on=each.expires_on, expires_at=each.expires_at)
                for each in held_at_start(row, certificates, found.assisting_time_zone, asking.window)
            ),
            certification_required=row.certification_required,
            hourly_cost_minor=None if cost is None else cost.amount_minor,
            described=describe(row),
        ),
        agreements=agreements,
        lent_out_quantity=int(found.lent_out),
        owned_quantity=int(found.owned),
        salt=secrets.token_hex(_SALT_BYTES),
    )


def _distance(row: AssetRow, place: Location) -> int | None:
    if row.latitude is None or row.longitude is None:
        return None
    return rounded_km(distance_km(row.latitude, row.longitude, place.latitude, place.longitude))


def estimated_cost(cost: HourlyCost | None, ask: Ask, tried: Sequence[AgreementCandidate]) -> int | None:
    """What the ask costs by what an hour does; None where that is not known, or a ceiling is in another currency."""
    ceilings = {most.currency for c in tried if c.in_force and (most := ceiling(c.terms)) is not None}
    if cost is None or ceilings - {cost.currency}:
        return None
    return min(_cost_of(cost, ask), _LARGEST_COST)


def _cost_of(cost: HourlyCost | None, of: Ask | OtherWindow) -> int:
    """Begun hours × what an hour costs × quantity; nothing where that is not known."""
    return 0 if cost is None else min(begun_hours(of.start, of.end) * cost.amount_minor * of.quantity, _LARGEST_COST)


async def agreements_tried(
    read: Read, tried: Sequence[AgreementCandidate], insurance: bool | None
) -> tuple[AgreementFacts, ...]:
    """The agreements as policies see them, with the days by which those with a cycle are to be reviewed.

    `insurance`: whether the requesting agency is insured throughout the window.
    """
    due = await reviews_due(read, [each.id for each in tried if each.review_every_months is not None])
    return tuple(agreement_facts(each, insurance, due.get(each.id)) for each in tried)


def agreement_facts(candidate: AgreementCandidate, insurance: bool | None, review: ReviewDue | None) -> AgreementFacts:
    """An agreement as policies see it."""
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
        restricted=tuple(sorted(_TERM_OF.get(term, term) for term in candidate.restricted_terms)),
        contradicted={_TERM_OF.get(term, term): words for term, words in candidate.contradicted_terms.items()} or UNSET,
        review_due_on=None if review is None else review.on,
        review_due_at=None if review is None else day_ends_at(review.on, review.time_zone),
        time_zone=candidate.time_zone,
        unsigned_by=_unsigned_by(candidate) or UNSET,
        texts=tuple(TextFromFacts(version_no=each.version_no, starts_at=each.starts_at) for each in candidate.texts),
    )


def _unsigned_by(candidate: AgreementCandidate) -> tuple[SideOfLoan, ...]:
    sides: tuple[tuple[SideOfLoan, bool], ...] = (
        ("requesting", candidate.signed),
        ("assisting", candidate.signed_by_other),
    )
    return () if candidate.in_force else tuple(side for side, signed in sides if not signed)


def _terms(terms: Terms, insurance: bool | None) -> TermFacts:
    """What a text does not say bars nothing and asks for nothing: it is named, so that policies and reasons tell it
    from what the text says without a limit.
    """
    most = ceiling(terms)
    return TermFacts(
        purposes=() if ANY_PURPOSE in terms.purposes else tuple(terms.purposes),
        unstated=tuple(_TERM_OF.get(name, name) for name in unsaid(terms)),
        least_priority=terms.least_priority or "routine",
        max_duration_hours=limit(terms.max_duration_hours),
        notice_hours=terms.notice_hours or None,  # a loan that has begun has less than none
        cost_ceiling_minor=None if most is None else most.to_minor(),
        max_quantity=limit(terms.max_quantity),
        approval_required=bool(terms.approval_required),
        approval_over_hours=terms.approval_over_hours,
        insurance_required=bool(terms.insurance_required),
        requesting_insurance_current=insurance if terms.insurance_required else None,
        reimbursement_model=terms.reimbursement.model,
        free_hours=terms.reimbursement.free_hours,
        claim_window_days=limit(terms.claim_window_days),
        liability=terms.liability,
        command=terms.command,
        sop_control=terms.sop_control,
        pay_control=terms.pay_control,
        recall_notice_hours=terms.recall_notice_hours,
    )
