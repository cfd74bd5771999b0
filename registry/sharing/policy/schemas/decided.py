"""Decisions in the API: the stored record, its status, what-if and replay."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.geo import Location
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import NAME_PATTERN, Code
from registry.platform.kernel.time import Instant, Window
from registry.resources.assets.schemas.availability import AskAvailability
from registry.resources.assets.schemas.shown import AssetReference
from registry.sharing.policy.approvals import Ended, Verdict
from registry.sharing.policy.decisions import ApprovalNeeded, Decision, Outcome, PolicyId, Side
from registry.sharing.policy.facts import Priority

DecidedAt = Literal["request", "approve", "reserve", "extend", "dispatch"]
Quantity = Annotated[int, Meta(ge=1, le=100_000)]


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


class RequestReference(Struct, kw_only=True, frozen=True):
    """The request line that something answers."""

    id: UUID
    line_no: int
    incident_number: Annotated[str | None, Meta(description="The requesting agency's, when it was decided.")]


class RecordedDecision(Struct, kw_only=True, frozen=True):
    """A decision as it was recorded, with the ask. It never changes; `status` says what became of it."""

    id: UUID
    root_decision_id: Annotated[
        UUID, Meta(description="The first decision of the chain: one ask, decided again at each step.")
    ]
    previous_id: Annotated[UUID | None, Meta(description="The decision before it in the chain.")]
    action_at: Annotated[DecidedAt, Meta(description="The step at which it was made.")]
    outcome: Outcome
    asset_id: UUID
    category: Annotated[str, Meta(examples=["k9.narcotics"])]
    requesting_agency_id: UUID
    assisting_agency_id: UUID
    agreement_id: UUID | None
    agreement_version_id: UUID | None
    clause: str | None
    request: RequestReference | None
    purpose: str
    priority: Priority
    quantity: int
    window: Window
    requested_at: Annotated[Instant, Meta(description="When the requesting agency asked.")]
    evaluated_at: Instant
    decision: Decision


class OtherText(Struct, kw_only=True, frozen=True):
    """The text that governs what was decided by another one, when it begins, and what it comes to by that text."""

    version_no: Annotated[int, Meta(description="Of the agreement: it binds both agencies when this begins.")]
    starts_at: Annotated[Instant, Meta(description="From when it binds both.")]
    outcome: Annotated[
        Outcome, Meta(description="What the same ask comes to by it, on what was known at the decision.")
    ]
    worse: Annotated[
        bool, Meta(description="Worse than decided: then nothing is reserved on that decision, and nothing leaves.")
    ]
    reason: Annotated[str, Meta(description="The same in a sentence, with the reasons.")]


OtherTextTold = Annotated[
    OtherText | None,
    Meta(
        description="That another text of the agreement governs it than it was decided by, since one was signed that "
        "takes effect before it begins. Null where that is not so, once it has left, and in answers to changes: it is "
        "worked out when this is read."
    ),
]


class DecisionSummary(Struct, kw_only=True, frozen=True):
    """A recorded decision in a list."""

    id: UUID
    root_decision_id: UUID
    action_at: DecidedAt
    outcome: Outcome
    asset: AssetReference
    requesting_agency: AgencyReference
    assisting_agency: AgencyReference
    agreement: Annotated[AgreementReference | None, Meta(description="Null when there was no agreement.")]
    request: Annotated[RequestReference | None, Meta(description="The request line for which it was made.")]
    purpose: str
    priority: Priority
    quantity: int
    window: Window
    evaluated_at: Instant


class DecisionPage(Struct, kw_only=True, frozen=True):
    """A page of decisions of the caller's agency on either side."""

    items: list[DecisionSummary]
    next_cursor: str | None


