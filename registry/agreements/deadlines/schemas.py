"""Deadlines on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.deadlines.rules import DeadlineKind, DeadlineStatus
from registry.http.paging import Page
from registry.kernel.time import CivilDate, Instant


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
            "by its term, a termination, a successor, or notices. `insurance`, `approval`: last day of a party's "
            "liability certificate or its governing body's approval. `filing`: a duty to file or publish. "
            "`retention_end`: last day on which the record must be kept; none while it is held."
        ),
    ]
    agreement_id: UUID
    agreement_number: str
    agreement_title: str
    custodian_id: UUID
    agency_id: Annotated[UUID | None, Meta(description="The party whose it is; null where it concerns all.")]
    duty_id: Annotated[UUID | None, Meta(description="For `filing`.")]
    due_on: Annotated[CivilDate, Meta(description="The last day for it, in `time_zone`.")]
    due_at: Annotated[Instant, Meta(description="When that day ends; for `ratification` the very instant.")]
    time_zone: str
    status: Annotated[DeadlineStatus, Meta(description="As of this answer.")]
    basis: DeadlineBasis
    action: Annotated[str, Meta(description="What to do about it, in a sentence.")]


class DeadlinePage(Struct, kw_only=True, frozen=True):
    """Deadlines, soonest first, as they stand at `as_of`."""

    as_of: Instant
    items: list[Deadline]
    next_cursor: str | None


class DeadlineQuery(Page, kw_only=True, frozen=True):
    """Filters of the list of deadlines."""

    agreement_id: UUID | None = None
    party: Annotated[UUID, Meta(description="Of agreements that name this agency as a party.")] | None = None
    custodian: Annotated[UUID, Meta(description="Of agreements that this agency keeps.")] | None = None
    agency_id: Annotated[UUID, Meta(description="What is this agency's own to do.")] | None = None
    kind: DeadlineKind | None = None
    status: DeadlineStatus | None = None
    due_from: Annotated[CivilDate, Meta(description="Due on this day or later.")] | None = None
    due_to: Annotated[CivilDate, Meta(description="Due on this day or earlier.")] | None = None
