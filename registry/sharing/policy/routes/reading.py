"""Operations that read decisions and policy sets, replay a decision, and try one out."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer, entity_tag
from registry.sharing.policy.asking import QuestionSums
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.queries import getting, sets
from registry.sharing.policy.routes.answering import answer
from registry.sharing.policy.schemas.decided import (
    QUESTION_EXAMPLE,
    DecisionPage,
    DecisionQuery,
    DecisionRecord,
    DecisionReplay,
    PolicyAnswer,
    PolicyQuestion,
)
from registry.sharing.policy.schemas.sets import (
    AgencyPolicySet,
    PolicySetPage,
    PolicySetQuery,
)


@operation(
    "post",
    "/policy-evaluations",
    permission=Action.DECISIONS_EVALUATE,
    status=200,
    example=QUESTION_EXAMPLE,
    problems=(
        "quantity_over_capacity",
        "unknown_asset",
        "unknown_purpose",
        "window_over",
        "window_reversed",
        "window_too_long",
    ),
)
async def evaluate_policy(
    data: JSONBody[PolicyQuestion],
    read: Supplied[Read],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    policy_questions: Supplied[QuestionSums],
) -> Answer[PolicyAnswer]:
    """Ask “what if”: how would this be decided now?

    The caller's agency is the requesting one. Nothing is stored of it; that somebody asked is counted by person, and
    shown to the agency's auditors. A denial is a successful answer: it says why, and what would change it. A time that
    is over, and more of an asset than there is, are refused here as they are in a request.
    """
    found = await getting.evaluate(read, caller, policies, data)
    await policy_questions.note(caller, data.asset_id)
    return Answer(found)


@operation(
    "get",
    "/decisions",
    permission=Action.DECISIONS_READ,
    query=DecisionQuery,
)
async def list_decisions(
    read: Supplied[Read],
    filters: Supplied[DecisionQuery],
    caller: Supplied[Caller],
) -> Answer[DecisionPage]:
    """List the decisions of the own agency, on either side."""
    return Answer(await getting.list_decisions(read, caller, filters))


@operation("get", "/decisions/{decision_id:uuid}", permission=Action.DECISIONS_READ, etag=True)
async def get_decision(
    decision_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[DecisionRecord]:
    """Read one decision, with its reasons and where it stands now."""
    found = await getting.get_decision(read, caller, decision_id)
    tag = entity_tag(
        1 + len(found.approvals_given), found.current_id, found.satisfied, found.ended, found.allowed_actions
    )
    return Answer(found, etag=tag)


@operation("get", "/decisions/{decision_id:uuid}/replay", permission=Action.DECISIONS_READ)
async def replay_decision(
    decision_id: FromPath[UUID],
    read: Supplied[Read],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
) -> Answer[DecisionReplay]:
    """Decide the kept facts once more, with the policies of today.

    Under the policies of then the answer is the same; a difference shows what a change of policies would have meant.
    """
    return Answer(await getting.replay_decision(read, caller.principal, policies, decision_id))


@operation("get", "/policy-sets", permission=Action.POLICIES_READ, query=PolicySetQuery)
async def list_policy_sets(
    read: Supplied[Read], filters: Supplied[PolicySetQuery], caller: Supplied[Caller]
) -> Answer[PolicySetPage]:
    """List the policy sets of your agency. Others read its rules in decisions alone."""
    return Answer(await sets.list_policy_sets(read, caller, filters))


@operation("get", "/policy-sets/{policy_set_id:uuid}", permission=Action.POLICIES_READ, etag=True)
async def get_policy_set(
    policy_set_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[AgencyPolicySet]:
    """Read a policy set of your agency: what it says, as Cedar too, and what the last validation found."""
    return answer(await sets.get_policy_set(read, caller, policy_set_id))


handlers = [
    evaluate_policy,
    list_decisions,
    get_decision,
    replay_decision,
    list_policy_sets,
    get_policy_set,
]
