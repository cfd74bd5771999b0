"""Clients that send slowly or do not take their answers hold up nobody but themselves."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from registry.platform.http.exchange import DRAIN_SLOW_SECONDS
from registry.platform.http.waiting import MOST, MOST_BYTES, MOST_OF_ONE, Awaited, Bodies, ClientBudget, address_holder
from registry.platform.settings import load
from registry.serve import HEADER_SECONDS, KEEP_ALIVE_SECONDS, LEAST_TAKING_SECONDS, DeadlineProtocol
from tests.platform.http.hostile import ITEM, LIST, request
from tests.support.databases import copy_sqlite
from tests.support.server import LiveServer, environment, live_server
from tests.support.wire import exchange, read_answer

TOKEN = b"/v1/token"
FORM = b"grant_type=client_credentials"
IN_FLIGHT = 2
MANY = 5


class Impatient(DeadlineProtocol):
    taking_seconds = 0.2


class Patient(DeadlineProtocol):
    header_seconds = taking_seconds = 3600.0
    least_taking_seconds = 0.1


@pytest.fixture(scope="module")
def narrow(sqlite_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that works on two requests at once, behind a proxy that says whose they are."""
    folder = tmp_path_factory.mktemp("narrow")
    url = copy_sqlite(sqlite_url, folder / "narrow.db")
    given = environment(
        url,
        folder,
        REGISTRY_MAX_IN_FLIGHT=str(IN_FLIGHT),
        REGISTRY_TRUSTED_PROXIES="127.0.0.1",
        REGISTRY_BODY_SECONDS="60",
    )
    with live_server(load(given), Impatient) as running:
        exchange(running.port, request(target=b"/openapi.json", authorization=None))  # written when first asked for
        yield running


class Slow:
    """Requests whose bodies are never sent to their end, all held until the block ends."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._held = ExitStack()

    def __enter__(self) -> "Slow":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        wait_for(lambda: awaited(self._server) == 0)

    def post(self, address: str, target: bytes = TOKEN, authorization: bytes | None = None) -> socket.socket:
        """Begin one more, and return when the server awaits its body, or has let another go for it."""
        kind = b"application/json" if authorization else b"application/x-www-form-urlencoded"
        given = [
            (b"Content-Type", kind),
            (b"Content-Length", b"%d" % len(FORM)),
            (b"X-Forwarded-For", address.encode()),
        ]
        raw = request(b"POST", target, given, FORM[:-1], authorization=authorization)
        connection = socket.create_connection(("127.0.0.1", self._server.port), timeout=20)
        self._held.enter_context(connection)
        connection.sendall(raw)
        return connection


def value(server: LiveServer, name: str) -> float:
    page = exchange(server.port, request(target=b"/metrics", authorization=None)).body.decode()
    return float(next(line.rpartition(" ")[2] for line in page.splitlines() if line.startswith(name + " ")))


def awaited(server: LiveServer) -> float:
    return value(server, "registry_bodies_awaited")


def wait_for(happens: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def bearer(server: LiveServer) -> bytes:
    return b"Bearer " + server.token().encode()


@pytest.mark.parametrize("known", [False, True], ids=["unknown callers", "an agency"])
def test_slow_bodies_keep_nobody_out(narrow: LiveServer, *, known: bool) -> None:
    """Many more than the service works on at once; who asks meanwhile, from the same address too, is answered."""
    with Slow(narrow) as slow:
        for _ in range(MANY):
            slow.post("192.0.2.1", LIST if known else TOKEN, bearer(narrow) if known else None)
        wait_for(lambda: awaited(narrow) == MANY)
        assert exchange(narrow.port, request(target=ITEM, authorization=bearer(narrow))).status == 200
        document = b'{"name": "Made meanwhile %d", "kind": "city", "level": "local", "state": "MN"}' % known
        assert exchange(narrow.port, request(b"POST", LIST, None, document, authorization=bearer(narrow))).status == 201
        form = [(b"Content-Type", b"application/x-www-form-urlencoded"), (b"X-Forwarded-For", b"192.0.2.1")]
        asked = exchange(narrow.port, request(b"POST", TOKEN, form, FORM, authorization=None))
        assert asked.status in (400, 401), "it is heard"
        assert awaited(narrow) == MANY, "none of the slow ones had ended when the others were answered"


def test_one_address_holds_so_many_and_its_longest_awaited_body_gives_way(narrow: LiveServer) -> None:
    with Slow(narrow) as slow:
        other = slow.post("192.0.2.2")
        wait_for(lambda: awaited(narrow) == 1)
        first = slow.post("192.0.2.1")
        wait_for(lambda: awaited(narrow) == 2)
        rest = [slow.post("192.0.2.1") for _ in range(MOST_OF_ONE - 1)]
        wait_for(lambda: awaited(narrow) == MOST_OF_ONE + 1)
        last = slow.post("192.0.2.1")
        refused = read_answer(first)
        assert (refused.status, refused.header("content-type")) == (503, "application/problem+json")
        assert refused.json()["code"] == "overloaded"  # type: ignore[index]  # a problem document
        assert refused.header("connection") == "close"
        assert awaited(narrow) == MOST_OF_ONE + 1
        for held in (other, rest[-1], last):
            held.sendall(FORM[-1:])
            assert read_answer(held).status in (400, 401), "it was awaited, and is heard"


def test_past_the_deadline_slow_bodies_are_told_so_and_let_go(sqlite_url: str, tmp_path: Path) -> None:
    url = copy_sqlite(sqlite_url, tmp_path / "own.db")
    given = environment(url, tmp_path, REGISTRY_MAX_IN_FLIGHT=str(IN_FLIGHT), REGISTRY_BODY_SECONDS="0.5")
    with live_server(load(given)) as server, Slow(server) as slow:
        for connection in [slow.post("192.0.2.1") for _ in range(MANY)]:
            answer = read_answer(connection)
            assert (answer.status, answer.header("content-type")) == (408, "application/problem+json")
            assert answer.header("connection") == "close"
        wait_for(lambda: awaited(server) == value(server, "registry_bodies_awaited_bytes") == 0)
        assert exchange(server.port, request(target=ITEM, authorization=bearer(server))).status == 200


def test_who_does_not_take_an_answer_holds_up_nobody_and_is_cut_off(narrow: LiveServer) -> None:
    """Twenty times the contract is more than all buffers between hold; these ask for it and read nothing."""
    asking = request(target=b"/openapi.json", authorization=None).replace(b"Connection: close\r\n", b"") * 20
    with ExitStack() as held:
        for _ in range(MANY):
            connection = socket.socket()
            held.enter_context(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(20)
            connection.connect(("127.0.0.1", narrow.port))
            connection.sendall(asking)
            assert exchange(narrow.port, request(target=ITEM, authorization=bearer(narrow))).status == 200
        cut = held.enter_context(socket.socket())
        cut.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        cut.settimeout(20)
        cut.connect(("127.0.0.1", narrow.port))
        cut.sendall(asking)
        wait_for(lambda: is_cut(cut))


def is_cut(connection: socket.socket) -> bool:
    """Whether the server has ended the connection, found out without reading from it."""
    try:
        connection.send(b"\r\n")
    except OSError:
        return True
    return False


def waiting(bodies: Bodies, holder: str, count: int, size: int = 0) -> list[Awaited]:
    found = []
    for _ in range(count):
        found.append(bodies.expect(holder))
        bodies.keep(found[-1], size)
    return found


def test_deadlines_that_are_used_one_after_the_other_share_one_budget() -> None:
    """What one has used the next has no more. The service's own work is not counted."""
    now, budget = 100.0, ClientBudget(30.0, 100.0)
    assert budget.left(now) == 30.0
    now += KEEP_ALIVE_SECONDS
    budget.request_begins(now)
    now += HEADER_SECONDS
    assert budget.used(now) == KEEP_ALIVE_SECONDS + HEADER_SECONDS
    now += budget.left(now)
    budget.hold(now)
    now += 600.0
    assert (budget.used(now), budget.left(now)) == (30.0, 0.0)
    assert now - 600.0 + LEAST_TAKING_SECONDS + DRAIN_SLOW_SECONDS <= 100.0 + 35.0, (
        "a client holds a connection no longer"
    )
    budget.begin(now)
    assert budget.left(now) == 30.0
    budget.request_begins(now + 29.0)
    assert budget.left(now + 29.0) == 15.0, "to be idle costs half of it at most"


