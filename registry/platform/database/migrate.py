"""Migrations to the newest schema, forward only, on SQLite and PostgreSQL.

A script declares with `served_from` which is the oldest revision whose code may go on serving beside the schema that it
makes; without it, no code but that of its own. The database keeps what follows, so that an older process, which does
not know the script, can tell. It also keeps a fingerprint of the scripts that made it: the same revision may have been
made by another state of the code, and then its tables may be others. Where they turn out to be the same, the database
keeps the fingerprints of both, so that processes of either state of the code serve it.

SQLite migrates with foreign keys off and checks them at the end: with foreign keys on, rebuilding a table would delete
all rows that refer to it. DDL is transactional on both databases, so a migration that fails changes nothing.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from registry.platform.database.connect import Database
from registry.platform.database.installation import schema_support
from registry.platform.database.patience import MIGRATION_SECONDS
from registry.platform.database.postgresql_address import engine
from registry.platform.database.room import private_folder
from registry.platform.database.sqlite_driver import writing_engine

if TYPE_CHECKING:  # a server that finds its schema as it should be does without Alembic, which takes long to load
    from alembic.config import Config
    from alembic.script import ScriptDirectory

Result = TypeVar("Result")

_MIGRATING = 7_234_734  # the number of the advisory lock: arbitrary, but it must never change
_HERE = Path(__file__).parent / "migrations"
_SERVED_FROM = sa.select(schema_support.c.served_from)
_FINGERPRINT = sa.select(schema_support.c.fingerprint)
_SAID = re.compile(r"""^(revision|down_revision) = (?:["'](\w+)["']|None)$""", re.MULTILINE)
_MOST_FINGERPRINTS = 16


class SchemaStatus(StrEnum):
    """What the schema of a database is to this code."""

    CURRENT = "current"
    NEWER_COMPATIBLE = "newer_compatible"
    """A later version made it, so that this one may go on serving."""
    NEWER = "newer"
    """A later version made it, and this one must not serve."""
    OLDER = "older"
    DIFFERENT = "different"
    """Of a revision that this version has, and yet made by another state of the code, so that its tables may differ."""
    NONE = "none"

    @property
    def is_served(self) -> bool:
        """Whether this code may serve it."""
        return self in (SchemaStatus.CURRENT, SchemaStatus.NEWER_COMPATIBLE)


def alembic_config() -> "Config":
    """Alembic's configuration, built here instead of read from a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    return config


@cache
def known_revisions() -> tuple[str, ...]:
    """Every schema revision that this code has a script of, the oldest first.

    Known once for the process: it takes a tenth of a second to find out, and each check of readiness asks for it.
    """
    return tuple(_known())


@cache
def _known() -> Mapping[str, str]:
    return fingerprints(_HERE)


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
    if found in known_revisions():
        if _known()[found] not in await _fingerprints_kept(database):
            return SchemaStatus.DIFFERENT
        return SchemaStatus.CURRENT if found == newest_revision() else SchemaStatus.OLDER
    oldest = await database.read().value(_SERVED_FROM)
    return SchemaStatus.NEWER_COMPATIBLE if oldest in known_revisions() else SchemaStatus.NEWER


async def _fingerprints_kept(database: Database) -> list[str]:
    """What the database says of the scripts that make it; nothing where a code made it that left no fingerprint."""
    try:
        found: str | None = await database.read().value(_FINGERPRINT)
    except DBAPIError:  # it has no such column; a database that fails raises an error of the domain
        return []
    return (found or "").split()


def fingerprints(folder: Path) -> dict[str, str]:
    """For each revision of the scripts in `folder`, the oldest first, the digest of its script and of all before it.

    Nothing is run of the scripts: that builds every table, and each start of a server would pay for it. Raises
    ValueError for scripts of which one does not say in the usual form what it is and what it follows.
    """
    after = {}
    paths = list((folder / "versions").glob("*.py"))
    for path in paths:
        script = path.read_bytes()
        said = dict(_SAID.findall(script.decode()))
        after[said.get("down_revision", "?")] = said.get("revision", "?"), script
    digest, found, before = sha256(), {}, ""
    while before in after:
        before, script = after.pop(before)
        digest.update(script)
        found[before] = digest.hexdigest()
    if len(found) != len(paths):
        raise ValueError(f"the scripts in {folder} do not follow one another")
    return found


def served_from(scripts: "ScriptDirectory", revision: str) -> str:
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


def _revisions(scripts: "ScriptDirectory") -> list[str]:
    """Every revision, the oldest first."""
    return [script.revision for script in scripts.walk_revisions()][::-1]


def is_known(revision: str) -> bool:
    """Whether this code has the migration that leads to the revision."""
    return revision in known_revisions()


def alembic_upgrade(connection: Connection, target: str) -> str | None:
    """Upgrade in the transaction of a connection that is set up for DDL; returns the revision before."""
    from alembic import command

    _alone(connection)  # when several processes start at once, only one has work to do
    config = alembic_config()
    config.attributes["connection"] = connection
    before = _revision(connection)
    command.upgrade(config, target)
    after = _revision(connection)
    if after is not None and after != before:  # in the same transaction, so that nobody sees one without the other
        _sign(connection, after, fingerprints(_HERE)[after])
    return before


def _alone(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")


def _sign(connection: Connection, revision: str, fingerprint: str) -> None:
    from alembic.script import ScriptDirectory

    said = {"served_from": served_from(ScriptDirectory.from_config(alembic_config()), revision)}
    connection.execute(schema_support.delete())
    connection.execute(schema_support.insert(), {"id": 1, **said, "fingerprint": fingerprint})


def sign(connection: Connection) -> None:
    """Say that this version's scripts make a schema, too, that was found to be theirs.

    Whose scripts made it, or were found to make the same, may go on serving it.
    """
    _alone(connection)
    revision = str(newest_revision())
    own = fingerprints(_HERE)[revision]
    others = [each for each in (connection.scalar(_FINGERPRINT) or "").split() if each != own]
    _sign(connection, revision, " ".join([*others, own][-_MOST_FINGERPRINTS:]))


def _revision(connection: Connection) -> str | None:
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


async def migrate(url: str, target: str = "head", *, pooler: bool = False) -> str | None:
    """Upgrade the database at `url`; returns the revision before, which another process may just have brought about.

    Raises the database's error when that fails; then nothing was changed.
    """
    return await run_on_schema_connection(url, lambda connection: alembic_upgrade(connection, target), pooler=pooler)


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
        private_folder(Path(path).parent)
    engine = writing_engine(url)
    try:
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys=OFF")  # open; has no effect inside a transaction
            driver.execute(f"PRAGMA busy_timeout={MIGRATION_SECONDS * 1000}")
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
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "include_object": _ignore_search_indexes, "target_metadata": metadata}
    )
    return list(compare_metadata(context, metadata))


def _ignore_search_indexes(_object: object, name: str | None, kind: str, reflected: bool, _compare_to: object) -> bool:
    """Exclude what the search indexes add: FTS shadow tables and the generated tsvector column."""
    return not (reflected and name is not None and ("_fts" in name or name.endswith("search_vector")))
