"""The demonstration replaces what it made itself, and nothing else."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from registry.demo.run import DATABASE, MARK, PEOPLE
from registry.platform.database.in_use import Use, used
from registry.platform.database.sqlite_driver import application_id, set_application_id
from registry.platform.settings import load
from tests.support.command import Run, command
from tests.support.databases import copy_sqlite
from tests.support.places import ROOT
from tests.support.server import free_port, wait_until_it_answers

pytestmark = pytest.mark.second_long


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command in demo mode, with a data directory of its own."""
    (tmp_path / "data").mkdir()
    return command(tmp_path)


def test_demo_mode_never_opens_the_database_of_the_real_service(tmp_path: Path) -> None:
    real = load(
        {"REGISTRY_LEDGER_KEY": "0123456789abcdef" * 2, "REGISTRY_ISSUERS": "[]", "REGISTRY_DATA_DIR": str(tmp_path)}
    )
    tried = load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path)})
    assert real.data_dir == tried.data_dir
    assert real.database_url != tried.database_url


def test_a_database_that_no_demonstration_made_is_left_alone(run: Run, tmp_path: Path, sqlite_url: str) -> None:
    file = tmp_path / "data" / DATABASE
    copy_sqlite(sqlite_url, file)
    before = file.read_bytes()
    for arguments in (["demo"], ["serve", "--with-demo"]):
        refused = run(*arguments)
        assert refused.exit_code == 2, refused.output
        assert f"{file} was not made by a demonstration" in refused.stderr
    assert file.read_bytes() == before
    assert not (tmp_path / "data" / PEOPLE).exists()


def test_what_is_no_database_at_all_is_left_alone_too(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "data" / DATABASE
    file.write_text("notes")
    assert run("demo").exit_code == 2
    assert file.read_text() == "notes"


def test_a_file_is_marked_by_its_header(tmp_path: Path, sqlite_url: str) -> None:
    file = tmp_path / "marked.db"
    copy_sqlite(sqlite_url, file)
    assert application_id(file) == 0
    set_application_id(file, MARK)
    assert application_id(file) == MARK
    assert not file.with_name("marked.db-wal").exists()


def test_two_demonstrations_at_once_and_one_beside_its_server_are_refused(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / DATABASE}"
    for use in Use:
        with used(url, use):
            refused = run("demo")
        assert refused.exit_code == 1
        assert "is in use by " in refused.stderr


def test_a_database_with_agencies_in_it_is_not_played_in(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    assert run("migrate", DATABASE_URL=url).exit_code == 0
    sample = ROOT / "registry/directory/agencies/sample/agencies_lee_sample.csv"
    assert run("import", "agencies", str(sample), DATABASE_URL=url).exit_code == 0
    refused = run("demo", DATABASE_URL=url)
    assert refused.exit_code == 2
    assert "has agencies in it already" in refused.stderr


def test_the_tokens_it_prints_are_good_where_it_serves(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """On a database that is named, as on the demonstration's own file; a bystander in the directory stays as it is."""
    bystander = tmp_path / "registry.db"
    bystander.write_bytes(b"somebody's")
    port = free_port()
    given = {"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path), "HOST": "127.0.0.1", "PORT": str(port)}
    if dialect == "postgresql":
        given["REGISTRY_DATABASE_URL"] = request.getfixturevalue("private_url")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    written = tmp_path / "output.txt"
    with written.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "registry", "serve", "--with-demo"],
            env={**kept, **given},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until_it_answers(port, process, seconds=180)
        token = re.search(r"^export COORDINATOR=(\S+)$", written.read_text(), re.MULTILINE)
        assert token is not None
        answer = httpx.get(
            f"http://127.0.0.1:{port}/v1/requests", headers={"Authorization": f"Bearer {token[1]}"}, verify=False
        )
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) == 3, "the story's requests"
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert bystander.read_bytes() == b"somebody's"
