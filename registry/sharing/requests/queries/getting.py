"""Queries about one request: the requesting agency sees all of its own, an assisting one its own lines once submitted.

Statuses that depend on loans and on the time (`reserved`, `partially_filled`, `filled`, `completed`, `expired`) are
derived at each reading and never stored, so that they cannot be outdated. The status that an agency sees follows the
lines that it sees; otherwise it would reveal to one assisting agency what became of another's lines.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.tables import agreement, agreement_version
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.geo import Location
from registry.platform.kernel.time import Window
from registry.resources.assets.queries.describing import NOW_DESCRIBED, describe_columns
from registry.resources.assets.queries.visibility import visible_to as visible_asset
from registry.resources.assets.rules import changed_since
from registry.resources.assets.tables import asset
from registry.sharing.loans.rules import DeclineReason
from registry.sharing.loans.rules import Side as LoanSide
from registry.sharing.loans.tables import loan
from registry.sharing.policy.decisions import DecisionReason, Side, parts_told
from registry.sharing.policy.queries.getting import agreement_of
from registry.sharing.policy.tables import policy_decision
from registry.sharing.requests.queries.derived_status import (
    ENDED_LOAN,
    LIVE_LOAN,
    line_status,
    marked_requests,
    status_of,
)
from registry.sharing.requests.queries.visibility import line_visible, visible
from registry.sharing.requests.rules import (
    EDITABLE,
    TIME_OVER,
    TRANSITIONS,
    LineAction,
    LineStatus,
    RequestAction,
    RequestStatus,
    why_not_asked_again,
    why_not_declined,
    why_not_mended,
    why_not_submitted,
    why_not_withdrawn,
)
from registry.sharing.requests.schemas import LineDecision, LineEnd, LineLoan, RequestLine, ResourceRequest
from registry.sharing.requests.tables import request, request_line

_WAITING = frozenset({LineStatus.NEEDS_APPROVAL, LineStatus.PERMITTED, LineStatus.APPROVED})
_described = msgspec.json.Decoder(dict[str, str]).decode
_OF_ENDED = ("id", "status", "quantity", "lost_quantity", "planned_end_at", "ended_reason")
_ID = sa.bindparam("id", type_=request.c.id.type)


def _get_statement() -> sa.Select[Any]:
    """One request with its status, and a row for each line with its latest decision and its loan.

    An asset's name and category are those of what was asked for, and only for agencies that may see the asset now; a
    loan stores its own.
    """
    found = marked_requests().where(request.c.id == _ID, visible()).subquery("found")
    latest, later = policy_decision.alias("latest"), policy_decision.alias("later")
    requesting, assisting = agency.alias("requesting"), agency.alias("assisting")
    ended = loan.alias("ended")
    followed = sa.exists().where(
        later.c.root_decision_id == latest.c.root_decision_id, later.c.previous_id == latest.c.id
    )
    return (
        sa.select(
            *(column for column in found.c if column.name not in ("status", "marks")),
            found.c.status.label("stored"),
            status_of(found).label("status"),
            request_line.c.id.label("line_id"),
            request_line.c.no,
            request_line.c.asset_id,
            sa.case((visible_asset(), request_line.c.asset_name)).label("asset_name"),
            sa.case((visible_asset(), request_line.c.category)).label("category"),
            request_line.c.asset_name.label("asked_name"),
            request_line.c.category.label("asked_category"),
            request_line.c.described,
            *NOW_DESCRIBED,
            request_line.c.assisting_agency_id,
            assisting.c.name.label("assisting_agency_name"),
            requesting.c.name.label("requesting_agency_name"),
            request_line.c.quantity,
            request_line.c.starts_at,
            request_line.c.ends_at,
            request_line.c.place_latitude,
            request_line.c.place_longitude,
            request_line.c.note,
            request_line.c.status.label("stored_status"),
            line_status(found.c.status).label("line_status"),
            request_line.c.awaited,
            request_line.c.replaced_by_no,
            request_line.c.ended_at,
            request_line.c.ended_side,
            request_line.c.ended_reason.label("line_ended_reason"),
            request_line.c.decline_reason,
            request_line.c.submitted_at.label("line_submitted_at"),
            request_line.c.decided_at.label("line_decided_at"),
            request_line.c.decision_id.label("root_decision_id"),
            latest.c.id.label("latest_id"),
            latest.c.asked_by.label("submitted_by"),
            latest.c.outcome,
            latest.c.agreement_id,
            latest.c.clause,
            agreement.c.number.label("agreement_number"),
            agreement_version.c.no.label("agreement_version_no"),
            latest.c.decision,
            latest.c.evaluated_at,
            loan.c.id.label("loan_id"),
            loan.c.status.label("loan_status"),
            loan.c.quantity.label("loan_quantity"),
            loan.c.lost_quantity.label("loan_lost"),
            loan.c.ended_reason.label("loan_ended_reason"),
            loan.c.planned_end_at.label("loan_end"),
            *(
                ended.c[name].label(f"never_{name}")
                for name in (*_OF_ENDED, "ended_side", "decline_reason", "updated_at")
            ),
            loan.c.ended_side.label("loan_ended_side"),
            loan.c.decline_reason.label("loan_decline_reason"),
        )
        .select_from(
            found.join(
                request_line,
                sa.and_(request_line.c.request_id == found.c.id, line_visible(found.c.requesting_agency_id)),
            )
            .join(requesting, requesting.c.id == found.c.requesting_agency_id)
            .join(assisting, assisting.c.id == request_line.c.assisting_agency_id)
            .join(asset, asset.c.id == request_line.c.asset_id)
            .outerjoin(latest, sa.and_(latest.c.root_decision_id == request_line.c.decision_id, sa.not_(followed)))
            .outerjoin(agreement, agreement.c.id == latest.c.agreement_id)
            .outerjoin(agreement_version, agreement_version.c.id == latest.c.agreement_version_id)
            .outerjoin(loan, loan.c.id == LIVE_LOAN)
            .outerjoin(ended, ended.c.id == ENDED_LOAN)
        )
        .order_by(request_line.c.no)
    )


_GET = _get_statement()


class _DecisionExtract(msgspec.Struct, frozen=True):
    """The parts of a decision that a line shows."""

    reasons: list[DecisionReason]


_said = msgspec.json.Decoder(_DecisionExtract).decode
_awaited = msgspec.json.Decoder(list[str]).decode


async def request_rows(read: Read, principal: Principal, request_id: UUID, now: datetime) -> Sequence[Row[Any]]:
    """The request, once for each line that the caller's agency sees. Raises NotFound when it sees none."""
    rows = await read.fast(_GET, {"id": request_id, "viewer": principal.agency_id, "now": now, "at": now})
    if not rows:
        raise NotFound("request")
    return rows


