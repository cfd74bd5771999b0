"""The caller's deadlines in the order in which they fall due.

The days are derived, so no index can order them: each page goes once through the caller's agreements, a slice at a
time, and keeps no more than a page of what comes next after the cursor.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from heapq import nlargest, nsmallest
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.deadlines.endings import last_day
from registry.agreements.deadlines.falling_due import deadlines, review_due_on
from registry.agreements.deadlines.queries.records import record_of, records
from registry.agreements.deadlines.retention import kept_until
from registry.agreements.deadlines.rules import Due, Record, status_at
from registry.agreements.deadlines.schemas import (
    Deadline,
    DeadlineBasis,
    DeadlinePage,
    DeadlineQuery,
    LegalHold,
    PeriodicReview,
    PeriodicReviewPage,
    Retention,
    RetentionAsked,
)
from registry.agreements.deadlines.tables import agreement_periodic_review, agreement_retention
from registry.agreements.deadlines.wording import HEADINGS, words
from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.provisions import is_cleared
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.visibility import reaches_parties, told_of_act
from registry.agreements.instruments.tables import agreement_hold, provision
from registry.directory.agencies.queries import references
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import NewestFirst, Orders, cut, decode_cursor
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import Forbidden, NotFound
from registry.platform.kernel.text import counted

Key: TypeAlias = tuple[datetime, str, UUID, str]
Found: TypeAlias = tuple[Key, Due, Record]

_PROVISIONS = (
    sa.select(provision.c.version_id, provision.c.heading, provision.c.number)
    .where(
        provision.c.version_id.in_(sa.bindparam("ids", type_=provision.c.version_id.type, expanding=True)),
        provision.c.heading.in_(sorted(set(HEADINGS.values()))),
    )
    .order_by(provision.c.version_id, provision.c.ordinal.desc())
)


def _key(found: Found) -> Key:
    return found[0]


async def list_deadlines(read: Read, principal: Principal, query: DeadlineQuery, now: datetime) -> DeadlinePage:
    """A page of what is due under the agreements that the caller's agency sees in full. Raises RuleBroken."""
    after = None if query.cursor is None else decode_cursor(query.cursor, (datetime, str, UUID, str))
    named = {"agreement_id": query.agreement_id, "party": query.party_id, "custodian": query.custodian_id}
    kept: list[Found] = []
    async for found in records(read, principal.agency_id, now, named, query.kind, cleared=is_cleared(principal)):
        kept = await asyncio.to_thread(_soonest, kept, found, query, after, now)
    page, next_cursor = cut(kept, query.limit, _key)
    provisions = await _provisions(read, page)
    agencies = await references(
        read, (each for _, due, record in page for each in (record.custodian_id, due.agency_id, *due.towards))
    )
    return DeadlinePage(
        as_of=now,
        items=[_deadline(record, due, now, provisions, agencies) for _, due, record in page],
        next_cursor=next_cursor,
    )


def _soonest(
    kept: list[Found], found: Sequence[Record], query: DeadlineQuery, after: tuple[Any, ...] | None, now: datetime
) -> list[Found]:
    """In the order asked for, the first of what was kept and what is new, one more than a page holds."""
    new = [
        ((due.at, due.kind.value, record.id, due.subject), due, record)
        for record in found
        for due in deadlines(record, now)
        if _wanted(due, query, now)
    ]
    if query.sort == "-due_on":
        return nlargest(query.limit + 1, [*kept, *(each for each in new if after is None or each[0] < after)], key=_key)
    return nsmallest(query.limit + 1, [*kept, *(each for each in new if after is None or each[0] > after)], key=_key)


def _wanted(due: Due, query: DeadlineQuery, now: datetime) -> bool:
    return (
        (not query.kind or due.kind in query.kind)
        and (query.due_from is None or due.on >= query.due_from)
        and (query.due_to is None or due.on <= query.due_to)
        and (query.agency_id is None or due.agency_id == query.agency_id)
        and (not query.status or status_at(due, now) in query.status)
    )


