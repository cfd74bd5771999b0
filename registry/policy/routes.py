"""The operations on decisions. They are made by requests and loans; here they are read, replayed and tried out."""

from uuid import UUID

from litestar import Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.database.handles import Read
from registry.http.answers import Answer, entity_tag
from registry.http.links import next_link
from registry.policy import queries
from registry.policy.cedar import PolicySet
from registry.policy.wire import (
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
)
async def evaluate_policy(
    data: JSONBody[PolicyQuestion],
    read: NamedDependency[Read],
    caller: NamedDependency[Caller],
    policies: NamedDependency[PolicySet],
) -> Answer[PolicyAnswer]:
    """Ask “what if”: how would this be decided now?

    The caller's agency is the requesting one. Nothing is stored. A denial is a successful answer: it says why, and what
    would change it.
    """
    return Answer(await queries.evaluate(read, caller, policies, data))


@operation("get", "/decisions", permission=Action.DECISIONS_READ, query=DecisionQuery)
async def list_decisions(
    read: NamedDependency[Read],
    filters: NamedDependency[DecisionQuery],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[DecisionPage]:
    """List the decisions of the own agency, on either side, latest first."""
    page = await queries.list_decisions(read, caller.principal, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation("get", "/decisions/{decision_id:uuid}", permission=Action.DECISIONS_READ, etag=True)
async def get_decision(
    decision_id: FromPath[UUID], read: NamedDependency[Read], caller: NamedDependency[Caller]
) -> Answer[DecisionRecord]:
    """Read one decision, with its reasons and where it stands now."""
    found = await queries.get_decision(read, caller.principal, decision_id)
    tag = entity_tag(
        1 + len(found.approvals_given), found.current_id, found.satisfied, found.ended, found.allowed_actions
    )
    return Answer(found, etag=tag)


@operation("get", "/decisions/{decision_id:uuid}/replay", permission=Action.DECISIONS_READ)
async def replay_decision(
    decision_id: FromPath[UUID],
    read: NamedDependency[Read],
    caller: NamedDependency[Caller],
    policies: NamedDependency[PolicySet],
) -> Answer[DecisionReplay]:
    """Decide the kept facts once more, with the policies of today.

    Under the policies of then the answer is the same; a difference shows what a change of policies would have meant.
    """
    return Answer(await queries.replay_decision(read, caller.principal, policies, decision_id))


router = Router(
    path="/v1",
    tags=["policy"],
    route_handlers=[evaluate_policy, list_decisions, get_decision, replay_decision],
)
