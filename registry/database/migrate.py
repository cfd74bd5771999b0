"""Bringing a database to the newest schema, forward only, on SQLite and PostgreSQL alike.

SQLite migrates with foreign keys off and checks them at the end: a table rebuild with them on would delete every
child row. DDL is transactional on both, so a migration that fails leaves nothing behind.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from registry.database.connect import Database
from registry.database.sqlite_driver import writing_engine

Result = TypeVar("Result")

_MIGRATING = 7_234_734  # the advisory lock's number, arbitrary and never to be changed
_HERE = Path(__file__).parent / "migrations"


def alembic_config() -> Config:
    """Alembic's configuration, without a file: the scripts live beside this module."""
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    return config


def newest_revision() -> str | None:
    """The revision this code needs."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


async def current_revision(database: Database) -> str | None:
    """The revision the database is at; None when it was never migrated."""
    if database.dialect == "sqlite":
        found = await database.read().value(
            sa.text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")
        )
    else:
        found = await database.read().value(
            sa.text("SELECT count(*) FROM pg_tables WHERE tablename = 'alembic_version'")
        )
    if not found:
        return None
    revision: str | None = await database.read().value(sa.text("SELECT version_num FROM alembic_version"))
    return revision


def _upgrade(connection: Connection, target: str) -> None:
    if connection.dialect.name == "postgresql":  # of several processes that start at once, one finds work to do
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, target)


async def migrate(url: str, target: str = "head") -> None:
    """Upgrade the database at `url`. Raises what the database says when it cannot; then nothing was changed."""
    await run_on_schema_connection(url, lambda connection: _upgrade(connection, target))


async def run_on_schema_connection(url: str, work: Callable[[Connection], Result]) -> Result:
    """Run `work` on a connection fit for DDL, in one transaction."""
    if url.startswith("sqlite:"):
        return _on_sqlite(url, work)
    engine = create_async_engine(url, poolclass=sa.pool.NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _on_sqlite(url: str, work: Callable[[Connection], Result]) -> Result:
    path = sa.engine.make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = writing_engine(url)
    try:
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]  # open; has no effect inside a transaction
            with connection.begin():
                result = work(connection)
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise RuntimeError(f"the migration would leave {len(broken)} dangling references")
            return result
    finally:
        engine.dispose()


def schema_differences(connection: Connection, metadata: sa.MetaData) -> list[object]:
    """What the database has otherwise than the tables in code; empty when they agree."""
    from alembic.autogenerate import compare_metadata

    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "include_object": _ours, "target_metadata": metadata}
    )
    return list(compare_metadata(context, metadata))


def _ours(_object: object, name: str | None, kind: str, reflected: bool, _compare_to: object) -> bool:
    """Leave out what the search indexes add: FTS shadow tables and the generated tsvector column."""
    return not (reflected and name is not None and ("_fts" in name or name.endswith("search_vector")))
