"""What is particular about SQLite: one writer with a queue, shared commits, settings of every connection."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry.platform.database.connect import connect, unit_of_work
from registry.platform.database.sqlite import SqliteDatabase
from registry.platform.database.sqlite_driver import SAFE_VERSION, sqlite_module
from registry.platform.kernel.errors import Busy
from registry.platform.settings import load
from tests.platform.database.counting import add_one, add_one_alone, add_row, count, rows
from tests.support.databases import copy_sqlite
from tests.support.problems import assert_problem
from tests.support.sabotage import another_process_writes, change_schema
from tests.support.server import environment, in_process

NEW = {"name": "Queued Police", "kind": "city", "level": "local"}


@pytest.fixture
async def url(sqlite_url: str, tmp_path: Path) -> str:
    copied = copy_sqlite(sqlite_url, tmp_path / "own.db")
    await change_schema(
        copied,
        "CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT",
        "INSERT INTO counter VALUES (1, 0)",
    )
    return copied


@pytest.fixture
async def database(url: str) -> AsyncIterator[SqliteDatabase]:
    opened = connect(url, queue=8, wait_seconds=0.5)
    assert isinstance(opened, SqliteDatabase)
    yield opened
    async with asyncio.timeout(5):
        await opened.close()


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}


async def test_every_connection_is_set_up_alike(database: SqliteDatabase) -> None:
    """Foreign keys hold, and an acknowledged commit survives a power cut (FULL), on all three lanes."""
    write = database.write()
    try:
        for name, value in PRAGMAS.items():
            ask = sa.text(f"PRAGMA {name}")
            assert await database.read().value(ask) == value
            assert (await database.read().all_slowly(ask))[0][0] == value
            assert await write.value(ask) == value
    finally:
        await write.abandon()


async def test_readers_cannot_write(database: SqliteDatabase) -> None:
    change = sa.text("UPDATE counter SET n = 9")
    assert await database.read().value(sa.text("PRAGMA query_only")) == 1
    for lane in (database.read().all, database.read().all_slowly):
        with pytest.raises((sa.exc.SQLAlchemyError, Busy), match=r"takes no changes|no rows"):
            await lane(change)
    assert await count(database.read()) == 0


async def test_a_frequent_query_in_a_thread_of_its_own_answers_as_any_other(database: SqliteDatabase) -> None:
    """Also one that is given a list, which cannot be compiled once, and one that the database refuses."""
    number, read = sa.column("n", sa.Integer), database.read()
    counter = sa.table("counter", number)
    columns: list[Any] = [number, sa.bindparam("at", type_=sa.Integer).label("at")]
    ask = sa.select(*columns).select_from(counter)
    among = sa.select(number).select_from(counter).where(number.in_(sa.bindparam("many", expanding=True)))
    assert [(row.n, row.at) for row in await read.fast_slowly(ask, {"at": 7})] == [(0, 7)]
    for many, found in (([0, 1], [(0,)]), ([2], [])):
        assert [tuple(row) for row in await read.fast_slowly(among, {"many": many})] == found
    with pytest.raises(sa.exc.OperationalError, match="no such table"):
        await read.fast_slowly(sa.select(sa.literal_column("n")).select_from(sa.table("nowhere")))


async def test_a_reference_to_nothing_is_refused(database: SqliteDatabase) -> None:
    orphan = sa.text("INSERT INTO ledger_unsealed (event_id) VALUES (x'00112233445566778899aabbccddeeff')")
    with pytest.raises(sa.exc.IntegrityError, match="FOREIGN KEY"):
        async with unit_of_work(database) as write:
            await write.run(orphan)


def test_the_driver_is_one_whose_write_ahead_log_is_sound() -> None:
    assert sqlite_module().sqlite_version_info >= SAFE_VERSION


def test_a_database_in_memory_is_refused() -> None:
    for url in ("sqlite:///:memory:", "sqlite://", "mysql://x/y", "postgresql://x/y"):
        with pytest.raises(ValueError, match=r"SQLite|URL"):
            connect(url)


async def test_writers_take_turns_in_the_order_they_came(database: SqliteDatabase) -> None:
    order: list[int] = []

    async def work(number: int) -> None:
        async with unit_of_work(database) as write:
            await add_one(write)
            order.append(number)
            await asyncio.sleep(0.01)

    await asyncio.gather(*(work(number) for number in range(8)))
    assert order == list(range(8))


async def test_a_full_queue_refuses_at_once(database: SqliteDatabase) -> None:
    first = database.write()
    await add_one(first)
    queued = [asyncio.create_task(add_one_alone(database)) for _ in range(8)]
    await asyncio.sleep(0.05)
    with pytest.raises(Busy) as refused:
        await add_one_alone(database)
    assert refused.value.code == "write_queue_full"
    assert not any(task.done() for task in queued), "the refused one did not wait for those before it"
    await first.finish()
    await asyncio.gather(*queued)
    assert await count(database.read()) == 9


async def test_one_who_waited_in_vain_loses_only_its_own_turn(database: SqliteDatabase) -> None:
    first = database.write()
    await add_one(first)
    with pytest.raises(Busy) as refused:
        await add_one_alone(database)
    assert refused.value.code == "write_wait_over"
    await first.finish()
    await add_one_alone(database)
    assert await count(database.read()) == 2


async def test_a_turn_that_comes_together_with_the_end_of_patience_is_passed_on(database: SqliteDatabase) -> None:
    """Both in one pass of the event loop: whoever is handed the turn and cannot take it must hand it on."""
    first = database.write()
    await add_one(first)
    late = asyncio.create_task(add_one_alone(database))
    await asyncio.sleep(0.01)
    time.sleep(0.6)  # noqa: ASYNC251  # the loop stands still past the other's deadline
    await asyncio.sleep(0)
    await first.finish()
    await asyncio.gather(late, return_exceptions=True)
    async with asyncio.timeout(2):
        await add_one_alone(database)


async def test_a_turn_that_comes_together_with_a_cancellation_is_passed_on(database: SqliteDatabase) -> None:
    first = database.write()
    await add_one(first)
    late = asyncio.create_task(add_one_alone(database))
    await asyncio.sleep(0.01)
    finishing = asyncio.create_task(first.finish())
    await asyncio.sleep(0)  # the turn is given now, and not yet taken
    late.cancel()
    async with asyncio.timeout(2):
        await asyncio.gather(finishing, late, return_exceptions=True)
        await add_one_alone(database)
    assert await count(database.read()) == 2


async def test_those_who_wait_share_a_commit(database: SqliteDatabase) -> None:
    seen: list[int] = []

    async def work(write_id: int) -> None:
        async with unit_of_work(database) as write:
            await add_row(write, write_id)
            seen.append(len(await rows(database)))

    await asyncio.gather(*(work(number) for number in range(10, 18)))
    assert await rows(database) == [1, *range(10, 18)]
    assert len(set(seen)) < len(seen), "each waited for the disk by itself"


async def test_nobody_is_answered_before_the_shared_commit_is_on_disk(url: str, database: SqliteDatabase) -> None:
    outside = connect(url)
    stored_when_answered: list[bool] = []

    async def work(number: int) -> None:
        async with unit_of_work(database) as write:
            await add_row(write, number)
        stored_when_answered.append(number in await rows(outside))

    try:
        await asyncio.gather(*(work(number) for number in range(10, 18)))
    finally:
        await outside.close()
    assert stored_when_answered == [True] * 8


async def break_reference(database: SqliteDatabase) -> None:
    async with unit_of_work(database) as write:
        await write.run(sa.text("INSERT INTO dangling VALUES (-1)"))


async def test_a_commit_that_fails_fails_for_all_who_share_it(url: str, database: SqliteDatabase) -> None:
    await change_schema(url, "CREATE TABLE dangling (n INTEGER REFERENCES agency (n) DEFERRABLE INITIALLY DEFERRED)")
    first = database.write()
    await add_row(first, 2)
    shared = [asyncio.create_task(add_one_alone(database)) for _ in range(3)]
    shared.append(asyncio.create_task(break_reference(database)))
    await asyncio.sleep(0.05)
    results = await asyncio.gather(first.finish(), *shared, return_exceptions=True)
    assert all(isinstance(result, Busy) for result in results), results
    assert (await count(database.read()), await rows(database)) == (0, [1])
    await add_one_alone(database)
    assert await count(database.read()) == 1


async def test_a_full_disk_loses_nothing_that_was_acknowledged(database: SqliteDatabase) -> None:
    """SQLite ends the whole transaction by itself then, with the neighbours' changes in it: they must hear of it."""

    async def fill(write_id: int) -> None:
        async with unit_of_work(database) as write:
            await add_row(write, write_id)
            pages = await write.value(sa.text("PRAGMA page_count"))
            await write.run(sa.text(f"PRAGMA max_page_count = {pages}"))
            await write.run(sa.text("CREATE TABLE big AS SELECT zeroblob(1000000) AS b"))

    first = database.write()
    await add_row(first, 2)
    filling = asyncio.create_task(fill(3))
    behind = asyncio.create_task(add_one_alone(database))
    await asyncio.sleep(0.05)
    results = await asyncio.gather(first.finish(), filling, behind, return_exceptions=True)
    assert isinstance(results[1], Exception)
    stored = await rows(database)
    for result, row in ((results[0], 2), (results[1], 3)):
        assert (row in stored) == (result is None), (results, stored)
    assert await count(database.read()) == (1 if results[2] is None else 0), results
    async with asyncio.timeout(2):
        async with unit_of_work(database) as write:
            await write.run(sa.text("PRAGMA max_page_count = 1073741823"))
            await add_row(write, 4)
    assert 4 in await rows(database)


