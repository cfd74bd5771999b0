"""Live listeners of the feed (server-sent events): one task of the process looks for all of them.

The sealer of each process knows ten times a second how far the ledger is, whichever process seals. When it is further,
one question reads what came, and those whom it may concern are woken; each then asks for what it may hear, from its own
place, by the rule of the feed. So a listener that waits costs no question and keeps no events: of one that takes slowly
nothing but its place is remembered, and a client that comes again goes on from the last place that it was given.

A listener ends with its token, or when the bearer may act no more: what takes rights away is in the ledger, too, so
that it wakes those whom it concerns. All end when the process does.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
import structlog
from msgspec import Struct
from sqlalchemy.exc import DBAPIError

from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.http.answers import ENDLESS
from registry.platform.http.asgi import Receive, Scope, Send
from registry.platform.kernel.errors import Busy, DomainError, TooManyRequests
from registry.platform.ledger.feed import FeedReader, Wanted, events_after, reader_for
from registry.platform.ledger.feeding import Feed, as_told, place_of
from registry.platform.ledger.tables import EVERYBODY, ledger_event, ledger_leaf

MOST: Final = 2_000
"""How many may listen to one process."""
MOST_OF_AGENCY: Final = 200
MOST_OF_PERSON: Final = 5
HEARTBEAT_SECONDS = 15.0
RECHECK_SECONDS = 300.0
"""After so long it is asked again in any case whether the bearer may act."""
TAKING_SECONDS = 60.0
"""One that has not taken a part of its answer by then is given up; our own server gives up sooner."""
_AT_ONCE = 100
_LOOKED_AT_ONCE = 500
_MOST_BEHIND = 10_000
"""When more than this is new, nobody looks whom it concerns, and all are woken."""
_ASKING_AT_ONCE: Final = 4
"""How many listeners ask at the same time: what wakes them all leaves the others connections to the database."""
_RIGHTS = ("access", "agency", "client", "issuer", "principal")
"""The things whose events may take away the right to listen."""

MayAct: TypeAlias = Callable[[Principal, datetime], Awaitable[bool]]
_log = structlog.get_logger("registry.platform.ledger")
_encode = msgspec.json.Encoder().encode

_NEW = (
    sa.select(ledger_leaf.c.seq, ledger_event.c.canonical)
    .join_from(ledger_leaf, ledger_event, ledger_event.c.id == ledger_leaf.c.event_id)
    .where(ledger_leaf.c.seq >= sa.bindparam("from", type_=sa.BigInteger))
    .order_by(ledger_leaf.c.seq)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_LAST = sa.select(sa.func.max(ledger_leaf.c.seq).label("seq"))


class _Audience(Struct, frozen=True):
    type: str
    audience: str
    restricted: bool
    agency_ids: list[UUID]


_audience_of = msgspec.json.Decoder(_Audience).decode


class End(StrEnum):
    """Why a stream ended; the last event of the stream says it."""

    TOKEN_EXPIRED = "token_expired"  # noqa: S105  # no secret
    MAY_NOT_ACT = "may_not_act"
    STOPPING = "stopping"
    UNAVAILABLE = "unavailable"
    SLOW = "slow"
    GONE = "gone"


class TooManyStreams(TooManyRequests):
    """The caller, or its agency, has as many streams open as it may."""

    code = "too_many_streams"


class Listener:
    """One open stream."""

    def __init__(self, principal: Principal, place: int, wanted: Wanted) -> None:
        self.principal = principal
        self.reader: FeedReader = reader_for(principal)
        self.place = place
        self.wanted = wanted
        self.woken = asyncio.Event()
        self.woken.set()  # what is there already
        self.to_check = False
        self.end: End | None = None

    def wake(self, *, check: bool = False) -> None:
        """There may be something to hear, or the right to hear it may be gone."""
        self.to_check = self.to_check or check
        self.woken.set()

    def stop(self, why: End) -> None:
        """End the stream as soon as it is not sending."""
        self.end = self.end or why
        self.woken.set()


class Listeners:
    """All who listen to this process."""

    def __init__(
        self,
        read: Callable[[], Read],
        sealed: Callable[[], int],
        feed: Feed,
        may_act: MayAct,
        now: Callable[[], datetime],
        is_stopping: Callable[[], bool],
    ) -> None:
        """`sealed` says how many events the ledger holds, as far as this process has seen."""
        self._read = read
        self._sealed = sealed
        self.feed = feed
        self._may_act = may_act
        self._now = now
        self._is_stopping = is_stopping
        self._by_agency: dict[UUID, set[Listener]] = defaultdict(set)
        self._of_person: Counter[tuple[UUID, str]] = Counter()
        self._seen: int | None = None
        self._floor = 0
        self._places: dict[UUID, int] = {}
        self._asking = asyncio.Semaphore(_ASKING_AT_ONCE)
        self.open = 0
        self.ended: Counter[End] = Counter()

    async def place(self, agency_id: UUID) -> int:
        """The place behind all that this process has seen of the agency and of everybody.

        What concerns others alone does not move it, and so is not told by it. A process that has seen nothing yet asks
        first how far the ledger is, so that whoever comes as it starts does not begin with the first event of all.
        """
        await self._begin()
        return max(self._floor, self._places.get(EVERYBODY, 0), self._places.get(agency_id, 0))

    async def place_of(self, agency_id: UUID, cursor: str, parameter: str) -> int:
        """The place of a cursor. Raises RuleBroken and Gone, as the feed does."""
        return await place_of(self._read(), self.feed.places, agency_id, cursor, parameter)

    def enter(self, principal: Principal, place: int, wanted: Wanted) -> Listener:
        """One more. Raises TooManyStreams where the person or its agency has as many as it may, and Busy."""
        person = (principal.agency_id, principal.person)
        if self._of_person[person] >= MOST_OF_PERSON:
            raise TooManyStreams(f"You have {MOST_OF_PERSON} streams open; close one of them.", retry_after=60)
        if len(self._by_agency.get(principal.agency_id, ())) >= MOST_OF_AGENCY:
            raise TooManyStreams(f"Your agency has {MOST_OF_AGENCY} streams open.", retry_after=60)
        if self.open >= MOST:
            raise Busy("As many listen as the service can serve; ask for `/v1/events` instead.", "overloaded")
        if self._is_stopping():
            raise Busy("The service is stopping; ask again.", "stopping")
        listener = Listener(principal, place, wanted)
        self._by_agency[principal.agency_id].add(listener)
        self._of_person[person] += 1
        self.open += 1
        return listener

    def leave(self, listener: Listener, why: End) -> None:
        """The stream has ended."""
        principal = listener.principal
        person = (principal.agency_id, principal.person)
        self._by_agency[principal.agency_id].discard(listener)
        if not self._by_agency[principal.agency_id]:
            del self._by_agency[principal.agency_id]
        self._of_person[person] -= 1
        if not self._of_person[person]:
            del self._of_person[person]
        self.open -= 1
        self.ended[why] += 1
        if why is End.SLOW:
            _log.warning("a listener took its events too slowly", agency=str(principal.agency_id))

    async def look(self) -> None:
        """Wake whom new events concern, with one question for all; let all end where the process does."""
        if self._is_stopping():
            for listener in self._all():
                listener.stop(End.STOPPING)
            return
        seen = await self._begin()
        if (sealed := self._sealed()) - seen > _MOST_BEHIND:
            self._jump(sealed)
            return
        while seen < sealed:
            rows = await self._read().all(_NEW, {"from": seen, "limit": _LOOKED_AT_ONCE})
            for row in rows:
                self._seen = seen = int(row.seq) + 1
                self._tell(_audience_of(row.canonical), seen)
            if len(rows) < _LOOKED_AT_ONCE:
                return

    async def _begin(self) -> int:
        """How far this process has seen the ledger: where it has not looked yet, from where it is now on."""
        if self._seen is None:
            (last,) = await self._read().all(_LAST)
            if self._seen is None:  # another may have asked at the same time, and something been seen since
                self._jump(0 if last.seq is None else int(last.seq) + 1)
        assert self._seen is not None
        return self._seen

    def _jump(self, size: int) -> None:
        """Go on behind so many events, without a look whom they concern: all are woken."""
        self._floor = self._seen = size
        for listener in self._all():
            listener.wake(check=True)

    def _all(self) -> list[Listener]:
        return [each for its in self._by_agency.values() for each in its]

    def _tell(self, event: _Audience, place: int) -> None:
        if not event.restricted:  # of those, auditors alone hear, and the place is for every role
            for agency_id in event.agency_ids if event.audience == "agencies" else [EVERYBODY]:
                self._places[agency_id] = place
        check = event.type.partition(".")[0] in _RIGHTS
        named = {each for agency_id in event.agency_ids for each in self._by_agency.get(agency_id, ())}
        for listener in named if event.audience == "agencies" else self._all():
            listener.wake(check=check and listener in named)

    async def heard(self, listener: Listener) -> AsyncGenerator[bytes]:
        """What is sent: the first place, then events as they come, and a sign of life while none do."""
        agency_id = listener.principal.agency_id
        yield b"retry: 3000\nid: " + self.feed.places.cursor(agency_id, listener.place).encode() + b"\n\n"
        checked_at, sent_at = self._now(), time.monotonic()
        while True:
            # Also who is woken again and again by what it is not told gets its sign of life.
            silent = time.monotonic() - sent_at >= HEARTBEAT_SECONDS
            now, block = self._now(), b""
            try:
                if listener.to_check or now - checked_at > timedelta(seconds=RECHECK_SECONDS):
                    listener.to_check, checked_at = False, now
                    if not await self._may_act(listener.principal, now):
                        listener.stop(End.MAY_NOT_ACT)
                if _has_expired(listener.principal, now):
                    listener.stop(End.TOKEN_EXPIRED)
                if listener.end is None and listener.woken.is_set():
                    listener.woken.clear()
                    block = await self._new_to(listener, now)
            except (DomainError, DBAPIError):  # the database does not answer, which its own check says
                listener.stop(End.UNAVAILABLE)
            if listener.end is not None:
                yield b'event: end\ndata: {"reason":"' + listener.end.encode() + b'"}\n\n'
                return
            if block or silent:
                yield block or b":\n\n"
                sent_at = time.monotonic()
            await _wait(listener, self._now(), sent_at + HEARTBEAT_SECONDS - time.monotonic())

    async def _new_to(self, listener: Listener, now: datetime) -> bytes:
        async with self._asking:
            heard = await events_after(
                self._read(),
                listener.reader,
                listener.place - 1,
                _AT_ONCE,
                sights=self.feed.sights,
                now=now,
                wanted=listener.wanted,
            )
        listener.place = heard.looked_to + 1
        if heard.more:
            listener.woken.set()
        events = [as_told(self.feed.places, listener.reader, each) for each in heard.events]
        return b"".join(
            b"id: %s\nevent: %s\ndata: %s\n\n" % (each.place.encode(), each.type.encode(), _encode(each))
            for each in events
        )


def _has_expired(principal: Principal, now: datetime) -> bool:
    return principal.known_until is not None and now.timestamp() >= principal.known_until


async def _wait(listener: Listener, now: datetime, seconds: float) -> None:
    """Wait for something to hear, for the next sign of life in so many seconds, or for the end of the token."""
    if listener.principal.known_until is not None:
        seconds = min(seconds, max(0.0, listener.principal.known_until - now.timestamp()))
    try:
        async with asyncio.timeout(seconds):
            await listener.woken.wait()
    except TimeoutError:
        return


class EventStream:
    """The answer of a listener, which ends when it does."""

    __slots__ = ("_listener", "_listeners")
    media_type = "text/event-stream"

    def __init__(self, listeners: Listeners, listener: Listener) -> None:
        self._listeners = listeners
        self._listener = listener

    def render(self, _scope: Scope, status: int) -> "_Sending":
        """The head of the response; the rest follows as it happens."""
        return _Sending(status, self._listeners, self._listener)


class _Sending:
    def __init__(self, status: int, listeners: Listeners, listener: Listener) -> None:
        self._status = status
        self._listeners = listeners
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        why = End.GONE
        watching: asyncio.Task[None] | None = None
        try:
            headers = [
                (b"content-type", b"text/event-stream; charset=utf-8"),
                (b"cache-control", b"no-store"),
                (b"vary", b"Authorization"),
                (b"x-accel-buffering", b"no"),
            ]
            start = {"type": "http.response.start", "status": self._status, "headers": headers, ENDLESS: True}
            if not scope.get("registry.head"):
                await receive()  # the request is whole: from here on only its end can come
                watching = asyncio.create_task(self._watch(receive))
            await send(start)
            if watching is not None:
                why = await self._send_all(send)
            if why is not End.SLOW:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if watching is not None:
                watching.cancel()
            self._listeners.leave(self._listener, why)

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._listener.stop(End.GONE)

    async def _send_all(self, send: Send) -> End:
        async for piece in self._listeners.heard(self._listener):
            if self._listener.end is End.GONE:
                return End.GONE
            try:
                async with asyncio.timeout(TAKING_SECONDS):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                return End.SLOW
        return self._listener.end or End.GONE
