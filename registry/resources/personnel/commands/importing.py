"""An agency's own people in bulk: the fields of a row, how somebody is met again, and entry through the commands."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.directory.taxonomy.tables import capability_type
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.bulk.fields import Entered, FieldKind, ImportField, RowOutcome, RowRefused, as_struct, nested
from registry.platform.bulk.values import folded_word
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Fault, RuleBroken
from registry.resources.personnel.commands.credentialing import add_credential
from registry.resources.personnel.commands.recording import create_record, update_record
from registry.resources.personnel.queries.getting import as_record, record_row
from registry.resources.personnel.rules import tag_form
from registry.resources.personnel.schemas import (
    HeldCapability,
    NewCredential,
    NewPersonnelRecord,
    PersonnelRecord,
    PersonnelRecordPatch,
)
from registry.resources.personnel.tables import personnel_record

SAID: Final = "capability."
TESTED: Final = "tested."
_HELD: Final = frozenset({"yes", "y", "x", "true"})
_NOT_HELD: Final = frozenset({"no", "n", "false", "-"})
_TAGS = sa.select(personnel_record.c.tag_form, personnel_record.c.id).where(
    personnel_record.c.agency_id == sa.bindparam("agency_id", type_=personnel_record.c.agency_id.type)
)
_TYPES = sa.select(capability_type.c.code, capability_type.c.name, capability_type.c.aliases).order_by(
    capability_type.c.code.desc()
)
_COMPARED: Final = ("title", "capability", "issuer", "number", "effective_on", "expires_on")
FIELDS: Final = (
    ImportField(
        name="tag",
        kind=FieldKind.TEXT,
        required=True,
        description="Your own number for the person, by which the person is met again; never a national one.",
        synonyms=(
            *("employee number", "employee id", "employee no", "personnel number", "personnel id", "staff number"),
            *("staff id", "payroll number", "reference", "badge number", "badge", "id number", "number"),
        ),
    ),
    ImportField(
        name="display_name",
        kind=FieldKind.TEXT,
        required=True,
        description="What colleagues call the person. No other agency sees it.",
        synonyms=("name", "full name", "employee name", "officer name", "officer", "member", "employee"),
    ),
    ImportField(
        name="rank", kind=FieldKind.TEXT, description="The rank in the agency.", synonyms=("grade", "rank title")
    ),
    ImportField(
        name="title",
        kind=FieldKind.TEXT,
        description="What the person does there.",
        synonyms=("job title", "assignment", "role", "position title", "duty"),
    ),
    ImportField(
        name="location.latitude",
        kind=FieldKind.DECIMAL,
        description="The home station, in degrees (WGS 84); never a home.",
        synonyms=("station latitude", "lat", "latitude", "y"),
    ),
    ImportField(
        name="location.longitude",
        kind=FieldKind.DECIMAL,
        description="The home station, in degrees (WGS 84); never a home.",
        synonyms=("station longitude", "lon", "longitude", "lng", "x"),
    ),
    ImportField(
        name="capabilities",
        kind=FieldKind.CODES,
        description="Codes of what the person can do, separated by semicolons, each with a level behind `=` if it has"
        " one: `negotiation=expert; medical.emt; language.spa=2+`.",
        synonyms=("skills", "qualified for", "skill codes"),
    ),
    ImportField(
        name="tested_on",
        kind=FieldKind.DAY,
        description="The day of the examination of what stands under `tested.`.",
        synonyms=("test date", "date tested", "examined on"),
    ),
    ImportField(
        name="tested_by",
        kind=FieldKind.TEXT,
        description="Which organisation examined it; no person.",
        synonyms=("tested at", "examiner", "testing body"),
    ),
    ImportField(
        name="credential.title",
        kind=FieldKind.TEXT,
        description="A licence, certificate or registration.",
        synonyms=("credential", "license", "licence", "certificate", "certification"),
    ),
    ImportField(
        name="credential.capability",
        kind=FieldKind.CODE,
        description="Code of what it proves.",
        synonyms=("credential code", "certification code"),
    ),
    ImportField(
        name="credential.issuer",
        kind=FieldKind.TEXT,
        description="Which organisation granted it.",
        synonyms=("issued by", "issuing body", "issuer", "issuing agency"),
    ),
    ImportField(
        name="credential.number",
        kind=FieldKind.TEXT,
        description="Its number.",
        synonyms=("license number", "licence number", "certificate number", "credential number"),
    ),
    ImportField(
        name="credential.effective_on",
        kind=FieldKind.DAY,
        description="Its first valid day.",
        synonyms=("issued on", "issue date", "effective date"),
    ),
    ImportField(
        name="credential.expires_on",
        kind=FieldKind.DAY,
        description="Its last valid day.",
        synonyms=("expires", "expiration date", "expiry date", "expires on"),
    ),
    ImportField(
        name="credentials",
        kind=FieldKind.RECORDS,
        description="More of them, as a list of objects with `title`, `issuer`, and what else they have.",
    ),
    ImportField(
        name="qualifications",
        kind=FieldKind.RECORDS,
        description="Positions, as a list of objects with `position` and `status`.",
    ),
    ImportField(
        name="training",
        kind=FieldKind.RECORDS,
        description="Courses, as a list of objects with `course`, `hours` and `completed_on`.",
    ),
)


class PersonnelImporter:
    """The caller's own agency's people, met by their tag. The ledger learns no more than of a single record."""

    kind = "personnel"
    fields: Sequence[ImportField] = FIELDS
    key: tuple[str, ...] = ("tag",)
    open_fields: Mapping[str, str] = {
        SAID: "A capability by its code: its level, for a language what the person says (ILR), or yes.",
        TESTED: "A capability by its code: the level that was examined, for a language by ILR.",
    }

    def may_import(self, caller: Caller) -> None:
        """Raises Forbidden."""
        permit(caller.principal, Action.PERSONNEL_CREATE, ["own"])
        permit(caller.principal, Action.PERSONNEL_UPDATE, ["own"])

    def may_read(self, caller: Caller) -> None:
        """Raises Forbidden: the columns and the report hold names."""
        permit(caller.principal, Action.PERSONNEL_READ, ["own"])

    async def vocabulary(self, read: Read, caller: Caller) -> Mapping[str, Mapping[str, str]]:
        """The types of capability by the words that people use for them."""
        words: dict[str, str] = {}
        for row in await read.all(_TYPES):
            for word in (*msgspec.json.decode(row.aliases), row.name, row.code):
                words[folded_word(word)] = row.code
        return {"credential.capability": words, SAID: words}

    def key_of(self, values: Mapping[str, Any]) -> str:
        """The tag's letters and digits; one without is refused when it is entered."""
        try:
            return tag_form(values["tag"])
        except RuleBroken:
            return str(values["tag"])

    async def known(self, read: Read, caller: Caller) -> Mapping[str, UUID]:
        """The agency's people by their tags."""
        rows = await read.all_slowly(_TAGS, {"agency_id": caller.agency_id})
        return {row.tag_form: row.id for row in rows}

    async def named(self, read: Read, caller: Caller, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, UUID]:
        """Nothing: a row names no other thing."""
        return {}

    async def enter(
        self,
        write: Write,
        caller: Caller,
        found: UUID | None,
        values: Mapping[str, Any],
        named: Mapping[str, UUID],
    ) -> Entered:
        """Enter the person, or correct the record: what a row does not say stays, and credentials are added."""
        said, places = _said(values)
        try:
            if found is None:
                made = await create_record(write, caller, as_struct(said, NewPersonnelRecord))
                return Entered(outcome=RowOutcome.CREATED, id=made.id)
            before = as_record(await record_row(write, caller, found), caller)
            made = await _corrected(write, caller, before, said)
        except (RuleBroken, RowRefused) as error:
            if not error.faults:
                raise
            raise RowRefused([_placed(each, places) for each in error.faults]) from None
        outcome = RowOutcome.UNCHANGED if made.version == before.version else RowOutcome.UPDATED
        return Entered(outcome=outcome, id=found)


