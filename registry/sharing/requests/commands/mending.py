"""Commands of the requesting agency on one line: edited, asked again after a refusal, or withdrawn alone.

A line that was submitted is never rewritten, since the assisting agency saw it: another line asks in its place, and
both say so. So what was refused, and why, stays readable beside what is asked instead.
"""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, RuleBroken
from registry.platform.kernel.time import Window
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.requests.commands.asking import REVISED, change_request, decide_line, lock_request
from registry.sharing.requests.commands.automatic_aid import send_automatically
from registry.sharing.requests.commands.editing import void_approvals
from registry.sharing.requests.commands.lines import (
    AskedLine,
    asked_for_needs,
    check_line,
    fact,
    is_replaced,
    line_values,
    next_no,
    owners,
    place_of,
    record_for_agencies,
    record_told,
    reduce_to_lent,
    replace_line,
    same_values,
    stored_statuses,
    update_line,
    withdraw_line,
)
from registry.sharing.requests.queries.acting import side_of
from registry.sharing.requests.queries.getting import get_request, request_rows, shown
from registry.sharing.requests.queries.needs import is_partly_lent, need_of
from registry.sharing.requests.rules import (
    REFUSED,
    LineAction,
    LineStatus,
    RequestAction,
    RequestStatus,
    advance,
    follow_lines,
    refuse,
    time_over,
    why_not_asked_again,
    why_not_mended,
    why_not_withdrawn,
)
from registry.sharing.requests.schemas.given import NewRequestLine, RequestLinePatch
from registry.sharing.requests.schemas.shown import ResourceRequest

_ASKED_AGAIN = "The requesting agency asked again."


async def update_request_line(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    request_id: UUID,
    line_id: UUID,
    patch: RequestLinePatch,
    expected: Expected,
) -> ResourceRequest:
    """Edit a line that no loan answers. Other words in its note void its approvals, and change nothing else.

    A line that nobody else has seen is changed as it is; else a draft asks in its place, to be submitted. Raises
    NotFound, StaleVersion, PreconditionMissing, WrongStatus, and RuleBroken as `check_lines`.
    """
    row, each, rows = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    check_version(expected, row.version_shown, required=True)
    status = RequestStatus(row.status)
    before = NewRequestLine(
        asset_id=each.asset_id,
        need=need_of(each),
        quantity=each.quantity,
        window=Window(start=each.starts_at, end=each.ends_at),
        place=place_of(each),
        note=each.note,
    )
    given = {name: value for name in patch.__struct_fields__ if (value := getattr(patch, name)) is not UNSET}
    after = msgspec.structs.replace(before, **given)
    if after == before:
        return await shown(write, rows, caller.principal, caller.now)
    line = LineStatus(each.line_status)
    refuse(why_not_mended(status, line, replaced=is_replaced(each), fills_no=each.fills_no))
    if msgspec.structs.replace(after, note=before.note) == before:
        await update_line(write, caller, line_id, note=after.note)
        void_lines = await void_approvals(write, caller, policies, rows, [each])
        await change_request(write, caller, row, **({} if void_lines else {"status": row.stored}))
        note: dict[str, object] = {"note": {"changed": True}}
        told = {
            agency_id: {**note, **({"lines_decided": void_lines[agency_id]} if void_lines else {})}
            for agency_id in owners([each])
        }
        record_told(write, caller, EventType.REQUEST_UPDATED, row, told, {} if told else note)
        return await get_request(write, caller.principal, request_id, caller.now)
    asked = await check_line(write, caller, after)
    await _ask_instead(write, caller, rows, each, asked)
    stored = status if status is RequestStatus.DRAFT else advance(status, RequestAction.REVISE)
    await change_request(write, caller, row, status=stored)
    touched = owners([each, *asked_for_needs(rows, [each])])
    record_for_agencies(write, caller, EventType.REQUEST_UPDATED, row, touched, {"lines": {"changed": True}})
    return await get_request(write, caller.principal, request_id, caller.now)


async def _ask_instead(write: Write, caller: Caller, rows: list[Row[Any]], each: Row[Any], asked: AskedLine) -> None:
    if each.line_submitted_at is None:
        await update_line(write, caller, each.line_id, **line_values(asked))
    else:
        await replace_line(write, caller, each, next_no(rows), line_values(asked), REVISED)


