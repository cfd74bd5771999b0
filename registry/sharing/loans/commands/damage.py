"""Commands for damage that its owner finds once it is back, also when the loan is closed."""

from uuid import UUID

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.versions import Expected
from registry.resources.allocations.queries import held_as_damaged
from registry.resources.assets.commands.booking import lock_for_booking
from registry.resources.assets.commands.planning import hold_after_loan
from registry.sharing.loans.commands.steps import begin, begin_act, finish, noted
from registry.sharing.loans.queries.papers import check_documents
from registry.sharing.loans.rules import LoanAction, Side
from registry.sharing.loans.schemas.given import DamageReport
from registry.sharing.loans.schemas.shown import Loan


async def report_damage(
    write: Write, caller: Caller, loan_id: UUID, found: DamageReport, expected: Expected = None
) -> Loan:
    """Report damage that was found after the return; what is in service is held until its owner has assessed it.

    That is as it would have been, had it been seen at the return; what is held as damaged by this loan already, is held
    once. Raises WrongStatus while a report stands, RuleBroken
    `unknown_document`, `not_then`.
    """
    row, _, caller, at = await begin_act(write, caller, loan_id, LoanAction.REPORT_DAMAGE, expected, found.occurred_at)
    await check_documents(write, loan_id, Side.ASSISTING, found.document_ids, "/document_ids")
    asset = await lock_for_booking(write, row.asset_id)
    held: dict[str, object] = {}
    if asset.in_service and await held_as_damaged(write, asset.id, loan_id, caller.now) is None:
        held = await hold_after_loan(
            write,
            caller,
            asset,
            loan_id,
            row.quantity - row.lost_quantity,
            owner_id=row.assisting_agency_id,
            damaged=True,
            returned_at=at,
        )
    document_ids = [str(each) for each in found.document_ids]
    values = {
        "damage_report": {"reason": found.reason, "document_ids": document_ids},
        "damage_found_at": at,
        "damage_reported_at": caller.now,
        **dict.fromkeys(("damage_contested_at", "damage_contested_reason", "damage_withdrawn_at")),
    }
    data = {"reason": found.reason, "document_ids": document_ids, **held}
    return await finish(write, caller, row, LoanAction.REPORT_DAMAGE, values, data, occurred_at=at)


async def contest_damage(write: Write, caller: Caller, loan_id: UUID, reason: str, expected: Expected = None) -> Loan:
    """Contest, for the agency that had it and within its time, that it was damaged there: both words stand.

    It is a person's word, and no service's. Raises WrongStatus once it is contested, withdrawn or stands.
    """
    row, _, caller = await begin(write, caller, loan_id, LoanAction.CONTEST_DAMAGE, expected)
    values = {"damage_contested_at": caller.now, "damage_contested_reason": reason}
    return await finish(write, caller, row, LoanAction.CONTEST_DAMAGE, values, {"reason": reason})


async def withdraw_damage(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Take the report back, for its owner. What is held is free again once it is assessed. Raises WrongStatus."""
    row, _, caller = await begin(write, caller, loan_id, LoanAction.WITHDRAW_DAMAGE, expected)
    values = {"damage_withdrawn_at": caller.now}
    return await finish(write, caller, row, LoanAction.WITHDRAW_DAMAGE, values, noted(note))
