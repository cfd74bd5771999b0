"""People who are lent for what they can do: named when they are offered, committed with the loan, and free with it.

The asset that is lent is what the agreement covers, such as interpreters; who they are, their agency says. They are
named for a chain of decisions before there is a loan, and looked at again when it is made: a certificate may have been
taken away since.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Conflict, RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.resources.allocations.people import commit_person
from registry.resources.personnel.commands.recording import lock_people
from registry.resources.personnel.queries.sending import Ability, who_cannot_be_sent
from registry.sharing.loans.tables import people_offered

_INSERT = people_offered.insert()
_OF_CHAINS = sa.select(people_offered.c.personnel_ids).where(
    people_offered.c.root_decision_id.in_(
        sa.bindparam("roots", type_=people_offered.c.root_decision_id.type, expanding=True)
    )
)
_OF_CHAIN = people_offered.select().where(
    people_offered.c.root_decision_id == sa.bindparam("root", type_=people_offered.c.root_decision_id.type)
)


async def keep_people_offered(write: Write, root_decision_id: UUID, people: Sequence[UUID], ability: Ability) -> None:
    """Keep who is to go with what is lent under a chain of decisions, and what they have to be able to do."""
    await write.run(
        _INSERT,
        {
            "root_decision_id": root_decision_id,
            "personnel_ids": [str(each) for each in people],
            "capability": ability.capability,
            "rank": ability.rank,
            "tested": ability.tested,
        },
    )


async def people_offered_under(read: Read, roots: Sequence[UUID]) -> list[UUID]:
    """Everybody who was offered under these chains of decisions."""
    rows = await read.all(_OF_CHAINS, {"roots": sorted(roots)})
    return [each for row in rows for each in msgspec.json.decode(row.personnel_ids, type=list[UUID])]


async def commit_people_offered(
    write: Write, decision: Row[Any], loan_id: UUID, quantity: int, now: datetime
) -> list[UUID]:
    """Commit to a loan everybody who was offered under its chain of decisions, and return them; nobody where none was.

    Who makes several loans at once locks all of these people first, in the order of their ids.

    Raises RuleBroken `people_not_named` for a loan of fewer than were named, Conflict `personnel_not_free` when one
    of them cannot be sent then any more.
    """
    offered = await write.first(_OF_CHAIN, {"root": decision.root_decision_id})
    if offered is None:
        return []
    people: list[UUID] = msgspec.json.decode(offered.personnel_ids, type=list[UUID])
    window = Window(start=decision.starts_at, end=decision.ends_at)
    if quantity != len(people):
        words = f"The {len(people)} people who were offered are lent together, or not at all."
        raise RuleBroken.at(words, "people_not_named", "not as many as were named", pointer="/quantity")
    ability = Ability(capability=offered.capability, rank=offered.rank, tested=offered.tested)
    # Locked before they are looked at: nobody loses the capability or is committed elsewhere in between.
    locked = await lock_people(write, people)
    found = await who_cannot_be_sent(write, decision.assisting_agency_id, ability, people, window, now)
    if found is not None:
        words = "Somebody who was offered cannot be sent then any more: cancel, and offer others."
        raise Conflict(words, "personnel_not_free")
    for person in locked:
        await commit_person(
            write,
            person,
            allocation_id=new_id(),
            loan_id=loan_id,
            window=window,
            requesting_agency_id=decision.requesting_agency_id,
            now=now,
        )
    return people
