"""Stores the taxonomy that comes with the release; repeating it has no effect when nothing changed."""

import msgspec
import sqlalchemy as sa

from registry.directory.taxonomy import seed
from registry.directory.taxonomy.tables import category, category_closure, provision_heading, purpose
from registry.platform.database.handles import Write

_TURN = sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column("7234735")))
"""Any number that nobody else locks. On SQLite there is one writer anyway."""


async def seed_taxonomy(write: Write) -> int:
    """Update categories, closure, purposes and headings to the shipped data; returns how many rows changed.

    Nothing is deleted, because agreements or assets may refer to it. Processes that start at the same time do this one
    after another.
    """
    if write.dialect == "postgresql":
        await write.value(_TURN)
    levels: dict[str, list[dict[str, object]]] = {}
    for fact in seed.load_types():
        levels.setdefault(fact.category, []).append(
            {"level": fact.type_level, "minimum_capability": fact.minimum_capability, "source": fact.source}
        )
    categories = seed.load_categories()
    changed = await _upsert(
        write,
        category,
        [
            {
                "code": fact.code,
                "name": fact.name,
                "parent": fact.parent,
                "resource_kind": fact.resource_kind.value,
                "nims_name": fact.nims_name,
                "description": fact.description,
                "aliases": list(fact.aliases),
                "types": levels.get(fact.code, []),
            }
            for fact in categories
        ],
    )
    known = {
        tuple(row) for row in await write.all(sa.select(category_closure.c.ancestor, category_closure.c.descendant))
    }
    missing = [pair for pair in seed.closure(categories) if pair not in known]
    if missing:
        await write.run(category_closure.insert(), [{"ancestor": a, "descendant": d} for a, d in missing])
    changed += len(missing)
    for table, facts in ((purpose, seed.load_purposes()), (provision_heading, seed.load_headings())):
        rows: list[dict[str, object]] = [{"code": f.code, "name": f.name, "description": f.description} for f in facts]
        changed += await _upsert(write, table, rows)
    return changed


async def _upsert(write: Write, table: sa.Table, rows: list[dict[str, object]]) -> int:
    stored = {row.code: dict(row._mapping) for row in await write.all(sa.select(table))}
    changed = 0
    for row in rows:
        before = stored.get(str(row["code"]))
        if before is None:
            await write.run(table.insert(), row)
        elif any(_differs(before[name], value) for name, value in row.items()):
            await write.run(table.update().where(table.c.code == row["code"]), row)
        else:
            continue
        changed += 1
    return changed


def _differs(stored: object, given: object) -> bool:
    # JSON columns are read back as the text that was written.
    return (msgspec.json.decode(stored) if isinstance(stored, msgspec.Raw) else stored) != given
