"""Reserving, and each side's half of the hand-over. Extension and recall are in `rescheduling`."""

import hashlib
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, permit
from registry.access.principals import Caller
from registry.assets.allocations import allocate, mark_out, release
from registry.assets.rules import ServiceState
from registry.assets.tables import asset
from registry.database.handles import Write
from registry.kernel.errors import Conflict, Fault, NotFound, RuleBroken
from registry.kernel.ids import new_id
from registry.kernel.money import Money
from registry.kernel.time import Window, format_instant
from registry.kernel.versions import Expected
from registry.ledger.commands import canonical, changes, record
from registry.loans.edxl import RESERVED
from registry.loans.queries import get_loan
from registry.loans.rules import LoanAction, LoanState, check_timing
from registry.loans.schemas import ConditionReport, Loan, LoanedAsset, NewLoan
from registry.loans.steps import asset_row, begin, edxl, finish, noted
from registry.loans.tables import loan, loan_extension
from registry.policy.cedar import PolicySet
from registry.policy.commands import redecide
from registry.policy.queries import relations, visible_decision

_INSERT = loan.insert()
_USED = sa.select(loan.c.id).where(
    loan.c.root_decision_id == sa.bindparam("root", type_=loan.c.id.type),
    loan.c.state.not_in(["cancelled", "no_show"]),
)
_LAPSE = (
    loan_extension.update()
    .where(
        loan_extension.c.loan_id == sa.bindparam("loan", type_=loan.c.id.type),
        loan_extension.c.state == "pending",
    )
    .values(state="lapsed")
)


