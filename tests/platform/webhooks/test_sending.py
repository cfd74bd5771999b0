"""Nothing is sent to where an agency may not have the registry send, however its address is written or changes."""

import asyncio
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from httpcore import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream

from registry.platform.access.fetching import Reach
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import utc_now
from registry.platform.webhooks.rules import check_url
from registry.platform.webhooks.sending import Outcome, Sender
from tests.support.receiver import Receiver, receiving

pytestmark = pytest.mark.one_database

LOOPBACK = Reach(["127.0.0.1/32"])
PUBLIC = "93.184.215.14"

# However a name is written, it is a name: what counts are the addresses that it has when it is asked for.
WITHIN = (
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254"),
    *(
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.8",
        "192.0.0.170",
        "192.0.2.1",
        "192.168.0.1",
        "198.18.0.1",
    ),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:db8::1", "2001:10::1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1"),
    *("ff0e::1", "4000::1", "5f00::1", "192.0.0.192", "::ffff:192.0.0.192", "168.63.129.16"),
)
WRITTEN = (
    *("http://example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "https:///hook"),
    *("https://user@example.org/", "https://user:pw@example.org/", "https://example.org/#fragment", "//example.org/"),
    *("https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://10.0.0.1/", "https://0.0.0.0/"),
    *("https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://[64:ff9b::7f00:1]/"),
    *("https://example.org\\@127.0.0.1/", "https://example.org:0/", "https://example.org:70000/", "https://[::1/"),
    *("http://127.0.0.1:8000/", "http://localhost/", "javascript:alert(1)", "https://?x"),
)
# Ways of writing 127.0.0.1 that a resolver understands, although no parser of addresses does.
SPELT = ("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "localhost", "LOCALHOST.", "127.0.0.1.")


class Watched(AsyncNetworkBackend):
    """Counts the connections that are really made, and makes them to a receiver on this machine instead."""

    def __init__(self, port: int = 0, refuses: Sequence[str] = ()) -> None:
        self.asked: list[str] = []
        self.port = port
        self.refuses = refuses
        self._real = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as the library calls it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        self.asked.append(host)
        if host in self.refuses:
            raise httpcore.ConnectError("refused")
        return await self._real.connect_tcp("127.0.0.1", self.port or port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds)


def resolver(*answers: Sequence[str]) -> Any:
    """Answers with these addresses, the last of them for ever."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side of TLS for hooks.example, and a client's that trusts its certificate."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=hooks.example")
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=10))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder: Path = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return theirs, ssl.create_default_context(cafile=str(folder / "cert.pem"))


@pytest.mark.parametrize("address", WITHIN)
async def test_a_name_that_leads_inside_is_not_connected_to(address: str) -> None:
    watched = Watched()
    sender = Sender(Reach(), resolve=resolver([address]), connect=watched)
    tried = await sender.send("https://hooks.example/", {}, b"{}")
    assert (tried.outcome, watched.asked) == (Outcome.FORBIDDEN, [])
    assert address.split("%")[0] not in str(tried.error), "nobody learns what a name of the inside means"


@pytest.mark.parametrize("url", WRITTEN)
async def test_an_address_that_is_written_so_is_neither_taken_nor_asked(url: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        check_url(url, Reach())
    assert refused.value.code == "webhook_url_unusable"
    watched = Watched()
    tried = await Sender(Reach(), resolve=resolver(["127.0.0.1"]), connect=watched).send(url, {}, b"{}")
    assert (tried.outcome is Outcome.DELIVERED, watched.asked) == (False, [])


@pytest.mark.parametrize("host", SPELT)
async def test_other_spellings_of_this_machine_are_looked_up_and_refused(host: str) -> None:
    watched = Watched()
    tried = await Sender(Reach(), connect=watched).send(f"https://{host}/", {}, b"{}")
    assert (tried.outcome in (Outcome.FORBIDDEN, Outcome.UNREACHABLE), watched.asked) == (True, [])


async def test_of_a_name_with_two_addresses_the_public_one_alone_is_asked(receiver: Receiver) -> None:
    for found in (["127.0.0.1", PUBLIC], [PUBLIC, "10.0.0.7"], ["::1", PUBLIC, "169.254.169.254"]):
        watched = Watched(receiver.port, refuses=[PUBLIC])
        sender = Sender(Reach(), resolve=resolver(found), connect=watched)
        assert (await sender.send("https://hooks.example/", {}, b"{}")).outcome is Outcome.UNREACHABLE
        assert watched.asked == [PUBLIC], "also when it does not answer"


async def test_a_name_that_changes_is_connected_to_where_it_was_looked_at() -> None:
    """It is looked up once for each try: what it means when the connection is made is never asked."""
    looked: list[str] = []

    async def changes(host: str, _port: int) -> Sequence[str]:
        looked.append(host)
        return [PUBLIC] if len(looked) == 1 else ["127.0.0.1"]

    watched = Watched(refuses=[PUBLIC])
    sender = Sender(Reach(), resolve=changes, connect=watched)
    assert (await sender.send("https://hooks.example/", {}, b"{}")).outcome is Outcome.UNREACHABLE
    assert (watched.asked, looked) == ([PUBLIC], ["hooks.example"])
    assert (await sender.send("https://hooks.example/", {}, b"{}")).outcome is Outcome.FORBIDDEN
    assert watched.asked == [PUBLIC]


async def test_the_connection_is_made_to_an_address_and_not_to_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library under it would look a name up again: it is never given one."""
    names: list[object] = []
    real = socket.getaddrinfo

    def listening(host: Any, *rest: Any, **more: Any) -> Any:
        names.append(host)
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", listening)
    async with receiving() as receiver:
        tried = await Sender(LOOPBACK).send(f"http://localhost:{receiver.port}/hook", {}, b"{}")
    assert tried.outcome is Outcome.DELIVERED
    assert names.count("localhost") == 1


async def test_the_name_is_in_host_and_in_the_handshake_and_its_certificate_is_asked_for(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    theirs, ours = tls
    shown: list[str | None] = []
    theirs.sni_callback = lambda _socket, name, _context: shown.append(name)
    async with receiving(theirs) as receiver:
        watched = Watched(receiver.port)
        sender = Sender(Reach(), resolve=resolver([PUBLIC]), connect=watched, context=ours)
        tried = await sender.send("https://hooks.example/there?a=1", {"webhook-id": "7"}, b"{}")
        assert (tried.outcome, tried.status, tried.error) == (Outcome.DELIVERED, 204, None)
        (got,) = receiver.got
        assert (got.path, got.headers["host"], got.headers["webhook-id"]) == ("/there?a=1", "hooks.example", "7")
        assert (shown, watched.asked) == (["hooks.example"], [PUBLIC])
        other = await sender.send("https://other.example/", {}, b"{}")
        assert (other.outcome, other.error) == (Outcome.UNREACHABLE, "its certificate is not trusted")
        stranger = Sender(Reach(), resolve=resolver([PUBLIC]), connect=watched)
        assert (await stranger.send("https://hooks.example/", {}, b"{}")).error == "its certificate is not trusted"
    assert len(receiver.got) == 1


async def test_no_redirect_is_followed(receiver: Receiver) -> None:
    async with receiving() as inside:
        for status in (301, 302, 303, 307, 308):
            receiver.says(status, Location=inside.url)
            tried = await Sender(LOOPBACK).send(receiver.url, {}, b"{}")
            assert (tried.outcome, tried.status) == (Outcome.REFUSED, status)
        assert (len(receiver.got), inside.connections) == (5, 0)


async def test_no_proxy_is_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert (await Sender(LOOPBACK).send(receiver.url, {}, b"{}")).outcome is Outcome.DELIVERED
        assert (len(receiver.got), proxy.connections) == (1, 0)


@pytest.mark.parametrize(
    ("answer", "drip"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: more\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65_536),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"\x00" * 65_536),
    ],
    ids=["a byte at a time", "headers without end", "one header without end", "never more than 100", "no HTTP"],
)
async def test_an_answer_without_end_is_left_in_bounded_time_and_size(
    receiver: Receiver, answer: bytes, drip: bytes
) -> None:
    receiver.answer, receiver.drip = answer, drip
    began = time.monotonic()
    tried = await Sender(LOOPBACK, seconds=0.5).send(receiver.url, {}, b"{}")
    assert tried.outcome is Outcome.UNREACHABLE
    assert tried.status is None
    assert time.monotonic() - began < 30, "far below, unless the machine stands still"
    assert receiver.sent < 16_000_000


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_of_an_endless_body_nothing_is_read(receiver: Receiver, encoding: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nTransfer-Encoding: chunked\r\n\r\n"
    receiver.answer, receiver.drip = head.encode(), b"10000\r\n" + b"\x1f" * 65_536 + b"\r\n"
    tried = await Sender(LOOPBACK).send(receiver.url, {}, b"{}")
    assert (tried.outcome, tried.status) == (Outcome.DELIVERED, 200)
    assert receiver.sent < 16_000_000


async def test_who_never_answers_and_who_is_not_there_are_left(receiver: Receiver) -> None:
    receiver.silent = True
    tried = await Sender(LOOPBACK, seconds=0.3).send(receiver.url, {}, b"{}")
    assert (tried.outcome, tried.error) == (Outcome.UNREACHABLE, "there was no answer in time")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    tried = await Sender(LOOPBACK).send(f"http://127.0.0.1:{port}/", {}, b"{}")
    assert (tried.outcome, tried.error) == (Outcome.UNREACHABLE, "there was no connection")


async def test_a_name_that_nobody_knows_or_that_is_looked_up_without_end_is_left() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def never(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(3600)
        return []

    tried = await Sender(Reach(), resolve=unknown).send("https://hooks.example/", {}, b"{}")
    assert (tried.outcome, tried.error) == (Outcome.UNREACHABLE, "the host's name is not known")
    tried = await Sender(Reach(), resolve=never, seconds=0.2).send("https://hooks.example/", {}, b"{}")
    assert tried.error == "there was no answer in time"


async def test_names_are_looked_up_in_threads_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a few slow servers for names would keep every other work that waits for a thread."""
    answering, threads = threading.Event(), set[str]()

    def slow(*_args: Any, **_more: Any) -> Any:
        threads.add(threading.current_thread().name)
        answering.wait(60)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    sender = Sender(Reach(), seconds=60)
    asked = [asyncio.create_task(sender.send("https://hooks.example/", {}, b"{}")) for _ in range(32)]
    while len(threads) < len(asked):  # noqa: ASYNC110  # threads tell no loop
        await asyncio.sleep(0.01)
    assert await asyncio.to_thread(lambda: "free") == "free"
    answering.set()
    await asyncio.gather(*asked)
    assert all(each.startswith("webhook-names") for each in threads)


async def test_networks_that_the_operator_names_are_sent_to() -> None:
    watched = Watched(refuses=["10.20.0.7"])
    sender = Sender(Reach(["10.20.0.0/16"]), resolve=resolver(["10.20.0.7", "10.21.0.7"]), connect=watched)
    await sender.send("https://hooks.example/", {}, b"{}")
    assert watched.asked == ["10.20.0.7"]
    with pytest.raises(RuleBroken):
        check_url("http://10.20.0.7/", Reach(["10.20.0.0/16"]))
    check_url("http://127.0.0.1:8000/", LOOPBACK)


def test_the_corpus_is_of_addresses() -> None:
    assert all(ipaddress.ip_address(each.partition("%")[0]) for each in WITHIN)
