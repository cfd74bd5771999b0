"""The one writer of a SQLite file, and the unit of work on it."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.base import Executable

from registry.database.fast import Change, FastStatements, Selection
from registry.database.handles import Parameters, Rows, Write
from registry.database.sqlite_driver import sqlite_module, writing_engine
from registry.database.violations import translate
from registry.kernel.errors import Busy


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
        self._statements: FastStatements | None = None
        self._group: asyncio.Future[None] | None = None
        self._in_group = 0
        self._endings: set[asyncio.Future[None]] = set()

    GROUP_LIMIT = 64

    @property
    def driver(self) -> Any:
        """The driver's own connection, while a transaction is open."""
        return self._driver

    def statements(self, connection: Connection) -> FastStatements:
        """What was compiled for this writer."""
        if self._statements is None:
            self._statements = FastStatements(connection.dialect)
        return self._statements

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
            await asyncio.shield(self._end(group))
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

    def _end(self, group: asyncio.Future[None]) -> asyncio.Future[None]:
        """Have the shared transaction end, whoever stops waiting for it."""
        ending = asyncio.ensure_future(self._close_group(group))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        return ending

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
            self._end(self._group)

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
        while self._endings:  # one whose task has not begun yet would find the connection closed
            await asyncio.wait(self._endings)

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

    async def fast(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        connection = await self._connection()
        select = self._writer.statements(connection).select(statement)
        try:
            fetched = self._writer.driver.execute(select.sql, select.arguments(parameters)).fetchall()
        except sqlite_module().Error:
            return await self.all(statement, parameters)  # asked again the long way, which names the fault
        return select.rows(fetched)

    async def run_fast(self, statement: Change, parameters: Parameters) -> int:
        connection = await self._connection()
        if not isinstance(parameters, Mapping):
            if len(parameters) != 1:
                return await self.run(statement, parameters)
            parameters = parameters[0]
        change = self._writer.statements(connection).change(statement, frozenset(parameters))
        try:
            done = self._writer.driver.execute(change.sql, change.arguments(parameters))
        except sqlite_module().Error:
            return await self.run(statement, parameters)  # nothing was done; the long way names the fault
        return int(done.rowcount)

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
