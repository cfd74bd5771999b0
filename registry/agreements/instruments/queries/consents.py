"""What is reported, proposed and consented to, as those see it whom it concerns, and what waits for whose answer."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import (
    CONTEST_PERIOD,
    LEAVING,
    UNANSWERED,
    EndingGround,
    ProposalKind,
    ProposalStatus,
    ReportedKind,
    ReportStatus,
    in_effect_from,
    proposal_status,
)
from registry.agreements.instruments.consent_tables import (
    agreement_consent,
    agreement_proposal,
    agreement_publication,
    agreement_publication_consent,
    agreement_reported_act,
)
from registry.agreements.instruments.delivery import read_deliveries, shown_deliveries
from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.evidence import NO_PAPERS, Papers, shown_evidence
from registry.agreements.instruments.queries.lapsing import lapse, outlives, with_ends
from registry.agreements.instruments.queries.visibility import (
    administers,
    is_asked,
    known_to,
    reaches_parties,
    told_of_act,
)
from registry.agreements.instruments.schemas.consenting import ConsentGiven, Proposal, ReportedAct, ShownStatus
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.actions import AllowedAction

Offers: TypeAlias = Callable[[Row[Any]], Awaitable[list[AllowedAction]]]
"""What the caller may do to the report of that row."""

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_NOW = sa.bindparam("now", type_=agreement.c.starts_at.type)
_report, _proposal, _consent = agreement_reported_act, agreement_proposal, agreement_consent
_publication, _word = agreement_publication, agreement_publication_consent
_NAMES = sa.select(agency.c.id, agency.c.name).where(
    agency.c.id.in_(sa.bindparam("ids", type_=agency.c.id.type, expanding=True))
)
_SAID_OF = (
    sa.select(
        *(_report.c[name] for name in ("id", "proposal_id", "agency_id", "counts_at")),
        sa.and_(_report.c.status.in_(UNANSWERED), ~_report.c.is_settled).label("unanswered"),
    )
    .where(
        _report.c.agreement_id == _ID,
        _report.c.proposal_id.is_not(None),
        _report.c.status.not_in((ReportStatus.TAKEN_BACK, ReportStatus.REPLACED)),
    )
    .order_by(_report.c.id)
)
_REPORTS = (
    sa.select(
        _report,
        _proposal.c.successor_id,
        sa.or_(_proposal.c.evidence_sha256.is_not(None), _proposal.c.evidence_location.is_not(None)).label(
            "has_own_evidence"
        ),
    )
    .outerjoin(_proposal, _proposal.c.id == _report.c.proposal_id)
    .where(_report.c.agreement_id == _ID)
    .order_by(_report.c.id)
)
_successor = agreement.alias("successor")
_PROPOSALS = with_ends(
    sa.select(
        _proposal,
        _successor.c.id.label("known_successor_id"),
        _consent.c.agency_id,
        _consent.c.counts_from,
        agreement_party.c.agency_id.is_not(None).label("is_asked"),
    )
    .outerjoin(_consent, _consent.c.proposal_id == _proposal.c.id)
    .outerjoin(
        agreement_party,
        sa.and_(
            agreement_party.c.agreement_id == _proposal.c.agreement_id,
            agreement_party.c.agency_id == _consent.c.agency_id,
            is_asked(),
        ),
    )
    .where(_proposal.c.agreement_id == _ID)
    .order_by(_proposal.c.id, agreement_party.c.ordinal, _consent.c.agency_id)
)


def _with_known_successor(statement: sa.Select[Any]) -> dict[bool, sa.Select[Any]]:
    """The statement with the successor where the bind `viewer` may know of it; by whether it is the administrator."""
    return {
        who: statement.outerjoin(
            _successor, sa.and_(_successor.c.id == _proposal.c.successor_id, known_to(administrator=who, of=_successor))
        )
        for who in (False, True)
    }


_SHOWN = _with_known_successor(_PROPOSALS)
_SHOWN_REPORTS = _with_known_successor(_REPORTS.add_columns(_successor.c.id.label("known_successor_id")))


_VIEWER = sa.bindparam("viewer", type_=agreement.c.id.type)
_asked_for = sa.exists().where(_consent.c.proposal_id == _proposal.c.id, _consent.c.agency_id == _VIEWER)
_asked_with = sa.exists().where(_consent.c.proposal_id == _report.c.proposal_id, _consent.c.agency_id == _VIEWER)
# What is reported together with a proposal, a departure, is put to all who are asked of that.
_reporter = sa.case((_asked_with, sa.null()), else_=_report.c.recorded_by_id)
_TOLD = sa.union_all(
    sa.select(_report.c.id).where(
        _report.c.agreement_id == _ID,
        sa.or_(_report.c.recorded_by_id == _VIEWER, told_of_act(_report, _report.c.recorded_at, made_by=_reporter)),
    ),
    sa.select(_proposal.c.id).where(
        _proposal.c.agreement_id == _ID,
        sa.or_(
            _proposal.c.proposed_by_id == _VIEWER,
            reaches_parties(_proposal.c.agreement_id, _proposal.c.proposed_at, made_by=_proposal.c.proposed_by_id),
            _asked_for,
        ),
    ),
)


async def acts_told_to(read: Read, agreement_id: UUID, viewer: UUID) -> set[UUID]:
    """The ids of the reported acts and proposals that the agency is told of: its own, and those put to it.

    And those that reach it: see `visibility.reaches_parties`.
    """
    return {row.id for row in await read.all(_TOLD, {"id": agreement_id, "viewer": viewer})}


async def reported_acts(
    read: Read, principal: Principal, agreement_id: UUID, now: datetime, offers: Offers, papers: Papers, *, whole: bool
) -> list[ReportedAct]:
    """What was reported in the agreement, in order; for who does not see it `whole` only what its own agency reported.

    Of a signature to a successor neither day nor text is told to who may not know of that agreement. `offers` says of a
    report's row what the caller may do to it.
    """
    asked = {"id": agreement_id, "viewer": principal.agency_id}
    rows = [
        row
        for row in await read.fast(_SHOWN_REPORTS[administers(principal)], asked)
        if whole or row.recorded_by_id == principal.agency_id
    ]
    ids = {each for row in rows for each in (row.agency_id, row.recorded_by_id)}
    ids |= {each.agency_id for row in rows for each in read_deliveries(row.deliveries)}
    names = await _named(read, ids)
    return [_reported(row, now, names, await offers(row), papers, whole=whole) for row in rows]


async def _named(read: Read, ids: Collection[UUID]) -> dict[UUID, AgencyReference]:
    """The agencies of these ids, with their names."""
    if not ids:
        return {}
    return {row.id: AgencyReference(id=row.id, name=row.name) for row in await read.all(_NAMES, {"ids": list(ids)})}


def _evidence(row: Row[Any], status: ReportStatus, papers: Papers, *, whole: bool) -> Evidence:
    """A restricted document is on file only for a report that it carries: nobody learns by a hash what there is."""
    found = shown_evidence(row.evidence_sha256, row.evidence_location, papers, row.recorded_by_id, whole=whole)
    assert found is not None
    legible = row.evidence_sha256 is not None and papers.filed.get(row.evidence_sha256) is not None
    return msgspec.structs.replace(found, on_file=found.on_file and (legible or status is ReportStatus.OPEN))


def _reported(
    row: Row[Any],
    now: datetime,
    names: Mapping[UUID, AgencyReference],
    actions: list[AllowedAction],
    papers: Papers,
    *,
    whole: bool,
) -> ReportedAct:
    hidden = row.successor_id is not None and row.known_successor_id is None
    status = ReportStatus(row.status)
    effect_from = in_effect_from(status, row.notified_at, row.answered_at)
    shown: str = status
    if status is ReportStatus.OPEN and effect_from is not None and effect_from <= now:
        shown = "uncontested"
    return ReportedAct(
        id=row.id,
        agency=names[row.agency_id],
        kind=row.kind,
        acted_on=None if hidden or (row.kind == ReportedKind.WAS_ASKED and row.notified_at is None) else row.acted_on,
        version_sha256=row.version_sha256,
        signatory_title=row.signatory_title,
        notice_kind=row.notice_kind,
        leaves_on=row.leaves_on,
        deliveries=shown_deliveries(row.deliveries, {each.id: each.name for each in names.values()}),
        would_leave_at=row.counts_at if row.kind in LEAVING else None,
        evidence=None if hidden and not row.has_own_evidence else _evidence(row, status, papers, whole=whole),
        reason=row.reason,
        recorded_by=names[row.recorded_by_id],
        recorded_at=row.recorded_at,
        notified_at=row.notified_at,
        status=cast(ShownStatus, shown),
        because=row.because if status is ReportStatus.UNCONFIRMED else None,
        takes_effect_at=effect_from,
        answer=row.answer_reason,
        proposal_id=row.proposal_id,
        duty_id=row.duty_id,
        allowed_actions=actions,
    )


async def proposals(
    read: Read,
    principal: Principal,
    agreement_id: UUID,
    now: datetime,
    without: Without | None,
    papers: Papers = NO_PAPERS,
) -> list[Proposal]:
    """What was proposed to all, in order, where it stands, with who has consented and who has not.

    A consent that is only reported is outstanding until the report takes effect (`without`). Of an end that was
    reported by who is no party, the word of each party that it names is, whether it is bound or not. The agreement that
    is to take this one's place is named to those alone that may know of it.
    """
    groups: dict[UUID, list[Row[Any]]] = {}
    asked = {"id": agreement_id, "now": now, "viewer": principal.agency_id}
    for row in await read.fast(_SHOWN[administers(principal)], asked):
        groups.setdefault(row.id, []).append(row)
    newcomers = {rows[0].id: newcomers_of(rows[0]) for rows in groups.values()}
    ids = {row.proposed_by_id for rows in groups.values() for row in rows} | {
        n for ids in newcomers.values() for n in ids
    }
    ids |= {row.agency_id for rows in groups.values() for row in rows if row.agency_id is not None}
    names = await _named(read, ids)
    said: dict[UUID, list[tuple[AgencyReference, Row[Any]]]] = {
        each: [] for each, rows in groups.items() if rows[0].ground == EndingGround.REPORTED
    }
    if said:
        said_of = [row for row in await read.all(_SAID_OF, {"id": agreement_id}) if row.proposal_id in said]
        parties = await _named(read, {row.agency_id for row in said_of})
        for row in said_of:
            said[row.proposal_id].append((parties[row.agency_id], row))
    return [_shown(rows, newcomers[each], names, papers, now, without, said.get(each)) for each, rows in groups.items()]


def as_far_as_agreed(found: Iterable[Proposal]) -> list[Proposal]:
    """The proposals, those that are only reported without an instant: nobody agrees to what it has not confirmed."""
    return [
        msgspec.structs.replace(each, agreed_at=None)
        if each.ground == EndingGround.REPORTED and each.outstanding
        else each
        for each in found
    ]


def proposed_already(
    found: Iterable[Proposal],
    kind: ProposalKind,
    agency_id: UUID,
    left: Collection[UUID],
    newcomer_ids: Collection[UUID] = (),
) -> str | None:
    """Why the agency cannot propose that: the like of it waits for consents, with what there is to do about it.

    Of newcomers that is a proposal to let one of the same agencies sign. What one proposed that has `left` bars
    nothing: nobody could take it back.
    """
    for each in found:
        others = bool(newcomer_ids) and not any(party.id in newcomer_ids for party in each.newcomers)
        over = each.status in (ProposalStatus.TAKEN_BACK, ProposalStatus.CLOSED)
        if each.kind != kind or over or each.agreed_at is not None or others or each.proposed_by.id in left:
            continue
        if each.ground == EndingGround.REPORTED:
            continue  # of what an outsider recorded nobody here can be asked to have it taken back
        waits = ", ".join(party.name for party in each.outstanding) or "nobody's consent"
        if each.proposed_by.id == agency_id:
            return (
                f"Your agency has proposed that already. It waits for {waits}; take it back to propose something else."
            )
        return (
            f"{each.proposed_by.name} has proposed that already, and it waits for {waits}: consent to it, or have it "
            "taken back first."
        )
    return None


def without_contested(found: Iterable[Proposal], contested: Collection[UUID | None]) -> list[Proposal]:
    """The proposals that bar others of their kind: not those to which a party has said no, of what was reported of it.

    Who said no to one day may yet agree to another, and who recorded that one would keep everybody from asking.
    """
    return [each for each in found if each.id not in contested]


def newcomers_of(row: Row[Any]) -> tuple[UUID, ...]:
    """The agencies that a proposal would let sign."""
    return () if row.newcomer_ids is None else msgspec.json.decode(row.newcomer_ids, type=tuple[UUID, ...])


def _shown(
    rows: Sequence[Row[Any]],
    newcomers: Sequence[UUID],
    names: Mapping[UUID, AgencyReference],
    papers: Papers,
    now: datetime,
    without: Without | None,
    said: Sequence[tuple[AgencyReference, Row[Any]]] | None,
) -> Proposal:
    """`said`: of an end that was reported, what is reported of each party that it names; None for anything else."""
    unsaid = None if said is None else [party for party, report in said if report.unanswered]
    row = rows[0]
    asked = [each for each in rows if each.agency_id is not None]
    because, ends = row.closed_because, lapse(row)
    if row.taken_back_at is None and ends is not None and ends.has_come(row.agreed_at, now):
        because = ends.because
    over = row.taken_back_at is not None or because is not None
    pending = {
        each.agency_id: report_id
        for each in asked
        if without is not None and (report_id := without.report_of_consent(each.agency_id, row.id)) is not None
    }
    given = {each.agency_id: None if each.agency_id in pending else each.counts_from for each in asked}
    open_ = {each.agency_id for each in asked if each.is_asked and given[each.agency_id] is None and not over}
    status = proposal_status(
        taken_back_at=row.taken_back_at,
        closed_because=because,
        agreed_at=None if open_ else row.agreed_at,
        given=[each.counts_from for each in asked],
        now=now,
        only_reported=bool(unsaid),
    )
    consents = [
        ConsentGiven(agency=names[agency_id], counts_from=counts_from, pending_report_id=pending.get(agency_id))
        for agency_id, counts_from in given.items()
    ]
    # Nobody need be bound by what was over on record, so each party's word is its answer to what is reported of it.
    consents += [
        ConsentGiven(
            agency=party,
            counts_from=None if report.unanswered else report.counts_at,
            pending_report_id=report.id if report.unanswered else None,
        )
        for party, report in said or ()
        if report.agency_id not in given
    ]
    outstanding = [names[agency_id] for agency_id in given if agency_id in open_]
    if unsaid is not None and not over:
        outstanding = unsaid
    return Proposal(
        id=row.id,
        kind=row.kind,
        status=status,
        closed_because=because,
        ground=row.ground,
        clause=row.clause,
        proposed_by=names[row.proposed_by_id],
        proposed_at=row.proposed_at,
        not_before=row.not_before,
        ends_at=row.ends_at,
        notice_on=row.notice_on,
        reason=row.reason,
        evidence=shown_evidence(row.evidence_sha256, row.evidence_location, papers, row.proposed_by_id),
        newcomers=[names[each] for each in newcomers],
        by_agreement_id=row.known_successor_id,
        agreed_at=row.agreed_at if without is None else without.agreed_at(row.id),
        consents=consents,
        outstanding=outstanding,
        allowed_actions=[],
    )


def reported_ends() -> sa.Select[Any]:
    """The ends that were recorded of others, such as of a tracker's row, and that nobody took back."""
    its = agreement_proposal.alias("reported_end")
    return sa.select(its.c.id).where(its.c.ground == EndingGround.REPORTED, its.c.taken_back_at.is_(None))


