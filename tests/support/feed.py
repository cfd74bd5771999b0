"""Readers of the feed of events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import msgspec

from tests.support.ledger import signed_ledger
from tests.support.service import Caller, Service


async def sealed(service: Service) -> None:
    """Everything that was recorded is sealed, and seen to be by the service."""
    await signed_ledger(service)
    await service.edge.app.state.sealer.run()
    await service.edge.app.state.event_listeners.look()


async def place_now(service: Service, reader: Caller) -> str:
    """The place behind everything that the reader is told now."""
    await sealed(service)
    after = (await followed(reader))[1]
    assert after is not None
    return after


async def followed(
    reader: Caller, after: str | None = None, **query: object
) -> tuple[list[dict[str, Any]], str | None]:
    """All events behind the place, and where to go on."""
    events: list[dict[str, Any]] = []
    while True:
        given = urlencode({**query, "limit": 200, **({} if after is None else {"after": after})}, doseq=True)
        page = await reader.done("GET", f"/v1/events?{given}")
        events += page["items"]
        after = page["next_after"]
        if not page["more"]:
            return events, after


class Heard:
    """What a stream has sent, piece by piece."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = asyncio.Event()
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.may_take = asyncio.Event()
        self.may_take.set()

    async def send(self, message: Any) -> None:
        """The application sends something."""
        await self.may_take.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            for piece in message["body"].split(b"\n\n"):
                if piece:
                    self._pieces.put_nowait(piece)
            if not message.get("more_body", False):
                self.ended.set()

    async def next(self, *, also_signs_of_life: bool = False) -> dict[str, Any]:
        """The next event by its fields; an empty one for a sign of life, where these are asked for."""
        while True:
            piece = (await asyncio.wait_for(self._pieces.get(), 60)).decode()
            if piece != ":":
                found: dict[str, Any] = dict(line.split(": ", 1) for line in piece.split("\n"))
                return {**found, "data": msgspec.json.decode(found["data"])} if "data" in found else found
            if also_signs_of_life:
                return {}

    def nothing_waits(self) -> bool:
        """Whether all that was sent is read."""
        return self._pieces.empty()


@asynccontextmanager
async def listening(service: Service, caller: Caller, query: str = "", **headers: str) -> AsyncIterator[Heard]:
    """A client that takes what it is sent, and leaves at the end of the block."""
    heard, left, asked = Heard(), asyncio.Event(), False

    async def receive() -> Any:
        nonlocal asked
        if asked:
            await left.wait()
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    given = {"host": "registry", "authorization": f"Bearer {caller.token}", **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/events/stream",
        "raw_path": b"/v1/events/stream",
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("registry", 80),
    }
    running = asyncio.create_task(service.edge(scope, receive, heard.send))
    try:
        yield heard
    finally:
        left.set()
        heard.may_take.set()
        await asyncio.wait_for(running, 60)
