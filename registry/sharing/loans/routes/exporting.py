"""The operation that hands out the list of loans as a file."""

from registry.platform.access.permissions import Action
from registry.platform.bulk.export_routes import list_as_csv
from registry.platform.ledger.event_types import EventType
from registry.sharing.loans.queries.listing import list_loans
from registry.sharing.loans.schemas.given import LoanQuery
from registry.sharing.loans.schemas.shown import LoanSummary

handlers = [
    list_as_csv("loans", Action.LOANS_READ, LoanQuery, LoanSummary, list_loans, EventType.LOAN_EXPORTED),
]
