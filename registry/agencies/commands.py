"""Everything that changes an agency."""

from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.access.permissions import Action, permit
from registry.access.principals import OPERATOR_AGENCY_ID, Caller
from registry.access.standing import let_act, stop_acting
from registry.agencies.queries import agency_row, as_agency, relations
from registry.agencies.rules import AgencyAction, AgencyStatus, advance
from registry.agencies.schemas import Agency, AgencyPatch, Location, NewAgency
from registry.agencies.tables import agency, agency_ori
from registry.database.handles import Write
from registry.kernel.errors import Fault, NotFound, RuleBroken
from registry.kernel.geo import cell_of
from registry.kernel.ids import new_id
from registry.kernel.text import tokens
from registry.kernel.time import known_zone
from registry.kernel.versions import Expected, check_version
from registry.ledger.commands import changes, record

_INSERT = agency.insert()
_INSERT_ORI = agency_ori.insert()
_LOCK = (
    sa.select(agency.c.id)
    .where(agency.c.id == sa.bindparam("id", type_=agency.c.id.type))
    .with_for_update(key_share=True)
)


def search_text(name: str, counties: list[str], state: str | None) -> str:
    """The words under which an agency is found."""
    return " ".join(dict.fromkeys(tokens(" ".join([name, *counties, state or ""]))))


async def create_agency(write: Write, caller: Caller, new: NewAgency) -> Agency:
    """Enter an agency as `listed`. Raises Conflict for a taken ORI or UEI, RuleBroken for an unknown parent or zone."""
    permit(caller.principal, Action.AGENCIES_CREATE, [])
    await write.once()
    await _check_zone_and_relative(write, new.time_zone, "/time_zone", new.parent_id, "/parent_id")
    if len(set(new.oris)) != len(new.oris):
        raise RuleBroken(
            "An ORI is given twice.",
            "ori_repeated",
            faults=[Fault(pointer="/oris", code="ori_repeated", detail="the same ORI twice")],
        )
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
            "time_zone": new.time_zone,
            "population": new.population,
            "sworn": new.sworn,
            "civilian": new.civilian,
            "contact_phone": new.contact_phone,
            "contact_email": new.contact_email,
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
    await record(
        write,
        caller,
        "agency.created",
        subject=("agency", agency_id, 1),
        agencies=[agency_id],
        data={"name": new.name, "state": new.state, "oris": new.oris},
        sensitivity="public",
    )
    return as_agency(await agency_row(write, agency_id), caller.principal)


async def update_agency(
    write: Write, caller: Caller, agency_id: UUID, patch: AgencyPatch, expected: Expected
) -> Agency:
    """Correct an agency's record. Raises StaleVersion, PreconditionMissing, RuleBroken for a dissolved one."""
    await _lock(write, agency_id)
    row = await agency_row(write, agency_id)
    permit(caller.principal, Action.AGENCIES_UPDATE, relations(caller.principal, agency_id))
    check_version(expected, row.version, required=True)
    if row.status == AgencyStatus.DISSOLVED:
        raise RuleBroken("A dissolved agency is not edited any more.", "agency_dissolved")
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    zone = given.get("time_zone")
    await _check_zone_and_relative(write, zone, "/time_zone", None, "")
    before = {name: _plain(row, name) for name in given}
    changed = changes(before, {name: _as_plain(value) for name, value in given.items()})
    if not changed:
        return as_agency(row, caller.principal)
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
    # Contact details of people on duty are not history: the ledger says that they changed, not to what.
    for name in ("contact_phone", "contact_email"):
        if name in changed:
            changed[name] = {"changed": True}
    await record(
        write,
        caller,
        "agency.updated",
        subject=("agency", agency_id, row.version + 1),
        agencies=[agency_id],
        data=_without_floats(changed),
    )
    return as_agency(await agency_row(write, agency_id), caller.principal)


async def change_status(
    write: Write,
    caller: Caller,
    agency_id: UUID,
    action: AgencyAction,
    reason: str,
    expected: Expected = None,
    successor_id: UUID | None = None,
) -> Agency:
    """Activate, suspend, reinstate or dissolve. What its tokens may do changes within a second, everywhere."""
    await _lock(write, agency_id)
    row = await agency_row(write, agency_id)
    permit(caller.principal, Action.AGENCIES_ADMIT, relations(caller.principal, agency_id))
    await write.once()
    check_version(expected, row.version)
    status = advance(AgencyStatus(row.status), action)
    if agency_id == OPERATOR_AGENCY_ID:
        raise RuleBroken("The registry's operator stays active, or nobody could administer it.", "operator_stays")
    await _check_zone_and_relative(write, None, "", successor_id, "/successor_id")
    if successor_id == agency_id:
        raise RuleBroken("An agency does not succeed itself.", "own_successor")
    await write.run(
        agency.update()
        .where(agency.c.id == agency_id)
        .values(
            status=status,
            successor_id=successor_id or row.successor_id,
            version=agency.c.version + 1,
            updated_at=caller.now,
        )
    )
    if status is AgencyStatus.ACTIVE:
        await let_act(write, agency_id)
    else:
        await stop_acting(write, agency_id)
    await record(
        write,
        caller,
        f"agency.{status}",
        subject=("agency", agency_id, row.version + 1),
        agencies=[agency_id],
        data={
            "status": {"from": row.status, "to": status},
            "reason": reason,
            **({"successor_id": str(successor_id)} if successor_id else {}),
        },
        sensitivity="public",
    )
    return as_agency(await agency_row(write, agency_id), caller.principal)


async def _lock(write: Write, agency_id: UUID) -> None:
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
            raise RuleBroken(
                "There is no agency with that id.",
                "unknown_agency",
                faults=[Fault(pointer=relative_pointer, code="unknown_agency", detail="no such agency")],
            ) from None


def _point(location: Location | None) -> dict[str, object]:
    if location is None:
        return {"latitude": None, "longitude": None, "cell": None}
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
    """Coordinates as text: canonical JSON holds no floats."""
    if "location" in changed:
        changed = {**changed, "location": msgspec.json.decode(_floats_as_text(changed["location"]))}
    return changed


def _floats_as_text(value: object) -> bytes:
    def text(inner: object) -> object:
        if isinstance(inner, dict):
            return {key: text(item) for key, item in inner.items()}
        return repr(inner) if isinstance(inner, float) else inner

    return msgspec.json.encode(text(value))
