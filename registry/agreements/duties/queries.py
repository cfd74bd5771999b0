"""Duties of agreements: those that arise by statute, and those on file."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.documents.queries import legible_on_file
from registry.agreements.duties.rules import (
    TRANSITIONS,
    DutyAction,
    DutyStatus,
    ProofKind,
    ProofStatus,
    arising,
    due_on,
    duty_id,
    duty_rules,
    falls_on,
    why_closed,
)
from registry.agreements.duties.schemas import Duty, DutyPage
from registry.agreements.duties.tables import agreement_duty
from registry.agreements.instruments.consent import ReportedKind, ReportStatus, in_effect_from
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.evidence import papers_on_file
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.visibility import told_of_act
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.tables import (
    agreement,
    agreement_party,
    agreement_text_window,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.law.rules import Matter, Party
from registry.directory.agencies.queries import references
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import NewestFirst, cut, decode_cursor
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import Forbidden, NotFound
from registry.platform.kernel.time import civil_day, day_ends_at

_IDS = sa.bindparam("ids", type_=agreement.c.id.type, expanding=True)
_STORED = sa.select(agreement_duty).where(agreement_duty.c.agreement_id.in_(_IDS)).order_by(agreement_duty.c.id)
_CLOSED_BY_IT = agreement_duty.c.closed_by == sa.bindparam("viewer", type_=agreement.c.id.type)
_STORED_AS_TOLD = _STORED.add_columns(
    sa.or_(_CLOSED_BY_IT, told_of_act(agreement_duty, agreement_duty.c.entered_at)).label("told"),
    sa.or_(
        _CLOSED_BY_IT,
        told_of_act(agreement_duty, agreement_duty.c.closed_at, made_by=agreement_duty.c.closed_by),
    ).label("end_told"),
)
_REPORTED = (
    sa.select(agreement_reported_act)
    .where(
        agreement_reported_act.c.agreement_id.in_(_IDS),
        sa.or_(
            agreement_reported_act.c.kind == ReportedKind.OWES_DUTY,
            sa.and_(
                agreement_reported_act.c.kind == ReportedKind.FULFILLED_DUTY,
                agreement_reported_act.c.status.not_in((ReportStatus.TAKEN_BACK, ReportStatus.REPLACED)),
            ),
        ),
    )
    .order_by(agreement_reported_act.c.id)
)

FIRST_EFFECTIVE_ON = (
    sa.select(sa.func.min(agreement_version_dates.c.effective_on))
    .select_from(
        agreement_text_window.join(
            agreement_version_dates, agreement_version_dates.c.version_id == agreement_text_window.c.version_id
        )
    )
    .where(agreement_text_window.c.agreement_id == agreement.c.id)
    .correlate(agreement)
    .scalar_subquery()
)
"""When the agreement first took effect, whatever amendments and renewals came after."""

_rules = duty_rules()
_STATES = sorted({state for rule in _rules for state in rule.law.applies_to.states})
_KINDS = sorted({kind for rule in _rules for kind in rule.law.applies_to.instruments or AgreementKind})
_custodian_first = sa.case((agreement_party.c.agency_id == agreement.c.custodian_id, 0), else_=1)
# Agencies of one state and kind are one to the law: each sort is read once, with how many there are and the first.
_sort = (agreement_party.c.agreement_id, agency.c.state, agency.c.kind)
_of_a_sort = (
    sa.select(
        *_sort,
        agreement_party.c.agency_id,
        sa.func.row_number()
        .over(partition_by=_sort, order_by=(_custodian_first, agreement_party.c.ordinal))
        .label("place"),
        sa.func.count().over(partition_by=_sort).label("count"),
        sa.func.min(_custodian_first).over(partition_by=_sort).label("custodian_first"),
        sa.func.min(agreement_party.c.ordinal).over(partition_by=_sort).label("ordinal"),
        sa.func.max(sa.case((sa.func.coalesce(agency.c.state, "").in_(_STATES), 1), else_=0))
        .over(partition_by=agreement_party.c.agreement_id)
        .label("concerned"),
    )
    .join(agency, agency.c.id == agreement_party.c.agency_id)
    .join(agreement, agreement.c.id == agreement_party.c.agreement_id)
    .where(
        agreement_party.c.agreement_id.in_(_IDS),
        agreement_party.c.joined_at.is_not(None),
        agreement.c.executed_at.is_not(None),
        agreement.c.kind.in_(_KINDS),
    )
    .subquery()
)
_ARISING = (
    sa.select(
        *(_of_a_sort.c[name] for name in ("agreement_id", "agency_id", "state", "count")),
        _of_a_sort.c.kind.label("agency_kind"),
        agreement.c.kind,
        agreement.c.time_zone,
        agreement.c.executed_at,
        agreement_version.c.terms,
        sa.func.coalesce(FIRST_EFFECTIVE_ON, agreement.c.effective_on).label("effective_on"),
    )
    .join(agreement, agreement.c.id == _of_a_sort.c.agreement_id)
    .join(
        agreement_version,
        sa.and_(
            agreement_version.c.agreement_id == agreement.c.id, agreement_version.c.no == agreement.c.current_version
        ),
    )
    .where(_of_a_sort.c.place == 1, _of_a_sort.c.concerned == 1)
    .order_by(_of_a_sort.c.agreement_id, _of_a_sort.c.custodian_first, _of_a_sort.c.ordinal)
)


class _Terms(Struct):
    """What of an agreement's terms a statute asks about."""

    purposes: frozenset[str] = frozenset()


