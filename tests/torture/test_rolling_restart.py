"""Processes are restarted one after the other behind the proxy that the documentation shows, and no request fails."""

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
        assert written.count(f"127.0.0.1:{documented}\n") == 1
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
            while httpx.get(f"{server.url}/health/ready", timeout=30).status_code != 200:
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
        )
        assert stored.status_code == 200