async def _corrected(write: Write, caller: Caller, before: PersonnelRecord, said: dict[str, Any]) -> PersonnelRecord:
    credentials = said.pop("credentials", [])
    del said["tag"]  # it may be spelled otherwise on record, and stays so
    if "capabilities" in said:
        wanted = as_struct({"display_name": "-", "capabilities": said["capabilities"]}, NewPersonnelRecord).capabilities
        said["capabilities"] = msgspec.to_builtins(_merged(before.capabilities, wanted))
    made = await update_record(write, caller, before.id, as_struct(said, PersonnelRecordPatch), "any")
    there = {tuple(getattr(each, name) for name in _COMPARED) for each in before.credentials}
    for index, each in enumerate(credentials):
        try:
            new = as_struct(each, NewCredential)
            if tuple(getattr(new, name) for name in _COMPARED) not in there:
                made = await add_credential(write, caller, before.id, new)
        except (RuleBroken, RowRefused) as error:
            raise RowRefused(
                [msgspec.structs.replace(f, pointer=f"/credentials/{index}{f.pointer or ''}") for f in error.faults]
                or [Fault(code="too_many_credentials", detail=str(error), pointer="/credentials")]
            ) from None
    return made


def _merged(before: Sequence[HeldCapability], wanted: Sequence[HeldCapability]) -> list[HeldCapability]:
    """What is on record, with what the row says in place of it; what the row leaves out stays."""
    found = {each.capability: each for each in before}
    for each in wanted:
        old = found.get(each.capability, each)
        found[each.capability] = HeldCapability(
            capability=each.capability,
            self_reported_level=each.self_reported_level or old.self_reported_level,
            tested=each.tested or old.tested,
        )
    return list(found.values())


