"""Commands that reserve an asset: what stands against it is looked at first, and then the loan is stored.

A package is reserved by the same two steps, each taken for all its assets before the next one is.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.access.acts import keep_act, separate
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, NotFound, RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import folded
from registry.platform.kernel.time import Window, format_instant
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.resources.allocations.commands import allocate
from registry.resources.allocations.rules import Bookable
from registry.resources.assets.commands.booking import lock_for_booking
from registry.resources.assets.commands.keeping import BY_AN_APPROVER, keep_minimums
from registry.resources.assets.queries.describing import describe
from registry.resources.assets.queries.facts import AssetRow, cost_at
from registry.resources.personnel.rules import PERSONNEL_CATEGORY
from registry.sharing.loans.commands.conditions import ACCEPTED
from registry.sharing.loans.commands.handlers import commit_handler, recorded_people
from registry.sharing.loans.commands.leaving_early import why_not_sent
from registry.sharing.loans.commands.people import commit_people_offered
from registry.sharing.loans.commands.steps import edxl, record_override
from registry.sharing.loans.edxl import RESERVED
from registry.sharing.loans.queries.getting import Named, as_loan, took_place
from registry.sharing.loans.queries.uncovered import told_uncovered
from registry.sharing.loans.rules import LoanStatus, check_not_over
from registry.sharing.loans.schemas.given import NewLoan
from registry.sharing.loans.schemas.shown import Loan, LoanedAsset
from registry.sharing.loans.tables import loan
from registry.sharing.obligations.commands import OfLoan, open_obligations
from registry.sharing.obligations.queries import Named as ObligationNames
from registry.sharing.obligations.queries import as_obligation
from registry.sharing.obligations.rules import Moments
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import redecide
from registry.sharing.policy.commands.lending import count_lent
from registry.sharing.policy.commands.recording import Decided
from registry.sharing.policy.queries.getting import relations, request_of, visible_decision

_INSERT = loan.insert().values(offer_condition=ACCEPTED).returning(*loan.c)
_USED = sa.select(loan.c.id).where(
    loan.c.root_decision_id == sa.bindparam("root", type_=loan.c.id.type),
    took_place(),
)


class Prepared(Struct, kw_only=True, frozen=True):
    """An asset that is allocated to a loan which is not stored yet, and what that loan rests on."""

    loan_id: UUID
    decision: Row[Any]
    made: Decided
    booked: Bookable
    quantity: int
    relaxed: dict[str, object]
    overridden: dict[str, object]

    @property
    def asset(self) -> AssetRow:
        """The asset, as it was decided on."""
        return self.made.asset

    @property
    def window(self) -> Window:
        """The window of the loan."""
        return Window(start=self.decision.starts_at, end=self.decision.ends_at)


async def reserve(write: Write, caller: Caller, policies: PolicySet, new: NewLoan) -> Loan:
    """Reserve an own asset under a decision, which is first made again.

    Raises Forbidden for who is not to reserve it, RuleBroken for an unknown decision, and what `prepare` and
    `commit_handler` raise.
    """
    decision = await decision_at(write, caller, new.decision_id, "/decision_id")
    await write.once()
    prepared = await prepare(write, caller, policies, decision, new.quantity, new.override_reason)
    handler_id = await commit_handler_of(write, caller, prepared)
    return await store(write, caller, prepared, handler_id, policies=policies)


async def decision_at(write: Write, caller: Caller, decision_id: UUID, pointer: str) -> Row[Any]:
    """The decision that the body names there. Raises RuleBroken for an unknown one, Forbidden on the other side."""
    try:
        decision = await visible_decision(write, caller.principal, decision_id)
    except NotFound as unknown:
        raise unknown.named_at(pointer) from None
    permit(caller.principal, Action.LOANS_RESERVE, relations(caller.principal, decision))
    return decision


async def prepare(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    decision: Row[Any],
    quantity: int | None,
    override: str | None = None,
) -> Prepared:
    """Check whatever can stand against a loan under the decision, and allocate the asset to it.

    The decision is made again, and the asset locked. Nobody is committed yet: a transaction that takes several assets
    locks all of them before the first person. Raises Forbidden for who approved what was asked, Conflict
    `already_reserved` when a loan was made under it, `asset_not_free`, `under_reserve_minimum` without an `override`,
    and what `redecide` raises when it is not satisfied or no longer holds; RuleBroken for more than was requested, or a
    window that is over.
    """
    if await write.fast(_USED, {"root": decision.root_decision_id}):
        raise Conflict("A loan was made under this decision already.", "already_reserved")
    quantity = quantity or decision.quantity
    if quantity > decision.quantity:
        raise RuleBroken.at(
            f"The decision is on a quantity of {decision.quantity}.",
            "quantity_over_decision",
            "more than were asked for",
            pointer="/quantity",
        )
    check_not_over(caller.now, decision.ends_at)
    try:
        made = await redecide(write, caller, policies, decision, "reserve")
    except Conflict as refused:
        raise await told_uncovered(write, decision, refused, caller.now) from None
    # Asked once the chain is locked: an approval by the same person at the same moment is seen then.
    relaxed = await separate(write, caller, Act.RESERVE, decision.root_decision_id)
    keep_act(write, caller, Act.RESERVE, decision.root_decision_id)
    loan_id, window = new_id(), Window(start=decision.starts_at, end=decision.ends_at)
    booked = await lock_for_booking(write, decision.asset_id)
    await allocate(
        write,
        booked,
        allocation_id=new_id(),
        loan_id=loan_id,
        quantity=quantity,
        window=window,
        requesting_agency_id=decision.requesting_agency_id,
        assisting_agency_id=decision.assisting_agency_id,
        now=caller.now,
    )
    return Prepared(
        loan_id=loan_id,
        decision=decision,
        made=made,
        booked=booked,
        quantity=quantity,
        relaxed=relaxed,
        overridden=await keep_minimums(write, caller, booked, window, override, BY_AN_APPROVER),
    )


async def commit_handler_of(
    write: Write, caller: Caller, prepared: Prepared, chosen: UUID | None = None
) -> UUID | None:
    """Commit who goes with the asset; None for one without handlers. Raises as `commit_handler`."""
    return await commit_handler(
        write,
        prepared.asset,
        prepared.loan_id,
        prepared.window,
        requesting_agency_id=prepared.decision.requesting_agency_id,
        now=caller.now,
        chosen=chosen,
    )


async def store(
    write: Write,
    caller: Caller,
    prepared: Prepared,
    handler_id: UUID | None,
    reservation_id: UUID | None = None,
    *,
    policies: PolicySet | None = None,
) -> Loan:
    """Store and record the loan; `reservation_id` is that of the package of which it is a part.

    With `policies`, what it offers is weighed by them: whether it may leave long before its start.

    Raises Conflict `already_reserved` when one was made under the decision meanwhile, and as `commit_people_offered`.
    """
    decision, made, asset = prepared.decision, prepared.made, prepared.asset
    people: list[UUID] = []
    if PERSONNEL_CATEGORY in asset.category_path:
        people = await commit_people_offered(write, decision, prepared.loan_id, prepared.quantity, caller.now)
    (row,) = await write.run_returning(
        _INSERT,
        {
            "id": prepared.loan_id,
            "chain": decision.root_decision_id,
            "asset_id": decision.asset_id,
            "asset_snapshot": snapshot(asset, decision.starts_at),
            "asset_described": describe(asset),
            "quantity": prepared.quantity,
            "reserved_quantity": prepared.quantity,
            "handler_id": handler_id,
            "personnel_ids": [str(each) for each in people] or None,
            "requesting_agency_id": decision.requesting_agency_id,
            "assisting_agency_id": decision.assisting_agency_id,
            "agreement_id": made.recorded.agreement_id,
            "agreement_version_id": made.recorded.agreement_version_id,
            "decision_id": made.recorded.id,
            "root_decision_id": decision.root_decision_id,
            "reservation_id": reservation_id,
            "clause": made.recorded.clause,
            "request_id": decision.request_id,
            "line_no": decision.line_no,
            "incident_number": decision.incident_number,
            "search_text": folded(asset.name, asset.tag),
            "category": asset.category,
            "purpose": decision.purpose,
            "travels": prepared.booked.weeks_in is None,
            "separation_relaxed": bool(prepared.relaxed),
            "minimum_override": prepared.overridden or None,
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
    count_lent(write, prepared.loan_id, made.recorded, prepared.quantity)
    record(
        write,
        caller,
        EventType.LOAN_RESERVED,
        subject=("loan", prepared.loan_id, 1),
        agencies=[decision.requesting_agency_id, decision.assisting_agency_id],
        agreement_id=made.recorded.agreement_id,
        data={
            "asset_id": str(decision.asset_id),
            "quantity": prepared.quantity,
            **recorded_people(handler_id, people),
            "start": format_instant(decision.starts_at),
            "end": format_instant(decision.ends_at),
            "decision_id": str(made.recorded.id),
            "agreement_version_id": str(made.recorded.agreement_version_id),
            "edxl": edxl(RESERVED),
            "obligations": [each.code for each in made.recorded.decision.obligations],
            **({} if reservation_id is None else {"reservation_id": str(reservation_id)}),
            **({} if row.offer_condition is None else {"offer_condition": row.offer_condition}),
            **prepared.relaxed,
        },
    )
    if prepared.overridden:
        record_override(write, caller, (prepared.loan_id, 1), decision.assisting_agency_id, prepared.overridden)
    tried = made.recorded.decision.agreement
    assert tried is not None, "what is satisfied rests on an agreement"
    named = Named(
        requesting_agency=AgencyReference(id=decision.requesting_agency_id, name=decision.requesting_agency_name),
        assisting_agency=AgencyReference(id=decision.assisting_agency_id, name=decision.assisting_agency_name),
        agreement=AgreementReference(
            id=tried.agreement_id, number=tried.number, version_no=tried.version_no, clause=made.recorded.clause
        ),
    )
    opened = open_obligations(
        write,
        OfLoan(
            loan_id=prepared.loan_id,
            request=request_of(decision),
            agreement_id=named.agreement.id,
            asset_id=decision.asset_id,
            asset_name=asset.name,
            requesting_agency_id=decision.requesting_agency_id,
            assisting_agency_id=decision.assisting_agency_id,
            moments=Moments(starts_at=decision.starts_at, planned_end_at=decision.ends_at),
        ),
        made.recorded.decision.obligations,
        made.recorded.id,
        caller.now,
    )
    agencies = {each.id: each for each in (named.requesting_agency, named.assisting_agency)}
    obliged = [
        as_obligation(
            each,
            ObligationNames(
                owing_agency=agencies[each.owing_agency_id],
                owed_agency=agencies[each.owed_agency_id],
                agreement=msgspec.structs.replace(named.agreement, clause=each.clause),
            ),
            caller.principal,
            caller.now,
        )
        for each in opened
    ]
    unsent = None if policies is None else await why_not_sent(write, policies, caller, row, is_new=True)
    return as_loan(row, (), named, caller.principal, caller.now, obligations=obliged, unsent=unsent)


def snapshot(found: AssetRow, starts_at: datetime) -> LoanedAsset:
    """The asset as a loan that begins then keeps it."""
    cost = cost_at(found, starts_at)
    return LoanedAsset(
        id=found.id,
        name=found.name,
        tag=found.tag,
        category=found.category,
        type_level=found.type_level,
        capacity=found.capacity,
        hourly_rate=None if cost is None else Money.from_minor(cost.amount_minor, cost.currency),
        funding=list(found.funding),
    )
