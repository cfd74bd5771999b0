"""A service that sends to a receiver on this machine, by a clock that tests move."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct

from registry.platform.database.connect import unit_of_work
from registry.platform.encryption import SecretKeys
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.commands import Event, record_many
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.feed import Sights
from registry.platform.ledger.feeding import Feed
from registry.platform.settings import load
from registry.platform.webhooks.delivering import Deliverer
from registry.platform.webhooks.sending import Sender
from tests.support.cast import Agency, Cast, inside, make_cast
from tests.support.receiver import Receiver, receiving
from tests.support.server import environment, in_process
from tests.support.service import Service

WEBHOOKS = "/v1/webhooks"
LOOPBACK = "127.0.0.1/32"


class Clock:
    """Shows the real time, moved on by what a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


class Scene(Struct, kw_only=True):
    """Agencies, a receiver, and what delivers."""

    service: Service
    cast: Cast
    receiver: Receiver
    clock: Clock
    deliverer: Deliverer

    @property
    def agency(self) -> Agency:
        """The agency that has webhooks."""
        return self.cast.assisting

    async def make(self, *types: str, **more: Any) -> dict[str, Any]:
        """A webhook of the agency."""
        new = {"name": "Dispatch (demo)", "url": self.receiver.url, "types": list(types or ("loan.*",)), **more}
        made: dict[str, Any] = await self.agency.admin.done("POST", WEBHOOKS, new)
        return made

    async def happen(
        self,
        *types: EventType,
        thing: UUID | None = None,
        agencies: tuple[UUID, ...] | None = None,
        kind: str = "loan",
        version: int = 1,
        **more: Any,
    ) -> list[UUID]:
        """Record events about one thing, by another agency, and have them sealed; their ids."""
        subject = thing or new_id()
        concerned = (self.agency.id,) if agencies is None else agencies
        events = [
            Event(
                type=type_,
                subject=(kind, subject, version + n),
                agencies=concerned,
                data={"note": f"Told {version + n} (demo)"},
                **more,
            )
            for n, type_ in enumerate(types or (EventType.LOAN_RETURNED,))
        ]
        async with unit_of_work(self.service.database) as write:
            ids = record_many(write, inside(self.cast.stranger.id), events)
        await self.service.edge.app.state.sealer.run()
        return ids

    async def deliver(self, **ahead: float) -> list[str]:
        """Do what is due, so much later; the types of the messages that arrived by it."""
        self.clock.ahead += timedelta(**ahead)
        await self.service.edge.app.state.sealer.run()
        before = len(self.receiver.got)
        for _ in range(3):
            await self.deliverer.run()
            await self.deliverer.settle()
        return self.receiver.types[before:]

    async def read(self, webhook: dict[str, Any]) -> dict[str, Any]:
        """The webhook as it stands."""
        found: dict[str, Any] = await self.agency.admin.done("GET", f"{WEBHOOKS}/{webhook['id']}")
        return found

    async def log(self, webhook: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
        """Its deliveries, oldest first."""
        path = f"{WEBHOOKS}/{webhook['id']}/deliveries"
        found = await self.agency.admin.done("GET", path, params={"sort": "created_at", **query})
        items: list[dict[str, Any]] = found["items"]
        return items

    def another(self, sender: Sender | None = None, **more: Any) -> Deliverer:
        """What delivers, as another process would have it."""
        return deliverer_of(self.service, self.clock, sender, **more)


def deliverer_of(service: Service, clock: Clock, sender: Sender | None = None, **more: Any) -> Deliverer:
    state = service.edge.app.state
    return Deliverer(
        service.database.read,
        partial(unit_of_work, service.database),
        sender or state.deliverer.sender,
        more.pop("secrets", SecretKeys(service.settings.secret_keys)),
        clock,
        public_url=service.settings.public_url,
        feed=Feed(places=state.event_feed.places, sights=more.pop("sights", Sights())),
        **more,
    )


@pytest.fixture
async def scene(private_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """Everything over a database of the test's own: what waits to be delivered is looked for globally."""
    async with receiving() as receiver:
        settings = load(environment(private_url, tmp_path, REGISTRY_WEBHOOK_NETWORKS=LOOPBACK))
        async with in_process(settings) as service:
            await service.edge.app.state.background.stop()  # the test says when something is delivered
            clock = Clock()
            yield Scene(
                service=service,
                cast=await make_cast(service),
                receiver=receiver,
                clock=clock,
                deliverer=deliverer_of(service, clock),
            )
