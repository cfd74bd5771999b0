"""Operations that read decisions and policy sets, replay a decision, and try one out."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer, entity_tag
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.queries import getting, impact, sets
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
    PolicySetImpact,
    PolicySetImpactQuery,
    PolicySetPage,
    PolicySetQuery,
)


@operation(
    "post",
    "/policy-evaluations",
    permission=Action.DECISIONS_EVALUATE,
    status=200,
    example=QUESTION_EXAMPLE,
    problems=("unknown_asset", "unknown_purpose", "window_reversed", "window_too_long"),
)
async def evaluate_policy(
    data: JSONBody[PolicyQuestion],
    read: Supplied[Read],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
) -> Answer[PolicyAnswer]:
    """Ask “what if”: how would this be decided now?

    The caller's agency is the requesting one. Nothing is stored. A denial is a successful answer: it says why, and what
    would change it.
    """
    return Answer(await getting.evaluate(read, caller, policies, data))


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


@operation(
    "get",
    "/policy-sets/{policy_set_id:uuid}/impact",
    permission=Action.POLICIES_DRAFT,
    query=PolicySetImpactQuery,
    problems=("policy_set_faulty", "wrong_status"),
)
async def get_policy_set_impact(
    policy_set_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[PolicySetImpactQuery],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
) -> Answer[PolicySetImpact]:
    """See what a validated policy set would have changed, had it been active in the last days.

    Decisions about what your agency was asked for are made again on their own facts, by what is active now and by the
    set: how many would have come out otherwise, which, and by which of your policies. An answer looks at a thousand at
    most, the latest first; `next_before` goes on, and `remaining` says how many are left.
    """
    return Answer(await impact.impact_of(read, caller, policies, policy_set_id, filters))


handlers = [
    evaluate_policy,
    list_decisions,
    get_decision,
    replay_decision,
    list_policy_sets,
    get_policy_set,
    get_policy_set_impact,
]
