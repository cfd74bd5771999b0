"""What a deadline rests on and what to do about it, in words."""

from msgspec import Struct
from msgspec.structs import replace

from registry.agreements.deadlines.endings import goes_on_without
from registry.agreements.deadlines.rules import DeadlineKind, Due, DutyDue, Record
from registry.agreements.instruments.consent import ProposalKind, ReportedKind
from registry.platform.kernel.text import counted
from registry.platform.kernel.time import civil_day

TITLES: dict[DeadlineKind, str] = {
    DeadlineKind.LAST_NOTICE: "Last day to give notice",
    DeadlineKind.RENEWAL: "Renews by itself",
    DeadlineKind.EXPIRY: "Last day in force",
    DeadlineKind.GAP: "Term ends before the next begins",
    DeadlineKind.REVIEW: "Periodic review due",
    DeadlineKind.RATIFICATION: "Ratification in writing due",
    DeadlineKind.ANSWER: "Last day to contest what was reported",
    DeadlineKind.CONSENT: "Consent to a proposal due",
    DeadlineKind.INSURANCE: "Proof of insurance lapses",
    DeadlineKind.APPROVAL: "Governing body's approval lapses",
    DeadlineKind.FILING: "Filing or publication due",
    DeadlineKind.SURVIVAL_END: "Surviving clause ends",
    DeadlineKind.RETENTION_END: "Record may be disposed of after",
}

# Under which heading the text says it; the provision of that heading is named where there is one.
HEADINGS: dict[DeadlineKind, str] = {
    DeadlineKind.LAST_NOTICE: "termination",
    DeadlineKind.RENEWAL: "renewal",
    DeadlineKind.EXPIRY: "term",
    DeadlineKind.GAP: "term",
    DeadlineKind.REVIEW: "review",
    DeadlineKind.INSURANCE: "insurance",
    DeadlineKind.RETENTION_END: "records",
}

_REPORTED: dict[ReportedKind, str] = {
    ReportedKind.SIGNED: "signed",
    ReportedKind.AGREED_VERBALLY: "agreed by word of mouth",
    ReportedKind.GAVE_NOTICE: "gave notice",
    ReportedKind.WITHDREW: "left",
    ReportedKind.CONSENTED: "consented to what was proposed",
    ReportedKind.WAS_NOTIFIED: "was told of what was proposed",
    ReportedKind.WAS_ASKED: "was asked",
    ReportedKind.RECEIVED_NOTICE: "received a notice",
    ReportedKind.FULFILLED_DUTY: "fulfilled a duty",
    ReportedKind.OWES_DUTY: "owes a duty by its text",
}

_PROPOSED: dict[ProposalKind, str] = {
    ProposalKind.END: "The end of the agreement for all",
    ProposalKind.SUSPENSION: "The suspension of the agreement",
    ProposalKind.REINSTATEMENT: "That the agreement goes on",
    ProposalKind.NEWCOMERS: "That further agencies may join",
    ProposalKind.SUPERSESSION: "That another agreement takes this one's place",
    ProposalKind.DEPARTURE: "The last day of a party that leaves",
    ProposalKind.EARLIER_DAY: "That what a party did on an earlier day counts from that day",
}

_ENDED = {
    "termination": "terminated for all parties",
    "supersession": "replaced by another agreement",
    "notice": "notices that leave fewer than two parties bound",
}


class Words(Struct, frozen=True):
    """The basis of a deadline and its citation, and what to do."""

    basis: str
    citation: str | None
    action: str


def words(record: Record, due: Due) -> Words:
    """The words for one deadline of the record."""
    said = _words(record.of(due.beside), due)
    if due.beside is None or due.kind is DeadlineKind.EXPIRY:
        return said
    whose = f"That is version {due.beside.version_no}, which binds your agency to {len(due.towards)} of the others."
    return replace(said, basis=f"{said.basis} {whose}")


