"""Past loans in bulk: the fields of a row, how one is met again, and how it is taken over or corrected."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from msgspec import UNSET

from registry.agreements.instruments.queries.visibility import is_party
from registry.agreements.instruments.tables import agreement
from registry.directory.agencies.queries import zone_of_agency
from registry.directory.agencies.tables import agency, agency_ori
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.bulk.fields import Entered, FieldKind, ImportField, RowOutcome, RowRemark, as_struct
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.canonical import canonical_digest
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import normal_key
from registry.platform.kernel.time import known_zone
from registry.platform.ledger.commands import changes
from registry.platform.ledger.event_types import EventType
from registry.resources.assets.commands.details import known_category
from registry.resources.assets.commands.importing import AssetImporter
from registry.resources.assets.queries.facts import asset_facts, assets_tagged
from registry.resources.assets.rules import Grade
from registry.sharing.past_loans.commands.settling import note
from registry.sharing.past_loans.queries import past_loan_row
from registry.sharing.past_loans.rules import (
    EXPECTED,
    PastLoanOutcome,
    PastLoanStatus,
    check_correctable,
    past_window,
    refused,
)
from registry.sharing.past_loans.schemas import NewPastLoan, OwnNumber, PastLoanPatch
from registry.sharing.past_loans.tables import past_loan

_UUID = past_loan.c.id.type
_INSERT = past_loan.insert()
_ITS = past_loan.c.id == sa.bindparam("its_id", type_=_UUID)
_LOCK = sa.select(past_loan.c.id).where(_ITS).with_for_update()
_CHANGE = past_loan.update().where(_ITS)
_KNOWN = sa.select(past_loan.c.number_key, past_loan.c.id).where(
    past_loan.c.taken_over_by == sa.bindparam("agency_id", type_=_UUID)
)
_BY_ORI = sa.select(agency_ori.c.ori, agency_ori.c.agency_id).where(
    agency_ori.c.ori.in_(sa.bindparam("oris", expanding=True))
)
_BY_NAME = sa.select(sa.func.lower(agency.c.name).label("name"), agency.c.id).where(
    sa.func.lower(agency.c.name).in_(sa.bindparam("names", expanding=True))
)
_AGREEMENTS = sa.select(agreement.c.id).where(
    agreement.c.number == sa.bindparam("number", type_=sa.Text), is_party("viewer"), is_party("other")
)
_OTHERS = sa.select(past_loan.c.number).where(
    past_loan.c.taken_over_by == sa.bindparam("other", type_=_UUID),
    past_loan.c.requesting_agency_id == sa.bindparam("requesting", type_=_UUID),
    past_loan.c.assisting_agency_id == sa.bindparam("assisting", type_=_UUID),
    past_loan.c.status != PastLoanStatus.WITHDRAWN.value,
    past_loan.c.starts_at < sa.bindparam("ends_at", type_=past_loan.c.ends_at.type),
    past_loan.c.ends_at > sa.bindparam("starts_at", type_=past_loan.c.starts_at.type),
)
_SEVERAL: Final = UUID(int=0)
"""What a name stands for that several agencies have."""

_WHEN: Final = f"{EXPECTED}. By the clocks of your agency, or of `time_zone`"
FIELDS: Final = (
    ImportField(
        name="number",
        kind=FieldKind.TEXT,
        required=True,
        description="Your own number for it, by which it is met again: upper and lower case, width and blanks alike.",
        synonyms=(
            "own number",
            "loan number",
            "loan no",
            "loan id",
            "no",
            "case number",
            "record number",
            "request number",
        ),
    ),
    ImportField(
        name="lender",
        kind=FieldKind.TEXT,
        required=True,
        description="Who lent: the ORI, or the full name where only one agency has it.",
        synonyms=(
            "lending agency",
            "assisting agency",
            "provided by",
            "provider",
            "loaned by",
            "lent by",
            "from agency",
        ),
    ),
    ImportField(
        name="borrower",
        kind=FieldKind.TEXT,
        required=True,
        description="Who borrowed: the ORI, or the full name where only one agency has it.",
        synonyms=(
            "borrowing agency",
            "requesting agency",
            "requested by",
            "requester",
            "loaned to",
            "lent to",
            "to agency",
        ),
    ),
    ImportField(
        name="asset_tag",
        kind=FieldKind.TEXT,
        description="The lender's own number of what was lent.",
        synonyms=("unit", "unit number", "unit no", "asset tag", "asset number", "vehicle number", "equipment number"),
    ),
    ImportField(
        name="asset_name",
        kind=FieldKind.TEXT,
        description="What was lent, in words.",
        synonyms=("asset", "item", "equipment", "resource", "what", "description", "item name", "resource name"),
    ),
    ImportField(
        name="category",
        kind=FieldKind.CODE,
        description="Its category: the code from `GET /v1/categories`, or a name or alias that no other one has.",
        synonyms=("type", "kind", "asset type", "resource type", "resource category", "class"),
    ),
    ImportField(
        name="start",
        kind=FieldKind.TEXT,
        required=True,
        description=f"When it began: {_WHEN}.",
        synonyms=("from", "start date", "date out", "out", "begin", "began", "start time", "checked out", "loaned on"),
    ),
    ImportField(
        name="end",
        kind=FieldKind.TEXT,
        required=True,
        description=f"When it was over, the last day included: {_WHEN}.",
        synonyms=("to", "end date", "date in", "in", "until", "returned on", "end time", "checked in", "date returned"),
    ),
    ImportField(
        name="time_zone",
        kind=FieldKind.TEXT,
        description="IANA name of the zone whose clocks the times are of; your agency's unless given.",
        synonyms=("tz", "timezone", "zone"),
    ),
    ImportField(
        name="used_minutes",
        kind=FieldKind.WHOLE,
        description="How long it was used.",
        synonyms=("hours", "hours used", "duration", "time used", "total hours"),
        measures={"minutes": "1", "hours": "60", "days": "1440"},
    ),
    ImportField(
        name="quantity",
        kind=FieldKind.WHOLE,
        description="How many were lent; 1 unless given.",
        synonyms=("qty", "count", "how many", "number of units", "units"),
    ),
    ImportField(
        name="agreement_number",
        kind=FieldKind.TEXT,
        description="The number of the agreement under which it was lent.",
        synonyms=("agreement", "agreement no", "mou", "mou number", "contract", "under agreement"),
    ),
    ImportField(
        name="outcome",
        kind=FieldKind.CHOICE,
        description="What became of it; `returned` unless given.",
        synonyms=("result", "status", "disposition", "what happened"),
        choices=tuple(each.value for each in PastLoanOutcome),
        words={
            **dict.fromkeys(("complete", "completed", "closed", "back", "fulfilled", "ok", "yes"), "returned"),
            **dict.fromkeys(("denied", "refused", "rejected", "no"), "declined"),
            **dict.fromkeys(("stolen", "destroyed", "missing"), "lost"),
            **dict.fromkeys(("canceled", "called off", "withdrawn"), "cancelled"),
            **dict.fromkeys(("unavailable", "not filled", "not available"), "unfilled"),
        },
    ),
    ImportField(
        name="condition",
        kind=FieldKind.CHOICE,
        description="The condition in which it came back.",
        synonyms=("condition on return", "condition returned", "returned condition", "grade"),
        choices=tuple(each.value for each in Grade),
        words={"excellent": "good", "ok": "good", "as loaned": "good", "broken": "damaged"},
    ),
    ImportField(
        name="remark",
        kind=FieldKind.TEXT,
        description="What else is to be said; the other side reads it. No names of people.",
        synonyms=("remarks", "notes", "comments", "comment", "note"),
    ),
)


class PastLoanImporter:
    """Loans of before the registry in which the caller's agency was a side, from its own records."""

    kind = "loans"
    fields: Sequence[ImportField] = FIELDS
    key: tuple[str, ...] = ("number",)
    open_fields: Mapping[str, str] = {}

    def __init__(self, assets: AssetImporter) -> None:
        self._assets = assets

    def may_import(self, caller: Caller) -> None:
        """Raises Forbidden."""
        permit(caller.principal, Action.LOANS_TAKE_OVER, ["own"])

    def may_read(self, caller: Caller) -> None:
        """Everybody who may see the imports of the agency."""

    async def vocabulary(self, read: Read, caller: Caller) -> Mapping[str, Mapping[str, str]]:
        """The categories by the words that people use for them."""
        return await self._assets.vocabulary(read, caller)

    def key_of(self, values: Mapping[str, Any]) -> str:
        """The own number in its normal form."""
        return normal_key(values["number"])

    async def known(self, read: Read, caller: Caller) -> Mapping[str, UUID]:
        """What the agency took over already."""
        rows = await read.all_slowly(_KNOWN, {"agency_id": caller.agency_id})
        return {row.number_key: row.id for row in rows}

    async def named(self, read: Read, caller: Caller, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, UUID]:
        """The agencies by ORI or name, and the own assets by tag, that the rows name."""
        words = {values[side] for values in rows for side in ("lender", "borrower") if values.get(side)}
        tags = {normal_key(values["asset_tag"]) for values in rows if values.get("asset_tag")}
        found: dict[str, UUID] = {}
        if words:
            for row in await read.all_slowly(_BY_NAME, {"names": sorted({_name(each) for each in words})}):
                key = f"agency {row.name}"
                found[key] = _SEVERAL if key in found else row.id
            for row in await read.all(_BY_ORI, {"oris": sorted({_ori(each) for each in words})}):
                found[f"ori {row.ori}"] = row.agency_id
        if tags:
            tagged = await assets_tagged(read, caller, sorted(tags))
            found |= {f"asset {tag}": asset_id for tag, asset_id in tagged.items()}
        return found

    async def enter(
        self,
        write: Write,
        caller: Caller,
        found: UUID | None,
        values: Mapping[str, Any],
        named: Mapping[str, UUID],
    ) -> Entered:
        """Take it over, or correct what was taken over before."""
        said = dict(values)
        number, zone_name = said.pop("number"), said.pop("time_zone", None)
        facts: dict[str, object] = _sides(caller, said.pop("lender"), said.pop("borrower"), named)
        facts |= await _window(write, caller, zone_name, said.pop("start"), said.pop("end"))
        remarks: list[RowRemark] = []
        if (tag := said.get("asset_tag")) is not None:
            facts["asset_id"] = asset_id = _asset(caller, facts, tag, named, remarks)
            if found is None and asset_id is not None:  # what it is called now is not said of one that is known
                said = await _described(write, asset_id, said)
        if (code := said.get("category")) is not None:
            await known_category(write, code)
        if "agreement_number" in said:
            facts["agreement_id"] = await _agreement(write, caller, facts, said["agreement_number"], remarks)
        if found is not None:
            return await _correct(write, caller, found, facts, as_struct(said, PastLoanPatch), remarks)
        return await _take_over(write, caller, number, facts, as_struct(said, NewPastLoan), remarks)


