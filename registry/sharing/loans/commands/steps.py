"""What every step of a loan has in common: one function checks it, another stores and records it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.permissions import permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.sharing.loans.edxl import STEPS, EdxlStep
from registry.sharing.loans.queries.getting import get_loan, loan_rows, overlays_of, permission_for, side_of
from registry.sharing.loans.rules import LoanAction, LoanStatus, advance, check_overlays, check_side, check_timing
from registry.sharing.loans.schemas import Loan
from registry.sharing.loans.tables import loan

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
_EVENTS: dict[LoanAction, str] = {
    LoanAction.DISPATCH: "loan.dispatched",
    LoanAction.RECEIVE: "loan.received",
    LoanAction.START_RETURN: "loan.return_started",
    LoanAction.RETURN: "loan.returned",
    LoanAction.CLOSE: "loan.closed",
    LoanAction.CANCEL: "loan.cancelled",
    LoanAction.REPORT_NO_SHOW: "loan.no_show_reported",
    LoanAction.REPORT_LOST: "loan.lost",
    LoanAction.REPORT_FOUND: "loan.found",
    LoanAction.REQUEST_EXTENSION: "loan.extension_requested",
    LoanAction.ACCEPT_EXTENSION: "loan.extension_accepted",
    LoanAction.DECLINE_EXTENSION: "loan.extension_declined",
    LoanAction.RECALL: "loan.recalled",
    LoanAction.WITHDRAW_RECALL: "loan.recall_withdrawn",
    LoanAction.ACCEPT_CHANGED_ASSET: "loan.changed_asset_accepted",
}


async def begin(
    write: Write, caller: Caller, loan_id: UUID, action: LoanAction, expected: Expected
) -> tuple[Row[Any], LoanStatus, Caller]:
    """Lock the loan and check that `action` is allowed; returns the loan's row, its new status, and the caller.

    A step is never earlier than the previous one: if the clock was set back, the caller's time is that of the previous
    step. Raises NotFound, Forbidden for the other side's action, StaleVersion, WrongStatus, RuleBroken for wrong
    timing.
    """
    row, *_ = rows = await _locked(write, caller, loan_id)
    side = side_of(row, caller.principal)
    check_side(action, side)
    permit(caller.principal, permission_for(action, side), [side.value])
    await write.once()
    check_version(expected, row.version)
    after = advance(LoanStatus(row.status), action)
    check_overlays(action, overlays_of(row, rows, side))
    caller = msgspec.structs.replace(caller, now=max(caller.now, row.updated_at))
    check_timing(action, caller.now, row.starts_at, row.planned_end_at)
    return row, after, caller


async def finish(
    write: Write,
    caller: Caller,
    row: Row[Any],
    action: LoanAction,
    values: Mapping[str, object],
    data: Mapping[str, object] | None = None,
) -> Loan:
    """Store what `action` changed, record the event with its EDXL step, and return the loan."""
    version = row.version + 1
    await write.run_fast(_UPDATE, {**values, "loan": row.id, "version": version, "updated_at": caller.now})
    record(
        write,
        caller,
        _EVENTS[action],
        subject=("loan", row.id, version),
        agencies=[row.requesting_agency_id, row.assisting_agency_id],
        agreement_id=row.agreement_id,
        data={**(data or {}), "edxl": edxl(STEPS[action])},
    )
    return await get_loan(write, caller.principal, row.id, caller.now)


def record_override(
    write: Write, caller: Caller, of: tuple[UUID, int], owner_id: UUID, overridden: Mapping[str, object]
) -> None:
    """Record that a loan, in that version, leaves fewer at home than its owner keeps.

    It is an event of its own, for the owner alone: what an agency keeps at home is told to no other one.
    """
    record(
        write,
        caller,
        "loan.minimum_overridden",
        subject=("loan", *of),
        n=1,
        agencies=[owner_id],
        data=dict(overridden),
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
    return await loan_rows(write, caller.principal, loan_id)
