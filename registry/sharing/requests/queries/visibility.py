"""Visibility of requests: SQL criteria for the agency at the parameter `viewer`.

The requesting agency sees all of its own; an assisting one the lines for its assets, once submitted to it. What tells
of changes (version, `updated_at`, `submitted_at`) moves with what the agency sees.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from registry.sharing.requests.tables import request, request_line

VIEWER = sa.bindparam("viewer", type_=request.c.id.type)


def asked_of_viewer() -> sa.ColumnElement[bool]:
    """A criterion: submitted lines that ask for assets of the viewer."""
    return sa.and_(request_line.c.assisting_agency_id == VIEWER, request_line.c.submitted_at.is_not(None))


def line_visible(requesting_agency_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """A criterion: lines that the viewer may see, of requests of that agency."""
    return sa.or_(requesting_agency_id == VIEWER, asked_of_viewer())


def visible() -> sa.ColumnElement[bool]:
    """A criterion: requests of which the viewer may see anything."""
    theirs = (
        sa.select(sa.literal(1))
        .where(request_line.c.request_id == request.c.id, asked_of_viewer())
        .correlate(request)
        .exists()
    )
    return sa.or_(request.c.requesting_agency_id == VIEWER, theirs)


def of_visible_lines(value: sa.ColumnElement[Any], *criteria: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    """An aggregate over the lines of a request that the viewer sees."""
    return (
        sa.select(value)
        .where(request_line.c.request_id == request.c.id, line_visible(request.c.requesting_agency_id), *criteria)
        .correlate(request)
        .scalar_subquery()
    )


def version_shown() -> sa.ColumnElement[int]:
    """The version of a request as the viewer is given it, and as it names it in `If-Match`.

    For the requesting agency it is the request's; for an assisting one it moves with its own lines and the head alone,
    so that it learns nothing of another's lines from it.
    """
    its = request.c.head_changes + of_visible_lines(sa.func.sum(request_line.c.changes))
    return sa.case((request.c.requesting_agency_id == VIEWER, request.c.version), else_=its)


def last_change_of_lender() -> sa.ColumnElement[datetime]:
    """When the head or a line that the viewer sees was changed last: `updated_at` for an assisting agency."""
    line, head = request_line.c.changed_at, request.c.head_changed_at
    return of_visible_lines(sa.func.max(sa.case((line > head, line), else_=head)))


def updated_at_shown() -> sa.ColumnElement[datetime]:
    """When what the viewer sees of a request was changed last."""
    own = request.c.requesting_agency_id == VIEWER
    return sa.case((own, request.c.updated_at), else_=last_change_of_lender())


AS_SENT = ("purpose", "priority", "incident_number", "summary")


def as_sent(name: str) -> sa.ColumnElement[Any]:
    """What the viewer reads there of a request: as it is for the requesting agency, as it was sent for any other."""
    return sa.case((request.c.requesting_agency_id == VIEWER, request.c[name]), else_=request.c[f"sent_{name}"])


def submitted_at_shown() -> sa.ColumnElement[datetime | None]:
    """When lines were last submitted, of those that the viewer sees."""
    own = request.c.requesting_agency_id == VIEWER
    return sa.case((own, request.c.submitted_at), else_=of_visible_lines(sa.func.max(request_line.c.submitted_at)))
