"""Commands by which agencies are asked for what a line needs, and offer it.

The request is locked first, by either side. So what is offered at the same time is counted one after another, and no
need is filled twice; what was offered counts from then on, whether it waits for an approval or is lent already.

Whoever is asked has a line of its own, and sees that alone: agencies that are asked need not know of one another.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.directory.agencies.rules import AgencyStatus
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import REGISTRY, Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Conflict, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.queries.facts import AssetRow, asset_facts, visible_asset
from registry.resources.assets.queries.having import Ask, can_be_had, of_asset
from registry.resources.personnel.queries.sending import who_cannot_be_sent
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import LoanAsked, decide_ask, preview_ask, refuse_denied
from registry.sharing.policy.facts import PrincipalFacts
from registry.sharing.policy.queries.collecting import acting
from registry.sharing.policy.schemas.decided import RequestReference
from registry.sharing.requests.commands.asking import DECIDED_AS, awaited, change_request
from registry.sharing.requests.commands.lines import (
    asked_for,
    ended_by,
    fact,
    insert_asks,
    next_no,
    nothing_yet,
    place_of,
    record_for_agencies,
    reduce_to_lent,
    update_line,
)
from registry.sharing.requests.commands.mending import line_of
from registry.sharing.requests.commands.offers import keep_offered
from registry.sharing.requests.queries.acting import side_of
from registry.sharing.requests.queries.derived_status import remaining
from registry.sharing.requests.queries.getting import get_request
from registry.sharing.requests.queries.needs import (
    ability_of,
    is_need,
    is_partly_lent,
    need_of,
    people_in,
    still_open,
)
from registry.sharing.requests.rules import (
    IN_PLAY,
    LineAction,
    LineStatus,
    RequestStatus,
    advance_line,
    next_tier,
    time_over,
    what_is_lacking,
    why_not_answered,
    why_not_named,
    why_not_offered,
    why_not_sourced,
)
from registry.sharing.requests.schemas import CapabilityNeed, CategoryNeed, LineOffer, LineSourcing, ResourceRequest
from registry.sharing.requests.tables import request_line

_REQUEST = sa.bindparam("request", type_=request_line.c.request_id.type)
_NO = sa.bindparam("need_no", type_=sa.Integer)
_ACTIVE = sa.select(agency.c.id).where(
    agency.c.id.in_(sa.bindparam("ids", type_=agency.c.id.type, expanding=True)),
    agency.c.status == AgencyStatus.ACTIVE.value,
)
_ASKS = (
    sa.select(
        *(request_line.c[name] for name in ("id", "no", "tier", "status", "assisting_agency_id", "ends_at")),
        *(request_line.c[name] for name in ("answer_within_minutes", "answer_due_at")),
    )
    .where(
        request_line.c.request_id == _REQUEST,
        request_line.c.fills_no == _NO,
        request_line.c.status.in_(sorted({LineStatus.QUEUED.value, LineStatus.ASKED.value, LineStatus.OFFERED.value})),
    )
    .order_by(request_line.c.no)
)
_LEFT = sa.select(remaining()).where(
    request_line.c.request_id == _REQUEST,
    request_line.c.no == _NO,
    request_line.c.status == LineStatus.OPEN.value,
)
_REST = "The rest is needed of whichever agency, in line {no}."
_STILL_ASKED = frozenset({LineStatus.QUEUED, LineStatus.ASKED, LineStatus.OFFERED})


async def source_request_line(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID, sourcing: LineSourcing, expected: Expected = None
) -> ResourceRequest:
    """Ask agencies for what a line still lacks, tier by tier; the first tier at once unless others are asked already.

    The rest of a certain asset that is lent in part becomes a need, in a line of its own; the line then asks for
    what is lent. So each of what was asked for stands on one line alone, and none can be lent on both.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus, and RuleBroken for an agency that is the own one, named
    twice, asked already, or not active.
    """
    row, each, rows = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    if not is_need(each) and not is_partly_lent(each):
        raise WrongStatus("What is needed is sourced, or the rest of what is lent in part; not a certain asset.")
    left = still_open(each) or 0
    over = time_over(each.no) if each.ends_at <= caller.now else None
    _check(why_not_sourced(RequestStatus(row.status), LineStatus(each.line_status), left, over))
    await _check_agencies(write, caller, sourcing, [other for other in rows if other.fills_no == each.no])
    need_no, need = each.no, _need_columns(caller, each, left)
    if not is_need(each):
        need_no = next_no(rows)
        await insert_asks(write, caller, request_id, need_no, [need])
        rest = _REST.format(no=need_no)
        reduced = {each.assisting_agency_id: [await reduce_to_lent(write, caller, each, rest)]}
        record_for_agencies(write, caller, EventType.REQUEST_LINE_REDUCED, row, reduced, {"reason": rest})
    done = max((other.tier for other in rows if other.fills_no == need_no), default=0)
    same = {
        **need,
        "fills_no": need_no,
        "answer_within_minutes": sourcing.answer_within_minutes,
        "status": LineStatus.QUEUED,
        "submitted_at": None,
        "note": sourcing.note or each.note,
    }
    asks = [
        {**same, "tier": done + number, "assisting_agency_id": agency_id}
        for number, tier in enumerate(sourcing.tiers, 1)
        for agency_id in tier
    ]
    first = max(next_no(rows), need_no + 1)
    await insert_asks(write, caller, request_id, first, asks)
    asked = await ask_next(write, caller, request_id, need_no)
    await change_request(write, caller, row)
    data = {"line_no": need_no} if not asked else {}
    recorded = 0 if is_need(each) else 1
    record_for_agencies(write, caller, EventType.REQUEST_AGENCIES_ASKED, row, asked, data, first=recorded)
    return await get_request(write, caller.principal, request_id, caller.now)


def _need_columns(caller: Caller, each: Row[Any], left: int) -> dict[str, object]:
    """The columns of the line of a need: the sourced one's, or those of a new line for the rest of a certain asset.

    The rest is needed of the category of that asset, of whichever agency; it is asked for by who sources it.
    """
    category = each.category if is_need(each) else each.asked_category
    need = need_of(each) or CategoryNeed(category=category)
    asker = msgspec.json.decode(each.asked_as) if is_need(each) else msgspec.to_builtins(acting(caller.principal))
    return {
        "need": msgspec.to_builtins(need),
        "asset_id": None,
        "assisting_agency_id": None,
        **nothing_yet(category),
        "asked_as": asker,
        "status": LineStatus.OPEN,
        "submitted_at": caller.now,
        "quantity": left,
        "starts_at": each.starts_at,
        "ends_at": each.ends_at,
        "place_latitude": each.place_latitude,
        "place_longitude": each.place_longitude,
        "note": each.note,
    }


async def _check_agencies(read: Read, caller: Caller, sourcing: LineSourcing, asked: Sequence[Row[Any]]) -> None:
    still = {each.assisting_agency_id for each in asked if each.line_status in _STILL_ASKED}
    named = [agency_id for tier in sourcing.tiers for agency_id in tier]
    active = {row.id for row in await read.all(_ACTIVE, {"ids": sorted(set(named))})}
    seen: set[UUID] = set()
    for number, tier in enumerate(sourcing.tiers):
        for index, agency_id in enumerate(tier):
            pointer = f"/tiers/{number}/{index}"
            if agency_id == caller.agency_id:
                raise RuleBroken.at("An agency does not ask itself.", "own_agency", "your own", pointer=pointer)
            if agency_id in seen or agency_id in still:
                words = "Each agency is asked once at a time."
                raise RuleBroken.at(words, "already_asked", "asked already", pointer=pointer)
            if agency_id not in active:
                words = "Only an agency that takes part can be asked."
                raise RuleBroken.at(words, "unknown_agency", "no agency that takes part", pointer=pointer)
            seen.add(agency_id)


async def ask_next(write: Write, caller: Caller, request_id: UUID, need_no: int) -> dict[UUID, list[dict[str, object]]]:
    """Ask the next tier of a need, where it lacks something and nobody has still to answer; what is asked of whom."""
    left = await write.value(_LEFT, {"request": request_id, "need_no": need_no})
    rows = await write.all(_ASKS, {"request": request_id, "need_no": need_no})
    tier = next_tier([(each.tier, _status(each, caller.now)) for each in rows], int(left or 0))
    told: dict[UUID, list[dict[str, object]]] = {}
    for each in rows:
        if each.tier == tier and each.status == LineStatus.QUEUED:
            after = advance_line(LineStatus.QUEUED, LineAction.ASK)
            due = min(caller.now + timedelta(minutes=each.answer_within_minutes), each.ends_at)
            values = {"status": after, "submitted_at": caller.now, "answer_due_at": due, "quantity": int(left)}
            await update_line(write, caller, each.id, **values)
            its = {"id": str(each.id), "no": each.no, "status": {"from": each.status, "to": after}}
            told.setdefault(each.assisting_agency_id, []).append(its)
    return told


def _status(row: Row[Any], now: datetime) -> LineStatus:
    late = row.status == LineStatus.ASKED and row.answer_due_at <= now
    return LineStatus.UNANSWERED if late else LineStatus(row.status)


async def go_on(write: Write, row: Row[Any], need_no: int, now: datetime, *, recorded: int) -> None:
    """Ask the next tier once one has answered, and record it as the registry's act for who asks.

    It is part of the same version of the request, of which so many events are `recorded` already. Whoever is asked next
    is not told who was asked before.
    """
    caller = _registry_for(row, now)
    asked = await ask_next(write, caller, row.id, need_no)
    if asked:
        record_for_agencies(write, caller, EventType.REQUEST_AGENCIES_ASKED, row, asked, {}, first=recorded)


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
    _check(why_not_offered(RequestStatus(row.status), LineStatus(each.line_status), left))
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
    _check(why_not_answered(RequestStatus(row.status), LineStatus(each.line_status), left, accept=True))
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
    _check(
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


async def pass_over(write: Write, row: Row[Any], need_no: int, now: datetime) -> int:
    """Record that agencies did not answer in time, and ask the next tier; how many were passed over or asked.

    `row` has the request's columns; the request is locked.
    """
    caller = _registry_for(row, now)
    rows = await write.all(_ASKS, {"request": row.id, "need_no": need_no})
    told: dict[UUID, list[Mapping[str, object]]] = {}
    for each in rows:
        if each.status == LineStatus.ASKED and each.answer_due_at <= now:
            after = advance_line(LineStatus.ASKED, LineAction.LAPSE)
            await update_line(write, caller, each.id, status=after)
            its = {"id": str(each.id), "no": each.no, "status": {"from": each.status, "to": after}}
            told.setdefault(each.assisting_agency_id, []).append(its)
    asked = await ask_next(write, caller, row.id, need_no)
    if not told and not asked:
        return 0
    if told:
        record_for_agencies(write, caller, EventType.REQUEST_LINE_UNANSWERED, row, told, {})
    if asked:
        record_for_agencies(write, caller, EventType.REQUEST_AGENCIES_ASKED, row, asked, {}, first=len(told))
    await change_request(write, caller, row)
    return len(told) + len(asked)


def _registry_for(row: Row[Any], now: datetime) -> Caller:
    """The registry, which acts for who asks."""
    nobody = replace(REGISTRY, agency_id=row.requesting_agency_id)
    return Caller(principal=nobody, now=now, trace_id=new_id().hex)


def _check(reason: str | None) -> None:
    if reason is not None:
        raise WrongStatus(reason)
