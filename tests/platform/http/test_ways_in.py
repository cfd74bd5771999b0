"""Requests as proxies, load balancers, slow and hasty clients send them: each gets its answer, and no more."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest

from registry.platform.http.proxies import MOST_ADDRESSES, client_address
from registry.platform.http.requests import refuse_repeated_fields
from registry.platform.kernel.errors import Malformed
from registry.platform.settings import SettingsError, load
from tests.platform.http.hostile import LIST, request
from tests.support.databases import copy_sqlite
from tests.support.places import ROOT
from tests.support.server import LiveServer, environment, live_server, server_process
from tests.support.wire import RawAnswer, exchange, read_answer

pytestmark = pytest.mark.one_database

TRUSTED = (ip_network("10.0.0.0/24"), ip_network("127.0.0.1"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [b"203.0.113.7"], "203.0.113.7"),
        ("203.0.113.1", [b"198.51.100.1"], "203.0.113.1"),
        ("127.0.0.1", [b"198.51.100.1, 203.0.113.7, 10.0.0.9"], "203.0.113.7"),
        ("127.0.0.1", [b"198.51.100.1, 203.0.113.7", b"10.0.0.9"], "203.0.113.7"),
        ("127.0.0.1", [b"10.0.0.8, 10.0.0.9"], "10.0.0.8"),
        ("127.0.0.1", [b"203.0.113.7:4711"], "203.0.113.7"),
        ("::ffff:127.0.0.1", [b"[2001:db8:ffff::1]:443, [2001:dead::1]:80"], "2001:dead::1"),
        ("127.0.0.1", [b"::ffff:203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", [b"203.0.113.7, unknown"], "127.0.0.1"),
        ("127.0.0.1", [b"203.0.113.7, fe80::1%eth0"], "127.0.0.1"),
        ("127.0.0.1", [b"' OR 1=1 --, \xff"], "127.0.0.1"),
        ("127.0.0.1", [b"203.0.113.7," + b" " * 5_000 + b"10.0.0.9"], "127.0.0.1"),
        ("127.0.0.1", [b",".join([b"10.0.0.1"] * (MOST_ADDRESSES + 1))], "127.0.0.1"),
    ],
)
def test_only_a_trusted_proxy_says_whose_request_it_is(peer: str, forwarded: list[bytes], client: str) -> None:
    assert client_address(peer, forwarded, TRUSTED) == client


def test_who_is_trusted_is_a_setting(tmp_path: Path) -> None:
    given = environment("sqlite:////nowhere", tmp_path)
    assert load(given).trusted_proxies == ()
    assert load({**given, "REGISTRY_TRUSTED_PROXIES": "10.0.0.0/24, ::1"}).trusted_proxies == ("10.0.0.0/24", "::1/128")
    for wrong in ("*", "proxy.example", "10.0.0.1/24"):
        for name in ("REGISTRY_TRUSTED_PROXIES", "REGISTRY_CLIENT_KEY_NETWORKS"):
            with pytest.raises(SettingsError, match=name):
                load({**given, name: wrong})


@pytest.mark.parametrize(("trusted", "client"), [("", "127.0.0.1"), ("127.0.0.1", "203.0.113.7")])
def test_a_forwarded_address_is_on_record_only_where_the_proxy_is_trusted(
    private_url: str, tmp_path: Path, trusted: str, client: str
) -> None:
    log = tmp_path / "log"
    more = {"REGISTRY_TRUSTED_PROXIES": trusted, "REGISTRY_LOG_LEVEL": "info"}
    with server_process(private_url, tmp_path, log=log, **more) as server:
        raw = request(target=b"/v1/categories", headers=[(b"X-Forwarded-For", b"203.0.113.7")], authorization=None)
        exchange(server.port, raw)
        assert server.process is not None
        server.process.terminate()
        server.process.wait(20)
    answered = [line for line in map(msgspec.json.decode, log.read_bytes().splitlines()) if line["event"] == "answered"]
    assert [line["client"] for line in answered] == [client]


@pytest.fixture(scope="module")
def hosted(sqlite_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that answers for one host name and one address only."""
    folder = tmp_path_factory.mktemp("hosted")
    copied = copy_sqlite(sqlite_url, folder / "copied.db")  # the template stays as it was migrated
    with live_server(load(environment(copied, folder, REGISTRY_ALLOWED_HOSTS="registry.example,[::1]"))) as running:
        yield running


def test_health_and_metrics_answer_whatever_host_is_asked(hosted: LiveServer) -> None:
    for path in (b"/health/live", b"/health/ready", b"/health/reading", b"/metrics"):
        for raw in (
            b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nConnection: close\r\n\r\n" % path,
            b"GET %s HTTP/1.1\r\nConnection: close\r\n\r\n" % path,
            b"GET %s HTTP/1.0\r\n\r\n" % path,
        ):
            answer = exchange(hosted.port, raw)
            assert answer.status == 200, (raw, answer.body)
    for status, hosts in (
        (400, (b"127.0.0.1", b"elsewhere.example", b"[::2]", b"[::1", b"::1")),
        (401, (b"registry.example", b"Registry.Example:8000", b"[::1]", b"[::1]:8000")),
    ):
        for host in hosts:
            raw = b"GET /v1/agencies HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host
            assert exchange(hosted.port, raw).status == status, host


