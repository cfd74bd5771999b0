"""Selects the database implementation from the URL."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

from registry.platform.database.handles import Write
from registry.platform.database.postgresql import PostgresDatabase
from registry.platform.database.sqlite import SqliteDatabase

Database: TypeAlias = SqliteDatabase | PostgresDatabase
OwnTransaction: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
"""Opens a transaction separate from the request's, for example to record that restricted text was read."""


def connect(url: str, *, queue: int = 256, wait_seconds: float = 5.0, pool: int = 10, pooler: bool = False) -> Database:
    """The database at `url` (`sqlite:///path` or `postgresql+asyncpg://…`), not opened yet.

    Raises ValueError for any other kind, and SettingsError for an address or a SQLite that will not do.
    """
    if url.startswith("sqlite:///"):
        return SqliteDatabase(url, queue=queue, wait_seconds=wait_seconds)
    if url.startswith("postgresql+asyncpg://"):
        return PostgresDatabase(url, readers=pool, writers=pool, wait_seconds=wait_seconds, pooler=pooler)
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
