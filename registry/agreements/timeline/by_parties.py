"""What each party did: its signatures, word, notice and own pauses, and its governing body's approvals. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from registry.agreements.instruments.consent import ReportedKind
from registry.agreements.instruments.schemas.consenting import ReportedAct
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.schemas.shown import AgreementParty
from registry.agreements.timeline import wording
from registry.agreements.timeline.acts import Acts
from registry.agreements.timeline.rules import ActBasis, ActKind, ActStatus
from registry.platform.kernel.time import FIRST_DAY


def of_signatures(
    acts: Acts,
    rows: Sequence[Any],
    evidence: Mapping[UUID, Evidence | None],
    waiting: Mapping[int, wording.Waiting],
) -> None:
    """The signatures, with the `evidence` by their ids; to what is `waiting`, by its number, as signed and no more."""
    today = acts.days.first(acts.days.now)
    for row in rows:
        agency = acts.parties.get(row.agency_id)
        if agency is None:
            continue
        acts.version_nos[row.sha256] = row.version_no
        report = acts.report_of(row.agency_id, (ReportedKind.SIGNED,), row.sha256)
        detail = wording.signed(agency.name, row, report, acts.days)
        text = waiting.get(row.version_no)
        acts.add(
            ActKind.SIGNED,
            detail if text is None else detail + wording.not_in_force(text, today),
            basis=ActBasis.REPORT if row.manner == "reported" else ActBasis.OWN,
            agency=agency,
            acted_on=row.signed_on,
            counts_from=(row.counts_from or row.recorded_at) if text is None else None,
            version_no=row.version_no,
            status=None if report is None else ActStatus(report.status),
            reported_only=row.manner == "reported",
            recorded_by=agency if report is None else report.recorded_by,
            recorded_at=row.recorded_at,
            evidence=evidence[row.id],
            reported_act_id=None if report is None else report.id,
        )


def of_parties(acts: Acts, dissolved: Mapping[UUID, datetime | None], recorded: Mapping[UUID, datetime | None]) -> None:
    """What each party did beside signing: its word, its notice, and by what else it left.

    `dissolved`: when the agency was; `recorded`: when it recorded its own notice here. Comes after the signatures
    and what was proposed.
    """
    for party in acts.found.parties:
        name = party.agency.name
        if party.verbally_at is not None:
            _said_yes(acts, party, party.verbally_at)
        _left(acts, party, dissolved[party.agency.id], recorded[party.agency.id])
        if party.released_at is not None:
            acts.add(
                ActKind.RELEASED,
                wording.released(name, party.released_at, acts.found.superseded_by, acts.days),
                basis=ActBasis.PROPOSAL,
                agency=party.agency,
                counts_from=party.released_at,
            )
        if party.joined_at is not None and not acts.counts(party.agency.id, party.joined_at):
            acts.add(
                ActKind.JOINED,
                wording.joined(name),
                basis=ActBasis.OWN,
                agency=party.agency,
                counts_from=party.joined_at,
            )


def _said_yes(acts: Acts, party: AgreementParty, at: datetime) -> None:
    report = acts.report_of(party.agency.id, (ReportedKind.AGREED_VERBALLY,), None)
    by_report = report is not None and report.status != "confirmed"
    said_on = acts.days.of(party.agency.id, at)
    if report is not None and report.acted_on is not None:
        said_on = report.acted_on
    acts.add(
        ActKind.AGREED_VERBALLY,
        wording.agreed_verbally(party.agency.name, said_on, report),
        basis=ActBasis.REPORT if by_report else ActBasis.OWN,
        agency=party.agency,
        acted_on=said_on,
        counts_from=at,
        status=None if report is None else ActStatus(report.status),
        reported_only=by_report,
        recorded_by=None if report is None else report.recorded_by,
        recorded_at=None if report is None else report.recorded_at,
        evidence=None if report is None else report.evidence,
        reported_act_id=None if report is None else report.id,
    )
    ratify_by = acts.found.ratify_by
    if ratify_by is not None and acts.signed_from(party.agency.id) > ratify_by:
        acts.add(
            ActKind.NOT_RATIFIED,
            wording.not_ratified(party.agency.name, ratify_by, acts.days),
            basis=ActBasis.TEXT,
            agency=party.agency,
            counts_from=ratify_by,
        )


def _left(acts: Acts, party: AgreementParty, dissolved_at: datetime | None, recorded_at: datetime | None) -> None:
    """By what the party left: it was dissolved, gave notice, or left otherwise, which is no notice.

    Who would leave only after the agreement had ended leaves nothing: that it said so is told, and no departure.
    """
    agency, leaves_at = party.agency, party.leaves_at
    if dissolved_at is not None and leaves_at == dissolved_at:
        acts.add(
            ActKind.DISSOLVED,
            wording.dissolved(agency.name, dissolved_at, acts.days),
            basis=ActBasis.REGISTRATION,
            agency=agency,
            counts_from=dissolved_at,
        )
        leaves_at = None
    in_vain = ""
    if leaves_at is not None and acts.over_at is not None and leaves_at > acts.over_at:
        in_vain = wording.in_vain(acts.days.last(acts.over_at))
    counts_from = None if in_vain else leaves_at
    if party.withdrawal_notice_on is not None:
        report = None
        if recorded_at is None:
            report = acts.report_of(agency.id, (ReportedKind.GAVE_NOTICE,), None)
        detail = wording.gave_notice(party, counts_from, recorded_at, report, acts.days)
        _add_departure(acts, ActKind.GAVE_NOTICE, party, detail + in_vain, counts_from, recorded_at, report)
    elif leaves_at is not None:
        report = acts.report_of(agency.id, (ReportedKind.WITHDREW,), None)
        if report is not None or not (in_vain or acts.counts(agency.id, leaves_at)):
            detail = wording.left(party, leaves_at, report, acts.days)
            _add_departure(acts, ActKind.WITHDREW, party, detail + in_vain, counts_from, None, report)


def _add_departure(
    acts: Acts,
    kind: ActKind,
    party: AgreementParty,
    detail: str,
    counts_from: datetime | None,
    recorded_at: datetime | None,
    report: ReportedAct | None,
) -> None:
    by_report = report is not None and report.status != "confirmed"
    acts.add(
        kind,
        detail,
        basis=ActBasis.REPORT if by_report else ActBasis.OWN,
        agency=party.agency,
        acted_on=party.withdrawal_notice_on if report is None else report.acted_on,
        counts_from=counts_from,
        status=None if report is None else ActStatus(report.status),
        reported_only=by_report,
        recorded_by=party.agency if report is None else report.recorded_by,
        recorded_at=recorded_at if report is None else report.recorded_at,
        evidence=party.notice_evidence if report is None else report.evidence,
        reported_act_id=None if report is None else report.id,
    )


def of_receipts_corrected(acts: Acts, corrected: Iterable[wording.Corrected]) -> None:
    """Each correction of the day on which a party received another's notice."""
    for each in corrected:
        agency, giver = acts.parties.get(each.agency_id), acts.parties.get(each.giver_id)
        if agency is not None and giver is not None:
            acts.add(
                ActKind.RECEIPT_CORRECTED,
                wording.corrected_receipt(agency.name, giver.name, each, acts.days),
                basis=ActBasis.OWN,
                agency=agency,
                acted_on=acts.days.of(agency.id, each.at),
                recorded_by=agency,
                recorded_at=each.at,
            )


