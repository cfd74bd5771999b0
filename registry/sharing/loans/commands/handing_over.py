"""Commands for the hand-over and the return. `reserving` reserves, `rescheduling` extends and recalls."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.canonical import canonical_digest
from registry.platform.kernel.errors import Conflict, RuleBroken
from registry.platform.kernel.text import folded
from registry.platform.kernel.time import Window, format_instant
from registry.platform.kernel.versions import Expected
from registry.resources.allocations.commands import hold_less, mark_out, release
from registry.resources.assets.commands.booking import lock, lock_for_booking
from registry.resources.assets.commands.keeping import BY_AN_APPROVER_FOR_SOONER, keep_minimums
from registry.resources.assets.commands.planning import hold_after_loan
from registry.resources.assets.queries.describing import describe
from registry.resources.assets.queries.facts import AssetRow, asset_facts
from registry.resources.assets.rules import changed_since
from registry.sharing.loans.commands.contesting import lapse_contests
from registry.sharing.loans.commands.fitting_hours import check_left
from registry.sharing.loans.commands.handlers import release_handler, send_handler
from registry.sharing.loans.commands.leaving_early import told_early
from registry.sharing.loans.commands.reserving import snapshot
from registry.sharing.loans.commands.steps import begin, begin_act, finish, noted, record_override
from registry.sharing.loans.queries.asset_warnings import described_in
from registry.sharing.loans.queries.getting import side_of
from registry.sharing.loans.queries.papers import check_documents
from registry.sharing.loans.queries.used_hours import partial_returns_in
from registry.sharing.loans.rules import (
    DeclineReason,
    LoanAction,
    Side,
    due_back,
    early_window,
    hand_over_refusal,
    quantity_back,
    quantity_received,
    quantity_sent,
    still_missing,
)
from registry.sharing.loans.schemas.given import ChangeAccepted, ConditionReport, LoanCancellation
from registry.sharing.loans.schemas.shown import Condition, Loan, PartialReturn
from registry.sharing.loans.tables import loan, loan_extension
from registry.sharing.loans.times import TimedAct, agreed_by_word
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import decline_decision, redecide
from registry.sharing.policy.queries.getting import decision_row

LAPSE = (
    loan_extension.update()
    .where(
        loan_extension.c.loan_id == sa.bindparam("loan", type_=loan.c.id.type),
        loan_extension.c.status == "pending",
    )
    .values(status="lapsed")
)


async def dispatch(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    loan_id: UUID,
    condition: ConditionReport,
    expected: Expected = None,
    override: str | None = None,
    occurred_at: datetime | None = None,
    by_word: str | None = None,
    quantity: int | None = None,
) -> Loan:
    """Send the asset out, or of several as many as `quantity` says: what does not leave with them is released.

    What left before it was reserved, by word of mouth, says how it was agreed (`by_word`), and is recorded from its
    agreed start on. What leaves long before its start is decided for the time from now on. Raises RuleBroken
    `quantity_over_loan` for more than are reserved, `people_not_named` for fewer people than go together,
    `window_too_long` when that is longer than any loan; Conflict when policy no longer permits the loan,
    `early_dispatch_not_permitted` when it does, but not from now on, `asset_changed` until the requesting agency
    accepts the changed asset, when it is still out on another loan, or another one had it then, or when leaving early
    would take what the agency keeps, unless somebody who approves for it gives a reason to override that.
    """
    row, status, caller, left_at = await begin_act(write, caller, loan_id, LoanAction.DISPATCH, expected, occurred_at)
    by_word = agreed_by_word(left_at, row.reserved_at, by_word)
    sent = quantity_sent(row.quantity, quantity, together=row.personnel_ids is not None)
    await check_documents(write, loan_id, Side.ASSISTING, condition.document_ids, "/document_ids")
    decision = await decision_row(write, row.decision_id)
    early = early_window(left_at, row.starts_at, row.planned_end_at)
    try:
        made = await redecide(write, caller, policies, decision, "dispatch", window=early and early.checked())
    except Conflict as refused:
        if early is None:
            raise
        raise await told_early(write, policies, caller, row, decision, refused) from None
    check_unchanged(row, made.asset)
    asset = await lock_for_booking(write, row.asset_id)
    if sent < row.quantity:
        await hold_less(write, loan_id, row.quantity - sent)
    await mark_out(write, asset, loan_id, left_at)
    if left_at < caller.now:
        await check_left(write, asset, row, sent, left_at, caller.now)
    overridden: dict[str, object] = {}
    if left_at < row.starts_at:
        sooner = Window(start=left_at, end=row.starts_at)
        overridden = await keep_minimums(write, caller, asset, sooner, override, BY_AN_APPROVER_FOR_SOONER)
    await send_handler(write, made.asset, row, left_at)
    values: dict[str, object] = {
        "status": status,
        "quantity": sent,
        "dispatched_at": left_at,
        "condition_out": msgspec.to_builtins(condition),
        "agreed_by_word": by_word,
    }
    if overridden:
        values["minimum_override"] = overridden
        record_override(write, caller, (loan_id, row.version + 1), row.assisting_agency_id, overridden)
    data: dict[str, object] = {"condition": _recorded(condition), "decision_id": str(made.recorded.id)}
    if sent < row.quantity:
        data |= {"quantity": sent, "released_quantity": row.quantity - sent}
    if by_word is not None:
        data["agreed_by_word"] = by_word
    return await finish(write, caller, row, LoanAction.DISPATCH, values, data, made, occurred_at=left_at)


async def accept_changed_asset(
    write: Write, caller: Caller, loan_id: UUID, accepted: ChangeAccepted, expected: Expected = None
) -> Loan:
    """Accept, for the requesting agency, the asset as it is now in place of the one that was reserved.

    It binds that agency to what another changed: it is for people, no service does it.

    Raises WrongStatus when it has not changed, Conflict `asset_changed` when it is another version than the one named.
    """
    row, _, caller = await begin(write, caller, loan_id, LoanAction.ACCEPT_CHANGED_ASSET, expected)
    await lock(write, row.asset_id)
    found = await asset_facts(write, row.asset_id)
    if found.version != accepted.asset_version:
        raise _changed(changed_since(described_in(row), describe(found)))
    values = {
        "asset_snapshot": snapshot(found, row.starts_at),
        "asset_described": describe(found),
        "search_text": folded(found.name, found.tag),
    }
    data = {"asset_version": found.version, **noted(accepted.note)}
    return await finish(write, caller, row, LoanAction.ACCEPT_CHANGED_ASSET, values, data)


def check_unchanged(row: Row[Any], found: AssetRow) -> None:
    """Raises Conflict `asset_changed` when the asset, locked, is not the one that was reserved."""
    if changed := changed_since(described_in(row), describe(found)):
        raise _changed(changed)


def _changed(changed: Sequence[str]) -> Conflict:
    return Conflict(
        hand_over_refusal(None, changed) or "The asset has changed.", "asset_changed", extra={"changed": [*changed]}
    )


async def receive(
    write: Write,
    caller: Caller,
    loan_id: UUID,
    note: str | None = None,
    expected: Expected = None,
    occurred_at: datetime | None = None,
    condition: ConditionReport | None = None,
    quantity: int | None = None,
) -> Loan:
    """Confirm the arrival for the requesting agency, how many came, and in the condition in which it found them.

    Raises RuleBroken `quantity_over_loan` for more than were sent out, `nothing_arrived` for none.
    """
    row, status, caller, at = await begin_act(write, caller, loan_id, LoanAction.RECEIVE, expected, occurred_at)
    found, data = await _found(write, loan_id, condition)
    out = row.quantity - row.lost_quantity - row.returned_quantity
    came = quantity_received(out, quantity)
    if came < out:
        data["quantity"] = came
    values = {"status": status, "arrived_at": at, "condition_received": found, "received_quantity": came}
    values["missing_quantity"] = out - came
    return await finish(write, caller, row, LoanAction.RECEIVE, values, {**noted(note), **data}, occurred_at=at)


async def _found(write: Write, loan_id: UUID, condition: ConditionReport | None) -> tuple[object, dict[str, object]]:
    """The requesting agency's own report, to be kept, and for the ledger."""
    if condition is None:
        return None, {}
    await check_documents(write, loan_id, Side.REQUESTING, condition.document_ids, "/condition/document_ids")
    return msgspec.to_builtins(condition), {"condition": _recorded(condition)}