async def reserve(write: Write, caller: Caller, policies: PolicySet, new: NewLoan) -> Loan:
    """Commit an own asset under a decision, which is made again first.

    Raises Conflict `already_reserved` when a loan was made under it, `asset_not_free`, and what `redecide` raises when
    it is not satisfied or no longer holds; RuleBroken for an unknown decision, more units than were asked for, or a
    window that is over.
    """
    try:
        decision = await visible_decision(write, caller.principal, new.decision_id)
    except NotFound:
        raise _unknown("decision", "/decision_id") from None
    permit(caller.principal, Action.LOANS_RESERVE, relations(caller.principal, decision))
    await write.once()
    if await write.value(_USED, {"root": decision.root_id}) is not None:
        raise Conflict("A loan was made under this decision already.", "already_reserved")
    units = new.units or decision.quantity
    if units > decision.quantity:
        raise RuleBroken(
            f"The decision is on {decision.quantity} units.",
            "units_over_decision",
            faults=[Fault(pointer="/units", code="units_over_decision", detail="more than were asked for")],
        )
    check_timing(LoanAction.DISPATCH, caller.now, decision.starts_at, decision.ends_at)
    made = await redecide(write, caller, policies, new.decision_id, "reserve")
    loan_id = new_id()
    await allocate(
        write,
        allocation_id=new_id(),
        asset_id=decision.asset_id,
        loan_id=loan_id,
        units=units,
        window=Window(start=decision.starts_at, end=decision.ends_at),
        requesting_agency_id=decision.requesting_agency_id,
        assisting_agency_id=decision.assisting_agency_id,
        now=caller.now,
    )
    found = await asset_row(write, decision.asset_id)
    await write.run(
        _INSERT,
        {
            "id": loan_id,
            "asset_id": decision.asset_id,
            "asset_snapshot": _snapshot(found),
            "units": units,
            "requesting_agency_id": decision.requesting_agency_id,
            "assisting_agency_id": decision.assisting_agency_id,
            "agreement_id": made.agreement_id,
            "agreement_version_id": made.agreement_version_id,
            "decision_id": made.id,
            "root_decision_id": decision.root_id,
            "category": found.category,
            "purpose": decision.purpose,
            "state": LoanState.RESERVED,
            "starts_at": decision.starts_at,
            "planned_end_at": decision.ends_at,
            "requested_at": decision.requested_at,
            "reserved_at": caller.now,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    await record(
        write,
        caller,
        "loan.reserved",
        subject=("loan", loan_id, 1),
        agencies=[decision.requesting_agency_id, decision.assisting_agency_id],
        agreement_id=made.agreement_id,
        data={
            "asset_id": str(decision.asset_id),
            "units": units,
            "start": format_instant(decision.starts_at),
            "end": format_instant(decision.ends_at),
            "decision_id": str(made.id),
            "agreement_version_id": str(made.agreement_version_id),
            "edxl": edxl(RESERVED),
        },
    )
    return await get_loan(write, caller.principal, loan_id, caller.now)


async def dispatch(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    loan_id: UUID,
    condition: ConditionReport,
    expected: Expected = None,
) -> Loan:
    """Send the asset out. Raises Conflict when policy no longer permits it or a unit is still out elsewhere."""
    row, state = await begin(write, caller, loan_id, LoanAction.DISPATCH, expected)
    made = await redecide(write, caller, policies, row.decision_id, "dispatch")
    await mark_out(write, loan_id, caller.now)
    values = {"state": state, "dispatched_at": caller.now, "condition_out": msgspec.to_builtins(condition)}
    data = {"condition": _told(condition), "decision_id": str(made.id)}
    return await finish(write, caller, row, LoanAction.DISPATCH, values, data)


async def receive(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Confirm arrival for the requesting agency."""
    row, state = await begin(write, caller, loan_id, LoanAction.RECEIVE, expected)
    return await finish(write, caller, row, LoanAction.RECEIVE, {"state": state, "arrived_at": caller.now}, noted(note))


async def start_return(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Let the asset go home; an extension still unanswered lapses."""
    row, state = await begin(write, caller, loan_id, LoanAction.START_RETURN, expected)
    await write.run(_LAPSE, {"loan": loan_id})
    values = {"state": state, "return_started_at": caller.now}
    return await finish(write, caller, row, LoanAction.START_RETURN, values, noted(note))


async def take_back(
    write: Write, caller: Caller, loan_id: UUID, condition: ConditionReport, expected: Expected = None
) -> Loan:
    """Confirm for the assisting agency that the asset is back, which frees its units. Asks no policy."""
    row, state = await begin(write, caller, loan_id, LoanAction.RETURN, expected)
    await write.run(_LAPSE, {"loan": loan_id})
    await release(write, loan_id)
    values = {
        "state": state,
        "returned_at": caller.now,
        "due_when_returned_at": row.planned_end_at,
        "condition_in": msgspec.to_builtins(condition),
    }
    data = {"condition": _told(condition), "due": format_instant(row.planned_end_at)}
    return await finish(write, caller, row, LoanAction.RETURN, values, data)


async def close(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Close a returned loan: nothing is left to settle."""
    row, state = await begin(write, caller, loan_id, LoanAction.CLOSE, expected)
    return await finish(write, caller, row, LoanAction.CLOSE, {"state": state, "closed_at": caller.now}, noted(note))


async def end(
    write: Write, caller: Caller, loan_id: UUID, action: LoanAction, reason: str, expected: Expected = None
) -> Loan:
    """Cancel, report a no-show or a loss: the units are released, and after a loss they are off the asset too."""
    row, state = await begin(write, caller, loan_id, action, expected)
    await write.run(_LAPSE, {"loan": loan_id})
    if action is LoanAction.REPORT_LOST:  # first, for it takes the asset: always the asset before what is held of it
        await _write_off(write, caller, row)
    await release(write, loan_id)
    return await finish(write, caller, row, action, {"state": state, "ended_reason": reason}, {"reason": reason})


async def _write_off(write: Write, caller: Caller, row: Row[Any]) -> None:
    """Lost units are the asset's no more; when none is left it is out of service until its owner retires it."""
    found = await asset_row(write, row.asset_id)
    left = found.capacity - row.units
    before = {"capacity": found.capacity, "service_state": found.service_state}
    if left > 0:
        after = {"capacity": left}
    elif found.service_state == ServiceState.IN_SERVICE:
        after = {"service_state": ServiceState.OUT_OF_SERVICE.value}
    else:
        return
    version = found.version + 1
    await write.run(
        asset.update().where(asset.c.id == row.asset_id).values(**after, version=version, updated_at=caller.now)
    )
    await record(
        write,
        caller,
        "asset.written_off",
        subject=("asset", row.asset_id, version),
        agencies=[row.requesting_agency_id, row.assisting_agency_id],
        agreement_id=row.agreement_id,
        data={**changes(before, after), "loan_id": str(row.id), "units": row.units},
    )


def _snapshot(found: Row[Any]) -> LoanedAsset:
    rate = found.hourly_rate_minor
    return LoanedAsset(
        id=found.id,
        name=found.name,
        tag=found.tag,
        category=found.category,
        type_level=found.type_level,
        capacity=found.capacity,
        hourly_rate=None if rate is None else Money.from_minor(rate, found.currency),
        funding=msgspec.json.decode(found.funding, type=list[str]),
    )


def _unknown(what: str, pointer: str) -> RuleBroken:
    """An id in a body that the caller may not see is treated like one that does not exist."""
    code = f"unknown_{what}"
    return RuleBroken(
        f"There is no such {what}.", code, faults=[Fault(pointer=pointer, code=code, detail=f"no such {what}")]
    )


def _told(condition: ConditionReport) -> dict[str, object]:
    """What the ledger keeps of a report: free text may name people, so only its digest."""
    report = canonical(msgspec.to_builtins(condition))
    return {
        "grade": condition.grade,
        "evidence_sha256": condition.evidence_sha256,
        "report_sha256": hashlib.sha256(report).hexdigest(),
    }
