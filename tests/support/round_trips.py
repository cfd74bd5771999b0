"""Counts round trips between the service and PostgreSQL, with a proxy on loopback that reads the protocol.

The client waits for the server after each simple query (such as BEGIN and COMMIT), and each Sync and each Flush
message; every one of them is one round trip. Preparing a statement for the first time on a connection is one too, so
what is to be counted is done once before.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.engine import make_url

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_GONE = (asyncio.IncompleteReadError, ConnectionError)
"""One side has closed the connection, as one does that was given up."""


class RoundTrips:
    """The round trips since `forget`, each by the text of its statement."""

    def __init__(self) -> None:
        self.url = ""
        self._seen: list[str] = []

    def forget(self) -> None:
        """Start counting again."""
        self._seen.clear()

    def counted(self, *, besides: tuple[str, ...] = ()) -> list[str]:
        """The statements, in the order in which they were sent, but for those that hold words of `besides`."""
        return [sql for sql in self._seen if not any(words in sql for words in besides)]

    async def serve(
        self, client: asyncio.StreamReader, client_writer: asyncio.StreamWriter, host: str, port: int
    ) -> None:
        """One connection, passed on to the server."""
        server, server_writer = await asyncio.open_connection(host, port)
        back = asyncio.create_task(_copy(server, client_writer))
        try:
            with suppress(*_GONE):
                await self._read_along(client, client_writer, server_writer)
        finally:
            back.cancel()
            for writer in (server_writer, client_writer):
                writer.close()

    async def _read_along(
        self, client: asyncio.StreamReader, client_writer: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        prepared: dict[bytes, str] = {}
        current = "?"
        first = await client.readexactly(8)
        if first == _SSL_REQUEST:  # unencrypted, so that the proxy can read it
            client_writer.write(b"N")
            first = await client.readexactly(8)
        server.write(first + await client.readexactly(int.from_bytes(first[:4], "big") - 8))
        while True:
            head = await client.readexactly(5)
            body = await client.readexactly(int.from_bytes(head[1:], "big") - 4)
            match head[:1]:
                case b"Q":
                    self._seen.append(body.rstrip(b"\0").decode())
                case b"P":
                    name, sql, *_ = body.split(b"\0")
                    current = prepared[name] = sql.decode()
                case b"B":
                    _, name, *_ = body.split(b"\0")
                    current = prepared[name]
                case b"S" | b"H":
                    self._seen.append(" ".join(current.split()))
            server.write(head + body)


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(*_GONE):
        while chunk := await source.read(65_536):
            sink.write(chunk)
            await sink.drain()
        sink.close()


@asynccontextmanager
async def counting_round_trips(url: str) -> AsyncIterator[RoundTrips]:
    """A proxy in front of the database at `url`, reached at its own `url`, while the block lasts."""
    address = make_url(url)
    counter = RoundTrips()

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await counter.serve(reader, writer, address.host or "127.0.0.1", address.port or 5432)

    proxy = await asyncio.start_server(passed_on, "127.0.0.1", 0)
    async with proxy:
        port = proxy.sockets[0].getsockname()[1]
        counter.url = address.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        yield counter