async def get_request(read: Read, principal: Principal, request_id: UUID, now: datetime) -> ResourceRequest:
    """One request as this caller may see it. Raises NotFound."""
    return as_request(await request_rows(read, principal, request_id, now), principal, now)


def side_of(row: Row[Any], principal: Principal) -> Side:
    """The side of the caller's agency in a request that it can see."""
    return "requesting" if row.requesting_agency_id == principal.agency_id else "assisting"


def asks(rows: Sequence[Row[Any]], principal: Principal) -> bool:
    """Whether this person drafted the request or submitted a line that waits for approval.

    Then another person must approve. Persons who submitted lines that have been replaced or decided since do not count.
    """
    waiting = (row.submitted_by for row in rows if row.line_status == LineStatus.NEEDS_APPROVAL)
    return principal.person in {rows[0].asked_by, *waiting}


def answerable(rows: Sequence[Row[Any]], principal: Principal) -> list[Row[Any]]:
    """The lines that wait for an approval which the caller can give for its own side."""
    side = side_of(rows[0], principal)
    needed = {f"{role}@{side}" for role in principal.roles}
    return [row for row in rows if row.line_status == LineStatus.NEEDS_APPROVAL and needed & {*_awaited(row.awaited)}]


def changed_in(row: Row[Any]) -> list[str]:
    """The properties of a line's asset that are not as they were asked for, while the line may lead to a loan."""
    if row.line_status not in _WAITING:
        return []
    return changed_since(described_in(row), describe_columns(row, "now_"))


