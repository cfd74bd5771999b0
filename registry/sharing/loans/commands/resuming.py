"""The command with which a report of a no-show is withdrawn, and the loan resumes."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import DomainError
from registry.platform.kernel.time import Window
from registry.platform.kernel.versions import Expected
from registry.resources.allocations.commands import hold_again
from registry.resources.assets.commands.booking import lock_for_booking
from registry.sharing.loans.commands.handing_over import check_unchanged
from registry.sharing.loans.commands.handlers import commit_again
from registry.sharing.loans.commands.steps import begin, finish, noted
from registry.sharing.loans.queries.getting import took_place
from registry.sharing.loans.rules import LoanAction, why_not_resumed
from registry.sharing.loans.schemas.shown import Loan
from registry.sharing.loans.tables import loan
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import redecide
from registry.sharing.policy.commands.recording import Decided, lock_chain
from registry.sharing.policy.queries.getting import decision_row

_LENT_AGAIN = sa.select(loan.c.id).where(
    loan.c.root_decision_id == sa.bindparam("root", type_=loan.c.id.type), took_place()
)


async def withdraw_no_show(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    loan_id: UUID,
    note: str | None = None,
    expected: Expected = None,
) -> Loan:
    """Withdraw, for the agency that reported it, that there was a no-show; the loan resumes where it can.

    It is reserved again if its time is not over, nothing else was lent in its place, it is still permitted and the
    asset can be had, with who goes with it; else it stays over, and nobody counts the report. Raises WrongStatus for
    the other agency.
    """
    row, again, caller = await begin(write, caller, loan_id, LoanAction.WITHDRAW_NO_SHOW, expected)
    values: dict[str, object] = {"no_show_withdrawn_at": caller.now}
    made, refused = None, await _why_over(write, row, caller)
    if refused is None:
        try:
            async with write.attempt():
                made = await _reserve_again(write, caller, policies, row)
        except DomainError as stands_against:
            refused = stands_against.detail
    if made is not None:
        values |= {"status": again, "decision_id": made.recorded.id, "ended_reason": None, "ended_side": None}
    data = {**noted(note), **({"resumed": True} if refused is None else {"resumed": False, "not_resumed": refused})}
    return await finish(write, caller, row, LoanAction.WITHDRAW_NO_SHOW, values, data, made)


async def _why_over(write: Write, row: Row[Any], caller: Caller) -> str | None:
    """Why the loan stays over, as far as it is known without asking whether it can be had. The chain is locked."""
    await lock_chain(write, row.root_decision_id)
    lent_again = await write.value(_LENT_AGAIN, {"root": row.root_decision_id}) is not None
    return why_not_resumed(caller.now, row.planned_end_at, lent_again=lent_again)


async def _reserve_again(write: Write, caller: Caller, policies: PolicySet, row: Row[Any]) -> Decided:
    made = await redecide(write, caller, policies, await decision_row(write, row.decision_id), "reserve")
    check_unchanged(row, made.asset)
    window = Window(start=row.starts_at, end=row.planned_end_at)
    await hold_again(write, await lock_for_booking(write, row.asset_id), row.id, row.quantity, window, caller.now)
    await commit_again(write, row, window, caller.now)
    return made
