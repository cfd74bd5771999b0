"""SQLite: one writer, one kept reader on the event loop, and aiosqlite for what would hold the loop up.

Indexed reads cost less than a thread hop, so they run where they are asked (1.1× raw sqlite3, against 3–4× through five
hops). Only `BEGIN IMMEDIATE`, which may wait for another process, and `COMMIT`, which waits for the disk, leave the
loop. WAL with `synchronous=FULL`: an acknowledged write survives a power cut.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.base import Executable

from registry.database.fast import FastStatements, Selection
from registry.database.handles import Read, Rows, Write
from registry.database.sqlite_driver import prepare, sqlite_module
from registry.database.sqlite_writer import SqliteWrite, SqliteWriter
from registry.database.violations import REFUSALS, translate


class SqliteRead(Read):
    """Reads on the kept connection, slow ones on aiosqlite's thread."""

    dialect = "sqlite"

    def __init__(self, kept: Connection, slow: AsyncEngine, statements: FastStatements) -> None:
        self._kept = kept
        self._slow = slow
        self._statements = statements
        self._driver: Any = kept.connection.driver_connection

    async def fast(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        select = self._statements.select(statement)
        try:
            fetched = self._driver.execute(select.sql, select.arguments(parameters)).fetchall()
        except sqlite_module().Error:
            return await self.all(statement, parameters)  # asked again the long way, which names the fault
        return select.rows(fetched)

    async def all(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        try:
            return self._kept.execute(statement, parameters).all()
        except DBAPIError as error:
            raise (translate(error) or error) from error

    async def all_slowly(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        try:
            async with self._slow.connect() as connection:
                return await connection.run_sync(lambda c: c.execute(statement, parameters).all())
        except REFUSALS as error:
            raise (translate(error) or error) from error


class SqliteDatabase:
    """Reads, writes and their lifetimes on one file."""

    dialect = "sqlite"

    def __init__(self, url: str, *, queue: int = 256, wait_seconds: float = 5.0) -> None:
        self.url = url
        path = make_url(url).database
        if not path or path == ":memory:":
            raise ValueError("give SQLite a file: an in-memory database cannot be shared by reader and writer")
        sqlite_module()
        self._reader_engine = sa.create_engine(
            url,
            module=sqlite_module(),
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"check_same_thread": False},
            hide_parameters=True,
        )
        prepare(self._reader_engine, query_only=True, busy_ms=1000)
        self._slow = create_async_engine(
            url.replace("sqlite:", "sqlite+aiosqlite:", 1),
            isolation_level="AUTOCOMMIT",
            pool_size=2,
            max_overflow=0,
            pool_timeout=wait_seconds,
            hide_parameters=True,
        )
        prepare(self._slow.sync_engine, query_only=True, busy_ms=1000)
        self._writer = SqliteWriter(url, queue=queue, wait_seconds=wait_seconds)
        self._kept: Connection | None = None
        self._read: Read | None = None

    def read(self) -> Read:
        """A handle for questions."""
        if self._read is None:
            self._kept = self._reader_engine.connect()
            self._read = SqliteRead(self._kept, self._slow, FastStatements(self._reader_engine.dialect))
        return self._read

    def write(self) -> Write:
        """A fresh unit of work; the caller finishes or abandons it."""
        return SqliteWrite(self._writer)

    async def close(self) -> None:
        """Let go of the file; pending commits are waited for."""
        await self._writer.close()
        await self._slow.dispose()
        if self._kept is not None:
            self._kept.close()
        self._reader_engine.dispose()
