"""What follows from a reported act: the columns in which a party's own acts stand too, with the instant that counts.

A report is taken only where the party did nothing of the kind yet, so taking its effect away leaves nothing behind.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.authorising import rest_on
from registry.agreements.instruments.commands.silence import said_no
from registry.agreements.instruments.consent import (
    CONTEST_PERIOD,
    OF_CONSENT,
    UNANSWERED,
    ReportedKind,
    ReportStatus,
    Unconfirmed,
)
from registry.agreements.instruments.consent_tables import agreement_consent, agreement_reported_act
from registry.agreements.instruments.queries.texts import is_executed_text
from registry.agreements.instruments.queries.visibility import gone_by
from registry.agreements.instruments.receipt import NoticeReceipt, ToldReceipt, kept_receipts, read_receipts
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_party,
    agreement_signature,
    agreement_version,
)
from registry.platform.database.handles import Write
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import civil_day

_report = agreement_reported_act
_INSTANT = agreement.c.starts_at.type
_AGREEMENT = sa.bindparam("its_agreement", type_=agreement.c.id.type)
_AGENCY = sa.bindparam("its_agency", type_=agreement.c.id.type)
_VERSION = sa.bindparam("its_version", type_=agreement_signature.c.version_id.type)
_PARTY = agreement_party.update().where(
    agreement_party.c.agreement_id == _AGREEMENT, agreement_party.c.agency_id == _AGENCY
)
_VERBALLY = sa.select(agreement_party.c.verbally_at).where(
    agreement_party.c.agreement_id == _AGREEMENT, agreement_party.c.agency_id == _AGENCY
)
_RECEIPTS = (
    sa.select(agreement_party.c.notice_receipts, agreement.c.time_zone)
    .join(agreement, agreement.c.id == agreement_party.c.agreement_id)
    .where(agreement_party.c.agreement_id == _AGREEMENT, agreement_party.c.agency_id == _AGENCY)
)
_STANDS_BY = sa.select(agreement_party.c.agency_id).where(
    agreement_party.c.agreement_id == _AGREEMENT,
    agreement_party.c.agency_id.not_in(sa.bindparam("two", type_=agreement.c.id.type, expanding=True)),
    agreement_party.c.joined_at.is_not(None),
    ~gone_by(agreement_party, sa.bindparam("known_at", type_=_INSTANT), or_lapsed=True),
)
# Not under a text that came to nothing: one that was sent back, or an amendment that is open or was withdrawn.
_SIGNED_FROM = (
    sa.select(sa.func.min(agreement_signature.c.counts_from, type_=_INSTANT))
    .join(agreement_version, agreement_version.c.id == agreement_signature.c.version_id)
    .outerjoin(agreement_amendment, agreement_amendment.c.version_id == agreement_signature.c.version_id)
    .where(
        agreement_signature.c.agreement_id == _AGREEMENT,
        agreement_signature.c.agency_id == _AGENCY,
        is_executed_text(_AGREEMENT),
    )
)
_OF_AN_AMENDMENT = sa.select(agreement_amendment.c.id).where(agreement_amendment.c.version_id == _VERSION)
_EXECUTED_AT = sa.select(agreement.c.executed_at).where(agreement.c.id == _AGREEMENT)
_INSERT_SIGNATURE = agreement_signature.insert()
_CONSENTS_COUNT = (
    agreement_consent.update()
    .where(
        agreement_consent.c.proposal_id == sa.bindparam("its_proposal", type_=agreement_consent.c.proposal_id.type),
        agreement_consent.c.agency_id == _AGENCY,
    )
    .values(counts_from=sa.bindparam("counts_from", type_=_INSTANT))
)
_OPEN_OF = sa.select(_report).where(
    _report.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    _report.c.agency_id == sa.bindparam("agency_id", type_=agreement.c.id.type),
    _report.c.status.in_(UNANSWERED),
    ~_report.c.is_settled,
)
_RECEIPT_REPORTS = sa.select(_report).where(
    _report.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    _report.c.recorded_by_id == sa.bindparam("giver_id", type_=agreement.c.id.type),
    _report.c.kind == ReportedKind.RECEIVED_NOTICE,
    _report.c.status.in_(UNANSWERED),
    ~_report.c.is_settled,
)
_SET = _report.update().where(_report.c.id == sa.bindparam("its_id", type_=_report.c.id.type))


async def apply_report(
    write: Write,
    report: Row[Any],
    counts_from: datetime | None,
    *,
    manner: str | None = None,
    relaxed: bool = False,
) -> None:
    """Let the reported act count from the instant, or not at all.

    `manner` is that of its signature, which is written down once the report has effect and never taken away: until then
    the party is bound, or the amendment signed, from the instant at which it will have. `relaxed`: who confirms it also
    approved the text, as its agency allows.
    """
    its = {"its_agreement": report.agreement_id, "its_agency": report.agency_id}
    match ReportedKind(report.kind):
        case ReportedKind.SIGNED:
            if manner is not None and counts_from is not None:
                await _signature(write, report, manner, counts_from, relaxed=relaxed)
            # By a signature to a change a party is bound once that is a text of the agreement: `settling.joined`.
            is_change = await write.value(_OF_AN_AMENDMENT, {"its_version": report.version_id}) is not None
            if counts_from is None or not is_change:
                # Who gave its word is bound by that.
                await _joins(write, report, await write.value(_VERBALLY, its) or counts_from)
        case ReportedKind.AGREED_VERBALLY:
            if counts_from is not None:
                counts_from = max(counts_from, await write.value(_EXECUTED_AT, its))
            authority_id = None if counts_from is None else report.authority_id
            await write.run(_PARTY, {**its, "verbally_at": counts_from, "verbal_authority_id": authority_id})
            await _joins(write, report, counts_from)
        case ReportedKind.GAVE_NOTICE | ReportedKind.WITHDREW:
            given = counts_from is not None
            values = {
                "withdrawal_notice_on": report.acted_on if given else None,
                "notice_kind": report.notice_kind if given else None,
                "leaves_at": counts_from,
            }
            if report.proposal_id is not None:
                await consents_count(write, [(report.proposal_id, report.agency_id, counts_from)])
            if report.proposal_id is None or not given:
                await write.run(_PARTY, {**its, **values})
        case ReportedKind.CONSENTED | ReportedKind.WAS_NOTIFIED | ReportedKind.WAS_ASKED:  # OF_CONSENT
            await consents_count(write, [(report.proposal_id, report.agency_id, counts_from)])
        case ReportedKind.RECEIVED_NOTICE:
            # What would follow from it is of a day to come, so it is written down once the report has effect.
            if manner is not None and counts_from is not None:
                its_receipt = (report.recorded_by_id, report.agency_id, report.acted_on)
                own_word = manner == "confirmed"  # which may be another than the one that it gave before
                await apply_receipt(write, report.agreement_id, *its_receipt, told=_told(report), corrected=own_word)
        case ReportedKind.FULFILLED_DUTY | ReportedKind.OWES_DUTY:
            pass  # whether it has effect is read from the report itself, where the duty is


async def _joins(write: Write, report: Row[Any], at: datetime | None) -> None:
    """Bind the party from then on; what it signed itself binds it whatever becomes of the report."""
    its = {"its_agreement": report.agreement_id, "its_agency": report.agency_id}
    await write.run(_PARTY, {**its, "joined_at": earliest(at, await write.value(_SIGNED_FROM, its))})


async def apply_receipt(
    write: Write,
    agreement_id: UUID,
    giver_id: UUID,
    agency_id: UUID,
    received_on: date,
    *,
    recorded_at: datetime | None = None,
    told: ToldReceipt | None = None,
    corrected: bool = False,
) -> None:
    """Write down that a party received the notice of another that day; what is on record of that already stays.

    `recorded_at`: when it said so itself. It stays not where the party has `corrected` it. `told`: since when the
    others knew; where others stand by, it counts no sooner, and a corrected day no sooner than the one before. None
    where each of them has said itself by when the notice runs out.
    """
    its = {"its_agreement": agreement_id, "its_agency": giver_id}
    giver = await write.first(_RECEIPTS, its)
    assert giver is not None, "who gave no notice, none is received of"
    found = {each.agency_id: each for each in read_receipts(giver.notice_receipts)}
    kept = found.get(agency_id)
    if kept is not None and kept.received_on is not None and not corrected:
        return
    counts_on = known_at = None
    if told is not None and await _others_stand_by(write, agreement_id, (giver_id, agency_id), told):
        counted = civil_day(told.at, giver.time_zone)
        if corrected and kept is not None and kept.received_on is not None:
            counted = kept.counts_on or kept.received_on
        counts_on, known_at = (counted if counted > received_on else None), told.effect_at
    found[agency_id] = NoticeReceipt(
        agency_id=agency_id, received_on=received_on, recorded_at=recorded_at, counts_on=counts_on, known_at=known_at
    )
    await write.run(_PARTY, {**its, "notice_receipts": kept_receipts(found.values())})


async def count_receipt(write: Write, agreement_id: UUID, giver_id: UUID, agency_id: UUID, at: datetime) -> bool:
    """Let the receipt count from the day of that instant, to which the others have agreed; whether it counted later.

    Of another day than the one that is on record now they have agreed to nothing.
    """
    its = {"its_agreement": agreement_id, "its_agency": giver_id}
    giver = await write.first(_RECEIPTS, its)
    found = {} if giver is None else {each.agency_id: each for each in read_receipts(giver.notice_receipts)}
    kept = found.get(agency_id)
    if giver is None or kept is None or kept.received_on is None or kept.counts_on is None:
        return False
    if civil_day(at, giver.time_zone) != kept.received_on:
        return False
    found[agency_id] = replace(kept, counts_on=None, known_at=None)
    await write.run(_PARTY, {**its, "notice_receipts": kept_receipts(found.values())})
    return True


async def receipt_of(write: Write, agreement_id: UUID, giver_id: UUID, agency_id: UUID) -> NoticeReceipt | None:
    """What is written down of when the party received that one's notice; None where nothing is."""
    giver = await write.first(_RECEIPTS, {"its_agreement": agreement_id, "its_agency": giver_id})
    said = [] if giver is None else read_receipts(giver.notice_receipts)
    return next((each for each in said if each.agency_id == agency_id and each.received_on is not None), None)


