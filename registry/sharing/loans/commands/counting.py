"""Commands on how many arrived, where the two sides counted differently: whichever erred puts its own count right."""

from uuid import UUID

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.versions import Expected
from registry.resources.allocations.commands import hold_less
from registry.resources.assets.commands.booking import lock_for_booking
from registry.sharing.loans.commands.steps import begin, finish, noted
from registry.sharing.loans.queries.getting import count_of
from registry.sharing.loans.rules import LoanAction, count_corrected
from registry.sharing.loans.schemas.given import ArrivalCount
from registry.sharing.loans.schemas.shown import Loan


async def accept_count(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Accept, for the assisting agency, that no more left than arrived: the loan is of these from its departure on.

    The others are at home: they are free again, and open on the line that the loan answers. Raises WrongStatus where
    nothing is missing, of people who go together, and where all that arrived is back.
    """
    row, _, caller = await begin(write, caller, loan_id, LoanAction.ACCEPT_COUNT, expected)
    missing: int = row.missing_quantity
    await lock_for_booking(write, row.asset_id)
    await hold_less(write, loan_id, missing)
    values = {"quantity": row.quantity - missing, "missing_quantity": 0}
    data = {"quantity": values["quantity"], "released_quantity": missing, **noted(note)}
    return await finish(write, caller, row, LoanAction.ACCEPT_COUNT, values, data)


async def correct_count(
    write: Write, caller: Caller, loan_id: UUID, counted: ArrivalCount, expected: Expected = None
) -> Loan:
    """Correct, for the requesting agency, how many arrived: some came later, or it had miscounted.

    That fewer arrived it may say within the time in which a word is contested, and of what is still out. Raises
    WrongStatus where nothing is to be corrected, RuleBroken `quantity_over_loan`, `same_count`, `count_stands`.
    """
    row, _, caller = await begin(write, caller, loan_id, LoanAction.CORRECT_COUNT, expected)
    missing = count_corrected(count_of(row, caller.now), counted.quantity)
    values = {"received_quantity": counted.quantity, "missing_quantity": missing}
    data = {"quantity": {"from": row.received_quantity, "to": counted.quantity}, **noted(counted.note)}
    return await finish(write, caller, row, LoanAction.CORRECT_COUNT, values, data)
