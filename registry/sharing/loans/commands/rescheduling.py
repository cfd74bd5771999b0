"""Commands that change the agreed return: extensions, requested and answered, and recall."""

from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.tables import agreement_version
from registry.agreements.instruments.terms import Terms
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import LONGEST_WINDOW, Window, checked_instant, format_instant
from registry.platform.kernel.versions import Expected
from registry.resources.allocations import commands as allocations
from registry.resources.assets.commands.booking import lock_for_booking
from registry.resources.assets.commands.keeping import BY_AN_APPROVER_FOR_LONGER, keep_minimums
from registry.sharing.loans.commands.handlers import check_handler_extension, extend_handler
from registry.sharing.loans.commands.steps import begin, begin_act, finish, noted, record_override
from registry.sharing.loans.queries.extending import gives, why_unapproved
from registry.sharing.loans.rules import LoanAction, check_extension, check_recall, lent_from, recall_due
from registry.sharing.loans.schemas.given import ExtensionAcceptance, ExtensionAnswer, ExtensionAsk, RecallNotice
from registry.sharing.loans.schemas.shown import Loan
from registry.sharing.loans.tables import loan, loan_extension
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import answer_approvals, redecide
from registry.sharing.policy.commands.recording import Decided
from registry.sharing.policy.decisions import parts_told
from registry.sharing.policy.queries.getting import decision_row, visible_decision

_INSERT = loan_extension.insert()
_PENDING = sa.select(loan_extension.c.id, loan_extension.c.asked_end_at, loan_extension.c.decision_id).where(
    loan_extension.c.loan_id == sa.bindparam("loan", type_=loan.c.id.type), loan_extension.c.status == "pending"
)
_TERMS = sa.select(agreement_version.c.terms).where(
    agreement_version.c.id == sa.bindparam("version", type_=agreement_version.c.id.type)
)
_ANSWER = loan_extension.update().where(
    loan_extension.c.id == sa.bindparam("extension", type_=loan_extension.c.id.type)
)


async def request_extension(
    write: Write, caller: Caller, policies: PolicySet, loan_id: UUID, ask: ExtensionAsk, expected: Expected = None
) -> Loan:
    """Request a later return. It is decided for the longer loan, and reserves nothing until it is accepted.

    Raises Conflict `extension_not_permitted` when policy permits less than for the loan so far, `asset_not_free` when
    the asset is reserved for others by then; RuleBroken when `planned_end_at` is not an extension.
    """
    row, _, caller = await begin(write, caller, loan_id, LoanAction.REQUEST_EXTENSION, expected)
    until = checked_instant(ask.planned_end_at, "/planned_end_at")
    start = lent_from(row.starts_at, row.dispatched_at)
    check_extension(caller.now, row.planned_end_at, until, start + LONGEST_WINDOW)
    longer = Window(start=start, end=until)
    decision = await decision_row(write, row.decision_id)
    decided = await redecide(
        write, caller, policies, decision, "extend", window=longer, stands_until=row.planned_end_at
    )
    made = decided.recorded
    await allocations.check_extension(write, await lock_for_booking(write, row.asset_id), loan_id, until, caller.now)
    await check_handler_extension(write, row, until, caller.now)
    await write.run(
        _INSERT,
        {
            "id": new_id(),
            "loan_id": loan_id,
            "asked_end_at": until,
            "previous_end_at": row.planned_end_at,
            "reason": ask.reason,
            "status": "pending",
            "decision_id": made.id,
            "asked_by": caller.principal.person,
            "requested_at": caller.now,
        },
    )
    data = {
        "end": {"from": format_instant(row.planned_end_at), "to": format_instant(until)},
        "reason": ask.reason,
        "decision_id": str(made.id),
        "outcome": made.outcome,
    }
    return await finish(write, caller, row, LoanAction.REQUEST_EXTENSION, {}, data)


