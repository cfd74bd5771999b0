"""The sentences in which a timeline says what was done, by whom, on which day, and how that is known. Pure."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from registry.agreements.instruments.consent import (
    UNSAID_END,
    EndingGround,
    ProposalKind,
    ProposalStatus,
    where_contested,
)
from registry.agreements.instruments.days import Days
from registry.agreements.instruments.delivery import delivered
from registry.agreements.instruments.disputed import SAID
from registry.agreements.instruments.receipt import awaited_in_words, disputed_in_words
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.agreements.instruments.schemas.shown import AgreementParty, Successor
from registry.agreements.timeline.rules import ActKind, TextEdge
from registry.platform.kernel.time import FIRST_DAY

# What was done, and what is to come.
SUSPENDED = ("The agreement was suspended for all.", "The agreement is to be suspended for all.")
REINSTATED = ("The agreement went on for all.", "The agreement is to go on for all.")
ENDED = ("The agreement ended for all.", "The agreement is to end for all.")
SUSPENDED_ITSELF = ("{} suspended its own participation.", "{} is to suspend its own participation.")
REINSTATED_ITSELF = ("{} took its participation up again.", "{} is to take its participation up again.")
_WHAT = {
    ProposalKind.END: "to end the agreement for all",
    ProposalKind.SUSPENSION: "to suspend the agreement for all",
    ProposalKind.REINSTATEMENT: "to let the agreement go on",
    ProposalKind.NEWCOMERS: "to let others sign",
    ProposalKind.SUPERSESSION: "to put another agreement in the place of this one",
}
_STANDS = {
    "unseconded": "it waits for a second operator and has no effect",
    "open": "it can still be contested and has not taken effect",
    "unconfirmed": "nobody has confirmed it, and silence does not count: it has no effect",
    "uncontested": "nobody contested it in time",
    "contested": "CONTESTED: it has no effect",
    "confirmed": "confirmed",
    "taken_back": "taken back by who reported it",
    "replaced": "{} has said so itself since, and its own word stands in the place of this report",
}

_NO_WORD = {
    "unseconded": "it waits for a second operator, and is nobody's consent",
    "open": "it can still be contested, and is nobody's consent yet",
    "unconfirmed": "nobody has confirmed it, and silence does not count, so it is nobody's consent",
}


def told(said: tuple[str, str], at: datetime, days: Days) -> str:
    """What was done, or what is to come."""
    return said[days.is_to_come(at)]


def of_text(edge: TextEdge, kind: str, days: Days) -> str:
    """That a version begins or ends as the text, or that its term goes on."""
    no, to_come = edge.version_no, days.is_to_come(edge.at)
    if edge.kind is ActKind.TEXT_BEGINS:
        return f"Version {no} ({kind}) is the text from {days.first(edge.at)} on."
    if edge.kind is ActKind.TEXT_REPLACED:
        takes, on = "takes" if to_come else "took", days.first(edge.at)
        among = (
            "between those to whom that was the latest that both had signed"
            if edge.of_some
            else "among those who signed it"
        )
        return f"Version {edge.next_no} {takes} the place of {no} from {on} on, {among}."
    if edge.kind is ActKind.TEXT_RENEWS:
        return f"The term of version {no}, which ended with {days.last(edge.at)}, renewed itself through {edge.until}."
    return f"The term of version {no} {'ends' if to_come else 'ended'} with {days.last(edge.at)}."


def _by_report(name: str, report: ReportedAct | None) -> str:
    """How a report came to count; `name` is whom it is about."""
    if report is None:
        return ""
    how = "confirmed it" if report.status == "confirmed" else "did not contest it in time"
    return f" {report.recorded_by.name} reported it; {name} {how}."


def signed(name: str, row: Any, report: ReportedAct | None, days: Days) -> str:
    """A signature to a version."""
    entered = days.of(row.agency_id, row.recorded_at)
    of = f"version {row.version_no} on {row.signed_on} ({row.signatory_title})"
    if row.manner == "electronic":
        return f"{name} signed {of}, electronically and here."
    if row.manner == "wet":
        return f"{name} signed {of} on paper, as it recorded on {entered}.{_of_its_recording(row, entered, days)}"
    if row.manner == "confirmed":
        confirmed = f"{name} confirmed on {entered} that it signed {of}.{_by_report(name, report)}"
        return confirmed + _of_its_recording(row, entered, days)
    return f"{name} is reported to have signed {of}.{_by_report(name, report)}"


def _of_its_recording(row: Any, entered: date, days: Days) -> str:
    """That a hand to a paper counts from its recording as yet: of another text that is so by rule.

    Or that one of the day on which it is entered counts from before the instant at which it was.
    """
    if entered == row.signed_on and row.counts_from is not None and row.counts_from < row.recorded_at:
        clock = days.clock(row.agency_id, row.recorded_at)
        return f" It was entered at {clock} there; the day counts whole, from its beginning."
    if row.counts_from != row.recorded_at or entered <= row.signed_on or (row.manner == "wet" and not row.is_paper):
        return ""
    return " It counts from its recording; its own day is put to each party whose days that touches."


class Waiting(Struct, kw_only=True, frozen=True):
    """What a text that is not executed waits for: those who have not signed it, or, of a paper, any second of them."""

    version_no: int
    is_paper: bool
    effective_on: date
    unsigned: Sequence[str]


def not_in_force(text: Waiting, today: date) -> str:
    """Until when a text that some have signed is not in force."""
    if text.is_paper:
        until = "another party's signature to it is on record as well"
    elif text.unsigned:
        until = f"{', '.join(text.unsigned)} {'has' if len(text.unsigned) == 1 else 'have'} signed it as well"
    else:
        until = "it is executed"
    not_before = f", and not before {text.effective_on}" if text.effective_on > today else ""
    return f" Version {text.version_no} is not in force until {until}{not_before}."


def agreed_verbally(name: str, day: date, report: ReportedAct | None) -> str:
    """A party's word before its signature."""
    return f"{name} agreed by word of mouth on {day}.{_by_report(name, report)}"


