"""The schema is brought further while a process of the present version serves, and it goes on where that is declared.

On PostgreSQL, where processes serve side by side. SQLite has one process, which is stopped for an upgrade.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.platform.database.migrate import SchemaStatus, newest_revision
from tests.support.databases import copy_postgres
from tests.support.schema import ask
from tests.support.server import LiveServer, server_process
from tests.support.traffic import Traffic
from tests.upgrade.past import VERSIONS, run, started, version_after

pytestmark = pytest.mark.long

EXPANDING = """
op.add_column("agency", sa.Column("motto", sa.Text()))
op.create_table("agency_motto", sa.Column("id", sa.Integer(), primary_key=True))
"""
CHANGING = """
op.alter_column("agency", "sworn", new_column_name="sworn_officers")
"""


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    """A PostgreSQL database of the test's own."""
    with copy_postgres(postgres_url) as found:
        yield found


def readiness(server: LiveServer) -> tuple[int, dict[str, Any]]:
    answer = httpx.get(f"{server.url}/health/ready", timeout=30, verify=False)
    return answer.status_code, answer.json()


def test_a_process_goes_on_serving_while_a_later_version_expands_the_schema(url: str, tmp_path: Path) -> None:
    later = version_after(tmp_path / "code", EXPANDING, served_from=str(newest_revision()))
    with server_process(url, tmp_path / "old", REGISTRY_DATABASE_POOL="2") as server:
        assert readiness(server)[1]["schema_status"] == SchemaStatus.CURRENT
        with Traffic(server.port, server.token()) as traffic:
            traffic.go_on()
            run(later, "migrate", url, tmp_path / "new")
            traffic.go_on()
            status, health = readiness(server)
            assert (status, health["schema_status"], health["checks"]["schema"]) == (200, "newer_compatible", "ok")
            traffic.go_on()
        assert traffic.failed == []
    assert [name for (name,) in _columns(url)] == ["motto"]
    with server_process(url, tmp_path / "again") as again:  # it also starts beside it
        assert readiness(again)[0] == 200
        refused = started(later, "migrate", url, tmp_path / "new")  # and the later version finds nothing more to do
        assert "already" in refused.communicate(timeout=120)[0]


def test_a_process_serves_on_where_another_state_of_the_code_makes_the_same_tables(url: str, tmp_path: Path) -> None:
    """A comment in a script is enough to make its fingerprint another one."""
    other = version_after(tmp_path / "code", "pass")
    next((other / VERSIONS).glob("*_next.py")).unlink()
    with (other / VERSIONS / "0001_first_schema.py").open("a") as script:
        script.write("# a word more\n")
    with server_process(url, tmp_path / "old", REGISTRY_DATABASE_POOL="2") as server:
        run(other, "migrate", url, tmp_path / "new")
        status, health = readiness(server)
        assert (status, health["schema_status"]) == (200, SchemaStatus.CURRENT)


def test_a_process_is_not_ready_once_a_later_version_made_what_it_must_not_serve(url: str, tmp_path: Path) -> None:
    later = version_after(tmp_path / "code", CHANGING)
    with server_process(url, tmp_path / "old", REGISTRY_DATABASE_POOL="2") as server:
        run(later, "migrate", url, tmp_path / "new")
        status, health = readiness(server)
        assert (status, health["schema_status"]) == (503, "newer")
        assert "must not serve" in health["checks"]["schema"]


def _columns(url: str) -> list[tuple[str]]:
    asked = "SELECT column_name FROM information_schema.columns WHERE table_name = 'agency' AND column_name = 'motto'"
    return asyncio.run(ask(url, asked))  # type: ignore[arg-type]  # rows of one name
