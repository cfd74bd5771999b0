"""More clients than the service takes, and clients that only hold on to their sockets."""

import http.client
import socket
import threading
import time
from pathlib import Path

import pytest

from registry.platform.settings import load
from registry.serve import DeadlineProtocol
from tests.platform.http.hostile import LIST, request
from tests.support.length import at_length
from tests.support.server import LiveServer, environment, live_server, server_process
from tests.support.wire import exchange

SECONDS = at_length(1, 3, 10)
IDLE = at_length(100, 200, 450)  # both ends of each are open files of this process
LIMIT = 4


class Crowd:
    """Clients that ask again as soon as they are answered; what they heard, and when to ask again if it was said."""

    def __init__(self, server: LiveServer, clients: int) -> None:
        self.heard: list[tuple[int, str | None]] = []
        self._server = server
        self._until = time.monotonic() + SECONDS
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def run(self) -> "Crowd":
        """Ask until the time is over."""
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join(SECONDS + 30)
        return self

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=20)
        headers = {"Authorization": f"Bearer {self._server.token()}"}
        while time.monotonic() < self._until:
            connection.request("GET", "/v1/agencies?limit=200", headers=headers)
            answer = connection.getresponse()
            answer.read()
            self.heard.append((answer.status, answer.getheader("retry-after")))
        connection.close()

    def answered(self, status: int) -> list[str | None]:
        """What the answers with this status said of when to ask again."""
        return [again for heard, again in self.heard if heard == status]


@pytest.mark.grows
@pytest.mark.second_long
@pytest.mark.xdist_group("torture")
def test_overload_is_told_and_costs_no_faults(private_url: str, tmp_path: Path) -> None:
    with server_process(private_url, tmp_path, REGISTRY_MAX_IN_FLIGHT=str(LIMIT)) as server:
        calm = Crowd(server, LIMIT).run()
        assert {status for status, _ in calm.heard} == {200}
        flood = Crowd(server, LIMIT * 10).run()
        assert {status for status, _ in flood.heard} <= {200, 503}
        assert flood.answered(200), "nobody was served"
        assert all(flood.answered(503)), "whoever is refused is told when to come back"
        token = server.token().encode()
        assert exchange(server.port, request(authorization=b"Bearer " + token)).status == 200


class Hasty(DeadlineProtocol):
    header_seconds = 1.0


@pytest.mark.grows
@pytest.mark.second_long
@pytest.mark.xdist_group("torture")
def test_idle_connections_are_shut_and_hinder_nobody(private_url: str, tmp_path: Path) -> None:
    settings = load(environment(private_url, tmp_path))
    with live_server(settings, Hasty) as server:
        bearer = b"Bearer " + server.token().encode()
        asking = request(target=LIST + b"?limit=1", authorization=bearer)
        idle = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(IDLE)]
        try:
            for connection in idle[::2]:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a")
            for _ in range(20):
                assert exchange(server.port, asking).status == 200
            for connection in idle:
                connection.settimeout(5)
                assert connection.recv(1) == b"", "it is answered or still open"
        finally:
            for connection in idle:
                connection.close()
        assert exchange(server.port, asking).status == 200
