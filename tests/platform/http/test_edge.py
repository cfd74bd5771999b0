"""The outer layer over a real socket: connections, ids, deadlines, admission, metrics, documentation."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import pytest

from registry.platform.access.principals import Role
from registry.platform.settings import load
from registry.serve import DeadlineProtocol
from tests.platform.http.hostile import ITEM, LIST, NEW, request
from tests.support.databases import copy_sqlite
from tests.support.sabotage import another_process_writes, change_schema
from tests.support.server import LiveServer, environment, live_server
from tests.support.wire import RawAnswer, exchange, read_answer

pytestmark = pytest.mark.second_long


def ask(
    server: LiveServer, target: bytes, *, method: bytes = b"GET", body: bytes | None = None, **headers: str
) -> RawAnswer:
    """One request of the operator's."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    raw = request(method, target, given, body, authorization=bearer(server))
    return exchange(server.port, raw, head=method == b"HEAD")


def bearer(server: LiveServer) -> bytes:
    return b"Bearer " + server.token().encode()


def keep_alive(raw: bytes) -> bytes:
    return raw.replace(b"Connection: close\r\n", b"")


@contextmanager
def connected(server: LiveServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        yield connection


def wait_until_closed(connection: socket.socket, seconds: float = 10) -> None:
    """Until the server closes the connection; fails when it does not."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        pytest.fail(f"still open after {seconds} s")
    except ConnectionResetError:
        pass


def drip_for(seconds: float, connection: socket.socket, drip: bytes) -> None:
    """Send this again and again. Raises OSError once the server has closed the connection."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        connection.sendall(drip)
        time.sleep(0.05)


def test_head_is_get_without_a_body_and_leaves_the_connection_usable(server: LiveServer) -> None:
    with connected(server) as connection:
        lengths = []
        for method in (b"HEAD", b"GET", b"HEAD", b"GET"):
            connection.sendall(keep_alive(request(method, ITEM, authorization=bearer(server))))
            answer = read_answer(connection, head=method == b"HEAD")
            assert answer.status == 200
            lengths.append(answer.header("content-length"))
        assert len(set(lengths)) == 1


def test_options_and_405_name_every_method_of_the_path(server: LiveServer) -> None:
    assert ask(server, LIST, method=b"OPTIONS").header("allow") == "GET, HEAD, OPTIONS, POST"
    assert ask(server, LIST, method=b"DELETE").header("allow") == "GET, HEAD, OPTIONS, POST"
    assert ask(server, ITEM, method=b"DELETE").header("allow") == "GET, HEAD, OPTIONS, PATCH"


def test_a_trace_id_is_taken_over_when_it_is_plain(server: LiveServer) -> None:
    assert ask(server, LIST, x_request_id="0af7651916cd43dd").header("x-request-id") == "0af7651916cd43dd"


@pytest.mark.parametrize("given", ["short", "with blank in it", "<script>alert</script>", "x" * 129, "naïve-naïve"])
def test_a_trace_id_that_is_not_plain_is_replaced(server: LiveServer, given: str) -> None:
    own = ask(server, LIST, x_request_id=given).header("x-request-id")
    assert own is not None
    assert re.fullmatch("[0-9a-f]{32}", own)


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("given", [f"00-{TRACE}-00f067aa0ba902b7-01", f"01-{TRACE}-00f067aa0ba902b7-00-more"])
def test_the_trace_of_a_traceparent_goes_before_a_request_id(server: LiveServer, given: str) -> None:
    assert ask(server, LIST, traceparent=given, x_request_id="0af7651916cd43dd").header("x-request-id") == TRACE


@pytest.mark.parametrize(
    "given",
    [
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01-more",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        TRACE,
    ],
)
def test_a_traceparent_that_is_none_is_ignored(server: LiveServer, given: str) -> None:
    assert ask(server, LIST, traceparent=given, x_request_id="0af7651916cd43dd").header("x-request-id") == (
        "0af7651916cd43dd"
    )


def test_pipelined_requests_are_answered_in_order(server: LiveServer) -> None:
    raw = request(authorization=bearer(server))
    first = keep_alive(raw.replace(b"Connection", b"X-Request-Id: first-of-two\r\nConnection"))
    second = raw.replace(b"Connection", b"X-Request-Id: second-of-two\r\nConnection")
    with connected(server) as connection:
        connection.sendall(first + second)
        received = b""
        while part := connection.recv(65536):
            received += part
    assert re.findall(rb"x-request-id: (\S+)", received) == [b"first-of-two", b"second-of-two"]


def test_a_slow_body_is_told_so(server: LiveServer) -> None:
    raw = request(b"POST", LIST, [(b"Content-Length", b"100")], b'{"na', authorization=bearer(server))
    answer = exchange(server.port, raw)
    assert answer.status == 408
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("connection") == "close"


def test_a_body_in_drops_does_not_gain_time(server: LiveServer) -> None:
    raw = request(b"POST", LIST, [(b"Content-Length", b"100")], b"", authorization=bearer(server))
    with connected(server) as connection:
        connection.sendall(raw)
        began = time.monotonic()
        connection.settimeout(0.1)
        answered = b""
        while not answered and time.monotonic() - began < 10:
            connection.sendall(b" ")
            try:
                answered = connection.recv(65536)
            except TimeoutError:
                continue
        assert answered.startswith(b"HTTP/1.1 408")


def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_fault(server: LiveServer) -> None:
    before = failures(server)
    for _ in range(5):
        with connected(server) as connection:
            raw = request(b"POST", LIST, [(b"Content-Length", b"99")], b"{", authorization=bearer(server))
            connection.sendall(raw)
    time.sleep(0.2)
    assert failures(server) == before


def failures(server: LiveServer) -> str:
    metrics = ask(server, b"/metrics").body.decode()
    return "\n".join(line for line in metrics.splitlines() if 'status="5' in line)


class Hasty(DeadlineProtocol):
    header_seconds = 0.3


@pytest.fixture(scope="module")
def hasty(sqlite_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that waits 0.3 s for headers, and has room for two requests."""
    folder = tmp_path_factory.mktemp("hasty")
    url = copy_sqlite(sqlite_url, folder / "hasty.db")
    settings = load(environment(url, folder, REGISTRY_MAX_IN_FLIGHT="2"))
    with live_server(settings, Hasty) as running:
        yield running


@pytest.mark.parametrize(
    "beginning",
    [b"", b"G", b"GET /v1/agencies HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 9_000, b"\r\n"],
    ids=["nothing", "a letter", "half the headers", "half a value", "an empty line"],
)
def test_slow_headers_are_not_waited_for(hasty: LiveServer, beginning: bytes) -> None:
    with connected(hasty) as connection:
        connection.sendall(beginning)
        wait_until_closed(connection)


def test_headers_in_drops_do_not_gain_time(hasty: LiveServer) -> None:
    with connected(hasty) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            drip_for(10, connection, b"X: y\r\n")


def test_headers_without_end_are_refused_before_the_deadline(server: LiveServer) -> None:
    """The parser itself sets no limit, so a client could fill the memory for as long as the deadline lets it."""
    with connected(server) as connection:
        connection.settimeout(5)
        sent = 0
        with suppress(OSError):
            while sent < 4_000_000:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" if not sent else b"X-Y: " + b"z" * 4_000 + b"\r\n")
                sent += 4_000
        assert sent < 4_000_000


def test_an_answered_connection_may_be_used_again_after_the_deadline_of_its_first_headers(hasty: LiveServer) -> None:
    with connected(hasty) as connection:
        for _ in range(2):
            connection.sendall(keep_alive(request(target=b"/health/live", authorization=None)))
            assert read_answer(connection).status == 200
            time.sleep(0.5)


@pytest.mark.parametrize(
    ("beginning", "drip"),
    [
        (request(target=b"/health/live", authorization=None), b"\r\n"),
        (request(b"GET", b"/health/live", [(b"Content-Length", b"1000")], b"", authorization=None), b"x"),
    ],
    ids=["empty lines", "a body that nobody reads"],
)
def test_what_drips_in_after_an_answer_does_not_hold_the_connection(
    hasty: LiveServer, beginning: bytes, drip: bytes
) -> None:
    with connected(hasty) as connection:
        connection.sendall(keep_alive(beginning))
        assert read_answer(connection).status == 200
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            drip_for(10, connection, drip)


H2C = [
    (b"Connection", b"Upgrade, HTTP2-Settings"),
    (b"Upgrade", b"h2c"),
    (b"HTTP2-Settings", b"AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"),
]


def asks_to_upgrade(body: bytes, headers: list[tuple[bytes, bytes]], server: LiveServer) -> bytes:
    return keep_alive(request(b"POST", LIST, [*H2C, *headers], body, authorization=bearer(server)))


@pytest.mark.parametrize("cut", [None, 1, 90], ids=["at once", "byte by byte", "in pieces"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_an_upgrade_is_ignored_and_the_body_read(hasty: LiveServer, framing: str, cut: int | None) -> None:
    """As Java's own client and `curl --http2` ask on their first request; twice on one connection."""
    document = json.dumps({**NEW, "name": f"Upgraded {framing} {cut}"}).encode()
    halves = document[:30], document[30:]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(half), half) for half in (*halves, b""))
    body, headers = (document, []) if framing == "length" else (chunked, [(b"Transfer-Encoding", b"chunked")])
    raw = asks_to_upgrade(body, headers, hasty)
    with connected(hasty) as connection:
        for _ in range(2):
            for start in range(0, len(raw), cut or len(raw)):
                connection.sendall(raw[start : start + (cut or len(raw))])
            assert read_answer(connection).status == 201


