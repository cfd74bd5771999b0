"""Deadlines, reviews, retention and holds on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.deadlines.retention import Years
from registry.agreements.deadlines.rules import DeadlineKind, DeadlineStatus, ReviewOutcome
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import Page
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import NAME_PATTERN, Prose, Reason
from registry.platform.kernel.time import ActDay, CivilDate, Instant


class DeadlineBasis(Struct, kw_only=True, frozen=True):
    """What a deadline rests on."""

    says: Annotated[str, Meta(description="The rule, in a sentence.")]
    provision: Annotated[str | None, Meta(description="Number of the provision that says it, where one is known.")]
    citation: Annotated[
        str | None, Meta(description="The law or schedule, where it rests on one. Have counsel review.")
    ]


class Deadline(Struct, kw_only=True, frozen=True):
    """A day by which something is to be done under an agreement. Derived at the instant of asking, never stored."""

    kind: Annotated[
        DeadlineKind,
        Meta(
            description="`last_notice`: last day to give notice of the next term that can still be prevented or left "
            "by its end. `renewal`: last day of the term that another follows by itself. `expiry`: last day in force, "
            "by its term, a termination, a successor, or notices; not by what others only reported, before "
            "that has taken effect. `gap`: last day of a text after which the next "
            "begins only later. `insurance`, `approval`: last day of a party's "
            "liability certificate or its governing body's approval. `filing`: a duty to file or publish. "
            "`answer`: the day by which a party contests what was reported of it; afterwards it has effect. "
            "`consent`: the day that a proposal names, or on which it comes to nothing, while it waits for the "
            "party's consent; one that does neither has no day. "
            "`survival_end`: last day of a provision that outlives the agreement. "
            "`retention_end`: last day on which the record must be kept; none while it is held."
        ),
    ]
    agreement_id: UUID
    agreement_number: str
    agreement_title: str
    custodian_agency: AgencyReference
    agency: Annotated[AgencyReference | None, Meta(description="The party whose it is; null where it concerns all.")]
    version_no: Annotated[
        int | None,
        Meta(
            description="The version whose day it is, where that binds your agency to `towards` alone and another "
            "binds it to others for longer."
        ),
    ]
    towards: Annotated[
        list[AgencyReference],
        Meta(description="The parties to whom that version binds your agency; empty without `version_no`."),
    ]
    duty_id: Annotated[UUID | None, Meta(description="For `filing`.")]
    due_on: Annotated[CivilDate, Meta(description="The last day for it, in `time_zone`.")]
    due_at: Annotated[
        Instant, Meta(description="When that day ends; for `ratification`, `answer` and `consent` the very instant.")
    ]
    time_zone: str
    status: Annotated[DeadlineStatus, Meta(description="As of this answer.")]
    basis: DeadlineBasis
    action: Annotated[str, Meta(description="What to do about it, in a sentence.")]


class DeadlinePage(Struct, kw_only=True, frozen=True):
    """Deadlines as they stand at `as_of`; what nobody can act on any more is left out 90 days after its day."""

    as_of: Instant
    items: list[Deadline]
    next_cursor: str | None


class DeadlineQuery(Page, kw_only=True, frozen=True):
    """Filters of the list of deadlines."""

    sort: Annotated[
        Literal["due_on", "-due_on"],
        Meta(description="The order of the list: what is due soonest first, since that is what it is for."),
    ] = "due_on"
    agreement_id: UUID | None = None
    party_id: Annotated[UUID, Meta(description="Of agreements that name this agency as a party.")] | None = None
    custodian_id: Annotated[UUID, Meta(description="Of agreements that this agency keeps.")] | None = None
    agency_id: Annotated[UUID, Meta(description="What is this agency's own to do.")] | None = None
    kind: Annotated[tuple[DeadlineKind, ...], Meta(description="Any of these.")] = ()
    status: Annotated[tuple[DeadlineStatus, ...], Meta(description="Any of these, now.")] = ()
    due_from: Annotated[CivilDate, Meta(description="Due on this day or later.")] | None = None
    due_to: Annotated[CivilDate, Meta(description="Due on this day or earlier.")] | None = None


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

    reviewed_on: ActDay
    outcome: ReviewOutcome
    note: Prose | None = None


class PeriodicReview(Struct, kw_only=True, frozen=True):
    """A periodic review of an agreement."""

    id: UUID
    agreement_id: UUID
    reviewed_on: CivilDate
    outcome: ReviewOutcome
    note: str | None
    created_at: Instant


class PeriodicReviewPage(Struct, kw_only=True, frozen=True):
    """Periodic reviews of one agreement, and when the next is due."""

    items: list[PeriodicReview]
    every_months: Annotated[int | None, Meta(description="The agreement's cycle; null where none is set.")]
    next_due_on: CivilDate | None
    next_cursor: str | None


class RetentionSetting(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How long the caller's agency asks that the record of this agreement is kept; null years: it asks for nothing."""

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
    agency: Annotated[AgencyReference, Meta(description="Which agency placed it.")]
    authority: str
    reason: str
    placed_at: Instant
    lifted_at: Instant | None
    lifted_authority: str | None
    lifted_reason: str | None


class RetentionAsked(Struct, kw_only=True, frozen=True):
    """How long a party asks that the record is kept, and by what."""

    agency: AgencyReference
    years: int
    basis: str
    set_at: Instant


class Retention(Struct, kw_only=True, frozen=True):
    """How long the record of an agreement is kept. Nothing is destroyed by the registry."""

    agreement_id: UUID
    ended_on: Annotated[CivilDate | None, Meta(description="Its last day, as far as that is settled.")]
    years: Annotated[
        int | None,
        Meta(description="The longest of what the custodian's schedule says and of what each party asks for."),
    ]
    basis: str | None
    kept_until: Annotated[CivilDate | None, Meta(description="Last day on which it must be kept; null: see `why`.")]
    why: Annotated[str, Meta(description="What the answer rests on, in a sentence.")]
    asked: Annotated[list[RetentionAsked], Meta(description="What the parties ask for, the longest first.")]
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
