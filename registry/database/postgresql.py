"""PostgreSQL through asyncpg: reads on an AUTOCOMMIT engine (one round trip, not three), writes READ COMMITTED.

Commands that count things lock the rows they count; timeouts end what would otherwise wait for ever.
"""

from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.base import Executable

from registry.database.fast import Change, FastStatements, Selection
from registry.database.handles import Parameters, Read, Rows, Write
from registry.database.violations import REFUSALS, translate
from registry.kernel.errors import Busy

_SESSION = {
    "lock_timeout": "3s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "timezone": "UTC",
    "jit": "off",  # a page of a list looks dear to the planner, and compiling takes 200 ms for an answer of 10
}
_STALE_PLAN = "cached statement plan is invalid"


class PostgresRead(Read):
    """Each statement on a connection of its own, in autocommit."""

    dialect = "postgresql"

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._statements = FastStatements(engine.dialect)

    async def all(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        return await self._ask(statement, parameters, repeat=True)

    async def fast(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        select = self._statements.select(statement)
        try:
            async with self._engine.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                fetched = await driver.fetch(select.sql, *select.arguments(parameters))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, *REFUSALS):
            return await self.all(statement, parameters)  # asked again the long way, which names the fault
        return select.rows(fetched)

    async def _ask(self, statement: Executable, parameters: Mapping[str, object] | None, *, repeat: bool) -> Rows:
        try:
            async with self._engine.connect() as connection:
                return (await connection.execute(statement, parameters)).all()
        except REFUSALS as error:
            # The schema moved under a live connection, whose plan is forgotten now; or the server was restarted.
            if repeat and (_STALE_PLAN in str(error) or getattr(error, "connection_invalidated", False)):
                return await self._ask(statement, parameters, repeat=False)
            raise (translate(error) or error) from error

    all_slowly = all


class PostgresWrite(Write):
    """One transaction on one connection."""

    dialect = "postgresql"

    def __init__(self, engine: AsyncEngine, statements: FastStatements) -> None:
        self._engine = engine
        self._statements = statements
        self._connection: AsyncConnection | None = None
        self._begun = False

    async def _open(self) -> AsyncConnection:
        if self._connection is None:
            try:
                self._connection = await self._engine.connect()
            except REFUSALS as error:
                raise (translate(error) or error) from error
        return self._connection

    async def all(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Rows:
        return (await self._execute(statement, parameters)).all()

    all_slowly = all

    async def run(self, statement: Executable, parameters: Parameters | None = None) -> int:
        return (await self._execute(statement, parameters)).rowcount

    async def _execute(self, statement: Executable, parameters: Parameters | None) -> CursorResult[Any]:
        connection = await self._open()
        try:
            result = await connection.execute(statement, parameters)
        except DBAPIError as error:
            raise (translate(error) or error) from error
        self._begun = True
        return result

    async def fast(self, statement: Selection, parameters: Mapping[str, object] | None = None) -> Rows:
        if (driver := await self._driver()) is None:
            return await self.all(statement, parameters)
        select = self._statements.select(statement)
        try:
            return select.rows(await driver.fetch(select.sql, *select.arguments(parameters)))
        except asyncpg.PostgresError as error:
            raise (translate(error) or error) from error

    async def run_fast(self, statement: Change, parameters: Parameters) -> int:
        rows = [parameters] if isinstance(parameters, Mapping) else parameters
        if (driver := await self._driver()) is None or len(rows) != 1:
            return await self.run(statement, parameters)
        change = self._statements.change(statement, frozenset(rows[0]))
        try:
            done: str = await driver.execute(change.sql, *change.arguments(rows[0]))
        except asyncpg.PostgresError as error:
            raise (translate(error) or error) from error
        return int(done.rpartition(" ")[2])

    async def _driver(self) -> Any:
        """asyncpg's own connection; None until a first statement has had SQLAlchemy begin the transaction on it."""
        if self._connection is None or not self._begun:
            return None
        return (await self._connection.get_raw_connection()).driver_connection

    async def finish(self) -> None:
        if self._connection is None:
            return
        if self.before_commit is not None:
            await self.before_commit(self)
        connection, self._connection = self._connection, None
        try:
            await connection.commit()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Busy(
                    "The connection was lost during the commit, so whether the change was stored is not known. "
                    "Repeat the request with the same Idempotency-Key, or look before you do.",
                    "commit_uncertain",
                ) from error
            refusal = Busy("The change could not be stored; nothing was done.", "commit_failed")
            raise (translate(error) or refusal) from error
        finally:
            await connection.close()

    async def abandon(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


class PostgresDatabase:
    """Reads, writes and their pools."""

    dialect = "postgresql"

    def __init__(self, url: str, *, readers: int = 16, writers: int = 16, wait_seconds: float = 5.0) -> None:
        self.url = url
        options: dict[str, Any] = {
            "max_overflow": 0,
            "pool_timeout": wait_seconds,
            "hide_parameters": True,
            "connect_args": {"server_settings": _SESSION},
        }
        self._read_engine = create_async_engine(
            url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, pool_size=readers, **options
        )
        self._write_engine = create_async_engine(url, pool_size=writers, **options)
        self._read = PostgresRead(self._read_engine)
        self._statements = FastStatements(self._write_engine.dialect)

    def read(self) -> Read:
        """A handle for questions."""
        return self._read

    def write(self) -> Write:
        """A fresh unit of work; the caller finishes or abandons it."""
        return PostgresWrite(self._write_engine, self._statements)

    async def close(self) -> None:
        """Close the pools."""
        await self._read_engine.dispose()
        await self._write_engine.dispose()
