"""Operations on loans: one for each step that a side can take."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from litestar import Router
from litestar.handlers import HTTPRouteHandler
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
from registry.sharing.loans import queries
from registry.sharing.loans.commands import handing_over, rescheduling
from registry.sharing.loans.rules import LoanAction
from registry.sharing.loans.schemas import (
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
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import REFUSALS


def _answer(found: Loan, *, created: bool = False) -> Answer[Loan]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.overdue, found.allowed_actions),
        location=f"/v1/loans/{found.id}" if created else None,
    )


def _verb(
    name: str, permission: Action, *, problems: tuple[str, ...] = (), example: object | None = None
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
    read: Supplied[Read],
    filters: Supplied[LoanQuery],
    caller: Supplied[Caller],
) -> Answer[LoanPage]:
    """List the loans in which your agency is a side."""
    return Answer(await queries.list_loans(read, caller.principal, filters, caller.now))


@operation(
    "post",
    "/loans",
    permission=Action.LOANS_RESERVE,
    problems=(
        "already_reserved",
        "asset_not_free",
        "asset_not_in_service",
        "asset_still_out",
        *REFUSALS["reserve"],
        "quantity_over_decision",
        "separation_of_duties",
        "unknown_decision",
        "window_over",
    ),
    example=RESERVE_EXAMPLE,
    etag=True,
)
async def create_loan(
    data: JSONBody[NewLoan],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
) -> Answer[Loan]:
    """Reserve an own asset for the agency that a decision permits to have it.

    The decision is made again first; 409 `decision_worsened` when it no longer holds, `asset_not_free` with the
    blocking window when the asset is committed.
    """
    return _answer(await handing_over.reserve(write, caller, policies, data), created=True)


@operation("get", "/loans/{loan_id:uuid}", permission=Action.LOANS_READ, etag=True)
async def get_loan(loan_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]) -> Answer[Loan]:
    """Read one loan."""
    return _answer(await queries.get_loan(read, caller.principal, loan_id, caller.now))


@_verb(
    "dispatch",
    Action.LOANS_HAND_OVER,
    problems=(
        "asset_not_free",
        "asset_still_out",
        *REFUSALS["dispatch"],
        "nothing_held",
        "other_sides_action",
        "window_over",
        "wrong_status",
    ),
    example=CONDITION_EXAMPLE,
)
async def dispatch_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[ConditionReport],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    policies: Supplied[PolicySet],
) -> Answer[Loan]:
    """Send the asset out, in the condition reported."""
    return _answer(await handing_over.dispatch(write, caller, policies, loan_id, data, if_match))


@_verb("receive", Action.LOANS_RECEIVE, example=STEP_EXAMPLE, problems=("other_sides_action", "wrong_status"))
async def receive_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Confirm that the asset has arrived."""
    return _answer(await handing_over.receive(write, caller, loan_id, data.note, if_match))


