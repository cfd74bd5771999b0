"""SQLite: one writer, one kept reader on the event loop, and aiosqlite for what would hold the loop up.

Indexed reads cost less than a thread hop, so they run where they are asked (`performance`: 1.1× raw sqlite3, against
3–4× through five hops). Only `BEGIN IMMEDIATE`, which may wait for another process, and `COMMIT`, which waits for the
disk, leave the loop. WAL with `synchronous=FULL`: an acknowledged write survives a power cut.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.base import Executable

from registry.database.fast import FastSelects, Selection
from registry.database.handles import Parameters, Read, Rows, Write
from registry.database.violations import REFUSALS, translate
from registry.kernel.errors import Busy

SAFE_VERSION = (3, 51, 3)


def sqlite_module() -> ModuleType:
    """The sqlite3 driver to use: the bundled one where the interpreter's SQLite is older than 3.51.3.

    Versions 3.7.0 to 3.51.2 can corrupt a WAL when two connections checkpoint at once. aiosqlite looks the driver up
    under the name `sqlite3`, so the bundled one takes that name before aiosqlite is imported.
    """
    import sqlite3

    if sqlite3.sqlite_version_info >= SAFE_VERSION:
        return sqlite3
    try:
        import pysqlite3
        import pysqlite3.dbapi2
    except ImportError:  # no build for this platform: the caller falls back to one process, guarded by a file lock
        return sqlite3
    if "aiosqlite" not in sys.modules:
        sys.modules["sqlite3"] = pysqlite3
        sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
    return pysqlite3  # type: ignore[no-any-return]  # the package ships no types


def safe_for_several_processes() -> bool:
    """Whether this SQLite lets a second process write to the same file without risk."""
    version: tuple[int, int, int] = sqlite_module().sqlite_version_info
    return version >= SAFE_VERSION


def _prepare(engine: Engine, *, query_only: bool, busy_ms: int) -> None:
    @sa.event.listens_for(engine, "connect")
    def _on_connect(driver: Any, _record: object) -> None:
        driver.isolation_level = None  # the driver must not begin transactions of its own
        cursor = driver.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={busy_ms}",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "cache_size=-32768",
            "temp_store=MEMORY",
            *(["query_only=ON"] if query_only else []),
        ):
            cursor.execute(f"PRAGMA {pragma}")
            cursor.fetchall()
        cursor.execute("PRAGMA foreign_keys")
        if cursor.fetchone()[0] != 1:
            raise RuntimeError("this SQLite was built without foreign keys")
        cursor.close()


def writing_engine(url: str) -> Engine:
    """An engine whose transactions begin IMMEDIATE: a deferred one fails at once when it meets another writer."""
    engine = sa.create_engine(
        url,
        module=sqlite_module(),
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},
        hide_parameters=True,
    )
    _prepare(engine, query_only=False, busy_ms=5000)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


class SqliteRead(Read):
    """Reads on the kept connection, slow ones on aiosqlite's thread."""

    dialect = "sqlite"

    def __init__(self, kept: Connection, slow: AsyncEngine, selects: FastSelects) -> None:
        self._kept = kept
        self._slow = slow
        self._selects = selects
        self._driver: Any = kept.connection.driver_connection

    async def fast(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        select = self._selects.of(statement)
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


class SqliteWriter:
    """The one writer: a FIFO queue in front of one connection.

    Without the queue, waiting writers poll the file lock: 16 claims a second against 1,061. Requests that are queued
    behind one another share a commit: each runs in a savepoint of the open transaction, and none is answered before
    the shared commit is on disk. A failed commit fails all of them.
    """

    def __init__(self, url: str, *, queue: int, wait_seconds: float) -> None:
        self._url = url
        self._queue = queue
        self._wait = wait_seconds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._held = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._engine: Engine | None = None
        self.connection: Connection | None = None
        self._driver: Any = None
        self._group: asyncio.Future[None] | None = None
        self._in_group = 0
        self._ending: asyncio.Future[None] | None = None

    GROUP_LIMIT = 64

    @property
    def in_transaction(self) -> bool:
        """Whether the transaction that was opened is still there; without it every statement would commit by itself."""
        return bool(self._driver.in_transaction)

    async def acquire(self) -> None:
        """Become the writer, in turn, with a transaction open. Raises Busy after the wait, or for a full queue."""
        deadline = time.monotonic() + self._wait
        await self._take_turn()
        if self._group is None:
            opening = asyncio.ensure_future(self._open_group(max(deadline - time.monotonic(), 0.05)))
            try:
                await asyncio.shield(opening)
            except asyncio.CancelledError:  # the thread goes on, and nobody else may begin before it is done
                opening.add_done_callback(self._opened_for_nobody)
                raise
        assert self.connection is not None
        try:
            self.connection.exec_driver_sql("SAVEPOINT request")
        except DBAPIError as error:
            self._pass_on()
            raise (translate(error) or error) from error

    async def _take_turn(self) -> None:
        if not self._held:
            self._held = True
            return
        if len(self._waiting) >= self._queue:
            raise Busy("Too many changes are waiting; nothing was done. Try again.", "write_queue_full")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await asyncio.wait([turn], timeout=self._wait)
        except asyncio.CancelledError:
            if turn.done():  # it came at the same moment
                self._pass_on()
            else:
                self._waiting.remove(turn)
            raise
        if not turn.done():
            self._waiting.remove(turn)
            raise Busy("Other changes took too long; nothing was done. Try again.", "write_wait_over")

    async def _open_group(self, seconds: float) -> None:
        try:
            await self._in_thread(self._begin, seconds)
        except Exception as error:
            self._pass_on()
            raise (translate(error) or error) from error
        self._group = asyncio.get_running_loop().create_future()
        self._group.add_done_callback(lambda f: f.cancelled() or f.exception())  # read: nobody may be waiting

    def _opened_for_nobody(self, opening: asyncio.Task[None]) -> None:
        if not opening.cancelled() and opening.exception() is None:  # a failure has passed the turn on already
            self._pass_on()

    async def release(self, *, keep: bool) -> None:
        """Stop being the writer; with `keep`, return only when the changes are on disk. Raises Busy if they are not."""
        assert self.connection is not None
        assert self._group is not None
        group, others_changed = self._group, self._in_group > 0
        if keep:
            self._in_group += 1
        if self._leave_savepoint(keep=keep) and self._waiting and self._in_group < self.GROUP_LIMIT:
            self._pass_on()
        else:
            await asyncio.shield(asyncio.ensure_future(self._close_group(group)))
        if keep or others_changed:  # even a refusal may rest on what the group has not stored yet
            await asyncio.shield(group)

    def _leave_savepoint(self, *, keep: bool) -> bool:
        """False when the transaction is lost, and the whole group's changes with it.

        On a full disk or an I/O error SQLite rolls back by itself.
        """
        assert self.connection is not None
        try:
            if not keep:
                self.connection.exec_driver_sql("ROLLBACK TO request")
            self.connection.exec_driver_sql("RELEASE request")
        except DBAPIError:
            self._rollback()
            return False
        return True

    async def _close_group(self, group: asyncio.Future[None]) -> None:
        # Nobody writes while the shared transaction ends: the next writer's turn comes after it.
        changed, self._in_group, self._group = self._in_group > 0, 0, None
        try:
            await self._in_thread(self._commit if changed else self._rollback)
        except Exception as error:  # noqa: BLE001  # whatever it was, every request of the group must hear of it
            refusal = translate(error) or Busy("The change could not be stored; nothing was done.", "commit_failed")
            refusal.__cause__ = error
            group.set_exception(refusal)
        else:
            group.set_result(None)
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._held = False
        if self._group is not None:  # the last of the group gave up while waiting: end what the others began
            self._held = True
            self._ending = asyncio.ensure_future(self._close_group(self._group))

    async def _in_thread(self, work: Any, *arguments: object) -> None:
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments))

    def _begin(self, seconds: float) -> None:
        if self.connection is None:
            self._engine = writing_engine(self._url)
            self.connection = self._engine.connect()
            self._driver = self.connection.connection.driver_connection
        self._driver.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")
        self.connection.begin()

    def _commit(self) -> None:
        assert self.connection is not None
        try:
            if not self.in_transaction:
                raise RuntimeError("SQLite has ended the transaction by itself")
            self.connection.commit()
        except BaseException:
            self._rollback()
            raise

    def _rollback(self) -> None:
        assert self.connection is not None
        self.connection.rollback()
        self._driver.rollback()  # after a failed COMMIT SQLAlchemy takes the transaction for ended; SQLite does not

    async def close(self) -> None:
        """Wait for the writer in progress, then let go of the file."""

        def _close() -> None:
            if self.connection is not None:
                self.connection.close()
            if self._engine is not None:
                self._engine.dispose()

        await self._in_thread(_close)
        self._thread.shutdown()


