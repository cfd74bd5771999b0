"""Reviews held, and how long the record is kept and why."""

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, refusal
from registry.access.principals import Caller
from registry.agreements.deadlines.gathering import record_of
from registry.agreements.deadlines.rules import Record, kept_until, last_day, review_due_on
from registry.agreements.queries import agreement_row, relations
from registry.agreements.upkeep.schemas import LegalHold, PeriodicReview, PeriodicReviewPage, Retention
from registry.agreements.upkeep.tables import agreement_hold, agreement_periodic_review
from registry.database.handles import Read, Rows
from registry.http.paging import Page, cut, decode_cursor
from registry.kernel.actions import AllowedAction, offer
from registry.kernel.errors import Forbidden

_ID = agreement_hold.c.id.type
_AGREEMENT = sa.bindparam("agreement_id", type_=_ID)
_HOLDS = sa.select(agreement_hold).where(agreement_hold.c.agreement_id == _AGREEMENT).order_by(agreement_hold.c.id)
_REVIEWS = (
    sa.select(agreement_periodic_review)
    .where(
        agreement_periodic_review.c.agreement_id == _AGREEMENT,
        agreement_periodic_review.c.id > sa.bindparam("after", type_=_ID),
    )
    .order_by(agreement_periodic_review.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_BEFORE_ALL = UUID(int=0)


async def _shared(read: Read, caller: Caller, agreement_id: UUID) -> Row[Any]:
    row = await agreement_row(read, caller.principal, agreement_id)
    if not row.shared:
        raise Forbidden("How an agreement is looked after is for its parties to see.")
    return row


async def list_reviews(read: Read, caller: Caller, agreement_id: UUID, page: Page) -> PeriodicReviewPage:
    """A page of an agreement's periodic reviews, for its parties. Raises NotFound, Forbidden, RuleBroken."""
    await _shared(read, caller, agreement_id)
    after = decode_cursor(page.cursor, (UUID,))[0] if page.cursor else _BEFORE_ALL
    parameters = {"agreement_id": agreement_id, "after": after, "limit": page.limit + 1}
    kept, next_cursor = cut(await read.all(_REVIEWS, parameters), page.limit, lambda row: (row.id,))
    record = await record_of(read, agreement_id)
    return PeriodicReviewPage(
        items=[as_review(row) for row in kept],
        every_months=record.review_every_months,
        next_due_on=review_due_on(record),
        next_cursor=next_cursor,
    )


def as_review(row: Row[Any]) -> PeriodicReview:
    """A review's row on its way out."""
    return PeriodicReview(
        id=row.id,
        agreement_id=row.agreement_id,
        reviewed_on=row.reviewed_on,
        outcome=row.outcome,
        note=row.note,
        recorded_at=row.recorded_at,
    )


async def get_retention(read: Read, caller: Caller, agreement_id: UUID) -> Retention:
    """How long the record is kept, for its parties. Raises NotFound, Forbidden for whoever is no party."""
    row = await _shared(read, caller, agreement_id)
    record = await record_of(read, agreement_id)
    holds = await read.all(_HOLDS, {"agreement_id": agreement_id})
    until = kept_until(record)
    return Retention(
        agreement_id=agreement_id,
        ended_on=last_day(record) if record.executed else None,
        years=record.keeping.years if record.keeping else None,
        basis=record.keeping.citation if record.keeping else None,
        kept_until=until,
        why=_why(record, until),
        holds=[_hold(hold) for hold in holds],
        allowed_actions=_offers(caller, row, holds),
        version=row.version,
    )


def _why(record: Record, until: date | None) -> str:
    if record.held_by is not None:
        return f"It is held until the hold is lifted: {record.held_by}."
    if not record.executed:
        return "It was never executed, so there is no signed record to keep."
    if last_day(record) is None:
        return "It has no end yet from which the years could be counted."
    if record.keeping is None:
        return "No schedule is known for the custodian's state and none is set, so it is kept."
    if until is None:
        return "The end of its schedule lies beyond the registry's calendar."
    return f"{record.keeping.years} years after its last day: {record.keeping.citation}."


def _hold(row: Row[Any]) -> LegalHold:
    return LegalHold(**{name: row._mapping[name] for name in LegalHold.__struct_fields__})


def _offers(caller: Caller, row: Row[Any], holds: Rows) -> list[AllowedAction]:
    held = relations(caller.principal, row)
    never = None if row.executed_at is not None else "There is no signed record yet."
    offers = []
    if refusal(caller.principal, Action.AGREEMENTS_KEEP, held) is None:
        offers += [offer("set_retention"), offer("complete_review", withheld=never)]
    if refusal(caller.principal, Action.AGREEMENTS_HOLD, held) is None:
        standing = any(
            hold.lifted_at is None and caller.agency_id in (hold.agency_id, row.custodian_id) for hold in holds
        )
        nothing = None if standing else "There is no hold that your agency could lift."
        offers += [offer("place_hold"), offer("lift_hold", withheld=nothing)]
    return offers