class DecisionQuery(NewestFirst, kw_only=True, frozen=True):
    """Filters of the decision list."""

    outcome: Annotated[tuple[Outcome, ...], Meta(description="Any of these.")] = ()
    action_at: Annotated[tuple[DecidedAt, ...], Meta(description="Made at any of these steps.")] = ()
    purpose: Annotated[tuple[Code, ...], Meta(description="For any of these purposes.")] = ()
    policy_id: Annotated[
        tuple[Annotated[PolicyId, Meta(max_length=80)], ...],
        Meta(description="Any of these policies is among its reasons, approvals or obligations."),
    ] = ()
    asset_id: UUID | None = None
    agreement_id: UUID | None = None
    partner_id: Annotated[UUID | None, Meta(description="The agency on the other side.")] = None
    evaluated_from: Annotated[Instant | None, Meta(description="Made at this instant or later.")] = None
    evaluated_to: Annotated[Instant | None, Meta(description="Made before then.")] = None
    request_id: Annotated[UUID | None, Meta(description="Made for a line of that request.")] = None
    root_decision_id: Annotated[UUID | None, Meta(description="All decisions of one chain.")] = None


class ApprovalGiven(Struct, kw_only=True, frozen=True):
    """An answer that an agency has given to a needed approval."""

    policy_id: PolicyId
    layer: Annotated[str, Meta(description="Of the policy, as in the reasons.", examples=["baseline", "agency"])]
    role: str
    side: Side
    agency: AgencyReference
    verdict: Verdict
    reason: str
    given_at: Instant


class DecisionRecord(DecisionSummary, kw_only=True, frozen=True):
    """A recorded decision and its current status."""

    previous_id: Annotated[UUID | None, Meta(description="The decision before it in the chain.")]
    category: Annotated[str, Meta(examples=["k9.narcotics"])]
    requested_at: Annotated[Instant, Meta(description="When the requesting agency asked.")]
    decision: Decision
    current_id: Annotated[
        UUID, Meta(description="The latest decision on the same ask; its approvals are the ones that count.")
    ]
    satisfied: Annotated[bool, Meta(description="Whether the asset may be reserved on it now.")]
    ended: Annotated[Ended | None, Meta(description="Why it can never be satisfied again; null while it can.")]
    approvals_given: list[ApprovalGiven]
    approvals_missing: list[ApprovalNeeded]
    allowed_actions: list[AllowedAction]


class PolicyQuestion(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A hypothetical ask of the caller's agency. Nothing of it is stored."""

    asset_id: UUID
    quantity: Quantity = 1
    window: Window
    purpose: Annotated[Code, Meta(description="Code of a purpose.", examples=["narcotics_investigation"])]
    priority: Priority = "routine"
    place: Annotated[Location | None, Meta(description="Where the asset is wanted.")] = None


class PolicyAnswer(Struct, kw_only=True, frozen=True):
    """What would be decided now: whether it may be lent, and beside that whether it can be had."""

    decision: Decision
    availability: Annotated[
        AskAvailability, Meta(description="Whether it can be had then; a permitted asset may be lent elsewhere.")
    ]
    estimated_cost: Annotated[
        Money | None, Meta(description="Begun hours × hourly rate × quantity; null where the asset has no rate.")
    ]
    distance_km: Annotated[int | None, Meta(description="From the asset's home to the place, rounded up.")]


class DecisionReplay(Struct, kw_only=True, frozen=True):
    """A recorded decision beside the answer of the current policies to the same facts."""

    same: Annotated[bool, Meta(description="Everything but the digests of the policies is equal.")]
    policies_changed: Annotated[bool, Meta(description="Other policy texts apply today than did then.")]
    reproduced: Annotated[
        bool | None,
        Meta(
            description="Decided again by the policies of then, the agency's own of that day among them, it came out "
            "the same to the letter; null where the policies of then are not kept, or this release cannot read them."
        ),
    ]
    then: Decision
    now: Decision


QUESTION_EXAMPLE = {
    "asset_id": "01900000-0000-7000-8000-0000000000a1",
    "window": {"start": "2026-07-04T18:00:00Z", "end": "2026-07-05T02:00:00Z"},
    "purpose": "narcotics_investigation",
    "priority": "routine",
    "place": {"latitude": 44.98, "longitude": -93.27},
}
