"""The operation that hands out the list of requests as a file."""

import msgspec

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.bulk.exports import csv_of_list, export_query, filters_in
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.http.answers import Download
from registry.platform.ledger.event_types import EventType
from registry.sharing.requests.queries.listing import list_requests
from registry.sharing.requests.schemas.given import RequestQuery
from registry.sharing.requests.schemas.shown import RequestSummary

RequestExportQuery = export_query("RequestExportQuery", RequestQuery)


@operation(
    "get",
    "/requests.csv",
    permission=Action.REQUESTS_READ,
    query=RequestExportQuery,
    own_transactions=True,
    step_up=True,
    produces="text/csv",
)
async def export_requests_as_csv(
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
    filters: Supplied[msgspec.Struct],
) -> Download:
    """Download the list of requests as CSV, for a spreadsheet: its columns, for these filters.

    The last line begins with `# complete`: without it, something is missing. Text that a spreadsheet would run as a
    formula has an apostrophe before it. The export is on record before its first byte, and needs a recent sign-in where
    your agency's issuer asks for one.
    """
    given = filters_in(filters)
    return await csv_of_list(
        own_transaction,
        caller,
        RequestQuery(**given),
        given,
        lambda query: list_requests(read, caller.principal, query, caller.now),
        RequestSummary,
        EventType.REQUEST_EXPORTED,
    )


handlers = [export_requests_as_csv]
