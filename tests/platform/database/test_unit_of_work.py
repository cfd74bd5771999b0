"""One transaction per unit of work, on both databases: nothing lost, nothing half done, nothing left behind."""

import asyncio

import pytest
import sqlalchemy as sa

from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Busy
from tests.platform.database.counting import add_one, add_one_alone, add_row, add_rows_last, count, rows
from tests.support.sabotage import another_process_writes, change_schema

COUNT = sa.text("SELECT n FROM counter WHERE id = 1")


async def test_two_hundred_concurrent_increments_lose_nothing(counting_url: str) -> None:
    database = connect(counting_url, wait_seconds=30)
    try:
        await asyncio.gather(*(add_one_alone(database) for _ in range(200)))
        assert await count(database.read()) == 200
    finally:
        await database.close()


async def test_four_processes_worth_of_handles_lose_nothing(counting_url: str) -> None:
    """Handles that share nothing but the database, as several processes do."""
    databases = [connect(counting_url, wait_seconds=30, pool=4) for _ in range(4)]
    try:
        await asyncio.gather(*(add_one_alone(database) for database in databases for _ in range(25)))
        assert [await count(database.read()) for database in databases] == [100] * 4
    finally:
        for database in databases:
            await database.close()


async def test_a_unit_that_raises_leaves_nothing(database: Database) -> None:

    async def change_and_fail() -> None:
        async with unit_of_work(database) as write:
            await add_row(write, 2)
            await add_one(write)
            raise LookupError

    with pytest.raises(LookupError):
        await change_and_fail()
    assert (await count(database.read()), await rows(database)) == (0, [1])
    await add_one_alone(database)


async def test_a_failed_statement_takes_the_whole_unit_with_it(database: Database) -> None:
    write = database.write()
    await add_row(write, 2)
    with pytest.raises(sa.exc.IntegrityError):
        await write.run(sa.text("INSERT INTO counter VALUES (3, NULL)"))
    await write.abandon()
    assert await rows(database) == [1]
    await add_one_alone(database)


async def test_what_is_deferred_is_stored_with_the_rest(database: Database) -> None:
    async with unit_of_work(database) as write:
        add_rows_last(write, 2)
        await add_one(write)
        add_rows_last(write, 3, 4)
        assert await rows(database) == [1]
    assert (await count(database.read()), await rows(database)) == (1, [1, 2, 3, 4])


async def test_what_is_deferred_alone_is_stored_too(database: Database) -> None:
    async with unit_of_work(database) as write:
        add_rows_last(write, 2, 3)
    assert await rows(database) == [1, 2, 3]


@pytest.mark.parametrize("alone", [True, False])
async def test_what_is_deferred_and_cannot_be_stored_takes_the_whole_unit_with_it(
    database: Database, alone: bool
) -> None:
    async def change_and_fail() -> None:
        async with unit_of_work(database) as write:
            add_rows_last(write, 2, 1)  # the second is there already
            if not alone:
                await add_one(write)

    with pytest.raises(Exception, match=r"UNIQUE constraint|unique constraint"):
        await change_and_fail()
    assert (await count(database.read()), await rows(database)) == (0, [1])
    await add_one_alone(database)


async def test_what_is_deferred_is_forgotten_with_a_unit_that_is_given_up(database: Database) -> None:
    write = database.write()
    await add_one(write)
    add_rows_last(write, 2)
    await write.abandon()
    assert (await count(database.read()), await rows(database)) == (0, [1])


async def test_what_is_rehearsed_is_undone_and_the_rest_of_the_unit_is_not(database: Database) -> None:
    async with unit_of_work(database) as write:
        await add_one(write)
        add_rows_last(write, 2)
        async with write.rehearsal():
            await add_one(write)
            await add_row(write, 3)
            add_rows_last(write, 4)
            assert await count(write) == 2, "a rehearsal sees its own changes"
        assert await count(write) == 1
        await add_one(write)
    assert (await count(database.read()), await rows(database)) == (2, [1, 2])


