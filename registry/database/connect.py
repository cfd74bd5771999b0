"""The one place that chooses how to reach a database from its URL."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

from registry.database.handles import Write
from registry.database.postgresql import PostgresDatabase
from registry.database.sqlite import SqliteDatabase

Database: TypeAlias = SqliteDatabase | PostgresDatabase
Aside: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
"""Opens a transaction of its own, such as the record of a read that nothing else would leave a trace of."""


def connect(url: str, *, queue: int = 256, wait_seconds: float = 5.0, pool: int = 16) -> Database:
    """The database at `url` (`sqlite:///path` or `postgresql+asyncpg://…`). Raises ValueError for any other kind."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(url, queue=queue, wait_seconds=wait_seconds)
    if url.startswith("postgresql+asyncpg://"):
        return PostgresDatabase(url, readers=pool, writers=pool, wait_seconds=wait_seconds)
    raise ValueError("the database URL must begin with sqlite:/// or postgresql+asyncpg://")


@asynccontextmanager
async def unit_of_work(database: Database) -> AsyncIterator[Write]:
    """One transaction for work that does not come over HTTP (import, seeding, background work)."""
    write = database.write()
    try:
        yield write
        await write.finish()
    except BaseException:
        await write.abandon()
        raise
