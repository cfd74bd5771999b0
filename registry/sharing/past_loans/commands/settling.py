"""Commands by which the other side contests a past loan, and by which either takes its word back."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.permissions import permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.sharing.past_loans.queries import as_past_loan, is_own, past_loan_row, permission_for, relations
from registry.sharing.past_loans.rules import PastLoanAction, PastLoanStatus, advance, check_whose
from registry.sharing.past_loans.schemas import PastLoan, PastLoanContest, PastLoanNote, PastLoanWithdrawal
from registry.sharing.past_loans.tables import past_loan

_ITS = past_loan.c.id == sa.bindparam("its_id", type_=past_loan.c.id.type)
_LOCK = sa.select(past_loan.c.id).where(_ITS).with_for_update()
_CHANGE = past_loan.update().where(_ITS)
_EVENTS: Final = {
    PastLoanAction.CONTEST: EventType.PAST_LOAN_CONTESTED,
    PastLoanAction.WITHDRAW_CONTEST: EventType.PAST_LOAN_CONTEST_WITHDRAWN,
    PastLoanAction.WITHDRAW: EventType.PAST_LOAN_WITHDRAWN,
}


async def contest(
    write: Write, caller: Caller, past_loan_id: UUID, given: PastLoanContest, expected: Expected = None
) -> PastLoan:
    """Contest, for the other side, what was taken over. Both words stand; nothing else changes.

    Raises NotFound, Forbidden for the agency whose word it is, StaleVersion, WrongStatus.
    """
    values = {"contested_at": caller.now, "contested_reason": given.reason}
    return await _act(write, caller, past_loan_id, PastLoanAction.CONTEST, values, {"reason": given.reason}, expected)


async def withdraw_contest(
    write: Write, caller: Caller, past_loan_id: UUID, given: PastLoanNote, expected: Expected = None
) -> PastLoan:
    """Contest it no more, for who did. Raises as `contest`."""
    data = {} if given.note is None else {"note": given.note}
    return await _act(write, caller, past_loan_id, PastLoanAction.WITHDRAW_CONTEST, {}, data, expected)


async def withdraw(
    write: Write, caller: Caller, past_loan_id: UUID, given: PastLoanWithdrawal, expected: Expected = None
) -> PastLoan:
    """Take the own word back: it stays on record as withdrawn. Raises as `contest`."""
    values = {"withdrawn_at": caller.now, "withdrawn_reason": given.reason}
    return await _act(write, caller, past_loan_id, PastLoanAction.WITHDRAW, values, {"reason": given.reason}, expected)


async def _act(
    write: Write,
    caller: Caller,
    past_loan_id: UUID,
    action: PastLoanAction,
    values: Mapping[str, object],
    data: Mapping[str, object],
    expected: Expected,
) -> PastLoan:
    await write.all(_LOCK, {"its_id": past_loan_id})
    row = await past_loan_row(write, caller.principal, past_loan_id)
    check_whose(action, own=is_own(row, caller.principal))
    permit(caller.principal, permission_for(action), relations(row, caller.principal))
    await write.once()
    check_version(expected, row.version)
    status = advance(PastLoanStatus(row.status), action)
    version = row.version + 1
    change = {**values, "status": status, "version": version, "updated_at": caller.now}
    await write.run(_CHANGE, {"its_id": past_loan_id, **change})
    note(write, caller, _EVENTS[action], row, version, data)
    return as_past_loan(await past_loan_row(write, caller.principal, past_loan_id), caller.principal)


def note(
    write: Write, caller: Caller, event: EventType, row: Row[Any], version: int, data: Mapping[str, object]
) -> None:
    """Record what became of a past loan, for both sides."""
    record(
        write,
        caller,
        event,
        subject=("past_loan", row.id, version),
        agencies=[row.requesting_agency_id, row.assisting_agency_id],
        agreement_id=row.agreement_id,
        data=data,
    )
