"""Hands letters to the operator's mail server, each over a connection of its own."""

import ssl
from collections import Counter
from collections.abc import Awaitable
from datetime import datetime
from enum import StrEnum

import aiosmtplib

from registry.platform.mail.letters import Letter, written
from registry.platform.settings import MailServer

SEND_SECONDS = 30.0
_PERMANENT = 500


class Outcome(StrEnum):
    """What became of one try to send."""

    SENT = "sent"
    REFUSED = "refused"
    DEFERRED = "deferred"
    UNREACHABLE = "unreachable"
    NEEDLESS = "needless"


class NotSentError(Exception):
    """The letter was not taken. The words name no address and no password.

    With `UNREACHABLE` no letter can be sent now, with `DEFERRED` this one not yet, with `REFUSED` never.
    """

    def __init__(self, words: str, outcome: Outcome) -> None:
        super().__init__(words)
        self.outcome = outcome


class Mailer:
    """Sends through the server of the settings; without one, mail is off."""

    def __init__(self, server: MailServer | None, public_url: str) -> None:
        self._server = server
        self._public_url = public_url
        self.tried: Counter[Outcome] = Counter()
        """How many tries of this process came to what."""

    @property
    def is_on(self) -> bool:
        """Whether the operator named a mail server."""
        return self._server is not None

    @property
    def public_url(self) -> str:
        """Under which address links in a letter stand."""
        return self._public_url

    async def send(self, letter: Letter, now: datetime) -> None:
        """Hand one letter over. Raises NotSentError; LookupError while mail is off."""
        if self._server is None:
            raise LookupError("no mail server is named in the settings")
        message = written(letter, sender=self._server.sender, public_url=self._public_url, now=now)
        try:
            async with self._connected() as client:
                await _said(client.sendmail(self._server.sender, [letter.to], message.as_bytes()))
        except NotSentError as error:
            self.tried[error.outcome] += 1
            raise
        self.tried[Outcome.SENT] += 1

    async def probe(self) -> None:
        """Connect and sign in as for a letter, and send none. Raises NotSentError."""
        async with self._connected() as client:
            await _said(client.noop())

    def _connected(self) -> "_Connection":
        if self._server is None:
            raise LookupError("no mail server is named in the settings")
        return _Connection(self._server)


class _Connection:
    """A connection, secured and signed in; what fails before there is one is the server's trouble, not a letter's."""

    def __init__(self, server: MailServer) -> None:
        context = None
        if server.security != "none":
            context = ssl.create_default_context(cafile=server.ca_file or None)
        self._client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=context,
            timeout=SEND_SECONDS,
        )

    async def __aenter__(self) -> aiosmtplib.SMTP:
        try:
            await self._client.connect()
        except aiosmtplib.SMTPAuthenticationError as error:
            raise NotSentError(f"the mail server refuses the sign-in ({error.code})", Outcome.UNREACHABLE) from error
        except aiosmtplib.SMTPException as error:
            raise NotSentError(_words(error), Outcome.UNREACHABLE) from error
        except (OSError, ValueError) as error:  # names that no resolver takes are a ValueError
            raise NotSentError(f"no connection to the mail server: {_kind(error)}", Outcome.UNREACHABLE) from error
        return self._client

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._client.quit()
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            self._client.close()


async def _said(sending: Awaitable[object]) -> None:
    """What the server says of one letter. Raises NotSentError."""
    try:
        await sending
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [each.code for each in error.recipients]
        raise _of_code(max(codes), "the mail server does not take the address") from error
    except aiosmtplib.SMTPSenderRefused as error:
        # It is the operator's address, and the same for all letters.
        raise NotSentError(f"the mail server does not take the sender ({error.code})", Outcome.UNREACHABLE) from error
    except aiosmtplib.SMTPResponseException as error:
        raise _of_code(error.code, "the mail server does not take the letter") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise NotSentError(_words(error), Outcome.DEFERRED) from error


def _of_code(code: int, words: str) -> NotSentError:
    permanent = code >= _PERMANENT
    return NotSentError(f"{words} ({code})", Outcome.REFUSED if permanent else Outcome.DEFERRED)


def _words(error: Exception) -> str:
    """The kind of an error, which is all of it that cannot hold an address."""
    if isinstance(error, aiosmtplib.SMTPTimeoutError):
        return "the mail server does not answer in time"
    if isinstance(error, aiosmtplib.SMTPConnectError):
        return f"no connection to the mail server: {_kind(error.__cause__ or error)}"
    return f"the mail server ended the conversation: {_kind(error)}"


def _kind(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
