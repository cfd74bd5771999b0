"""What others did, or let pass, since a party gave notice: who went by its leaving has relied on it."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.consent import (
    BINDING,
    LEAVING,
    UNANSWERED,
    ProposalKind,
    Reliance,
    ReportedKind,
    ReportStatus,
)
from registry.agreements.instruments.consent_tables import (
    agreement_consent,
    agreement_party_suspension,
    agreement_proposal,
    agreement_reported_act,
)
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.party_days import notice_day_let_pass
from registry.agreements.instruments.queries.visibility import gone_by
from registry.agreements.instruments.receipt import awaited_from
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_approval,
    agreement_party,
    agreement_signature,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.term_days import renewal_of
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.time import civil_day, day_ends_at

_INSTANT = agreement.c.starts_at.type
_ID = sa.bindparam("id", type_=agreement.c.id.type)
_AGENCY = sa.bindparam("agency_id", type_=agreement.c.id.type)
_SINCE = sa.bindparam("since", type_=_INSTANT)
_SINCE_ON = sa.bindparam("since_on", type_=agreement_signature.c.signed_on.type)
_sign, _report, _proposal, _consent = agreement_signature, agreement_reported_act, agreement_proposal, agreement_consent
_PART = sa.select(
    agreement_party.c.notice_recorded_at, agreement_party.c.leaves_at, agreement_party.c.notice_receipts
).where(agreement_party.c.agreement_id == _ID, agreement_party.c.agency_id == _AGENCY)
# Since when it is before the others, where it stands in no notice of the party's own.
_TOLD = sa.union_all(
    sa.select(sa.func.coalesce(_report.c.notified_at, _report.c.recorded_at, type_=_INSTANT).label("at")).where(
        _report.c.agreement_id == _ID,
        _report.c.agency_id == _AGENCY,
        _report.c.kind.in_(LEAVING),
        _report.c.status.in_((ReportStatus.OPEN, ReportStatus.CONFIRMED)),
    ),
    sa.select(_proposal.c.proposed_at.label("at")).where(
        _proposal.c.agreement_id == _ID,
        _proposal.c.proposed_by_id == _AGENCY,
        _proposal.c.kind == ProposalKind.DEPARTURE,
        _proposal.c.taken_back_at.is_(None),
    ),
)
_NOTHING = sa.cast(sa.null(), sa.Integer)
_GONE_TEXT = sa.exists().where(
    agreement_amendment.c.version_id == _sign.c.version_id, agreement_amendment.c.stage == "withdrawn"
)
_UNANSWERED = sa.exists().where(
    _report.c.proposal_id == _consent.c.proposal_id,
    _report.c.agency_id == _consent.c.agency_id,
    _report.c.status.in_(UNANSWERED),
    ~_report.c.is_settled,
)
# Who reports that another left has agreed to that by the report: one of a day before is no act since.
_REPORTED_EARLIER = sa.exists().where(
    _report.c.proposal_id == _consent.c.proposal_id,
    _report.c.recorded_by_id == _consent.c.agency_id,
    _report.c.kind.in_(LEAVING),
    _report.c.acted_on < _SINCE_ON,
)
_AGREED_TO_DAY = (
    sa.select(_consent.c.agency_id)
    .join(_proposal, _proposal.c.id == _consent.c.proposal_id)
    .where(
        _proposal.c.agreement_id == _ID,
        _proposal.c.notice_of_id == sa.bindparam("giver_id", type_=agreement.c.id.type),
        _proposal.c.proposed_by_id != _AGENCY,
        _proposal.c.taken_back_at.is_(None),
        _consent.c.agency_id == _AGENCY,
        _consent.c.counts_from.is_not(None),
        ~_UNANSWERED,
    )
)
_ASKED_BEFORE = (
    sa.select(sa.func.count())
    .select_from(_proposal)
    .join(
        agreement_party,
        sa.and_(
            agreement_party.c.agreement_id == _proposal.c.agreement_id,
            agreement_party.c.agency_id == _proposal.c.notice_of_id,
        ),
    )
    .where(
        _proposal.c.agreement_id == _ID,
        _proposal.c.notice_of_id == sa.bindparam("giver_id", type_=agreement.c.id.type),
        _proposal.c.proposed_by_id == _AGENCY,
        _proposal.c.taken_back_at.is_not(None),
        _proposal.c.proposed_at >= agreement_party.c.notice_recorded_at,
    )
)
_LASTS_AT = sa.bindparam("now", type_=_INSTANT)
_pause = agreement_party_suspension
_SAID_SINCE = (
    _report.c.agreement_id == _ID,
    _report.c.recorded_at >= _SINCE,
    _report.c.acted_on >= _SINCE_ON,
)
# While it is open an act that others report of a party has effect unless that party contests it. One that stands
# unconfirmed has none by itself: it would bar for ever what nobody did.
_OPEN = (*_SAID_SINCE, _report.c.status == ReportStatus.OPEN, ~_report.c.is_settled)
# One that has effect is a hand or a yes like another's own; of a notice no time of its own recording is kept.
_LEFT_AS_REPORTED = (
    *_SAID_SINCE,
    _report.c.kind.in_(LEAVING),
    sa.or_(
        _report.c.status == ReportStatus.CONFIRMED, sa.and_(_report.c.status == ReportStatus.OPEN, _report.c.is_settled)
    ),
    sa.exists().where(
        agreement_party.c.agreement_id == _report.c.agreement_id,
        agreement_party.c.agency_id == _report.c.agency_id,
        agreement_party.c.leaves_at.is_not(None),
        agreement_party.c.notice_recorded_at.is_(None),
    ),
)
# A hand, an approval or a yes of a day before the notice, entered since, was not given in view of it. That a
# notice was received is no act in view of it; that another agrees to its day is one.
_ACTS = sa.union_all(
    sa.select(
        _sign.c.agency_id.label("who"),
        sa.literal("signed").label("did"),
        agreement_version.c.no.label("no"),
        _sign.c.recorded_at.label("at"),
    )
    .join(agreement_version, agreement_version.c.id == _sign.c.version_id)
    .where(
        _sign.c.agreement_id == _ID,
        _sign.c.recorded_at >= _SINCE,
        _sign.c.signed_on >= _SINCE_ON,
        ~_GONE_TEXT,
    ),
    sa.select(agreement_approval.c.agency_id, sa.literal("approved"), _NOTHING, agreement_approval.c.recorded_at).where(
        agreement_approval.c.agreement_id == _ID,
        agreement_approval.c.recorded_at >= _SINCE,
        agreement_approval.c.approved_on >= _SINCE_ON,
    ),
    sa.select(_consent.c.agency_id, _proposal.c.kind, _NOTHING, _consent.c.counts_from)
    .join(_proposal, _proposal.c.id == _consent.c.proposal_id)
    .where(
        _proposal.c.agreement_id == _ID,
        _proposal.c.taken_back_at.is_(None),
        _consent.c.counts_from.is_not(None),
        sa.or_(_proposal.c.proposed_at >= _SINCE, _consent.c.counts_from >= _SINCE),
        sa.or_(_proposal.c.notice_of_id.is_(None), _consent.c.agency_id != _proposal.c.proposed_by_id),
        ~_UNANSWERED,
        ~_REPORTED_EARLIER,
    ),
    sa.select(agreement_party.c.agency_id, sa.literal("left"), _NOTHING, agreement_party.c.notice_recorded_at).where(
        agreement_party.c.agreement_id == _ID, agreement_party.c.notice_recorded_at >= _SINCE
    ),
    sa.select(_report.c.agency_id, sa.literal("left"), _NOTHING, _report.c.recorded_at).where(*_LEFT_AS_REPORTED),
    sa.select(_report.c.agency_id, "reported_" + _report.c.kind, agreement_version.c.no, _report.c.recorded_at)
    .outerjoin(agreement_version, agreement_version.c.id == _report.c.version_id)
    .where(*_OPEN, _report.c.kind.in_((*BINDING, *LEAVING, ReportedKind.CONSENTED))),
    # What was taken back is relied on by nobody, so a suspension counts while it lasts; one that was lifted before the
    # notice of it had run out never did.
    sa.select(_pause.c.agency_id, sa.literal("suspended"), _NOTHING, _pause.c.starts_at).where(
        _pause.c.agreement_id == _ID,
        _pause.c.starts_at >= _SINCE,
        _pause.c.ends_at > _LASTS_AT,
        _pause.c.ends_at > _pause.c.starts_at,
    ),
).subquery("done_since")
# Who put its leaving on file itself, and a party's own notice has not taken its place, goes by that.
_REPORTERS = (
    sa.select(
        sa.literal("reported").label("did"), _NOTHING.label("no"), _report.c.recorded_at.label("at"), agency.c.name
    )
    .join(agency, agency.c.id == _report.c.recorded_by_id)
    .join(
        agreement_party,
        sa.and_(
            agreement_party.c.agreement_id == _report.c.agreement_id,
            agreement_party.c.agency_id == _report.c.recorded_by_id,
        ),
    )
    .where(
        _report.c.agreement_id == _ID,
        _report.c.agency_id == _AGENCY,
        _report.c.recorded_by_id != _AGENCY,
        _report.c.kind.in_(LEAVING),
        _report.c.status.in_((ReportStatus.OPEN, ReportStatus.CONFIRMED)),
    )
)
_other, _term, _notice = (
    agreement_party.alias("other"),
    agreement_version_dates.alias("its_term"),
    agreement_version_dates.alias("its_notice"),
)
_HAS_DAYS = _other.c.term_version_id.is_not(None)
# The days by which each other party goes, as deadlines tell it: see `instruments.party_days`. Whose own notice runs
# leaves by that. One that others report of it counts by itself, and hides no day that it let pass.
_OTHERS = (
    sa.select(
        agency.c.name,
        _other.c.agency_id,
        _other.c.joined_at,
        *(
            sa.case((_HAS_DAYS, _term.c[name]), else_=agreement.c[name]).label(name)
            for name in ("expires_on", "auto_renew_months", "auto_renew_times", "renewal_day")
        ),
        sa.case((_HAS_DAYS, _notice.c.notice), else_=agreement.c.notice).label("notice"),
    )
    .join(agreement, agreement.c.id == _other.c.agreement_id)
    .join(agency, agency.c.id == _other.c.agency_id)
    .outerjoin(_term, _term.c.version_id == _other.c.term_version_id)
    .outerjoin(_notice, _notice.c.version_id == _other.c.notice_version_id)
    .where(
        _other.c.agreement_id == _ID,
        _other.c.agency_id != _AGENCY,
        _other.c.joined_at <= _LASTS_AT,
        _other.c.notice_counts_on.is_(None),
        ~gone_by(_other, _LASTS_AT, or_lapsed=True),
        sa.case((_HAS_DAYS, _term.c.auto_renew_months), else_=agreement.c.auto_renew_months).is_not(None),
    )
)
_BY_OTHERS = (
    sa.select(_ACTS.c.did, _ACTS.c.no, _ACTS.c.at, agency.c.name)
    .join(agency, agency.c.id == _ACTS.c.who)
    .where(_ACTS.c.who != _AGENCY)
    .order_by(_ACTS.c.at, agency.c.name)
)


async def relied_on(read: Read, agreement_id: UUID, agency_id: UUID, time_zone: str, now: datetime) -> list[Reliance]:
    """What other parties did, or let pass, in view of the party's notice, while that is running; in order.

    Who has reported the notice goes by it, and so does who let its own last day to leave with a term go by since, and
    would be bound for another one. Nothing where none is running.
    """
    its = {"id": agreement_id, "agency_id": agency_id}
    part = await read.first(_PART, its)
    if part is None or (part.leaves_at is None and not awaited_from(part.notice_receipts)):
        return []
    if part.leaves_at is not None and part.leaves_at <= now:
        return []
    since = part.notice_recorded_at or min((row.at for row in await read.all(_TOLD, its)), default=None)
    if since is None:
        return []
    acts = [*await _done_since(read, agreement_id, agency_id, since, time_zone, now)]
    if part.notice_recorded_at is None:
        acts += await read.all(_REPORTERS, its)
    passed = await _let_pass_since(read, agreement_id, agency_id, since, part.leaves_at, time_zone, now)
    return _in_order(acts, [(day, name) for day, _, name in passed], since, time_zone, now)


async def gone_by_receipt(
    read: Read,
    agreement_id: UUID,
    giver_id: UUID,
    recipient_id: UUID,
    since: datetime,
    leaves_at: datetime | None,
    time_zone: str,
    now: datetime,
) -> list[Reliance]:
    """What others than the recipient did, or let pass, since it recorded when it received a notice; in order.

    `leaves_at`: when that notice runs out by what is on record.
    """
    acts = await _done_since(read, agreement_id, recipient_id, since, time_zone, now)
    passed = await _let_pass_since(read, agreement_id, giver_id, since, leaves_at, time_zone, now)
    others = [(day, name) for day, agency_id, name in passed if agency_id != recipient_id]
    return _in_order(acts, others, since, time_zone, now)


async def agreed_to_a_day(read: Read, agreement_id: UUID, giver_id: UUID, recipient_id: UUID) -> bool:
    """Whether the recipient agreed to the day on which another received that one's notice, or let 14 days pass.

    Whenever that was: who agrees to a day that ends the notice goes by it, like whoever agrees to its own.
    """
    its = {"id": agreement_id, "giver_id": giver_id, "agency_id": recipient_id}
    return await read.first(_AGREED_TO_DAY, its) is not None


async def asked_before(read: Read, agreement_id: UUID, giver_id: UUID, recipient_id: UUID) -> int:
    """How many days of its receipt of the notice that runs the recipient has put to the others, and then another."""
    its = {"id": agreement_id, "giver_id": giver_id, "agency_id": recipient_id}
    return int(await read.value(_ASKED_BEFORE, its) or 0)


async def _done_since(
    read: Read, agreement_id: UUID, agency_id: UUID, since: datetime, time_zone: str, now: datetime
) -> Rows:
    """What others than the agency did since then."""
    told = {"since": since, "since_on": civil_day(since, time_zone), "now": now}
    return await read.all(_BY_OTHERS, {"id": agreement_id, "agency_id": agency_id, **told})


async def _let_pass_since(
    read: Read,
    agreement_id: UUID,
    giver_id: UUID,
    since: datetime,
    leaves_at: datetime | None,
    time_zone: str,
    now: datetime,
) -> list[tuple[date, UUID, str]]:
    """Who let which last day of its own go by since then, and would be bound for another term without the giver.

    A notice that still waits for its receipt frees nobody of a term that it would be bound by.
    """
    if leaves_at is None:
        return []
    found = []
    for other in await read.all(_OTHERS, {"id": agreement_id, "agency_id": giver_id, "now": now}):
        renewal = renewal_of(other.auto_renew_months, other.auto_renew_times, other.renewal_day)
        period = read_notice(other.notice).of(other.agency_id)
        if renewal is None or period is None:
            continue
        bound_since = max(since, other.joined_at)
        said = (other.expires_on, renewal, period, bound_since, now, leaves_at, time_zone)
        if (day := notice_day_let_pass(*said)) is not None:
            found.append((day, other.agency_id, other.name))
    return found


def _in_order(
    acts: Rows, passed: Iterable[tuple[date, str]], since: datetime, time_zone: str, now: datetime
) -> list[Reliance]:
    found = [
        (
            max(row.at, since),
            Reliance(
                agency=row.name,
                did=row.did,
                version_no=row.no,
                on=civil_day(max(row.at, since), time_zone),
                is_to_come=row.at > now,
            ),
        )
        for row in acts
    ]
    found += [(day_ends_at(day, time_zone), Reliance(agency=name, did="let_pass", on=day)) for day, name in passed]
    return [each for _, each in sorted(found, key=lambda it: (it[0], it[1].agency))]
