"""The operations on damage that its owner finds once it is back."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.loans.commands import damage
from registry.sharing.loans.routes.answering import answer, verb
from registry.sharing.loans.schemas.given import DamageReport, LoanEnding, LoanStep
from registry.sharing.loans.schemas.shown import Loan


@verb(
    "report-damage",
    Action.LOANS_HAND_OVER,
    problems=("not_then", "other_sides_action", "unknown_document", "wrong_status"),
    example={"reason": "The rear axle is bent, as the workshop found (demo)."},
)
async def report_loan_damage(
    loan_id: FromPath[UUID],
    data: JSONBody[DamageReport],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Report damage that your agency found once it was back, also when the loan is closed.

    Both sides read it, with the documents that show it; the other one may contest it for 14 days. What is in service is
    lent no more until your agency has assessed it, as if it had been seen at the return.
    """
    return answer(await damage.report_damage(write, caller, loan_id, data, if_match))


@verb(
    "contest-damage",
    Action.LOANS_CONTEST,
    problems=("other_sides_action", "wrong_status"),
    example={"reason": "Your own report at the return says that it was good (demo)."},
)
async def contest_loan_damage(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanEnding],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Contest damage that the owner found once it was back, within 14 days after it recorded that.

    A person does that, no service. Both words stand on the loan.
    """
    return answer(await damage.contest_damage(write, caller, loan_id, data.reason, if_match))


@verb(
    "withdraw-damage",
    Action.LOANS_CONTEST,
    problems=("other_sides_action", "wrong_status"),
    example={"note": "It was damaged on another run (demo)."},
)
async def withdraw_loan_damage(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Take back your agency's report of damage that it found once it was back. What is held, assess as fit."""
    return answer(await damage.withdraw_damage(write, caller, loan_id, data.note, if_match))


handlers = [report_loan_damage, contest_loan_damage, withdraw_loan_damage]