@_verb("start-return", Action.LOANS_RECEIVE, example=STEP_EXAMPLE, problems=("other_sides_action", "wrong_status"))
async def start_loan_return(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Record that the asset is on its way home."""
    return _answer(await handing_over.start_return(write, caller, loan_id, data.note, if_match))


@_verb("return", Action.LOANS_HAND_OVER, example=CONDITION_EXAMPLE, problems=("other_sides_action", "wrong_status"))
async def return_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[ConditionReport],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Confirm that the asset is back, in the condition reported.

    Possible from every state in which it is out, whatever the requesting agency has recorded; no policy is asked.
    """
    return _answer(await handing_over.confirm_return(write, caller, loan_id, data, if_match))


@_verb("close", Action.LOANS_HAND_OVER, example=STEP_EXAMPLE, problems=("other_sides_action", "wrong_status"))
async def close_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Close a loan whose asset is back."""
    return _answer(await handing_over.close(write, caller, loan_id, data.note, if_match))


@_verb(
    "cancel",
    Action.LOANS_END,
    example={"reason": "The warrant was served yesterday (demo)."},
    problems=("other_sides_action", "wrong_status"),
)
async def cancel_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanEnding],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Cancel a reservation.

    For either side.
    """
    return _answer(await handing_over.end(write, caller, loan_id, LoanAction.CANCEL, data.reason, if_match))


@_verb(
    "report-no-show",
    Action.LOANS_END,
    problems=("not_started_yet", "other_sides_action", "wrong_status"),
    example={"reason": "Nobody came to fetch it by 20:00 (demo)."},
)
async def report_loan_no_show(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanEnding],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Record that the hand-over did not take place.

    For either side.
    """
    return _answer(await handing_over.end(write, caller, loan_id, LoanAction.REPORT_NO_SHOW, data.reason, if_match))


@_verb(
    "report-lost",
    Action.LOANS_END,
    example={"reason": "Burnt out on scene (demo)."},
    problems=("other_sides_action", "wrong_status"),
)
async def report_loan_lost(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanEnding],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Record that the asset will not come back, and take it off what can be lent.

    For either side.
    """
    return _answer(await handing_over.end(write, caller, loan_id, LoanAction.REPORT_LOST, data.reason, if_match))


@_verb(
    "request-extension",
    Action.LOANS_RECEIVE,
    problems=(
        "asset_not_free",
        *REFUSALS["extend"],
        "extension_beyond_limit",
        "extension_in_the_past",
        "extension_not_later",
        "extension_pending",
        "other_sides_action",
        "wrong_status",
    ),
    example={"planned_end_at": "2026-07-06T18:00:00Z", "reason": "The search goes on (demo)."},
)
async def request_loan_extension(
    loan_id: FromPath[UUID],
    data: JSONBody[ExtensionAsk],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    policies: Supplied[PolicySet],
) -> Answer[Loan]:
    """Ask to keep the asset for longer.

    Decided by policy for the longer window and checked against other bookings; it holds nothing until accepted.
    """
    return _answer(await rescheduling.request_extension(write, caller, policies, loan_id, data, if_match))


@_verb(
    "accept-extension",
    Action.LOANS_HAND_OVER,
    problems=(
        "asset_not_free",
        "decision_not_satisfied",
        *REFUSALS["extend"],
        "extension_in_the_past",
        "nothing_held",
        "other_sides_action",
        "own_request",
        "separation_of_duties",
        "wrong_status",
    ),
    example=STEP_EXAMPLE,
)
async def accept_loan_extension(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    policies: Supplied[PolicySet],
) -> Answer[Loan]:
    """Agree to the later return."""
    return _answer(await rescheduling.accept_extension(write, caller, policies, loan_id, data.note, if_match))


@_verb(
    "decline-extension",
    Action.LOANS_HAND_OVER,
    example={"reason": "We need the dog ourselves on Sunday (demo)."},
    problems=("other_sides_action", "wrong_status"),
)
async def decline_loan_extension(
    loan_id: FromPath[UUID],
    data: JSONBody[ExtensionAnswer],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Keep to the agreed return."""
    return _answer(await rescheduling.decline_extension(write, caller, loan_id, data, if_match))


@_verb(
    "recall",
    Action.LOANS_HAND_OVER,
    problems=("other_sides_action", "recall_in_the_past", "wrong_status"),
    example={"by": "2026-07-05T06:00:00Z", "reason": "A search of our own (demo)."},
)
async def recall_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[RecallNotice],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Ask for the asset back before its time."""
    return _answer(await rescheduling.recall(write, caller, loan_id, data, if_match))


@_verb("withdraw-recall", Action.LOANS_HAND_OVER, example=STEP_EXAMPLE, problems=("other_sides_action", "wrong_status"))
async def withdraw_loan_recall(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Let the agreed return stand after all."""
    return _answer(await rescheduling.withdraw_recall(write, caller, loan_id, data.note, if_match))


@operation("get", "/loans/{loan_id:uuid}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_loan_history(
    loan_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to a loan."""
    await queries.loan_rows(read, caller.principal, loan_id)
    return Answer(await history(read, caller.principal, "loan", loan_id, filters))


router = Router(
    path="/v1",
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
