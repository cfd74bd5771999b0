"""What waits for its client: bodies that are on their way, and who may have how many of them.

To wait costs no work, so it is not counted as such (`InFlight`): whoever sends slowly keeps nobody else out. It costs
memory and a connection, and these are bounded for each holder – the agency once the caller is known, the address
before that – and for all together. Where a bound is passed, the body that its holder let wait longest gives way: an
ordinary one is there a moment after its headers, so that those who only hold on displace each other.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

STOPPING_SECONDS: Final = 3.0
MOST_OF_ONE: Final = 64
"""How many bodies of one holder may be awaited in a process."""
MOST: Final = 4_096
"""How many of all holders together."""
MOST_BYTES: Final = 67_108_864
"""How many bytes of unfinished bodies are kept, or those of sixteen of the largest bodies if that is more."""
SHARE_OF_ONE: Final = 4
"""One holder may have this part of the bytes: a quarter."""


class InFlight:
    """How many requests are worked on at once. Those that wait for their client are not."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.now = 0

    @property
    def is_full(self) -> bool:
        """Whether one more is too many."""
        return self.now >= self._most


class ClientBudget:
    """How long a client may let the service wait for one request and the beginning of its answer.

    It begins with the connection, and again after each answer. Time in which the service works is not counted. To be
    idle before a request costs at most half of it, so that a connection which was kept open still serves.
    """

    def __init__(self, seconds: float, now: float) -> None:
        self._seconds = seconds
        self.begin(now)

    def begin(self, now: float) -> None:
        """Wait for the next request."""
        self._before = 0.0
        self._since: float | None = now

    def request_begins(self, now: float) -> None:
        """The first byte of a request is there."""
        if self._since is not None:
            self._since = max(self._since, now - self._seconds / 2)

    def hold(self, now: float) -> None:
        """The request is whole: from here on its client waits."""
        self._before, self._since = self.used(now), None

    def used(self, now: float) -> float:
        """How long the service has waited for the client."""
        return self._before + (0.0 if self._since is None else now - self._since)

    def left(self, now: float) -> float:
        """How long it still waits."""
        return max(0.0, self._seconds - self.used(now))


class Awaited:
    """A body that is on its way."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        self.bytes = 0
        self.gave_way = False
        self.wait: asyncio.Timeout | None = None


class Bodies:
    """The bodies that are awaited; all waits end early when the service is to end."""

    def __init__(self, largest_body: int) -> None:
        self._most_bytes = max(MOST_BYTES, 16 * largest_body)
        self._of: dict[str, dict[Awaited, None]] = {}  # of each holder, the longest awaited first
        self.awaited = 0
        self.bytes = 0
        self._waits: set[asyncio.Timeout] = set()
        self._latest: float | None = None

    @property
    def stopping(self) -> bool:
        """Whether the service is to end."""
        return self._latest is not None

    def stop(self) -> None:
        """Let every wait, those of later requests too, end in a moment."""
        self._latest = asyncio.get_running_loop().time() + STOPPING_SECONDS
        for wait in self._waits:
            when = wait.when()
            _end(wait, self._latest if when is None else min(when, self._latest))

    @asynccontextmanager
    async def wait(self, seconds: float, body: Awaited | None = None) -> AsyncIterator[None]:
        """Raises TimeoutError when the block takes longer, the body gives way, or the service is to end."""
        at = asyncio.get_running_loop().time() + max(seconds, 0)
        async with asyncio.timeout_at(at if self._latest is None else min(at, self._latest)) as wait:
            self._waits.add(wait)
            if body is not None:
                body.wait = wait
            try:
                yield
            finally:
                self._waits.discard(wait)
                if body is not None:
                    body.wait = None

    def expect(self, holder: str) -> Awaited:
        """Count one more body of the holder until `forget`."""
        body = Awaited(holder)
        self._of.setdefault(holder, {})[body] = None
        self.awaited += 1
        if self._is_too_much(holder):  # what is there already is read before this is called, and makes nobody give way
            asyncio.get_running_loop().call_soon(self._make_room, holder)
        return body

    def keep(self, body: Awaited, size: int) -> None:
        """Count bytes of the body that are kept until it is whole; afterwards it may have given way."""
        if not body.gave_way:
            body.bytes += size
            self.bytes += size
            self._make_room(body.holder)

    def forget(self, body: Awaited) -> None:
        """The body is whole, or no longer awaited."""
        if body not in self._of.get(body.holder, ()):  # it gave way, and is counted no more
            return
        del self._of[body.holder][body]
        self.awaited -= 1
        self.bytes -= body.bytes
        if not self._of[body.holder]:
            del self._of[body.holder]

    def _is_too_much(self, holder: str) -> bool:
        return self._has_too_much(holder) or self.awaited > MOST or self.bytes > self._most_bytes

    def _has_too_much(self, holder: str) -> bool:
        held = self._of.get(holder, {})
        if len(held) > MOST_OF_ONE:
            return True
        return self.bytes * SHARE_OF_ONE > self._most_bytes and _size(held) * SHARE_OF_ONE > self._most_bytes

    def _make_room(self, holder: str) -> None:
        while self._has_too_much(holder):
            self._give_way(holder)
        while self.awaited > MOST:
            self._give_way(max(self._of, key=lambda each: len(self._of[each])))
        while self.bytes > self._most_bytes:
            self._give_way(max(self._of, key=lambda each: _size(self._of[each])))

    def _give_way(self, holder: str) -> None:
        body = next(iter(self._of[holder]))
        self.forget(body)
        body.gave_way = True
        if body.wait is not None:
            _end(body.wait, asyncio.get_running_loop().time())


def address_holder(address: str) -> str:
    """Who holds what comes from an address: it, or its /64 in version 6, of which one machine has all addresses."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(IPv6Network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address


def _size(held: dict[Awaited, None]) -> int:
    return sum(body.bytes for body in held)


def _end(wait: asyncio.Timeout, at: float) -> None:
    if not wait.expired():  # an expiring one can no longer be changed
        wait.reschedule(at)
