"""Records of agreements, as deadlines are derived from them: a slice of agreements in at most ten statements.

An agency can have thousands of agreements and one of them nine hundred parties, so nothing is read per agreement, and
nothing of a slice is kept once its deadlines are known.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.deadlines.queries.beside import texts_beside
from registry.agreements.deadlines.queries.keeping import asked_the_most, basis_told, has_not_said
from registry.agreements.deadlines.queries.proofs import approvals_of, insurance_of
from registry.agreements.deadlines.retention import keeping
from registry.agreements.deadlines.rules import (
    ConsentDue,
    DeadlineKind,
    DutyDue,
    Gap,
    Keeping,
    Proof,
    Record,
    ReportDue,
    ReviewOutcome,
    TextBeside,
)
from registry.agreements.deadlines.tables import agreement_periodic_review, agreement_retention
from registry.agreements.duties.queries import FIRST_EFFECTIVE_ON, DutyFact, duties_of
from registry.agreements.duties.rules import DutyStatus
from registry.agreements.instruments.consent import (
    CONTEST_PERIOD,
    ProposalKind,
    ReportedKind,
    ReportStatus,
    asks_until,
)
from registry.agreements.instruments.consent_tables import (
    agreement_consent,
    agreement_pending,
    agreement_proposal,
    agreement_reported_act,
)
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.consents import reported_ends
from registry.agreements.instruments.queries.in_force import OPEN_END, is_superseded, text_shown_at
from registry.agreements.instruments.queries.lapsing import lapse, with_ends
from registry.agreements.instruments.queries.pending import read_without
from registry.agreements.instruments.queries.texts import is_executed_text
from registry.agreements.instruments.queries.visibility import (
    as_shown,
    closed_to,
    is_asked,
    is_party,
    reads_restricted,
    shared_with,
    told_of_act,
)
from registry.agreements.instruments.rules import AgreementKind, Stage
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_hold,
    agreement_party,
    agreement_signature,
    agreement_text_window,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.term_days import renewal_of
from registry.agreements.instruments.terms import Survival
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.intervals import earliest

SLICE = 500
_OF_A_TEXT = {DeadlineKind.EXPIRY, DeadlineKind.RENEWAL, DeadlineKind.LAST_NOTICE}

_ID = agreement.c.id.type
_OPEN = sa.literal(OPEN_END, type_=agreement.c.starts_at.type)


class _Terms(Struct):
    """What of an agreement's terms has a deadline."""

    insurance_required: bool | None = None
    clauses: dict[str, str] = {}
    surviving: tuple[Survival, ...] = ()


_read_terms = msgspec.json.Decoder(_Terms).decode
_names = msgspec.json.Decoder(list[str]).decode


def _of(table: sa.FromClause) -> sa.ColumnElement[bool]:
    criterion: sa.ColumnElement[bool] = table.c.agreement_id == agreement.c.id
    return criterion


_held, _next, _touching = (agreement_text_window.alias(name) for name in ("held", "next_text", "touching"))


def _gap_from() -> sa.ScalarSelect[Any]:
    """The last end of a text after which another begins, though not at once."""
    following = sa.select(sa.literal(1)).where(_of(_next), _next.c.starts_at > _held.c.ends_at)
    at_once = sa.select(sa.literal(1)).where(_of(_touching), _touching.c.starts_at == _held.c.ends_at)
    goes_on = following.correlate(agreement, _held).exists()
    return (
        sa.select(sa.func.max(_held.c.ends_at))
        .where(_of(_held), goes_on, ~at_once.correlate(agreement, _held).exists())
        .correlate(agreement)
        .scalar_subquery()
    )


def _gap_until() -> sa.ScalarSelect[Any]:
    """When the text begins that comes after the gap."""
    before = sa.select(sa.literal(1)).where(_of(_held), _held.c.ends_at == _next.c.starts_at)
    return (
        sa.select(sa.func.max(_next.c.starts_at))
        .where(_of(_next), ~before.correlate(agreement, _next).exists())
        .correlate(agreement)
        .scalar_subquery()
    )


def last_review(column: sa.Column[Any]) -> sa.ScalarSelect[Any]:
    """A column of the agreement's last periodic review."""
    reviews = agreement_periodic_review.c
    return (
        sa.select(column)
        .where(_of(agreement_periodic_review))
        .order_by(reviews.reviewed_on.desc(), reviews.id.desc())
        .limit(1)
        .correlate(agreement)
        .scalar_subquery()
    )


