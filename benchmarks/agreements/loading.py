"""Rows into an empty database as fast as its driver takes them, and that driver's own connection for bare SQL.

Triggers refuse parts of a version that is frozen. On PostgreSQL versions are frozen once their parts are there; on
SQLite, where changing so long a row costs more than writing it, the parts go in before the versions that they name.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any, Literal
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import Dialect, make_url

from benchmarks.agreements.data import Nation, Row, Rows, Shape, agencies
from registry.database_tables import bring_up_to_date
from registry.directory.agencies.tables import agency
from registry.platform.access.tables import acting_agency
from registry.platform.database.connect import connect, unit_of_work
from registry.platform.database.installation import Purpose
from registry.platform.database.sqlite_driver import sqlite_module
from registry.platform.database.types import Civil, Instant, Json, Uuid
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import format_instant

BATCH = 1_000
ORDER = (
    *("agreement", "agreement_version", "agreement_version_dates", "provision", "agreement_coverage"),
    *("agreement_amendment", "agreement_party", "agreement_signature", "agreement_suspension"),
    *("agreement_party_window", "agreement_text_window", "agreement_force_window", "agreement_notice_window"),
    *("agreement_publication", "agreement_publication_consent", "agreement_passage"),
)


_FOREIGN_KEYS = """
SELECT t.relname, a.attname, f.relname, b.attname FROM pg_constraint c
 JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
 JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
 WHERE c.contype = 'f' AND cardinality(c.conkey) = 1"""


TYPES: dict[str, Dialect] = {
    "sqlite": sqlite.dialect(),
    "postgresql": PGDialect_asyncpg(),  # type: ignore[no-untyped-call]  # SQLAlchemy says no types here
}


def records_of(types: Dialect, table: sa.Table, rows: Sequence[Row]) -> list[tuple[object, ...]]:
    """The values of rows as the driver wants them, through the table's own types."""
    columns = zip(*(row.values() for row in rows), strict=True)
    converted = [_converted(types, table.c[name].type, values) for name, values in zip(rows[0], columns, strict=True)]
    return list(zip(*converted, strict=True))


def _converted(types: Dialect, kind: sa.types.TypeEngine[Any], values: Sequence[Any]) -> Sequence[object]:
    if isinstance(kind, Instant) and types.name == "sqlite":
        convert: Any = _instant
    elif isinstance(kind, Json):
        convert = kind.bind_processor(types)
    elif isinstance(kind, Uuid | Instant | Civil):  # their own half of the work; the other adds nothing
        convert = partial(kind.process_bind_param, dialect=types)
    else:
        convert = kind.dialect_impl(types).bind_processor(types)
    return values if convert is None else [None if value is None else convert(value) for value in values]


_instant = lru_cache(maxsize=2**17)(format_instant)
"""The instants of a loan stand in three tables."""


