"""One server for one SQLite file, and nobody else while its schema changes; whoever is refused hears who has it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry.platform.database import in_use
from registry.platform.database.in_use import FileInUseError, Use, used
from registry.platform.settings import load
from registry.serve import serve
from tests.support.server import environment, server_process

pytestmark = pytest.mark.one_database

TOGETHER = {
    *(frozenset({Use.SERVE, Use.ADD}), frozenset({Use.ADD}), frozenset({Use.READ})),
    *(frozenset({Use.SERVE, Use.READ}), frozenset({Use.ADD, Use.READ})),
}
_HOLDER = """
import sys
from registry.platform.database import in_use
from registry.platform.database.in_use import Use, used
with used(sys.argv[2], Use(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(url: str, use: Use) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process uses the file, until the block ends."""
    process = subprocess.Popen([sys.executable, "-c", _HOLDER, use, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"held\n"
        yield process
    finally:
        process.communicate(timeout=60)


@pytest.mark.parametrize("first", Use)
def test_which_uses_go_together(tmp_path: Path, first: Use) -> None:
    url = f"sqlite:///{tmp_path / 'own.db'}"
    with another_process(url, first):
        for second in Use:
            if frozenset({first, second}) in TOGETHER:
                with used(url, second):
                    pass
            else:
                with pytest.raises(FileInUseError), used(url, second):
                    pass


def test_with_an_older_sqlite_a_reader_still_goes_beside_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server has the file alone then; but who cannot write cannot harm it."""
    monkeypatch.setattr(in_use, "safe_for_several_processes", lambda: False)
    url = f"sqlite:///{tmp_path / 'own.db'}"
    with used(url, Use.SERVE):
        with used(url, Use.READ):
            pass
        with pytest.raises(FileInUseError), used(url, Use.ADD):
            pass
    with used(url, Use.CHANGE), pytest.raises(FileInUseError), used(url, Use.READ):
        pass


@pytest.mark.parametrize("first", [Use.SERVE, Use.CHANGE])
def test_who_is_refused_hears_which_process_has_the_file(tmp_path: Path, first: Use) -> None:
    url = f"sqlite:///{tmp_path / 'own.db'}"
    words = r"own\.db is in use by .*\(process {} on .*\)"
    with (
        another_process(url, first) as process,
        pytest.raises(FileInUseError, match=words.format(process.pid)),
        used(url, Use.SERVE),
    ):
        pass
    with used(url, Use.CHANGE), pytest.raises(FileInUseError, match=words.format(os.getpid())), used(url, Use.SERVE):
        pass


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_file_is_the_same_through_a_symbolic_link(tmp_path: Path, linked: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "own.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "data" / "own.db")
    (tmp_path / "folder").symlink_to(tmp_path / "data")
    other = tmp_path / {"file": "link.db", "folder": "folder/own.db"}[linked]
    with (
        another_process(f"sqlite:///{tmp_path / 'data' / 'own.db'}", Use.SERVE),
        pytest.raises(FileInUseError, match=r"data/own\.db is in use"),
        used(f"sqlite:///{other}", Use.SERVE),
    ):
        pass


def test_a_file_with_two_names_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "own.db").touch()
    with another_process(f"sqlite:///{tmp_path / 'own.db'}", Use.SERVE):
        (tmp_path / "other.db").hardlink_to(tmp_path / "own.db")
        with pytest.raises(FileInUseError, match="has 2 names"), used(f"sqlite:///{tmp_path / 'other.db'}", Use.SERVE):
            pass


def test_a_process_that_was_killed_has_nothing_any_more(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'own.db'}"
    with another_process(url, Use.SERVE) as process:
        process.kill()
        process.wait(60)
        with used(url, Use.CHANGE):
            pass


@pytest.mark.parametrize("use", Use)
def test_where_no_database_came_no_lock_file_stays(tmp_path: Path, use: Use) -> None:
    url = f"sqlite:///{tmp_path / 'own.db'}"
    with another_process(url, use):
        if frozenset({use, Use.READ}) in TOGETHER:
            with used(url, Use.READ):
                pass
            assert len(list(tmp_path.iterdir())) == 2, "they are the other's too"
    assert list(tmp_path.iterdir()) == []


def test_who_waits_at_lock_files_that_go_away_locks_those_of_everybody(tmp_path: Path) -> None:
    """A lock on a file without a name would let two in."""
    url = f"sqlite:///{tmp_path / 'own.db'}"
    inside, most, wrong = [0], 40, []

    def come_and_go(_: int) -> None:
        try:
            with used(url, Use.CHANGE):
                inside[0] += 1
                if inside[0] > 1:
                    wrong.append(inside[0])
                os.sched_yield()
                inside[0] -= 1
        except FileInUseError:
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come_and_go, range(most * 8)))
    assert wrong == []


def test_a_second_server_on_a_file_is_refused(private_url: str, tmp_path: Path) -> None:
    with server_process(private_url, tmp_path) as server:
        assert server.process is not None
        with pytest.raises(FileInUseError, match=f"process {server.process.pid} "):
            serve(load(environment(private_url, tmp_path)))


def test_postgresql_is_shared_by_as_many_as_like(tmp_path: Path) -> None:
    url = "postgresql+asyncpg://nobody@127.0.0.1:1/none"
    with used(url, Use.SERVE), used(url, Use.SERVE), used(url, Use.CHANGE):
        assert list(tmp_path.iterdir()) == []
