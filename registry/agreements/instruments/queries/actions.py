"""What a caller may do to an agreement now, and why not where it otherwise could."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import LEAVING, LEFT, NO_PART, ProposalKind, Reliance, rescission_barred
from registry.agreements.instruments.pausing import BindingTerms, pause_barred, pause_silent
from registry.agreements.instruments.queries.consents import proposed_already, without_contested
from registry.agreements.instruments.queries.lapsing import expired
from registry.agreements.instruments.queries.publications import OwnWords
from registry.agreements.instruments.receipt import awaited_from
from registry.agreements.instruments.rules import (
    ALREADY_SIGNED,
    AMENDMENT_OPEN,
    NOBODY_BOUND,
    NOTHING_OUT,
    NOTHING_TO_JOIN,
    NOTHING_TO_PUBLISH,
    TRANSITIONS,
    AgreementAction,
    Stage,
    custody_barred,
    edit_barred,
    has_left,
    is_gone,
    keeping_barred,
    not_on_paper_yet,
    notice_barred,
    over_for_new_texts,
    over_without_notice,
    past_agreed_end,
    pause_not_recorded,
    recorded_too_late,
    stage_at,
    stage_barred,
    takes_approval_rules,
    takes_approvals,
    unbound,
    while_it_lasted,
    word_barred,
)
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Rows
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.time import last_day_before

# What is done to the text on its way, and what to the agreement as a whole.
_TO_THE_TEXT = (
    (AgreementAction.SUBMIT, Action.AGREEMENTS_UPDATE),
    (AgreementAction.SEND_BACK, Action.AGREEMENTS_UPDATE),
    (AgreementAction.APPROVE, Action.AGREEMENTS_REVIEW),
    (AgreementAction.SEND_FOR_SIGNATURE, Action.AGREEMENTS_UPDATE),
    (AgreementAction.WITHDRAW, Action.AGREEMENTS_UPDATE),
)


def relations(principal: Principal, row: Row[Any]) -> list[Relation]:
    """How the caller's agency stands to an agreement."""
    held: list[Relation] = ["custodian"] if row.custodian_id == principal.agency_id else []
    if row.is_invited:
        return [*held, "invited"]
    return [*held, "party"] if row.is_party else held


def is_amendment_drafted(row: Row[Any]) -> bool:
    """Whether the custodian is writing at an amendment that nobody else has seen."""
    return row.amendment_id is not None and row.amendment_sha256 is None


def allowed_actions(
    principal: Principal,
    row: Row[Any],
    parties: Rows,
    terms: Sequence[BindingTerms],
    words: OwnWords,
    reported: Sequence[ReportedAct],
    proposed: Sequence[Proposal],
    now: datetime,
    *,
    may_sign: bool,
    may_confirm: bool,
    closed_to_it: str | None,
    relied: Sequence[Reliance] = (),
    corrections: Sequence[str | None] = (),
) -> list[AllowedAction]:
    """The actions that the caller's roles reach, each allowed now or withheld with the reason.

    `terms` are those of the texts that bind the caller's agency. Beside the text that is shown there may be others that
    it has not signed: `may_sign`, `may_confirm`; `closed_to_it`: why a newcomer signs none of them.
    `relied`: what others did in view of its notice; `corrections`: of each day on which it says to have received one
    of theirs, why it cannot correct that.

    The reasons are those of the commands: one rule says of each act both whether it is offered and whether it is done.
    """
    held = relations(principal, row)
    stage = _stage(row, now)
    text = Stage(row.amendment_stage) if row.amendment_id is not None else stage
    offers = []
    if refusal(principal, Action.AGREEMENTS_UPDATE, held) is None:
        offers.append(offer("update", withheld=edit_barred(text)))
    for step, permission in _TO_THE_TEXT:
        if refusal(principal, permission, held) is None:
            over = _no_new_text(row, now) if step is AgreementAction.SEND_BACK else None
            offers.append(offer(step, withheld=stage_barred(text, step) or over))
    if refusal(principal, Action.AGREEMENTS_UPDATE, held) is None:
        open_already = None if row.amendment_id is None else AMENDMENT_OPEN
        bar = stage_barred(stage, AgreementAction.AMEND)
        offers.append(offer("amend", withheld=bar or open_already))
        offers.append(offer("record_amendment", withheld=stage_barred(stage, AgreementAction.RECORD_AMENDMENT)))
        offers.append(offer("offer_custody", withheld=keeping_barred(stage, shared=bool(row.is_shared))))
    if refusal(principal, Action.AGREEMENTS_SIGN, held) is None and {"party", "invited"} & {*held}:
        own = next(party for party in parties if party.agency_id == principal.agency_id)
        offers += _own_hand(
            principal.agency_id,
            row,
            own,
            now,
            may_sign=may_sign,
            may_confirm=may_confirm,
            closed_to_it=closed_to_it,
        )
        left = {each.agency_id for each in parties if is_gone(each, now)}
        contested = [each.proposal_id for each in reported if each.status == "contested"]
        offers += _for_all(row, own, without_contested(proposed, contested), left, now)
        offers += _own_leave(row, own, terms, reported, relied, now)
        if any(own.agency_id in awaited_from(each.notice_receipts) for each in parties):
            offers.append(offer("record_receipt"))
        if corrections:
            offers.append(offer("correct_receipt", withheld=None if None in corrections else corrections[0]))
        offers += _own_law(principal.agency_id, row, now)
        offers += _own_word(words, bound=own.joined_at is not None and own.joined_at <= now)
    if refusal(principal, Action.AGREEMENTS_REPORT, held) is None:
        offers.append(offer("report_act", withheld=_no_report(principal, row, parties, now)))
    return offers