def of_notices_taken_back(acts: Acts, taken: Iterable[tuple[wording.TakenBack, Evidence | None]]) -> None:
    """Each notice that was taken back, with its evidence, and that it was. Comes before what the parties did."""
    for each, evidence in taken:
        agency = acts.parties.get(each.agency_id)
        if agency is None:
            continue
        report = acts.report_of(agency.id, (ReportedKind.GAVE_NOTICE,), None) if each.given is None else None
        by_report = report is not None and report.status != "confirmed"
        source = each.given or report
        if source is not None:
            acts.add(
                ActKind.GAVE_NOTICE,
                wording.notice_in_vain(agency.name, each, report, acts.days),
                basis=ActBasis.REPORT if by_report else ActBasis.OWN,
                agency=agency,
                acted_on=source.acted_on,
                status=ActStatus.TAKEN_BACK,
                reported_only=by_report,
                recorded_by=agency if report is None else report.recorded_by,
                recorded_at=source.recorded_at,
                evidence=evidence if report is None else report.evidence,
                reported_act_id=None if report is None else report.id,
            )
        acts.add(
            ActKind.NOTICE_TAKEN_BACK,
            wording.took_notice_back(agency.name, each, source, acts.days),
            basis=ActBasis.OWN,
            agency=agency,
            acted_on=acts.days.of(agency.id, each.at),
            recorded_by=agency,
            recorded_at=each.at,
        )


def of_pauses(acts: Acts, pauses: Iterable[tuple[UUID, datetime, datetime | None]]) -> None:
    """That a party suspended its own participation, and resumed it."""
    for agency_id, starts_at, ends_at in pauses:
        agency = acts.parties[agency_id]
        for kind, at, said in (
            (ActKind.PARTICIPATION_SUSPENDED, starts_at, wording.SUSPENDED_ITSELF),
            (ActKind.PARTICIPATION_REINSTATED, ends_at, wording.REINSTATED_ITSELF),
        ):
            if at is not None:
                detail = wording.told(said, at, acts.days).format(agency.name)
                acts.add(kind, detail, basis=ActBasis.OWN, agency=agency, counts_from=at)


def of_governing_bodies(
    acts: Acts, approvals: Iterable[Any], rules: Iterable[Any], evidence: Mapping[UUID, Evidence | None]
) -> None:
    """What the parties' governing bodies approved, until when, and from when they had to."""
    for row in approvals:
        agency = acts.parties.get(row.agency_id)
        if agency is None:
            continue
        acts.add(
            ActKind.APPROVED,
            wording.approved(agency.name, row),
            basis=ActBasis.OWN,
            agency=agency,
            acted_on=row.approved_on,
            counts_from=row.counts_from,
            version_no=row.version_no,
            recorded_by=agency,
            recorded_at=row.recorded_at,
            evidence=evidence[row.id],
        )
        if row.expires_on is not None:
            acts.add(
                ActKind.APPROVAL_ENDED,
                wording.approval_ended(agency.name, row, acts.days),
                basis=ActBasis.OWN,
                agency=agency,
                counts_from=row.ends_at,
                version_no=row.version_no,
            )
    for row in rules:
        agency = acts.parties.get(row.agency_id)
        if agency is not None:
            acts.add(
                ActKind.APPROVAL_REQUIRED if row.required else ActKind.APPROVAL_WAIVED,
                wording.approval_rule(agency.name, row),
                basis=ActBasis.OWN,
                agency=agency,
                acted_on=None if row.effective_on == FIRST_DAY else row.effective_on,
                counts_from=None if row.effective_on == FIRST_DAY else row.starts_at,
                recorded_by=agency,
                recorded_at=row.recorded_at,
            )
