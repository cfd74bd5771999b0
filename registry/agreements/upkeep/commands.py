"""Completing a review, setting retention, placing and lifting holds."""

from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements.commands.holding import changed, held
from registry.agreements.deadlines.gathering import record_of
from registry.agreements.upkeep.queries import as_review, get_retention
from registry.agreements.upkeep.rules import checked_review_day, reviewable
from registry.agreements.upkeep.schemas import (
    CompletedReview,
    HoldLifting,
    NewHold,
    PeriodicReview,
    Retention,
    RetentionSetting,
)
from registry.agreements.upkeep.tables import agreement_hold, agreement_periodic_review, agreement_retention
from registry.database.handles import Write
from registry.kernel.errors import Fault, Forbidden, RuleBroken, WrongState
from registry.kernel.ids import new_id
from registry.kernel.versions import Expected

_ID = agreement_hold.c.id.type
_INSERT_REVIEW = agreement_periodic_review.insert()
_REVIEW = sa.select(agreement_periodic_review).where(agreement_periodic_review.c.id == sa.bindparam("id", type_=_ID))
_UNSET = agreement_retention.delete().where(
    agreement_retention.c.agreement_id == sa.bindparam("its_agreement", type_=_ID)
)
_SET = agreement_retention.insert()
_PLACE = agreement_hold.insert()
_HOLD = sa.select(agreement_hold).where(
    agreement_hold.c.id == sa.bindparam("id", type_=_ID),
    agreement_hold.c.agreement_id == sa.bindparam("agreement_id", type_=_ID),
)
_LIFT = agreement_hold.update().where(agreement_hold.c.id == sa.bindparam("its_id", type_=_ID))


async def complete_review(
    write: Write, caller: Caller, agreement_id: UUID, review: CompletedReview, expected: Expected
) -> tuple[PeriodicReview, int]:
    """Enter a periodic review that was held; with it, the agreement's version now.

    One from long ago may be entered late; the next is due a cycle after the latest. Raises WrongState before execution,
    RuleBroken for a day to come or before the agreement took effect.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_KEEP, expected)
    reviewable(row.executed_at is not None, row.stage)
    record = await record_of(write, agreement_id)
    today = caller.now.astimezone(ZoneInfo(row.time_zone)).date()
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
            "recorded_at": caller.now,
        },
    )
    told = {"reviewed_on": review.reviewed_on, "outcome": review.outcome, "note": review.note}
    await changed(write, caller, row, "review_completed", told)
    found = await write.first(_REVIEW, {"id": review_id})
    assert found is not None
    return as_review(found), row.version + 1


async def set_retention(
    write: Write, caller: Caller, agreement_id: UUID, setting: RetentionSetting, expected: Expected
) -> Retention:
    """Set, or with null years unset, how long this agreement's record is kept."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_KEEP, expected)
    await write.run(_UNSET, {"its_agreement": row.id})
    if setting.years is not None:
        years = {"agreement_id": row.id, "years": setting.years, "basis": setting.basis, "set_at": caller.now}
        await write.run(_SET, years)
    await changed(write, caller, row, "retention_set", {"years": setting.years, "basis": setting.basis})
    return await get_retention(write, caller, agreement_id)


async def place_hold(write: Write, caller: Caller, agreement_id: UUID, new: NewHold, expected: Expected) -> Retention:
    """Keep the record whatever its schedule says. Any party may, at any stage: a claim may follow a draft too."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_HOLD, expected)
    hold_id = new_id()
    await write.run(
        _PLACE,
        {
            "id": hold_id,
            "agreement_id": row.id,
            "agency_id": caller.agency_id,
            "authority": new.authority,
            "reason": new.reason,
            "placed_at": caller.now,
        },
    )
    told = {"hold_id": str(hold_id), "authority": new.authority, "reason": new.reason}
    await changed(write, caller, row, "hold_placed", told)
    return await get_retention(write, caller, agreement_id)


async def lift_hold(
    write: Write, caller: Caller, agreement_id: UUID, lifting: HoldLifting, expected: Expected
) -> Retention:
    """End one hold: the agency's own, or as the custodian any.

    Raises RuleBroken for a hold that is not there, WrongState for one that is lifted already.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_HOLD, expected)
    hold = await write.first(_HOLD, {"id": lifting.hold_id, "agreement_id": row.id})
    if hold is None:
        fault = Fault(pointer="/hold_id", code="unknown_hold", detail="no such hold of this agreement")
        raise RuleBroken("There is no such hold of this agreement.", "unknown_hold", faults=[fault])
    if caller.agency_id not in (hold.agency_id, row.custodian_id):
        raise Forbidden("A hold is lifted by the agency that placed it, or by the custodian of the agreement.")
    if hold.lifted_at is not None:
        raise WrongState("The hold is lifted already.")
    await write.run(
        _LIFT,
        {
            "its_id": hold.id,
            "lifted_at": caller.now,
            "lifted_authority": lifting.authority,
            "lifted_reason": lifting.reason,
        },
    )
    told = {"hold_id": str(hold.id), "authority": lifting.authority, "reason": lifting.reason}
    await changed(write, caller, row, "hold_lifted", told)
    return await get_retention(write, caller, agreement_id)