def _no_report(principal: Principal, row: Row[Any], parties: Rows, now: datetime) -> str | None:
    """Why the caller reports nothing of others: nobody is bound, or its own agency is not, and keeps no file of it."""
    if not row.is_party or row.custodian_id == principal.agency_id:
        return None if row.executed_at is not None else NOBODY_BOUND
    own = next(party for party in parties if party.agency_id == principal.agency_id)
    at = while_it_lasted(row.terminated_at, now)
    if own.lapsed_at is not None:  # of days before its term ran out it may report still
        at = while_it_lasted(own.lapsed_at, at)
    return NO_PART if unbound(own, at) else None


def _stage(row: Row[Any], now: datetime) -> Stage:
    return stage_at(Stage(row.stage), row.terminated_at, now, superseded=bool(row.superseded))


def _amendment_is_out(row: Row[Any]) -> bool:
    """An amendment is signed by whom it needs, whether its agreement is suspended or not."""
    return row.amendment_id is not None and bool(row.amendment_stage == Stage.OUT_FOR_SIGNATURE)


def _past_end(row: Row[Any], now: datetime) -> str | None:
    """Why the change on its way is signed no more: the parties have agreed on an end before it."""
    if row.amendment_id is None or row.terminated_at is None:
        return None
    last_day, is_over = last_day_before(row.terminated_at, row.time_zone), row.terminated_at <= now
    days = (row.amendment_effective_on, row.amendment_expires_on, row.expires_on, last_day)
    return past_agreed_end(*days, on_paper=bool(row.amendment_is_paper), is_over=is_over)


def _no_new_text(row: Row[Any], now: datetime) -> str | None:
    return over_for_new_texts(row.terminated_at, now, row.time_zone)


def _own_hand(
    agency_id: UUID,
    row: Row[Any],
    own: Row[Any],
    now: datetime,
    *,
    may_sign: bool,
    may_confirm: bool,
    closed_to_it: str | None,
) -> Iterator[AllowedAction]:
    """How a party binds itself, or says that it does not."""
    stage = _stage(row, now)
    signed = None if own.manner is None else ALREADY_SIGNED
    if has_left(own.leaves_at, own.released_at, now):
        yield offer("sign", withheld=_no_new_text(row, now) or LEFT)
        # What it had signed before it left it may say afterwards.
        unsaid = (own.joined_at is None or own.manner is None) and not has_left(
            own.leaves_at, own.released_at, row.its_starts_at
        )
        unsaid = unsaid or row.paper_to_confirm
        confirmable = unsaid and (stage, AgreementAction.CONFIRM) in TRANSITIONS
        yield offer("confirm", withheld=None if confirmable else signed or LEFT)
    elif _amendment_is_out(row) or row.paper_to_confirm:
        past = None if row.paper_to_confirm else _past_end(row, now)
        closed = None if _amendment_is_out(row) else closed_to_it
        yield offer("sign", withheld=_no_new_text(row, now) or past or closed)
        yield offer("confirm", withheld=past or closed)
    else:
        bar = _no_new_text(row, now) or stage_barred(stage, AgreementAction.SIGN) or closed_to_it
        yield offer("sign", withheld=bar or (None if may_sign else signed))
        unsigned = not_on_paper_yet(stage) if row.executed_at is None else stage_barred(stage, AgreementAction.CONFIRM)
        yield offer("confirm", withheld=unsigned or closed_to_it or (None if may_confirm else signed))
    out = _amendment_is_out(row) or stage is Stage.OUT_FOR_SIGNATURE
    yield offer("decline_to_sign", withheld=None if out or row.paper_to_decline else NOTHING_OUT)
    joinable = stage in (Stage.EXECUTED, Stage.SUSPENDED) and own.joined_at is None
    nothing = NOTHING_TO_JOIN
    if own.joined_at is not None and own.joined_at > now:
        nothing = "It is reported that your agency signed or agreed: contest that report instead."
    yield offer("decline_to_join", withheld=None if joinable else nothing)
    if row.custodian_id == agency_id:
        yield offer("activate_verbally", withheld=stage_barred(stage, AgreementAction.ACTIVATE_VERBALLY))
    else:
        yield offer("agree_verbally", withheld=word_barred(stage, row.ratify_by, row.terminated_at, own.joined_at, now))


