"""The operation that hands out the list of requests as a file."""

from registry.platform.access.permissions import Action
from registry.platform.bulk.export_routes import list_as_csv
from registry.platform.ledger.event_types import EventType
from registry.sharing.requests.queries.listing import list_requests
from registry.sharing.requests.schemas.given import RequestQuery
from registry.sharing.requests.schemas.shown import RequestSummary

handlers = [
    list_as_csv(
        "requests", Action.REQUESTS_READ, RequestQuery, RequestSummary, list_requests, EventType.REQUEST_EXPORTED
    ),
]
