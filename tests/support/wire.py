"""Raw HTTP, byte by byte, for requests that no client library would send."""

import json
import socket
from contextlib import suppress
from typing import Any

import httpx
from msgspec import Struct


class RawAnswer(Struct, kw_only=True, frozen=True):
    """One HTTP response as it was read, without a client's tolerance for errors."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header field, None when it is absent."""
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> object:
        """The body as JSON."""
        return json.loads(self.body)


class ConnectionDropped(Exception):
    """The connection ended, or timed out, before the response was complete."""


def exchange(port: int, raw: bytes, *, timeout: float = 5.0, head: bool = False) -> RawAnswer:
    """Send bytes and read one answer. Raises ConnectionDropped when none comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        with suppress(
            BrokenPipeError, ConnectionResetError
        ):  # it may answer before it has read everything, but it must answer
            connection.sendall(raw)
        return read_answer(connection, head=head)


def read_answer(connection: socket.socket, *, head: bool = False) -> RawAnswer:
    """One answer from an open connection, interim ones (1xx) skipped. Raises ConnectionDropped when none comes."""
    try:
        with connection.makefile("rb", buffering=0) as unbuffered:
            stream = _Lines(unbuffered)
            while True:
                status, headers = _head(stream)
                if status >= 200:
                    break
            return RawAnswer(status=status, headers=headers, body=_body(stream, status, headers, head=head))
    except (OSError, TimeoutError) as error:
        raise ConnectionDropped(type(error).__name__) from error


class _Lines:
    def __init__(self, stream: "socket.SocketIO") -> None:
        self._stream = stream
        self._kept = b""

    def line(self) -> bytes:
        while b"\r\n" not in self._kept:
            self._more()
        line, self._kept = self._kept.split(b"\r\n", 1)
        return line

    def exactly(self, count: int) -> bytes:
        while len(self._kept) < count:
            self._more()
        taken, self._kept = self._kept[:count], self._kept[count:]
        return taken

    def _more(self) -> None:
        part = self._stream.read(65536)
        if not part:
            raise ConnectionDropped(f"closed after {self._kept[:80]!r}")
        self._kept += part


def _head(stream: _Lines) -> tuple[int, list[tuple[str, str]]]:
    status_line = stream.line().split(b" ", 2)
    assert status_line[0] == b"HTTP/1.1", status_line
    headers = []
    while line := stream.line():
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.lower(), value.strip()))
    return int(status_line[1]), headers


def _body(stream: _Lines, status: int, headers: list[tuple[str, str]], *, head: bool) -> bytes:
    if head or status in (204, 304):
        return b""
    fields = dict(headers)
    if fields.get("transfer-encoding") == "chunked":
        parts = []
        while size := int(stream.line(), 16):
            parts.append(stream.exactly(size))
            stream.line()
        stream.line()
        return b"".join(parts)
    return stream.exactly(int(fields["content-length"]))


async def asgi_request(app: Any, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """One JSON request to an application without a socket, for bytes that a client would re-encode."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://registry.test") as http:
        response = await http.request(method, path, content=body, headers={"content-type": "application/json"})
    return response.status_code, response.content