def test_pipelined_requests_for_an_upgrade_are_answered_in_order(hasty: LiveServer) -> None:
    bodies = [json.dumps({**NEW, "name": f"Pipelined {number}"}).encode() for number in range(3)]
    with connected(hasty) as connection:
        connection.sendall(b"".join(asks_to_upgrade(body, [], hasty) for body in bodies))
        received = b""
        while received.count(b"HTTP/1.1 201") < 3:
            received += connection.recv(65536)
    assert re.findall(rb'"name":"(Pipelined [0-9])"', received) == [b"Pipelined 0", b"Pipelined 1", b"Pipelined 2"]


def test_an_upgrade_to_a_web_socket_is_ignored(hasty: LiveServer) -> None:
    asked = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Version", b"13")]
    with connected(hasty) as connection:
        for _ in range(2):
            connection.sendall(keep_alive(request(target=b"/health/live", headers=asked, authorization=None)))
            assert read_answer(connection).status == 200


def test_a_tunnel_is_not_opened_and_ends_the_connection(hasty: LiveServer) -> None:
    """What follows would be read by nobody, for ever."""
    with connected(hasty) as connection:
        connection.sendall(b"CONNECT registry.test:443 HTTP/1.1\r\nHost: registry.test\r\n\r\n")
        connection.settimeout(2)
        assert connection.recv(65536).startswith(b"HTTP/1.1 4")
        wait_until_closed(connection)


