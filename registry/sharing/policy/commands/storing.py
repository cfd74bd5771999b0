"""What the commands on policy sets share: the row, locked and permitted, and its next version with its event."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.permissions import permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Rows, Write
from registry.platform.kernel.errors import StaleVersion
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.sharing.policy.analysing import DECISIONS_OF_DAYS, MOST_DECISIONS
from registry.sharing.policy.apart import ConfinedExaminer
from registry.sharing.policy.examining import Examination
from registry.sharing.policy.lifecycle import PolicySetAction, PolicySetStatus, why_not
from registry.sharing.policy.queries.impact import Period, latest_decisions
from registry.sharing.policy.queries.sets import PERMISSIONS, known_words, policy_set_row, relations, text_of
from registry.sharing.policy.tables import policy_set

_ITS = policy_set.c.id == sa.bindparam("its_id", type_=policy_set.c.id.type)
_LOCK = (
    sa.select(policy_set.c.id, policy_set.c.status, policy_set.c.version, policy_set.c.agency_id, policy_set.c.digest)
    .where(
        policy_set.c.agency_id == sa.bindparam("owner", type_=policy_set.c.agency_id.type),
        sa.or_(_ITS, policy_set.c.status == PolicySetStatus.ACTIVE.value),
    )
    .order_by(policy_set.c.id)
    .with_for_update()
)


async def lock_sets(write: Write, caller: Caller, policy_set_id: UUID) -> Rows:
    """Lock a set of the caller's agency, and the active one, in one order; the rows, none for a set of others."""
    return await write.all(_LOCK, {"owner": caller.agency_id, "its_id": policy_set_id})


async def locked(write: Write, caller: Caller, policy_set_id: UUID, action: PolicySetAction) -> Row[Any]:
    """The set's row, locked, if the caller may do that to it. Raises NotFound, Forbidden."""
    await lock_sets(write, caller, policy_set_id)
    row = await policy_set_row(write, caller, policy_set_id)
    permit(caller.principal, PERMISSIONS[action], relations(caller.principal, row.agency_id))
    return row


async def examined(
    read: Read, caller: Caller, examiner: ConfinedExaminer, policy_set_id: UUID, action: PolicySetAction
) -> tuple[Row[Any], Examination | None]:
    """The set's row before it is locked, and what is found of it; nothing where its status refuses the action.

    It is analysed over the latest decisions of thirty days. Raises Busy, NotFound, Forbidden.
    """
    row = await policy_set_row(read, caller, policy_set_id)
    permit(caller.principal, PERMISSIONS[action], relations(caller.principal, row.agency_id))
    if why_not(PolicySetStatus(row.status), action) is not None:
        return row, None
    period = Period.of_days(row.agency_id, DECISIONS_OF_DAYS, caller.now)
    known, decisions = await known_words(read, row.agency_id), await latest_decisions(read, period, MOST_DECISIONS)
    return row, await examiner.examine(row.agency_id, text_of(row), known, decisions)


def unchanged(found: Examination | None, seen: Row[Any], row: Row[Any]) -> Examination:
    """What was found of the set as it was `seen`, before it was locked. Raises StaleVersion if it changed since."""
    if found is None or seen.version != row.version:
        raise StaleVersion(
            "Somebody did something to this set while it was examined. Read it again.",
            extra={"current_version": row.version},
        )
    return found


async def store(
    write: Write,
    caller: Caller,
    row: Row[Any],
    event: EventType,
    values: Mapping[str, object],
    data: Mapping[str, object],
) -> None:
    """Change a set to its next version, and record it. No text goes into the ledger: the digest says which it is."""
    version = row.version + 1
    statement = policy_set.update().where(_ITS).values(**values, version=version, updated_at=caller.now)
    await write.run(statement, {"its_id": row.id})
    record(
        write,
        caller,
        event,
        subject=("policy_set", row.id, version),
        agencies=[row.agency_id],
        data={"digest": row.digest, **data},
    )
