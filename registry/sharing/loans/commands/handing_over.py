"""Commands for the reservation, the hand-over and the return. Extension and recall are in `rescheduling`."""

from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.access.acts import keep_act, separate
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Write
from registry.platform.kernel.canonical import canonical_digest
from registry.platform.kernel.errors import Conflict, NotFound, RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import folded
from registry.platform.kernel.time import Window, format_instant
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.commands import record
from registry.resources.allocations.commands import allocate, mark_out, release
from registry.resources.assets.commands import lock_for_booking, write_off
from registry.resources.assets.queries.getting import AssetRow
from registry.sharing.loans.commands.steps import begin, edxl, finish, noted
from registry.sharing.loans.edxl import RESERVED
from registry.sharing.loans.queries import Named, as_loan, took_place
from registry.sharing.loans.rules import LoanAction, LoanStatus, check_timing
from registry.sharing.loans.schemas import ConditionReport, Loan, LoanedAsset, NewLoan
from registry.sharing.loans.tables import loan, loan_extension
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import redecide
from registry.sharing.policy.queries.getting import decision_row, relations, visible_decision

_INSERT = loan.insert().returning(*loan.c)
_USED = sa.select(loan.c.id).where(
    loan.c.root_decision_id == sa.bindparam("root", type_=loan.c.id.type),
    took_place(),
)
_LAPSE = (
    loan_extension.update()
    .where(
        loan_extension.c.loan_id == sa.bindparam("loan", type_=loan.c.id.type),
        loan_extension.c.status == "pending",
    )
    .values(status="lapsed")
)


