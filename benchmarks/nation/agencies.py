"""Real agencies, from the FBI's lists, as their import enters them; all of which a time zone is known take part."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from math import inf
from pathlib import Path
from uuid import UUID

from msgspec import Struct

from benchmarks.agreements.data import Row, id_at
from benchmarks.nation.shape import SEED
from registry.directory.agencies.commands.importing import listed_columns
from registry.directory.agencies.fbi import AgencyRecord, join, read_cde, read_lee
from registry.directory.agencies.listed import listed_facts
from registry.directory.agencies.rules import AgencyStatus
from registry.directory.agencies.zones import zone_of
from registry.platform.kernel.geo import cell_of, distance_km

LISTS = ("agencies/fbi_lee_latest.csv", "agencies/cde_agencies_2018_latlon.csv")
MIDDLE = (39.96, -83.0)
"""Around it a part of the nation is taken, so that a part is as dense as the whole is there."""


class Agency(Struct, kw_only=True, frozen=True):
    """What the other rows need of an agency."""

    id: UUID
    name: str
    state: str | None
    zone: str | None
    point: tuple[float, float] | None
    cell: int | None
    officers: int

    @property
    def weight(self) -> float:
        """How much of everything it has, beside the others."""
        return float(6.0 + min(self.officers, 3_000) ** 0.8)


def read_records(data: Path, count: int) -> list[AgencyRecord]:
    """The records of so many agencies around `MIDDLE`, neighbours close to one another in the list.

    Raises FileNotFoundError, saying what is missing.
    """
    employees, places = (data / name for name in LISTS)
    for path in (employees, places):
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: the agencies come from the FBI's two lists (police employees, and agencies with "
                "their coordinates). Name the folder that holds them with --data."
            )
    with employees.open("rb") as lee, places.open("rb") as cde:
        records = [
            record for record in join(read_lee(lee, "lee"), read_cde(cde, "cde")) if isinstance(record, AgencyRecord)
        ]
    records.sort(key=lambda record: (_from_middle(record), record.ori))
    return sorted(islice(records, count), key=lambda record: (_along_the_ground(record), record.ori))


def _from_middle(record: AgencyRecord) -> float:
    if record.latitude is None or record.longitude is None:
        return inf
    return distance_km(*MIDDLE, record.latitude, record.longitude)


def _along_the_ground(record: AgencyRecord) -> int:
    """Its place in an order (Morton's) in which neighbours mostly come close to one another."""
    if record.latitude is None or record.longitude is None:
        return 1 << 32
    north, east = int((record.latitude + 90) * 100), int((record.longitude + 180) * 100)
    return sum((north >> bit & 1) << 2 * bit + 1 | (east >> bit & 1) << 2 * bit for bit in range(16))


def agency_rows(records: Sequence[AgencyRecord], now: datetime) -> Iterator[tuple[Agency, Row, Row]]:
    """Each agency with its row and that of its ORI."""
    draw = random.Random(f"{SEED} agencies")
    entered = now - timedelta(days=11 * 365)
    for record in records:
        facts = listed_facts(record)
        agency_id, zone = id_at(entered, draw), zone_of(facts.point, facts.state)
        status = AgencyStatus.LISTED if zone is None else AgencyStatus.ACTIVE
        row = {"id": agency_id, "status": status, "version": 1, "created_at": entered}
        agency = Agency(
            id=agency_id,
            name=facts.name or record.ori,
            state=facts.state,
            zone=zone,
            point=facts.point,
            cell=None if facts.point is None else cell_of(*facts.point),
            officers=record.sworn or 0,
        )
        yield (
            agency,
            {**row, **listed_columns(record, facts, facts, entered)},
            {"ori": record.ori, "agency_id": agency_id, "is_primary": True},
        )


def shares(agencies: Sequence[Agency], count: int) -> list[int]:
    """How many of `count` each agency has, by its weight; together exactly so many."""
    total = sum(agency.weight for agency in agencies)
    found, owed, given = [], 0.0, 0
    for agency in agencies:
        owed += agency.weight / total * count
        found.append(round(owed) - given)
        given = round(owed)
    return found
