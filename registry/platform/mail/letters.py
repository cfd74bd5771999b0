"""One letter as it goes out (RFC 5322): plain text in UTF-8, to one address, known by programs as a program's.

Automatic answers to it, and filters that answer, would make two machines write to each other for ever: its header says
that it was generated (RFC 3834), and its id is the letter's own, so that one that is sent again is the same letter.
"""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import Meta, Struct

_IN_ASCII = SMTP.clone(cte_type="7bit")
"""Every server on the way takes that, also one that does not speak 8BITMIME."""
ADDRESS_PATTERN = (
    r"\A[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,63}){0,8}"
    r"@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?){1,8}\Z"
)
"""What every mail server takes: neither quotes nor comments, neither blanks nor ends of lines, and a full domain."""

MailAddress = Annotated[
    str,
    Meta(
        min_length=6,
        max_length=254,
        pattern=ADDRESS_PATTERN,
        extra={"form": "one plain address such as desk@agency.example, in ASCII, without a name beside it"},
        description="An address for mail, as every server takes it (RFC 5321), without a name beside it.",
        examples=["dispatch.desk@lakeside.example"],
    ),
]


class Letter(Struct, kw_only=True, frozen=True):
    """What is written to whom. `stop_url` is where one click ends all such letters; null where none will follow."""

    id: UUID
    to: str
    subject: str
    text: str
    stop_url: str | None


def normalised(address: str) -> str:
    """The address in the one form in which it is kept and compared: a domain has no capitals."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def written(letter: Letter, *, sender: str, public_url: str, now: datetime) -> EmailMessage:
    """The message. Raises ValueError where a header would have a second line: nobody adds a header by a name."""
    message = EmailMessage(policy=_IN_ASCII)
    message["From"] = Address("Registry", addr_spec=sender)
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = letter.subject
    message["Date"] = now
    message["Message-ID"] = f"<{letter.id}@{urlsplit(public_url).hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Precedence"] = "bulk"
    message["X-Auto-Response-Suppress"] = "All"
    if letter.stop_url is not None:
        message["List-Unsubscribe"] = f"<{letter.stop_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.text, charset="utf-8")
    return message
