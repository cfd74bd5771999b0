"""Reviews, retention and holds on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.upkeep.rules import ReviewOutcome, Years
from registry.kernel.actions import AllowedAction
from registry.kernel.text import NAME_PATTERN, Prose, Reason
from registry.kernel.time import CivilDate, Instant

Authority = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NAME_PATTERN,
        description="Court, case, statute or office that asks for it; not a person's name.",
        examples=["District court, case 26-CV-0042 (demo)"],
    ),
]


class CompletedReview(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A periodic review that was held; the next is due a cycle after it."""

    reviewed_on: Annotated[CivilDate, Meta(description="In the agreement's time zone.")]
    outcome: ReviewOutcome
    note: Prose | None = None


class PeriodicReview(Struct, kw_only=True, frozen=True):
    """A periodic review of an agreement."""

    id: UUID
    agreement_id: UUID
    reviewed_on: CivilDate
    outcome: ReviewOutcome
    note: str | None
    recorded_at: Instant


class PeriodicReviewPage(Struct, kw_only=True, frozen=True):
    """Periodic reviews of one agreement, by the day they were entered; and when the next is due."""

    items: list[PeriodicReview]
    every_months: Annotated[int | None, Meta(description="The agreement's cycle; null where none is set.")]
    next_due_on: CivilDate | None
    next_cursor: str | None


class RetentionSetting(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How long the record of this agreement is kept; null years go back to the schedule of the custodian's state."""

    years: Years | None
    basis: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            pattern=NAME_PATTERN,
            description="The schedule or resolution that says so. Have counsel review.",
            examples=["County schedule CS-17; have counsel review"],
        ),
    ]


class NewHold(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the record must be kept whatever its schedule says: litigation, an audit, a pending records request."""

    authority: Authority
    reason: Reason


class HoldLifting(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The end of one hold; others go on."""

    hold_id: UUID
    authority: Authority
    reason: Reason


class LegalHold(Struct, kw_only=True, frozen=True):
    """A hold, in place until it is lifted."""

    id: UUID
    agency_id: Annotated[UUID, Meta(description="Which agency placed it.")]
    authority: str
    reason: str
    placed_at: Instant
    lifted_at: Instant | None
    lifted_authority: str | None
    lifted_reason: str | None


class Retention(Struct, kw_only=True, frozen=True):
    """How long the record of an agreement is kept. Nothing is destroyed by the registry."""

    agreement_id: UUID
    ended_on: Annotated[CivilDate | None, Meta(description="Its last day, as far as that is settled.")]
    years: int | None
    basis: str | None
    kept_until: Annotated[CivilDate | None, Meta(description="Last day on which it must be kept; null: see `why`.")]
    why: Annotated[str, Meta(description="What the answer rests on, in a sentence.")]
    holds: list[LegalHold]
    allowed_actions: list[AllowedAction]
    version: Annotated[int, Meta(description="The agreement's version.")]


REVIEW_EXAMPLE = {"reviewed_on": "2026-06-15", "outcome": "keep", "note": "Contacts updated; terms unchanged (demo)."}
RETENTION_EXAMPLE = {"years": 7, "basis": "County schedule CS-17 (demo); have counsel review"}
HOLD_EXAMPLE = {
    "authority": "District court, case 26-CV-0042 (demo)",
    "reason": "Litigation about a joint operation (demo).",
}
LIFTING_EXAMPLE = {
    "hold_id": "01900000-0000-7000-8000-00000000f001",
    "authority": "District court, case 26-CV-0042 (demo)",
    "reason": "The case was dismissed (demo).",
}
