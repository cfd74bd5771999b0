"""`registry doctor` finds what is wrong, says what to do, and never gives up."""

import asyncio
import json
import os
import re
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from msgspec.structs import replace

from registry import serve
from registry.app import create_app
from registry.cli.accounts import account
from registry.cli.examining import machine
from registry.cli.findings import Grade
from registry.directory.agencies.commands.registering import create_agency
from registry.directory.agencies.rules import AgencyKind, AgencyLevel
from registry.directory.agencies.schemas import NewAgency
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.database.connect import connect, unit_of_work
from registry.platform.http import open_files
from registry.platform.kernel.time import utc_now
from registry.platform.settings import load
from registry.sharing.policy.annotations import PolicySetError
from tests.platform.access.forging import make_key
from tests.support.accounts import open_folder, who_may_not_write
from tests.support.cast import inside
from tests.support.command import Run, command, on_migrated
from tests.support.databases import copy_postgres, empty_database, server_port
from tests.support.logs import logged_by
from tests.support.places import ROOT
from tests.support.sabotage import change_schema

KEY = make_key("ES256", "doctor").public_jwk()
REAL = {"DEMO": "0", "LEDGER_KEY": "0123456789abcdef" * 2}


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str) -> Run:
    """The command in demo mode, on a migrated database."""
    return on_migrated(tmp_path, sqlite_url)


def issuers(*given: dict[str, object]) -> str:
    return json.dumps([{"agencies": ["*"], **each} for each in given])


