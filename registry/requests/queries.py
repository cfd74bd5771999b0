"""Questions about requests: the requesting agency sees all of its own, an assisting one its lines once submitted.

What depends on loans and on the time (`reserved`, `partially_filled`, `filled`, `completed`, `expired`) is derived
here at each reading and never stored, so it cannot go stale. Each agency's status follows the lines that it sees:
otherwise a status would tell one assisting agency what became of another's lines.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, refusal
from registry.access.principals import Principal
from registry.agencies.schemas import Location
from registry.assets.queries import visible_to as visible_asset
from registry.assets.tables import asset
from registry.database.handles import Read
from registry.kernel.actions import AllowedAction, offer
from registry.kernel.errors import NotFound
from registry.kernel.time import Window
from registry.loans.tables import loan
from registry.policy.schemas import DecisionReason, Side
from registry.policy.tables import policy_decision
from registry.requests.rules import FOLLOWING, TRANSITIONS, LineStatus, RequestAction, RequestStatus
from registry.requests.schemas import (
    LineDecision,
    LineLoan,
    RequestLine,
    ResourceRequest,
)
from registry.requests.standing import (
    LIVE_LOAN,
    line_status,
    line_visible,
    standing,
    status_of,
    visible,
)
from registry.requests.tables import request, request_line

_ID = sa.bindparam("id", type_=request.c.id.type)


def _get_statement() -> sa.Select[Any]:
    """One request with its status, and a row for each line with its latest decision and its loan.

    An asset's name and category are those of now, so they are for whoever may see the asset now; a loan keeps its own.
    """
    found = standing().where(request.c.id == _ID, visible()).subquery("found")
    latest, later = policy_decision.alias("latest"), policy_decision.alias("later")
    followed = sa.exists().where(later.c.root_id == latest.c.root_id, later.c.previous_id == latest.c.id)
    return (
        sa.select(
            *(column for column in found.c if column.name not in ("status", "marks", "last_end")),
            found.c.status.label("stored"),
            status_of(found).label("status"),
            request_line.c.id.label("line_id"),
            request_line.c.no,
            request_line.c.asset_id,
            sa.case((visible_asset(), asset.c.name)).label("asset_name"),
            sa.case((visible_asset(), asset.c.category)).label("category"),
            request_line.c.assisting_agency_id,
            request_line.c.quantity,
            request_line.c.starts_at,
            request_line.c.ends_at,
            request_line.c.place_latitude,
            request_line.c.place_longitude,
            request_line.c.note,
            request_line.c.status.label("stored_status"),
            line_status().label("line_status"),
            request_line.c.awaited,
            request_line.c.submitted_at.label("line_submitted_at"),
            request_line.c.decided_at.label("line_decided_at"),
            request_line.c.decision_id.label("root_id"),
            latest.c.id.label("latest_id"),
            latest.c.asked_by.label("submitted_by"),
            latest.c.outcome,
            latest.c.agreement_id,
            latest.c.decision,
            latest.c.evaluated_at,
            loan.c.id.label("loan_id"),
            loan.c.state.label("loan_state"),
            loan.c.units.label("loan_units"),
            loan.c.planned_end_at.label("loan_end"),
        )
        .select_from(
            found.join(
                request_line,
                sa.and_(request_line.c.request_id == found.c.id, line_visible(found.c.requesting_agency_id)),
            )
            .join(asset, asset.c.id == request_line.c.asset_id)
            .outerjoin(latest, sa.and_(latest.c.root_id == request_line.c.decision_id, sa.not_(followed)))
            .outerjoin(loan, loan.c.id == LIVE_LOAN)
        )
        .order_by(request_line.c.no)
    )


_GET = _get_statement()


class _Said(msgspec.Struct, frozen=True):
    """What a line shows of its decision."""

    reasons: list[DecisionReason]


_said = msgspec.json.Decoder(_Said).decode
_awaited = msgspec.json.Decoder(list[str]).decode


async def request_rows(read: Read, principal: Principal, request_id: UUID, now: datetime) -> Sequence[Row[Any]]:
    """The request, once for each line that the caller's agency sees. Raises NotFound where it sees none."""
    rows = await read.all(_GET, {"id": request_id, "viewer": principal.agency_id, "now": now, "at": now})
    if not rows:
        raise NotFound("request")
    return rows


async def get_request(read: Read, principal: Principal, request_id: UUID, now: datetime) -> ResourceRequest:
    """One request as this caller may see it. Raises NotFound."""
    return as_request(await request_rows(read, principal, request_id, now), principal, now)


