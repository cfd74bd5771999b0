"""Connections break, plans go stale, servers restart: who asks hears of it as little as possible, and never a lie."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from registry.platform.database import trouble, violations
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.handles import Read
from registry.platform.database.trouble import Trouble, TroubleKind
from registry.platform.kernel.errors import Busy
from tests.platform.database.counting import add_one, add_one_alone, count
from tests.support.logs import logged_by
from tests.support.sabotage import change_schema

WHO = sa.text("SELECT pg_backend_pid()")
OTHERS = sa.text(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)


STILL_THERE = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")


async def end_backends(url: str) -> None:
    """What a restart of the server does to those connected."""
    await change_schema(url, f"SELECT pg_terminate_backend(pid) FROM ({OTHERS.text}) AS others")


@pytest.fixture(scope="module")
def dialect() -> str:
    """SQLite has no connections to lose."""
    return "postgresql"


async def test_a_read_survives_a_restart_of_the_server(counting_url: str, database: Database) -> None:
    assert await count(database.read()) == 0
    await end_backends(counting_url)
    assert await count(database.read()) == 0


async def test_a_statement_that_the_server_ends_is_refused_as_busy_and_its_cause_is_logged(
    counting_url: str, database: Database
) -> None:
    write, fresh = database.write(), Trouble()
    await write.run(sa.text("SET LOCAL statement_timeout = '50ms'"))
    with pytest.MonkeyPatch.context() as patched, logged_by(trouble) as lines:
        patched.setattr(violations, "trouble", fresh)
        with pytest.raises(Busy) as refused:
            await write.all(sa.text("SELECT pg_sleep(10)"))
    assert (refused.value.code, refused.value.retry_after) == ("database_busy", 1)
    (line,) = lines
    assert line["event"] == "the database ended a statement that took too long"
    assert "statement timeout" in line["cause"]
    assert fresh.times[TroubleKind.TIME_OVER] == 1
    await write.abandon()
    await add_one_alone(database)


async def test_a_transaction_that_the_server_ends_as_idle_is_refused_and_gone(
    counting_url: str, database: Database
) -> None:
    write, fresh = database.write(), Trouble()
    await add_one(write)
    await write.run(sa.text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
    pid = await write.value(WHO)
    async with asyncio.timeout(30):
        while await database.read().value(STILL_THERE, {"pid": pid}):  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.02)
    with pytest.MonkeyPatch.context() as patched, logged_by(trouble) as lines:
        patched.setattr(violations, "trouble", fresh)
        with pytest.raises(Busy) as refused:
            await add_one(write)
    assert refused.value.code == "database_failed"
    assert len(lines) == 1, "the cause, once"
    await write.abandon()
    assert await count(database.read()) == 0
    await add_one_alone(database)


async def test_a_transaction_that_loses_its_connection_is_refused_and_gone(
    counting_url: str, database: Database
) -> None:
    write = database.write()
    await add_one(write)
    await end_backends(counting_url)
    with pytest.raises(Busy) as refused:
        await add_one(write)
    assert refused.value.code == "database_failed"
    await write.abandon()
    assert await count(database.read()) == 0
    await add_one_alone(database)
    assert await count(database.read()) == 1


async def test_a_commit_that_loses_its_connection_does_not_claim_to_know(counting_url: str, database: Database) -> None:
    write = database.write()
    await add_one(write)
    await end_backends(counting_url)
    with pytest.raises(Busy) as refused:
        await write.finish()
    assert refused.value.code == "commit_uncertain"
    await add_one_alone(database)


async def test_a_server_out_of_reach_is_busy_and_no_fault_of_ours() -> None:
    nowhere = connect("postgresql+asyncpg://postgres@127.0.0.1:1/registry", wait_seconds=1)
    try:
        for handle in (nowhere.read(), nowhere.write()):
            with pytest.raises(Busy) as refused:
                await handle.value(sa.text("SELECT 1"))
            assert refused.value.code == "database_failed"
    finally:
        await nowhere.close()


async def test_a_failed_try_to_connect_whose_request_has_gone_leaves_its_place_free() -> None:
    nowhere = connect("postgresql+asyncpg://postgres@127.0.0.1:1/registry", wait_seconds=1, pool=1)
    try:
        asking = asyncio.create_task(nowhere.read().value(sa.text("SELECT 1")))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        with pytest.raises(Busy) as refused:
            await nowhere.read().value(sa.text("SELECT 1"))
        assert refused.value.code == "database_failed", "and not database_busy, for want of a place"
    finally:
        await nowhere.close()


async def test_a_live_change_of_the_schema_costs_no_read(counting_url: str, database: Database) -> None:
    everything = sa.text("SELECT * FROM counter")
    for _ in range(3):
        assert len((await database.read().all(everything))[0]) == 2
    await change_schema(
        counting_url, "ALTER TABLE counter ADD COLUMN note text", "ALTER TABLE counter ALTER n TYPE bigint"
    )
    await asyncio.gather(*(database.read().all(everything) for _ in range(5)))
    assert len((await database.read().all(everything))[0]) == 3


async def test_a_pool_that_is_taken_refuses_in_time(counting_url: str) -> None:
    database = connect(counting_url, wait_seconds=0.2, pool=2)
    writes = [database.write() for _ in range(2)]
    try:
        for write in writes:
            assert await count(write) == 0
        with pytest.raises(Busy) as refused:
            await add_one_alone(database)
        assert refused.value.code == "database_busy"
        assert await count(database.read()) == 0, "readers have connections of their own"
    finally:
        for write in writes:
            await write.abandon()
        await database.close()


async def test_a_connection_serves_one_use_after_another(database: Database) -> None:
    assert await database.read().value(WHO) == await database.read().value(WHO)
    failed = database.write()
    writer = await failed.value(WHO)
    with pytest.raises(sa.exc.DBAPIError):
        await failed.value(sa.text("SELECT 1 / 0"))
    await failed.abandon()
    async with unit_of_work(database) as write:
        assert await write.value(WHO) == writer
        await add_one(write)
    assert await count(database.read()) == 1


async def test_a_hundred_cancelled_reads_leak_no_connection(counting_url: str) -> None:
    database = connect(counting_url, wait_seconds=2, pool=2)
    try:
        slow = sa.text("SELECT pg_sleep(0.05)")
        for _ in range(25):
            reads = [asyncio.create_task(database.read().all(slow)) for _ in range(4)]
            await asyncio.sleep(0.02)  # by now two of them ask and two wait; before, the driver is still connecting
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
        assert await count(database.read()) == 0
        assert len(await database.read().all(OTHERS)) <= 1
    finally:
        await database.close()


SESSION = {
    "lock_timeout": "3s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "TimeZone": "UTC",
}


@pytest.fixture
async def lanes(database: Database) -> AsyncIterator[list[Read]]:
    """A reader and a writer."""
    async with unit_of_work(database) as write:
        yield [database.read(), write]


async def test_no_session_waits_for_ever_and_all_speak_of_utc(lanes: list[Read]) -> None:
    for lane in lanes:
        for name, value in SESSION.items():
            assert await lane.value(sa.text(f"SHOW {name}")) == value
