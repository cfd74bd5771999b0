"""Commands by which agencies are asked for what a line needs.

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

from registry.directory.agencies.rules import AgencyStatus, why_not_asked
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import REGISTRY, Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.sharing.policy.queries.collecting import acting
from registry.sharing.requests.commands.asking import change_request
from registry.sharing.requests.commands.lines import (
    insert_asks,
    insert_need,
    next_no,
    nothing_yet,
    record_for_agencies,
    reduce_to_lent,
    update_line,
)
from registry.sharing.requests.commands.mending import line_of
from registry.sharing.requests.queries.acting import side_of
from registry.sharing.requests.queries.derived_status import remaining
from registry.sharing.requests.queries.getting import get_request
from registry.sharing.requests.queries.needs import (
    is_need,
    is_partly_lent,
    need_of,
    still_open,
)
from registry.sharing.requests.rules import (
    STILL_ASKED,
    LineAction,
    LineStatus,
    RequestStatus,
    advance_line,
    next_tier,
    refuse,
    time_over,
    why_not_sourced,
)
from registry.sharing.requests.schemas.given import LineSourcing
from registry.sharing.requests.schemas.needs import CategoryNeed
from registry.sharing.requests.schemas.shown import ResourceRequest
from registry.sharing.requests.tables import request_line

_REQUEST = sa.bindparam("request", type_=request_line.c.request_id.type)
_NO = sa.bindparam("need_no", type_=sa.Integer)
_NAMED = sa.select(agency.c.id, agency.c.name, agency.c.status).where(
    agency.c.id.in_(sa.bindparam("ids", type_=agency.c.id.type, expanding=True))
)
_ASKS = (
    sa.select(
        *(request_line.c[name] for name in ("id", "no", "tier", "status", "assisting_agency_id", "ends_at")),
        *(request_line.c[name] for name in ("answer_within_minutes", "answer_due_at")),
    )
    .where(
        request_line.c.request_id == _REQUEST,
        request_line.c.fills_no == _NO,
        request_line.c.status.in_(sorted(STILL_ASKED)),
    )
    .order_by(request_line.c.id)
)
_LEFT = sa.select(remaining()).where(
    request_line.c.request_id == _REQUEST,
    request_line.c.no == _NO,
    request_line.c.status == LineStatus.OPEN.value,
)
_REST = "The rest is needed of whichever agency, in line {no}."


async def source_request_line(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID, sourcing: LineSourcing, expected: Expected = None
) -> ResourceRequest:
    """Ask agencies for what a line still lacks, tier by tier; the first tier at once unless others are asked already.

    The rest of a certain asset that is lent in part becomes a need, in a line of its own; the line then asks for
    what is lent. So each of what was asked for stands on one line alone, and none can be lent on both.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus, and RuleBroken for an agency that is the own one, named
    twice, asked already, unknown, not active, or the registry's operator.
    """
    row, each, rows = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    if not is_need(each) and not is_partly_lent(each):
        raise WrongStatus("What is needed is sourced, or the rest of what is lent in part; not a certain asset.")
    left = still_open(each) or 0
    over = time_over(each.no) if each.ends_at <= caller.now else None
    refuse(why_not_sourced(RequestStatus(row.status), LineStatus(each.line_status), left, over))
    await _check_agencies(write, caller, sourcing, [other for other in rows if other.fills_no == each.no])
    need_no, need = each.no, _need_columns(caller, each, left)
    if not is_need(each):
        need_no = next_no(rows)
        await insert_need(write, caller, request_id, need_no, need)
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
    await insert_asks(write, caller, rows, asks)
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
    still = {each.assisting_agency_id for each in asked if each.line_status in STILL_ASKED}
    named = [agency_id for tier in sourcing.tiers for agency_id in tier]
    known = {row.id: row for row in await read.all(_NAMED, {"ids": sorted(set(named))})}
    seen: set[UUID] = set()
    for number, tier in enumerate(sourcing.tiers):
        for index, agency_id in enumerate(tier):
            pointer = f"/tiers/{number}/{index}"
            if agency_id == caller.agency_id:
                raise RuleBroken.at("An agency does not ask itself.", "own_agency", "your own", pointer=pointer)
            if agency_id in seen or agency_id in still:
                words = "Each agency is asked once at a time."
                raise RuleBroken.at(words, "already_asked", "asked already", pointer=pointer)
            if (one := known.get(agency_id)) is None:
                words = "There is no such agency; GET /v1/agencies lists them."
                raise RuleBroken.at(words, "unknown_agency", "no such agency", pointer=pointer)
            if (reason := why_not_asked(one.id, one.name, AgencyStatus(one.status))) is not None:
                raise RuleBroken.at(reason, "agency_not_asked", "cannot be asked", pointer=pointer)
            seen.add(agency_id)


async def left_of(read: Read, request_id: UUID, need_no: int) -> int:
    """How many of a need are neither offered, reserved nor lent; none once it has ended."""
    return int(await read.value(_LEFT, {"request": request_id, "need_no": need_no}) or 0)


async def ask_next(write: Write, caller: Caller, request_id: UUID, need_no: int) -> dict[UUID, list[dict[str, object]]]:
    """Ask the next tier of a need, where it lacks something and nobody has still to answer; what is asked of whom."""
    left = await left_of(write, request_id, need_no)
    rows = await write.all(_ASKS, {"request": request_id, "need_no": need_no})
    tier = next_tier([(each.tier, _status(each, caller.now)) for each in rows], left)
    told: dict[UUID, list[dict[str, object]]] = {}
    for each in rows:
        if each.tier == tier and each.status == LineStatus.QUEUED:
            after = advance_line(LineStatus.QUEUED, LineAction.ASK)
            due = min(caller.now + timedelta(minutes=each.answer_within_minutes), each.ends_at)
            values = {"status": after, "submitted_at": caller.now, "answer_due_at": due, "quantity": left}
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
    caller = registry_for(row, now)
    asked = await ask_next(write, caller, row.id, need_no)
    if asked:
        record_for_agencies(write, caller, EventType.REQUEST_AGENCIES_ASKED, row, asked, {}, first=recorded)


async def pass_over(write: Write, row: Row[Any], need_no: int, now: datetime) -> int:
    """Record that agencies did not answer in time, and ask the next tier; how many were passed over or asked.

    `row` has the request's columns; the request is locked.
    """
    caller = registry_for(row, now)
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


def registry_for(row: Row[Any], now: datetime) -> Caller:
    """The registry, which acts for who asks."""
    nobody = replace(REGISTRY, agency_id=row.requesting_agency_id)
    return Caller(principal=nobody, now=now, trace_id=new_id().hex)
