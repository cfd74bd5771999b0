"""Commands that reserve all of a package at once, or none of it, and that cancel all of it at once.

Locks are taken in one order, as everywhere: the package, the chains of decisions, the assets in the order of their ids,
then what the agency keeps at home, then the people. So two packages with assets in common, or a package and a loan of
one of its assets, wait for one another and never for each other.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, DomainError, Forbidden, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.resources.allocations.rules import assigned
from registry.resources.assets.commands.booking import lock
from registry.resources.assets.commands.packaging import lock_package
from registry.resources.assets.rules import PackageStatus
from registry.resources.packages.queries.getting import Member, members_of, package_row, relations
from registry.resources.packages.rules import PackageAction, check_active
from registry.sharing.loans.commands.handing_over import cancel
from registry.sharing.loans.commands.handlers import free_handlers
from registry.sharing.loans.commands.people import people_offered_under
from registry.sharing.loans.commands.reserving import Prepared, commit_handler_of, decision_at, prepare, store
from registry.sharing.loans.commands.steps import lock_loans
from registry.sharing.loans.queries.packaging import get_reservation, reservation_row, side_in
from registry.sharing.loans.rules import LoanStatus, whole_cancellation_refusal
from registry.sharing.loans.schemas.given import LoanCancellation, NewPackageReservation
from registry.sharing.loans.schemas.shown import PackageReservation
from registry.sharing.loans.tables import package_reservation
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.recording import lock_chain
from registry.sharing.policy.queries.getting import request_of
from registry.sharing.policy.schemas.decided import RequestReference

_INSERT = package_reservation.insert()
_REFUSALS = (Conflict, WrongStatus, RuleBroken, Forbidden)


async def reserve_package(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    package_id: UUID,
    new: NewPackageReservation,
    expected: Expected = None,
) -> PackageReservation:
    """Reserve every asset of an own package, each under its decision and as when it is reserved alone; or none of them.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus for a retired package; RuleBroken for decisions that are not
    one on each of its assets, for one agency and one window; Conflict `package_blocked`, which names each asset that
    cannot be reserved, and why.
    """
    await lock_package(write, package_id)
    row = await package_row(write, caller, package_id)
    permit(caller.principal, Action.LOANS_RESERVE, relations(caller.principal, row.agency_id))
    decisions = [
        await decision_at(write, caller, decision_id, f"/decision_ids/{index}")
        for index, decision_id in enumerate(new.decision_ids)
    ]
    await write.once()
    check_version(expected, row.version)
    check_active(PackageStatus(row.status), PackageAction.RESERVE)
    members = {each.asset.id: each for each in await members_of(write, package_id)}
    by_asset = _matched(members, decisions)
    for decision in sorted(decisions, key=_order_of_chains):
        await lock_chain(write, decision.root_decision_id)
    for asset_id in sorted(members):
        await lock(write, asset_id)
    handlers, prepared = await _prepare_all(write, caller, policies, members, by_asset, new.override_reason)
    reservation_id, first = new_id(), decisions[0]
    await write.run(
        _INSERT,
        {
            "id": reservation_id,
            "package_id": package_id,
            "package_name": row.name,
            "requesting_agency_id": first.requesting_agency_id,
            "assisting_agency_id": first.assisting_agency_id,
            "starts_at": first.starts_at,
            "ends_at": first.ends_at,
            "reserved_at": caller.now,
        },
    )
    loans = []
    for each in members:
        try:
            loans.append(await store(write, caller, prepared[each], handlers[each], reservation_id))
        except _REFUSALS as refused:  # somebody who was offered is committed elsewhere
            raise _blocked(members, {each: refused}) from None
    record(
        write,
        caller,
        EventType.PACKAGE_RESERVATION_MADE,
        subject=("package_reservation", reservation_id, 1),
        agencies=[first.requesting_agency_id, first.assisting_agency_id],
        data={"package_id": str(package_id), "loan_ids": [str(each.id) for each in loans]},
    )
    return await get_reservation(write, caller, reservation_id)


async def cancel_reservation(
    write: Write, caller: Caller, reservation_id: UUID, why: LoanCancellation, expected: Expected = None
) -> PackageReservation:
    """Cancel every loan of the package that is still reserved, for either side.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus when some of it is out or was, or nothing is reserved.
    """
    row = await reservation_row(write, caller, reservation_id)
    permit(caller.principal, Action.LOANS_END, [side_in(row, caller.principal).value])
    await lock_loans(write, reservation_id)
    await write.once()
    before = await get_reservation(write, caller, reservation_id)
    check_version(expected, before.version)
    refused = whole_cancellation_refusal([each.status for each in before.loans])
    if refused is not None:
        raise WrongStatus(refused)
    # In the order in which requests lock the chains that their lines rest on.
    reserved = [
        each.id
        for each in sorted(before.loans, key=lambda each: _chain_of(each.request, each.root_decision_id))
        if each.status is LoanStatus.RESERVED
    ]
    for loan_id in reserved:
        await cancel(write, caller, loan_id, why)
    record(
        write,
        caller,
        EventType.PACKAGE_RESERVATION_CANCELLED,
        subject=("package_reservation", reservation_id, 2),
        agencies=[row.requesting_agency_id, row.assisting_agency_id],
        data={"loan_ids": [str(each) for each in reserved], "reason": why.reason},
    )
    return await get_reservation(write, caller, reservation_id)


def _matched(members: Mapping[UUID, Member], decisions: Sequence[Row[Any]]) -> dict[UUID, Row[Any]]:
    """The decisions by their assets. Raises RuleBroken unless there is one on each member, all alike."""
    found: dict[UUID, Row[Any]] = {}
    first = decisions[0]
    for index, decision in enumerate(decisions):
        pointer = f"/decision_ids/{index}"
        if decision.asset_id not in members or decision.asset_id in found:
            raise RuleBroken.at(
                "Name one decision for each asset in the package, and no others.",
                "decision_not_of_package",
                "on an asset that is not in it, or is decided on by another that you name",
                pointer=pointer,
            )
        if any(getattr(decision, name) != getattr(first, name) for name in _ALIKE):
            raise RuleBroken.at(
                "A package is lent whole, to one agency for one window: these decisions are on several.",
                "decisions_differ",
                "another agency or window than the first",
                pointer=pointer,
            )
        found[decision.asset_id] = decision
    missing = [each for asset_id, each in members.items() if asset_id not in found]
    if missing:
        raise RuleBroken(
            "A package is lent whole: some assets in it are not decided on.",
            "package_incomplete",
            extra={"missing": [{"asset_id": str(each.asset.id), "name": each.asset.name} for each in missing]},
        )
    return found


_ALIKE = ("requesting_agency_id", "starts_at", "ends_at")


def _order_of_chains(decision: Row[Any]) -> tuple[str, int, UUID]:
    return _chain_of(request_of(decision), decision.root_decision_id)


def _chain_of(asked: RequestReference | None, root_decision_id: UUID) -> tuple[str, int, UUID]:
    """The order in which requests lock chains: line by line."""
    return ("", 0, root_decision_id) if asked is None else (str(asked.id), asked.line_no, root_decision_id)


def _blocked(members: Mapping[UUID, Member], refusals: Mapping[UUID, DomainError]) -> Conflict:
    """That a package is not reserved, with what stands against each of its assets."""
    blocked = [(each.asset, refusals[each.asset.id]) for each in members.values() if each.asset.id in refusals]
    return Conflict(
        "Nothing was reserved, since not all of it can be: "
        + "; ".join(f"{asset.name}: {refused.detail}" for asset, refused in blocked),
        "package_blocked",
        extra={
            "blocked": [
                {
                    **refused.extra,
                    "asset_id": str(asset.id),
                    "name": asset.name,
                    "code": refused.code,
                    "detail": refused.detail,
                }
                for asset, refused in blocked
            ]
        },
    )


async def _prepare_all(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    members: Mapping[UUID, Member],
    by_asset: Mapping[UUID, Row[Any]],
    override: str | None,
) -> tuple[dict[UUID, UUID | None], dict[UUID, Prepared]]:
    """Allocate each asset, and commit who goes with it; the handlers and what is prepared, by asset.

    Raises Conflict `package_blocked`. What a refusal of the last one leaves behind is rolled back with all the rest.
    """
    prepared: dict[UUID, Prepared] = {}
    refusals: dict[UUID, DomainError] = {}
    for asset_id in sorted(members):
        try:
            prepared[asset_id] = await prepare(
                write, caller, policies, by_asset[asset_id], members[asset_id].quantity, override
            )
        except _REFUSALS as refused:
            refusals[asset_id] = refused
    offered = await people_offered_under(write, [each.decision.root_decision_id for each in prepared.values()])
    free = await free_handlers(write, [(each.asset, each.window) for each in prepared.values()], caller.now, offered)
    chosen = assigned(free)
    handlers: dict[UUID, UUID | None] = {}
    # Who was not chosen for comes last: all who could go with it are then committed, and one of them is named.
    for asset_id in sorted(prepared, key=lambda each: (each not in chosen, each)):
        try:
            handlers[asset_id] = await commit_handler_of(write, caller, prepared[asset_id], chosen.get(asset_id))
        except _REFUSALS as refused:
            refusals[asset_id] = refused
    if refusals:
        raise _blocked(members, refusals)
    return handlers, prepared
