"""Commands for what is lost on a loan, some or all of it, and for what is found again."""

from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.versions import Expected
from registry.resources.assets.commands.servicing import OfLoan, find_again, write_off
from registry.sharing.loans.commands.handing_over import LAPSE
from registry.sharing.loans.commands.handlers import release_handler
from registry.sharing.loans.commands.steps import begin_act, finish
from registry.sharing.loans.queries.getting import side_of
from registry.sharing.loans.rules import OUT, LoanAction, quantity_found, quantity_lost
from registry.sharing.loans.schemas.given import LoanLoss
from registry.sharing.loans.schemas.shown import Loan


async def report_lost(write: Write, caller: Caller, loan_id: UUID, loss: LoanLoss, expected: Expected = None) -> Loan:
    """Take what is lost off the asset's capacity. The loan goes on with the rest; it is `lost` when nothing is left.

    Raises RuleBroken `quantity_over_loan` for more than is still out.
    """
    row, ended, caller, at = await begin_act(write, caller, loan_id, LoanAction.REPORT_LOST, expected, loss.occurred_at)
    lost = quantity_lost(row.quantity - row.returned_quantity, row.lost_quantity, loss.quantity)
    whole = row.returned_quantity + row.lost_quantity + lost == row.quantity
    if whole:
        await write.run(LAPSE, {"loan": loan_id})
    took_last = await write_off(write, caller, row.asset_id, lost, _of(row), all_of_loan=whole)
    if whole:
        await release_handler(write, row)
    values = {
        "status": ended if whole else row.status,
        "lost_quantity": row.lost_quantity + lost,
        "missing_quantity": max(0, row.missing_quantity - lost),
        "took_last": took_last,
        "lost_at": at if whole else None,
        "ended_reason": loss.reason,
        "ended_side": side_of(row, caller.principal),
    }
    data = {"quantity": lost, "reason": loss.reason}
    return await finish(write, caller, row, LoanAction.REPORT_LOST, values, data, occurred_at=at)


async def report_found(write: Write, caller: Caller, loan_id: UUID, found: LoanLoss, expected: Expected = None) -> Loan:
    """Put what was lost back: found again, or reported by mistake.

    Until the rest is back, it is lent again with the rest, also where that is more than the agreement lends at one
    time: both sides read so (`queries/over_limit`). Raises RuleBroken `quantity_over_loan` for more than is lost,
    WrongStatus for the requesting agency once the rest is back: then it is the other one that has it.
    """
    row, status, caller, at = await begin_act(
        write, caller, loan_id, LoanAction.REPORT_FOUND, expected, found.occurred_at
    )
    quantity = quantity_found(row.lost_quantity, found.quantity)
    await find_again(write, caller, row.asset_id, quantity, _of(row), out=status in OUT, took_last=row.took_last)
    left = row.lost_quantity - quantity
    values = {
        "status": status,
        "lost_quantity": left,
        "took_last": False,
        "lost_at": None,
        "ended_reason": row.ended_reason if left else None,
        "ended_side": row.ended_side if left else None,
    }
    data = {"quantity": quantity, "reason": found.reason}
    return await finish(write, caller, row, LoanAction.REPORT_FOUND, values, data, occurred_at=at)


def _of(row: Row[Any]) -> OfLoan:
    return OfLoan(
        loan_id=row.id,
        agencies=(row.requesting_agency_id, row.assisting_agency_id),
        agreement_id=row.agreement_id,
    )
