"""Queries about loans. Both sides can see a loan for ever; other agencies cannot."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.agreements.instruments.schemas.words import AgreementReference
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.resources.allocations.queries import unavailable_during
from registry.resources.assets.queries.describing import NOW_DESCRIBED
from registry.resources.assets.tables import asset
from registry.sharing.loans.hindrances import NOT_COVERED, Hindrance
from registry.sharing.loans.queries.asset_warnings import (
    NOTHING_PLANNED,
    Planned,
    changed_in,
    planned_against,
    unavailable_in,
    warnings_in,
)
from registry.sharing.loans.queries.contesting import TIMES_CONTESTED, as_time_contest, contests_of, facts_of
from registry.sharing.loans.queries.extending import why_not_accepted
from registry.sharing.loans.queries.hindrances import hindrance, moment
from registry.sharing.loans.queries.over_limit import SEVERAL_OUT, over_limit_of
from registry.sharing.loans.queries.papers import DOCUMENTED, documents_of
from registry.sharing.loans.queries.used_hours import partial_returns_in
from registry.sharing.loans.rules import (
    COUNTS,
    NEVER_WAS,
    OUT,
    SIDES,
    Count,
    DeclineReason,
    LoanAction,
    LoanStatus,
    Overlays,
    Side,
    awaited,
    damage_overlay,
    due_back,
    hand_over_refusal,
    no_show_settled,
    overdue,
    time_withholds,
    why_unavailable,
)
from registry.sharing.loans.schemas.papers import LoanDocumentReference
from registry.sharing.loans.schemas.shown import (
    Condition,
    Damage,
    Loan,
    LoanedAsset,
    LoanExtension,
    MinimumOverride,
    NoShow,
    OverLimit,
    Recall,
)
from registry.sharing.loans.tables import loan, loan_extension
from registry.sharing.loans.times import CONTESTS, Contested, TimedAct, why_withheld
from registry.sharing.obligations.queries import obligations_of
from registry.sharing.obligations.schemas import Obligation
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.queries.getting import request_of
from registry.sharing.policy.queries.other_texts import by_other_texts, governed_otherwise, other_text
from registry.sharing.policy.schemas.decided import OtherText
from registry.sharing.policy.tables import policy_decision

_NEVER_WAS = [sa.literal_column(f"'{status}'", sa.Text) for status in NEVER_WAS]
AT = loan.c.planned_end_at.type
VIEWER = sa.bindparam("viewer", type_=loan.c.id.type)
SIDE_COLUMNS = {Side.REQUESTING: loan.c.requesting_agency_id, Side.ASSISTING: loan.c.assisting_agency_id}
_EXTENSION_COLUMNS = [column.label(f"extension_{column.name}") for column in loan_extension.c]
_requesting, _assisting = agency.alias("requesting"), agency.alias("assisting")
NAMES = (
    _requesting.c.name.label("requesting_agency_name"),
    _assisting.c.name.label("assisting_agency_name"),
    agreement.c.number.label("agreement_number"),
    agreement_version.c.no.label("agreement_version_no"),
)
NAMED = (
    loan.join(_requesting, _requesting.c.id == loan.c.requesting_agency_id)
    .join(_assisting, _assisting.c.id == loan.c.assisting_agency_id)
    .join(agreement, agreement.c.id == loan.c.agreement_id)
    .join(agreement_version, agreement_version.c.id == loan.c.agreement_version_id)
)
SHOWN = sa.select(
    sa.and_(
        loan.c.status == LoanStatus.RESERVED.value,
        unavailable_during(loan.c.asset_id, loan.c.starts_at, loan.c.planned_end_at),
    ).label("now_planned"),
    SEVERAL_OUT.label("several_out"),
    TIMES_CONTESTED.label("times_contested"),
    DOCUMENTED.label("documented"),
    hindrance().label("hindrance"),
    sa.and_(loan.c.status == LoanStatus.RESERVED.value, governed_otherwise(loan)).label("other_text"),
    *loan.c,
    *NAMES,
    *NOW_DESCRIBED,
    *_EXTENSION_COLUMNS,
    policy_decision.c.outcome.label("extension_outcome"),
).select_from(
    NAMED.join(asset, asset.c.id == loan.c.asset_id)
    .outerjoin(loan_extension, loan_extension.c.loan_id == loan.c.id)
    .outerjoin(policy_decision, policy_decision.c.id == loan_extension.c.decision_id)
)
_GET = SHOWN.where(
    loan.c.id == sa.bindparam("id", type_=loan.c.id.type),
    sa.or_(*(column == VIEWER for column in SIDE_COLUMNS.values())),
).order_by(loan_extension.c.id)
_OF_REQUEST = sa.select(loan.c.id).where(
    loan.c.request_id == sa.bindparam("request_id", type_=loan.c.id.type),
    sa.or_(*(column == VIEWER for column in SIDE_COLUMNS.values())),
)
PENDING = sa.exists().where(loan_extension.c.loan_id == loan.c.id, loan_extension.c.status == "pending")


def took_place() -> sa.ColumnElement[bool]:
    """A criterion: loans that are running or were. The statuses are constants of the statement, not parameters."""
    return loan.c.status.not_in(_NEVER_WAS)


async def loan_rows(read: Read, principal: Principal, loan_id: UUID, now: datetime) -> Sequence[Row[Any]]:
    """The loan's row as it stands at `now`, once for each of its extensions, oldest first.

    Raises NotFound unless the caller's agency is a side.
    """
    rows = await read.fast(_GET, {"id": loan_id, "viewer": principal.agency_id, **moment(now)})
    if not rows:
        raise NotFound("loan")
    return rows


async def loans_of_request(read: Read, principal: Principal, request_id: UUID) -> list[UUID]:
    """The loans that answer lines of the request, or did, in which the caller's agency is a side."""
    return [row.id for row in await read.fast(_OF_REQUEST, {"request_id": request_id, "viewer": principal.agency_id})]