async def start_return(
    write: Write,
    caller: Caller,
    loan_id: UUID,
    note: str | None = None,
    expected: Expected = None,
    occurred_at: datetime | None = None,
    condition: ConditionReport | None = None,
) -> Loan:
    """Record that the asset is on its way back, and in which condition; an unanswered extension lapses."""
    row, status, caller, at = await begin_act(write, caller, loan_id, LoanAction.START_RETURN, expected, occurred_at)
    await write.run(LAPSE, {"loan": loan_id})
    if row.times_contested:  # what was lost on its way back and found goes back once more, with another time
        await lapse_contests(write, loan_id, TimedAct.START_RETURN, caller.now)
    found, data = await _found(write, loan_id, condition)
    values = {"status": status, "return_started_at": at, "condition_sent_back": found}
    return await finish(write, caller, row, LoanAction.START_RETURN, values, {**noted(note), **data}, occurred_at=at)


async def confirm_return(
    write: Write,
    caller: Caller,
    loan_id: UUID,
    condition: ConditionReport,
    expected: Expected = None,
    occurred_at: datetime | None = None,
    quantity: int | None = None,
) -> Loan:
    """Confirm for the assisting agency that the asset is back, which makes it free again. Policies are not asked.

    What comes back damaged is held until the owner has assessed it; anything else as long as it takes to be ready. Of
    several as many may be back as `quantity` says: these are free again, and the loan goes on with the rest. Raises
    RuleBroken `quantity_over_loan` for more than are out, `people_not_named` for fewer people than went together.
    """
    row, status, caller, back_at = await begin_act(write, caller, loan_id, LoanAction.RETURN, expected, occurred_at)
    await check_documents(write, loan_id, Side.ASSISTING, condition.document_ids, "/document_ids")
    out = row.quantity - row.lost_quantity - row.returned_quantity
    back = quantity_back(out, quantity, together=row.personnel_ids is not None)
    if back < out:
        return await _take_back_some(write, caller, row, condition, back, back_at)
    await write.run(LAPSE, {"loan": loan_id})
    due_at = due_back(row.planned_end_at, row.recall_due_at)
    asset = await lock_for_booking(write, row.asset_id)
    await release(write, loan_id)
    await release_handler(write, row)
    kept = await hold_after_loan(
        write,
        caller,
        asset,
        loan_id,
        back,
        owner_id=row.assisting_agency_id,
        damaged=condition.grade == "damaged",
        returned_at=back_at,
    )
    values = {
        "status": status,
        "returned_at": back_at,
        "due_when_returned_at": due_at,
        "condition_in": msgspec.to_builtins(condition),
        "missing_quantity": 0,
    }
    data = {"condition": _recorded(condition), "due": format_instant(due_at), **kept}
    return await finish(write, caller, row, LoanAction.RETURN, values, data, occurred_at=back_at)


