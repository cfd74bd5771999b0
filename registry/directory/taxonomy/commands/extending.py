"""Categories that an agency adds under those that all share: so that what is its own is found under what all know.

One change at a time: each begins with the root's row, whose version counts the changes of the tree (see
`queries.descendants`). The parent never changes, so that the pairs of ancestors are written once.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.engine import Row

from registry.directory.taxonomy.queries import attribute_definitions, get_category, relations, shared_definitions
from registry.directory.taxonomy.rules import (
    MOST_OWN_CATEGORIES,
    AttributeDefinition,
    CategoryStatus,
    check_aliases,
    check_definitions,
    check_kept_kinds,
    common_words,
    own_code,
)
from registry.directory.taxonomy.schemas import Category, CategoryPatch, NewAttribute, NewCategory
from registry.directory.taxonomy.seed import ROOT
from registry.directory.taxonomy.tables import category, category_attribute, category_closure
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import folded_key
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes, record
from registry.platform.ledger.event_types import EventType

_TURN = (
    category.update()
    .where(category.c.code == ROOT)
    .values(version=category.c.version + 1, updated_at=sa.bindparam("now", type_=category.c.updated_at.type))
)
_ONE = sa.select(category).where(category.c.code == sa.bindparam("code", type_=sa.Text))
_NAMES = sa.select(category.c.code, category.c.name, category.c.agency_id).where(
    sa.or_(
        category.c.agency_id.is_(None),
        category.c.agency_id == sa.bindparam("agency_id", type_=category.c.agency_id.type),
    )
)
_OWN = sa.select(category.c.code).where(
    category.c.agency_id == sa.bindparam("agency_id", type_=category.c.agency_id.type)
)
_ABOVE = sa.select(category_closure.c.ancestor).where(
    category_closure.c.descendant == sa.bindparam("parent", type_=sa.Text)
)
_UPDATE = category.update().where(category.c.code == sa.bindparam("its_code", type_=sa.Text))
_FORGET_ATTRIBUTES = category_attribute.delete().where(
    category_attribute.c.category == sa.bindparam("its_code", type_=sa.Text)
)
ReindexCategory: TypeAlias = Callable[[Write, str], Awaitable[None]]
"""Writes anew the words by which assets of a category are found; wired by the application, since assets stand above."""
OWN_SPEED = "Stated by the agency that added the category."


async def create_category(write: Write, caller: Caller, new: NewCategory) -> Category:
    """Add a category of the caller's agency under one that all share.

    Raises Forbidden, RuleBroken for a parent that does not serve or attributes that do not, Conflict for a name that
    the agency has given already, or too many categories.
    """
    permit(caller.principal, Action.TAXONOMY_EXTEND, ["own"])
    await write.once()
    await write.run(_TURN, {"now": caller.now})
    parent = await _parent(write, new.parent)
    definitions = [definition_of(each) for each in new.attributes]
    check_definitions(definitions, await attribute_definitions(write, parent.code), await shared_definitions(write))
    code = own_code(caller.agency_id.hex, new.name)
    await _check_aliases(write, caller.agency_id, code, new.aliases)
    await _has_room(write, caller.agency_id, code)
    category_id = new_id()
    speed = {"speed_kmh": parent.speed_kmh, "speed_basis": parent.speed_basis}
    if new.speed_kmh is not None:
        speed = {"speed_kmh": new.speed_kmh, "speed_basis": OWN_SPEED}
    await write.run(
        category.insert(),
        {
            "code": code,
            "name": new.name,
            "parent": parent.code,
            "resource_kind": parent.resource_kind,
            "description": new.description,
            "aliases": new.aliases,
            "types": [],
            **speed,
            "id": category_id,
            "agency_id": caller.agency_id,
            "status": CategoryStatus.IN_USE.value,
            "version": 1,
            "created_at": caller.now,
            "updated_at": caller.now,
        },
    )
    above = [row.ancestor for row in await write.all(_ABOVE, {"parent": parent.code})]
    await write.run(category_closure.insert(), [{"ancestor": each, "descendant": code} for each in (*above, code)])
    await _store_attributes(write, code, definitions)
    _record(
        write, caller, EventType.CATEGORY_ADDED, category_id, 1, caller.agency_id, {"code": code, "parent": parent.code}
    )
    return await get_category(write, caller, code)


async def update_category(
    write: Write, caller: Caller, reindex: ReindexCategory, code: str, patch: CategoryPatch, expected: Expected
) -> Category:
    """Correct a category of the caller's agency; its assets are found by its new words at once.

    Raises NotFound, Forbidden, StaleVersion, PreconditionMissing, WrongStatus for a retired one, and what
    `create_category` raises.
    """
    row = await _known(write, code)
    permit(caller.principal, Action.TAXONOMY_EXTEND, relations(caller, row.agency_id))
    await write.run(_TURN, {"now": caller.now})
    row = await _known(write, code)
    check_version(expected, row.version, required=True)
    if row.status == CategoryStatus.RETIRED:
        raise WrongStatus("A retired category cannot be edited.", "category_retired")
    given = {f: getattr(patch, f) for f in patch.__struct_fields__ if getattr(patch, f) is not msgspec.UNSET}
    if "aliases" in given:
        there = set(_stored(row, "aliases"))
        await _check_aliases(write, caller.agency_id, code, [each for each in given["aliases"] if each not in there])
    before = {name: _stored(row, name) for name in given if name != "attributes"}
    changed = changes(before, {name: value for name, value in given.items() if name != "attributes"})
    if "attributes" in given:
        own = [definition_of(each) for each in given["attributes"]]
        if await _replace_attributes(write, row, own):
            changed["attributes"] = {"changed": True}
    if not changed:
        return await get_category(write, caller, code)
    values = {name: given[name] for name in changed if name != "attributes"}
    if "speed_kmh" in changed:
        values["speed_basis"] = None if given["speed_kmh"] is None else OWN_SPEED
    await write.run(_UPDATE.values(**values, version=row.version + 1, updated_at=caller.now), {"its_code": code})
    if changed.keys() & {"name", "aliases", "description"}:
        await reindex(write, code)
    # Names and descriptions are free text, which may name a person: the ledger keeps that they changed.
    data = {name: {"changed": True} if name != "speed_kmh" else each for name, each in changed.items()}
    _record(write, caller, EventType.CATEGORY_UPDATED, row.id, row.version + 1, row.agency_id, data)
    return await get_category(write, caller, code)


async def retire_category(write: Write, caller: Caller, code: str, reason: str, expected: Expected) -> Category:
    """Let no new asset be registered in a category that an agency added; those that are stay, and are found.

    Raises NotFound, Forbidden, StaleVersion, WrongStatus for one that is retired.
    """
    row = await _known(write, code)
    permit(caller.principal, Action.TAXONOMY_RETIRE, relations(caller, row.agency_id))
    await write.once()
    await write.run(_TURN, {"now": caller.now})
    row = await _known(write, code)
    check_version(expected, row.version)
    if row.agency_id is None:
        raise WrongStatus("A category that all share comes with the release, and is not retired.", "shared_category")
    if row.status == CategoryStatus.RETIRED:
        raise WrongStatus("The category is retired already.", "category_retired")
    values = {"status": CategoryStatus.RETIRED.value, "version": row.version + 1, "updated_at": caller.now}
    await write.run(_UPDATE.values(**values), {"its_code": code})
    _record(write, caller, EventType.CATEGORY_RETIRED, row.id, row.version + 1, row.agency_id, {"reason": reason})
    return await get_category(write, caller, code)


def definition_of(new: NewAttribute) -> AttributeDefinition:
    """The definition that a body asks for."""
    return AttributeDefinition(**{**structs.asdict(new), "choices": tuple(new.choices)})


async def _parent(write: Write, code: str) -> Row[Any]:
    row = await write.first(_ONE, {"code": code})
    if row is None or row.code == ROOT or row.agency_id is not None:
        raise RuleBroken.at(
            "A category is added under one that all share, other than `any`; GET /v1/categories lists them.",
            "unknown_category",
            "no such category to add under",
            pointer="/parent",
        )
    return row


async def _known(write: Write, code: str) -> Row[Any]:
    row = await write.first(_ONE, {"code": code})
    if row is None:
        raise NotFound("category")
    return row


def _stored(row: Row[Any], name: str) -> Any:
    value = getattr(row, name)
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


async def _check_aliases(write: Write, agency_id: UUID, code: str, aliases: Sequence[str]) -> None:
    """Hold new aliases against the names of the shared categories and of the agency's own. Raises RuleBroken."""
    if not aliases:
        return
    rows = [row for row in await write.all(_NAMES, {"agency_id": agency_id}) if row.code != code]
    names = {folded_key(row.name): row.code for row in rows if row.code != ROOT}
    check_aliases(aliases, names, common_words(row.name for row in rows if row.agency_id is None))


