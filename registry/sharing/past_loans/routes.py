"""The operations on past loans; they are taken over by an import of the kind `loans`."""

from datetime import datetime
from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller, Principal
from registry.platform.bulk.export_routes import list_as_csv
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.schemas import HistoryQuery
from registry.sharing.past_loans import queries
from registry.sharing.past_loans.commands import settling
from registry.sharing.past_loans.schemas import (
    PastLoan,
    PastLoanContest,
    PastLoanNote,
    PastLoanPage,
    PastLoanQuery,
    PastLoanRow,
    PastLoanWithdrawal,
)

_ONE = "/past-loans/{past_loan_id:uuid}"


def _answer(found: PastLoan) -> Answer[PastLoan]:
    return Answer(found, etag=entity_tag(found.version, found.status, found.allowed_actions))


@operation("get", "/past-loans", permission=Action.LOANS_READ, query=PastLoanQuery)
async def list_past_loans(
    read: Supplied[Read], filters: Supplied[PastLoanQuery], caller: Supplied[Caller]
) -> Answer[PastLoanPage]:
    """List loans of before the registry that your agency, or the other side, took over from its own records.

    They are taken over by an import of the kind `loans`. Each is one agency's word, which the other may contest. They
    hold no asset, and no metric counts them: count them here, apart.
    """
    return Answer(await queries.list_past_loans(read, caller.principal, filters))


async def _page_at(read: Read, principal: Principal, query: PastLoanQuery, _: datetime) -> PastLoanPage:
    """A page for the file: nothing of what is over depends on the time."""
    return await queries.list_past_loans(read, principal, query)


export_past_loans_as_csv = list_as_csv(
    "past_loans", Action.LOANS_READ, PastLoanQuery, PastLoanRow, _page_at, EventType.PAST_LOAN_EXPORTED
)


@operation("get", _ONE, permission=Action.LOANS_READ, etag=True)
async def get_past_loan(
    past_loan_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[PastLoan]:
    """Read one loan of before the registry."""
    row = await queries.past_loan_row(read, caller.principal, past_loan_id)
    return _answer(queries.as_past_loan(row, caller.principal))


@operation("get", f"{_ONE}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_past_loan_history(
    past_loan_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to the record of a past loan: taken over, corrected, contested, withdrawn."""
    await queries.past_loan_row(read, caller.principal, past_loan_id)
    return Answer(await history(read, caller.principal, "past_loan", past_loan_id, filters))


@operation(
    "post",
    f"{_ONE}/contest",
    permission=Action.LOANS_CONTEST,
    status=200,
    etag=True,
    problems=("other_sides_action", "wrong_status"),
    example={"reason": "We have no such loan in our books (demo)."},
)
async def contest_past_loan(
    past_loan_id: FromPath[UUID],
    data: JSONBody[PastLoanContest],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PastLoan]:
    """Contest what the other agency took over from its records, at any time. Both words stand.

    It is for people, not for services. What the agency corrects afterwards is reported anew, and may be contested anew.
    """
    return _answer(await settling.contest(write, caller, past_loan_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/withdraw-contest",
    permission=Action.LOANS_CONTEST,
    status=200,
    etag=True,
    problems=("other_sides_action", "wrong_status"),
    example={"note": "We found it in an older book (demo)."},
)
async def withdraw_past_loan_contest(
    past_loan_id: FromPath[UUID],
    data: JSONBody[PastLoanNote],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PastLoan]:
    """Withdraw that your agency contests a past loan."""
    return _answer(await settling.withdraw_contest(write, caller, past_loan_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/withdraw",
    permission=Action.LOANS_TAKE_OVER,
    status=200,
    etag=True,
    problems=("other_sides_action", "wrong_status"),
    example={"reason": "It was entered twice (demo)."},
)
async def withdraw_past_loan(
    past_loan_id: FromPath[UUID],
    data: JSONBody[PastLoanWithdrawal],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PastLoan]:
    """Withdraw a past loan that your agency took over. It stays on record as withdrawn, and its number is used up."""
    return _answer(await settling.withdraw(write, caller, past_loan_id, data, if_match))


router = Router(
    path="/v1",
    route_handlers=[
        list_past_loans,
        export_past_loans_as_csv,
        get_past_loan,
        list_past_loan_history,
        contest_past_loan,
        withdraw_past_loan_contest,
        withdraw_past_loan,
    ],
)
