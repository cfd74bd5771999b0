"""Requests in the API."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import ByChange, Ids
from registry.platform.http.searching import Part
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.geo import Location
from registry.platform.kernel.text import SAID_PATTERN, Code, Prose, Reason
from registry.platform.kernel.time import Instant, Window
from registry.resources.assets.schemas.shown import AssetReference
from registry.sharing.loans.rules import DeclineReason, LoanStatus
from registry.sharing.loans.schemas import EndedBy, Lost, WhyDeclined
from registry.sharing.policy.decisions import DecisionReason, Outcome, Side
from registry.sharing.policy.facts import Priority
from registry.sharing.policy.schemas.decided import IncidentNumber
from registry.sharing.requests.rules import LineStatus, RequestStatus

MOST_LINES = 50
MOST_LINES_EVER = 500

Quantity = Annotated[int, Meta(ge=1, le=100_000, description="How many of the asset are asked for.")]
Summary = Annotated[
    str,
    Meta(min_length=1, max_length=1000, pattern=SAID_PATTERN, examples=["Dog team for a vehicle search (demo)."]),
]
HiddenOnceInvisible = Annotated[
    str | None, Meta(description="Null once the asset is no longer visible to you; a loan keeps its own.")
]
Awaited = Annotated[
    list[str],
    Meta(description="Approvals that the line waits for, as `<role>@<side>`.", examples=[["approver@assisting"]]),
]


class LineDecision(Struct, kw_only=True, frozen=True):
    """The decision on a line; the complete one, with near misses and obligations, is at `/v1/decisions/{id}`."""

    id: Annotated[UUID, Meta(description="The latest decision on what was asked.")]
    root_decision_id: Annotated[UUID, Meta(description="The first; a loan that answers the line names it.")]
    outcome: Outcome
    agreement: AgreementReference | None
    reasons: list[DecisionReason]
    evaluated_at: Instant


class LineLoan(Struct, kw_only=True, frozen=True):
    """The loan that answers a line."""

    id: UUID
    status: Annotated[LoanStatus, Meta(description="`lost` and `closed` when nothing of it is to come back any more.")]
    quantity: int
    lost_quantity: Lost
    planned_end_at: Instant
    ended_reason: Annotated[
        str | None, Meta(description="Why some or all of it was lost, or why it was cancelled or not begun.")
    ]
    ended_by: EndedBy
    decline_reason: WhyDeclined


class LineEnd(Struct, kw_only=True, frozen=True):
    """Why nothing comes of a line any more: who said so, when, and why."""

    by_agency: Annotated[
        AgencyReference | None, Meta(description="Null where policies denied it, and where its time was over.")
    ]
    reason_code: Annotated[DeclineReason | None, Meta(description="Of what the assisting agency declined.")]
    reason: str
    ended_at: Instant


class RequestLine(Struct, kw_only=True, frozen=True):
    """One requested asset; it is decided, approved and answered separately."""

    id: UUID
    line_no: int
    asset_id: UUID
    asset_name: HiddenOnceInvisible
    category: HiddenOnceInvisible
    assisting_agency: AgencyReference
    quantity: int
    window: Window
    place: Annotated[Location | None, Meta(description="Where it is needed.")]
    note: str
    status: Annotated[LineStatus, Meta(description="`reserved` while a loan answers it.")]
    awaiting: Awaited
    awaiting_detail: Annotated[
        list[str],
        Meta(
            description="The same in words, in the same order.",
            examples=[["Somebody with the role approver at Ramsey Example Police has to approve it."]],
        ),
    ]
    submitted_at: Instant | None
    decided_at: Annotated[
        Instant | None,
        Meta(description="When it was permitted, approved, denied or rejected, or else declined."),
    ]
    decision: LineDecision | None
    asset_changed: Annotated[
        list[str],
        Meta(description="Properties that are not as they were asked for; it is not reserved before you accept that."),
    ]
    asset_version: Annotated[int | None, Meta(description="Of an asset that was changed; accepting it names it.")]
    loan: LineLoan | None
    ended_loan: Annotated[
        LineLoan | None,
        Meta(
            description="The last loan for the line that was cancelled or not begun, with the reason. Cancelled by the "
            "assisting agency, the line is declined; else it may still be answered."
        ),
    ]
    ended: Annotated[
        LineEnd | None,
        Meta(description="Why it is denied, rejected, declined, withdrawn or expired; null while it goes on."),
    ]
    replaces_line_no: Annotated[
        int | None, Meta(description="The line, as far as you see it, in whose place this one asks.")
    ]
    replaced_by_line_no: Annotated[
        int | None,
        Meta(description="The line, as far as you see it, that asks in its place; this one stays as it is then."),
    ]
    allowed_actions: list[AllowedAction]


class ResourceRequest(Struct, kw_only=True, frozen=True):
    """A request for assets of other agencies. An assisting agency sees only the lines for its own assets."""

    id: UUID
    requesting_agency: AgencyReference
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
    """A request in a list; counts and window cover the lines that you see."""

    id: UUID
    requesting_agency: AgencyReference
    assisting_agencies: Annotated[list[AgencyReference], Meta(description="Whose assets it asks for, each once.")]
    assets: Annotated[list[AssetReference], Meta(description="What it asks for, in the order of its lines, each once.")]
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
    """A page of requests that the caller's agency made or that ask for its assets."""

    items: list[RequestSummary]
    next_cursor: str | None


