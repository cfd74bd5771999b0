"""The list of deadlines; periodic review, retention and legal holds."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.agreements.deadlines import commands
from registry.agreements.deadlines.queries import listing
from registry.agreements.deadlines.schemas import (
    HOLD_EXAMPLE,
    LIFTING_EXAMPLE,
    RETENTION_EXAMPLE,
    REVIEW_EXAMPLE,
    CompletedReview,
    DeadlinePage,
    DeadlineQuery,
    HoldLifting,
    NewHold,
    PeriodicReview,
    PeriodicReviewPage,
    Retention,
    RetentionSetting,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.versions import Expected


@operation("get", "/deadlines", permission=Action.AGREEMENTS_READ, query=DeadlineQuery)
async def list_deadlines(
    read: Supplied[Read],
    filters: Supplied[DeadlineQuery],
    caller: Supplied[Caller],
) -> Answer[DeadlinePage]:
    """List what falls due under your agency's agreements, soonest first.

    Notice, renewal, expiry, review, ratification, answers to reports, insurance, approvals, filing and retention, of
    every agreement that your agency keeps or is a party to; computed from their dates at the instant of asking.
    `overdue` is what somebody should have done; a notice day or renewal that went by gives way to the next.
    """
    return Answer(await listing.list_deadlines(read, caller.principal, filters, caller.now))


_PATH = "/agreements/{agreement_id:uuid}"


def _answer(found: Retention) -> Answer[Retention]:
    return Answer(found, etag=entity_tag(found.version, found.kept_until, found.why, found.allowed_actions))


@operation("get", _PATH + "/periodic-reviews", permission=Action.AGREEMENTS_READ, query=NewestFirst)
async def list_agreement_periodic_reviews(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[NewestFirst],
    caller: Supplied[Caller],
) -> Answer[PeriodicReviewPage]:
    """List an agreement's periodic reviews and when the next is due, for its parties."""
    return Answer(await listing.list_periodic_reviews(read, caller, agreement_id, filters))


@operation("get", _PATH + "/periodic-reviews/{periodic_review_id:uuid}", permission=Action.AGREEMENTS_READ, etag=True)
async def get_agreement_periodic_review(
    agreement_id: FromPath[UUID], periodic_review_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[PeriodicReview]:
    """Read one periodic review, for a party of the agreement. It never changes."""
    found = await listing.get_periodic_review(read, caller, agreement_id, periodic_review_id)
    return Answer(found, etag=entity_tag(1, found.id))


@operation(
    "post",
    _PATH + "/complete-review",
    permission=Action.AGREEMENTS_KEEP,
    example=REVIEW_EXAMPLE,
    etag=True,
    problems=(
        "not_then",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def complete_agreement_review(
    agreement_id: FromPath[UUID],
    data: JSONBody[CompletedReview],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PeriodicReview]:
    """Enter a periodic review that was held; the next is due a cycle after it.

    `If-Match` takes the ETag of the agreement, as for everything that is added to one.
    """
    found = await commands.complete_review(write, caller, agreement_id, data, if_match)
    place = f"/v1/agreements/{agreement_id}/periodic-reviews/{found.id}"
    return Answer(found, etag=entity_tag(1, found.id), location=place)


@operation("get", _PATH + "/retention", permission=Action.AGREEMENTS_READ, etag=True)
async def get_agreement_retention(
    agreement_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[Retention]:
    """Read until when an agreement's record is kept, by which schedule, and what holds it; for its parties."""
    return _answer(await listing.get_retention(read, caller, agreement_id))


@operation(
    "post",
    _PATH + "/set-retention",
    permission=Action.AGREEMENTS_HOLD,
    status=200,
    problems=("retention_relied_on",),
    example=RETENTION_EXAMPLE,
    etag=True,
)
async def set_agreement_retention(
    agreement_id: FromPath[UUID],
    data: JSONBody[RetentionSetting],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Retention]:
    """Say how many years your agency asks that an agreement's record is kept once it has ended.

    The record is kept for the longest of the schedule of the custodian's state, where one is shipped, and of what each
    party asks for. Who asks for less shortens it only once every other party has said its own. Have counsel review.
    """
    return _answer(await commands.set_retention(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    _PATH + "/place-hold",
    permission=Action.AGREEMENTS_HOLD,
    status=200,
    example=HOLD_EXAMPLE,
    etag=True,
    problems=("repeats_restricted",),
)
async def place_agreement_hold(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewHold],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Retention]:
    """Place a legal hold: while any stands, the record has no end of retention."""
    return _answer(await commands.place_hold(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    _PATH + "/lift-hold",
    permission=Action.AGREEMENTS_HOLD,
    status=200,
    example=LIFTING_EXAMPLE,
    etag=True,
    problems=(
        "repeats_restricted",
        "unknown_hold",
        "wrong_status",
    ),
)
async def lift_agreement_hold(
    agreement_id: FromPath[UUID],
    data: JSONBody[HoldLifting],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Retention]:
    """Lift one legal hold; others go on."""
    return _answer(await commands.lift_hold(write, caller, agreement_id, data, if_match))


router = Router(
    path="/v1",
    route_handlers=[
        list_deadlines,
        list_agreement_periodic_reviews,
        get_agreement_periodic_review,
        complete_agreement_review,
        get_agreement_retention,
        set_agreement_retention,
        place_agreement_hold,
        lift_agreement_hold,
    ],
)
