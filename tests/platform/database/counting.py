"""The smallest thing that can be lost: a count."""

import sqlalchemy as sa

from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.handles import Read, Write

_READ = sa.text("SELECT n FROM counter WHERE id = 1")
_LOCKED = {"sqlite": _READ, "postgresql": sa.text("SELECT n FROM counter WHERE id = 1 FOR UPDATE")}
_WRITE = sa.text("UPDATE counter SET n = :n WHERE id = 1")
_ADD = sa.text("INSERT INTO counter VALUES (:id, 0)")
_COUNTER = sa.table("counter", sa.column("id", sa.Integer), sa.column("n", sa.Integer))
_INSERT = _COUNTER.insert()


async def count(read: Read) -> int:
    """The count as this handle sees it."""
    found: int = await read.value(_READ)
    return found


async def add_one(write: Write) -> None:
    """Read, then write what was read and one: an update that is lost unless it is guarded."""
    seen: int = await write.value(_LOCKED[write.dialect])
    await write.run(_WRITE, {"n": seen + 1})


async def add_row(write: Write, row_id: int) -> None:
    """One more row."""
    await write.run(_ADD, {"id": row_id})


def add_rows_last(write: Write, *row_ids: int) -> None:
    """More rows, which are deferred."""
    write.defer(_INSERT, [{"id": row_id, "n": 0} for row_id in row_ids])


async def add_one_alone(database: Database) -> None:
    """`add_one` in a transaction of its own."""
    async with unit_of_work(database) as write:
        await add_one(write)


async def rows(database: Database) -> list[int]:
    """The ids of the rows that are stored."""
    return [row.id for row in await database.read().all(sa.text("SELECT id FROM counter ORDER BY id"))]
