"""When a notice has run out: by the texts that bound the party on the day from which its notice counts."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.settling.effects import open_reports
from registry.agreements.instruments.consent import BINDING, ProposalKind, Reported
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.delivery import NoticeDelivery, received_days, told_deliveries
from registry.agreements.instruments.notice import Period, last_notice_day, needed_period, read_notice
from registry.agreements.instruments.queries.governing import bound_on
from registry.agreements.instruments.queries.parties import JOINED_AT
from registry.agreements.instruments.receipt import BindingText, CountedOn, Receipts, awaited, counted_on, recipients
from registry.agreements.instruments.schemas.given import WithdrawalNotice
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.agreements.instruments.term_days import renewal_of, term_ends, withdrawal_ends_at
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import civil_day, day_after, day_starts_at, last_day_before

_SAID_SINCE = sa.select(sa.func.min(agreement_proposal.c.not_before, type_=agreement_party.c.joined_at.type)).where(
    agreement_proposal.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_proposal.c.proposed_by_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
    agreement_proposal.c.kind == ProposalKind.EARLIER_DAY,
    agreement_proposal.c.approval_id.is_(None),
    agreement_proposal.c.notice_of_id.is_(None),
    agreement_proposal.c.taken_back_at.is_(None),
)


_OWN_NOTICE = agreement_party.update().where(
    agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)


async def write_own_notice(
    write: Write,
    agreement_id: UUID,
    agency_id: UUID,
    notice: WithdrawalNotice,
    *,
    counts_on: date,
    leaves_at: datetime | None,
    now: datetime,
) -> None:
    """Write down a party's own notice: the day from which it counts, and when it has run out, where that is known."""
    values = {
        "withdrawal_notice_on": notice.notice_on,
        "notice_kind": notice.kind,
        "notice_counts_on": counts_on,
        "notice_recorded_at": now,
        "notice_leaves_on": notice.leaves_on,
        "leaves_at": leaves_at,
        "notice_evidence_sha256": notice.evidence_sha256,
        "notice_evidence_location": notice.evidence_location,
        "notice_deliveries": told_deliveries(notice.deliveries),
    }
    await write.run(_OWN_NOTICE, {"its_id": agreement_id, "its_agency": agency_id, **values})


async def joined_at_of(read: Read, agreement_id: UUID, agency_id: UUID) -> datetime | None:
    """Since when the party is bound, or will be by what is reported of it; None where it is not.

    By its own word, as long as others have not agreed to its day: what it did in between is recorded in any order.
    """
    its = {"id": agreement_id, "agency_id": agency_id}
    at: datetime | None = await read.value(JOINED_AT, its)
    return None if at is None else earliest(at, await read.value(_SAID_SINCE, its))


def notice_ends_at(
    bound_by: BindingText,
    time_zone: str,
    agency_id: UUID,
    kind: str,
    notice_on: date,
    leaves_on: date | None,
    receipts: Receipts | None = None,
    *,
    bears: date | None = None,
) -> datetime | None:
    """When a notice of that day has run out under the text, and not before the day that it names.

    `bears`: the day that is written on it, where that is another; it runs out no sooner than counted from it.
    Where the text counts it from receipt, by the `receipts`; None of these is as though each had received it on that
    day. One that declines the renewal runs out with a term. None where how long notice runs is not entered, it has
    no renewal that could be declined, or it counts from a receipt that is awaited.
    """
    text, notice = bound_by.text, read_notice(bound_by.text.notice)
    period, counted = notice.of(agency_id), CountedOn(notice_on, None)
    if period is None:
        return None
    if notice.by_receipt and receipts is not None:
        found = counted_on(notice, bound_by.towards, notice_on, receipts)
        if found is None:
            return None
        counted = found
    runs_out_at = _latest(_ran_out_at(text, counted.day, bears or counted.day, period, time_zone), counted.not_before)
    if kind == "withdrawal":
        if leaves_on is None:
            return runs_out_at
        return max(runs_out_at, day_starts_at(day_after(leaves_on), ZoneInfo(time_zone)))
    renewal = renewal_of(text.auto_renew_months, text.auto_renew_times, text.renewal_day)
    if text.expires_on is None or renewal is None:
        return None
    for ends_on in term_ends(text.expires_on, renewal, max(counted.day, leaves_on or counted.day)):
        if counted.day <= last_notice_day(ends_on, period):
            return _latest(day_starts_at(ends_on + timedelta(days=1), ZoneInfo(time_zone)), counted.not_before)
    return runs_out_at  # too late for the last term: it ends by itself before that


