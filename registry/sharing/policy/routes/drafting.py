"""Operations that draft an agency's own policy set and have it validated."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.policy.apart import ConfinedExaminer
from registry.sharing.policy.commands import drafting
from registry.sharing.policy.routes.answering import answer
from registry.sharing.policy.schemas.sets import NEW_POLICY_SET_EXAMPLE, AgencyPolicySet, NewPolicySet


@operation("post", "/policy-sets", permission=Action.POLICIES_DRAFT, example=NEW_POLICY_SET_EXAMPLE, etag=True)
async def create_policy_set(
    data: JSONBody[NewPolicySet], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[AgencyPolicySet]:
    """Draft a policy set of your agency: what it asks for beyond the law and its agreements before it lends.

    It is kept whatever is wrong with it, and decides nothing yet. `text` shows what was made of the rules. What it says
    never changes: to correct it, draft another one.
    """
    return answer(await drafting.create_policy_set(write, caller, data), created=True)


@operation(
    "post",
    "/policy-sets/{policy_set_id:uuid}/validate",
    permission=Action.POLICIES_DRAFT,
    status=200,
    etag=True,
    problems=("wrong_status",),
)
async def validate_policy_set(
    policy_set_id: FromPath[UUID],
    read: Supplied[Read],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    policy_examiner: Supplied[ConfinedExaminer],
) -> Answer[AgencyPolicySet]:
    """Find out what is wrong with a policy set: `findings` says what, and where.

    Syntax, words, annotations, codes of categories and purposes, and its cases are looked at. Without faults it is
    validated, and somebody else may activate it.
    """
    return answer(await drafting.validate_policy_set(read, write, caller, policy_examiner, policy_set_id, if_match))


handlers = [create_policy_set, validate_policy_set]
