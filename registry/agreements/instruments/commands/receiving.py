"""That a notice which counts from receipt was received: by the recipient's own word, or as its giver reports.

A day that the recipient mistyped it corrects itself, as long as nobody has gone by it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.holding import finished, held
from registry.agreements.instruments.commands.receipts_dated import ask_of_receipt, drop_receipt_days
from registry.agreements.instruments.commands.reported import write_report
from registry.agreements.instruments.commands.settling.effects import (
    apply_receipt,
    open_reports,
    replace_report,
    stop_silence,
    unanswered_receipts,
)
from registry.agreements.instruments.consent import Reported, ReportedKind, ReportStatus, Unconfirmed
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.evidence import evidence_told
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.relying import agreed_to_a_day, asked_before, gone_by_receipt
from registry.agreements.instruments.receipt import (
    NoticeReceipt,
    ToldReceipt,
    awaited_from,
    correction_barred,
    dispute_barred,
    no_receipt_awaited,
    own_receipt,
)
from registry.agreements.instruments.rules import check_evidence, refuse
from registry.agreements.instruments.schemas.evidence import OnPaper, evidence_of
from registry.agreements.instruments.schemas.given import CorrectedReceipt, ReceiptOfNotice
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import last_day_before
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_GIVER = sa.select(
    *(agreement_party.c[name] for name in ("withdrawal_notice_on", "leaves_at", "notice_receipts"))
).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)


async def record_receipt(
    write: Write, caller: Caller, agreement_id: UUID, receipt: ReceiptOfNotice, expected: Expected
) -> Agreement:
    """Say on which day the own agency received another's notice, which counts from that; what was reported gives way.

    What who gave the notice reported of an earlier day stays beside it: of that the two say different things.
    To others whose days a day that is over touches it counts from now, until they agree to it (`receipts_dated`).
    Raises RuleBroken for a day that has not come, or is before that of the notice; WrongStatus where none waits for it.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    notice_on = await _awaits(write, row.id, receipt.agency_id, caller.agency_id)
    await _check_day(write, caller, row, notice_on, receipt.received_on)
    check_evidence(*evidence_of(receipt), needed=False)
    await give_way(write, row.id, receipt.agency_id, caller.agency_id, caller.now, said=receipt.received_on)
    said = (receipt.agency_id, caller.agency_id, receipt.received_on)
    await apply_receipt(write, row.id, *said, recorded_at=caller.now, told=ToldReceipt(at=caller.now))
    told = {
        "agency_id": str(caller.agency_id),
        "notice_of_agency_id": str(receipt.agency_id),
        "received_on": receipt.received_on,
        "note": receipt.note,
        **await evidence_told(write, row.id, caller.agency_id, *evidence_of(receipt)),
        **await ask_of_receipt(write, caller, row, receipt.agency_id, receipt),
    }
    await finished(write, caller, row, EventType.AGREEMENT_NOTICE_RECEIVED, told)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def correct_receipt(
    write: Write, caller: Caller, agreement_id: UUID, corrected: CorrectedReceipt, expected: Expected
) -> Agreement:
    """Say of the day on which the own agency recorded that it received a notice that it was another, and why.

    The history keeps both. An earlier day counts towards the others once they agree to it. Raises RuleBroken for a day
    that has not come, or is before that of the notice; WrongStatus where it recorded none itself, where the notice has
    run out, and with who has gone by that day, by which act; and RuleBroken for a day by which the notice would have
    run out already.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    asked = await asked_before(write, row.id, corrected.agency_id, caller.agency_id)
    giver, own = await _to_correct(write, caller, row, corrected.agency_id, asked)
    await _check_day(write, caller, row, giver.withdrawal_notice_on, corrected.received_on)
    said = (corrected.agency_id, caller.agency_id, corrected.received_on)
    check_evidence(*evidence_of(corrected), needed=False)
    await drop_receipt_days(write, caller, row, corrected.agency_id, corrected.reason, of_id=caller.agency_id)
    await give_way(write, row.id, corrected.agency_id, caller.agency_id, caller.now, said=corrected.received_on)
    known = ToldReceipt(at=caller.now)
    await apply_receipt(write, row.id, *said, recorded_at=caller.now, told=known, corrected=True)
    told = {
        "agency_id": str(caller.agency_id),
        "notice_of_agency_id": str(corrected.agency_id),
        "received_on": corrected.received_on,
        "recorded_before": own.received_on,
        "reason": corrected.reason,
        **await evidence_told(write, row.id, caller.agency_id, *evidence_of(corrected)),
        **await ask_of_receipt(write, caller, row, corrected.agency_id, corrected),
    }
    await finished(write, caller, row, EventType.AGREEMENT_RECEIPT_CORRECTED, told)
    await _check_runs_on(write, caller, row, corrected.agency_id, "/received_on")
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def _to_correct(
    write: Write, caller: Caller, row: Row[Any], giver_id: UUID, asked: int = 0
) -> tuple[Row[Any], NoticeReceipt]:
    """Who gave the notice, and the own word of its receipt that may be corrected. Raises WrongStatus.

    `asked`: how many days it has put to the others before; one that it confirms is not counted.
    """
    giver = await write.first(_GIVER, {"id": row.id, "agency_id": giver_id})
    own = None if giver is None else own_receipt(giver.notice_receipts, caller.agency_id)
    relied, agreed = [], await agreed_to_a_day(write, row.id, giver_id, caller.agency_id)
    if giver is not None and own is not None and own.recorded_at is not None:
        both, at = (giver_id, caller.agency_id), (row.time_zone, caller.now)
        relied = await gone_by_receipt(write, row.id, *both, own.recorded_at, giver.leaves_at, *at)
    leaves_at = None if giver is None else giver.leaves_at
    refuse(correction_barred(own, leaves_at, caller.now, relied, agreed=agreed, asked=asked))
    assert giver is not None, "what nobody gave was refused"
    assert own is not None, "and so was what was not recorded"
    return giver, own


async def _check_runs_on(write: Write, caller: Caller, row: Row[Any], giver_id: UUID, pointer: str | None) -> None:
    """Let a receipt be of another day as long as the notice still runs by that. Raises RuleBroken."""
    giver = await write.first(_GIVER, {"id": row.id, "agency_id": giver_id})
    over_at = None if giver is None else giver.leaves_at
    if over_at is None or over_at > caller.now:
        return
    last = last_day_before(over_at, row.time_zone)
    detail = (
        f"By that day the notice would have run out on {last}, which is over: until now the others counted on what "
        "you had recorded, and nobody alone unbinds a party for days that are over. Name a day by which it still "
        "runs; what came before that is for all to agree to."
    )
    if pointer is None:
        raise RuleBroken(detail, "not_then")
    raise RuleBroken.at(detail, "not_then", f"it would have run out on {last}", pointer=pointer)


async def own_word_of(write: Write, caller: Caller, row: Row[Any], report: Row[Any]) -> bool:
    """Whether who now confirms that a notice came said another day of that, and corrects it. Raises WrongStatus.

    It is barred from that as from any correction: by who has gone by its day, and once the notice has run out.
    """
    giver = await write.first(_GIVER, {"id": row.id, "agency_id": report.recorded_by_id})
    if giver is None or own_receipt(giver.notice_receipts, caller.agency_id) is None:
        return False
    await _to_correct(write, caller, row, report.recorded_by_id)
    return True


async def check_confirmed_day(write: Write, caller: Caller, row: Row[Any], report: Row[Any]) -> None:
    """Let the own agency confirm a day instead of its own by which the notice still runs. Raises RuleBroken."""
    await _check_runs_on(write, caller, row, report.recorded_by_id, None)


async def check_receipt(write: Write, caller: Caller, row: Row[Any], recipient_id: UUID, received_on: date) -> None:
    """Let who gave a notice report its receipt, or that it came before the day that the recipient says itself.

    Raises RuleBroken, WrongStatus where none of its own waits for it, and the recipient has said nothing to contest.
    """
    giver = await write.first(_GIVER, {"id": row.id, "agency_id": caller.agency_id})
    kept = None if giver is None else giver.notice_receipts
    if recipient_id not in awaited_from(kept):
        own = own_receipt(kept, recipient_id)
        refuse(dispute_barred(recipient_id, own, None if giver is None else giver.leaves_at, caller.now))
        assert own is not None, "what is not on record was refused"
        assert own.received_on is not None, "and so was what is awaited"
        if received_on >= own.received_on:
            detail = (
                f"That party says itself that it received the notice on {own.received_on}: report a day before that, "
                "or none. To be bound for longer, name a later last day in a new notice."
            )
            raise RuleBroken.at(detail, "not_then", f"not before {own.received_on}", pointer="/acted_on")
    assert giver is not None, "without a notice nothing is received"
    _check_sent_before(giver.withdrawal_notice_on, received_on, "/acted_on")


async def report_receipts(
    write: Write, caller: Caller, row: Row[Any], received: Mapping[UUID, date], paper: OnPaper, reason: str
) -> None:
    """What the notice's own evidence shows of its receipt, put to those that are said to have received it."""
    for agency_id, received_on in received.items():
        theirs = await today_of(write, agency_id, row.time_zone, caller.now)
        act = Reported(
            agency_id=agency_id,
            kind=ReportedKind.RECEIVED_NOTICE,
            acted_on=received_on,
            counts_at=theirs.counts_from(received_on),
            evidence_sha256=paper.evidence_sha256,
            evidence_location=paper.evidence_location,
            reason=reason,
        )
        await write_report(write, caller, row, act)


