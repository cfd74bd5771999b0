"""Lines on which something may be lent, by their decision, that nothing covers any more as things are now."""

from typing import Any, Final

import sqlalchemy as sa

from registry.agreements.instruments.queries.in_force import covers
from registry.resources.assets.rules import Sharing
from registry.resources.assets.tables import asset
from registry.sharing.loans.hindrances import NOT_COVERED
from registry.sharing.requests.queries.derived_status import NOW
from registry.sharing.requests.rules import IN_PLAY
from registry.sharing.requests.tables import request_line

WHY_UNCOVERED: Final = {
    "not_shared": "It is not shared any more: share it again to lend it, or decline.",
    "not_covered": f"{NOT_COVERED} Decline, or agree anew.",
}
"""Why its owner lends nothing on the line, in the owner's words; the one who asks reads that it cannot be lent."""


def uncovered(requesting: sa.ColumnElement[Any], *of: sa.FromClause) -> sa.ColumnElement[str | None]:
    """An expression: why nothing covers a line that may be lent on, one of `WHY_UNCOVERED`; NULL where something does.

    `requesting` is the column of the agency that asks, `of` the table that has it. An owner shares its asset no more,
    or no agreement in force covers it from its start, or from now on, until its end: as of what is reserved already.
    """
    private = sa.select(sa.literal(1)).where(
        asset.c.id == request_line.c.asset_id, asset.c.sharing == Sharing.PRIVATE.value
    )
    from_now = sa.case((request_line.c.starts_at > NOW, request_line.c.starts_at), else_=NOW)
    line = request_line.c
    covered = covers(
        requesting, line.assisting_agency_id, line.category, from_now, line.ends_at, of=[request_line, *of]
    )
    return sa.case(
        (sa.or_(line.status.not_in(sorted(IN_PLAY)), line.ends_at <= NOW), sa.null()),
        (private.correlate(request_line).exists(), sa.literal_column("'not_shared'", sa.Text)),
        (sa.not_(covered), sa.literal_column("'not_covered'", sa.Text)),
        else_=sa.null(),
    )
