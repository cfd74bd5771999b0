"""Agencies from a table of the registry's operator, met by their ORI; the FBI's lists have an import of their own."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.directory.agencies.commands.registering import create_agency, update_agency
from registry.directory.agencies.queries import agency_row
from registry.directory.agencies.rules import LEVEL_OF, AgencyKind, AgencyLevel, AgencyStatus, name_form, nearest_name
from registry.directory.agencies.schemas import AgencyPatch, NewAgency
from registry.directory.agencies.tables import agency, agency_ori
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.bulk.fields import Entered, FieldKind, ImportField, RowOutcome, RowRefused, RowRemark, as_struct
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.text import normal_key

_ORIS = sa.select(agency_ori.c.ori, agency_ori.c.agency_id)
_NAMES = sa.select(agency.c.id, agency.c.name, agency.c.state).where(
    agency.c.state.in_(sa.bindparam("states", expanding=True)),
    agency.c.status != AgencyStatus.DISSOLVED.value,
)
_FIXED: Final = ("kind", "level", "state")
"""What is said when an agency is entered, and corrected by nobody afterwards."""
FIELDS: Final = (
    ImportField(
        name="ori",
        kind=FieldKind.TEXT,
        required=True,
        description="Its primary Originating Agency Identifier, by which it is met again.",
        synonyms=("ORI number", "originating agency identifier", "NCIC ORI"),
    ),
    ImportField(
        name="name",
        kind=FieldKind.TEXT,
        required=True,
        description="Its full name.",
        synonyms=("agency name", "agency", "organisation", "organization", "department"),
    ),
    ImportField(
        name="kind",
        kind=FieldKind.CHOICE,
        required=True,
        description="What kind of agency it is.",
        synonyms=("agency type", "type", "agency type name"),
        choices=tuple(each.value for each in AgencyKind),
        words={"university or college": "university", "other state agency": "other_state", "municipal": "city"},
    ),
    ImportField(
        name="level",
        kind=FieldKind.CHOICE,
        description="The level of government; that of its kind unless given.",
        synonyms=("level of government",),
        choices=tuple(each.value for each in AgencyLevel),
    ),
    ImportField(
        name="state",
        kind=FieldKind.TEXT,
        description="State or territory, in two letters.",
        synonyms=("state abbr", "st", "state code", "L1"),
    ),
    ImportField(
        name="counties",
        kind=FieldKind.TEXT,
        description="Its counties, separated by semicolons.",
        synonyms=("county", "county name", "L2"),
    ),
    ImportField(
        name="location.latitude",
        kind=FieldKind.DECIMAL,
        description="Where it is, in degrees (WGS 84).",
        synonyms=("lat", "latitude", "y"),
    ),
    ImportField(
        name="location.longitude",
        kind=FieldKind.DECIMAL,
        description="Where it is, in degrees (WGS 84).",
        synonyms=("lon", "longitude", "lng", "long", "x"),
    ),
    ImportField(
        name="time_zone",
        kind=FieldKind.TEXT,
        description="IANA name of its time zone; that of its place unless given.",
        synonyms=("tz", "timezone", "zone"),
    ),
    ImportField(
        name="population",
        kind=FieldKind.WHOLE,
        description="How many people live where it works.",
        synonyms=("population served", "inhabitants"),
    ),
    ImportField(
        name="sworn",
        kind=FieldKind.WHOLE,
        description="Sworn officers.",
        synonyms=("officers", "sworn officers", "officer ct"),
    ),
    ImportField(
        name="civilian",
        kind=FieldKind.WHOLE,
        description="Civilian staff.",
        synonyms=("civilians", "civilian staff", "civilian ct"),
    ),
    ImportField(
        name="phone",
        kind=FieldKind.TEXT,
        description="A telephone number of the agency, not of a person.",
        synonyms=("phone", "telephone"),
    ),
    ImportField(
        name="email",
        kind=FieldKind.TEXT,
        description="A mail address of the agency, not of a person.",
        synonyms=("email", "e-mail", "mail"),
    ),
)


class AgencyImporter:
    """Agencies, entered as `listed` by the registry's operator."""

    kind = "agencies"
    fields: Sequence[ImportField] = FIELDS
    key: tuple[str, ...] = ("ori",)
    open_fields: Mapping[str, str] = {}

    def may_import(self, caller: Caller) -> None:
        """Raises Forbidden."""
        permit(caller.principal, Action.AGENCIES_CREATE, [])
        permit(caller.principal, Action.AGENCIES_UPDATE, [])

    def may_read(self, caller: Caller) -> None:
        """Everybody who may see the imports of the agency."""

    async def vocabulary(self, read: Read, caller: Caller) -> Mapping[str, Mapping[str, str]]:
        """Nothing: kinds and levels are in the fields."""
        return {}

    def key_of(self, values: Mapping[str, Any]) -> str:
        """The ORI in its normal form."""
        return normal_key(values["ori"])

    async def known(self, read: Read, caller: Caller) -> Mapping[str, UUID]:
        """All agencies by all their ORIs."""
        return {normal_key(row.ori): row.agency_id for row in await read.all_slowly(_ORIS)}

    async def named(self, read: Read, caller: Caller, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, UUID]:
        """Agencies of the rows' states whose names are near those of the rows, by the rows' names."""
        states = {state for values in rows if (state := _state(values))}
        there = await read.all(_NAMES, {"states": sorted(states)}) if states else []
        forms: dict[str, list[str]] = {}
        ids: dict[str, list[UUID]] = {}
        for row in there:
            forms.setdefault(row.state, []).append(name_form(row.name))
            ids.setdefault(row.state, []).append(row.id)
        near = {}
        for values in rows:
            state = _state(values)
            at = nearest_name(name_form(values["name"]), forms.get(state, ()))
            if at is not None:
                near[_place(state, values["name"])] = ids[state][at]
        return near

    async def enter(
        self,
        write: Write,
        caller: Caller,
        found: UUID | None,
        values: Mapping[str, Any],
        named: Mapping[str, UUID],
    ) -> Entered:
        """Enter the agency as listed, or correct it."""
        said = dict(values)
        ori = said.pop("ori").upper().replace(" ", "")
        if "counties" in said:
            said["counties"] = [part.strip() for part in said["counties"].split(";") if part.strip()]
        if "state" in said:
            said["state"] = said["state"].upper()
        if found is None:
            level = {"level": LEVEL_OF[AgencyKind(said["kind"])].value}
            new = _checked({**level, **said, "oris": [ori]})
            made = await create_agency(write, caller, new)
            remarks = await _near(write, named.get(_place(_state(values), values["name"])))
            return Entered(outcome=RowOutcome.CREATED, id=made.id, remarks=remarks)
        row = await agency_row(write, found)
        remarks = [
            RowRemark(
                code="not_corrected",
                detail=f"On record it is {getattr(row, name)}, and an import does not change that.",
                field=name,
            )
            for name in _FIXED
            if name in said and said.pop(name) != getattr(row, name)
        ]
        made = await update_agency(write, caller, found, as_struct(said, AgencyPatch), "any")
        outcome = RowOutcome.UNCHANGED if made.version == row.version else RowOutcome.UPDATED
        return Entered(outcome=outcome, id=found, remarks=remarks)


def _state(values: Mapping[str, Any]) -> str:
    return str(values.get("state") or "").upper()


def _place(state: str, name: str) -> str:
    return f"{state}\n{name}"


async def _near(read: Read, agency_id: UUID | None) -> list[RowRemark]:
    if agency_id is None:
        return []
    its = await agency_row(read, agency_id)
    ori = f", ORI {its.oris.replace(',', ', ')}," if its.oris else ""
    words = f"“{its.name}”{ori} has nearly the same name. This row was entered beside it, since the ORI decides."
    return [RowRemark(code="name_like_another", detail=words, field="name")]


def _checked(said: Mapping[str, Any]) -> NewAgency:
    """Raises RowRefused with the faults at the columns of a row, which has one ORI."""
    try:
        return as_struct(said, NewAgency)
    except RowRefused as refused:
        faults = [
            msgspec.structs.replace(each, pointer="/ori") if (each.pointer or "").startswith("/oris") else each
            for each in refused.faults
        ]
        raise RowRefused(faults) from None
