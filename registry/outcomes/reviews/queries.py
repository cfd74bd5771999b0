"""Queries about outcome reviews, for the parties of their agreement, as far as each was among them then."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.deadlines.endings import ending_of
from registry.agreements.deadlines.queries.records import record_of, records
from registry.agreements.deadlines.rules import DeadlineKind, Record
from registry.agreements.deadlines.tables import agreement_periodic_review
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.visibility import is_party, keeps, reaches_parties, shared_with, takes_part
from registry.agreements.instruments.tables import agreement, agreement_version, agreement_version_dates
from registry.directory.agencies.queries import references
from registry.directory.agencies.schemas import AgencyReference
from registry.outcomes.metrics.facts import ReviewFact
from registry.outcomes.reviews.rules import OutcomeReviewAction, OutcomeReviewStatus, kept, turns, why_not
from registry.outcomes.reviews.schemas import (
    FrozenObjective,
    NewVersion,
    OutcomeReview,
    OutcomeReviewPage,
    OutcomeReviewQuery,
    ReviewCompliance,
    ReviewDecision,
)
from registry.outcomes.reviews.tables import outcome_review, outcome_review_decision
from registry.platform.access.permissions import Action, Relation, permit, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import Forbidden, NotFound
from registry.platform.kernel.time import Window, civil_day, day_ends_at, on_calendar

_ID = outcome_review.c.id.type
PERMISSIONS = {
    OutcomeReviewAction.DECIDE: Action.REVIEWS_DECIDE,
    OutcomeReviewAction.COMPLETE: Action.AGREEMENTS_KEEP,
}
_SHOWN = (
    sa.select(*outcome_review.c, takes_part().label("is_party"), keeps().label("is_custodian"))
    .join(agreement, agreement.c.id == outcome_review.c.agreement_id)
    .where(
        reaches_parties(outcome_review.c.agreement_id, outcome_review.c.created_at, made_by=outcome_review.c.agency_id)
    )
)
_ONE = _SHOWN.where(outcome_review.c.id == sa.bindparam("id", type_=_ID))
_OF_AGREEMENT = _SHOWN.where(outcome_review.c.agreement_id == sa.bindparam("agreement_id", type_=_ID))
_LAST = (
    sa.select(outcome_review)
    .where(outcome_review.c.agreement_id == sa.bindparam("agreement_id", type_=_ID))
    .order_by(outcome_review.c.id.desc())
    .limit(1)
)
_DECIDED = (
    sa.select(outcome_review_decision)
    .where(outcome_review_decision.c.review_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)))
    .order_by(outcome_review_decision.c.decided_at, outcome_review_decision.c.agency_id)
)
_VERSIONS = (
    sa.select(agreement_version.c.no, agreement_version_dates.c.kind, agreement_version_dates.c.effective_on)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(
        agreement_version.c.agreement_id == sa.bindparam("agreement_id", type_=_ID),
        agreement_version.c.frozen_at > sa.bindparam("after", type_=agreement_version.c.created_at.type),
    )
    .order_by(agreement_version.c.no)
)
_REVIEWED = sa.select(agreement_periodic_review.c.reviewed_on).where(
    agreement_periodic_review.c.agreement_id == sa.bindparam("agreement_id", type_=_ID)
)
_REVIEWED_OF = sa.select(agreement_periodic_review.c.agreement_id, agreement_periodic_review.c.reviewed_on).where(
    agreement_periodic_review.c.agreement_id.in_(sa.bindparam("ids", type_=_ID, expanding=True))
)
_FIRST = sa.select(sa.func.min(agreement.c.executed_at)).where(
    is_party(), shared_with(), agreement.c.review_every_months.is_not(None)
)
_ORDERS = Orders(
    OutcomeReviewQuery,
    created_at=outcome_review.c.id,
    updated_at=(outcome_review.c.updated_at, outcome_review.c.id),
)


async def review_row(read: Read, caller: Caller, outcome_review_id: UUID) -> Row[Any]:
    """The review's row. Raises NotFound unless it is for the caller's agency, too."""
    row = await read.first(_ONE, {"id": outcome_review_id, "viewer": caller.agency_id})
    if row is None:
        raise NotFound("outcome review")
    return row


def relations(row: Any) -> list[Relation]:
    """How the caller's agency stands to the agreement of a review."""
    held: list[Relation] = ["custodian"] if row.is_custodian else []
    return [*held, "party"] if row.is_party else held


