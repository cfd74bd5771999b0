"""Operations on outcome reviews, and on whether reviews are held in time."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.outcomes.reviews import commands, queries
from registry.outcomes.reviews.schemas import (
    COMPLETION_EXAMPLE,
    DECISION_EXAMPLE,
    NewReviewDecision,
    OutcomeReview,
    OutcomeReviewCompletion,
    OutcomeReviewPage,
    OutcomeReviewQuery,
    ReviewCompliance,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import HistoryQuery

_OF_AGREEMENT = "/agreements/{agreement_id:uuid}"
_ONE = "/outcome-reviews/{outcome_review_id:uuid}"


def _answer(found: OutcomeReview, *, created: bool = False) -> Answer[OutcomeReview]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.allowed_actions),
        location=f"/v1/outcome-reviews/{found.id}" if created else None,
    )


@operation("get", f"{_OF_AGREEMENT}/outcome-reviews", permission=Action.REVIEWS_READ, query=OutcomeReviewQuery)
async def list_agreement_outcome_reviews(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[OutcomeReviewQuery],
    caller: Supplied[Caller],
) -> Answer[OutcomeReviewPage]:
    """List the reviews of whether an agreement does what it was made for, for its parties."""
    return Answer(await queries.list_reviews(read, caller, agreement_id, filters))


@operation(
    "post",
    f"{_OF_AGREEMENT}/outcome-reviews",
    permission=Action.REVIEWS_OPEN,
    etag=True,
    problems=("review_open", "wrong_status"),
)
async def create_agreement_outcome_review(
    agreement_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[OutcomeReview]:
    """Open a review: the scorecard of your agency and the objectives are frozen as they are now, for all parties.

    It lists what changed since the review before. `If-Match` takes the ETag of the agreement.
    """
    return _answer(await commands.open_review(write, caller, agreement_id, if_match), created=True)


@operation("get", f"{_OF_AGREEMENT}/review-compliance", permission=Action.REVIEWS_READ)
async def get_agreement_review_compliance(
    agreement_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[ReviewCompliance]:
    """Read how far an agreement's periodic reviews were held by their days, and when the next one is due."""
    return Answer(await queries.get_compliance(read, caller, agreement_id))


@operation("get", _ONE, permission=Action.REVIEWS_READ, etag=True)
async def get_outcome_review(
    outcome_review_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[OutcomeReview]:
    """Read one outcome review, with the scorecard as it was frozen."""
    return _answer(await queries.get_review(read, caller, outcome_review_id))


@operation(
    "post",
    f"{_ONE}/decide",
    permission=Action.REVIEWS_DECIDE,
    status=200,
    example=DECISION_EXAMPLE,
    etag=True,
    problems=("wrong_status",),
)
async def decide_in_outcome_review(
    outcome_review_id: FromPath[UUID],
    data: JSONBody[NewReviewDecision],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[OutcomeReview]:
    """Say what your agency decides, and why. It binds nobody: renewing, amending and ending have steps of their own."""
    return _answer(await commands.decide(write, caller, outcome_review_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/complete",
    permission=Action.AGREEMENTS_KEEP,
    status=200,
    example=COMPLETION_EXAMPLE,
    etag=True,
    problems=("not_then", "outcome_not_decided", "repeats_restricted", "wrong_status"),
)
async def complete_outcome_review(
    outcome_review_id: FromPath[UUID],
    data: JSONBody[OutcomeReviewCompletion],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[OutcomeReview]:
    """Say, as the custodian, what follows by what parties decided; it is entered as the agreement's periodic review."""
    return _answer(await commands.complete(write, caller, outcome_review_id, data, if_match))


@operation("get", f"{_ONE}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_outcome_review_history(
    outcome_review_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to an outcome review."""
    await queries.review_row(read, caller, outcome_review_id)
    return Answer(await history(read, caller.principal, "outcome_review", outcome_review_id, filters))


router = Router(
    path="/v1",
    route_handlers=[
        list_agreement_outcome_reviews,
        create_agreement_outcome_review,
        get_agreement_review_compliance,
        get_outcome_review,
        decide_in_outcome_review,
        complete_outcome_review,
        list_outcome_review_history,
    ],
)
