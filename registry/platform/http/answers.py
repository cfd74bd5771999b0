"""Responses: encoded once, with ETag, Location and cache headers; 304 when the client has the current representation.

The tag is `"<version>-<8 hex>"`. `If-Match` compares the version only; `If-None-Match` compares all of it, because the
derived status and the allowed actions change without an edit.
"""

import base64
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from registry.platform.http.asgi import Receive, Scope, Send
from registry.platform.http.disposition import attachment
from registry.platform.http.forms import OtherForm
from registry.platform.http.whole_answers import BODY_FOLLOWS

ENDLESS: Final = "registry.endless"
"""In the start of an answer: it goes on until one of both ends it, and is not counted as work in the meantime."""

T = TypeVar("T")
Pieces: TypeAlias = AsyncGenerator[bytes, None]
Open: TypeAlias = Callable[[], Awaitable[Pieces]]

_encode = msgspec.json.Encoder().encode
_encode_derived = msgspec.json.Encoder(enc_hook=repr, order="deterministic").encode
_JSON = (b"content-type", b"application/json")
_CACHE = (b"cache-control", b"private, no-cache")
_NO_STORE = (b"cache-control", b"no-store")
_VARY = (b"vary", b"Authorization")
_VARY_BY_FORM = (b"vary", b"Authorization, Accept")


def entity_tag(version: int, *derived: object) -> str:
    """The ETag of a representation; `derived` are its parts that change without an edit (status, allowed actions …)."""
    digest = hashlib.sha256(_encode_derived(derived)).hexdigest()[:8]
    return f'"{version}-{digest}"'


class Rendered:
    """A finished response: what is sent, and what an idempotency record stores."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers, BODY_FOLLOWS: True}
        await send(start)
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class Answer(Generic[T]):
    """A representation to be sent. `restricted` text must not be stored by any cache.

    With a `form` it is sent in that; `varies` says that the client could have asked for another one.
    """

    __slots__ = (
        "as_of_event",
        "content",
        "etag",
        "form",
        "location",
        "next_link",
        "repeated",
        "restricted",
        "status",
        "varies",
    )

    def __init__(
        self,
        content: T,
        *,
        etag: str | None = None,
        location: str | None = None,
        next_link: str | None = None,
        status: int | None = None,
        restricted: bool = False,
        form: OtherForm | None = None,
    ) -> None:
        self.content = content
        self.form = form
        self.etag = etag
        self.location = location
        self.next_link = next_link
        self.status = status
        self.restricted = restricted
        self.as_of_event: str | None = None
        self.repeated: T | None = None
        self.varies = False

    def with_secret(self, **left_out: Any) -> "Answer[T]":
        """The same answer, with these additional members in the first response only; the stored response lacks them.

        For secrets of which the registry keeps only a hash.
        """
        self.repeated = msgspec.structs.replace(self.content, **left_out)  # type: ignore[type-var]  # content is a struct
        return self

    def render_repeated(self, scope: Scope, status: int) -> Rendered | None:
        """The response to a repeated request, where it differs from the first one."""
        if self.repeated is None:
            return None
        again = Answer(self.repeated, etag=self.etag, location=self.location, status=self.status)
        return again.render(scope, status)

    def render(self, scope: Scope, status: int) -> Rendered:
        """The finished response, with `status` unless the answer has its own."""
        headers = [_NO_STORE if self.restricted else _CACHE, _VARY]
        if self.etag is not None:
            headers.append((b"etag", self.etag.encode()))
            if scope["method"] == "GET" and unchanged(scope, self.etag):
                return Rendered(304, headers, b"")
        if self.location is not None:
            headers.append((b"location", self.location.encode()))
        if self.next_link is not None:
            headers.append((b"link", f'<{self.next_link}>; rel="next"'.encode()))
        if self.as_of_event is not None:
            headers.append((b"as-of-event", self.as_of_event.encode()))
        if status == 204:
            return Rendered(204, headers, b"")
        if self.varies:
            headers[1] = _VARY_BY_FORM
        if (other := self.form) is not None:
            made = other.make(self.content)
            body = made if isinstance(made, bytes) else _encode(made)
            headers.append((b"content-type", f"{other.media_type}{other.parameters}".encode()))
        else:
            body = _encode(self.content)
            headers.append(_JSON)
        headers.append((b"content-length", str(len(body)).encode()))
        return Rendered(self.status or status, headers, body)


def unchanged(scope: Scope, etag: str) -> bool:
    """Whether the client already has the representation with this ETag."""
    return _already_has(scope["headers"], etag)


def style_policy(style: str, form_action: str = "'none'") -> str:
    """The Content-Security-Policy of a page with this style sheet, which loads nothing and sends forms there alone."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action {form_action}; "
        "frame-ancestors 'none'"
    )


