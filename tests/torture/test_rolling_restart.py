"""Processes are restarted one after the other behind the proxy that the documentation shows, and no request fails."""

import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.databases import copy_postgres
from tests.support.places import ROOT
from tests.support.sabotage import change_schema
from tests.support.server import LiveServer, free_port, server_process, wait_until_it_answers
from tests.support.traffic import Traffic

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
NAMES = ("one", "two", "three", "four")
SETTINGS = {"REGISTRY_DRAIN_SECONDS": "5", "REGISTRY_TRUSTED_PROXIES": "127.0.0.1", "REGISTRY_DATABASE_POOL": "2"}
NOTICED_SECONDS = 3.0
"""What the configuration's checks take at most to find a process ready again, and to spare."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("torture"),
    pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed (Debian: apt install haproxy)"),
]


@contextmanager
def proxy(folder: Path, ports: list[int]) -> Iterator[int]:
    """HAProxy with the configuration of the documentation, but for its ports; the port at which it listens."""
    written = (ROOT / "docs" / "operations" / "haproxy.cfg").read_text("utf-8")
    own = free_port()
    for documented, port in zip(range(8000, 8005), [own, *ports], strict=True):
        assert written.count(f"127.0.0.1:{documented}\n") == (1 if port == own else 2)
        written = written.replace(f"127.0.0.1:{documented}\n", f"127.0.0.1:{port}\n")
    path = folder / "haproxy.cfg"
    path.write_text(written)
    assert HAPROXY is not None
    process = subprocess.Popen([HAPROXY, "-f", path, "-db"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_answers(own, process)
        yield own
    finally:
        process.terminate()
        process.wait(60)


def test_the_configuration_of_the_documentation_is_valid() -> None:
    assert HAPROXY is not None
    checked = subprocess.run(
        [HAPROXY, "-c", "-f", ROOT / "docs" / "operations" / "haproxy.cfg"], capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_no_request_fails_while_each_process_is_restarted(postgres_url: str, tmp_path: Path) -> None:
    ports = [free_port() for _ in NAMES]
    with copy_postgres(postgres_url) as url, ExitStack() as stack:

        def started(index: int) -> LiveServer:
            server = stack.enter_context(
                server_process(
                    url, tmp_path / "data", log=tmp_path / f"{NAMES[index]}.log", PORT=str(ports[index]), **SETTINGS
                )
            )
            deadline = time.monotonic() + 60
            while httpx.get(f"{server.url}/health/ready", timeout=30, verify=False).status_code != 200:
                assert time.monotonic() < deadline, "it serves and is not ready"
                time.sleep(0.1)
            return server

        servers = [started(index) for index in range(len(NAMES))]
        own = stack.enter_context(proxy(tmp_path, ports))
        with Traffic(own, servers[0].token()) as traffic:
            traffic.go_on()
            for index, server in enumerate(servers):
                assert server.process is not None
                server.process.send_signal(signal.SIGTERM)
                assert server.process.wait(60) == 0
                traffic.go_on()
                started(index)
                time.sleep(NOTICED_SECONDS)
                traffic.go_on()
        assert traffic.failed == []
        assert min(traffic.answered["GET"], traffic.answered["POST"]) >= 90
        stored = httpx.get(
            f"http://127.0.0.1:{own}/v1/agencies/{traffic.created[0]}",
            headers={"authorization": f"Bearer {servers[0].token()}"},
            verify=False,
        )
        assert stored.status_code == 200


def test_what_only_reads_is_answered_while_nothing_can_be_stored(postgres_url: str, tmp_path: Path) -> None:
    """The database takes no changes for a while: the proxy asks those that read, and comes back once they are ready."""
    ports = [free_port() for _ in NAMES]
    with copy_postgres(postgres_url) as url, ExitStack() as stack:
        place, name = url.rsplit("/", 1)

        def set_by_database(words: str) -> None:
            """A setting of the database, and an end to the connections that have another."""
            asyncio.run(change_schema(f"{place}/postgres", f'ALTER DATABASE "{name}" {words}'))
            end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            asyncio.run(change_schema(f"{place}/postgres", end))

        log = tmp_path / "log"
        server = stack.enter_context(server_process(url, tmp_path / "data", log=log, PORT=str(ports[0]), **SETTINGS))
        own = stack.enter_context(proxy(tmp_path, ports))
        headers = {"authorization": f"Bearer {server.token()}"}

        def asked(method: str, path: str, body: object = None) -> httpx.Response:
            return httpx.request(
                method, f"http://127.0.0.1:{own}{path}", json=body, headers=headers, timeout=30, verify=False
            )

        def until(path: str, status: int, at: int) -> None:
            deadline = time.monotonic() + 120
            while httpx.get(f"http://127.0.0.1:{at}{path}", timeout=30, verify=False).status_code != status:
                assert time.monotonic() < deadline, f"{path} is never {status}"
                time.sleep(0.2)

        def stored(body: object) -> bool:
            """Whether it is stored, once the proxy has noticed that the process takes changes."""
            deadline = time.monotonic() + 120
            while (answer := asked("POST", "/v1/agencies", body)).status_code == 503 and time.monotonic() < deadline:
                time.sleep(0.2)
            return answer.status_code == 201

        until("/health/ready", 200, own)
        new = {"name": "Stored Police", "kind": "city", "level": "local"}
        assert stored(new)
        set_by_database("SET default_transaction_read_only = on")
        until("/health/ready", 503, ports[0])
        time.sleep(NOTICED_SECONDS)
        assert asked("GET", "/health/reading").status_code == 200
        assert asked("GET", "/v1/agencies").status_code == 200
        refused = asked("POST", "/v1/agencies", new)
        assert (refused.status_code, refused.json()["code"]) == (503, "database_read_only")
        set_by_database("RESET default_transaction_read_only")
        until("/health/ready", 200, own)
        assert stored({**new, "name": "Stored again"})
