"""Which SQLite driver to use, and how its connections are prepared."""

import sys
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

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


def prepare(engine: Engine, *, query_only: bool, busy_ms: int) -> None:
    """Have every connection of the engine set up: WAL, full synchronisation, foreign keys, our own transactions."""

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
    prepare(engine, query_only=False, busy_ms=5000)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