WhyNotSent: TypeAlias = Callable[[Row[Any]], Awaitable[str | None]]
"""Why a loan cannot leave long before its start, or by another text than it was decided by: asked of the policies."""


WhyNotAgreed: TypeAlias = Callable[[Row[Any], Sequence[Contested]], Awaitable[str | None]]
"""Why no time that is contested can be accepted, by its row and what is contested: it is asked of other loans."""


async def get_loan(
    read: Read,
    principal: Principal,
    loan_id: UUID,
    now: datetime,
    why_not_sent: WhyNotSent | None = None,
    why_not_agreed: WhyNotAgreed | None = None,
    policies: PolicySet | None = None,
) -> Loan:
    """One loan as this caller may see it, which offers to leave, or to accept a time, where it may.

    With `policies` it says what it comes to by the text that governs it, where that is another than it was decided by.
    Raises NotFound.
    """
    row, *_ = rows = await loan_rows(read, principal, loan_id, now)
    unaccepted = await why_not_accepted(read, principal, row, rows)
    planned = await planned_against(read, row, now)
    obliged = await obligations_of(read, principal, loan_id, now)
    contests = await contests_of(read, row)
    named = named_in(row)
    documents = await documents_of(read, loan_id) if row.documented else ()
    unsent = None if why_not_sent is None else await why_not_sent(row)
    unagreed = None if why_not_agreed is None else await why_not_agreed(row, facts_of(contests))
    return as_loan(
        row,
        rows,
        named,
        principal,
        now,
        unaccepted,
        planned,
        obligations=obliged,
        contests=contests,
        documents=documents,
        unsent=unsent,
        unagreed=unagreed,
        over_limit=await over_limit_of(read, row),
        text=None if policies is None else await _other_text(read, policies, row, principal, now),
    )


async def _other_text(
    read: Read, policies: PolicySet, row: Row[Any], principal: Principal, now: datetime
) -> OtherText | None:
    if not row.other_text:
        return None
    found = (await by_other_texts(read, policies, [row.decision_id], now)).get(row.decision_id)
    return None if found is None else other_text(found, to_owner=side_of(row, principal) is Side.ASSISTING)


def side_of(row: Row[Any], principal: Principal) -> Side:
    """The side of the caller's agency in a loan that it can see."""
    return Side.ASSISTING if row.assisting_agency_id == principal.agency_id else Side.REQUESTING


_WORDS: Final = (
    LoanAction.CONTEST_NO_SHOW,
    LoanAction.WITHDRAW_NO_SHOW,
    LoanAction.CONTEST_DAMAGE,
    LoanAction.WITHDRAW_DAMAGE,
)


def permission_for(action: LoanAction, side: Side) -> Action:
    """The permission that `action` needs on that `side`: each side's steps have their own."""
    if action in CONTESTS or action in COUNTS or action in _WORDS:
        return Action.LOANS_CONTEST
    if len(SIDES[action]) > 1:
        return Action.LOANS_END
    if action is LoanAction.ACCEPT_CHANGED_ASSET:
        return Action.LOANS_ACCEPT
    half = side if side in SIDES[action] else next(iter(SIDES[action]))
    return Action.LOANS_HAND_OVER if half is Side.ASSISTING else Action.LOANS_RECEIVE


def _override(row: Row[Any], principal: Principal) -> MinimumOverride | None:
    """Under which minimums it was lent, for its owner: no other agency is told of them."""
    if side_of(row, principal) is not Side.ASSISTING:
        return None
    return cast("MinimumOverride | None", row.minimum_override)


