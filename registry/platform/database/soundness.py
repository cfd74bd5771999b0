"""Whether a database is whole: its pages, references and search indexes, and its schema, which is this version's.

Everything here reads, in the transaction of the connection that it is given. A fault is one sentence.
"""

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from registry.platform.database.migrate import alembic_upgrade, schema_differences
from registry.platform.database.sqlite_driver import writing_engine
from registry.platform.database.triggers import faults_of_triggers
from registry.platform.database.violations import is_read_only

_MOST = 20
# All but what says nothing of this version: the table of migrations with its own index, and statistics.
_SQLITE_SCHEMA = (
    "SELECT type, name, sql FROM sqlite_master WHERE NOT (type = 'table' AND name IN "
    "('alembic_version', 'sqlite_stat1', 'sqlite_stat4')) "
    "AND NOT (type = 'index' AND name = 'sqlite_autoindex_alembic_version_1')"
)
_NOT_WHOLE = {
    "the trigger {} is switched off": (
        "SELECT tgrelid::regclass || '.' || tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'O'"
    ),
    "the index {} is not valid": "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid",
    "the constraint {} was never checked": (
        "SELECT conrelid::regclass || '.' || conname FROM pg_constraint WHERE NOT convalidated"
    ),
}


def tables_of(connection: Connection) -> list[str]:
    """The names of the tables that hold records, without those of search indexes and migrations."""
    names = sa.inspect(connection).get_table_names()
    return sorted(name for name in names if "_fts" not in name and name != "alembic_version")


def row_counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    return {
        name: int(connection.execute(sa.select(sa.func.count()).select_from(sa.table(name))).scalar_one())
        for name in tables_of(connection)
    }


def revision_of(connection: Connection) -> str | None:
    """The schema's revision; None for a database that was never migrated."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found


def views_of(connection: Connection) -> list[str]:
    """Views of a SQLite file: the schema has none, and one that somebody added may never end when it is read."""
    names = sa.inspect(connection).get_view_names() if connection.dialect.name == "sqlite" else []
    return [f"schema: view {name} is none of this version's" for name in names]


def faults_of_storage(connection: Connection) -> list[str]:
    """What is wrong with pages, references and constraints, whatever the schema's revision.

    Raises the driver's error for a SQLite file that may not even be read here: nothing is known to be wrong with it.
    """
    try:
        kinds = _of_sqlite(connection) if connection.dialect.name == "sqlite" else _of_postgresql(connection)
        return _first(kinds)
    except DBAPIError as error:
        return [unread(error)]


def unread(error: DBAPIError) -> str:
    """The fault of a database that cannot be read. Raises the error where it is this account that may not.

    Beside a SQLite file in write-ahead mode two more are made, even to read it.
    """
    if is_read_only(error):
        raise error
    return f"the database cannot be read: {str(error.orig).splitlines()[0]}"


def faults_of_schema(connection: Connection, metadata: sa.MetaData) -> list[str]:
    """Where the schema differs from this version's, triggers included. On SQLite letter by letter."""
    if connection.dialect.name == "sqlite":
        here, there = _sqlite_schema(connection), _fresh_sqlite_schema()
        names = sorted({(str(kind), str(name)) for kind, name, _ in here ^ there})
        return _first(f"schema: {kind} {name} is not as this version has it" for kind, name in names)
    differences = [f"schema: {difference}"[:200] for difference in schema_differences(connection, metadata)]
    return _first(iter([*differences, *faults_of_triggers(connection)]))


def faults_of_search(connection: Connection) -> list[str]:
    """Which SQLite search indexes do not match their tables. The connection must be one that can write."""
    found = []
    for (name,) in connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'"
    ).all():
        try:
            connection.exec_driver_sql(f"INSERT INTO {name}({name}, rank) VALUES ('integrity-check', 1)")  # noqa: S608  # its own name
        except DBAPIError:
            found.append(f"search: {name} is not the index of what there is")
    return found


def _first(faults: Iterator[str]) -> list[str]:
    found = list(faults)
    more = len(found) - _MOST
    return found if more <= 0 else [*found[:_MOST], f"… and {more} more of that kind"]


def _of_sqlite(connection: Connection) -> Iterator[str]:
    for (said,) in connection.exec_driver_sql("PRAGMA integrity_check").all():
        if said != "ok":
            yield f"file: {said}"
    broken: dict[tuple[str, str], int] = {}
    for table, _row, parent, _key in connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        broken[table, parent] = broken.get((table, parent), 0) + 1
    for (table, parent), rows in sorted(broken.items()):
        yield f"reference: {rows} rows of {table} refer to what is not in {parent}"


def _of_postgresql(connection: Connection) -> Iterator[str]:
    for words, statement in _NOT_WHOLE.items():
        for (name,) in connection.exec_driver_sql(statement).all():
            yield words.format(name)
    looked = sa.inspect(connection)
    for name in tables_of(connection):
        for key in looked.get_foreign_keys(name):
            if rows := connection.execute(_dangling(name, key["constrained_columns"], key)).scalar_one():
                yield f"reference: {rows} rows of {name} refer to what is not in {key['referred_table']}"


def _dangling(name: str, columns: list[str], key: object) -> sa.Select[int]:
    """Rows of a table whose reference leads nowhere, as no constraint of a sound database allows."""
    referred: list[str] = key["referred_columns"]  # type: ignore[index]  # a dictionary of SQLAlchemy's
    child = sa.table(name, *(sa.column(each) for each in columns)).alias("child")
    parent = sa.table(key["referred_table"], *(sa.column(each) for each in referred)).alias("parent")  # type: ignore[index]
    pairs = [child.c[here] == parent.c[there] for here, there in zip(columns, referred, strict=True)]
    return (
        sa.select(sa.func.count())
        .select_from(child)
        .where(
            *(child.c[each].is_not(None) for each in columns),
            ~sa.select(sa.literal(1)).select_from(parent).where(*pairs).exists(),
        )
    )


def _sqlite_schema(connection: Connection) -> set[tuple[object, ...]]:
    return {tuple(row) for row in connection.exec_driver_sql(_SQLITE_SCHEMA)}


@cache
def _fresh_sqlite_schema() -> frozenset[tuple[object, ...]]:
    with tempfile.TemporaryDirectory(prefix="registry-") as folder:
        fresh = writing_engine(f"sqlite:///{Path(folder) / 'fresh.db'}")
        try:
            with fresh.connect() as connection, connection.begin():
                alembic_upgrade(connection, "head")
                return frozenset(_sqlite_schema(connection))
        finally:
            fresh.dispose()
