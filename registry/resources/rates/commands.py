"""Commands that record and correct rates, and take in schedules of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.bulk.fields import Entered, FieldKind, ImportField, RowOutcome, RowRefused, as_struct
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Fault, NotFound
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import normal_key
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType
from registry.resources.rates.queries import as_rate, rate_row, relations
from registry.resources.rates.rules import RateBasis, check_days, check_personnel_class, subject_key
from registry.resources.rates.schemas import NewRate, Rate, RatePatch
from registry.resources.rates.tables import rate

OwnAssets: TypeAlias = Callable[[Read, Caller], Awaitable[Mapping[str, UUID]]]
"""The assets of the caller's agency by the normal form of their tags; wired by the application."""
AssetsTagged: TypeAlias = Callable[[Read, Caller, Sequence[str]], Awaitable[Mapping[str, UUID]]]
"""Those of them that have one of the tags, given in their normal form."""
OwnsAsset: TypeAlias = Callable[[Read, Caller, UUID], Awaitable[bool]]
"""Whether an asset is the caller's agency's; wired by the application, since assets stand above."""

_INSERT = rate.insert()
_ITS = rate.c.id == sa.bindparam("its_id", type_=rate.c.id.type)
_LOCK = sa.select(rate.c.id).where(_ITS).with_for_update()
_KNOWN = sa.select(
    *(rate.c[name] for name in ("id", "asset_id", "cost_code", "basis", "personnel_class", "effective_on"))
).where(rate.c.agency_id == sa.bindparam("agency_id", type_=rate.c.agency_id.type))


