"""A pool of PostgreSQL connections.

SQLAlchemy's own pool takes about 150 µs of CPU for each use, more than the driver takes to read a row by id: it
switches greenlets on acquisition and release, and builds an `AsyncConnection` in between. Here that is done once for
each connection, and the objects are used again.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Literal

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from registry.platform.database import patience
from registry.platform.database.postgresql_address import engine
from registry.platform.database.pressure import Pressure
from registry.platform.database.violations import REFUSALS, all_taken, is_demoted, translate


class Lent:
    """One connection in use: SQLAlchemy's and the driver's. It is returned to the pool at the end of its block."""

    __slots__ = ("_pool", "_unusable", "connection", "driver")

    def __init__(self, pool: "Connections", connection: AsyncConnection, driver: Any) -> None:
        self._pool = pool
        self.connection = connection
        self.driver = driver
        self._unusable = False

    def note(self, error: BaseException) -> None:
        """Look at a server's error: a server that takes no changes any more is left, by the idle connections too."""
        if is_demoted(error):
            self._unusable = True
            self._pool.distrust()

    def lost(self, error: BaseException | None) -> bool:
        """Whether the connection is closed or unusable, after `error` where there was one.

        The server may have announced that it will close it; or not answered, and what is sent then waits behind that.
        """
        lost = asyncpg.InternalClientError, TimeoutError
        if isinstance(error, lost) or isinstance(getattr(error, "__cause__", None), lost):
            self.driver.terminate()
        return self._unusable or bool(self.driver.is_closed())

    async def begin(self, statement: str) -> None:
        """Begin a transaction. Raises TimeoutError when the server does not: no idle connection is taken for better."""
        try:
            await self.driver.execute(statement, timeout=patience.BEGIN_SECONDS)
        except TimeoutError as error:
            self._pool.distrust()
            raise patience.no_answer("PostgreSQL began no transaction", patience.BEGIN_SECONDS) from error

    async def __aenter__(self) -> "Lent":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.lost(error) or (error is not None and not isinstance(error, Exception)):
            self._pool.throw_away(self)  # broken; or cancelled, with a statement perhaps still running
        else:
            await self._pool.give_back(self)


class Places(asyncio.Semaphore):
    """The places for connections; counts those taken and those who wait."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most
        self.taken = 0
        self.waiting = 0
        self.waited_seconds = 0.0
        self.refused = Counter({"database_busy": 0})

    async def acquire(self) -> Literal[True]:
        """Wait for a place."""
        await super().acquire()
        self.taken += 1
        return True

    async def acquire_within(self, seconds: float) -> None:
        """Wait for a place. Raises TimeoutError when none is free in time."""
        self.waiting += 1
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await self.acquire()
        except TimeoutError:
            self.refused["database_busy"] += 1
            raise
        finally:
            self.waiting -= 1
            self.waited_seconds += time.monotonic() - began

    def release(self) -> None:
        """Free a place."""
        self.taken -= 1
        super().release()


class Connections:
    """At most `most` connections, opened on demand, each in autocommit; transactions are begun by the user.

    A connection that is broken, or returned within a transaction, is closed and not used again.
    """

    def __init__(
        self, url: str, *, most: int, wait_seconds: float, session: Mapping[str, str], pooler: bool = False
    ) -> None:
        self._engine = engine(url, session=session, pooler=pooler, autocommit=True)
        self.pooler = pooler
        settings = "".join(f"; SET LOCAL {name} = '{value}'" for name, value in session.items()) if pooler else ""
        self.begin = f"BEGIN{settings}"
        self._begin_reading = f"BEGIN READ ONLY{settings}"
        self.dialect = self._engine.dialect
        self._wait_seconds = wait_seconds
        self._places = Places(most)
        self._idle: list[Lent] = []
        self._unfinished: set[asyncio.Task[None]] = set()
        self._closed = False

    def pressure(self, way: Literal["read", "write"]) -> Pressure:
        """How many connections are in use, and how many wait for one."""
        places = self._places
        return Pressure(
            way=way,
            most=places.most,
            in_use=places.taken,
            waiting=places.waiting,
            waited_seconds=places.waited_seconds,
            refused=places.refused,
        )

    async def take(self) -> Lent:
        """A connection that is not known to be broken.

        Raises Busy when none is free in time, or none can be opened.
        """
        if self._places.locked():
            try:
                await self._places.acquire_within(self._wait_seconds)
            except TimeoutError:
                raise all_taken() from None
        else:
            await self._places.acquire()
        while self._idle:
            lent = self._idle.pop()
            if not lent.driver.is_closed():
                return lent
            self._end(lent)
        opening = asyncio.create_task(self._open())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:  # the driver must not be cancelled while it connects
            self._follow(asyncio.create_task(self._adopt(opening)))
            raise
        except BaseException as error:
            self._places.release()
            if isinstance(error, REFUSALS):
                raise (translate(error) or error) from error
            raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Lent]:
        """A connection for one statement: in autocommit, or behind a pooler in a transaction, as all must be there."""
        async with await self.take() as lent:
            if not self.pooler:
                yield lent
                return
            await lent.begin(self._begin_reading)
            try:
                yield lent
            except Exception as error:
                if lent.lost(error):
                    raise
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await lent.driver.execute("ROLLBACK")
                raise
            await lent.driver.execute("COMMIT")

    async def _open(self) -> Lent:
        connection = await self._engine.connect()
        return Lent(self, connection, (await connection.get_raw_connection()).driver_connection)

    async def _adopt(self, opening: asyncio.Task[Lent]) -> None:
        """Put a connection into the pool whose first user was cancelled while it was being opened."""
        try:
            lent = await opening
        except Exception:  # noqa: BLE001  # whatever it was, nobody waits for it any more, and its place is free
            self._places.release()
        else:
            await self.give_back(lent)

    async def give_back(self, lent: Lent) -> None:
        """Return a connection to the pool, or close it when it cannot be used again."""
        connection = lent.connection
        if self._closed or lent.driver.is_in_transaction() or connection.invalidated:
            self.throw_away(lent)
            return
        if connection.in_transaction():  # as SQLAlchemy sees it, in autocommit too; nothing is sent
            await connection.rollback()
        self._idle.append(lent)
        self._places.release()

    def throw_away(self, lent: Lent) -> None:
        """Close the connection without waiting for it, and free its place."""
        self._end(lent).add_done_callback(lambda _: self._places.release())

    def distrust(self) -> None:
        """Close all idle connections after one was lost in use: they may be lost as well, without knowing it yet."""
        while self._idle:
            self._end(self._idle.pop())

    def _end(self, lent: Lent) -> asyncio.Task[None]:
        return self._follow(asyncio.create_task(_close(lent.connection)))

    def _follow(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        return task

    async def close(self) -> None:
        """Close idle connections now, and the others when they are returned."""
        self._closed = True
        self.distrust()
        while self._unfinished:
            await asyncio.wait(self._unfinished)
        await self._engine.dispose()


async def _close(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()
