"""Operations that read loans."""

from functools import partial
from uuid import UUID

from litestar.params import FromPath

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer
from registry.platform.ledger.schemas import HistoryQuery
from registry.sharing.loans.commands.leaving_early import why_not_sent
from registry.sharing.loans.queries import getting, listing
from registry.sharing.loans.queries.agreeing import why_not_agreed
from registry.sharing.loans.routes.answering import answer
from registry.sharing.loans.schemas.given import LoanQuery
from registry.sharing.loans.schemas.shown import Loan, LoanPage
from registry.sharing.policy.cedar import PolicySet


@operation("get", "/loans", permission=Action.LOANS_READ, query=LoanQuery)
async def list_loans(
    read: Supplied[Read],
    filters: Supplied[LoanQuery],
    caller: Supplied[Caller],
) -> Answer[LoanPage]:
    """List the loans in which your agency is a side."""
    return Answer(await listing.list_loans(read, caller.principal, filters, caller.now))


@operation("get", "/loans/{loan_id:uuid}", permission=Action.LOANS_READ, etag=True)
async def get_loan(
    loan_id: FromPath[UUID],
    read: Supplied[Read],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
) -> Answer[Loan]:
    """Read one loan.

    What would leave more than two hours before its start is weighed for the time from now on. What another text of the
    agreement governs by now than it was decided by (`other_text`) is weighed by that one.
    """
    sent, agreed = partial(why_not_sent, read, policies, caller), partial(why_not_agreed, read, caller)
    return answer(await getting.get_loan(read, caller.principal, loan_id, caller.now, sent, agreed, policies))


@operation("get", "/loans/{loan_id:uuid}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_loan_history(
    loan_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to a loan."""
    await getting.loan_rows(read, caller.principal, loan_id, caller.now)
    return Answer(await history(read, caller.principal, "loan", loan_id, filters))


handlers = [
    list_loans,
    get_loan,
    list_loan_history,
]
