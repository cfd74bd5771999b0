"""Operations by which a side puts its count right, where fewer arrived than were sent out."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.loans.commands import counting
from registry.sharing.loans.routes.answering import answer, verb
from registry.sharing.loans.schemas.given import ArrivalCount, LoanStep
from registry.sharing.loans.schemas.shown import Loan


@verb(
    "accept-count",
    Action.LOANS_CONTEST,
    problems=("other_sides_action", "wrong_status"),
    example={"note": "The third one never left the store (demo)."},
)
async def accept_loan_count(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Accept that no more left than arrived, where the requesting agency received fewer than your agency sent.

    The loan is of these; what never left is free again, and open on the line. It is for people, not for services. What
    did leave and is missing, either side reports lost instead.
    """
    return answer(await counting.accept_count(write, caller, loan_id, data.note, if_match))


@verb(
    "correct-count",
    Action.LOANS_CONTEST,
    problems=("count_stands", "other_sides_action", "quantity_over_loan", "same_count", "wrong_status"),
    example={"quantity": 3, "note": "The third one came an hour later (demo)."},
)
async def correct_loan_count(
    loan_id: FromPath[UUID],
    data: JSONBody[ArrivalCount],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Correct how many arrived, where some came later than the rest, or your agency had miscounted.

    That fewer arrived than was said can be said within 14 days after it was. It is for people, not for services.
    """
    return answer(await counting.correct_count(write, caller, loan_id, data, if_match))


handlers = [accept_loan_count, correct_loan_count]