class HtmlAnswer:
    """A whole page to be sent, with its `style_policy`. `restricted` text must not be stored by any cache."""

    __slots__ = ("html", "policy", "restricted")
    media_type = "text/html"

    def __init__(self, html: str, *, policy: str, restricted: bool = False) -> None:
        self.html = html
        self.policy = policy
        self.restricted = restricted

    def render(self, _scope: Scope, status: int) -> Rendered:
        """The finished response."""
        body = self.html.encode()
        headers = [
            _NO_STORE if self.restricted else _CACHE,
            _VARY,
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", self.policy.encode()),
            (b"referrer-policy", b"no-referrer"),
            (b"content-length", str(len(body)).encode()),
        ]
        return Rendered(status, headers, body)


class CsvAnswer:
    """A table to be sent as CSV with a mark of UTF-8, as an attachment: spreadsheets read it, and browsers save it.

    Whoever makes it writes as text what a spreadsheet would run.
    """

    __slots__ = ("disposition", "table")
    media_type = "text/csv"

    def __init__(self, table: str, *, filename: str) -> None:
        self.table = table
        self.disposition = attachment(filename, self.media_type)

    def render_repeated(self, _scope: Scope, _status: int) -> None:
        """The response to a repeated request is the first one."""

    def render(self, _scope: Scope, status: int) -> Rendered:
        """The finished response."""
        body = self.table.encode("utf-8-sig")
        headers = [
            _NO_STORE,
            _VARY,
            (b"content-type", b"text/csv; header=present; charset=utf-8"),
            (b"content-security-policy", b"sandbox; default-src 'none'"),
            (b"content-disposition", self.disposition.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        return Rendered(status, headers, body)


class Content:
    """A stored file to be sent in chunks, as an attachment: browsers must save it, and not display it."""

    __slots__ = ("disposition", "media_type", "open", "restricted", "sha256", "size")

    def __init__(
        self,
        open_: Open,
        *,
        media_type: str,
        size: int,
        sha256: str,
        disposition: str,
        restricted: bool,
    ) -> None:
        self.open = open_
        self.media_type = media_type
        self.size = size
        self.sha256 = sha256
        self.disposition = disposition
        self.restricted = restricted

    def render(self, scope: Scope, status: int) -> "Rendered | Streamed":
        """The head of the response; the chunks follow when it is sent."""
        etag = f'"{self.sha256}"'
        headers = [
            _NO_STORE if self.restricted else _CACHE,
            _VARY,
            (b"etag", etag.encode()),
            (b"content-security-policy", b"sandbox; default-src 'none'"),
        ]
        if _already_has(scope["headers"], etag):
            return Rendered(304, headers, b"")
        headers += [
            (b"content-type", self.media_type.encode()),
            (b"content-length", str(self.size).encode()),
            (b"content-disposition", self.disposition.encode()),
        ]
        return Streamed(status, headers, self.open)


class Download:
    """A file that is made while it is sent, as an attachment. Its size is not known before.

    What breaks while it is made closes the connection before the end of the response, which clients take for an error.
    """

    __slots__ = ("disposition", "media_type", "open")

    def __init__(self, open_: Open, *, media_type: str, filename: str) -> None:
        self.open = open_
        self.media_type = media_type
        self.disposition = attachment(filename, media_type)

    def render(self, _scope: Scope, status: int) -> "Streamed":
        """The head of the response; the rest follows when it is sent."""
        header = "; header=present; charset=utf-8" if self.media_type == "text/csv" else ""
        headers = [
            _NO_STORE,
            _VARY,
            (b"content-type", f"{self.media_type}{header}".encode()),
            (b"content-security-policy", b"sandbox; default-src 'none'"),
            (b"content-disposition", self.disposition.encode()),
        ]
        return Streamed(status, headers, self.open)


class Streamed:
    """A response whose body is read while it is sent."""

    __slots__ = ("headers", "open", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], open_: Open) -> None:
        self.status = status
        self.headers = headers
        self.open = open_

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        if scope.get("registry.head"):
            await send(start)
        else:
            async with aclosing(await self.open()) as pieces:  # open it before the headers are sent: it may be missing
                await send(start)
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _already_has(headers: Iterable[tuple[bytes, bytes]], etag: str) -> bool:
    for name, value in headers:
        if name == b"if-none-match":
            given = [tag.strip().removeprefix("W/") for tag in value.decode("latin-1").split(",")]
            return etag in given or "*" in given
    return False
