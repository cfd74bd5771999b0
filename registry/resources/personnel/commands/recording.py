"""Commands that enter a personnel record and correct it, and the lock under which somebody is committed.

The ledger says that a record changed and which of its fields, never what they hold: it forgets nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, WrongStatus
from registry.platform.kernel.geo import Location
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.resources.allocations.rules import LockedPerson
from registry.resources.personnel.commands.releasing import begin_disclosure
from registry.resources.personnel.holdings import Holding, StoredCredential, check_credential, codes_in, holdings
from registry.resources.personnel.queries.getting import as_record, decoded, record_row, relations
from registry.resources.personnel.queries.types import known_types
from registry.resources.personnel.rules import PersonnelStatus, check_days, tag_form
from registry.resources.personnel.schemas import (
    HeldCapability,
    NewCredential,
    NewPersonnelRecord,
    PersonnelRecord,
    PersonnelRecordPatch,
    ProhibitiveCondition,
    Qualification,
)
from registry.resources.personnel.tables import personnel_capability, personnel_record

_INSERT = personnel_record.insert()
_INSERT_HOLDING = personnel_capability.insert()
_LOCK = (
    sa.select(personnel_record.c.id)
    .where(personnel_record.c.id == sa.bindparam("id", type_=personnel_record.c.id.type))
    .with_for_update(key_share=True)
)
_ITS = personnel_record.update().where(
    personnel_record.c.id == sa.bindparam("its_id", type_=personnel_record.c.id.type)
)
_TOUCH = _ITS.values(allocation_version=personnel_record.c.allocation_version + 1).returning(
    personnel_record.c.status, personnel_record.c.agency_id
)
_FORGET_HOLDINGS = personnel_capability.delete().where(
    personnel_capability.c.personnel_id == sa.bindparam("its_id", type_=personnel_record.c.id.type)
)
_COLUMN = {"weekly_hours": "hours"}
_COUNTED = {"capabilities", "qualifications"}


async def lock(write: Write, personnel_id: UUID) -> None:
    """Lock a record against edits and commitments until the end of the transaction. Raises NotFound."""
    if await write.value(_LOCK, {"id": personnel_id}) is None:
        raise NotFound("personnel_record")


async def lock_people(write: Write, ids: Sequence[UUID]) -> list[LockedPerson]:
    """As `lock`, of several people in the order of their ids, for committing them; only this makes `LockedPerson`s.

    A transaction that commits assets too, such as a dog with its handler, locks all assets first.
    """
    locked = []
    for personnel_id in sorted(ids):
        rows = await write.run_returning(_TOUCH, {"its_id": personnel_id})
        if not rows:
            raise NotFound("personnel_record")
        active = rows[0].status == PersonnelStatus.ACTIVE
        locked.append(LockedPerson(id=personnel_id, agency_id=rows[0].agency_id, active=active))
    return locked


async def create_record(write: Write, caller: Caller, new: NewPersonnelRecord) -> PersonnelRecord:
    """Enter one of the caller's agency's people.

    Raises Conflict for a taken tag, RuleBroken for an unknown capability, a level of another scale, or days in the
    wrong order.
    """
    permit(caller.principal, Action.PERSONNEL_CREATE, ["own"])
    await write.once()
    credentials = [as_stored(each) for each in new.credentials]
    known = await known_types(write, codes_in(new.capabilities, credentials, new.qualifications))
    for index, credential in enumerate(new.credentials):
        check_credential(credential, known, f"/credentials/{index}")
    counted = holdings(new.capabilities, credentials, new.qualifications, known)
    check_times(new.absences, new.conditions)
    personnel_id = new_id()
    await write.run(_INSERT, record_columns(personnel_id, caller.agency_id, new, credentials, caller.now))
    await keep_holdings(write, personnel_id, caller.agency_id, counted)
    await begin_disclosure(write, caller.agency_id, caller.now)
    note(write, caller, EventType.PERSONNEL_ENTERED, personnel_id, 1, {})
    return as_record(await record_row(write, caller, personnel_id), caller)


def record_columns(
    personnel_id: UUID,
    agency_id: UUID,
    new: NewPersonnelRecord,
    credentials: Sequence[StoredCredential],
    now: datetime,
) -> dict[str, object]:
    """The row of a new record; `credentials` are those of `new`, as they are stored."""
    tag = new.tag or f"P-{personnel_id.hex[-12:].upper()}"
    return {
        "id": personnel_id,
        "agency_id": agency_id,
        "tag": tag,
        "tag_form": tag_form(tag),
        "display_name": new.display_name,
        "rank": new.rank,
        "title": new.title,
        "status": PersonnelStatus.ACTIVE,
        **_point(new.location),
        "capabilities": new.capabilities,
        "credentials": credentials,
        "qualifications": new.qualifications,
        "training": new.training,
        "hours": new.weekly_hours,
        "absences": new.absences,
        "conditions": new.conditions,
        "allocation_version": 0,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


async def update_record(
    write: Write, caller: Caller, personnel_id: UUID, patch: PersonnelRecordPatch, expected: Expected
) -> PersonnelRecord:
    """Correct a record.

    Raises StaleVersion, PreconditionMissing, WrongStatus for somebody who is separated, and what `create_record`
    raises.
    """
    await lock(write, personnel_id)
    row = await record_row(write, caller, personnel_id)
    permit(caller.principal, Action.PERSONNEL_UPDATE, relations(caller.principal, row.agency_id))
    check_version(expected, row.version, required=True)
    check_not_separated(row.status)
    before = as_record(row, caller)
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    changed = {name: value for name, value in given.items() if _plain(getattr(before, name)) != _plain(value)}
    if not changed:
        return before
    check_times(changed.get("absences", ()), changed.get("conditions", ()))
    values: dict[str, Any] = {_COLUMN.get(n, n): value for n, value in changed.items() if n != "location"}
    if "location" in changed:
        values |= _point(changed["location"])
    if "tag" in changed:
        values["tag_form"] = tag_form(changed["tag"])
    if _COUNTED & changed.keys():
        stored = decoded(row.credentials, list[StoredCredential])
        await recount(write, row, {**{name: getattr(before, name) for name in _COUNTED}, **changed}, stored)
    await store(write, caller, personnel_id, values)
    note(write, caller, EventType.PERSONNEL_UPDATED, personnel_id, row.version + 1, {"changed": sorted(changed)})
    return as_record(await record_row(write, caller, personnel_id), caller)


async def recount(write: Write, row: Any, said: Mapping[str, Any], credentials: Sequence[StoredCredential]) -> None:
    """Write anew what somebody can do. `said` holds the capabilities and qualifications. Raises RuleBroken."""
    capabilities: list[HeldCapability] = said["capabilities"]
    qualifications: list[Qualification] = said["qualifications"]
    known = await known_types(write, codes_in(capabilities, credentials, qualifications))
    counted = holdings(capabilities, credentials, qualifications, known)
    await write.run(_FORGET_HOLDINGS, {"its_id": row.id})
    await keep_holdings(write, row.id, row.agency_id, counted)


async def keep_holdings(write: Write, personnel_id: UUID, agency_id: UUID, counted: Sequence[Holding]) -> None:
    """Store what somebody can do, of whom nothing is stored yet."""
    if counted:
        await write.run(_INSERT_HOLDING, holding_rows(personnel_id, agency_id, counted))


def holding_rows(personnel_id: UUID, agency_id: UUID, counted: Sequence[Holding]) -> list[dict[str, object]]:
    """What somebody can do, one capability a row."""
    return [
        {
            "personnel_id": personnel_id,
            "capability": each.capability,
            "agency_id": agency_id,
            "level": each.level,
            "tested_level": each.tested_level,
            "from_on": each.validity.from_on,
            "until_on": each.validity.until_on,
        }
        for each in counted
    ]


async def forget_holdings(write: Write, personnel_id: UUID) -> None:
    """Count the person nowhere any more."""
    await write.run(_FORGET_HOLDINGS, {"its_id": personnel_id})


async def store(write: Write, caller: Caller, personnel_id: UUID, values: Mapping[str, object]) -> None:
    """Store the record's next version with these values."""
    change = _ITS.values(**values, version=personnel_record.c.version + 1, updated_at=caller.now)
    await write.run(change, {"its_id": personnel_id})