def side_of(row: Row[Any], principal: Principal) -> Side:
    """Which side of a visible request the caller's agency is on."""
    return "requesting" if row.requesting_agency_id == principal.agency_id else "assisting"


def asks(rows: Sequence[Row[Any]], principal: Principal) -> bool:
    """Whether this person drafted the request or submitted one of the lines: then somebody else approves."""
    return principal.subject in {rows[0].asked_by, *(row.submitted_by for row in rows)}


def answerable(rows: Sequence[Row[Any]], principal: Principal, now: datetime) -> list[Row[Any]]:
    """The lines that wait for an approval which the caller's roles give on its own side."""
    side = side_of(rows[0], principal)
    held = {f"{role}@{side}" for role in principal.roles}
    return [
        row
        for row in rows
        if row.line_status == LineStatus.NEEDS_APPROVAL and row.ends_at > now and held & {*_awaited(row.awaited)}
    ]


def as_request(rows: Sequence[Row[Any]], principal: Principal, now: datetime) -> ResourceRequest:
    """The wire form of a request's rows, with what this caller may do at `now`."""
    row = rows[0]
    return ResourceRequest(
        id=row.id,
        requesting_agency_id=row.requesting_agency_id,
        status=row.status,
        purpose=row.purpose,
        priority=row.priority,
        incident_number=row.incident_number,
        summary=row.summary,
        lines=[_line(each) for each in rows],
        submitted_at=row.submitted_at,
        ended_reason=row.ended_reason,
        allowed_actions=_allowed(rows, principal, now),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _line(row: Row[Any]) -> RequestLine:
    located = row.place_latitude is not None
    return RequestLine(
        id=row.line_id,
        no=row.no,
        asset_id=row.asset_id,
        asset_name=row.asset_name,
        category=row.category,
        assisting_agency_id=row.assisting_agency_id,
        quantity=row.quantity,
        window=Window(start=row.starts_at, end=row.ends_at),
        place=Location(latitude=row.place_latitude, longitude=row.place_longitude) if located else None,
        note=row.note,
        status=row.line_status,
        awaiting=_awaited(row.awaited),
        submitted_at=row.line_submitted_at,
        decided_at=row.line_decided_at,
        # A line that was revised keeps the decision on what it asked before, which answers nothing any more.
        decision=_decision(row) if row.latest_id and row.stored_status != LineStatus.DRAFT else None,
        loan=_loan(row) if row.line_status == LineStatus.RESERVED else None,
    )


def _decision(row: Row[Any]) -> LineDecision:
    return LineDecision(
        id=row.latest_id,
        root_id=row.root_id,
        outcome=row.outcome,
        agreement_id=row.agreement_id,
        reasons=_said(row.decision).reasons,
        evaluated_at=row.evaluated_at,
    )


def _loan(row: Row[Any]) -> LineLoan:
    return LineLoan(id=row.loan_id, state=row.loan_state, units=row.loan_units, planned_end_at=row.loan_end)


def _allowed(rows: Sequence[Row[Any]], principal: Principal, now: datetime) -> list[AllowedAction]:
    row, side = rows[0], side_of(rows[0], principal)
    status = RequestStatus(row.status)
    late = f"Not while the request is {status}."
    actions = []
    if refusal(principal, Action.REQUESTS_UPDATE, [side]) is None:
        actions.append(offer("update", withheld=None if editable(status) else late))
        actions += [
            offer(action, withheld=None if (status, action) in TRANSITIONS else late)
            for action in (RequestAction.SUBMIT, RequestAction.WITHDRAW)
        ]
    if refusal(principal, Action.REQUESTS_APPROVE, [side]) is None:
        if asks(rows, principal):
            reason: str | None = "Whoever asks does not approve."
        else:
            reason = None if answerable(rows, principal, now) else "No line waits for your approval."
        actions += [offer(action, withheld=reason) for action in (RequestAction.APPROVE, RequestAction.REJECT)]
        if side == "requesting":
            possible = (status, RequestAction.CLOSE_MANUALLY) in TRANSITIONS
            actions.append(offer(RequestAction.CLOSE_MANUALLY, withheld=None if possible else late))
    return actions


def editable(status: RequestStatus) -> bool:
    """Whether its words may still be corrected; what is asked may change only where `revise` is possible."""
    return status is RequestStatus.DRAFT or status in FOLLOWING