_read_terms = msgspec.json.Decoder(_Terms).decode


class DutyFact(Struct, kw_only=True, frozen=True):
    """A duty and what was done about it; `stored` says that it has a row."""

    id: UUID
    agreement_id: UUID
    rule: str | None = None
    agency_id: UUID
    title: str
    citation: str | None = None
    clause: str | None = None
    version_no: int | None = None
    note: str | None = None
    due_on: date
    status: DutyStatus = DutyStatus.PENDING
    fulfilled_on: date | None = None
    evidence_sha256: str | None = None
    evidence_location: str | None = None
    url: str | None = None
    recording_number: str | None = None
    waived_reason: str | None = None
    closed_by: UUID | None = None
    closed_at: datetime | None = None
    stored: bool = False
    pending_report_id: UUID | None = None
    entered_by: UUID | None = None
    binds_from: datetime | None = None
    condition: str | None = None

    @property
    def accepted(self) -> Sequence[ProofKind]:
        """The kinds of proof that count for it."""
        return next((rule.proof for rule in _rules if rule.code == self.rule), tuple(ProofKind))

    @property
    def reminder(self) -> bool:
        """Whether its day is the registry's own: the statute gives none, or may not ask for it. It is never overdue."""
        return self.condition is not None or any(rule.due.reminder for rule in _rules if rule.code == self.rule)


_READ_OF_REPORTS = ("stored", "pending_report_id", "entered_by", "binds_from", "condition")
STORED = [name for name in DutyFact.__struct_fields__ if name not in _READ_OF_REPORTS]
"""What of a duty stands in its row."""


async def duties_of(
    read: Read, agreement_ids: Collection[UUID], now: datetime, viewer: UUID | None = None
) -> list[DutyFact]:
    """Every duty of these agreements, by id; what was done about one stands as it was then.

    What another reported of it counts once that has effect; until then the duty waits, and names the report. To a
    `viewer` nothing is told of another's duty that was entered when it was not of the audience, nor how it ended since.
    """
    ids = {"ids": list(agreement_ids)}
    if viewer is None:
        found = {row.id: _stored(row) for row in await read.all_slowly(_STORED, ids)}
    else:
        rows = await read.all_slowly(_STORED_AS_TOLD, {**ids, "viewer": viewer})
        found = {row.id: _as_told(_stored(row), row) for row in rows if row.told}
    for derived in _derived(await read.all_slowly(_ARISING, ids)):
        found.setdefault(derived.id, derived)
    for report in await read.all_slowly(_REPORTED, ids):
        if report.duty_id in found:
            found[report.duty_id] = _as_reported(found[report.duty_id], report, now)
    return sorted(found.values(), key=lambda duty: duty.id)


def _stored(row: Row[Any]) -> DutyFact:
    return DutyFact(
        **{name: row._mapping[name] for name in STORED if name != "status"},
        status=DutyStatus(row.status),
        stored=True,
        entered_by=row.agency_id if row.rule is None else None,
    )


def _as_told(duty: DutyFact, row: Row[Any]) -> DutyFact:
    """The duty without what was done about it, where that was when its reader was not of the audience any more."""
    if duty.status is DutyStatus.PENDING or row.end_told:
        return duty
    return msgspec.structs.replace(duty, **_NOT_TOLD)


_NOT_TOLD: dict[str, Any] = dict.fromkeys(
    (
        *("fulfilled_on", "evidence_sha256", "evidence_location", "url", "recording_number", "waived_reason"),
        *("closed_by", "closed_at"),
    )
)


def _as_reported(duty: DutyFact, report: Row[Any], now: datetime) -> DutyFact:
    """The duty with what another says of it; its own agency's word is never put aside by that."""
    effect_from = in_effect_from(ReportStatus(report.status), report.notified_at, report.answered_at)
    if report.kind == ReportedKind.OWES_DUTY:
        return _as_entered(duty, report, effect_from, now)
    if duty.status is not DutyStatus.PENDING:
        return duty
    if effect_from is None or effect_from > now:
        return msgspec.structs.replace(duty, pending_report_id=report.id)
    return msgspec.structs.replace(
        duty,
        status=DutyStatus.MET,
        fulfilled_on=report.acted_on,
        evidence_sha256=report.evidence_sha256,
        evidence_location=report.evidence_location,
        closed_by=report.recorded_by_id,
        closed_at=effect_from,
    )