class SqliteWrite(Write):
    """One unit of work on the writer's connection."""

    dialect = "sqlite"

    def __init__(self, writer: SqliteWriter) -> None:
        self._writer = writer
        self._open = False

    async def _connection(self) -> Connection:
        if not self._open:
            await self._writer.acquire()
            self._open = True
        elif not self._writer.in_transaction:
            raise Busy("The database gave the change up half-way; nothing was done. Try again.", "database_failed")
        assert self._writer.connection is not None
        return self._writer.connection

    async def all(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        connection = await self._connection()
        try:
            return connection.execute(statement, parameters).all()
        except DBAPIError as error:
            raise (translate(error) or error) from error

    all_slowly = all

    async def run(self, statement: Executable, parameters: Parameters | None = None) -> int:
        connection = await self._connection()
        try:
            return connection.execute(statement, parameters).rowcount
        except DBAPIError as error:
            raise (translate(error) or error) from error

    async def finish(self) -> None:
        if self._open:
            if self.before_commit is not None:
                await self.before_commit(self)
            self._open = False
            await self._writer.release(keep=True)

    async def abandon(self) -> None:
        if self._open:
            self._open = False
            await self._writer.release(keep=False)


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
        _prepare(self._reader_engine, query_only=True, busy_ms=1000)
        self._slow = create_async_engine(
            url.replace("sqlite:", "sqlite+aiosqlite:", 1),
            isolation_level="AUTOCOMMIT",
            pool_size=2,
            max_overflow=0,
            pool_timeout=wait_seconds,
            hide_parameters=True,
        )
        _prepare(self._slow.sync_engine, query_only=True, busy_ms=1000)
        self._writer = SqliteWriter(url, queue=queue, wait_seconds=wait_seconds)
        self._kept: Connection | None = None
        self._read: Read | None = None

    def read(self) -> Read:
        """A handle for questions."""
        if self._read is None:
            self._kept = self._reader_engine.connect()
            self._read = SqliteRead(self._kept, self._slow, FastSelects(self._reader_engine.dialect))
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