async def _others_stand_by(write: Write, agreement_id: UUID, two: tuple[UUID, UUID], told: ToldReceipt) -> bool:
    """Whether others are bound than who gave the notice and who received it."""
    about = {"its_agreement": agreement_id, "two": two, "known_at": told.effect_at or told.at}
    return await write.first(_STANDS_BY, about) is not None


def _told(report: Row[Any]) -> ToldReceipt:
    """Since when the others know by a report that has effect: from when its recipient was told, if it never said no."""
    denied = report.contested_at is not None or report.because is not None
    at = report.answered_at if denied else report.notified_at
    return ToldReceipt(at=at, effect_at=report.answered_at or report.notified_at + CONTEST_PERIOD)


async def unanswered_receipts(write: Write, agreement_id: UUID, giver_id: UUID) -> Sequence[Row[Any]]:
    """What a party reported of the receipt of its notice that has neither been answered nor taken effect."""
    return await write.all(_RECEIPT_REPORTS, {"id": agreement_id, "giver_id": giver_id})


async def consents_count(write: Write, counted: Iterable[tuple[UUID, UUID, datetime | None]]) -> None:
    """Let what is reported of consents count, each by its proposal and party from its instant, or not at all."""
    values = [
        {"its_proposal": proposal_id, "its_agency": agency_id, "counts_from": at}
        for proposal_id, agency_id, at in counted
    ]
    if values:
        await write.run(_CONSENTS_COUNT, values)