def note(
    write: Write, caller: Caller, event: EventType, personnel_id: UUID, version: int, data: Mapping[str, object]
) -> None:
    """Record in the ledger what was done with a record, for its own agency alone."""
    record(
        write,
        caller,
        event,
        subject=("personnel_record", personnel_id, version),
        agencies=[caller.agency_id],
        data=data,
    )


def as_stored(credential: NewCredential) -> StoredCredential:
    """A new credential, which nobody has verified."""
    return StoredCredential(id=new_id(), **{name: getattr(credential, name) for name in credential.__struct_fields__})


def check_not_separated(status: str) -> None:
    """Raises WrongStatus for somebody who is separated."""
    if status == PersonnelStatus.SEPARATED:
        raise WrongStatus("The record of somebody who is separated cannot be edited.", "personnel_separated")


def check_times(absences: Sequence[Window], conditions: Sequence[ProhibitiveCondition]) -> None:
    """Raises RuleBroken for an absence or a condition that ends before it begins."""
    for index, absence in enumerate(absences):
        absence.checked(f"/absences/{index}")
    for index, condition in enumerate(conditions):
        check_days(condition.from_on, condition.until_on, f"/conditions/{index}/until_on")


def _point(location: Location | None) -> dict[str, object]:
    if location is None:
        return {"latitude": None, "longitude": None}
    return {"latitude": location.latitude, "longitude": location.longitude}


def _plain(value: Any) -> Any:
    """The value as it is in JSON, so that stored and new values can be compared."""
    return msgspec.json.decode(msgspec.json.encode(value))