async def last_review(read: Read, agreement_id: UUID) -> Row[Any] | None:
    """The row of the agreement's last outcome review."""
    return await read.first(_LAST, {"agreement_id": agreement_id})


async def versions_after(read: Read, agreement_id: UUID, after: datetime) -> list[NewVersion]:
    """The versions of an agreement that were put before the parties after that instant."""
    rows = await read.all(_VERSIONS, {"agreement_id": agreement_id, "after": after})
    return [NewVersion(version_no=row.no, kind=row.kind, effective_on=row.effective_on) for row in rows]


async def decision_rows(read: Read, ids: Sequence[UUID]) -> dict[UUID, list[Row[Any]]]:
    """What the parties decided, by review."""
    found: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in await read.all(_DECIDED, {"ids": [*ids]}) if ids else ():
        found[row.review_id].append(row)
    return found


async def get_review(read: Read, caller: Caller, outcome_review_id: UUID) -> OutcomeReview:
    """One outcome review as this caller may see it. Raises NotFound."""
    row = await review_row(read, caller, outcome_review_id)
    permit(caller.principal, Action.REVIEWS_READ, relations(row))
    return (await _shown(read, caller, [row]))[0]


@cache
def _list_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    shown = _OF_AGREEMENT.where(*changed_in(outcome_review.c.updated_at, filters))
    return _ORDERS.page(shown, sort, after="cursor" in filters)


async def list_reviews(read: Read, caller: Caller, agreement_id: UUID, query: OutcomeReviewQuery) -> OutcomeReviewPage:
    """A page of an agreement's outcome reviews, for its parties. Raises NotFound, Forbidden."""
    await _of_parties(read, caller, agreement_id)
    parameters = given(query, *CHANGED)
    filters = {*parameters, *(["cursor"] if query.cursor is not None else [])}
    parameters |= {"agreement_id": agreement_id, "viewer": caller.agency_id, **_ORDERS.parameters(query)}
    rows = await read.all_slowly(_list_statement(frozenset(filters), query.sort), parameters)
    kept_rows, next_cursor = _ORDERS.cut(rows, query)
    return OutcomeReviewPage(items=await _shown(read, caller, kept_rows), next_cursor=next_cursor)


async def get_compliance(read: Read, caller: Caller, agreement_id: UUID) -> ReviewCompliance:
    """How far an agreement's periodic reviews were held in time, for its parties. Raises NotFound, Forbidden."""
    row = await _of_parties(read, caller, agreement_id)
    record = await record_of(read, agreement_id, caller.agency_id, caller.now)
    months = record.review_every_months
    if months is None:
        return ReviewCompliance(
            agreement_id=agreement_id,
            as_of=caller.now,
            every_months=None,
            in_time=0,
            late=0,
            overdue=False,
            next_due_on=None,
            value=None,
        )
    days: list[date] = [each.reviewed_on for each in await read.all(_REVIEWED, {"agreement_id": agreement_id})]
    found = kept(months, record.first_effective_on, days, civil_day(caller.now, row.time_zone))
    due = found.in_time + found.late + found.is_overdue
    return ReviewCompliance(
        agreement_id=agreement_id,
        as_of=caller.now,
        every_months=months,
        in_time=found.in_time,
        late=found.late,
        overdue=found.is_overdue,
        next_due_on=found.next_due_on,
        value=found.in_time / due if due else None,
    )


