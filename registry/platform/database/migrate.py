"""Migrations to the newest schema, forward only, on SQLite and PostgreSQL.

A script declares with `served_from` which is the oldest revision whose code may go on serving beside the schema that it
makes; without it, no code but that of its own. The database keeps what follows, so that an older process, which does
not know the script, can tell.

SQLite migrates with foreign keys off and checks them at the end: with foreign keys on, rebuilding a table would delete
all rows that refer to it. DDL is transactional on both databases, so a migration that fails changes nothing.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from registry.platform.database.connect import Database
from registry.platform.database.installation import schema_support
from registry.platform.database.postgresql_address import engine
from registry.platform.database.sqlite_driver import writing_engine

Result = TypeVar("Result")

_MIGRATING = 7_234_734  # the number of the advisory lock: arbitrary, but it must never change
_HERE = Path(__file__).parent / "migrations"
_SERVED_FROM = sa.select(schema_support.c.served_from)


class SchemaStatus(StrEnum):
    """What the schema of a database is to this code."""

    CURRENT = "current"
    NEWER_COMPATIBLE = "newer_compatible"
    """A later version made it, so that this one may go on serving."""
    NEWER = "newer"
    """A later version made it, and this one must not serve."""
    OLDER = "older"
    NONE = "none"

    @property
    def is_served(self) -> bool:
        """Whether this code may serve it."""
        return self in (SchemaStatus.CURRENT, SchemaStatus.NEWER_COMPATIBLE)


def alembic_config() -> Config:
    """Alembic's configuration, built here instead of read from a file."""
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    return config


@cache
def known_revisions() -> tuple[str, ...]:
    """Every schema revision that this code has a script of, the oldest first.

    Known once for the process: it takes a tenth of a second to find out, and each check of readiness asks for it.
    """
    return tuple(_revisions(ScriptDirectory.from_config(alembic_config())))


def newest_revision() -> str | None:
    """The schema revision that this code requires."""
    known = known_revisions()
    return known[-1] if known else None


async def current_revision(database: Database) -> str | None:
    """The schema revision of the database; None when it was never migrated."""
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


async def schema_status(database: Database) -> SchemaStatus:
    """What the schema of the database is to this code."""
    found = await current_revision(database)
    if found is None:
        return SchemaStatus.NONE
    if found == newest_revision():
        return SchemaStatus.CURRENT
    if found in known_revisions():
        return SchemaStatus.OLDER
    oldest = await database.read().value(_SERVED_FROM)
    return SchemaStatus.NEWER_COMPATIBLE if oldest in known_revisions() else SchemaStatus.NEWER


def served_from(scripts: ScriptDirectory, revision: str) -> str:
    """The revision of the oldest code that may serve the schema at `revision`, after all that its scripts declare.

    Raises ValueError for a script that declares what does not come before it.
    """
    revisions = _revisions(scripts)
    oldest = 0
    for place, each in enumerate(revisions[: revisions.index(revision) + 1]):
        declared = getattr(scripts.get_revision(each).module, "served_from", each)
        if declared not in revisions[: place + 1]:
            raise ValueError(f"served_from of {each} is {declared}, which does not come before it")
        oldest = max(oldest, revisions.index(declared))
    return revisions[oldest]


def _revisions(scripts: ScriptDirectory) -> list[str]:
    """Every revision, the oldest first."""
    return [script.revision for script in scripts.walk_revisions()][::-1]


def is_known(revision: str) -> bool:
    """Whether this code has the migration that leads to the revision."""
    return revision in known_revisions()


def alembic_upgrade(connection: Connection, target: str) -> None:
    """Upgrade in the transaction of a connection that is set up for DDL."""
    if connection.dialect.name == "postgresql":  # when several processes start at once, only one has work to do
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
    config = alembic_config()
    config.attributes["connection"] = connection
    before = _revision(connection)
    command.upgrade(config, target)
    after = _revision(connection)
    if after is not None and after != before:  # in the same transaction, so that nobody sees one without the other
        oldest = served_from(ScriptDirectory.from_config(config), after)
        connection.execute(schema_support.delete())
        connection.execute(schema_support.insert(), {"id": 1, "served_from": oldest})


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def migrate(url: str, target: str = "head", *, pooler: bool = False) -> None:
    """Upgrade the database at `url`. Raises the database's error when that fails; then nothing was changed."""
    await run_on_schema_connection(url, lambda connection: alembic_upgrade(connection, target), pooler=pooler)


async def run_on_schema_connection(url: str, work: Callable[[Connection], Result], *, pooler: bool = False) -> Result:
    """Run `work` on a connection set up for DDL, in one transaction."""
    if url.startswith("sqlite:"):
        return _on_sqlite(url, work)
    opened = engine(url, session={}, pooler=pooler, autocommit=False)
    try:
        async with opened.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await opened.dispose()


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
    """The differences between the database's schema and the tables in code; empty when they agree."""
    from alembic.autogenerate import compare_metadata

    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "include_object": _ignore_search_indexes, "target_metadata": metadata}
    )
    return list(compare_metadata(context, metadata))


def _ignore_search_indexes(_object: object, name: str | None, kind: str, reflected: bool, _compare_to: object) -> bool:
    """Exclude what the search indexes add: FTS shadow tables and the generated tsvector column."""
    return not (reflected and name is not None and ("_fts" in name or name.endswith("search_vector")))
