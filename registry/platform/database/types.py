"""Column types that mean the same on SQLite (STRICT tables) and PostgreSQL, and the MetaData of all tables.

Instants are fixed-width UTC text on SQLite, so that text order is time order, and `timestamptz` on PostgreSQL; UUIDs
are 16-byte BLOBs and `uuid`. A naive time is refused: both databases would store a wrong instant.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import DDLCompiler, SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine

from registry.platform.kernel.time import format_instant

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


# Converters of single values. They are plain functions, because a page of fifty rows calls them hundreds of times.


@lru_cache(maxsize=16_384)
def _uuid(stored: bytes | None) -> UUID | None:
    return None if stored is None else UUID(bytes=stored)


def _bytes(value: UUID | None) -> bytes | None:
    return None if value is None else value.bytes


def _instant(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)


def _instant_text(value: datetime | None) -> str | None:
    return None if value is None else format_instant(value)


def _in_utc(stored: datetime | None) -> datetime | None:
    return None if stored is None else stored.astimezone(UTC)


def _civil(stored: str | None) -> date | None:
    return None if stored is None else date.fromisoformat(stored)


def _json_text(value: object | None) -> str | None:
    return None if value is None else msgspec.json.encode(value, order="deterministic").decode()


def _number_text(value: int | str | None) -> str | None:
    return None if value is None else str(value)


def _number_or_word(stored: str | None) -> int | str | None:
    return int(stored) if stored is not None and stored.isdigit() else stored


def _raw(stored: str | None) -> msgspec.Raw | None:
    return None if stored is None else msgspec.Raw(stored.encode())


class Uuid(TypeDecorator[UUID]):
    """A UUID: BLOB(16) on SQLite, `uuid` on PostgreSQL."""

    impl = sa.LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            postgresql.UUID(as_uuid=True) if dialect.name == "postgresql" else sa.LargeBinary(16)
        )

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else value.bytes

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return super().bind_processor(dialect) if dialect.name == "postgresql" else _bytes

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        return None if dialect.name == "postgresql" else _uuid


class Instant(TypeDecorator[datetime]):
    """A moment in UTC. Raises ValueError for a naive value."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sa.DateTime(timezone=True) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a UTC offset")
        return value.astimezone(UTC) if dialect.name == "postgresql" else format_instant(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return super().bind_processor(dialect) if dialect.name == "postgresql" else _instant_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        return _in_utc if dialect.name == "postgresql" else _instant


class Civil(TypeDecorator[date]):
    """A calendar date: ISO text on SQLite, `date` on PostgreSQL."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(sa.Date() if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else value.isoformat()

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        return None if dialect.name == "postgresql" else _civil


class Json(TypeDecorator[object]):
    """JSON stored as text exactly as written, with sorted keys; read back as `msgspec.Raw`.

    Raw can be sent to the client unchanged; code that needs the values decodes them into a struct. None is SQL NULL,
    never JSON `null`.
    """

    impl = sa.Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return _json_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        return _raw


class NumberOrWord(TypeDecorator[int | str]):
    """A whole number, or a word of a list that stands where a number would: text in both databases."""

    impl = sa.Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return _number_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        return _number_or_word


# STRICT tables allow five type names only.
@compiles(sa.Boolean, "sqlite")
def _boolean_on_sqlite(_type: sa.Boolean, _compiler: DDLCompiler | SQLCompiler, **_kw: Any) -> str:
    return "INTEGER"


@compiles(sa.BigInteger, "sqlite")
def _bigint_on_sqlite(_type: sa.BigInteger, _compiler: DDLCompiler | SQLCompiler, **_kw: Any) -> str:
    return "INTEGER"


@compiles(sa.Double, "sqlite")
def _double_on_sqlite(_type: sa.Double[float], _compiler: DDLCompiler | SQLCompiler, **_kw: Any) -> str:
    return "REAL"


def table(name: str, *items: sa.schema.SchemaItem) -> sa.Table:
    """A table of the registry; on SQLite a STRICT one."""
    return sa.Table(name, metadata, *items, sqlite_strict=True)


def one_of(column: str, values: Iterable[str]) -> sa.CheckConstraint:
    """A CHECK constraint that allows only the values of an enumeration."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({allowed})", name=column)


def unique_where(name: str, *columns: str, sqlite: str, postgresql: str, code: str, detail: str) -> sa.Index:
    """A partial unique index, with its condition for each database, and the error of a violation."""
    return sa.Index(
        name,
        *columns,
        unique=True,
        sqlite_where=sa.text(sqlite),
        postgresql_where=sa.text(postgresql),
        info={"code": code, "detail": detail},
    )


def unique(*columns: str, code: str, detail: str) -> sa.UniqueConstraint:
    """A unique constraint, with the error of a violation."""
    return sa.UniqueConstraint(*columns, info={"code": code, "detail": detail})
