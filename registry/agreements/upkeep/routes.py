"""Periodic review, retention and legal holds."""

from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements.upkeep import commands, queries
from registry.agreements.upkeep.schemas import (
    HOLD_EXAMPLE,
    LIFTING_EXAMPLE,
    RETENTION_EXAMPLE,
    REVIEW_EXAMPLE,
    CompletedReview,
    HoldLifting,
    NewHold,
    PeriodicReview,
    PeriodicReviewPage,
    Retention,
    RetentionSetting,
)
from registry.database.handles import Read, Write
from registry.http.answers import Answer, entity_tag
from registry.http.links import next_link
from registry.http.paging import Page
from registry.kernel.versions import Expected

_PATH = "/agreements/{agreement_id:uuid}"


def _answer(found: Retention) -> Answer[Retention]:
    return Answer(found, etag=entity_tag(found.version, found.kept_until, found.why, found.allowed_actions))


@operation("get", _PATH + "/periodic-reviews", permission=Action.AGREEMENTS_READ, query=Page)
async def list_agreement_periodic_reviews(
    agreement_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[Page],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[PeriodicReviewPage]:
    """List an agreement's periodic reviews and when the next is due, for its parties."""
    page = await queries.list_reviews(read, caller, agreement_id, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation(
    "post",
    _PATH + "/complete-review",
    permission=Action.AGREEMENTS_KEEP,
    status=200,
    example=REVIEW_EXAMPLE,
    etag=True,
)
async def complete_agreement_review(
    agreement_id: FromPath[UUID],
    data: JSONBody[CompletedReview],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[PeriodicReview]:
    """Enter a periodic review that was held; the next is due a cycle after it."""
    found, version = await commands.complete_review(write, caller, agreement_id, data, if_match)
    return Answer(found, etag=entity_tag(version, found.id))


@operation("get", _PATH + "/retention", permission=Action.AGREEMENTS_READ, etag=True)
async def get_agreement_retention(
    agreement_id: FromPath[UUID], read: NamedDependency[Read], caller: NamedDependency[Caller]
) -> Answer[Retention]:
    """Read until when an agreement's record is kept, by which schedule, and what holds it; for its parties."""
    return _answer(await queries.get_retention(read, caller, agreement_id))


@operation(
    "post",
    _PATH + "/set-retention",
    permission=Action.AGREEMENTS_KEEP,
    status=200,
    example=RETENTION_EXAMPLE,
    etag=True,
)
async def set_agreement_retention(
    agreement_id: FromPath[UUID],
    data: JSONBody[RetentionSetting],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Retention]:
    """Set how many years an agreement's record is kept once it has ended.

    Without it the schedule of the custodian's state counts, where one is shipped. Have counsel review.
    """
    return _answer(await commands.set_retention(write, caller, agreement_id, data, if_match))


@operation(
    "post", _PATH + "/place-hold", permission=Action.AGREEMENTS_HOLD, status=200, example=HOLD_EXAMPLE, etag=True
)
async def place_agreement_hold(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewHold],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Retention]:
    """Place a legal hold: while any stands, the record has no end of retention."""
    return _answer(await commands.place_hold(write, caller, agreement_id, data, if_match))


@operation(
    "post", _PATH + "/lift-hold", permission=Action.AGREEMENTS_HOLD, status=200, example=LIFTING_EXAMPLE, etag=True
)
async def lift_agreement_hold(
    agreement_id: FromPath[UUID],
    data: JSONBody[HoldLifting],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Retention]:
    """Lift one legal hold; others go on."""
    return _answer(await commands.lift_hold(write, caller, agreement_id, data, if_match))


handlers = [
    list_agreement_periodic_reviews,
    complete_agreement_review,
    get_agreement_retention,
    set_agreement_retention,
    place_agreement_hold,
    lift_agreement_hold,
]
