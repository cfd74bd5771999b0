"""The parties of an agreement with their signatures and the authority behind them, and whether they are bound."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent_tables import agreement_party_suspension
from registry.agreements.instruments.days import Days
from registry.agreements.instruments.delivery import shown_deliveries
from registry.agreements.instruments.in_force import bound_to_others
from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.approvals import approval_rule_at
from registry.agreements.instruments.queries.authorities import signatory_authority
from registry.agreements.instruments.queries.evidence import Papers, evidence_of_hand, shown_evidence
from registry.agreements.instruments.queries.in_force import OPEN_END, end_of
from registry.agreements.instruments.queries.visibility import may_be_named
from registry.agreements.instruments.receipt import SaidReceipt, shown_receipts
from registry.agreements.instruments.remarks import Remark, about_authority, party_dissolved
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.schemas.shown import (
    AgreementParty,
    PartyApproval,
    PartySignature,
)
from registry.agreements.instruments.schemas.signing import SignatoryAuthority
from registry.agreements.instruments.signing_tables import (
    agreement_signature_authority,
    signing_authority,
)
from registry.agreements.instruments.tables import (
    agreement,
    agreement_approval_rule,
    agreement_party,
    agreement_party_window,
    agreement_signature,
    agreement_version,
)
from registry.agreements.instruments.told import PublicDays
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Rows
from registry.platform.kernel.intervals import Interval, earliest
from registry.platform.kernel.time import civil_day

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_VERSION = sa.bindparam("version_id", type_=agreement_version.c.id.type)
JOINED_AT = sa.select(agreement_party.c.joined_at).where(
    agreement_party.c.agreement_id == _ID,
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)
"""Since when a party is bound, or will be by what is reported of it; NULL where it is not."""
_AT = sa.bindparam("at", type_=agreement.c.starts_at.type)
_window, _bound_by = agreement_party_window, agreement_version.alias("bound_by")
_paused = (
    sa.select(sa.func.max(agreement_party_suspension.c.starts_at, type_=agreement.c.starts_at.type))
    .where(
        agreement_party_suspension.c.agreement_id == agreement_party.c.agreement_id,
        agreement_party_suspension.c.agency_id == agreement_party.c.agency_id,
        # One that waits for its notice to run out is shown too, with the instant from which it counts.
        sa.or_(agreement_party_suspension.c.starts_at <= _AT, agreement_party_suspension.c.ends_at == OPEN_END),
        agreement_party_suspension.c.ends_at > _AT,
    )
    .correlate(agreement_party)
    .scalar_subquery()
)
PARTIES = (
    sa.select(
        agreement_party.c.agency_id,
        agency.c.name,
        agency.c.dissolved_at,
        agency.c.time_zone.label("its_zone"),
        agreement_party.c.joined_at,
        agreement_party.c.in_text,
        agreement_party.c.named_at,
        agreement_party.c.withdrawal_notice_on,
        agreement_party.c.notice_kind,
        agreement_party.c.notice_evidence_sha256,
        agreement_party.c.notice_evidence_location,
        agreement_party.c.notice_deliveries,
        agreement_party.c.notice_receipts,
        agreement_party.c.leaves_at,
        agreement_party.c.verbally_at,
        approval_rule_at(_AT).label("approval_required"),
        approval_rule_at(_AT, agreement_approval_rule.c.each_text).label("approval_each_text"),
        agreement_party.c.released_at,
        agreement_party.c.lapsed_at,
        agreement_party.c.over_at,
        _paused.label("suspended_at"),
        # A party has a row for each text that binds it then.
        _bound_by.c.no.label("bound_by_no"),
        _window.c.amended,
        _window.c.bound_until,
        may_be_named().label("may_be_named"),
        agreement_signature.c.manner,
        agreement_signature.c.signatory_title,
        agreement_signature.c.signed_on,
        agreement_signature.c.evidence_sha256,
        agreement_signature.c.evidence_location,
        agreement_signature.c.recorded_at,
        agreement_signature.c.counts_from,
        agreement_signature.c.separation_relaxed,
        signing_authority.c.id.label("authority_id"),
        signing_authority.c.office,
        signing_authority.c.basis,
        signing_authority.c.parent_id,
        signing_authority.c.created_at.label("authority_recorded_at"),
    )
    .join(agency, agency.c.id == agreement_party.c.agency_id)
    .outerjoin(
        _window,
        sa.and_(
            _window.c.agreement_id == agreement_party.c.agreement_id,
            _window.c.agency_id == agreement_party.c.agency_id,
            _window.c.starts_at <= _AT,
            _window.c.ends_at > _AT,
        ),
    )
    .outerjoin(_bound_by, _bound_by.c.id == _window.c.version_id)
    .outerjoin(
        agreement_signature,
        sa.and_(
            agreement_signature.c.version_id == _VERSION,
            agreement_signature.c.agency_id == agreement_party.c.agency_id,
        ),
    )
    .outerjoin(
        agreement_signature_authority,
        sa.and_(
            agreement_signature_authority.c.version_id == _VERSION,
            agreement_signature_authority.c.agency_id == agreement_party.c.agency_id,
        ),
    )
    .outerjoin(
        signing_authority,
        signing_authority.c.id
        == sa.func.coalesce(agreement_signature_authority.c.authority_id, agreement_party.c.verbal_authority_id),
    )
    .where(agreement_party.c.agreement_id == _ID)
    .order_by(agreement_party.c.ordinal)
)


class BoundThen(Struct, frozen=True):
    """A window of a party that contains the instant: by which version, which later ones it has signed, until when."""

    version_no: int
    amended: int
    until: datetime | None


def bound_then(rows: Rows, without: Without | None, at: datetime) -> dict[UUID, list[BoundThen]]:
    """By party the windows that contain the instant, its own latest text first, without reports still to take effect.

    `rows` are those of `PARTIES`.
    """
    numbers = {} if without is None else {text.version_id: text.no for text in without.texts}
    found: dict[UUID, list[BoundThen]] = {}
    for row in rows:
        its = found.setdefault(row.agency_id, [])
        if row.bound_by_no is not None:
            its.append(BoundThen(row.bound_by_no, row.amended, end_of(row.bound_until)))
    for party in () if without is None else without.parties:
        found[party.agency_id] = [
            BoundThen(numbers[each.version_id], each.amended, each.bound_until)
            for each in party.bound
            if each.contains(at)
        ]
    return {agency_id: sorted(its, key=lambda each: each.amended) for agency_id, its in found.items()}


def bound_to_another(then: Mapping[UUID, Sequence[BoundThen]]) -> dict[UUID, list[int]]:
    """By party the versions by which it is bound to some other: `queries.in_force.same_text` of one instant.

    There are few kinds of windows, however many the parties are.
    """
    kinds = Counter((each.version_no, each.amended) for its in then.values() for each in its)
    met = {
        (no, amended)
        for no, amended in kinds
        if any(
            no == other and not amended & too and ((no, amended) != (other, too) or kinds[no, amended] > 1)
            for other, too in kinds
        )
    }
    return {
        agency_id: [each.version_no for each in its if (each.version_no, each.amended) in met]
        for agency_id, its in then.items()
    }


def signatory_of(agency: AgencyReference, signature: Row[Any] | None, papers: Papers) -> AgreementParty:
    """A party of a text that came to nothing, with its signature to it."""
    return AgreementParty(
        agency=agency,
        bound=False,
        bound_until=None,
        joined_at=None,
        withdrawal_notice_on=None,
        notice_kind=None,
        notice_evidence=None,
        notice_deliveries=[],
        notice_receipts=[],
        leaves_at=None,
        last_notice_on=None,
        verbally_at=None,
        released_at=None,
        suspended_at=None,
        approval_required=None,
        approval_each_text=None,
        approvals=[],
        bound_by_versions=[],
        pending_report_ids=[],
        signature=None
        if signature is None
        else _signature(signature, evidence_of_hand(signature, None, papers, "UTC", whole=False)),
        authority=None,
    )


def _signature(row: Row[Any], evidence: Evidence | None) -> PartySignature:
    return PartySignature(
        manner=row.manner,
        signatory_title=row.signatory_title,
        signed_on=row.signed_on,
        evidence=evidence,
        recorded_at=row.recorded_at,
        counts_from=row.counts_from or row.recorded_at,
        separation_relaxed=row.separation_relaxed,
    )


def until_told_to_others(
    rows: Iterable[Row[Any]], without: Without | None, days: PublicDays, at: datetime
) -> dict[UUID, datetime | None]:
    """Of parties that are bound at `at`, until when others than the parties are told that each is: see `told`.

    Who has left by then is not among them. Nothing is said of the end of a text that they do not read.
    """
    ends: dict[UUID, datetime | None] = {}
    for row in rows:
        did = (without.party(row.agency_id) if without is not None else None) or row
        gone = earliest(did.leaves_at, did.released_at)
        if did.joined_at is not None and (gone is None or gone > at):
            until = days.until(at, gone)
            ends[row.agency_id] = until if until is None or until > at else None
    return ends


def shown_party(
    row: Row[Any],
    last_notice_on: date | None,
    papers: Papers,
    recorded_from: Evidence | None,
    revoked: Mapping[UUID, date],
    time_zone: str,
    without: Without | None,
    then: Sequence[BoundThen],
    bound_by: Sequence[int],
    together: Interval | None,
    until_told: Mapping[UUID, datetime | None] | None,
    approvals: Iterable[Row[Any]],
    names: Mapping[UUID, str],
    receipts: Sequence[SaidReceipt],
    *,
    whole: bool,
) -> AgreementParty:
    """A party as it stands; `revoked` is since when authorities are that signatures rest on, `receipts` what it
    reported of those of its notice, without effect so far.

    It is shown `without` the reports that have not taken effect, which are named. `then` are its windows of the
    instant, `bound_by` the versions by which it is bound to another then, `together` the stretch of the instant in
    which at least two are bound: who would be bound to nobody is not. `until_told`: see `until_told_to_others`; None
    for whom all is told.
    """
    did = (without.party(row.agency_id) if without is not None else None) or row
    until = end_of(max((OPEN_END if each.until is None else each.until for each in then), default=OPEN_END))
    bound, until = bound_to_others(until, together, has_window=bool(bound_by))
    if until_told is not None:
        bound, until = row.agency_id in until_told, until_told.get(row.agency_id)
    signature = None
    if whole and row.manner is not None:
        signature = _signature(row, evidence_of_hand(row, recorded_from, papers, row.its_zone or time_zone))
    given = whole and (signature is not None or did.verbally_at is not None)
    gave_notice = whole and did.withdrawal_notice_on is not None and did.notice_kind is not None
    return AgreementParty(
        agency=AgencyReference(id=row.agency_id, name=row.name),
        bound=bound,
        bound_until=until,
        bound_by_versions=list(bound_by) if whole and bound else [],
        joined_at=did.joined_at if whole else None,
        withdrawal_notice_on=did.withdrawal_notice_on if gave_notice else None,
        notice_kind=did.notice_kind if gave_notice else None,
        notice_evidence=shown_evidence(row.notice_evidence_sha256, row.notice_evidence_location, papers, row.agency_id)
        if gave_notice
        else None,
        notice_deliveries=shown_deliveries(row.notice_deliveries, names) if gave_notice else [],
        notice_receipts=shown_receipts(row.notice_receipts, names, receipts) if gave_notice else [],
        leaves_at=did.leaves_at if whole else None,
        last_notice_on=last_notice_on,
        verbally_at=did.verbally_at if whole else None,
        released_at=did.released_at if whole else None,
        pending_report_ids=without.reports_on(row.agency_id) if whole and without is not None else [],
        suspended_at=row.suspended_at if whole else None,
        approval_required=bool(row.approval_required) if whole and row.approval_required is not None else None,
        approval_each_text=bool(row.approval_each_text) if whole and row.approval_each_text is not None else None,
        approvals=[_approval(each, papers) for each in approvals] if whole else [],
        signature=signature,
        authority=_authority(row, revoked, time_zone) if given else None,
    )


def _approval(row: Row[Any], papers: Papers) -> PartyApproval:
    return PartyApproval(
        version_no=row.version_no,
        version_sha256=row.version_sha256,
        body=row.body,
        reference=row.reference,
        approved_on=row.approved_on,
        expires_on=row.expires_on,
        counts_from=row.counts_from,
        recorded_at=row.recorded_at,
        evidence=shown_evidence(row.evidence_sha256, row.evidence_location, papers, row.agency_id),
    )


def _authority(
    row: Row[Any], revoked: Mapping[UUID, date], time_zone: str
) -> SignatoryAuthority | Literal["not_on_record"]:
    if row.authority_id is None:
        return "not_on_record"
    zone = row.its_zone or time_zone
    given_on = row.signed_on or civil_day(row.verbally_at, zone)
    whose = AgencyReference(id=row.agency_id, name=row.name)
    its = (row.authority_id, row.office, row.basis, row.parent_id)
    return signatory_authority(*its, given_on, revoked, whose, row.authority_recorded_at, zone)


def about_dissolutions(rows: Iterable[Row[Any]], time_zone: str, at: datetime) -> Iterator[Remark]:
    """Of the parties that had joined and were dissolved by then."""
    for row in rows:
        if row.joined_at is not None and row.dissolved_at is not None and row.dissolved_at <= at:
            yield party_dissolved(row.name, civil_day(row.dissolved_at, time_zone))


def about_authorities(version_no: int, parties: Iterable[AgreementParty], days: Days) -> Iterator[Remark]:
    """Of whom the authority was revoked as of a day before it signed, or entered after that: both unbind nobody."""
    for party in parties:
        if isinstance(party.authority, SignatoryAuthority):
            entered_on = days.of(party.agency.id, party.authority.recorded_at)
            yield from about_authority(version_no, party.agency.name, party.authority, entered_on)