def overlays_of(
    row: Row[Any],
    rows: Sequence[Row[Any]],
    side: Side,
    now: datetime,
    contests: Sequence[Contested] = (),
    act: TimedAct | None = None,
) -> Overlays:
    """What besides its status decides what that side can do at `now`; no extension or recall once it is back.

    `contests` are of its times; what concerns them is asked of `act`, or of any where none is named.
    """
    out = row.status in OUT
    acts = dict(row._mapping)
    return Overlays(
        stays=not row.travels,
        some_lost=row.lost_quantity > 0,
        found_by_owner=row.status in (LoanStatus.RETURNED, LoanStatus.CLOSED) and side is Side.REQUESTING,
        own_no_show=row.status == LoanStatus.NO_SHOW and row.ended_side == side,
        no_show_settled=no_show_settled(
            row.no_show_reported_at, row.no_show_contested_at, row.no_show_withdrawn_at, now
        ),
        damage=damage_overlay(row.damage_reported_at, row.damage_contested_at, row.damage_withdrawn_at, now),
        count=count_of(row, now),
        asset_changed=bool(rows) and row.status == LoanStatus.RESERVED and bool(changed_in(row)),
        times={each: why_withheld(each, side, acts, contests, now, act) for each in CONTESTS},
        extension_pending=out and any(each.extension_status == "pending" for each in rows),
        recall_requested=out and row.recall_requested_at is not None,
    )


def count_of(row: Row[Any], now: datetime) -> Count:
    """What of a loan arrived, as the requesting agency counted, and what is missing by that."""
    return Count(
        received=row.received_quantity,
        out=row.quantity - row.lost_quantity - row.returned_quantity,
        missing=row.missing_quantity,
        together=row.personnel_ids is not None,
        stands=row.receive_recorded_at is not None and now >= row.receive_recorded_at + CONTEST_PERIOD,
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
    unaccepted: str | None = None,
    planned: Planned = NOTHING_PLANNED,
    *,
    obligations: Sequence[Obligation] = (),
    contests: Sequence[Row[Any]] = (),
    documents: Sequence[LoanDocumentReference] = (),
    unsent: str | None = None,
    unagreed: str | None = None,
    over_limit: OverLimit | None = None,
    text: OtherText | None = None,
) -> Loan:
    """The representation of a loan, with the caller's allowed actions at `now`.

    `rows` are as from `loan_rows`; empty for a new loan. `unaccepted` is whose approval its extension waits for,
    `planned` what is planned against the loan, `obligations` what it obliges either side to do,
    `contests` what is contested of its times, `documents` what is on file with it, `unsent` why it cannot leave long
    before its start or by another text, `unagreed` why no contested time is accepted, `over_limit` that it is
    more than is lent at one time, `text` that another text governs it.
    """
    status = LoanStatus(row.status)
    overlays = overlays_of(row, rows, side_of(row, principal), now, facts_of(contests))
    warnings = (
        warnings_in(row, planned) if rows else []
    )  # a new loan's row has only its own columns, and nothing has changed yet
    return Loan(
        id=row.id,
        asset=cast(LoanedAsset, row.asset_snapshot),
        quantity=row.quantity,
        reserved_quantity=row.reserved_quantity,
        received_quantity=row.received_quantity,
        missing_quantity=row.missing_quantity,
        lost_quantity=row.lost_quantity,
        returned_quantity=_came_back(row, status),
        handler_id=row.handler_id,
        personnel_ids=[] if row.personnel_ids is None else msgspec.json.decode(row.personnel_ids, type=list[UUID]),
        requesting_agency=named.requesting_agency,
        assisting_agency=named.assisting_agency,
        agreement=named.agreement,
        request=request_of(row),
        decision_id=row.decision_id,
        root_decision_id=row.root_decision_id,
        reservation_id=row.reservation_id,
        purpose=row.purpose,
        status=status,
        overdue=overdue(now, status, due_back(row.planned_end_at, row.recall_due_at)),
        recall_requested=overlays.recall_requested,
        extension_pending=overlays.extension_pending,
        awaiting=awaited(
            status,
            overlays,
            starts_at=row.starts_at,
            planned_end_at=row.planned_end_at,
            recall_due_at=row.recall_due_at,
        ),
        starts_at=row.starts_at,
        planned_end_at=row.planned_end_at,
        requested_at=row.requested_at,
        reserved_at=row.reserved_at,
        travels=row.travels,
        separation_relaxed=row.separation_relaxed,
        minimum_override=_override(row, principal),
        offer_condition=row.offer_condition,
        dispatched_at=row.dispatched_at,
        agreed_by_word=row.agreed_by_word,
        arrived_at=row.arrived_at,
        return_started_at=row.return_started_at,
        returned_at=row.returned_at,
        due_when_returned_at=row.due_when_returned_at,
        closed_at=row.closed_at,
        recall=_recall(row),
        over_limit=over_limit,
        other_text=text,
        asset_warnings=warnings,
        obligations=list(obligations),
        extensions=[_extension(each) for each in rows if each.extension_id is not None],
        condition_out=cast("Condition | None", row.condition_out),
        condition_received=cast("Condition | None", row.condition_received),
        condition_sent_back=cast("Condition | None", row.condition_sent_back),
        condition_in=cast("Condition | None", row.condition_in),
        partial_returns=partial_returns_in(row),
        documents=list(documents),
        ended_reason=row.ended_reason,
        ended_by=None if row.ended_side is None else Side(row.ended_side),
        decline_reason=None if row.decline_reason is None else DeclineReason(row.decline_reason),
        time_contests=[as_time_contest(each) for each in contests],
        damage=_damage(row),
        no_show=no_show_of(*(row._mapping[name] for name in NO_SHOW_COLUMNS)),
        allowed_actions=_allowed(
            row,
            status,
            overlays,
            principal,
            now,
            unaccepted,
            planned,
            warned=bool(warnings),
            unsent=unsent,
            unagreed=unagreed,
            hindered=row.hindrance if rows else None,
        ),
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
    unaccepted: str | None,
    planned: Planned,
    *,
    warned: bool,
    unsent: str | None,
    unagreed: str | None,
    hindered: str | None,
) -> list[AllowedAction]:
    side = side_of(row, principal)
    actions = []
    hand_over = None
    if warned and status is LoanStatus.RESERVED:
        hand_over = hand_over_refusal(unavailable_in(row) or planned.blocks, changed_in(row))
    if hindered == Hindrance.NOT_COVERED:
        hand_over = hand_over or NOT_COVERED
    for action in LoanAction:
        if side in SIDES[action] and refusal(principal, permission_for(action, side), [side.value]) is None:
            late = time_withholds(action, now, row.starts_at, row.planned_end_at, row.reserved_at)
            reason = why_unavailable(status, action, overlays) or late
            if action is LoanAction.ACCEPT_EXTENSION:
                reason = reason or unaccepted
            if action is LoanAction.ACCEPT_TIME:
                reason = reason or unagreed
            if action is LoanAction.DISPATCH:
                reason = reason or unsent or hand_over
            actions.append(offer(action, withheld=reason))
    return actions


