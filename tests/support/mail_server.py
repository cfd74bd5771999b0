"""A real mail server on the loopback interface, and the service that sends through it."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as POLICY
from pathlib import Path
from ssl import SSLContext
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from registry.platform.settings import load
from tests.support.server import environment, free_port, in_process
from tests.support.service import Service

USER, PASSWORD = "registry", "a password of the relay"
URL = "https://registry.example"
CODE = re.compile(r"^    ([A-Z0-9]{5}-[A-Z0-9]{5})$", re.MULTILINE)


class Post:
    """What has arrived, letter by letter; `refuse` holds addresses with the answer that each gets."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.envelopes: list[tuple[str, tuple[str, ...]]] = []
        self.raw: list[bytes] = []
        self.refuse: dict[str, str] = {}
        self.was_secure: list[bool] = []

    async def handle_RCPT(  # noqa: N802  # as the library calls it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take the recipient, unless it is to be refused."""
        if (said := self.refuse.get(address)) is not None:
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take the letter."""
        content = envelope.original_content
        assert content is not None
        self.raw.append(content)
        self.letters.append(BytesParser(policy=POLICY).parsebytes(content))
        self.envelopes.append((str(envelope.mail_from), tuple(envelope.rcpt_tos)))
        self.was_secure.append(session.ssl is not None)
        return "250 taken"

    def to(self, address: str) -> list[EmailMessage]:
        """The letters to that address, oldest first."""
        return [each for each in self.letters if str(each["To"]) == address]

    def code_to(self, address: str) -> str:
        """The code of the last letter to that address."""
        found = CODE.search(text_of(self.to(address)[-1]))
        assert found is not None
        return found[1]


def text_of(letter: EmailMessage) -> str:
    """What the letter says, with line feeds."""
    return str(letter.get_content()).replace("\r\n", "\n")


def _knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, said: Any) -> AuthResult:
    known = isinstance(said, LoginPassword) and (said.login, said.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=known)


@contextmanager
def mail_server(
    *, starttls: SSLContext | None = None, tls: SSLContext | None = None, asks_who: bool = False
) -> Iterator[tuple[Post, int]]:
    """A mail server in a thread, and its port."""
    post = Post()
    more: dict[str, Any] = {"authenticator": _knows, "auth_required": True} if asks_who else {}
    if starttls is not None:
        more |= {"tls_context": starttls, "require_starttls": True}
    elif tls is not None:
        more |= {"auth_require_tls": False}
    port = free_port()
    controller = Controller(post, hostname="127.0.0.1", port=port, ssl_context=tls, **more)
    controller.start()
    try:
        yield post, port
    finally:
        controller.stop()


def sending_by(port: int, **more: str) -> dict[str, str]:
    """The settings that send through the server at that port."""
    return {
        "REGISTRY_MAIL_SERVER": f"127.0.0.1:{port}",
        "REGISTRY_MAIL_SECURITY": "none",
        "REGISTRY_MAIL_SENDER": "registry@county.example",
        "REGISTRY_PUBLIC_URL": URL,
        **more,
    }


@asynccontextmanager
async def service_that_sends(database_url: str, data_dir: Path, port: int, **more: str) -> AsyncIterator[Service]:
    """The application over that database, sending through the server at that port."""
    async with in_process(load(environment(database_url, data_dir, **sending_by(port, **more)))) as service:
        yield service