def _ran_out_at(text: Row[Any], given_on: date, bears: date, period: Period, time_zone: str) -> datetime:
    """When a period has run out that began on the day on which the notice was given, and not sooner by what it bears.

    Where the giver's day is ahead of the agreement's, its notice bears the next day, and who reads it counts from that.
    Given in time for the end of a term it leaves with that, whatever day it bears.
    """
    ends_at = withdrawal_ends_at(given_on, period, time_zone)
    later = withdrawal_ends_at(bears, period, time_zone)
    if later <= ends_at or text.expires_on is None:
        return max(ends_at, later)
    renewal = renewal_of(text.auto_renew_months, text.auto_renew_times, text.renewal_day)
    term = next(term_ends(text.expires_on, renewal, last_day_before(ends_at, time_zone)), None)
    return later if term is None else min(later, day_starts_at(day_after(term), ZoneInfo(time_zone)))


def _latest(at: datetime, other: datetime | None) -> datetime:
    return at if other is None else max(at, other)


def notices_end_at(
    bound_by: Sequence[BindingText],
    time_zone: str,
    agency_id: UUID,
    kind: str,
    notice_on: date,
    leaves_on: date | None,
    receipts: Receipts | None = None,
    *,
    bears: date | None = None,
) -> datetime | None:
    """As `notice_ends_at`, under all of the texts that bind the party: to nobody is its notice shorter than its text.

    A renewal is declined under the latest of them that renews itself.
    """
    renewing = next((each for each in bound_by if _renews(each.text)), bound_by[0])
    ends = [
        notice_ends_at(
            each,
            time_zone,
            agency_id,
            kind if each is renewing else "withdrawal",
            notice_on,
            leaves_on,
            receipts,
            bears=bears,
        )
        for each in bound_by
    ]
    known = [at for at in ends if at is not None]
    return max(known) if len(known) == len(ends) else None


def is_silent(texts: Sequence[Row[Any]], agency_id: UUID) -> bool:
    """Whether of one of the texts that bind the party it is not entered how long its notice runs."""
    return any(read_notice(text.notice).of(agency_id) is None for text in texts)


def _renews(text: Row[Any]) -> bool:
    return (
        text.expires_on is not None
        and renewal_of(text.auto_renew_months, text.auto_renew_times, text.renewal_day) is not None
    )


def check_renewal(texts: Sequence[Row[Any]], kind: str, leaves_on: date | None) -> None:
    """Let a renewal be declined where a text has one, and for the last day of a term. Raises RuleBroken."""
    if kind == "withdrawal":
        return
    text = next((each for each in texts if _renews(each)), texts[0])
    renewal = renewal_of(text.auto_renew_months, text.auto_renew_times, text.renewal_day)
    if text.expires_on is None or renewal is None:
        detail = "The agreement does not renew itself, so there is no renewal to decline."
        raise RuleBroken.at(detail, "no_renewal", pointer="/kind")
    if leaves_on is not None and next(term_ends(text.expires_on, renewal, leaves_on), None) != leaves_on:
        detail = (
            f"No term ends on {leaves_on}: who declines the renewal is bound until a term's last day. Name such a day, "
            "or none, or withdraw."
        )
        raise RuleBroken.at(detail, "not_then", pointer="/leaves_on")