async def accept_extension(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    loan_id: UUID,
    accepted: ExtensionAcceptance,
    expected: Expected = None,
) -> Loan:
    """Accept the later return that was read, which is decided once more, and extend the asset's allocation.

    Raises Conflict `extension_changed` when another is asked for now, `decision_worsened` when policy permits less than
    when it was requested, `decision_not_satisfied` when an approval is missing that the caller cannot give,
    `asset_not_free` when the asset was reserved for others meanwhile, `under_reserve_minimum` when the agency would not
    keep enough at home, unless somebody who approves for it gives a reason to override that.
    """
    row, _, caller = await begin(write, caller, loan_id, LoanAction.ACCEPT_EXTENSION, expected)
    pending = await write.first(_PENDING, {"loan": loan_id})
    assert pending is not None, "the overlay says that one is pending"
    if pending.id != accepted.extension_id:
        words = "Another extension is asked for than the one that you name: read it before you accept it."
        raise Conflict(words, "extension_changed")
    check_extension(caller.now, row.planned_end_at, pending.asked_end_at, None)
    decision = await decision_row(write, pending.decision_id)
    made = await redecide(write, caller, policies, decision, "extend", stands_until=row.planned_end_at)
    await _approve(write, caller, row, made)
    asset = await lock_for_booking(write, row.asset_id)
    await allocations.extend(write, asset, loan_id, pending.asked_end_at, caller.now)
    further = Window(start=max(row.planned_end_at, caller.now), end=pending.asked_end_at)
    overridden = await keep_minimums(write, caller, asset, further, accepted.override_reason, BY_AN_APPROVER_FOR_LONGER)
    await extend_handler(write, row, pending.asked_end_at, caller.now)
    await write.run(_ANSWER.values(status="accepted", answered_at=caller.now), {"extension": pending.id})
    data = {
        "end": {"from": format_instant(row.planned_end_at), "to": format_instant(pending.asked_end_at)},
        "decision_id": str(made.recorded.id),
        **noted(accepted.note),
    }
    values: dict[str, object] = {"planned_end_at": pending.asked_end_at}
    if overridden:
        values["minimum_override"] = overridden
        record_override(write, caller, (loan_id, row.version + 1), row.assisting_agency_id, overridden)
    return await finish(write, caller, row, LoanAction.ACCEPT_EXTENSION, values, data, made)


async def decline_extension(
    write: Write, caller: Caller, loan_id: UUID, answer: ExtensionAnswer, expected: Expected = None
) -> Loan:
    """Decline an extension; the agreed return stays."""
    row, _, caller = await begin(write, caller, loan_id, LoanAction.DECLINE_EXTENSION, expected)
    pending = await write.first(_PENDING, {"loan": loan_id})
    assert pending is not None, "the overlay says that one is pending"
    await write.run(
        _ANSWER.values(status="declined", answered_at=caller.now, answer_reason=answer.reason),
        {"extension": pending.id},
    )
    return await finish(write, caller, row, LoanAction.DECLINE_EXTENSION, {}, {"reason": answer.reason})


async def recall(write: Write, caller: Caller, loan_id: UUID, notice: RecallNotice, expected: Expected = None) -> Loan:
    """Request the asset back; always possible while it is out. The agreed return stays as it is.

    It may be wanted sooner than the agreement's notice allows, but is due no sooner. The notice runs from the record of
    the recall: an earlier time at which the other side was told is the owner's word alone. Raises RuleBroken for a time
    that is past, or after the agreed return.
    """
    row, _, caller, told_at = await begin_act(write, caller, loan_id, LoanAction.RECALL, expected, notice.occurred_at)
    by = checked_instant(notice.by, "/by")
    check_recall(caller.now, told_at, by, row.planned_end_at)
    text = await write.value(_TERMS, {"version": row.agreement_version_id})
    due_at = recall_due(caller.now, by, msgspec.json.decode(text, type=Terms).recall_notice_hours)
    values = {
        "recall_requested_at": told_at,
        "recall_by": by,
        "recall_due_at": due_at,
        "recall_reason": notice.reason,
    }
    data = {"by": format_instant(by), "due": format_instant(due_at), "reason": notice.reason}
    return await finish(write, caller, row, LoanAction.RECALL, values, data, occurred_at=told_at)


async def withdraw_recall(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Withdraw a recall; the agreed return stays."""
    row, _, caller = await begin(write, caller, loan_id, LoanAction.WITHDRAW_RECALL, expected)
    values = dict.fromkeys(("recall_requested_at", "recall_by", "recall_due_at", "recall_reason"))
    return await finish(write, caller, row, LoanAction.WITHDRAW_RECALL, values, noted(note))


async def _approve(write: Write, caller: Caller, row: Row[Any], made: Decided) -> None:
    """Give the approvals of the extension's decision that the accepting person may give."""
    status = made.decision_status
    if any(gives(caller.principal, need) for need in status.missing):
        words = "The extension of the loan is accepted."
        decision = await visible_decision(write, caller.principal, made.recorded.id)
        status = await answer_approvals(write, caller, decision, "approved", words, lent=True)
    if not status.satisfied:
        to_owner = caller.agency_id == made.recorded.assisting_agency_id
        raise Conflict(
            why_unapproved(row, status.missing) or "The longer loan is not permitted any more.",
            "decision_not_satisfied",
            extra={"approvals_missing": msgspec.to_builtins(parts_told(status.missing, to_owner=to_owner))},
        )
