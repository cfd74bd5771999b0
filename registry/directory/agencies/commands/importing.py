"""Import of the FBI's agency lists, repeatable whenever they are published.

An agency is identified by its primary ORI and entered as `listed`. Its `name` is the Crime Data API's full name where
that list has one, since the employee list's is often only a place; search finds both. Values corrected in the registry
are kept (see `listed`), and what the lists do not contain (contacts, parent, status) is not changed. An agency without
a time zone gets that of its point, else of its state.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO, Final, TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.agencies.commands.registering import search_text
from registry.directory.agencies.fbi import AgencyRecord, RowFault, join, read_cde, read_lee
from registry.directory.agencies.listed import (
    COLUMNS,
    NOTHING_SAID,
    ListedFacts,
    is_older,
    listed_facts,
    merge_listed,
)
from registry.directory.agencies.rules import AgencyStatus
from registry.directory.agencies.schemas import AgencyImport, AgencyImportReport, ImportNote
from registry.directory.agencies.tables import agency, agency_ori
from registry.directory.agencies.zones import zone_of
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.bulk.batches import CappedReport, Progress, in_batches, no_progress, yield_to_others
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.database.connect import Database
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.geo import cell_of
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import Event, record_many
from registry.platform.ledger.event_types import EventType

SOURCE: Final = "fbi"
BATCH: Final = 500  # rows to a transaction

Rows = TypeVar("Rows")

_decode_facts = msgspec.json.Decoder(ListedFacts).decode
_decode_counties = msgspec.json.Decoder(list[str]).decode

_MET = (
    sa.select(agency_ori.c.ori, agency_ori.c.is_primary, *(c for c in agency.c if c.name != "search_text"))
    .join(agency, agency.c.id == agency_ori.c.agency_id)
    .where(agency_ori.c.ori.in_(sa.bindparam("oris", expanding=True)))
    .order_by(agency.c.id)
)
_MET_TO_CHANGE = _MET.with_for_update(of=agency, key_share=True)
_INSERT = agency.insert()
_INSERT_ORI = agency_ori.insert()
_WRITTEN = (
    *("name", "kind", "level", "state", "counties", "latitude", "longitude", "cell"),
    *("population", "sworn", "civilian", "search_text", "updated_at"),
)
_SOURCE = ("source", "source_digest", "source_facts")


def _set(*columns: str) -> dict[str, sa.BindParameter[Any]]:
    return {name: sa.bindparam(name, type_=agency.c[name].type) for name in columns}


_MET_ONE = agency.update().where(agency.c.id == sa.bindparam("its_id", type_=agency.c.id.type))
_ZONE = sa.func.coalesce(agency.c.time_zone, sa.bindparam("time_zone", type_=agency.c.time_zone.type))
_UPDATE = _MET_ONE.values({**_set(*_WRITTEN, *_SOURCE), "time_zone": _ZONE, "version": agency.c.version + 1})
_SEEN = _MET_ONE.values(_set(*_SOURCE))


class _New(Struct, kw_only=True, frozen=True):
    """A record of an agency that is not registered yet."""

    id: UUID
    record: AgencyRecord
    facts: ListedFacts


class _Known(Struct, kw_only=True, frozen=True):
    """A record with new data about a registered agency. `changed` is empty when only the source data changed."""

    row: Row[Any]
    record: AgencyRecord
    facts: ListedFacts
    stored: ListedFacts
    values: ListedFacts
    changed: list[str]


def records_of(data: AgencyImport) -> list[AgencyRecord | RowFault]:
    """The records of lists in a request body, including refused rows. Raises RuleBroken `import_format`."""
    lee = _read(read_lee, data.lee, "lee")
    cde = iter(()) if data.cde is None else _read(read_cde, data.cde, "cde")
    return list(join(lee, cde))


def _read(reader: Callable[[BinaryIO, str], Iterator[Rows]], text: str, name: str) -> Iterator[Rows]:
    try:
        return reader(BytesIO(text.encode()), name)
    except ImportFormatError as error:
        raise RuleBroken.at(error.detail, error.code, "not that list", pointer=f"/{name}") from None


async def import_agencies(
    database: Database,
    caller: Caller,
    records: Iterable[AgencyRecord | RowFault],
    *,
    dry_run: bool = False,
    on_progress: Progress = no_progress,
) -> AgencyImportReport:
    """Enter or update an agency for each record. Each ORI may occur only once, which `fbi.join` ensures.

    Each transaction contains 500 records, so an interrupted import has stored whole batches and can be run again: a
    known record changes nothing. A dry run writes nothing and reports the same. `on_progress` is called with the number
    of records done. Raises Forbidden, and Busy when the database has no time for the next batch.
    """
    permit(caller.principal, Action.AGENCIES_CREATE, [])
    work = _Import(caller)
    accepted = work.accepted(records)
    await in_batches(database, work, accepted, size=BATCH, dry_run=dry_run, on_progress=on_progress)
    return work.report(dry_run=dry_run)


class _Import:
    """One import in progress, with its report."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.counts: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.refused = CappedReport[RowFault]()

    def accepted(self, records: Iterable[AgencyRecord | RowFault]) -> Iterator[AgencyRecord]:
        """The valid records; the others are added to the report."""
        for record in records:
            if isinstance(record, RowFault):
                self.counts["refused"] += 1
                self.refused.add(record)
            else:
                self.notes.update({note.partition(":")[0] for note in record.notes})
                yield record

    async def plan(self, read: Read, batch: Sequence[AgencyRecord]) -> tuple[list[_New], list[_Known]]:
        """The changes that the batch requires, counted for the report. In a transaction the agencies are locked."""
        return await _plan(read, _MET_TO_CHANGE if isinstance(read, Write) else _MET, batch, self)

    async def apply(self, write: Write, planned: tuple[list[_New], list[_Known]]) -> None:
        """Write the planned changes."""
        await _apply(write, self._caller, *planned)

    def report(self, *, dry_run: bool) -> AgencyImportReport:
        return AgencyImportReport(
            dry_run=dry_run,
            created=self.counts["created"],
            updated=self.counts["updated"],
            unchanged=self.counts["unchanged"],
            refused=self.counts["refused"],
            notes=[ImportNote(code=code, agencies=times) for code, times in sorted(self.notes.items())],
            refused_rows=self.refused.rows,
            refused_rows_left_out=self.refused.left_out,
        )


