"""Assets in bulk: the fields of a row, how an asset is met again, and its entry through the commands of one asset."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.directory.places.rules import Verdict, check_place
from registry.directory.taxonomy.plain_words import load_words
from registry.directory.taxonomy.rules import CategoryStatus
from registry.directory.taxonomy.tables import category
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.bulk.fields import (
    Entered,
    FieldKind,
    ImportField,
    RowOutcome,
    RowRefused,
    RowRemark,
    Wanted,
    as_struct,
    nested,
)
from registry.platform.bulk.values import folded_word
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Fault, RuleBroken
from registry.platform.kernel.text import normal_key
from registry.resources.assets.commands.details import known_category
from registry.resources.assets.commands.editing import update_asset
from registry.resources.assets.commands.registering import enter_asset
from registry.resources.assets.commands.servicing import change_service_status
from registry.resources.assets.commands.stating import read_stated
from registry.resources.assets.identifying import IdentifierKind
from registry.resources.assets.queries.getting import asset_row
from registry.resources.assets.rules import ROOT_CATEGORY, TRANSITIONS, AssetAction, Grade, ServiceStatus, Sharing
from registry.resources.assets.schemas.given import AssetPatch, NewAsset
from registry.resources.assets.tables import asset

REASON: Final = "Listed so in an import of the agency's own assets."
_TAGS = (
    sa.select(asset.c.tag, asset.c.id)
    .where(asset.c.agency_id == sa.bindparam("agency_id", type_=asset.c.agency_id.type))
    .order_by(asset.c.n.desc())
)
_CATEGORIES = sa.select(
    category.c.code, category.c.name, category.c.aliases, category.c.agency_id, category.c.status
).order_by(category.c.code.desc())
_LEVELS: Final = {
    word: str(level)
    for level, roman in enumerate(("i", "ii", "iii", "iv"), 1)
    for word in (roman, f"type {roman}", f"type {level}", f"level {level}")
}
FIELDS: Final = (
    ImportField(
        name="tag",
        kind=FieldKind.TEXT,
        required=True,
        description="Your own number for it, by which it is met again: upper and lower case, width and blanks alike.",
        synonyms=(
            *("unit", "unit number", "unit no", "unit id", "asset tag", "asset number", "asset id", "asset no"),
            *("vehicle number", "vehicle id", "inventory number", "tag number", "call sign", "number", "Code"),
        ),
    ),
    ImportField(
        name="name",
        kind=FieldKind.TEXT,
        required=True,
        description="What people call it.",
        synonyms=("asset name", "unit name", "item name", "title", "resource name", "vehicle name", "asset", "item"),
    ),
    ImportField(
        name="category",
        kind=FieldKind.CODE,
        required=True,
        description="Its category: the code from `GET /v1/categories`, or a name or alias that no other one has.",
        synonyms=("type", "kind", "asset type", "resource type", "resource category", "asset category", "class"),
    ),
    ImportField(
        name="description",
        kind=FieldKind.TEXT,
        description="What it is, in a sentence or two.",
        synonyms=("comments", "notes", "remarks", "details", "catalog description"),
    ),
    ImportField(
        name="type_level",
        kind=FieldKind.WHOLE,
        description="NIMS type, 1 (or I) being the most capable.",
        synonyms=("nims type", "type level", "fema type", "nims level"),
        words=_LEVELS,
    ),
    ImportField(
        name="capacity",
        kind=FieldKind.WHOLE,
        description="How many can be lent at one time; 1 unless given.",
        synonyms=("quantity", "qty", "count", "how many", "number of units", "units"),
    ),
    ImportField(
        name="sharing",
        kind=FieldKind.CHOICE,
        description="Who may see it; `agreement` unless given.",
        synonyms=("visibility", "shared with", "share"),
        choices=tuple(each.value for each in Sharing),
    ),
    ImportField(
        name="service_status",
        kind=FieldKind.CHOICE,
        description="Whether it can be used; `in_service` unless given.",
        synonyms=("status", "service state", "availability"),
        choices=tuple(each.value for each in ServiceStatus),
    ),
    ImportField(
        name="location.latitude",
        kind=FieldKind.DECIMAL,
        description="Where it stands, in degrees (WGS 84).",
        synonyms=("lat", "latitude", "y", "gps latitude", "y coordinate"),
    ),
    ImportField(
        name="location.longitude",
        kind=FieldKind.DECIMAL,
        description="Where it stands, in degrees (WGS 84).",
        synonyms=("lon", "longitude", "lng", "long", "x", "gps longitude", "x coordinate"),
    ),
    ImportField(
        name="home_base",
        kind=FieldKind.TEXT,
        description="The place that it belongs to, wherever it is now.",
        synonyms=("home station", "station", "base", "garaged at", "home location", "assigned location"),
    ),
    ImportField(
        name="home_location.latitude",
        kind=FieldKind.DECIMAL,
        description="Where it belongs, in degrees (WGS 84).",
        synonyms=("home latitude", "base latitude", "station latitude"),
    ),
    ImportField(
        name="home_location.longitude",
        kind=FieldKind.DECIMAL,
        description="Where it belongs, in degrees (WGS 84).",
        synonyms=("home longitude", "base longitude", "station longitude"),
    ),
    ImportField(
        name="service_area.states",
        kind=FieldKind.CODES,
        description="States that it serves, by their two letters.",
        synonyms=("service states", "states served"),
    ),
    ImportField(
        name="service_area.counties",
        kind=FieldKind.CODES,
        description="Counties that it serves, by their FIPS numbers.",
        synonyms=("service counties", "counties served", "county fips"),
    ),
    ImportField(
        name="service_area.within_km",
        kind=FieldKind.DECIMAL,
        description="Radius around its home that it serves.",
        synonyms=("service radius", "response radius"),
        measures={"kilometres": "1", "miles": "1.609344"},
    ),
    ImportField(
        name="identifiers",
        kind=FieldKind.RECORDS,
        description="Its numbers, as a list of objects with `kind`, `value` and `public`. One of a kind has a column.",
    ),
    *(
        ImportField(name=name, kind=FieldKind.TEXT, description=description, synonyms=synonyms)
        for name, description, synonyms in (
            ("vin", "Vehicle identification number.", ("vehicle identification number", "vin number", "vin no")),
            ("serial_number", "The maker's number for it.", ("serial", "serial no", "s/n", "manufacturer serial")),
            ("license_plate", "Its plate.", ("plate", "license", "plate number", "tag plate", "registration plate")),
            ("tail_number", "An aircraft's registration.", ("n number", "faa registration", "tail no", "tail")),
            ("fema_rtlt", "Number of FEMA's typing definition.", ("rtlt", "rtlt id", "fema id", "typing id")),
        )
    ),
    ImportField(
        name="condition",
        kind=FieldKind.CHOICE,
        description="Its condition.",
        synonyms=("asset condition", "grade", "condition grade"),
        choices=tuple(each.value for each in Grade),
    ),
    ImportField(
        name="crew",
        kind=FieldKind.RECORDS,
        description="Whom it needs, as a list of objects with `role`, `quantity`, `capabilities` and `provided_by`.",
    ),
    ImportField(
        name="county",
        kind=FieldKind.TEXT,
        description="The county that the row names. It is held against the point, and kept nowhere.",
        synonyms=("county name", "L2"),
    ),
    ImportField(
        name="state",
        kind=FieldKind.TEXT,
        description="The state that the row names, held against the point as the county is.",
        synonyms=("state name", "state abbr", "L1"),
    ),
    ImportField(
        name="mobilisation_minutes",
        kind=FieldKind.WHOLE,
        description="Minutes from call to departure.",
        synonyms=("mobilization minutes", "mobilization time", "response time", "lead time", "ready in"),
        measures={"minutes": "1", "hours": "60", "days": "1440"},
    ),
    ImportField(
        name="turnaround_minutes",
        kind=FieldKind.WHOLE,
        description="Minutes that it takes after a loan before it can be lent again.",
        synonyms=("turnaround", "turnaround time", "refit time"),
        measures={"minutes": "1", "hours": "60", "days": "1440"},
    ),
    ImportField(
        name="hourly_rate.amount",
        kind=FieldKind.MONEY,
        description="What an hour costs.",
        synonyms=("hourly rate", "rate", "cost per hour", "rate per hour", "hour rate"),
    ),
    ImportField(
        name="hourly_rate.currency",
        kind=FieldKind.TEXT,
        description="Currency of the rate (ISO 4217); USD unless given.",
        synonyms=("currency",),
    ),
    ImportField(
        name="funding",
        kind=FieldKind.CODES,
        description="Conditions of the funds with which it was paid, by code.",
        synonyms=("funding source", "funds", "grant", "grants", "funded by"),
    ),
    ImportField(
        name="certification_required",
        kind=FieldKind.FLAG,
        description="Whether it may be lent with a current certification only.",
        synonyms=("needs certification", "certification needed"),
    ),
    ImportField(
        name="certifications",
        kind=FieldKind.RECORDS,
        description="Its certificates, as a list of objects with `code`, `issuer`, `number`, `issued_on`, "
        "`effective_on` and `expires_on`.",
    ),
    ImportField(
        name="attributes",
        kind=FieldKind.OBJECT,
        description="Other properties by their names, as an object. One property alone: `attributes.` and its name.",
    ),
)


class AssetImporter:
    """Assets of the caller's own agency, met by their tag in its normal form."""

    kind = "assets"
    fields: Sequence[ImportField] = FIELDS
    key: tuple[str, ...] = ("tag",)
    open_fields: Mapping[str, str] = {"attributes.": "Another property, by its name."}

    def may_import(self, caller: Caller) -> None:
        """Raises Forbidden. Whoever enters assets and may not correct them is refused the rows of those on record."""
        permit(caller.principal, Action.ASSETS_CREATE, ["own"])

    def may_read(self, caller: Caller) -> None:
        """Everybody who may see the imports of the agency."""

    async def vocabulary(self, read: Read, caller: Caller) -> Mapping[str, Mapping[str, str]]:
        """The categories by the words that people use for them: those that all share, and the agency's own.

        What an agency calls a category of its own changes neither what others' tables say nor what a shared word says.
        """
        shared: dict[str, set[str]] = {}
        own: dict[str, set[str]] = {}
        codes: dict[str, str] = {}
        for row in await read.all(_CATEGORIES):
            if row.code != ROOT_CATEGORY:
                codes[folded_word(row.code)] = row.code
                if row.agency_id is None or (row.agency_id == caller.agency_id and row.status == CategoryStatus.IN_USE):
                    for word in (*msgspec.json.decode(row.aliases), row.name):
                        its = shared if row.agency_id is None else own
                        its.setdefault(folded_word(word), set()).add(row.code)
        for each in load_words():
            if each.category is not None:
                shared.setdefault(folded_word(each.phrase), set()).add(each.category)
        # A word that several categories have says none of them.
        words = {word: code for word, (code, *others) in (own | shared).items() if not others}
        return {"category": {**words, **codes}}

    def key_of(self, values: Mapping[str, Any]) -> str:
        """The tag in its normal form."""
        return normal_key(values["tag"])

    async def known(self, read: Read, caller: Caller) -> Mapping[str, UUID]:
        """The agency's assets by their tags."""
        rows = await read.all_slowly(_TAGS, {"agency_id": caller.agency_id})
        return {normal_key(row.tag): row.id for row in rows}

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
        """Register the asset, or correct it; and bring it into the service status that the row says."""
        said = nested(values)
        wanted = said.pop("service_status", None)
        remarks = _of_the_place(said.pop("county", None), said.pop("state", None), said)
        _of_the_area(said)
        numbers = {kind: said.pop(kind) for kind in IdentifierKind if kind in said}
        if found is None:
            said |= _with_numbers(said.get("identifiers") or [], numbers)
            new = await self._read(write, said, said["category"], NewAsset)
            made_id = await enter_asset(write, caller, new)
            if wanted not in (None, ServiceStatus.IN_SERVICE):
                await _bring(write, caller, made_id, ServiceStatus.IN_SERVICE, wanted)
            return Entered(outcome=RowOutcome.CREATED, id=made_id, remarks=remarks)
        row = await asset_row(write, caller, found)
        if row.service_status == wanted == ServiceStatus.RETIRED:
            return Entered(outcome=RowOutcome.UNCHANGED, id=found, remarks=remarks)
        stored = msgspec.json.decode(row.identifiers)
        said |= _with_numbers(said["identifiers"] if said.get("identifiers") is not None else stored, numbers)
        del said["tag"]  # it may be spelled otherwise on record, and stays so
        patch = await self._read(write, said, said.get("category", row.category), AssetPatch)
        version = (changed := await update_asset(write, caller, found, patch, "any")).version
        if wanted not in (None, changed.service_status):
            version = await _bring(write, caller, found, changed.service_status, wanted)
        outcome = RowOutcome.UNCHANGED if version == row.version else RowOutcome.UPDATED
        return Entered(outcome=outcome, id=found, remarks=remarks)

    async def _read(self, write: Write, said: dict[str, Any], code: str, kind: type[Wanted]) -> Wanted:
        """The row as the struct that a request would have. Raises RowRefused with all that is wrong with it."""
        faults: list[Fault] = []
        try:
            said |= await self._stated(write, said, code)
        except RuleBroken as broken:
            faults += broken.faults or [Fault(code=broken.code, detail=broken.detail, pointer="/category")]
        try:
            found = as_struct(said, kind)
        except RowRefused as refused:
            if not said.get("attributes") and all(each.pointer != "/category" for each in refused.faults):
                faults += await _of_the_category(write, code)
            raise RowRefused([*faults, *refused.faults]) from None
        if faults:
            raise RowRefused(faults)
        return found

    async def _stated(self, write: Write, said: Mapping[str, Any], code: str) -> dict[str, Any]:
        """The attributes of a row, if it states any, as the category reads them. Raises RuleBroken for no category."""
        if not said.get("attributes"):
            return {}
        await known_category(write, code)
        return {"attributes": await read_stated(write, code, said["attributes"])}