async def notice_runs_out_at(
    read: Read,
    row: Row[Any],
    agency_id: UUID,
    kind: str,
    notice_on: date,
    leaves_on: date | None = None,
    received: Mapping[UUID, date] | None = None,
    *,
    bears: date | None = None,
) -> datetime:
    """When the notice of a party has run out, or on the later day that it names; `bears` as in `notice_ends_at`.

    `received`: when each other party is said to have received it, for texts by which that counts; None is as though
    each had on the day of the notice, so that it could not run out sooner.
    Raises RuleBroken where there is no term that it could keep from being renewed, where the day named is too soon or
    ends no such term, where such a receipt is not said, and where how long notice runs is not entered: of that nobody's
    own word decides.
    """
    bound_by = await bound_on(read, row, agency_id, notice_on)
    texts = [each.text for each in bound_by]
    check_renewal(texts, kind, leaves_on)
    periods = [needed_period(read_notice(text.notice), agency_id, "/leaves_on") for text in texts]
    runs_out = [
        _ran_out_at(text, notice_on, bears or notice_on, period, row.time_zone)
        for text, period in zip(texts, periods, strict=True)
    ]
    runs_out_at, period = max(zip(runs_out, periods, strict=True), key=lambda each: each[0])
    if leaves_on is not None and day_starts_at(day_after(leaves_on), ZoneInfo(row.time_zone)) < runs_out_at:
        last = last_day_before(runs_out_at, row.time_zone)
        detail = f"Notice of {period} given on {bears or notice_on} runs through {last}, not less."
        raise RuleBroken.at(detail, "not_then", pointer="/leaves_on")
    receipts = None if received is None else Receipts(received=received, left={})
    if receipts is not None and awaited(bound_by, receipts):
        detail = (
            "By its text notice counts from its receipt, so that nothing follows from one that has not come: say in "
            "`deliveries` on which day each of those received it to whom it goes."
        )
        raise RuleBroken.at(detail, "receipt_missing", "received_on is needed of each", pointer="/deliveries")
    ends_at = notices_end_at(bound_by, row.time_zone, agency_id, kind, notice_on, leaves_on, receipts, bears=bears)
    assert ends_at is not None  # there is a period, a renewal, and each receipt
    return ends_at


async def said_received(read: Read, row: Row[Any], act: Reported) -> dict[UUID, date]:
    """Of a reported notice on which day those are said to have received it from whose receipt it counts."""
    said = received_days(msgspec.convert(act.deliveries or [], list[NoticeDelivery]))
    to = recipients(await bound_on(read, row, act.agency_id, act.acted_on))
    return {agency_id: day for agency_id, day in said.items() if agency_id in to}


async def notice_given_at(
    read: Read,
    row: Row[Any],
    agency_id: UUID,
    kind: str | None,
    given_at: datetime,
    receipts: Receipts | None = None,
    *,
    bears: date | None = None,
) -> datetime | None:
    """When a notice that the party gives at that instant has run out; None where no period is entered.

    `bears` as in `notice_ends_at`.
    None, too, where one of the `receipts` is awaited from which it counts; none of these is as though it came at once.
    """
    given_on = civil_day(given_at, row.time_zone)
    bound_by = await bound_on(read, row, agency_id, given_on)
    its = (agency_id, kind or "withdrawal", given_on, None)
    ends_at = notices_end_at(bound_by, row.time_zone, *its, receipts, bears=bears)
    return None if ends_at is None else max(given_at, ends_at)


async def check_was_bound(
    write: Write,
    row: Row[Any],
    agency_id: UUID,
    joined_at: datetime,
    day: date,
    today: Today,
    pointer: str,
    leaves_at: datetime | None = None,
) -> None:
    """Let a party act on that day, and leave then, only once it was bound. Raises RuleBroken, and names its first day.

    `today`: now, with the zone of the party. Where the text applies from a later day that has come, the party is bound
    since that one, and leaves after it; until it comes, it may leave before. Who is only reported to have signed or
    agreed will be bound since the day that is reported; and who says so itself since that, once the others agree.
    """
    if joined_at > today.now:
        reports = await open_reports(write, row.id, agency_id, *BINDING)
        joined_at = min((each.counts_at for each in reports), default=joined_at)
    said = await write.value(_SAID_SINCE, {"id": row.id, "agency_id": agency_id})
    joined_at = joined_at if said is None else min(joined_at, said)
    bound_at = joined_at if row.starts_at > today.now else max(joined_at, row.starts_at)
    before_that = replace(today, now=joined_at).is_over(day) or (leaves_at is not None and leaves_at <= bound_at)
    if before_that:
        detail = (
            f"The party is bound by this agreement since {civil_day(bound_at, row.time_zone)}: before that it could "
            "neither give notice nor leave, nor end it."
        )
        raise RuleBroken.at(detail, "not_then", f"{day} is before that", pointer=pointer)