async def create_rate(write: Write, caller: Caller, owns_asset: OwnsAsset, new: NewRate) -> Rate:
    """Record a rate of the caller's agency.

    Raises RuleBroken for days in the wrong order and an asset that is not its own, Conflict for a rate for the same
    thing from the same day on.
    """
    permit(caller.principal, Action.ASSETS_UPDATE, ["own"])
    await write.once()
    check_days(new.effective_on, new.expires_on)
    check_personnel_class(new.basis, new.personnel_class)
    if new.asset_id is not None and not await owns_asset(write, caller, new.asset_id):
        raise NotFound("asset").named_at("/asset_id")
    rate_id = new_id()
    asset_id = None if new.asset_id is None else str(new.asset_id)
    values = {name: getattr(new, name) for name in new.__struct_fields__ if name != "amount"}
    await write.run(
        _INSERT,
        {
            "id": rate_id,
            "agency_id": caller.agency_id,
            "subject_key": subject_key(asset_id, new.cost_code, new.basis, new.personnel_class),
            **values,
            "amount_minor": new.amount.to_minor(),
            "currency": new.amount.currency,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    record(
        write,
        caller,
        EventType.RATE_CREATED,
        subject=("rate", rate_id, 1),
        agencies=[caller.agency_id],
        data=msgspec.to_builtins({name: value for name, value in msgspec.structs.asdict(new).items() if value}),
    )
    return as_rate(await rate_row(write, caller, rate_id), caller.principal)


async def update_rate(write: Write, caller: Caller, rate_id: UUID, patch: RatePatch, expected: Expected) -> Rate:
    """Correct a mistake in a rate. Raises NotFound, Forbidden, StaleVersion, PreconditionMissing, RuleBroken."""
    await write.all(_LOCK, {"its_id": rate_id})
    row = await rate_row(write, caller, rate_id)
    permit(caller.principal, Action.ASSETS_UPDATE, relations(caller.principal, row.agency_id))
    check_version(expected, row.version, required=True)
    before = as_rate(row, caller.principal)
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    plain = msgspec.to_builtins
    changed = changes({name: plain(getattr(before, name)) for name in given}, plain(given))
    if not changed:
        return before
    check_days(row.effective_on, given.get("expires_on", row.expires_on))
    values = {name: given[name] for name in changed if name != "amount"}
    if "amount" in changed:
        values |= {"amount_minor": given["amount"].to_minor(), "currency": given["amount"].currency}
    version = row.version + 1
    await write.run(
        rate.update().where(_ITS).values(**values, version=version, updated_at=caller.now), {"its_id": rate_id}
    )
    record(
        write,
        caller,
        EventType.RATE_UPDATED,
        subject=("rate", rate_id, version),
        agencies=[row.agency_id],
        data=changed,
    )
    return as_rate(await rate_row(write, caller, rate_id), caller.principal)


_BASES: Final = {
    **dict.fromkeys(("hr", "hours", "hourly", "per hour"), "hour"),
    **dict.fromkeys(("days", "daily", "per day"), "day"),
    **dict.fromkeys(("mi", "miles", "per mile"), "mile"),
}
FIELDS: Final = (
    ImportField(
        name="amount",
        kind=FieldKind.MONEY,
        required=True,
        description="What it costs.",
        synonyms=("rate", "hourly rate", "2023 rate", "2025 rate", "rate amount", "price", "cost"),
    ),
    ImportField(
        name="basis",
        kind=FieldKind.CHOICE,
        required=True,
        description="For what: an hour, a day, a mile, an hour of personnel.",
        synonyms=("unit", "units", "per", "rate unit", "unit of measure", "rate basis"),
        choices=tuple(each.value for each in RateBasis),
        words=_BASES,
    ),
    ImportField(
        name="effective_on",
        kind=FieldKind.DAY,
        required=True,
        description="The first day on which it holds.",
        synonyms=("effective date", "effective from", "valid from", "from"),
    ),
    ImportField(
        name="source",
        kind=FieldKind.TEXT,
        required=True,
        description="What says so: a schedule, a resolution, an order.",
        synonyms=("schedule", "citation", "authority"),
    ),
    ImportField(
        name="expires_on",
        kind=FieldKind.DAY,
        description="The last day on which it holds.",
        synonyms=("expiration date", "effective to", "valid to", "to", "expires"),
    ),
    ImportField(
        name="currency",
        kind=FieldKind.TEXT,
        description="Currency (ISO 4217); USD unless given.",
    ),
    ImportField(
        name="asset_tag",
        kind=FieldKind.TEXT,
        description="Tag of the agency's asset that it is for; blank for all of the schedule's kind.",
        synonyms=("tag", "unit number", "asset number", "vehicle number"),
    ),
    ImportField(
        name="personnel_class",
        kind=FieldKind.CODE,
        description="Which class of personnel, with the basis personnel_hour.",
        synonyms=("class", "job class", "personnel"),
    ),
    ImportField(
        name="cost_code",
        kind=FieldKind.TEXT,
        description="The schedule's own number for the equipment.",
        synonyms=("code", "fema cost code", "cost code no"),
    ),
    ImportField(
        name="equipment",
        kind=FieldKind.TEXT,
        description="Which equipment.",
        synonyms=("equipment type", "equipment description", "description"),
    ),
    ImportField(
        name="specification",
        kind=FieldKind.TEXT,
        description="Which kind of it.",
        synonyms=("specifications", "spec", "type"),
    ),
    ImportField(
        name="equipment_capacity",
        kind=FieldKind.TEXT,
        description="Its size, as the schedule says it.",
        synonyms=("capacity", "capacity size", "size"),
    ),
    ImportField(
        name="horsepower",
        kind=FieldKind.TEXT,
        description="Its power, as the schedule says it.",
        synonyms=("hp", "horse power"),
    ),
)


def _key(tag: str, subject: str, effective_on: object) -> str:
    """What tells one row of a schedule from another: a tag's normal form has no line breaks, and may have any sign."""
    return "\n".join((normal_key(tag), subject, str(effective_on)))


class RateImporter:
    """Schedules of rates of the caller's own agency, such as FEMA's of equipment.

    A rate is met by what it is for and its first day; one from another day on is another.
    """

    kind = "rates"
    fields: Sequence[ImportField] = FIELDS
    key: tuple[str, ...] = ("asset_tag", "cost_code", "basis", "personnel_class", "effective_on")
    open_fields: Mapping[str, str] = {}

    def __init__(self, own_assets: OwnAssets, assets_tagged: AssetsTagged, owns_asset: OwnsAsset) -> None:
        self._own_assets = own_assets
        self._assets_tagged = assets_tagged
        self._owns_asset = owns_asset

    def may_import(self, caller: Caller) -> None:
        """Raises Forbidden."""
        permit(caller.principal, Action.ASSETS_UPDATE, ["own"])

    def may_read(self, caller: Caller) -> None:
        """Everybody who may see the imports of the agency."""

    async def vocabulary(self, read: Read, caller: Caller) -> Mapping[str, Mapping[str, str]]:
        """Nothing: the words are in the fields."""
        return {}

    def key_of(self, values: Mapping[str, Any]) -> str:
        """What the rate is for, and from which day on."""
        tag, cost_code, basis, personnel_class, effective_on = (values.get(name) for name in self.key)
        return _key(tag or "", subject_key(None, cost_code, str(basis), personnel_class), effective_on)

    async def known(self, read: Read, caller: Caller) -> Mapping[str, UUID]:
        """The agency's rates."""
        tags = {asset_id: tag for tag, asset_id in (await self._own_assets(read, caller)).items()}
        found = {}
        for row in await read.all_slowly(_KNOWN, {"agency_id": caller.agency_id}):
            tag = "" if row.asset_id is None else tags.get(row.asset_id)
            if tag is not None:
                subject = subject_key(None, row.cost_code, row.basis, row.personnel_class)
                found[_key(tag, subject, row.effective_on)] = row.id
        return found

    async def named(self, read: Read, caller: Caller, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, UUID]:
        """The agency's assets by the tags that the rows name."""
        tags = {normal_key(values["asset_tag"]) for values in rows if values.get("asset_tag")}
        return await self._assets_tagged(read, caller, sorted(tags)) if tags else {}

    async def enter(
        self,
        write: Write,
        caller: Caller,
        found: UUID | None,
        values: Mapping[str, Any],
        named: Mapping[str, UUID],
    ) -> Entered:
        """Record the rate, or correct it."""
        said = dict(values)
        money = {"amount": said.pop("amount"), **({"currency": said.pop("currency")} if "currency" in said else {})}
        said |= {f"amount.{name}": value for name, value in money.items()}
        tag = said.pop("asset_tag", None)
        if found is None:
            if tag is not None:
                said["asset_id"] = str(_asset(named, tag))
            made = await create_rate(write, caller, self._owns_asset, as_struct(said, NewRate))
            return Entered(outcome=RowOutcome.CREATED, id=made.id)
        fixed = ("basis", "effective_on", "cost_code", "personnel_class")
        row = await rate_row(write, caller, found)
        patch = as_struct({name: value for name, value in said.items() if name not in fixed}, RatePatch)
        made = await update_rate(write, caller, found, patch, "any")
        outcome = RowOutcome.UNCHANGED if made.version == row.version else RowOutcome.UPDATED
        return Entered(outcome=outcome, id=found)


def _asset(named: Mapping[str, UUID], tag: str) -> UUID:
    found = named.get(normal_key(tag))
    if found is None:
        words = "Your agency has no asset with that tag."
        raise RowRefused([Fault(code="unknown_asset", detail=words, pointer="/asset_tag")])
    return found
