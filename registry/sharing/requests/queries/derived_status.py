"""The status of requests and lines in SQL, from the stored status, their loans and the time.

Each line has one bit set in an integer, by its status. The bits of all lines that the viewer sees are combined in one
integer, from which the status of the request is derived, in the same order as in `rules.follow_lines`.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import FromClause

from registry.sharing.loans.queries.getting import took_place
from registry.sharing.loans.rules import NEVER_WAS, OVER, LoanStatus, Side
from registry.sharing.loans.tables import loan
from registry.sharing.requests.queries.visibility import (
    AS_SENT,
    VIEWER,
    as_sent,
    of_visible_lines,
    submitted_at_shown,
    updated_at_shown,
    version_shown,
)
from registry.sharing.requests.rules import (
    IN_PLAY,
    LEAST_SETTLED_FIRST,
    OPEN,
    REFUSED,
    RESERVABLE,
    SET_BY_PEOPLE,
    LineStatus,
    RequestStatus,
)
from registry.sharing.requests.tables import request, request_line

NOW = sa.bindparam("now", type_=request.c.created_at.type)

_NEVER_WAS = sorted(NEVER_WAS)

# One bit for each status of a line; one that is withdrawn, or replaced, has none. `over`: its loan has ended.
BIT = {
    status.value: 1 << position
    for position, status in enumerate(status for status in LineStatus if status is not LineStatus.WITHDRAWN)
} | {"over": 1 << len(LineStatus)}
# What was refused has another bit once it cannot be asked again, since its time is over: then it is open no more.
_REFUSED_OVER = {status.value: 1 << position for position, status in enumerate(sorted(REFUSED), len(LineStatus) + 1)}
_NEED, _CHILD, _CHILD_LOAN = request_line.alias("need"), request_line.alias("child"), loan.alias("child_loan")
_GIVEN_UP_LOAN = loan.alias("given_up_loan")
_AS_SHOWN = frozenset({"updated_at", "submitted_at", "head_changes", "head_changed_at", *AS_SENT})
_WITH_WHO_ASKED = sorted((LoanStatus.DISPATCHED, LoanStatus.ON_SCENE))
_WHOLE = BIT["reserved"] | BIT["over"]
_WITH_LOAN = _WHOLE | BIT["partially_filled"]
_OPEN = sum(BIT[status] for status in OPEN | REFUSED)


def counted(of: FromClause = loan) -> sa.ColumnElement[int]:
    """An expression: how many of a loan count for what was asked: while it is away, what is lost of it does not.

    Once it is on its way back, nothing is needed in the place of what was lost.
    """
    away = of.c.status.in_(_WITH_WHO_ASKED)
    return sa.case((away, of.c.quantity - of.c.lost_quantity), else_=of.c.quantity)


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


def _of_children(value: sa.ColumnElement[int], *criteria: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """A sum over the lines that help to fill the need of the line, or of the line that it helps to fill."""
    given_back = sa.select(sa.literal(1)).where(
        _GIVEN_UP_LOAN.c.root_decision_id == _CHILD.c.decision_id,
        _GIVEN_UP_LOAN.c.status == sa.literal_column(f"'{LoanStatus.CANCELLED}'"),
        _GIVEN_UP_LOAN.c.ended_side == sa.literal_column(f"'{Side.ASSISTING}'"),
    )
    lent = sa.and_(_CHILD_LOAN.c.root_decision_id == _CHILD.c.decision_id, _CHILD_LOAN.c.status.not_in(_NEVER_WAS))
    counts = sa.or_(
        _CHILD_LOAN.c.id.is_not(None),
        sa.and_(_CHILD.c.ended_at.is_(None), ~given_back.correlate(_CHILD).exists()),
    )
    found = (
        sa.select(sa.func.coalesce(sa.func.sum(value), 0))
        .select_from(_CHILD.outerjoin(_CHILD_LOAN, lent))
        .where(
            _CHILD.c.request_id == request_line.c.request_id,
            _CHILD.c.fills_no == sa.func.coalesce(request_line.c.fills_no, request_line.c.no),
            _CHILD.c.status.in_(sorted(IN_PLAY)),
            counts,
            *criteria,
        )
    )
    return found.correlate(request_line).scalar_subquery()


def claimed() -> sa.ColumnElement[int]:
    """An expression: how many of a need are offered, reserved or lent: of a loan as many as it is of, and not lost."""
    return _of_children(sa.func.coalesce(counted(_CHILD_LOAN), _CHILD.c.quantity))


def lent() -> sa.ColumnElement[int]:
    """An expression: how many of a need are reserved or lent."""
    return _of_children(counted(_CHILD_LOAN), _CHILD_LOAN.c.id.is_not(None))


def remaining() -> sa.ColumnElement[int]:
    """An expression: how many are still needed, of the need of the line or of that which it helps to fill."""
    of_need = sa.select(_NEED.c.quantity).where(
        _NEED.c.request_id == request_line.c.request_id,
        _NEED.c.no == sa.func.coalesce(request_line.c.fills_no, request_line.c.no),
    )
    return of_need.correlate(request_line).scalar_subquery() - claimed()


def open_need() -> sa.ColumnElement[bool]:
    """A criterion: lines of a need that were submitted."""
    return request_line.c.status == LineStatus.OPEN.value


def unanswered() -> sa.ColumnElement[bool]:
    """A criterion: lines of an agency that was asked and did not answer in time."""
    return sa.and_(request_line.c.status == LineStatus.ASKED.value, request_line.c.answer_due_at <= NOW)


def reservable() -> sa.ColumnElement[bool]:
    """A criterion: lines on which the assisting agency may lend, or has lent."""
    return request_line.c.status.in_(sorted(RESERVABLE))


def revoked() -> sa.ColumnElement[bool]:
    """A criterion: lines on which nothing more is lent, since the request was closed while a loan answered them.

    Other lines of a request that ends are stored as withdrawn, or stay refused or expired.
    """
    return sa.and_(reservable(), request_line.c.ended_at.is_not(None))


def partly_lent(*criteria: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A criterion: a loan that meets these criteria is of fewer than the line asks for.

    What helps to fill a need is not partly lent: the rest is open on the line of the need.
    """
    return sa.and_(
        reservable(), request_line.c.fills_no.is_(None), has_loan(counted() < request_line.c.quantity, *criteria)
    )