def awaits(agency_bind: str = "viewer", of: sa.FromClause = agreement) -> sa.ColumnElement[bool]:
    """Agreements in which a report, a proposal or a publication waits for the agency's answer at `now`.

    What waits for a second operator asks only the custodian, whose file it is in; others can see and answer it. An end
    reads as one meanwhile where nobody is bound, so each party of which it is reported is asked at once.
    """
    agency_id = sa.bindparam(agency_bind, type_=agreement.c.id.type)
    long_ago = sa.bindparam("contestable_from", type_=agreement.c.starts_at.type)
    kept = sa.select(agreement.c.id).where(agreement.c.custodian_id == agency_id)
    reports = sa.select(_report.c.agreement_id).where(
        _report.c.agency_id == agency_id,
        sa.or_(
            _report.c.status == ReportStatus.UNCONFIRMED,
            sa.and_(
                _report.c.status == ReportStatus.UNSECONDED,
                sa.or_(_report.c.agreement_id.in_(kept), _report.c.proposal_id.in_(reported_ends())),
            ),
            sa.and_(_report.c.status == ReportStatus.OPEN, _report.c.notified_at > long_ago),
        ),
    )
    consents = (
        sa.select(_proposal.c.agreement_id)
        .join(_consent, _consent.c.proposal_id == _proposal.c.id)
        .join(
            agreement_party,
            sa.and_(
                agreement_party.c.agreement_id == _proposal.c.agreement_id,
                agreement_party.c.agency_id == _consent.c.agency_id,
                is_asked(),
            ),
        )
        .where(
            _proposal.c.taken_back_at.is_(None),
            _consent.c.agency_id == agency_id,
            _consent.c.counts_from.is_(None),
            outlives(),
        )
    )
    words = (
        sa.select(_publication.c.agreement_id)
        .join(_word, _word.c.publication_id == _publication.c.id)
        .where(_word.c.agency_id == agency_id, _word.c.agrees.is_(None))
    )
    return of.c.id.in_(sa.union(reports, consents, words))


def contestable_from(now: datetime) -> datetime:
    """Reports of which a party was notified after this can still be contested."""
    return now - CONTEST_PERIOD
