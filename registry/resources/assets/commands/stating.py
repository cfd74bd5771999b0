"""What an asset states of itself in attributes: held against its category, and kept for search."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.directory.taxonomy.queries import attribute_definitions
from registry.directory.taxonomy.rules import AttributeDefinition, AttributeValue, check_attributes, read_value
from registry.platform.database.handles import Write
from registry.platform.kernel.text import normal_key
from registry.resources.assets.tables import asset_attribute

_INSERT = asset_attribute.insert()
_FORGET = asset_attribute.delete().where(
    asset_attribute.c.asset_id == sa.bindparam("its_id", type_=asset_attribute.c.asset_id.type)
)


async def check_stated(write: Write, category: str, attributes: Mapping[str, AttributeValue | None]) -> None:
    """Whether an asset of the category may state these attributes. Raises RuleBroken; see `check_attributes`."""
    if attributes:
        check_attributes(await _definitions(write, category), attributes)


async def read_stated(write: Write, category: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes as their definitions read them, where they come as text: in a cell “8” can be a number."""
    known = {each.name: each for each in await _definitions(write, category)}
    return {
        name: read_value(known.get(name), value) if isinstance(value, str) else value
        for name, value in attributes.items()
    }


async def _definitions(write: Write, category: str) -> list[AttributeDefinition]:
    return await write.read_once(("attributes of", category), lambda: attribute_definitions(write, category))


def keep_stated(write: Write, asset_id: UUID, attributes: Mapping[str, AttributeValue]) -> None:
    """Keep a new asset's attributes for search: all of them, so that one defined later is found by as well."""
    if attributes:
        write.defer(_INSERT, stated_rows(asset_id, attributes))


def stated_rows(asset_id: UUID, attributes: Mapping[str, AttributeValue]) -> list[dict[str, object]]:
    """An asset's attributes as they are kept for search, one a row."""
    return [{"asset_id": asset_id, **_row(name, value)} for name, value in attributes.items()]


async def replace_stated(write: Write, asset_id: UUID, attributes: Mapping[str, AttributeValue]) -> None:
    """Keep these for search in place of those kept before."""
    await write.run_fast(_FORGET, {"its_id": asset_id})
    keep_stated(write, asset_id, attributes)


def _row(name: str, value: AttributeValue) -> dict[str, object]:
    if isinstance(value, bool):
        return {"name": name, "number": None, "text": "true" if value else "false"}
    if isinstance(value, str):
        return {"name": name, "number": None, "text": normal_key(value)}
    return {"name": name, "number": float(value), "text": None}