async def _signature(write: Write, report: Row[Any], manner: str, counts_from: datetime, *, relaxed: bool) -> None:
    await write.run(
        _INSERT_SIGNATURE,
        {
            "id": new_id(),
            "agreement_id": report.agreement_id,
            "version_id": report.version_id,
            "agency_id": report.agency_id,
            "manner": manner,
            "signatory_title": report.signatory_title,
            "signed_on": report.acted_on,
            "evidence_sha256": report.evidence_sha256,
            "evidence_location": report.evidence_location,
            "recorded_at": report.recorded_at,
            "counts_from": counts_from,
            "separation_relaxed": relaxed,
            "publishes": False,  # nobody publishes for another, and a yes to what was reported says nothing of it
        },
    )
    if report.authority_id is not None:
        await rest_on(write, report.version_id, report.agency_id, report.authority_id)


async def stop_silence(write: Write, report: Row[Any], because: Unconfirmed) -> None:
    """Let a report whose days were running have no effect but by the party's own confirmation."""
    await stop_each(write, [report], because)


async def stop_each(write: Write, reports: Sequence[Row[Any]], because: Unconfirmed) -> None:
    """As `stop_silence`, of several; however many consents are among them, they are as many statements as one."""
    consents = [each for each in reports if each.kind in OF_CONSENT]
    await consents_count(write, [(each.proposal_id, each.agency_id, None) for each in consents])
    for report in reports:
        if report.kind not in OF_CONSENT:
            await apply_report(write, report, None)
    await write.run(
        _SET, [{"its_id": each.id, "status": ReportStatus.UNCONFIRMED, "because": because} for each in reports]
    )


