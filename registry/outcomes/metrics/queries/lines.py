"""The rows from which scores are computed.

One statement reads the lines submitted in a window, one the loans that overlap it; two more read when their assets were
out of service, and when they could not be had for maintenance, a blackout or damage. Turnaround is part of lending. The
arithmetic is done in Python and not in SQL: the interval of an order statistic needs every observation, and the months
of a time zone need a time zone database, which SQLite lacks.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.tables import agreement_party_window
from registry.directory.taxonomy.tables import category_closure
from registry.outcomes.metrics.facts import LineFact, LoanFact, Unavailable
from registry.outcomes.metrics.rules import Stretch
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.time import EARLIEST, LATEST, Window
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.tables import ledger_event
from registry.resources.allocations.rules import AllocationKind
from registry.resources.allocations.tables import allocation
from registry.resources.assets.rules import Grade
from registry.resources.assets.tables import asset
from registry.sharing.loans.queries.awaiting import due_back
from registry.sharing.loans.queries.contesting import disputed_at, said_otherwise_after
from registry.sharing.loans.queries.used_hours import partial_returns_in
from registry.sharing.loans.rules import NEVER_WAS, OUT, LoanStatus
from registry.sharing.loans.tables import loan, loan_extension
from registry.sharing.loans.times import TimedAct
from registry.sharing.policy.decisions import ENGINE_LAYER, DecisionReason
from registry.sharing.policy.tables import policy_approval, policy_decision
from registry.sharing.requests.queries.derived_status import LIVE_LOAN, answered_status, given_up_for
from registry.sharing.requests.rules import LineStatus
from registry.sharing.requests.tables import request, request_line

_ID = loan.c.id.type
_AT = loan.c.reserved_at.type
_VIEWER = sa.bindparam("viewer", type_=_ID)
_AS_OF = sa.bindparam("as_of", type_=_AT)
_FROM, _TO = sa.bindparam("from", type_=_AT), sa.bindparam("to", type_=_AT)
ALL_OF_IT: Final = 100_000
"""As many as an asset can have: all of it, whatever its capacity was then."""
_NOT_TO_BE_HAD: Final = tuple(
    kind.value
    for kind in AllocationKind
    if kind not in (AllocationKind.LOAN, AllocationKind.TURNAROUND, AllocationKind.USED)
)
IN_SERVICE = {
    EventType.ASSET_RETURNED_TO_SERVICE: True,
    EventType.ASSET_TAKEN_OUT_OF_SERVICE: False,
    EventType.ASSET_RETIRED: False,
}
"""Whether an asset can be lent after such an event. They stay in the database when they are archived."""


class _DecisionExtract(msgspec.Struct, frozen=True):
    """The parts of a decision that are counted."""

    reasons: list[DecisionReason]


class _AssetExtract(msgspec.Struct, frozen=True):
    """The parts of an asset's snapshot, made at the reservation, that are counted."""

    capacity: int


class _ConditionExtract(msgspec.Struct, frozen=True):
    """The parts of a condition report that are counted."""

    grade: Grade


_said = msgspec.json.Decoder(_DecisionExtract).decode
_in_condition = msgspec.json.Decoder(_ConditionExtract).decode
_lent = msgspec.json.Decoder(_AssetExtract).decode


class Asked(Protocol):
    """What the facts are loaded for."""

    @property
    def agreement_id(self) -> UUID | None:
        """Only under it."""

    @property
    def category(self) -> str | None:
        """Only of it and what is below it."""

    @property
    def assisting_agency_id(self) -> UUID | None:
        """Only what it was asked for or lent."""

    @property
    def requesting_agency_id(self) -> UUID | None:
        """Only what it asked for or was lent."""


FILTERS: Final = (
    *("agreement_id", "category", "assisting_agency_id", "requesting_agency_id"),
    *("partner_agency_id", "purpose"),
)


async def load_facts(
    read: Read, caller: Caller, query: Asked, window: Window
) -> tuple[list[LineFact], list[LoanFact], Unavailable]:
    """The lines submitted in the window, the loans that overlap it, and when their assets could not be had."""
    filters, parameters = filtered(caller, query, window, caller.now)
    lines = await load_lines(read, filters, parameters)
    loans = await load_loans(read, filters, parameters)
    return lines, loans, await load_unavailable(read, filters, parameters)


