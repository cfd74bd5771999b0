"""What a party does for itself to stop being bound: suspend its own participation, give notice, take it back."""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.being_bound import check_bound
from registry.agreements.instruments.commands.contested_again import stand_contested
from registry.agreements.instruments.commands.holding import finished, held, parties_of
from registry.agreements.instruments.commands.noticing import (
    check_renewal,
    check_was_bound,
    is_silent,
    notice_runs_out_at,
    notices_end_at,
    write_own_notice,
)
from registry.agreements.instruments.commands.proposing import (
    NO_NOTICE,
    NewProposal,
    propose,
    tell_of_notice,
)
from registry.agreements.instruments.commands.receiving import drop_receipts, report_receipts
from registry.agreements.instruments.commands.repeating import said_of
from registry.agreements.instruments.commands.settling.closing import drop_departures
from registry.agreements.instruments.commands.settling.effects import open_reports, replace_reports, stop_silences
from registry.agreements.instruments.consent import (
    LEAVING,
    ClosedBecause,
    ProposalKind,
    ReportStatus,
    Unconfirmed,
    rescission_barred,
)
from registry.agreements.instruments.consent_tables import agreement_party_suspension
from registry.agreements.instruments.delivery import check_deliveries, received_days, told_deliveries
from registry.agreements.instruments.pausing import BindingTerms, pause_barred, pause_notice, pause_silent
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.evidence import evidence_told
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.governing import bound_on, terms_that_bind, texts_that_bind
from registry.agreements.instruments.queries.in_force import OPEN_END
from registry.agreements.instruments.queries.relying import relied_on
from registry.agreements.instruments.receipt import NOTHING_RECEIVED, awaited, awaited_from, counts_by_receipt
from registry.agreements.instruments.rules import (
    NOTHING_TO_LEAVE,
    Stage,
    check_evidence,
    is_gone,
    notice_barred,
    over_without_notice,
    refuse,
)
from registry.agreements.instruments.schemas.evidence import evidence_of, has_evidence
from registry.agreements.instruments.schemas.given import OwnSuspension, WithdrawalNotice
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.agreements.instruments.term_days import withdrawal_ends_at
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import day_after, day_starts_at, format_instant, last_day_before
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_pause = agreement_party_suspension
_INSTANT = _pause.c.ends_at.type
_NOW = sa.bindparam("now", type_=_INSTANT)
_INSERT = _pause.insert()
_PAUSED = sa.select(_pause.c.starts_at).where(
    _pause.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    _pause.c.agency_id == sa.bindparam("agency_id", type_=agreement.c.id.type),
    _pause.c.ends_at == sa.bindparam("open_end", type_=_INSTANT),
)
# Of two requests at once the one that waited may have been the first to read the clock.
_LIFT = (
    _pause.update()
    .where(
        _pause.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
        _pause.c.agency_id == sa.bindparam("its_agency", type_=agreement.c.id.type),
        _pause.c.ends_at == sa.bindparam("open_end", type_=_INSTANT),
    )
    .values(ends_at=sa.case((_pause.c.starts_at > _NOW, _pause.c.starts_at), else_=_NOW))
)
_OWN_PART = sa.select(
    *(
        agreement_party.c[name]
        for name in (
            *("joined_at", "withdrawal_notice_on", "leaves_at", "released_at", "lapsed_at"),
            "notice_receipts",
        )
    )
).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)
_OWN_NOTICE = agreement_party.update().where(
    agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)


