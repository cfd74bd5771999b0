"""Bringing the FBI's agency lists into the register, as often as they come out.

An agency is met by its primary ORI and entered as `listed`. Its `name` is the Crime Data API's full name where that
list has one, since the employee list's is often only a place; search finds both. What somebody corrected here stays
(see `listed`), and what the lists never say (contacts, time zone, parent, status) is not touched at all.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.access.permissions import Action, permit
from registry.access.principals import OPERATOR_AGENCY_ID, Caller
from registry.agencies.commands import search_text
from registry.agencies.fbi import AgencyRecord, RowFault
from registry.agencies.listed import COLUMNS, NOTHING_SAID, ListedFacts, listed_facts, meet
from registry.agencies.rules import AgencyStatus
from registry.agencies.schemas import AgencyImportReport, ImportNote
from registry.agencies.tables import agency, agency_ori
from registry.database.connect import Database, unit_of_work
from registry.database.handles import Read, Write
from registry.kernel.geo import cell_of
from registry.kernel.ids import new_id
from registry.ledger.commands import Event, record_many

SOURCE: Final = "fbi"
BATCH: Final = 500  # rows to a transaction: other writers get their turn in between
MOST_REFUSED_SHOWN: Final = 1000

_decode_facts = msgspec.json.Decoder(ListedFacts).decode
_decode_counties = msgspec.json.Decoder(list[str]).decode

_MET = (
    sa.select(agency_ori.c.ori, agency_ori.c.is_primary, *(c for c in agency.c if c.name != "search_text"))
    .join(agency, agency.c.id == agency_ori.c.agency_id)
    .where(agency_ori.c.ori.in_(sa.bindparam("oris", expanding=True)))
    .order_by(agency.c.id)
)
_MET_TO_CHANGE = _MET.with_for_update(of=agency, key_share=True)
_TURN = sa.select(agency.c.id).where(agency.c.id == OPERATOR_AGENCY_ID).with_for_update(key_share=True)
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
_UPDATE = _MET_ONE.values({**_set(*_WRITTEN, *_SOURCE), "version": agency.c.version + 1})
_SEEN = _MET_ONE.values(_set(*_SOURCE))


class _New(Struct, kw_only=True, frozen=True):
    """A record that no agency answers to yet."""

    id: UUID
    record: AgencyRecord
    facts: ListedFacts


class _Met(Struct, kw_only=True, frozen=True):
    """A record that says something new about an agency; without `changed`, what it says stands there already."""

    row: Row[Any]
    record: AgencyRecord
    facts: ListedFacts
    held: ListedFacts
    values: ListedFacts
    changed: list[str]


async def import_agencies(
    database: Database,
    caller: Caller,
    records: Iterable[AgencyRecord | RowFault],
    *,
    dry_run: bool = False,
    on_progress: Callable[[int], object] = lambda _done: None,
) -> AgencyImportReport:
    """Enter or correct an agency for each record; each ORI may occur once, as `fbi.join` sees to.

    Each transaction holds 500 records, so an import that breaks off has done whole batches and is simply run again:
    a record that is known already changes nothing. A dry run writes nothing and reports the same. `on_progress` hears
    how many records are done. Raises Forbidden, and Busy when the database has no time for the next batch.
    """
    permit(caller.principal, Action.AGENCIES_CREATE, [])
    tally = _Tally()
    done = 0
    for batch in _batches(_accepted(records, tally)):
        if dry_run:
            await _plan(database.read(), _MET, batch, tally)
        else:
            async with unit_of_work(database) as write:
                # Two imports at once take turns, or each would enter the agencies that the other is entering.
                await write.value(_TURN)
                new, met = await _plan(write, _MET_TO_CHANGE, batch, tally)
                await _carry_out(write, caller, new, met)
        done += len(batch)
        on_progress(done)
        await _let_others_in()
    return tally.report(dry_run=dry_run)


class _Tally:
    """The report in the making."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.refused: list[RowFault] = []

    def refuse(self, fault: RowFault) -> None:
        self.counts["refused"] += 1
        if len(self.refused) < MOST_REFUSED_SHOWN:
            self.refused.append(fault)

    def report(self, *, dry_run: bool) -> AgencyImportReport:
        return AgencyImportReport(
            dry_run=dry_run,
            created=self.counts["created"],
            updated=self.counts["updated"],
            unchanged=self.counts["unchanged"],
            refused=self.counts["refused"],
            notes=[ImportNote(code=code, agencies=times) for code, times in sorted(self.notes.items())],
            refused_rows=self.refused,
            refused_rows_left_out=self.counts["refused"] - len(self.refused),
        )


