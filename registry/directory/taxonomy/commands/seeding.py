"""Stores the taxonomy that comes with the release; repeating it has no effect when nothing changed."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from registry.directory.taxonomy import seed, seed_details
from registry.directory.taxonomy.rules import CategoryStatus
from registry.directory.taxonomy.tables import (
    capability_type,
    capability_type_closure,
    category,
    category_attribute,
    category_closure,
    provision_heading,
    purpose,
)
from registry.platform.database.handles import Write

_TURN = sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column("7234735")))
"""Any number that nobody else locks. On SQLite there is one writer anyway."""
_ROOT_IS_THERE = sa.select(sa.func.count()).select_from(category).where(category.c.code == seed.ROOT)
_COUNT = category.update().where(category.c.code == seed.ROOT).values(version=category.c.version + 1)


async def seed_taxonomy(write: Write) -> int:
    """Update categories, purposes, headings and capability types to the shipped data; returns how many rows changed.

    Nothing is deleted, because agreements or assets may refer to it. Processes that start at the same time do this one
    after another.
    """
    if write.dialect == "postgresql":
        await write.value(_TURN)
    categories, capabilities = seed.load_categories(), seed.load_capabilities()
    is_there = await write.value(_ROOT_IS_THERE)
    changed = await _upsert(write, category, _category_rows(categories))
    changed += await _upsert(write, category_attribute, _attribute_rows())
    changed += await _add_pairs(write, category_closure, seed.closure(categories))
    if changed and is_there:
        await write.run(_COUNT)  # processes that serve meanwhile keep the tree of an edition
    changed += await _upsert(write, capability_type, _capability_rows(capabilities))
    changed += await _add_pairs(write, capability_type_closure, seed.closure(capabilities))
    for table, facts in ((purpose, seed.load_purposes()), (provision_heading, seed.load_headings())):
        rows: list[dict[str, object]] = [{"code": f.code, "name": f.name, "description": f.description} for f in facts]
        changed += await _upsert(write, table, rows)
    return changed


def _category_rows(categories: Sequence[seed.CategoryFact]) -> list[dict[str, object]]:
    typing, speeds, types = seed_details.load_typing(), seed_details.load_speeds(), _types()
    return [
        {
            "code": fact.code,
            "name": fact.name,
            "parent": fact.parent,
            "resource_kind": fact.resource_kind.value,
            **_typed(typing.get(fact.code)),
            "description": fact.description,
            "aliases": list(fact.aliases),
            "types": types.get(fact.code, []),
            **_speed(speeds.get(fact.code)),
            "status": CategoryStatus.IN_USE.value,
            "version": 1,
        }
        for fact in categories
    ]


def _typed(fact: seed_details.TypingFact | None) -> dict[str, object]:
    if fact is None:
        return {"scheme": None, "discipline": None, "nims_id": None, "nims_name": None}
    return {
        "scheme": fact.scheme.value,
        "discipline": fact.discipline,
        "nims_id": fact.nims_id,
        "nims_name": fact.nims_name,
    }


def _speed(fact: seed_details.SpeedFact | None) -> dict[str, object]:
    return {
        "speed_kmh": None if fact is None else fact.speed_kmh,
        "speed_basis": None if fact is None else fact.basis,
    }


def _types() -> dict[str, list[dict[str, object]]]:
    """The types of each category: what is known of each, and the levels of which only FEMA's list is known."""
    described = {(fact.category, fact.type_level): fact for fact in seed.load_types()}
    measures: dict[tuple[str, int], list[dict[str, str]]] = {}
    for fact in seed_details.load_measures():
        measures.setdefault((fact.category, fact.type_level), []).append(
            {"component": fact.component, "measure": fact.measure, "requirement": fact.requirement}
        )
    found: dict[str, list[dict[str, object]]] = {}
    for code, typed in seed_details.load_typing().items():
        for level in typed.levels:
            known = described.get((code, level))
            found.setdefault(code, []).append(
                {
                    "level": level,
                    "minimum_capability": None if known is None else known.minimum_capability,
                    "measures": measures.get((code, level), []),
                    "source": f"FEMA Resource Typing Library Tool, {typed.nims_id}" if known is None else known.source,
                }
            )
    return found


def _attribute_rows() -> list[dict[str, object]]:
    return [
        {
            "category": code,
            "name": each.name,
            "position": position,
            "kind": each.kind.value,
            "measured_in": each.measured_in,
            "choices": list(each.choices),
            "minimum": each.minimum,
            "maximum": each.maximum,
            "description": each.description,
        }
        for code, own in seed_details.load_attributes().items()
        for position, each in enumerate(own)
    ]


def _capability_rows(capabilities: Sequence[seed.CapabilityFact]) -> list[dict[str, object]]:
    return [
        {
            "code": fact.code,
            "name": fact.name,
            "parent": fact.parent,
            "kind": fact.kind.value,
            "scale": fact.scale.value,
            "description": fact.description,
            "aliases": list(fact.aliases),
        }
        for fact in capabilities
    ]


async def _add_pairs(write: Write, table: sa.Table, pairs: Sequence[tuple[str, str]]) -> int:
    known = {tuple(row) for row in await write.all(sa.select(table.c.ancestor, table.c.descendant))}
    missing = [pair for pair in pairs if pair not in known]
    if missing:
        await write.run(table.insert(), [{"ancestor": a, "descendant": d} for a, d in missing])
    return len(missing)


async def _upsert(write: Write, table: sa.Table, rows: list[dict[str, object]]) -> int:
    keys = [column.name for column in table.primary_key]
    stored = {tuple(row._mapping[key] for key in keys): row._mapping for row in await write.all(sa.select(table))}
    kept = {"status", "version"} - set(keys)  # the root's version counts what changes in the tree
    new = [row for row in rows if tuple(row[key] for key in keys) not in stored]
    if new:
        await write.run(table.insert(), new)  # together: others wait for it
    changed = len(new)
    for row in rows:
        before = stored.get(tuple(row[key] for key in keys))
        if before is not None and any(_differs(before[name], value) for name, value in row.items() if name not in kept):
            values = {name: value for name, value in row.items() if name not in kept}
            await write.run(table.update().where(*(table.c[key] == row[key] for key in keys)), values)
            changed += 1
    return changed


def _differs(stored: object, given: object) -> bool:
    # JSON columns are read back as the text that was written.
    return (msgspec.json.decode(stored) if isinstance(stored, msgspec.Raw) else stored) != given