def _as_entered(duty: DutyFact, report: Row[Any], effect_from: datetime | None, now: datetime) -> DutyFact:
    """A duty that another entered: it binds its agency by that agency's yes or silence, and by nothing sooner."""
    duty = msgspec.structs.replace(duty, entered_by=report.recorded_by_id)
    if duty.status is not DutyStatus.PENDING:
        return duty  # what its agency did of it itself took the entry's place
    if report.status == ReportStatus.TAKEN_BACK:
        return msgspec.structs.replace(duty, status=DutyStatus.TAKEN_BACK)
    if effect_from is None or effect_from > now:
        return msgspec.structs.replace(duty, status=DutyStatus.PROPOSED, pending_report_id=report.id)
    return msgspec.structs.replace(duty, binds_from=effect_from)


def _derived(rows: Iterable[Row[Any]]) -> Iterable[DutyFact]:
    """The duties of each agreement, whose rows stand together, the custodian's first."""
    for agreement_id, sorts in groupby(rows, key=lambda row: row.agreement_id):
        parties = [(row, Party(state=row.state, kind=row.agency_kind, count=row._mapping["count"])) for row in sorts]
        row = parties[0][0]
        matter = Matter(
            instrument=AgreementKind(row.kind),
            purposes=_read_terms(row.terms).purposes,
            parties=tuple(party for _, party in parties),
        )
        executed_on = civil_day(row.executed_at, row.time_zone)
        for rule in arising(matter, _rules):
            condition = rule.condition(matter.instrument)
            yield DutyFact(
                id=duty_id(agreement_id, rule.code),
                agreement_id=agreement_id,
                rule=rule.code,
                agency_id=next(row.agency_id for row, party in parties if falls_on(rule, party)),
                title=rule.title if condition is None else _title_under(condition, rule.title),
                citation=rule.law.cited,
                note=rule.note if condition is None else " ".join(filter(None, (rule.note, _left_open(condition)))),
                condition=condition,
                due_on=due_on(rule, executed_on, row.effective_on),
            )


def acknowledged(duty: DutyFact) -> DutyFact:
    """The duty as its law says it, once its agency has said that it applies: its day is then the law's."""
    rule = next(rule for rule in _rules if rule.code == duty.rule)
    return msgspec.structs.replace(duty, condition=None, title=rule.title, note=rule.note)


def _title_under(condition: str, title: str) -> str:
    return f"{condition[0].upper()}{condition[1:]}: {title[0].lower()}{title[1:]}"


def _left_open(condition: str) -> str:
    return (
        f"This is a duty only {condition}, which is not known here; have counsel review. Its agency settles that: it "
        "waives the duty where there is none, else fulfils it, or acknowledges that it applies and is still to do. "
        "Until then it is never overdue here."
    )


async def list_duties(
    read: Read, principal: Principal, agreement_id: UUID, query: NewestFirst, now: datetime
) -> DutyPage:
    """A page of an agreement's duties, for its parties. Raises NotFound, Forbidden, Malformed for another's cursor."""
    row = await _row_for_parties(read, principal, agreement_id)
    facts = list(await duties_of(read, [agreement_id], now, principal.agency_id))
    if query.sort == "-created_at":
        facts.reverse()
    if query.cursor is not None:
        (after,) = decode_cursor(query.cursor, (UUID,))
        facts = [duty for duty in facts if (duty.id < after if query.sort == "-created_at" else duty.id > after)]
    kept, next_cursor = cut(facts, query.limit, lambda duty: (duty.id,))
    named = await agencies_of(read, kept)
    on_file = await proofs_on_file(read, agreement_id, kept, principal.agency_id)
    items = [as_duty(principal, row, duty, named, on_file, row.version, now) for duty in kept]
    return DutyPage(items=items, next_cursor=next_cursor)


async def get_duty(read: Read, principal: Principal, agreement_id: UUID, duty_id: UUID, now: datetime) -> Duty:
    """One duty of an agreement, for its parties. Raises NotFound, Forbidden."""
    row = await _row_for_parties(read, principal, agreement_id)
    found = [duty for duty in await duties_of(read, [agreement_id], now, principal.agency_id) if duty.id == duty_id]
    if not found:
        raise NotFound("duty")
    named, on_file = (
        await agencies_of(read, found),
        await proofs_on_file(read, agreement_id, found, principal.agency_id),
    )
    return as_duty(principal, row, found[0], named, on_file, row.version, now)


