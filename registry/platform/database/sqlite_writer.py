"""The only writer of a SQLite file, and the unit of work that uses it."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.base import Executable

from registry.platform.database.fast import Change, FastStatements, Selection
from registry.platform.database.handles import Parameters, Rows, Write
from registry.platform.database.pressure import Pressure
from registry.platform.database.sqlite_driver import sqlite_module, writing_engine
from registry.platform.database.violations import translate
from registry.platform.kernel.errors import Busy


class SqliteWriter:
    """The only writer: a first-in, first-out queue in front of one connection.

    Without the queue, waiting writers poll the file lock: 16 transactions a second against 1,061. Requests that wait
    behind one another share a commit: each runs in a savepoint of the open transaction, and none is answered before the
    shared commit is on disk. When the commit fails, all of them fail.
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
        self._waited_seconds = 0.0
        self._refused = Counter({"write_queue_full": 0, "write_wait_over": 0})

    GROUP_LIMIT = 64

    @property
    def pressure(self) -> Pressure:
        """Whether it writes, and how many wait for their turn."""
        return Pressure(
            way="write",
            most=1,
            in_use=int(self._held),
            waiting=len(self._waiting),
            waiting_most=self._queue,
            waited_seconds=self._waited_seconds,
            refused=self._refused,
        )

    @property
    def driver(self) -> Any:
        """The driver's connection, while a transaction is open."""
        return self._driver

    def statements(self, connection: Connection) -> FastStatements:
        """The compiled statements of this writer."""
        if self._statements is None:
            self._statements = FastStatements(connection.dialect)
        return self._statements

    @property
    def in_transaction(self) -> bool:
        """Whether the transaction is still open. Without it, every statement would commit by itself."""
        return bool(self._driver.in_transaction)

    async def acquire(self) -> None:
        """Wait for the turn of this unit of work; then a transaction is open.

        Raises Busy when the wait is too long or the queue is full.
        """
        deadline = time.monotonic() + self._wait
        await self._take_turn()
        if self._group is None:
            opening = asyncio.ensure_future(self._open_group(max(deadline - time.monotonic(), 0.05)))
            try:
                await asyncio.shield(opening)
            except asyncio.CancelledError:  # the thread keeps running; nobody else may begin before it ends
                opening.add_done_callback(self._pass_on_unused)
                raise
        try:
            self._driver.execute("SAVEPOINT request")
        except sqlite_module().Error as error:
            self._pass_on()
            raise (translate(error) or error) from error

    async def _take_turn(self) -> None:
        if not self._held:
            self._held = True
            return
        if len(self._waiting) >= self._queue:
            self._refused["write_queue_full"] += 1
            raise Busy("Too many changes are waiting; nothing was done. Try again.", "write_queue_full")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        began = time.monotonic()
        try:
            await asyncio.wait([turn], timeout=self._wait)
        except asyncio.CancelledError:
            if turn.done():  # the turn was given at the same moment
                self._pass_on()
            else:
                self._waiting.remove(turn)
            raise
        finally:
            self._waited_seconds += time.monotonic() - began
        if not turn.done():
            self._waiting.remove(turn)
            self._refused["write_wait_over"] += 1
            raise Busy("Other changes took too long; nothing was done. Try again.", "write_wait_over")

    async def _open_group(self, seconds: float) -> None:
        try:
            await self._in_thread(self._begin, seconds)
        except Exception as error:
            self._pass_on()
            raise (translate(error) or error) from error
        self._group = asyncio.get_running_loop().create_future()
        self._group.add_done_callback(lambda f: f.cancelled() or f.exception())  # mark as retrieved

    def _pass_on_unused(self, opening: asyncio.Task[None]) -> None:
        if not opening.cancelled() and opening.exception() is None:  # after a failure the turn is passed on already
            self._pass_on()

    async def release(self, *, keep: bool) -> None:
        """Give the turn to the next writer.

        With `keep`, returns once the changes are on disk, and raises Busy when they could not be stored.
        """
        assert self.connection is not None
        assert self._group is not None
        group, others_changed = self._group, self._in_group > 0
        if keep:
            self._in_group += 1
        if self._leave_savepoint(keep=keep) and self._waiting and self._in_group < self.GROUP_LIMIT:
            self._pass_on()
        else:
            await asyncio.shield(self._end(group))
        if keep or others_changed:  # even a refusal may depend on changes that the group has not committed yet
            await asyncio.shield(group)

    def _leave_savepoint(self, *, keep: bool) -> bool:
        """End the savepoint. False when the whole transaction is lost, with the changes of all in the group.

        On a full disk or an I/O error SQLite rolls the transaction back by itself.
        """
        try:
            if not keep:
                self._driver.execute("ROLLBACK TO request")
            self._driver.execute("RELEASE request")
        except sqlite_module().Error as error:
            translate(error)  # its cause goes to the log; those in the group hear that nothing was stored
            self._rollback()
            return False
        return True

    def _end(self, group: asyncio.Future[None]) -> asyncio.Future[None]:
        """End the shared transaction, even when the task that waits for it is cancelled."""
        ending = asyncio.ensure_future(self._close_group(group))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        return ending

    async def _close_group(self, group: asyncio.Future[None]) -> None:
        # No one writes while the shared transaction ends: the next writer's turn comes after that.
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
        if self._group is not None:  # the last of the group was cancelled: end the others' transaction
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
        self._driver.rollback()  # after a failed COMMIT SQLAlchemy considers the transaction ended, but SQLite does not

    async def close(self) -> None:
        """Wait for the current writer, then close the file."""
        while self._endings:  # a task that has not started yet would find the connection closed
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
        super().__init__()
        self._writer = writer
        self._open = False

    async def _connection(self) -> Connection:
        if not self._open:
            await self._writer.acquire()
            self._open = True
        elif not self._writer.in_transaction:
            raise Busy("The database rolled the change back; nothing was done. Try again.", "database_failed")
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
            return await self.all(statement, parameters)  # repeat it through SQLAlchemy, for its error
        return select.rows(fetched)

    async def run_fast(self, statement: Change, parameters: Parameters) -> int:
        connection = await self._connection()
        if not isinstance(parameters, Mapping):
            if len(parameters) != 1:
                return self._run_many(connection, statement, parameters)
            parameters = parameters[0]
        change = self._writer.statements(connection).change(statement, frozenset(parameters))
        try:
            done = self._writer.driver.execute(change.sql, change.arguments(parameters))
        except sqlite_module().Error:
            return await self.run(statement, parameters)  # repeat it through SQLAlchemy, for its error
        return int(done.rowcount)

    def _run_many(self, connection: Connection, statement: Change, rows: Sequence[Mapping[str, object]]) -> int:
        change = self._writer.statements(connection).change(statement, frozenset(rows[0]))
        try:
            done = self._writer.driver.executemany(change.sql, [change.arguments(row) for row in rows])
        except sqlite_module().Error as error:
            raise (translate(error) or error) from error
        return int(done.rowcount)

    async def run_returning(self, statement: Change, parameters: Mapping[str, object]) -> Rows:
        connection = await self._connection()
        change = self._writer.statements(connection).change(statement, frozenset(parameters))
        try:
            fetched = self._writer.driver.execute(change.sql, change.arguments(parameters)).fetchall()
        except sqlite_module().Error as error:
            raise (translate(error) or error) from error
        return change.rows(fetched)

    async def finish(self) -> None:
        await self._take_last_steps()
        if self.before_commit is not None:
            self.before_commit(self)
        if self._deferred:
            await self._insert_deferred()
        if self._open:
            self._open = False
            await self._writer.release(keep=True)

    async def _insert_deferred(self) -> None:
        connection = await self._connection()
        for insertion, rows in self._to_insert().items():
            self._run_many(connection, insertion, rows)

    async def abandon(self) -> None:
        if self._open:
            self._open = False
            await self._writer.release(keep=False)