def _held_by() -> sa.ScalarSelect[Any]:
    """By whose authority the record is held, as far as that reaches the agency in the bind `viewer`."""
    told = told_of_act(agreement_hold, agreement_hold.c.placed_at)
    return (
        sa.select(agreement_hold.c.authority)
        .where(_of(agreement_hold), agreement_hold.c.lifted_at.is_(None), told)
        .order_by(agreement_hold.c.id)
        .limit(1)
        .correlate(agreement)
        .scalar_subquery()
    )


def _joined() -> sa.ScalarSelect[Any]:
    """How many have come to be parties, bound still or not."""
    return (
        sa.select(sa.func.count())
        .where(_of(agreement_party), agreement_party.c.joined_at.is_not(None))
        .correlate(agreement)
        .scalar_subquery()
    )


def _unratified() -> sa.ColumnElement[bool]:
    """A party that agreed by word of mouth has not signed yet what it agreed to, or what that became."""
    signed = (
        sa.select(sa.literal(1))
        .select_from(agreement_signature)
        .join(agreement_version, agreement_version.c.id == agreement_signature.c.version_id)
        .outerjoin(agreement_amendment, agreement_amendment.c.version_id == agreement_version.c.id)
        .where(
            is_executed_text(agreement_signature.c.agreement_id),
            agreement_signature.c.agreement_id == agreement_party.c.agreement_id,
            agreement_signature.c.agency_id == agreement_party.c.agency_id,
        )
        .correlate(agreement_party)
        .exists()
    )
    return (
        sa.select(sa.literal(1))
        .where(_of(agreement_party), agreement_party.c.verbally_at.is_not(None), sa.not_(signed))
        .correlate(agreement)
        .exists()
    )


