"""Publishes what everybody may hear of, in the order of the ledger, to a stream of the operator.

One process at a time does it, by a lease. That nothing is lost does not rest on it: the cursor moves once the stream
has acknowledged all up to it. A process that ends in between leaves some that are sent again under the same ids
(`Nats-Msg-Id`), which the stream leaves aside within its window for duplicates.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import sqlalchemy as sa
import structlog

from registry.platform.database.handles import Read, Write
from registry.platform.database.lease import release_lease, take_lease
from registry.platform.fan_out.messages import CONTENT_TYPE, message_of, reader_of_stream
from registry.platform.fan_out.stream import NotStoredError, Stream
from registry.platform.fan_out.tables import fan_out_cursor
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.feed import Sights, events_after
from registry.platform.ledger.tables import EVERYBODY, ledger_feed, ledger_leaf
from registry.platform.settings import NatsServer

UnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
TASK: Final = "fan_out"
LEASE: Final = timedelta(minutes=1)
"""So long nothing is published once the process is gone that did. One that stops in order gives it back."""
BATCH: Final = 100
"""Events between two steps of the cursor: as many may be sent again where a process ends."""
_BATCHES_AT_ONCE: Final = 20
LONGEST_WAIT: Final = timedelta(minutes=1)
"""After how long at most a server that failed is tried again."""

_TARGET = sa.bindparam("its_target", type_=sa.Text)
_CURSOR = sa.select(fan_out_cursor.c.after_seq).where(fan_out_cursor.c.target == _TARGET)
_BEGIN = fan_out_cursor.insert()
_MOVE = fan_out_cursor.update().where(
    fan_out_cursor.c.target == _TARGET, fan_out_cursor.c.after_seq == sa.bindparam("as_read", type_=sa.BigInteger)
)
_LAST = sa.select(sa.func.max(ledger_leaf.c.seq))
_BEHIND = sa.select(sa.func.count()).where(
    ledger_feed.c.agency_id == sa.bindparam("everybody", type_=ledger_feed.c.agency_id.type),
    ledger_feed.c.seq > _CURSOR.scalar_subquery(),
)
_log = structlog.get_logger("registry.platform.fan_out")


class FanOut:
    """Publishes what is new whenever it is run."""

    def __init__(
        self,
        read: Callable[[], Read],
        unit_of_work: UnitOfWork,
        server: NatsServer | None,
        clock: Callable[[], datetime],
        *,
        public_url: str,
        sights: Sights,
        copy: bool = False,
    ) -> None:
        """Without a server, and from a `copy`, nothing is published."""
        self._read = read
        self._work = unit_of_work
        self._server = None if copy else server
        self._stream = None if self._server is None else Stream(self._server)
        self._clock = clock
        self._public_url = public_url
        self._sights = sights
        self._reader = reader_of_stream()
        self._holder = new_id().hex
        self._held_until: datetime | None = None
        self._trouble = ""
        self._failures = 0
        self._again_at: datetime | None = None
        self.published = 0
        """Messages that the stream has acknowledged to this process."""

    @property
    def is_on(self) -> bool:
        """Whether anything is published."""
        return self._server is not None

    @property
    def _target(self) -> str:
        assert self._server is not None
        return f"{self._server.stream} {self._server.subject}"

    async def run(self) -> None:
        """Publish what is new, if no other process does; what the stream does not take waits in the ledger."""
        if self._server is None or self._stream is None:
            return
        now = self._clock()
        if self._again_at is not None and timedelta(0) < self._again_at - now <= LONGEST_WAIT:
            return
        if not await self._is_mine(now):
            self._meet("")  # the process that does it says how it goes
            return
        after = await self._begin(now)
        try:
            await self._stream.connect()
            for _ in range(_BATCHES_AT_ONCE):
                moved = await self._publish(self._server, self._stream, after)
                if moved == after:
                    break
                after = moved
        except NotStoredError as error:
            self._meet(str(error))
            self._failures += 1
            self._again_at = now + min(timedelta(seconds=2.0 ** min(self._failures, 10)), LONGEST_WAIT)
        else:
            self._meet("")
            self._failures, self._again_at = 0, None

    async def _publish(self, server: NatsServer, stream: Stream, after: int) -> int:
        """Publish the next events and move the cursor behind them; where it stands then. Raises NotStoredError."""
        heard = await events_after(self._read(), self._reader, after, BATCH, sights=self._sights, now=self._clock())
        for told in heard.events:
            body = message_of(told, self._public_url)
            await stream.store(f"{server.subject}.{told.type}", str(told.id), CONTENT_TYPE, body)
            self.published += 1
        if heard.looked_to > after:
            async with self._work() as write:
                values = {"after_seq": heard.looked_to, "moved_at": self._clock()}
                await write.run(_MOVE.values(**values), {"its_target": self._target, "as_read": after})
        return heard.looked_to

    async def _begin(self, now: datetime) -> int:
        """The cursor. A stream to which nothing was ever published begins with what happens from now on."""
        found = await self._read().value(_CURSOR, {"its_target": self._target})
        if found is not None:
            return int(found)
        async with self._work() as write:
            last = await write.value(_LAST)
            after = -1 if last is None else int(last)
            await write.run(_BEGIN, {"target": self._target, "after_seq": after, "moved_at": now})
        return after

    async def _is_mine(self, now: datetime) -> bool:
        """Whether this process publishes; the lease is renewed in time, and not at each run."""
        if self._held_until is not None and timedelta(0) < self._held_until - now - LEASE / 2 <= LEASE:
            return True
        async with self._work() as write:
            mine = await take_lease(write, TASK, self._holder, now, now + LEASE)
        self._held_until = now + LEASE if mine else None
        return mine

    def _meet(self, words: str) -> None:
        if words != self._trouble:
            if words:
                _log.warning("events are not fanned out", cause=words)
            else:
                _log.warning("events are fanned out again")
        self._trouble = words

    async def check(self) -> str:
        """`ok`, or why what is new is not published."""
        return f"events are not fanned out: {self._trouble}" if self._trouble else "ok"

    async def behind(self) -> int:
        """How many events for everybody are not published yet, of all processes; 0 while it is off."""
        if self._server is None:
            return 0
        return int(await self._read().value(_BEHIND, {"everybody": EVERYBODY, "its_target": self._target}))

    async def close(self) -> None:
        """End the connection, and let another process go on."""
        if self._stream is not None:
            await self._stream.close()
        if self._held_until is not None:
            self._held_until = None
            async with self._work() as write:
                await release_lease(write, TASK, self._holder, self._clock())
