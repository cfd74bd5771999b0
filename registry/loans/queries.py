"""Questions about loans. Both sides see a loan for ever, and nobody else does."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, refusal
from registry.access.principals import Principal
from registry.database.handles import Read
from registry.http.paging import cut, decode_cursor
from registry.kernel.actions import AllowedAction, offer
from registry.kernel.errors import NotFound
from registry.loans.rules import (
    OUT,
    SIDES,
    TRANSITIONS,
    LoanAction,
    LoanState,
    Overlays,
    Side,
    overdue,
    untimely,
    withheld,
)
from registry.loans.schemas import (
    Condition,
    Loan,
    LoanedAsset,
    LoanExtension,
    LoanPage,
    LoanQuery,
    LoanSummary,
    Recall,
)
from registry.loans.tables import loan, loan_extension

_AT = loan.c.planned_end_at.type
_VIEWER = sa.bindparam("viewer", type_=loan.c.id.type)
_SIDE_COLUMNS = {Side.REQUESTING: loan.c.requesting_agency_id, Side.ASSISTING: loan.c.assisting_agency_id}
_EXTENSION_COLUMNS = [column.label(f"extension_{column.name}") for column in loan_extension.c]
_GET = (
    sa.select(*loan.c, *_EXTENSION_COLUMNS)
    .select_from(loan.outerjoin(loan_extension, loan_extension.c.loan_id == loan.c.id))
    .where(
        loan.c.id == sa.bindparam("id", type_=loan.c.id.type),
        sa.or_(*(column == _VIEWER for column in _SIDE_COLUMNS.values())),
    )
    .order_by(loan_extension.c.id)
)
_PENDING = sa.exists().where(loan_extension.c.loan_id == loan.c.id, loan_extension.c.state == "pending")


async def loan_rows(read: Read, principal: Principal, loan_id: UUID) -> Sequence[Row[Any]]:
    """The loan's row, once for each of its extensions, oldest first. Raises NotFound where the caller has no side."""
    rows = await read.all(_GET, {"id": loan_id, "viewer": principal.agency_id})
    if not rows:
        raise NotFound("loan")
    return rows


async def get_loan(read: Read, principal: Principal, loan_id: UUID, now: datetime) -> Loan:
    """One loan as this caller may see it. Raises NotFound."""
    return as_loan(await loan_rows(read, principal, loan_id), principal, now)


def side_of(row: Row[Any], principal: Principal) -> Side:
    """Which side of a visible loan the caller's agency is on."""
    return Side.ASSISTING if row.assisting_agency_id == principal.agency_id else Side.REQUESTING


def permission_for(action: LoanAction, side: Side) -> Action:
    """What a caller of `side` needs for `action`: each side's half has a permission of its own."""
    if len(SIDES[action]) > 1:
        return Action.LOANS_END
    half = side if side in SIDES[action] else next(iter(SIDES[action]))
    return Action.LOANS_HAND_OVER if half is Side.ASSISTING else Action.LOANS_RECEIVE


def overlays_of(rows: Sequence[Row[Any]]) -> Overlays:
    """What lies over the state of a loan. Once the asset is back nothing does, whatever had been asked."""
    out = rows[0].state in OUT
    return Overlays(
        extension_pending=out and any(row.extension_state == "pending" for row in rows),
        recall_requested=out and rows[0].recall_requested_at is not None,
    )


