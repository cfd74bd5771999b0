"""Commands that let an agency's own policy set decide, and that retire one."""

from uuid import UUID

from registry.platform.access.acts import keep_act, separate
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.sharing.policy.apart import ConfinedExaminer
from registry.sharing.policy.commands.storing import examined, lock_sets, locked, store, unchanged
from registry.sharing.policy.lifecycle import PolicySetAction, PolicySetStatus, advance
from registry.sharing.policy.queries.sets import get_policy_set
from registry.sharing.policy.schemas.sets import AgencyPolicySet


async def activate_policy_set(
    read: Read,
    write: Write,
    caller: Caller,
    examiner: ConfinedExaminer,
    policy_set_id: UUID,
    expected: Expected = None,
) -> AgencyPolicySet:
    """Let a validated set decide from this transaction on, in every process; the one before it is retired.

    It is examined once more, before the transaction, since a release may have come in between. Raises Busy, NotFound,
    Forbidden (also `separation_of_duties` for who drafted it), StaleVersion, WrongStatus, and Conflict
    `policy_set_faulty`, or `policy_set_active` when another one was activated at the same moment.
    """
    seen, found = await examined(read, caller, examiner, policy_set_id, PolicySetAction.ACTIVATE)
    row = await locked(write, caller, policy_set_id, PolicySetAction.ACTIVATE)
    await write.once()
    check_version(expected, row.version)
    status = advance(PolicySetStatus(row.status), PolicySetAction.ACTIVATE)
    data = await separate(write, caller, Act.ACTIVATE, row.id)
    found = unchanged(found, seen, row)
    if found.faults:
        raise Conflict(
            "Under the words and policies of today this set has faults: validate it again, which says where they are.",
            "policy_set_faulty",
        )
    for other in await lock_sets(write, caller, policy_set_id):
        if other.status == PolicySetStatus.ACTIVE.value:
            replaced = {"status": PolicySetStatus.RETIRED, "retired_at": caller.now}
            await store(write, caller, other, EventType.POLICY_SET_RETIRED, replaced, {"replaced_by": str(row.id)})
            data["replaces"] = str(other.id)
    values = {"status": status, "analysis": found.analysis, "activated_at": caller.now}
    await store(write, caller, row, EventType.POLICY_SET_ACTIVATED, values, data)
    keep_act(write, caller, Act.ACTIVATE, row.id)
    return await get_policy_set(write, caller, policy_set_id)


async def retire_policy_set(
    write: Write, caller: Caller, policy_set_id: UUID, reason: str, expected: Expected = None
) -> AgencyPolicySet:
    """Let a set decide no more, or never. Decisions that were made under it stay as they are.

    One person does that: what an agency asked for beyond the law and its agreements is given up, nothing else. Raises
    NotFound, Forbidden, StaleVersion, WrongStatus.
    """
    row = await locked(write, caller, policy_set_id, PolicySetAction.RETIRE)
    await write.once()
    check_version(expected, row.version)
    status = advance(PolicySetStatus(row.status), PolicySetAction.RETIRE)
    values = {"status": status, "retired_at": caller.now, "retired_reason": reason}
    await store(write, caller, row, EventType.POLICY_SET_RETIRED, values, {"reason": reason})
    return await get_policy_set(write, caller, policy_set_id)
