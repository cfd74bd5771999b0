"""The daily release of what others may learn of an agency's people, in the background. No event tells of it.

The first one comes at the end of the day on which an agency enters its first person, or first says what others may
learn, whichever is earlier, with all who are entered by then.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row

from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.seed import CapabilityScale
from registry.directory.taxonomy.tables import capability_type, capability_type_closure
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import civil_day, day_starts_at
from registry.resources.personnel.disclosure import (
    DEFAULT_THRESHOLD,
    WHOLE_AGENCY,
    BelowThreshold,
    CapabilitySharing,
    Cell,
    CellKey,
    Group,
    next_cell,
    published,
)
from registry.resources.personnel.duty_hours import blocks_of
from registry.resources.personnel.queries.getting import decoded
from registry.resources.personnel.readiness import spans_of
from registry.resources.personnel.rules import PersonnelStatus
from registry.resources.personnel.scales import steps_of
from registry.resources.personnel.schemas import WeeklyHours
from registry.resources.personnel.tables import (
    capability_cell,
    capability_disclosure,
    capability_published,
    personnel_capability,
    personnel_record,
)

UnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
_DAY = timedelta(days=1)

_AGENCY = sa.bindparam("agency_id", type_=personnel_record.c.agency_id.type)
_BEGIN: dict[str, sqlite.Insert | postgresql.Insert] = {
    "sqlite": sqlite.insert(capability_disclosure).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(capability_disclosure).on_conflict_do_nothing(),
}
_ZONE = sa.select(agency.c.time_zone).where(agency.c.id == _AGENCY)
_NEXT = (
    sa.select(capability_disclosure.c.agency_id)
    .where(capability_disclosure.c.due_at <= sa.bindparam("now", type_=capability_disclosure.c.due_at.type))
    .order_by(capability_disclosure.c.due_at)
    .limit(1)
)
_LOCK = (
    sa.select(
        capability_disclosure.c.threshold,
        capability_disclosure.c.sharing,
        capability_disclosure.c.below_threshold,
        capability_disclosure.c.released_on,
        agency.c.time_zone,
        agency.c.cell,
    )
    .join(agency, agency.c.id == capability_disclosure.c.agency_id)
    .where(
        capability_disclosure.c.agency_id == _AGENCY,
        capability_disclosure.c.due_at <= sa.bindparam("now", type_=capability_disclosure.c.due_at.type),
    )
    .with_for_update(of=capability_disclosure)
)
_PEOPLE = sa.select(personnel_record.c.id, personnel_record.c.hours).where(
    personnel_record.c.agency_id == _AGENCY, personnel_record.c.status != PersonnelStatus.SEPARATED.value
)
_TODAY = sa.bindparam("today", type_=personnel_capability.c.from_on.type)
_HELD = sa.select(
    personnel_capability.c.personnel_id,
    personnel_capability.c.capability,
    personnel_capability.c.level,
    personnel_capability.c.tested_level,
).where(
    personnel_capability.c.agency_id == _AGENCY,
    personnel_capability.c.from_on <= _TODAY,
    personnel_capability.c.until_on >= _TODAY,
)
_TYPES = sa.select(capability_type.c.code, capability_type.c.scale)
_ABOVE = sa.select(capability_type_closure.c.descendant, capability_type_closure.c.ancestor)
_CELLS = sa.select(capability_cell).where(capability_cell.c.agency_id == _AGENCY)
_INSERT_CELL, _INSERT_PUBLISHED = capability_cell.insert(), capability_published.insert()
_OF_AGENCY = sa.bindparam("of_agency", type_=personnel_record.c.agency_id.type)
_FORGET_CELLS = capability_cell.delete().where(capability_cell.c.agency_id == _OF_AGENCY)
_FORGET_PUBLISHED = capability_published.delete().where(capability_published.c.agency_id == _OF_AGENCY)
_DONE = capability_disclosure.update().where(capability_disclosure.c.agency_id == _OF_AGENCY)


class Taxonomy(Struct, frozen=True):
    """Of each capability its scale, and what stands above it, itself included."""

    scales: Mapping[str, CapabilityScale]
    above: Mapping[str, Sequence[str]]


async def begin_disclosure(write: Write, agency_id: UUID, now: datetime) -> None:
    """Give the agency the rules that hold by default; it keeps those that it has."""
    zone = await write.value(_ZONE, {"agency_id": agency_id}) or "UTC"
    await write.run(_BEGIN[write.dialect], default_rules(agency_id, zone, now))


def default_rules(agency_id: UUID, time_zone: str, now: datetime) -> dict[str, object]:
    """The row of an agency that has said nothing of it."""
    return {
        "agency_id": agency_id,
        "id": new_id(),
        "sharing": CapabilitySharing.AGREEMENT.value,
        "threshold": DEFAULT_THRESHOLD,
        "below_threshold": BelowThreshold.AT_LEAST_ONE.value,
        "blocks": 0,
        "released_on": None,
        "released_sharing": None,
        "released_below_threshold": None,
        "due_at": _next_midnight(now, time_zone),
        "version": 0,
        "updated_at": now,
    }


async def release_all_due(
    read: Read, unit_of_work: UnitOfWork, now: datetime, draw: Callable[[int], int] = secrets.randbelow
) -> int:
    """Release what is due, one agency after the other, each in a transaction of its own; how many."""
    taxonomy: Taxonomy | None = None
    done = 0
    while (agency_id := await read.value(_NEXT, {"now": now})) is not None:
        taxonomy = taxonomy or await load_taxonomy(read)
        async with unit_of_work() as write:
            done += await release(write, agency_id, taxonomy, now, draw)
    return done


async def release(write: Write, agency_id: UUID, taxonomy: Taxonomy, now: datetime, draw: Callable[[int], int]) -> bool:
    """Release the numbers of one agency; False when another process just did."""
    rules = await write.first(_LOCK, {"agency_id": agency_id, "now": now})
    if rules is None:
        return False
    zone = rules.time_zone or "UTC"
    today = civil_day(now, zone)
    people = await write.all_slowly(_PEOPLE, {"agency_id": agency_id})
    held = await write.all_slowly(_HELD, {"agency_id": agency_id, "today": today})
    before = {_key(row): _cell(row) for row in await write.all_slowly(_CELLS, {"agency_id": agency_id})}
    # Decoding a large agency's hours takes long, and the event loop must not wait for it.
    groups = await asyncio.to_thread(grouped, people, held, taxonomy.scales)
    first = rules.released_on is None
    after = {
        key: next_cell(before.get(key, Cell()), groups.get(key, Group()), rules.threshold, today, draw, first=first)
        for key in sorted({*before, *groups})
    }
    await write.run(_FORGET_CELLS, {"of_agency": agency_id})
    await write.run(_FORGET_PUBLISHED, {"of_agency": agency_id})
    if cells := cell_rows(agency_id, after):
        await write.run(_INSERT_CELL, cells)
    if shown := published_rows(agency_id, after, taxonomy, rules.cell):
        await write.run(_INSERT_PUBLISHED, shown)
    await write.run(
        _DONE.values(**released_columns(after, (rules.sharing, rules.below_threshold), today, now, zone)),
        {"of_agency": agency_id},
    )
    return True


def cell_rows(agency_id: UUID, cells: Mapping[CellKey, Cell]) -> list[dict[str, object]]:
    """How an agency's numbers came to be published."""
    return [
        {
            **_columns(agency_id, key),
            "band": cell.band,
            "blocks": cell.blocks,
            "counted": cell.counted,
            "publish_on": cell.publish_on,
        }
        for key, cell in cells.items()
        if cell != Cell()
    ]