_shown = agreement_version.alias("shown")
_COLUMNS = (
    *("id", "number", "title", "kind", "custodian_id", "stage", "time_zone", "executed_at", "effective_on"),
    *(
        "expires_on",
        "notice",
        "auto_renew_months",
        "auto_renew_times",
        "renewal_day",
        "review_every_months",
        "ratify_by",
    ),
    *("over_at", "over_by"),
)
_RECORDS = (
    sa.select(
        *(agreement.c[name] for name in _COLUMNS),
        *(as_shown(name).label(name) for name in ("version", "updated_at")),
        agreement_version.c.id.label("version_id"),
        _shown.c.terms,
        agency.c.state,
        agency.c.kind.label("custodian_kind"),
        asked_the_most(agreement_retention.c.years).label("years"),
        asked_the_most(basis_told()).label("basis"),
        has_not_said().label("unsaid"),
        FIRST_EFFECTIVE_ON.label("first_effective_on"),
        last_review(agreement_periodic_review.c.reviewed_on).label("reviewed_on"),
        last_review(agreement_periodic_review.c.outcome).label("outcome"),
        _held_by().label("held_by"),
        _joined().label("joined"),
        is_superseded().label("superseded"),
        _gap_from().label("gap_from"),
        _gap_until().label("gap_until"),
        agreement_pending.c.without,
        sa.case((agreement.c.ratify_by.is_(None), sa.false()), else_=_unratified()).label("unratified"),
    )
    .join(
        agreement_version,
        sa.and_(
            agreement_version.c.agreement_id == agreement.c.id, agreement_version.c.no == agreement.c.current_version
        ),
    )
    .join(_shown, _shown.c.id == sa.func.coalesce(text_shown_at(), agreement_version.c.id))
    .join(agency, agency.c.id == agreement.c.custodian_id)
    .outerjoin(
        agreement_pending,
        sa.and_(
            agreement_pending.c.agreement_id == agreement.c.id,
            agreement_pending.c.takes_effect_at > sa.bindparam("at", type_=agreement.c.starts_at.type),
        ),
    )
)
_ONE = _RECORDS.where(agreement.c.id == sa.bindparam("id", type_=_ID))
_report = agreement_reported_act
_REPORTS = (
    sa.select(
        *(_report.c[name] for name in ("id", "agreement_id", "agency_id", "kind", "acted_on", "notified_at")),
        agreement_proposal.c.successor_id,
    )
    .outerjoin(agreement_proposal, agreement_proposal.c.id == _report.c.proposal_id)
    .where(
        _report.c.agreement_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)),
        _report.c.status == ReportStatus.OPEN,
        ~_report.c.is_settled,
    )
    .order_by(_report.c.id)
)
_proposal, _consent = agreement_proposal, agreement_consent
# Who left, as another reported, answers that report and not the proposal.
_CONSENTS = with_ends(
    sa.select(_proposal, _consent.c.agency_id)
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
        _proposal.c.agreement_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)),
        _proposal.c.taken_back_at.is_(None),
        _consent.c.counts_from.is_(None),
        sa.or_(_proposal.c.kind != ProposalKind.DEPARTURE, _proposal.c.proposed_by_id != _consent.c.agency_id),
        _proposal.c.kind != ProposalKind.EARLIER_DAY,  # of days that are over: nothing falls due
    )
    .order_by(_proposal.c.id, _consent.c.agency_id)
)
# An end that is reported of a party has effect before its word, so it is asked though it need not be bound.
_REPORTED_ENDS = (
    sa.select(_proposal.c.id, _proposal.c.agreement_id, _proposal.c.not_before, _report.c.agency_id)
    .join(_report, _report.c.proposal_id == _proposal.c.id)
    .where(
        _proposal.c.agreement_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)),
        _proposal.c.id.in_(reported_ends()),
        _report.c.status.in_((ReportStatus.UNSECONDED, ReportStatus.UNCONFIRMED)),
    )
    .order_by(_proposal.c.id, _report.c.id)
)
_own, _term, _term_text, _notice = (
    agreement_party.alias("own"),
    agreement_version_dates.alias("its_term"),
    agreement_version.alias("its_text"),
    agreement_version_dates.alias("its_notice"),
)
# What the days of the agency in the bind `viewer` are of: see `instruments.party_days`.
_OF_VIEWER = (
    _RECORDS.add_columns(
        _own.c.term_version_id,
        _own.c.leaves_at,
        _own.c.released_at,
        _own.c.over_at.label("own_over_at"),
        _term.c.expires_on.label("term_expires_on"),
        _term.c.auto_renew_months.label("term_renew_months"),
        _term.c.auto_renew_times.label("term_renew_times"),
        _term.c.renewal_day.label("term_renewal_day"),
        _term_text.c.terms.label("term_terms"),
        _shown.c.restricted_terms,
        _term_text.c.restricted_terms.label("term_restricted_terms"),
        sa.case((_shown.c.restricted_terms.is_(None), sa.true()), else_=reads_restricted(of=_shown)).label("reached"),
        closed_to(of=_shown).label("closed"),
        _notice.c.notice.label("its_notice"),
    )
    .outerjoin(
        _own,
        sa.and_(_own.c.agreement_id == agreement.c.id, _own.c.agency_id == sa.bindparam("viewer", type_=_ID)),
    )
    .outerjoin(_term, _term.c.version_id == _own.c.term_version_id)
    .outerjoin(_term_text, _term_text.c.id == _own.c.term_version_id)
    .outerjoin(_notice, _notice.c.version_id == _own.c.notice_version_id)
)
_due_something = sa.or_(agreement.c.executed_at.is_not(None), agreement.c.ratify_by.is_not(None))


@cache
def _slice_statement(filters: frozenset[str]) -> sa.Select[Any]:
    """A slice of the agreements that the agency in the bind `viewer` sees in full and that make anything due."""
    statement = _OF_VIEWER.where(shared_with(), _due_something)
    if "agreement_id" in filters:
        statement = statement.where(agreement.c.id == sa.bindparam("agreement_id", type_=_ID))
    if "custodian" in filters:
        statement = statement.where(agreement.c.custodian_id == sa.bindparam("custodian", type_=_ID))
    if "party" in filters:
        statement = statement.where(is_party("party"))
    after = agreement.c.id > sa.bindparam("after", type_=_ID)
    return statement.where(after).order_by(agreement.c.id).limit(SLICE)


