"""What every step of a loan has in common: one function checks it, another stores and records it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.permissions import permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.time import act_time
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.sharing.loans.commands.fitting_hours import AWAY_UNTIL, check_away
from registry.sharing.loans.edxl import STEPS, EdxlStep
from registry.sharing.loans.queries.contesting import contests_of, facts_of
from registry.sharing.loans.queries.getting import get_loan, loan_rows, overlays_of, permission_for, side_of
from registry.sharing.loans.rules import (
    OUT,
    LoanAction,
    LoanStatus,
    advance,
    check_overlays,
    check_side,
    check_timing,
)
from registry.sharing.loans.schemas.shown import Loan, LoanedAsset
from registry.sharing.loans.tables import loan
from registry.sharing.loans.times import CONTESTS, Contested, TimedAct, lasts, preceding, recorded_in
from registry.sharing.obligations.commands import OfLoan, follow_loan
from registry.sharing.obligations.rules import Moments, Step
from registry.sharing.policy.commands.lending import follow_lent
from registry.sharing.policy.commands.recording import Decided
from registry.sharing.policy.queries.getting import request_of

_LOCK = (
    sa.select(loan.c.id).where(loan.c.id == sa.bindparam("id", type_=loan.c.id.type)).with_for_update(key_share=True)
)
_LOCK_RESERVED = (
    sa.select(loan.c.id)
    .where(loan.c.reservation_id == sa.bindparam("reservation_id", type_=loan.c.id.type))
    .order_by(loan.c.id)
    .with_for_update(key_share=True)
)
_UPDATE = loan.update().where(loan.c.id == sa.bindparam("loan", type_=loan.c.id.type))
_EVENTS: dict[LoanAction, EventType] = {
    LoanAction.DISPATCH: EventType.LOAN_DISPATCHED,
    LoanAction.RECEIVE: EventType.LOAN_RECEIVED,
    LoanAction.START_RETURN: EventType.LOAN_RETURN_STARTED,
    LoanAction.RETURN: EventType.LOAN_RETURNED,
    LoanAction.CLOSE: EventType.LOAN_CLOSED,
    LoanAction.CANCEL: EventType.LOAN_CANCELLED,
    LoanAction.REPORT_NO_SHOW: EventType.LOAN_NO_SHOW_REPORTED,
    LoanAction.CONTEST_NO_SHOW: EventType.LOAN_NO_SHOW_CONTESTED,
    LoanAction.WITHDRAW_NO_SHOW: EventType.LOAN_NO_SHOW_WITHDRAWN,
    LoanAction.CONTEST_TIME: EventType.LOAN_TIME_CONTESTED,
    LoanAction.ACCEPT_TIME: EventType.LOAN_TIME_ACCEPTED,
    LoanAction.WITHDRAW_CONTEST: EventType.LOAN_TIME_CONTEST_WITHDRAWN,
    LoanAction.ACCEPT_COUNT: EventType.LOAN_COUNT_ACCEPTED,
    LoanAction.CORRECT_COUNT: EventType.LOAN_COUNT_CORRECTED,
    LoanAction.REPORT_LOST: EventType.LOAN_LOST,
    LoanAction.REPORT_FOUND: EventType.LOAN_FOUND,
    LoanAction.REPORT_DAMAGE: EventType.LOAN_DAMAGE_REPORTED,
    LoanAction.CONTEST_DAMAGE: EventType.LOAN_DAMAGE_CONTESTED,
    LoanAction.WITHDRAW_DAMAGE: EventType.LOAN_DAMAGE_WITHDRAWN,
    LoanAction.REQUEST_EXTENSION: EventType.LOAN_EXTENSION_REQUESTED,
    LoanAction.ACCEPT_EXTENSION: EventType.LOAN_EXTENSION_ACCEPTED,
    LoanAction.DECLINE_EXTENSION: EventType.LOAN_EXTENSION_DECLINED,
    LoanAction.RECALL: EventType.LOAN_RECALLED,
    LoanAction.WITHDRAW_RECALL: EventType.LOAN_RECALL_WITHDRAWN,
    LoanAction.ACCEPT_CHANGED_ASSET: EventType.LOAN_CHANGED_ASSET_ACCEPTED,
}


_OBLIGED_BY: dict[LoanStatus, Step] = {
    LoanStatus.DISPATCHED: "dispatched",
    LoanStatus.RETURNED: "returned",
    LoanStatus.CANCELLED: "over",
    LoanStatus.NO_SHOW: "over",
    LoanStatus.LOST: "over",
}
_TIMED = {LoanAction(act): act for act in TimedAct}
_read_snapshot = msgspec.json.Decoder(LoanedAsset).decode


async def begin(
    write: Write, caller: Caller, loan_id: UUID, action: LoanAction, expected: Expected
) -> tuple[Row[Any], LoanStatus, Caller]:
    """Lock the loan and check that `action` is allowed now; returns the loan's row, its new status, and the caller.

    A step is never earlier than the previous one: if the clock was set back, the caller's time is that of the previous
    step. Raises NotFound, Forbidden for the other side's action, StaleVersion, WrongStatus, RuleBroken for wrong
    timing.
    """
    row, after, caller, _ = await _begin(write, caller, loan_id, action, expected)
    check_timing(action, caller.now, row.starts_at, row.planned_end_at, row.reserved_at)
    return row, after, caller


async def begin_word(
    write: Write, caller: Caller, loan_id: UUID, action: LoanAction, act: TimedAct, expected: Expected
) -> tuple[Row[Any], Caller, list[Contested]]:
    """As `begin`, for a word on the time of `act`; returns what is or was contested of the loan's times, too.

    Raises WrongStatus where that side has no such word on that act now.
    """
    row, _, caller, contests = await _begin(write, caller, loan_id, action, expected, act)
    return row, caller, contests


async def _begin(
    write: Write,
    caller: Caller,
    loan_id: UUID,
    action: LoanAction,
    expected: Expected,
    act: TimedAct | None = None,
) -> tuple[Row[Any], LoanStatus, Caller, list[Contested]]:
    row, *_ = rows = await _locked(write, caller, loan_id)
    side = side_of(row, caller.principal)
    check_side(action, side)
    permit(caller.principal, permission_for(action, side), [side.value])
    await write.once()
    check_version(expected, row.version)
    after = advance(LoanStatus(row.status), action)
    contests = facts_of(await contests_of(write, row))
    check_overlays(action, overlays_of(row, rows, side, caller.now, contests, act))
    return row, after, msgspec.structs.replace(caller, now=max(caller.now, row.updated_at)), contests


async def begin_act(
    write: Write,
    caller: Caller,
    loan_id: UUID,
    action: LoanAction,
    expected: Expected,
    occurred_at: datetime | None,
) -> tuple[Row[Any], LoanStatus, Caller, datetime]:
    """As `begin`, for an act that may be recorded later than it was done; returns when that was, too.

    What the time allows is asked of the time of the act. Raises RuleBroken `not_then` for a time before the act that
    must precede it, which the sentence names, or yet to come, or at which another loan had it. That act was done when
    both sides agree it was.
    """
    row, after, caller, _ = await _begin(write, caller, loan_id, action, expected)
    not_before, what = preceding(action, dict(row._mapping))
    done_at = act_time(occurred_at, caller.now, not_before, what)
    check_timing(action, done_at, row.starts_at, row.planned_end_at, row.reserved_at)
    if action in AWAY_UNTIL:
        await check_away(write, row, done_at, caller.now)
    return row, after, caller, done_at


async def finish(
    write: Write,
    caller: Caller,
    row: Row[Any],
    action: LoanAction,
    values: Mapping[str, object],
    data: Mapping[str, object] | None = None,
    decided: Decided | None = None,
    *,
    occurred_at: datetime | None = None,
) -> Loan:
    """Store what `action` changed, record the event with its EDXL step, and return the loan.

    What is asked for beside it counts it for as long as it lasts now, with what is not lost of it, nor back. Its
    obligations follow: deadlines move with its times, what the step meets is closed, and what the decision made at this
    step attaches, `decided`, is opened; for a word on a time, the command says what moves. `occurred_at` is when it was
    done, where that was before now.
    """
    version = row.version + 1
    in_part = action is LoanAction.RETURN and "returned_at" not in values
    if action in _TIMED and not in_part:
        values = {**values, recorded_in(_TIMED[action]): caller.now}
    await write.run_fast(_UPDATE, {**values, "loan": row.id, "version": version, "updated_at": caller.now})
    after = {**row._mapping, **values}
    left = after["quantity"] - after["lost_quantity"] - (after["returned_quantity"] if after["status"] in OUT else 0)
    await follow_lent(write, row.id, lasts(LoanStatus(after["status"]), after), left)
    if action not in CONTESTS:
        await follow_loan(
            write,
            caller,
            obliging(row, values, occurred_at or caller.now),
            _step(values),
            None if decided is None else decided.recorded.decision.obligations,
            None if decided is None else decided.recorded.id,
        )
    record(
        write,
        caller,
        EventType.LOAN_PARTLY_RETURNED if in_part else _EVENTS[action],
        subject=("loan", row.id, version),
        agencies=[row.requesting_agency_id, row.assisting_agency_id],
        agreement_id=row.agreement_id,
        data={**(data or {}), "edxl": edxl(STEPS[action])},
        occurred_at=occurred_at,
    )
    return await get_loan(write, caller.principal, row.id, caller.now)


def obliging(row: Row[Any], values: Mapping[str, Any], done_at: datetime) -> OfLoan:
    """The loan as its obligations see it after the step: the row with what the step changed."""
    after = {**row._mapping, **values}
    lost_at = after["lost_at"] or done_at
    return OfLoan(
        loan_id=row.id,
        request=request_of(row),
        agreement_id=row.agreement_id,
        asset_id=row.asset_id,
        asset_name=_snapshot(after["asset_snapshot"]).name,
        requesting_agency_id=row.requesting_agency_id,
        assisting_agency_id=row.assisting_agency_id,
        moments=Moments(
            starts_at=row.starts_at,
            planned_end_at=after["planned_end_at"],
            dispatched_at=after["dispatched_at"],
            arrived_at=after["arrived_at"],
            recall_due_at=after["recall_due_at"],
            ended_at=after["returned_at"] or (lost_at if after["status"] == LoanStatus.LOST else None),
        ),
    )


def _step(values: Mapping[str, Any]) -> Step:
    return _OBLIGED_BY.get(values["status"], "moved") if "status" in values else "moved"


def _snapshot(stored: Any) -> LoanedAsset:
    return stored if isinstance(stored, LoanedAsset) else _read_snapshot(stored)


def record_override(
    write: Write, caller: Caller, of: tuple[UUID, int], owner_id: UUID, overridden: Mapping[str, object]
) -> None:
    """Record that a loan, in that version, leaves fewer at home than its owner keeps.

    It is an event of its own, for the owner alone: what an agency keeps at home is told to no other one.
    """
    record(
        write,
        caller,
        EventType.LOAN_MINIMUM_OVERRIDDEN,
        subject=("loan", *of),
        n=1,
        agencies=[owner_id],
        data=dict(overridden),
    )


async def lock_loan(write: Write, caller: Caller, loan_id: UUID) -> Row[Any]:
    """Lock the loan for what is no step of it, and return its row. Raises NotFound unless the caller is a side."""
    row, *_ = await _locked(write, caller, loan_id)
    return row


async def note_on(write: Write, caller: Caller, row: Row[Any], event: EventType, data: Mapping[str, object]) -> None:
    """Record what happened on the loan that is no step of it, for both sides, who read the loan anew."""
    version = row.version + 1
    await write.run_fast(_UPDATE, {"loan": row.id, "version": version, "updated_at": max(caller.now, row.updated_at)})
    record(
        write,
        caller,
        event,
        subject=("loan", row.id, version),
        agencies=[row.requesting_agency_id, row.assisting_agency_id],
        agreement_id=row.agreement_id,
        data=dict(data),
    )


async def lock_loans(write: Write, reservation_id: UUID) -> None:
    """Lock the loans that were made of a package at once, in the order of their ids."""
    await write.all(_LOCK_RESERVED, {"reservation_id": reservation_id})


def noted(note: str | None) -> dict[str, object]:
    """The ledger data of a step that needs no input."""
    return {} if note is None else {"note": note}


def edxl(step: EdxlStep) -> dict[str, object]:
    """The EDXL message in an event, without empty fields."""
    return {name: value for name, value in msgspec.structs.asdict(step).items() if value is not None}


async def _locked(write: Write, caller: Caller, loan_id: UUID) -> Sequence[Row[Any]]:
    await write.value(_LOCK, {"id": loan_id})
    return await loan_rows(write, caller.principal, loan_id, caller.now)
