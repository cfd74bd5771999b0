"""What docs/operations.md tells to do is done here, as it stands there: the commands are read out of it."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.cluster import own_cluster
from tests.support.command import command
from tests.support.databases import empty_database
from tests.support.places import ROOT
from tests.support.provider import Provider, running_provider
from tests.support.server import free_port, wait_until_it_answers

SAMPLE = ROOT / "registry" / "directory" / "agencies" / "sample"
LEE, CDE = str(SAMPLE / "agencies_lee_sample.csv"), str(SAMPLE / "agencies_cde_sample.csv")
TEXT = (ROOT / "docs" / "operations.md").read_text()


def commands(section: str) -> list[str]:
    """The blocks of commands of a section, in their order."""
    part = TEXT[TEXT.index(f"## {section}\n") :].partition("\n## ")[0]
    return re.findall(r"```bash\n(.*?)```", part, re.DOTALL)


def replaced(block: str, here: Mapping[str, str]) -> str:
    """A block with what is of the county in the page put in terms of this machine."""
    for there, value in here.items():
        block = block.replace(there, value)
    return block


def shell(block: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run commands as a person would, with the `registry` of this environment; the first that fails ends them."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        env={**path(), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def path() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def person(*roles: str) -> dict[str, object]:
    """The claims of a person in a Keycloak realm with these roles."""
    return {"typ": "Bearer", "jti": f"token-of-{'-'.join(roles)}", "realm_access": {"roles": list(roles)}}


@pytest.mark.long
def test_from_nothing_to_the_first_search(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    settings, schema, serve, me, agency, search = commands("From nothing to the first search")
    with (
        empty_database("postgresql", request) as url,
        running_provider({"ada": person("registry-admin", "offline_access")}) as operator,
        running_provider({"cleo": person("registry-coordinator")}) as lakeside,
    ):
        here = {
            "/var/lib/registry": str(tmp_path / "data"),
            "postgresql+asyncpg://registry@db.county.example/registry": url,
            "https://login.county.example/realms/operator": operator.issuer,
            "https://login.county.example/realms/lakeside": lakeside.issuer,
        }
        assert all(sum(there in block for block in (settings, schema, agency)) == 1 for there in here)
        shown = shell(replaced(settings, here) + "env | grep ^REGISTRY_", {})
        given = dict(line.split("=", 1) for line in shown.stdout.splitlines())
        given |= {"HOST": "127.0.0.1", "PORT": str(free_port())}
        prepared = shell(replaced(schema, here), given)
        assert prepared.returncode == 0, prepared.stdout + prepared.stderr
        assert "“County registry”" in prepared.stdout
        assert prepared.stdout.endswith(" 0 warnings, 0 failures.\n"), prepared.stdout
        server = subprocess.Popen(
            ["bash", "-c", f"exec {serve}"],
            env={**path(), **given},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until_it_answers(int(given["PORT"]), server, seconds=60)
            done = shell(replaced(me + agency + search, here), {**given, **_tokens(operator, lakeside, given["PORT"])})
        finally:
            server.terminate()
            server.wait(30)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ('"name":"County registry"', '"roles":["registry_admin"]', '"roles":["coordinator"]', '"items":[]'):
        assert words in done.stdout, (words, done.stdout)
    assert done.stdout.count("Lakeside Police Department") >= 3


def _tokens(operator: Provider, lakeside: Provider, port: str) -> dict[str, str]:
    return {
        "ADMIN": operator.token("ada", client="registry"),
        "COORDINATOR": lakeside.token("cleo", client="registry"),
        "API": f"http://127.0.0.1:{port}",
    }


@pytest.mark.long
def test_postgresql_comes_back_as_it_was_before_a_mistake(tmp_path: Path) -> None:
    """A base backup, agencies that are in the log alone, a mistake, and the recovery to the moment before it."""
    part = TEXT[TEXT.index("### On PostgreSQL\n") :].partition("\n## ")[0]
    archiving, archived, nightly, documents, recovery, whole = re.findall(r"```bash\n(.*?)```", part, re.DOTALL)
    with own_cluster("registry") as cluster:
        run = command(tmp_path)
        on_it = {"DATABASE_URL": cluster.url}
        assert run("migrate", **on_it).exit_code == 0
        here = {"/srv": str(cluster.folder / "srv")}
        cluster.play(f"mkdir -p {here['/srv']}/wal {here['/srv']}/base {here['/srv']}/documents")
        cluster.play(replaced(archiving, here))
        cluster.play(archived)
        cluster.play(replaced(nightly, here))
        assert run("import", "agencies", LEE, CDE, **on_it).exit_code == 0
        assert run(*words(documents, here), **on_it).exit_code == 0
        before = run("verify", **on_it)
        assert before.exit_code == 0, before.output
        moment = cluster.ask("SELECT clock_timestamp()")
        cluster.ask("UPDATE agency SET name = 'gone'; DROP TABLE loan CASCADE;")
        assert run("verify", **on_it).exit_code == 1, "it was a mistake"
        segment = cluster.ask("SELECT pg_walfile_name(pg_switch_wal())")
        wait_until(lambda: cluster.ask("SELECT last_archived_wal FROM pg_stat_archiver") >= segment)
        cluster.play(replaced(recovery, {**here, "2026-07-04 17:59:00+00": moment}))
        restore, verify = whole.splitlines()
        (archive,) = (cluster.folder / "srv" / "documents").glob("*.tar")
        newest = f"$(ls {here['/srv']}/documents/registry-*.tar | tail -1)"
        put_back = words(restore.partition("#")[0], {**here, newest: str(archive)})
        assert run(*put_back, **on_it).exit_code == 0
        after = run(*words(verify, here), **on_it)
        assert (after.exit_code, after.stdout) == (0, before.stdout)
        assert cluster.ask("SELECT count(*) FROM agency") == "64"


def words(block: str, here: Mapping[str, str]) -> list[str]:
    """The arguments of one call of the command."""
    program, *arguments = shlex.split(replaced(block, here))
    assert program == "registry"
    return arguments


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Return when it holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)
