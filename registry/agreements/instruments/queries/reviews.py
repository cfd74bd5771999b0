"""Rounds of review with their verdicts, and what is outstanding before a text can be approved."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.visibility import kept_from, reaches_parties
from registry.agreements.instruments.review_tables import agreement_review_round, agreement_reviewer
from registry.agreements.instruments.reviews import ReviewVerdict, review_overdue
from registry.agreements.instruments.schemas.reviewing import Review, ReviewRound, ReviewRoundPage
from registry.agreements.instruments.tables import agreement_party, agreement_version
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.acts import barred
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read, Rows
from registry.platform.http.paging import NewestFirst, Orders
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import Forbidden, NotFound

_round, _reviewer = agreement_review_round, agreement_reviewer
_ID = sa.bindparam("id", type_=_round.c.agreement_id.type)
_asked = agreement_reviewer.alias("asked")
# Of a round hears whom it reaches, and who is asked in it.
_told = sa.or_(
    reaches_parties(_round.c.agreement_id, _round.c.opened_at),
    sa.select(sa.literal(1))
    .where(
        _asked.c.round_id == _round.c.id,
        _asked.c.agency_id == sa.bindparam("viewer", type_=_reviewer.c.agency_id.type),
    )
    .correlate(_round)
    .exists(),
)
_ROUNDS = (
    sa.select(_round, agreement_version.c.no.label("version_no"))
    .join(agreement_version, agreement_version.c.id == _round.c.version_id)
    .where(_round.c.agreement_id == _ID, _told)
)
_ORDERS = Orders(NewestFirst, created_at=_round.c.no)
_reading = agreement_party.alias("reading_words")
# All hear how each answered; in which words, whom what that agency makes reaches.
_kept = (
    sa.select(sa.literal(1))
    .where(
        _reading.c.agreement_id == _round.c.agreement_id,
        _reading.c.agency_id == sa.bindparam("viewer", type_=_reviewer.c.agency_id.type),
        _reviewer.c.verdict != ReviewVerdict.RELEASED,  # that is the custodian's word
        kept_from(_reading, sa.func.coalesce(_reviewer.c.decided_at, _reviewer.c.created_at), _reviewer.c.agency_id),
    )
    .correlate(_round, _reviewer)
    .exists()
    .label("words_kept")
)
_REVIEWS = (
    sa.select(_reviewer, _round.c.closed_at, agency.c.name.label("agency_name"), _kept)
    .join(_round, _round.c.id == _reviewer.c.round_id)
    .join(agency, agency.c.id == _reviewer.c.agency_id)
    .where(_round.c.id.in_(sa.bindparam("rounds", type_=_round.c.id.type, expanding=True)))
    .order_by(_reviewer.c.id)
)
_REVIEW = (
    sa.select(
        _reviewer,
        _round.c.closed_at,
        agreement_version.c.no.label("version_no"),
        agency.c.name.label("agency_name"),
    )
    .join(_round, _round.c.id == _reviewer.c.round_id)
    .join(agency, agency.c.id == _reviewer.c.agency_id)
    .join(agreement_version, agreement_version.c.id == _round.c.version_id)
    .where(_round.c.agreement_id == _ID, _reviewer.c.id == sa.bindparam("review_id", type_=_reviewer.c.id.type))
)


@cache
def _page(sort: str, *, after: bool) -> sa.Select[Any]:
    return _ORDERS.page(_ROUNDS, sort, after=after)


async def shared_agreement(read: Read, principal: Principal, agreement_id: UUID) -> Row[Any]:
    """The agreement's row, for whoever sees it whole. Raises NotFound, Forbidden for whoever is no party."""
    row = await agreement_row(read, principal, agreement_id)
    if not row.shared:
        raise Forbidden("How a text came about is for the agreement's parties.")
    return row


