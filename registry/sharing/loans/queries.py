"""Queries about loans. Both sides can see a loan for ever; other agencies cannot."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.acts import barred
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read
from registry.platform.http.paging import Orders, given
from registry.platform.http.searching import containing
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.sharing.loans.rules import (
    NEVER_WAS,
    OUT,
    SIDES,
    LoanAction,
    LoanStatus,
    Overlays,
    Side,
    overdue,
    timing_refusal,
    why_unavailable,
)
from registry.sharing.loans.schemas import (
    Condition,
    Loan,
    LoanedAsset,
    LoanExtension,
    LoanPage,
    LoanQuery,
    LoanSummary,
    Recall,
)
from registry.sharing.loans.tables import loan, loan_extension
from registry.sharing.policy.queries.getting import request_of
from registry.sharing.policy.tables import policy_decision

_NEVER_WAS = [sa.literal_column(f"'{status}'", sa.Text) for status in NEVER_WAS]
_AT = loan.c.planned_end_at.type
_VIEWER = sa.bindparam("viewer", type_=loan.c.id.type)
_SIDE_COLUMNS = {Side.REQUESTING: loan.c.requesting_agency_id, Side.ASSISTING: loan.c.assisting_agency_id}
_EXTENSION_COLUMNS = [column.label(f"extension_{column.name}") for column in loan_extension.c]
_requesting, _assisting = agency.alias("requesting"), agency.alias("assisting")
_NAMES = (
    _requesting.c.name.label("requesting_agency_name"),
    _assisting.c.name.label("assisting_agency_name"),
    agreement.c.number.label("agreement_number"),
    agreement_version.c.no.label("agreement_version_no"),
)
_NAMED = (
    loan.join(_requesting, _requesting.c.id == loan.c.requesting_agency_id)
    .join(_assisting, _assisting.c.id == loan.c.assisting_agency_id)
    .join(agreement, agreement.c.id == loan.c.agreement_id)
    .join(agreement_version, agreement_version.c.id == loan.c.agreement_version_id)
)
_GET = (
    sa.select(*loan.c, *_NAMES, *_EXTENSION_COLUMNS, policy_decision.c.outcome.label("extension_outcome"))
    .select_from(
        _NAMED.outerjoin(loan_extension, loan_extension.c.loan_id == loan.c.id).outerjoin(
            policy_decision, policy_decision.c.id == loan_extension.c.decision_id
        )
    )
    .where(
        loan.c.id == sa.bindparam("id", type_=loan.c.id.type),
        sa.or_(*(column == _VIEWER for column in _SIDE_COLUMNS.values())),
    )
    .order_by(loan_extension.c.id)
)
_PENDING = sa.exists().where(loan_extension.c.loan_id == loan.c.id, loan_extension.c.status == "pending")


def took_place() -> sa.ColumnElement[bool]:
    """A criterion: loans that are running or were. The statuses are constants of the statement, not parameters."""
    return loan.c.status.not_in(_NEVER_WAS)


async def loan_rows(read: Read, principal: Principal, loan_id: UUID) -> Sequence[Row[Any]]:
    """The loan's row, once for each of its extensions, oldest first.

    Raises NotFound unless the caller's agency is a side.
    """
    rows = await read.fast(_GET, {"id": loan_id, "viewer": principal.agency_id})
    if not rows:
        raise NotFound("loan")
    return rows


async def get_loan(read: Read, principal: Principal, loan_id: UUID, now: datetime) -> Loan:
    """One loan as this caller may see it. Raises NotFound."""
    row, *_ = rows = await loan_rows(read, principal, loan_id)
    return as_loan(row, rows, named_in(row), principal, now, await _separated(read, principal, row, rows))


async def _separated(read: Read, principal: Principal, row: Row[Any], rows: Sequence[Row[Any]]) -> str | None:
    """Why another person of the assisting agency has to accept the pending extension, where accepting approves it."""
    approves = any(each.extension_status == "pending" and each.extension_outcome == "needs_approval" for each in rows)
    if not approves or row.assisting_agency_id != principal.agency_id:
        return None
    return await barred(read, principal, Act.APPROVE, row.root_decision_id)


def side_of(row: Row[Any], principal: Principal) -> Side:
    """The side of the caller's agency in a loan that it can see."""
    return Side.ASSISTING if row.assisting_agency_id == principal.agency_id else Side.REQUESTING


def permission_for(action: LoanAction, side: Side) -> Action:
    """The permission that `action` needs on that `side`: each side's steps have their own."""
    if len(SIDES[action]) > 1:
        return Action.LOANS_END
    half = side if side in SIDES[action] else next(iter(SIDES[action]))
    return Action.LOANS_HAND_OVER if half is Side.ASSISTING else Action.LOANS_RECEIVE