class RequestQuery(ByChange, kw_only=True, frozen=True):
    """Filters of the request list."""

    status: Annotated[tuple[RequestStatus, ...], Meta(description="Any of these.")] = ()
    side: Annotated[Side | None, Meta(description="Only requests in which your agency is this side.")] = None
    partner_id: Annotated[
        UUID | None, Meta(description="Only requests to or from this agency, as far as you see them.")
    ] = None
    incident_number: IncidentNumber | None = None
    q: Annotated[Part | None, Meta(description="Part of the summary or of the incident number.")] = None
    window_from: Annotated[Instant | None, Meta(description="With a line that ends after this instant.")] = None
    window_to: Annotated[Instant | None, Meta(description="With a line that begins before this instant.")] = None
    ids: Ids = ()
    waiting_for_me: Annotated[
        bool,
        Meta(
            description="Only requests that wait for you: for an approval that you could give, or, permitted or "
            "approved, for something of yours that you may reserve."
        ),
    ] = False


class NewRequestLine(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A requested asset of another agency, for a time."""

    asset_id: UUID
    quantity: Quantity = 1
    window: Window
    place: Location | None = None
    note: Prose = ""


Lines = Annotated[list[NewRequestLine], Meta(min_length=1, max_length=MOST_LINES)]


class NewRequest(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A request to draft; only the own agency sees it before it is submitted."""

    purpose: Code
    priority: Priority = "routine"
    incident_number: IncidentNumber | None = None
    summary: Summary
    lines: Lines


class RequestPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays, null clears, `lines` replaces all lines that no loan answers."""

    purpose: Code | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    incident_number: IncidentNumber | None | UnsetType = UNSET
    summary: Summary | UnsetType = UNSET
    lines: Lines | UnsetType = UNSET


class RequestLinePatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396) of one line: what is absent stays, null clears."""

    asset_id: UUID | UnsetType = UNSET
    quantity: Quantity | UnsetType = UNSET
    window: Window | UnsetType = UNSET
    place: Location | None | UnsetType = UNSET
    note: Prose | UnsetType = UNSET


class LineDecline(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the assisting agency does not lend what a line asks for. Both sides read it."""

    reason_code: Annotated[DeclineReason, Meta(description="Why, in one word.")]
    reason: Reason


class RequestVerdict(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why it is approved or rejected."""

    reason: Reason


class ChangedAssetAccepted(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A line whose changed asset is accepted."""

    line_no: Annotated[int, Meta(ge=1, le=10_000, examples=[1])]
    asset_version: Annotated[int, Meta(ge=1, le=2**31 - 1, description="As the line names it.", examples=[3])]


class ChangedAssetsAccepted(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The lines whose assets are accepted as they are now."""

    lines: Annotated[list[ChangedAssetAccepted], Meta(min_length=1, max_length=MOST_LINES)]


class RequestEnding(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the request ends."""

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
LINE_PATCH_EXAMPLE = {
    "window": {"start": "2026-07-05T18:00:00Z", "end": "2026-07-05T23:00:00Z"},
    "note": "A day later.",
}
