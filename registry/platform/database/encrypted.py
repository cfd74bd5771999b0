"""Columns that hold encrypted secrets: a text column with `info={"encrypted": True}`, in a table with the key `id`."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from registry.platform.database.handles import Write
from registry.platform.database.types import metadata
from registry.platform.encryption import SecretKeys


def place_of(column: sa.Column[Any], id_: object) -> str:
    """The place for which a secret of that row is encrypted."""
    return f"{column.table.name}.{column.name}:{id_}"


def encrypted_columns() -> Iterator[tuple[sa.Table, sa.Column[Any]]]:
    """Every column of that kind. The tables of all rooms must have been imported."""
    for table in metadata.sorted_tables:
        yield from ((table, column) for column in table.columns if column.info.get("encrypted"))


def _with_secret(table: sa.Table, column: sa.Column[Any]) -> sa.Select[Any]:
    """The rows that hold one: a key whose time is over is kept without its private half."""
    return sa.select(table.c.id, column.label("stored")).where(column.is_not(None)).with_for_update()


async def reencrypt(write: Write, keys: SecretKeys) -> tuple[int, int]:
    """Encrypt every secret under the newest key; how many were changed, and how many are there.

    Raises CannotDecryptError for one that none of the keys decrypts; then nothing is changed.
    """
    changed = total = 0
    for table, column in encrypted_columns():
        for row in await write.all(_with_secret(table, column)):
            total += 1
            if keys.is_newest(row.stored):
                continue
            place = place_of(column, row.id)
            fresh = keys.encrypt(keys.decrypt(row.stored, place), place)
            await write.run(table.update().where(table.c.id == row.id).values({column: fresh}))
            changed += 1
    return changed, total
