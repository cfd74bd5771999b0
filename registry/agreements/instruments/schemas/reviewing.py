"""Rounds of review and comments on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.agreements.instruments.reviews import Anchor, Audience, ReviewVerdict, RoundOutcome
from registry.agreements.instruments.schemas.words import DeclassifyReason, NamedVersionNo
from registry.agreements.instruments.terms import ProvisionNumber
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.access.principals import Role
from registry.platform.http.paging import SORT, Changing
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import NAME_PATTERN, SAID_PATTERN, Reason
from registry.platform.kernel.time import CivilDate, Instant

Department = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=120,
        pattern=NAME_PATTERN,
        description="A department or office, not a person's name.",
        examples=["County attorney"],
    ),
]
VersionNumber = Annotated[int, Meta(ge=1, le=2**31 - 1, description="Number of a version of the text.")]
DueOn = Annotated[
    CivilDate, Meta(description="The day by whose end an answer is due, in the agreement's time zone; null is no day.")
]


class NewReviewer(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A department of one of the parties that is asked to review the text."""

    agency_id: UUID
    department: Department
    required: Annotated[bool, Meta(description="The text is not approved before it has agreed.")] = True


class AgreementSubmission(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A text to be reviewed, and by whom; without reviewers the custodian alone approves it."""

    version_no: NamedVersionNo
    note: Reason | None = None
    reviewers: Annotated[list[NewReviewer], Meta(max_length=50)] = []
    review_due_on: DueOn | None = None


class NewReview(NewReviewer, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One more reviewer of the text that is in review now."""

    due_on: DueOn | None = None


class ReviewApproval(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That the text may be approved."""

    note: Reason | None = None


class ReviewReason(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What has to change in the text, or why a reviewer is released."""

    reason: Reason


class Review(Struct, kw_only=True, frozen=True):
    """A reviewer of a text, and what it said of it."""

    id: UUID
    agency: AgencyReference
    department: str
    required: bool
    due_on: CivilDate | None
    verdict: ReviewVerdict
    words: Annotated[
        str | None,
        Meta(
            description="The note or reason given with the verdict, or for the release; null, too, where it does not "
            "reach you."
        ),
    ]
    decided_at: Instant | None
    overdue: Annotated[bool, Meta(description="The round is open, the due day is over, and nothing was said.")]
    allowed_actions: list[AllowedAction]
    version: int


class ReviewRound(Struct, kw_only=True, frozen=True):
    """One submission of a text, until it is approved, sent back, withdrawn or executed by word of mouth."""

    round_no: Annotated[int, Meta(description="Counts the agreement's rounds.")]
    version_no: int
    opened_at: Instant
    closed_at: Instant | None
    outcome: RoundOutcome | None
    reviews: list[Review]


class ReviewRoundPage(Struct, kw_only=True, frozen=True):
    """Rounds of review."""

    items: list[ReviewRound]
    next_cursor: str | None


class Quote(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A passage of the provision, as the half-open range of its characters [start, end), counted from 0."""

    start: Annotated[int, Meta(ge=0, le=40_000)]
    end: Annotated[int, Meta(ge=1, le=40_000)]


CommentText = Annotated[str, Meta(min_length=1, max_length=4000, pattern=SAID_PATTERN)]


class NewComment(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A remark on a version of the text, or a reply to one, which shares its thread's place and audience.

    A remark names `version_no` and `audience`; a reply names `parent_id` and leaves the others out.
    """

    text: CommentText
    version_no: VersionNumber | None = None
    provision: Annotated[ProvisionNumber | None, Meta(description="Null is the text as a whole.")] = None
    quote: Quote | None = None
    audience: Annotated[Audience | None, Meta(description="`parties`: every party; `agency`: your own alone.")] = None
    department: Annotated[Department | None, Meta(description="Shown beside your agency in place of a name.")] = None
    parent_id: UUID | None = None
    declassify_reason: DeclassifyReason = None


class CommentPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Other words for an own comment."""

    text: CommentText | UnsetType = UNSET
    declassify_reason: DeclassifyReason = None


class CommentAuthor(Struct, kw_only=True, frozen=True):
    """Whose words they are: an agency's, by role and department; never a person's name."""

    agency: AgencyReference
    role: Role
    department: str | None


class Comment(Struct, kw_only=True, frozen=True):
    """A remark on the text as this caller may read it, and where it meets the version asked about."""

    id: UUID
    thread_id: Annotated[UUID, Meta(description="The comment that opened the thread.")]
    parent_id: UUID | None
    version_no: Annotated[int, Meta(description="The version commented on.")]
    provision: str | None
    quote: Annotated[Quote | None, Meta(description="In the version commented on.")]
    anchor: Annotated[Anchor, Meta(description="What the version asked about made of the text commented on.")]
    audience: Audience
    author: CommentAuthor
    restricted: Annotated[bool, Meta(description="About restricted text, and as restricted as that.")]
    text: Annotated[str | None, Meta(description="Null where it is withheld from you.")]
    status: Annotated[Literal["open", "resolved"], Meta(description="Of its thread.")]
    created_at: Instant
    updated_at: Annotated[Instant, Meta(description="Moves, too, when its thread is resolved or reopened.")]
    edited_at: Instant | None
    allowed_actions: list[AllowedAction]
    version: int


class CommentPage(Struct, kw_only=True, frozen=True):
    """Comments on one text."""

    items: list[Comment]
    next_cursor: str | None


class CommentQuery(Changing, kw_only=True, frozen=True):
    """Filters of the comments."""

    sort: Annotated[
        Literal["-created_at", "created_at", "updated_at", "-updated_at", "thread", "-thread"],
        SORT,
    ] = "-created_at"
    version_no: Annotated[
        VersionNumber | None,
        Meta(
            description="The version to read them against; comments on later ones are left out. The newest if absent."
        ),
    ] = None
    provision: ProvisionNumber | None = None
    open: Annotated[bool, Meta(description="Only threads that are not resolved.")] = False
