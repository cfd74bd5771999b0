"""Commands by which an agency that is asked offers something, and who asks accepts or refuses it on a condition.

The request is locked first, by either side. So what is offered at the same time is counted one after another, and no
need is filled twice; what was offered counts from then on, whether it waits for an approval or is lent already.
"""

from collections.abc import Sequence
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
from registry.resources.assets.queries.facts import AssetRow, asset_facts, visible_asset
from registry.resources.assets.queries.having import Ask, can_be_had, of_asset
from registry.resources.personnel.queries.sending import who_cannot_be_sent
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import LoanAsked, decide_ask, preview_ask, refuse_denied
from registry.sharing.policy.facts import PrincipalFacts
from registry.sharing.policy.schemas.decided import RequestReference
from registry.sharing.requests.commands.asking import DECIDED_AS, awaited, change_request
from registry.sharing.requests.commands.lines import (
    asked_for,
    ended_by,
    fact,
    place_of,
    record_for_agencies,
    update_line,
)
from registry.sharing.requests.commands.mending import line_of
from registry.sharing.requests.commands.offers import keep_offered
from registry.sharing.requests.commands.sourcing import go_on
from registry.sharing.requests.need_rules import what_is_lacking, why_not_named
from registry.sharing.requests.queries.acting import side_of
from registry.sharing.requests.queries.getting import get_request
from registry.sharing.requests.queries.needs import ability_of, need_of, people_in
from registry.sharing.requests.rules import (
    IN_PLAY,
    LineAction,
    LineStatus,
    RequestStatus,
    advance_line,
    refuse,
    why_not_answered,
    why_not_offered,
)
from registry.sharing.requests.schemas.given import LineOffer
from registry.sharing.requests.schemas.needs import CapabilityNeed, CategoryNeed
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
    left = int(each.remaining)
    refuse(why_not_offered(RequestStatus(row.status), LineStatus(each.line_status), left))
    found = await _offered_asset(write, caller, each, given)
    await _check_people(write, caller, each, given)
    _check_needed(given.quantity, left)
    window = Window(start=each.starts_at, end=each.ends_at)
    beside = [
        (window, other.quantity)
        for other in rows
        if other.asset_id == found.id and other.line_status in IN_PLAY | {LineStatus.OFFERED}
    ]
    ask = Ask(asset=of_asset(found), quantity=given.quantity, window=window, beside=beside)
    (had,) = await can_be_had(write, caller.agency_id, [ask], caller.now)
    if not had.available:
        blocking = msgspec.to_builtins([each.window for each in had.blocking])
        raise Conflict(
            f"Of this asset {had.free_quantity} are free then.",
            "asset_not_free",
            extra={"blocking": blocking[0] if blocking else None},
        )
    if given.condition is None:
        after = await _decide_offer(write, caller, policies, row, each, found, given.quantity, given.personnel_ids)
    else:
        after = advance_line(LineStatus(each.line_status), LineAction.OFFER)
        decision = await preview_ask(write, caller, policies, _ask_of(row, each, found.id, given.quantity))
        refuse_denied(decision, to_owner=True)
        await update_line(
            write,
            caller,
            each.line_id,
            status=after,
            asset_id=found.id,
            quantity=given.quantity,
            condition=given.condition,
            personnel_ids=_stored(given.personnel_ids),
            **asked_for(found),
        )
    await change_request(write, caller, row)
    data = {"asset_id": str(found.id), "quantity": given.quantity, "conditional": given.condition is not None}
    record_for_agencies(
        write, caller, EventType.REQUEST_LINE_OFFERED, row, {caller.agency_id: [fact(each, after, None)]}, data
    )
    await go_on(write, row, each.fills_no, caller.now, recorded=1)
    return await get_request(write, caller.principal, request_id, caller.now)


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
    lacking = what_is_lacking(
        need.attributes if isinstance(need, CategoryNeed) else {},
        need.type_at_least if isinstance(need, CategoryNeed) else None,
        need.category,
        path=found.category_path,
        level=found.type_level,
        stated=found.attributes,
    )
    if lacking is not None:
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


def _stored(people: Sequence[UUID]) -> list[str] | None:
    return [str(each) for each in people] or None


def _check_needed(quantity: int, left: int) -> None:
    if quantity > left:
        words = f"Only {left} are needed still." if left != 1 else "Only one is needed still."
        raise Conflict(words, "more_than_needed", extra={"remaining_quantity": left})


def _ask_of(row: Row[Any], each: Row[Any], asset_id: UUID, quantity: int) -> LoanAsked:
    return LoanAsked(
        asset_id=asset_id,
        quantity=quantity,
        window=Window(start=each.starts_at, end=each.ends_at),
        purpose=row.purpose,
        priority=row.priority,
        requesting_agency_id=row.requesting_agency_id,
        place=place_of(each),
        asker=msgspec.json.decode(each.asked_as, type=PrincipalFacts),
    )


async def _decide_offer(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    row: Row[Any],
    each: Row[Any],
    found: AssetRow,
    quantity: int,
    people: Sequence[UUID],
) -> LineStatus:
    """Decide on what is offered, and store it. Raises Conflict `decision_not_satisfied` when policies deny it."""
    reference = RequestReference(id=row.id, line_no=each.no, incident_number=row.incident_number)
    made = await decide_ask(write, caller, policies, _ask_of(row, each, found.id, quantity), reference)
    refuse_denied(made.recorded.decision, to_owner=caller.agency_id == found.agency_id)
    await keep_offered(write, each, made.recorded.root_decision_id, people)
    after = advance_line(LineStatus(each.line_status), DECIDED_AS[made.recorded.outcome])
    await update_line(
        write,
        caller,
        each.line_id,
        status=after,
        personnel_ids=_stored(people),
        asset_id=found.id,
        quantity=quantity,
        decision_id=made.recorded.root_decision_id,
        decided_at=None if after is LineStatus.NEEDS_APPROVAL else caller.now,
        awaited=awaited(made.decision_status.missing),
        **asked_for(made.asset),
    )
    return after


async def accept_request_line_offer(
    write: Write, caller: Caller, policies: PolicySet, request_id: UUID, line_id: UUID, expected: Expected = None
) -> ResourceRequest:
    """Accept, for who asks, what is offered on a condition: it is decided on, and counts.

    The condition binds the agency that accepts it: it is for people, no service does it. Raises NotFound, Forbidden,
    StaleVersion, WrongStatus, Conflict `more_than_needed` and `decision_not_satisfied`.
    """
    row, each, _ = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_ACCEPT, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    left = int(each.remaining or 0)
    refuse(why_not_answered(RequestStatus(row.status), LineStatus(each.line_status), left, accept=True))
    _check_needed(each.quantity, left)
    found = await asset_facts(write, each.asset_id)
    after = await _decide_offer(write, caller, policies, row, each, found, each.quantity, people_in(each))
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
