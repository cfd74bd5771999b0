"""PostgreSQL through asyncpg: reads in autocommit mode (one round trip instead of three), writes as READ COMMITTED.

Commands that count rows lock them first; timeouts end statements that would otherwise wait for ever.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.sql.base import Executable

from registry.platform.database.fast import Change, FastStatements, Selection
from registry.platform.database.handles import Parameters, Read, Rows, Write
from registry.platform.database.postgresql_pool import Connections, Lent
from registry.platform.database.pressure import Pressure
from registry.platform.database.violations import REFUSALS, is_demoted, translate, unreachable
from registry.platform.kernel.errors import Busy
from registry.platform.settings import SettingsError

_SESSION = {
    "lock_timeout": "3s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "timezone": "UTC",
    "jit": "off",  # the planner overestimates the cost of lists, and JIT would add 200 ms to a query of 10 ms
}
_BY_DRIVER = (asyncpg.PostgresError, asyncpg.InternalClientError, asyncpg.InterfaceError, OSError)
_LOCK_TIMEOUT = sa.text("SHOW lock_timeout")
_STALE_PLAN = "cached statement plan is invalid"


class PostgresRead(Read):
    """Each statement on a connection of its own, in autocommit."""

    dialect = "postgresql"

    def __init__(self, connections: Connections, statements: FastStatements) -> None:
        self._connections = connections
        self._statements = statements

    async def all(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        return await self._ask(statement, parameters, repeat=True)

    all_slowly = all

    async def fast(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        select = self._statements.select(statement)
        try:
            async with self._connections.reading() as lent:
                fetched = await lent.driver.fetch(select.sql, *select.arguments(parameters))
        except TimeoutError as error:
            self._connections.distrust()
            raise (translate(error) or error) from error
        except _BY_DRIVER:
            return await self.all(statement, parameters)  # repeat it through SQLAlchemy, for its error
        return select.rows(fetched)

    async def _ask(self, statement: Executable, parameters: Mapping[str, object] | None, *, repeat: bool) -> Rows:
        try:
            async with self._connections.reading() as lent:
                return (await lent.connection.execute(statement, parameters)).all()
        except REFUSALS as error:
            # The schema changed under this connection, whose cached plan is dropped now; or the server was restarted.
            lost = getattr(error, "connection_invalidated", False) or isinstance(error, asyncpg.InternalClientError)
            if lost or isinstance(error, TimeoutError):
                self._connections.distrust()
            if repeat and (lost or _STALE_PLAN in str(error)):
                return await self._ask(statement, parameters, repeat=False)
            raise (translate(error) or error) from error


class PostgresWrite(Write):
    """One transaction on one connection.

    BEGIN, COMMIT and ROLLBACK are sent to the driver here, on connections that send none themselves. So every statement
    can go directly to the driver, and an idle connection that has died is replaced without an error.
    """

    dialect = "postgresql"

    def __init__(self, connections: Connections, statements: FastStatements) -> None:
        super().__init__()
        self._connections = connections
        self._statements = statements
        self._lent: Lent | None = None

    async def _begin(self) -> Lent:
        """The connection, with the transaction begun."""
        while self._lent is None:
            lent = await self._connections.take()
            try:
                await lent.begin(self._connections.begin)
            except BaseException as error:
                lost = lent.lost(error)
                self._connections.throw_away(lent)
                if isinstance(error, TimeoutError):
                    raise (translate(error) or error) from error
                if isinstance(error, Exception) and lost:
                    continue
                raise
            self._lent = lent
        return self._lent

    async def all(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        return (await self._execute(statement, parameters)).all()

    all_slowly = all

    async def run(self, statement: Executable, parameters: Parameters | None = None) -> int:
        return (await self._execute(statement, parameters)).rowcount

    async def _execute(self, statement: Executable, parameters: Parameters | None) -> CursorResult[Any]:
        lent = await self._begin()
        try:
            return await lent.connection.execute(statement, parameters)
        except REFUSALS as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> Exception:
        if self._lent is not None:
            self._lent.note(error)
            if self._lent.lost(error):
                return translate(error) or unreachable(error)
        return translate(error) or error

    async def fast(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        driver = (await self._begin()).driver
        select = self._statements.select(statement)
        try:
            return select.rows(await driver.fetch(select.sql, *select.arguments(parameters)))
        except _BY_DRIVER as error:
            raise self._refusal(error) from error

    async def run_fast(self, statement: Change, parameters: Parameters) -> int:
        rows = [parameters] if isinstance(parameters, Mapping) else parameters
        if len(rows) != 1:
            return await self.run(statement, parameters)
        driver = (await self._begin()).driver
        change = self._statements.change(statement, frozenset(rows[0]))
        try:
            done: str = await driver.execute(change.sql, *change.arguments(rows[0]))
        except _BY_DRIVER as error:
            raise self._refusal(error) from error
        return int(done.rpartition(" ")[2])

    async def run_returning(self, statement: Change, parameters: Mapping[str, object]) -> Rows:
        driver = (await self._begin()).driver
        change = self._statements.change(statement, frozenset(parameters))
        try:
            return change.rows(await driver.fetch(change.sql, *change.arguments(parameters)))
        except _BY_DRIVER as error:
            raise self._refusal(error) from error

    async def finish(self) -> None:
        await self._take_last_steps()
        if self.before_commit is not None:
            self.before_commit(self)
        if self._lent is None and self._deferred and self._connections.pooler:
            await self._begin()
        if self._lent is None:
            if self._deferred:
                await self._insert_alone()
            return
        if self._deferred:
            await self._insert_deferred(self._lent.driver)
        lent, self._lent = self._lent, None
        async with lent:
            try:
                done = await lent.driver.execute("COMMIT")
            except _BY_DRIVER as error:
                if lent.lost(error):
                    raise _uncertain(error) from error
                refusal = Busy("The change could not be stored; nothing was done.", "commit_failed")
                raise (translate(error) or refusal) from error
            if done != "COMMIT":  # the answer when a statement of the transaction has failed
                raise Busy("The change could not be stored; nothing was done.", "commit_failed")

    async def _insert_deferred(self, driver: Any) -> None:
        insertion, arguments = self._statements.combined_insert(self._to_insert())
        try:
            await driver.execute(insertion.sql, *arguments)
        except _BY_DRIVER as error:
            raise self._refusal(error) from error

    async def _insert_alone(self) -> None:
        """A single statement needs no explicit transaction: it commits by itself."""
        async with await self._connections.take() as lent:
            try:
                await self._insert_deferred(lent.driver)
            except Exception as error:
                lent.note(error.__cause__ or error)
                if is_demoted(error.__cause__ or error):
                    raise
                if lent.lost(error):
                    raise _uncertain(error) from error
                raise

    async def abandon(self) -> None:
        if self._lent is None:
            return
        lent, self._lent = self._lent, None
        async with lent:
            with suppress(*_BY_DRIVER):  # the transaction is lost with its connection
                await lent.driver.execute("ROLLBACK")


def _uncertain(cause: BaseException) -> Busy:
    """The error for a commit that was not answered; the log gets the cause."""
    unreachable(cause)
    return Busy(
        "The connection was lost during the commit, so whether the change was stored is not known. "
        "Repeat the request with the same Idempotency-Key, or look before you do.",
        "commit_uncertain",
    )


class PostgresDatabase:
    """Reads, writes and their connection pools."""

    dialect = "postgresql"

    def __init__(
        self, url: str, *, readers: int = 10, writers: int = 10, wait_seconds: float = 5.0, pooler: bool = False
    ) -> None:
        self.url = url
        self.pooler = pooler
        self._readers = Connections(url, most=readers, wait_seconds=wait_seconds, session=_SESSION, pooler=pooler)
        self._writers = Connections(url, most=writers, wait_seconds=wait_seconds, session=_SESSION, pooler=pooler)
        self._statements = FastStatements(self._writers.dialect)
        self._read = PostgresRead(self._readers, self._statements)

    def read(self) -> Read:
        """A read-only handle."""
        return self._read

    def write(self) -> Write:
        """A new unit of work, which the caller must finish or abandon."""
        return PostgresWrite(self._writers, self._statements)

    def pressure(self) -> list[Pressure]:
        """What is in use of the connections for reading, and of those for changes."""
        return [self._readers.pressure("read"), self._writers.pressure("write")]

    async def check(self) -> None:
        """Raises SettingsError when the settings of a session have no effect; Busy when no server answers."""
        if await self._read.value(_LOCK_TIMEOUT) != _SESSION["lock_timeout"]:
            raise SettingsError(
                "A connection pooler (PgBouncer) at REGISTRY_DATABASE_URL ignores the settings of a session, without "
                "which statements could wait for ever: set REGISTRY_DATABASE_POOLER=1."
            )

    async def close(self) -> None:
        """Close the connections."""
        await self._readers.close()
        await self._writers.close()