def filtered(caller: Caller, query: Asked, window: Window, as_of: datetime) -> tuple[frozenset[str], dict[str, object]]:
    """The filters that are given, and the parameters of the statements."""
    parameters = {name: value for name in FILTERS if (value := getattr(query, name, None)) is not None}
    filters = frozenset(parameters)
    parameters |= {"viewer": caller.agency_id, "from": window.start, "to": window.end, "as_of": as_of}
    return filters, parameters


async def load_lines(read: Read, filters: frozenset[str], parameters: Mapping[str, object]) -> list[LineFact]:
    """The lines submitted in the window."""
    return [_line(row) for row in await read.all_slowly(_lines_statement(filters), parameters)]


async def load_loans(read: Read, filters: frozenset[str], parameters: Mapping[str, object]) -> list[LoanFact]:
    """The loans that overlap the window."""
    return [_loan(row) for row in await read.all_slowly(_loans_statement(filters), parameters)]


async def lines_of_requests(read: Read, request_ids: Sequence[UUID]) -> list[tuple[UUID, LineFact]]:
    """The lines of these requests, each with its request. What was not answered counts once that is recorded."""
    rows = await read.all_slowly(_LINES_OF, {"ids": list(request_ids), "as_of": EARLIEST})
    return [(row.request_id, _of_its_side(row)) for row in rows]


async def loans_by_id(read: Read, loan_ids: Sequence[UUID]) -> list[tuple[UUID, LoanFact]]:
    """These loans as they stand, each with its id."""
    rows = await read.all_slowly(_LOANS_OF, {"ids": list(loan_ids), "as_of": LATEST})
    return [(row.id, _loan(row)) for row in rows]


async def load_unavailable(read: Read, filters: frozenset[str], parameters: Mapping[str, object]) -> Unavailable:
    """When the assets of these loans could not be had."""
    changes = await read.all_slowly(_service_status_changes(filters), parameters)
    planned = await read.all_slowly(_unavailability(filters), parameters)
    begun = await read.all_slowly(_begun(filters), parameters)
    return _unavailable(changes, planned, begun)


def _of_its_side(row: Row[Any]) -> LineFact:
    """The line; one that counts for the agency that was asked alone, without the one that asked."""
    return msgspec.structs.replace(_line(row), requesting_agency_id=None) if row.is_ask else _line(row)


def _line(row: Row[Any]) -> LineFact:
    status = LineStatus(row.status)
    reasons: tuple[str, ...] = ()
    if row.decision is not None:
        reasons = tuple(reason.policy_id for reason in _said(row.decision).reasons)
    elif status is LineStatus.REJECTED:
        reasons = (f"rejected_by_{row.rejected_by}",)
    elif status is LineStatus.DECLINED:
        reasons = tuple(f"declined_{code}" for code in sorted(set(str(row.decline_reason).split(","))))
    return LineFact(
        submitted_at=row.submitted_at,
        status=status,
        decided_at=row.decided_at,
        reserved_at=row.reserved_at,
        arrived_at=row.arrived_at,
        ended_at=row.ended_at,
        disputed=row.arrival_disputed_at is not None,
        quantity=row.quantity,
        arrived_quantity=row.arrived_quantity,
        requesting_agency_id=row.requesting_agency_id,
        assisting_agency_id=row.assisting_agency_id,
        agreement_id=row.agreement_id,
        category=row.category,
        purpose=row.purpose,
        reasons=reasons,
    )


