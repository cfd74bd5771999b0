"""The command as a process: how it starts, what it says where it serves, and how each of its ends is told apart."""

import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest

import registry
from registry.cli import LONGEST_HOURS
from registry.platform.access.development import LONGEST_LIFE_SECONDS
from registry.platform.database.sqlite_driver import LEAST_VERSION
from tests.support.command import command
from tests.support.databases import copy_sqlite, empty_database
from tests.support.server import environment

Process = subprocess.Popen[str]
MOST_OPEN = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 1_048_576)


def started(given: dict[str, str], *arguments: str) -> Process:
    """The command under way."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    return subprocess.Popen(
        [sys.executable, "-m", "registry", *arguments],
        env={**kept, **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=few_open_files,
    )


def few_open_files() -> None:
    """Begin with the soft limit of many systems, or half of the hard one: a server raises it by itself."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, MOST_OPEN // 2), MOST_OPEN))


def test_help_and_version_load_nothing_that_takes_long(tmp_path: Path) -> None:
    heavy = "litestar sqlalchemy uvicorn cedarpy rich jwt cryptography".split()
    code = f"import sys, registry.cli; print(*set({heavy!r}) & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
    run = command(tmp_path)
    assert run("--version").stdout == f"registry {registry.__version__}\n"
    assert "Exit codes" in run("--help").stdout


def test_the_longest_token_is_the_longest_that_is_minted() -> None:
    assert LONGEST_HOURS * 3600 == LONGEST_LIFE_SECONDS


@pytest.mark.one_database
@pytest.mark.parametrize(
    "host", ["127.0.0.1", *(pytest.param(each, marks=pytest.mark.long) for each in ("::1", "localhost"))]
)
def test_it_says_where_it_serves_once_it_does(private_url: str, tmp_path: Path, host: str) -> None:
    process = started({**environment(private_url, tmp_path), "HOST": host, "PORT": "0"}, "serve", "--migrate")
    assert process.stdout is not None
    try:
        said = ""
        while "Serving at" not in said:
            line = process.stdout.readline()
            assert line, process.communicate()
            said += line
        found = re.search(r"Serving at (http://\S+:[1-9][0-9]*) ", said)
        assert found is not None, said
        assert f"; up to {MOST_OPEN:,} open files)" in said
        assert httpx.get(f"{found[1]}/health/ready", verify=False).status_code == 200
        if host == "localhost":
            assert (
                httpx.get(found[1].replace("localhost", "127.0.0.1") + "/health/live", verify=False).status_code == 200
            )
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("host", "code", "words"),
    [
        ("127.0.0.1", 1, "is in use by another process"),
        # The same sentence of another cause: each costs a process.
        pytest.param("192.0.2.1", 2, "Name an address of this machine", marks=pytest.mark.long),
        pytest.param("no-such-host.invalid", 2, "HOST=no-such-host.invalid", marks=pytest.mark.long),
    ],
)
def test_an_address_that_cannot_be_had_is_said_in_one_sentence(
    private_url: str, tmp_path: Path, host: str, code: int, words: str
) -> None:
    given = environment(private_url, tmp_path, REGISTRY_DEMO_ALLOWS="network")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = started({**given, "HOST": host, "PORT": str(taken.getsockname()[1])}, "serve")
        said, complained = process.communicate(timeout=60)
    assert process.returncode == code, complained
    assert words in complained
    assert len(complained.splitlines()) == 1
    assert "Serving" not in said


