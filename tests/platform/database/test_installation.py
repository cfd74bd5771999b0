"""A database is for real work or for a demonstration, and each mode keeps to its own."""

import asyncio
from pathlib import Path

import pytest

from registry.database_tables import bring_up_to_date
from registry.platform.database.installation import Purpose
from registry.platform.kernel.errors import Busy
from registry.platform.settings import SettingsError, load
from registry.serve import serve
from tests.support.command import Run, command
from tests.support.databases import empty_database
from tests.support.server import environment

REAL = {"DEMO": "0", "ISSUERS": "[]", "LEDGER_KEY": "0123456789abcdef" * 2}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command in demo mode, with a data directory of its own."""
    return command(tmp_path)


def test_demo_mode_opens_no_database_of_real_work(dialect: str, request: pytest.FixtureRequest, run: Run) -> None:
    with empty_database(dialect, request) as url:
        assert run("migrate", DATABASE_URL=url, **REAL).exit_code == 0
        for arguments in (["migrate"], ["demo"], ["serve"], ["serve", "--with-demo"]):
            refused = run(*arguments, DATABASE_URL=url)
            assert refused.exit_code == 2, refused.output
            assert "names a database of real work" in refused.stderr


def test_real_work_opens_no_database_of_a_demonstration(private_url: str, run: Run) -> None:
    for arguments in (["migrate"], ["serve"], ["import", "agencies", "lee.csv"]):
        refused = run(*arguments, DATABASE_URL=private_url, **REAL)
        assert refused.exit_code in (1, 2), refused.output
    assert "a demonstration made" in run("migrate", DATABASE_URL=private_url, **REAL).stderr


def test_the_first_mark_stays(dialect: str, request: pytest.FixtureRequest) -> None:
    with empty_database(dialect, request) as url:
        asyncio.run(bring_up_to_date(url, Purpose.REAL))
        with pytest.raises(SettingsError):
            asyncio.run(bring_up_to_date(url, Purpose.DEMONSTRATION))
        assert asyncio.run(bring_up_to_date(url, Purpose.REAL)).words == 0


@pytest.mark.one_database
def test_demo_mode_does_not_start_where_it_cannot_know(tmp_path: Path) -> None:
    with pytest.raises(Busy):
        serve(load(environment("postgresql+asyncpg://nobody@127.0.0.1:1/none", tmp_path)))
