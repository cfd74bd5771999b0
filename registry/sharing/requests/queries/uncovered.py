"""Lines on which something may be lent, by their decision, that nothing covers any more as things are now."""

from typing import Any

import sqlalchemy as sa

from registry.sharing.loans.queries.uncovered import uncovered
from registry.sharing.requests.queries.derived_status import NOW
from registry.sharing.requests.rules import IN_PLAY
from registry.sharing.requests.tables import request_line


def line_uncovered(requesting: sa.ColumnElement[Any], *of: sa.FromClause) -> sa.ColumnElement[str | None]:
    """An expression: why nothing covers a line that may be lent on, as `loans` has it; NULL where something does.

    `requesting` is the column of the agency that asks, `of` the table that has it.
    """
    open_still = sa.and_(request_line.c.status.in_(sorted(IN_PLAY)), request_line.c.ends_at > NOW)
    return sa.case((open_still, uncovered(request_line, requesting, *of)), else_=sa.null())
