"""Operations that extend and recall loans."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.loans.commands import rescheduling
from registry.sharing.loans.routes.answering import answer, verb
from registry.sharing.loans.schemas.given import (
    EXTENSION_ACCEPTANCE_EXAMPLE,
    STEP_EXAMPLE,
    ExtensionAcceptance,
    ExtensionAnswer,
    ExtensionAsk,
    LoanStep,
    RecallNotice,
)
from registry.sharing.loans.schemas.shown import Loan
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import REFUSALS


@verb(
    "request-extension",
    Action.LOANS_RECEIVE,
    problems=(
        "asset_not_free",
        "decision_rejected",
        "extension_beyond_limit",
        "extension_in_the_past",
        "extension_not_later",
        "extension_not_permitted",
        "extension_pending",
        "nothing_held",
        "other_sides_action",
        "personnel_not_free",
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
    return answer(await rescheduling.request_extension(write, caller, policies, loan_id, data, if_match))


@verb(
    "accept-extension",
    Action.LOANS_HAND_OVER,
    problems=(
        "asset_not_free",
        "decision_not_satisfied",
        *REFUSALS["extend"],
        "extension_changed",
        "extension_in_the_past",
        "nothing_held",
        "other_sides_action",
        "own_request",
        "personnel_not_free",
        "separation_of_duties",
        "under_reserve_minimum",
        "wrong_status",
    ),
    example=EXTENSION_ACCEPTANCE_EXAMPLE,
)
async def accept_loan_extension(
    loan_id: FromPath[UUID],
    data: JSONBody[ExtensionAcceptance],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    policies: Supplied[PolicySet],
) -> Answer[Loan]:
    """Agree to the later return that is asked for, by the extension that was read.

    Where another is asked for by now, nothing is accepted (`extension_changed`). Who approves for the agency may give
    an `override_reason` where fewer than it keeps would stay at home.
    """
    return answer(await rescheduling.accept_extension(write, caller, policies, loan_id, data, if_match))


@verb(
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
    return answer(await rescheduling.decline_extension(write, caller, loan_id, data, if_match))


@verb(
    "recall",
    Action.LOANS_HAND_OVER,
    problems=("not_then", "other_sides_action", "recall_after_return", "recall_in_the_past", "wrong_status"),
    example={"by": "2026-07-05T06:00:00Z", "reason": "A search of our own (demo)."},
)
async def recall_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[RecallNotice],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Ask for the asset back before its time: not later than the agreed return, which stands."""
    return answer(await rescheduling.recall(write, caller, loan_id, data, if_match))


@verb("withdraw-recall", Action.LOANS_HAND_OVER, example=STEP_EXAMPLE, problems=("other_sides_action", "wrong_status"))
async def withdraw_loan_recall(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Let the agreed return stand after all."""
    return answer(await rescheduling.withdraw_recall(write, caller, loan_id, data.note, if_match))


handlers = [
    request_loan_extension,
    accept_loan_extension,
    decline_loan_extension,
    recall_loan,
    withdraw_loan_recall,
]
