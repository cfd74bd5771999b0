"""Commands that change one agency."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.directory.agencies.queries import agency_row, as_agency, relations
from registry.directory.agencies.rules import AgencyAction, AgencyStatus, advance
from registry.directory.agencies.schemas import Agency, AgencyPatch, NewAgency
from registry.directory.agencies.tables import agency, agency_ori
from registry.directory.agencies.zones import zone_of
from registry.directory.places.rules import check_location
from registry.platform.access.acting import allow_acting, forbid_acting
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Fault, NotFound, RuleBroken
from registry.platform.kernel.geo import Location, cell_of
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import known_zone
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.kernel.words import index_words
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType

StatusFollowed: TypeAlias = Callable[[Write, UUID, datetime], Awaitable[None]]
"""What changes in the rooms above with an agency's status, in the same transaction: its agreements."""

_INSERT = agency.insert()
_INSERT_ORI = agency_ori.insert()
_LOCK = (
    sa.select(agency.c.id)
    .where(agency.c.id == sa.bindparam("id", type_=agency.c.id.type))
    .with_for_update(key_share=True)
)


def search_text(name: str, counties: list[str], state: str | None) -> str:
    """The words under which an agency is found."""
    return index_words(name, *counties, state or "")


_EVENTS: Final[Mapping[AgencyAction, EventType]] = {
    AgencyAction.ACTIVATE: EventType.AGENCY_ACTIVATED,
    AgencyAction.SUSPEND: EventType.AGENCY_SUSPENDED,
    AgencyAction.REINSTATE: EventType.AGENCY_REINSTATED,
    AgencyAction.DISSOLVE: EventType.AGENCY_DISSOLVED,
}


