"""Requests on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.agencies.schemas import Location
from registry.http.paging import Page
from registry.kernel.actions import AllowedAction
from registry.kernel.text import NAME_PATTERN, PROSE_PATTERN, Code, Prose, Reason
from registry.kernel.time import Instant, Window
from registry.loans.rules import LoanState
from registry.policy.facts import Priority
from registry.policy.schemas import DecisionReason, Outcome, Side
from registry.requests.rules import LineStatus, RequestStatus

MOST_LINES = 50

Quantity = Annotated[int, Meta(ge=1, le=100_000, description="Units of the asset.")]
Summary = Annotated[
    str,
    Meta(min_length=1, max_length=1000, pattern=PROSE_PATTERN, examples=["Dog team for a vehicle search (demo)."]),
]
IncidentNumber = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=60,
        pattern=NAME_PATTERN,
        description="The requesting agency's number; requests of one incident count as one activation.",
        examples=["26-004711"],
    ),
]
HiddenOnceInvisible = Annotated[
    str | None, Meta(description="Null once the asset is no longer visible to you; a loan keeps its own.")
]
Awaited = Annotated[
    list[str],
    Meta(description="Approvals that the line waits for, as `<role>@<side>`.", examples=[["approver@assisting"]]),
]


class LineDecision(Struct, kw_only=True, frozen=True):
    """How policy decided a line; the whole decision, with near misses and obligations, is at `/v1/decisions/{id}`."""

    id: Annotated[UUID, Meta(description="The latest decision on what was asked.")]
    root_id: Annotated[UUID, Meta(description="The first; a loan that answers the line names it.")]
    outcome: Outcome
    agreement_id: UUID | None
    reasons: list[DecisionReason]
    evaluated_at: Instant


class LineLoan(Struct, kw_only=True, frozen=True):
    """The loan that answers a line."""

    id: UUID
    state: LoanState
    units: int
    planned_end_at: Instant


class RequestLine(Struct, kw_only=True, frozen=True):
    """One asset asked for; it is decided, approved and answered by itself."""

    id: UUID
    no: int
    asset_id: UUID
    asset_name: HiddenOnceInvisible
    category: HiddenOnceInvisible
    assisting_agency_id: UUID
    quantity: int
    window: Window
    place: Annotated[Location | None, Meta(description="Where it is needed.")]
    note: str
    status: Annotated[LineStatus, Meta(description="`reserved` while a loan answers it.")]
    awaiting: Awaited
    submitted_at: Instant | None
    decided_at: Annotated[Instant | None, Meta(description="When it was permitted, approved, denied or rejected.")]
    decision: LineDecision | None
    loan: LineLoan | None


class ResourceRequest(Struct, kw_only=True, frozen=True):
    """What one agency asks of others. An assisting agency sees the lines that ask for its own assets, and no others."""

    id: UUID
    requesting_agency_id: UUID
    status: Annotated[RequestStatus, Meta(description="Follows the lines that you see, and their loans.")]
    purpose: str
    priority: Priority
    incident_number: str | None
    summary: str
    lines: list[RequestLine]
    submitted_at: Instant | None
    ended_reason: Annotated[str | None, Meta(description="Why it was withdrawn or closed.")]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class RequestSummary(Struct, kw_only=True, frozen=True):
    """A request in a list; counts and window are of the lines that you see."""

    id: UUID
    requesting_agency_id: UUID
    status: RequestStatus
    purpose: str
    priority: Priority
    incident_number: str | None
    summary: str
    line_count: int
    window: Annotated[Window, Meta(description="From the first start to the last end among the lines.")]
    submitted_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


class RequestPage(Struct, kw_only=True, frozen=True):
    """Requests, by id, which is the order in which they were drafted."""

    items: list[RequestSummary]
    next_cursor: str | None


class RequestQuery(Page, kw_only=True, frozen=True):
    """Filters of the request list."""

    status: RequestStatus | None = None
    role: Annotated[Side | None, Meta(description="Only requests in which your agency is this side.")] = None
    waiting_for_me: Annotated[
        bool, Meta(description="Only requests that wait for an approval that you could give.")
    ] = False


class NewRequestLine(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An asset of another agency, for a time."""

    asset_id: UUID
    quantity: Quantity = 1
    window: Window
    place: Location | None = None
    note: Prose = ""


Lines = Annotated[list[NewRequestLine], Meta(min_length=1, max_length=MOST_LINES)]


class NewRequest(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A request to draft; nobody else sees it before it is submitted."""

    purpose: Code
    priority: Priority = "routine"
    incident_number: IncidentNumber | None = None
    summary: Summary
    lines: Lines


class RequestPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays, null clears, `lines` replaces the lines that are still open."""

    purpose: Code | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    incident_number: IncidentNumber | None | UnsetType = UNSET
    summary: Summary | UnsetType = UNSET
    lines: Lines | UnsetType = UNSET


class RequestVerdict(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why it is approved or rejected."""

    reason: Reason


class RequestEnding(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why asking ends."""

    reason: Reason


NEW_REQUEST_EXAMPLE = {
    "purpose": "narcotics_investigation",
    "priority": "routine",
    "incident_number": "26-004711",
    "summary": "Dog team for a vehicle search (demo).",
    "lines": [
        {
            "asset_id": "01980000-0000-7000-8000-00000000a001",
            "quantity": 1,
            "window": {"start": "2026-07-04T18:00:00Z", "end": "2026-07-04T23:00:00Z"},
            "place": {"latitude": 44.98, "longitude": -93.27},
            "note": "Two vehicles at the county line.",
        }
    ],
}
