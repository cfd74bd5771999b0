"""PostgreSQL over TLS, on several servers of which one takes changes, and behind PgBouncer."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from registry.database_tables import bring_up_to_date, check_database
from registry.platform.database import patience, violations
from registry.platform.database import trouble as trouble_module
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.installation import Purpose
from registry.platform.database.postgresql_address import checked, shown
from registry.platform.database.trouble import Trouble
from registry.platform.http import health
from registry.platform.http.idempotency import Claim
from registry.platform.kernel.errors import Busy
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.settings import SettingsError, load
from tests.platform.database.counting import add_one, add_one_alone, count
from tests.platform.database.test_connections import end_backends
from tests.support.cast import make_cast
from tests.support.cluster import Cluster, bouncer, tls_cluster
from tests.support.databases import empty_database
from tests.support.logs import logged_by
from tests.support.sabotage import change_schema
from tests.support.server import environment, in_process
from tests.support.silence import silent_way

ENCRYPTED = sa.text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
COUNTER = "CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)", "INSERT INTO counter VALUES (1, 100)"


@pytest.fixture(scope="module")
def dialect() -> str:
    """What SQLite does not have."""
    return "postgresql"


@pytest.fixture(scope="module")
def cluster(postgres_url: str) -> Iterator[Cluster]:
    """A cluster of the module's own."""
    with tls_cluster() as running:
        yield running


async def answer(url: str, statement: sa.TextClause = ENCRYPTED) -> object:
    database = connect(url, wait_seconds=1)
    try:
        return await database.read().value(statement)
    finally:
        await database.close()


async def test_tls_is_what_its_libpq_name_says(cluster: Cluster) -> None:
    own, other = f"sslrootcert={cluster.authority}", f"sslrootcert={cluster.stranger}"
    for query, host in (
        ("sslmode=require", "127.0.0.1"),
        ("sslmode=prefer", "127.0.0.1"),
        (f"sslmode=verify-ca&{own}", "127.0.0.1"),
        (f"sslmode=verify-full&{own}", "localhost"),
        (f"sslmode=verify-full&{own}&ssl_min_protocol_version=TLSv1.3&application_name=registry", "localhost"),
    ):
        assert await answer(cluster.url(query=query, host=host)) is True, query
    for query, host in (
        ("sslmode=disable", "127.0.0.1"),
        (f"sslmode=verify-ca&{other}", "127.0.0.1"),
        (f"sslmode=verify-full&{other}", "localhost"),
        (f"sslmode=verify-full&{own}", "127.0.0.1"),
    ):
        with pytest.raises(Busy) as refused:
            await answer(cluster.url(query=query, host=host))
        assert refused.value.code == "database_failed", query


async def test_a_schema_is_made_over_tls_too(cluster: Cluster) -> None:
    await change_schema(cluster.url(), 'CREATE TABLE "made" (n integer)')
    assert await answer(cluster.url(), sa.text("SELECT count(*) FROM made")) == 0


def test_what_would_be_misread_in_an_address_is_refused_by_name(tmp_path: Path) -> None:
    url = "postgresql+asyncpg://clerk:secret@db.county.example/registry"
    for query, words in (
        ("sslmdoe=require", "sslmdoe"),
        ("sslmode=required", "sslmode is one of disable"),
        ("sslrootcert=/nowhere/root.pem", "sslrootcert: there is no file /nowhere/root.pem"),
        ("target_session_attrs=writable", "target_session_attrs is one of any"),
        ("lock_timeout=0", "lock_timeout"),
    ):
        with pytest.raises(SettingsError, match=words) as refused:
            connect(f"{url}?{query}")
        assert "secret" not in str(refused.value)
    assert checked(url) == "postgresql://clerk:secret@db.county.example/registry"
    several = "postgresql+asyncpg://clerk:secret@one:5432,two:5433/registry"
    assert checked(several).endswith("/registry?target_session_attrs=read-write")
    assert checked(f"{several}?target_session_attrs=any").endswith("?target_session_attrs=any")
    assert shown(f"{several}?sslmode=require&sslpassword=x") == (
        "postgresql+asyncpg://clerk@one:5432,two:5433/registry?sslmode=require"
    )


async def test_of_several_servers_the_one_that_takes_changes_is_used_also_after_it_has_changed(
    cluster: Cluster, counting_url: str
) -> None:
    name = counting_url.rsplit("/", 1)[1]
    own, other = cluster.url(name, "sslmode=prefer"), counting_url.rsplit("@", 1)[1].partition("/")[0]
    await change_schema(counting_url, "UPDATE counter SET n = 200")
    await autocommit(cluster.url(), f'CREATE DATABASE "{name}"')
    await change_schema(own, *COUNTER)
    several = connect(own.replace("/" + name, f",{other}/{name}"), wait_seconds=2, pool=2)
    try:
        await add_one_alone(several)
        assert await count(several.read()) == 101
        begun = several.write()
        await count(begun)
        await autocommit(
            cluster.url(), "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"
        )
        await begun.abandon()
        assert await refusal_in_time(several) == "database_read_only"
        await add_one_alone(several)
        async with unit_of_work(several) as write:
            assert await count(write) == 201, "the other server, which takes changes"
    finally:
        await several.close()
        await autocommit(cluster.url(), "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")


async def refusal_in_time(database: Database) -> str:
    """The code of the first refusal: that it takes no changes any more reaches a connection in its own time."""
    for _ in range(200):
        try:
            await add_one_alone(database)
        except Busy as refused:
            return refused.code
        await asyncio.sleep(0.05)
    return "none"


