"""Fills an empty database with a nation: everything by the functions of the service's own commands, in large batches.

Secondary indexes are dropped before and made again after; triggers stay, foreign keys are checked at the end. What is
not drawn: ledger events and kept answers, which no question about what there is reads.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from benchmarks.agreements.data import Nation as Agreements
from benchmarks.agreements.data import Rows
from benchmarks.agreements.loading import Bare, bare
from benchmarks.nation.agencies import Agency, agency_rows, read_records
from benchmarks.nation.assets import DrawnAsset, Kind, draw_assets
from benchmarks.nation.loans import Cover, Loans, covers_in
from benchmarks.nation.people import draw_people
from benchmarks.nation.shape import Size, drawn_at
from registry.database_tables import bring_up_to_date
from registry.directory.agencies.tables import agency, agency_ori
from registry.directory.taxonomy.queries import attribute_definitions
from registry.directory.taxonomy.tables import capability_type, category
from registry.platform.access.tables import acting_agency
from registry.platform.database.connect import connect, unit_of_work
from registry.platform.database.handles import Write
from registry.platform.database.installation import Purpose
from registry.platform.database.types import metadata
from registry.resources.assets.commands.details import known_category
from registry.resources.assets.commands.searchable import KEPT_IN, searchable_rows
from registry.resources.assets.commands.spelling import word_rows
from registry.resources.assets.commands.stating import stated_rows
from registry.resources.assets.tables import asset, asset_attribute, asset_word
from registry.resources.personnel.commands.releasing import Taxonomy, load_taxonomy
from registry.resources.personnel.holdings import KnownType
from registry.resources.personnel.queries.types import known_types

BATCH = 20_000
_AGREEMENTS_AT_ONCE = 1_000
_KINDS = sa.select(category.c.code, category.c.name).where(category.c.parent.is_not(None)).order_by(category.c.code)
_CAPABILITIES = sa.select(capability_type.c.code).order_by(capability_type.c.code)
_LARGE = (
    *("agreement", "agreement_version", "provision", "agreement_passage", "agreement_party", "agreement_signature"),
    *("agreement_party_window", "asset", "asset_attribute", "policy_decision", "loan", "allocation"),
    *("personnel_record", "personnel_capability", "capability_cell", "capability_published"),
)


class Progress:
    """Says what was done, and how long it took."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()

    def say(self, what: str) -> None:
        print(f"{time.perf_counter() - self._begun:7.1f} s  {what}", file=sys.stderr, flush=True)


async def fill(url: str, data: Path, size: Size, day: date) -> dict[str, int]:
    """Schema and rows in the empty database; how many of what there are.

    Raises FileNotFoundError where the lists of agencies are missing.
    """
    progress, now = Progress(), drawn_at(day)
    records = read_records(data, size.agencies)
    await bring_up_to_date(url, Purpose.DEMONSTRATION)
    database = connect(url)
    try:
        async with unit_of_work(database) as write:
            kinds, known, taxonomy = await _words(write)
    finally:
        await database.close()
    target = await bare(url)
    try:
        await target.begin_load()
        indexes = await target.without_indexes(_LARGE)
        placed = await _agencies(target, agency_rows(records, now))
        progress.say(f"{len(placed):,} agencies")
        covers = await _agreements(target, placed, size, day)
        progress.say(f"{size.agreements:,} agreements")
        lent = Loans(covers, size.loans, size.assets, now)
        counts = await _assets(target, draw_assets(placed, kinds, size.assets, now), lent, progress)
        people = 0
        for rows in _batched(draw_people(placed, known, taxonomy, size.people, now)):
            people += len(rows["personnel_record"])
            await _insert(target, rows)
        progress.say(f"{people:,} people")
        await target.end_load(indexes)
        progress.say("indexes made, keys checked")
        return {"agencies": len(placed), "agreements": size.agreements, "people": people, **counts}
    finally:
        await target.close()


async def _words(write: Write) -> tuple[dict[str, Kind], dict[str, KnownType], Taxonomy]:
    kinds = {
        row.code: Kind(await known_category(write, row.code), row.name, await attribute_definitions(write, row.code))
        for row in await write.all(_KINDS)
        if "." in row.code
    }
    codes = [row.code for row in await write.all(_CAPABILITIES)]
    return kinds, await known_types(write, codes), await load_taxonomy(write)


async def _agencies(target: Bare, drawn: Iterable[tuple[Agency, dict[str, object], dict[str, object]]]) -> list[Agency]:
    placed, rows, oris = [], [], []
    for each, row, ori in drawn:
        placed.append(each)
        rows.append(row)
        oris.append(ori)
    await target.insert(agency, rows)
    await target.insert(agency_ori, oris)
    await target.insert(acting_agency, [{"agency_id": each.id} for each in placed if each.zone is not None])
    return placed


async def _agreements(target: Bare, placed: Sequence[Agency], size: Size, day: date) -> dict[UUID, list[Cover]]:
    parties = [each.id for each in placed if each.zone is not None]
    covers: dict[UUID, list[Cover]] = {}
    drawn = Agreements(size.agreement_shape(day), parties, drawn_at(day))
    for rows in drawn.batches(_AGREEMENTS_AT_ONCE):
        await target.load(rows)
        for cover in covers_in(rows):
            for party in cover.parties:
                covers.setdefault(party, []).append(cover)
    return covers


async def _assets(target: Bare, drawn: Iterable[DrawnAsset], lent: Loans, progress: Progress) -> dict[str, int]:
    counts = {"assets": 0, "loans": 0}
    words: set[object] = set()

    def new_words(row: Mapping[str, Any]) -> list[dict[str, object]]:
        found = [each for each in word_rows(row["name"], row["tag"]) if each["word"] not in words]
        words.update(each["word"] for each in found)
        return found

    def rows_of(each: DrawnAsset) -> Rows:
        asset_id, owner_id = each.row["id"], each.row["agency_id"]
        searched = searchable_rows(asset_id, owner_id, msgspec.structs.asdict(each.new))
        return {
            asset.name: [each.row],
            asset_attribute.name: stated_rows(asset_id, each.new.attributes),
            asset_word.name: new_words(each.row),
            **{KEPT_IN[name].name: rows for name, rows in searched.items()},
            **lent.of(each),
        }

    for rows in _batched(map(rows_of, drawn)):
        counts["assets"] += len(rows["asset"])
        counts["loans"] += len(rows["loan"])
        await _insert(target, rows)
        if not counts["assets"] % (5 * BATCH):
            progress.say(f"{counts['assets']:,} assets, {counts['loans']:,} loans")
    return counts


def _batched(drawn: Iterable[Rows]) -> Iterator[Rows]:
    """Rows by table, so many of the first table at a time."""
    batch: Rows = {}
    for rows in drawn:
        for table, its in rows.items():
            batch.setdefault(table, []).extend(its)
        if len(batch[next(iter(rows))]) >= BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch


async def _insert(target: Bare, rows: Rows) -> None:
    for name, its in rows.items():
        if its:
            await target.insert(metadata.tables[name], its)
