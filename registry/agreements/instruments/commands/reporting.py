"""What one party, or the operator, records of another's act: reported, confirmed, contested, taken back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.being_bound import check_bound, check_hand
from registry.agreements.instruments.commands.confirmed_notice import confirmed_as_own
from registry.agreements.instruments.commands.earlier_days import count_from_its_day, reaches_back
from registry.agreements.instruments.commands.given_up import check_not_given_up
from registry.agreements.instruments.commands.holding import finished, held, parties_of
from registry.agreements.instruments.commands.noticing import check_was_bound, notice_runs_out_at
from registry.agreements.instruments.commands.open_text import (
    OpenText,
    advanced_text,
    check_agreed_end,
    open_text,
    own_text,
    text_begins_at,
    waiting_paper,
)
from registry.agreements.instruments.commands.proposing import drop_unsaid_end, propose_departure
from registry.agreements.instruments.commands.receipts_dated import ask_of_receipt, drop_receipt_days
from registry.agreements.instruments.commands.receiving import (
    check_confirmed_day,
    check_receipt,
    give_way,
    own_word_of,
)
from registry.agreements.instruments.commands.report_members import check_given, check_members
from registry.agreements.instruments.commands.reported import (
    about,
    answer_report,
    count_report,
    drop_report,
    effect_of,
    notified,
    person,
    report_of,
    write_report,
)
from registry.agreements.instruments.commands.settling.closing import drop_departures
from registry.agreements.instruments.commands.settling.dated_back import OwnAct
from registry.agreements.instruments.commands.settling.effects import (
    apply_report,
    open_reports,
    replace_reports,
    stop_silences,
)
from registry.agreements.instruments.commands.signing import executed_text, existed, named_text
from registry.agreements.instruments.consent import (
    BINDING,
    LEAVING,
    NOT_ON_FILE,
    NOTHING_TO_SIGN,
    OF_ONE,
    RECORDED_BY_YOURSELF,
    ClosedBecause,
    Reported,
    ReportedKind,
    ReportStatus,
    Unconfirmed,
    contest_barred,
    report_kept,
    second_barred,
)
from registry.agreements.instruments.consent_tables import agreement_consent, agreement_proposal
from registry.agreements.instruments.delivery import check_deliveries, received_days, told_deliveries
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.evidence import digest_on_file, shown_on_file
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.lapsing import is_recorded
from registry.agreements.instruments.queries.rows import row_whoever_asks
from registry.agreements.instruments.queries.signing_power import authority_for, check_confirmed
from registry.agreements.instruments.queries.texts import may_be_signed
from registry.agreements.instruments.queries.unchecked import unchecked_by_others
from registry.agreements.instruments.rules import (
    NOBODY_BOUND,
    AgreementAction,
    Stage,
    left_in_time,
    not_on_paper_yet,
    refuse,
    signed_too_late,
    takes_word,
    while_it_lasted,
)
from registry.agreements.instruments.schemas.consenting import NewReportedAct
from registry.agreements.instruments.schemas.evidence import OnPaper
from registry.agreements.instruments.schemas.given import RecordedAgreement
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import agreement, agreement_party, agreement_signature
from registry.platform.access.acts import keep_act, separate
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Write
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import Conflict, Forbidden, RuleBroken, WrongStatus
from registry.platform.kernel.time import day_after, day_starts_at
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_AGENCY = sa.bindparam("agency_id", type_=agreement.c.id.type)
_PART = sa.select(agreement_party).where(agreement_party.c.agreement_id == _ID, agreement_party.c.agency_id == _AGENCY)
_SIGNED = sa.select(agreement_signature.c.id).where(
    agreement_signature.c.version_id == sa.bindparam("version_id", type_=agreement_signature.c.version_id.type),
    agreement_signature.c.agency_id == _AGENCY,
)
_ASKED = (
    sa.select(
        agreement_consent.c.counts_from,
        *(agreement_proposal.c[name] for name in ("kind", "proposed_at", "evidence_sha256", "evidence_location")),
    )
    .join(agreement_proposal, agreement_proposal.c.id == agreement_consent.c.proposal_id)
    .where(
        agreement_proposal.c.id == sa.bindparam("proposal_id", type_=agreement_proposal.c.id.type),
        agreement_proposal.c.agreement_id == _ID,
        agreement_proposal.c.taken_back_at.is_(None),
        agreement_consent.c.agency_id == _AGENCY,
    )
)


async def report_act(
    write: Write, caller: Caller, agreement_id: UUID, new: NewReportedAct, expected: Expected
) -> Agreement:
    """Record what another party did. It has effect once that party confirms, or 14 days after it was notified.

    What the registry's operator reports waits for a second operator first. Of a departure the other parties that are
    bound are told too: it reaches back to its day only as far as they know of it. Who is named and not bound, or has
    left, starts no clock against those who are; of what has ended, who was bound until then still may. Raises
    RuleBroken, Conflict for what is reported already, WrongStatus where the party can have done no such thing, and for
    a reporter that is neither bound nor custodian nor operator.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_REPORT, expected)
    if row.is_party and row.custodian_id != caller.agency_id:
        await _check_reporter(write, caller, row, new)
    if row.executed_at is None:
        raise WrongStatus(NOBODY_BOUND)
    if new.agency_id == caller.agency_id:
        raise RuleBroken.at(
            "That is your own agency: do what it did in its name instead.", "own_act", pointer="/agency_id"
        )
    if new.agency_id not in await parties_of(write, row.id):
        raise RuleBroken.at("That agency is not a party to the agreement.", "not_a_party", pointer="/agency_id")
    check_members(new)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    today.check_come(new.acted_on, "/acted_on", "acted_in_future", "What has not happened yet cannot be reported.")
    act = await _checked(write, caller, row, new)
    about_the_same = {"proposal_id": act.proposal_id, "version_id": act.version_id}
    earlier = await open_reports(write, row.id, act.agency_id, act.kind, **about_the_same)
    if act.kind is ReportedKind.RECEIVED_NOTICE:
        _check_receipt_not_reported(act, [each for each in earlier if each.recorded_by_id == caller.agency_id])
    else:
        _check_not_reported(earlier)
    if act.kind in LEAVING:
        act = replace(act, proposal_id=await propose_departure(write, caller, row, act))
    told = await write_report(write, caller, row, act)
    await finished(write, caller, row, EventType.AGREEMENT_ACT_REPORTED, told)
    return await get_agreement(write, caller.principal, row.id, caller.now)


