"""What a sheet is made of. Who reads the loan has its sheet; of all else it shows what its reader may read."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.agreements.instruments.queries.versions import get_version
from registry.agreements.instruments.tables import agreement
from registry.directory.agencies.tables import agency_ori
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Forbidden, NotFound
from registry.platform.kernel.geo import Location
from registry.resources.assets.queries.getting import get_asset
from registry.resources.assets.schemas.shown import Asset
from registry.sharing.loans.queries.packaging import get_reservation
from registry.sharing.loans.schemas.shown import Loan, LoanSummary
from registry.sharing.requests.tables import request_line
from registry.sharing.sheets.rules import OfVersion

_UUID = request_line.c.id.type
_ZONE = sa.select(agreement.c.time_zone).where(agreement.c.id == sa.bindparam("id", type_=_UUID))
_ORIS = (
    sa.select(agency_ori.c.agency_id, agency_ori.c.ori)
    .where(agency_ori.c.agency_id.in_(sa.bindparam("agency_ids", type_=_UUID, expanding=True)))
    .order_by(agency_ori.c.is_primary.desc(), agency_ori.c.ori)
)
_PLACE = sa.select(request_line.c.place_latitude, request_line.c.place_longitude).where(
    request_line.c.request_id == sa.bindparam("request_id", type_=_UUID),
    request_line.c.no == sa.bindparam("no", type_=sa.Integer),
)
T = TypeVar("T")


def decoded(found: T, kind: type[T]) -> T:
    """The same with all that is stored as JSON in it decoded."""
    return msgspec.json.decode(msgspec.json.encode(found), type=kind)


async def time_zone(read: Read, loan: Loan) -> str:
    """The zone of the agreement."""
    found: str = await read.value(_ZONE, {"id": loan.agreement.id})
    return found


async def oris(read: Read, loan: Loan) -> Mapping[UUID, Sequence[str]]:
    """The ORIs of both agencies, the first one of each first."""
    found: dict[UUID, list[str]] = {}
    for row in await read.all(_ORIS, {"agency_ids": [loan.assisting_agency.id, loan.requesting_agency.id]}):
        found.setdefault(row.agency_id, []).append(row.ori)
    return found


async def asset_of(read: Read, caller: Caller, loan: Loan) -> Asset | None:
    """The asset as the reader sees it now; None where it does not see it any more."""
    try:
        return decoded(await get_asset(read, caller, loan.asset.id), Asset)
    except NotFound:
        return None


async def place_of(read: Read, loan: Loan) -> Location | None:
    """Where it is needed, as the line of the request says."""
    if loan.request is None:
        return None
    row = await read.first(_PLACE, {"request_id": loan.request.id, "no": loan.request.line_no})
    if row is None or row.place_latitude is None:
        return None
    return Location(latitude=row.place_latitude, longitude=row.place_longitude)


async def members_of(read: Read, caller: Caller, loan: Loan) -> list[tuple[str, str]]:
    """What is lent with it, as one package."""
    if loan.reservation_id is None:
        return []
    found = await get_reservation(read, caller, loan.reservation_id)
    others = [decoded(each, LoanSummary).asset for each in found.loans if each.id != loan.id]
    return [(each.name, each.tag) for each in others]


async def version_of(read: Read, caller: Caller, loan: Loan) -> OfVersion | None:
    """The terms of the version under which it was lent, as whoever is not cleared for restricted text reads them."""
    uncleared = msgspec.structs.replace(caller.principal, roles=frozenset())
    try:
        found, _ = await get_version(read, uncleared, loan.agreement.id, loan.agreement.version_no, caller.now)
    except (NotFound, Forbidden):
        return None
    return OfVersion(terms=found.terms, withheld=found.terms_withheld)
