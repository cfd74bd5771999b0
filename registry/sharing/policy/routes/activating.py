"""Operations that let an agency's own policy set decide, and that retire one."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.policy.apart import ConfinedExaminer
from registry.sharing.policy.commands import activating
from registry.sharing.policy.routes.answering import answer
from registry.sharing.policy.schemas.sets import AgencyPolicySet, PolicySetRetirement


@operation(
    "post",
    "/policy-sets/{policy_set_id:uuid}/activate",
    permission=Action.POLICIES_ACTIVATE,
    status=200,
    etag=True,
    problems=("policy_set_active", "policy_set_faulty", "separation_of_duties", "wrong_status"),
)
async def activate_policy_set(
    policy_set_id: FromPath[UUID],
    read: Supplied[Read],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    policy_examiner: Supplied[ConfinedExaminer],
) -> Answer[AgencyPolicySet]:
    """Let a validated policy set decide what your agency is asked for, from now on; who drafted it does not.

    The set that decided before is retired. Each decision names the set under which it was made.
    """
    return answer(await activating.activate_policy_set(read, write, caller, policy_examiner, policy_set_id, if_match))


@operation(
    "post",
    "/policy-sets/{policy_set_id:uuid}/retire",
    permission=Action.POLICIES_ACTIVATE,
    status=200,
    example={"reason": "The team is back from its training (demo)."},
    etag=True,
    problems=("wrong_status",),
)
async def retire_policy_set(
    policy_set_id: FromPath[UUID],
    data: JSONBody[PolicySetRetirement],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[AgencyPolicySet]:
    """Let a policy set decide no more, or never. Without an active one only the law and the agreements decide."""
    return answer(await activating.retire_policy_set(write, caller, policy_set_id, data.reason, if_match))


handlers = [activate_policy_set, retire_policy_set]
