"""Commands by which somebody goes on leave, comes back, and leaves the agency."""

from uuid import UUID

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.event_types import EventType
from registry.resources.personnel.commands.recording import forget_holdings, lock_people, note, store
from registry.resources.personnel.queries.getting import as_record, record_row, relations
from registry.resources.personnel.rules import COMMITTED, PersonnelAction, PersonnelStatus, advance
from registry.resources.personnel.schemas import PersonnelRecord

_EVENT = {
    PersonnelAction.PLACE_ON_LEAVE: EventType.PERSONNEL_PLACED_ON_LEAVE,
    PersonnelAction.RETURN_TO_DUTY: EventType.PERSONNEL_RETURNED_TO_DUTY,
    PersonnelAction.SEPARATE: EventType.PERSONNEL_SEPARATED,
}
_GONE_WITH_THE_PERSON: dict[str, object] = {
    "latitude": None,
    "longitude": None,
    "hours": [],
    "absences": [],
    "conditions": [],
}
"""What is needed only of people who can be sent."""


async def change_status(
    write: Write, caller: Caller, personnel_id: UUID, action: PersonnelAction, reason: str, expected: Expected = None
) -> PersonnelRecord:
    """Place somebody on leave, return them to duty, or separate them for good.

    Raises WrongStatus, and Conflict `personnel_committed` for separating somebody whom a loan holds.
    """
    await lock_people(write, [personnel_id])
    row = await record_row(write, caller, personnel_id)
    permit(caller.principal, Action.PERSONNEL_UPDATE, relations(caller.principal, row.agency_id))
    await write.once()
    check_version(expected, row.version)
    status = advance(PersonnelStatus(row.status), action)
    values: dict[str, object] = {"status": status}
    if action is PersonnelAction.SEPARATE:
        if row.committed:
            raise Conflict(COMMITTED, "personnel_committed")
        values |= _GONE_WITH_THE_PERSON
        await forget_holdings(write, personnel_id)
    await store(write, caller, personnel_id, values)
    data = {"status": {"from": row.status, "to": status}, "reason": reason}
    note(write, caller, _EVENT[action], personnel_id, row.version + 1, data)
    return as_record(await record_row(write, caller, personnel_id), caller)
