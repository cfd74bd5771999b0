"""What of a request nobody is to bring any more: lines that whoever asked has to ask for anew, or to give up.

They wait until somebody asks for them again, asks others, or takes them back, or until their time is over.
"""

from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import Action, refusal
from registry.platform.database.handles import Read
from registry.resources.allocations.queries import lacking_for_loan
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.tables import asset
from registry.sharing.loans.rules import LoanStatus
from registry.sharing.loans.tables import loan
from registry.sharing.requests.queries.derived_status import (
    ENDED_LOAN,
    NOW,
    answered_status,
    has_loan,
    in_force,
    line_status,
    marked_requests,
    open_need,
    partly_lent,
    remaining,
    status_of,
)
from registry.sharing.requests.queries.uncovered import line_uncovered
from registry.sharing.requests.queries.visibility import VIEWER
from registry.sharing.requests.rules import (
    IN_PLAY,
    REFUSED,
    SET_BY_PEOPLE,
    STILL_ASKED,
    TRANSITIONS,
    LineStatus,
    RequestAction,
)
from registry.sharing.requests.tables import request, request_line

_K, _L = InboxKind.HELP_LACKING, LineStatus
_ASKED = request_line.alias("asked")
_MENDABLE: Final = sorted(status for status, action in TRANSITIONS if action is RequestAction.REVISE)
_TASKS: Final = {
    _L.DENIED: "It was denied: ask again, for something else where the same would be denied, or give it up.",
    _L.REJECTED: "Whoever had to approve it rejected it: ask again or for something else, or give it up.",
    _L.DECLINED: "The agency that was asked does not lend it: ask again or for something else, or give it up.",
    _L.OPEN: "Nobody is asked for it: ask agencies, or take it back.",
    _L.PARTIALLY_FILLED: "Some of it is still lacking, and nobody is asked for that: ask agencies, or take it back.",
}
_CANNOT_COME: Final = (
    "Its agency cannot lend it as it stands: it is out of service, not to be had in that time, or not shared, or "
    "covered by an agreement, any more. Ask for something else in its place, or take it back."
)
_MISSED: Final = (
    "What was reserved was not handed over, and its agency may still lend it: ask for something else in its place, or "
    "take it back."
)
_NOBODY_LEFT: Final = "Of the agencies that were asked none is to answer any more: ask others, or take it back."