def test_slow_headers_and_an_answer_that_is_not_taken_end_with_the_budget(sqlite_url: str, tmp_path: Path) -> None:
    """By itself each would be waited for much longer."""
    url = copy_sqlite(sqlite_url, tmp_path / "own.db")
    given = environment(url, tmp_path, REGISTRY_BODY_SECONDS="0.3")
    with live_server(load(given), Patient) as server, ExitStack() as held:
        for sent in (b"", b"GET / HTTP/1.1\r\nHost: a"):
            slow = held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            slow.sendall(sent)
            assert slow.recv(1) == b""
        unread = held.enter_context(socket.socket())
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        unread.settimeout(20)
        unread.connect(("127.0.0.1", server.port))
        unread.sendall(request(target=b"/openapi.json", authorization=None))
        wait_for(lambda: is_cut(unread))


async def test_what_is_kept_of_unfinished_bodies_is_bounded_for_each_and_for_all() -> None:
    bodies = Bodies(largest_body=1024)
    mebibyte = 1_048_576
    of_one = waiting(bodies, "192.0.2.1", MOST_BYTES // mebibyte, mebibyte)
    kept = [body for body in of_one if not body.gave_way]
    assert kept == of_one[-(MOST_BYTES // 4 // mebibyte) :], "a quarter, of those who came last"
    small = waiting(bodies, "192.0.2.9", 1, 10)[0]
    for number in range(2, 8):
        waiting(bodies, f"192.0.2.{number}", MOST_BYTES // 4 // mebibyte, mebibyte)
    assert bodies.bytes <= MOST_BYTES
    assert not small.gave_way, "who holds little keeps it"


async def test_a_crowd_of_addresses_is_bounded_by_whoever_holds_most() -> None:
    bodies = Bodies(largest_body=1024)
    lone = bodies.expect("198.51.100.1")
    for number in range(MOST // MOST_OF_ONE + 1):
        waiting(bodies, f"192.0.2.{number}", MOST_OF_ONE)
    await asyncio.sleep(0)
    assert bodies.awaited == MOST
    assert not lone.gave_way


async def test_a_body_that_gave_way_or_is_whole_is_counted_once() -> None:
    bodies = Bodies(largest_body=1024)
    for body in waiting(bodies, "192.0.2.1", MOST_OF_ONE + 3, 7):
        bodies.forget(body)
        bodies.forget(body)
    assert (bodies.awaited, bodies.bytes) == (0, 0)


@pytest.mark.parametrize(
    ("address", "holder"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::1", "::/64"), ("unix", "unix")],
)
def test_addresses_of_one_machine_are_one_holder(address: str, holder: str) -> None:
    assert address_holder(address) == holder