async def _provisions(read: Read, page: Sequence[Found]) -> dict[tuple[UUID, str], str]:
    """The number of the first provision under each heading, of the versions on the page."""
    versions = {record.of(due.beside).version_id for _, due, record in page}
    rows = await read.all(_PROVISIONS, {"ids": sorted(versions)}) if versions else ()
    return {(row.version_id, row.heading): row.number for row in rows}


def _deadline(
    record: Record,
    due: Due,
    now: datetime,
    provisions: dict[tuple[UUID, str], str],
    agencies: Mapping[UUID, AgencyReference],
) -> Deadline:
    said = words(record, due)
    heading = HEADINGS.get(due.kind, "")
    named = record.insurance_provision if heading == "insurance" else None
    return Deadline(
        kind=due.kind,
        agreement_id=record.id,
        agreement_number=record.number,
        agreement_title=record.title,
        custodian_agency=agencies[record.custodian_id],
        agency=None if due.agency_id is None else agencies[due.agency_id],
        version_no=None if due.beside is None else due.beside.version_no,
        towards=[agencies[each] for each in due.towards],
        duty_id=due.duty.id if due.duty else None,
        due_on=due.on,
        due_at=due.at,
        time_zone=due.time_zone,
        status=status_at(due, now),
        basis=DeadlineBasis(
            says=said.basis,
            provision=named or due.clause or provisions.get((record.of(due.beside).version_id, heading)),
            citation=said.citation,
        ),
        action=said.action,
    )


_ID = agreement_hold.c.id.type
_AGREEMENT = sa.bindparam("agreement_id", type_=_ID)
_HOLDS = (
    sa.select(
        agreement_hold,
        agency.c.name.label("agency_name"),
        told_of_act(agreement_hold, agreement_hold.c.placed_at).label("reached"),
        told_of_act(agreement_hold, agreement_hold.c.lifted_at).label("end_told"),
    )
    .join(agency, agency.c.id == agreement_hold.c.agency_id)
    .where(agreement_hold.c.agreement_id == _AGREEMENT)
    .order_by(agreement_hold.c.id)
)
_ASKED = (
    sa.select(agreement_retention, agency.c.name.label("agency_name"))
    .join(agency, agency.c.id == agreement_retention.c.agency_id)
    .where(
        agreement_retention.c.agreement_id == _AGREEMENT,
        told_of_act(agreement_retention, agreement_retention.c.set_at),
    )
    .order_by(agreement_retention.c.years.desc(), agreement_retention.c.set_at, agreement_retention.c.agency_id)
)
_REVIEWS = sa.select(agreement_periodic_review).where(
    agreement_periodic_review.c.agreement_id == _AGREEMENT,
    reaches_parties(agreement_periodic_review.c.agreement_id, agreement_periodic_review.c.created_at),
)
_REVIEW = _REVIEWS.where(
    agreement_periodic_review.c.id == sa.bindparam("id", type_=agreement_periodic_review.c.id.type)
)
_ORDERS = Orders(NewestFirst, created_at=agreement_periodic_review.c.id)


@cache
def _page(sort: str, *, after: bool) -> sa.Select[Any]:
    return _ORDERS.page(_REVIEWS, sort, after=after)


async def _shared(read: Read, caller: Caller, agreement_id: UUID) -> Row[Any]:
    row = await agreement_row(read, caller.principal, agreement_id)
    if not row.shared:
        raise Forbidden("How an agreement is looked after is for its parties to see.")
    return row