def _name(text: str) -> str:
    return text.strip().lower()


def _ori(text: str) -> str:
    return text.upper().replace(" ", "")


def _agency(named: Mapping[str, UUID], text: str, field: str) -> UUID:
    found = named.get(f"ori {_ori(text)}") or named.get(f"agency {_name(text)}")
    if found is None:
        raise refused("No agency is on record with that ORI or name.", "unknown_agency", f"/{field}")
    if found == _SEVERAL:
        raise refused("Several agencies have that name: give the ORI.", "agency_ambiguous", f"/{field}")
    return found


def _sides(caller: Caller, lender: str, borrower: str, named: Mapping[str, UUID]) -> dict[str, object]:
    """Both agencies. Raises RowRefused where one is unknown, both are one, or the caller's is neither."""
    assisting, requesting = _agency(named, lender, "lender"), _agency(named, borrower, "borrower")
    if assisting == requesting:
        raise refused("An agency does not lend to itself.", "one_side_twice", "/borrower")
    if caller.agency_id not in (assisting, requesting):
        words = "Your agency is neither the lender nor the borrower, and takes over its own loans alone."
        raise refused(words, "not_a_side", "/lender")
    return {"assisting_agency_id": assisting, "requesting_agency_id": requesting}


def _other(caller: Caller, facts: Mapping[str, object]) -> object:
    own = facts["assisting_agency_id"] == caller.agency_id
    return facts["requesting_agency_id" if own else "assisting_agency_id"]


