"""The key sets that clients publish at an address of their own (`jwks_uri`): fetched when an assertion needs them.

They are fetched and kept by the code for the keys of token issuers. What differs is who names the address: an agency,
so that it is asked within `Reach` alone, and in turns, so that a server that takes its time delays its own agency.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.platform.access.fetching import Reach, body_at
from registry.platform.access.key_sets import KeySet
from registry.platform.access.keys import Keys
from registry.platform.files.turns import Turns
from registry.platform.http.health import ClientKeysHealth, IssuerStatus
from registry.platform.issuers import Issuer
from registry.platform.kernel.errors import Busy

MOST_PUBLISHED: Final = 20
"""How many keys a published set may have."""
OLDEST_SECONDS: Final = 86_400.0
"""How old a set may be that cannot be fetched any more: what its owner has withdrawn meanwhile is in it as well."""
_AT_ONCE = 4
_PATIENCE_SECONDS = 3.0
_MOST_KNOWN = 500
_SHOWN_SECONDS = 3_600.0


class _Known(Struct, kw_only=True):
    """The keys of one credential, and when they were last needed."""

    keys: Keys
    asked: float


class PublishedKeys:
    """The sets that were needed last, of each process its own."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self.reach = Reach(networks)
        self._known: OrderedDict[UUID, _Known] = OrderedDict()
        self._turns = Turns(_AT_ONCE, patience=_PATIENCE_SECONDS)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="client-keys")
        self._running: set[asyncio.Task[bytes]] = set()

    async def of(self, credential_id: UUID, agency_id: UUID, uri: str, header: Mapping[str, Any]) -> KeySet:
        """The keys that are published there; fetched before where that is due, or this header names none of them.

        At most every ten seconds, and for three at most. Where it fails, the keys that are known are the answer.
        """
        keys = self._keys(credential_id, agency_id, uri)
        if keys.is_due or keys.find(header) is None:
            await keys.refresh_for_unknown()
        return keys.key_set if keys.age_seconds <= OLDEST_SECONDS else KeySet()

    def health(self) -> ClientKeysHealth:
        """How it stands with the sets that were needed within the last hour; nobody's name is told."""
        since = time.monotonic() - _SHOWN_SECONDS
        found = Counter(each.keys.health.status for each in self._known.values() if each.asked >= since)
        return ClientKeysHealth(
            ok=found[IssuerStatus.OK], stale=found[IssuerStatus.STALE], no_keys=found[IssuerStatus.NO_KEYS]
        )

    def _keys(self, credential_id: UUID, agency_id: UUID, uri: str) -> Keys:
        known = self._known.get(credential_id)
        if known is None:

            async def fetch() -> bytes:
                return await self._fetched(agency_id, uri)

            named = Issuer(issuer=f"client credential {credential_id}", jwks_uri=uri)
            known = self._known[credential_id] = _Known(keys=Keys(named, fetch), asked=0.0)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(credential_id)
        known.asked = time.monotonic()
        return known.keys

    async def _fetched(self, agency_id: UUID, uri: str) -> bytes:
        """The set. Who no longer waits for it leaves the turn to the fetch, which has its thread until it ends."""
        running = asyncio.create_task(self._in_turn(agency_id, uri))
        self._running.add(running)
        running.add_done_callback(self._ended)
        return await asyncio.shield(running)

    def _ended(self, running: asyncio.Task[bytes]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()  # where nobody waits any more, nobody else would look at it

    async def _in_turn(self, agency_id: UUID, uri: str) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            async with self._turns.turn(agency_id):
                return await loop.run_in_executor(self._threads, fetch_published, uri, self.reach)
        except Busy:
            raise TimeoutError("other key sets of its agency are being fetched, and take long") from None


def fetch_published(uri: str, reach: Reach) -> bytes:
    """The set at that address. Raises ValueError for what is none, or has too many keys, and for an unsafe address."""
    if not reach.allows_url(uri):
        raise ValueError("its jwks_uri must be https")
    body = body_at(uri, reach)
    document = msgspec.json.decode(body)
    listed = document.get("keys") if isinstance(document, dict) else None
    if isinstance(listed, list) and len(listed) > MOST_PUBLISHED:
        raise ValueError(f"more than {MOST_PUBLISHED} keys")
    return body