def joined(name: str) -> str:
    """That a party came to be bound by an act that no signature shows."""
    return f"{name} came to be bound."


def left(party: AgreementParty, at: datetime, report: ReportedAct | None, days: Days) -> str:
    """That a party left, without a notice."""
    name, last, to_come = party.agency.name, days.last(at), days.is_to_come(at)
    is_ = "is" if to_come else "was"
    if report is not None and report.acted_on not in (None, last):
        without = f" Without the consent of all others to that day it {is_} bound through {last}."
        return f"{name} left; its last day was {report.acted_on}.{_by_report(name, report)}{without}"
    return f"{name} {'is to leave' if to_come else 'left'}; its last day {is_} {last}.{_by_report(name, report)}"


def in_vain(last: date) -> str:
    """That the agreement was over before a party would have left it."""
    return f" It changes nothing: nobody is bound past {last}."


def not_ratified(name: str, ratify_by: datetime, days: Days) -> str:
    """That what was agreed by word was not signed in time, or is still to be signed."""
    has = "has" if days.is_to_come(ratify_by) else "had"
    return f"{name} {has} to ratify its word by a signature through {days.last(ratify_by)}."


def dissolved(name: str, at: datetime, days: Days) -> str:
    """That the agency is no more."""
    return f"{name} was dissolved; its last day was {days.last(at)}."


def released(name: str, at: datetime, successor: Successor | None, days: Days) -> str:
    """That another agreement takes this one's place for a party."""
    by = "another agreement" if successor is None else f"agreement {successor.number}"
    if days.is_to_come(at):
        return f"{name} is to be released: {by} takes the place of this one."
    return f"{name} was released: {by} took the place of this one."


class Given(Struct, kw_only=True, frozen=True):
    """A notice that a party gave for itself, as it was recorded."""

    notice_kind: str
    acted_on: date
    recorded_at: datetime
    evidence_sha256: str | None = None
    evidence_location: str | None = None


class TakenBack(Struct, kw_only=True, frozen=True):
    """That a party took its notice back; `given` is None where another had reported the notice."""

    agency_id: UUID
    at: datetime
    given: Given | None


class Corrected(Struct, kw_only=True, frozen=True):
    """That a party corrected the day on which it had said to have received the notice of `giver_id`.

    `reason`: None for whom that is not.
    """

    agency_id: UUID
    giver_id: UUID
    received_on: date
    recorded_before: date
    reason: str | None
    at: datetime


def corrected_receipt(name: str, giver: str, each: Corrected, days: Days) -> str:
    """Which day a party took back, which it said instead, when, and why."""
    on = days.of(each.agency_id, each.at)
    why = "" if each.reason is None else f" (“{each.reason}”)"
    return (
        f"{name} corrected on {on} the day on which it received {giver}'s notice: {each.received_on}, where it had "
        f"recorded {each.recorded_before}{why}."
    )


def _of(kind: str | None) -> str:
    return "of non-renewal" if kind == "non_renewal" else "of withdrawal"


