"""Rows into an empty database as fast as its driver takes them, and that driver's own connection for bare SQL.

Triggers refuse parts of a version that is frozen. On PostgreSQL versions are frozen once their parts are there; on
SQLite, where changing so long a row costs more than writing it, the parts go in before the versions that they name.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import asyncpg
from sqlalchemy.engine import make_url

from benchmarks.agreements.data import Nation, Row, Rows, Shape, agencies
from registry.database_tables import bring_up_to_date
from registry.directory.agencies.tables import agency
from registry.platform.access.tables import acting_agency
from registry.platform.database.connect import connect, unit_of_work
from registry.platform.database.installation import Purpose
from registry.platform.database.sqlite_driver import sqlite_module
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import format_instant

BATCH = 1_000
ORDER = (
    *("agreement", "agreement_version", "agreement_version_dates", "provision", "agreement_coverage"),
    *("agreement_amendment", "agreement_party", "agreement_signature", "agreement_suspension"),
    *("agreement_party_window", "agreement_text_window", "agreement_force_window", "agreement_notice_window"),
    *("agreement_publication", "agreement_publication_consent", "agreement_passage"),
)


class Bare(ABC):
    """A connection of the driver itself. `matching` is how it says that passage `p` holds the words of `$3`."""

    matching: str
    name: Literal["sqlite", "postgresql"]

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

    @abstractmethod
    async def settle(self) -> None:
        """Make all lasting, and have the planner know what there is."""

    @abstractmethod
    async def explain(self, sql: str, arguments: Sequence[Any]) -> str:
        """The plan of a statement."""

    @abstractmethod
    async def close(self) -> None:
        """Let go."""


class BareSqlite(Bare):
    """The service's own SQLite driver, without anything between."""

    name = "sqlite"
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

    async def settle(self) -> None:
        if broken := self._driver.execute("PRAGMA foreign_key_check").fetchone():
            raise RuntimeError(f"a row names what is not there: {tuple(broken)}")
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