def _asked(*criteria: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A criterion: lines of a need for which an agency was asked whose line meets these criteria."""
    return (
        sa.select(sa.literal(1))
        .where(
            _ASKED.c.request_id == request_line.c.request_id,
            _ASKED.c.fills_no == request_line.c.no,
            *criteria,
        )
        .correlate(request_line)
        .exists()
    )


def _cannot_come() -> sa.ColumnElement[bool]:
    """A criterion: lines that wait for an answer, of an asset that cannot be had in their time, whoever borrows it.

    As in the loans that this hinders: it is out of service, or held otherwise, and not by other loans alone.
    """
    from_now = sa.case((request_line.c.starts_at > NOW, request_line.c.starts_at), else_=NOW)
    lacking = lacking_for_loan(request_line, asset.c.capacity, from_now, request_line.c.ends_at)
    its = sa.select(sa.literal(1)).where(
        asset.c.id == request_line.c.asset_id,
        sa.or_(asset.c.service_status != ServiceStatus.IN_SERVICE.value, lacking),
    )
    cannot = sa.or_(its.correlate(request_line).exists(), line_uncovered(VIEWER).is_not(None))
    return sa.and_(request_line.c.status.in_(sorted(IN_PLAY)), sa.not_(has_loan()), cannot)


def _not_handed_over() -> sa.ColumnElement[bool]:
    """A criterion: lines whose loan was reported as a no-show, and for which nothing was reserved since."""
    missed = sa.select(sa.literal(1)).where(loan.c.id == ENDED_LOAN, loan.c.status == LoanStatus.NO_SHOW.value)
    return sa.and_(
        request_line.c.status.in_(sorted(IN_PLAY)),
        request_line.c.ended_at.is_(None),
        sa.not_(has_loan()),
        missed.correlate(request_line).exists(),
    )


def lacks_help() -> sa.ColumnElement[bool]:
    """A criterion: lines whose time is not over, of which something is lacking, and that no agency can bring as it is.

    Nobody is to answer any more; or the asset that is asked for cannot be had.
    """
    overdue = sa.and_(_ASKED.c.status == _L.ASKED.value, _ASKED.c.answer_due_at <= NOW)
    answering = _asked(_ASKED.c.status.in_(sorted(STILL_ASKED)), sa.not_(sa.func.coalesce(overdue, sa.false())))
    return sa.and_(
        request_line.c.fills_no.is_(None),
        request_line.c.ends_at > NOW,
        in_force(),
        sa.or_(
            answered_status().in_(sorted(REFUSED)),
            sa.and_(open_need(), remaining() > 0, sa.not_(answering)),
            partly_lent(),
            _cannot_come(),
            _not_handed_over(),
        ),
    )


def lack_help() -> sa.ColumnElement[bool]:
    """A criterion: requests of the viewer with such a line, while they can still be mended."""
    found = _lacking().subquery("lacking")
    return request.c.id.in_(sa.select(found.c.id).where(status_of(found).in_(_MENDABLE)))


def _lacking() -> sa.Select[Any]:
    lines = sa.select(request_line.c.request_id).where(request_line.c.request_id == request.c.id, lacks_help())
    return marked_requests().where(
        request.c.requesting_agency_id == VIEWER,
        request.c.status.not_in(sorted(SET_BY_PEOPLE)),
        lines.correlate(request).exists(),
    )


@cache
def _statement() -> sa.Select[Any]:
    """Those lines of the viewer's requests, the soonest begin first, while such a request can still be mended."""
    found = _lacking().subquery("found")
    begin, line_id = request_line.c.starts_at, request_line.c.id
    after = sa.tuple_(sa.bindparam("due", type_=begin.type), sa.bindparam("id", type_=line_id.type))
    return (
        sa.select(
            line_id.label("line_id"),
            request_line.c.request_id,
            request_line.c.no,
            request_line.c.assisting_agency_id,
            request_line.c.changed_at,
            begin.label("due_at"),
            found.c.summary,
            line_status(found.c.status).label("line_status"),
            _not_handed_over().label("missed"),
            _asked().label("was_asked"),
            agency.c.name.label("assisting_name"),
        )
        .join(found, found.c.id == request_line.c.request_id)
        .outerjoin(agency, agency.c.id == request_line.c.assisting_agency_id)
        .where(lacks_help(), status_of(found).in_(_MENDABLE), sa.tuple_(begin, line_id) > after)
        .order_by(begin, line_id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


async def waiting_for_help(read: Read, asked: Asked) -> list[InboxEntry]:
    """What the caller's agency asked for and nobody is to bring. Its partners wait for nothing of it."""
    mends = refusal(asked.principal, Action.REQUESTS_UPDATE, ["requesting"]) is None
    if asked.whose == "partners" or (asked.whose == "me" and not mends):
        return []
    due, after_id = asked.after_due(_K)
    parameters = {"viewer": asked.principal.agency_id, "now": asked.as_of, "limit": asked.limit}
    rows = await read.all_slowly(_statement(), {**parameters, "due": due, "id": after_id})
    return [_entry(row, asked) for row in rows]


def _entry(row: Row[Any], asked: Asked) -> InboxEntry:
    status, path = LineStatus(row.line_status), f"/v1/requests/{row.request_id}"
    of_line = f"{path}/lines/{row.line_id}"
    back = InboxAction(operation="withdraw_request_line", path=f"{of_line}/withdraw")
    instead: InboxAction | None = back
    if status in IN_PLAY:
        # Asking for something else is an edit of the line, which needs to be said; asking the same helps nobody.
        action, instead = back, None
    elif status in REFUSED:
        action = InboxAction(operation="ask_request_line_again", path=f"{of_line}/ask-again")
    else:
        action = InboxAction(operation="source_request_line", path=f"{of_line}/source")
    owner_id = row.assisting_agency_id
    mine = asked.whose == "me"
    return InboxEntry(
        id=row.line_id,
        kind=_K,
        subject=InboxSubject(kind="request", id=row.request_id, name=f"{row.summary} (line {row.no})", path=path),
        task=_task(row, status),
        late=row.due_at <= asked.as_of,
        due_at=row.due_at,
        waiting_from=row.changed_at,
        partner=None if owner_id is None else AgencyReference(id=owner_id, name=row.assisting_name),
        action=action if mine else None,
        instead=instead if mine else None,
    )


def _task(row: Row[Any], status: LineStatus) -> str:
    if status is _L.OPEN and row.was_asked:
        return _NOBODY_LEFT
    return _TASKS.get(status, _MISSED if row.missed else _CANNOT_COME)
