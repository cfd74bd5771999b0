"""Times in which an asset cannot be had."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Reason
from registry.platform.kernel.time import Instant
from registry.resources.allocations.rules import Assessment, UnavailabilityStatus
from registry.resources.assets.schemas.shown import AffectedLoan
from registry.resources.assets.schemas.words import Quantity

UnavailabilityKind = Literal["maintenance", "blackout", "other", "damage", "turnaround", "used"]


class Until(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """From an instant on: up to another, or until further notice."""

    start: Instant
    end: Annotated[Instant | None, Meta(description="Null: until further notice.")] = None


class NewUnavailability(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """When an asset, or some of it, cannot be had."""

    kind: Literal["maintenance", "blackout", "other"]
    window: Until
    quantity: Annotated[Quantity | None, Meta(description="How many cannot be had; null for all of them.")] = None
    reason: Reason
    accept_affected_loans: Annotated[
        bool, Meta(description="Enter it although loans are reserved for that time; both sides of each are told.")
    ] = False


class UnavailabilityEnd(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the asset can be had again, or after all."""

    reason: Reason


class DamageAssessment(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The owner's word about what came back damaged."""

    assessment: Assessment
    reason: Reason


class Unavailability(Struct, kw_only=True, frozen=True):
    """A time in which an asset, or some of it, cannot be had."""

    id: UUID
    asset_id: UUID
    kind: UnavailabilityKind
    status: UnavailabilityStatus
    window: Until
    quantity: Annotated[int | None, Meta(description="How many cannot be had; null for all of them.")]
    reason: Annotated[str | None, Meta(description="Only its owner is told.")]
    loan_id: Annotated[UUID | None, Meta(description="The loan from which it came back; only its owner is told.")]
    assessment: Annotated[
        Assessment | None,
        Meta(description="The owner's word about damage; null before, and for what is no damage."),
    ]
    created_at: Instant
    ended_at: Annotated[Instant | None, Meta(description="When it was ended before its time; null if it was not.")]
    allowed_actions: list[AllowedAction]
    version: int


class UnavailabilityList(Struct, kw_only=True, frozen=True):
    """What keeps an asset from being had, the next first; what is over is in the asset's history."""

    items: list[Unavailability]


class PlannedUnavailability(Struct, kw_only=True, frozen=True):
    """What was entered, with the loans for which too little is left then."""

    unavailability: Unavailability
    affected_loans: list[AffectedLoan]
