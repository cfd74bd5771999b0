"""Rounds of review: who was asked about a text, and what they said."""

from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements import queries
from registry.agreements.commands import review_rounds
from registry.agreements.reviews import ReviewVerdict
from registry.agreements.routes import examples
from registry.agreements.schemas.reviewing import NewReview, Review, ReviewApproval, ReviewReason, ReviewRoundPage
from registry.database.handles import Read, Write
from registry.http.answers import Answer, entity_tag
from registry.http.links import next_link
from registry.http.paging import Page
from registry.kernel.versions import Expected


def _answer(found: Review, *, created_in: UUID | None = None) -> Answer[Review]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.verdict, found.overdue, found.allowed_actions),
        location=None if created_in is None else f"/v1/agreements/{created_in}/reviews/{found.id}",
    )


@operation("get", "/agreements/{agreement_id:uuid}/reviews", permission=Action.AGREEMENTS_READ, query=Page)
async def list_agreement_reviews(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[Page],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[ReviewRoundPage]:
    """List an agreement's rounds of review with the verdicts, for its parties."""
    page = await queries.list_reviews(read, caller.principal, agreement_id, filters, caller.now)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation(
    "get", "/agreements/{agreement_id:uuid}/reviews/{review_id:uuid}", permission=Action.AGREEMENTS_READ, etag=True
)
async def get_agreement_review(
    agreement_id: FromPath[UUID],
    review_id: FromPath[UUID],
    read: NamedDependency[Read],
    caller: NamedDependency[Caller],
) -> Answer[Review]:
    """Read one reviewer's part in a round, for the agreement's parties."""
    return _answer(await queries.get_review(read, caller.principal, agreement_id, review_id, caller.now))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reviews",
    permission=Action.AGREEMENTS_UPDATE,
    example=examples.NEW_REVIEW,
    etag=True,
)
async def add_agreement_reviewer(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewReview],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Review]:
    """Ask one more desk of a party about the text that is in review. `If-Match` is of the agreement."""
    added = await review_rounds.add_reviewer(write, caller, agreement_id, data, if_match)
    return _answer(added, created_in=agreement_id)


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reviews/{review_id:uuid}/approve",
    permission=Action.AGREEMENTS_ADVISE,
    status=200,
    example=examples.REVIEW_APPROVAL,
    etag=True,
)
async def approve_agreement_review(
    agreement_id: FromPath[UUID],
    review_id: FromPath[UUID],
    data: JSONBody[ReviewApproval],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Review]:
    """Approve the text for your agency's desk.

    The answer may be changed until the round closes: when the text is approved as a whole, sent back or withdrawn.
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
)
async def request_agreement_changes(
    agreement_id: FromPath[UUID],
    review_id: FromPath[UUID],
    data: JSONBody[ReviewReason],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Review]:
    """Ask for changes, for your agency's desk; a required desk's word keeps the text from being approved."""
    verdict = ReviewVerdict.CHANGES_REQUESTED
    return _answer(await review_rounds.decide(write, caller, agreement_id, review_id, verdict, data.reason, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reviews/{review_id:uuid}/release",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.RELEASE,
    etag=True,
)
async def release_agreement_reviewer(
    agreement_id: FromPath[UUID],
    review_id: FromPath[UUID],
    data: JSONBody[ReviewReason],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Review]:
    """Release a reviewer, as the custodian: its answer is not waited for any more."""
    verdict = ReviewVerdict.RELEASED
    return _answer(await review_rounds.decide(write, caller, agreement_id, review_id, verdict, data.reason, if_match))


handlers = [
    list_agreement_reviews,
    get_agreement_review,
    add_agreement_reviewer,
    approve_agreement_review,
    request_agreement_changes,
    release_agreement_reviewer,
]
