"""Reading one state of a database while others change it, and copying a SQLite file in such a state.

On SQLite the connection cannot write at all (`mode=ro`), so it neither waits for the writer nor moves the write-ahead
log into the file, and runs beside a server with any version of SQLite.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.pool import NullPool

from registry.platform.database.interruption import cancelled_by_signals, interruptible
from registry.platform.database.postgresql_address import engine
from registry.platform.database.sqlite_driver import check_version, sqlite_module

Result = TypeVar("Result")

_BUSY_MS = 5000
_PAGES_AT_ONCE = 1000  # 4 MB: between two steps a signal can end the copy


class NoDatabaseError(Exception):
    """There is no SQLite file where one should be read; the message says where."""


def sqlite_file(url: str) -> Path:
    """The file of a SQLite database."""
    return Path(str(make_url(url).database)).resolve()


async def in_snapshot(url: str, work: Callable[[Connection], Result], *, pooler: bool = False) -> Result:
    """Run `work` on a connection that sees one state of the database and changes nothing.

    Raises NoDatabaseError for a SQLite file that is not there, Busy when no PostgreSQL answers.
    """
    if url.startswith("sqlite:"):
        check_version()
        opened = _reading(sqlite_file(url))
        try:
            with opened.connect() as connection, connection.begin():
                interruptible(connection.connection.driver_connection)
                return work(connection)
        finally:
            opened.dispose()
    made = engine(url, session={}, pooler=pooler, autocommit=False)
    try:
        with cancelled_by_signals():
            async with made.begin() as on_server:
                await on_server.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return await on_server.run_sync(work)
    finally:
        await made.dispose()


def copy_sqlite(url: str, target: Path, between: Callable[[], None] = lambda: None) -> None:
    """Copy a SQLite database in one state to a new file, which needs no write-ahead log beside it.

    Writers do not wait. It is made in steps, so that a signal can end it, or `between`, which is called after each. All
    steps read the state that a transaction saw before the first: without one, a change by another process would begin
    the copy anew.
    """
    source = _connect(sqlite_file(url))
    try:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # the first reading chooses the state
        copy = sqlite_module().connect(target, isolation_level=None)
        try:
            copy.execute("PRAGMA journal_mode=OFF")  # a copy that fails is thrown away
            copy.execute("PRAGMA synchronous=OFF")  # it is synced as a whole below
            source.backup(copy, pages=_PAGES_AT_ONCE, progress=lambda *_: between())
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()
    finally:
        source.close()
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(path: Path) -> Any:
    if not path.is_file():
        raise NoDatabaseError(f"There is no database at {path}.")
    connection = sqlite_module().connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    for pragma in (f"busy_timeout={_BUSY_MS}", "query_only=ON", "trusted_schema=OFF", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def _reading(path: Path) -> Engine:
    made = sa.create_engine(
        "sqlite://", module=sqlite_module(), creator=lambda: _connect(path), poolclass=NullPool, hide_parameters=True
    )

    @sa.event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return made
