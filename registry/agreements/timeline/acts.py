"""The acts of a timeline, put together from what the agreement shows its reader, in the order of their days. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec

from registry.agreements.instruments.consent import EndingGround, ProposalKind, ProposalStatus, ReportedKind
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.schemas.shown import Agreement, AgreementParty
from registry.agreements.timeline import wording
from registry.agreements.timeline.rules import ActBasis, ActKind, ActStatus, Mark, TextEdge
from registry.agreements.timeline.schemas import TimelineAct
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.time import civil_day

_KINDS = {
    ProposalKind.END: ActKind.ENDED,
    ProposalKind.SUSPENSION: ActKind.SUSPENDED,
    ProposalKind.REINSTATEMENT: ActKind.REINSTATED,
    ProposalKind.NEWCOMERS: ActKind.NEWCOMERS,
    ProposalKind.SUPERSESSION: ActKind.SUPERSESSION,
    ProposalKind.DEPARTURE: ActKind.WITHDREW,
}
_IN_EFFECT = ("confirmed", "uncontested")
_NEVER = datetime.max.replace(tzinfo=UTC)


class Acts:
    """The acts found so far."""

    def __init__(self, found: Agreement) -> None:
        self._found = found
        self._zone = found.time_zone
        self._parties: dict[UUID, AgencyReference] = {each.agency.id: each.agency for each in found.parties}
        self._version_nos: dict[str, int] = {}
        self._used: set[UUID] = set()
        self._all: list[TimelineAct] = []

    def _add(
        self,
        kind: ActKind,
        detail: str,
        *,
        basis: ActBasis,
        agency: AgencyReference | None = None,
        acted_on: date | None = None,
        counts_from: datetime | None = None,
        version_no: int | None = None,
        status: ActStatus | None = None,
        reported_only: bool = False,
        recorded_by: AgencyReference | None = None,
        recorded_at: datetime | None = None,
        evidence: Evidence | None = None,
        reported_act_id: UUID | None = None,
        proposal_id: UUID | None = None,
    ) -> None:
        self._all.append(
            TimelineAct(
                act_no=0,
                kind=kind,
                agency=agency,
                acted_on=acted_on,
                counts_from=counts_from,
                version_no=version_no,
                basis=basis,
                status=status,
                reported_only=reported_only,
                recorded_by=recorded_by,
                recorded_at=recorded_at,
                evidence=evidence,
                reported_act_id=reported_act_id,
                proposal_id=proposal_id,
                detail=detail,
            )
        )

    def of_texts(self, edges: Iterable[TextEdge], terms: Mapping[int, Any]) -> None:
        """That the texts begin and end; `terms` are the executed texts by their numbers."""
        for edge in edges:
            self._add(
                edge.kind,
                wording.of_text(edge, terms[edge.version_no].kind, self._zone),
                basis=ActBasis.TEXT,
                counts_from=edge.at,
                version_no=edge.version_no,
            )

    def of_all(self) -> None:
        """What suspended or ended the agreement for all, as anybody may hear of it."""
        for each in self._found.suspensions:
            self._add(ActKind.SUSPENDED, wording.SUSPENDED, basis=ActBasis.PROPOSAL, counts_from=each.start)
            if each.end is not None:
                self._add(ActKind.REINSTATED, wording.REINSTATED, basis=ActBasis.PROPOSAL, counts_from=each.end)
        if self._found.terminated_at is not None:
            self._add(ActKind.ENDED, wording.ENDED, basis=ActBasis.PROPOSAL, counts_from=self._found.terminated_at)

    def of_signatures(self, rows: Sequence[Any], evidence: Mapping[UUID, Evidence | None]) -> None:
        """The signatures to the executed texts; `evidence` by the signature's id."""
        for row in rows:
            agency = self._parties.get(row.agency_id)
            if agency is None:
                continue
            self._version_nos[row.sha256] = row.version_no
            report = self._report_of(row.agency_id, (ReportedKind.SIGNED,), row.sha256)
            self._add(
                ActKind.SIGNED,
                wording.signed(agency.name, row, report, self._zone),
                basis=ActBasis.REPORT if row.manner == "reported" else ActBasis.OWN,
                agency=agency,
                acted_on=row.signed_on,
                counts_from=row.counts_from or row.recorded_at,
                version_no=row.version_no,
                status=None if report is None else ActStatus(report.status),
                reported_only=row.manner == "reported",
                recorded_by=agency if report is None else report.recorded_by,
                recorded_at=row.recorded_at,
                evidence=evidence[row.id],
                reported_act_id=None if report is None else report.id,
            )

    def of_parties(self, dissolved: Mapping[UUID, datetime | None], recorded: Mapping[UUID, datetime | None]) -> None:
        """What each party did beside signing: its word, its notice, and by what else it left.

        `dissolved`: when the agency was; `recorded`: when it recorded its own notice here. Comes after the signatures
        and what was proposed.
        """
        for party in self._found.parties:
            if party.verbally_at is not None:
                self._said_yes(party, party.verbally_at)
            self._left(party, dissolved[party.agency.id], recorded[party.agency.id])
            if party.released_at is not None:
                self._add(
                    ActKind.RELEASED,
                    wording.released(party.agency.name, self._found.superseded_by),
                    basis=ActBasis.PROPOSAL,
                    agency=party.agency,
                    counts_from=party.released_at,
                )
            if party.joined_at is not None and not self._counts(party.agency.id, party.joined_at):
                self._add(
                    ActKind.JOINED,
                    wording.joined(party.agency.name),
                    basis=ActBasis.OWN,
                    agency=party.agency,
                    counts_from=party.joined_at,
                )

    def _counts(self, agency_id: UUID, at: datetime) -> bool:
        """Whether an act of the party counts from that instant."""
        return any(
            each.agency is not None and each.agency.id == agency_id and each.counts_from == at for each in self._all
        )

    def _said_yes(self, party: AgreementParty, at: datetime) -> None:
        report = self._report_of(party.agency.id, (ReportedKind.AGREED_VERBALLY,), None)
        by_report = report is not None and report.status != "confirmed"
        self._add(
            ActKind.AGREED_VERBALLY,
            wording.agreed_verbally(party.agency.name, civil_day(at, self._zone), report),
            basis=ActBasis.REPORT if by_report else ActBasis.OWN,
            agency=party.agency,
            acted_on=civil_day(at, self._zone),
            counts_from=at,
            status=None if report is None else ActStatus(report.status),
            reported_only=by_report,
            recorded_by=None if report is None else report.recorded_by,
            recorded_at=None if report is None else report.recorded_at,
            evidence=None if report is None else report.evidence,
            reported_act_id=None if report is None else report.id,
        )
        ratify_by = self._found.ratify_by
        signed = [
            each.counts_from
            for each in self._all
            if each.kind is ActKind.SIGNED and each.agency == party.agency and each.counts_from is not None
        ]
        if ratify_by is not None and min(signed, default=_NEVER) > ratify_by:
            self._add(
                ActKind.NOT_RATIFIED,
                wording.not_ratified(party.agency.name, ratify_by, self._zone),
                basis=ActBasis.TEXT,
                agency=party.agency,
                counts_from=ratify_by,
            )

    def _left(self, party: AgreementParty, dissolved_at: datetime | None, recorded_at: datetime | None) -> None:
        agency, leaves_at = party.agency, party.leaves_at
        if dissolved_at is not None and leaves_at == dissolved_at:
            self._add(
                ActKind.DISSOLVED,
                wording.dissolved(agency.name, dissolved_at, self._zone),
                basis=ActBasis.REGISTRATION,
                agency=agency,
                counts_from=dissolved_at,
            )
            leaves_at = None
        if party.withdrawal_notice_on is None:
            if leaves_at is not None and not self._counts(agency.id, leaves_at):
                self._add(
                    ActKind.WITHDREW,
                    wording.left(agency.name),
                    basis=ActBasis.OWN,
                    agency=agency,
                    counts_from=leaves_at,
                )
            return
        report = None
        if recorded_at is None:
            report = self._report_of(agency.id, (ReportedKind.GAVE_NOTICE, ReportedKind.WITHDREW), None)
        by_report = report is not None and report.status != "confirmed"
        self._add(
            ActKind.GAVE_NOTICE,
            wording.gave_notice(party, recorded_at, report, self._zone),
            basis=ActBasis.REPORT if by_report else ActBasis.OWN,
            agency=agency,
            acted_on=party.withdrawal_notice_on,
            counts_from=leaves_at,
            status=None if report is None else ActStatus(report.status),
            reported_only=by_report,
            recorded_by=agency if report is None else report.recorded_by,
            recorded_at=recorded_at if report is None else report.recorded_at,
            evidence=party.notice_evidence if report is None else report.evidence,
            reported_act_id=None if report is None else report.id,
        )

    def of_pauses(self, pauses: Iterable[tuple[UUID, datetime, datetime | None]]) -> None:
        """That a party suspended its own participation, and resumed it."""
        for agency_id, starts_at, ends_at in pauses:
            agency = self._parties[agency_id]
            for kind, at, said in (
                (ActKind.PARTICIPATION_SUSPENDED, starts_at, wording.SUSPENDED_ITSELF),
                (ActKind.PARTICIPATION_REINSTATED, ends_at, wording.REINSTATED_ITSELF),
            ):
                if at is not None:
                    self._add(kind, said.format(agency.name), basis=ActBasis.OWN, agency=agency, counts_from=at)

    def of_governing_bodies(
        self, approvals: Iterable[Any], rules: Iterable[Any], evidence: Mapping[UUID, Evidence | None]
    ) -> None:
        """What the parties' governing bodies approved, until when, and from when they had to."""
        for row in approvals:
            agency = self._parties.get(row.agency_id)
            if agency is None:
                continue
            self._add(
                ActKind.APPROVED,
                wording.approved(agency.name, row),
                basis=ActBasis.OWN,
                agency=agency,
                acted_on=row.approved_on,
                counts_from=row.starts_at,
                recorded_by=agency,
                recorded_at=row.recorded_at,
                evidence=evidence[row.id],
            )
            if row.valid_to is not None:
                self._add(
                    ActKind.APPROVAL_ENDED,
                    wording.approval_ended(agency.name, row),
                    basis=ActBasis.OWN,
                    agency=agency,
                    counts_from=row.ends_at,
                )
        for row in rules:
            agency = self._parties.get(row.agency_id)
            if agency is not None:
                self._add(
                    ActKind.APPROVAL_REQUIRED if row.required else ActKind.APPROVAL_WAIVED,
                    wording.approval_rule(agency.name, row),
                    basis=ActBasis.OWN,
                    agency=agency,
                    acted_on=row.effective_on,
                    counts_from=row.starts_at,
                    recorded_by=agency,
                    recorded_at=row.recorded_at,
                )

    def of_proposals(self, edges: Collection[datetime | None]) -> None:
        """What was proposed to all; `edges` are where windows end, for an end on record that only some contest."""
        for each in self._found.proposals:
            silent = [
                report.agency.name
                for report in self._found.reported_acts
                if report.proposal_id == each.id and report.status == "uncontested"
            ]
            status = each.status
            self._add(
                _KINDS[each.kind],
                wording.proposed(each, silent, self._zone),
                basis=ActBasis.REPORT if each.ground == EndingGround.REPORTED else ActBasis.PROPOSAL,
                agency=each.proposed_by if each.kind == ProposalKind.DEPARTURE else None,
                acted_on=civil_day(each.proposed_at, self._zone),
                counts_from=self._proposal_counts_from(each, edges),
                status=ActStatus(status),
                reported_only=status is ProposalStatus.REPORTED or bool(silent),
                recorded_by=each.proposed_by,
                recorded_at=each.proposed_at,
                evidence=each.evidence,
                proposal_id=each.id,
            )

    def _proposal_counts_from(self, each: Proposal, edges: Collection[datetime | None]) -> datetime | None:
        if each.status in (ProposalStatus.TAKEN_BACK, ProposalStatus.CLOSED):
            return None
        if each.ground == EndingGround.REPORTED and each.agreed_at is None:
            if each.status is ProposalStatus.REPORTED:
                return self._found.terminated_at
            return each.not_before if each.not_before in edges else None
        return each.agreed_at

    def of_reports(self) -> None:
        """What is only reported: each report that did not become an act above. Comes last."""
        for each in self._found.reported_acts:
            if each.id in self._used:
                continue
            takes_effect = each.takes_effect_at if each.status == "uncontested" and each.proposal_id is None else None
            self._add(
                ActKind(each.kind),
                wording.reported(each, self._zone),
                basis=ActBasis.REPORT,
                agency=each.agency,
                acted_on=each.acted_on,
                counts_from=takes_effect,
                version_no=self._version_nos.get(each.version_sha256 or ""),
                status=ActStatus(each.status),
                reported_only=each.status != "confirmed",
                recorded_by=each.recorded_by,
                recorded_at=each.recorded_at,
                evidence=each.evidence,
                reported_act_id=each.id,
                proposal_id=each.proposal_id,
            )

    def _report_of(
        self, agency_id: UUID, kinds: Collection[ReportedKind], version_sha256: str | None
    ) -> ReportedAct | None:
        """The report that came to be the act; it is told of no second time."""
        for each in self._found.reported_acts:
            fits = each.agency.id == agency_id and each.kind in kinds and each.status in _IN_EFFECT
            if fits and each.id not in self._used and version_sha256 in (None, each.version_sha256):
                self._used.add(each.id)
                return each
        return None

    def numbered(self) -> list[TimelineAct]:
        """All of them in order of their days, with their numbers."""
        places = {agency_id: n for n, agency_id in enumerate(self._parties)}
        kinds = list(ActKind)

        def order(each: TimelineAct) -> tuple[Any, ...]:
            at = each.counts_from or each.recorded_at
            day = each.acted_on or (civil_day(at, self._zone) if at is not None else date.max)
            place = -1 if each.agency is None else places.get(each.agency.id, len(places))
            return (day, each.counts_from or _NEVER, kinds.index(each.kind), place, each.recorded_at or _NEVER)

        return [msgspec.structs.replace(each, act_no=n) for n, each in enumerate(sorted(self._all, key=order), 1)]


def marks_of(acts: Iterable[TimelineAct]) -> list[Mark]:
    """Where the acts may begin or end a window."""
    return [
        Mark(
            act_no=each.act_no,
            kind=each.kind,
            agency_id=None if each.agency is None else each.agency.id,
            counts_from=each.counts_from,
            version_no=each.version_no,
        )
        for each in acts
    ]


def contested_of(found: Agreement, acts: Iterable[TimelineAct], agency_id: UUID) -> list[int]:
    """What is reported of the party and contested, by itself or, of its departure, by another."""
    own = {each.id for each in found.proposals if each.proposed_by.id == agency_id}
    return [
        each.act_no
        for each in acts
        if each.status is ActStatus.CONTESTED
        and each.agency is not None
        and (each.agency.id == agency_id or each.proposal_id in own)
    ]
