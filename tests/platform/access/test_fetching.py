"""What is fetched from somebody else: within bounds, from where it may be, over TLS that is verified."""

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from registry.platform.access.fetching import Reach, body_at
from tests.support.key_server import Published, publishing


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f::1", True),
        ("64:ff9b::5db8:d70e", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("224.0.0.1", False),
        ("192.0.2.1", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::1", False),
        ("2002:5db8:d70e::1", False),
        ("2001:0:a00:1::1", False),
        ("64:ff9b:1::7f00:1", False),
        ("fec0::1", False),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("4000::1", False),
    ],
)
def test_only_addresses_of_the_public_internet_are_asked(address: str, allowed: bool) -> None:
    assert Reach().allows(address) is allowed


def test_networks_that_are_named_are_asked_too_and_no_others() -> None:
    reach = Reach(["10.20.0.0/16", "::1/128"])
    assert [reach.allows(each) for each in ("10.20.3.4", "10.21.3.4", "::1", "127.0.0.1")] == [True, False, True, False]
    assert reach.allows_url("http://localhost:8000/keys"), "this machine is named"
    assert not Reach(["10.20.0.0/16"]).allows_url("http://localhost:8000/keys")
    assert not reach.allows_url("http://10.20.3.4/keys"), "everywhere else it is https"


@pytest.fixture
def over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Published, str]]:
    """A server with a certificate for `localhost` that this process trusts."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with publishing({"keys": []}, context) as found:
        yield found


def test_a_document_is_fetched_over_tls_from_the_address_that_was_checked(
    over_tls: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = over_tls
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    looked_up: list[str] = []
    ask = socket.getaddrinfo

    def counted(host: str, *given: Any, **named: Any) -> Any:
        looked_up.append(host)
        return ask("127.0.0.1", *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    assert body_at(url, Reach(["127.0.0.0/8"])) == b'{"keys": []}'
    assert looked_up == ["localhost"], "once: a name that is looked up again may lead elsewhere"
    assert state.asked_by == [url.removeprefix("https://").removesuffix("/jwks")]
    with pytest.raises(OSError, match="may be asked"):
        body_at(url, Reach())
    assert state.asked == 1


def test_a_certificate_of_another_name_is_refused(over_tls: tuple[Published, str]) -> None:
    state, url = over_tls
    with pytest.raises(OSError, match="certificate"):
        body_at(url.replace("localhost", "127.0.0.1"), Reach(["127.0.0.0/8"]))
    assert state.asked == 0


def test_of_several_addresses_those_within_reach_are_asked(
    over_tls: tuple[Published, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url = over_tls
    port = int(url.rpartition(":")[2].partition("/")[0])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in ("10.0.0.1", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_given, **_named: found)
    assert body_at(url, Reach(["127.0.0.0/8"]))
    assert ipaddress.ip_address("10.0.0.1").is_private
