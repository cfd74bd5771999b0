"""A service that sends to a real mail server, and people who have something waiting for them."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.platform.mail.sending import Mailer
from registry.sharing.notices.commands.telling import Teller
from tests.support.cast import make_cast
from tests.support.loans import Partners, make_partners
from tests.support.mail_server import Post, mail_server, service_that_sends, text_of
from tests.support.service import Caller, Service

CHOICES = "/v1/me/notifications"
DESK = "desk@lakeside.example"


class Clock:
    """Shows the real time, moved on by what a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


class Scene(Struct, kw_only=True, frozen=True):
    """Two partners with an agreement, the mail server, and what tells people, by a clock that tests move."""

    service: Service
    partners: Partners
    post: Post
    clock: Clock
    teller: Teller

    @property
    def person(self) -> Caller:
        """A coordinator of the agency that lends."""
        return self.partners.assisting.coordinator

    async def tell(self, **ahead: float) -> int:
        """Do what is due, so much later; how many letters have arrived by it."""
        self.clock.ahead += timedelta(**ahead)
        before = len(self.post.letters)
        await self.service.edge.app.state.sightings.store()
        await self.teller.run()
        return len(self.post.letters) - before

    def last(self, address: str = DESK) -> str:
        """What the last letter to the address says."""
        return text_of(self.post.to(address)[-1])


def teller_of(service: Service, clock: Clock, mailer: Mailer | None = None) -> Teller:
    """What tells people, as a process of its own would have it."""
    state = service.edge.app.state
    return Teller(
        service.database.read,
        lambda: unit_of_work(service.database),
        mailer or state.mailer,
        state.mail_key,
        clock,
        state.policies,
        idle_days=service.settings.principal_idle_days,
        sources=state.inbox_sources,
    )


async def choose(person: Caller, **changes: Any) -> dict[str, Any]:
    """Choose something; the choices then."""
    etag = (await person.get(CHOICES)).headers["etag"]
    found: dict[str, Any] = await person.done("PATCH", CHOICES, changes, if_match=etag)
    return found


async def confirmed(scene: Scene, person: Caller, address: str = DESK) -> dict[str, Any]:
    """Give an address and confirm it with the code that arrives there."""
    await person.done("POST", f"{CHOICES}/give-address", {"address": address})
    await scene.tell()
    said = {"code": scene.post.code_to(address)}
    found: dict[str, Any] = await person.done("POST", f"{CHOICES}/confirm-address", said)
    return found


@pytest.fixture
def mail() -> Iterator[tuple[Post, int]]:
    """A mail server, and its port."""
    with mail_server() as running:
        yield running


@pytest.fixture
async def scene(private_url: str, tmp_path: Path, mail: tuple[Post, int]) -> AsyncIterator[Scene]:
    """Partners over a database of the test's own: who is told is counted globally."""
    post, port = mail
    async with service_that_sends(private_url, tmp_path, port) as service:
        await service.edge.app.state.background.stop()  # the test says when people are told
        partners = await make_partners(await make_cast(service))
        clock = Clock()
        yield Scene(service=service, partners=partners, post=post, clock=clock, teller=teller_of(service, clock))


@pytest.fixture
async def told(scene: Scene) -> Scene:
    """The same, with a coordinator who is told at once."""
    await confirmed(scene, scene.person)
    await choose(scene.person, rhythm="at_once")
    scene.post.letters.clear()
    return scene
