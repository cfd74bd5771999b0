"""Letters over SMTP to a real server: secured, signed in, to one address, never with a header that a name brings."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from registry.cli.examining.mail import examine_mail
from registry.cli.findings import Finding, Grade
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.mail.letters import Letter, written
from registry.platform.mail.sending import Mailer, NotSentError, Outcome
from registry.platform.mail.signing import MailKey, recipient_in
from registry.platform.settings import MailServer, Settings, SettingsError, load
from tests.support.mail_server import PASSWORD, URL, USER, Post, mail_server, sending_by, text_of
from tests.support.server import environment, free_port

pytestmark = pytest.mark.one_database

NOW = datetime(2099, 7, 4, 12, tzinfo=UTC)
LETTER = Letter(
    id=UUID(int=7), to="desk@lakeside.example", subject="Two things – wait", text="Señor …\n", stop_url=None
)


def server_at(port: int, **other: str) -> MailServer:
    plain = MailServer(
        host="127.0.0.1", port=port, security="none", user="", password="", ca_file="", sender="registry@county.example"
    )
    return replace(plain, **other)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's side of TLS with a certificate of its own, and the file that a client trusts it by."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=mail.test")
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(utc_now() + timedelta(days=10))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    trusted, private = folder / "ca.pem", folder / "key.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, str(trusted)


async def sent(server: MailServer, post: Post) -> str:
    """What arrives of the letter."""
    await Mailer(server, URL).send(LETTER, NOW)
    return text_of(post.letters[-1])


async def test_a_letter_arrives_as_it_was_written() -> None:
    with mail_server() as (post, port):
        assert await sent(server_at(port), post) == "Señor …\n"
    (letter,) = post.letters
    assert str(letter["Subject"]) == "Two things – wait"
    assert str(letter["Date"]) == "Sat, 04 Jul 2099 12:00:00 +0000"
    assert str(letter["Message-ID"]).strip() == "<00000000-0000-0000-0000-000000000007@registry.example>"
    assert post.raw[-1].isascii(), "every server takes it"


async def test_a_server_may_ask_for_tls_and_for_who_one_is(certificate: tuple[ssl.SSLContext, str]) -> None:
    context, trusted = certificate
    known = {"user": USER, "password": PASSWORD, "ca_file": trusted}
    with mail_server(starttls=context, asks_who=True) as (post, port):
        assert await sent(server_at(port, security="starttls", **known), post)
        with pytest.raises(NotSentError, match=r"refuses the sign-in \(535\)") as refused:
            await sent(server_at(port, security="starttls", **{**known, "password": "another"}), post)
        assert refused.value.outcome is Outcome.UNREACHABLE
    with mail_server(tls=context) as (other, port):
        assert await sent(server_at(port, security="tls", ca_file=trusted), other)
    assert post.was_secure == [True]
    assert len(other.letters) == 1


async def test_nothing_is_said_to_a_server_without_tls_or_with_a_certificate_that_is_not_trusted(
    certificate: tuple[ssl.SSLContext, str],
) -> None:
    context, _ = certificate
    with mail_server() as (plain, port), pytest.raises(NotSentError) as refused:
        await sent(server_at(port, security="starttls"), plain)
    assert refused.value.outcome is Outcome.UNREACHABLE
    for security, server in (("starttls", mail_server(starttls=context)), ("tls", mail_server(tls=context))):
        with server as (post, port), pytest.raises(NotSentError, match="certificate is not trusted"):
            await sent(server_at(port, security=security), post)
        assert post.letters == []
    assert plain.letters == []


async def test_what_the_server_says_decides_whether_it_is_tried_again() -> None:
    with mail_server() as (post, port):
        for said, outcome in (("450 later", Outcome.DEFERRED), ("550 unknown", Outcome.REFUSED)):
            post.refuse[LETTER.to] = said
            mailer = Mailer(server_at(port), URL)
            with pytest.raises(NotSentError) as refused:
                await mailer.send(LETTER, NOW)
            assert refused.value.outcome is outcome
            assert LETTER.to not in str(refused.value)
            assert mailer.tried == {outcome: 1}
    with pytest.raises(NotSentError, match="no connection") as away:
        await Mailer(server_at(free_port()), URL).send(LETTER, NOW)
    assert away.value.outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize(
    "other",
    [
        {"subject": "One\r\nBcc: all@lakeside.example"},
        {"subject": "One\nBcc: all@lakeside.example"},
        {"to": "desk@lakeside.example\r\nBcc: all@lakeside.example"},
        {"to": "desk@lakeside.example, all@lakeside.example"},
        {"stop_url": "https://registry.example/\r\nBcc: all@lakeside.example"},
    ],
)
def test_nothing_brings_a_header_of_its_own(other: dict[str, str]) -> None:
    with pytest.raises((ValueError, IndexError)):
        written(replace(LETTER, **other), sender="registry@county.example", public_url=URL, now=NOW).as_bytes()


def test_a_code_and_a_link_are_of_one_letter_one_person_and_one_address() -> None:
    key, other = MailKey(b"k" * 32), MailKey(b"o" * 32)
    letter, person = new_id(), new_id()
    code, token = key.code(letter, "a@lakeside.example"), key.stop_token(person, "a@lakeside.example")
    assert key.is_code(f" {code.lower()} ", letter, "a@lakeside.example")
    assert recipient_in(token) == person
    assert key.is_stop_token(token, person, "a@lakeside.example")
    for wrong in (
        key.code(new_id(), "a@lakeside.example"),
        key.code(letter, "b@lakeside.example"),
        other.code(letter, "a@lakeside.example"),
        "é" * 10,
    ):
        assert not key.is_code(wrong, letter, "a@lakeside.example")
    for who, address in ((new_id(), "a@lakeside.example"), (person, "b@lakeside.example")):
        assert not key.is_stop_token(token, who, address)
    assert not other.is_stop_token(token, person, "a@lakeside.example")
    assert [recipient_in(each) for each in ("", "x", token[:-4], token + "AAAA", "é" * 64)] == [None] * 5


# Settings, and what the doctor says.


def settings_with(tmp_path: Path, **more: str) -> Settings:
    return load(environment(f"sqlite:///{tmp_path}/one.db", tmp_path, **more))


def test_without_a_mail_server_mail_is_off(tmp_path: Path) -> None:
    assert settings_with(tmp_path).mail is None


async def test_from_a_copy_nothing_is_sent_whatever_else_is_set(tmp_path: Path) -> None:
    copy = settings_with(tmp_path, **sending_by(free_port(), REGISTRY_COPY="1"))
    assert copy.mail is None
    (kept_in,) = await found_by_the_doctor(copy)
    assert (kept_in.grade, "REGISTRY_COPY" in kept_in.said) == (Grade.WARNING, True)
    with pytest.raises(SettingsError, match="MAIL_SENDER"):  # its settings are looked at all the same
        settings_with(tmp_path, **sending_by(25, REGISTRY_COPY="1", REGISTRY_MAIL_SENDER="nobody"))


def test_a_password_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of a file\n")
    account = {"REGISTRY_MAIL_SECURITY": "starttls", "REGISTRY_MAIL_USER": "registry"}
    for more, password in (
        ({"REGISTRY_MAIL_PASSWORD": "of the environment"}, "of the environment"),
        ({"REGISTRY_MAIL_PASSWORD_FILE": str(tmp_path / "password")}, "of a file"),
    ):
        found = settings_with(tmp_path, **sending_by(2525, **account, **more)).mail
        assert found is not None
        assert (found.password, found.port, found.security) == (password, 2525, "starttls")
    bare = settings_with(tmp_path, **sending_by(1, REGISTRY_MAIL_SERVER="[::1]", REGISTRY_MAIL_SECURITY="tls")).mail
    assert bare is not None
    assert (bare.host, bare.port) == ("::1", 465)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"REGISTRY_MAIL_SERVER": ""}, "REGISTRY_MAIL_SERVER is not"),
        ({"REGISTRY_MAIL_SERVER": "smtp://mail"}, "a host and a port"),
        ({"REGISTRY_MAIL_SERVER": "mail:99999"}, "whole number"),
        ({"REGISTRY_MAIL_SENDER": "Registry <r@county.example>"}, "REGISTRY_MAIL_SENDER"),
        ({"REGISTRY_MAIL_SENDER": ""}, "REGISTRY_MAIL_SENDER"),
        ({"REGISTRY_MAIL_SECURITY": "ssl"}, "starttls, tls or none"),
        ({"REGISTRY_PUBLIC_URL": ""}, "REGISTRY_PUBLIC_URL"),
        ({"REGISTRY_MAIL_USER": "registry", "REGISTRY_MAIL_SECURITY": "tls"}, "go together"),
        ({"REGISTRY_MAIL_USER": "registry", "REGISTRY_MAIL_PASSWORD": "hunter2hunter2"}, "in the clear"),
        ({"REGISTRY_MAIL_PASSWORD_FILE": "/nowhere/at/all"}, "No such file"),
        ({"REGISTRY_MAIL_CA_FILE": "/nowhere/at/all"}, "there is no file"),
    ],
)
def test_settings_of_mail_that_contradict_one_another_stop_the_start(
    tmp_path: Path, more: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        settings_with(tmp_path, **{**sending_by(25), **more})
    assert "hunter2" not in str(refused.value)


async def found_by_the_doctor(settings: Settings) -> list[Finding]:
    return [each async for each in examine_mail(settings)]


async def test_the_doctor_connects_and_sends_nothing(tmp_path: Path) -> None:
    (off,) = await found_by_the_doctor(settings_with(tmp_path))
    assert (off.grade, off.said.startswith("off")) == (Grade.OK, True)
    with mail_server() as (post, port):
        (well,) = await found_by_the_doctor(settings_with(tmp_path, **sending_by(port)))
    assert (well.grade, post.letters) == (Grade.OK, [])
    (away,) = await found_by_the_doctor(settings_with(tmp_path, **sending_by(free_port())))
    assert away.grade is Grade.FAILURE
    assert "no connection to the mail server" in away.said
