"""Queries about what was reserved of a package at once. Both sides see it for ever, as they do its loans."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.time import Window
from registry.resources.assets.schemas.shown import PackageReference
from registry.resources.packages.rules import MOST_MEMBERS
from registry.sharing.loans.queries.listing import list_loans
from registry.sharing.loans.rules import LoanAction, Side, whole_cancellation_refusal
from registry.sharing.loans.schemas.given import LoanQuery
from registry.sharing.loans.schemas.shown import PackageReservation
from registry.sharing.loans.tables import package_reservation

_requesting, _assisting = agency.alias("requesting"), agency.alias("assisting")
_VIEWER = sa.bindparam("viewer", type_=package_reservation.c.id.type)
_GET = (
    sa.select(
        *package_reservation.c,
        _requesting.c.name.label("requesting_agency_name"),
        _assisting.c.name.label("assisting_agency_name"),
    )
    .join(_requesting, _requesting.c.id == package_reservation.c.requesting_agency_id)
    .join(_assisting, _assisting.c.id == package_reservation.c.assisting_agency_id)
    .where(
        package_reservation.c.id == sa.bindparam("id", type_=package_reservation.c.id.type),
        sa.or_(
            package_reservation.c.requesting_agency_id == _VIEWER,
            package_reservation.c.assisting_agency_id == _VIEWER,
        ),
    )
)


def side_in(row: Row[Any], principal: Principal) -> Side:
    """The side of the caller's agency in a reservation that it can see."""
    return Side.ASSISTING if row.assisting_agency_id == principal.agency_id else Side.REQUESTING


async def reservation_row(read: Read, caller: Caller, reservation_id: UUID) -> Row[Any]:
    """The row, if the caller's agency is a side. Raises NotFound."""
    row = await read.first(_GET, {"id": reservation_id, "viewer": caller.agency_id})
    if row is None:
        raise NotFound("package_reservation")
    return row


async def get_reservation(read: Read, caller: Caller, reservation_id: UUID) -> PackageReservation:
    """What was reserved of a package at once, with its loans as they are now. Raises NotFound."""
    row = await reservation_row(read, caller, reservation_id)
    query = LoanQuery(reservation_id=reservation_id, sort="created_at", limit=MOST_MEMBERS)
    loans = (await list_loans(read, caller.principal, query, caller.now)).items
    return PackageReservation(
        id=row.id,
        package=PackageReference(id=row.package_id, name=row.package_name),
        requesting_agency=AgencyReference(id=row.requesting_agency_id, name=row.requesting_agency_name),
        assisting_agency=AgencyReference(id=row.assisting_agency_id, name=row.assisting_agency_name),
        window=Window(start=row.starts_at, end=row.ends_at),
        loans=loans,
        reserved_at=row.reserved_at,
        allowed_actions=_allowed(row, caller.principal, whole_cancellation_refusal([each.status for each in loans])),
        version=sum(each.version for each in loans),
    )


def _allowed(row: Row[Any], principal: Principal, withheld: str | None) -> list[AllowedAction]:
    if refusal(principal, Action.LOANS_END, [side_in(row, principal).value]) is not None:
        return []
    return [offer(LoanAction.CANCEL, withheld=withheld)]
