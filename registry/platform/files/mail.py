"""Parses e-mail (RFC 5322): who wrote what to whom and when, and the names of what was attached."""

import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from html.parser import HTMLParser
from typing import BinaryIO, Final

from registry.platform.files.packages import opens_as_zip
from registry.platform.files.pieces import Found, pieces
from registry.platform.files.refusals import ambiguous, damaged
from registry.platform.files.remarks import FileRemark, Missing

MOST_PARTS = 1_000
_SHOWN: Final = ("From", "To", "Cc", "Date", "Subject")
_SEALED: Final = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_HEADER = re.compile(rb"[!-9;-~]+:")
_OF_MAIL = re.compile(rb"^(Message-ID|MIME-Version|Received|Return-Path|DKIM-Signature):", re.MULTILINE | re.IGNORECASE)


def looks_like_mail(first_bytes: bytes) -> bool:
    """Whether the file begins with headers, among them one that only e-mail has: a memo has From and To as well."""
    head = first_bytes.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return bool(_HEADER.match(head)) and bool(_OF_MAIL.search(head))


def read_mail(file: BinaryIO) -> Iterator[Found]:
    """The headers that people read, the text, and the names of attachments, which stay closed. Raises Refused."""
    if opens_as_zip(file):
        raise ambiguous("a ZIP archive")
    file.seek(0)
    try:
        message = BytesParser(policy=email.policy.default).parse(file)
        if not isinstance(message, EmailMessage) or message["from"] is None or message["date"] is None:
            raise damaged("it does not begin like an e-mail, with who sent it and when")
        parts = []
        for part in message.walk():
            parts.append(part)
            if len(parts) > MOST_PARTS:
                raise damaged("it has too many parts")
        said, attached, unread = _sorted(message, parts)
    except (LookupError, ValueError, RecursionError, AttributeError, TypeError) as error:
        raise damaged("its parts do not fit together") from error
    if attached:
        yield FileRemark.EMBEDDED_FILES
    yield from pieces("\n\n".join(said), None)
    if attached:
        yield from pieces("\n".join(attached), None)
    if unread:
        yield Missing.UNREAD


def _sorted(message: EmailMessage, parts: list[EmailMessage]) -> tuple[list[str], list[str], bool]:
    """What it says, the names of what is attached, and whether some of its text cannot be read."""
    said = ["\n".join(f"{name}: {message[name]}" for name in _SHOWN if message[name] is not None)]
    attached, unread = list[str](), any(part.get_content_type() in _SEALED for part in parts)
    body = message.get_body(preferencelist=("plain", "html"))
    for part in parts:
        if part.is_multipart() and part.get_content_type() != "message/rfc822":
            continue
        if part is body:
            said.append(_text_of(part))
        elif part.get_content_type() == "message/rfc822" or part.get_filename() or part.is_attachment():
            attached.append(f"{part.get_filename() or 'unnamed'} ({part.get_content_type()})")
        elif part.get_content_maintype() == "text" and body is None:
            said.append(_text_of(part))
    return said, attached, unread


def _text_of(part: EmailMessage) -> str:
    content = part.get_content()
    if not isinstance(content, str):
        return ""
    if part.get_content_subtype() != "html":
        return content
    reader = _Words()
    reader.feed(content)
    reader.close()
    return "".join(reader.found)


class _Words(HTMLParser):
    """The text of a web page, without scripts and styles."""

    _BREAKS = frozenset(("p", "br", "div", "tr", "li", "h1", "h2", "h3", "h4", "table", "blockquote"))
    _SILENT = frozenset(("script", "style", "head", "title"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """A block begins a line."""
        self._silent += tag in self._SILENT
        if tag in self._BREAKS:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """What was silent ends."""
        self._silent -= tag in self._SILENT and self._silent > 0

    def handle_data(self, data: str) -> None:
        """Words are kept."""
        if not self._silent:
            self.found.append(data)
