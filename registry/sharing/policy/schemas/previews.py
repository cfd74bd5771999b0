"""Previews of policy sets in the API: what a set would have changed."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import ByChange, NewestFirst
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.time import Instant
from registry.sharing.policy.decisions import Digest, Outcome
from registry.sharing.policy.lifecycle import PreviewStatus
from registry.sharing.policy.schemas.decided import DecidedAt

LONGEST_DAYS = 366
PolicyCode = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=80,
        pattern=r"\A[a-z][a-z0-9_]{2,79}\Z",
        extra={"form": "lower-case words joined by underscores"},
        description="A policy's `@id`.",
        examples=["longest_loan"],
    ),
]


class NewPolicyPreview(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which decisions to look at."""

    days: Annotated[int, Meta(ge=1, le=LONGEST_DAYS, description="Those made in so many days until now.")] = 30
    wait_seconds: Annotated[
        int, Meta(ge=0, le=30, description="How long to wait for the end before the answer shows how far it is.")
    ] = 0


class OutcomeChange(Struct, kw_only=True, frozen=True):
    """How many decisions would have come out otherwise. The outcome may be the same, and its reasons others."""

    before: Annotated[Outcome, Meta(description="By what is active now.")]
    after: Annotated[Outcome, Meta(description="By the set.")]
    decisions: int


class PolicyImpact(Struct, kw_only=True, frozen=True):
    """In how many decisions one policy would have made a difference."""

    policy_id: Annotated[str, Meta(description="Of the agency's own, in this set or in the active one.")]
    decisions: int


class PolicyPreview(Struct, kw_only=True, frozen=True):
    """What a policy set would have changed of what your agency was asked for, as far as was looked."""

    id: UUID
    policy_set_id: UUID
    agency: AgencyReference
    status: PreviewStatus
    days: int
    active_digest: Annotated[
        Digest | None,
        Meta(description="Of the agency's set that was active when it was started: with that it compares."),
    ]
    examined: Annotated[int, Meta(description="How many decisions were looked at so far, the latest first.")]
    remaining: Annotated[int, Meta(description="How many of these days are left to look at.")]
    left_out: Annotated[
        int,
        Meta(
            description="How many of those were not decided again: the set reads a term of theirs whose text is "
            "restricted, or tells their agreements apart where one has such a term, and drafts of it would tell the "
            "figure step by step."
        ),
    ]
    same: Annotated[int, Meta(description="How many would have come out the same.")]
    changes: Annotated[list[OutcomeChange], Meta(description="How many would not, by what they would have become.")]
    policies: Annotated[
        list[PolicyImpact], Meta(description="By which of your policies, those that change most first.")
    ]
    note: Annotated[str | None, Meta(description="Why it was stopped, and what to do; null otherwise.")]
    version: int
    created_at: Instant
    updated_at: Instant
    allowed_actions: list[AllowedAction]


class PolicyPreviewPage(Struct, kw_only=True, frozen=True):
    """Previews of your agency's policy sets, the latest first."""

    items: list[PolicyPreview]
    next_cursor: str | None


class PolicyPreviewQuery(ByChange, kw_only=True, frozen=True):
    """Filters of the previews."""

    policy_set_id: Annotated[UUID | None, Meta(description="Of this set.")] = None


class ChangedDecision(Struct, kw_only=True, frozen=True):
    """A decision that would have been another one."""

    decision_id: UUID
    action_at: DecidedAt
    evaluated_at: Instant
    requesting_agency: AgencyReference
    before: Annotated[Outcome, Meta(description="By what was active when the preview was started.")]
    after: Annotated[Outcome, Meta(description="By the set.")]
    policy_ids: Annotated[
        tuple[str, ...],
        Meta(description="The agency's own policies that spoke in one of the two and not in the other."),
    ]


class ChangedDecisionPage(Struct, kw_only=True, frozen=True):
    """The decisions that a policy set would have changed."""

    items: list[ChangedDecision]
    next_cursor: str | None


class ChangedDecisionQuery(NewestFirst, kw_only=True, frozen=True):
    """Filters of those decisions."""

    before: Annotated[tuple[Outcome, ...], Meta(description="Those that came out so.")] = ()
    after: Annotated[tuple[Outcome, ...], Meta(description="Those that would have come out so.")] = ()
    policy_id: Annotated[PolicyCode | None, Meta(description="Those in which this policy makes a difference.")] = None


NEW_PREVIEW_EXAMPLE = {"days": 30}