def notice_in_vain(name: str, taken: TakenBack, report: ReportedAct | None, days: Days) -> str:
    """A notice that was taken back, and when."""
    here, source = "", taken.given or report
    assert source is not None, "a notice was given, or reported"
    if taken.given is not None:
        here = f", recorded here on {days.of(taken.agency_id, taken.given.recorded_at)}"
    back = f" It was taken back on {days.of(taken.agency_id, taken.at)}, and counts no more."
    given = f"{name} gave notice {_of(source.notice_kind)} of {source.acted_on}{here}."
    return f"{given}{_by_report(name, report)}{back}"


def took_notice_back(name: str, taken: TakenBack, source: Given | ReportedAct | None, days: Days) -> str:
    """That a party took its notice back."""
    which = "its notice" if source is None else f"its notice of {source.acted_on}"
    return f"{name} took {which} back on {days.of(taken.agency_id, taken.at)}."


def gave_notice(
    party: AgreementParty,
    leaves_at: datetime | None,
    recorded_at: datetime | None,
    report: ReportedAct | None,
    days: Days,
) -> str:
    """A notice with the day it bears, when it was recorded, and when it has run out, where that lets the party go."""
    name = party.agency.name
    here = "" if recorded_at is None else f", recorded here on {days.of(party.agency.id, recorded_at)}"
    until = ""
    if leaves_at is not None:
        until = f" By it {name} {'is' if days.is_to_come(leaves_at) else 'was'} bound through {days.last(leaves_at)}."
    on = party.withdrawal_notice_on
    how = delivered(party.notice_deliveries if report is None else report.deliveries)
    how = f" It was given {how}." if how else ""
    how += _received(party)
    return f"{name} gave notice {_of(party.notice_kind)} of {on}{here}.{how}{_by_report(name, report)}{until}"


def _received(party: AgreementParty) -> str:
    """Of a notice that counts from receipt: who received it when, and of whom that is awaited."""
    if not party.notice_receipts:
        return ""
    came = [
        f"{each.agency.name} received it on {each.received_on}" for each in party.notice_receipts if each.received_on
    ]
    waits = awaited_in_words(party.notice_receipts)
    until = " Until then it does not run out, and the end is not known." if waits and party.leaves_at is None else ""
    disputed = disputed_in_words(party.agency.name, party.notice_receipts)
    said = [*came, *([f"receipt {waits}"] if waits else []), *([f"disputed: {disputed}"] if disputed else [])]
    return f" It counts from its receipt: {'; '.join(said)}.{until}"


def approved(name: str, row: Any) -> str:
    """A governing body's approval."""
    reference = f" ({row.reference})" if row.reference else ""
    through = f", through {row.expires_on}" if row.expires_on else ""
    return f"The {row.body} of {name} approved version {row.version_no} on {row.approved_on}{reference}{through}."


def approval_ended(name: str, row: Any, days: Days) -> str:
    """That an approval ended, or is to."""
    ended = "ends" if days.is_to_come(row.ends_at) else "ended"
    return f"The approval of version {row.version_no} for {name} by its {row.body} {ended} with {row.expires_on}."


def approval_rule(name: str, row: Any) -> str:
    """From when an approval is needed, or is not any more."""
    needs = "is bound only while its governing body's approval lasts" if row.required else "needs no approval"
    needs += ", of each text one that names it" if row.each_text else ""
    citation = f" ({row.citation})" if row.citation else ""
    since = "from the beginning" if row.effective_on == FIRST_DAY else f"from {row.effective_on} on"
    return f"{name} {needs}, {since}{citation}."


class Beside(Struct, kw_only=True, frozen=True):
    """What was reported beside a proposal: whose yes is known by silence, who contests, and of what it was put.

    `ended_for`: of an end that was reported and is contested, whom it holds by its own word.
    """

    silent: Sequence[str] = ()
    contesting: Sequence[str] = ()
    ended_for: Sequence[str] = ()
    departure: ReportedAct | None = None