def _accepted(records: Iterable[AgencyRecord | RowFault], tally: _Tally) -> Iterator[AgencyRecord]:
    for record in records:
        if isinstance(record, RowFault):
            tally.refuse(record)
        else:
            tally.notes.update({note.partition(":")[0] for note in record.notes})
            yield record


def _batches(records: Iterator[AgencyRecord]) -> Iterator[list[AgencyRecord]]:
    while batch := list(islice(records, BATCH)):
        yield batch


async def _plan(
    read: Read, statement: sa.Select[Any], batch: Sequence[AgencyRecord], tally: _Tally
) -> tuple[list[_New], list[_Met]]:
    """What the batch does to the agencies as they are: counted, not done."""
    rows = {row.ori: row for row in await read.all(statement, {"oris": [record.ori for record in batch]})}
    new, met = [], []
    for record in batch:
        row = rows.get(record.ori)
        if row is None:
            new.append(_New(id=new_id(), record=record, facts=listed_facts(record)))
            tally.counts["created"] += 1
        elif not row.is_primary or row.status == AgencyStatus.DISSOLVED:
            tally.notes["agency_dissolved" if row.is_primary else "ori_not_primary"] += 1
            tally.counts["unchanged"] += 1
        elif row.source_digest == record.digest:
            tally.counts["unchanged"] += 1
        else:
            before = NOTHING_SAID if row.source_facts is None else _decode_facts(row.source_facts)
            held, facts = _held(row), listed_facts(record, before)
            meeting = meet(held, before, facts)
            met.append(
                _Met(
                    row=row,
                    record=record,
                    facts=facts,
                    held=held,
                    values=meeting.values,
                    changed=meeting.changed,
                )
            )
            tally.counts["updated" if meeting.changed else "unchanged"] += 1
            if meeting.corrected_here:
                tally.notes["corrected_here"] += 1
    return new, met


def _held(row: Row[Any]) -> ListedFacts:
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


async def _carry_out(write: Write, caller: Caller, new: Sequence[_New], met: Sequence[_Met]) -> None:
    """Write a batch: one statement for each kind of change, one event for each agency that changed."""
    changed = [item for item in met if item.changed]
    seen = [item for item in met if not item.changed]
    if new:
        entered = {"status": AgencyStatus.LISTED, "version": 1, "created_at": caller.now}
        await write.run(
            _INSERT,
            [{"id": item.id, **entered, **_written(item.record, item.facts, item.facts, caller)} for item in new],
        )
        await write.run(
            _INSERT_ORI, [{"ori": item.record.ori, "agency_id": item.id, "is_primary": True} for item in new]
        )
    if changed:
        await write.run(
            _UPDATE,
            [{"its_id": item.row.id, **_written(item.record, item.values, item.facts, caller)} for item in changed],
        )
    if seen:
        await write.run(_SEEN, [{"its_id": item.row.id, **_source(item.record, item.facts)} for item in seen])
    await _let_others_in()
    await record_many(write, caller, [*map(_imported, new), *map(_reimported, changed)])


async def _let_others_in() -> None:
    """SQLite answers on the event loop, where a batch in one piece would hold every other request up by 0.1 s."""
    await asyncio.sleep(0)


def _written(record: AgencyRecord, values: ListedFacts, facts: ListedFacts, caller: Caller) -> dict[str, object]:
    latitude, longitude = values.point or (None, None)
    return {
        **{column: getattr(values, column) for column in COLUMNS if column != "point"},
        "latitude": latitude,
        "longitude": longitude,
        "cell": cell_of(*values.point) if values.point else None,
        "search_text": search_text(f"{values.name} {record.name}", values.counties, values.state),
        "updated_at": caller.now,
        **_source(record, facts),
    }


def _source(record: AgencyRecord, facts: ListedFacts) -> dict[str, object]:
    return {"source": SOURCE, "source_digest": record.digest, "source_facts": msgspec.structs.asdict(facts)}


def _imported(item: _New) -> Event:
    return Event(
        type="agency.imported",
        subject=("agency", item.id, 1),
        agencies=[item.id],
        data={
            "name": item.facts.name,
            "state": item.facts.state,
            "oris": [item.record.ori],
            "source": SOURCE,
        },
        sensitivity="public",
    )


def _reimported(item: _Met) -> Event:
    return Event(
        type="agency.reimported",
        subject=("agency", item.row.id, item.row.version + 1),
        agencies=[item.row.id],
        data={
            "location" if column == "point" else column: {
                "from": _plain(getattr(item.held, column)),
                "to": _plain(getattr(item.values, column)),
            }
            for column in item.changed
        },
        sensitivity="public",
    )


def _plain(value: object) -> object:
    """Coordinates as text, as in every event about an agency: canonical JSON holds no floats."""
    if isinstance(value, tuple):
        latitude, longitude = value
        return {"latitude": repr(latitude), "longitude": repr(longitude)}
    return value
