"""The operation that hands out the list of loans as a file."""

import msgspec

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.bulk.exports import csv_of_list, export_query, filters_in
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.http.answers import Download
from registry.platform.ledger.event_types import EventType
from registry.sharing.loans.queries.listing import list_loans
from registry.sharing.loans.schemas.given import LoanQuery
from registry.sharing.loans.schemas.shown import LoanSummary

LoanExportQuery = export_query("LoanExportQuery", LoanQuery)


@operation(
    "get",
    "/loans.csv",
    permission=Action.LOANS_READ,
    query=LoanExportQuery,
    own_transactions=True,
    step_up=True,
    produces="text/csv",
)
async def export_loans_as_csv(
    read: Supplied[Read],
    own_transaction: Supplied[OwnTransaction],
    caller: Supplied[Caller],
    filters: Supplied[msgspec.Struct],
) -> Download:
    """Download the list of loans as CSV, for a spreadsheet: its columns, for these filters.

    The last line begins with `# complete`: without it, something is missing. Text that a spreadsheet would run as a
    formula has an apostrophe before it. The export is on record before its first byte, and needs a recent sign-in where
    your agency's issuer asks for one.
    """
    given = filters_in(filters)
    return await csv_of_list(
        own_transaction,
        caller,
        LoanQuery(**given),
        given,
        lambda query: list_loans(read, caller.principal, query, caller.now),
        LoanSummary,
        EventType.LOAN_EXPORTED,
    )


handlers = [export_loans_as_csv]
