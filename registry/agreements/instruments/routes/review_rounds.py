"""Rounds of review: who was asked about a text, and what they said."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import review_rounds
from registry.agreements.instruments.queries import reviews
from registry.agreements.instruments.reviews import ReviewVerdict
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.schemas.reviewing import (
    NewReview,
    Review,
    ReviewApproval,
    ReviewReason,
    ReviewRoundPage,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.versions import Expected


def _answer(found: Review, *, created_in: UUID | None = None) -> Answer[Review]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.verdict, found.overdue, found.allowed_actions),
        location=None if created_in is None else f"/v1/agreements/{created_in}/reviews/{found.id}",
    )


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/review-rounds",
    permission=Action.AGREEMENTS_READ,
    query=NewestFirst,
)
async def list_agreement_review_rounds(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[NewestFirst],
    caller: Supplied[Caller],
) -> Answer[ReviewRoundPage]:
    """List an agreement's rounds of review with the verdicts, for its parties."""
    return Answer(await reviews.list_review_rounds(read, caller.principal, agreement_id, filters, caller.now))


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/reviews/{review_id:uuid}",
    permission=Action.AGREEMENTS_READ,
    etag=True,
)
async def get_agreement_review(
    agreement_id: FromPath[UUID],
    review_id: FromPath[UUID],
    read: Supplied[Read],
    caller: Supplied[Caller],
) -> Answer[Review]:
    """Read one reviewer's part in a round, for the agreement's parties."""
    return _answer(await reviews.get_review(read, caller.principal, agreement_id, review_id, caller.now))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/add-reviewer",
    permission=Action.AGREEMENTS_UPDATE,
    example=examples.NEW_REVIEW,
    etag=True,
    problems=("bad_reviewers", "due_in_past", "not_a_party", "reviewer_named", "too_many_reviewers", "wrong_status"),
)
async def add_agreement_reviewer(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewReview],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Review]:
    """Ask one more department of a party about the text that is in review. `If-Match` is of the agreement."""
    added = await review_rounds.add_reviewer(write, caller, agreement_id, data, if_match)
    return _answer(added, created_in=agreement_id)


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reviews/{review_id:uuid}/approve",
    permission=Action.AGREEMENTS_ADVISE,
    status=200,
    example=examples.REVIEW_APPROVAL,
    etag=True,
    problems=(
        "repeats_restricted",
        "reviewer_released",
        "round_closed",
        "separation_of_duties",
    ),
)
async def approve_agreement_review(
    agreement_id: FromPath[UUID],
    review_id: FromPath[UUID],
    data: JSONBody[ReviewApproval],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Review]:
    """Approve the text for your agency's department.

    The answer may be changed until the round closes: when the text is approved as a whole, sent back,
    withdrawn or executed.
    """
    verdict = ReviewVerdict.APPROVED
    return _answer(await review_rounds.decide(write, caller, agreement_id, review_id, verdict, data.note, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reviews/{review_id:uuid}/request-changes",
    permission=Action.AGREEMENTS_ADVISE,
    status=200,
    example=examples.REASON,
    etag=True,
    problems=(
        "repeats_restricted",
        "reviewer_released",
        "round_closed",
    ),
)
async def request_agreement_changes(
    agreement_id: FromPath[UUID],
    review_id: FromPath[UUID],
    data: JSONBody[ReviewReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Review]:
    """Ask for changes, for your department; where it is required, the text is not approved before it agrees."""
    verdict = ReviewVerdict.CHANGES_REQUESTED
    return _answer(await review_rounds.decide(write, caller, agreement_id, review_id, verdict, data.reason, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reviews/{review_id:uuid}/release",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.RELEASE,
    etag=True,
    problems=(
        "repeats_restricted",
        "reviewer_released",
        "round_closed",
    ),
)
async def release_agreement_reviewer(
    agreement_id: FromPath[UUID],
    review_id: FromPath[UUID],
    data: JSONBody[ReviewReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Review]:
    """Release a reviewer, as the custodian: its answer is not waited for any more."""
    verdict = ReviewVerdict.RELEASED
    return _answer(await review_rounds.decide(write, caller, agreement_id, review_id, verdict, data.reason, if_match))


handlers = [
    list_agreement_review_rounds,
    get_agreement_review,
    add_agreement_reviewer,
    approve_agreement_review,
    request_agreement_changes,
    release_agreement_reviewer,
]
