"""Moving the agreed return: more time asked for and answered, and the asset called back early."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.principals import Caller
from registry.assets.allocations import extend_allocation, holds_in
from registry.assets.holds import first_conflict
from registry.database.handles import Write
from registry.kernel.errors import Conflict
from registry.kernel.ids import new_id
from registry.kernel.time import LONGEST_WINDOW, Window, checked_instant, format_instant
from registry.kernel.versions import Expected
from registry.loans.rules import LoanAction, LoanState, check_extension, check_recall, overdue
from registry.loans.schemas import ExtensionAnswer, ExtensionAsk, Loan, RecallNotice
from registry.loans.steps import asset_row, begin, finish, noted
from registry.loans.tables import loan, loan_extension
from registry.policy.cedar import PolicySet
from registry.policy.commands import answer_approvals, redecide, satisfied

_INSERT = loan_extension.insert()
_PENDING = sa.select(loan_extension.c.id, loan_extension.c.asked_end_at, loan_extension.c.decision_id).where(
    loan_extension.c.loan_id == sa.bindparam("loan", type_=loan.c.id.type), loan_extension.c.state == "pending"
)
_ANSWER = loan_extension.update().where(
    loan_extension.c.id == sa.bindparam("extension", type_=loan_extension.c.id.type)
)


async def request_extension(
    write: Write, caller: Caller, policies: PolicySet, loan_id: UUID, ask: ExtensionAsk, expected: Expected = None
) -> Loan:
    """Ask for more time. It is decided for the longer loan and holds nothing until it is accepted.

    Raises Conflict `decision_worsened` when policy says less than it said to the loan, `asset_not_free` when others
    have the units by then; RuleBroken when `until` is no extension.
    """
    row, _ = await begin(write, caller, loan_id, LoanAction.REQUEST_EXTENSION, expected)
    until = checked_instant(ask.until, "/until")
    check_extension(caller.now, row.planned_end_at, until, row.starts_at + LONGEST_WINDOW)
    longer = Window(start=row.starts_at, end=until)
    made = await redecide(write, caller, policies, row.decision_id, "extend", window=longer)
    await _check_free(write, row, until, caller.now)
    await write.run(
        _INSERT,
        {
            "id": new_id(),
            "loan_id": loan_id,
            "asked_end_at": until,
            "previous_end_at": row.planned_end_at,
            "reason": ask.reason,
            "state": "pending",
            "decision_id": made.id,
            "asked_by": caller.principal.subject,
            "asked_at": caller.now,
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
    note: str | None = None,
    expected: Expected = None,
) -> Loan:
    """Agree to the later return, which is decided once more; the units are held until then.

    Raises Conflict `decision_worsened` when policy has come to say less since it was asked, `decision_not_satisfied`
    when it lacks an approval that the caller cannot give, `asset_not_free` when others have been promised the units.
    """
    row, _ = await begin(write, caller, loan_id, LoanAction.ACCEPT_EXTENSION, expected)
    pending = await write.first(_PENDING, {"loan": loan_id})
    assert pending is not None, "the overlay says that one is pending"
    check_extension(caller.now, row.planned_end_at, pending.asked_end_at, None)
    made = await redecide(write, caller, policies, pending.decision_id, "extend")
    await _approve(write, caller, made.id)
    await extend_allocation(write, loan_id, pending.asked_end_at, caller.now)
    await write.run(_ANSWER.values(state="accepted", answered_at=caller.now), {"extension": pending.id})
    data = {
        "end": {"from": format_instant(row.planned_end_at), "to": format_instant(pending.asked_end_at)},
        "decision_id": str(made.id),
        **noted(note),
    }
    values = {"planned_end_at": pending.asked_end_at}
    return await finish(write, caller, row, LoanAction.ACCEPT_EXTENSION, values, data)


async def decline_extension(
    write: Write, caller: Caller, loan_id: UUID, answer: ExtensionAnswer, expected: Expected = None
) -> Loan:
    """Keep to the agreed return."""
    row, _ = await begin(write, caller, loan_id, LoanAction.DECLINE_EXTENSION, expected)
    pending = await write.first(_PENDING, {"loan": loan_id})
    assert pending is not None, "the overlay says that one is pending"
    await write.run(
        _ANSWER.values(state="declined", answered_at=caller.now, answer_reason=answer.reason),
        {"extension": pending.id},
    )
    return await finish(write, caller, row, LoanAction.DECLINE_EXTENSION, {}, {"reason": answer.reason})


async def recall(write: Write, caller: Caller, loan_id: UUID, notice: RecallNotice, expected: Expected = None) -> Loan:
    """Ask for the asset back; always possible while it is out. The agreed return stays as it is.

    Whether the notice was the agreement's, and whether it was complied with, is measured and not enforced.
    """
    row, _ = await begin(write, caller, loan_id, LoanAction.RECALL, expected)
    by = checked_instant(notice.by, "/by")
    check_recall(caller.now, by)
    values = {"recall_requested_at": caller.now, "recall_by": by, "recall_reason": notice.reason}
    data = {"by": format_instant(by), "reason": notice.reason}
    return await finish(write, caller, row, LoanAction.RECALL, values, data)


async def withdraw_recall(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Let the agreed return stand after all."""
    row, _ = await begin(write, caller, loan_id, LoanAction.WITHDRAW_RECALL, expected)
    values = {"recall_requested_at": None, "recall_by": None, "recall_reason": None}
    return await finish(write, caller, row, LoanAction.WITHDRAW_RECALL, values, noted(note))


async def _approve(write: Write, caller: Caller, decision_id: UUID) -> None:
    """Whoever accepts an extension gives those approvals of its decision that are theirs to give."""
    held = {role.value for role in caller.principal.roles}
    permitted, missing = await satisfied(write, decision_id, lent=True)
    if any(need.agency_id == caller.agency_id and need.role in held for need in missing):
        words = "The extension of the loan is accepted."
        await answer_approvals(write, caller, decision_id, "approved", words, lent=True)
        permitted, missing = await satisfied(write, decision_id, lent=True)
    if not permitted:
        raise Conflict(
            "The longer loan is not permitted, or approvals are still missing.",
            "decision_not_satisfied",
            extra={"approvals_missing": msgspec.to_builtins(missing)},
        )


async def _check_free(write: Write, row: Row[Any], until: datetime, now: datetime) -> None:
    """Refuse early what could not be accepted. Once overdue, the loan's own units are among what is held."""
    asset = await asset_row(write, row.asset_id)
    more = (row.planned_end_at, until)
    holds = await holds_in(write, row.asset_id, Window(start=more[0], end=more[1]), now)
    further = 0 if overdue(now, LoanState(row.state), row.planned_end_at) else row.units
    blocking = first_conflict(asset.capacity, holds, more, further)
    if blocking is not None:
        start, end = blocking
        raise Conflict(
            "The asset is promised to another loan before that.",
            "asset_not_free",
            extra={
                "blocking": {
                    "start": format_instant(start),
                    "end": None if end is None else format_instant(end),
                }
            },
        )