async def reserve(write: Write, caller: Caller, policies: PolicySet, new: NewLoan) -> Loan:
    """Reserve an own asset under a decision, which is first made again.

    Raises Forbidden for who approved what was asked, Conflict `already_reserved` when a loan was made under it,
    `asset_not_free`, and what `redecide` raises when it is not satisfied or no longer holds; RuleBroken for an unknown
    decision, more than was requested, or a window that is over.
    """
    try:
        decision = await visible_decision(write, caller.principal, new.decision_id)
    except NotFound as unknown:
        raise unknown.named_at("/decision_id") from None
    permit(caller.principal, Action.LOANS_RESERVE, relations(caller.principal, decision))
    await write.once()
    if await write.fast(_USED, {"root": decision.root_id}):
        raise Conflict("A loan was made under this decision already.", "already_reserved")
    quantity = new.quantity or decision.quantity
    if quantity > decision.quantity:
        raise RuleBroken.at(
            f"The decision is on a quantity of {decision.quantity}.",
            "quantity_over_decision",
            "more than were asked for",
            pointer="/quantity",
        )
    check_timing(LoanAction.DISPATCH, caller.now, decision.starts_at, decision.ends_at)
    made = await redecide(write, caller, policies, decision, "reserve")
    # Asked once the chain is locked: an approval by the same person at the same moment is seen then.
    relaxed = await separate(write, caller, Act.RESERVE, decision.root_id)
    keep_act(write, caller, Act.RESERVE, decision.root_id)
    loan_id = new_id()
    await allocate(
        write,
        await lock_for_booking(write, decision.asset_id),
        allocation_id=new_id(),
        loan_id=loan_id,
        quantity=quantity,
        window=Window(start=decision.starts_at, end=decision.ends_at),
        requesting_agency_id=decision.requesting_agency_id,
        assisting_agency_id=decision.assisting_agency_id,
        now=caller.now,
    )
    (row,) = await write.run_returning(
        _INSERT,
        {
            "id": loan_id,
            "asset_id": decision.asset_id,
            "asset_snapshot": _snapshot(made.asset),
            "quantity": quantity,
            "requesting_agency_id": decision.requesting_agency_id,
            "assisting_agency_id": decision.assisting_agency_id,
            "agreement_id": made.recorded.agreement_id,
            "agreement_version_id": made.recorded.agreement_version_id,
            "decision_id": made.recorded.id,
            "root_decision_id": decision.root_id,
            "clause": made.recorded.clause,
            "request_id": decision.request_id,
            "line_no": decision.line_no,
            "incident_number": decision.incident_number,
            "search_text": folded(made.asset.name, made.asset.tag),
            "category": made.asset.category,
            "purpose": decision.purpose,
            "separation_relaxed": bool(relaxed),
            "status": LoanStatus.RESERVED,
            "starts_at": decision.starts_at,
            "planned_end_at": decision.ends_at,
            "requested_at": decision.requested_at,
            "reserved_at": caller.now,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    record(
        write,
        caller,
        "loan.reserved",
        subject=("loan", loan_id, 1),
        agencies=[decision.requesting_agency_id, decision.assisting_agency_id],
        agreement_id=made.recorded.agreement_id,
        data={
            "asset_id": str(decision.asset_id),
            "quantity": quantity,
            "start": format_instant(decision.starts_at),
            "end": format_instant(decision.ends_at),
            "decision_id": str(made.recorded.id),
            "agreement_version_id": str(made.recorded.agreement_version_id),
            "edxl": edxl(RESERVED),
            **relaxed,
        },
    )
    tried = made.recorded.decision.agreement
    assert tried is not None, "what is satisfied rests on an agreement"
    named = Named(
        requesting_agency=AgencyReference(id=decision.requesting_agency_id, name=decision.requesting_agency_name),
        assisting_agency=AgencyReference(id=decision.assisting_agency_id, name=decision.assisting_agency_name),
        agreement=AgreementReference(
            id=tried.agreement_id, number=tried.number, version_no=tried.version_no, clause=made.recorded.clause
        ),
    )
    return as_loan(row, (), named, caller.principal, caller.now)


async def dispatch(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    loan_id: UUID,
    condition: ConditionReport,
    expected: Expected = None,
) -> Loan:
    """Send the asset out.

    Raises Conflict when policy no longer permits the loan, or the asset is still out on another loan.
    """
    row, status, caller = await begin(write, caller, loan_id, LoanAction.DISPATCH, expected)
    decision = await decision_row(write, row.decision_id)
    made = await redecide(write, caller, policies, decision, "dispatch")
    await mark_out(write, await lock_for_booking(write, row.asset_id), loan_id, caller.now)
    values = {"status": status, "dispatched_at": caller.now, "condition_out": msgspec.to_builtins(condition)}
    data = {"condition": _recorded(condition), "decision_id": str(made.recorded.id)}
    return await finish(write, caller, row, LoanAction.DISPATCH, values, data)


async def receive(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Confirm the arrival for the requesting agency."""
    row, status, caller = await begin(write, caller, loan_id, LoanAction.RECEIVE, expected)
    return await finish(
        write, caller, row, LoanAction.RECEIVE, {"status": status, "arrived_at": caller.now}, noted(note)
    )


async def start_return(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Record that the asset is on its way back; an unanswered extension lapses."""
    row, status, caller = await begin(write, caller, loan_id, LoanAction.START_RETURN, expected)
    await write.run(_LAPSE, {"loan": loan_id})
    values = {"status": status, "return_started_at": caller.now}
    return await finish(write, caller, row, LoanAction.START_RETURN, values, noted(note))


async def confirm_return(
    write: Write, caller: Caller, loan_id: UUID, condition: ConditionReport, expected: Expected = None
) -> Loan:
    """Confirm for the assisting agency that the asset is back, which makes it free again. Policies are not asked."""
    row, status, caller = await begin(write, caller, loan_id, LoanAction.RETURN, expected)
    await write.run(_LAPSE, {"loan": loan_id})
    await release(write, loan_id)
    values = {
        "status": status,
        "returned_at": caller.now,
        "due_when_returned_at": row.planned_end_at,
        "condition_in": msgspec.to_builtins(condition),
    }
    data = {"condition": _recorded(condition), "due": format_instant(row.planned_end_at)}
    return await finish(write, caller, row, LoanAction.RETURN, values, data)


async def close(
    write: Write, caller: Caller, loan_id: UUID, note: str | None = None, expected: Expected = None
) -> Loan:
    """Close a returned loan."""
    row, status, caller = await begin(write, caller, loan_id, LoanAction.CLOSE, expected)
    return await finish(write, caller, row, LoanAction.CLOSE, {"status": status, "closed_at": caller.now}, noted(note))


async def end(
    write: Write, caller: Caller, loan_id: UUID, action: LoanAction, reason: str, expected: Expected = None
) -> Loan:
    """Cancel the loan, or report a no-show or a loss.

    Its allocation is released; a loss also reduces the asset's capacity.
    """
    row, status, caller = await begin(write, caller, loan_id, action, expected)
    await write.run(_LAPSE, {"loan": loan_id})
    if action is LoanAction.REPORT_LOST:
        await write_off(
            write,
            caller,
            row.asset_id,
            row.quantity,
            loan_id=loan_id,
            agencies=[row.requesting_agency_id, row.assisting_agency_id],
            agreement_id=row.agreement_id,
        )
    else:
        await release(write, loan_id)
    return await finish(write, caller, row, action, {"status": status, "ended_reason": reason}, {"reason": reason})


def _snapshot(found: AssetRow) -> LoanedAsset:
    rate = found.hourly_rate_minor
    return LoanedAsset(
        id=found.id,
        name=found.name,
        tag=found.tag,
        category=found.category,
        type_level=found.type_level,
        capacity=found.capacity,
        hourly_rate=None if rate is None else Money.from_minor(rate, found.currency),
        funding=list(found.funding),
    )


def _recorded(condition: ConditionReport) -> dict[str, object]:
    """The condition report for the ledger: of free text, which may name people, only the digest."""
    return {
        "grade": condition.grade,
        "evidence_sha256": condition.evidence_sha256,
        "report_sha256": canonical_digest(condition),
    }
