"""Commands that cancel what is reserved, and settle what becomes of the lines that it answered.

The requesting agency says whether what it asked for is still needed: then the line asks for it as before; else it is
withdrawn, in the transaction that cancels. The assisting agency has declined, whatever is needed.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType
from registry.sharing.loans.commands import handing_over, packaging
from registry.sharing.loans.queries.getting import loan_rows
from registry.sharing.loans.queries.packaging import get_reservation
from registry.sharing.loans.rules import LoanStatus
from registry.sharing.loans.schemas.given import LoanCancellation
from registry.sharing.loans.schemas.shown import Loan, PackageReservation
from registry.sharing.requests.commands.asking import change_request, lock_request
from registry.sharing.requests.commands.lines import (
    asked_for_needs,
    by_chain,
    fact,
    record_for_agencies,
    record_told,
    update_line,
    withdraw_line,
)
from registry.sharing.requests.queries.getting import request_rows
from registry.sharing.requests.queries.needs import is_need
from registry.sharing.requests.rules import OPEN, LineAction, needed_without


async def cancel_loan(
    write: Write, caller: Caller, loan_id: UUID, why: LoanCancellation, expected: Expected = None
) -> Loan:
    """Cancel a reserved loan, for either side.

    The request is locked before the loan. Raises NotFound, Forbidden, StaleVersion, WrongStatus, and RuleBroken
    `still_needed` where the requesting agency does not say it of a line that can still be lent.
    """
    row, *_ = await loan_rows(write, caller.principal, loan_id, caller.now)
    if row.request_id is None or row.requesting_agency_id != caller.agency_id:
        return await handing_over.cancel(write, caller, loan_id, why, expected)
    await lock_request(write, caller, row.request_id)
    cancelled = await handing_over.cancel(write, caller, loan_id, why, expected)
    await _settle(write, caller, row.request_id, {row.line_no: row.quantity}, why)
    return cancelled


async def cancel_package(
    write: Write, caller: Caller, reservation_id: UUID, why: LoanCancellation, expected: Expected = None
) -> PackageReservation:
    """The same of every loan of the package that is still reserved; the requests are locked in the order of their ids.

    Raises WrongStatus when some of it is out or was, or nothing is reserved.
    """
    before = await get_reservation(write, caller, reservation_id)
    lines: dict[UUID, dict[int, int]] = {}
    if before.requesting_agency.id == caller.agency_id:
        for each in before.loans:
            if each.request is not None and each.status is LoanStatus.RESERVED:
                lines.setdefault(each.request.id, {})[each.request.line_no] = each.quantity
    for request_id in sorted(lines):
        await lock_request(write, caller, request_id)
    cancelled = await packaging.cancel_reservation(write, caller, reservation_id, why, expected)
    for request_id, of_request in sorted(lines.items()):
        await _settle(write, caller, request_id, of_request, why)
    return cancelled


async def _settle(
    write: Write, caller: Caller, request_id: UUID, cancelled: Mapping[int, int], why: LoanCancellation
) -> None:
    """What becomes of the lines with these numbers, of which so many were reserved; nothing where they have ended."""
    rows = await request_rows(write, caller.principal, request_id, caller.now)
    lines = [each for each in rows if each.no in cancelled and each.line_status in OPEN]
    if not lines or why.still_needed:
        return
    if why.still_needed is None:
        words = "Say whether what the line asks for is still needed: else it is asked for again, or not, by mistake."
        raise RuleBroken.at(words, "still_needed", "say true or false", pointer="/still_needed")
    ended, reduced = [*lines], []
    for each in rows:
        if is_need(each) and each.stored_status in OPEN:
            freed = sum(cancelled[line.no] for line in lines if line.fills_no == each.no)
            left = needed_without(each.quantity, freed)
            if left is None:
                ended += [*(line for line in asked_for_needs(rows, [each]) if line not in lines), each]
            elif left != each.quantity:
                await update_line(write, caller, each.line_id, quantity=left)
                quantity = {"from": each.quantity, "to": left}
                reduced.append({"id": str(each.line_id), "no": each.no, "quantity": quantity})
    told = await _withdraw(write, caller, by_chain(ended), why.reason)
    await change_request(write, caller, rows[0])
    data = {"reason": why.reason}
    record_for_agencies(write, caller, EventType.REQUEST_LINE_WITHDRAWN, rows[0], told, data)
    if reduced:
        rest = {**data, "lines": reduced}
        record_told(write, caller, EventType.REQUEST_LINE_REDUCED, rows[0], {}, rest, first=len(told))


async def _withdraw(
    write: Write, caller: Caller, lines: Iterable[Row[Any]], reason: str
) -> dict[UUID, list[dict[str, object]]]:
    """Withdraw these lines; what each agency is told of its own, among those that it has seen."""
    told: dict[UUID, list[dict[str, object]]] = {}
    for each in lines:
        after = await withdraw_line(write, caller, each, LineAction.WITHDRAW, reason)
        if each.line_submitted_at is not None and each.assisting_agency_id is not None:
            told.setdefault(each.assisting_agency_id, []).append(fact(each, after, each.latest_id))
    return told