async def test_a_rehearsal_that_raises_is_undone_too(database: Database) -> None:
    async def rehearse_and_fail(write: Write) -> None:
        async with write.rehearsal():
            await add_row(write, 2)
            raise LookupError

    async with unit_of_work(database) as write:
        await add_one(write)
        with pytest.raises(LookupError):
            await rehearse_and_fail(write)
        await add_row(write, 3)
    assert (await count(database.read()), await rows(database)) == (1, [1, 3])


async def test_others_see_a_change_only_once_it_is_committed(database: Database) -> None:
    write = database.write()
    await add_one(write)
    assert await count(write) == 1
    assert await count(database.read()) == 0
    await write.finish()
    assert await count(database.read()) == 1
    assert [row.n for row in await database.read().all_slowly(COUNT)] == [1]


async def test_what_a_unit_has_locked_does_not_change_under_it(database: Database) -> None:
    write = database.write()
    await add_one(write)
    other = asyncio.create_task(add_one_alone(database))
    await asyncio.sleep(0.1)
    assert await count(write) == 1
    await write.finish()
    await other
    assert await count(database.read()) == 2


async def test_a_unit_that_asks_nothing_keeps_nobody_out(counting_url: str) -> None:
    """What fails before its first statement, such as a body that cannot be read, must have taken no lock."""
    database = connect(counting_url, wait_seconds=0.3, pool=1)
    try:
        idle = [database.write() for _ in range(3)]
        await add_one_alone(database)
        for write in idle:
            await write.abandon()
            await write.finish()
        await add_one_alone(database)
        assert await count(database.read()) == 2
    finally:
        await database.close()


async def test_abandoning_after_finishing_undoes_nothing(database: Database) -> None:
    write = database.write()
    await add_one(write)
    await write.finish()
    await write.abandon()
    assert await count(database.read()) == 1


async def test_a_commit_that_fails_is_an_error_and_stores_nothing(counting_url: str, database: Database) -> None:
    await change_schema(
        counting_url,
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
    )
    write = database.write()
    await add_one(write)
    await write.run(sa.text("INSERT INTO child VALUES (1)"))
    with pytest.raises(Busy) as refused:
        await write.finish()
    assert refused.value.code == "commit_failed"
    assert await count(database.read()) == 0
    await add_one_alone(database)
    assert await count(database.read()) == 1


@pytest.mark.parametrize("milliseconds", [0, 1, 3, 10])
async def test_cancelled_writes_leave_no_lock_and_no_connection_behind(counting_url: str, milliseconds: int) -> None:
    database = connect(counting_url, wait_seconds=2, pool=2)
    try:
        for _ in range(15):
            await add_one_alone(database)
            before = await count(database.read())
            running = asyncio.create_task(add_one_alone(database))
            await asyncio.sleep(milliseconds / 1000)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert await count(database.read()) in (before, before + 1)
        await add_one_alone(database)  # in turn after the last cancelled one, which may still be at its commit
        before = await count(database.read())
        await asyncio.gather(*(add_one_alone(database) for _ in range(4)))
        assert await count(database.read()) == before + 4
    finally:
        await database.close()


async def test_a_write_cancelled_while_it_waits_for_another_process_leaves_no_lock(
    counting_url: str, database: Database
) -> None:
    with another_process_writes(counting_url, "counter") as other:
        running = asyncio.create_task(add_one_alone(database))
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        other.let_go()
    await add_one_alone(database)
    with another_process_writes(counting_url, "counter"):
        assert await count(database.read()) == 1


async def test_while_another_process_writes_reads_go_on_and_writes_end_in_time(
    counting_url: str, database: Database
) -> None:
    """The lock outlasts the patience of everybody who wants it: nobody waits for its end, which is after theirs."""
    with another_process_writes(counting_url, "counter") as other:
        answered = 0
        refused = asyncio.gather(*(add_one_alone(database) for _ in range(5)), return_exceptions=True)
        while not refused.done():
            assert await count(database.read()) == 0
            answered += 1
            await asyncio.sleep(0.01)
        assert all(isinstance(error, Busy) for error in await refused), refused.result()
        assert answered > 5, "reads wait for writes"
        other.let_go()
    await add_one_alone(database)
    assert await count(database.read()) == 1