def _check_not_reported(earlier: Sequence[Row[Any]]) -> None:
    """Raises Conflict where one of the reports on the party waits for an answer, or for both sides to agree."""
    for each in earlier:
        detail = "That is reported already, and waits for the party's answer."
        if each.status == ReportStatus.CONTESTED:
            detail = (
                f"The party contested what is reported of {each.acted_on}: it can still confirm that, and who "
                "reported it take it back. Until then no other is reported."
            )
        raise Conflict(detail, "already_reported")


def _check_receipt_not_reported(act: Reported, earlier: Sequence[Row[Any]]) -> None:
    """Let who gave a notice report its receipt anew once that was contested, with what it has not shown before.

    Whether it came is a matter of evidence, of which more may be found; the contested report stays beside it, and
    neither has effect but by the party's own word. Raises Conflict for the same day on the same evidence.
    """
    if all(each.status != ReportStatus.CONTESTED for each in earlier):
        return _check_not_reported(earlier)
    if (act.acted_on, act.evidence_sha256) in {(each.acted_on, each.evidence_sha256) for each in earlier}:
        detail = (
            f"That it came on {act.acted_on} is reported already on this evidence, and its receipt is contested: "
            "report it with other evidence, or of another day."
        )
        raise Conflict(detail, "already_reported")
    return None


async def _check_reporter(write: Write, caller: Caller, row: Row[Any], new: NewReportedAct) -> None:
    """Let a party that is bound report; and one whose term ran out, of days before that. Raises WrongStatus."""
    part = await write.first(_PART, {"id": row.id, "agency_id": caller.agency_id})
    at = while_it_lasted(row.terminated_at, caller.now)
    if part is not None and part.lapsed_at is not None and part.lapsed_at <= at:
        acted_at = day_starts_at(new.acted_on, ZoneInfo(row.time_zone))
        if acted_at < part.lapsed_at:
            at = while_it_lasted(part.lapsed_at, at)
    await check_bound(write, row.id, caller.agency_id, at)