class Bare(ABC):
    """A connection of the driver itself. `matching` is how it says that passage `p` holds the words of `$3`."""

    matching: str
    name: Literal["sqlite", "postgresql"]
    types: Dialect

    @abstractmethod
    async def rows(self, sql: str, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """What the statement answers; `arguments` as the database wants them."""

    @abstractmethod
    def dialect(self, sql: str) -> str:
        """The statement, written with `$1` for its first argument, as the driver wants it."""

    @abstractmethod
    def argument(self, value: object) -> object:
        """A UUID or instant as the database wants it."""

    @abstractmethod
    async def load(self, batch: Rows) -> None:
        """Insert rows by table; those of `frozen` are what versions have once they are frozen."""

    async def insert(self, table: sa.Table, rows: Sequence[Row]) -> None:
        """Insert rows as SQLAlchemy would, all with the columns of the first."""
        await self.write(table.name, list(rows[0]), records_of(self.types, table, rows))

    @abstractmethod
    async def write(self, table: str, columns: Sequence[str], records: Sequence[tuple[object, ...]]) -> None:
        """Insert records from `records_of`."""

    @abstractmethod
    async def begin_load(self) -> None:
        """Prepare for many rows of every table: foreign keys are not looked at until the end."""

    @abstractmethod
    async def without_indexes(self, tables: Sequence[str]) -> list[str]:
        """Drop the indexes of these tables that are no constraints; the statements that make them again."""

    @abstractmethod
    async def end_load(self, indexes: Sequence[str]) -> None:
        """Make the indexes again, and leave the database as the service finds it in operation.

        Raises RuntimeError where a row names what is not there. On SQLite nothing is analysed, since the service never
        does so; PostgreSQL analyses by itself in time.
        """

    @abstractmethod
    async def settle(self) -> None:
        """Make all lasting, and have the planner know what there is."""

    @abstractmethod
    async def explain(self, sql: str, arguments: Sequence[Any]) -> str:
        """The plan of a statement."""

    @abstractmethod
    async def close(self) -> None:
        """Let go."""


# Without it each loan that is yet to come is looked for among all allocations: more than an hour in a whole nation.
_READ_BY_TRIGGERS = {"ix_allocation_asset"}


class BareSqlite(Bare):
    """The service's own SQLite driver, without anything between."""

    name = "sqlite"
    types = TYPES["sqlite"]
    matching = "p.n IN (SELECT rowid FROM agreement_passage_fts WHERE agreement_passage_fts MATCH $3)"

    def __init__(self, url: str) -> None:
        self._driver: Any = sqlite_module().connect(str(make_url(url).database), isolation_level=None)
        for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-32768", "temp_store=MEMORY"):
            self._driver.execute(f"PRAGMA {pragma}").fetchall()

    async def rows(self, sql: str, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
        found: Sequence[Sequence[Any]] = self._driver.execute(sql, arguments).fetchall()
        return found

    def dialect(self, sql: str) -> str:
        return sql.replace("$", "?")

    def argument(self, value: object) -> object:
        return _stored(value)

    async def load(self, batch: Rows) -> None:
        frozen = {row["id"]: row for row in batch["frozen"]}
        nothing = dict.fromkeys(("canonical", "sha256", "frozen_at"))
        versions = [{**row, **frozen.get(row["id"], nothing)} for row in batch["agreement_version"]]
        self._driver.execute("BEGIN")
        for table in [*(name for name in ORDER if name != "agreement_version" and name in batch), "agreement_version"]:
            rows = versions if table == "agreement_version" else batch[table]
            columns, marks = ", ".join(rows[0]), ", ".join("?" * len(rows[0]))
            self._driver.executemany(
                f"INSERT INTO {table} ({columns}) VALUES ({marks})", ([*map(_stored, row.values())] for row in rows)
            )
        self._driver.execute("COMMIT")

    async def write(self, table: str, columns: Sequence[str], records: Sequence[tuple[object, ...]]) -> None:
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self._driver.execute("BEGIN")
        self._driver.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', records)
        self._driver.execute("COMMIT")

    async def begin_load(self) -> None:
        for pragma in ("cache_size=-524288", "journal_mode=OFF", "locking_mode=EXCLUSIVE"):
            self._driver.execute(f"PRAGMA {pragma}").fetchall()

    async def end_load(self, indexes: Sequence[str]) -> None:
        for sql in indexes:
            self._driver.execute(sql)
        self._check_keys()
        for pragma in ("locking_mode=NORMAL", "journal_mode=WAL", "wal_checkpoint(TRUNCATE)"):
            self._driver.execute(f"PRAGMA {pragma}").fetchall()

    def _check_keys(self) -> None:
        if broken := self._driver.execute("PRAGMA foreign_key_check").fetchone():
            raise RuntimeError(f"a row names what is not there: {tuple(broken)}")

    async def without_indexes(self, tables: Sequence[str]) -> list[str]:
        named = await self.rows("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index'", ())
        dropped = [
            (name, sql) for name, of, sql in named if of in tables and sql is not None and name not in _READ_BY_TRIGGERS
        ]
        for name, _ in dropped:
            self._driver.execute(f"DROP INDEX {name}")
        return [sql for _, sql in dropped]

    async def settle(self) -> None:
        self._check_keys()
        self._driver.execute("ANALYZE")
        self._driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    async def explain(self, sql: str, arguments: Sequence[Any]) -> str:
        return "\n".join(str(row[3]) for row in await self.rows(f"EXPLAIN QUERY PLAN {sql}", arguments))

    async def close(self) -> None:
        self._driver.close()


@lru_cache(maxsize=200_000)
def _stored(value: object) -> object:
    """As SQLite stores it; ids and instants recur from table to table."""
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, datetime):
        return format_instant(value)
    return value.isoformat() if isinstance(value, date) else value


class BarePostgresql(Bare):
    """asyncpg without anything between."""

    name = "postgresql"
    types = TYPES["postgresql"]
    matching = "p.search_vector @@ $3::text::tsquery"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str) -> "BarePostgresql":
        """Connect."""
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(plain)
        await connection.execute("SET synchronous_commit = off")
        return cls(connection)

    async def rows(self, sql: str, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
        found: Sequence[Sequence[Any]] = await self._connection.fetch(sql, *arguments)
        return found

    def dialect(self, sql: str) -> str:
        return sql

    def argument(self, value: object) -> object:
        return value

    async def load(self, batch: Rows) -> None:
        for table in ORDER:
            if table in batch:
                await self._copy(table, batch[table])
        await self._connection.execute(
            "CREATE TEMP TABLE IF NOT EXISTS frozen (id uuid, canonical bytea, sha256 text, frozen_at timestamptz)"
        )
        await self._copy("frozen", batch["frozen"])
        await self._connection.execute(
            "UPDATE agreement_version v SET canonical = f.canonical, sha256 = f.sha256, frozen_at = f.frozen_at "
            "FROM frozen f WHERE v.id = f.id"
        )
        await self._connection.execute("TRUNCATE frozen")

    async def _copy(self, table: str, rows: Sequence[Row]) -> None:
        records = [tuple(row.values()) for row in rows]
        await self._connection.copy_records_to_table(table, columns=list(rows[0]), records=records)

    async def write(self, table: str, columns: Sequence[str], records: Sequence[tuple[object, ...]]) -> None:
        await self._connection.copy_records_to_table(table, columns=columns, records=records)

    async def begin_load(self) -> None:
        await self._connection.execute("SET session_replication_role = replica")

    async def end_load(self, indexes: Sequence[str]) -> None:
        await self._connection.execute("SET session_replication_role = origin")
        await self._connection.execute("SET maintenance_work_mem = '512MB'")
        for sql in indexes:
            await self._connection.execute(sql)
        await self._connection.execute("VACUUM ANALYZE")
        for table, column, of, key in await self.rows(_FOREIGN_KEYS, ()):
            missing = f'SELECT 1 FROM "{of}" o WHERE o."{key}" = t."{column}"'
            if await self.rows(
                f'SELECT 1 FROM "{table}" t WHERE t."{column}" IS NOT NULL AND NOT EXISTS ({missing}) LIMIT 1', ()
            ):
                raise RuntimeError(f"a row names what is not there: {table}.{column}")

    async def without_indexes(self, tables: Sequence[str]) -> list[str]:
        named = await self.rows(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY($1) "
            "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
            [list(tables)],
        )
        for name, _ in named:
            await self._connection.execute(f"DROP INDEX {name}")
        return [sql for _, sql in named]

    async def settle(self) -> None:
        await self._connection.execute("VACUUM ANALYZE")

    async def explain(self, sql: str, arguments: Sequence[Any]) -> str:
        return "\n".join(str(row[0]) for row in await self.rows(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", arguments))

    async def close(self) -> None:
        await self._connection.close()


async def bare(url: str) -> Bare:
    """The driver's own connection to the database of the URL."""
    return BareSqlite(url) if url.startswith("sqlite:") else await BarePostgresql.open(url)


async def fill(url: str, shape: Shape, now: datetime) -> list[UUID]:
    """Schema and rows in the empty database; the agencies' ids."""
    await bring_up_to_date(url, Purpose.DEMONSTRATION)
    ids = [new_id() for _ in range(shape.agencies)]
    database = connect(url)
    try:
        async with unit_of_work(database) as write:
            await write.run(agency.insert(), list(agencies(shape, ids, now)))
            await write.run(acting_agency.insert(), [{"agency_id": agency_id} for agency_id in ids])
    finally:
        await database.close()
    target = await bare(url)
    try:
        for batch in Nation(shape, ids, now).batches(BATCH):
            await target.load(batch)
        await target.settle()
    finally:
        await target.close()
    return ids
