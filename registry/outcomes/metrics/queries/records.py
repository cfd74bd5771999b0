"""The facts of obligations, decisions, agreements and corrective actions, for the viewer's agency alone.

Each is read by one statement.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.visibility import is_party, shared_with, visible_to
from registry.agreements.instruments.tables import agreement, agreement_party_window, agreement_version
from registry.directory.taxonomy.tables import category_closure
from registry.outcomes.engagements.tables import corrective_action, engagement
from registry.outcomes.metrics.facts import AgreementFact, DecisionFact, ImprovementFact, ObligationFact
from registry.platform.database.handles import Read
from registry.sharing.loans.tables import loan
from registry.sharing.obligations.rules import ObligationStatus
from registry.sharing.obligations.tables import obligation
from registry.sharing.policy.tables import policy_decision
from registry.sharing.requests.tables import request_line

_ID: Final = loan.c.id.type
_AT: Final = loan.c.reserved_at.type
_VIEWER = sa.bindparam("viewer", type_=_ID)
_FROM, _TO = sa.bindparam("from", type_=_AT), sa.bindparam("to", type_=_AT)
_AS_OF = sa.bindparam("as_of", type_=_AT)
_SETTLED = (ObligationStatus.CONTESTED, ObligationStatus.WAIVED, ObligationStatus.LAPSED)
_GONE = ("terminated", "superseded", "withdrawn")


async def load_obligations(
    read: Read, filters: frozenset[str], parameters: Mapping[str, object]
) -> list[ObligationFact]:
    """The obligations due in the window that the agency owes or is owed."""
    return [_obligation(row) for row in await read.all_slowly(_obligations_statement(filters), parameters)]


async def load_decisions(read: Read, filters: frozenset[str], parameters: Mapping[str, object]) -> list[DecisionFact]:
    """The first decisions on what was asked for in the window."""
    return [_decision(row) for row in await read.all_slowly(_decisions_statement(filters), parameters)]


async def load_improvements(
    read: Read, filters: frozenset[str], parameters: Mapping[str, object]
) -> list[ImprovementFact]:
    """The corrective actions due in the window that the agency owns, or that came of an engagement which it held."""
    return [
        ImprovementFact(agreement_id=row.agreement_id, due_at=row.due_at, completed_at=row.completed_at)
        for row in await read.all_slowly(_improvements_statement("agreement_id" in filters), parameters)
    ]


async def obligations_of_loans(read: Read, loan_ids: Sequence[UUID]) -> list[tuple[UUID, ObligationFact]]:
    """The obligations of these loans, each with its loan."""
    return [(row.loan_id, _obligation(row)) for row in await read.all_slowly(_OBLIGATIONS_OF, {"ids": list(loan_ids)})]


async def decisions_of_requests(read: Read, request_ids: Sequence[UUID]) -> list[tuple[UUID, DecisionFact]]:
    """The first decisions on the lines of these requests, each with its request."""
    rows = await read.all_slowly(_DECISIONS_OF, {"ids": list(request_ids)})
    return [(row.request_id, _decision(row)) for row in rows]


def _obligation(row: Row[Any]) -> ObligationFact:
    return ObligationFact(
        due_at=row.due_at,
        met_at=row.occurred_at if row.status == ObligationStatus.MET.value else None,
        is_settled=row.status in _SETTLED,
        requesting_agency_id=row.requesting_agency_id,
        assisting_agency_id=row.assisting_agency_id,
        agreement_id=row.agreement_id,
        category=row.category,
        purpose=row.purpose,
    )


def _decision(row: Row[Any]) -> DecisionFact:
    return DecisionFact(
        decided_at=row.evaluated_at,
        outcome=row.outcome,
        requesting_agency_id=row.requesting_agency_id,
        assisting_agency_id=row.assisting_agency_id,
        agreement_id=row.agreement_id,
        category=row.category,
        purpose=row.purpose,
    )


async def load_agreements(read: Read, filters: frozenset[str], parameters: Mapping[str, object]) -> list[AgreementFact]:
    """The executed agreements to which the agency is a party, with the times for which they bind it."""
    windows: dict[UUID, list[tuple[datetime, datetime]]] = defaultdict(list)
    for row in await read.all_slowly(_WINDOWS, parameters):
        windows[row.agreement_id].append((row.starts_at, row.ends_at))
    return [
        AgreementFact(
            agreement_id=row.id,
            begun_at=row.created_at,
            executed_at=row.executed_at,
            starts_at=row.starts_at,
            over_at=row.over_at,
            ended_at=(row.terminated_at or row.over_at or row.updated_at) if row.stage in _GONE else None,
            is_recorded=bool(row.is_recorded),
            windows=tuple(windows[row.id]),
        )
        for row in await read.all_slowly(_agreements_statement("agreement_id" in filters), parameters)
    ]


def _criteria(
    filters: frozenset[str], of: sa.FromClause, category: sa.ColumnElement[str], sides: sa.FromClause
) -> list[sa.ColumnElement[bool]]:
    """The criteria for a thing with an agreement, a purpose and two sides."""
    partner = sa.bindparam("partner_agency_id", type_=_ID)
    below = sa.select(category_closure.c.descendant).where(
        category_closure.c.ancestor == sa.bindparam("category", type_=sa.Text)
    )
    known: dict[str, sa.ColumnElement[bool]] = {
        "agreement_id": of.c.agreement_id == sa.bindparam("agreement_id", type_=_ID),
        "category": category.in_(below),
        "assisting_agency_id": sides.c.assisting_agency_id == sa.bindparam("assisting_agency_id", type_=_ID),
        "requesting_agency_id": sides.c.requesting_agency_id == sa.bindparam("requesting_agency_id", type_=_ID),
        "partner_agency_id": sa.or_(sides.c.requesting_agency_id == partner, sides.c.assisting_agency_id == partner),
        "purpose": sides.c.purpose == sa.bindparam("purpose", type_=sa.Text),
    }
    return [known[name] for name in sorted(filters)]


_SIDES: Final = ("requesting_agency_id", "assisting_agency_id")
_IDS: Final = sa.bindparam("ids", type_=_ID, expanding=True)
_OBLIGATIONS: Final = sa.select(
    *(obligation.c[name] for name in ("loan_id", "due_at", "occurred_at", "status", "agreement_id")),
    *(loan.c[name] for name in (*_SIDES, "category", "purpose")),
).select_from(obligation.join(loan, loan.c.id == obligation.c.loan_id))
_OBLIGATIONS_OF: Final = _OBLIGATIONS.where(obligation.c.loan_id.in_(_IDS))
_DECISIONS: Final = (
    sa.select(
        *(policy_decision.c[name] for name in ("evaluated_at", "outcome", "agreement_id", "purpose", *_SIDES)),
        *(request_line.c[name] for name in ("category", "request_id")),
    )
    .select_from(policy_decision.join(request_line, request_line.c.decision_id == policy_decision.c.id))
    .where(policy_decision.c.action_at == "request")
)
_DECISIONS_OF: Final = _DECISIONS.where(request_line.c.request_id.in_(_IDS))


@cache
def _obligations_statement(filters: frozenset[str]) -> sa.Select[Any]:
    return _OBLIGATIONS.where(
        sa.or_(obligation.c.owing_agency_id == _VIEWER, obligation.c.owed_agency_id == _VIEWER),
        # What was met before its deadline counts then: see facts.fell_due.
        obligation.c.due_at >= _FROM,
        sa.or_(obligation.c.due_at < _TO, obligation.c.occurred_at < _TO),
        *_criteria(filters, obligation, loan.c.category, loan),
    )


@cache
def _decisions_statement(filters: frozenset[str]) -> sa.CompoundSelect[Any]:
    statement = _DECISIONS.where(
        policy_decision.c.evaluated_at >= _FROM,
        policy_decision.c.evaluated_at < _TO,
        *_criteria(filters, policy_decision, request_line.c.category, policy_decision),
    )
    return sa.union_all(*(statement.where(policy_decision.c[side] == _VIEWER) for side in _SIDES))


@cache
def _agreements_statement(of_one: bool) -> sa.Select[Any]:
    only = [agreement.c.id == sa.bindparam("agreement_id", type_=_ID)] if of_one else []
    names = ("id", "created_at", "executed_at", "starts_at", "over_at", "terminated_at", "updated_at", "stage")
    own_text = sa.and_(
        agreement_version.c.agreement_id == agreement.c.id, agreement_version.c.no == agreement.c.current_version
    )
    return (
        sa.select(*(agreement.c[name] for name in names), agreement_version.c.is_recorded)
        .select_from(agreement.join(agreement_version, own_text))
        .where(is_party(), shared_with(), agreement.c.executed_at <= _AS_OF, *only)
    )


@cache
def _improvements_statement(of_one: bool) -> sa.Select[Any]:
    only = [agreement.c.id == sa.bindparam("agreement_id", type_=_ID)] if of_one else []
    return (
        sa.select(agreement.c.id.label("agreement_id"), corrective_action.c.due_at, corrective_action.c.completed_at)
        .join(engagement, engagement.c.id == corrective_action.c.engagement_id)
        .outerjoin(agreement, sa.and_(agreement.c.id == engagement.c.agreement_id, visible_to()))
        .where(
            sa.or_(corrective_action.c.owner_agency_id == _VIEWER, engagement.c.host_agency_id == _VIEWER),
            corrective_action.c.due_at >= _FROM,
            corrective_action.c.due_at <= _TO,
            *only,
        )
    )


_WINDOWS: Final = sa.select(
    agreement_party_window.c.agreement_id, agreement_party_window.c.starts_at, agreement_party_window.c.ends_at
).where(agreement_party_window.c.agency_id == _VIEWER)