def as_loan(rows: Sequence[Row[Any]], principal: Principal, now: datetime) -> Loan:
    """The wire form of a loan's rows, with what this caller may do at `now`."""
    row, state, overlays = rows[0], LoanState(rows[0].state), overlays_of(rows)
    return Loan(
        id=row.id,
        asset=cast(LoanedAsset, row.asset_snapshot),
        units=row.units,
        requesting_agency_id=row.requesting_agency_id,
        assisting_agency_id=row.assisting_agency_id,
        agreement_id=row.agreement_id,
        agreement_version_id=row.agreement_version_id,
        decision_id=row.decision_id,
        root_decision_id=row.root_decision_id,
        purpose=row.purpose,
        state=state,
        overdue=overdue(now, state, row.planned_end_at),
        recall_requested=overlays.recall_requested,
        extension_pending=overlays.extension_pending,
        starts_at=row.starts_at,
        planned_end_at=row.planned_end_at,
        requested_at=row.requested_at,
        reserved_at=row.reserved_at,
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
        allowed_actions=_allowed(row, state, overlays, principal, now),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _allowed(
    row: Row[Any], state: LoanState, overlays: Overlays, principal: Principal, now: datetime
) -> list[AllowedAction]:
    side = side_of(row, principal)
    actions = []
    for action in LoanAction:
        if side in SIDES[action] and refusal(principal, permission_for(action, side), [side.value]) is None:
            late = untimely(action, now, row.starts_at, row.planned_end_at)
            reason = withheld(action, overlays) or (late[1] if late else None)
            if (state, action) not in TRANSITIONS:
                reason = f"Not while the loan is {state}."
            actions.append(offer(action, withheld=reason))
    return actions


def _recall(row: Row[Any]) -> Recall | None:
    if row.recall_requested_at is None:
        return None
    return Recall(requested_at=row.recall_requested_at, by=row.recall_by, reason=row.recall_reason)


def _extension(row: Row[Any]) -> LoanExtension:
    return LoanExtension(
        id=row.extension_id,
        until=row.extension_asked_end_at,
        previous_end=row.extension_previous_end_at,
        reason=row.extension_reason,
        state=row.extension_state,
        decision_id=row.extension_decision_id,
        asked_at=row.extension_asked_at,
        answered_at=row.extension_answered_at,
        answer_reason=row.extension_answer_reason,
    )


@cache
def _list_statement(filters: frozenset[str], sides: tuple[Side, ...]) -> sa.Select[Any]:
    """The list for one combination of filters. Each side reads a page off its own index; the two are merged."""
    limit = sa.bindparam("limit", type_=sa.Integer)
    is_overdue = sa.and_(loan.c.state.in_(sorted(OUT)), loan.c.planned_end_at <= sa.bindparam("now", type_=_AT))
    criteria: dict[str, sa.ColumnElement[bool]] = {
        "state": loan.c.state == sa.bindparam("state", type_=sa.Text),
        "asset_id": loan.c.asset_id == sa.bindparam("asset_id", type_=loan.c.id.type),
        "agreement_id": loan.c.agreement_id == sa.bindparam("agreement_id", type_=loan.c.id.type),
        "overdue": is_overdue,
        "not_overdue": sa.not_(is_overdue),
        "ids": loan.c.id.in_(sa.bindparam("ids", type_=loan.c.id.type, expanding=True)),
        "cursor": loan.c.id > sa.bindparam("after", type_=loan.c.id.type),
    }
    chosen = [criteria[name] for name in sorted(filters)]
    pages = [
        sa.select(loan.c.id).where(_SIDE_COLUMNS[side] == _VIEWER, *chosen).order_by(loan.c.id).limit(limit)
        for side in sides
    ]
    found = sa.union_all(*(sa.select(page.subquery().c.id) for page in pages)).subquery()
    return (
        sa.select(
            loan.c.id,
            loan.c.asset_snapshot,
            loan.c.units,
            loan.c.requesting_agency_id,
            loan.c.assisting_agency_id,
            loan.c.agreement_id,
            loan.c.root_decision_id,
            loan.c.state,
            loan.c.recall_requested_at,
            loan.c.starts_at,
            loan.c.planned_end_at,
            loan.c.reserved_at,
            loan.c.returned_at,
            loan.c.version,
            _PENDING.label("pending"),
        )
        .join(found, found.c.id == loan.c.id)
        .order_by(loan.c.id)
        .limit(limit)
    )


async def list_loans(read: Read, principal: Principal, query: LoanQuery, now: datetime) -> LoanPage:
    """A page of the loans in which the caller's agency is a side. Raises Malformed for another list's cursor."""
    parameters: dict[str, object] = {"viewer": principal.agency_id, "limit": query.limit + 1}
    filters = set()
    for name in ("state", "asset_id", "agreement_id"):
        if (value := getattr(query, name)) is not None:
            filters.add(name)
            parameters[name] = value
    if query.overdue is not None:
        filters.add("overdue" if query.overdue else "not_overdue")
        parameters["now"] = now
    if query.ids is not None:
        filters.add("ids")
        parameters["ids"] = [UUID(one) for one in query.ids.split(",")]
    if query.cursor is not None:
        filters.add("cursor")
        (parameters["after"],) = decode_cursor(query.cursor, (UUID,))
    sides = tuple(Side) if query.role is None else (query.role,)
    rows = await read.all_slowly(_list_statement(frozenset(filters), sides), parameters)
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.id,))
    return LoanPage(items=[_as_summary(row, now) for row in kept], next_cursor=next_cursor)


def _as_summary(row: Row[Any], now: datetime) -> LoanSummary:
    state = LoanState(row.state)
    return LoanSummary(
        id=row.id,
        asset=cast(LoanedAsset, row.asset_snapshot),
        units=row.units,
        requesting_agency_id=row.requesting_agency_id,
        assisting_agency_id=row.assisting_agency_id,
        agreement_id=row.agreement_id,
        root_decision_id=row.root_decision_id,
        state=state,
        overdue=overdue(now, state, row.planned_end_at),
        recall_requested=state in OUT and row.recall_requested_at is not None,
        extension_pending=state in OUT and row.pending,
        starts_at=row.starts_at,
        planned_end_at=row.planned_end_at,
        reserved_at=row.reserved_at,
        returned_at=row.returned_at,
        version=row.version,
    )
