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
from registry.platform.access.acts import barred_from, person_parameters
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Act, Separation
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.geo import Location
from registry.platform.kernel.time import Window
from registry.resources.assets.queries.describing import NOW_DESCRIBED
from registry.resources.assets.queries.having import HAVING, Ask, can_be_had, of_columns
from registry.resources.assets.queries.visibility import visible_to as visible_asset
from registry.resources.assets.schemas.availability import AskAvailability
from registry.resources.assets.tables import asset
from registry.sharing.loans.queries.getting import NO_SHOW_COLUMNS, no_show_of
from registry.sharing.loans.rules import DeclineReason, LoanStatus
from registry.sharing.loans.rules import Side as LoanSide
from registry.sharing.loans.tables import loan, loan_extension
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import DecisionReason, Side, parts_told
from registry.sharing.policy.queries.getting import agreement_of
from registry.sharing.policy.queries.other_texts import Redecided, by_other_texts, governed_otherwise, other_text
from registry.sharing.policy.schemas.decided import OtherText
from registry.sharing.policy.tables import policy_decision
from registry.sharing.requests.queries.acting import (
    allowed_on_line,
    allowed_on_request,
    awaited_in,
    changed_in,
    condition_of,
    offer_version_of,
    side_of,
    undecided,
)
from registry.sharing.requests.queries.derived_status import (
    ENDED_LOAN,
    LIVE_LOAN,
    NOW,
    counted,
    line_status,
    marked_requests,
    remaining,
    status_of,
)
from registry.sharing.requests.queries.needs import is_partly_lent, is_refused, need_of, people_in, still_open
from registry.sharing.requests.queries.uncovered import line_uncovered
from registry.sharing.requests.queries.visibility import line_visible, visible
from registry.sharing.requests.rules import (
    FOLLOW_FROM_LOANS,
    IN_PLAY,
    OPEN,
    REFUSED,
    SET_BY_PEOPLE,
    TIME_OVER,
    LineStatus,
    RequestStatus,
)
from registry.sharing.requests.schemas.shown import (
    AutomaticAidGiven,
    LineDecision,
    LineEnd,
    LineLoan,
    RequestLine,
    ResourceRequest,
)
from registry.sharing.requests.tables import request, request_line


def _another_text(latest: sa.FromClause) -> sa.ColumnElement[bool]:
    """A criterion: the line may still lead to a loan, or has one that is reserved, and another text governs it by now.

    `latest` is its decision.
    """
    in_play = sa.and_(request_line.c.status.in_(sorted(IN_PLAY)), request_line.c.ended_at.is_(None))
    is_to_leave = sa.or_(loan.c.id.is_(None), loan.c.status == LoanStatus.RESERVED.value)
    return sa.and_(in_play, is_to_leave, request_line.c.ends_at > NOW, governed_otherwise(latest))


_OF_ENDED = ("id", "status", "quantity", "lost_quantity", "planned_end_at", "ended_reason")
_ID = sa.bindparam("id", type_=request.c.id.type)


