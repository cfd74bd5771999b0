"""Lines whose time is over before anybody lent, recorded in the background.

They read `expired` from that instant on; the record follows within minutes, and says since when.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from msgspec.structs import replace

from registry.platform.access.principals import REGISTRY, Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.event_types import EventType
from registry.sharing.requests.commands.asking import change_request
from registry.sharing.requests.commands.lines import fact, record_told, stored_statuses, update_line
from registry.sharing.requests.commands.sourcing import pass_over
from registry.sharing.requests.queries.derived_status import given_up, has_loan, lent, open_need, remaining
from registry.sharing.requests.rules import (
    OPEN,
    SET_BY_PEOPLE,
    TIME_OVER,
    LineAction,
    LineStatus,
    RequestStatus,
    advance_line,
    follow_lines,
)
from registry.sharing.requests.tables import request, request_line

MOST_AT_ONCE: Final = 500
UnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
GRACE: Final = timedelta(minutes=5)
"""Longer than a request is worked on: what was reserved just before the end is stored by then."""

_BEFORE = sa.bindparam("before", type_=request_line.c.ends_at.type)
_DUE = (
    sa.select(request_line.c.request_id, request_line.c.ends_at)
    .join(request, request.c.id == request_line.c.request_id)
    .where(
        request_line.c.status.in_(sorted(OPEN)),
        request_line.c.ends_at <= _BEFORE,
        request.c.status.not_in(sorted(SET_BY_PEOPLE)),
        sa.not_(has_loan()),
        sa.not_(given_up()),
        sa.not_(sa.and_(open_need(), lent() >= request_line.c.quantity)),
    )
    .order_by(request_line.c.ends_at, request_line.c.request_id)
)
_NEXT = _DUE.limit(1)
_ID = sa.bindparam("request", type_=request.c.id.type)
_LOCK = sa.select(request.c.id).where(request.c.id == _ID).with_for_update(key_share=True)
_LINES = _DUE.with_only_columns(
    *(request.c[name] for name in ("id", "version", "requesting_agency_id")),
    request.c.status.label("stored"),
    request_line.c.id.label("line_id"),
    request_line.c.no,
    request_line.c.status.label("line_status"),
    request_line.c.assisting_agency_id,
    request_line.c.submitted_at.label("line_submitted_at"),
).where(request.c.id == _ID, request_line.c.ends_at == sa.bindparam("at", type_=request_line.c.ends_at.type))


_REQUEST = sa.select(
    *(request.c[name] for name in ("id", "version", "requesting_agency_id")), request.c.status.label("stored")
).where(request.c.id == _ID)
_OTHER, _PARENT = request_line.alias("other"), request_line.alias("parent")
_NOW = sa.bindparam("now", type_=request_line.c.ends_at.type)
_LATE = sa.and_(request_line.c.status == LineStatus.ASKED.value, request_line.c.answer_due_at <= _NOW)
_NEXT_IN_TURN = sa.and_(
    request_line.c.status == LineStatus.QUEUED.value,
    request_line.c.ends_at > _NOW,
    ~sa.select(sa.literal(1))
    .where(
        _OTHER.c.request_id == request_line.c.request_id,
        _OTHER.c.fills_no == request_line.c.fills_no,
        sa.or_(
            _OTHER.c.status == LineStatus.OFFERED.value,
            sa.and_(_OTHER.c.status == LineStatus.ASKED.value, _OTHER.c.answer_due_at > _NOW),
        ),
    )
    .correlate(request_line)
    .exists(),
    sa.select(sa.literal(1))
    .where(
        _PARENT.c.request_id == request_line.c.request_id,
        _PARENT.c.no == request_line.c.fills_no,
        _PARENT.c.status == LineStatus.OPEN.value,
    )
    .correlate(request_line)
    .exists(),
    remaining() > 0,
)
_WAITING = (
    sa.select(request_line.c.request_id, request_line.c.fills_no)
    .distinct()
    .join(request, request.c.id == request_line.c.request_id)
    .where(sa.or_(_LATE, _NEXT_IN_TURN), request.c.status.not_in(sorted(SET_BY_PEOPLE)))
    .limit(sa.bindparam("most", type_=sa.Integer))
)
"""The needs of which somebody did not answer in time, or the next are to be asked since what was offered fell away."""


async def expire_all_due(read: Read, unit_of_work: UnitOfWork, now: datetime) -> int:
    """Record what has expired, the oldest first, each request and instant in a transaction of its own; how many."""
    done = 0
    while (found := await read.first(_NEXT, {"before": now - GRACE})) is not None:
        async with unit_of_work() as write:
            done += await expire(write, found.request_id, found.ends_at, now)
    return done


async def ask_next_all_due(read: Read, unit_of_work: UnitOfWork, now: datetime) -> int:
    """Pass over who did not answer in time and ask the next, each need in a transaction of its own; how many."""
    done = 0
    for found in await read.all(_WAITING, {"now": now, "most": MOST_AT_ONCE}):
        async with unit_of_work() as write:
            await write.fast(_LOCK, {"request": found.request_id})
            row = await write.first(_REQUEST, {"request": found.request_id})
            if row is not None and row.stored not in SET_BY_PEOPLE:
                done += await pass_over(write, row, found.fills_no, now)
    return done


async def expire(write: Write, request_id: UUID, at: datetime, now: datetime) -> bool:
    """Record that lines of the request expired at that instant; False when another process just did."""
    await write.fast(_LOCK, {"request": request_id})
    rows = await write.all(_LINES, {"request": request_id, "at": at, "before": now - GRACE})
    if not rows:
        return False
    row = rows[0]
    # Recorded by the registry for the agency that asked; no person of it acted, and no other agency is concerned.
    nobody = replace(REGISTRY, agency_id=row.requesting_agency_id)
    caller = Caller(principal=nobody, now=now, trace_id=new_id().hex)
    touched: dict[UUID, list[dict[str, object]]] = {}
    for each in rows:
        after = advance_line(LineStatus(each.line_status), LineAction.EXPIRE)
        await update_line(write, caller, each.line_id, status=after, awaited=[], ended_reason=TIME_OVER, ended_at=at)
        if each.line_submitted_at is not None and each.assisting_agency_id is not None:
            touched.setdefault(each.assisting_agency_id, []).append(fact(each, after, None))
    followed = follow_lines(await stored_statuses(write, request_id))
    await change_request(write, caller, row, status=followed)
    # Whether all of it expired is of all lines, of which an assisting agency sees its own.
    ended = EventType.REQUEST_EXPIRED if followed is RequestStatus.EXPIRED else None
    told = {agency_id: {"lines": lines} for agency_id, lines in touched.items()}
    record_told(write, caller, EventType.REQUEST_LINE_EXPIRED, row, told, {}, rest_type=ended, occurred_at=at)
    return True