def test_the_images_own_check_finds_it_healthy(hosted: LiveServer) -> None:
    found = re.search(r"HEALTHCHECK .*\\\n *CMD (\[.*\])", (ROOT / "Dockerfile").read_text())
    assert found is not None
    _, *arguments = msgspec.json.decode(found[1])
    done = subprocess.run([sys.executable, *arguments], env={"PORT": str(hosted.port)}, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("megabytes", [2, 8])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_large_body_that_is_refused_gets_its_answer(hosted: LiveServer, megabytes: int, framing: str) -> None:
    """The client sends everything before it reads, as most do: a reset would take the answer with it."""
    body = b" " * (megabytes * 1_048_576)
    if framing == "chunks":
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    headers = [(b"Transfer-Encoding", b"chunked")] if framing == "chunks" else []
    good, bad = b"Bearer " + hosted.token().encode(), b"Bearer expired"
    for authorization, status in ((good, 413), (bad, 401)) * 3:
        raw = request(b"POST", LIST, headers, body, host=b"registry.example", authorization=authorization)
        assert whole(hosted.port, raw).status == status


def whole(port: int, raw: bytes) -> RawAnswer:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        return read_answer(connection)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"a": 1, "a": 2}', "a"),
        (b'{"a": {"b": [{"c": 1, "d": 2, "c": 3}]}}', "c"),
        (b'{"name": 1, "n\\u0061me": 1}', "name"),
        (b'[{}, {"": 1, "": 1}]', ""),
    ],
)
def test_a_field_that_is_there_twice_is_refused_by_name(body: bytes, name: str) -> None:
    with pytest.raises(Malformed, match=f"“{name}”") as refused:
        refuse_repeated_fields(body)
    assert refused.value.code == "repeated_field"


def test_the_same_field_in_several_objects_is_no_repetition() -> None:
    refuse_repeated_fields(b'{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}], "n": %s}' % (b"9" * 5_000))


def test_a_request_with_a_field_twice_changes_nothing(hosted: LiveServer) -> None:
    body = b'{"name": "One", "name": "Two", "kind": "city", "level": "local"}'
    authorization = b"Bearer " + hosted.token().encode()
    raw = request(b"POST", LIST, None, body, host=b"registry.example", authorization=authorization)
    answer = exchange(hosted.port, raw)
    assert answer.status == 400
    assert answer.json()["code"] == "repeated_field"  # type: ignore[index]  # a problem document


def test_a_body_under_way_when_the_service_stops_is_answered_in_time(private_url: str, tmp_path: Path) -> None:
    with (
        server_process(private_url, tmp_path) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
    ):
        assert server.process is not None
        authorization = b"Bearer " + server.token().encode()
        connection.sendall(request(b"POST", LIST, [(b"Content-Length", b"99")], b"{", authorization=authorization))
        while (
            exchange(server.port, request(target=b"/metrics", authorization=None)).body.find(b"bodies_awaited 1.0") < 0
        ):
            pass  # until the body is waited for
        server.process.send_signal(signal.SIGTERM)
        answer = read_answer(connection)
        assert answer.status == 503
        assert answer.json()["code"] == "stopping"  # type: ignore[index]  # a problem document
        assert answer.header("retry-after") == "1"
        assert server.process.wait(20) == 0


def test_a_process_that_is_to_end_tells_proxies_and_answers_until_they_have_noticed(
    private_url: str, tmp_path: Path
) -> None:
    kept = request(target=b"/problems", authorization=None).replace(b"Connection: close\r\n", b"")
    with server_process(private_url, tmp_path, log=tmp_path / "log", REGISTRY_DRAIN_SECONDS="300") as server:
        assert server.process is not None
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(kept)
            assert read_answer(connection).header("connection") is None
            server.process.send_signal(signal.SIGTERM)
            while (ready := exchange(server.port, request(target=b"/health/ready", authorization=None))).status == 200:
                pass  # until the signal has arrived
            assert ready.status == 503
            assert ready.json()["checks"]["process"].startswith("about to end")  # type: ignore[index]  # a health report
            connection.sendall(kept)
            answer = read_answer(connection)
            assert (answer.status, answer.header("connection")) == (200, "close")
        live = exchange(server.port, request(target=b"/health/live", authorization=None))
        assert live.status == 200
        server.process.send_signal(signal.SIGTERM)  # a second one: nobody is to be waited for
        assert server.process.wait(60) == 0