async def report_signature(
    write: Write, caller: Caller, agreement_id: UUID, agency_id: UUID, paper: RecordedAgreement, reason: str
) -> None:
    """The operator's report that a party signed what was recorded; it waits for a second operator.

    Where it is reported already, or the party has signed, there is nothing to do.
    """
    row = await row_whoever_asks(write, caller.principal, agreement_id)
    text = own_text(row)
    signed = await write.value(_SIGNED, {"version_id": text.version_id, "agency_id": agency_id})
    reported = await open_reports(write, row.id, agency_id, ReportedKind.SIGNED, version_id=text.version_id)
    if signed is not None or reported:
        return
    theirs = await today_of(write, agency_id, row.time_zone, caller.now)
    assert paper.evidence_sha256 is not None, "what is recorded for another agency has its paper's hash"
    act = Reported(
        agency_id=agency_id,
        kind=ReportedKind.SIGNED,
        acted_on=paper.signed_on,
        counts_at=theirs.counts_from(paper.signed_on),
        evidence_sha256=paper.evidence_sha256,
        reason=reason,
        version_id=text.version_id,
        version_sha256=text.sha256,
        signatory_title=paper.signatory_title,
        authority_id=await authority_for(write, text.version_id, agency_id, paper.signatory_title, paper.signed_on),
    )
    told = await write_report(write, caller, row, act)
    await finished(write, caller, row, EventType.AGREEMENT_ACT_REPORTED, told)