def _for_all(
    row: Row[Any], own: Row[Any], proposed: Sequence[Proposal], left: Collection[UUID], now: datetime
) -> Iterator[AllowedAction]:
    """What a party that is bound proposes to all; `left` are the parties that are bound no more."""
    stage = _stage(row, now)
    no_part = NO_PART if unbound(own, now) else None
    for name, step, kind in (
        ("terminate", AgreementAction.TERMINATE, ProposalKind.END),
        ("supersede", AgreementAction.SUPERSEDE, ProposalKind.SUPERSESSION),
        ("add_parties", AgreementAction.ADD_PARTIES, None),
    ):
        already = None if kind is None else proposed_already(proposed, kind, own.agency_id, left)
        # An end and a successor of days that are over may still be recorded, with their evidence.
        over = expired(row, now) if name == "add_parties" else None
        yield offer(name, withheld=no_part or stage_barred(stage, step) or over or already)
    yield offer("propose_suspension", withheld=_pause_withheld(row, own, proposed, left, now))


def _pause_withheld(
    row: Row[Any], own: Row[Any], proposed: Sequence[Proposal], left: Collection[UUID], now: datetime
) -> str | None:
    """Why a party proposes neither that the whole is suspended, nor that it goes on, nor records either of the past.

    Where it is all of these, the reason is that of the one which the stage would have next.
    """
    stage = _stage(row, now)
    over = recorded_too_late(now, row.terminated_at, row.time_zone)
    no_part = NO_PART if unbound(own, now) else None
    not_recorded = NO_PART if unbound(own, while_it_lasted(row.terminated_at, now)) else pause_not_recorded(stage)
    bars: list[str | None] = []
    pauses = [
        (AgreementAction.SUSPEND, ProposalKind.SUSPENSION),
        (AgreementAction.REINSTATE, ProposalKind.REINSTATEMENT),
    ]
    for step, kind in reversed(pauses) if stage is Stage.SUSPENDED else pauses:
        already = proposed_already(proposed, kind, own.agency_id, left)
        bars.append(no_part or over or stage_barred(stage, step) or expired(row, now) or already)
        bars.append(not_recorded or already)
    return None if None in bars else bars[0]


def _own_leave(
    row: Row[Any],
    own: Row[Any],
    terms: Sequence[BindingTerms],
    reported: Sequence[ReportedAct],
    relied: Sequence[Reliance],
    now: datetime,
) -> Iterator[AllowedAction]:
    """What a party does for itself to stop being bound; `terms` are those of the text that binds it."""
    stage = _stage(row, now)
    is_unbound = unbound(own, now)
    paused = own.suspended_at is not None
    bars = [NO_PART if is_unbound else None]
    bars += [pause_barred(stage, row.terminated_at, now, each.terms, paused=paused) for each in terms]
    bars += [pause_silent(each, own.agency_id) for each in terms]
    yield offer("suspend", withheld=next((bar for bar in bars if bar is not None), None))
    yield offer("reinstate", withheld=None if paused else "Your agency has not suspended its participation.")
    by_others = any(
        each.agency.id == own.agency_id and each.kind in LEAVING and each.status == "open" for each in reported
    )
    bar = notice_barred(
        stage,
        row.terminated_at,
        now,
        is_unbound=own.joined_at is None or is_gone(own, now),
        over_at=over_without_notice(own, row.terminated_at, now),
        notice_on=own.withdrawal_notice_on,
        own=not by_others,
    )
    yield offer("give_notice", withheld=bar)
    waits = bool(awaited_from(own.notice_receipts))
    barred = rescission_barred(own.leaves_at, now, own=not by_others, waits=waits, relied=relied)
    yield offer("rescind_notice", withheld=barred)


def _own_law(agency_id: UUID, row: Row[Any], now: datetime) -> Iterator[AllowedAction]:
    """What a party says of its governing body, and of the keeping that it is offered."""
    stage = _stage(row, now)
    closed = f"Not while the agreement is {stage.replace('_', ' ')}."
    yield offer("record_approval", withheld=None if takes_approvals(stage) else closed)
    yield offer("set_approval_rule", withheld=None if takes_approval_rules(stage) else closed)
    offered = row.custody_offered_to_id == agency_id
    drafted = is_amendment_drafted(row)
    taking = custody_barred(offered=offered, amendment_drafted=drafted, not_of_all=bool(row.kept_from_it))
    yield offer("accept_custody", withheld=taking)
    declining = custody_barred(offered=offered, amendment_drafted=False, not_of_all=False)
    yield offer("decline_custody", withheld=declining)


def _own_word(words: OwnWords, *, bound: bool) -> Iterator[AllowedAction]:
    """What a party says of what is marked public, for itself."""
    asked = None if words.may_agree else NOTHING_TO_PUBLISH
    yield offer("agree_to_publish", withheld=asked)
    may_stop = words.may_stop or (words.was_not_asked and bound)
    yield offer("stop_publishing", withheld=None if may_stop else "Nothing here is published on your agency's word.")
