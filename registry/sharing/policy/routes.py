"""Operations on decisions: read, replay and try out. Decisions are made by requests and loans."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.answers import Answer, entity_tag
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.queries import getting
from registry.sharing.policy.schemas import (
    QUESTION_EXAMPLE,
    DecisionPage,
    DecisionQuery,
    DecisionRecord,
    DecisionReplay,
    PolicyAnswer,
    PolicyQuestion,
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


router = Router(
    path="/v1",
    route_handlers=[evaluate_policy, list_decisions, get_decision, replay_decision],
)
