"""Commands that let an agency's own policy set decide, and that retire one."""

from uuid import UUID

from registry.platform.access.acts import keep_act, separate
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.versions import Expected, check_version
from registry.sharing.policy.commands.storing import lock_sets, locked, store
from registry.sharing.policy.examining import Examiner
from registry.sharing.policy.lifecycle import PolicySetAction, PolicySetStatus, advance
from registry.sharing.policy.queries.sets import get_policy_set, known_words, text_of
from registry.sharing.policy.schemas.sets import AgencyPolicySet


async def activate_policy_set(
    write: Write, caller: Caller, examiner: Examiner, policy_set_id: UUID, expected: Expected = None
) -> AgencyPolicySet:
    """Let a validated set decide from this transaction on, in every process; the one before it is retired.

    It is examined once more, since a release may have come in between. Raises NotFound, Forbidden (also
    `separation_of_duties` for who drafted it), StaleVersion, WrongStatus, and Conflict `policy_set_faulty`, or
    `policy_set_active` when another one was activated at the same moment.
    """
    row = await locked(write, caller, policy_set_id, PolicySetAction.ACTIVATE)
    await write.once()
    check_version(expected, row.version)
    status = advance(PolicySetStatus(row.status), PolicySetAction.ACTIVATE)
    data = await separate(write, caller, Act.ACTIVATE, row.id)
    if examiner.examine(text_of(row), await known_words(write, row.agency_id)).faults:
        raise Conflict(
            "Under the words and policies of today this set has faults: validate it again, which says where they are.",
            "policy_set_faulty",
        )
    for other in await lock_sets(write, caller, policy_set_id):
        if other.status == PolicySetStatus.ACTIVE.value:
            replaced = {"status": PolicySetStatus.RETIRED, "retired_at": caller.now}
            await store(write, caller, other, "retired", replaced, {"replaced_by": str(row.id)})
            data["replaces"] = str(other.id)
    await store(write, caller, row, "activated", {"status": status, "activated_at": caller.now}, data)
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
    await store(write, caller, row, "retired", values, {"reason": reason})
    return await get_policy_set(write, caller, policy_set_id)
