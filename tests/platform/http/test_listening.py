"""New connections are taken in the order in which they came, however busy those are that are open."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest
import uvloop

from registry.platform.http.listening import BACKLOG, Listener

CLIENTS = 60
TIMES = 3
pytestmark = pytest.mark.one_database


class Answering(asyncio.Protocol):
    """Answers at once; before it does, its client has asked again."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        self._heard = heard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard(data.decode().strip())

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport.close()


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        yield found


def test_all_who_have_connected_are_heard_before_anybody_is_heard_again(bound: socket.socket) -> None:
    heard: list[str] = []

    async def serve() -> None:
        done = asyncio.get_running_loop().create_future()

        def hear(name: str) -> None:
            heard.append(name)
            if heard.count(name) < TIMES:
                clients[int(name)].sendall(name.encode())
            elif len(heard) == CLIENTS * TIMES:
                done.set_result(None)

        listener = Listener(bound, lambda: Answering(hear))
        clients = [socket.create_connection(bound.getsockname()) for _ in range(CLIENTS)]
        try:
            for name, client in enumerate(clients):
                client.sendall(str(name).encode())
            async with asyncio.timeout(60):
                await done
        finally:
            await listener.close()
            for client in clients:
                client.close()

    uvloop.run(serve())
    assert sorted(heard[:CLIENTS]) == sorted(map(str, range(CLIENTS)))
    assert CLIENTS < BACKLOG


def test_a_closed_listener_takes_nobody(bound: socket.socket) -> None:
    heard: list[str] = []

    async def serve() -> None:
        listener = Listener(bound, lambda: Answering(heard.append))
        with socket.create_connection(bound.getsockname()) as client:
            client.sendall(b"1")
            await listener.close()
            for _ in range(20):
                await asyncio.sleep(0)

    uvloop.run(serve())
    assert heard == []


def test_answers_go_out_at_once(bound: socket.socket) -> None:
    """A small answer is not held back until the client has acknowledged the one before (Nagle's algorithm)."""
    without_delay: list[int] = []
    looked = asyncio.Event()

    class Looking(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken: socket.socket = transport.get_extra_info("socket")
            without_delay.append(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()
            looked.set()

    async def serve() -> None:
        listener = Listener(bound, Looking)
        with socket.create_connection(bound.getsockname()):
            await looked.wait()
        await listener.close()

    uvloop.run(serve())
    assert all(without_delay)
