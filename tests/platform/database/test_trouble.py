"""A database that fails in earnest: its cause is told once, readiness knows, and damage is not “try again”."""

import resource
import time
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import sqlalchemy as sa

from registry.platform.database import probe as probe_module
from registry.platform.database import trouble as trouble_module
from registry.platform.database import violations
from registry.platform.database.connect import connect, unit_of_work
from registry.platform.database.probe import WriteProbe
from registry.platform.database.sqlite_driver import sqlite_module
from registry.platform.database.trouble import STABLE_SECONDS, ToldOnce, Trouble, TroubleKind
from registry.platform.database.violations import translate
from registry.platform.kernel.errors import Busy, Damaged
from tests.support.logs import logged_by
from tests.support.sabotage import another_process_writes
from tests.support.server import LiveServer, server_process

NEW = {"name": "Stored Police", "kind": "city", "level": "local"}


def lines(log: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in log.read_bytes().splitlines() if line.startswith(b"{")]


def create(server: LiveServer) -> httpx.Response:
    headers = {"Authorization": f"Bearer {server.token()}"}
    return httpx.post(f"{server.url}/v1/agencies", json=NEW, headers=headers, timeout=20, verify=False)


def ready(server: LiveServer) -> dict[str, Any]:
    return dict(httpx.get(f"{server.url}/health/ready", timeout=20, verify=False).json())


@pytest.mark.one_database
def test_a_disk_that_takes_no_more_is_told_once_and_readiness_finds_it_out(private_url: str, tmp_path: Path) -> None:
    """The operating system refuses every write of the process beyond the first 4,000 bytes of a file."""
    log = tmp_path / "log"
    with server_process(private_url, tmp_path, log=log, REGISTRY_LOG_LEVEL="warning") as server:
        assert server.process is not None
        assert create(server).status_code == 201
        pid = server.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4_000, hard))
        for _ in range(3):
            refused = create(server)
            assert refused.status_code == 503
            assert refused.json()["code"] in ("database_failed", "commit_failed")
        assert ready(server)["checks"]["writes"] == "nothing can be stored: the log says why"
        reading = httpx.get(f"{server.url}/health/reading", timeout=20, verify=False)
        assert (reading.status_code, reading.json()["status"]) == (200, "ready"), "nothing has to be stored to read"
        assert reading.json()["checks"].keys() == {"issuers", "database", "schema", "clock", "process"}
        headers = {"Authorization": f"Bearer {server.token()}"}
        assert httpx.get(f"{server.url}/v1/agencies", headers=headers, timeout=20, verify=False).status_code == 200
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        assert create(server).status_code == 201
        for _ in range(200):
            if ready(server)["status"] == "ready":
                break
            time.sleep(0.1)
        assert ready(server)["status"] == "ready"
        server.process.terminate()
        server.process.wait(20)
    told = [line for line in lines(log) if "out of reach, or cannot store" in line["event"]]
    assert len(told) == 1, told
    assert "disk" in told[0]["cause"]
    assert "the database stores changes again" not in {line["event"] for line in lines(log)}, "it is too early for that"