def described_in(row: Row[Any]) -> dict[str, str]:
    """What a line relied on in its asset when it was asked for."""
    described: dict[str, str] = _described(row.described)
    return described


def as_request(rows: Sequence[Row[Any]], principal: Principal, now: datetime) -> ResourceRequest:
    """The representation of a request's rows, with the caller's allowed actions at `now`."""
    row, numbers = rows[0], {each.no for each in rows}
    # Only lines that the viewer sees: another owner is not told that, nor of whom, something is asked in its place.
    replaced = {each.replaced_by_no: each.no for each in rows if each.replaced_by_no in numbers}
    return ResourceRequest(
        id=row.id,
        requesting_agency=_agency(row, "requesting"),
        status=row.status,
        purpose=row.purpose,
        priority=row.priority,
        incident_number=row.incident_number,
        summary=row.summary,
        lines=[_line(each, principal, replaced, now) for each in rows],
        submitted_at=row.submitted_at,
        ended_reason=row.ended_reason,
        allowed_actions=_allowed(rows, principal, now),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _line(row: Row[Any], principal: Principal, replaced: Mapping[int, int], now: datetime) -> RequestLine:
    located = row.place_latitude is not None
    changed = changed_in(row) if row.asset_name is not None else []
    return RequestLine(
        id=row.line_id,
        line_no=row.no,
        asset_id=row.asset_id,
        asset_name=row.asset_name,
        category=row.category,
        assisting_agency=_agency(row, "assisting"),
        quantity=row.quantity,
        window=Window(start=row.starts_at, end=row.ends_at),
        place=Location(latitude=row.place_latitude, longitude=row.place_longitude) if located else None,
        note=row.note,
        status=row.line_status,
        awaiting=_awaited(row.awaited),
        awaiting_detail=[_in_words(each, row) for each in _awaited(row.awaited)],
        submitted_at=row.line_submitted_at,
        decided_at=row.line_decided_at,
        # A line that was revised keeps its earlier decision, which no longer applies.
        decision=_decision(row, principal) if row.latest_id and row.stored_status != LineStatus.DRAFT else None,
        asset_changed=changed,
        asset_version=row.now_version if changed else None,
        loan=_loan(row) if row.line_status == LineStatus.RESERVED else None,
        ended_loan=_ended_loan(row) if row.never_id is not None else None,
        ended=_end(row),
        replaces_line_no=replaced.get(row.no),
        replaced_by_line_no=row.replaced_by_no if row.replaced_by_no in replaced else None,
        allowed_actions=_allowed_on_line(row, principal, now),
    )


def _end(row: Row[Any]) -> LineEnd | None:
    """Why nothing comes of a line, as it is stored, or follows from its decision, its loan or the time."""
    status = LineStatus(row.line_status)
    if row.stored_status == status and row.ended_at is not None:
        why = (row.ended_side, row.line_ended_reason, row.decline_reason, row.ended_at)
    elif status is LineStatus.DENIED:
        why = (None, "; ".join(reason.reason for reason in _said(row.decision).reasons), None, row.line_decided_at)
    elif status is LineStatus.DECLINED:
        why = (row.never_ended_side, row.never_ended_reason, row.never_decline_reason, row.never_updated_at)
    elif status is LineStatus.EXPIRED:
        why = (None, TIME_OVER, None, row.ends_at)
    else:
        return None
    side, reason, code, ended_at = why
    return LineEnd(
        by_agency=None if side is None else _agency(row, side),
        reason_code=None if code is None else DeclineReason(code),
        reason=reason,
        ended_at=ended_at,
    )


def _agency(row: Row[Any], side: Side) -> AgencyReference:
    if side == "requesting":
        return AgencyReference(id=row.requesting_agency_id, name=row.requesting_agency_name)
    return AgencyReference(id=row.assisting_agency_id, name=row.assisting_agency_name)


def _allowed_on_line(row: Row[Any], principal: Principal, now: datetime) -> list[AllowedAction]:
    side, status, of_request = side_of(row, principal), LineStatus(row.line_status), RequestStatus(row.status)
    replaced = row.replaced_by_no is not None
    actions = []
    if refusal(principal, Action.REQUESTS_UPDATE, [side]) is None:
        again = why_not_asked_again(of_request, status, row.no, replaced=replaced, over=row.ends_at <= now)
        actions += [
            offer("update", withheld=why_not_mended(of_request, status, replaced=replaced)),
            offer("ask_again", withheld=again),
            offer("withdraw", withheld=why_not_withdrawn(of_request, status, replaced=replaced)),
        ]
    if refusal(principal, Action.REQUESTS_ANSWER, [side]) is None:
        actions.append(offer("decline", withheld=why_not_declined(status)))
    return actions


def _in_words(awaited: str, row: Row[Any]) -> str:
    """An approval that a line waits for, `<role>@<side>`, as a sentence that names the agency."""
    role, _, side = awaited.partition("@")
    name = row.assisting_agency_name if side == "assisting" else row.requesting_agency_name
    return f"Somebody with the role {role} at {name} has to approve it."


def _decision(row: Row[Any], principal: Principal) -> LineDecision:
    to_owner = principal.agency_id == row.assisting_agency_id
    return LineDecision(
        id=row.latest_id,
        root_decision_id=row.root_decision_id,
        outcome=row.outcome,
        agreement=agreement_of(row),
        reasons=list(parts_told(_said(row.decision).reasons, to_owner=to_owner)),
        evaluated_at=row.evaluated_at,
    )


def _loan(row: Row[Any]) -> LineLoan:
    return LineLoan(
        id=row.loan_id,
        status=row.loan_status,
        quantity=row.loan_quantity,
        lost_quantity=row.loan_lost,
        planned_end_at=row.loan_end,
        ended_reason=row.loan_ended_reason,
        ended_by=None if row.loan_ended_side is None else LoanSide(row.loan_ended_side),
        decline_reason=None if row.loan_decline_reason is None else DeclineReason(row.loan_decline_reason),
    )


def _ended_loan(row: Row[Any]) -> LineLoan:
    return LineLoan(
        **{name: getattr(row, f"never_{name}") for name in _OF_ENDED},
        ended_by=None if row.never_ended_side is None else LoanSide(row.never_ended_side),
        decline_reason=None if row.never_decline_reason is None else DeclineReason(row.never_decline_reason),
    )


def _allowed(rows: Sequence[Row[Any]], principal: Principal, now: datetime) -> list[AllowedAction]:
    row, side = rows[0], side_of(rows[0], principal)
    status = RequestStatus(row.status)
    late = f"Not while the request is {status.replace('_', ' ')}."
    actions = []
    if refusal(principal, Action.REQUESTS_UPDATE, [side]) is None:
        actions.append(offer("update", withheld=None if status in EDITABLE else late))
        drafts = [(each.no, each.ends_at <= now) for each in rows if each.line_status == LineStatus.DRAFT]
        actions.append(offer(RequestAction.SUBMIT, withheld=why_not_submitted(status, drafts)))
        possible = (status, RequestAction.WITHDRAW) in TRANSITIONS
        actions.append(offer(RequestAction.WITHDRAW, withheld=None if possible else late))
        changed = any(each.asset_name is not None and changed_in(each) for each in rows)
        unchanged = None if changed else "No asset was changed since it was asked for."
        actions.append(offer("accept_changed_assets", withheld=unchanged))
    if refusal(principal, Action.REQUESTS_APPROVE, [side]) is None:
        if not any(each.line_status == LineStatus.NEEDS_APPROVAL for each in rows):
            reason: str | None = "No line waits for an approval."
        elif asks(rows, principal):
            reason = "The person who asks cannot approve."
        else:
            reason = None if answerable(rows, principal) else "No line waits for your approval."
        actions += [offer(action, withheld=reason) for action in (LineAction.APPROVE, LineAction.REJECT)]
        if side == "requesting":
            possible = (status, RequestAction.CLOSE_MANUALLY) in TRANSITIONS
            actions.append(offer(RequestAction.CLOSE_MANUALLY, withheld=None if possible else late))
    return actions
