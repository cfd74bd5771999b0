"""A service whose events are fanned out to a stream of a real NATS server, made for the test and deleted after it."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import nats
import pytest
from msgspec import Struct
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from registry.app import SIGHTS
from registry.platform.database.connect import unit_of_work
from registry.platform.fan_out.publishing import FanOut
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.commands import Event, record_many
from registry.platform.ledger.event_types import EventType
from registry.platform.settings import NatsServer, load
from tests.support.cast import inside
from tests.support.server import environment, in_process
from tests.support.service import Service

URL = os.environ.get("REGISTRY_TEST_NATS_URL", "nats://127.0.0.1:4222")


class Scene(Struct, kw_only=True):
    """A service, a stream of its own, and what publishes to it."""

    service: Service
    server: NatsServer
    streams: JetStreamContext
    fan_out: FanOut
    ahead: timedelta = timedelta(0)

    async def make_stream(self) -> None:
        """The stream, as an operator makes it."""
        await self.streams.add_stream(name=self.server.stream, subjects=[f"{self.server.subject}.>"])

    async def happen(self, *types: EventType, kind: str = "agency", **more: Any) -> list[str]:
        """Record events, for everybody if nothing else is said, and have them sealed; their ids."""
        said = {"audience": "network", "agencies": (), **more}
        events = [
            Event(type=type_, subject=(kind, new_id(), 1), data={"note": "Secret (demo)"}, **said) for type_ in types
        ]
        async with unit_of_work(self.service.database) as write:
            ids = record_many(write, inside(new_id()), events)
        await self.service.edge.app.state.sealer.run()
        return [str(each) for each in ids]

    async def run(self, **ahead: float) -> None:
        """Publish what is due, so much later."""
        self.ahead += timedelta(**ahead)
        await self.fan_out.run()

    async def stored(self) -> list[tuple[dict[str, str], str, dict[str, Any]]]:
        """The messages of the stream in its order: headers, subject and event."""
        state = (await self.streams.stream_info(self.server.stream)).state
        found = []
        for number in range(1, state.last_seq + 1):
            message = await self.streams.get_msg(self.server.stream, number)
            found.append((message.headers or {}, message.subject or "", msgspec.json.decode(message.data or b"")))
        return found

    def another(self, **more: Any) -> FanOut:
        """What publishes, as another process would have it."""
        return FanOut(
            self.service.database.read,
            partial(unit_of_work, self.service.database),
            more.pop("server", self.server),
            lambda: utc_now() + self.ahead,
            public_url=self.service.settings.public_url,
            sights=SIGHTS,
            **more,
        )


@pytest.fixture
async def streams() -> AsyncIterator[JetStreamContext]:
    """What makes and reads streams of the server; skips where none runs."""
    try:
        client = await nats.connect(URL, allow_reconnect=False, connect_timeout=2)
        context = client.jetstream()
        await context.account_info()
    except (OSError, NatsError) as error:
        pytest.skip(f"no NATS server with JetStream answers at {URL} ({type(error).__name__}): nats-server -js")
    yield context
    await client.close()


@pytest.fixture
async def scene(private_url: str, tmp_path: Path, streams: JetStreamContext) -> AsyncIterator[Scene]:
    """Everything over a database of the test's own, since what is for everybody is."""
    name = f"REGISTRY-TEST-{UUID(int=new_id().int).hex[-12:]}"
    server = NatsServer(urls=(URL,), user="", password="", ca_file="", stream=name, subject=f"tests.{name}")
    async with in_process(load(environment(private_url, tmp_path))) as service:
        await service.edge.app.state.background.stop()  # the test says when something is published
        scene = Scene(service=service, server=server, streams=streams, fan_out=service.edge.app.state.fan_out)
        scene.fan_out = scene.another()
        try:
            yield scene
        finally:
            await scene.fan_out.close()
            for stream in await streams.streams_info():
                if stream.config.name == name:
                    await streams.delete_stream(name)
