"""The loans' operations: one verb for each thing that either side does."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from litestar import Router
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.database.handles import Read, Write
from registry.http.answers import Answer, entity_tag
from registry.http.links import next_link
from registry.http.paging import Page
from registry.kernel.versions import Expected
from registry.ledger.queries import history
from registry.ledger.schemas import LedgerEventPage
from registry.loans import commands, queries, rescheduling
from registry.loans.rules import LoanAction
from registry.loans.schemas import (
    CONDITION_EXAMPLE,
    RESERVE_EXAMPLE,
    STEP_EXAMPLE,
    ConditionReport,
    ExtensionAnswer,
    ExtensionAsk,
    Loan,
    LoanEnding,
    LoanPage,
    LoanQuery,
    LoanStep,
    NewLoan,
    RecallNotice,
)
from registry.policy.cedar import PolicySet


def _answer(found: Loan, *, created: bool = False) -> Answer[Loan]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.state, found.overdue, found.allowed_actions),
        location=f"/v1/loans/{found.id}" if created else None,
    )


def _verb(
    name: str, permission: Action, *, problems: tuple[int, ...] = (409,), example: object | None = None
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    return operation(
        "post",
        f"/loans/{{loan_id:uuid}}/{name}",
        permission=permission,
        status=200,
        problems=problems,
        example=example,
        etag=True,
    )


@operation("get", "/loans", permission=Action.LOANS_READ, query=LoanQuery)
async def list_loans(
    read: NamedDependency[Read],
    filters: NamedDependency[LoanQuery],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[LoanPage]:
    """List the loans in which your agency is a side."""
    page = await queries.list_loans(read, caller.principal, filters, caller.now)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation("post", "/loans", permission=Action.LOANS_RESERVE, problems=(409, 422), example=RESERVE_EXAMPLE, etag=True)
async def create_loan(
    data: JSONBody[NewLoan],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    policies: NamedDependency[PolicySet],
) -> Answer[Loan]:
    """Reserve an own asset for the agency that a decision permits to have it.

    The decision is made again first; 409 `decision_worsened` when it no longer holds, `asset_not_free` with the
    blocking window when the asset is committed.
    """
    return _answer(await commands.reserve(write, caller, policies, data), created=True)


@operation("get", "/loans/{loan_id:uuid}", permission=Action.LOANS_READ, etag=True)
async def get_loan(
    loan_id: FromPath[UUID], read: NamedDependency[Read], caller: NamedDependency[Caller]
) -> Answer[Loan]:
    """Read one loan."""
    return _answer(await queries.get_loan(read, caller.principal, loan_id, caller.now))


@_verb("dispatch", Action.LOANS_HAND_OVER, problems=(409, 422), example=CONDITION_EXAMPLE)
async def dispatch_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[ConditionReport],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
    policies: NamedDependency[PolicySet],
) -> Answer[Loan]:
    """Send the asset out, in the condition reported."""
    return _answer(await commands.dispatch(write, caller, policies, loan_id, data, if_match))


@_verb("receive", Action.LOANS_RECEIVE, example=STEP_EXAMPLE)
async def receive_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Loan]:
    """Confirm that the asset has arrived."""
    return _answer(await commands.receive(write, caller, loan_id, data.note, if_match))


@_verb("start-return", Action.LOANS_RECEIVE, example=STEP_EXAMPLE)
async def start_loan_return(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Loan]:
    """Let the asset go home."""
    return _answer(await commands.start_return(write, caller, loan_id, data.note, if_match))


@_verb("return", Action.LOANS_HAND_OVER, example=CONDITION_EXAMPLE)
async def return_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[ConditionReport],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Loan]:
    """Confirm that the asset is back, in the condition reported.

    Possible from every state in which it is out, whatever the requesting agency has recorded; no policy is asked.
    """
    return _answer(await commands.take_back(write, caller, loan_id, data, if_match))


@_verb("close", Action.LOANS_HAND_OVER, example=STEP_EXAMPLE)
async def close_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Loan]:
    """Close a loan whose asset is back."""
    return _answer(await commands.close(write, caller, loan_id, data.note, if_match))


@_verb("cancel", Action.LOANS_END, example={"reason": "The warrant was served yesterday (demo)."})
async def cancel_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanEnding],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Loan]:
    """Cancel a reservation.

    For either side.
    """
    return _answer(await commands.end(write, caller, loan_id, LoanAction.CANCEL, data.reason, if_match))


@_verb(
    "report-no-show",
    Action.LOANS_END,
    problems=(409, 422),
    example={"reason": "Nobody came to fetch it by 20:00 (demo)."},
)
async def report_loan_no_show(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanEnding],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Loan]:
    """Record that the hand-over did not take place.

    For either side.
    """
    return _answer(await commands.end(write, caller, loan_id, LoanAction.REPORT_NO_SHOW, data.reason, if_match))


@_verb("report-lost", Action.LOANS_END, example={"reason": "Burnt out on scene (demo)."})
async def report_loan_lost(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanEnding],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Loan]:
    """Record that the asset will not come back, and take it off what can be lent.

    For either side.
    """
    return _answer(await commands.end(write, caller, loan_id, LoanAction.REPORT_LOST, data.reason, if_match))


@_verb(
    "request-extension",
    Action.LOANS_RECEIVE,
    problems=(409, 422),
    example={"until": "2026-07-06T18:00:00Z", "reason": "The search goes on (demo)."},
)
async def request_loan_extension(
    loan_id: FromPath[UUID],
    data: JSONBody[ExtensionAsk],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
    policies: NamedDependency[PolicySet],
) -> Answer[Loan]:
    """Ask to keep the asset for longer.

    Decided by policy for the longer window and checked against other bookings; it holds nothing until accepted.
    """
    return _answer(await rescheduling.request_extension(write, caller, policies, loan_id, data, if_match))


@_verb("accept-extension", Action.LOANS_HAND_OVER, problems=(409, 422), example=STEP_EXAMPLE)
async def accept_loan_extension(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
    policies: NamedDependency[PolicySet],
) -> Answer[Loan]:
    """Agree to the later return."""
    return _answer(await rescheduling.accept_extension(write, caller, policies, loan_id, data.note, if_match))


@_verb("decline-extension", Action.LOANS_HAND_OVER, example={"reason": "We need the dog ourselves on Sunday (demo)."})
async def decline_loan_extension(
    loan_id: FromPath[UUID],
    data: JSONBody[ExtensionAnswer],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Loan]:
    """Keep to the agreed return."""
    return _answer(await rescheduling.decline_extension(write, caller, loan_id, data, if_match))


@_verb(
    "recall",
    Action.LOANS_HAND_OVER,
    problems=(409, 422),
    example={"by": "2026-07-05T06:00:00Z", "reason": "A search of our own (demo)."},
)
async def recall_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[RecallNotice],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Loan]:
    """Ask for the asset back before its time."""
    return _answer(await rescheduling.recall(write, caller, loan_id, data, if_match))


@_verb("withdraw-recall", Action.LOANS_HAND_OVER, example=STEP_EXAMPLE)
async def withdraw_loan_recall(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Loan]:
    """Let the agreed return stand after all."""
    return _answer(await rescheduling.withdraw_recall(write, caller, loan_id, data.note, if_match))


@operation("get", "/loans/{loan_id:uuid}/history", permission=Action.LEDGER_READ, query=Page)
async def list_loan_history(
    loan_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[Page],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[LedgerEventPage]:
    """List what happened to a loan."""
    await queries.loan_rows(read, caller.principal, loan_id)
    page = await history(read, caller.principal, "loan", loan_id, filters)
    return Answer(page, next_link=next_link(here, page.next_cursor))


router = Router(
    path="/v1",
    tags=["loans"],
    route_handlers=[
        list_loans,
        create_loan,
        get_loan,
        dispatch_loan,
        receive_loan,
        start_loan_return,
        return_loan,
        close_loan,
        cancel_loan,
        report_loan_no_show,
        report_loan_lost,
        request_loan_extension,
        accept_loan_extension,
        decline_loan_extension,
        recall_loan,
        withdraw_loan_recall,
        list_loan_history,
    ],
)
