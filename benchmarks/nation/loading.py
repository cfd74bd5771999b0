"""Fills an empty database with a nation: everything by the functions of the service's own commands, in large batches.

Secondary indexes are dropped before and made again after; triggers stay, foreign keys are checked at the end. What is
not drawn: ledger events and kept answers, which no question about what there is reads.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa

from benchmarks.agreements.data import Nation as Agreements
from benchmarks.agreements.data import Rows
from benchmarks.agreements.loading import TYPES, Bare, bare, records_of
from benchmarks.nation.agencies import Agency, agency_rows, read_records
from benchmarks.nation.apart import here
from benchmarks.nation.assets import PARTS, DrawnAsset, Kind, draw_assets, shares_of
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

BATCH = 2_500
_PEOPLE_AT_ONCE = 4_000
"""In turn with a batch of each part's assets, so that all come to their end together."""
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


class Source(NamedTuple):
    """What everything but the agencies is drawn from."""

    types: str
    placed: Sequence[Agency]
    kinds: Mapping[str, Kind]
    known: Mapping[str, KnownType]
    taxonomy: Taxonomy
    size: Size
    day: date


class Records(NamedTuple):
    """Rows of one table as the database's driver wants them."""

    table: str
    columns: Sequence[str]
    records: Sequence[tuple[object, ...]]


class Drawn(NamedTuple):
    """Some of what is drawn, and how many of what it is."""

    counts: Mapping[str, int]
    records: Sequence[Records] = ()
    agreements: Rows | None = None


Draws: TypeAlias = Callable[..., Iterator[Drawn]]


async def fill(url: str, data: Path, size: Size, day: date, *, drawn: Draws = here) -> dict[str, int]:
    """Schema and rows in the empty database; how many of what there are. `drawn` is `here` or `apart`.

    Raises FileNotFoundError where the lists of agencies are missing.
    """
    progress, counts = Progress(), Counter[str]()
    records = read_records(data, size.agencies)
    await bring_up_to_date(url, Purpose.DEMONSTRATION)
    database = connect(url)
    try:
        async with unit_of_work(database) as write:
            words = await _words(write)
    finally:
        await database.close()
    target = await bare(url)
    try:
        await target.begin_load()
        indexes = await target.without_indexes(_LARGE)
        placed = await _agencies(target, agency_rows(records, drawn_at(day)))
        counts["agencies"] = len(placed)
        source = Source(target.name, placed, *words, size, day)
        lent = (partial(draw_what_is_lent, source, part) for part in range(PARTS))
        known: set[object] = set()
        for some in drawn(*lent, partial(draw_who_can_what, source)):
            if some.agreements is not None:
                await target.load(some.agreements)
            for its in some.records:
                await target.write(*(_new_words(its, known) if its.table == asset_word.name else its))
            counts.update(some.counts)
            if some.counts.get("assets") and not counts["assets"] % (40 * BATCH):
                progress.say(_said(counts))
        progress.say(_said(counts))
        await target.end_load(indexes)
        progress.say("indexes made, keys checked")
        return dict(counts)
    finally:
        await target.close()


def _said(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in counts.items())


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


def _new_words(drawn: Records, known: set[object]) -> Records:
    """The words that no other part has drawn before."""
    at = drawn.columns.index("word")
    new = [each for each in drawn.records if each[at] not in known]
    known.update(each[at] for each in new)
    return drawn._replace(records=new)


def draw_what_is_lent(source: Source, part: int) -> Iterator[Drawn]:
    """Agreements, of which each part knows all, then assets of this part with the loans that were made under these."""
    placed, size, now = source.placed, source.size, drawn_at(source.day)
    parties = [each.id for each in placed if each.zone is not None]
    covers: dict[UUID, list[Cover]] = {}
    for rows in Agreements(size.agreement_shape(source.day), parties, now).batches(_AGREEMENTS_AT_ONCE):
        for cover in covers_in(rows):
            for party in cover.parties:
                covers.setdefault(party, []).append(cover)
        if part == 0:
            yield Drawn({"agreements": len(rows["agreement"])}, agreements=rows)
    wanted = shares_of(placed, size.assets, part)
    drawn = draw_assets(placed, source.kinds, wanted, now, part)
    lent = Loans(covers, size.loans * sum(wanted) // size.assets, sum(wanted), now, part)
    for rows in _batched(_with_loans(drawn, lent), BATCH):
        counts = {"assets": len(rows["asset"]), "loans": len(rows["loan"])}
        yield Drawn(counts, _records(source, rows))


def draw_who_can_what(source: Source) -> Iterator[Drawn]:
    """People, and what is published of them."""
    people = draw_people(source.placed, source.known, source.taxonomy, source.size.people, drawn_at(source.day))
    for rows in _batched(people, _PEOPLE_AT_ONCE):
        yield Drawn({"people": len(rows["personnel_record"])}, _records(source, rows))


def _with_loans(drawn: Iterable[DrawnAsset], lent: Loans) -> Iterator[Rows]:
    words: set[object] = set()

    def new_words(row: Mapping[str, Any]) -> list[dict[str, object]]:
        found = [each for each in word_rows(row["name"], row["tag"]) if each["word"] not in words]
        words.update(each["word"] for each in found)
        return found

    for each in drawn:
        asset_id, owner_id = each.row["id"], each.row["agency_id"]
        searched = searchable_rows(asset_id, owner_id, msgspec.structs.asdict(each.new))
        yield {
            asset.name: [each.row],
            asset_attribute.name: stated_rows(asset_id, each.new.attributes),
            asset_word.name: new_words(each.row),
            **{KEPT_IN[name].name: rows for name, rows in searched.items()},
            **lent.of(each),
        }


def _batched(drawn: Iterable[Rows], size: int) -> Iterator[Rows]:
    """Rows by table, so many of the first table at a time."""
    batch: Rows = {}
    for rows in drawn:
        for table, its in rows.items():
            batch.setdefault(table, []).extend(its)
        if len(batch[next(iter(rows))]) >= size:
            yield batch
            batch = {}
    if batch:
        yield batch


def _records(source: Source, rows: Rows) -> list[Records]:
    types = TYPES[source.types]
    return [
        Records(name, list(its[0]), records_of(types, metadata.tables[name], its)) for name, its in rows.items() if its
    ]