async def list_periodic_reviews(
    read: Read, caller: Caller, agreement_id: UUID, query: NewestFirst
) -> PeriodicReviewPage:
    """A page of an agreement's periodic reviews, for its parties. Raises NotFound, Forbidden, Malformed."""
    await _shared(read, caller, agreement_id)
    parameters = {"agreement_id": agreement_id, "viewer": caller.agency_id, **_ORDERS.parameters(query)}
    rows = await read.all(_page(query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    record = await record_of(read, agreement_id, caller.agency_id, caller.now)
    return PeriodicReviewPage(
        items=[as_review(row) for row in kept],
        every_months=record.review_every_months,
        next_due_on=review_due_on(record),
        next_cursor=next_cursor,
    )


async def get_periodic_review(read: Read, caller: Caller, agreement_id: UUID, review_id: UUID) -> PeriodicReview:
    """One periodic review of an agreement, for its parties. Raises NotFound, Forbidden."""
    await _shared(read, caller, agreement_id)
    row = await read.first(_REVIEW, {"agreement_id": agreement_id, "id": review_id, "viewer": caller.agency_id})
    if row is None:
        raise NotFound("periodic review")
    return as_review(row)


def as_review(row: Row[Any]) -> PeriodicReview:
    """A review's row on its way out."""
    return PeriodicReview(
        id=row.id,
        agreement_id=row.agreement_id,
        reviewed_on=row.reviewed_on,
        outcome=row.outcome,
        note=row.note,
        created_at=row.created_at,
    )


async def get_retention(read: Read, caller: Caller, agreement_id: UUID) -> Retention:
    """How long the record is kept, for its parties. Raises NotFound, Forbidden for whoever is no party."""
    row = await _shared(read, caller, agreement_id)
    record = await record_of(read, agreement_id, caller.agency_id, caller.now)
    about = {"agreement_id": agreement_id, "viewer": caller.agency_id}
    found, asked = await read.all(_HOLDS, about), await read.all(_ASKED, about)
    holds = [hold for hold in found if hold.reached]
    until = kept_until(record)
    return Retention(
        agreement_id=agreement_id,
        ended_on=last_day(record) if record.executed else None,
        years=record.keeping.years if record.keeping else None,
        basis=record.keeping.citation if record.keeping else None,
        kept_until=until,
        why=_why(record, until, holds),
        asked=[
            RetentionAsked(
                agency=AgencyReference(id=each.agency_id, name=each.agency_name),
                years=each.years,
                basis=each.basis,
                set_at=each.set_at,
            )
            for each in asked
        ],
        holds=[_hold(hold) for hold in holds],
        allowed_actions=_offers(caller, row, holds),
        version=row.version,
    )


def _why(record: Record, until: date | None, holds: Sequence[Row[Any]]) -> str:
    """In a sentence; of the holds it names one that is told to whoever asks."""
    if record.held_by is not None:
        told = next((f": {hold.authority}" for hold in holds if hold.lifted_at is None), "")
        return f"It is held until the hold is lifted{told}."
    if not record.executed:
        return "It was never executed, so there is no signed record to keep."
    if last_day(record) is None:
        return "It has no end yet from which the years could be counted."
    if record.keeping is None:
        return "No schedule is known for the custodian's state, and not all parties have said theirs, so it is kept."
    if until is None:
        return "The end of its schedule lies beyond the registry's calendar."
    by = record.keeping.citation or "a party asks for it"
    return f"{counted(record.keeping.years, 'year')} after its last day: {by}."


def _hold(row: Row[Any]) -> LegalHold:
    return LegalHold(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        authority=row.authority,
        reason=row.reason,
        placed_at=row.placed_at,
        lifted_at=row.lifted_at,
        lifted_authority=row.lifted_authority if row.end_told else None,
        lifted_reason=row.lifted_reason if row.end_told else None,
    )


def _offers(caller: Caller, row: Row[Any], holds: Sequence[Row[Any]]) -> list[AllowedAction]:
    held = relations(caller.principal, row)
    never = None if row.executed_at is not None else "There is no signed record yet."
    offers = []
    if refusal(caller.principal, Action.AGREEMENTS_KEEP, held) is None:
        offers.append(offer("complete_review", withheld=never))
    if refusal(caller.principal, Action.AGREEMENTS_HOLD, held) is None:
        offers.append(offer("set_retention"))
        own = any(hold.lifted_at is None and hold.agency_id == caller.agency_id for hold in holds)
        nothing = None if own else "There is no hold of your agency's to lift."
        offers += [offer("place_hold"), offer("lift_hold", withheld=nothing)]
    return offers