async def ask_request_line_again(
    write: Write, caller: Caller, policies: PolicySet, request_id: UUID, line_id: UUID, expected: Expected = None
) -> ResourceRequest:
    """Ask the same as a line that was denied, rejected or declined: another line does so, and is decided anew at once.

    Raises NotFound, StaleVersion, WrongStatus, RuleBroken for a line whose time is over.
    """
    row, each, rows = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    status = LineStatus(each.line_status)
    refuse(
        why_not_asked_again(
            RequestStatus(row.status),
            status,
            each.no,
            replaced=is_replaced(each),
            over=False,
            fills_no=each.fills_no,
        )
    )
    if each.ends_at <= caller.now:
        raise RuleBroken(time_over(each.no), "window_over")
    no = next_no(rows)
    await replace_line(write, caller, each, no, same_values(each), _ASKED_AGAIN)
    (new,) = [found for found in await request_rows(write, caller.principal, request_id, caller.now) if found.no == no]
    _, decided, made = await decide_line(write, caller, policies, row, new)
    if await send_automatically(write, caller, policies, row, {new.line_id: made}):
        decided["automatic_aid"] = True
    await change_request(write, caller, row, submitted_at=caller.now)
    touched = {each.assisting_agency_id: [decided]}
    record_for_agencies(write, caller, EventType.REQUEST_LINE_ASKED_AGAIN, row, touched, {"line_no": each.no})
    return await get_request(write, caller.principal, request_id, caller.now)


async def withdraw_request_line(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID, reason: str, expected: Expected = None
) -> ResourceRequest:
    """Withdraw one line, and with the last one the request. Raises NotFound, StaleVersion, WrongStatus.

    What asks in place of a line that was refused, and was not submitted yet, is dropped alone: that one stays refused,
    and may be asked again, or differently, or given up.
    What was denied, rejected or declined is given up so: it keeps who refused it and why, beside this reason.
    Of a certain asset that is lent in part the rest is withdrawn: the line asks for what is lent from then on.
    """
    row, each, rows = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version_shown)
    status = LineStatus(each.line_status)
    refuse(why_not_withdrawn(RequestStatus(row.status), status, replaced=is_replaced(each), fills_no=each.fills_no))
    if is_partly_lent(each):
        return await _give_up_rest(write, caller, row, each, reason)
    kept = await _keep_refused(write, caller, rows, each)
    told: dict[UUID, list[dict[str, object]]] = {}
    for line in (*asked_for_needs(rows, [each]), each):
        after = await withdraw_line(write, caller, line, LineAction.WITHDRAW, reason)
        if line.line_submitted_at is not None and line.assisting_agency_id is not None:
            told.setdefault(line.assisting_agency_id, []).append(fact(line, after, line.latest_id))
    followed = follow_lines(await stored_statuses(write, row.id))
    drafted = row.stored == RequestStatus.DRAFT and followed is not RequestStatus.WITHDRAWN
    await change_request(write, caller, row, status=RequestStatus.DRAFT if drafted else followed)
    data: dict[str, object] = {"line_no": each.no, "reason": reason}
    if kept:
        restored = owners(kept)
        data["kept_line_nos"] = sorted(line.no for line in kept)
        record_for_agencies(write, caller, EventType.REQUEST_UPDATED, row, restored, {"lines": {"changed": True}})
        record_told(write, caller, EventType.REQUEST_LINE_WITHDRAWN, row, {}, data, first=max(1, len(restored)))
    else:
        record_for_agencies(write, caller, EventType.REQUEST_LINE_WITHDRAWN, row, told, data)
    return await get_request(write, caller.principal, request_id, caller.now)


async def _keep_refused(write: Write, caller: Caller, rows: list[Row[Any]], each: Row[Any]) -> list[Row[Any]]:
    """The refused lines in whose place this one asks, once it does no more: nobody was told of it."""
    if each.line_submitted_at is not None:
        return []
    kept = [line for line in rows if line.replaced_by_no == each.no and line.line_status in REFUSED]
    for line in kept:
        await update_line(write, caller, line.line_id, replaced_by_no=None)
    return kept


async def _give_up_rest(write: Write, caller: Caller, row: Row[Any], each: Row[Any], reason: str) -> ResourceRequest:
    reduced = await reduce_to_lent(write, caller, each, reason)
    await change_request(write, caller, row)
    told = {each.assisting_agency_id: [reduced]}
    record_for_agencies(write, caller, EventType.REQUEST_LINE_REDUCED, row, told, {"reason": reason})
    return await get_request(write, caller.principal, row.id, caller.now)


async def line_of(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID
) -> tuple[Row[Any], Row[Any], list[Row[Any]]]:
    """The request, locked, that line of it, and all its lines. Raises NotFound for what the caller does not see."""
    rows = [*await lock_request(write, caller, request_id)]
    each = next((found for found in rows if found.line_id == line_id), None)
    if each is None:
        raise NotFound("request_line")
    return rows[0], each, rows
