"""What may be lent by a decision that nothing covers any more as things are now: before it is reserved."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.in_force import covers
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Conflict
from registry.resources.assets.rules import Sharing
from registry.resources.assets.tables import asset
from registry.sharing.loans.hindrances import NOT_COVERED
from registry.sharing.policy.tables import policy_decision

_NOW = sa.bindparam("now", type_=policy_decision.c.starts_at.type)
WHY_UNCOVERED: Final = {
    "not_shared": "It is not shared any more: share it again to lend it, or decline.",
    "not_covered": f"{NOT_COVERED} Decline, or agree anew.",
}
"""Why its owner lends nothing then, in the owner's words; the one who asks reads that it cannot be lent."""


def uncovered(
    line: sa.FromClause, requesting: sa.ColumnElement[Any], *of: sa.FromClause
) -> sa.ColumnElement[str | None]:
    """An expression: why nothing covers what is asked for, one of `WHY_UNCOVERED`; NULL where something does.

    `line` has the asset, its owner and the window, `requesting` is the column of the agency that asks, `of` the tables
    that have it. An owner shares its asset no more, or no agreement in force covers it from its start, or from now on,
    until its end: as of what is reserved already.
    """
    its = sa.select(sa.literal(1)).where(asset.c.id == line.c.asset_id, asset.c.sharing == Sharing.PRIVATE.value)
    category = sa.select(asset.c.category).where(asset.c.id == line.c.asset_id).correlate(line).scalar_subquery()
    from_now = sa.case((line.c.starts_at > _NOW, line.c.starts_at), else_=_NOW)
    owner, until = line.c.assisting_agency_id, line.c.ends_at
    covered = covers(requesting, owner, category, from_now, until, of=[line, *of])
    return sa.case(
        (its.correlate(line).exists(), sa.literal_column("'not_shared'", sa.Text)),
        (sa.not_(covered), sa.literal_column("'not_covered'", sa.Text)),
        else_=sa.null(),
    )


_OF_DECISION: Final = sa.select(uncovered(policy_decision, policy_decision.c.requesting_agency_id)).where(
    policy_decision.c.id == sa.bindparam("id", type_=policy_decision.c.id.type)
)


async def told_uncovered(read: Read, decision: Row[Any], refused: Conflict, now: datetime) -> Conflict:
    """How it is refused that something is lent under a decision that does not hold any more.

    Where nothing covers it now, in the words that the line has for it; else as policies say.
    """
    why = await read.value(_OF_DECISION, {"id": decision.id, "now": now})
    return refused if why is None else Conflict(WHY_UNCOVERED[why], refused.code, extra=refused.extra)
