"""Writes anew what the search knows of assets, after the words of the taxonomy or the rules of words have changed."""

from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.handles import Write
from registry.resources.assets.commands.details import AssetCategory, known_category, search_text
from registry.resources.assets.commands.spelling import keep_words
from registry.resources.assets.queries.columns import location
from registry.resources.assets.tables import asset

BATCH = 500
_COUNT = sa.select(sa.func.count()).select_from(asset)
_FACTS = sa.select(
    asset.c.n,
    asset.c.id,
    asset.c.name,
    asset.c.description,
    asset.c.tag,
    asset.c.category,
    asset.c.latitude,
    asset.c.longitude,
    asset.c.attributes,
    asset.c.search_text,
    asset.c.version,
)
_BATCH = _FACTS.where(asset.c.n > sa.bindparam("after", type_=sa.BigInteger)).order_by(asset.c.n).limit(BATCH)
_OF_CATEGORY = _FACTS.where(asset.c.category == sa.bindparam("category", type_=sa.Text))
_CHANGE = (
    asset.update()
    .where(
        asset.c.id == sa.bindparam("its_id", type_=asset.c.id.type),
        asset.c.version == sa.bindparam("its_version", type_=sa.Integer),  # who edits meanwhile writes the words anew
    )
    .values(search_text=sa.bindparam("words", type_=sa.Text))
)


async def count_assets(database: Database) -> int:
    """How many assets there are."""
    return int(await database.read().value(_COUNT))


async def reindex(database: Database, on_progress: Callable[[int], None] = lambda _: None) -> int:
    """Write the words of every asset anew where they differ; returns how many did.

    In transactions of 500, beside a service that runs. An asset's version stays: nothing that anybody reads changes.
    """
    changed, done, after = 0, 0, 0
    kinds: dict[str, AssetCategory] = {}
    while True:
        async with unit_of_work(database) as write:
            found = await _reindex_batch(write, after, kinds)
        if found is None:
            return changed
        after = found[0]
        done, changed = done + found[1], changed + found[2]
        on_progress(done)


async def reindex_category(write: Write, code: str) -> None:
    """Write the words of the category's own assets anew, in the transaction that has changed its words."""
    kind = await known_category(write, code)
    for row in await write.all(_OF_CATEGORY, {"category": code}):
        await _change(write, row, kind)


async def _reindex_batch(write: Write, after: int, kinds: dict[str, AssetCategory]) -> tuple[int, int, int] | None:
    """The last asset of the batch, how many it holds, and how many were changed; None at the end."""
    rows = await write.all(_BATCH, {"after": after})
    changed = 0
    for row in rows:
        if row.category not in kinds:
            kinds[row.category] = await known_category(write, row.category)
        changed += await _change(write, row, kinds[row.category])
    return (rows[-1].n, len(rows), changed) if rows else None


async def _change(write: Write, row: Row[Any], kind: AssetCategory) -> int:
    """Write the words of an asset anew where they differ; 1 where they did."""
    keep_words(write, row.name, row.tag)
    place = location(row.latitude, row.longitude)
    words = search_text(row.name, row.description, row.tag, kind, place, msgspec.json.decode(row.attributes))
    if words == row.search_text:
        return 0
    return await write.run(_CHANGE, {"its_id": row.id, "its_version": row.version, "words": words})
