"""Who is committed to another agency: its name is shown once the reading is on record."""

from uuid import UUID

import sqlalchemy as sa

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Busy, DomainError, NotFound
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.resources.personnel.queries.getting import may_see_name
from registry.resources.personnel.schemas import PersonnelName
from registry.resources.personnel.tables import personnel_record

_NAME = (
    sa.select(
        personnel_record.c.id,
        personnel_record.c.agency_id,
        personnel_record.c.display_name,
        personnel_record.c.rank,
        personnel_record.c.title,
        agency.c.name.label("agency_name"),
    )
    .join(agency, agency.c.id == personnel_record.c.agency_id)
    .where(personnel_record.c.id == sa.bindparam("id", type_=personnel_record.c.id.type))
)


async def read_name(read: Read, own_transaction: OwnTransaction, caller: Caller, personnel_id: UUID) -> PersonnelName:
    """The name of one of the own people, or of somebody who is committed to the caller's agency.

    The reading by another agency is in the ledger of both before the answer. Raises NotFound, Busy.
    """
    row = None
    if await may_see_name(read, caller.agency_id, personnel_id):
        row = await read.first(_NAME, {"id": personnel_id})
    if row is None:
        raise NotFound("personnel_record")
    if row.agency_id != caller.agency_id:
        await _record_reading(own_transaction, caller, personnel_id, row.agency_id)
    return PersonnelName(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        display_name=row.display_name,
        rank=row.rank,
        title=row.title,
    )


async def _record_reading(own_transaction: OwnTransaction, caller: Caller, personnel_id: UUID, agency_id: UUID) -> None:
    try:
        async with own_transaction() as write:
            record(
                write,
                caller,
                EventType.PERSONNEL_NAME_READ,
                subject=("name_reading", new_id(), 0),
                agencies=[agency_id],
                data={"personnel_id": str(personnel_id)},
                restricted=True,
            )
    except DomainError:
        raise
    except Exception as error:
        raise Busy(
            "The reading could not be recorded, so the name is not shown. Try again.", "reading_not_recorded"
        ) from error
