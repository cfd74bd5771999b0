"""Streams over a socket: they end with the server, and a client that goes away without a word is noticed."""

import socket
from contextlib import ExitStack
from pathlib import Path

import httpx

from registry.platform.ledger.streaming import MOST_OF_PERSON
from registry.platform.settings import load
from tests.support.server import environment, live_server


def test_a_server_that_ends_ends_its_streams_with_a_word(private_url: str, tmp_path: Path) -> None:
    with ExitStack() as serving, ExitStack() as listening:
        live = serving.enter_context(live_server(load(environment(private_url, tmp_path / "data"))))
        headers = {"authorization": f"Bearer {live.token()}"}
        answer = listening.enter_context(
            httpx.stream("GET", f"{live.url}/v1/events/stream", headers=headers, timeout=60)
        )
        lines = answer.iter_lines()
        assert next(lines) == "retry: 3000"
        assert next(lines).startswith("id: ")
        serving.close()  # fails where the server does not end
        assert [*lines][-3:] == ["event: end", 'data: {"reason":"stopping"}', ""]


def test_a_client_that_goes_away_without_a_word_is_noticed(private_url: str, tmp_path: Path) -> None:
    with live_server(load(environment(private_url, tmp_path / "data"))) as live:
        request = f"GET /v1/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {live.token()}\r\n\r\n"
        listened = 0
        for _ in range(10_000):  # one that went away may still count for a moment
            with socket.create_connection(("127.0.0.1", live.port), 60) as connection:
                connection.sendall(request.encode())
                listened += b"200 OK" in connection.recv(65_536)
            if listened > 2 * MOST_OF_PERSON:
                break
        assert listened > 2 * MOST_OF_PERSON