async def _bring(write: Write, caller: Caller, asset_id: UUID, status: ServiceStatus, wanted: str) -> int:
    """Bring an asset into the service status that its row says; its version then."""
    action = _action(status, ServiceStatus(wanted))
    return (await change_service_status(write, caller, asset_id, action, REASON)).version


async def _of_the_category(write: Write, code: str) -> Sequence[Fault]:
    """What is wrong with the category of that code, where anything is."""
    try:
        await known_category(write, code)
    except RuleBroken as broken:
        return broken.faults
    return ()


def _with_numbers(
    identifiers: Sequence[Mapping[str, Any]], numbers: Mapping[IdentifierKind, str | None]
) -> dict[str, Any]:
    """The identifiers with those of a column each in place of what they were before; nothing where no column says any.

    What was public stays so.
    """
    if not numbers:
        return {}
    kept = [each for each in identifiers if each.get("kind") not in numbers]
    public = {(each.get("kind"), each.get("value")) for each in identifiers if each.get("public")}
    added = [
        {"kind": kind.value, "value": value, "public": (kind.value, value) in public}
        for kind, value in numbers.items()
        if value is not None
    ]
    return {"identifiers": [*kept, *added]}


def _of_the_area(said: Mapping[str, Any]) -> None:
    """The letters of states as capitals, and the zeros that a spreadsheet takes from FIPS numbers."""
    area = said.get("service_area") or {}
    for name, form in (("states", str.upper), ("counties", lambda code: code.zfill(5))):
        if area.get(name):
            area[name] = [form(each) for each in area[name]]


def _of_the_place(county: str | None, state: str | None, said: Mapping[str, Any]) -> list[RowRemark]:
    """Where the row's point lies in another county or state than the row names."""
    place = said.get("location", {})
    latitude, longitude = place.get("latitude"), place.get("longitude")
    if latitude is None or longitude is None or not (county or state):
        return []
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return []  # refused for that
    found = check_place(county, state, latitude, longitude)
    if found.verdict is not Verdict.CONTRADICTS or found.county is None:
        return []
    named = ", ".join(filter(None, (county, state)))
    detail = f"The point lies in {found.county.name}, {found.county.state}, and not in {named}."
    return [RowRemark(code="place_contradicts", detail=detail, field="county" if county else "state")]


def _action(status: ServiceStatus, wanted: ServiceStatus) -> AssetAction:
    for (before, action), after in TRANSITIONS.items():
        if (before, after) == (status, wanted):
            return action
    words = f"An asset that is {status.replace('_', ' ')} cannot become {wanted.replace('_', ' ')}."
    raise RowRefused([Fault(code="wrong_status", detail=words, pointer="/service_status")])
