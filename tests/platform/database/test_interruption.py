"""A statement that takes long ends with the process: it is told by a signal, and nothing goes on in the database."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.platform.database.migrate import run_on_schema_connection
from registry.platform.database.snapshot import copy_sqlite
from registry.platform.database.sqlite_driver import sqlite_module

_LONG = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(600)",
}
_WORK = """
import asyncio, sys
from registry.cli import end_by_signals
from registry.cli.session import long_work
from registry.platform.database.snapshot import in_snapshot
def work(connection):
    print("begun", flush=True)
    try:
        connection.exec_driver_sql(sys.argv[2])
    except Exception as error:  # as a check does that takes it for a finding
        return str(error)
end_by_signals()
with long_work("It is looked at"):
    asyncio.run(in_snapshot(sys.argv[1], work))
print("went on")
"""
_LEFT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(600)'"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_long_statement_ends_by_a_signal(private_url: str, dialect: str, number: signal.Signals) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    process = subprocess.Popen(
        [sys.executable, "-c", _WORK, private_url, _LONG[dialect]],
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        said, complained = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, said, complained) == (128 + number, "", "")
    if dialect == "postgresql":
        count = sa.text(_LEFT + " AND pid <> pg_backend_pid()")
        assert asyncio.run(run_on_schema_connection(private_url, lambda c: c.execute(count).scalar())) == 0


class StoppedError(Exception):
    """What a signal's handler raises."""


def test_a_copy_is_made_in_steps_of_one_state_and_ends_between_them(tmp_path: Path) -> None:
    source, url = tmp_path / "source.db", f"sqlite:///{tmp_path / 'source.db'}"
    with closing(sqlite_module().connect(source, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE page (filled BLOB)")
        writer.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
            "INSERT INTO page SELECT zeroblob(4000) FROM n"
        )
        steps: list[int] = []

        def change() -> None:
            steps.append(writer.execute("INSERT INTO page VALUES (NULL) RETURNING rowid").fetchone()[0])

        copy_sqlite(url, tmp_path / "copy.db", change)
        assert len(steps) > 2, "other processes write between steps, and do not wait"
        with closing(sqlite_module().connect(tmp_path / "copy.db")) as copy:
            assert copy.execute("SELECT count(*), count(filled) FROM page").fetchone() == (2500, 2500)

        def stop() -> None:
            raise StoppedError

        with pytest.raises(StoppedError):
            copy_sqlite(url, tmp_path / "other.db", stop)