async def _take_back_some(
    write: Write, caller: Caller, row: Row[Any], condition: ConditionReport, back: int, back_at: datetime
) -> Loan:
    asset = await lock_for_booking(write, row.asset_id)
    await hold_less(write, row.id, back)
    kept = await hold_after_loan(
        write,
        caller,
        asset,
        row.id,
        back,
        owner_id=row.assisting_agency_id,
        damaged=condition.grade == "damaged",
        returned_at=back_at,
    )
    so_far = partial_returns_in(row)
    out = row.quantity - row.lost_quantity - row.returned_quantity - back
    came = PartialReturn(quantity=back, returned_at=back_at, recorded_at=caller.now, condition=_as_kept(condition))
    values = {
        "returned_quantity": row.returned_quantity + back,
        "missing_quantity": still_missing(row.missing_quantity, out),
        "partial_returns": msgspec.to_builtins([*so_far, came]),
    }
    data = {"quantity": back, "condition": _recorded(condition), **kept}
    return await finish(write, caller, row, LoanAction.RETURN, values, data, occurred_at=back_at)


def _as_kept(condition: ConditionReport) -> Condition:
    return msgspec.convert(msgspec.to_builtins(condition), Condition)


async def close(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Close a returned loan."""
    row, status, caller = await begin(write, caller, loan_id, LoanAction.CLOSE, expected)
    return await finish(write, caller, row, LoanAction.CLOSE, {"status": status, "closed_at": caller.now}, noted(note))


async def cancel(write: Write, caller: Caller, loan_id: UUID, why: LoanCancellation, expected: Expected = None) -> Loan:
    """Cancel the loan; its allocation is released. What becomes of the line that it answered, requests settle.

    Who lends has then declined what was asked: nothing is lent on its decision any more. Raises RuleBroken
    `still_needed` where it says whether it is needed.
    """
    row, status, caller = await begin(write, caller, loan_id, LoanAction.CANCEL, expected)
    side, code = side_of(row, caller.principal), why.reason_code
    if side is Side.ASSISTING:
        if why.still_needed is not None:
            words = "Whether it is still needed the requesting agency says alone."
            raise RuleBroken.at(words, "still_needed", "not for the assisting agency to say", pointer="/still_needed")
        code = code or DeclineReason.OTHER
        await decline_decision(write, caller, row.root_decision_id, code, why.reason)
    said = {"reason_code": code, "still_needed": why.still_needed}
    data = {"reason": why.reason, **{name: value for name, value in said.items() if value is not None}}
    values = {"status": status, "decline_reason": code}
    return await _end(write, caller, row, LoanAction.CANCEL, values, data)


async def report_no_show(write: Write, caller: Caller, loan_id: UUID, reason: str, expected: Expected = None) -> Loan:
    """Report that the hand-over did not take place; the loan's allocation is released.

    Raises RuleBroken before the start of the loan, and within the grace after it.
    """
    row, status, caller = await begin(write, caller, loan_id, LoanAction.REPORT_NO_SHOW, expected)
    before = dict.fromkeys(("no_show_contested_at", "no_show_contested_reason", "no_show_withdrawn_at"))
    values = {"status": status, **before, "no_show_reported_at": caller.now}
    return await _end(write, caller, row, LoanAction.REPORT_NO_SHOW, values, {"reason": reason})


async def contest_no_show(write: Write, caller: Caller, loan_id: UUID, reason: str, expected: Expected = None) -> Loan:
    """Contest, for the other agency and within its time, that there was a no-show. The loan stays over.

    It is a person's word, and no service's. Raises WrongStatus for the agency that reported it, and once it is
    contested, withdrawn or stands.
    """
    row, _, caller = await begin(write, caller, loan_id, LoanAction.CONTEST_NO_SHOW, expected)
    values = {"no_show_contested_at": caller.now, "no_show_contested_reason": reason}
    return await finish(write, caller, row, LoanAction.CONTEST_NO_SHOW, values, {"reason": reason})


async def _end(
    write: Write,
    caller: Caller,
    row: Row[Any],
    action: LoanAction,
    values: Mapping[str, object],
    data: Mapping[str, object],
) -> Loan:
    await write.run(LAPSE, {"loan": row.id})
    await release(write, row.id)
    await release_handler(write, row)
    ended = {"ended_reason": data["reason"], "ended_side": side_of(row, caller.principal)}
    return await finish(write, caller, row, action, {**values, **ended}, data)


def _recorded(condition: ConditionReport) -> dict[str, object]:
    """The condition report for the ledger: of free text, which may name people, only the digest."""
    return {
        "grade": condition.grade,
        "evidence_sha256": condition.evidence_sha256,
        "document_ids": [str(each) for each in condition.document_ids],
        "report_sha256": canonical_digest(condition),
    }
