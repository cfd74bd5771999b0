"""Queries about one personnel record. It is its own agency's alone: the criterion is in every statement here."""

from datetime import date
from typing import Any, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import asked_window
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.geo import Location
from registry.platform.kernel.time import LAST_DAY, Window, civil_day
from registry.resources.allocations.people import holds_person, person_committed_in
from registry.resources.personnel.holdings import StoredCredential
from registry.resources.personnel.readiness import Days, hindrances
from registry.resources.personnel.rules import PersonnelAction, PersonnelStatus, credential_status, withheld
from registry.resources.personnel.schemas import (
    Credential,
    HeldCapability,
    PersonnelAvailability,
    PersonnelAvailabilityQuery,
    PersonnelRecord,
    ProhibitiveCondition,
    Qualification,
    Training,
    WeeklyHours,
)
from registry.resources.personnel.tables import personnel_capability, personnel_record

_ID = sa.bindparam("id", type_=personnel_record.c.id.type)
VIEWER = sa.bindparam("viewer", type_=personnel_record.c.agency_id.type)
_GET = (
    sa.select(
        *(c for c in personnel_record.c if c.name not in ("tag_form", "allocation_version")),
        agency.c.name.label("agency_name"),
        agency.c.time_zone,
        holds_person(personnel_record.c.id).label("committed"),
    )
    .join(agency, agency.c.id == personnel_record.c.agency_id)
    .where(personnel_record.c.id == _ID, personnel_record.c.agency_id == VIEWER)
)
_HOLDINGS = (
    sa.select(personnel_capability.c.capability)
    .where(
        personnel_capability.c.personnel_id == sa.bindparam("id", type_=personnel_record.c.id.type),
        personnel_capability.c.from_on <= sa.bindparam("first", type_=personnel_capability.c.from_on.type),
        personnel_capability.c.until_on >= sa.bindparam("last", type_=personnel_capability.c.until_on.type),
    )
    .order_by(personnel_capability.c.capability)
)


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to a record of that agency."""
    return ["own"] if principal.agency_id == agency_id else []


async def record_row(read: Read, caller: Caller, personnel_id: UUID) -> Row[Any]:
    """The row of a person of the caller's own agency. Raises NotFound for everybody else's."""
    row = await read.first(_GET, {"id": personnel_id, "viewer": caller.agency_id})
    if row is None:
        raise NotFound("personnel_record")
    return row


async def get_record(read: Read, caller: Caller, personnel_id: UUID) -> PersonnelRecord:
    """One record. Raises NotFound."""
    return as_record(await record_row(read, caller, personnel_id), caller)


def zone_of(row: Row[Any]) -> str:
    """The time zone of the person's agency, which every active agency has."""
    return row.time_zone or "UTC"


def decoded(stored: Any, kind: Any) -> Any:
    """A stored JSON column as its struct."""
    return msgspec.json.decode(stored, type=kind)


def as_record(row: Row[Any], caller: Caller) -> PersonnelRecord:
    """The representation of a row, as of the caller's now."""
    status = PersonnelStatus(row.status)
    training = decoded(row.training, list[Training])
    today = civil_day(caller.now, zone_of(row))
    return PersonnelRecord(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        tag=row.tag,
        display_name=row.display_name,
        rank=row.rank,
        title=row.title,
        status=status,
        location=None if row.latitude is None else Location(latitude=row.latitude, longitude=row.longitude),
        capabilities=decoded(row.capabilities, list[HeldCapability]),
        credentials=[_credential(each, today) for each in decoded(row.credentials, list[StoredCredential])],
        qualifications=decoded(row.qualifications, list[Qualification]),
        training=training,
        training_hours=sum(each.hours for each in training),
        weekly_hours=decoded(row.hours, list[WeeklyHours]),
        absences=decoded(row.absences, list[Window]),
        conditions=decoded(row.conditions, list[ProhibitiveCondition]),
        allowed_actions=_allowed(caller.principal, row.agency_id, status, committed=bool(row.committed)),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _credential(stored: StoredCredential, today: date) -> Credential:
    return Credential(
        status=credential_status(stored.verification, stored.validity, today),
        **{name: getattr(stored, name) for name in stored.__struct_fields__},
    )


def _allowed(principal: Principal, agency_id: UUID, status: PersonnelStatus, *, committed: bool) -> list[AllowedAction]:
    if refusal(principal, Action.PERSONNEL_UPDATE, relations(principal, agency_id)) is not None:
        return []
    gone = "The person is separated." if status is PersonnelStatus.SEPARATED else None
    return [
        offer("update", withheld=gone),
        offer("add_credential", withheld=gone),
        *(offer(action, withheld=withheld(status, action, committed=committed)) for action in PersonnelAction),
    ]


async def get_availability(
    read: Read, caller: Caller, personnel_id: UUID, query: PersonnelAvailabilityQuery
) -> PersonnelAvailability:
    """Whether somebody can be sent throughout a window. Raises NotFound, RuleBroken."""
    row = await record_row(read, caller, personnel_id)
    window = asked_window(query.from_, query.to, "from", "to")
    committed = await person_committed_in(read, personnel_id, window, caller.now)
    because = hindrances_of(row, window, committed=committed)
    days = Days.of(window, zone_of(row))
    parameters = {"id": personnel_id, "first": days.first, "last": min(days.last, LAST_DAY)}
    held = await read.all(_HOLDINGS, parameters)
    return PersonnelAvailability(
        personnel_id=personnel_id,
        window=window,
        available=not because,
        because=because,
        capabilities=[each.capability for each in held],
    )


def hindrances_of(row: Row[Any], window: Window, *, committed: bool) -> Any:
    """What a row says against sending the person throughout a window."""
    return hindrances(
        status=PersonnelStatus(row.status),
        conditions=cast(list[ProhibitiveCondition], decoded(row.conditions, list[ProhibitiveCondition])),
        absences=decoded(row.absences, list[Window]),
        hours=decoded(row.hours, list[WeeklyHours]),
        committed=committed,
        window=window,
        time_zone=zone_of(row),
    )


async def may_see_name(read: Read, viewer: UUID, personnel_id: UUID) -> bool:
    """Whether the agency may learn who somebody is: its own people, and those who are committed to it now."""
    return await read.value(_MAY_SEE_NAME, {"id": personnel_id, "viewer": viewer}) is not None


_MAY_SEE_NAME = sa.select(sa.literal(1)).where(
    personnel_record.c.id == _ID,
    sa.or_(personnel_record.c.agency_id == VIEWER, holds_person(personnel_record.c.id, requesting=VIEWER)),
)