def test_a_refusal_that_cannot_be_recorded_does_not_cut_off_the_next_request(sqlite_url: str, tmp_path: Path) -> None:
    """Whether another agency's record may be edited is found out late; the refusal is recorded after its answer."""
    url = copy_sqlite(sqlite_url, tmp_path / "own.db")
    broken = "BEFORE INSERT ON ledger_event WHEN NEW.type = 'access.denied' BEGIN SELECT RAISE(ABORT, 'no'); END"
    asyncio.run(change_schema(url, f"CREATE TRIGGER unrecorded {broken}"))
    with live_server(load(environment(url, tmp_path))) as server, connected(server) as connection:
        made = ask(
            server, LIST, method=b"POST", body=b'{"name": "Own", "kind": "city", "level": "local", "state": "MN"}'
        ).json()
        assert isinstance(made, dict)
        ask(server, f"/v1/agencies/{made['id']}/activate".encode(), method=b"POST", body=b'{"reason": "x"}')
        own = b"Bearer " + server.token(Role.AGENCY_ADMIN, agency_id=UUID(made["id"])).encode()
        edit = keep_alive(request(b"PATCH", ITEM, [(b"If-Match", b"*")], b'{"sworn": 1}', authorization=own))
        for raw, status in ((edit, 403), (keep_alive(request(authorization=own)), 200), (edit, 403)):
            connection.sendall(raw)
            assert read_answer(connection).status == status
            time.sleep(0.2)


def test_beyond_its_limit_the_service_says_so_at_once(hasty: LiveServer) -> None:
    """Two creations wait for the write lock and fill the service; a third request is refused, the checks are not."""
    raw = request(
        b"POST",
        LIST,
        None,
        b'{"name": "Waiting", "kind": "city", "level": "local"}',
        authorization=bearer(hasty),
    )
    with another_process_writes(hasty.settings.database_url) as holder, ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(exchange, hasty.port, raw) for _ in range(2)]
        time.sleep(0.5)
        refused = ask(hasty, LIST)
        assert refused.status == 503
        assert refused.header("retry-after") == "1"
        assert refused.json()["code"] == "overloaded"  # type: ignore[index]  # a problem document
        assert not any(answer.done() for answer in waiting), "the refused one did not wait for those before it"
        for exempt in (b"/health/live", b"/metrics"):
            assert ask(hasty, exempt).status == 200
        assert "checks" in ask(hasty, b"/health/ready").json()  # type: ignore[operator]  # whatever it finds
        holder.let_go()
        assert {answer.result().status for answer in waiting} == {201}
    assert ask(hasty, LIST).status == 200
    assert b'registry_requests_refused_total{limit="max_in_flight"} 1.0' in ask(hasty, b"/metrics").body


def test_metrics_count_by_route_and_never_by_address(server: LiveServer) -> None:
    for number in range(20):
        ask(server, b"/v1/agencies/01900000-0000-7000-8000-%012d" % number)
        ask(server, b"/nowhere/%d" % number)
    metrics = ask(server, b"/metrics").body.decode()
    assert 'registry_requests_total{method="GET",route="/v1/agencies/{agency_id}",status="404"}' in metrics
    assert "nowhere" not in metrics
    assert "01900000-0000-7000" not in metrics
    assert len(metrics) < 300_000


def test_the_documentation_works_without_a_network(server: LiveServer) -> None:
    """Agencies run without internet: everything the page loads comes from this server."""
    page = ask(server, b"/docs")
    assert page.status == 200
    policy = page.header("content-security-policy")
    assert policy is not None
    assert "script-src 'self'" in policy
    assert "http" not in page.body.decode()
    loaded = re.findall(rb'(?:src|href)="([^"]+)"', page.body)
    assert len(loaded) == 3
    for path in loaded:
        assert ask(server, path).status == 200, path
    assert ask(server, b"/").header("location") == "/docs"


def test_a_fault_of_the_wire_is_a_problem_like_any_other(server: LiveServer) -> None:
    answer = exchange(server.port, b"nonsense\r\n\r\n")
    assert answer.status == 400
    assert answer.header("content-type") == "application/problem+json"
    document = answer.json()
    assert isinstance(document, dict)
    assert document["code"] == "malformed_http"
    assert document["trace_id"] == answer.header("x-request-id")
