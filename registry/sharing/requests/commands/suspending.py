"""Offers that cannot be had: suspended while that is so, and restored once they can, as long as they are needed.

Whether something can be had follows from assets, loans, certificates, people, agreements and policies, which know
nothing of requests. So it is looked at again each minute, and what was found is recorded as the registry's act: then
what is needed still is counted in one way, in lists, in counts and under the lock by which no need is filled twice.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.ledger.event_types import EventType
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import suspend_decision
from registry.sharing.requests.commands.asking import change_request
from registry.sharing.requests.commands.lines import fact, is_answered, lock_chains, record_for_agencies, update_line
from registry.sharing.requests.commands.sourcing import ask_next, left_of, registry_for
from registry.sharing.requests.commands.standing import NOT_SUSPENDED, decide_offer, why_not_to_be_had
from registry.sharing.requests.queries.derived_status import given_up, has_loan
from registry.sharing.requests.queries.needs import people_in
from registry.sharing.requests.rules import (
    FILLED_BY_OTHERS,
    SET_BY_PEOPLE,
    STANDING_OFFER,
    LineAction,
    LineStatus,
    advance_line,
)
from registry.sharing.requests.tables import request, request_line

UnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
NEEDS_AT_ONCE: Final = 100

_REQUEST = sa.bindparam("request", type_=request.c.id.type)
_NO = sa.bindparam("need_no", type_=sa.Integer)
_NOW = sa.bindparam("now", type_=request_line.c.ends_at.type)
_STANDING = (
    request_line.c.fills_no.is_not(None),
    request_line.c.asset_id.is_not(None),
    request_line.c.status.in_(sorted(STANDING_OFFER)),
    request_line.c.ends_at > _NOW,
    request_line.c.ended_at.is_(None),
    request.c.status.not_in(sorted(SET_BY_PEOPLE)),
    sa.not_(has_loan()),
    sa.not_(given_up()),
)
_NEEDS = (
    sa.select(request_line.c.request_id, request_line.c.fills_no)
    .distinct()
    .join(request, request.c.id == request_line.c.request_id)
    .where(
        *_STANDING,
        sa.tuple_(request_line.c.request_id, request_line.c.fills_no)
        > sa.tuple_(sa.bindparam("after", type_=request.c.id.type), sa.bindparam("after_no", type_=sa.Integer)),
    )
    .order_by(request_line.c.request_id, request_line.c.fills_no)
    .limit(NEEDS_AT_ONCE)
)
"""The needs for which something is offered that is not lent, in an order, a page at a time."""
_OFFERS = (
    sa.select(
        *(request.c[name] for name in ("id", "version", "requesting_agency_id")),
        request.c.status.label("stored"),
        *(
            sa.func.coalesce(request.c[f"sent_{name}"], request.c[name]).label(name)
            for name in ("purpose", "priority", "incident_number")
        ),
        request_line.c.id.label("line_id"),
        request_line.c.status.label("line_status"),
        request_line.c.decision_id.label("root_decision_id"),
        *(
            request_line.c[name]
            for name in (
                *("request_id", "no", "fills_no", "assisting_agency_id", "asset_id", "quantity", "need", "asked_as"),
                *("starts_at", "ends_at", "place_latitude", "place_longitude", "condition", "personnel_ids"),
                "suspended_reason",
            )
        ),
    )
    .join(request, request.c.id == request_line.c.request_id)
    .where(*_STANDING, request_line.c.request_id == _REQUEST, request_line.c.fills_no == _NO)
    .order_by(request_line.c.id)
)
_LOCK = sa.select(request.c.id).where(request.c.id == _REQUEST).with_for_update(key_share=True)


async def settle_offers_all_due(read: Read, unit_of_work: UnitOfWork, policies: PolicySet, now: datetime) -> int:
    """Suspend what is offered and cannot be had, and restore what can again; of how many needs something changed.

    Each need is looked at without a lock first, and again in the transaction of its own in which it is changed.
    """
    done, after = 0, (UUID(int=0), 0)
    while found := await read.all(_NEEDS, {"now": now, "after": after[0], "after_no": after[1]}):
        for need in found:
            after = (need.request_id, need.fills_no)
            if not await _has_changed(read, policies, need, now):
                continue
            async with unit_of_work() as write:
                await write.fast(_LOCK, {"request": need.request_id})
                done += await settle_offers(write, policies, need.request_id, need.fills_no, now)
    return done


async def _has_changed(read: Read, policies: PolicySet, need: Row[Any], now: datetime) -> bool:
    """Whether something is to be suspended, restored, or suspended for another reason than the one that stands."""
    rows = await _offers(read, need.request_id, need.fills_no, now)
    left = await left_of(read, need.request_id, need.fills_no)
    for each in rows:
        reason = await why_not_to_be_had(read, policies, each, rows, now)
        if reason is None and each.line_status == LineStatus.SUSPENDED:
            reason = None if _is_needed(each, left) else FILLED_BY_OTHERS
        if reason != each.suspended_reason:
            return True
    return False


async def settle_offers(write: Write, policies: PolicySet, request_id: UUID, need_no: int, now: datetime) -> bool:
    """Suspend and restore what is offered for a need, and ask the next where something is lacking; whether any was.

    The request is locked. It is the registry's act for who asks.
    """
    rows = await _offers(write, request_id, need_no, now)
    if not rows:
        return False
    caller = registry_for(rows[0], now)
    gone: dict[UUID, list[Mapping[str, object]]] = {}
    back: dict[UUID, list[Mapping[str, object]]] = {}
    moved = False
    # Locked first: what is not free may be held by the loan that is made of this very offer.
    await lock_chains(write, [each for each in rows if each.line_status != LineStatus.SUSPENDED])
    for each in rows:
        counts = each.line_status != LineStatus.SUSPENDED and each.root_decision_id is not None
        if counts and await is_answered(write, each.root_decision_id):
            continue
        reason = await why_not_to_be_had(write, policies, each, rows, now)
        if each.line_status != LineStatus.SUSPENDED:
            if reason is not None:
                after = await _suspend(write, caller, each, reason)
                gone.setdefault(each.assisting_agency_id, []).append(_told(each, after, reason))
        elif reason is None and _is_needed(each, await left_of(write, request_id, need_no)):
            after = await _restore(write, caller, policies, each)
            back.setdefault(each.assisting_agency_id, []).append(fact(each, after, None))
        elif (reason := reason or FILLED_BY_OTHERS) != each.suspended_reason:
            moved = True
            await update_line(write, caller, each.line_id, suspended_reason=reason)
            gone.setdefault(each.assisting_agency_id, []).append(_told(each, LineStatus.SUSPENDED, reason))
    asked = await ask_next(write, caller, request_id, need_no)
    if not (gone or back or asked or moved):
        return False
    recorded = 0
    for event_type, told in (
        (EventType.REQUEST_OFFER_SUSPENDED, gone),
        (EventType.REQUEST_OFFER_RESTORED, back),
        (EventType.REQUEST_AGENCIES_ASKED, asked),
    ):
        if told:
            record_for_agencies(write, caller, event_type, rows[0], told, {}, first=recorded)
            recorded += len(told)
    await change_request(write, caller, rows[0])
    return True


async def _offers(read: Read, request_id: UUID, need_no: int, now: datetime) -> Sequence[Row[Any]]:
    return await read.all(_OFFERS, {"request": request_id, "need_no": need_no, "now": now})


def _is_needed(each: Row[Any], left: int) -> bool:
    """Whether an offer counts again: as many of it are needed; of one on a condition, which holds nothing, any are."""
    return left >= (1 if each.root_decision_id is None else each.quantity)


def _told(each: Row[Any], after: LineStatus, reason: str) -> dict[str, object]:
    return {**fact(each, after, None), "reason": reason}


async def _suspend(write: Write, caller: Caller, each: Row[Any], reason: str) -> LineStatus:
    after = advance_line(LineStatus(each.line_status), LineAction.SUSPEND)
    if each.root_decision_id is not None:
        await suspend_decision(write, caller, each.root_decision_id, reason)
    why = {"suspended_at": caller.now, "suspended_reason": reason}
    await update_line(write, caller, each.line_id, status=after, awaited=[], **why)
    return after


async def _restore(write: Write, caller: Caller, policies: PolicySet, each: Row[Any]) -> LineStatus:
    """Have an offer count again: one whose condition nobody accepted waits for that, any other is decided anew."""
    if each.root_decision_id is not None:
        return await decide_offer(write, caller, policies, each, each.asset_id, each.quantity, people_in(each))
    after = advance_line(LineStatus.SUSPENDED, LineAction.OFFER)
    await update_line(write, caller, each.line_id, status=after, **NOT_SUSPENDED)
    return after
