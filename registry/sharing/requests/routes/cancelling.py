"""Operations that cancel what is reserved: they settle what becomes of the lines that it answered."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.loans.routes.answering import answer, package_answer, verb
from registry.sharing.loans.schemas.given import CANCELLATION_EXAMPLE, LoanCancellation
from registry.sharing.loans.schemas.shown import Loan, PackageReservation
from registry.sharing.requests.commands import cancelling


@verb(
    "cancel",
    Action.LOANS_END,
    example=CANCELLATION_EXAMPLE,
    problems=("other_sides_action", "still_needed", "wrong_status"),
)
async def cancel_loan(
    loan_id: FromPath[UUID],
    data: JSONBody[LoanCancellation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Loan]:
    """Cancel a reservation.

    For either side. The assisting agency has then declined: only the requesting agency can ask again. The requesting
    agency says whether what it asked for is `still_needed`: the line then asks as it did before it was reserved, or it
    is withdrawn.
    """
    return answer(await cancelling.cancel_loan(write, caller, loan_id, data, if_match))


@operation(
    "post",
    "/package-reservations/{reservation_id:uuid}/cancel",
    permission=Action.LOANS_END,
    status=200,
    problems=("still_needed", "wrong_status"),
    example=CANCELLATION_EXAMPLE,
    etag=True,
)
async def cancel_package_reservation(
    reservation_id: FromPath[UUID],
    data: JSONBody[LoanCancellation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[PackageReservation]:
    """Cancel all that is still reserved of a package, while nothing of it is out or was.

    For either side, which says the same as of one loan. Each loan can also be cancelled alone.
    """
    return package_answer(await cancelling.cancel_package(write, caller, reservation_id, data, if_match))


handlers = [cancel_loan, cancel_package_reservation]
