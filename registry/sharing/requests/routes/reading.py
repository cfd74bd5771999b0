"""Operations that read requests."""

from uuid import UUID

from litestar.params import FromPath

from registry.directory.agencies.queries import chain_history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer
from registry.platform.ledger.schemas import HistoryQuery
from registry.sharing.loans.queries.getting import loans_of_request
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.requests.queries import getting, listing
from registry.sharing.requests.routes.answering import answer
from registry.sharing.requests.schemas.given import RequestQuery
from registry.sharing.requests.schemas.shown import RequestPage, ResourceRequest


@operation("get", "/requests", permission=Action.REQUESTS_READ, query=RequestQuery)
async def list_requests(
    read: Supplied[Read],
    filters: Supplied[RequestQuery],
    caller: Supplied[Caller],
) -> Answer[RequestPage]:
    """List the requests that the own agency made or is asked by."""
    return Answer(await listing.list_requests(read, caller.principal, filters, caller.now))


@operation("get", "/requests/{request_id:uuid}", permission=Action.REQUESTS_READ, etag=True)
async def get_request(
    request_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller], policies: Supplied[PolicySet]
) -> Answer[ResourceRequest]:
    """Read one request with its lines, how they were decided, and the loans that answer them.

    What another text of the agreement governs by now than it was decided by is weighed by that one (`other_text`).

    An assisting agency sees the lines that ask for its own assets, once they have been submitted.
    """
    return answer(await getting.get_request(read, caller.principal, request_id, caller.now, policies))


@operation("get", "/requests/{request_id:uuid}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_request_history(
    request_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to a request and to the loans that answer it, as far as it concerns the own agency.

    From the request, its decisions, approvals and offers to the reservation, the hand-over, the return and the closing,
    in the order in which it was recorded; `subject` says whether an event is of the request or of a loan.
    """
    await getting.get_request(read, caller.principal, request_id, caller.now)
    loans = await loans_of_request(read, caller.principal, request_id)
    chain = {"request": [request_id], "loan": loans}
    return Answer(await chain_history(read, caller.principal, chain, filters))


handlers = [list_requests, get_request, list_request_history]