def _get_statement() -> sa.Select[Any]:
    """One request with its status, and a row for each line with its latest decision and its loan.

    An asset's name and category are those of what was asked for, and only for agencies that may see the asset now; a
    loan stores its own.
    """
    found = marked_requests().where(request.c.id == _ID, visible()).subquery("found")
    latest, last = policy_decision.alias("latest"), policy_decision.alias("last")
    requesting, assisting = agency.alias("requesting"), agency.alias("assisting")
    ended = loan.alias("ended")
    not_accepted = sa.and_(
        last.c.action_at == "extend",
        sa.exists().where(loan_extension.c.decision_id == last.c.id, loan_extension.c.status != "accepted"),
    )
    stands = (
        sa.select(last.c.id)
        .where(last.c.root_decision_id == request_line.c.decision_id, sa.not_(not_accepted))
        .order_by(last.c.id.desc())
        .limit(1)
        .correlate(request_line)
        .scalar_subquery()
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
            sa.case((sa.or_(request_line.c.asset_id.is_(None), visible_asset()), request_line.c.category)).label(
                "category"
            ),
            *(
                request_line.c[name]
                for name in (
                    *("need", "fills_no", "tier", "answer_within_minutes", "answer_due_at", "condition"),
                    *("personnel_ids", "asked_as", "automatic_clause", "suspended_at", "suspended_reason"),
                )
            ),
            sa.case((request_line.c.need.is_not(None), remaining()), else_=sa.null()).label("remaining"),
            request_line.c.asset_name.label("asked_name"),
            request_line.c.category.label("asked_category"),
            request_line.c.described,
            *NOW_DESCRIBED,
            *HAVING,
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
            request_line.c.changes.label("line_changes"),
            *(request_line.c[name] for name in ("refused_as", "refused_side", "refused_reason", "refused_at")),
            request_line.c.submitted_at.label("line_submitted_at"),
            request_line.c.decided_at.label("line_decided_at"),
            request_line.c.decision_id.label("root_decision_id"),
            barred_from(Separation.APPROVE_RESERVE, Act.APPROVE, request_line.c.decision_id).label("approved_it"),
            latest.c.id.label("latest_id"),
            latest.c.asked_by.label("submitted_by"),
            latest.c.outcome,
            latest.c.agreement_id,
            latest.c.clause,
            agreement.c.number.label("agreement_number"),
            agreement_version.c.no.label("agreement_version_no"),
            latest.c.decision,
            latest.c.evaluated_at,
            _another_text(latest).label("other_text"),
            loan.c.id.label("loan_id"),
            loan.c.status.label("loan_status"),
            loan.c.quantity.label("loan_quantity"),
            counted().label("loan_counted"),
            line_uncovered(found.c.requesting_agency_id, found).label("uncovered"),
            loan.c.lost_quantity.label("loan_lost"),
            loan.c.ended_reason.label("loan_ended_reason"),
            loan.c.planned_end_at.label("loan_end"),
            *(
                ended.c[name].label(f"never_{name}")
                for name in (*_OF_ENDED, "ended_side", "decline_reason", "updated_at", *NO_SHOW_COLUMNS)
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
            .outerjoin(assisting, assisting.c.id == request_line.c.assisting_agency_id)
            .outerjoin(asset, asset.c.id == request_line.c.asset_id)
            .outerjoin(latest, latest.c.id == stands)
            .outerjoin(agreement, agreement.c.id == latest.c.agreement_id)
            .outerjoin(agreement_version, agreement_version.c.id == latest.c.agreement_version_id)
            .outerjoin(loan, loan.c.id == LIVE_LOAN)
            .outerjoin(ended, ended.c.id == ENDED_LOAN)
        )
        .order_by(request_line.c.id)
    )


_GET = _get_statement()


class _DecisionExtract(msgspec.Struct, frozen=True):
    """The parts of a decision that a line shows."""

    reasons: list[DecisionReason]


_said = msgspec.json.Decoder(_DecisionExtract).decode


async def request_rows(read: Read, principal: Principal, request_id: UUID, now: datetime) -> Sequence[Row[Any]]:
    """The request, once for each line that the caller's agency sees. Raises NotFound when it sees none."""
    asked = {"id": request_id, "viewer": principal.agency_id, "now": now, "at": now, **person_parameters(principal)}
    rows = await read.fast(_GET, asked)
    if not rows:
        raise NotFound("request")
    return rows


async def get_request(
    read: Read, principal: Principal, request_id: UUID, now: datetime, policies: PolicySet | None = None
) -> ResourceRequest:
    """One request as this caller may see it, with what of it can be had.

    With `policies` its lines say what they come to by the texts that govern them, where these are others than they were
    decided by. Raises NotFound.
    """
    return await shown(read, await request_rows(read, principal, request_id, now), principal, now, policies)


async def shown(
    read: Read, rows: Sequence[Row[Any]], principal: Principal, now: datetime, policies: PolicySet | None = None
) -> ResourceRequest:
    """The representation of a request's rows, with what of it can be had."""
    texts: Mapping[UUID, Redecided] = {}
    if policies is not None:
        texts = await by_other_texts(read, policies, {row.latest_id for row in rows if row.other_text}, now)
    return as_request(rows, principal, now, *await _can_be_had(read, rows, principal, now), texts)


