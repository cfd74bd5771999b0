"""The sentences in which a timeline says what was done, by whom, on which day, and how that is known. Pure."""

from datetime import date, datetime
from typing import Any

from registry.agreements.instruments.consent import EndingGround, ProposalKind, ProposalStatus
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.agreements.instruments.schemas.shown import AgreementParty, Successor
from registry.agreements.timeline.rules import ActKind, TextEdge
from registry.platform.kernel.time import civil_day, last_day_before

SUSPENDED = "The agreement was suspended for all."
REINSTATED = "The agreement went on for all."
ENDED = "The agreement ended for all."
SUSPENDED_ITSELF = "{} suspended its own participation."
REINSTATED_ITSELF = "{} took its participation up again."
_WHAT = {
    ProposalKind.END: "to end the agreement for all",
    ProposalKind.SUSPENSION: "to suspend the agreement for all",
    ProposalKind.REINSTATEMENT: "to let the agreement go on",
    ProposalKind.NEWCOMERS: "to let others sign",
    ProposalKind.SUPERSESSION: "to put another agreement in the place of this one",
}
_SAID = {
    "signed": "signed",
    "agreed_verbally": "gave its word",
    "gave_notice": "gave notice",
    "withdrew": "left",
    "consented": "consented to what was proposed",
    "was_notified": "was notified of what was proposed",
}
_STANDS = {
    "unseconded": "it waits for a second operator and has no effect",
    "open": "it can still be contested and has not taken effect",
    "unconfirmed": "nobody has confirmed it, and silence does not count: it has no effect",
    "uncontested": "nobody contested it in time",
    "contested": "CONTESTED: it has no effect",
    "confirmed": "confirmed",
    "taken_back": "taken back by who reported it",
    "replaced": "replaced by another report",
}


def of_text(edge: TextEdge, kind: str, time_zone: str) -> str:
    """That a version begins or ends as the text."""
    if edge.kind is ActKind.TEXT_BEGINS:
        return f"Version {edge.version_no} ({kind}) is the text from {civil_day(edge.at, time_zone)} on."
    if edge.kind is ActKind.TEXT_REPLACED:
        on = civil_day(edge.at, time_zone)
        return f"Version {edge.next_no} took the place of {edge.version_no} from {on} on, among those who signed it."
    return f"The term of version {edge.version_no} ended with {last_day_before(edge.at, time_zone)}."


def _by_report(name: str, report: ReportedAct | None) -> str:
    """How a report came to count; `name` is whom it is about."""
    if report is None:
        return ""
    how = "confirmed it" if report.status == "confirmed" else "did not contest it in time"
    return f" {report.recorded_by.name} reported it; {name} {how}."


def signed(name: str, row: Any, report: ReportedAct | None, time_zone: str) -> str:
    """A signature to a version."""
    entered = civil_day(row.recorded_at, time_zone)
    of = f"version {row.version_no} on {row.signed_on} ({row.signatory_title})"
    if row.manner == "electronic":
        return f"{name} signed {of}, electronically and here."
    if row.manner == "wet":
        return f"{name} signed {of} on paper, as it recorded on {entered}."
    if row.manner == "confirmed":
        return f"{name} confirmed on {entered} that it signed {of}.{_by_report(name, report)}"
    return f"{name} is reported to have signed {of}.{_by_report(name, report)}"


def agreed_verbally(name: str, day: date, report: ReportedAct | None) -> str:
    """A party's word before its signature."""
    return f"{name} agreed by word of mouth on {day}.{_by_report(name, report)}"


def joined(name: str) -> str:
    """That a party came to be bound by an act that no signature shows."""
    return f"{name} came to be bound."


def left(name: str) -> str:
    """That a party left, without a day that its notice bears."""
    return f"{name} left."


def not_ratified(name: str, ratify_by: datetime, time_zone: str) -> str:
    """That what was agreed by word was not signed in time."""
    return f"{name} had to ratify its word by a signature through {last_day_before(ratify_by, time_zone)}."


def dissolved(name: str, at: datetime, time_zone: str) -> str:
    """That the agency is no more."""
    return f"{name} was dissolved; its last day was {last_day_before(at, time_zone)}."


