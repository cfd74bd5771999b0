"""The page of metrics tells how the service does: what is in use, who waits, what failed, and how much room is left."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry import __version__
from registry.app import create_app
from registry.platform.clock import Comparison
from registry.platform.database.connect import unit_of_work
from registry.platform.database.installation import installation
from registry.platform.database.migrate import known_revisions
from registry.platform.database.trouble import Trouble, TroubleKind
from registry.platform.exposition import Exposition, MailWaiting
from registry.platform.files.kinds import PLAIN
from registry.platform.files.reading import FileReader
from registry.platform.http.edge import Edge
from registry.platform.http.health import ClientKeysHealth, IssuerHealth, IssuerStatus, SkippedKey
from registry.platform.kernel.errors import Busy
from registry.platform.kernel.ids import new_id
from registry.platform.settings import load
from tests.support.exposed import exposed
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process
from tests.support.service import Service

TOUCH = sa.update(installation).values(probed_at=None)


def value(edge: Edge, name: str, **labels: str) -> float | None:
    """A sample, without the checks that asking for the page makes."""
    return edge.metrics.registry.get_sample_value(name, labels)


async def test_it_tells_who_writes_who_waits_and_who_waited_in_vain(private_url: str, tmp_path: Path) -> None:
    limits = {"REGISTRY_DATABASE_POOL": "1", "REGISTRY_WRITE_WAIT_SECONDS": "0.2"}
    async with in_process(load(environment(private_url, tmp_path, **limits))) as service:
        edge, database = service.edge, service.edge.app.state.database
        for _ in range(200):  # the first runs of the background tasks are over
            await asyncio.sleep(0.01)
            ran = all(each.done for each in edge.app.state.background.states())
            if ran and value(edge, "registry_database_connections_in_use", way="write") == 0:
                break
        waited = value(edge, "registry_database_waited_seconds_total", way="write") or 0.0

        async def write() -> None:
            async with unit_of_work(database) as unit:
                await unit.run(TOUCH)

        async with unit_of_work(database) as first:
            await first.run(TOUCH)
            second = asyncio.create_task(write())
            await asyncio.sleep(0.01)
            assert value(edge, "registry_database_connections_in_use", way="write") == 1
            assert value(edge, "registry_database_waiting", way="write") == 1
            with pytest.raises(Busy) as refused:
                await second
        assert value(edge, "registry_database_waiting", way="write") == 0
        assert value(edge, "registry_database_connections_in_use", way="write") == 0
        after = value(edge, "registry_database_waited_seconds_total", way="write") or 0.0
        assert after >= waited + 0.1
        assert value(edge, "registry_database_waits_refused_total", way="write", code=refused.value.code) == 1


async def test_every_family_is_there_on_both_databases_but_what_only_a_file_has(service: Service) -> None:
    looked_up = known_revisions.cache_info().misses
    families = await exposed(service)
    assert known_revisions.cache_info().misses == looked_up, "the migrations are not read again for each check"
    only_sqlite = {"registry_database_waiting_limit", "registry_database_file_bytes"}
    samples = {name for name, labels in families.items() if labels is not None}
    if service.edge.app.state.database.dialect == "sqlite":
        assert only_sqlite <= samples
    else:
        assert not only_sqlite & samples
    build = families["registry_build_info"]
    assert build == {"version", "schema", "python", "database", "sqlite"}
    assert value(service.edge, "registry_ready") == 1
    assert value(service.edge, "registry_check_ok", check="writes") == 1
    assert value(service.edge, "registry_task_runs_total", task="keys", outcome="failed") == 0


@pytest.mark.one_database
async def test_a_database_without_a_schema_shows_in_its_check_and_in_the_tasks_that_fail(tmp_path: Path) -> None:
    settings = load(environment(f"sqlite:///{tmp_path / 'empty.db'}", tmp_path))
    async with in_process(settings) as service:
        response = await service.anonymous.get("/metrics")
        assert response.status_code == 200
        assert value(service.edge, "registry_ready") == 0
        assert value(service.edge, "registry_check_ok", check="schema") == 0
        assert value(service.edge, "registry_check_ok", check="database") == 1
        for _ in range(200):
            if value(service.edge, "registry_task_runs_total", task="settle", outcome="failed"):
                break
            await asyncio.sleep(0.01)
        assert value(service.edge, "registry_task_runs_total", task="settle", outcome="failed") == 1
        assert value(service.edge, "registry_task_runs_total", task="settle", outcome="done") == 0
        assert value(service.edge, "registry_check_ok", check="settle") == 0
        health = (await service.anonymous.get("/health/ready")).json()
        assert health["checks"]["settle"].startswith("failed: ")
        assert health["checks"]["schema"].endswith("run `registry migrate` (or `registry serve --migrate`)")


@pytest.mark.one_database
async def test_the_page_is_answered_while_the_database_is_out_of_reach(tmp_path: Path) -> None:
    settings = load(environment("postgresql+asyncpg://nobody@127.0.0.1:1/none", tmp_path))
    async with in_process(settings) as service:
        response = await service.anonymous.get("/metrics")
    assert response.status_code == 200
    assert "\nregistry_ready 0.0\n" in response.text
    assert 'registry_check_ok{check="database"} 0.0' in response.text


@pytest.mark.one_database
async def test_reads_that_are_not_admitted_are_counted_apart(private_url: str, tmp_path: Path) -> None:
    settings = load(environment(private_url, tmp_path, REGISTRY_MAX_IN_FLIGHT="1"))
    async with in_process(settings) as service:
        edge = service.edge
        entered = await edge.reading.enter()
        assert value(edge, "registry_admission_running") == value(edge, "registry_admission_limit") == 1
        asked = asyncio.create_task(service.anonymous.get("/problems/not_found"))
        await asyncio.sleep(0.01)
        assert value(edge, "registry_admission_waiting") == 1
        assert_problem(await asked, 503, "overloaded")
        edge.reading.leave(entered)
        assert value(edge, "registry_requests_refused_total", limit="reads") == 1
        assert value(edge, "registry_requests_refused_total", limit="max_in_flight") == 0


@pytest.mark.one_database
async def test_it_tells_of_files_that_wait_of_issuers_of_troubles_and_of_room(private_url: str, tmp_path: Path) -> None:
    settings = load(environment(private_url, tmp_path))
    made = create_app(settings)
    state, trouble, reader = made.app.state, Trouble(), FileReader(at_once=2)

    async def documents() -> str:
        return "documents cannot be kept"

    async def none_wait() -> int:
        return 0

    async def kept_up() -> None:
        """The issuers are those of below."""

    away = IssuerHealth(
        issuer="https://away.example",
        status=IssuerStatus.STALE,
        keys=2,
        keys_age_seconds=4000,
        error="URLError",
        skipped_keys=[SkippedKey(kid="old", reason="RSA with 1024 bits")],
    )
    edge = Edge(made.app, settings)
    exposition = Exposition(
        edge,
        settings,
        version=__version__,
        database=state.database,
        probe=state.write_probe,
        trouble=trouble,
        background=state.background,
        keep_up=kept_up,
        issuers=lambda: [away],
        administering=lambda: 0,
        client_keys=lambda: ClientKeysHealth(ok=3, stale=2, no_keys=1),
        reader=reader,
        others={"documents": documents},
        sealer=state.sealer,
        witnessing=state.witnessing,
        deliverer=state.deliverer,
        fan_out=state.fan_out,
        listeners=state.event_listeners,
        clock=Comparison,
        mail=MailWaiting(mailer=state.mailer, waiting=none_wait),
    )
    try:
        for _ in range(5):  # on a busy machine the first connection may take longer than a check waits
            page = await exposition.page()
            if b"registry_ready 1.0" in page:
                break
        told = [line for line in page.decode().splitlines() if line.startswith("registry_check_ok")]
        assert b"registry_ready 1.0" in page, f"everything but documents works: {told}"
        assert value(edge, "registry_check_ok", check="documents") == 0
        file = tmp_path / "note.txt"
        file.write_text("A note.")
        reading = [asyncio.create_task(reader.read(file, PLAIN, new_id())) for _ in range(3)]
        await asyncio.sleep(0)
        assert value(edge, "registry_file_reader_in_use") == value(edge, "registry_file_reader_limit") == 2
        assert value(edge, "registry_file_reader_waiting") == 1
        await asyncio.gather(*reading)
        assert value(edge, "registry_file_reader_in_use") == 0
        names = ("registry_issuer_ok", "registry_issuer_keys", "registry_issuer_keys_skipped")
        assert [value(edge, name, issuer="https://away.example") for name in names] == [0, 2, 1]
        sets = [value(edge, "registry_client_key_sets", status=status) for status in ("ok", "stale", "no_keys")]
        assert sets == [3, 2, 1]
        assert value(edge, "registry_issuer_keys_age_seconds", issuer="https://away.example") == 4000
        assert value(edge, "registry_administering_issuers") == 0
        trouble.meet(TroubleKind.OUT_OF_REACH, "the database is out of reach", OSError("no route"))
        trouble.damaged(OSError("database disk image is malformed"))
        assert {kind: value(edge, "registry_database_troubles_total", kind=kind) for kind in TroubleKind} == Counter(
            {TroubleKind.OUT_OF_REACH: 1, TroubleKind.DAMAGED: 1}
            | dict.fromkeys((TroubleKind.NOT_STORED, TroubleKind.TIME_OVER, TroubleKind.DEADLOCK), 0)
        )
        assert value(edge, "registry_database_damaged") == 1
        for place in ("data", "temporary", "database"):
            free, size = (value(edge, f"registry_disk_{what}_bytes", place=place) for what in ("free", "size"))
            assert free is not None
            assert size is not None
            assert 0 < free <= size
        assert (value(edge, "registry_database_file_bytes", file="database") or 0) > 100_000
    finally:
        await state.write_probe.close()
        await state.database.close()
