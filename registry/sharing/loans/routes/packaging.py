"""Operations that reserve a package whole, and cancel it at once."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.sharing.loans.commands import packaging
from registry.sharing.loans.queries.packaging import get_reservation
from registry.sharing.loans.schemas.given import PACKAGE_RESERVE_EXAMPLE, LoanCancellation, NewPackageReservation
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
    return _answer(made, created=True)


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
    return _answer(await get_reservation(read, caller, reservation_id))


@operation(
    "post",
    "/package-reservations/{reservation_id:uuid}/cancel",
    permission=Action.LOANS_END,
    status=200,
    problems=("wrong_status",),
    example={"reason": "The search was called off (demo)."},
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

    For either side. Each loan can also be cancelled alone.
    """
    return _answer(await packaging.cancel_reservation(write, caller, reservation_id, data, if_match))


def _answer(found: PackageReservation, *, created: bool = False) -> Answer[PackageReservation]:
    derived = [(each.status, each.overdue, each.asset_unavailable) for each in found.loans]
    return Answer(
        found,
        etag=entity_tag(found.version, derived, found.allowed_actions),
        location=f"/v1/package-reservations/{found.id}" if created else None,
    )


handlers = [reserve_package, get_package_reservation, cancel_package_reservation]
