"""SQLite: one writer, one permanent reader on the event loop, and aiosqlite for queries that would block the loop.

Indexed reads cost less than switching threads, so they run directly on the event loop (1.1 times the cost of raw
sqlite3, against 3 to 4 times with aiosqlite's five switches). Only `BEGIN IMMEDIATE`, which may wait for another
process, and `COMMIT`, which waits for the disk, run in a thread. WAL with `synchronous=FULL`: an acknowledged write
survives a power cut.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.base import Executable

from registry.platform.database.fast import FastStatements, Selection
from registry.platform.database.handles import Read, Rows, Write
from registry.platform.database.pressure import Pressure
from registry.platform.database.sqlite_driver import check_version, prepare, sqlite_module
from registry.platform.database.sqlite_writer import SqliteWrite, SqliteWriter
from registry.platform.database.violations import REFUSALS, translate

_SLOW_READERS = 2


class SqliteRead(Read):
    """Reads on the permanent connection; slow queries on aiosqlite's thread."""

    dialect = "sqlite"

    def __init__(self, kept: Connection, slow: AsyncEngine, statements: FastStatements) -> None:
        self._kept = kept
        self._slow = slow
        self._statements = statements
        self._driver: Any = kept.connection.driver_connection
        self.slow_now = 0
        self.slow_refused = Counter({"database_busy": 0})

    async def fast(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        select = self._statements.select(statement)
        try:
            fetched = self._driver.execute(select.sql, select.arguments(parameters)).fetchall()
        except sqlite_module().Error:
            return await self.all(statement, parameters)  # repeat it through SQLAlchemy, for its error
        return select.rows(fetched)

    async def all(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        try:
            return self._kept.execute(statement, parameters).all()
        except DBAPIError as error:
            raise (translate(error) or error) from error

    async def all_slowly(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        async with self._slowly() as connection:
            return await connection.run_sync(lambda c: c.execute(statement, parameters).all())

    async def fast_slowly(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        # One switch of threads; and what is compiled for `fast` SQLite does not plan anew at each call.
        select = self._statements.select_if_once(statement)
        if select is None:
            return await self.all_slowly(statement, parameters)
        try:
            async with self._slowly() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                fetched = await driver.execute_fetchall(select.sql, select.arguments(parameters))
        except sqlite_module().Error:
            return await self.all_slowly(statement, parameters)  # repeat it through SQLAlchemy, for its error
        return select.rows([*fetched])

    @asynccontextmanager
    async def _slowly(self) -> AsyncIterator[AsyncConnection]:
        """A connection with a thread of its own."""
        self.slow_now += 1
        try:
            async with self._slow.connect() as connection:
                yield connection
        except REFUSALS as error:
            if isinstance(error, PoolTimeout):
                self.slow_refused["database_busy"] += 1
            raise (translate(error) or error) from error
        finally:
            self.slow_now -= 1


class SqliteDatabase:
    """Reads, writes and connections on one database file."""

    dialect = "sqlite"

    def __init__(self, url: str, *, queue: int = 256, wait_seconds: float = 5.0) -> None:
        self.url = url
        path = make_url(url).database
        if not path or path == ":memory:":
            raise ValueError("give SQLite a file: an in-memory database cannot be shared by reader and writer")
        self.path = Path(path)
        check_version()
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
            pool_size=_SLOW_READERS,
            max_overflow=0,
            pool_timeout=wait_seconds,
            hide_parameters=True,
        )
        prepare(self._slow.sync_engine, query_only=True, busy_ms=1000)
        self._writer = SqliteWriter(url, queue=queue, wait_seconds=wait_seconds)
        self._kept: Connection | None = None
        self._read: SqliteRead | None = None

    def read(self) -> Read:
        """A read-only handle."""
        if self._read is None:
            self._kept = self._reader_engine.connect()
            self._read = SqliteRead(self._kept, self._slow, FastStatements(self._reader_engine.dialect))
        return self._read

    def write(self) -> Write:
        """A new unit of work, which the caller must finish or abandon."""
        return SqliteWrite(self._writer)

    def pressure(self) -> list[Pressure]:
        """What is in use: of the readers those for slow queries, since indexed reads wait for nothing."""
        now = self._read.slow_now if self._read is not None else 0
        reading = Pressure(
            way="read",
            most=_SLOW_READERS,
            in_use=min(now, _SLOW_READERS),
            waiting=max(now - _SLOW_READERS, 0),
            refused=self._read.slow_refused if self._read is not None else Counter(),
        )
        return [reading, self._writer.pressure]

    async def close(self) -> None:
        """Wait for pending commits, then close the file."""
        await self._writer.close()
        await self._slow.dispose()
        if self._kept is not None:
            self._kept.close()
        self._reader_engine.dispose()