def _rest_open() -> sa.ColumnElement[bool]:
    """A criterion: what of a line was not lent is still open: while that loan runs, or its time is not over."""
    running = partly_lent(loan.c.status.not_in(sorted(OVER)))
    return sa.or_(running, sa.and_(partly_lent(), request_line.c.ends_at > NOW))


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


def _goes_on(request_status: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """A criterion: the request was not closed, nor is the loan that answers the line over."""
    closed = request_status == RequestStatus.CLOSED_MANUALLY.value
    return sa.and_(sa.not_(closed), has_loan(loan.c.status.not_in(sorted(OVER))))


def line_status(request_status: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The status of a line at the parameter `now`: as answered, or `expired` where nothing came of it in time."""
    return sa.case(
        (partly_lent(), LineStatus.PARTIALLY_FILLED.value),
        (sa.and_(reservable(), has_loan(), _goes_on(request_status)), LineStatus.RESERVED.value),
        (sa.and_(reservable(), has_loan()), LineStatus.FILLED.value),
        (sa.and_(reservable(), given_up()), LineStatus.DECLINED.value),
        (revoked(), LineStatus.WITHDRAWN.value),
        (sa.and_(open_need(), lent() >= request_line.c.quantity), LineStatus.FILLED.value),
        (lapsed(request_status), LineStatus.EXPIRED.value),
        (sa.and_(open_need(), lent() > 0), LineStatus.PARTIALLY_FILLED.value),
        (unanswered(), LineStatus.UNANSWERED.value),
        else_=request_line.c.status,
    )


def in_force() -> sa.ColumnElement[bool]:
    """A criterion: lines that count: neither withdrawn nor replaced by others."""
    return sa.and_(
        request_line.c.status != LineStatus.WITHDRAWN.value,
        request_line.c.replaced_by_no.is_(None),
        sa.or_(sa.not_(revoked()), has_loan(), given_up()),
    )


def refused() -> sa.ColumnElement[bool]:
    """A criterion: lines that count, and for which nothing is lent as it stands.

    What an agency refused of a need is, to who asks, lacking on the line of that need.
    """
    answers = sa.and_(request_line.c.fills_no.is_not(None), request.c.requesting_agency_id == VIEWER)
    return sa.and_(in_force(), sa.not_(answers), answered_status().in_(sorted(REFUSED)))


def _refused_for_good() -> sa.ColumnElement[bool]:
    """A criterion: lines that, once refused, are not asked again: their time is over, or it answers a need."""
    return sa.or_(request_line.c.ends_at <= NOW, request_line.c.fills_no.is_not(None))


def _mark() -> sa.ColumnElement[int]:
    # To who asks, what agencies answer counts by what they lend; that they are asked, the line of the need says.
    only_asked = sa.and_(
        request_line.c.fills_no.is_not(None),
        request.c.requesting_agency_id == VIEWER,
        sa.or_(request_line.c.status.not_in(sorted(IN_PLAY)), sa.and_(sa.not_(has_loan()), given_up())),
    )
    return sa.case(
        (sa.or_(request_line.c.replaced_by_no.is_not(None), only_asked), 0),
        (sa.and_(open_need(), claimed() >= request_line.c.quantity), 0),
        (_rest_open(), BIT["partially_filled"]),
        (sa.and_(reservable(), has_loan(loan.c.status.not_in(sorted(OVER)))), BIT["reserved"]),
        (sa.and_(reservable(), has_loan()), BIT["over"]),
        (sa.and_(reservable(), given_up(), _refused_for_good()), _REFUSED_OVER["declined"]),
        (sa.and_(reservable(), given_up()), BIT["declined"]),
        (revoked(), 0),
        (lapsed(request.c.status), BIT["expired"]),
        (unanswered(), BIT["unanswered"]),
        *((sa.and_(request_line.c.status == name, _refused_for_good()), bit) for name, bit in _REFUSED_OVER.items()),
        *((request_line.c.status == name, bit) for name, bit in BIT.items()),
        else_=0,
    )


def marked_requests() -> sa.Select[Any]:
    """The requests as the viewer sees them, with the columns that `status_of` needs, by id; callers add criteria.

    `version` is the ledger's, `version_shown` the viewer's.

    `OFFSET 0` prevents PostgreSQL from computing the sum of bits again in each place where it is used.
    """
    marks = sa.func.coalesce(of_visible_lines(sa.func.sum(sa.distinct(_mark()))), 0)
    columns = [column for column in request.c if column.name not in _AS_SHOWN]
    shown: list[sa.ColumnElement[Any]] = [
        version_shown().label("version_shown"),
        updated_at_shown().label("updated_at"),
        submitted_at_shown().label("submitted_at"),
        *(as_sent(name).label(name) for name in AS_SENT),
    ]
    return sa.select(*columns, *shown, marks.label("marks")).order_by(request.c.id).offset(0)


def status_of(found: FromClause) -> sa.ColumnElement[str]:
    """The status of the requests from `marked_requests`, for the viewer at the parameter `now`."""
    marks = found.c.marks

    def some(bits: int) -> sa.ColumnElement[bool]:
        return sa.cast(marks, sa.BigInteger).op("&")(sa.literal_column(str(bits))) != 0

    def none(bits: int) -> sa.ColumnElement[bool]:
        return sa.not_(some(bits))

    rest = sum((*BIT.values(), *_REFUSED_OVER.values())) - _WHOLE
    over = sa.and_(none(BIT["reserved"] | BIT["partially_filled"]), none(_OPEN))
    return sa.case(
        (found.c.status.in_(sorted(SET_BY_PEOPLE)), found.c.status),
        (sa.and_(some(_WITH_LOAN), over), RequestStatus.COMPLETED.value),
        (sa.and_(some(_WITH_LOAN), none(rest)), RequestStatus.FILLED.value),
        (some(_WITH_LOAN), RequestStatus.PARTIALLY_FILLED.value),
        *((some(BIT[line] | _REFUSED_OVER.get(line, 0)), outcome.value) for line, outcome in LEAST_SETTLED_FIRST),
        else_=RequestStatus.WITHDRAWN.value,
    )
