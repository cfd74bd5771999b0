"""Operations by which the other side contests when an act was done, and by which that is settled."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.loans.commands import contesting
from registry.sharing.loans.routes.answering import answer, verb
from registry.sharing.loans.schemas.given import TimeAnswer, TimeContestation
from registry.sharing.loans.schemas.shown import Loan


@verb(
    "contest-time",
    Action.LOANS_CONTEST,
    problems=("not_then", "other_sides_action", "wrong_status"),
    example={
        "act": "receive",
        "occurred_at": "2026-07-04T22:30:00Z",
        "reason": "Our driver was at the gate at half past, and had it signed (demo).",
    },
)
async def contest_loan_time(
    loan_id: FromPath[UUID],
    data: JSONBody[TimeContestation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Contest when the other agency says that it did its act, within 14 days after it recorded it.

    Both words stand on the loan, whose own times do not change by that. What is counted by times leaves the act out
    until the other agency accepts your time, or yours withdraws it. It is for people, not for services.
    """
    return answer(await contesting.contest_time(write, caller, loan_id, data, if_match))


@verb(
    "accept-time",
    Action.LOANS_CONTEST,
    problems=("asset_not_free", "other_sides_action", "personnel_not_free", "wrong_status"),
    example={"act": "receive", "note": "The gate log says so, too (demo)."},
)
async def accept_loan_time(
    loan_id: FromPath[UUID],
    data: JSONBody[TimeAnswer],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Accept the time that the other agency says of your agency's act: it is the loan's time from now on.

    Deadlines and obligations that count from the act move with it. What your agency said stays shown. A time at which
    another loan had it is not accepted (409 `asset_not_free`): both words stand until that one's time is agreed on. It
    is for people, not for services.
    """
    return answer(await contesting.accept_time(write, caller, loan_id, data, if_match))


@verb(
    "withdraw-contest",
    Action.LOANS_CONTEST,
    problems=("other_sides_action", "wrong_status"),
    example={"act": "receive", "note": "Our clock was an hour ahead (demo)."},
)
async def withdraw_loan_time_contest(
    loan_id: FromPath[UUID],
    data: JSONBody[TimeAnswer],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Withdraw that an act of the other agency was done at another time: what it said counts again."""
    return answer(await contesting.withdraw_contest(write, caller, loan_id, data, if_match))


handlers = [contest_loan_time, accept_loan_time, withdraw_loan_time_contest]
