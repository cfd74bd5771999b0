"""Commands by which an agency that is asked offers something, and who asks accepts or refuses it on a condition.

The request is locked first, by either side. So what is offered at the same time is counted one after another, and no
need is filled twice; what was offered counts from then on, whether it waits for an approval or is lent already.
"""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Conflict, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.time import Window
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.queries.facts import AssetRow, visible_asset
from registry.resources.assets.queries.having import Ask, can_be_had, of_asset
from registry.resources.personnel.queries.sending import who_cannot_be_sent
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import preview_ask
from registry.sharing.policy.commands.weighing import refuse_denied
from registry.sharing.requests.commands.asking import change_request
from registry.sharing.requests.commands.lines import (
    asked_for,
    ended_by,
    fact,
    record_for_agencies,
    update_line,
)
from registry.sharing.requests.commands.mending import line_of
from registry.sharing.requests.commands.sourcing import go_on
from registry.sharing.requests.commands.standing import (
    NOT_SUSPENDED,
    ask_of,
    decide_offer,
    lacking_in,
    offered_beside,
    stored_people,
    why_not_to_be_had,
)
from registry.sharing.requests.need_rules import how_many_are_free, why_not_named
from registry.sharing.requests.queries.acting import offer_version_of, side_of
from registry.sharing.requests.queries.getting import get_request
from registry.sharing.requests.queries.needs import ability_of, need_of, people_in
from registry.sharing.requests.rules import (
    LineAction,
    LineStatus,
    RequestStatus,
    advance_line,
    refuse,
    why_not_answered,
    why_not_offered,
)
from registry.sharing.requests.schemas.given import LineOffer, OfferAcceptance
from registry.sharing.requests.schemas.needs import CapabilityNeed
from registry.sharing.requests.schemas.shown import ResourceRequest


async def offer_for_request_line(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    request_id: UUID,
    line_id: UUID,
    given: LineOffer,
    expected: Expected = None,
) -> ResourceRequest:
    """Offer, for an agency that was asked, one of its assets: it is decided on, and counts unless a condition is set.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus; RuleBroken for an asset that is not its own, does not meet
    the need or has not as many; Conflict `more_than_needed`, `asset_not_free`, and `decision_not_satisfied` when
    policies deny it.
    """
    row, each, rows = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_ANSWER, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    if each.fills_no is None:
        raise WrongStatus("This line asks for a certain asset: reserve it, or decline.")
    if each.line_status == LineStatus.SUSPENDED:
        row, each, rows = await _clear(write, caller, request_id, line_id)
    left = int(each.remaining)
    refuse(why_not_offered(RequestStatus(row.status), LineStatus(each.line_status), left))
    found = await _offered_asset(write, caller, each, given)
    await _check_people(write, caller, each, given)
    _check_needed(given.quantity, left)
    window = Window(start=each.starts_at, end=each.ends_at)
    beside = offered_beside(rows, found.id)
    ask = Ask(asset=of_asset(found), quantity=given.quantity, window=window, beside=beside)
    (had,) = await can_be_had(write, caller.agency_id, [ask], caller.now)
    if not had.available:
        blocking = msgspec.to_builtins([each.window for each in had.blocking])
        raise Conflict(how_many_are_free(had), "asset_not_free", extra={"blocking": blocking[0] if blocking else None})
    if given.condition is None:
        after = await decide_offer(write, caller, policies, each, found.id, given.quantity, given.personnel_ids)
    else:
        after = advance_line(LineStatus(each.line_status), LineAction.OFFER)
        decision = await preview_ask(write, caller, policies, ask_of(each, found.id, given.quantity))
        refuse_denied(decision, to_owner=True)
        await update_line(
            write,
            caller,
            each.line_id,
            status=after,
            asset_id=found.id,
            quantity=given.quantity,
            condition=given.condition,
            personnel_ids=stored_people(given.personnel_ids),
            **asked_for(found),
        )
    await change_request(write, caller, row)
    data = {"asset_id": str(found.id), "quantity": given.quantity, "conditional": given.condition is not None}
    record_for_agencies(
        write, caller, EventType.REQUEST_LINE_OFFERED, row, {caller.agency_id: [fact(each, after, None)]}, data
    )
    await go_on(write, row, each.fills_no, caller.now, recorded=1)
    return await get_request(write, caller.principal, request_id, caller.now)


async def _clear(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID
) -> tuple[Row[Any], Row[Any], list[Row[Any]]]:
    """Forget an offer that cannot be had, so that another takes its place; the request as it is then."""
    nothing = dict.fromkeys(("asset_id", "condition", "decision_id", "personnel_ids"))
    await update_line(write, caller, line_id, status=LineStatus.UNANSWERED, **nothing, **NOT_SUSPENDED)
    return await line_of(write, caller, request_id, line_id)


