"""Commands on when an asset cannot be had: planned, after a loan, or because it came back damaged."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import LATEST, Window, checked_instant, format_instant
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.resources.allocations.commands import TICK, assess, free, hold
from registry.resources.allocations.queries import named_loans, unavailability_row, unavailable_from
from registry.resources.allocations.rules import AllocationKind, AllocationStatus, Assessment, Bookable
from registry.resources.assets.commands.booking import lock_for_booking
from registry.resources.assets.commands.details import record_change, store_edited
from registry.resources.assets.queries.availability import as_unavailability
from registry.resources.assets.queries.getting import asset_row
from registry.resources.assets.queries.showing import affected_loans
from registry.resources.assets.queries.visibility import relations
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.schemas.planning import (
    DamageAssessment,
    NewUnavailability,
    PlannedUnavailability,
    Unavailability,
    Until,
)

MOST_PLANNED = 500


async def plan_unavailability(
    write: Write, caller: Caller, asset_id: UUID, new: NewUnavailability
) -> PlannedUnavailability:
    """Enter when an asset, or some of it, cannot be had.

    Raises Conflict `loans_affected` with the loans for which too little would be left, unless they are accepted, and
    `already_planned` for the same kind and time once more; WrongStatus for a retired asset; RuleBroken for a window
    that is over or impossible, for more than there is of the asset, and when too many are planned already.
    """
    asset, row = await _locked(write, caller, asset_id)
    _check_not_retired(row)
    window = asset.held(_window(new.window, caller))
    if new.quantity is not None and new.quantity > asset.capacity:
        words = f"The capacity of this asset is {asset.capacity}."
        raise RuleBroken.at(words, "quantity_over_capacity", "more than there are", pointer="/quantity")
    planned_so_far = await unavailable_from(write, asset_id, caller.now)
    _check_not_planned(new.kind, window, planned_so_far)
    if len(planned_so_far) >= MOST_PLANNED:
        raise RuleBroken(f"At most {MOST_PLANNED} are kept for one asset; end some first.", "too_many_planned")
    planned_id = new_id()
    short = await hold(
        write,
        asset,
        allocation_id=planned_id,
        kind=AllocationKind(new.kind),
        quantity=new.quantity,
        window=window,
        owner_id=row.agency_id,
        now=caller.now,
        reason=new.reason,
        recorded_by=caller.principal.person,
    )
    affected = await named_loans(write, asset_id, short)
    if affected and not new.accept_affected_loans:
        raise Conflict(
            "Loans are reserved for that time, or out; accept that to enter it, and both sides are told.",
            "loans_affected",
            extra={"affected_loans": msgspec.to_builtins(affected_loans(affected))},
        )
    data = {
        "unavailability_id": str(planned_id),
        "kind": new.kind,
        "start": format_instant(window.start),
        "end": None if new.window.end is None else format_instant(window.end),
        "quantity": new.quantity,
        "reason": new.reason,
    }
    await _record(write, caller, row, EventType.ASSET_UNAVAILABILITY_PLANNED, data, affected)
    planned = as_unavailability(await _one(write, asset_id, planned_id), caller, row)
    return PlannedUnavailability(unavailability=planned, affected_loans=affected_loans(affected))


async def end_unavailability(
    write: Write, caller: Caller, asset_id: UUID, planned_id: UUID, reason: str, expected: Expected
) -> Unavailability:
    """Say that an asset can be had again, or after all.

    Raises NotFound, StaleVersion, WrongStatus for damage not yet assessed.
    """
    row, planned = await _planned(write, caller, asset_id, planned_id, expected)
    if planned.kind == AllocationKind.DAMAGE and planned.assessment is None:
        raise WrongStatus("Say first whether what came back damaged is fit, or out of service.", "assessment_missing")
    await free(write, planned_id, caller.now)
    data = {"unavailability_id": str(planned_id), "kind": planned.kind, "reason": reason}
    await _record(write, caller, row, EventType.ASSET_UNAVAILABILITY_ENDED, data)
    return as_unavailability(await _one(write, asset_id, planned_id), caller, row)


async def assess_damage(
    write: Write, caller: Caller, asset_id: UUID, planned_id: UUID, said: DamageAssessment, expected: Expected
) -> Unavailability:
    """Give the owner's word about what came back damaged: fit to be lent again, or out of service until it is ended.

    Raises NotFound, StaleVersion, WrongStatus for what is no damage or has been assessed.
    """
    row, planned = await _planned(write, caller, asset_id, planned_id, expected)
    if planned.kind != AllocationKind.DAMAGE or planned.assessment is not None:
        raise WrongStatus("Only damage that has not been assessed waits for a word.", "nothing_to_assess")
    await assess(write, planned_id, said.assessment)
    if said.assessment is Assessment.FIT:
        await free(write, planned_id, caller.now)
    data = {"unavailability_id": str(planned_id), "assessment": said.assessment, "reason": said.reason}
    await _record(write, caller, row, EventType.ASSET_DAMAGE_ASSESSED, data)
    return as_unavailability(await _one(write, asset_id, planned_id), caller, row)


async def hold_after_loan(
    write: Write,
    caller: Caller,
    asset: Bookable,
    loan_id: UUID,
    quantity: int,
    *,
    owner_id: UUID,
    damaged: bool,
    returned_at: datetime,
) -> dict[str, object]:
    """Hold what came back from a loan: damaged, until the owner has assessed it; else until it is ready again.

    The slots in which a laboratory worked are used up for the week, however early it was done.

    It is counted from the return itself, which may be recorded later: what is ready by now is not held any more.

    Never refused, whatever is reserved then. Returns what the loan's history keeps of it.
    """
    if not damaged and not asset.turnaround and asset.weeks_in is None:
        return {}
    held_id = new_id()
    kind = AllocationKind.TURNAROUND if asset.weeks_in is None else AllocationKind.USED
    ready_at = returned_at + max(asset.turnaround, TICK)
    if not damaged and asset.weeks_in is None and ready_at <= caller.now:
        return {}
    if damaged:
        kind, ready_at = AllocationKind.DAMAGE, LATEST
    short = await hold(
        write,
        asset,
        allocation_id=held_id,
        kind=kind,
        quantity=min(quantity, asset.capacity),
        window=Window(start=returned_at, end=ready_at),
        owner_id=owner_id,
        now=caller.now,
        loan_id=loan_id,
        recorded_by=caller.principal.person,
    )
    if not damaged:
        return {}
    row = await asset_row(write, caller, asset.id)
    data = {"unavailability_id": str(held_id), "kind": kind, "loan_id": str(loan_id), "quantity": quantity}
    await _record(write, caller, row, EventType.ASSET_RETURNED_DAMAGED, data, await named_loans(write, asset.id, short))
    return {"unavailability_id": str(held_id)}


async def hold_from_return(
    write: Write,
    caller: Caller,
    asset: Bookable,
    loan_id: UUID,
    quantity: int,
    *,
    owner_id: UUID,
    said_at: datetime,
    returned_at: datetime,
) -> None:
    """Hold until it is ready again what came back at another time than was said: both sides agree on it since.

    What is damaged is held until it is assessed, whenever it came back.
    """
    held_from = asset.held(Window(start=said_at, end=said_at + TICK)).start
    for row in await unavailable_from(write, asset.id, caller.now):
        if row.loan_id == loan_id and row.kind in _READY_AGAIN and row.starts_at == held_from:
            await free(write, row.id, caller.now)
    await hold_after_loan(
        write, caller, asset, loan_id, quantity, owner_id=owner_id, damaged=False, returned_at=returned_at
    )


_READY_AGAIN = (AllocationKind.TURNAROUND, AllocationKind.USED)


async def _locked(write: Write, caller: Caller, asset_id: UUID) -> tuple[Bookable, Row[Any]]:
    asset = await lock_for_booking(write, asset_id)
    row = await asset_row(write, caller, asset_id)
    permit(caller.principal, Action.ASSETS_SERVE, relations(caller.principal, row.agency_id))
    await write.once()
    return asset, row


def _check_not_retired(row: Row[Any]) -> None:
    if row.service_status == ServiceStatus.RETIRED:
        raise WrongStatus("A retired asset is never had again.", "asset_retired")


def _check_not_planned(kind: str, window: Window, planned: Sequence[Row[Any]]) -> None:
    """Raises Conflict where the same kind is planned for the very same time: sent twice it would count twice."""
    for row in planned:
        if (row.kind, row.starts_at, row.ends_at) == (kind, window.start, window.end):
            how_many = "all" if row.whole else f"{row.quantity}"
            raise Conflict(
                f"A {kind} of {how_many} of this asset is planned from {format_instant(window.start)} on for the very "
                "same time: end that one first, and enter how many in all cannot be had.",
                "already_planned",
                extra={"unavailability_id": str(row.id)},
            )


def _window(asked: Until, caller: Caller) -> Window:
    start = checked_instant(asked.start, "/window/start")
    if asked.end is None:
        return Window(start=start, end=LATEST)
    window = Window(start=start, end=asked.end).checked("/window")
    if window.end <= caller.now:
        raise RuleBroken.at("That time is over.", "window_over", "not in the future", pointer="/window/end")
    return window


async def _one(write: Write, asset_id: UUID, planned_id: UUID) -> Row[Any]:
    found = await unavailability_row(write, asset_id, planned_id)
    if found is None:
        raise NotFound("unavailability")
    return found


async def _planned(
    write: Write, caller: Caller, asset_id: UUID, planned_id: UUID, expected: Expected
) -> tuple[Row[Any], Row[Any]]:
    """The asset's row, locked, and what is planned or still lasts."""
    _, row = await _locked(write, caller, asset_id)
    found = await _one(write, asset_id, planned_id)
    check_version(expected, found.version)
    _check_not_retired(row)
    if found.status == AllocationStatus.RELEASED or found.free_at <= caller.now:
        raise WrongStatus("That time is over, or was ended.")
    return row, found


async def _record(
    write: Write,
    caller: Caller,
    row: Row[Any],
    event_type: EventType,
    data: Mapping[str, object],
    affected: Sequence[Row[Any]] = (),
) -> None:
    await store_edited(write, caller, row, {}, told=True)
    await record_change(write, caller, event_type, row, data, affected, data)