async def _window(write: Write, caller: Caller, zone_name: str | None, start: str, end: str) -> dict[str, object]:
    if zone_name is not None:
        zone = known_zone(zone_name, "/time_zone")
    else:
        own = await write.read_once(
            ("zone of the agency", caller.agency_id), lambda: zone_of_agency(write, caller.agency_id)
        )
        zone = ZoneInfo(own or "UTC")
    window = past_window(start, end, zone, caller.now)
    return {"starts_at": window.start, "ends_at": window.end}


def _asset(
    caller: Caller,
    facts: Mapping[str, object],
    tag: str,
    named: Mapping[str, UUID],
    remarks: list[RowRemark],
) -> UUID | None:
    """The asset that the number stands for, where the own agency lent it."""
    if facts["assisting_agency_id"] != caller.agency_id:
        return None
    asset_id = named.get(f"asset {normal_key(tag)}")
    if asset_id is None:
        words = "Your agency has no asset with that number on record: it is kept as words."
        remarks.append(RowRemark(code="asset_not_on_record", detail=words, field="asset_tag"))
    return asset_id


async def _described(write: Write, asset_id: UUID, said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said, with name and category of the asset where they are not said."""
    its = await asset_facts(write, asset_id)
    return {"asset_name": its.name, "category": its.category, **said}


async def _agreement(
    write: Write, caller: Caller, facts: Mapping[str, object], number: str, remarks: list[RowRemark]
) -> UUID | None:
    """The agreement of both sides with that number; none where there is none, or several."""
    rows = await write.all(_AGREEMENTS, {"number": number, "viewer": caller.agency_id, "other": _other(caller, facts)})
    if len(rows) == 1:
        found: UUID = rows[0].id
        return found
    words = "No agreement of both agencies is on record with that number: it is kept as words."
    remarks.append(RowRemark(code="agreement_not_on_record", detail=words, field="agreement_number"))
    return None


async def _take_over(
    write: Write,
    caller: Caller,
    number: str,
    facts: Mapping[str, object],
    new: NewPastLoan,
    remarks: list[RowRemark],
) -> Entered:
    try:
        msgspec.convert(number, OwnNumber)
    except msgspec.ValidationError as error:
        raise refused(str(error), "invalid_body", "/number") from None
    name = new.asset_name or new.asset_tag or new.category
    if name is None:
        words = "Say what was lent: by the lender's own number, in words, or by its category."
        raise refused(words, "asset_not_said", "/asset_name")
    others = await write.all(
        _OTHERS,
        {
            "other": _other(caller, facts),
            "requesting": facts["requesting_agency_id"],
            "assisting": facts["assisting_agency_id"],
            "starts_at": facts["starts_at"],
            "ends_at": facts["ends_at"],
        },
    )
    if others:
        words = f"The other agency took over one of that time already, as its number {others[0].number}: both stand."
        remarks.append(RowRemark(code="reported_by_other_side", detail=words, field="number"))
    row = {
        "id": new_id(),
        "taken_over_by": caller.agency_id,
        "number": number,
        "number_key": normal_key(number),
        "asset_id": None,
        "agreement_id": None,
        **facts,
        **msgspec.structs.asdict(new),
        "asset_name": name,
        "status": PastLoanStatus.REPORTED,
        "taken_over_at": caller.now,
        "version": 1,
        "updated_at": caller.now,
    }
    await write.run(_INSERT, row)
    its = await past_loan_row(write, caller.principal, row["id"])
    note(write, caller, EventType.PAST_LOAN_TAKEN_OVER, its, 1, {"number": number, "said_sha256": _digest(its)})
    return Entered(outcome=RowOutcome.CREATED, id=row["id"], remarks=remarks)


_TOLD: Final = (
    *("asset_tag", "asset_name", "category", "quantity", "used_minutes", "agreement_number", "outcome", "condition"),
    *("remark", "starts_at", "ends_at"),
)


def _digest(row: Any) -> str:
    """Of what was said: free text, which may name people, stays out of the ledger."""
    return canonical_digest([msgspec.to_builtins(row._mapping[name]) for name in _TOLD])


async def _correct(
    write: Write,
    caller: Caller,
    past_loan_id: UUID,
    facts: Mapping[str, object],
    patch: PastLoanPatch,
    remarks: list[RowRemark],
) -> Entered:
    """What was said anew is the agency's word from now on: a contest of what it said before has lapsed."""
    await write.all(_LOCK, {"its_id": past_loan_id})
    row = await past_loan_row(write, caller.principal, past_loan_id)
    if any(row._mapping[name] != facts[name] for name in ("assisting_agency_id", "requesting_agency_id")):
        words = (
            "It was taken over with another lender or borrower: withdraw that one, and give this one another number."
        )
        raise refused(words, "sides_fixed", "/number")
    given = {name: value for name in patch.__struct_fields__ if (value := getattr(patch, name)) is not UNSET}
    said = {**facts, **given}
    changed = changes({name: row._mapping[name] for name in said}, said)
    if not changed:
        return Entered(outcome=RowOutcome.UNCHANGED, id=past_loan_id, remarks=remarks)
    check_correctable(PastLoanStatus(row.status))
    version = row.version + 1
    values = {name: said[name] for name in changed}
    again = {"status": PastLoanStatus.REPORTED, "version": version, "updated_at": caller.now}
    await write.run(_CHANGE, {"its_id": past_loan_id, **values, **again})
    its = await past_loan_row(write, caller.principal, past_loan_id)
    data = {"changed": sorted(changed), "said_sha256": _digest(its)}
    note(write, caller, EventType.PAST_LOAN_CORRECTED, its, version, data)
    return Entered(outcome=RowOutcome.UPDATED, id=past_loan_id, remarks=remarks)
