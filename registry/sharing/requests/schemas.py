"""Requests in the API."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import ByChange, Ids, Page
from registry.platform.http.searching import Part
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.geo import Location
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import NAME_PATTERN, SAID_PATTERN, Code, Prose, Reason
from registry.platform.kernel.time import Instant, Window
from registry.resources.assets.schemas.availability import AskAvailability
from registry.resources.assets.schemas.shown import AssetReference
from registry.resources.assets.schemas.words import TypeLevel
from registry.resources.personnel.rules import PERSONNEL_CATEGORY
from registry.resources.personnel.schemas import Level
from registry.sharing.loans.rules import DeclineReason, LoanStatus
from registry.sharing.loans.schemas import EndedBy, Lost, WhyDeclined
from registry.sharing.policy.decisions import AgreementTried, DecisionReason, Outcome, Side
from registry.sharing.policy.facts import Priority
from registry.sharing.policy.schemas.decided import IncidentNumber
from registry.sharing.requests.rules import LineStatus, RequestStatus

MOST_LINES = 50
MOST_LINES_EVER = 500
MOST_PEOPLE = 100

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


Minutes = Annotated[int, Meta(ge=5, le=43_200, examples=[60])]
AttributeName = Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME_PATTERN)]
AttributeBound = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)]


class CategoryNeed(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="category"):
    """So many of a category, of whichever agency: dog teams, vehicles, or slots of a laboratory in each week."""

    category: Annotated[Code, Meta(description="This category or one under it.", examples=["k9.narcotics"])]
    type_at_least: Annotated[
        TypeLevel | None, Meta(description="At least as capable: 2 is met by Type I and Type II.")
    ] = None
    attributes: Annotated[
        dict[AttributeName, AttributeBound],
        Meta(
            max_length=8,
            description="What it has to state, as in the asset list: a name that ends in `_from` or `_to` bounds a "
            "number, any other gives the value itself.",
            examples=[{"seats_from": "4"}],
        ),
    ] = {}  # msgspec copies it


class CapabilityNeed(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="capability"):
    """So many people who can do something, of whichever agency, on the day of the start and on that of the return."""

    capability: Annotated[Code, Meta(description="This one or one under it.", examples=["language.spanish"])]
    level_at_least: Annotated[Level | None, Meta(description="At least this level of its scale.")] = None
    tested: Annotated[bool, Meta(description="True: only tested levels of a language count.")] = False
    category: Annotated[
        Code, Meta(description="As what they are lent: `personnel`, or a category under it.", examples=["personnel"])
    ] = PERSONNEL_CATEGORY


Need: TypeAlias = CategoryNeed | CapabilityNeed


class LineDecision(Struct, kw_only=True, frozen=True):
    """The decision on a line; the complete one, with near misses and obligations, is at `/v1/decisions/{id}`."""

    id: Annotated[UUID, Meta(description="The latest decision on what was asked.")]
    root_decision_id: Annotated[UUID, Meta(description="The first; a loan that answers the line names it.")]
    outcome: Outcome
    agreement: AgreementReference | None
    reasons: list[DecisionReason]
    evaluated_at: Instant


class AutomaticAidGiven(Struct, kw_only=True, frozen=True):
    """Automatic aid: the signed term that skipped the asking. What became of the loan, the line says as ever."""

    agreement: Annotated[AgreementReference, Meta(description="With the clause that says so, where the terms name it.")]


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
    """What a line asks for: an asset, or so many of what a need describes. Each is decided and answered separately.

    Of a need, each agency that is asked has a line of its own, on which the asset that it offers stands.
    """

    id: UUID
    line_no: int
    need: Annotated[Need | None, Meta(description="What is needed, of whichever agency; null for a certain asset.")]
    fills_line_no: Annotated[
        int | None, Meta(description="The line of the need which this one helps to fill; you may not see that one.")
    ]
    asset_id: Annotated[UUID | None, Meta(description="Null while no asset is offered for what is needed.")]
    asset_name: HiddenOnceInvisible
    category: HiddenOnceInvisible
    assisting_agency: Annotated[
        AgencyReference | None, Meta(description="Null on the line of a need, for which several may be asked.")
    ]
    quantity: int
    remaining_quantity: Annotated[
        int | None,
        Meta(
            description="Of a need: how many are neither offered, reserved nor lent so far; only who asks reads it. Of "
            "an asset of which a loan is of fewer than were asked for: the rest, which may be sourced or withdrawn."
        ),
    ]
    tier: Annotated[
        int | None, Meta(description="When the agency is asked: those of the next tier once this one lacks something.")
    ]
    answer_due_at: Annotated[
        Instant | None, Meta(description="By when the agency that is asked should answer; then the next are asked.")
    ]
    condition: Annotated[
        str | None, Meta(description="On which the assisting agency offers it; null once it has declined.")
    ]
    personnel_ids: Annotated[
        list[UUID],
        Meta(
            description="Whom it offers for what they can do. Only that agency reads it; once lent, the loan says it."
        ),
    ]
    window: Window
    place: Annotated[Location | None, Meta(description="Where it is needed.")]
    note: str
    status: Annotated[
        LineStatus, Meta(description="`reserved` while a loan answers it, `partially_filled` while that is of fewer.")
    ]
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
    automatic_aid: Annotated[
        AutomaticAidGiven | None,
        Meta(description="By which text it was reserved without being asked for; null where it was not."),
    ]
    availability: Annotated[
        AskAvailability | None,
        Meta(
            description="Whether it can be had, beside whether it may be lent, as of now; null once a loan answers "
            "it, it is withdrawn, replaced or over, or the asset is not visible to you."
        ),
    ]
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
            "approved, for something of yours that you may reserve; for what your agency is asked to offer, or for an "
            "offer on a condition that it has to accept or refuse."
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


class CandidateQuery(Page, kw_only=True, frozen=True):
    """The page of candidates asked for."""


RankedBy = Literal[
    "first", "outcome", "availability", "people", "arrival", "distance", "cost", "reciprocity", "last_used", "order"
]


class Hindrance(Struct, kw_only=True, frozen=True):
    """What stands in the way of a candidate, and who can do something about it."""

    kind: Literal["approval", "denial", "availability", "people"]
    said: Annotated[str, Meta(description="In a sentence; of a denial, how close it came.")]
    cured_by: Annotated[
        Literal["requesting", "assisting", "both"], Meta(description="Whose it is to change that: of which side.")
    ]


class Candidate(Struct, kw_only=True, frozen=True):
    """An asset that could fill a line: what would be decided, whether it can be had, and why it stands here."""

    rank: Annotated[int, Meta(description="Its place in the order, from 1.")]
    ranked_by: Annotated[RankedBy, Meta(description="In what it first stands behind the one before it.")]
    asset: AssetReference
    agency: Annotated[AgencyReference, Meta(description="Whose it is, and who would be asked.")]
    category: str
    type_level: int | None
    quantity: Annotated[int, Meta(description="How many of it were weighed: what is lacking, or as many as there are.")]
    outcome: Annotated[Outcome, Meta(description="What would be decided now.")]
    agreement: Annotated[AgreementTried | None, Meta(description="Under which; null when there is none to try.")]
    reasons: Annotated[list[DecisionReason], Meta(description="Why it would be decided so.")]
    availability: Annotated[AskAvailability, Meta(description="Whether it can be had for all of the time.")]
    distance_km: Annotated[float | None, Meta(description="From where it stands to the place of the line.")]
    arrival_minutes: Annotated[int | None, Meta(description="Mobilisation and the way, by estimate.")]
    estimated_cost: Annotated[Money | None, Meta(description="Begun hours × hourly rate × quantity.")]
    published_count: Annotated[
        int | None,
        Meta(description="Where people are needed: at least how many its agency publishes; null: nothing, to you."),
    ]
    loans_from_agency: Annotated[int, Meta(description="Loans of that agency to yours in the last 365 days.")]
    loans_to_agency: Annotated[
        int, Meta(description="Loans of yours to it; who was helped more by yours than it helped comes first.")
    ]
    last_used_at: Annotated[
        Instant | None,
        Meta(description="When this asset last left on a loan to your agency; what is only reserved was not used."),
    ]
    asked: Annotated[bool, Meta(description="Its agency is asked for the line already, or is to be.")]
    hindrances: Annotated[list[Hindrance], Meta(description="What stands in the way, and who can cure it.")]


class CandidatePage(Struct, kw_only=True, frozen=True):
    """A page of what could fill a line, the best first."""

    items: list[Candidate]
    next_cursor: str | None
    weighed: Annotated[int, Meta(description="How many were weighed, on whichever page.")]
    more: Annotated[
        bool,
        Meta(
            description="More meet the need than are weighed: where a line has a place those that arrive first are, "
            "within 500 km; else the newest."
        ),
    ]


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