async def create_agency(write: Write, caller: Caller, new: NewAgency) -> Agency:
    """Enter an agency as `listed`. Its time zone is that of its location, or of its state, unless given.

    Raises Conflict for a taken ORI or UEI, RuleBroken for an unknown parent or zone.
    """
    permit(caller.principal, Action.AGENCIES_CREATE, [])
    await write.once()
    await _check_zone_and_relative(write, new.time_zone, "/time_zone", new.parent_id, "/parent_id")
    if len(set(new.oris)) != len(new.oris):
        raise RuleBroken.at("An ORI is given twice.", "ori_repeated", "the same ORI twice", pointer="/oris")
    agency_id = new_id()
    await write.run(
        _INSERT,
        {
            "id": agency_id,
            "name": new.name,
            "kind": new.kind,
            "level": new.level,
            "state": new.state,
            "counties": new.counties,
            "uei": new.uei,
            "parent_id": new.parent_id,
            **_point(new.location),
            "time_zone": new.time_zone or zone_of(_point_of(new.location), new.state),
            "population": new.population,
            "sworn": new.sworn,
            "civilian": new.civilian,
            "phone": new.phone,
            "email": new.email,
            "status": AgencyStatus.LISTED,
            "search_text": search_text(new.name, new.counties, new.state),
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    if new.oris:
        await write.run(
            _INSERT_ORI,
            [{"ori": ori, "agency_id": agency_id, "is_primary": i == 0} for i, ori in enumerate(new.oris)],
        )
    record(
        write,
        caller,
        EventType.AGENCY_CREATED,
        subject=("agency", agency_id, 1),
        agencies=[agency_id],
        data={"name": new.name, "state": new.state, "oris": new.oris},
        audience="network",
    )
    return await as_agency(write, await agency_row(write, agency_id), caller.principal)


async def update_agency(
    write: Write, caller: Caller, agency_id: UUID, patch: AgencyPatch, expected: Expected
) -> Agency:
    """Correct an agency's record. Raises StaleVersion, PreconditionMissing, RuleBroken for a dissolved one."""
    await lock(write, agency_id)
    row = await agency_row(write, agency_id)
    permit(caller.principal, Action.AGENCIES_UPDATE, relations(caller.principal, agency_id))
    check_version(expected, row.version, required=True)
    if row.status == AgencyStatus.DISSOLVED:
        raise RuleBroken("A dissolved agency cannot be edited.", "agency_dissolved")
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    zone = given.get("time_zone")
    if row.status != AgencyStatus.LISTED and "time_zone" in given and zone is None:
        raise _zone_missing("An active agency needs a time zone, because the days that it names are days there.")
    await _check_zone_and_relative(write, zone, "/time_zone", None, "")
    before = {name: _plain(row, name) for name in given}
    changed = changes(before, {name: _as_plain(value) for name, value in given.items()})
    if not changed:
        return await as_agency(write, row, caller.principal)
    values = {name: value for name, value in given.items() if name in changed}
    if "location" in values:
        values |= _point(values.pop("location"))
    counties = values.get("counties", msgspec.json.decode(row.counties))
    values["search_text"] = search_text(values.get("name", row.name), counties, row.state)
    await write.run(
        agency.update()
        .where(agency.c.id == agency_id)
        .values(**values, version=agency.c.version + 1, updated_at=caller.now)
    )
    # The ledger records that contact details of people changed, but not their values, because it never forgets.
    for name in ("phone", "email"):
        if name in changed:
            changed[name] = {"changed": True}
    record(
        write,
        caller,
        EventType.AGENCY_UPDATED,
        subject=("agency", agency_id, row.version + 1),
        agencies=[agency_id],
        data=_without_floats(changed),
    )
    return await as_agency(write, await agency_row(write, agency_id), caller.principal)


async def change_status(
    write: Write,
    caller: Caller,
    followed: StatusFollowed,
    agency_id: UUID,
    action: AgencyAction,
    reason: str,
    expected: Expected = None,
    successor_id: UUID | None = None,
    time_zone: str | None = None,
) -> Agency:
    """Activate, suspend, reinstate or dissolve an agency, with effect on its tokens within a second.

    Raises WrongStatus, and RuleBroken for the activation of an agency whose time zone is not known.
    """
    await lock(write, agency_id)
    row = await agency_row(write, agency_id)
    permit(caller.principal, Action.AGENCIES_ADMIT, relations(caller.principal, agency_id))
    await write.once()
    check_version(expected, row.version)
    status = advance(AgencyStatus(row.status), action)
    if agency_id == OPERATOR_AGENCY_ID:
        raise RuleBroken(
            "The registry's operator must stay active, because nobody else can administer the registry.",
            "operator_stays",
        )
    await _check_zone_and_relative(write, time_zone, "/time_zone", successor_id, "/successor_id")
    if successor_id == agency_id:
        raise RuleBroken("An agency does not succeed itself.", "own_successor")
    zone = time_zone or row.time_zone
    if status is AgencyStatus.ACTIVE and zone is None:
        raise _zone_missing(
            "The agency's time zone is not known from its location or state: give it with the activation."
        )
    await write.run(
        agency.update()
        .where(agency.c.id == agency_id)
        .values(
            status=status,
            dissolved_at=caller.now if status is AgencyStatus.DISSOLVED else None,
            successor_id=successor_id or row.successor_id,
            time_zone=zone,
            version=agency.c.version + 1,
            updated_at=caller.now,
        )
    )
    if status is AgencyStatus.ACTIVE:
        await allow_acting(write, agency_id)
    else:
        await forbid_acting(write, agency_id)
    record(
        write,
        caller,
        _EVENTS[action],
        subject=("agency", agency_id, row.version + 1),
        agencies=[agency_id],
        data={
            "status": {"from": row.status, "to": status},
            "reason": reason,
            **({"successor_id": str(successor_id)} if successor_id else {}),
            **({"time_zone": time_zone} if time_zone else {}),
        },
        audience="network",
    )
    await followed(write, agency_id, caller.now)
    return await as_agency(write, await agency_row(write, agency_id), caller.principal)


async def lock(write: Write, agency_id: UUID) -> None:
    """Have the agency changed by nobody else. Raises NotFound."""
    if await write.value(_LOCK, {"id": agency_id}) is None:
        raise NotFound("agency")


async def _check_zone_and_relative(
    write: Write, zone: str | None, zone_pointer: str, relative: UUID | None, relative_pointer: str
) -> None:
    if zone is not None:
        known_zone(zone, zone_pointer)
    if relative is not None:
        try:
            await agency_row(write, relative)
        except NotFound:
            raise RuleBroken.at(
                "There is no agency with that id.", "unknown_agency", "no such agency", pointer=relative_pointer
            ) from None


def _zone_missing(detail: str) -> RuleBroken:
    faults = [Fault(pointer="/time_zone", code="time_zone_missing", detail="an IANA time zone such as America/Chicago")]
    return RuleBroken(detail, "time_zone_missing", faults=faults)


def _point_of(location: Location | None) -> tuple[float, float] | None:
    return None if location is None else (location.latitude, location.longitude)


def _point(location: Location | None) -> dict[str, object]:
    """The columns of a place. Raises RuleBroken for a point that is a slip; see `check_location`."""
    if location is None:
        return {"latitude": None, "longitude": None, "cell": None}
    check_location(location)
    return {
        "latitude": location.latitude,
        "longitude": location.longitude,
        "cell": cell_of(location.latitude, location.longitude),
    }


def _plain(row: sa.Row[tuple[object, ...]], name: str) -> object:
    if name == "counties":
        return msgspec.json.decode(row.counties)
    if name == "location":
        return None if row.latitude is None else {"latitude": row.latitude, "longitude": row.longitude}
    return row._mapping[name]


def _as_plain(value: object) -> object:
    return msgspec.to_builtins(value) if isinstance(value, Location) else value


def _without_floats(changed: dict[str, object]) -> dict[str, object]:
    """Coordinates as text: canonical JSON has no floats."""
    if "location" in changed:
        changed = {**changed, "location": msgspec.json.decode(_floats_as_text(changed["location"]))}
    return changed


def _floats_as_text(value: object) -> bytes:
    def text(inner: object) -> object:
        if isinstance(inner, dict):
            return {key: text(item) for key, item in inner.items()}
        return repr(inner) if isinstance(inner, float) else inner

    return msgspec.json.encode(text(value))
