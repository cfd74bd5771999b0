"""Operations on obligations."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import HistoryQuery
from registry.sharing.obligations import commands, queries
from registry.sharing.obligations.schemas import (
    OBLIGATION_ACCEPTANCE_EXAMPLE,
    OBLIGATION_CONTEST_EXAMPLE,
    OBLIGATION_FULFILMENT_EXAMPLE,
    OBLIGATION_WAIVER_EXAMPLE,
    Obligation,
    ObligationAcceptance,
    ObligationContest,
    ObligationCounts,
    ObligationCountsQuery,
    ObligationFulfilment,
    ObligationPage,
    ObligationQuery,
    ObligationWaiver,
)

_ONE = "/obligations/{obligation_id:uuid}"


def _answer(found: Obligation) -> Answer[Obligation]:
    return Answer(found, etag=entity_tag(found.version, found.status, found.late, found.allowed_actions))


@operation("get", "/obligations", permission=Action.OBLIGATIONS_READ, query=ObligationQuery)
async def list_obligations(
    read: Supplied[Read],
    filters: Supplied[ObligationQuery],
    caller: Supplied[Caller],
) -> Answer[ObligationPage]:
    """List what loans oblige your agency to do, and what others owe it."""
    return Answer(await queries.list_obligations(read, caller.principal, filters, caller.now))


@operation("get", "/obligations/counts", permission=Action.OBLIGATIONS_READ, query=ObligationCountsQuery)
async def get_obligation_counts(
    read: Supplied[Read],
    filters: Supplied[ObligationCountsQuery],
    caller: Supplied[Caller],
) -> Answer[ObligationCounts]:
    """Count how obligations stand: of a loan, a request, an agreement, or with a partner.

    Breaches are those that are breached now, and those that were met late.
    """
    return Answer(await queries.count_obligations(read, caller.principal, filters, caller.now))


@operation("get", _ONE, permission=Action.OBLIGATIONS_READ, etag=True)
async def get_obligation(
    obligation_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[Obligation]:
    """Read one obligation."""
    return _answer(await queries.get_obligation(read, caller.principal, obligation_id, caller.now))


@operation(
    "post",
    f"{_ONE}/fulfil",
    permission=Action.OBLIGATIONS_FULFIL,
    status=200,
    example=OBLIGATION_FULFILMENT_EXAMPLE,
    etag=True,
    problems=("not_then", "proof_missing", "wrong_status"),
)
async def fulfil_obligation(
    obligation_id: FromPath[UUID],
    data: JSONBody[ObligationFulfilment],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Obligation]:
    """Record that your agency met an obligation, with a statement or documents that show it.

    Not before that has come of which it speaks (`begins_at`). The other agency may contest it for 14 days.
    What was met in time is not late, however late it is recorded: `occurred_at` counts.
    """
    return _answer(await commands.fulfil_obligation(write, caller, obligation_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/contest",
    permission=Action.OBLIGATIONS_CONTEST,
    status=200,
    example=OBLIGATION_CONTEST_EXAMPLE,
    etag=True,
    problems=("wrong_status",),
)
async def contest_obligation(
    obligation_id: FromPath[UUID],
    data: JSONBody[ObligationContest],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Obligation]:
    """Contest that an obligation was met that is owed to your agency, within 14 days after that was recorded.

    Both words stand until your agency accepts it, or the other one shows anew that it was met.
    """
    return _answer(await commands.contest_obligation(write, caller, obligation_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/accept",
    permission=Action.OBLIGATIONS_CONTEST,
    status=200,
    example=OBLIGATION_ACCEPTANCE_EXAMPLE,
    etag=True,
    problems=("wrong_status",),
)
async def accept_obligation(
    obligation_id: FromPath[UUID],
    data: JSONBody[ObligationAcceptance],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Obligation]:
    """Accept that an obligation was met, as the other agency says, after contesting that."""
    return _answer(await commands.accept_obligation(write, caller, obligation_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/waive",
    permission=Action.OBLIGATIONS_WAIVE,
    status=200,
    example=OBLIGATION_WAIVER_EXAMPLE,
    etag=True,
    problems=("wrong_status",),
)
async def waive_obligation(
    obligation_id: FromPath[UUID],
    data: JSONBody[ObligationWaiver],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Obligation]:
    """Record that your agency does without what is owed to it, and why.

    What rests on law is waived by nobody.
    """
    return _answer(await commands.waive_obligation(write, caller, obligation_id, data, if_match))


@operation("get", f"{_ONE}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_obligation_history(
    obligation_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to an obligation."""
    await queries.obligation_row(read, caller.principal, obligation_id)
    return Answer(await history(read, caller.principal, "obligation", obligation_id, filters))


router = Router(
    path="/v1",
    route_handlers=[
        list_obligations,
        get_obligation_counts,
        get_obligation,
        fulfil_obligation,
        contest_obligation,
        accept_obligation,
        waive_obligation,
        list_obligation_history,
    ],
)
