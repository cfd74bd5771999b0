"""What is for all parties, or put to them: the texts, what suspends or ends the whole, proposals and reports. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from registry.agreements.instruments.consent import (
    LEAVING,
    OF_DUTY,
    OF_ONE,
    EndingGround,
    ProposalKind,
    ProposalStatus,
    ReportedKind,
)
from registry.agreements.instruments.remarks import contest_of
from registry.agreements.instruments.schemas.consenting import Proposal
from registry.agreements.timeline import wording
from registry.agreements.timeline.acts import Acts
from registry.agreements.timeline.rules import ActBasis, ActKind, ActStatus, TextEdge

_KINDS = {
    ProposalKind.END: ActKind.ENDED,
    ProposalKind.SUSPENSION: ActKind.SUSPENDED,
    ProposalKind.REINSTATEMENT: ActKind.REINSTATED,
    ProposalKind.NEWCOMERS: ActKind.NEWCOMERS,
    ProposalKind.SUPERSESSION: ActKind.SUPERSESSION,
    ProposalKind.DEPARTURE: ActKind.DEPARTURE,
    ProposalKind.EARLIER_DAY: ActKind.EARLIER_DAY,
}
_KNOWN_ITSELF = ("confirmed", "replaced")


def of_texts(acts: Acts, edges: Iterable[TextEdge], terms: Mapping[int, Any]) -> None:
    """That the texts begin, renew themselves and end; `terms` are the executed texts by their numbers."""
    for edge in edges:
        acts.add(
            edge.kind,
            wording.of_text(edge, terms[edge.version_no].kind, acts.days),
            basis=ActBasis.TEXT,
            counts_from=edge.at,
            version_no=edge.version_no,
        )


def of_all(acts: Acts) -> None:
    """What suspended or ended the agreement for all, as anybody may hear of it."""
    found = acts.found
    edges = [
        *((ActKind.SUSPENDED, wording.SUSPENDED, each.start) for each in found.suspensions),
        *((ActKind.REINSTATED, wording.REINSTATED, each.end) for each in found.suspensions),
        (ActKind.ENDED, wording.ENDED, found.terminated_at),
    ]
    for kind, said, at in edges:
        if at is not None:
            acts.add(kind, wording.told(said, at, acts.days), basis=ActBasis.PROPOSAL, counts_from=at)


def of_proposals(acts: Acts) -> None:
    """What was proposed to all."""
    for each in acts.found.proposals:
        beside = _beside(acts, each)
        departure = each.kind == ProposalKind.DEPARTURE
        counts_from = _counts_from(acts, each, beside)
        status = ActStatus(each.status)
        if status is ActStatus.OPEN and beside.contesting and (counts_from is None or beside.ended_for):
            status = ActStatus.CONTESTED
        # A departure is the act of the party that leaves, so its own word decides; the others only hear of it.
        own_word = beside.departure is None or beside.departure.status in _KNOWN_ITSELF
        said_by_others = each.ground == EndingGround.REPORTED and each.status is not ProposalStatus.AGREED
        by_report = not own_word if departure else bool(beside.silent) or (said_by_others and not beside.contesting)
        unsaid = not own_word or said_by_others
        acts.add(
            _KINDS[each.kind],
            wording.proposed(each, beside, acts.days),
            basis=ActBasis.REPORT if unsaid else ActBasis.PROPOSAL,
            agency=each.proposed_by if each.kind in OF_ONE else None,
            acted_on=acts.days.of(each.proposed_by.id, each.proposed_at),
            counts_from=counts_from,
            status=status,
            reported_only=by_report,
            recorded_by=each.proposed_by if beside.departure is None else beside.departure.recorded_by,
            recorded_at=each.proposed_at,
            evidence=each.evidence,
            proposal_id=each.id,
        )
        if each.ends_at is not None and counts_from is not None and status is ActStatus.AGREED:
            acts.add(
                ActKind.REINSTATED,
                wording.told(wording.REINSTATED, each.ends_at, acts.days),
                basis=ActBasis.PROPOSAL,
                counts_from=each.ends_at,
                proposal_id=each.id,
            )


def _beside(acts: Acts, each: Proposal) -> wording.Beside:
    """What was reported of whom in the matter."""
    reports = [report for report in acts.found.reported_acts if report.proposal_id == each.id]
    joined = {party.agency.id for party in acts.found.parties if party.joined_at is not None}
    contest = contest_of(each, reports, joined) if each.ground == EndingGround.REPORTED else None
    return wording.Beside(
        silent=[report.agency.name for report in reports if report.status == "uncontested"],
        contesting=[report.agency.name for report in reports if report.status == "contested"],
        ended_for=() if contest is None else contest[1],
        departure=next((report for report in reports if report.kind in LEAVING), None),
    )


def _counts_from(acts: Acts, each: Proposal, beside: wording.Beside) -> datetime | None:
    found = acts.found
    if each.status in (ProposalStatus.TAKEN_BACK, ProposalStatus.CLOSED) or each.kind == ProposalKind.EARLIER_DAY:
        return None  # of an earlier day the act itself counts: the signature, or the approval
    if each.ground == EndingGround.REPORTED and each.agreed_at is None:
        if each.status is ProposalStatus.REPORTED:
            return found.terminated_at
        return each.not_before if beside.ended_for else None
    in_vain = acts.over_at is not None and each.agreed_at is not None and each.agreed_at > acts.over_at
    return None if each.kind == ProposalKind.DEPARTURE and in_vain else each.agreed_at


def of_reports(acts: Acts) -> None:
    """What is only reported: each report that did not become an act that was told of. Comes last."""
    ends = {each.id for each in acts.found.proposals if each.status is ProposalStatus.REPORTED}
    for each in acts.untold_reports():
        if each.kind in OF_DUTY:
            continue  # what is owed, and done, bears on nobody's being bound: it is told among the duties
        put = each.kind == ReportedKind.WAS_ASKED  # which the registry did: what is known or not is its answer
        takes_effect = each.takes_effect_at if each.status == "uncontested" and each.proposal_id is None else None
        acts.add(
            ActKind(each.kind),
            wording.reported(each, acts.days, reads_as_ended=each.proposal_id in ends),
            basis=ActBasis.OWN if each.status == "confirmed" else ActBasis.PROPOSAL if put else ActBasis.REPORT,
            agency=each.agency,
            acted_on=each.acted_on,
            counts_from=takes_effect,
            version_no=acts.version_nos.get(each.version_sha256 or ""),
            status=ActStatus(each.status),
            reported_only=not put and each.status not in _KNOWN_ITSELF,
            recorded_by=each.recorded_by,
            recorded_at=each.recorded_at,
            evidence=each.evidence,
            reported_act_id=each.id,
            proposal_id=each.proposal_id,
        )
