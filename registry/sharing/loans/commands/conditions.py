"""The condition on which something was offered: kept once it is accepted, and part of the loan that is made of it.

Whoever hands it over or has it reads the loan, and not the request; the condition binds both sides there.
"""

from uuid import UUID

import sqlalchemy as sa

from registry.platform.database.handles import Write
from registry.sharing.loans.tables import offer_condition

_INSERT = offer_condition.insert()
ACCEPTED = (
    sa.select(offer_condition.c.condition)
    .where(offer_condition.c.root_decision_id == sa.bindparam("chain", type_=offer_condition.c.root_decision_id.type))
    .scalar_subquery()
)
"""The condition accepted for the chain of decisions that the parameter `chain` names."""


async def keep_offer_condition(write: Write, root_decision_id: UUID, condition: str) -> None:
    """Keep on which condition an offer was accepted, for the loan under that chain of decisions."""
    await write.run(_INSERT, {"root_decision_id": root_decision_id, "condition": condition})