async def load_reviews(read: Read, caller: Caller, agreement_id: UUID | None, window: Window) -> list[ReviewFact]:
    """The periodic reviews of the agency's agreements, as they fall due, whenever that is."""
    found: list[ReviewFact] = []
    chosen, kinds = {"agreement_id": agreement_id, "party": caller.agency_id}, (DeadlineKind.REVIEW,)
    async for some in records(read, caller.agency_id, caller.now, chosen, kinds, cleared=True):
        reviewed_in = [each for each in some if each.executed and each.review_every_months is not None]
        days: dict[UUID, list[date]] = defaultdict(list)
        for row in await read.all(_REVIEWED_OF, {"ids": [each.id for each in reviewed_in]}) if reviewed_in else ():
            days[row.agreement_id].append(row.reviewed_on)
        for record in reviewed_in:
            found += _reviews_due(record, days[record.id])
    return found


def _reviews_due(record: Record, reviewed: Sequence[date]) -> list[ReviewFact]:
    """The reviews of an agreement, but for those that fall due after its end."""
    assert record.review_every_months is not None
    ending = ending_of(record)
    due = [
        ReviewFact(agreement_id=record.id, due_at=day_ends_at(turn.due_on, record.time_zone), in_time=turn.in_time)
        for turn in turns(record.review_every_months, record.first_effective_on, reviewed)
        if on_calendar(turn.due_on)
    ]
    return [each for each in due if ending is None or each.due_at <= ending.at]


async def first_review_from(read: Read, caller: Caller) -> datetime | None:
    """When the first of the agency's agreements was executed that are reviewed in a cycle."""
    found: datetime | None = await read.value(_FIRST, {"viewer": caller.agency_id})
    return found


async def _of_parties(read: Read, caller: Caller, agreement_id: UUID) -> Row[Any]:
    row = await agreement_row(read, caller.principal, agreement_id)
    if not row.shared:
        raise Forbidden("How an agreement is reviewed is for its parties to see.")
    return row


def objectives_in(row: Any) -> list[FrozenObjective]:
    """The objectives as the review froze them."""
    return msgspec.json.decode(row.objectives, type=list[FrozenObjective])


async def _shown(read: Read, caller: Caller, rows: Sequence[Row[Any]]) -> list[OutcomeReview]:
    decided = await decision_rows(read, [row.id for row in rows])
    ids = [each.agency_id for found in decided.values() for each in found]
    named = await references(read, [*(row.agency_id for row in rows), *ids])
    return [_as_review(row, decided[row.id], named, caller) for row in rows]


def _as_review(
    row: Row[Any], decided: list[Row[Any]], named: dict[UUID, AgencyReference], caller: Caller
) -> OutcomeReview:
    status = OutcomeReviewStatus(row.status)
    timed = row.reviewed_on is not None and row.due_on is not None
    return OutcomeReview(
        id=row.id,
        agreement_id=row.agreement_id,
        agency=named[row.agency_id],
        previous_id=row.previous_id,
        due_on=row.due_on,
        scorecard=msgspec.json.decode(row.scorecard),
        objectives=objectives_in(row),
        new_versions=msgspec.json.decode(row.new_versions, type=list[NewVersion]),
        decisions=[
            ReviewDecision(
                agency=named[each.agency_id], outcome=each.outcome, reasons=each.reasons, decided_at=each.decided_at
            )
            for each in decided
        ],
        status=status,
        reviewed_on=row.reviewed_on,
        in_time=row.reviewed_on <= row.due_on if timed else None,
        outcome=row.outcome,
        note=row.note,
        periodic_review_id=row.periodic_review_id,
        allowed_actions=[
            offer(action, withheld=why_not(status, action, len(decided)))
            for action in OutcomeReviewAction
            if refusal(caller.principal, PERMISSIONS[action], relations(row)) is None
        ],
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
