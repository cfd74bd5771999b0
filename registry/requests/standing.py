"""Where a request and its lines stand, in SQL: what is stored, seen together with their loans and the time.

A line is marked by what became of it; the marks of all lines that the viewer sees are summed up in one integer, and
the status is read from that, in the order in which `rules.follow_lines` reads it.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import FromClause

from registry.loans.rules import LoanState
from registry.loans.tables import loan
from registry.requests.rules import LEAST_SETTLED_FIRST, LineStatus, RequestStatus
from registry.requests.tables import request, request_line

VIEWER = sa.bindparam("viewer", type_=request.c.id.type)
NOW = sa.bindparam("now", type_=request.c.created_at.type)

# A loan that never took place leaves the line as it was before: it may be answered again.
NEVER_WAS = sorted((LoanState.CANCELLED, LoanState.NO_SHOW))
_OVER = sorted((LoanState.CLOSED, LoanState.LOST))
_ANSWERABLE = sorted((LineStatus.PERMITTED, LineStatus.APPROVED))
ENDED_BY_PEOPLE = sorted((RequestStatus.DRAFT, RequestStatus.WITHDRAWN, RequestStatus.CLOSED_MANUALLY))

# One bit for each thing that can be said of a line; a withdrawn line says nothing. `over`: its loan is.
BIT = {
    status.value: 1 << position
    for position, status in enumerate(status for status in LineStatus if status is not LineStatus.WITHDRAWN)
} | {"over": 1 << len(LineStatus)}
_WITH_LOAN = BIT["reserved"] | BIT["over"]
_CAN_GO_ON = BIT["draft"] | BIT["needs_approval"] | BIT["permitted"] | BIT["approved"]

LIVE_LOAN = (
    sa.select(loan.c.id)
    .where(loan.c.root_decision_id == request_line.c.decision_id, loan.c.state.not_in(NEVER_WAS))
    .order_by(loan.c.id.desc())
    .limit(1)
    .correlate(request_line)
    .scalar_subquery()
)
"""The loan that answers a line."""


def has_loan(*criteria: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A loan answers the line, and meets the criteria."""
    return (
        sa.select(sa.literal(1))
        .where(loan.c.root_decision_id == request_line.c.decision_id, loan.c.state.not_in(NEVER_WAS), *criteria)
        .correlate(request_line)
        .exists()
    )


def line_visible(requesting_agency_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Lines of the viewer's own request, or for its own assets once they have been submitted to it."""
    return sa.or_(
        requesting_agency_id == VIEWER,
        sa.and_(request_line.c.assisting_agency_id == VIEWER, request_line.c.submitted_at.is_not(None)),
    )


def line_status() -> sa.ColumnElement[str]:
    """The stored status of a line, or `reserved` where a loan answers it."""
    answered = sa.and_(request_line.c.status.in_(_ANSWERABLE), has_loan())
    return sa.case((answered, LineStatus.RESERVED.value), else_=request_line.c.status)


def _mark() -> sa.ColumnElement[int]:
    answerable = request_line.c.status.in_(_ANSWERABLE)
    return sa.case(
        (sa.and_(answerable, has_loan(loan.c.state.not_in(_OVER))), BIT["reserved"]),
        (sa.and_(answerable, has_loan()), BIT["over"]),
        *((request_line.c.status == name, bit) for name, bit in BIT.items()),
        else_=0,
    )


def of_visible_lines(value: sa.ColumnElement[Any], *criteria: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    """An aggregate over the lines of a request that the viewer sees."""
    return (
        sa.select(value)
        .where(request_line.c.request_id == request.c.id, line_visible(request.c.requesting_agency_id), *criteria)
        .correlate(request)
        .scalar_subquery()
    )


def visible() -> sa.ColumnElement[bool]:
    """Requests of which the viewer sees anything."""
    theirs = (
        sa.select(sa.literal(1))
        .where(
            request_line.c.request_id == request.c.id,
            request_line.c.assisting_agency_id == VIEWER,
            request_line.c.submitted_at.is_not(None),
        )
        .correlate(request)
        .exists()
    )
    return sa.or_(request.c.requesting_agency_id == VIEWER, theirs)


def standing() -> sa.Select[Any]:
    """Requests with what `status_of` reads, in the order of their ids; which of them, the caller adds.

    `OFFSET 0` keeps PostgreSQL from copying the sum of the marks to each place where it is read.
    """
    last_end = of_visible_lines(sa.func.max(request_line.c.ends_at), request_line.c.status != LineStatus.WITHDRAWN)
    marks = sa.func.coalesce(of_visible_lines(sa.func.sum(sa.distinct(_mark()))), 0)
    return sa.select(*request.c, marks.label("marks"), last_end.label("last_end")).order_by(request.c.id).offset(0)


def status_of(found: FromClause) -> sa.ColumnElement[str]:
    """The status of the requests that `standing` found, for the viewer at the parameter `now`."""
    marks = found.c.marks

    def some(bits: int) -> sa.ColumnElement[bool]:
        return sa.cast(marks, sa.BigInteger).op("&")(sa.literal_column(str(bits))) != 0

    def none(bits: int) -> sa.ColumnElement[bool]:
        return sa.not_(some(bits))

    rest = sum(BIT.values()) - _WITH_LOAN
    over = sa.and_(none(BIT["reserved"]), none(_CAN_GO_ON))
    return sa.case(
        (found.c.status.in_(ENDED_BY_PEOPLE), found.c.status),
        (sa.and_(some(_WITH_LOAN), over), RequestStatus.COMPLETED.value),
        (sa.and_(some(_WITH_LOAN), none(rest)), RequestStatus.FILLED.value),
        (some(_WITH_LOAN), RequestStatus.PARTIALLY_FILLED.value),
        (sa.and_(some(_CAN_GO_ON), found.c.last_end <= NOW), RequestStatus.EXPIRED.value),
        *((some(BIT[line]), outcome.value) for line, outcome in LEAST_SETTLED_FIRST),
        else_=RequestStatus.WITHDRAWN.value,
    )
