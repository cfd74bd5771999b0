"""What an agency offered beside the asset, kept for the chain of decisions under which it is lent."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.platform.database.handles import Write
from registry.sharing.loans.commands.conditions import keep_offer_condition
from registry.sharing.loans.commands.people import keep_people_offered
from registry.sharing.requests.queries.needs import ability_of, need_of
from registry.sharing.requests.schemas.needs import CapabilityNeed


async def keep_offered(write: Write, each: Row[Any], root_decision_id: UUID, people: Sequence[UUID]) -> None:
    """Keep the condition of an offer, and the people named with it; a chain that follows another needs both."""
    need = need_of(each)
    if isinstance(need, CapabilityNeed):
        await keep_people_offered(write, root_decision_id, people, await ability_of(write, need))
    if each.condition is not None:
        await keep_offer_condition(write, root_decision_id, each.condition)