def _words(record: Record, due: Due) -> Words:
    match due.kind:
        case DeadlineKind.LAST_NOTICE:
            return _notice(record, due)
        case DeadlineKind.RENEWAL:
            return _renewal(record, due)
        case DeadlineKind.EXPIRY:
            return _expiry(record, due)
        case DeadlineKind.GAP:
            assert record.gap is not None
            begins = civil_day(record.gap.until, record.time_zone)
            return Words(
                f"The text that holds ends then, and the next begins only on {begins}: nobody is bound in between.",
                None,
                "Sign an amendment that closes the gap, or arrange for the days without an agreement.",
            )
        case DeadlineKind.REVIEW:
            return _review(record)
        case DeadlineKind.RATIFICATION:
            return Words(
                "Activated by word of mouth; it binds only until then unless it is ratified.",
                None,
                "Ratified." if due.met else "Have every party that agreed by word of mouth sign the text.",
            )
        case DeadlineKind.ANSWER:
            assert due.report is not None
            on = "" if due.report.acted_on is None else f" on {due.report.acted_on}"
            if due.report.kind is ReportedKind.WAS_ASKED:
                return Words(
                    f"What another party did, or is said to have done, was put to the party{on}. It has effect then, "
                    "from the day of that act, unless the party contests it before.",
                    None,
                    "Read what was put to it and the evidence that is on file, which nobody here has judged, then "
                    "confirm it or contest it.",
                )
            return Words(
                f"It was reported that the party {_REPORTED[due.report.kind]}{on}. It has effect then, from the day of "
                "the act, unless the party contests it before.",
                None,
                "Read the evidence that is on file, which nobody here has judged, then confirm the report or contest "
                "it.",
            )
        case DeadlineKind.CONSENT:
            assert due.consent is not None
            then = "comes to nothing then" if due.consent.lapses else "is to take effect then"
            if due.consent.backdated:
                then = "is to have taken effect then, on a day that was over when it was proposed"
            return Words(
                f"{_PROPOSED[due.consent.kind]} is proposed, waits for the party's consent, and {then}.",
                None,
                "Read what is proposed, then consent to it, or have it taken back: silence consents to nothing.",
            )
        case DeadlineKind.INSURANCE:
            lacking = "Put a liability certificate on file: there is none." if due.missing else None
            action = lacking or "Put the renewed liability certificate on file before this one lapses."
            return Words("The terms require current proof of liability insurance of each party.", None, action)
        case DeadlineKind.APPROVAL:
            lacking = "Obtain the governing body's approval and record it: there is none." if due.missing else None
            action = lacking or "Put the agreement on the governing body's agenda and record the renewed approval."
            return Words("The party is bound only while its governing body's approval is current.", None, action)
        case DeadlineKind.FILING:
            assert due.duty is not None
            return Words(due.duty.title, due.duty.citation, _filing(due.duty))
        case DeadlineKind.SURVIVAL_END:
            months = next(each.months for each in record.surviving if each.clause == due.clause)
            assert months is not None, "what survives without end has no last day"
            return Words(
                f"Provision {due.clause} goes on for {counted(months, 'month')} after the agreement has ended.",
                None,
                "Keep to it through that day; have counsel review what goes on beyond it.",
            )
        case DeadlineKind.RETENTION_END:
            assert record.keeping is not None
            years = f"{counted(record.keeping.years, 'year')} after the agreement ended"
            return Words(
                f"The record is kept for {years}.",
                record.keeping.citation,
                "Check for holds and pending records requests, then follow the schedule; have counsel review.",
            )


def _filing(duty: DutyDue) -> str:
    if duty.met:
        return "Done, with proof."
    if duty.condition is not None:
        return (
            "Settle by then whether it applies, and have counsel review: do it and enter the proof, acknowledge that "
            "it is still to do, or waive it with a reason where it does not apply."
        )
    return "Do it and enter the proof, or waive the duty with a reason."


def _notice(record: Record, due: Due) -> Words:
    others = " for parties without a period of their own" if due.not_of else ""
    text = record if due.beside is None else due.beside
    if text.notice.by_receipt:
        basis = f"Notice is {due.period}{others} after its receipt, the day of that not counted."
        action = (
            "Decide whether to stay: unless notice is received by then, by each to whom it goes, the next term follows "
            "by itself. Send it early enough."
        )
        return Words(basis, None, action)
    basis = f"Notice is {due.period}{others}, the day of the notice not counted."
    return Words(basis, None, "Decide whether to stay: without notice by then the next term follows by itself.")


def _renewal(record: Record, due: Due) -> Words:
    assert record.expires_on is not None
    assert record.renewal is not None
    until = record.renewal.ends_on(record.expires_on, due.term + 1)
    in_time = "give notice in time."
    if not record.notice.periods:
        in_time = "give notice; how long before is not entered, so have counsel review."
    left = "" if record.renewal.times is None else f", {record.renewal.times - due.term} time(s) more"
    if record.renewal.is_silent:
        left = ", and how often is entered as not said: one renewal is counted, and none is assumed after it"
    return Words(
        f"It renews by itself for {counted(record.renewal.months, 'month')} at the end of each term{left}.",
        None,
        f"Nothing, if the parties want it to go on until {until}; otherwise {in_time}",
    )


def _expiry(record: Record, due: Due) -> Words:
    if due.ended_by == "departure":
        return Words(
            "Your agency is bound by it no more: it leaves, or signed another text in its place. Others go on.",
            None,
            "Arrange for what goes on without it.",
        )
    if due.ended_by in _ENDED:
        return Words(f"It ends then: {_ENDED[due.ended_by]}.", None, "Arrange for what goes on without it.")
    if due.beside is not None:
        return Words(
            f"The last day of version {due.beside.version_no}, with no renewal to follow. It binds your agency to "
            f"{len(due.towards)} of the others, to whom no text does from then on.",
            None,
            "Sign a text with them that goes on, or let it end between you; to others your agency is bound on.",
        )
    if goes_on_without(record):
        return Words(
            "The last day of the text that binds your agency, with no renewal to follow; others go on by a later one.",
            None,
            "Sign the text by which the others go on, or let it end for your agency.",
        )
    basis = "Its last day in force, with no renewal to follow."
    if record.renewal is not None and record.renewal.is_silent:
        basis = "Its last day in force: how often it renews itself is entered as not said, and one renewal is counted."
    if due.settled and not record.let_end:
        return Words("It is over, and bound nobody: fewer than two came to be parties to it.", None, "Nothing.")
    if due.settled:
        return Words(basis, None, "Nothing: the last review decided to let it end.")
    return Words(basis, None, "Renew or replace it before then, or enter a review that lets it end.")


def _review(record: Record) -> Words:
    since = (
        f"the last review on {record.last_reviewed_on}"
        if record.last_reviewed_on
        else f"it took effect on {record.first_effective_on}"
    )
    assert record.review_every_months is not None, "what is never reviewed has no day for it"
    basis = f"It is reviewed every {counted(record.review_every_months, 'month')}; {since}."
    return Words(basis, None, "Hold the review and enter its outcome: keep, renew, amend or terminate.")