@contextmanager
def issuer_whose_clock_is(minutes: float, age: int = 0) -> Iterator[str]:
    """An issuer that publishes its keys, by a clock that is so far behind, from a cache of that age; its address."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = f"http://{self.headers['Host']}"
            document = {"issuer": address, "jwks_uri": f"{address}/keys"}
            body = json.dumps({"keys": [KEY]} if self.path == "/keys" else document).encode()
            self.send_response_only(200)
            self.send_header("Date", format_datetime(utc_now() - timedelta(minutes=minutes), usegmt=True))
            self.send_header("Age", str(age))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_in_order_it_exits_with_0_and_lists_what_it_looked_at(run: Run) -> None:
    found = run("doctor")
    assert found.exit_code == 0, found.output
    for about in (
        "SQLite",
        "time zones",
        "open files",
        "policies",
        "second operator",
        "data directory",
        "documents",
        "database",
        "PDF printing",
    ):
        assert f"ok       {about}: " in found.stdout, found.stdout
    assert "warning  settings: demonstration mode" in found.stdout
    assert found.stdout.endswith(" 0 failures.\n")


def test_too_few_open_files_are_told_with_the_number_to_ask_for(tmp_path: Path) -> None:
    enough = load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path)})
    most = open_files.allowed()
    (found,) = machine.limits(replace(enough, max_in_flight=most))
    assert (found.grade, f"LimitNOFILE={open_files.needed(enough) - enough.max_in_flight + most}" in found.advice) == (
        Grade.WARNING,
        True,
    )
    (found,) = machine.limits(replace(enough, max_in_flight=most - open_files.needed(enough)))
    assert (found.grade, found.advice) == (Grade.OK, "")


def test_an_issuer_is_asked_for_its_keys_and_its_clock(run: Run) -> None:
    with issuer_whose_clock_is(0) as good, issuer_whose_clock_is(10) as slow:
        given = issuers(
            {"issuer": good},
            {"issuer": slow},
            {"issuer": "http://127.0.0.1:1"},
            {"issuer": "https://weak.example", "keys": {"keys": [KEY, {**KEY, "kid": "other", "key_ops": ["sign"]}]}},
        )
        found = run("doctor", ISSUERS=given, DEMO_ALLOWS="issuers")
    assert found.exit_code == 1
    assert f"ok       issuer {good}: 1 keys" in found.stdout
    assert re.search(
        rf"failure  issuer {slow}: this machine's time is (599|600)\.\d s ahead of its clock\n", found.stdout
    )
    assert "failure  issuer http://127.0.0.1:1: its keys cannot be fetched" in found.stdout
    assert "warning  issuer https://weak.example: 1 keys; not used are other" in found.stdout


def test_what_every_account_can_read_is_named_with_what_to_do(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert "ok       file permissions: what is kept can be read by its own account alone" in run("doctor").stdout
    archive = data / "registry-20260704T180000Z.tar"
    archive.touch()
    for path, mode in ((data / "demo.db", 0o644), (archive, 0o604), (data / "demo.db.lock", 0o640)):
        path.chmod(mode)
    data.chmod(0o700)
    assert "ok       file permissions: " in run("doctor").stdout, "nobody else gets into the folder"
    for each in (data, *data.parents):
        if each.stat().st_uid == os.geteuid():
            each.chmod(each.stat().st_mode | 0o001)
    found = run("doctor")
    if any(not each.stat().st_mode & 0o001 for each in data.parents):
        pytest.skip("a folder above is another account's, and closed")
    named = f"{data / 'demo.db'}, {archive}\n         -> run `chmod -R go-rwx` on them"
    assert f"warning  file permissions: every account of this machine can read {named}" in found.stdout, found.stdout
    assert found.exit_code == 0


def test_a_place_that_this_account_cannot_write_is_named_with_the_account(run: Run, tmp_path: Path) -> None:
    found = run("doctor", DATA_DIR="/sys")  # also for the system's administrator, who may write most places
    assert found.exit_code == 1
    assert f"failure  data directory: /sys cannot be written by {account()}: " in found.stdout, found.stdout


async def test_what_was_recorded_ahead_of_now_tells_of_a_wrong_clock(private_url: str, tmp_path: Path) -> None:
    database = connect(private_url)
    later = inside(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, now=utc_now() + timedelta(hours=1))
    async with unit_of_work(database) as write:
        new = NewAgency(name="Of tomorrow", kind=AgencyKind.CITY, level=AgencyLevel.LOCAL)
        await create_agency(write, later, new)
    await database.close()
    found = await asyncio.to_thread(command(tmp_path), "doctor", DATABASE_URL=private_url)
    assert (found.exit_code, "failure  clock: the newest act in the ledger was recorded 3," in found.stdout) == (
        1,
        True,
    )


def test_wrong_settings_are_exit_code_2_and_the_rest_is_looked_at(run: Run) -> None:
    found = run("doctor", DEMO="0")
    assert found.exit_code == 2
    assert "failure  settings: Set REGISTRY_LEDGER_KEY" in found.stdout
    assert "ok       time zones" in found.stdout


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/none"}, "failure  database: "),
        (
            {"DATABASE_URL": "sqlite:////no/such/folder/registry.db"},
            "failure  database: there is none at /no/such/folder/registry.db\n"
            "         -> create it with `registry migrate`; or correct REGISTRY_DATABASE_URL",
        ),
        ({"DATA_DIR": "/proc/nowhere"}, "failure  data directory: "),
        ({"DATA_DIR": "/proc/nowhere", "DATABASE_URL": "sqlite:////dev/null"}, "failure  documents: "),
        ({"DOCUMENTS_URL": "s3://bucket?colour=red"}, "failure  documents: REGISTRY_DOCUMENTS_URL cannot be used"),
        ({"DATA_DIR": "/proc/nowhere"}, "failure  data directory: /proc/nowhere is not there and cannot be made"),
        (
            {**REAL, "DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/none"},
            "warning  issuers: those of the database are not looked at",
        ),
    ],
    ids=lambda value: None,
)
def test_what_is_broken_is_a_finding_and_no_traceback(run: Run, environment: dict[str, str], words: str) -> None:
    found = run("doctor", **environment)
    assert words in found.stdout, found.output
    assert "Traceback" not in found.output
    assert "[error" not in found.output, "what is found is a finding, and no line of a log"
    assert max(line.count("Errno") for line in found.stdout.splitlines()) <= 1, found.stdout
    assert found.exit_code == 1, "the database of the other mode is none"
    assert found.stdout.endswith(" failures.\n")


def test_without_an_issuer_for_the_operator_it_names_the_command(tmp_path: Path) -> None:
    run = command(tmp_path)
    assert run("migrate", **REAL).exit_code == 0
    found = run("doctor", **REAL)
    assert (found.exit_code, "warning  issuers: none speaks for the operator" in found.stdout) == (0, True), (
        found.output
    )


def test_without_a_database_it_names_the_next_commands(tmp_path: Path) -> None:
    found = command(tmp_path)("doctor", **REAL)
    advice = "-> create it with `registry migrate`, and then run `registry init`; or correct REGISTRY_DATABASE_URL\n"
    assert (found.exit_code, advice in found.stdout) == (1, True), found.output


def test_a_database_that_is_none_or_of_another_version_is_told(run: Run, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "data" / "demo.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.execute("UPDATE schema_support SET served_from = '9999'")
    database.close()
    found = run("doctor")
    assert (found.exit_code, "has schema 9999 of a later version" in found.stdout) == (1, True)
    with sqlite3.connect(tmp_path / "data" / "demo.db") as database:
        database.execute("UPDATE schema_support SET served_from = '0001'")
    database.close()
    found = run("doctor")
    assert (found.exit_code, "9999, of a later version that lets this one serve" in found.stdout) == (0, True)
    with sqlite3.connect(tmp_path / "data" / "demo.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
        database.execute("ALTER TABLE schema_support DROP COLUMN fingerprint")
    database.close()
    for command_ in ("doctor", "migrate", "serve", "reindex"):
        refused = run(command_)
        assert refused.exit_code == (1 if command_ == "doctor" else 2), refused.output
        assert "another state of the code" in refused.output
        assert "table schema_support is not as this version has it" in refused.output or command_ == "reindex"
    (tmp_path / "prose.db").write_text("This is not a database. " * 100)
    prose = run("doctor", DATABASE_URL=f"sqlite:///{tmp_path / 'prose.db'}")
    assert (prose.exit_code, "failure  database: " in prose.stdout, "Traceback" in prose.output) == (1, True, False)


def test_on_postgresql_it_tells_the_server_and_its_clock(postgres_url: str, tmp_path: Path) -> None:
    found = command(tmp_path)("doctor", DATABASE_URL=postgres_url)
    assert found.exit_code == 0, found.output
    assert "ok       database: PostgreSQL 1" in found.stdout
    assert " clock: this machine's time is 0.0 s from the database's" in found.stdout


def test_through_a_pooler_and_with_several_servers_it_finds_the_same(postgres_url: str, tmp_path: Path) -> None:
    port = server_port(postgres_url)
    several = postgres_url.replace(f"@127.0.0.1:{port}/", f"@127.0.0.1:1,127.0.0.1:{port}/")
    assert several != postgres_url
    for environment in ({"DATABASE_POOLER": "1", "DATABASE_URL": postgres_url}, {"DATABASE_URL": several}):
        found = command(tmp_path)("doctor", **environment)
        assert (found.exit_code, "ok       database: PostgreSQL 1" in found.stdout) == (0, True), found.output
    assert "warning  servers: 127.0.0.1:1 does not answer" in found.stdout
    twice = postgres_url.replace(f"@127.0.0.1:{port}/", f"@127.0.0.1:{port},localhost:{port}/")
    both = command(tmp_path)("doctor", DATABASE_URL=twice)
    assert (both.exit_code, f"failure  servers: 2 take changes at once: 127.0.0.1:{port} on" in both.stdout) == (
        1,
        True,
    )
    none = f"{several.rsplit('/', 1)[0]}/registry_none_{uuid4().hex[:8]}"
    found = command(tmp_path)("doctor", DATABASE_URL=none)
    assert "create it with `createdb -h 127.0.0.1 -p 1 -U postgres registry_none_" in found.stdout, found.output


def test_another_ledger_key_is_refused_everywhere_until_it_is_changed_on_purpose(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    other = {**REAL, "LEDGER_KEY": "fedcba9876543210" * 2}
    with empty_database(dialect, request) as url:
        run = command(tmp_path)
        assert run("migrate", DATABASE_URL=url, **REAL).exit_code == 0
        assert run("migrate", DATABASE_URL=url, **REAL).exit_code == 0
        assert "ledger key" not in run("doctor", DATABASE_URL=url, **REAL).stdout
        for arguments, code in (
            (["migrate"], 2),
            (["serve"], 2),
            (["issuer", "list"], 2),
            (["doctor"], 1),
            (["verify"], 1),
        ):
            found = run(*arguments, DATABASE_URL=url, **other)
            assert (found.exit_code, "REGISTRY_LEDGER_KEY is not the key that" in found.output) == (code, True), (
                found.output
            )
            assert "registry keys adopt" in found.output
        changed = run("keys", "adopt", DATABASE_URL=url, **other)
        assert (changed.exit_code, "from now on" in changed.stdout) == (0, True), changed.output
        assert "already" in run("keys", "adopt", DATABASE_URL=url, **other).stdout
        assert run("verify", DATABASE_URL=url, **other).exit_code == 0
        assert run("verify", DATABASE_URL=url, **REAL).exit_code == 1, "the earlier one is the wrong one now"


def test_why_programs_get_no_tokens_is_told_with_what_to_do(run: Run) -> None:
    key, other = {"SECRET_KEYS": "3f1c9a7e5b2d8046" * 4}, {"SECRET_KEYS": "fedcba9876543210" * 4}
    assert run("keys", "rotate", **key).exit_code == 0
    assert "service clients" not in run("doctor", **key).stdout
    for environment, words in (
        (other, "failure  service clients: the key that signs tokens cannot be read\n         -> put the key"),
        (
            {**key, "PUBLIC_URL": "https://other.example"},
            "service clients: REGISTRY_PUBLIC_URL is https://other.example",
        ),
    ):
        found = run("doctor", **environment)
        assert (found.exit_code, words in found.stdout) == (1, True), found.output
    assert run("keys", "rotate", **{**key, "PUBLIC_URL": "https://other.example"}).exit_code == 0
    assert run("doctor", **{**key, "PUBLIC_URL": "https://other.example"}).exit_code == 0


def test_a_database_that_the_server_does_not_have_is_to_be_created(postgres_url: str, tmp_path: Path) -> None:
    name = f"registry_none_{uuid4().hex[:8]}"
    found = command(tmp_path)("doctor", DATABASE_URL=f"{postgres_url.rsplit('/', 1)[0]}/{name}")
    assert found.exit_code == 1, found.output
    assert f"failure  database: the server has no database {name}\n" in found.stdout, found.stdout
    assert (
        f"-> create it with `createdb -h 127.0.0.1 -p {server_port(postgres_url)} -U postgres {name}`, then run"
        in found.stdout
    )


def test_an_empty_database_needs_no_backup_before_it_is_migrated(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with empty_database(dialect, request) as url:
        if dialect == "sqlite":
            Path(url.removeprefix("sqlite:///")).touch()
        found = command(tmp_path)("doctor", DATABASE_URL=url)
    assert "is empty\n         -> run `registry migrate`\n" in found.stdout, found.output


def test_an_issuer_that_is_described_in_two_places_is_told(run: Run, tmp_path: Path) -> None:
    name = "http://127.0.0.1:1"
    assert run("issuer", "add", name, "--keys-later").exit_code == 0
    words = f"warning  issuer {name}: the settings describe it, and so does the database"
    assert words not in run("doctor").stdout
    given = issuers({"issuer": name, "keys": {"keys": [KEY]}})
    assert words in run("doctor", ISSUERS=given, DEMO_ALLOWS="issuers").stdout
    environment = {"DEMO": "1", "DEMO_ALLOWS": "issuers", "DATA_DIR": str(tmp_path / "data"), "ISSUERS": given}
    with logged_by(serve) as logged:  # what a server says at its start
        asyncio.run(serve._check_database(load({f"REGISTRY_{key}": each for key, each in environment.items()})))
    assert [line["issuers"] for line in logged] == [[name]]


def test_an_issuer_whose_tokens_cannot_tell_its_agencies_apart_is_a_failure(run: Run) -> None:
    given: dict[str, object] = {
        "issuer": "https://several.example",
        "keys": {"keys": [KEY]},
        "claims": {"agency_by": "only"},
    }
    found = run("doctor", ISSUERS=issuers(given), DEMO_ALLOWS="issuers")
    assert found.exit_code == 1
    assert "failure  issuer https://several.example: all its tokens are refused" in found.stdout


@pytest.mark.parametrize("how", ["setting", "altered"])
def test_a_postgresql_that_takes_no_changes_or_was_altered_by_hand_is_a_failure(
    postgres_url: str, tmp_path: Path, how: str
) -> None:
    statement = {
        "setting": "ALTER DATABASE {} SET default_transaction_read_only = on",
        "altered": "ALTER TABLE agency ADD COLUMN foo integer",
    }[how]
    with copy_postgres(postgres_url) as url:
        asyncio.run(change_schema(url, statement.format(f'"{url.rsplit("/", 1)[1]}"')))
        found = command(tmp_path)("doctor", DATABASE_URL=url)
        assert (found.exit_code, "ok       database" in found.stdout) == (1, False), found.output
        if how == "altered":
            assert "its tables are not as this version makes them" in found.stdout, found.output
            return
        assert "takes no changes: default_transaction_read_only is on (set by its database)" in found.stdout
        assert "`ALTER DATABASE … RESET default_transaction_read_only`" in found.stdout
        for arguments in (["migrate"], ["issuer", "add", "https://login.county.example"]):
            refused = command(tmp_path)(*arguments, DATABASE_URL=url)
            if arguments == ["migrate"] and refused.exit_code == 0:
                continue  # there was nothing to change
            assert (refused.exit_code, "takes no changes now" in refused.stderr) == (1, True), refused.output
            assert refused.stdout == "", "the log is beside the output"


def test_a_sqlite_file_that_was_altered_by_hand_is_a_failure(run: Run, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "data" / "demo.db") as database:
        database.execute("ALTER TABLE agency ADD COLUMN foo INTEGER")
    database.close()
    found = run("doctor")
    assert (found.exit_code, "as this version makes them: table agency is not" in found.stdout) == (1, True)


def test_an_agency_of_the_settings_that_does_not_exist_is_named_with_its_issuer(run: Run) -> None:
    nobody = "01920000-0000-7000-8000-00000000c0de"
    given = issuers({"issuer": "https://typed.example", "keys": {"keys": [KEY]}, "agencies": [nobody]})
    found = run("doctor", ISSUERS=given, DEMO_ALLOWS="issuers")
    assert f"warning  issuer https://typed.example: it may speak for agency {nobody}, and there is none" in found.stdout
    assert found.exit_code == 0


def test_another_account_is_told_the_same_by_every_command() -> None:
    with open_folder() as folder:
        run = command(folder)
        assert run("migrate").exit_code == 0
        data = folder / "data"
        data.chmod(0o755)
        for each in data.iterdir():
            each.chmod(0o444)
        data.chmod(0o555)
        with who_may_not_write():
            said = f"cannot be written by {account()}: "
            for arguments in (["serve"], ["migrate"], ["verify"], ["backup", "/nowhere.tar"], ["issuer", "list"]):
                refused = run(*arguments)
                assert (refused.exit_code, said in refused.stderr) == (2, True), (arguments, refused.output)
                assert "not whole" not in refused.output, arguments
            found = run("doctor")
            assert (found.exit_code, f"failure  documents: {data}" in found.stdout) == (1, True), found.output
            assert "Try again" not in found.stdout


def test_a_file_that_cannot_even_be_read_is_not_called_broken() -> None:
    """Its locks may be had, and the files that SQLite needs beside it may not be made."""
    with open_folder() as folder:
        run = command(folder)
        assert run("migrate").exit_code == 0
        data = folder / "data"
        for each in data.iterdir():
            each.chmod(0o666)
        data.chmod(0o555)
        with who_may_not_write():
            unchecked = run("verify")
        words = "could not be checked: this account may not write the folder"
        assert (unchecked.exit_code, words in unchecked.stderr) == (2, True), unchecked.output
        data.chmod(0o777)
        (data / "demo.db").chmod(0o444)
        with who_may_not_write():
            refused = run("migrate")
        assert (refused.exit_code, f"{data / 'demo.db'} cannot be written by" in refused.stderr) == (2, True)


def test_where_it_cannot_listen_and_whom_it_believes_is_told(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = run("doctor", listen={"PORT": port})
    assert (found.exit_code, f"failure  HOST and PORT: http://127.0.0.1:{port} is in use" in found.stdout) == (1, True)
    elsewhere = run("doctor", listen={"HOST": "192.0.2.1", "PORT": "0"}, DEMO_ALLOWS="network")
    assert (elsewhere.exit_code, "failure  HOST and PORT: HOST=192.0.2.1" in elsewhere.stdout) == (1, True)
    open_ = run("doctor", TRUSTED_PROXIES="0.0.0.0/0", listen={"PORT": "0"})
    assert "warning  trusted proxies: 0.0.0.0/0 is every address" in open_.stdout, open_.stdout
    assert "REGISTRY_DATA_DIR is var, which" in run("doctor", **{**REAL, "DATA_DIR": "var"}).stdout


def test_a_pool_that_the_server_has_no_room_for_is_a_failure(postgres_url: str, tmp_path: Path) -> None:
    found = command(tmp_path)("doctor", DATABASE_URL=postgres_url, DATABASE_POOL="500")
    assert (found.exit_code, "failure  connections: a process opens up to 1000, and the server" in found.stdout) == (
        1,
        True,
    )


def test_a_setting_that_is_found_wrong_later_is_called_a_setting(run: Run) -> None:
    for environment in ({"SECOND_OPERATOR_FOR": "misspelt"}, {"RULES_ON": "misspelt"}):
        found = run("doctor", **environment)
        assert (found.exit_code, "-> correct that setting; README lists all settings" in found.stdout) == (1, True)
        assert "misspelt" in found.stdout


def test_a_shipped_policy_that_is_missing_or_altered_is_a_failure_by_its_name_and_nothing_starts(
    run: Run, tmp_path: Path
) -> None:
    """Known by its digest: a pack that was lost on the way would else ask for less than the law does."""
    copied = Path(shutil.copytree(ROOT / "policies", tmp_path / "policies"))
    assert "ok       policies: " in run("doctor", POLICIES_DIR=str(copied)).stdout
    file = copied / "jurisdictions" / "wa.cedar"
    text = file.read_text()
    settings = load({"REGISTRY_DEMO": "1", "REGISTRY_POLICIES_DIR": str(copied), "REGISTRY_DATA_DIR": str(tmp_path)})
    for spoil, says in (
        (lambda: file.write_text(text.replace("forbid", "forbid ", 1)), "jurisdictions/wa.cedar: is altered"),
        (file.unlink, "jurisdictions/wa.cedar: is missing"),
    ):
        spoil()
        found = run("doctor", POLICIES_DIR=str(copied))
        assert (found.exit_code, f"failure  policies: {says}" in found.stdout) == (1, True), found.output
        with pytest.raises(PolicySetError, match=says):
            create_app(settings)
    file.write_text(text)
    assert "ok       policies: " in run("doctor", POLICIES_DIR=str(copied)).stdout
