"""People without names, what they can do, and what is published of it, as the daily release publishes it."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from benchmarks.agreements.data import Row, Rows, id_at
from benchmarks.nation.agencies import Agency, shares
from benchmarks.nation.shape import SEED
from registry.directory.taxonomy.seed import CapabilityKind, CapabilityScale
from registry.platform.kernel.time import civil_day
from registry.resources.personnel.commands.recording import holding_rows, record_columns
from registry.resources.personnel.commands.releasing import (
    Taxonomy,
    cell_rows,
    default_rules,
    grouped,
    published_rows,
    released_columns,
)
from registry.resources.personnel.disclosure import CapabilitySharing, Cell, next_cell
from registry.resources.personnel.holdings import Holding, KnownType, StoredCredential, holdings
from registry.resources.personnel.rules import QualificationStatus, TaskBookStatus
from registry.resources.personnel.scales import levels_of
from registry.resources.personnel.schemas import (
    HeldCapability,
    NewCredential,
    NewPersonnelRecord,
    Qualification,
    TestedLevel,
    WeeklyHours,
)

_RANKS = ("Officer", "Deputy", "Trooper", "Detective", "Sergeant", "Lieutenant", "Dispatcher", "Analyst")
_DAY_SHIFT = WeeklyHours(weekdays=["monday", "tuesday", "wednesday", "thursday", "friday"], start="06:00", end="18:00")
_NIGHT_SHIFT = WeeklyHours(weekdays=["friday", "saturday", "sunday"], start="18:00", end="06:00")
_HOURS: tuple[list[WeeklyHours], ...] = ([], [_DAY_SHIFT], [_NIGHT_SHIFT])
_HOURS_WRITTEN = tuple(msgspec.json.encode(hours) for hours in _HOURS)
_COMMON = {"language.spa": 120, "language": 0}


class _Person(NamedTuple):
    """What a release reads of a person."""

    id: UUID
    hours: bytes


class _Held(NamedTuple):
    """What a release reads of what somebody can do."""

    personnel_id: UUID
    capability: str
    level: int
    tested_level: int


def draw_people(
    agencies: Sequence[Agency],
    known: Mapping[str, KnownType],
    taxonomy: Taxonomy,
    count: int,
    now: datetime,
) -> Iterator[Rows]:
    """So many people, one agency's rows at a time, with what is published of them."""
    draw = random.Random(f"{SEED} people")
    abilities = [code for code, its in known.items() if its.kind is not CapabilityKind.POSITION]
    positions = [code for code, its in known.items() if its.kind is CapabilityKind.POSITION]
    weights = [_COMMON.get(code, 1) for code in abilities]
    for agency, people in zip(agencies, shares(agencies, count), strict=True):
        if not people:
            continue
        rows: Rows = {"personnel_record": [], "personnel_capability": []}
        persons: list[_Person] = []
        held: list[_Held] = []
        today = civil_day(now, agency.zone or "UTC")
        for number in range(1, people + 1):
            at = now - timedelta(days=draw.randint(30, 3_000), seconds=number)
            which = draw.choices(range(len(_HOURS)), (70, 20, 10))[0]
            chosen = dict.fromkeys(draw.choices(abilities, weights, k=draw.choices((0, 1, 2, 3), (45, 30, 15, 10))[0]))
            new = NewPersonnelRecord(
                display_name=f"Member {number}",
                tag=f"P-{number:05d}",
                rank=draw.choice(_RANKS),
                capabilities=[_capability(draw, code, known[code].scale, at.date()) for code in chosen],
                credentials=_credentials(draw, list(chosen), at.date(), today),
                qualifications=[_qualification(draw, positions, at.date())]
                if positions and draw.random() < 0.03
                else [],
                weekly_hours=_HOURS[which],
            )
            person_id = id_at(at, draw)
            credentials = [
                StoredCredential(id=id_at(at, draw), **msgspec.structs.asdict(each)) for each in new.credentials
            ]
            counted = holdings(new.capabilities, credentials, new.qualifications, known)
            rows["personnel_record"].append(record_columns(person_id, agency.id, new, credentials, at))
            rows["personnel_capability"] += holding_rows(person_id, agency.id, counted)
            persons.append(_Person(person_id, _HOURS_WRITTEN[which]))
            held += [_held(person_id, each) for each in counted if _counts(each, today)]
        yield {**rows, **_published(draw, agency, persons, held, taxonomy, today, now)}


def _capability(draw: random.Random, code: str, scale: CapabilityScale, at: date) -> HeldCapability:
    levels = levels_of(scale)[1:]
    level = draw.choice(levels) if levels else None
    if level is not None and draw.random() < 0.4:
        test = TestedLevel(level=level, tested_on=at, tested_by="State examination board")
        return HeldCapability(capability=code, tested=test)
    return HeldCapability(capability=code, self_reported_level=level)


def _credentials(draw: random.Random, chosen: list[str], at: date, today: date) -> list[NewCredential]:
    if draw.random() > 0.3:
        return []
    proves = draw.choice(chosen) if chosen and draw.random() < 0.3 else None
    return [
        NewCredential(
            title="State peace-officer certificate",
            capability=proves,
            issuer="State board of peace-officer standards",
            effective_on=at,
            expires_on=today + timedelta(days=draw.randint(-100, 900)) if at < today - timedelta(days=100) else None,
        )
    ]


def _qualification(draw: random.Random, positions: Sequence[str], at: date) -> Qualification:
    return Qualification(
        position=draw.choice(positions),
        status=QualificationStatus.QUALIFIED,
        task_book=TaskBookStatus.APPROVED,
        qualified_on=at,
    )


def _counts(holding: Holding, today: date) -> bool:
    return holding.validity.from_on <= today <= holding.validity.until_on


def _held(person_id: UUID, holding: Holding) -> _Held:
    return _Held(person_id, holding.capability, holding.level, holding.tested_level)


def _published(
    draw: random.Random,
    agency: Agency,
    persons: Sequence[_Person],
    held: Sequence[_Held],
    taxonomy: Taxonomy,
    today: date,
    now: datetime,
) -> Rows:
    """The agency's rules and its numbers, as the first release makes them."""
    zone = agency.zone or "UTC"
    rules: Row = default_rules(agency.id, zone, now)
    rules["id"] = id_at(now, draw)
    rules["sharing"] = draw.choices([each.value for each in CapabilitySharing], (5, 60, 35))[0]
    groups = grouped(persons, held, taxonomy.scales)  # type: ignore[arg-type]  # rows by another name
    threshold: int = rules["threshold"]
    cells = {
        key: next_cell(Cell(), group, threshold, today, draw.randrange, first=True)
        for key, group in sorted(groups.items())
    }
    return {
        "capability_disclosure": [
            {
                **rules,
                **released_columns(cells, (str(rules["sharing"]), str(rules["below_threshold"])), today, now, zone),
            }
        ],
        "capability_cell": cell_rows(agency.id, cells),
        "capability_published": published_rows(agency.id, cells, taxonomy, agency.cell),
    }
