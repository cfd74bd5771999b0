"""What a stored line needs, of whichever agency, and what people have to be able to do."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read
from registry.platform.kernel.errors import RuleBroken
from registry.resources.personnel.queries.sending import Ability
from registry.resources.personnel.queries.types import known_types
from registry.resources.personnel.scales import ANY_LEVEL, rank_of, step_for
from registry.sharing.requests.rules import ENDED, REFUSED, LineStatus, remaining_of
from registry.sharing.requests.schemas.needs import CapabilityNeed, Need


def need_of(row: Row[Any]) -> Need | None:
    """What a stored line needs; None where it asks for a certain asset."""
    return None if row.need is None else msgspec.json.decode(row.need, type=Need)


def people_in(row: Row[Any]) -> list[UUID]:
    """The people who are offered on a stored line for what they can do."""
    return [] if row.personnel_ids is None else msgspec.json.decode(row.personnel_ids, type=list[UUID])


def is_need(row: Row[Any]) -> bool:
    """Whether it is the line of a need, for which agencies are asked in lines of their own."""
    return row.need is not None and row.fills_no is None


def is_partly_lent(row: Row[Any]) -> bool:
    """Whether the line asks for a certain asset, of which a loan is of fewer."""
    return row.need is None and row.line_status == LineStatus.PARTIALLY_FILLED


def is_refused(row: Row[Any], *, own: bool) -> bool:
    """Whether the line counts and is refused: as `derived_status.refused`. `own`: the viewer asks."""
    answers = own and row.fills_no is not None
    return row.line_status in REFUSED and row.replaced_by_no is None and not answers


def still_open(row: Row[Any]) -> int | None:
    """How many the line still lacks; None where that is no question: of an asset of which nothing or all is lent."""
    if is_partly_lent(row):
        return remaining_of(row.quantity, row.loan_counted, ended=row.stored in ENDED)
    return None if row.remaining is None else max(int(row.remaining), 0)


async def ability_of(read: Read, need: CapabilityNeed, pointer: str = "") -> Ability:
    """What people have to be able to do. Raises RuleBroken for an unknown capability, and a word of another scale."""
    its = (await known_types(read, {need.capability})).get(need.capability)
    if its is None:
        words = "There is no such capability; GET /v1/capability-types lists them."
        raise RuleBroken.at(words, "unknown_capability", "no such capability", pointer=f"{pointer}/capability")
    at_least = f"{pointer}/level_at_least"
    rank = ANY_LEVEL if need.level_at_least is None else rank_of(its.scale, need.level_at_least, at_least)
    step = step_for(its.scale, rank)
    return Ability(capability=need.capability, rank=rank, tested=need.tested, step=step)
