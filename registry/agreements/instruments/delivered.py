"""What a reader has to know of how notices were given, where that is not as the text asks. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from registry.agreements.instruments.delivery import ShownDelivery, asked, differences
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.receipt import awaited_in_words, disputed_in_words
from registry.agreements.instruments.remarks import Remark, RemarkCode
from registry.agreements.instruments.schemas.consenting import ReportedAct
from registry.agreements.instruments.schemas.shown import AgreementParty
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.time import last_day_before

_RECEIPT: Final = re.compile(r"\b(?:after|upon|on|from|following|of)\s+(?:(?:its|the|actual|such)\s+)*receipt\b", re.I)


def about_deliveries(
    parties: Sequence[AgreementParty],
    reported: Iterable[ReportedAct],
    asked_of: Callable[[UUID], Notice],
    clauses: Mapping[str, str | None],
    time_zone: str,
) -> Iterator[Remark]:
    """Of notices that count, or are said to have been given: what of how they were is not as the text asks.

    `asked_of`: what the text asks of a party that gives notice; `clauses`: what the provisions say, by number. What was
    taken back or replaced is told of no more.
    """
    names = {each.agency.id: each.agency.name for each in parties}
    said = [each for each in reported if each.kind == "gave_notice" and each.status not in ("taken_back", "replaced")]
    by_others = {each.agency.id for each in said}
    notices = [
        (each.agency, each.withdrawal_notice_on, each.notice_kind, each.notice_deliveries, each.leaves_at)
        for each in parties
        if each.withdrawal_notice_on is not None and each.agency.id not in by_others
    ]
    by_report = ((each.agency, each.acted_on, each.notice_kind, each.deliveries, None) for each in said)
    for agency, given_on, kind, deliveries, leaves_at in (*notices, *by_report):
        notice = asked_of(agency.id)
        found = [*differences(notice, agency.id, deliveries, names)]
        if found:
            detail = (
                f"The notice of {agency.name} of {given_on}: {'; '.join(found)}. The text asks for it {asked(notice)}. "
                "It counts as it was recorded; whether it is good is for the parties, who may contest what is put to "
                "them of it with this as their reason. Have counsel review."
            )
            yield Remark(code=RemarkCode.NOTICE_MANNER_DIFFERS, detail=detail, clause=notice.clause)
        if notice.counted_from != "silent":
            continue
        last = None if leaves_at is None else last_day_before(leaves_at, time_zone)
        text = None if notice.clause is None else clauses.get(notice.clause)
        yield from _by_receipt(agency, given_on, kind, deliveries, last, notice, text)


def about_receipts(parties: Sequence[AgreementParty], asked_of: Callable[[UUID], Notice]) -> Iterator[Remark]:
    """Of notices that count from receipt: that a receipt is awaited of one, so that it has not run out, or disputed."""
    for each in parties:
        yield from _about_disputed(each, asked_of)
        awaited = awaited_in_words(each.notice_receipts)
        if not awaited or each.leaves_at is not None:
            continue
        notice = asked_of(each.agency.id)
        where = "its text" if notice.clause is None else f"clause {notice.clause}"
        detail = (
            f"The notice of {each.agency.name} of {each.withdrawal_notice_on} does not run out yet, and until when "
            f"{each.agency.name} is bound is not known: by {where} it counts from its receipt, which {awaited}. Each "
            f"of them says when it came (`record_receipt`), or {each.agency.name} reports it with what shows it "
            "(`received_notice`); where that is contested, with other evidence or of another day."
        )
        yield Remark(code=RemarkCode.AWAITING_RECEIPT, detail=detail, clause=notice.clause)


def _about_disputed(party: AgreementParty, asked_of: Callable[[UUID], Notice]) -> Iterator[Remark]:
    """That who gave a notice and who received it say different days of that, and which of them counts meanwhile."""
    name, both = party.agency.name, disputed_in_words(party.agency.name, party.notice_receipts)
    if not both:
        return
    detail = (
        f"Until when {name} is bound is in dispute: its notice of {party.withdrawal_notice_on} counts from its "
        f"receipt; {both}. As long as they do not agree it counts from the day that the party says to which it went, "
        f"so that nobody is left sooner by another's word: that one confirms the report or corrects its day, or {name} "
        "takes the report back. Have counsel review."
    )
    yield Remark(code=RemarkCode.RECEIPT_DISPUTED, detail=detail, clause=asked_of(party.agency.id).clause)


def _by_receipt(
    agency: AgencyReference,
    given_on: date | None,
    kind: str | None,
    deliveries: Sequence[ShownDelivery],
    leaves_on: date | None,
    notice: Notice,
    clause_text: str | None,
) -> Iterator[Remark]:
    """That a notice would count from a later day by its receipt, or that its clause speaks of one not on record.

    It is counted from the day that it bears, or was entered, since the term does not say; `leaves_on`: the last day by
    that.
    """
    speaks = clause_text is not None and _RECEIPT.search(clause_text) is not None
    received = {each.agency.name: each.received_on for each in deliveries if each.received_on is not None}
    last = max(received.values(), default=None)
    period = None if kind == "non_renewal" else notice.of(agency.id)
    through = None if last is None or period is None else period.after(last)
    in_time = through is not None and leaves_on is not None and through <= leaves_on
    later = last is not None and given_on is not None and last > given_on and not in_time
    if not later and not (speaks and len(received) < max(1, len(deliveries))):
        return
    where = f"Clause {notice.clause} speaks of receipt" if speaks else "A text may count notice from its receipt"
    known = "; ".join(f"{name} received it on {day}" for name, day in received.items())
    if through is not None and later:
        known += f"; counted from the last of these it runs through {through}"
    detail = (
        f"The notice of {agency.name} of {given_on} is not counted from its receipt. {where}: "
        f"{known or 'no receipt of it is recorded'}. From which day it counts is for the parties, who may contest what "
        "is put to them of it; have counsel review."
    )
    yield Remark(code=RemarkCode.COUNTS_FROM_RECEIPT, detail=detail, clause=notice.clause)