NO_SHOW_COLUMNS: Final = tuple(
    f"no_show_{name}" for name in ("reported_at", "contested_at", "contested_reason", "withdrawn_at")
)
"""The columns of a loan from which `no_show_of` is made, in that order."""


def no_show_of(
    reported_at: datetime | None,
    contested_at: datetime | None,
    contested_reason: str | None,
    withdrawn_at: datetime | None,
) -> NoShow | None:
    """What both sides say of a no-show that was reported; None where none was."""
    if reported_at is None:
        return None
    return NoShow(
        reported_at=reported_at,
        contest_by=reported_at + CONTEST_PERIOD,
        contested_at=contested_at,
        contested_reason=contested_reason,
        withdrawn_at=withdrawn_at,
    )


def _came_back(row: Row[Any], status: LoanStatus) -> int:
    """How many came back so far: in the end all that are not lost."""
    some: int = row.returned_quantity
    return row.quantity - row.lost_quantity if status in (LoanStatus.RETURNED, LoanStatus.CLOSED) else some


def _damage(row: Row[Any]) -> Damage | None:
    if row.damage_reported_at is None:
        return None
    said = msgspec.json.decode(row.damage_report)
    return Damage(
        reason=said["reason"],
        document_ids=[UUID(each) for each in said["document_ids"]],
        found_at=row.damage_found_at,
        reported_at=row.damage_reported_at,
        contest_by=row.damage_reported_at + CONTEST_PERIOD,
        contested_at=row.damage_contested_at,
        contested_reason=row.damage_contested_reason,
        withdrawn_at=row.damage_withdrawn_at,
    )


def _recall(row: Row[Any]) -> Recall | None:
    if row.recall_requested_at is None:
        return None
    return Recall(
        requested_at=row.recall_requested_at, by=row.recall_by, due_at=row.recall_due_at, reason=row.recall_reason
    )


def _extension(row: Row[Any]) -> LoanExtension:
    return LoanExtension(
        id=row.extension_id,
        planned_end_at=row.extension_asked_end_at,
        previous_end_at=row.extension_previous_end_at,
        reason=row.extension_reason,
        status=row.extension_status,
        decision_id=row.extension_decision_id,
        requested_at=row.extension_requested_at,
        answered_at=row.extension_answered_at,
        answer_reason=row.extension_answer_reason,
    )
