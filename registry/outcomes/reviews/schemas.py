"""Outcome reviews on the wire."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.deadlines.rules import ReviewOutcome
from registry.directory.agencies.schemas import AgencyReference
from registry.outcomes.objectives.rules import ObjectiveStatus
from registry.outcomes.reviews.rules import OutcomeReviewStatus
from registry.platform.http.paging import ByChange
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Prose, Reason
from registry.platform.kernel.time import ActDay, CivilDate, Instant


class FrozenObjective(Struct, kw_only=True, frozen=True):
    """How an objective stood when the review was opened."""

    id: UUID
    title: Annotated[str, Meta(description="What was to be achieved.")]
    status: Annotated[ObjectiveStatus, Meta(description="How it stood.")]
    weight: Annotated[int, Meta(description="How much it counts beside the others.")]
    status_before: Annotated[
        ObjectiveStatus | None, Meta(description="How it stood at the review before; null where it was not there.")
    ] = None


class NewVersion(Struct, kw_only=True, frozen=True):
    """A version of the agreement that was put before the parties since the review before."""

    version_no: int
    kind: Annotated[str, Meta(description="`original`, `amendment` or `renewal`.")]
    effective_on: CivilDate


class ReviewDecision(Struct, kw_only=True, frozen=True):
    """What a party decided."""

    agency: Annotated[AgencyReference, Meta(description="The party.")]
    outcome: ReviewOutcome
    reasons: Annotated[str, Meta(description="Why, in the party's words.")]
    decided_at: Instant


class OutcomeReview(Struct, kw_only=True, frozen=True):
    """A review of whether an agreement does what it was made for."""

    id: UUID
    agreement_id: UUID
    agency: Annotated[AgencyReference, Meta(description="The party that opened it, and whose scorecard it froze.")]
    previous_id: Annotated[UUID | None, Meta(description="The outcome review before it.")]
    due_on: Annotated[CivilDate | None, Meta(description="By when it was due; null where no cycle is set.")]
    scorecard: Annotated[
        dict[str, Any],
        Meta(description="The agreement's scorecard as it was answered when the review was opened, with its `as_of`."),
    ]
    objectives: Annotated[list[FrozenObjective], Meta(description="How the objectives stood then.")]
    new_versions: Annotated[list[NewVersion], Meta(description="What changed in the text since the review before.")]
    decisions: Annotated[list[ReviewDecision], Meta(description="What the parties decided, in order of deciding.")]
    status: OutcomeReviewStatus
    reviewed_on: Annotated[CivilDate | None, Meta(description="The day of the review, once it is completed.")]
    in_time: Annotated[bool | None, Meta(description="Completed by its day; null while open, or without a cycle.")]
    outcome: Annotated[ReviewOutcome | None, Meta(description="What follows; null while it is open.")]
    note: str | None
    periodic_review_id: Annotated[UUID | None, Meta(description="The periodic review that was entered with it.")]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Annotated[Instant, Meta(description="When it was opened.")]
    updated_at: Instant


class OutcomeReviewPage(Struct, kw_only=True, frozen=True):
    """A page of the outcome reviews of an agreement."""

    items: list[OutcomeReview]
    next_cursor: str | None


class OutcomeReviewQuery(ByChange, kw_only=True, frozen=True):
    """The list of an agreement's outcome reviews."""


class ReviewCompliance(Struct, kw_only=True, frozen=True):
    """How far an agreement's periodic reviews were held in time."""

    agreement_id: UUID
    as_of: Instant
    every_months: Annotated[int | None, Meta(description="The agreement's cycle; null where none is set.")]
    in_time: Annotated[int, Meta(description="Reviews held by their day.")]
    late: Annotated[int, Meta(description="Reviews held after it.")]
    overdue: Annotated[bool, Meta(description="The day of the next one is over.")]
    next_due_on: Annotated[CivilDate | None, Meta(description="The day of the next one.")]
    value: Annotated[
        float | None,
        Meta(description="Reviews in time, of those that were due; an overdue one counts. Null where none was due."),
    ]

    from_: Annotated[Instant | None, Meta(description="Start of the window.")] = None
    to: Annotated[Instant | None, Meta(description="End of the window.")] = None


class NewReviewDecision(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What your agency decides."""

    outcome: ReviewOutcome
    reasons: Reason


class OutcomeReviewCompletion(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What follows from the review, by what parties have decided; the next is due a cycle after `reviewed_on`."""

    reviewed_on: ActDay
    outcome: ReviewOutcome
    note: Prose | None = None


DECISION_EXAMPLE = {"outcome": "keep", "reasons": "Help came in time, and the terms fit (demo)."}
COMPLETION_EXAMPLE = {"reviewed_on": "2026-07-04", "outcome": "keep", "note": "Both parties keep it (demo)."}
