"""Completing a review, setting retention, placing and lifting holds."""

from uuid import UUID

import sqlalchemy as sa

from registry.agreements.deadlines.queries.keeping import unsaid_by
from registry.agreements.deadlines.queries.listing import as_review, get_retention
from registry.agreements.deadlines.queries.records import record_of
from registry.agreements.deadlines.retention import is_shortened, refuse_where_relied_on
from registry.agreements.deadlines.rules import checked_review_day, reviewable
from registry.agreements.deadlines.schemas import (
    CompletedReview,
    HoldLifting,
    NewHold,
    PeriodicReview,
    Retention,
    RetentionSetting,
)
from registry.agreements.deadlines.tables import agreement_periodic_review, agreement_retention
from registry.agreements.instruments.commands import legal_holds
from registry.agreements.instruments.commands.holding import audience_of, changed, held
from registry.agreements.instruments.consent import NO_PART
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.tables import agreement_party
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Forbidden
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_ID = agreement_periodic_review.c.id.type
_INSERT_REVIEW = agreement_periodic_review.insert()
_REVIEW = sa.select(agreement_periodic_review).where(agreement_periodic_review.c.id == sa.bindparam("id", type_=_ID))
_UNSET = agreement_retention.delete().where(
    agreement_retention.c.agreement_id == sa.bindparam("its_agreement", type_=_ID),
    agreement_retention.c.agency_id == sa.bindparam("its_agency", type_=_ID),
)
_OF_AGREEMENT = agreement_party.c.agreement_id == sa.bindparam("agreement_id", type_=_ID)
_ITS_AGENCY = sa.bindparam("agency_id", type_=_ID)
_HAS_PART = sa.select(agreement_party.c.agency_id).where(
    _OF_AGREEMENT,
    agreement_party.c.agency_id == _ITS_AGENCY,
    sa.or_(agreement_party.c.joined_at.is_not(None), agreement_party.c.in_text),
)
_UNSAID = (
    sa.select(agency.c.name)
    .select_from(agreement_party.join(agency, agency.c.id == agreement_party.c.agency_id))
    .where(
        _OF_AGREEMENT,
        agreement_party.c.agency_id != _ITS_AGENCY,
        unsaid_by(),
    )
    .order_by(agreement_party.c.ordinal)
)
_SET = agreement_retention.insert()


async def complete_review(
    write: Write, caller: Caller, agreement_id: UUID, review: CompletedReview, expected: Expected
) -> PeriodicReview:
    """Enter a periodic review that was held; `expected` is the agreement's version.

    One from long ago may be entered late; the next is due a cycle after the latest. Raises WrongStatus before
    execution, RuleBroken for a day to come or before the agreement took effect.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_KEEP, expected)
    reviewable(row.executed_at is not None, row.stage)
    record = await record_of(write, agreement_id, caller.agency_id, caller.now)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    checked_review_day(review.reviewed_on, record.first_effective_on, today)
    review_id = new_id()
    await write.run(
        _INSERT_REVIEW,
        {
            "id": review_id,
            "agreement_id": row.id,
            "reviewed_on": review.reviewed_on,
            "outcome": review.outcome,
            "note": review.note,
            "created_at": caller.now,
        },
    )
    told = {"reviewed_on": review.reviewed_on, "outcome": review.outcome, "note": review.note}
    await changed(write, caller, row, EventType.AGREEMENT_REVIEW_COMPLETED, told)
    found = await write.first(_REVIEW, {"id": review_id})
    assert found is not None
    return as_review(found)


async def set_retention(
    write: Write, caller: Caller, agreement_id: UUID, setting: RetentionSetting, expected: Expected
) -> Retention:
    """Say, or with null years say no more, how long the own agency asks that the record is kept.

    The record is kept for the longest of the custodian's schedule and of what each party asks for; without a schedule
    once all have said theirs. So nobody shortens it for another (docs/adr/0061). Raises Forbidden for who was let in
    and is not bound, Conflict where others, who have not said their own, rely on what was said before.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_HOLD, expected)
    party = {"agreement_id": row.id, "agency_id": caller.agency_id}
    if caller.agency_id != row.custodian_id and await write.value(_HAS_PART, party) is None:
        raise Forbidden(NO_PART)
    before = (await record_of(write, agreement_id, caller.agency_id, caller.now)).keeping
    await write.run(_UNSET, {"its_agreement": row.id, "its_agency": caller.agency_id})
    if setting.years is not None:
        await write.run(_SET, {**party, "years": setting.years, "basis": setting.basis, "set_at": caller.now})
    after = (await record_of(write, agreement_id, caller.agency_id, caller.now)).keeping
    if is_shortened(before, after):
        refuse_where_relied_on([each.name for each in await write.all(_UNSAID, party)])
    told = {"years": setting.years, "basis": setting.basis, "kept_years": None if after is None else after.years}
    audience = await audience_of(write, caller, row)
    await changed(write, caller, row, EventType.AGREEMENT_RETENTION_SET, told, agencies=audience)
    return await get_retention(write, caller, agreement_id)


async def place_hold(write: Write, caller: Caller, agreement_id: UUID, new: NewHold, expected: Expected) -> Retention:
    """Keep the record whatever its schedule says; until when it is kept now."""
    await legal_holds.place_hold(write, caller, agreement_id, new.authority, new.reason, expected)
    return await get_retention(write, caller, agreement_id)


async def lift_hold(
    write: Write, caller: Caller, agreement_id: UUID, lifting: HoldLifting, expected: Expected
) -> Retention:
    """End one hold of the own agency; until when the record is kept now. Raises RuleBroken, Forbidden, WrongStatus."""
    await legal_holds.lift_hold(
        write, caller, agreement_id, lifting.hold_id, lifting.authority, lifting.reason, expected
    )
    return await get_retention(write, caller, agreement_id)