def overlays_of(row: Row[Any], rows: Sequence[Row[Any]]) -> Overlays:
    """The extension and recall of the loan, as overlays of its status. None apply once the asset is back."""
    out = row.status in OUT
    return Overlays(
        extension_pending=out and any(each.extension_status == "pending" for each in rows),
        recall_requested=out and row.recall_requested_at is not None,
    )


class Named(Struct, kw_only=True, frozen=True):
    """The names for the ids in a loan."""

    requesting_agency: AgencyReference
    assisting_agency: AgencyReference
    agreement: AgreementReference


def named_in(row: Row[Any]) -> Named:
    """The names for the ids in a loan's row."""
    return Named(
        requesting_agency=AgencyReference(id=row.requesting_agency_id, name=row.requesting_agency_name),
        assisting_agency=AgencyReference(id=row.assisting_agency_id, name=row.assisting_agency_name),
        agreement=AgreementReference(
            id=row.agreement_id, number=row.agreement_number, version_no=row.agreement_version_no, clause=row.clause
        ),
    )


def as_loan(
    row: Row[Any],
    rows: Sequence[Row[Any]],
    named: Named,
    principal: Principal,
    now: datetime,
    separated: str | None = None,
) -> Loan:
    """The representation of a loan, with the caller's allowed actions at `now`.

    `rows` are as from `loan_rows`; empty for a new loan. `separated` is why another person accepts its extension.
    """
    status, overlays = LoanStatus(row.status), overlays_of(row, rows)
    return Loan(
        id=row.id,
        asset=cast(LoanedAsset, row.asset_snapshot),
        quantity=row.quantity,
        requesting_agency=named.requesting_agency,
        assisting_agency=named.assisting_agency,
        agreement=named.agreement,
        request=request_of(row),
        decision_id=row.decision_id,
        root_decision_id=row.root_decision_id,
        purpose=row.purpose,
        status=status,
        overdue=overdue(now, status, row.planned_end_at),
        recall_requested=overlays.recall_requested,
        extension_pending=overlays.extension_pending,
        starts_at=row.starts_at,
        planned_end_at=row.planned_end_at,
        requested_at=row.requested_at,
        reserved_at=row.reserved_at,
        separation_relaxed=row.separation_relaxed,
        dispatched_at=row.dispatched_at,
        arrived_at=row.arrived_at,
        return_started_at=row.return_started_at,
        returned_at=row.returned_at,
        due_when_returned_at=row.due_when_returned_at,
        closed_at=row.closed_at,
        recall=_recall(row),
        extensions=[_extension(each) for each in rows if each.extension_id is not None],
        condition_out=cast("Condition | None", row.condition_out),
        condition_in=cast("Condition | None", row.condition_in),
        ended_reason=row.ended_reason,
        allowed_actions=_allowed(row, status, overlays, principal, now, separated),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _allowed(
    row: Row[Any],
    status: LoanStatus,
    overlays: Overlays,
    principal: Principal,
    now: datetime,
    separated: str | None,
) -> list[AllowedAction]:
    side = side_of(row, principal)
    actions = []
    for action in LoanAction:
        if side in SIDES[action] and refusal(principal, permission_for(action, side), [side.value]) is None:
            late = timing_refusal(action, now, row.starts_at, row.planned_end_at)
            reason = why_unavailable(status, action, overlays) or (late[1] if late else None)
            if action is LoanAction.ACCEPT_EXTENSION:
                reason = reason or separated
            actions.append(offer(action, withheld=reason))
    return actions


def _recall(row: Row[Any]) -> Recall | None:
    if row.recall_requested_at is None:
        return None
    return Recall(requested_at=row.recall_requested_at, by=row.recall_by, reason=row.recall_reason)


def _extension(row: Row[Any]) -> LoanExtension:
    return LoanExtension(
        id=row.extension_id,
        planned_end_at=row.extension_asked_end_at,
        previous_end_at=row.extension_previous_end_at,
        reason=row.extension_reason,
        status=row.extension_status,
        decision_id=row.extension_decision_id,
        asked_at=row.extension_asked_at,
        answered_at=row.extension_answered_at,
        answer_reason=row.extension_answer_reason,
    )


_ORDERS = Orders(
    LoanQuery,
    created_at=loan.c.id,
    starts_at=(loan.c.starts_at, loan.c.id),
    planned_end_at=(loan.c.planned_end_at, loan.c.id),
)


_OPPOSITE = {Side.REQUESTING: Side.ASSISTING, Side.ASSISTING: Side.REQUESTING}
_FILTERS = (
    *("status", "asset_id", "agreement_id", "partner_id", "request_id", "incident_number", "q"),
    *("window_from", "window_to", "ids"),
)


@cache
def _list_statement(filters: frozenset[str], sides: tuple[Side, ...], sort: str) -> sa.Select[Any]:
    """The statement for one combination of filters. Each side is read from its own index, and the two are merged."""
    is_overdue = sa.and_(loan.c.status.in_(sorted(OUT)), loan.c.planned_end_at <= sa.bindparam("now", type_=_AT))
    recalled = sa.and_(loan.c.status.in_(sorted(OUT)), loan.c.recall_requested_at.is_not(None))
    extending = sa.and_(loan.c.status.in_(sorted(OUT)), _PENDING)
    criteria: dict[str, sa.ColumnElement[bool]] = {
        "status": loan.c.status.in_(sa.bindparam("status", expanding=True)),
        "overdue": is_overdue,
        "not_overdue": sa.not_(is_overdue),
        "recall_requested": recalled,
        "not_recall_requested": sa.not_(recalled),
        "extension_pending": extending,
        "not_extension_pending": sa.not_(extending),
        "incident_number": loan.c.incident_number == sa.bindparam("incident_number", type_=sa.Text),
        "q": loan.c.search_text.like(sa.bindparam("q", type_=sa.Text), escape="\\"),
        "window_from": loan.c.planned_end_at > sa.bindparam("window_from", type_=_AT),
        "window_to": loan.c.starts_at < sa.bindparam("window_to", type_=_AT),
        "ids": loan.c.id.in_(sa.bindparam("ids", type_=loan.c.id.type, expanding=True)),
    } | {
        name: loan.c[name] == sa.bindparam(name, type_=loan.c.id.type)
        for name in ("asset_id", "agreement_id", "request_id")
    }
    chosen = [criterion for name, criterion in criteria.items() if name in filters]
    partner = sa.bindparam("partner_id", type_=loan.c.id.type)
    pages = []
    for side in sides:
        page = sa.select(loan.c.id).where(_SIDE_COLUMNS[side] == _VIEWER, *chosen)
        if "partner_id" in filters:
            page = page.where(_SIDE_COLUMNS[_OPPOSITE[side]] == partner)
        pages.append(_ORDERS.page(page, sort, after="cursor" in filters))
    found = sa.union_all(*(sa.select(page.subquery().c.id) for page in pages)).subquery()
    shown = sa.select(
        loan.c.id,
        loan.c.asset_snapshot,
        loan.c.quantity,
        loan.c.requesting_agency_id,
        loan.c.assisting_agency_id,
        loan.c.agreement_id,
        loan.c.clause,
        loan.c.request_id,
        loan.c.line_no,
        loan.c.incident_number,
        loan.c.root_decision_id,
        loan.c.status,
        loan.c.recall_requested_at,
        loan.c.starts_at,
        loan.c.planned_end_at,
        loan.c.reserved_at,
        loan.c.returned_at,
        loan.c.version,
        loan.c.updated_at,
        _PENDING.label("pending"),
        *_NAMES,
    ).select_from(_NAMED.join(found, found.c.id == loan.c.id))
    return _ORDERS.page(shown, sort, after=False)


async def list_loans(read: Read, principal: Principal, query: LoanQuery, now: datetime) -> LoanPage:
    """A page of the loans in which the caller's agency is a side. Raises RuleBroken for another list's cursor."""
    parameters = given(query, *_FILTERS)
    filters = set(parameters)
    if query.q is not None:
        parameters["q"] = containing(query.q)
    for name in ("overdue", "recall_requested", "extension_pending"):
        if (wanted := getattr(query, name)) is not None:
            filters.add(name if wanted else f"not_{name}")
    parameters |= {"viewer": principal.agency_id, "now": now, **_ORDERS.parameters(query)}
    if query.cursor is not None:
        filters.add("cursor")
    sides = tuple(Side) if query.side is None else (query.side,)
    rows = await read.all_slowly(_list_statement(frozenset(filters), sides, query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return LoanPage(items=[_as_summary(row, now) for row in kept], next_cursor=next_cursor)


def _as_summary(row: Row[Any], now: datetime) -> LoanSummary:
    status, named = LoanStatus(row.status), named_in(row)
    return LoanSummary(
        id=row.id,
        asset=cast(LoanedAsset, row.asset_snapshot),
        quantity=row.quantity,
        requesting_agency=named.requesting_agency,
        assisting_agency=named.assisting_agency,
        agreement=named.agreement,
        request=request_of(row),
        root_decision_id=row.root_decision_id,
        status=status,
        overdue=overdue(now, status, row.planned_end_at),
        recall_requested=status in OUT and row.recall_requested_at is not None,
        extension_pending=status in OUT and row.pending,
        starts_at=row.starts_at,
        planned_end_at=row.planned_end_at,
        reserved_at=row.reserved_at,
        returned_at=row.returned_at,
        version=row.version,
        updated_at=row.updated_at,
    )