def proposed(each: Proposal, beside: Beside, days: Days) -> str:
    """A proposal to all, where it stands, and who has said what."""
    proposer, on = each.proposed_by.name, days.of(each.proposed_by.id, each.proposed_at)
    if each.kind == ProposalKind.DEPARTURE:
        said = _departure(each, beside.departure, days)
    elif each.kind == ProposalKind.EARLIER_DAY:
        counts = days.counts(each.proposed_by.id, each.not_before)
        said = f"That what {proposer} recorded on {on} counts from {counts} was put to those whose days it touches"
    elif each.ground == EndingGround.REPORTED:
        ended = "ends" if days.is_to_come(each.not_before) else "had ended"
        said = f"{proposer} recorded on {on} that the agreement {ended} with {days.last(each.not_before)}"
    elif each.ground == EndingGround.RIGHT_TO_END:
        clause = f" (clause {each.clause})" if each.clause else ""
        said = f"{proposer} used its right to end the agreement on {on}{clause}"
    else:
        said = f"{proposer} proposed on {on} {_WHAT[each.kind]}"
    if each.newcomers:
        said += f" ({', '.join(party.name for party in each.newcomers)})"
    return f"{said}: {_where_it_stands(each, beside, days)}."


def _departure(each: Proposal, report: ReportedAct | None, days: Days) -> str:
    """A departure as it was put to the others: that the party leaves is a fact once they have agreed to it."""
    name = each.proposed_by.name
    if each.status is ProposalStatus.AGREED and each.agreed_at is not None:
        leaves = "is to leave" if days.is_to_come(each.agreed_at) else "left"
        return f"{name} {leaves}, by what was put to the others on {_put_on(each, report, days)}"
    leaves = "leaves" if days.is_to_come(each.not_before) else "left"
    whose = "" if report is None else f", as {report.recorded_by.name} reported it,"
    return (
        f"That {name} {leaves} with {days.last(each.not_before)}{whose} was put to the others on "
        f"{_put_on(each, report, days)}"
    )


def _put_on(each: Proposal, report: ReportedAct | None, days: Days) -> date:
    by: UUID = each.proposed_by.id if report is None else report.recorded_by.id
    return days.of(by, each.proposed_at)


def _where_it_stands(each: Proposal, beside: Beside, days: Days) -> str:
    waits = ", ".join(party.name for party in each.outstanding)
    if each.status is ProposalStatus.TAKEN_BACK:
        return "taken back"
    if each.status is ProposalStatus.CLOSED:
        return "closed, as there was nothing left to consent to"
    if each.status is ProposalStatus.REPORTED:
        return f"reported only; not confirmed by {waits}; it reads as ended as long as nobody contests that"
    if each.status is ProposalStatus.OPEN:
        if beside.contesting:
            return where_contested(beside.contesting, beside.ended_for).replace("contested", "CONTESTED", 1)
        if each.ground == EndingGround.REPORTED:
            return f"reported only; not confirmed by {waits}; {UNSAID_END}"
        return f"open; it waits for {waits}" if waits else "open; it has not taken effect"
    said = sorted(
        (at, one.agency.name, days.counts(one.agency.id, at)) for one in each.consents if (at := one.counts_from)
    )
    given = "; ".join(f"{name} from {day}" for _, name, day in said)
    by_silence = (
        f"; of {', '.join(beside.silent)} only by a report that was not contested in time" if beside.silent else ""
    )
    ends = ""
    if each.kind == ProposalKind.END and each.agreed_at is not None:
        ends = f"; it {'ends' if days.is_to_come(each.agreed_at) else 'ended'} with {days.last(each.agreed_at)}"
    return f"agreed ({given}{by_silence}){ends}" if given else f"it needed nobody's consent{ends}"


def _how(each: ReportedAct) -> str:
    parts = delivered(each.deliveries)
    return f", {parts}" if parts else ""


def reported(each: ReportedAct, days: Days, *, reads_as_ended: bool = False) -> str:
    """What one says that another did, and what became of that.

    `reads_as_ended`: it is a yes to an end that holds by what was recorded alone, as long as nobody contests it.
    """
    on = "" if each.acted_on is None else f" on {each.acted_on}"
    by, recorded = each.recorded_by.name, days.of(each.recorded_by.id, each.recorded_at)
    if each.kind == "was_asked":
        put = f"was put to {each.agency.name} by the registry{on}"
        if each.status == "unseconded":
            put = f"is put to {each.agency.name} by the registry once a second operator vouches for it"
        said = f"What {by} recorded on {recorded} {put}"
    else:
        said = f"{by} reported on {recorded} that {each.agency.name} {SAID[each.kind]}{on}{_how(each)}"
    if each.status == "open" and each.takes_effect_at is not None:
        return f"{said}: uncontested it takes effect on {days.counts(each.agency.id, each.takes_effect_at)}."
    if reads_as_ended and each.status in _NO_WORD:
        return f"{said}: {_NO_WORD[each.status]}; uncontested, the agreement reads as ended by what was recorded alone."
    return f"{said}: {_STANDS[each.status].format(each.agency.name)}."
