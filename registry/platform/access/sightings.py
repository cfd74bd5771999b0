"""Who uses the registry: noted when a request is authenticated, stored in the background.

A request only looks into memory, so that nothing about it can fail or wait. Each process stores a person or service at
most once in `SEEN_EVERY` for the roles it comes in; what a process had not stored when it was killed is seen again with
the next request.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.platform.access.principals import Principal, Role

SEEN_EVERY = timedelta(minutes=5)
BATCH = 50
_MOST_KNOWN = 20_000


_NEVER = datetime(1900, 1, 1, tzinfo=UTC)


def idle_before(now: datetime, idle_days: int) -> datetime:
    """Whoever was last seen before this instant is inactive; with 0 days nobody is."""
    return now - timedelta(days=idle_days) if idle_days else _NEVER


class Sighting(Struct, kw_only=True, frozen=True):
    """A person or service that was authenticated, as its token said then."""

    principal: Principal
    seen_at: datetime


StoreSightings: TypeAlias = Callable[[Sequence[Sighting]], Awaitable[None]]
_Key: TypeAlias = tuple[UUID, str, str, frozenset[Role]]


class Sightings:
    """The sightings of this process that are not stored yet."""

    def __init__(self, store: StoreSightings) -> None:
        self._store = store
        self._noted: OrderedDict[_Key, datetime] = OrderedDict()
        self._pending: OrderedDict[_Key, Sighting] = OrderedDict()

    def note(self, principal: Principal, now: datetime) -> None:
        """Have the principal stored soon, unless that was asked for a short while ago.

        Other roles are noted at once: with them it may become one who answers for its agency.
        """
        key = (principal.agency_id, principal.issuer, principal.subject, principal.roles)
        noted = self._noted.get(key)
        if noted is not None and timedelta(0) <= now - noted < SEEN_EVERY:
            return
        self._noted[key] = now
        self._noted.move_to_end(key)
        if len(self._noted) > _MOST_KNOWN:
            forgotten, _ = self._noted.popitem(last=False)
            self._pending.pop(forgotten, None)
        self._pending[key] = Sighting(principal=principal, seen_at=now)

    async def store(self) -> None:
        """Store what is noted, a batch at a time. What cannot be stored stays noted, for the next time."""
        while self._pending:
            batch = list(self._pending.items())[:BATCH]
            await self._store([sighting for _, sighting in batch])
            for key, sighting in batch:
                if self._pending.get(key) is sighting:
                    del self._pending[key]
