"""The status of requests and lines in SQL, from the stored status, their loans and the time.

Each line has one bit set in an integer, by its status. The bits of all lines that the viewer sees are combined in one
integer, from which the status of the request is derived, in the same order as in `rules.follow_lines`.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import FromClause

from registry.sharing.loans.queries.getting import took_place
from registry.sharing.loans.rules import OVER, LoanStatus, Side
from registry.sharing.loans.tables import loan
from registry.sharing.requests.queries.visibility import line_visible
from registry.sharing.requests.rules import (
    LEAST_SETTLED_FIRST,
    OPEN,
    RESERVABLE,
    SET_BY_PEOPLE,
    LineStatus,
    RequestStatus,
)
from registry.sharing.requests.tables import request, request_line

NOW = sa.bindparam("now", type_=request.c.created_at.type)


# One bit for each status of a line; one that is withdrawn, or replaced, has none. `over`: its loan has ended.
BIT = {
    status.value: 1 << position
    for position, status in enumerate(status for status in LineStatus if status is not LineStatus.WITHDRAWN)
} | {"over": 1 << len(LineStatus)}
_WITH_LOAN = BIT["reserved"] | BIT["over"]
_OPEN = sum(BIT[status] for status in OPEN)

LIVE_LOAN = (
    sa.select(loan.c.id)
    .where(loan.c.root_decision_id == request_line.c.decision_id, took_place())
    .order_by(loan.c.id.desc())
    .limit(1)
    .correlate(request_line)
    .scalar_subquery()
)
"""The loan that answers a line."""

ENDED_LOAN = (
    sa.select(loan.c.id)
    .where(loan.c.root_decision_id == request_line.c.decision_id, sa.not_(took_place()))
    .order_by(loan.c.id.desc())
    .limit(1)
    .correlate(request_line)
    .scalar_subquery()
)
"""The last loan for a line that was cancelled or not begun."""


def has_loan(*criteria: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A criterion: a loan that meets these criteria answers the line."""
    return (
        sa.select(sa.literal(1))
        .where(loan.c.root_decision_id == request_line.c.decision_id, took_place(), *criteria)
        .correlate(request_line)
        .exists()
    )


_GIVEN_UP = (
    loan.c.root_decision_id == request_line.c.decision_id,
    loan.c.status == sa.literal_column(f"'{LoanStatus.CANCELLED}'"),
    loan.c.ended_side == sa.literal_column(f"'{Side.ASSISTING}'"),
)


def given_up() -> sa.ColumnElement[bool]:
    """A criterion: the assisting agency cancelled the loan that answered the line, and so has declined it."""
    return sa.select(sa.literal(1)).where(*_GIVEN_UP).correlate(request_line).exists()


def given_up_for() -> sa.ScalarSelect[str]:
    """An expression: why, in one word, the assisting agency cancelled the loan that answered the line."""
    return sa.select(loan.c.decline_reason).where(*_GIVEN_UP).limit(1).correlate(request_line).scalar_subquery()


def reservable() -> sa.ColumnElement[bool]:
    """A criterion: lines on which the assisting agency may lend, or has lent."""
    return request_line.c.status.in_(sorted(RESERVABLE))


def revoked() -> sa.ColumnElement[bool]:
    """A criterion: lines on which nothing more is lent, since the request was closed while a loan answered them.

    Other lines of a request that ends are stored as withdrawn, or stay refused or expired.
    """
    return sa.and_(reservable(), request_line.c.ended_at.is_not(None))


def lapsed(request_status: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """A criterion: lines that nothing came of before their time was over; of drafts nobody knows."""
    return sa.and_(
        request_line.c.status.in_(sorted(OPEN)),
        request_line.c.ends_at <= NOW,
        request_status != RequestStatus.DRAFT.value,
    )


def answered_status() -> sa.ColumnElement[str]:
    """The stored status of a line, unless its loan says otherwise.

    `reserved` where one answers it, `declined` where its owner cancelled that, `withdrawn` where the requesting agency
    did after the request was closed.
    """
    return sa.case(
        (sa.and_(reservable(), has_loan()), LineStatus.RESERVED.value),
        (sa.and_(reservable(), given_up()), LineStatus.DECLINED.value),
        (revoked(), LineStatus.WITHDRAWN.value),
        else_=request_line.c.status,
    )


def line_status(request_status: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The status of a line at the parameter `now`: as answered, or `expired` where nothing came of it in time."""
    return sa.case(
        (sa.and_(reservable(), has_loan()), LineStatus.RESERVED.value),
        (sa.and_(reservable(), given_up()), LineStatus.DECLINED.value),
        (revoked(), LineStatus.WITHDRAWN.value),
        (lapsed(request_status), LineStatus.EXPIRED.value),
        else_=request_line.c.status,
    )


def in_force() -> sa.ColumnElement[bool]:
    """A criterion: lines that count: neither withdrawn nor replaced by others."""
    return sa.and_(
        request_line.c.status != LineStatus.WITHDRAWN.value,
        request_line.c.replaced_by_no.is_(None),
        sa.or_(sa.not_(revoked()), has_loan(), given_up()),
    )


def _mark() -> sa.ColumnElement[int]:
    return sa.case(
        (request_line.c.replaced_by_no.is_not(None), 0),
        (sa.and_(reservable(), has_loan(loan.c.status.not_in(sorted(OVER)))), BIT["reserved"]),
        (sa.and_(reservable(), has_loan()), BIT["over"]),
        (sa.and_(reservable(), given_up()), BIT["declined"]),
        (revoked(), 0),
        (lapsed(request.c.status), BIT["expired"]),
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


def marked_requests() -> sa.Select[Any]:
    """The requests with the columns that `status_of` needs, in the order of their ids; callers add criteria.

    `OFFSET 0` prevents PostgreSQL from computing the sum of bits again in each place where it is used.
    """
    marks = sa.func.coalesce(of_visible_lines(sa.func.sum(sa.distinct(_mark()))), 0)
    return sa.select(*request.c, marks.label("marks")).order_by(request.c.id).offset(0)


def status_of(found: FromClause) -> sa.ColumnElement[str]:
    """The status of the requests from `marked_requests`, for the viewer at the parameter `now`."""
    marks = found.c.marks

    def some(bits: int) -> sa.ColumnElement[bool]:
        return sa.cast(marks, sa.BigInteger).op("&")(sa.literal_column(str(bits))) != 0

    def none(bits: int) -> sa.ColumnElement[bool]:
        return sa.not_(some(bits))

    rest = sum(BIT.values()) - _WITH_LOAN
    over = sa.and_(none(BIT["reserved"]), none(_OPEN))
    return sa.case(
        (found.c.status.in_(sorted(SET_BY_PEOPLE)), found.c.status),
        (sa.and_(some(_WITH_LOAN), over), RequestStatus.COMPLETED.value),
        (sa.and_(some(_WITH_LOAN), none(rest)), RequestStatus.FILLED.value),
        (some(_WITH_LOAN), RequestStatus.PARTIALLY_FILLED.value),
        *((some(BIT[line]), outcome.value) for line, outcome in LEAST_SETTLED_FIRST),
        else_=RequestStatus.WITHDRAWN.value,
    )