async def suspend(
    write: Write, caller: Caller, agreement_id: UUID, suspension: OwnSuspension, expected: Expected
) -> Agreement:
    """Suspend the own agency's participation: it is not bound until it goes on; the others are.

    From now where the text says so, else from when the notice that it asks for, or the notice by which the agency would
    leave, has run out, by each text that binds it. Raises WrongStatus, also where the text lets no party do it;
    RuleBroken where how long that notice runs is not entered.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    await check_bound(write, row.id, caller.agency_id, caller.now)
    paused = await _is_paused(write, row.id, caller.agency_id)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    terms = await terms_that_bind(write, row, caller.agency_id, caller.now)
    for each in terms:
        refuse(pause_barred(Stage(row.stage), row.terminated_at, caller.now, each.terms, paused=paused))
    starts_at = max(_pause_starts_at(each, caller.agency_id, today) for each in terms)
    values = {"agreement_id": row.id, "agency_id": caller.agency_id, "starts_at": starts_at, "ends_at": OPEN_END}
    await write.run(_INSERT, values)
    await stop_silences(write, row.id, caller.agency_id, Unconfirmed.PARTICIPATION_SUSPENDED, caller.now)
    told: dict[str, object] = {**said_of(suspension), "effective_at": format_instant(starts_at)}
    told["clause"] = terms[0].terms.clauses.get("suspension")
    return await _done(write, caller, row, EventType.AGREEMENT_PARTICIPATION_SUSPENDED, told)


def _pause_starts_at(text: BindingTerms, agency_id: UUID, today: Today) -> datetime:
    """From when a party that suspends its participation today is not bound. Raises RuleBroken for a silent notice."""
    if (silent := pause_silent(text, agency_id)) is not None:
        by_receipt = text.notice.unreceived("a suspension") is not None
        raise RuleBroken.at(silent, "notice_silent", "counts from a receipt" if by_receipt else "no period is entered")
    period = pause_notice(text, agency_id)
    return today.now if period is None else withdrawal_ends_at(today.later, period, today.agreement_zone)


async def reinstate(write: Write, caller: Caller, agreement_id: UUID, reason: str, expected: Expected) -> Agreement:
    """Let the own agency's participation go on, from now. Raises WrongStatus where it is not suspended."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    if not await _is_paused(write, row.id, caller.agency_id):
        raise WrongStatus("Your agency has not suspended its participation.")
    its = {"its_id": row.id, "its_agency": caller.agency_id}
    await write.run(_LIFT, {**its, "open_end": OPEN_END, "now": caller.now})
    return await _done(write, caller, row, EventType.AGREEMENT_PARTICIPATION_REINSTATED, {"reason": reason})


async def _is_paused(write: Write, agreement_id: UUID, agency_id: UUID) -> bool:
    its = {"id": agreement_id, "agency_id": agency_id, "open_end": OPEN_END}
    return await write.value(_PAUSED, its) is not None


