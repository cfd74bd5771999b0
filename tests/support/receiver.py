"""A receiver of webhooks on the loopback interface, which answers as it is told to, and badly if it is told so."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from msgspec import Struct

NO_CONTENT = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class Got(Struct, kw_only=True, frozen=True):
    """One message as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The CloudEvent in it."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


class Receiver:
    """What has arrived. `answer` is sent whole, `drip` after it again and again, until the other side has enough."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.connections = 0
        self.answer = NO_CONTENT
        self.drip = b""
        self.silent = False
        self.sent = 0
        self.arrived = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        """Where it takes messages."""
        return f"http://127.0.0.1:{self.port}/hook"

    def says(self, status: int, **headers: str) -> None:
        """Answer with that status from now on."""
        lines = [f"HTTP/1.1 {status} Said", "Content-Length: 0", *(f"{name}: {of}" for name, of in headers.items())]
        self.answer = "\r\n".join([*lines, "", ""]).encode()

    @property
    def types(self) -> list[str]:
        """The types of the messages that arrived, in that order."""
        return [each.event["type"] for each in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip("\r\n").split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.got.append(Got(path=first.split(" ")[1], headers=headers, body=body))
            self.arrived.set()
            if self.silent:
                await reader.read()
            writer.write(self.answer)
            await writer.drain()
            while self.drip:
                writer.write(self.drip)
                self.sent += len(self.drip)
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
