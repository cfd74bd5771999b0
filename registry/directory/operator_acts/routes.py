"""Operations on operator's acts, for the registry's administrators."""

# Their handlers do what is approved here.
from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

import registry.directory.agencies.routes
import registry.directory.issuers.routes
import registry.directory.principals.routes
import registry.directory.revocations.routes  # noqa: F401  # all four declare such acts
from registry.directory.operator_acts import commands, queries
from registry.directory.operator_acts.schemas import (
    REJECTION_EXAMPLE,
    OperatorAct,
    OperatorActApproval,
    OperatorActPage,
    OperatorActRejection,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.access.second_operator import PERFORMABLE
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.http.asgi import Scope
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.versions import Expected

_OF_ACTS = {code for act in PERFORMABLE.values() for code in act.problems}


def _answer(found: OperatorAct) -> Answer[OperatorAct]:
    return Answer(found, etag=entity_tag(found.version, found.status, found.allowed_actions))


@operation("get", "/operator-acts", permission=Action.OPERATOR_ACTS_DECIDE, query=NewestFirst)
async def list_operator_acts(
    read: Supplied[Read], filters: Supplied[NewestFirst], caller: Supplied[Caller]
) -> Answer[OperatorActPage]:
    """List what administrators of the registry proposed, decided and lapsed acts included."""
    return Answer(await queries.list_operator_acts(read, caller, filters))


@operation("get", "/operator-acts/{operator_act_id:uuid}", permission=Action.OPERATOR_ACTS_DECIDE, etag=True)
async def get_operator_act(
    operator_act_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[OperatorAct]:
    """Read one act: who proposed what, and until when it can be approved."""
    return _answer(await queries.get_operator_act(read, caller, operator_act_id))


@operation(
    "post",
    "/operator-acts/{operator_act_id:uuid}/approve",
    permission=Action.OPERATOR_ACTS_DECIDE,
    status=200,
    problems=tuple(sorted(_OF_ACTS | {"wrong_status"})),
    example={},
    etag=True,
    step_up=True,
)
async def approve_operator_act(
    operator_act_id: FromPath[UUID],
    data: JSONBody[OperatorActApproval],  # that nothing is said is checked
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    scope: Supplied[Scope],
) -> Answer[OperatorAct]:
    """Do what another administrator proposed, as your own act and by the rules of now.

    Where these refuse it, it stays proposed. Nobody approves what they proposed themselves.
    """
    supplied = scope["litestar_app"].state
    return _answer(await commands.approve_operator_act(write, caller, operator_act_id, if_match, supplied))


@operation(
    "post",
    "/operator-acts/{operator_act_id:uuid}/reject",
    permission=Action.OPERATOR_ACTS_DECIDE,
    status=200,
    problems=("wrong_status",),
    example=REJECTION_EXAMPLE,
    etag=True,
)
async def reject_operator_act(
    operator_act_id: FromPath[UUID],
    data: JSONBody[OperatorActRejection],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[OperatorAct]:
    """Have it not done; whoever proposed it takes it back so."""
    return _answer(await commands.reject_operator_act(write, caller, operator_act_id, data.reason, if_match))


router = Router(
    path="/v1",
    route_handlers=[list_operator_acts, get_operator_act, approve_operator_act, reject_operator_act],
)
