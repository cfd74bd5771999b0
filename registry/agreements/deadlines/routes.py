"""The list of deadlines."""

from litestar.di import NamedDependency

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements.deadlines import queries
from registry.agreements.deadlines.schemas import DeadlinePage, DeadlineQuery
from registry.database.handles import Read
from registry.http.answers import Answer
from registry.http.links import next_link


@operation("get", "/deadlines", permission=Action.AGREEMENTS_READ, query=DeadlineQuery)
async def list_deadlines(
    read: NamedDependency[Read],
    filters: NamedDependency[DeadlineQuery],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[DeadlinePage]:
    """List what falls due under your agency's agreements, soonest first.

    Notice, renewal, expiry, review, ratification, insurance, approvals, filing and retention, of every agreement that
    your agency keeps or is a party to; computed from their dates at the instant of asking. `overdue` is what somebody
    should have done; a notice day or renewal that went by gives way to the next.
    """
    page = await queries.list_deadlines(read, caller.principal, filters, caller.now)
    return Answer(page, next_link=next_link(here, page.next_cursor))


handlers = [list_deadlines]