async def _can_be_had(
    read: Read, rows: Sequence[Row[Any]], principal: Principal, now: datetime
) -> tuple[dict[UUID, AskAvailability], dict[UUID, AskAvailability]]:
    """What lines ask for that may still lead to a loan, or be asked again: whether it can be had, by their ids.

    It is one question for all of them. Of what several open lines ask for at the same time, the first of them counts
    for the next ones; in the second answer none does, since whoever lends may choose the line on which it lends.
    """
    lines = [
        row
        for row in rows
        if row.line_status in OPEN | REFUSED
        and row.replaced_by_no is None
        and row.asset_name is not None
        and row.ends_at > now
    ]
    opened = [row for row in lines if row.line_status in OPEN]
    asks = [
        Ask(
            asset=of_columns(row, row.asset_id),
            quantity=row.quantity,
            window=_window(row),
            beside=[
                (_window(each), each.quantity)
                for each in opened
                if each.asset_id == row.asset_id and each.line_id < row.line_id
            ],
        )
        for row in lines
    ]
    behind = [
        (row, msgspec.structs.replace(ask, beside=())) for row, ask in zip(lines, asks, strict=True) if ask.beside
    ]
    found = await can_be_had(read, principal.agency_id, [*asks, *(ask for _, ask in behind)], now)
    had = {row.line_id: each for row, each in zip(lines, found[: len(lines)], strict=True)}
    alone = {row.line_id: each for (row, _), each in zip(behind, found[len(lines) :], strict=True)}
    return had, {**had, **alone}


def _window(row: Row[Any]) -> Window:
    return Window(start=row.starts_at, end=row.ends_at)


