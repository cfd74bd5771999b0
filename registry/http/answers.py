"""How answers leave: encoded once, with entity tag, location and cache rules; 304 where the caller has it already.

The tag is `"<version>-<8 hex>"`: `If-Match` compares the version, `If-None-Match` all of it, because the derived
status and the allowed actions change without an edit.
"""

import base64
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from registry.http.asgi import Receive, Scope, Send

T = TypeVar("T")
Pieces: TypeAlias = AsyncGenerator[bytes, None]
Open: TypeAlias = Callable[[], Awaitable[Pieces]]

_encode = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")
_CACHE = (b"cache-control", b"private, no-cache")
_NO_STORE = (b"cache-control", b"no-store")
_VARY = (b"vary", b"Authorization")


def entity_tag(version: int, *derived: object) -> str:
    """The tag of a representation whose derived parts are `derived` (status, allowed actions …)."""
    digest = hashlib.sha256(repr(derived).encode()).hexdigest()[:8]
    return f'"{version}-{digest}"'


class Rendered:
    """A finished answer: what goes out, and what an idempotency record keeps."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class Answer(Generic[T]):
    """A representation on its way out. `restricted` text is never stored by anybody."""

    __slots__ = ("content", "etag", "location", "next_link", "repeated", "restricted", "status")

    def __init__(
        self,
        content: T,
        *,
        etag: str | None = None,
        location: str | None = None,
        next_link: str | None = None,
        status: int | None = None,
        restricted: bool = False,
    ) -> None:
        self.content = content
        self.etag = etag
        self.location = location
        self.next_link = next_link
        self.status = status
        self.restricted = restricted
        self.repeated: T | None = None

    def told_once(self, **left_out: Any) -> "Answer[T]":
        """The same, with these members of its content in the first answer only: what is kept to be repeated lacks them.

        For secrets of which the registry keeps no more than a hash.
        """
        self.repeated = msgspec.structs.replace(self.content, **left_out)  # type: ignore[type-var]  # content is a struct
        return self

    def render_repeated(self, scope: Scope, status: int) -> Rendered | None:
        """What a repeated request is answered with, where that is not the answer itself."""
        if self.repeated is None:
            return None
        again = Answer(self.repeated, etag=self.etag, location=self.location, status=self.status)
        return again.render(scope, status)

    def render(self, scope: Scope, status: int) -> Rendered:
        """The finished answer, with `status` unless the answer has its own."""
        headers = [_NO_STORE if self.restricted else _CACHE, _VARY]
        if self.etag is not None:
            headers.append((b"etag", self.etag.encode()))
            if scope["method"] == "GET" and unchanged(scope, self.etag):
                return Rendered(304, headers, b"")
        if self.location is not None:
            headers.append((b"location", self.location.encode()))
        if self.next_link is not None:
            headers.append((b"link", f'<{self.next_link}>; rel="next"'.encode()))
        body = _encode(self.content)
        headers.append(_JSON)
        headers.append((b"content-length", str(len(body)).encode()))
        return Rendered(self.status or status, headers, body)


def unchanged(scope: Scope, etag: str) -> bool:
    """Whether whoever asks has what the tag stands for."""
    return _already_has(scope["headers"], etag)


def style_policy(style: str) -> str:
    """The Content-Security-Policy of a page that has this style sheet within itself, and nothing from anywhere."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class HtmlAnswer:
    """A whole page on its way out, under its `style_policy`. `restricted` text is never stored by anybody."""

    __slots__ = ("html", "policy", "restricted")
    media_type = "text/html"

    def __init__(self, html: str, *, policy: str, restricted: bool = False) -> None:
        self.html = html
        self.policy = policy
        self.restricted = restricted

    def render(self, _scope: Scope, status: int) -> Rendered:
        """The finished answer."""
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


class Content:
    """A kept file on its way out, piece by piece: to be stored by whoever asked, never shown by a browser."""

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
        """The answer's head; the pieces follow when it is sent."""
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


class Streamed:
    """An answer whose body is read while it goes out."""

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
            async with aclosing(await self.open()) as pieces:  # opened before the head goes out: it may not be there
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