@pytest.mark.second_long
def test_a_database_without_a_schema_is_not_served(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with empty_database(dialect, request) as url:
        process = started({**environment(url, tmp_path), "PORT": "0"}, "serve")
        said, complained = process.communicate(timeout=60)
    assert process.returncode == 2, complained
    assert complained == (
        "Error: The database has no schema yet: run `registry migrate` (or `registry serve --migrate`).\n"
    )
    assert "Serving" not in said


def test_what_is_made_is_its_owners_alone_and_what_is_lacking_is_said(tmp_path: Path) -> None:
    """Whatever the umask; and without an issuer, in log and readiness what to do."""
    given = {"REGISTRY_DATA_DIR": str(tmp_path / "data"), "REGISTRY_LEDGER_KEY": "0123456789abcdef" * 2}
    before = os.umask(0o000)
    try:
        process = started({**given, "PORT": "0"}, "serve", "--migrate")
    finally:
        os.umask(before)
    try:
        lines = _until_it_serves(process)
        answer = httpx.get(f"{lines[-1].split()[2]}/health/ready", verify=False)
        assert answer.status_code == 503
        assert answer.json()["checks"]["issuers"] == "none is known, so that nobody can call: run `registry init`"
        assert any("run registry init" in line and '"error"' in line for line in lines), lines
        made = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
        assert {"registry.db", "registry.db-wal", "registry.db-shm", "documents", "incoming"} <= {
            each.name for each in made
        }
        assert [f"{each}: {each.stat().st_mode:o}" for each in made if each.stat().st_mode & 0o077] == []
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_a_schema_that_must_not_be_served_is_said_once_in_the_log(sqlite_url: str, tmp_path: Path) -> None:
    """The process waits all the same: in an upgrade the next version migrates while this one stands beside it."""
    file = tmp_path / "own.db"
    given = {**environment(copy_sqlite(sqlite_url, file), tmp_path), "PORT": "0"}
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.execute("UPDATE schema_support SET served_from = '9999'")
    process = started(given, "serve")
    lines = _until_it_serves(process)
    process.terminate()
    process.communicate(timeout=60)
    told = [msgspec.json.decode(line) for line in lines if "not served" in line]
    assert [(each["level"], each["schema_status"]) for each in told] == [("error", "newer")]
    assert told[0]["todo"].endswith("run the version that made it")
    assert process.returncode == 0


def _until_it_serves(process: Process) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or "Serving at" not in lines[-1]:
        line = process.stdout.readline()
        assert line, process.communicate()
        lines.append(line)
    return lines


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["serve"], id="serve"),  # which waits before it does what the others do as well
        pytest.param(["serve", "--migrate"], id="serve --migrate", marks=pytest.mark.long),
        pytest.param(["migrate"], id="migrate", marks=pytest.mark.long),
    ],
)
def test_a_signal_ends_a_start_that_waits_for_its_database(tmp_path: Path, arguments: list[str]) -> None:
    """A server that accepts and says nothing: the start would wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+asyncpg://nobody@127.0.0.1:{silent.getsockname()[1]}/none?sslmode=disable"
        process = started({**environment(url, tmp_path), "PORT": "0"}, *arguments)
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGTERM)
            said, complained = process.communicate(timeout=30)
    assert process.returncode == 143, complained
    assert "Serving" not in said


_SIGNAL_AT_A_MOMENT = """
import os, signal, sys
from registry.cli import end_by_signals
from registry.platform.settings import load
from registry.serve import serve
moment, number = sys.argv[1], int(sys.argv[2])
sent = []
def at(what):
    if what == moment and not sent:
        sent.append(what)
        os.kill(os.getpid(), number)
end_by_signals()
sys.addaudithook(lambda event, given: at(f"{event} {given[0]}" if event == "import" else event))
serve(load(), on_started=lambda _url: at("serving"))
assert sent
"""


@pytest.mark.one_database
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("moment", "orderly"),
    [
        pytest.param("socket.bind", False, id="as the address is taken"),
        pytest.param("import uvloop", True, id="as the loop is made"),
        pytest.param("serving", True, id="as connections are accepted", marks=pytest.mark.long),  # ended above as well
    ],
)
def test_a_signal_while_the_service_starts_ends_it_without_a_word(
    private_url: str, tmp_path: Path, moment: str, orderly: bool, number: signal.Signals
) -> None:
    """Before there is a server it ends the process at once; from then on in order."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    process = subprocess.run(
        [sys.executable, "-c", _SIGNAL_AT_A_MOMENT, moment, str(int(number))],
        env={**kept, **environment(private_url, tmp_path), "PORT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0 if orderly else 128 + number, "")


_SIGNAL_IN_A_CALLBACK = """
import os, signal, sys, time, weakref
from registry.cli import end_by_signals
class Thing:
    pass
def gone(_ref):
    os.kill(os.getpid(), int(sys.argv[1]))
end_by_signals()
thing = Thing()
ref = weakref.ref(thing, gone)
del thing
print("went on", flush=True)
time.sleep(30)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_that_is_just_clearing_up_an_object(number: signal.Signals) -> None:
    """Python ignores what a weak reference's callback raises, so the signal would be lost."""
    run = [sys.executable, "-c", _SIGNAL_IN_A_CALLBACK, str(int(number))]
    process = subprocess.run(run, capture_output=True, text=True, timeout=20, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (128 + number, "went on\n", "")


@pytest.mark.skipif(sqlite3.sqlite_version_info >= LEAST_VERSION, reason="Python's own SQLite is new enough here")
def test_a_sqlite_that_is_too_old_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "pysqlite3.py").write_text("raise ImportError('not built for this platform')\n")
    given = environment(f"sqlite:///{tmp_path / 'own.db'}", tmp_path)
    process = started({**given, "PYTHONPATH": str(tmp_path)}, "serve", "--migrate")
    _, complained = process.communicate(timeout=60)
    assert process.returncode == 2, complained
    assert f"SQLite 3.46.0 or newer is needed, and this Python has {sqlite3.sqlite_version}" in complained
