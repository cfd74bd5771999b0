"""What an earlier decision comes to by the texts that govern what was asked for, where they are others by now.

A loan is decided by the text that binds both when it begins. When another one is signed after the decision and before
that, it is decided again as the loan leaves; here it is told beforehand, on the facts of the decision, to whoever reads
the line or the loan. One statement for all of a page, asked only where the row says that another text governs it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.in_force import (
    AgreementCandidate,
    covers_category,
    end_of,
    first_to_leave,
    otherwise_of,
    same_text,
)
from registry.agreements.instruments.queries.later_texts import bound_at, governed_by_another
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.tables import agreement, agreement_party_window, agreement_version
from registry.agreements.instruments.terms import Terms
from registry.agreements.insurance.queries import insured
from registry.platform.database.handles import Read
from registry.platform.kernel.time import Window
from registry.resources.assets.costing import HourlyCost
from registry.resources.assets.tables import asset
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import COMES_TO, Decision, Outcome, parts_told
from registry.sharing.policy.facts import ActionAt, AgreementFacts, Facts, decode_facts
from registry.sharing.policy.queries.collecting import agreement_facts, estimated_cost
from registry.sharing.policy.queries.layers import active_digest, policies_beside
from registry.sharing.policy.rules import decide, worse
from registry.sharing.policy.schemas.decided import OtherText
from registry.sharing.policy.tables import policy_decision
from registry.sharing.policy.telling import instant_in_words

_ID = policy_decision.c.id.type
_INSTANT = policy_decision.c.starts_at.type
_NOW = sa.bindparam("now", type_=_INSTANT)


def governed_from(starts_at: sa.ColumnElement[datetime]) -> sa.ColumnElement[datetime]:
    """The instant whose text governs: when it begins, or the bind `now` where that has come."""
    return sa.case((starts_at > _NOW, starts_at), else_=_NOW)


def governed_otherwise(made: sa.FromClause) -> sa.ColumnElement[bool]:
    """A criterion: its agreement binds the two by another version, as it begins, than it was decided by.

    `made` has the columns of a decision or a loan.
    """
    return governed_by_another(made, governed_from(made.c.starts_at))


@cache
def _statement() -> sa.Select[Any]:
    """Each decision with the agreements that bind the two as it begins, by the texts that do, a row for each."""
    made, version = policy_decision, agreement_version
    mine, theirs, both = bound_at(
        "then", made.c.requesting_agency_id, made.c.assisting_agency_id, governed_from(made.c.starts_at)
    )
    its, other, now_too = bound_at("now", made.c.requesting_agency_id, made.c.assisting_agency_id, _NOW)
    binds_now = (
        sa.select(sa.literal(1))
        .select_from(its.join(other, same_text(other, its)))
        .where(now_too, its.c.agreement_id == agreement.c.id)
        .correlate(made, agreement)
        .exists()
    )
    started = sa.case((mine.c.starts_at > theirs.c.starts_at, mine.c.starts_at), else_=theirs.c.starts_at)
    return (
        sa.select(
            made.c.id.label("decision_id"),
            made.c.facts,
            made.c.outcome,
            made.c.agreement_id.label("decided_agreement_id"),
            active_digest(made.c.assisting_agency_id).label("agency_layer"),
            agreement.c.id,
            agreement.c.number,
            agreement.c.kind,
            agreement.c.starts_at.label("effective_at"),
            agreement.c.review_every_months,
            agreement.c.time_zone,
            version.c.id.label("version_id"),
            version.c.no.label("version_no"),
            version.c.title,
            version.c.terms,
            version.c.restricted_terms,
            version.c.contradicted_terms,
            covers_category(asset.c.category).label("covers_category"),
            sa.and_(mine.c.requests, theirs.c.assists).label("covers_direction"),
            sa.type_coerce(first_to_leave(mine, theirs), agreement_party_window.c.bound_until.type).label(
                "covers_until"
            ),
            sa.type_coerce(started, _INSTANT).label("governs_from"),
            binds_now.label("in_force"),
        )
        .select_from(
            made.join(asset, asset.c.id == made.c.asset_id)
            .join(mine, mine.c.agency_id == made.c.requesting_agency_id)
            .join(theirs, same_text(theirs, mine))
            .join(agreement, agreement.c.id == mine.c.agreement_id)
            .join(version, version.c.id == mine.c.version_id)
        )
        .where(made.c.id.in_(sa.bindparam("ids", type_=_ID, expanding=True)), both)
        .order_by(made.c.id, agreement.c.id)
    )


_NEXT: Final[Mapping[ActionAt, ActionAt]] = {
    "what_if": "reserve",
    "request": "reserve",
    "approve": "reserve",
    "reserve": "dispatch",
    "extend": "dispatch",
    "dispatch": "dispatch",
}
"""At which step it is decided again."""


class Redecided(Struct, kw_only=True, frozen=True):
    """A decision by the texts that govern it now: which text took the place of its own, and what it comes to."""

    version_no: int
    starts_at: datetime
    time_zone: str
    was: Outcome
    decision: Decision

    @property
    def is_worse(self) -> bool:
        """Whether it is worse for who asks; then it is not reserved, and does not leave."""
        return worse(self.decision.outcome, than=self.was)


async def by_other_texts(
    read: Read, policies: PolicySet, decision_ids: Collection[UUID], now: datetime
) -> Mapping[UUID, Redecided]:
    """What these decisions come to by the texts that govern now, where their agreement's is another; in one statement.

    One more is asked for each whose text asks for insurance that the one it was decided by did not, and for each set of
    policies that this process does not know yet.
    """
    if not decision_ids:
        return {}
    rows = await read.all_slowly(_statement(), {"ids": sorted(decision_ids), "now": now})
    found = {}
    for decision_id, group in groupby(rows, key=lambda row: row.decision_id):
        its = list(group)
        one = next((row for row in its if row.id == row.decided_agreement_id), None)
        facts = decode_facts(its[0].facts)
        if one is None or any(each.version_id == one.version_id for each in facts.agreements):
            continue
        asked = await policies_beside(read, policies, facts.assisting.id, one.agency_layer)
        found[decision_id] = Redecided(
            version_no=one.version_no,
            starts_at=one.governs_from,
            time_zone=one.time_zone,
            was=one.outcome,
            decision=decide(await _by_texts(read, facts, its), asked),
        )
    return found


async def _by_texts(read: Read, facts: Facts, rows: Sequence[Row[Any]]) -> Facts:
    """The same ask, at its next step, by these texts. What does not bind both as it begins is no ground any more."""
    before = {each.id: each for each in facts.agreements}
    insurance = next(
        (each.terms.requesting_insurance_current for each in facts.agreements if each.terms.insurance_required), None
    )
    candidates = [_candidate(row) for row in rows if row.id in before or row.in_force]
    needs = any(each.terms.insurance_required for each in candidates)
    if needs and not any(each.terms.insurance_required for each in facts.agreements):
        insurance = await insured(read, facts.requesting.id, Window(start=facts.ask.start, end=facts.ask.end))
    now = {each.id: _facts(each, before.get(each.id), insurance) for each in candidates}
    others = [replace(each, in_force=False) for each in facts.agreements if each.id not in now]
    hourly = facts.asset.hourly_cost_minor
    cost = None if hourly is None else HourlyCost(amount_minor=hourly, currency=facts.ask.currency, stated_in="asset")
    ask = replace(facts.ask, estimated_cost_minor=estimated_cost(cost, facts.ask, candidates))
    return replace(facts, action_at=_NEXT[facts.action_at], ask=ask, agreements=(*now.values(), *others))


def _candidate(row: Row[Any]) -> AgreementCandidate:
    return AgreementCandidate(
        id=row.id,
        number=row.number,
        title=row.title,
        kind=AgreementKind(row.kind),
        version_id=row.version_id,
        version_no=row.version_no,
        in_force=bool(row.in_force),
        covers_category=bool(row.covers_category),
        covers_direction=bool(row.covers_direction),
        covers_until=end_of(row.covers_until),
        effective_at=row.effective_at,
        terms=msgspec.json.decode(row.terms, type=Terms),
        restricted_terms=msgspec.json.decode(row.restricted_terms or b"[]", type=list[str]),
        contradicted_terms=otherwise_of(row),
        review_every_months=row.review_every_months,
        time_zone=row.time_zone,
    )


def _facts(candidate: AgreementCandidate, before: AgreementFacts | None, insurance: bool | None) -> AgreementFacts:
    its = agreement_facts(candidate, insurance, None)
    if before is None:
        return its
    return replace(its, review_due_on=before.review_due_on, review_due_at=before.review_due_at)


def other_text(found: Redecided, *, to_owner: bool) -> OtherText:
    """What whoever reads the line or the loan is told of it; of the owner's own policies the owner alone all."""
    reasons = " ".join(each.reason for each in parts_told(found.decision.reasons, to_owner=to_owner))
    since = instant_in_words(found.starts_at, found.time_zone)
    told = (
        f"Version {found.version_no} governs it, from {since}, in place of the version that it was decided by. By that "
        f"it {COMES_TO[found.decision.outcome]}: {reasons}"
    )
    return OtherText(
        version_no=found.version_no,
        starts_at=found.starts_at,
        outcome=found.decision.outcome,
        worse=found.is_worse,
        reason=told,
    )
