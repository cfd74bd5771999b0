"""What every step of a loan has in common: it is let through by one check, and stored and recorded by another."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import permit
from registry.access.principals import Caller
from registry.assets.tables import asset
from registry.database.handles import Write
from registry.kernel.versions import Expected, check_version
from registry.ledger.commands import record
from registry.loans.edxl import STEPS, EdxlStep
from registry.loans.queries import get_loan, loan_rows, overlays_of, permission_for, side_of
from registry.loans.rules import LoanAction, LoanState, advance, check_overlays, check_side, check_timing
from registry.loans.schemas import Loan
from registry.loans.tables import loan

_LOCK = (
    sa.select(loan.c.id).where(loan.c.id == sa.bindparam("id", type_=loan.c.id.type)).with_for_update(key_share=True)
)
_UPDATE = loan.update().where(loan.c.id == sa.bindparam("loan", type_=loan.c.id.type))
_ASSET = (
    sa.select(
        asset.c.id,
        asset.c.name,
        asset.c.tag,
        asset.c.category,
        asset.c.type_level,
        asset.c.capacity,
        asset.c.hourly_rate_minor,
        asset.c.currency,
        asset.c.funding,
        asset.c.service_state,
        asset.c.version,
    )
    .where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type))
    # The weaker lock: the full one would wait for every new decision on the asset, and they for us.
    .with_for_update(key_share=True)
)
_EVENTS: dict[LoanAction, str] = {
    LoanAction.DISPATCH: "loan.dispatched",
    LoanAction.RECEIVE: "loan.received",
    LoanAction.START_RETURN: "loan.return_started",
    LoanAction.RETURN: "loan.returned",
    LoanAction.CLOSE: "loan.closed",
    LoanAction.CANCEL: "loan.cancelled",
    LoanAction.REPORT_NO_SHOW: "loan.no_show_reported",
    LoanAction.REPORT_LOST: "loan.lost",
    LoanAction.REQUEST_EXTENSION: "loan.extension_requested",
    LoanAction.ACCEPT_EXTENSION: "loan.extension_accepted",
    LoanAction.DECLINE_EXTENSION: "loan.extension_declined",
    LoanAction.RECALL: "loan.recalled",
    LoanAction.WITHDRAW_RECALL: "loan.recall_withdrawn",
}


async def begin(
    write: Write, caller: Caller, loan_id: UUID, action: LoanAction, expected: Expected
) -> tuple[Row[Any], LoanState]:
    """Lock the loan and let `action` through: the loan's row and the state after it.

    Raises NotFound, Forbidden for the other side's action, StaleVersion, WrongState, RuleBroken for bad timing.
    """
    row, *_ = rows = await _locked(write, caller, loan_id)
    side = side_of(row, caller.principal)
    check_side(action, side)
    permit(caller.principal, permission_for(action, side), [side.value])
    await write.once()
    check_version(expected, row.version)
    after = advance(LoanState(row.state), action)
    check_overlays(action, overlays_of(rows))
    check_timing(action, caller.now, row.starts_at, row.planned_end_at)
    return row, after


async def finish(
    write: Write,
    caller: Caller,
    row: Row[Any],
    action: LoanAction,
    values: Mapping[str, object],
    data: Mapping[str, object] | None = None,
) -> Loan:
    """Store what `action` changed, record it with its EDXL step, and show the loan."""
    version = row.version + 1
    await write.run(_UPDATE.values(**values, version=version, updated_at=caller.now), {"loan": row.id})
    await record(
        write,
        caller,
        _EVENTS[action],
        subject=("loan", row.id, version),
        agencies=[row.requesting_agency_id, row.assisting_agency_id],
        agreement_id=row.agreement_id,
        data={**(data or {}), "edxl": edxl(STEPS[action])},
    )
    return await get_loan(write, caller.principal, row.id, caller.now)


async def asset_row(write: Write, asset_id: UUID) -> Row[Any]:
    """The asset of a loan or a decision, which is never deleted, locked until the end of the transaction."""
    row = await write.first(_ASSET, {"id": asset_id})
    assert row is not None, "a foreign key says that it exists"
    return row


def noted(note: str | None) -> dict[str, object]:
    """What the history keeps of a step that needs no words."""
    return {} if note is None else {"note": note}


def edxl(step: EdxlStep) -> dict[str, object]:
    """The message as an event tells it."""
    return {name: value for name, value in msgspec.structs.asdict(step).items() if value is not None}


async def _locked(write: Write, caller: Caller, loan_id: UUID) -> Sequence[Row[Any]]:
    await write.value(_LOCK, {"id": loan_id})
    return await loan_rows(write, caller.principal, loan_id)
