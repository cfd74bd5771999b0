"""Decisions on the wire: the kept record, where it stands, what-if and replay."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agencies.schemas import Location
from registry.http.paging import Page
from registry.kernel.actions import AllowedAction
from registry.kernel.money import Money
from registry.kernel.text import Code
from registry.kernel.time import Instant, Window
from registry.policy.approvals import Ended, Verdict
from registry.policy.facts import Priority
from registry.policy.schemas import ApprovalNeeded, Decision, Outcome, PolicyId, Side

DecidedAt = Literal["request", "approve", "reserve", "extend", "dispatch"]
Quantity = Annotated[int, Meta(ge=1, le=100_000)]


class RecordedDecision(Struct, kw_only=True, frozen=True):
    """One kept decision with what it was asked about. It never changes; what has become of it is its standing."""

    id: UUID
    root_id: Annotated[UUID, Meta(description="The first decision of the chain: one ask, decided again at each step.")]
    previous_id: Annotated[UUID | None, Meta(description="The decision before it in the chain.")]
    action_at: Annotated[DecidedAt, Meta(description="The step at which it was made.")]
    outcome: Outcome
    asset_id: UUID
    category: Annotated[str, Meta(examples=["k9.narcotics"])]
    requesting_agency_id: UUID
    assisting_agency_id: UUID
    agreement_id: UUID | None
    agreement_version_id: UUID | None
    purpose: str
    priority: Priority
    quantity: int
    window: Window
    requested_at: Annotated[Instant, Meta(description="When the requesting agency asked.")]
    evaluated_at: Instant
    decision: Decision


class DecisionSummary(Struct, kw_only=True, frozen=True):
    """A kept decision in a list."""

    id: UUID
    root_id: UUID
    action_at: DecidedAt
    outcome: Outcome
    asset_id: UUID
    requesting_agency_id: UUID
    assisting_agency_id: UUID
    agreement_id: UUID | None
    purpose: str
    priority: Priority
    quantity: int
    window: Window
    evaluated_at: Instant


class DecisionPage(Struct, kw_only=True, frozen=True):
    """Decisions of the caller's agency on either side, latest first."""

    items: list[DecisionSummary]
    next_cursor: str | None


class DecisionQuery(Page, kw_only=True, frozen=True):
    """Filters of the decision list."""

    outcome: Outcome | None = None
    asset_id: UUID | None = None
    agreement_id: UUID | None = None
    root_id: Annotated[UUID | None, Meta(description="All decisions of one chain.")] = None


class ApprovalGiven(Struct, kw_only=True, frozen=True):
    """An answer that an agency has given to a needed approval."""

    policy_id: PolicyId
    role: str
    side: Side
    agency_id: UUID
    verdict: Verdict
    reason: str
    given_at: Instant


class DecisionRecord(RecordedDecision, kw_only=True, frozen=True):
    """A kept decision and where it stands now."""

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
    """What would be decided now."""

    decision: Decision
    estimated_cost: Annotated[
        Money | None, Meta(description="Begun hours × hourly rate × quantity; null where the asset has no rate.")
    ]
    distance_km: Annotated[int | None, Meta(description="From the asset's home to the place, rounded up.")]


class DecisionReplay(Struct, kw_only=True, frozen=True):
    """A kept decision beside the answer that today's policies give to the very same facts."""

    same: Annotated[bool, Meta(description="Everything but the digests of the policies is equal.")]
    policies_changed: Annotated[bool, Meta(description="Other policy texts apply today than did then.")]
    then: Decision
    now: Decision


QUESTION_EXAMPLE = {
    "asset_id": "01900000-0000-7000-8000-0000000000a1",
    "window": {"start": "2026-07-04T18:00:00Z", "end": "2026-07-05T02:00:00Z"},
    "purpose": "narcotics_investigation",
    "priority": "routine",
    "place": {"latitude": 44.98, "longitude": -93.27},
}
