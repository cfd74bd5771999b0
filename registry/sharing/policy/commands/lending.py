"""Keeps for how long what was lent counts; whoever lends says so, and says it anew when that changes."""

from uuid import UUID

import sqlalchemy as sa

from registry.platform.database.handles import Write
from registry.platform.kernel.time import Window
from registry.sharing.policy.schemas.decided import RecordedDecision
from registry.sharing.policy.tables import policy_lent

_INSERT = policy_lent.insert()
_FOLLOW = policy_lent.update().where(policy_lent.c.loan_id == sa.bindparam("loan", type_=policy_lent.c.loan_id.type))


def count_lent(write: Write, loan_id: UUID, made: RecordedDecision, quantity: int) -> None:
    """From now on the loan counts in place of the decision under which it was made, for the same window."""
    write.defer(
        _INSERT,
        [
            {
                "loan_id": loan_id,
                "root_decision_id": made.root_decision_id,
                "asset_id": made.asset_id,
                "requesting_agency_id": made.requesting_agency_id,
                "quantity": quantity,
                "starts_at": made.window.start,
                "ends_at": made.window.end,
            }
        ],
    )


async def follow_lent(write: Write, loan_id: UUID, lasts: Window | None, left: int) -> None:
    """The loan lasts for that window, or lasted; with None it never took place, and counts for nothing.

    `left` is how many are not lost: it counts with these. One that is lost as a whole lasted with what was left before.
    """
    changed: dict[str, object]
    changed = {"ends_at": None} if lasts is None else {"starts_at": lasts.start, "ends_at": lasts.end}
    if left:
        changed["quantity"] = left
    await write.run(_FOLLOW.values(changed), {"loan": loan_id})