async def give_way(
    write: Write, agreement_id: UUID, giver_id: UUID, recipient_id: UUID, now: datetime, *, said: date | None = None
) -> None:
    """Let what a party reported of its notice's receipt by another count no more, for that one has said itself.

    Of a day before the one that it `said` the report stays, for the two words to stand side by side; no silence counts
    against a word that was given. None where it said the very thing that was reported.
    """
    for report in await open_reports(write, agreement_id, recipient_id, ReportedKind.RECEIVED_NOTICE):
        if report.recorded_by_id != giver_id:
            continue
        if said is None or report.acted_on >= said:
            await replace_report(write, report, now)
        elif report.status == ReportStatus.OPEN:
            await stop_silence(write, report, Unconfirmed.SAID_NO)


async def drop_receipts(write: Write, caller: Caller, row: Row[Any]) -> None:
    """Let what the own agency reported of the receipt of its notice count no more: there is no such notice now."""
    for report in await unanswered_receipts(write, row.id, caller.agency_id):
        await replace_report(write, report, caller.now)
    await drop_receipt_days(write, caller, row, caller.agency_id, "the notice was taken back")


async def _awaits(write: Write, agreement_id: UUID, giver_id: UUID, recipient_id: UUID) -> date:
    """The day of a notice that waits for that receipt. Raises WrongStatus."""
    giver = await write.first(_GIVER, {"id": agreement_id, "agency_id": giver_id})
    awaited = [] if giver is None else awaited_from(giver.notice_receipts)
    refuse(no_receipt_awaited(awaited, recipient_id))
    assert giver is not None
    notice_on: date = giver.withdrawal_notice_on
    return notice_on


async def _check_day(write: Write, caller: Caller, row: Row[Any], notice_on: date, received_on: date) -> None:
    """Raises RuleBroken for a day that has not come where the own agency is, or is before that of the notice."""
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    today.check_come(received_on, "/received_on", "not_then", "What has not come yet cannot be received.")
    _check_sent_before(notice_on, received_on, "/received_on")


def _check_sent_before(notice_on: date, received_on: date, pointer: str) -> None:
    """Raises RuleBroken for a day before that of the notice."""
    if received_on < notice_on:
        detail = f"The notice is of {notice_on}: it was not received before that."
        raise RuleBroken.at(detail, "dates_reversed", "before the day of the notice", pointer=pointer)
