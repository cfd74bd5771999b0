"""What `registry doctor` finds of mail: whether the mail server takes letters from this service."""

from collections.abc import AsyncIterator
from ipaddress import ip_address

from registry.cli.findings import Finding, failure, ok, warning
from registry.platform.mail.sending import Mailer, NotSentError
from registry.platform.settings import MailServer, Settings

_ABOUT = "mail"


async def examine_mail(settings: Settings) -> AsyncIterator[Finding]:
    """Connects and signs in as for a letter, and sends none."""
    server = settings.mail
    if settings.copy:
        yield warning(
            _ABOUT,
            "kept in, since this is said to be a copy of a registry that serves elsewhere (REGISTRY_COPY)",
            "unset REGISTRY_COPY where this one is to serve",
        )
        return
    if server is None:
        yield ok(_ABOUT, "off: people are told nothing by mail (REGISTRY_MAIL_SERVER)")
        return
    where = f"{server.host}:{server.port}"
    try:
        await Mailer(server, settings.public_url).probe()
    except NotSentError as error:
        yield failure(_ABOUT, f"{where}: {error}", "correct the REGISTRY_MAIL_… settings, or mend the mail server")
        return
    signed_in = "signs in" if server.user else "needs no sign-in"
    yield ok(_ABOUT, f"{where} is reached ({server.security}) and {signed_in}; letters come from {server.sender}")
    if server.security == "none" and not _is_here(server):
        yield warning(
            _ABOUT,
            f"letters go to {where} in the clear, where others on the way can read them",
            "set REGISTRY_MAIL_SECURITY to starttls or tls",
        )


def _is_here(server: MailServer) -> bool:
    try:
        return ip_address(server.host).is_loopback
    except ValueError:
        return server.host == "localhost"
