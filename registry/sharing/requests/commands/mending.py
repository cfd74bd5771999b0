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
from registry.platform.kernel.errors import NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.time import Window
from registry.platform.kernel.versions import Expected, check_version
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.requests.commands.asking import REVISED, change_request, decide_line, lock_request
from registry.sharing.requests.commands.lines import (
    AskedLine,
    check_line,
    fact,
    is_replaced,
    line_values,
    next_no,
    place_of,
    record_for_agencies,
    replace_line,
    same_values,
    stored_statuses,
    update_line,
    withdraw_line,
)
from registry.sharing.requests.queries.getting import as_request, get_request, request_rows, side_of
from registry.sharing.requests.rules import (
    LineAction,
    LineStatus,
    RequestAction,
    RequestStatus,
    advance,
    follow_lines,
    time_over,
    why_not_asked_again,
    why_not_mended,
    why_not_withdrawn,
)
from registry.sharing.requests.schemas import NewRequestLine, RequestLinePatch, ResourceRequest

_ASKED_AGAIN = "The requesting agency asked again."


async def update_request_line(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID, patch: RequestLinePatch, expected: Expected
) -> ResourceRequest:
    """Edit a line that no loan answers. Other words in its note change nothing else.

    A line that nobody else has seen is changed as it is; else a draft asks in its place, to be submitted. Raises
    NotFound, StaleVersion, PreconditionMissing, WrongStatus, and RuleBroken as `check_lines`.
    """
    row, each, rows = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    check_version(expected, row.version, required=True)
    status = RequestStatus(row.status)
    before = NewRequestLine(
        asset_id=each.asset_id,
        quantity=each.quantity,
        window=Window(start=each.starts_at, end=each.ends_at),
        place=place_of(each),
        note=each.note,
    )
    given = {name: value for name in patch.__struct_fields__ if (value := getattr(patch, name)) is not UNSET}
    after = msgspec.structs.replace(before, **given)
    if after == before:
        return as_request(rows, caller.principal, caller.now)
    _check(why_not_mended(status, LineStatus(each.line_status), replaced=is_replaced(each)))
    touched = {each.assisting_agency_id: ()} if each.line_submitted_at is not None else {}
    if msgspec.structs.replace(after, note=before.note) == before:
        await update_line(write, line_id, note=after.note)
        await change_request(write, caller, row, status=row.stored)
        record_for_agencies(write, caller, "request.updated", row, touched, {"note": {"changed": True}})
        return await get_request(write, caller.principal, request_id, caller.now)
    asked = await check_line(write, caller, after)
    await _ask_instead(write, caller, rows, each, asked)
    stored = status if status is RequestStatus.DRAFT else advance(status, RequestAction.REVISE)
    await change_request(write, caller, row, status=stored)
    record_for_agencies(write, caller, "request.updated", row, touched, {"lines": {"changed": True}})
    return await get_request(write, caller.principal, request_id, caller.now)


async def _ask_instead(write: Write, caller: Caller, rows: list[Row[Any]], each: Row[Any], asked: AskedLine) -> None:
    if each.line_submitted_at is None:
        await update_line(write, each.line_id, **line_values(asked))
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
    check_version(expected, row.version)
    status = LineStatus(each.line_status)
    _check(why_not_asked_again(RequestStatus(row.status), status, each.no, replaced=is_replaced(each), over=False))
    if each.ends_at <= caller.now:
        raise RuleBroken(time_over(each.no), "window_over")
    no = next_no(rows)
    await replace_line(write, caller, each, no, same_values(each), _ASKED_AGAIN)
    (new,) = [found for found in await request_rows(write, caller.principal, request_id, caller.now) if found.no == no]
    decided = await decide_line(write, caller, policies, row, new)
    await change_request(write, caller, row, submitted_at=caller.now)
    touched = {each.assisting_agency_id: [decided]}
    record_for_agencies(write, caller, "request.line_asked_again", row, touched, {"line_no": each.no})
    return await get_request(write, caller.principal, request_id, caller.now)


async def withdraw_request_line(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID, reason: str, expected: Expected = None
) -> ResourceRequest:
    """Withdraw one line, and with the last one the request. Raises NotFound, StaleVersion, WrongStatus."""
    row, each, _ = await line_of(write, caller, request_id, line_id)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    await write.once()
    check_version(expected, row.version)
    _check(why_not_withdrawn(RequestStatus(row.status), LineStatus(each.line_status), replaced=is_replaced(each)))
    after = await withdraw_line(write, caller, each, LineAction.WITHDRAW, reason)
    followed = follow_lines(await stored_statuses(write, row.id))
    drafted = row.stored == RequestStatus.DRAFT and followed is not RequestStatus.WITHDRAWN
    values: dict[str, object] = {"status": RequestStatus.DRAFT if drafted else followed}
    if followed is RequestStatus.WITHDRAWN:
        values["ended_reason"] = reason
    await change_request(write, caller, row, **values)
    told = {each.assisting_agency_id: [fact(each, after, each.latest_id)]} if each.line_submitted_at else {}
    record_for_agencies(write, caller, "request.line_withdrawn", row, told, {"line_no": each.no, "reason": reason})
    return await get_request(write, caller.principal, request_id, caller.now)


async def line_of(
    write: Write, caller: Caller, request_id: UUID, line_id: UUID
) -> tuple[Row[Any], Row[Any], list[Row[Any]]]:
    """The request, locked, that line of it, and all its lines. Raises NotFound for what the caller does not see."""
    rows = [*await lock_request(write, caller, request_id)]
    each = next((found for found in rows if found.line_id == line_id), None)
    if each is None:
        raise NotFound("request_line")
    return rows[0], each, rows


def _check(reason: str | None) -> None:
    if reason is not None:
        raise WrongStatus(reason)
