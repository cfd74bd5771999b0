"""The operation that reserves an asset."""

from litestar.params import JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.sharing.loans.commands import reserving
from registry.sharing.loans.routes.answering import answer
from registry.sharing.loans.schemas.given import RESERVE_EXAMPLE, NewLoan
from registry.sharing.loans.schemas.shown import Loan
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import REFUSALS


@operation(
    "post",
    "/loans",
    permission=Action.LOANS_RESERVE,
    problems=(
        "already_reserved",
        "asset_changed",
        "asset_not_free",
        "asset_not_in_service",
        "asset_still_out",
        *REFUSALS["reserve"],
        "people_not_named",
        "personnel_not_active",
        "personnel_not_free",
        "quantity_over_decision",
        "separation_of_duties",
        "under_reserve_minimum",
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
    return answer(await reserving.reserve(write, caller, policies, data), created=True)


handlers = [
    create_loan,
]