async def give_notice(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    notice: WithdrawalNotice,
    expected: Expected,
) -> Agreement:
    """Announce that the own agency leaves; it is bound until its notice period, or the term, has run out.

    By a text that counts it from receipt it runs out by what is on record of that, and not before: what its evidence
    shows of receipts is put to those that are said to have received it. By others
    the period counts from the instant at which this is done, by the agreement's clocks, or from the day that the notice
    bears, where that is later. What is given by the instant that is shown as due is in time for the end of a term,
    whatever day is named as today. A notice on paper may be entered later than its day: where that would have the
    agency leave sooner it is recorded with its evidence, and its own day counts once each other party that is bound has
    confirmed that it was told, or not contested it for 14 days. Where how long notice runs is not entered, the
    last day named needs the consent of each. A party that is bound no more records what it said while it was, by the
    same rule. A termination that is yet to come keeps nobody from leaving before it.
    Raises RuleBroken, also for a day before it was bound, WrongStatus for an agency that is not bound or has given
    notice already.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    own = await write.first(_OWN_PART, {"id": row.id, "agency_id": caller.agency_id})
    over_at = None if own is None else over_without_notice(own, row.terminated_at, caller.now)
    refuse(
        notice_barred(
            Stage(row.stage),
            row.terminated_at,
            caller.now,
            is_unbound=own is None or own.joined_at is None or is_gone(own, caller.now),
            over_at=over_at,
            notice_on=None if own is None else own.withdrawal_notice_on,
            own=not await _reported(write, row.id, caller.agency_id),
        )
    )
    check_evidence(notice.evidence_sha256, notice.evidence_location, needed=False)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    today.check_come(notice.notice_on, "/notice_on", "not_then", "Notice is given on a day that has come.")
    check_deliveries(notice.deliveries, caller.agency_id, await parties_of(write, row.id), today)
    assert own is not None, "who is not bound was refused"
    if over_at is not None:
        return await _left_before(write, caller, row, own, notice, over_at, today)
    counts_on = today.by_agreement
    dated_on = notice.notice_on if today.is_over(notice.notice_on) else counts_on
    bound_by = await bound_on(write, row, caller.agency_id, counts_on)
    texts = [each.text for each in bound_by]
    await replace_reports(write, row.id, caller.agency_id, *LEAVING, now=caller.now)
    replaced = ClosedBecause.REPLACED
    await drop_departures(write, row.id, caller.agency_id, notice.reason, caller.now, because=replaced)
    check_renewal(texts, notice.kind, notice.leaves_on)
    was_bound = (write, row, caller.agency_id, own.joined_at, notice.notice_on, today)
    if notice.leaves_on is not None and is_silent(texts, caller.agency_id):
        leaves_at = day_starts_at(day_after(notice.leaves_on), ZoneInfo(row.time_zone))
        await check_was_bound(*was_bound, "/leaves_on", leaves_at)
        return await _leave_by_consent(write, caller, row, notice, notice.leaves_on)
    said = (caller.agency_id, notice.kind)
    bears = notice.notice_on
    dated = await notice_runs_out_at(write, row, *said, dated_on, notice.leaves_on, bears=bears)
    await check_was_bound(*was_bound, "/notice_on", dated)
    on = (counts_on, notice.leaves_on)
    counted = notices_end_at(bound_by, row.time_zone, *said, *on, NOTHING_RECEIVED, bears=bears)
    waits_for = awaited(bound_by, NOTHING_RECEIVED)
    if counted is None and not waits_for:
        counted = await notice_runs_out_at(write, row, *said, counts_on)
    its = (row.id, caller.agency_id, notice)
    await write_own_notice(write, *its, counts_on=counts_on, leaves_at=counted, now=caller.now)
    told = {
        "agency_id": str(caller.agency_id),
        "kind": notice.kind,
        "notice_on": notice.notice_on,
        "bound_until": None if counted is None else format_instant(counted),
        **said_of(notice),
        **_how_given(notice),
        **await evidence_told(write, row.id, caller.agency_id, *evidence_of(notice)),
    }
    if waits_for:
        told["awaited_from"] = sorted(map(str, waits_for))
        if has_evidence(notice):
            received = {each: day for each, day in received_days(notice.deliveries).items() if each in waits_for}
            await report_receipts(write, caller, row, received, notice, notice.reason)
    elif counted is not None and dated < counted and not counts_by_receipt(bound_by):
        told |= await _ask_for_its_day(write, caller, row, notice, dated, counted, today)
        return await _done(write, caller, row, EventType.AGREEMENT_NOTICE_RECORDED, told)
    return await _done(write, caller, row, EventType.AGREEMENT_NOTICE_GIVEN, told)


async def _ask_for_its_day(
    write: Write,
    caller: Caller,
    row: Row[Any],
    notice: WithdrawalNotice,
    dated: datetime,
    counted: datetime,
    today: Today,
) -> dict[str, object]:
    """Have the others say whether they were told on the day that the notice bears; what the ledger tells of it.

    Raises RuleBroken where nothing shows it: they would lose that time by the leaver's word alone.
    """
    if not has_evidence(notice):
        sooner, later = (last_day_before(at, row.time_zone) for at in (dated, counted))
        detail = (
            f"By a notice of {notice.notice_on} your agency would be bound through {sooner}, not {later} as by one of "
            f"today. Record it with its evidence, for the others to confirm, or give notice today. {today}"
        )
        raise RuleBroken.at(detail, "evidence_missing", pointer="/evidence_sha256")
    return {"proposal_id": await _put_to_others(write, caller, row, notice, dated)}


async def _put_to_others(
    write: Write, caller: Caller, row: Row[Any], notice: WithdrawalNotice, dated: datetime, *, told: bool = True
) -> str:
    """Ask of a departure of that day all that were bound then, saying how each is told; its id.

    Not so `told`, each has to consent to it: where no notice is entered, nobody's silence makes one.
    """
    new = NewProposal(
        kind=ProposalKind.DEPARTURE,
        not_before=dated,
        reason=notice.reason,
        notice_on=notice.notice_on,
        notice_kind=notice.kind,
        evidence_sha256=notice.evidence_sha256,
        evidence_location=notice.evidence_location,
    )
    proposal_id, asked = await propose(write, caller, row, new, given_at=min(dated, caller.now))
    received = received_days(notice.deliveries)
    others = {each: received.get(each, notice.notice_on) for each in asked if told and each != caller.agency_id}
    about = (others, notice.deliveries, notice, notice.reason, dated)
    await tell_of_notice(write, caller, row, proposal_id, *about)
    return str(proposal_id)


async def _left_before(
    write: Write,
    caller: Caller,
    row: Row[Any],
    own: Row[Any],
    notice: WithdrawalNotice,
    over_at: datetime,
    today: Today,
) -> Agreement:
    """What a party that is bound no more says of a day on which it was: that it had given notice, and left by that.

    It counts once all that were bound then have confirmed that they were told, or not contested it for 14 days; of
    today nothing is left to count. Raises WrongStatus where it would have run out later than the party was bound,
    RuleBroken where nothing shows it.
    """
    if not today.is_over(notice.notice_on):
        raise WrongStatus(NOTHING_TO_LEAVE)
    said, zone = (caller.agency_id, notice.kind), ZoneInfo(row.time_zone)
    texts = await texts_that_bind(write, row, caller.agency_id, notice.notice_on)
    check_renewal(texts, notice.kind, notice.leaves_on)
    silent = notice.leaves_on is not None and is_silent(texts, caller.agency_id)
    if silent and notice.leaves_on is not None:
        dated = day_starts_at(day_after(notice.leaves_on), zone)
    else:
        received = received_days(notice.deliveries)
        dated = await notice_runs_out_at(write, row, *said, notice.notice_on, notice.leaves_on, received)
    was_bound = (write, row, caller.agency_id, own.joined_at, notice.notice_on, today)
    await check_was_bound(*was_bound, "/notice_on", dated)
    last = last_day_before(over_at, row.time_zone)
    if dated >= over_at:
        raise WrongStatus(
            f"Your agency was bound through {last}: a notice of {notice.notice_on} would have run out no sooner, so "
            "nothing follows from it."
        )
    if not has_evidence(notice):
        detail = (
            f"By a notice of {notice.notice_on} your agency was bound no more before {last}. Record it with its "
            "evidence, for those to confirm that were bound then."
        )
        raise RuleBroken.at(detail, "evidence_missing", pointer="/evidence_sha256")
    await replace_reports(write, row.id, caller.agency_id, *LEAVING, now=caller.now)
    await drop_departures(write, row.id, caller.agency_id, notice.reason, caller.now, because=ClosedBecause.REPLACED)
    told = {
        "kind": notice.kind,
        "notice_on": notice.notice_on,
        "bound_until": format_instant(over_at),
        **said_of(notice),
        **_how_given(notice),
        **await evidence_told(write, row.id, caller.agency_id, *evidence_of(notice)),
        "proposal_id": await _put_to_others(write, caller, row, notice, dated, told=not silent),
    }
    return await _done(write, caller, row, EventType.AGREEMENT_NOTICE_RECORDED, told)


async def _leave_by_consent(
    write: Write, caller: Caller, row: Row[Any], notice: WithdrawalNotice, leaves_on: date
) -> Agreement:
    """The text sets no period, so the last day is for the others to agree to: proposed, and of no effect before."""
    leaves_at = day_starts_at(day_after(leaves_on), ZoneInfo(row.time_zone))
    new = NewProposal(
        kind=ProposalKind.DEPARTURE,
        not_before=leaves_at,
        reason=notice.reason,
        notice_on=notice.notice_on,
        notice_kind=notice.kind,
        evidence_sha256=notice.evidence_sha256,
        evidence_location=notice.evidence_location,
    )
    proposal_id, _ = await propose(write, caller, row, new)
    told = {
        "proposal_id": str(proposal_id),
        "kind": notice.kind,
        "notice_on": notice.notice_on,
        "effective_at": format_instant(leaves_at),
        **said_of(notice),
        **_how_given(notice),
        **await evidence_told(write, row.id, caller.agency_id, *evidence_of(notice)),
    }
    return await _done(write, caller, row, EventType.AGREEMENT_DEPARTURE_PROPOSED, told)


def _how_given(notice: WithdrawalNotice) -> dict[str, object]:
    """What the ledger tells of how the notice was given, where that is said."""
    return {"deliveries": told_deliveries(notice.deliveries)} if notice.deliveries else {}


async def _reported(write: Write, agreement_id: UUID, agency_id: UUID) -> bool:
    """Whether the notice that stands is one that others reported, and has not taken effect."""
    return any(r.status == ReportStatus.OPEN for r in await open_reports(write, agreement_id, agency_id, *LEAVING))


async def rescind_notice(
    write: Write, caller: Caller, agreement_id: UUID, reason: str, expected: Expected
) -> Agreement:
    """Take the own notice back while it is still running, and nobody has relied on it.

    What others had reported of the party's leaving before it gave that notice stands as contested again. Raises
    WrongStatus where there is none, where it has run out, and with who relied on it, by which act.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    own = await write.first(_OWN_PART, {"id": row.id, "agency_id": caller.agency_id})
    leaves_at, waits = (None, False) if own is None else (own.leaves_at, bool(awaited_from(own.notice_receipts)))
    relied = await relied_on(write, row.id, caller.agency_id, row.time_zone, caller.now)
    is_own = not await _reported(write, row.id, caller.agency_id)
    refuse(rescission_barred(leaves_at, caller.now, own=is_own, waits=waits, relied=relied))
    await drop_receipts(write, caller, row)
    await drop_departures(write, row.id, caller.agency_id, reason, caller.now)
    await write.run(_OWN_NOTICE, {"its_id": row.id, "its_agency": caller.agency_id, **NO_NOTICE})
    contested = await stand_contested(write, row, caller.agency_id, reason, caller.now)
    told: dict[str, object] = {"agency_id": str(caller.agency_id), "reason": reason}
    if contested:
        told["contested_report_ids"] = [str(each) for each in contested]
    return await _done(write, caller, row, EventType.AGREEMENT_NOTICE_RESCINDED, told)


async def _done(write: Write, caller: Caller, row: Row[Any], event: EventType, told: dict[str, object]) -> Agreement:
    await finished(write, caller, row, event, {"agency_id": str(caller.agency_id), **told})
    return await get_agreement(write, caller.principal, row.id, caller.now)