def _said(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The row as a request would have it, and which field each of its capabilities came from."""
    held: dict[str, dict[str, Any]] = {}
    places: dict[str, str] = {}
    plain: dict[str, Any] = {}
    tested_on, tested_by = values.get("tested_on"), values.get("tested_by")
    for name, value in values.items():
        if name == "capabilities":
            for each in value:
                code, _, level = each.partition("=")
                _hold(held, places, code.strip(), name)["self_reported_level"] = level.strip() or None
        elif name.startswith((SAID, TESTED)):
            word = value.strip().lower()
            code = name.partition(".")[2]
            if word in _NOT_HELD:
                continue
            its = _hold(held, places, code, name)
            if name.startswith(TESTED):
                if tested_on is None or tested_by is None:
                    raise RowRefused([_test_incomplete(name)])
                its["tested"] = {"level": word, "tested_on": tested_on, "tested_by": tested_by}
            elif word not in _HELD:
                its["self_reported_level"] = word
        elif name not in ("tested_on", "tested_by"):
            plain[name] = value
    said = nested(plain)
    if (one := said.pop("credential", None)) is not None:
        said["credentials"] = [one, *said.get("credentials", [])]
    if held:
        said["capabilities"] = list(held.values())
    return said, list(places.values())


def _hold(held: dict[str, dict[str, Any]], places: dict[str, str], code: str, field: str) -> dict[str, Any]:
    places.setdefault(code, field)
    return held.setdefault(code, {"capability": code})


def _test_incomplete(field: str) -> Fault:
    words = "A tested level needs the day and the organisation of the examination: map `tested_on` and `tested_by`."
    return Fault(code="test_incomplete", detail=words, pointer=f"/{field}")


def _placed(fault: Fault, places: Sequence[str]) -> Fault:
    """The fault at the field of the row that it is about."""
    parts = (fault.pointer or "").strip("/").split("/")
    if parts[0] == "capabilities" and len(parts) > 1 and int(parts[1]) < len(places):
        field = places[int(parts[1])]
        if "tested" in parts and field.startswith(SAID):
            field = TESTED + field.removeprefix(SAID)
        return msgspec.structs.replace(fault, pointer=f"/{field}")
    if parts[:2] == ["credentials", "0"]:
        return msgspec.structs.replace(fault, pointer=f"/credential.{'.'.join(parts[2:])}")
    return fault