def as_request(
    rows: Sequence[Row[Any]],
    principal: Principal,
    now: datetime,
    available: Mapping[UUID, AskAvailability],
    alone: Mapping[UUID, AskAvailability],
    texts: Mapping[UUID, Redecided],
) -> ResourceRequest:
    """The representation of a request's rows, with the caller's allowed actions at `now`.

    `available` is what of its lines can be had, `alone` the same with nothing but that line lent; `texts` are by the
    ids of the decisions that other texts govern.
    """
    row, numbers = rows[0], {each.no for each in rows}
    # Only lines that the viewer sees: another owner is not told that, nor of whom, something is asked in its place.
    replaced = {each.replaced_by_no: each.no for each in rows if each.replaced_by_no in numbers}
    own = side_of(row, principal) == "requesting"
    return ResourceRequest(
        id=row.id,
        requesting_agency=_agency(row, "requesting"),
        status=row.status,
        purpose=row.purpose,
        priority=row.priority,
        incident_number=row.incident_number,
        summary=row.summary,
        lines=[
            _line(
                each,
                principal,
                replaced,
                now,
                available.get(each.line_id),
                alone.get(each.line_id),
                texts.get(each.latest_id),
            )
            for each in rows
        ],
        unsent_changes=own and row.stored not in SET_BY_PEOPLE and bool(undecided(rows)),
        refused_line_count=sum(is_refused(each, own=own) for each in rows),
        submitted_at=row.submitted_at,
        ended_reason=row.ended_reason or _last_withdrawn(rows),
        allowed_actions=allowed_on_request(rows, principal, now),
        version=row.version_shown,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _last_withdrawn(rows: Sequence[Row[Any]]) -> str | None:
    """Why the last of the lines was withdrawn that the viewer sees, where the request is withdrawn with them."""
    if rows[0].status != RequestStatus.WITHDRAWN:
        return None
    withdrawn = [row for row in rows if row.stored_status == LineStatus.WITHDRAWN and row.ended_at is not None]
    last = max(withdrawn, key=lambda row: (row.ended_at, row.line_id), default=None)
    return None if last is None else str(last.line_ended_reason)


def _line(
    row: Row[Any],
    principal: Principal,
    replaced: Mapping[int, int],
    now: datetime,
    availability: AskAvailability | None,
    alone: AskAvailability | None,
    redecided: Redecided | None,
) -> RequestLine:
    located, own = row.place_latitude is not None, side_of(row, principal) == "requesting"
    changed = changed_in(row) if row.asset_name is not None else []
    text = None if redecided is None else other_text(redecided, to_owner=not own)
    return RequestLine(
        id=row.line_id,
        line_no=row.no,
        need=need_of(row),
        # By neither does one agency that is asked learn of the others: their tiers, and what else is asked for.
        fills_line_no=row.fills_no if own else None,
        asset_id=row.asset_id,
        asset_name=row.asset_name,
        category=row.category,
        assisting_agency=None if row.assisting_agency_id is None else _agency(row, "assisting"),
        quantity=row.quantity,
        # Of a need, who asks alone: from it one agency that is asked would learn when another offers, and how many.
        remaining_quantity=still_open(row) if own or is_partly_lent(row) else None,
        tier=row.tier if own else None,
        answer_due_at=row.answer_due_at,
        condition=condition_of(row),
        offer_version=offer_version_of(row),
        suspended_at=row.suspended_at if row.line_status == LineStatus.SUSPENDED else None,
        suspended_reason=row.suspended_reason if row.line_status == LineStatus.SUSPENDED else None,
        # Who they are, only their agency reads before they are committed.
        personnel_ids=[] if own else people_in(row),
        window=_window(row),
        place=Location(latitude=row.place_latitude, longitude=row.place_longitude) if located else None,
        note=row.note,
        status=row.line_status,
        awaiting=awaited_in(row.awaited),
        awaiting_detail=[_in_words(each, row) for each in awaited_in(row.awaited)],
        submitted_at=row.line_submitted_at,
        decided_at=row.line_decided_at,
        # A line that was revised keeps its earlier decision, which no longer applies.
        decision=_decision(row, principal, text) if row.latest_id and row.stored_status != LineStatus.DRAFT else None,
        automatic_aid=_automatic_aid(row),
        availability=availability,
        asset_changed=changed,
        asset_version=row.now_version if changed else None,
        loan=_loan(row) if row.loan_id is not None and row.line_status in FOLLOW_FROM_LOANS else None,
        ended_loan=_ended_loan(row) if row.never_id is not None else None,
        ended=_end(row),
        refused=_refusal(row),
        replaces_line_no=replaced.get(row.no),
        replaced_by_line_no=row.replaced_by_no if row.replaced_by_no in replaced else None,
        allowed_actions=allowed_on_line(row, principal, now, availability, alone, text),
    )


def _automatic_aid(row: Row[Any]) -> AutomaticAidGiven | None:
    if row.automatic_clause is None:
        return None
    rests_on = agreement_of(row)
    assert rests_on is not None, "what is sent automatically rests on an agreement"
    return AutomaticAidGiven(agreement=msgspec.structs.replace(rests_on, clause=row.automatic_clause or None))


def _end(row: Row[Any]) -> LineEnd | None:
    """Why nothing comes of a line, as it is stored, or follows from its decision, its loan or the time."""
    status = LineStatus(row.line_status)
    if row.ended_at is not None and status in {row.stored_status, LineStatus.WITHDRAWN}:
        code = row.decline_reason if row.refused_as is None else None
        return _ended_by(row, row.ended_side, row.line_ended_reason, code, row.ended_at)
    if status is LineStatus.EXPIRED:
        return _ended_by(row, None, TIME_OVER, None, row.ends_at)
    return _as_decided(row, status)


def _refusal(row: Row[Any]) -> LineEnd | None:
    """Who refused a line that was given up since, and why."""
    if row.refused_at is not None:
        return _ended_by(row, row.refused_side, row.refused_reason, row.decline_reason, row.refused_at)
    return None if row.refused_as is None else _as_decided(row, LineStatus(row.refused_as))


def _as_decided(row: Row[Any], status: LineStatus) -> LineEnd | None:
    """Why nothing comes of a line by its decision, or by its loan that the assisting agency cancelled."""
    if status is LineStatus.DENIED:
        reasons = "; ".join(reason.reason for reason in _said(row.decision).reasons)
        return _ended_by(row, None, reasons, None, row.line_decided_at)
    if status is LineStatus.DECLINED:
        its = (row.never_ended_side, row.never_ended_reason, row.never_decline_reason, row.never_updated_at)
        return _ended_by(row, *its)
    return None


def _ended_by(row: Row[Any], side: Side | None, reason: str, code: str | None, ended_at: datetime) -> LineEnd:
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


def _in_words(awaited: str, row: Row[Any]) -> str:
    """An approval that a line waits for, `<role>@<side>`, as a sentence that names the agency."""
    role, _, side = awaited.partition("@")
    name = row.assisting_agency_name if side == "assisting" else row.requesting_agency_name
    return f"Somebody with the role {role} at {name} has to approve it."


def _decision(row: Row[Any], principal: Principal, text: OtherText | None) -> LineDecision:
    to_owner = principal.agency_id == row.assisting_agency_id
    return LineDecision(
        id=row.latest_id,
        root_decision_id=row.root_decision_id,
        outcome=row.outcome,
        agreement=agreement_of(row),
        reasons=list(parts_told(_said(row.decision).reasons, to_owner=to_owner)),
        evaluated_at=row.evaluated_at,
        other_text=text,
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
        no_show=None,
    )


def _ended_loan(row: Row[Any]) -> LineLoan:
    return LineLoan(
        **{name: getattr(row, f"never_{name}") for name in _OF_ENDED},
        ended_by=None if row.never_ended_side is None else LoanSide(row.never_ended_side),
        decline_reason=None if row.never_decline_reason is None else DeclineReason(row.never_decline_reason),
        no_show=no_show_of(*(getattr(row, f"never_{name}") for name in NO_SHOW_COLUMNS)),
    )
