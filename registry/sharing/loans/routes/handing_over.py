"""Operations on loans: one for each step that a side can take."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.loans.commands import handing_over, losing, resuming
from registry.sharing.loans.routes.answering import answer, verb
from registry.sharing.loans.schemas.given import (
    CHECKED_EXAMPLE,
    CONDITION_EXAMPLE,
    STEP_EXAMPLE,
    Arrival,
    ChangeAccepted,
    CheckedAct,
    Departure,
    HandBack,
    LoanEnding,
    LoanLoss,
    LoanStep,
)
from registry.sharing.loans.schemas.shown import Loan
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import REFUSALS


@verb(
    "dispatch",
    Action.LOANS_HAND_OVER,
    problems=(
        "agreed_by_word",
        "asset_changed",
        "asset_not_free",
        "asset_still_out",
        "asset_unavailable",
        *REFUSALS["dispatch"],
        "early_dispatch_not_permitted",
        "fewer_than_promised",
        "handler_left",
        "not_then",
        "nothing_held",
        "obligation_twice",
        "other_sides_action",
        "people_not_named",
        "personnel_not_active",
        "personnel_not_free",
        "personnel_still_out",
        "quantity_over_loan",
        "under_reserve_minimum",
        "unknown_document",
        "window_over",
        "window_too_long",
        "wrong_status",
    ),
    example=CONDITION_EXAMPLE,
)
async def dispatch_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[Departure],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    policies: Supplied[PolicySet],
) -> Answer[Loan]:
    """Send the asset out, in the condition reported.

    What leaves more than two hours before its start is decided anew for the time from now to its end: what the
    agreement allows is counted from now, and approvals of the agreed window do not count for a longer one. Where fewer
    than your agency keeps would stay at home until then, who approves for it may give an `override_reason`.

    Help that was given by word of mouth and reserved later is recorded when it left (`occurred_at`), from its agreed
    start on, with how it was agreed (`agreed_by_word`). The other side may contest that time as any. It cannot have
    left while another loan had it (409 `asset_not_free`, with until when).

    Of several as many may leave as `quantity` says. The loan is of these from then on; the rest is released, and open
    on the line that it answers, to be asked for again.
    """
    said = (data.override_reason, data.occurred_at, data.agreed_by_word, data.quantity)
    return answer(await handing_over.dispatch(write, caller, policies, loan_id, data.condition, if_match, *said))


@verb(
    "accept-changed-asset",
    Action.LOANS_ACCEPT,
    problems=("asset_changed", "other_sides_action", "wrong_status"),
    example={"asset_version": 3, "note": "The other vehicle of the pair will do (demo)."},
)
async def accept_changed_asset(
    loan_id: FromPath[UUID],
    data: JSONBody[ChangeAccepted],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Accept a reserved asset as it is now, after the assisting agency changed its record.

    It binds your agency to what another changed: a person does that, no service.
    """
    return answer(await handing_over.accept_changed_asset(write, caller, loan_id, data, if_match))


@verb(
    "receive",
    Action.LOANS_RECEIVE,
    example=CHECKED_EXAMPLE,
    problems=(
        "not_then",
        "nothing_arrived",
        "other_sides_action",
        "quantity_over_loan",
        "unknown_document",
        "wrong_status",
    ),
)
async def receive_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[Arrival],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Confirm that the asset has arrived, how many of it, and in which condition your agency found it.

    Where fewer arrived than were sent out, both counts stand on the loan, for both sides to read.
    """
    said = (data.note, if_match, data.occurred_at, data.condition, data.quantity)
    return answer(await handing_over.receive(write, caller, loan_id, *said))


@verb(
    "start-return",
    Action.LOANS_RECEIVE,
    example=CHECKED_EXAMPLE,
    problems=("not_then", "other_sides_action", "unknown_document", "wrong_status"),
)
async def start_loan_return(
    loan_id: FromPath[UUID],
    data: JSONBody[CheckedAct],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Record that the asset is on its way home, and in which condition your agency sent it."""
    said = (data.note, if_match, data.occurred_at, data.condition)
    return answer(await handing_over.start_return(write, caller, loan_id, *said))


