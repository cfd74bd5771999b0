"""Rounds of review with their verdicts, and what is outstanding before a text can be approved."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, refusal
from registry.access.principals import Principal
from registry.agreements.queries.actions import relations
from registry.agreements.queries.showing import agreement_row
from registry.agreements.review_tables import agreement_review_round, agreement_reviewer
from registry.agreements.reviews import ReviewVerdict, review_overdue
from registry.agreements.schemas.reviewing import Review, ReviewRound, ReviewRoundPage
from registry.agreements.tables import agreement_version
from registry.database.handles import Read
from registry.http.paging import Page, cut, decode_cursor
from registry.kernel.actions import AllowedAction, offer
from registry.kernel.errors import Forbidden, NotFound

_round, _reviewer = agreement_review_round, agreement_reviewer
_ID = sa.bindparam("id", type_=_round.c.agreement_id.type)
_ROUNDS = (
    sa.select(_round, agreement_version.c.no.label("version_no"))
    .join(agreement_version, agreement_version.c.id == _round.c.version_id)
    .where(_round.c.agreement_id == _ID, _round.c.no > sa.bindparam("after", type_=sa.Integer))
    .order_by(_round.c.no)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_REVIEWS = (
    sa.select(_reviewer, _round.c.closed_at)
    .join(_round, _round.c.id == _reviewer.c.round_id)
    .where(_round.c.id.in_(sa.bindparam("rounds", type_=_round.c.id.type, expanding=True)))
    .order_by(_reviewer.c.id)
)
_REVIEW = (
    sa.select(_reviewer, _round.c.closed_at, agreement_version.c.no.label("version_no"))
    .join(_round, _round.c.id == _reviewer.c.round_id)
    .join(agreement_version, agreement_version.c.id == _round.c.version_id)
    .where(_round.c.agreement_id == _ID, _reviewer.c.id == sa.bindparam("review_id", type_=_reviewer.c.id.type))
)


async def shared_agreement(read: Read, principal: Principal, agreement_id: UUID) -> Row[Any]:
    """The agreement's row, for whoever sees it whole. Raises NotFound, Forbidden for whoever is no party."""
    row = await agreement_row(read, principal, agreement_id)
    if not row.shared:
        raise Forbidden("How a text came about is for the agreement's parties.")
    return row


async def list_reviews(
    read: Read, principal: Principal, agreement_id: UUID, page: Page, now: datetime
) -> ReviewRoundPage:
    """A page of the rounds, for the parties. Raises NotFound, Forbidden, RuleBroken for another list's cursor."""
    row = await shared_agreement(read, principal, agreement_id)
    after = decode_cursor(page.cursor, (int,))[0] if page.cursor else 0
    found = await read.all(_ROUNDS, {"id": agreement_id, "after": after, "limit": page.limit + 1})
    kept, next_cursor = cut(found, page.limit, lambda each: (each.no,))
    reviews = await read.all(_REVIEWS, {"rounds": [each.id for each in kept]}) if kept else []
    return ReviewRoundPage(
        items=[
            ReviewRound(
                no=each.no,
                version_no=each.version_no,
                opened_at=each.opened_at,
                closed_at=each.closed_at,
                outcome=each.outcome,
                reviews=[_review(found, principal, row, now) for found in reviews if found.round_id == each.id],
            )
            for each in kept
        ],
        next_cursor=next_cursor,
    )


async def get_review(read: Read, principal: Principal, agreement_id: UUID, review_id: UUID, now: datetime) -> Review:
    """One reviewer's part in a round, for the parties. Raises NotFound, Forbidden."""
    row = await shared_agreement(read, principal, agreement_id)
    return _review(await review_row(read, agreement_id, review_id), principal, row, now)


async def review_row(read: Read, agreement_id: UUID, review_id: UUID) -> Row[Any]:
    """A reviewer's row with its round's end and version. Raises NotFound."""
    row = await read.first(_REVIEW, {"id": agreement_id, "review_id": review_id})
    if row is None:
        raise NotFound("review")
    return row


def _review(found: Row[Any], principal: Principal, row: Row[Any], now: datetime) -> Review:
    verdict, is_open = ReviewVerdict(found.verdict), found.closed_at is None
    return Review(
        id=found.id,
        agency_id=found.agency_id,
        desk=found.desk,
        required=found.required,
        due_on=found.due_on,
        verdict=verdict,
        words=found.words,
        decided_at=found.decided_at,
        overdue=is_open and review_overdue(verdict, found.due_on, ZoneInfo(row.time_zone), now),
        allowed_actions=_allowed(found, principal, row),
        version=found.version,
    )


def _allowed(found: Row[Any], principal: Principal, row: Row[Any]) -> list[AllowedAction]:
    held = relations(principal, row)
    bar: str | None = None
    if found.closed_at is not None:
        bar = "The round of review is closed."
    elif found.verdict == ReviewVerdict.RELEASED:
        bar = "The reviewer was released."
    offers = []
    if found.agency_id == principal.agency_id and refusal(principal, Action.AGREEMENTS_ADVISE, held) is None:
        offers += [offer("approve", withheld=bar), offer("request_changes", withheld=bar)]
    if refusal(principal, Action.AGREEMENTS_UPDATE, held) is None:
        offers.append(offer("release", withheld=bar))
    return offers
