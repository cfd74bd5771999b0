"""Which chains of decisions somebody has approved."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from registry.platform.database.handles import Read
from registry.sharing.policy.tables import policy_approval, policy_decision

_APPROVED: Final = (
    sa.select(policy_decision.c.root_decision_id)
    .distinct()
    .join(policy_approval, policy_approval.c.decision_id == policy_decision.c.id)
    .where(
        policy_decision.c.root_decision_id.in_(
            sa.bindparam("roots", type_=policy_decision.c.root_decision_id.type, expanding=True)
        ),
        policy_approval.c.verdict == "approved",
    )
)


async def approved_chains(read: Read, roots: Collection[UUID]) -> set[UUID]:
    """Those of the chains for which an approval was given, whether others are missing still or not."""
    if not roots:
        return set()
    return {row.root_decision_id for row in await read.all(_APPROVED, {"roots": sorted(roots)})}