async def list_review_rounds(
    read: Read, principal: Principal, agreement_id: UUID, query: NewestFirst, now: datetime
) -> ReviewRoundPage:
    """A page of the rounds, for the parties. Raises NotFound, Forbidden, Malformed for another list's cursor."""
    row = await shared_agreement(read, principal, agreement_id)
    parameters = {"id": agreement_id, "viewer": principal.agency_id, **_ORDERS.parameters(query)}
    found = await read.all(_page(query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _ORDERS.cut(found, query)
    reviews = (
        await read.all(_REVIEWS, {"rounds": [each.id for each in kept], "viewer": principal.agency_id}) if kept else []
    )
    separated = await _separated(read, principal, row, reviews)
    return ReviewRoundPage(
        items=[
            ReviewRound(
                round_no=each.no,
                version_no=each.version_no,
                opened_at=each.opened_at,
                closed_at=each.closed_at,
                outcome=each.outcome,
                reviews=[
                    _review(found, principal, row, now, separated) for found in reviews if found.round_id == each.id
                ],
            )
            for each in kept
        ],
        next_cursor=next_cursor,
    )


async def get_review(read: Read, principal: Principal, agreement_id: UUID, review_id: UUID, now: datetime) -> Review:
    """One reviewer's part in a round, for the parties. Raises NotFound, Forbidden."""
    row = await shared_agreement(read, principal, agreement_id)
    found = await read.first(
        _REVIEW.add_columns(_kept).where(_told),
        {"id": agreement_id, "review_id": review_id, "viewer": principal.agency_id},
    )
    if found is None:
        raise NotFound("review")
    return _review(found, principal, row, now, await _separated(read, principal, row, [found]))


async def review_row(read: Read, agreement_id: UUID, review_id: UUID) -> Row[Any]:
    """A reviewer's row with its round's end and version. Raises NotFound."""
    row = await read.first(_REVIEW, {"id": agreement_id, "review_id": review_id})
    if row is None:
        raise NotFound("review")
    return row


async def _separated(read: Read, principal: Principal, row: Row[Any], reviews: Rows) -> str | None:
    """Why another person of the own agency has to approve the text in review, where one of these is still to do so.

    A round is open exactly as long as its text is on its way: the amendment where there is one.
    """
    own = any(each.agency_id == principal.agency_id and each.closed_at is None for each in reviews)
    if not own or refusal(principal, Action.AGREEMENTS_ADVISE, relations(principal, row)) is not None:
        return None
    amended = row.amendment_id is not None
    written_as, version_id = (row.amendment_id, row.amendment_version_id) if amended else (row.id, row.version_id)
    return await barred(read, principal, Act.APPROVE, written_as, version_id)


def _review(found: Row[Any], principal: Principal, row: Row[Any], now: datetime, separated: str | None) -> Review:
    verdict, is_open = ReviewVerdict(found.verdict), found.closed_at is None
    return Review(
        id=found.id,
        agency=AgencyReference(id=found.agency_id, name=found.agency_name),
        department=found.department,
        required=found.required,
        due_on=found.due_on,
        verdict=verdict,
        words=None if found.words_kept else found.words,
        decided_at=found.decided_at,
        overdue=is_open and review_overdue(verdict, found.due_on, ZoneInfo(row.time_zone), now),
        allowed_actions=_allowed(found, principal, row, separated),
        version=found.version,
    )


def _allowed(found: Row[Any], principal: Principal, row: Row[Any], separated: str | None) -> list[AllowedAction]:
    held = relations(principal, row)
    bar: str | None = None
    if found.closed_at is not None:
        bar = "The round of review is closed."
    elif found.verdict == ReviewVerdict.RELEASED:
        bar = "The reviewer was released."
    offers = []
    if found.agency_id == principal.agency_id and refusal(principal, Action.AGREEMENTS_ADVISE, held) is None:
        offers += [offer("approve", withheld=bar or separated), offer("request_changes", withheld=bar)]
    if refusal(principal, Action.AGREEMENTS_UPDATE, held) is None:
        offers.append(offer("release", withheld=bar))
    return offers