async def _row_for_parties(read: Read, principal: Principal, agreement_id: UUID) -> Row[Any]:
    row = await agreement_row(read, principal, agreement_id)
    if not row.shared:
        raise Forbidden("The duties under an agreement are for its parties to see.")
    return row


async def agencies_of(read: Read, duties: Iterable[DutyFact]) -> dict[UUID, AgencyReference]:
    """The agencies that these duties name."""
    named = (each for duty in duties for each in (duty.agency_id, duty.closed_by, duty.entered_by))
    return await references(read, named)


async def proofs_on_file(read: Read, agreement_id: UUID, duties: Iterable[DutyFact], reader_id: UUID) -> frozenset[str]:
    """Of the digests that prove these duties, those of documents that are filed and that every party may read.

    Of those that the reader itself named, the ones that reach it: see `Papers.on_file`.
    """
    named = [(duty.evidence_sha256, duty.closed_by) for duty in duties if duty.evidence_sha256 is not None]
    if not named:
        return frozenset()
    papers = await papers_on_file(read, agreement_id, reader_id)
    kept = {digest for digest, by in named if not papers.on_file(digest, by)}
    legible = await legible_on_file(read, agreement_id, [digest for digest, _ in named])
    return legible - kept


def _proof_status(duty: DutyFact, on_file: Collection[str]) -> ProofStatus | None:
    if duty.status is not DutyStatus.MET:
        return None
    return ProofStatus.ON_FILE if duty.evidence_sha256 in on_file else ProofStatus.AS_STATED


def closing_barred(duty: DutyFact, action: DutyAction, *, own: bool) -> str | None:
    """Why a duty cannot be closed now; by another than its `own` agency it is only reported, once."""
    if (duty.status, action) not in TRANSITIONS:
        return why_closed(duty.status)
    if action is DutyAction.ACKNOWLEDGE and duty.condition is None:
        return UNCONDITIONAL
    if duty.status is DutyStatus.PROPOSED and not own:
        return NOT_BINDING
    return None if own or duty.pending_report_id is None else REPORTED_ALREADY


NOT_BINDING = "The duty does not bind its agency yet: that agency has to confirm it, or let its 14 days pass."
UNCONDITIONAL = "The duty stands under no condition that is open: there is nothing to say but what became of it."
REPORTED_ALREADY = "That is reported already, and waits for the answer of the agency whose duty it is."


def _bound_by(duty: DutyFact, due_at: datetime) -> bool:
    """Whether it bound its agency before its day was over: nobody is late by a day that had passed by then."""
    return duty.binds_from is None or duty.binds_from < due_at


def as_duty(
    principal: Principal,
    row: Row[Any],
    duty: DutyFact,
    agencies: Mapping[UUID, AgencyReference],
    on_file: Collection[str],
    version: int,
    now: datetime,
) -> Duty:
    """The duty as the caller may see it; `row` is its agreement's, `version` the agreement's now."""
    due_at = day_ends_at(duty.due_on, row.time_zone)
    own_alone = {duty.agency_id}
    actors = {DutyAction.FULFIL: {row.custodian_id, duty.agency_id}, DutyAction.WAIVE: own_alone}
    if duty.condition is not None:
        actors[DutyAction.ACKNOWLEDGE] = own_alone
    offers = []
    if refusal(principal, Action.AGREEMENTS_FILE, relations(principal, row)) is None:
        for action in (each for each in DutyAction if principal.agency_id in actors.get(each, ())):
            own = principal.agency_id == duty.agency_id
            offers.append(offer(action, withheld=closing_barred(duty, action, own=own)))
    return Duty(
        id=duty.id,
        agreement_id=duty.agreement_id,
        agency=agencies[duty.agency_id],
        source="entered" if duty.rule is None else "statute",
        rule=duty.rule,
        title=duty.title,
        citation=duty.citation,
        clause=duty.clause,
        version_no=duty.version_no,
        note=duty.note,
        condition=duty.condition,
        due_on=duty.due_on,
        due_at=due_at,
        status=duty.status,
        overdue=duty.status is DutyStatus.PENDING and now >= due_at and not duty.reminder and _bound_by(duty, due_at),
        proof_accepted=list(duty.accepted),
        fulfilled_on=duty.fulfilled_on,
        evidence_sha256=duty.evidence_sha256,
        evidence_location=duty.evidence_location,
        url=duty.url,
        recording_number=duty.recording_number,
        proof_status=_proof_status(duty, on_file),
        waived_reason=duty.waived_reason,
        pending_report_id=duty.pending_report_id,
        entered_by=None if duty.entered_by is None else agencies[duty.entered_by],
        binds_from=duty.binds_from,
        closed_by=None if duty.closed_by is None else agencies[duty.closed_by],
        closed_at=duty.closed_at,
        allowed_actions=offers,
        version=version,
    )