async def _has_room(write: Write, agency_id: UUID, code: str) -> None:
    own = {row.code for row in await write.all(_OWN, {"agency_id": agency_id})}
    if code in own:
        raise Conflict("Your agency already has a category of that name.", "category_name_taken")
    if len(own) >= MOST_OWN_CATEGORIES:
        raise Conflict(f"An agency adds at most {MOST_OWN_CATEGORIES} categories.", "too_many_categories")


async def _replace_attributes(write: Write, row: Row[Any], own: list[AttributeDefinition]) -> bool:
    """Store these attributes in place of the category's own; whether that changed anything."""
    above = await attribute_definitions(write, row.parent)
    check_definitions(own, above, await shared_definitions(write))
    names = {each.name for each in above}
    before = [each for each in await attribute_definitions(write, row.code) if each.name not in names]
    check_kept_kinds(own, before)
    if own == before:
        return False
    await write.run(_FORGET_ATTRIBUTES, {"its_code": row.code})
    await _store_attributes(write, row.code, own)
    return True


async def _store_attributes(write: Write, code: str, definitions: list[AttributeDefinition]) -> None:
    if definitions:
        rows = [
            {**structs.asdict(each), "category": code, "position": position, "choices": list(each.choices)}
            for position, each in enumerate(definitions)
        ]
        await write.run(category_attribute.insert(), rows)


def _record(
    write: Write, caller: Caller, event: EventType, id_: UUID, version: int, agency_id: UUID, data: dict[str, object]
) -> None:
    subject = ("category", id_, version)
    record(write, caller, event, subject=subject, agencies=[agency_id], audience="network", data=data)
