"""Requests and their lines, as they are answered."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.geo import Location
from registry.platform.kernel.time import Instant, Window
from registry.resources.assets.schemas.availability import AskAvailability
from registry.resources.assets.schemas.shown import AssetReference
from registry.sharing.loans.rules import DeclineReason, LoanStatus
from registry.sharing.loans.schemas.shown import EndedBy, Lost, NoShow, WhyDeclined
from registry.sharing.policy.decisions import DecisionReason, Outcome
from registry.sharing.policy.facts import Priority
from registry.sharing.policy.schemas.decided import OtherTextTold
from registry.sharing.requests.rules import LineStatus, RequestStatus
from registry.sharing.requests.schemas.needs import Need

HiddenOnceInvisible = Annotated[
    str | None, Meta(description="Null once the asset is no longer visible to you; a loan keeps its own.")
]
Awaited = Annotated[
    list[str],
    Meta(description="Approvals that the line waits for, as `<role>@<side>`.", examples=[["approver@assisting"]]),
]

Refused = Annotated[
    int,
    Meta(
        description="How many of the lines are denied, rejected or declined, whatever the status says of the others. "
        "They wait for the requesting agency to ask again, or to withdraw them."
    ),
]


class LineDecision(Struct, kw_only=True, frozen=True):
    """The decision on a line; the complete one, with near misses and obligations, is at `/v1/decisions/{id}`."""

    id: Annotated[
        UUID,
        Meta(
            description="The latest decision on what was asked, or on the longer loan once that extension was "
            "accepted; until then the extension has its own."
        ),
    ]
    root_decision_id: Annotated[UUID, Meta(description="The first; a loan that answers the line names it.")]
    outcome: Outcome
    agreement: AgreementReference | None
    reasons: list[DecisionReason]
    evaluated_at: Instant
    other_text: OtherTextTold


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
    no_show: Annotated[
        NoShow | None,
        Meta(description="Where a no-show was reported: what both sides say of it."),
    ]


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
    line_no: Annotated[
        int,
        Meta(
            description="The same for both sides. Of an agency that is asked for a need it is drawn, from 1000 on, and "
            "counts nothing; lines are in the order in which they were made."
        ),
    ]
    need: Annotated[Need | None, Meta(description="What is needed, of whichever agency; null for a certain asset.")]
    fills_line_no: Annotated[
        int | None, Meta(description="The line of the need which this one helps to fill; only who asks reads it.")
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
        int | None,
        Meta(
            description="When the agency is asked: those of the next tier once this one lacks something. Only who asks "
            "reads it."
        ),
    ]
    answer_due_at: Annotated[
        Instant | None, Meta(description="By when the agency that is asked should answer; then the next are asked.")
    ]
    condition: Annotated[
        str | None, Meta(description="On which the assisting agency offers it; null once it has declined.")
    ]
    offer_version: Annotated[
        int | None, Meta(description="Of an offer on a condition that waits for an answer; accepting it names it.")
    ]
    suspended_at: Annotated[
        Instant | None,
        Meta(
            description="Since when what is offered cannot be had: it does not count and the next are asked. It counts "
            "again once it can be had, unless others have filled the need."
        ),
    ]
    suspended_reason: Annotated[str | None, Meta(description="Why it cannot be had, or does not count again.")]
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
        LineStatus,
        Meta(
            description="`reserved` while a loan answers it, `partially_filled` while that is of fewer; `filled` once "
            "it is over, or the request was closed while it goes on."
        ),
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
    refused: Annotated[
        LineEnd | None,
        Meta(
            description="Of a withdrawn line: how it was denied, rejected or declined before the requesting agency "
            "gave it up, which `ended` says."
        ),
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
    unsent_changes: Annotated[
        bool,
        Meta(
            description="It was changed since it was submitted, and the agencies that are asked are told once it is "
            "submitted again (`submit`). Read by the requesting agency alone; false for any other."
        ),
    ]
    refused_line_count: Refused
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
    refused_line_count: Refused
    window: Annotated[Window, Meta(description="From the first start to the last end among the lines.")]
    submitted_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


class RequestPage(Struct, kw_only=True, frozen=True):
    """A page of requests that the caller's agency made or that ask for its assets."""

    items: list[RequestSummary]
    next_cursor: str | None