async def autocommit(url: str, *statements: str) -> None:
    """Run statements that no transaction may contain."""
    connection = await asyncpg.connect(checked(url))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_lost_connection_is_not_taken_for_a_first_request_that_still_runs(counting_url: str) -> None:
    """The key is fresh: nobody else has it."""
    database = connect(counting_url, wait_seconds=1, pool=1)
    claim = Claim(
        agency_id=new_id(), subject="clerk", operation="create", key="fresh", path="/", body=b"{}", now=utc_now()
    )
    try:
        lost = database.write()
        await add_one(lost)
        await end_backends(counting_url)
        with pytest.raises(Busy) as refused:
            await claim.take(lost)
        assert refused.value.code == "database_failed"
        with pytest.raises(Busy) as busy:
            await claim.take(database.write())
        assert busy.value.code == "database_busy", "the only connection is taken, and that is no first request either"
        await lost.abandon()
    finally:
        await database.close()


def test_four_processes_fit_into_what_postgresql_allows_by_default() -> None:
    assert 4 * 2 * load({"REGISTRY_DEMO": "1"}).database_pool <= 90


async def test_a_server_that_falls_silent_is_given_up_after_a_few_seconds(
    private_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It accepts, and says nothing, as one that is frozen; or as a pooler that waits for its server."""
    for name, seconds in (("CONNECT_SECONDS", 0.3), ("BEGIN_SECONDS", 0.3), ("ANSWER_SECONDS", 0.6)):
        monkeypatch.setattr(patience, name, seconds)
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.2)
    async with silent_way(private_url) as (way, url):
        for pooler in (False, True):
            database = connect(url, wait_seconds=1, pooler=pooler)
            monkeypatch.setattr(violations, "trouble", Trouble())  # each cause is told once
            try:
                assert await database.read().value(sa.text("SELECT 1")) == 1
                async with unit_of_work(database) as write:
                    await write.value(sa.text("SELECT 1"))
                way.fall_silent()
                with logged_by(trouble_module) as logged:
                    for _ in range(2):  # on the connection that was there, and on one that is to be opened
                        with pytest.raises(Busy) as refused:
                            await database.read().value(sa.text("SELECT 1"))
                        assert refused.value.code == "database_failed"
                    for _ in range(2):
                        with pytest.raises(Busy):
                            async with unit_of_work(database) as write:
                                await write.value(sa.text("SELECT 1"))
                causes = {line["cause"] for line in logged if "cause" in line}
                assert "TimeoutError: PostgreSQL opened no connection within 0 s" in causes
                assert "TimeoutError: PostgreSQL began no transaction within 0 s" in causes
                assert pooler or "TimeoutError: PostgreSQL answered no statement within 1 s" in causes
                way.speak()
                assert await database.read().value(sa.text("SELECT 1")) == 1, "it is found again"
            finally:
                way.speak()
                await database.close()
        async with in_process(load(environment(url, tmp_path))) as service:
            assert (await service.anonymous.get("/health/ready")).status_code == 200
            way.fall_silent()
            response = await service.anonymous.get("/health/ready")
            assert (response.status_code, response.json()["checks"]["database"]) == (503, "no answer within 0 s")
            way.speak()


SESSION = "lock_timeout statement_timeout idle_in_transaction_session_timeout timezone jit".split()


@pytest.fixture
def pooled(private_url: str) -> Iterator[str]:
    """The way to a database through PgBouncer, which has two connections to it."""
    with bouncer(private_url, servers=2) as url:
        yield url


async def test_a_pooler_that_is_not_named_is_refused_at_the_start_with_the_reason(private_url: str) -> None:
    ignoring = f"ignore_startup_parameters = {','.join(SESSION)}"
    for more, words in (("", "refuses the settings of a session"), (ignoring, "ignores the settings of a session")):
        with bouncer(private_url, servers=2, more=more) as url:
            database = connect(url, wait_seconds=1)
            try:
                with pytest.raises(SettingsError, match=f"PgBouncer.*{words}.*REGISTRY_DATABASE_POOLER=1"):
                    await check_database(database, Purpose.DEMONSTRATION)
            finally:
                await database.close()


async def test_a_pooler_in_transaction_mode_is_served(pooled: str, tmp_path: Path) -> None:
    """More at once than the pooler has connections, so that each statement may come out at another."""
    settings = load(environment(pooled, tmp_path, REGISTRY_DATABASE_POOLER="1"))
    async with in_process(settings) as service:
        await check_database(service.database, Purpose.DEMONSTRATION)
        await make_cast(service)

        async def work(number: int) -> None:
            body = {"name": f"Pooled {number}", "kind": "city", "level": "local", "state": "MN"}
            made = await service.operator.post("/v1/agencies", body, key=f"pooled-{number}")
            again = await service.operator.post("/v1/agencies", body, key=f"pooled-{number}")
            assert made.status_code == again.status_code == 201, made.text
            assert made.json()["id"] == again.json()["id"]
            assert (await service.operator.get(f"/v1/agencies/{made.json()['id']}")).status_code == 200
            assert (await service.operator.get("/v1/agencies", params={"q": "Pooled"})).status_code == 200

        await asyncio.gather(*(work(number) for number in range(24)))
        async with unit_of_work(service.database) as write:
            assert await write.value(sa.text("SHOW lock_timeout")) == "3s"
            assert await write.value(sa.text("SHOW timezone")) == "UTC"


@pytest.fixture
def empty(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database, through PgBouncer."""
    with empty_database("postgresql", request) as url, bouncer(url, servers=2) as pooled:
        yield pooled


async def test_a_schema_is_made_through_a_pooler(empty: str) -> None:
    done = await bring_up_to_date(empty, Purpose.REAL, pooler=True)
    assert done.before is None
    assert (await bring_up_to_date(empty, Purpose.REAL, pooler=True)).words == 0