def published_rows(
    agency_id: UUID, cells: Mapping[CellKey, Cell], taxonomy: Taxonomy, at_cell: int | None
) -> list[dict[str, object]]:
    """What others reach of these numbers; `at_cell` is where the agency is."""
    return [
        {**_columns(agency_id, key), "band": band, "blocks": blocks, "cell": at_cell}
        for key, (band, blocks) in published(cells, taxonomy.above).items()
    ]


def released_columns(
    cells: Mapping[CellKey, Cell], rules: tuple[str, str], today: date, now: datetime, zone: str
) -> dict[str, object]:
    """What a release changes in the agency's rules; `rules` are its `sharing` and `below_threshold` at the time."""
    return {
        "blocks": cells.get(WHOLE_AGENCY, Cell()).blocks,
        "released_on": today,
        "released_sharing": rules[0],
        "released_below_threshold": rules[1],
        "due_at": _next_midnight(now, zone),
    }


def grouped(
    people: Sequence[Row[Any]], held: Sequence[Row[Any]], scales: Mapping[str, CapabilityScale]
) -> dict[CellKey, Group]:
    """The people of each cell. Who is on leave or must not be sent for now counts, so that this tells nothing of it."""
    blocks = {row.id: blocks_of(spans_of(decoded(row.hours, list[WeeklyHours]))) for row in people}
    groups: dict[CellKey, Group] = {WHOLE_AGENCY: Group()}
    for its in blocks.values():
        groups[WHOLE_AGENCY].add(its)
    for row in held:
        its_blocks = blocks.get(row.personnel_id)
        if its_blocks is None:
            continue
        for tested, level in ((False, row.level), (True, row.tested_level)):
            for step in steps_of(scales[row.capability]):
                if step <= level:
                    groups.setdefault((row.capability, step, tested), Group()).add(its_blocks)
    return groups


async def load_taxonomy(read: Read) -> Taxonomy:
    """What a release needs of the taxonomy."""
    above: dict[str, list[str]] = {}
    for row in await read.all(_ABOVE):
        above.setdefault(row.descendant, []).append(row.ancestor)
    scales = {row.code: CapabilityScale(row.scale) for row in await read.all(_TYPES)}
    return Taxonomy(scales, above)


def _next_midnight(now: datetime, time_zone: str) -> datetime:
    return day_starts_at(civil_day(now, time_zone) + _DAY, ZoneInfo(time_zone))


def _key(row: Row[Any]) -> CellKey:
    return row.capability, row.level, bool(row.tested)


def _cell(row: Row[Any]) -> Cell:
    publish_on: date | None = row.publish_on
    return Cell(band=row.band, blocks=row.blocks, counted=row.counted, publish_on=publish_on)


def _columns(agency_id: UUID, key: CellKey) -> dict[str, object]:
    capability, level, tested = key
    return {"agency_id": agency_id, "capability": capability, "level": level, "tested": tested}
