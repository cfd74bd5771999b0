"""Commands that draft an agency's own policy set and have it validated."""

from uuid import UUID

from registry.platform.access.acts import keep_act
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.sharing.policy.apart import ConfinedExaminer
from registry.sharing.policy.cedar import agency_digest
from registry.sharing.policy.commands.storing import examined, locked, store, unchanged
from registry.sharing.policy.examining import PolicySetText
from registry.sharing.policy.lifecycle import PolicySetAction, PolicySetStatus, advance
from registry.sharing.policy.queries.sets import get_policy_set
from registry.sharing.policy.schemas.sets import AgencyPolicySet, NewPolicySet, PolicySetFindings
from registry.sharing.policy.tables import policy_set

_INSERT = policy_set.insert()


async def create_policy_set(write: Write, caller: Caller, new: NewPolicySet) -> AgencyPolicySet:
    """Keep a policy set as a draft, whatever is wrong with it. It never changes: a correction is another one."""
    permit(caller.principal, Action.POLICIES_DRAFT, ["own"])
    await write.once()
    text = PolicySetText(cedar=new.cedar, rules=new.rules, tests=new.tests).whole
    policy_set_id, digest = new_id(), agency_digest(text)
    await write.run(
        _INSERT,
        {
            "id": policy_set_id,
            "agency_id": caller.agency_id,
            "title": new.title,
            "rules": new.rules,
            "cedar": new.cedar,
            "tests": new.tests,
            "text": text,
            "digest": digest,
            "status": PolicySetStatus.DRAFT,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    keep_act(write, caller, Act.DRAFT, policy_set_id)
    record(
        write,
        caller,
        EventType.POLICY_SET_DRAFTED,
        subject=("policy_set", policy_set_id, 1),
        agencies=[caller.agency_id],
        data={"digest": digest},
    )
    return await get_policy_set(write, caller, policy_set_id)


async def validate_policy_set(
    read: Read,
    write: Write,
    caller: Caller,
    examiner: ConfinedExaminer,
    policy_set_id: UUID,
    expected: Expected = None,
) -> AgencyPolicySet:
    """Find everything that is wrong with a set, and say where; without faults it is validated.

    It is examined in a process of its own and before the transaction, so that nobody waits for it. Raises Busy,
    NotFound, Forbidden, StaleVersion, and WrongStatus for one that is active or retired.
    """
    seen, found = await examined(read, caller, examiner, policy_set_id, PolicySetAction.VALIDATE)
    row = await locked(write, caller, policy_set_id, PolicySetAction.VALIDATE)
    await write.once()
    check_version(expected, row.version)
    validated = advance(PolicySetStatus(row.status), PolicySetAction.VALIDATE)
    found = unchanged(found, seen, row)
    good = not found.faults
    await store(
        write,
        caller,
        row,
        EventType.POLICY_SET_VALIDATED if good else EventType.POLICY_SET_REFUSED,
        {
            "status": validated if good else PolicySetStatus.DRAFT,
            "findings": PolicySetFindings(faults=found.faults, policies=found.policies, cases=found.cases),
            "analysis": found.analysis,
            "validated_at": caller.now if good else None,
        },
        {"faults": len(found.faults), "policies": found.policies, "cases": found.cases},
    )
    return await get_policy_set(write, caller, policy_set_id)