def _loan(row: Row[Any]) -> LoanFact:
    status = LoanStatus(row.status)
    incident = f"{row.requesting_agency_id} {row.incident_number}" if row.incident_number else None
    return LoanFact(
        status=status,
        starts_at=row.starts_at,
        due_at=row.due_when_returned_at or row.due_at,
        reserved_at=row.reserved_at,
        dispatched_at=row.dispatched_at,
        arrived_at=row.arrived_at,
        return_started_at=row.return_started_at,
        returned_at=row.returned_at,
        back_at=row.returned_at or (row.lost_at if status is LoanStatus.LOST else None),
        other_dispatched_at=row.other_dispatched_at,
        other_arrived_at=row.other_arrived_at,
        other_returned_at=row.other_returned_at,
        extended_at=row.extended_at,
        due_before_extension_at=row.due_before_extension_at,
        recall_requested_at=row.recall_requested_at,
        recall_due_at=row.recall_due_at,
        planned_end_at=row.planned_end_at,
        damaged=_came_damaged(row),
        in_force=bool(row.in_force),
        asset_id=row.asset_id,
        capacity=_lent(row.asset_snapshot).capacity,
        quantity=row.quantity,
        lost_quantity=row.lost_quantity,
        partly_back=tuple((each.returned_at, each.quantity) for each in partial_returns_in(row)),
        incident=incident or str(row.request_id or row.root_decision_id),
        requesting_agency_id=row.requesting_agency_id,
        assisting_agency_id=row.assisting_agency_id,
        agreement_id=row.agreement_id,
        category=row.category,
        purpose=row.purpose,
    )


def _came_damaged(row: Row[Any]) -> bool:
    """Whether it was damaged as it came back, or its owner found damage afterwards and stands by it."""
    if row.damage_reported_at is not None and row.damage_withdrawn_at is None:
        return True
    return row.condition_in is not None and _in_condition(row.condition_in).grade is Grade.DAMAGED


def _unavailable(changes: Sequence[Row[Any]], planned: Sequence[Row[Any]], begun: Sequence[Row[Any]]) -> Unavailable:
    """When assets could not be had: out of service, by their events in order of time, or otherwise than for a loan; or
    not in the registry yet: before they were registered, or first left where that was earlier.

    What was ended before it began kept nothing from being had.
    """
    stretches: dict[UUID, list[Stretch]] = defaultdict(list)
    for row in changes:
        of_asset = stretches[row.subject_id]
        if of_asset and of_asset[-1][1] is None:
            if IN_SERVICE[row.type]:
                of_asset[-1] = (of_asset[-1][0], row.occurred_at, ALL_OF_IT)
        elif not IN_SERVICE[row.type]:
            of_asset.append((row.occurred_at, None, ALL_OF_IT))
    for row in planned:
        ended_at = row.ends_at if row.released_at is None else min(row.ends_at, row.released_at)
        stretches[row.asset_id].append((row.starts_at, ended_at, ALL_OF_IT if row.whole else row.quantity))
    for row in begun:
        first = row.created_at if row.dispatched_at is None else min(row.created_at, row.dispatched_at)
        stretches[row.id].append((EARLIEST, first, ALL_OF_IT))
    return stretches