async def records(
    read: Read,
    viewer: UUID,
    now: datetime,
    filters: Mapping[str, UUID | None] | None = None,
    kinds: Collection[DeadlineKind] = (),
    *,
    cleared: bool = False,
) -> AsyncIterator[list[Record]]:
    """The agency's agreements, a slice at a time, of those that name the `filters`: agreement_id, party, custodian.

    For deadlines of some `kinds` only what these depend on is read. Who is not `cleared` for restricted text is told
    nothing of what it says, but for the duty of the own agency.
    """
    given = {name: value for name, value in (filters or {}).items() if value is not None}
    statement = _slice_statement(frozenset(given))
    after = UUID(int=0)
    while True:
        rows = await read.all_slowly(statement, {"viewer": viewer, "after": after, "at": now, **given})
        if rows:
            found = await _completed(read, rows, viewer, now, kinds)
            beside: Mapping[UUID, tuple[TextBeside, ...]] = {}
            if not kinds or _OF_A_TEXT & set(kinds):
                several = [row.id for row in rows if row.term_version_id is not None]
                without = {row.id: read_without(row.without) for row in rows if row.without is not None}
                beside = await texts_beside(read, viewer, several, without, now)
            yield [
                _as_told(
                    replace(_of_party(record, row, viewer), beside=beside.get(row.id, ())), row, viewer, cleared=cleared
                )
                for record, row in zip(found, rows, strict=True)
            ]
        if len(rows) < SLICE:
            return
        after = rows[-1].id


async def record_of(read: Read, agreement_id: UUID, viewer: UUID, now: datetime) -> Record:
    """One agreement's own record, without what its parties owe: for its end, its reviews and its retention."""
    row = await read.first(_ONE, {"id": agreement_id, "viewer": viewer, "at": now})
    assert row is not None
    return _record(row, _read_terms(row.terms), (), (), (), (), ())


def _of_party(record: Record, row: Row[Any], viewer: UUID) -> Record:
    """The record with the days of the party that asks: those of the texts that bind it, and its own departure."""
    did = None if row.without is None else read_without(row.without).party(viewer)
    leaves_at = earliest(row.leaves_at, row.released_at) if did is None else earliest(did.leaves_at, did.released_at)
    record = replace(record, leaves_at=leaves_at, own_over_at=row.own_over_at)
    if row.term_version_id is None:
        return record
    notice = read_notice(row.its_notice)
    if row.term_version_id == row.version_id:  # only its notice may be of another
        return replace(record, notice=notice)
    terms = _read_terms(row.term_terms)
    return replace(
        record,
        version_id=row.term_version_id,
        expires_on=row.term_expires_on,
        renewal=renewal_of(row.term_renew_months, row.term_renew_times, row.term_renewal_day),
        notice=notice,
        surviving=terms.surviving,
        gap=None,
    )


def _as_told(record: Record, row: Row[Any], viewer: UUID, *, cleared: bool) -> Record:
    """The record without what a restricted clause says, or a text that is closed to it, for whom that is not shown.

    That its own agency has to be insured it is told all the same: it has to be able to do it.
    """
    if cleared and row.reached and not row.closed:
        return record
    withheld = (
        {"surviving", "insurance_required"}
        if row.closed
        else {name for text in (row.restricted_terms, row.term_restricted_terms) for name in _names(text or b"[]")}
    )
    if "surviving" in withheld:
        record = replace(record, surviving=())
    if "insurance_required" in withheld:
        own = tuple(each for each in record.insurance if each.agency_id == viewer)
        record = replace(record, insurance=own, insurance_required=bool(own), insurance_provision=None)
    return record


async def _completed(
    read: Read, rows: Rows, viewer: UUID, now: datetime, kinds: Collection[DeadlineKind]
) -> list[Record]:
    def wanted(ids: Sequence[UUID], needed_for: DeadlineKind) -> Sequence[UUID]:
        return ids if not kinds or needed_for in kinds else ()

    terms = {row.id: _read_terms(row.terms) for row in rows}
    executed = [row.id for row in rows if row.executed_at is not None]
    zones = {row.id: row.time_zone for row in rows}
    insured = [agreement_id for agreement_id in executed if terms[agreement_id].insurance_required]
    filing = wanted(executed, DeadlineKind.FILING)
    duties = _due_duties(await duties_of(read, filing, now, viewer) if filing else ())
    needing = wanted(insured, DeadlineKind.INSURANCE)
    insurance = await insurance_of(read, needing, zones, now)
    answered = wanted(executed, DeadlineKind.ANSWER)
    reports = await _reports_of(read, answered)
    consents = await _consents_of(read, wanted(executed, DeadlineKind.CONSENT), now)
    approved = wanted(executed, DeadlineKind.APPROVAL)
    approvals = await approvals_of(read, approved, zones, now)
    return [
        _record(
            row,
            terms[row.id],
            tuple(duties.get(row.id, ())),
            tuple(insurance.get(row.id, ())),
            tuple(approvals.get(row.id, ())),
            tuple(reports.get(row.id, ())),
            tuple(consents.get(row.id, ())),
        )
        for row in rows
    ]


