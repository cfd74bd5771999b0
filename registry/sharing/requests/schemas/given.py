"""What is sent about requests: new ones, edits, answers, and filters of the list."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.platform.http.paging import ByChange, Ids
from registry.platform.http.searching import Part
from registry.platform.kernel.geo import Location
from registry.platform.kernel.text import SAID_PATTERN, Code, Prose, Reason
from registry.platform.kernel.time import Instant, Window
from registry.sharing.loans.rules import DeclineReason
from registry.sharing.policy.decisions import Side
from registry.sharing.policy.facts import Priority
from registry.sharing.policy.schemas.decided import IncidentNumber
from registry.sharing.requests.rules import RequestStatus
from registry.sharing.requests.schemas.needs import Need

MOST_LINES = 50
MOST_LINES_EVER = 500
MOST_PEOPLE = 100
Quantity = Annotated[int, Meta(ge=1, le=100_000, description="How many of the asset are asked for.")]
Summary = Annotated[
    str,
    Meta(min_length=1, max_length=1000, pattern=SAID_PATTERN, examples=["Dog team for a vehicle search (demo)."]),
]
Minutes = Annotated[int, Meta(ge=5, le=43_200, examples=[60])]


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
            "approved, for something of yours that you may reserve; for what your agency is asked to offer, or for an "
            "offer on a condition that it has to accept or refuse; for what fell through: reserved help that cannot "
            "come, to either side, and what nobody is to bring to who asked, also since an offer cannot be had."
        ),
    ] = False


class NewRequestLine(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A requested asset of another agency, or so many of what is needed of whichever agency, for a time."""

    asset_id: Annotated[UUID | None, Meta(description="A certain asset; else say the need.")] = None
    need: Annotated[Need | None, Meta(description="What is needed; else name the asset.")] = None
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

    asset_id: UUID | None | UnsetType = UNSET
    need: Need | None | UnsetType = UNSET
    quantity: Quantity | UnsetType = UNSET
    window: Window | UnsetType = UNSET
    place: Location | None | UnsetType = UNSET
    note: Prose | UnsetType = UNSET


class LineDecline(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the assisting agency does not lend what a line asks for. Both sides read it."""

    reason_code: Annotated[DeclineReason, Meta(description="Why, in one word.")]
    reason: Reason


Tier = Annotated[list[UUID], Meta(min_length=1, max_length=100)]


class LineSourcing(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which agencies are asked for what a line needs, and in which order."""

    tiers: Annotated[
        list[Tier],
        Meta(
            min_length=1,
            max_length=100,
            description="The agencies that are asked together, tier by tier: tiers of one are asked one by one, one "
            "tier is all at once. The next one is asked when each has answered, or its time is over, and something is "
            "lacking.",
            examples=[[["01980000-0000-7000-8000-00000000b001"]]],
        ),
    ]
    answer_within_minutes: Annotated[
        Minutes, Meta(description="How long each may take to answer, from when it is asked.")
    ] = 60
    note: Prose = ""


class LineOffer(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What an agency that was asked offers: one of its assets, as many of it as it can spare."""

    asset_id: UUID
    quantity: Annotated[Quantity, Meta(description="How many; fewer than are needed is welcome.")] = 1
    personnel_ids: Annotated[
        list[UUID],
        Meta(
            max_length=MOST_PEOPLE,
            description="Where people are needed: your own people who go, as many as are offered.",
        ),
    ] = []  # msgspec copies it
    condition: Annotated[
        Reason | None,
        Meta(description="On which it is offered: then it counts once the requesting agency accepts it."),
    ] = None


class OfferAcceptance(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which offer is accepted, with its condition."""

    offer_version: Annotated[int, Meta(ge=1, le=2**31 - 1, description="As the line names it.", examples=[2])]


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
SOURCING_EXAMPLE = {
    "tiers": [["01980000-0000-7000-8000-00000000b001"], ["01980000-0000-7000-8000-00000000b002"]],
    "answer_within_minutes": 60,
}
OFFER_EXAMPLE = {
    "asset_id": "01980000-0000-7000-8000-00000000a001",
    "quantity": 1,
    "condition": "Back by midnight, for the night shift (demo).",
}