@verb(
    "return",
    Action.LOANS_HAND_OVER,
    example=CONDITION_EXAMPLE,
    problems=(
        "not_then",
        "other_sides_action",
        "people_not_named",
        "quantity_over_loan",
        "unknown_document",
        "wrong_status",
    ),
)
async def return_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[HandBack],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Confirm that the asset is back, in the condition reported.

    Possible from every state in which it is out, whatever the requesting agency has recorded; no policy is asked.

    Of several as many may be back as `quantity` says: they are free again, and the loan goes on with the rest, which is
    due as before. It is `returned` once the last is back.
    """
    said = (data.occurred_at, data.quantity)
    return answer(await handing_over.confirm_return(write, caller, loan_id, data.condition, if_match, *said))


@verb("close", Action.LOANS_HAND_OVER, example=STEP_EXAMPLE, problems=("other_sides_action", "wrong_status"))
async def close_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Close a loan whose asset is back."""
    return answer(await handing_over.close(write, caller, loan_id, data.note, if_match))


@verb(
    "report-no-show",
    Action.LOANS_END,
    problems=("no_show_too_early", "not_started_yet", "other_sides_action", "wrong_status"),
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

    For either side, from half an hour after the agreed start on, or after the reservation where that came later: who is
    held up may still come. The other one may
    contest it for 14 days; both words are shown.
    """
    return answer(await handing_over.report_no_show(write, caller, loan_id, data.reason, if_match))


@verb(
    "contest-no-show",
    Action.LOANS_CONTEST,
    problems=("other_sides_action", "wrong_status"),
    example={"reason": "We were there from 18:00 on, and nobody answered (demo)."},
)
async def contest_loan_no_show(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanEnding],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Contest that your agency did not come, within 14 days after the other one recorded that.

    A person does that, no service. The loan stays over until the other agency withdraws its report; that does not count
    against your agency unless you did not contest it.
    """
    return answer(await handing_over.contest_no_show(write, caller, loan_id, data.reason, if_match))


@verb(
    "withdraw-no-show",
    Action.LOANS_CONTEST,
    problems=("other_sides_action", "wrong_status"),
    example={"note": "Their log shows that they were there (demo)."},
)
async def withdraw_loan_no_show(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    policies: Supplied[PolicySet],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Withdraw your agency's report of a no-show, contested or not: it counts against nobody, and the loan resumes.

    It is reserved again, on a decision that is made anew, if its time is not over, nothing else was lent in its place
    and the asset can still be had with who goes with it. Else it stays over; `data` of its last event says why.
    """
    return answer(await resuming.withdraw_no_show(write, caller, policies, loan_id, data.note, if_match))


@verb(
    "report-lost",
    Action.LOANS_END,
    example={"reason": "Washed away by the current (demo).", "quantity": 1},
    problems=("not_then", "other_sides_action", "quantity_over_loan", "wrong_status"),
)
async def report_loan_lost(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanLoss],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Record that some or all of what is out will not come back, and take it off what can be lent.

    For either side. The loan goes on with the rest; with nothing left, it is `lost`. `report-found` puts it right.
    """
    return answer(await losing.report_lost(write, caller, loan_id, data, if_match))


@verb(
    "report-found",
    Action.LOANS_END,
    example={"reason": "It lay in the other van (demo).", "quantity": 1},
    problems=("not_then", "other_sides_action", "quantity_over_loan", "wrong_status"),
)
async def report_loan_found(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanLoss],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Record that something lost is found again, or was reported lost by mistake.

    It is lent again, with the rest, until it is returned; of a loan that was `lost`, it is `on_scene`. For either side,
    and for the assisting agency alone once the rest is back, also when the loan is closed: then what was
    found is at home too.
    """
    return answer(await losing.report_found(write, caller, loan_id, data, if_match))


handlers = [
    dispatch_loan,
    accept_changed_asset,
    receive_loan,
    start_loan_return,
    return_loan,
    close_loan,
    report_loan_no_show,
    contest_loan_no_show,
    withdraw_loan_no_show,
    report_loan_lost,
    report_loan_found,
]
