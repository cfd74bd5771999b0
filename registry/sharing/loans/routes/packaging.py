"""Operations that reserve a package whole, and read that. It is cancelled where its requests are settled."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected
from registry.sharing.loans.commands import packaging
from registry.sharing.loans.queries.packaging import get_reservation
from registry.sharing.loans.routes.answering import package_answer
from registry.sharing.loans.schemas.given import PACKAGE_RESERVE_EXAMPLE, NewPackageReservation
from registry.sharing.loans.schemas.shown import PackageReservation
from registry.sharing.policy.cedar import PolicySet


@operation(
    "post",
    "/packages/{package_id:uuid}/reserve",
    permission=Action.LOANS_RESERVE,
    problems=(
        "decision_not_of_package",
        "decisions_differ",
        "package_blocked",
        "package_incomplete",
        "unknown_decision",
        "wrong_status",
    ),
    example=PACKAGE_RESERVE_EXAMPLE,
    etag=True,
)
async def reserve_package(
    package_id: FromPath[UUID],
    data: JSONBody[NewPackageReservation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    policies: Supplied[PolicySet],
) -> Answer[PackageReservation]:
    """Reserve all of an own package, or none of it, for the agency that decisions permit to have it.

    Each asset is looked at as when it is reserved alone: its decision is made again, and it has to be free. Where one
    cannot be reserved, none is, and 409 `package_blocked` names all that cannot, and why. Each becomes a loan of its
    own, tied to the others by `reservation_id`.
    """
    made = await packaging.reserve_package(write, caller, policies, package_id, data, if_match)
    return package_answer(made, created=True)


@operation(
    "get",
    "/package-reservations/{reservation_id:uuid}",
    permission=Action.LOANS_READ,
    etag=True,
)
async def get_package_reservation(
    reservation_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[PackageReservation]:
    """Read what was reserved of a package at once, with its loans as they are now."""
    return package_answer(await get_reservation(read, caller, reservation_id))


handlers = [reserve_package, get_package_reservation]
