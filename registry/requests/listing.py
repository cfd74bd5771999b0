"""Lists of requests: by side, by status as the viewer sees it, and what waits for the caller."""

from datetime import datetime
from functools import cache
from typing import Any, get_args
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, refusal
from registry.access.principals import Principal
from registry.database.handles import Read
from registry.http.paging import cut, decode_cursor
from registry.kernel.time import Window
from registry.policy.schemas import ApprovalRole, Side
from registry.policy.tables import policy_decision
from registry.requests.rules import LineStatus, RequestStatus
from registry.requests.schemas import RequestPage, RequestQuery, RequestSummary
from registry.requests.standing import ENDED_BY_PEOPLE, NOW, VIEWER, of_visible_lines, standing, status_of
from registry.requests.tables import request, request_line

_APPROVAL_ROLES: tuple[str, ...] = get_args(ApprovalRole)
_SUBJECT = sa.bindparam("subject", type_=sa.Text)


def _waiting(side: Side) -> tuple[sa.ColumnElement[bool], ...]:
    """Lines that wait for an approval which the viewer's roles give on that side, and which it did not ask for."""
    held = (
        sa.and_(
            sa.bindparam(f"is_{role}", type_=sa.Boolean),
            sa.cast(request_line.c.awaited, sa.Text).contains(f'"{role}@{side}"'),
        )
        for role in _APPROVAL_ROLES
    )
    submitted_by = (
        sa.select(policy_decision.c.asked_by)
        .where(policy_decision.c.id == request_line.c.decision_id)
        .correlate(request_line)
        .scalar_subquery()
    )
    return (
        request_line.c.status == LineStatus.NEEDS_APPROVAL,
        request_line.c.ends_at > NOW,
        sa.or_(*held),
        submitted_by != _SUBJECT,
    )


def _of_side(side: Side, *, waiting: bool) -> list[sa.ColumnElement[bool]]:
    """Requests of which the viewer is that side and, where asked, that wait for it."""
    lines = sa.select(request_line.c.request_id).where(*(_waiting(side) if waiting else ()))
    criteria = [request.c.asked_by != _SUBJECT] if waiting else []
    if side == "assisting":
        lines = lines.where(request_line.c.assisting_agency_id == VIEWER, request_line.c.submitted_at.is_not(None))
        return [*criteria, request.c.id.in_(lines)]
    if waiting:
        of_request = lines.where(request_line.c.request_id == request.c.id).correlate(request)
        criteria.append(of_request.exists())
    return [*criteria, request.c.requesting_agency_id == VIEWER]


@cache
def _list_statement(filters: frozenset[str], sides: tuple[Side, ...]) -> sa.Select[Any]:
    """The list for one combination of filters. Each side reads a page off its own index; the two are merged."""
    limit = sa.bindparam("limit", type_=sa.Integer)
    status = sa.bindparam("status", type_=sa.Text)
    pages = []
    for side in sides:
        criteria = _of_side(side, waiting="waiting" in filters)
        if "cursor" in filters:
            criteria.append(request.c.id > sa.bindparam("after", type_=request.c.id.type))
        if "stored" in filters:
            criteria.append(request.c.status == status)
        if "status" in filters:
            found = standing().where(*criteria).subquery()
            page = sa.select(found.c.id).where(status_of(found) == status).order_by(found.c.id)
        else:
            page = sa.select(request.c.id).where(*criteria).order_by(request.c.id)
        pages.append(page.limit(limit))
    ids = sa.union_all(*(sa.select(page.subquery().c.id) for page in pages)).subquery()
    shown = (
        standing()
        .add_columns(
            of_visible_lines(sa.func.count(), request_line.c.status != LineStatus.WITHDRAWN).label("line_count"),
            of_visible_lines(sa.func.min(request_line.c.starts_at)).label("first_start"),
            of_visible_lines(sa.func.max(request_line.c.ends_at)).label("latest_end"),
        )
        .where(request.c.id.in_(sa.select(ids.c.id)))
        .subquery()
    )
    columns = [column for column in shown.c if column.name not in ("status", "marks", "last_end")]
    return sa.select(*columns, status_of(shown).label("status")).order_by(shown.c.id).limit(limit)


async def list_requests(read: Read, principal: Principal, query: RequestQuery, now: datetime) -> RequestPage:
    """A page of the requests that the caller's agency made or is asked by. Raises Malformed for a bad cursor."""
    sides: tuple[Side, ...] = ("requesting", "assisting") if query.role is None else (query.role,)
    parameters: dict[str, object] = {"viewer": principal.agency_id, "now": now, "limit": query.limit + 1}
    filters = set()
    if query.status is not None:
        # What people ended stays as stored; but an agency all of whose lines were withdrawn sees `withdrawn`.
        as_stored = query.status in ENDED_BY_PEOPLE and query.status is not RequestStatus.WITHDRAWN
        filters.add("stored" if as_stored else "status")
        parameters["status"] = query.status
    if query.waiting_for_me:
        if refusal(principal, Action.REQUESTS_APPROVE, sides) is not None:
            return RequestPage(items=[], next_cursor=None)
        filters.add("waiting")
        parameters["subject"] = principal.subject
        parameters |= {f"is_{role}": role in principal.roles for role in _APPROVAL_ROLES}
    if query.cursor is not None:
        filters.add("cursor")
        (parameters["after"],) = decode_cursor(query.cursor, (UUID,))
    rows = await read.all_slowly(_list_statement(frozenset(filters), sides), parameters)
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.id,))
    return RequestPage(items=[_summary(row) for row in kept], next_cursor=next_cursor)


def _summary(row: Row[Any]) -> RequestSummary:
    return RequestSummary(
        id=row.id,
        requesting_agency_id=row.requesting_agency_id,
        status=row.status,
        purpose=row.purpose,
        priority=row.priority,
        incident_number=row.incident_number,
        summary=row.summary,
        line_count=row.line_count,
        window=Window(start=row.first_start, end=row.latest_end),
        submitted_at=row.submitted_at,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