@pytest.mark.one_database
async def test_a_disk_with_room_for_a_small_change_alone_is_full(
    private_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit of the process stands for the disk: the moment that is stored fits, a real change does not."""
    monkeypatch.setattr(probe_module, "PROBE_SECONDS", 0.0)
    database, trouble = connect(private_url), Trouble()
    probe = WriteProbe(database, trouble)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        assert await probe.ask() == "ok"
        resource.setrlimit(resource.RLIMIT_FSIZE, (probe_module.ROOM_BYTES - 1, hard))
        async with unit_of_work(database) as write:
            await write.run(sa.text("UPDATE installation SET probed_at = NULL"))
        for _ in range(2):
            assert await probe.ask() == "nothing can be stored: the log says why"
        resource.setrlimit(resource.RLIMIT_FSIZE, (probe_module.ROOM_BYTES + 1, hard))
        assert await probe.ask() != "ok", "hardly any room more: it would be full again in a moment"
        assert trouble.times[TroubleKind.NOT_STORED] == 3
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert await probe.ask() == "ok"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await probe.close()
        await database.close()


def test_a_trouble_is_over_once_nothing_has_failed_for_a_while() -> None:
    clock = [0.0]
    told = ToldOnce(clock=lambda: clock[0])
    with logged_by(trouble_module) as logged:
        for clock[0] in (0.0, 5.0, 12.0):  # a disk that takes a change now and then
            told.meet("it fails", OSError("no room"))
            told.over("it works")
        clock[0] += STABLE_SECONDS
        told.over("it works")
        told.over("it works")
        told.meet("it fails", OSError("no room"))
    assert [line["event"] for line in logged] == ["it fails", "it works", "it fails"]


@pytest.mark.one_database
def test_a_damaged_page_is_named_and_not_to_be_tried_again(private_url: str, tmp_path: Path) -> None:
    file = Path(private_url.removeprefix("sqlite:///"))
    connection = sqlite_module().connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'category'").fetchall()
    ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    connection.close()
    with file.open("r+b") as opened:
        opened.seek((root - 1) * size)
        opened.write(b"\xff" * size)
    log = tmp_path / "log"
    with server_process(private_url, tmp_path, log=log) as server:
        assert ready(server)["status"] == "ready", "nobody has read there yet"
        headers = {"Authorization": f"Bearer {server.token()}"}
        for _ in range(3):
            answer = httpx.get(f"{server.url}/v1/categories", headers=headers, timeout=20, verify=False)
            assert answer.status_code == 500
            assert answer.json()["code"] == "database_damaged"
            assert "retry-after" not in answer.headers
        assert ready(server)["checks"]["writes"] == "damaged: the log says where"
        assert server.process is not None
        server.process.terminate()
        server.process.wait(20)
    told = [line for line in lines(log) if "damaged" in line["event"]]
    assert len(told) == 1, told
    assert "malformed" in told[0]["cause"]
    assert not [line for line in lines(log) if line["event"] == "unhandled"]


async def test_a_wait_behind_others_is_no_trouble(private_url: str) -> None:
    database, trouble = connect(private_url, wait_seconds=0.2), Trouble()
    probe = WriteProbe(database, trouble)
    try:
        with another_process_writes(private_url, "installation"):
            assert await probe.ask() == "ok"
        await probe.close()
        assert await WriteProbe(database, trouble).ask() == "ok"
        assert await database.read().value(sa.text("SELECT probed_at FROM installation")) is not None
    finally:
        await database.close()


@pytest.mark.one_database
async def test_a_server_that_does_not_answer_is_found_out() -> None:
    database, trouble = connect("postgresql+asyncpg://nobody@127.0.0.1:1/none", wait_seconds=0.2), Trouble()
    try:
        assert await WriteProbe(database, trouble).ask() == "nothing can be stored: the log says why"
    finally:
        await database.close()


def test_which_complaints_are_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(violations, "trouble", Trouble())  # or this process would go on calling its database damaged
    for kind in (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError):
        assert isinstance(translate(kind("invalid page in block 3")), Damaged)
    assert isinstance(translate(asyncpg.DiskFullError("no space left on device")), Busy)


def test_a_database_that_is_only_read_is_told_in_the_same_words_on_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(violations, "trouble", trouble := Trouble())
    for complaint in (
        sqlite_module().OperationalError("attempt to write a readonly database"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
    ):
        refused = translate(complaint)
        assert isinstance(refused, Busy), "whoever may not write has not met a fault of the service"
        assert (refused.code, "takes no changes now" in refused.detail) == ("database_read_only", True)
    assert trouble.times == {TroubleKind.NOT_STORED: 2}, "it is not out of reach"
