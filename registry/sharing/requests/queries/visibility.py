"""Visibility of requests: SQL criteria for the agency at the parameter `viewer`.

The requesting agency sees all of its own; an assisting one the lines for its assets, once submitted to it.
"""

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