def _below(column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """A criterion: the category in that column is the requested one, or below it."""
    below = sa.select(category_closure.c.descendant).where(
        category_closure.c.ancestor == sa.bindparam("category", type_=sa.Text)
    )
    return column.in_(below)


def _equals(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    return column == sa.bindparam(name, type_=_ID)


_ASK = request_line.alias("ask")


def _unanswered(of: sa.FromClause) -> sa.ColumnElement[bool]:
    """A criterion: what an agency was asked for among others and did not answer in time, if it was given up later."""
    waited = (LineStatus.ASKED.value, LineStatus.WITHDRAWN.value, LineStatus.EXPIRED.value)
    until = sa.func.coalesce(of.c.ended_at, _AS_OF, type_=_AT)
    return sa.and_(
        of.c.fills_no.is_not(None),
        of.c.decision_id.is_(None),
        sa.or_(
            of.c.status == LineStatus.UNANSWERED.value,
            sa.and_(of.c.status.in_(waited), of.c.condition.is_(None), of.c.answer_due_at <= until),
        ),
    )


def _asks(what: sa.ColumnElement[Any], *criteria: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Of the lines by which agencies were asked for the need of the line, those that meet the criteria."""
    return (
        sa.select(what)
        .where(
            _ASK.c.request_id == request_line.c.request_id,
            _ASK.c.fills_no == request_line.c.no,
            *criteria,
        )
        .correlate(request_line)
    )


_ONE = sa.literal(1)
_IS_ASK = sa.and_(request_line.c.fills_no.is_not(None), request_line.c.decision_id.is_(None))
"""A line by which an agency was asked for a need, and of which nothing was decided: it counts for that agency alone."""
_IS_NEED = sa.and_(request_line.c.need.is_not(None), request_line.c.fills_no.is_(None))
_IS_ASKED_IN_VAIN = sa.and_(
    _IS_NEED,
    _asks(_ONE, _ASK.c.submitted_at.is_not(None)).exists(),
    sa.not_(_asks(_ONE, _ASK.c.decision_id.is_not(None)).exists()),
)
"""A need of which agencies were asked, and none has offered what was decided on: it counts for who asked alone. Where
some did, what they offered counts in its place, for both."""
_DECLINED = sa.func.coalesce(_ASK.c.refused_as, _ASK.c.status) == LineStatus.DECLINED.value
_WAITING = (LineStatus.QUEUED.value, LineStatus.ASKED.value, LineStatus.OFFERED.value, LineStatus.SUSPENDED.value)
_IS_ANSWERED = sa.not_(_asks(_ONE, _ASK.c.status.in_(_WAITING), sa.not_(_unanswered(_ASK))).exists())
_ALL_DECLINED_AT = _asks(sa.func.max(_ASK.c.decided_at, type_=_AT), _DECLINED).scalar_subquery()
_ALL_REASONS = _asks(sa.func.aggregate_strings(_ASK.c.decline_reason, ","), _DECLINED).scalar_subquery()


def _lines() -> tuple[sa.Select[Any], dict[str, sa.ColumnElement[bool]]]:
    """All lines that count, and the criteria by which they are filtered."""
    ground = sa.func.coalesce(loan.c.agreement_id, policy_decision.c.agreement_id, type_=_ID)
    rejecting = policy_decision.alias("rejecting")
    rejected_by = (
        sa.select(policy_approval.c.side)
        .join(rejecting, rejecting.c.id == policy_approval.c.decision_id)
        .where(
            rejecting.c.root_decision_id == request_line.c.decision_id,
            policy_approval.c.verdict == "rejected",
            policy_approval.c.layer != ENGINE_LAYER,
        )
        .limit(1)
        .correlate(request_line)
        .scalar_subquery()
    )
    was = sa.func.coalesce(request_line.c.refused_as, request_line.c.status)
    purpose = sa.func.coalesce(loan.c.purpose, policy_decision.c.purpose, request.c.sent_purpose, request.c.purpose)
    partner = sa.bindparam("partner_agency_id", type_=_ID)
    need_over = sa.and_(_IS_NEED, _IS_ANSWERED)
    criteria = {
        "partner_agency_id": sa.or_(
            request.c.requesting_agency_id == partner, request_line.c.assisting_agency_id == partner
        ),
        "purpose": purpose == sa.bindparam("purpose", type_=sa.Text),
        "agreement_id": _equals(ground, "agreement_id"),
        "category": _below(request_line.c.category),
        "assisting_agency_id": _equals(request_line.c.assisting_agency_id, "assisting_agency_id"),
        "requesting_agency_id": _equals(request.c.requesting_agency_id, "requesting_agency_id"),
    }
    statement = (
        sa.select(
            request_line.c.request_id,
            request_line.c.submitted_at,
            # That it was given up later does not change that it was refused.
            sa.case(
                (_unanswered(request_line), LineStatus.UNANSWERED.value),
                (sa.and_(need_over, _asks(_ONE, _DECLINED).exists()), LineStatus.DECLINED.value),
                (sa.and_(need_over, _asks(_ONE, _unanswered(_ASK)).exists()), LineStatus.UNANSWERED.value),
                else_=sa.func.coalesce(request_line.c.refused_as, answered_status()),
            ).label("status"),
            sa.case((need_over, _ALL_DECLINED_AT), else_=request_line.c.decided_at).label("decided_at"),
            sa.func.coalesce(request_line.c.refused_at, request_line.c.ended_at, type_=_AT).label("ended_at"),
            request_line.c.quantity,
            sa.case(
                (loan.c.arrived_at.is_not(None), sa.func.coalesce(loan.c.received_quantity, loan.c.quantity)), else_=0
            ).label("arrived_quantity"),
            request.c.requesting_agency_id,
            request_line.c.assisting_agency_id,
            purpose.label("purpose"),
            loan.c.reserved_at,
            sa.case(
                (_IS_NEED, _ALL_REASONS), else_=sa.func.coalesce(request_line.c.decline_reason, given_up_for())
            ).label("decline_reason"),
            _IS_ASK.label("is_ask"),
            loan.c.arrived_at,
            disputed_at(TimedAct.RECEIVE).label("arrival_disputed_at"),
            ground.label("agreement_id"),
            request_line.c.category,
            sa.case((was == LineStatus.DENIED.value, policy_decision.c.decision), else_=sa.null()).label("decision"),
            sa.case((was == LineStatus.REJECTED.value, rejected_by), else_=sa.null()).label("rejected_by"),
        )
        .select_from(
            request_line.join(request, request.c.id == request_line.c.request_id)
            .outerjoin(policy_decision, policy_decision.c.id == request_line.c.decision_id)
            .outerjoin(loan, loan.c.id == LIVE_LOAN)
        )
        .where(
            request_line.c.submitted_at.is_not(None),
            sa.or_(request_line.c.need.is_(None), request_line.c.decision_id.is_not(None), _IS_ASK, _IS_ASKED_IN_VAIN),
        )
    )
    return statement, criteria


@cache
def _lines_statement(filters: frozenset[str]) -> sa.CompoundSelect[Any]:
    statement, criteria = _lines()
    statement = statement.where(
        request_line.c.submitted_at >= _FROM,
        request_line.c.submitted_at < _TO,
        *(criteria[name] for name in sorted(filters)),
    )
    # Each side by its own index; no line has the same agency on both sides.
    return sa.union_all(
        statement.where(request.c.requesting_agency_id == _VIEWER, sa.not_(_IS_ASK)),
        statement.where(request_line.c.assisting_agency_id == _VIEWER),
    )


def _loan_criteria(filters: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    """A criterion: loans of the viewer that were reserved, planned, out or returned in the window."""
    partner = sa.bindparam("partner_agency_id", type_=_ID)
    criteria = {
        "partner_agency_id": sa.or_(loan.c.requesting_agency_id == partner, loan.c.assisting_agency_id == partner),
        "purpose": loan.c.purpose == sa.bindparam("purpose", type_=sa.Text),
        "agreement_id": _equals(loan.c.agreement_id, "agreement_id"),
        "category": _below(loan.c.category),
        "assisting_agency_id": _equals(loan.c.assisting_agency_id, "assisting_agency_id"),
        "requesting_agency_id": _equals(loan.c.requesting_agency_id, "requesting_agency_id"),
    }
    return [
        sa.or_(loan.c.requesting_agency_id == _VIEWER, loan.c.assisting_agency_id == _VIEWER),
        loan.c.reserved_at < _TO,
        sa.or_(
            loan.c.reserved_at >= _FROM,
            loan.c.planned_end_at >= _FROM,
            loan.c.returned_at >= _FROM,
            said_otherwise_after(_FROM),
            loan.c.status.in_(sorted(OUT)),
            sa.and_(loan.c.status == LoanStatus.LOST.value, loan.c.updated_at >= _FROM),
        ),
        *(criteria[name] for name in sorted(filters)),
    ]


def _bound(agency_column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """A criterion: the agreement of the loan bound that agency when the loan was decided."""
    return (
        sa.select(sa.literal(1))
        .where(
            agreement_party_window.c.agreement_id == loan.c.agreement_id,
            agreement_party_window.c.agency_id == agency_column,
            agreement_party_window.c.starts_at <= policy_decision.c.evaluated_at,
            agreement_party_window.c.ends_at > policy_decision.c.evaluated_at,
        )
        .correlate(loan, policy_decision)
        .exists()
    )


def _accepted(column: sa.ColumnElement[Any], *criteria: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    """An expression: the column of the first extension of the loan that was accepted, and meets the criteria."""
    return (
        sa.select(column)
        .where(loan_extension.c.loan_id == loan.c.id, loan_extension.c.status == "accepted", *criteria)
        .order_by(loan_extension.c.answered_at)
        .limit(1)
        .correlate(loan)
        .scalar_subquery()
    )


def _loans() -> sa.Select[Any]:
    """All loans."""
    names = (
        "id",
        "status",
        "starts_at",
        "due_when_returned_at",
        "reserved_at",
        "dispatched_at",
        "arrived_at",
        "return_started_at",
        "returned_at",
        "lost_at",
        "recall_requested_at",
        "recall_due_at",
        "planned_end_at",
        "condition_in",
        "damage_reported_at",
        "damage_withdrawn_at",
        "purpose",
        "assisting_agency_id",
        "asset_id",
        "asset_snapshot",
        "quantity",
        "lost_quantity",
        "partial_returns",
        "requesting_agency_id",
        "root_decision_id",
        "agreement_id",
        "category",
    )
    return sa.select(
        *(loan.c[name] for name in names),
        due_back().label("due_at"),
        disputed_at(TimedAct.DISPATCH).label("other_dispatched_at"),
        disputed_at(TimedAct.RECEIVE).label("other_arrived_at"),
        disputed_at(TimedAct.RETURN).label("other_returned_at"),
        _accepted(loan_extension.c.answered_at).label("extended_at"),
        _accepted(loan_extension.c.previous_end_at, loan_extension.c.answered_at > _AS_OF).label(
            "due_before_extension_at"
        ),
        sa.and_(_bound(loan.c.requesting_agency_id), _bound(loan.c.assisting_agency_id)).label("in_force"),
        request.c.id.label("request_id"),
        request.c.incident_number,
    ).select_from(
        loan.join(policy_decision, policy_decision.c.id == loan.c.decision_id)
        .outerjoin(request_line, request_line.c.decision_id == loan.c.root_decision_id)
        .outerjoin(request, request.c.id == request_line.c.request_id)
    )


@cache
def _loans_statement(filters: frozenset[str]) -> sa.Select[Any]:
    return _loans().where(*_loan_criteria(filters))


_IDS: Final = sa.bindparam("ids", type_=_ID, expanding=True)
_LINES_OF: Final = _lines()[0].where(request_line.c.request_id.in_(_IDS))
_LOANS_OF: Final = _loans().where(loan.c.id.in_(_IDS))


@cache
def _service_status_changes(filters: frozenset[str]) -> sa.Select[Any]:
    lent = sa.select(loan.c.asset_id).where(*_loan_criteria(filters))
    return (
        sa.select(ledger_event.c.subject_id, ledger_event.c.type, ledger_event.c.occurred_at)
        .where(
            ledger_event.c.subject_kind == "asset",
            ledger_event.c.subject_id.in_(lent),
            ledger_event.c.type.in_(sorted(IN_SERVICE)),
            ledger_event.c.occurred_at < _TO,
        )
        .order_by(ledger_event.c.subject_id, ledger_event.c.subject_version)
    )


@cache
def _unavailability(filters: frozenset[str]) -> sa.Select[Any]:
    lent = sa.select(loan.c.asset_id).where(*_loan_criteria(filters))
    return sa.select(
        *(allocation.c[name] for name in ("asset_id", "quantity", "whole", "starts_at", "ends_at", "released_at"))
    ).where(
        allocation.c.asset_id.in_(lent),
        allocation.c.kind.in_(_NOT_TO_BE_HAD),
        allocation.c.starts_at < _TO,
        allocation.c.ends_at > _FROM,
    )


@cache
def _begun(filters: frozenset[str]) -> sa.Select[Any]:
    lent = sa.select(loan.c.asset_id).where(*_loan_criteria(filters))
    left = loan.alias("left")
    return (
        sa.select(asset.c.id, asset.c.created_at, sa.func.min(left.c.dispatched_at, type_=_AT).label("dispatched_at"))
        .select_from(
            asset.outerjoin(
                left,
                sa.and_(
                    left.c.asset_id == asset.c.id,
                    left.c.status.not_in(sorted(NEVER_WAS)),
                    # What it was lent to others before is no concern of a borrower.
                    sa.or_(left.c.requesting_agency_id == _VIEWER, left.c.assisting_agency_id == _VIEWER),
                ),
            )
        )
        .where(asset.c.id.in_(lent))
        .group_by(asset.c.id, asset.c.created_at)
    )