async def _reports_of(read: Read, ids: Sequence[UUID]) -> dict[UUID, list[ReportDue]]:
    found: dict[UUID, list[ReportDue]] = defaultdict(list)
    for row in await read.all(_REPORTS, {"ids": list(ids)}) if ids else ():
        found[row.agreement_id].append(
            ReportDue(
                id=row.id,
                agency_id=row.agency_id,
                kind=ReportedKind(row.kind),
                acted_on=None if row.successor_id is not None else row.acted_on,
                takes_effect_at=row.notified_at + CONTEST_PERIOD,
            )
        )
    return found


async def _consents_of(read: Read, ids: Sequence[UUID], now: datetime) -> dict[UUID, list[ConsentDue]]:
    """What waits for a party's own consent, of what names a day or comes to nothing on one."""
    found: dict[UUID, list[ConsentDue]] = defaultdict(list)
    for row in await read.all(_CONSENTS, {"ids": list(ids), "now": now}) if ids else ():
        ends = lapse(row)
        at = asks_until(row.proposed_at, row.not_before, ends)
        if at is None or (ends is not None and ends.has_come(row.agreed_at, now)):
            continue
        found[row.agreement_id].append(
            ConsentDue(
                id=row.id,
                agency_id=row.agency_id,
                kind=ProposalKind(row.kind),
                at=at,
                lapses=row.not_before == row.proposed_at,
                backdated=row.not_before < row.proposed_at,
            )
        )
    for row in await read.all(_REPORTED_ENDS, {"ids": list(ids)}) if ids else ():
        if row.agency_id not in {each.agency_id for each in found[row.agreement_id] if each.id == row.id}:
            found[row.agreement_id].append(
                ConsentDue(
                    id=row.id,
                    agency_id=row.agency_id,
                    kind=ProposalKind.END,
                    at=row.not_before,
                    lapses=False,
                    backdated=True,
                )
            )
    return found


def _due_duties(facts: Iterable[DutyFact]) -> dict[UUID, list[DutyDue]]:
    found: dict[UUID, list[DutyDue]] = defaultdict(list)
    for duty in facts:
        if duty.status in (DutyStatus.PENDING, DutyStatus.MET):
            found[duty.agreement_id].append(
                DutyDue(
                    id=duty.id,
                    agency_id=duty.agency_id,
                    title=duty.title,
                    citation=duty.citation,
                    due_on=duty.due_on,
                    met=duty.status is DutyStatus.MET,
                    reminder=duty.reminder,
                    condition=duty.condition,
                )
            )
    return found


def _record(
    row: Row[Any],
    terms: _Terms,
    duties: tuple[DutyDue, ...],
    insurance: tuple[Proof, ...],
    approvals: tuple[Proof, ...],
    reports: tuple[ReportDue, ...],
    consents: tuple[ConsentDue, ...],
) -> Record:
    superseded = row.superseded if row.without is None else read_without(row.without).is_superseded
    return Record(
        id=row.id,
        number=row.number,
        title=row.title,
        kind=row.kind,
        custodian_id=row.custodian_id,
        version_id=row.version_id,
        stage=Stage.SUPERSEDED if superseded else Stage(row.stage),
        time_zone=row.time_zone,
        executed=row.executed_at is not None,
        effective_on=row.effective_on,
        expires_on=row.expires_on,
        notice=read_notice(row.notice),
        renewal=renewal_of(row.auto_renew_months, row.auto_renew_times, row.renewal_day),
        first_effective_on=row.first_effective_on or row.effective_on,
        surviving=terms.surviving,
        gap=None if row.gap_from is None else Gap(row.gap_from, row.gap_until),
        review_every_months=row.review_every_months,
        last_reviewed_on=row.reviewed_on,
        binds=row.joined >= 2,
        let_end=row.outcome == ReviewOutcome.TERMINATE,
        ratify_by=row.ratify_by,
        ratified=not row.unratified,
        over_at=row.over_at,
        over_by=row.over_by,
        insurance_required=bool(terms.insurance_required),
        insurance_provision=terms.clauses.get("insurance_required"),
        insurance=insurance,
        approvals=approvals,
        duties=duties,
        reports=reports,
        consents=consents,
        keeping=keeping(
            AgreementKind(row.kind),
            row.state,
            row.custodian_kind,
            None if row.years is None else Keeping(years=row.years, citation=row.basis),
            all_said=not row.unsaid,
        ),
        held_by=row.held_by,
        version=row.version,
        changed_at=row.updated_at,
    )