async def test_who_goes_on_after_the_database_gave_up_stores_nothing(database: SqliteDatabase) -> None:
    """Without its transaction each further statement would be a commit of its own."""
    write = database.write()
    await add_row(write, 2)
    with pytest.raises(sa.exc.IntegrityError):
        await write.run(sa.text("INSERT OR ROLLBACK INTO counter VALUES (1, 1)"))
    with pytest.raises(Busy) as refused:
        await add_row(write, 3)
    assert refused.value.code == "database_failed"
    with pytest.raises(Busy):
        await write.finish()
    assert await rows(database) == [1]
    await add_one_alone(database)


async def test_a_full_disk_is_busy_and_no_fault_of_ours(database: SqliteDatabase) -> None:
    write = database.write()
    pages = await write.value(sa.text("PRAGMA page_count"))
    await write.run(sa.text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(Busy) as refused:
        await write.run(sa.text("CREATE TABLE big AS SELECT zeroblob(1000000) AS b"))
    assert refused.value.code == "database_failed"
    await write.abandon()


async def test_the_last_of_a_group_may_give_up_waiting(database: SqliteDatabase) -> None:
    """The others' changes are committed all the same, and nobody is left waiting for them."""
    first = database.write()
    await add_one(first)
    second = asyncio.create_task(add_one_alone(database))
    third = asyncio.create_task(add_one_alone(database))
    await asyncio.sleep(0.02)
    third.cancel()
    await first.finish()
    await second
    assert await count(database.read()) == 2


async def test_an_outside_writer_costs_503_within_the_bound(url: str, tmp_path: Path) -> None:
    """The same bound, seen through the API."""
    given = environment(url, tmp_path, REGISTRY_WRITE_WAIT_SECONDS="0.6", REGISTRY_WRITE_QUEUE="3")
    async with in_process(load(given)) as service:
        with another_process_writes(url) as holder:
            posts = [asyncio.create_task(service.operator.post("/v1/agencies", NEW)) for _ in range(8)]
            await asyncio.sleep(0.05)
            assert (await service.operator.get("/v1/agencies?limit=1")).status_code == 200
            for response in await asyncio.gather(*posts):
                problem = assert_problem(response, 503)
                assert problem["code"] in ("write_queue_full", "write_wait_over", "database_busy")
                assert int(response.headers["retry-after"]) >= 1
            holder.let_go()  # all were answered before
        assert (await service.operator.post("/v1/agencies", NEW)).status_code == 201


async def test_the_file_is_let_go_of_only_after_a_commit_that_was_about_to_begin(url: str) -> None:
    closing = connect(url)
    write = closing.write()
    await add_one(write)
    finishing = asyncio.create_task(write.finish())
    await asyncio.sleep(0)  # it has asked for the commit, which has not begun
    await closing.close()
    await finishing
    again = connect(url)
    try:
        assert await count(again.read()) == 1
    finally:
        await again.close()
