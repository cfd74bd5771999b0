"""Of notices that count from receipt: what is reported of receipts that are awaited, and what may be corrected."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import UNANSWERED, ReportedKind, ReportStatus
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.queries.relying import agreed_to_a_day, asked_before, gone_by_receipt
from registry.agreements.instruments.receipt import (
    AwaitedNotice,
    DisputedNotice,
    OpenReceipts,
    SaidReceipt,
    correction_barred,
    own_receipt,
    read_receipts,
    shown_receipts,
)
from registry.agreements.instruments.tables import agreement_party
from registry.directory.agencies.queries import references
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read

_report = agreement_reported_act
_IDS = sa.bindparam("ids", type_=_report.c.agreement_id.type, expanding=True)
_SAID = (
    sa.select(
        *(_report.c[name] for name in ("id", "agreement_id", "agency_id", "recorded_by_id", "acted_on", "status"))
    )
    .where(
        _report.c.agreement_id.in_(_IDS),
        _report.c.kind == ReportedKind.RECEIVED_NOTICE,
        _report.c.status.in_(UNANSWERED),
        ~_report.c.is_settled,
    )
    .order_by(_report.c.id)
)
_GIVERS = (
    sa.select(
        *(
            agreement_party.c[name]
            for name in ("agreement_id", "agency_id", "withdrawal_notice_on", "leaves_at", "notice_receipts")
        ),
        agency.c.name,
    )
    .join(agency, agency.c.id == agreement_party.c.agency_id)
    .where(
        agreement_party.c.agreement_id.in_(_IDS),
        agreement_party.c.agency_id.in_(sa.bindparam("sides", type_=agency.c.id.type, expanding=True)),
        agreement_party.c.withdrawal_notice_on.is_not(None),
        agreement_party.c.notice_receipts.is_not(None),
    )
    .order_by(agreement_party.c.agreement_id, agreement_party.c.ordinal)
)


async def receipts_said(read: Read, agreement_ids: Collection[UUID]) -> dict[tuple[UUID, UUID], list[SaidReceipt]]:
    """By agreement and giver what that one reported of the receipt of its notice, and what has had no effect."""
    found: dict[tuple[UUID, UUID], list[SaidReceipt]] = {}
    for row in await read.all(_SAID, {"ids": sorted(agreement_ids)}):
        said = SaidReceipt(row.id, row.agency_id, row.acted_on, row.status == ReportStatus.CONTESTED)
        found.setdefault((row.agreement_id, row.recorded_by_id), []).append(said)
    return found


async def said_of(
    read: Read, agreement_id: UUID, parties: Iterable[Row[Any]]
) -> dict[tuple[UUID, UUID], list[SaidReceipt]]:
    """As `receipts_said`, of one agreement; nothing is asked where no notice of the parties counts from a receipt."""
    if any(each.notice_receipts is not None for each in parties):
        return await receipts_said(read, [agreement_id])
    return {}


async def open_receipts(
    read: Read, agreement_ids: Collection[UUID], sides: Collection[UUID], now: datetime
) -> dict[UUID, OpenReceipts]:
    """By agreement the notices of those agencies that do not run out, or whose end is disputed, by their receipts."""
    if not agreement_ids:
        return {}
    rows = await read.all(_GIVERS, {"ids": sorted(agreement_ids), "sides": sorted(sides)})
    rows = [row for row in rows if row.leaves_at is None or row.leaves_at > now]
    if not rows:
        return {}
    said = await receipts_said(read, {row.agreement_id for row in rows})
    agencies = await references(read, {each.agency_id for row in rows for each in read_receipts(row.notice_receipts)})
    names = {agency_id: each.name for agency_id, each in agencies.items()}
    found: dict[UUID, OpenReceipts] = {}
    for row in rows:
        receipts = shown_receipts(row.notice_receipts, names, said.get((row.agreement_id, row.agency_id), ()))
        its = found.setdefault(row.agreement_id, OpenReceipts([], []))
        giver, given_on = AgencyReference(id=row.agency_id, name=row.name), row.withdrawal_notice_on
        awaited = [each for each in receipts if each.received_on is None]
        if awaited and row.leaves_at is None:
            its.awaiting.append(AwaitedNotice(agency=giver, notice_on=given_on, receipts=awaited))
        disputed = [each for each in receipts if each.status == "disputed"]
        if disputed:
            its.disputed.append(DisputedNotice(agency=giver, notice_on=given_on, receipts=disputed))
    return found


async def corrections_barred(
    read: Read, agreement_id: UUID, parties: Iterable[Row[Any]], agency_id: UUID, time_zone: str, now: datetime
) -> list[str | None]:
    """Of each notice that runs, and that the agency says to have received, why it cannot correct the day."""
    found = []
    for giver in parties:
        own = own_receipt(giver.notice_receipts, agency_id)
        if own is None or own.recorded_at is None or (giver.leaves_at is not None and giver.leaves_at <= now):
            continue
        both, at = (giver.agency_id, agency_id), (time_zone, now)
        relied = await gone_by_receipt(read, agreement_id, *both, own.recorded_at, giver.leaves_at, *at)
        agreed = await agreed_to_a_day(read, agreement_id, giver.agency_id, agency_id)
        asked = await asked_before(read, agreement_id, *both)
        found.append(correction_barred(own, giver.leaves_at, now, relied, agreed=agreed, asked=asked))
    return found
