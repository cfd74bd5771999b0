"""A way to a server that can fall silent: connections stay open, and nothing comes through any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.engine import make_url


class SilentWay:
    """Passes on what is sent both ways, while it is not silent."""

    def __init__(self, host: str, port: int) -> None:
        self._there = host, port
        self._open = asyncio.Event()
        self._open.set()
        self._passing: set[asyncio.Task[None]] = set()

    def fall_silent(self) -> None:
        """From now on nothing comes through."""
        self._open.clear()

    def speak(self) -> None:
        """Let through what waits, and what comes."""
        self._open.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect who came with the server."""
        there, to = await asyncio.open_connection(*self._there)
        for source, sink in ((reader, to), (there, writer)):
            self._passing.add(asyncio.create_task(self._pass_on(source, sink)))

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while sent := await source.read(65_536):
                await self._open.wait()
                sink.write(sent)
        finally:
            sink.close()
            with suppress(OSError):
                await sink.wait_closed()

    async def close(self) -> None:
        """Cut every connection."""
        for each in self._passing:
            each.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)  # of which some ended with their connection


@asynccontextmanager
async def silent_way(url: str) -> AsyncIterator[tuple[SilentWay, str]]:
    """A way to the database server of a URL, and the URL that leads through it."""
    there = make_url(url)
    way = SilentWay(str(there.host), int(there.port or 5432))
    server = await asyncio.start_server(way.accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield way, there.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    finally:
        server.close()
        await way.close()