async def second(write: Write, caller: Caller, agreement_id: UUID, report_id: UUID, expected: Expected) -> Agreement:
    """As another operator, vouch for a report of the operator's, on the evidence on file; the party is told of it now.

    Raises Forbidden for the person who recorded it, RuleBroken while the evidence is not on file, WrongStatus.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_ATTEST, expected)
    report = await report_of(write, row.id, report_id)
    refuse(second_barred(report.status))
    if report.recorded_by_person == person(caller):
        raise Forbidden(RECORDED_BY_YOURSELF)
    if not await shown_on_file(write, report):
        raise RuleBroken(NOT_ON_FILE, "evidence_not_on_file")
    told = await notified(write, caller, row, report)
    if report.kind == ReportedKind.WAS_ASKED:  # the registry puts it to the party only now
        told["acted_on"] = (await today_of(write, report.agency_id, row.time_zone, caller.now)).at_agency
    report = await answer_report(write, report, caller.now, **told)
    await count_report(write, row, report, caller.now)
    await finished(write, caller, row, EventType.AGREEMENT_REPORT_SECONDED, {**about(report), **effect_of(report)})
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def confirm_report(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    report_id: UUID,
    note: str | None,
    expected: Expected,
) -> Agreement:
    """Say that the own agency did what is reported: it has effect now, and counts from the day of the act.

    That it was bound on that day is put to the others than who reported it, where that is over. A notice that counts
    from receipt stands as the own one, and waits for those receipts that nobody has said yet. One that was contested
    may be confirmed after all, and so may a receipt of another day than the own agency has said, as far as that can
    still be corrected. Unless another than the own agency filed a signed copy of that version, the office's
    authority must hold on the day of `authority.day_given` too. Raises Forbidden for another's act, and for who
    approved the text to which the signature or word that is confirmed binds, or wrote it where it was set in motion
    unapproved and the signature is confirmed, WrongStatus, RuleBroken.
    """
    row, report = await _own(write, caller, agreement_id, report_id, expected)
    refuse(report_kept(report.status, is_settled=report.is_settled))
    if report.version_id is not None and not await may_be_signed(
        write, row.id, open_text(row).version_id, report.version_id
    ):
        raise WrongStatus(NOTHING_TO_SIGN)
    values = {"status": ReportStatus.CONFIRMED, "answered_at": caller.now, "answer_reason": note, "is_settled": True}
    corrects = report.kind == ReportedKind.RECEIVED_NOTICE and await own_word_of(write, caller, row, report)
    if corrects:  # what was asked of its former day would else be taken for an answer about this one
        reason = "confirmed otherwise"
        await drop_receipt_days(write, caller, row, report.recorded_by_id, reason, of_id=caller.agency_id)
    if report.kind in BINDING:
        told = await _bound_by_report(write, caller, row, report, values)
    else:
        report, told = await answer_report(write, report, caller.now, **values), {}
        own = await confirmed_as_own(write, caller, row, report) if report.kind == ReportedKind.GAVE_NOTICE else None
        if own is None:
            await count_report(write, row, report, caller.now, manner="confirmed")
        told |= own or {}
    if report.kind == ReportedKind.RECEIVED_NOTICE:
        await give_way(write, row.id, report.recorded_by_id, caller.agency_id, caller.now)
        paper = OnPaper(evidence_sha256=report.evidence_sha256, evidence_location=report.evidence_location)
        told |= await ask_of_receipt(write, caller, row, report.recorded_by_id, paper)
    if report.kind in LEAVING:
        await replace_reports(write, row.id, caller.agency_id, *LEAVING, now=caller.now)
        reason, kept = "confirmed otherwise", report.proposal_id
        because = ClosedBecause.REPLACED
        await drop_departures(write, row.id, caller.agency_id, reason, caller.now, kept=kept, because=because)
    await finished(write, caller, row, EventType.AGREEMENT_REPORT_CONFIRMED, {**about(report), "note": note, **told})
    if corrects:
        await check_confirmed_day(write, caller, row, report)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def _bound_by_report(
    write: Write, caller: Caller, row: Row[Any], report: Row[Any], values: Mapping[str, object]
) -> dict[str, object]:
    """Let the party be bound by the signature, or word, that it confirms; what the ledger tells of it.

    Its day is the party's own word to whoever did not report it: they are asked (`earlier_days`).
    """
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    await check_confirmed(write, row, report, today)
    version_id = report.version_id or row.version_id
    unchecked: tuple[Act, ...] = ()
    if report.kind == ReportedKind.SIGNED:
        unchecked = await unchecked_by_others(write, caller.principal, row, version_id)
    told = await separate(write, caller, Act.SIGN, row.id, version_id, unchecked=unchecked)
    keep_act(write, caller, Act.SIGN, version_id)
    report = await answer_report(write, report, caller.now, **values)
    at = report.counts_at
    if report.kind == ReportedKind.AGREED_VERBALLY:
        at = max(at, row.executed_at)
    asked = reaches_back(at, today)
    since = caller.now if asked else None
    await count_report(write, row, report, caller.now, manner="confirmed", relaxed=bool(told), not_before=since)
    if asked:
        act = OwnAct(agency_id=report.agency_id, at=at, signed_version_id=report.version_id)
        paper = OnPaper(evidence_sha256=report.evidence_sha256, evidence_location=report.evidence_location)
        said = f"What was reported of {report.acted_on} is so, it says now: {report.kind.replace('_', ' ')}."
        told |= await count_from_its_day(write, caller, row, act, paper, report.acted_on, said)
    return told


async def contest_report(
    write: Write, caller: Caller, agreement_id: UUID, report_id: UUID, reason: str, expected: Expected
) -> Agreement:
    """Say that the own agency did not do it, or not so: it has no effect until both sides agree.

    Raises Forbidden for another's act, WrongStatus where it was answered or has had effect.
    """
    row, report = await _own(write, caller, agreement_id, report_id, expected)
    refuse(contest_barred(report.status, report.notified_at, caller.now))
    if report.status == ReportStatus.OPEN:
        await apply_report(write, report, None)
    values = {"answered_at": caller.now, "contested_at": caller.now, "answer_reason": reason}
    report = await answer_report(write, report, caller.now, status=ReportStatus.CONTESTED, **values)
    await stop_silences(write, row.id, caller.agency_id, Unconfirmed.SAID_NO, caller.now)
    await finished(write, caller, row, EventType.AGREEMENT_REPORT_CONTESTED, {**about(report), "reason": reason})
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def take_back_report(
    write: Write, caller: Caller, agreement_id: UUID, report_id: UUID, reason: str, expected: Expected
) -> Agreement:
    """Take back what the own agency reported, before it has had effect. Raises Forbidden for another's, WrongStatus.

    An end that it reported is gone once nothing is left that it said of a party.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_REPORT, expected)
    report = await report_of(write, row.id, report_id)
    if report.recorded_by_id != caller.agency_id:
        raise Forbidden("Only who reported it takes it back; the party that it is about confirms or contests.")
    refuse(report_kept(report.status, is_settled=report.is_settled))
    await drop_report(write, report, reason, caller.now)
    if report.kind in LEAVING:
        await drop_departures(write, row.id, report.agency_id, reason, caller.now)
    await drop_unsaid_end(write, report.proposal_id, reason, caller.now)
    await finished(write, caller, row, EventType.AGREEMENT_REPORT_TAKEN_BACK, {**about(report), "reason": reason})
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def _own(
    write: Write, caller: Caller, agreement_id: UUID, report_id: UUID, expected: Expected
) -> tuple[Row[Any], Row[Any]]:
    """The agreement and a report on the own agency. Raises NotFound, Forbidden, StaleVersion."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    report = await report_of(write, row.id, report_id)
    if report.agency_id != caller.agency_id:
        raise Forbidden("Only the party that is said to have done it answers.")
    return row, report


async def _checked(write: Write, caller: Caller, row: Row[Any], new: NewReportedAct) -> Reported:
    """The act as it will count. Raises RuleBroken, WrongStatus, Conflict."""
    theirs = await today_of(write, new.agency_id, row.time_zone, caller.now)
    day = theirs.counts_from(new.acted_on)
    said: dict[str, Any] = {name: getattr(new, name) for name in ("agency_id", "kind", "acted_on", "reason")}
    said |= {"evidence_sha256": await _evidence(write, caller, row, new), "counts_at": day}
    if new.kind in BINDING:
        said |= {"version_sha256": new.version_sha256, "signatory_title": new.signatory_title}
    part = await write.first(_PART, {"id": row.id, "agency_id": new.agency_id})
    assert part is not None
    if new.kind in BINDING and not part.in_text:
        raise WrongStatus("The text does not name that party: a newcomer signs, or confirms, for itself.")
    match new.kind:
        case ReportedKind.SIGNED:
            text = await _text_to_sign(write, caller, row, new)
            authority_id = await _authority_for(write, text.version_id, new)
            return Reported(**said, version_id=text.version_id, authority_id=authority_id)
        case ReportedKind.AGREED_VERBALLY:
            check_given(new, "version_sha256", "signatory_title")
            # A word that was given in time may be reported later, whatever the agreement has come to since.
            in_time = takes_word(Stage(row.stage), row.ratify_by, row.terminated_at, day)
            if not in_time or part.joined_at is not None:
                raise WrongStatus("Nothing here awaits that party's word.")
            if row.sha256 != new.version_sha256:
                raise RuleBroken.at("That is not the version in force.", "other_version", pointer="/version_sha256")
            await existed(write, own_text(row), new.acted_on, theirs, "/acted_on")
            return Reported(**said, authority_id=await _authority_for(write, row.version_id, new))
        case ReportedKind.GAVE_NOTICE | ReportedKind.WITHDREW:
            # Whose signature nobody has confirmed may have left before that is done: both count together.
            if part.joined_at is None and not part.in_text:
                raise WrongStatus("That party is not bound by this agreement, nor named in its text.")
            if part.withdrawal_notice_on is not None:
                did = "left" if part.notice_kind is None else "gave notice"
                raise WrongStatus(f"That party {did} on {part.withdrawal_notice_on} already.")
            joined_at = part.joined_at or day
            was_bound = (write, row, new.agency_id, joined_at, new.acted_on, theirs, "/acted_on")
            if new.kind is ReportedKind.WITHDREW:
                leaves_at = day_starts_at(day_after(new.acted_on), ZoneInfo(row.time_zone))
                await check_was_bound(*was_bound, leaves_at)
                _check_left_in_time(row, leaves_at)
                return Reported(**{**said, "counts_at": leaves_at})
            kind = new.notice_kind or "withdrawal"
            check_deliveries(new.deliveries, new.agency_id, await parties_of(write, row.id), theirs)
            its = (new.agency_id, kind, new.acted_on, new.leaves_on, received_days(new.deliveries))
            leaves_at = await notice_runs_out_at(write, row, *its)
            await check_was_bound(*was_bound, leaves_at)
            _check_left_in_time(row, leaves_at)
            how = {"notice_kind": kind, "leaves_on": new.leaves_on, "deliveries": told_deliveries(new.deliveries)}
            return Reported(**{**said, "counts_at": leaves_at, **how})
        case ReportedKind.RECEIVED_NOTICE:
            await check_receipt(write, caller, row, new.agency_id, new.acted_on)
            return Reported(**said)
        case ReportedKind.CONSENTED | ReportedKind.WAS_NOTIFIED:
            check_given(new, "proposal_id")
            asked = await write.first(
                _ASKED, {"id": row.id, "proposal_id": new.proposal_id, "agency_id": new.agency_id}
            )
            if asked is None:
                raise RuleBroken.at(
                    "There is no such proposal that awaits this party.", "unknown_proposal", pointer="/proposal_id"
                )
            if asked.counts_from is not None:
                raise WrongStatus("That party has consented already.")
            if new.kind is ReportedKind.CONSENTED:
                _check_was_proposed(asked, new, theirs)
            return Reported(**said, proposal_id=new.proposal_id)
        case ReportedKind.FULFILLED_DUTY | ReportedKind.OWES_DUTY | ReportedKind.WAS_ASKED:
            raise AssertionError("nobody reports it here: see `check_members`")


def _check_was_proposed(proposal: Row[Any], new: NewReportedAct, theirs: Today) -> None:
    """Raises RuleBroken for a consent of a day before what it is to was proposed.

    What records a paper, or says of what day one party did something, is of the days before, and so may a yes to it be.
    """
    then = replace(theirs, now=proposal.proposed_at)
    if proposal.kind in OF_ONE or is_recorded(proposal) or not then.is_over(new.acted_on):
        return
    raise RuleBroken.at(
        f"Nobody consents to what is not proposed yet: this was proposed on {then.at_agency} where the party is.",
        "not_then",
        f"{new.acted_on} is before it was proposed",
        pointer="/acted_on",
    )


async def _evidence(write: Write, caller: Caller, row: Row[Any], new: NewReportedAct) -> str:
    """The hash of the paper that shows it: that of the document named, or as given. Raises RuleBroken."""
    if new.evidence_document_id is None:
        if new.evidence_sha256 is None:
            detail = "Name the document that shows it, evidence_document_id, or give its SHA-256: evidence_sha256."
            raise RuleBroken.at(
                detail, "evidence_missing", "needed, or evidence_document_id", pointer="/evidence_sha256"
            )
        return new.evidence_sha256
    digest = await digest_on_file(write, row.id, new.evidence_document_id, caller.agency_id)
    if digest is None:
        detail = "There is no such document on file with this agreement that your agency can read."
        raise RuleBroken.at(detail, "unknown_document", pointer="/evidence_document_id")
    if new.evidence_sha256 not in (None, digest):
        detail = (
            f"The document's SHA-256 is {digest}, not the one given: name the right document, or leave the hash out."
        )
        raise RuleBroken.at(detail, "other_document", "not the hash of that document", pointer="/evidence_sha256")
    return digest


def _check_left_in_time(row: Row[Any], leaves_at: datetime) -> None:
    """Raises WrongStatus for a departure that came after the agreement had ended, or from what nobody has executed."""
    if not left_in_time(Stage(row.stage), row.terminated_at, leaves_at):
        raise WrongStatus("That party was not bound by this agreement then.")


async def _text_to_sign(write: Write, caller: Caller, row: Row[Any], new: NewReportedAct) -> OpenText:
    check_given(new, "version_sha256", "signatory_title")
    assert new.version_sha256 is not None
    digest = new.version_sha256
    text = await executed_text(write, row, digest) or await waiting_paper(write, row, digest)
    text = text or named_text(row, digest, AgreementAction.CONFIRM)
    if row.executed_at is None:
        raise WrongStatus(not_on_paper_yet(row.stage))
    advanced_text(text, AgreementAction.CONFIRM)
    theirs = await today_of(write, new.agency_id, row.time_zone, caller.now)
    await existed(write, text, new.acted_on, theirs, "/acted_on")
    signed_at = theirs.counts_from(new.acted_on)
    refuse(signed_too_late(signed_at, row.terminated_at, row.time_zone))
    await check_agreed_end(write, row, text, caller.now)
    await check_not_given_up(write, row, text.version_id, new.acted_on, signed_at)
    if await write.value(_SIGNED, {"version_id": text.version_id, "agency_id": new.agency_id}) is not None:
        raise Conflict("That party has signed this version already.", "already_signed")
    its = (row.id, new.agency_id, signed_at)
    begins = await text_begins_at(write, text)
    await check_hand(write, *its, of_bound=text.of_bound, begins_at=begins, reported=True)
    return text


async def _authority_for(write: Write, version_id: UUID, new: NewReportedAct) -> UUID | None:
    """On whose authority the act rests, on its day."""
    assert new.signatory_title is not None
    return await authority_for(write, version_id, new.agency_id, new.signatory_title, new.acted_on)