async def _plan(
    read: Read, statement: sa.Select[Any], batch: Sequence[AgencyRecord], tally: _Import
) -> tuple[list[_New], list[_Known]]:
    """The changes that the batch requires, counted for the report."""
    rows = {row.ori: row for row in await read.all(statement, {"oris": [record.ori for record in batch]})}
    new, met = [], []
    for record in batch:
        row = rows.get(record.ori)
        if row is None:
            facts = listed_facts(record)
            new.append(_New(id=new_id(), record=record, facts=facts))
            if zone_of(facts.point, facts.state) is None:
                tally.notes["time_zone_unknown"] += 1
            tally.counts["created"] += 1
        elif not row.is_primary or row.status == AgencyStatus.DISSOLVED:
            tally.notes["agency_dissolved" if row.is_primary else "ori_not_primary"] += 1
            tally.counts["unchanged"] += 1
        elif row.source_digest == record.digest:
            tally.counts["unchanged"] += 1
        else:
            before = NOTHING_SAID if row.source_facts is None else _decode_facts(row.source_facts)
            stored, facts = _stored_facts(row), listed_facts(record, before)
            if is_older(record, before):
                tally.notes["older_than_imported"] += 1
                if facts == before:
                    tally.counts["unchanged"] += 1
                    continue
            merged = merge_listed(stored, before, facts)
            met.append(
                _Known(
                    row=row,
                    record=record,
                    facts=facts,
                    stored=stored,
                    values=merged.values,
                    changed=merged.changed,
                )
            )
            tally.counts["updated" if merged.changed else "unchanged"] += 1
            if merged.corrected_here:
                tally.notes["corrected_here"] += 1
    return new, met


def _stored_facts(row: Row[Any]) -> ListedFacts:
    return ListedFacts(
        name=row.name,
        kind=row.kind,
        level=row.level,
        state=row.state,
        counties=_decode_counties(row.counties),
        point=None if row.latitude is None else (row.latitude, row.longitude),
        population=row.population,
        sworn=row.sworn,
        civilian=row.civilian,
    )


async def _apply(write: Write, caller: Caller, new: Sequence[_New], met: Sequence[_Known]) -> None:
    """Write a batch: one statement for each kind of change, one event for each agency that changed."""
    changed = [item for item in met if item.changed]
    seen = [item for item in met if not item.changed]
    if new:
        entered = {"status": AgencyStatus.LISTED, "version": 1, "created_at": caller.now}
        await write.run(
            _INSERT,
            [
                {"id": item.id, **entered, **listed_columns(item.record, item.facts, item.facts, caller.now)}
                for item in new
            ],
        )
        await write.run(
            _INSERT_ORI, [{"ori": item.record.ori, "agency_id": item.id, "is_primary": True} for item in new]
        )
    if changed:
        await write.run(
            _UPDATE,
            [
                {"its_id": item.row.id, **listed_columns(item.record, item.values, item.facts, caller.now)}
                for item in changed
            ],
        )
    if seen:
        await write.run(_SEEN, [{"its_id": item.row.id, **_source(item.record, item.facts)} for item in seen])
    await yield_to_others()
    record_many(write, caller, [*map(_imported, new), *map(_reimported, changed)])


def listed_columns(record: AgencyRecord, values: ListedFacts, facts: ListedFacts, now: datetime) -> dict[str, object]:
    """What the lists and what follows from them say in an agency's row: `values` with corrections, `facts` without."""
    latitude, longitude = values.point or (None, None)
    return {
        **{column: getattr(values, column) for column in COLUMNS if column != "point"},
        "latitude": latitude,
        "longitude": longitude,
        "cell": cell_of(*values.point) if values.point else None,
        "time_zone": zone_of(values.point, values.state),
        "search_text": search_text(f"{values.name} {record.name}", values.counties, values.state),
        "updated_at": now,
        **_source(record, facts),
    }


def _source(record: AgencyRecord, facts: ListedFacts) -> dict[str, object]:
    return {"source": SOURCE, "source_digest": record.digest, "source_facts": msgspec.structs.asdict(facts)}


def _imported(item: _New) -> Event:
    return Event(
        type=EventType.AGENCY_IMPORTED,
        subject=("agency", item.id, 1),
        agencies=[item.id],
        data={
            "name": item.facts.name,
            "state": item.facts.state,
            "oris": [item.record.ori],
            "source": SOURCE,
        },
        audience="network",
    )


def _reimported(item: _Known) -> Event:
    return Event(
        type=EventType.AGENCY_REIMPORTED,
        subject=("agency", item.row.id, item.row.version + 1),
        agencies=[item.row.id],
        data={
            "location" if column == "point" else column: {
                "from": _plain(getattr(item.stored, column)),
                "to": _plain(getattr(item.values, column)),
            }
            for column in item.changed
        },
        audience="network",
    )


def _plain(value: object) -> object:
    """Coordinates as text, as in every event about an agency: canonical JSON has no floats."""
    if isinstance(value, tuple):
        latitude, longitude = value
        return {"latitude": repr(latitude), "longitude": repr(longitude)}
    return value
