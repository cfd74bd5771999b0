"""Chooses the SQLite driver, and prepares its connections."""

import math
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

from registry.platform.settings import SettingsError

SAFE_VERSION = (3, 51, 3)
LEAST_VERSION = (3, 46, 0)
"""The oldest that the registry was tried on. Older ones refuse the full-text index in a trigger, or lack functions."""


def sqlite_module() -> ModuleType:
    """The sqlite3 driver to use: the bundled one when the interpreter's SQLite is older than 3.51.3.

    Versions 3.7.0 to 3.51.2 can corrupt a WAL when two connections checkpoint at the same time. aiosqlite imports the
    driver as `sqlite3`, so the bundled driver is registered under that name before aiosqlite is imported.
    """
    import sqlite3

    if sqlite3.sqlite_version_info >= SAFE_VERSION:
        return sqlite3
    try:
        import pysqlite3
        import pysqlite3.dbapi2
    except ImportError:  # not built for this platform: the caller allows a single process only, with a file lock
        return sqlite3
    if "aiosqlite" not in sys.modules:
        sys.modules["sqlite3"] = pysqlite3
        sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
    return pysqlite3  # type: ignore[no-any-return]  # the package ships no types


def check_version() -> None:
    """Raises SettingsError for a SQLite that is too old, with what to do."""
    found: tuple[int, int, int] = sqlite_module().sqlite_version_info
    if found < LEAST_VERSION:
        has, needs = (".".join(map(str, version)) for version in (found, LEAST_VERSION))
        raise SettingsError(
            f"SQLite {needs} or newer is needed, and this Python has {has}: install the package pysqlite3, which "
            f"brings its own, take a newer Python, or keep the data in PostgreSQL (REGISTRY_DATABASE_URL)."
        )


def safe_for_several_processes() -> bool:
    """Whether several processes can safely write to one file with this SQLite."""
    version: tuple[int, int, int] = sqlite_module().sqlite_version_info
    return version >= SAFE_VERSION


def application_id(path: Path) -> int:
    """The application id in the header of a SQLite file (bytes 68 to 71); 0 when none was set."""
    with path.open("rb") as file:
        return int.from_bytes(file.read(100)[68:72], "big")


def set_application_id(path: Path, number: int) -> None:
    """Set the application id of a SQLite file that no other connection has open.

    Also moves everything in its WAL into the file itself.
    """
    connection = sqlite_module().connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA application_id={number:d}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def prepare(engine: Engine, *, query_only: bool, busy_ms: int) -> None:
    """Configure every connection of the engine: WAL, full synchronisation, foreign keys, explicit transactions.

    A file that is not there yet is made for its owner alone, whatever the umask. SQLite gives its log the same rights.
    """

    @sa.event.listens_for(engine, "do_connect")
    def _make_private(_dialect: object, _record: object, arguments: Any, _parameters: object) -> None:
        if arguments[0] == ":memory:":
            return
        with suppress(OSError):  # SQLite says what is wrong with the place
            os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

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
            # Readers find in the operating system's memory what they do not keep, as fast on a file of 13 GB.
            f"cache_size={-4_096 if query_only else -32_768}",
            "temp_store=MEMORY",
            *(["query_only=ON"] if query_only else []),
        ):
            cursor.execute(f"PRAGMA {pragma}")
            cursor.fetchall()
        cursor.execute("PRAGMA foreign_keys")
        if cursor.fetchone()[0] != 1:
            raise RuntimeError("this SQLite was built without foreign keys")
        cursor.close()
        _add_mathematics(driver)


def _add_mathematics(driver: Any) -> None:
    """Give a SQLite that was built without them the functions by which distances are computed."""
    cursor = driver.cursor()
    try:
        cursor.execute("SELECT power(sin(radians(0)), 2)")
        cursor.fetchall()
    except sqlite_module().OperationalError:
        for name, arguments, function in _MATHEMATICS:
            driver.create_function(name, arguments, partial(_of_numbers, function), deterministic=True)
    finally:
        cursor.close()


def _of_numbers(function: Callable[..., float], *numbers: float | None) -> float | None:
    return None if None in numbers else function(*numbers)


_MATHEMATICS: tuple[tuple[str, int, Callable[..., float]], ...] = (
    ("sin", 1, math.sin),
    ("cos", 1, math.cos),
    ("asin", 1, math.asin),
    ("sqrt", 1, math.sqrt),
    ("radians", 1, math.radians),
    ("power", 2, math.pow),
)


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