def released(name: str, successor: Successor | None) -> str:
    """That another agreement takes this one's place for a party."""
    by = "another agreement" if successor is None else f"agreement {successor.number}"
    return f"{name} was released: {by} took the place of this one."


def gave_notice(party: AgreementParty, recorded_at: datetime | None, report: ReportedAct | None, time_zone: str) -> str:
    """A notice with the day it bears, when it was recorded, and when it has run out."""
    name = party.agency.name
    of = "of non-renewal" if party.notice_kind == "non_renewal" else "of withdrawal"
    here = "" if recorded_at is None else f", recorded here on {civil_day(recorded_at, time_zone)}"
    until = ""
    if party.leaves_at is not None:
        until = f" By it {name} is bound through {last_day_before(party.leaves_at, time_zone)}."
    on = party.withdrawal_notice_on
    return f"{name} gave notice {of} of {on}{here}.{_by_report(name, report)}{until}"


def approved(name: str, row: Any) -> str:
    """A governing body's approval."""
    reference = f" ({row.reference})" if row.reference else ""
    through = f", through {row.valid_to}" if row.valid_to else ""
    return f"The {row.body} of {name} approved on {row.approved_on}{reference}{through}."


def approval_ended(name: str, row: Any) -> str:
    """That an approval ended."""
    return f"The approval of {name} by its {row.body} ended with {row.valid_to}."


def approval_rule(name: str, row: Any) -> str:
    """From when an approval is needed, or is not any more."""
    needs = "is bound only while its governing body's approval lasts" if row.required else "needs no approval"
    citation = f" ({row.citation})" if row.citation else ""
    return f"{name} {needs}, from {row.effective_on} on{citation}."


def proposed(each: Proposal, silent: list[str], time_zone: str) -> str:
    """A proposal to all, where it stands, and who has said what."""
    proposer, on = each.proposed_by.name, civil_day(each.proposed_at, time_zone)
    if each.kind == ProposalKind.DEPARTURE:
        said = f"{proposer} left, by what was put to the others on {on}"
    elif each.ground == EndingGround.REPORTED:
        day = last_day_before(each.not_before, time_zone)
        said = f"{proposer} recorded on {on} that the agreement had ended with {day}"
    elif each.ground == EndingGround.RIGHT_TO_END:
        clause = f" (clause {each.clause})" if each.clause else ""
        said = f"{proposer} used its right to end the agreement on {on}{clause}"
    else:
        said = f"{proposer} proposed on {on} {_WHAT[each.kind]}"
    if each.newcomers:
        said += f" ({', '.join(party.name for party in each.newcomers)})"
    return f"{said}: {_where_it_stands(each, silent, time_zone)}."


def _where_it_stands(each: Proposal, silent: list[str], time_zone: str) -> str:
    waits = ", ".join(party.name for party in each.outstanding)
    if each.status is ProposalStatus.TAKEN_BACK:
        return "taken back"
    if each.status is ProposalStatus.CLOSED:
        return "closed, as there was nothing left to consent to"
    if each.status is ProposalStatus.REPORTED:
        return f"reported only; not confirmed by {waits}"
    if each.status is ProposalStatus.OPEN:
        return f"open; it waits for {waits}" if waits else "open; it has not taken effect"
    said = sorted((consent.counts_from, consent.agency.name) for consent in each.consents if consent.counts_from)
    given = "; ".join(f"{name} from {civil_day(counts_from, time_zone)}" for counts_from, name in said)
    by_silence = f"; of {', '.join(silent)} only by a report that was not contested in time" if silent else ""
    return f"agreed ({given}{by_silence})" if given else "it needed nobody's consent"


def reported(each: ReportedAct, time_zone: str) -> str:
    """What one says that another did, and what became of that."""
    on = "" if each.acted_on is None else f" on {each.acted_on}"
    by, recorded = each.recorded_by.name, civil_day(each.recorded_at, time_zone)
    said = f"{by} reported on {recorded} that {each.agency.name} {_SAID[each.kind]}{on}"
    if each.status == "open" and each.takes_effect_at is not None:
        return f"{said}: uncontested it takes effect on {civil_day(each.takes_effect_at, time_zone)}."
    return f"{said}: {_STANDS[each.status]}."