async def stop_silences(write: Write, agreement_id: UUID, agency_id: UUID, because: Unconfirmed, now: datetime) -> None:
    """As `stop_silence`, of whatever is reported of the party; after a no, of what that concerns."""
    for report in await write.all(_OPEN_OF, {"id": agreement_id, "agency_id": agency_id}):
        if report.status != ReportStatus.OPEN:
            continue
        if because is not Unconfirmed.SAID_NO or await said_no(write, agreement_id, report, now):
            await stop_silence(write, report, because)


async def open_reports(
    write: Write,
    agreement_id: UUID,
    agency_id: UUID,
    *kinds: ReportedKind,
    proposal_id: UUID | None = None,
    version_id: UUID | None = None,
    duty_id: UUID | None = None,
) -> list[Row[Any]]:
    """The reports of those kinds on the party that have neither been answered nor taken effect.

    Only those about the proposal, about a signature under the version, or about the duty, where one is named.
    """
    return [
        report
        for report in await write.all(_OPEN_OF, {"id": agreement_id, "agency_id": agency_id})
        if report.kind in kinds
        and (proposal_id is None or report.proposal_id == proposal_id)
        and (version_id is None or report.version_id == version_id)
        and (duty_id is None or report.duty_id == duty_id)
    ]


async def replace_reports(
    write: Write,
    agreement_id: UUID,
    agency_id: UUID,
    *kinds: ReportedKind,
    now: datetime,
    proposal_id: UUID | None = None,
    version_id: UUID | None = None,
    duty_id: UUID | None = None,
) -> None:
    """The party does the thing itself: what others reported of it counts no more, and its own act does."""
    about = {"proposal_id": proposal_id, "version_id": version_id, "duty_id": duty_id}
    for report in await open_reports(write, agreement_id, agency_id, *kinds, **about):
        await replace_report(write, report, now)


async def replace_report(write: Write, report: Row[Any], now: datetime) -> None:
    """As `replace_reports`, of one."""
    if report.status == ReportStatus.OPEN:
        await apply_report(write, report, None)
    values = {"status": ReportStatus.REPLACED, "answered_at": now, "notified_at": report.notified_at or now}
    await write.run(_SET, {"its_id": report.id, **values})
