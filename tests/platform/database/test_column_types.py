"""The same value means the same on both databases: instants, dates, identifiers, JSON, sizes."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa

from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.migrate import run_on_schema_connection
from registry.platform.database.types import Civil, Instant, Json, Uuid

thing = sa.Table(
    "thing",
    sa.MetaData(),
    sa.Column("id", Uuid, primary_key=True),
    sa.Column("at", Instant),
    sa.Column("day", Civil),
    sa.Column("notes", Json),
    sa.Column("big", sa.BigInteger),
    sa.Column("yes", sa.Boolean),
    sa.Column("share", sa.Double),
    sqlite_strict=True,
)
ID = UUID("01900000-0000-7000-8000-0000000000ff")
NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)


@pytest.fixture
async def things(private_url: str) -> AsyncIterator[Database]:
    """A database with a table of every type."""
    await run_on_schema_connection(private_url, thing.create)
    database = connect(private_url)
    yield database
    await database.close()


async def store(database: Database, **values: object) -> None:
    async with unit_of_work(database) as write:
        await write.run(thing.insert(), {"id": ID, **values})


async def stored(database: Database, column: str) -> Any:
    return await database.read().value(sa.select(thing.c[column]))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", ID),
        ("at", NOON),
        ("at", datetime(1900, 1, 1, tzinfo=UTC)),
        ("at", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("day", date(2024, 2, 29)),
        ("big", 2**63 - 1),
        ("big", -(2**63)),
        ("share", 0.1),
    ],
)
async def test_a_value_comes_back_as_it_went_in(things: Database, column: str, value: object) -> None:
    await store(things, **{column: value})
    assert await stored(things, column) == value
    assert isinstance(await stored(things, column), type(value))


FULL = {"at": NOON, "day": date(2024, 2, 29), "notes": {"a": 1}, "big": 2**63 - 1, "yes": True, "share": 0.1}


@pytest.mark.parametrize("values", [FULL, {}], ids=["full", "empty"])
async def test_both_ways_of_reading_give_the_same(things: Database, values: dict[str, object]) -> None:
    await store(things, **values)
    statement = sa.select(thing).where(thing.c.id == sa.bindparam("which", type_=thing.c.id.type))
    (usual,) = await things.read().all(statement, {"which": ID})
    (fast,) = await things.read().fast(statement, {"which": ID})
    assert tuple(map(comparable, fast)) == tuple(map(comparable, usual))
    assert fast.at == usual.at


def comparable(value: object) -> object:
    return bytes(value) if isinstance(value, msgspec.Raw) else value


async def test_an_instant_keeps_its_moment_whatever_offset_it_came_with(things: Database) -> None:
    await store(things, at=datetime(2026, 7, 4, 7, tzinfo=timezone(timedelta(hours=-5))))
    found = await stored(things, "at")
    assert found == NOON
    assert found.utcoffset() == timedelta(0)


async def test_instants_compare_as_time_does(things: Database) -> None:
    moments = [NOON, NOON + timedelta(microseconds=1), NOON + timedelta(seconds=1), datetime(999, 1, 1, tzinfo=UTC)]
    async with unit_of_work(things) as write:
        await write.run(thing.insert(), [{"id": UUID(int=n), "at": at} for n, at in enumerate(moments)])
    rows = await things.read().all(sa.select(thing.c.at).order_by(thing.c.at))
    assert [row.at for row in rows] == sorted(moments)
    later = sa.select(sa.func.count()).where(thing.c.at > NOON - timedelta(microseconds=1))
    assert await things.read().value(later) == 3


async def test_a_naive_instant_is_refused(things: Database) -> None:
    with pytest.raises((ValueError, sa.exc.StatementError), match="UTC offset"):
        await store(things, at=datetime(2026, 7, 4, 12))  # noqa: DTZ001  # naive on purpose
    assert await stored(things, "id") is None


async def test_none_in_a_json_column_is_null(things: Database) -> None:
    await store(things, notes=None)
    assert await things.read().value(sa.select(thing.c.id).where(thing.c.notes.is_(None))) == ID


async def test_json_comes_back_raw_with_its_keys_in_order(things: Database) -> None:
    await store(things, notes={"b": [1, "ü"], "a": {"z": 1, "y": None}})
    assert bytes(await stored(things, "notes")) == '{"a":{"y":null,"z":1},"b":[1,"ü"]}'.encode()
    assert msgspec.json.decode(await stored(things, "notes"))["b"] == [1, "ü"]


@pytest.mark.parametrize(
    ("column", "wrong"), [("big", "'ten'"), ("share", "'half'"), ("yes", "'maybe'"), ("id", "'x'")]
)
async def test_a_column_takes_only_its_own_type(things: Database, column: str, wrong: str) -> None:
    """SQLite would store any text in any column of a table that is not STRICT."""
    statement = f"INSERT INTO thing ({column}) VALUES ({wrong})"
    with pytest.raises(sa.exc.DBAPIError):
        async with unit_of_work(things) as write:
            await write.run(sa.text(statement))


async def test_every_table_of_the_registry_is_strict(sqlite_url: str) -> None:
    database = connect(sqlite_url)
    try:
        lax = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict"
        names = {row.name for row in await database.read().all(sa.text(lax))}
        assert names <= {"alembic_version", "sqlite_schema", "sqlite_sequence"}
    finally:
        await database.close()


async def test_on_sqlite_instants_have_one_width_and_identifiers_sixteen_bytes(sqlite_url: str) -> None:
    """Text order is time order only if nothing is left out, and a UUID as text would cost 36 bytes in every index."""
    database = connect(sqlite_url)
    try:
        for kind, expected in (("INSTANT", 27), ("UUID", 16)):
            for table, column in await columns_of(database, kind):
                lengths = sa.text(f"SELECT DISTINCT length({column}) FROM {table} WHERE {column} IS NOT NULL")
                assert {row[0] for row in await database.read().all(lengths)} <= {expected}, (table, column)
    finally:
        await database.close()


async def columns_of(database: Database, kind: str) -> list[tuple[str, str]]:
    from registry.database_tables import all_tables, metadata

    all_tables()
    wanted = {"INSTANT": Instant, "UUID": Uuid}[kind]
    return [(t.name, c.name) for t in metadata.tables.values() for c in t.columns if isinstance(c.type, wanted)]
