"""Pages and files that do not change while the process runs: compressed once, with an ETag and 304.

Only public content without user data may be answered this way: when a response contains both secrets and input of an
attacker, its compressed length reveals the secrets.
"""

import gzip
import hashlib
from functools import cached_property

from registry.platform.http.answers import Rendered, unchanged
from registry.platform.http.asgi import Scope
from registry.platform.http.requests import header_values

_LEAST_COMPRESSED = 1024  # bytes; a smaller answer fits into one packet anyway


class Fixed:
    """One such page, with additional `headers`."""

    def __init__(
        self, body: bytes, media_type: str, headers: dict[str, str] | None = None, *, varies: bool = False
    ) -> None:
        """`varies` says that the address has another page for whoever asks for another media type."""
        self._plain = body
        self._vary = b"Accept, Accept-Encoding" if varies else b"Accept-Encoding"
        self._headers = [(b"content-type", media_type.encode())]
        self._headers += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]

    @cached_property
    def _compressed(self) -> bytes:
        return gzip.compress(self._plain, compresslevel=9, mtime=0)

    @cached_property
    def _hash(self) -> str:
        return hashlib.sha256(self._plain).hexdigest()[:32]

    def answer(self, scope: Scope) -> Rendered:
        """The page, compressed with gzip if the client accepts it; 304 when the client has it."""
        compress = len(self._plain) >= _LEAST_COMPRESSED and _takes_gzip(scope)
        etag = f'"{self._hash}-gzip"' if compress else f'"{self._hash}"'
        headers = [
            (b"cache-control", b"public, no-cache"),  # may be cached, but must be revalidated
            (b"etag", etag.encode()),
            (b"vary", self._vary),
        ]
        if unchanged(scope, etag):
            return Rendered(304, headers, b"")
        body = self._compressed if compress else self._plain
        if compress:
            headers.append((b"content-encoding", b"gzip"))
        return Rendered(200, [*headers, *self._headers, (b"content-length", str(len(body)).encode())], body)


def _takes_gzip(scope: Scope) -> bool:
    """Whether `Accept-Encoding` accepts gzip (RFC 9110, 12.5.3); a weight of 0 means that it does not."""
    weights: dict[str, bool] = {}
    for value in header_values(scope, b"accept-encoding"):
        for part in value.decode("latin-1").lower().split(","):
            coding, *parameters = (piece.strip() for piece in part.split(";"))
            weights[coding] = not any(p.startswith("q=") and not p[2:].strip("0.") for p in parameters)
    return weights.get("gzip", weights.get("*", False))