async def _offered_asset(read: Read, caller: Caller, each: Row[Any], given: LineOffer) -> AssetRow:
    try:
        found = await visible_asset(read, caller.principal, given.asset_id, caller.now)
    except NotFound as unknown:
        raise unknown.named_at("/asset_id") from None
    if found.agency_id != caller.agency_id:
        words = "An agency offers what it owns."
        raise RuleBroken.at(words, "not_own_asset", "another agency's asset", pointer="/asset_id")
    if given.quantity > found.capacity:
        words = f"The capacity of this asset is {found.capacity}."
        raise RuleBroken.at(words, "quantity_over_capacity", "more than there are", pointer="/quantity")
    need = need_of(each)
    assert need is not None, "who is asked for a need has it on the line"
    if (lacking := lacking_in(need, found)) is not None:
        raise RuleBroken.at(lacking, "need_not_met", "not what is needed", pointer="/asset_id")
    return found


async def _check_people(read: Read, caller: Caller, each: Row[Any], given: LineOffer) -> None:
    """Raises RuleBroken for people who are not the own ones or cannot do it, Conflict for who cannot be sent then."""
    need, people = need_of(each), given.personnel_ids
    of_people = isinstance(need, CapabilityNeed)
    if (reason := why_not_named(given.quantity, people, needed=of_people)) is not None:
        raise RuleBroken.at(reason, "people_not_named", "not as many as are offered", pointer="/personnel_ids")
    if not isinstance(need, CapabilityNeed):
        return
    window = Window(start=each.starts_at, end=each.ends_at)
    ability = await ability_of(read, need)
    found = await who_cannot_be_sent(read, caller.agency_id, ability, people, window, caller.now)
    if found is None:
        return
    pointer = f"/personnel_ids/{found.index}"
    if found.unknown:
        words = "That is nobody of your agency."
        raise RuleBroken.at(words, "unknown_personnel_record", "nobody of your agency", pointer=pointer)
    if found.unable:
        words = f"Each of them has to have {need.capability} on the day of the start and on that of the return."
        raise RuleBroken.at(words, "capability_not_held", "cannot do it on both days", pointer=pointer)
    because = ", ".join(each.replace("_", " ") for each in found.hindrances)
    words = f"Number {found.index + 1} of the people named cannot be sent then: {because}."
    raise Conflict(words, "personnel_not_free")


def _check_needed(quantity: int, left: int) -> None:
    if quantity > left:
        words = f"Only {left} are needed still." if left != 1 else "Only one is needed still."
        raise Conflict(words, "more_than_needed", extra={"remaining_quantity": left})


async def accept_request_line_offer(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    request_id: UUID,
    line_id: UUID,
    accepted: OfferAcceptance,
    expected: Expected = None,
) -> ResourceRequest:
    """Accept, for who asks, the offer on a condition that was read: it is decided on, and counts.

    The condition binds the agency that accepts it: it is for people, no service does it. Raises NotFound, Forbidden,
    StaleVersion, WrongStatus, Conflict `offer_changed`, `more_than_needed` and `decision_not_satisfied`.
    """
    row, each, rows = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_ACCEPT, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    left = int(each.remaining or 0)
    if each.line_status in (LineStatus.OFFERED, LineStatus.SUSPENDED):
        gone = await why_not_to_be_had(write, policies, each, rows, caller.now)
        if gone is not None:
            raise Conflict(each.suspended_reason or gone, "offer_suspended")
    refuse(why_not_answered(RequestStatus(row.status), LineStatus(each.line_status), left, accept=True))
    if accepted.offer_version != offer_version_of(each):
        words = "The offer was changed since you read it: read what is offered now, and on which condition."
        raise Conflict(words, "offer_changed")
    _check_needed(each.quantity, left)
    after = await decide_offer(write, caller, policies, each, each.asset_id, each.quantity, people_in(each))
    await change_request(write, caller, row)
    told = {each.assisting_agency_id: [fact(each, after, None)]}
    record_for_agencies(write, caller, EventType.REQUEST_OFFER_ACCEPTED, row, told, {})
    await go_on(write, row, each.fills_no, caller.now, recorded=1)
    return await get_request(write, caller.principal, request_id, caller.now)


async def refuse_request_line_offer(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID, reason: str, expected: Expected = None
) -> ResourceRequest:
    """Refuse, for who asks, what is offered on a condition; then the next are asked.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus.
    """
    row, each, _ = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    refuse(
        why_not_answered(
            RequestStatus(row.status), LineStatus(each.line_status), int(each.remaining or 0), accept=False
        )
    )
    after = advance_line(LineStatus(each.line_status), LineAction.REJECT)
    ended = ended_by("requesting", reason, caller.now)
    await update_line(write, caller, line_id, status=after, decided_at=caller.now, **ended)
    await change_request(write, caller, row)
    told = {each.assisting_agency_id: [fact(each, after, None)]}
    record_for_agencies(write, caller, EventType.REQUEST_OFFER_REFUSED, row, told, {"reason": reason})
    await go_on(write, row, each.fills_no, caller.now, recorded=1)
    return await get_request(write, caller.principal, request_id, caller.now)
