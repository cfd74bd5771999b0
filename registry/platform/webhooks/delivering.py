"""Delivers: makes deliveries of what the ledger's feed tells an agency, and sends them until they arrive.

One process at a time does it, by a lease. That nothing is lost does not rest on it: a webhook's cursor moves in the
transaction that stores the deliveries up to it, and a delivery is claimed before it is sent. A process that dies in
between leaves one that is sent again under the same id, once its claim is over.

Each webhook is served by a task of its own, one message at a time, and each agency by a few: an address that answers
slowly makes its own agency wait, and nobody else. Deliveries about one subject are sent in the order of the ledger:
the next one waits until the one before has arrived or was given up.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError

from registry.platform.access.principals import REGISTRY, Caller, Principal, Role
from registry.platform.access.tables import acting_agency
from registry.platform.database.encrypted import place_of
from registry.platform.database.handles import Read, Write
from registry.platform.database.lease import release_lease, take_lease
from registry.platform.encryption import CannotDecryptError, SecretKeys
from registry.platform.kernel.errors import DomainError
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import format_instant
from registry.platform.ledger.feed import FeedReader, Told, Wanted, events_after, reader_for
from registry.platform.ledger.feeding import Feed, as_told
from registry.platform.ledger.tables import EVERYBODY, ledger_feed
from registry.platform.webhooks import messages
from registry.platform.webhooks.disabling import Missed, disable, missed_by
from registry.platform.webhooks.queries import (
    SECRETS,
    deliveries_waiting,
    live_secrets,
    message_id,
    webhooks_enabled,
)
from registry.platform.webhooks.rules import (
    KEPT_FOR,
    MOST_WAITING,
    BodyKind,
    DeliveryKind,
    DeliveryStatus,
    DisabledBecause,
    WebhookStatus,
    again_after,
    asked_to_wait,
    failing_since,
    is_given_up,
    jitter,
    quiet_for,
    wanted_types,
)
from registry.platform.webhooks.sending import Outcome, Sender, Tried
from registry.platform.webhooks.signing import signed_headers
from registry.platform.webhooks.tables import webhook, webhook_delivery, webhook_secret

UnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
TASK: Final = "webhooks"
LEASE: Final = timedelta(minutes=1)
"""So long nothing is sent once the process is gone that did. One that stops in order gives it back."""
CLAIMED_FOR: Final = timedelta(seconds=60)
"""Longer than a try takes: whoever claimed a delivery and died leaves it to the next after that."""
UNREADABLE_AGAIN_AFTER: Final = timedelta(minutes=5)
LEFT_FOR: Final = timedelta(minutes=1)
"""When a hand-over that failed is tried again, by a fault of ours or of the webhook's row: each run would log it."""
BATCH: Final = 100
"""Events handed over in one transaction: some milliseconds of a writer's time."""
_HAND_OVERS_AT_ONCE: Final = 50
MOST_AT_ONCE: Final = 32
MOST_OF_AN_AGENCY: Final = 4
_IN_A_ROW: Final = 50
"""So many messages a task sends before others have their turn."""
_OLD_AT_ONCE: Final = 500
_AGENT: Final = "registry-webhooks"
_UNREADABLE: Final = (
    "the secret of a webhook cannot be decrypted: REGISTRY_SECRET_KEYS lacks the key under which it is kept"
)

_FIRST: Final = UUID(int=0)
_ID = webhook.c.id.type
_AT = webhook_delivery.c.next_try_at.type
_NOW = sa.bindparam("now", type_=_AT)
_WAITING = webhook_delivery.c.status == DeliveryStatus.WAITING.value
_ENABLED = webhook.c.status == WebhookStatus.ENABLED.value
_ACTING = (
    sa.select(webhook)
    .join(acting_agency, acting_agency.c.agency_id == webhook.c.agency_id)
    .where(webhook.c.removed_at.is_(None))
)
_ITS_DELIVERIES = webhook_delivery.c.webhook_id == webhook.c.id
_IS_BEHIND = sa.or_(
    *(
        sa.exists().where(ledger_feed.c.agency_id == whose, ledger_feed.c.seq > webhook.c.after_seq)
        for whose in (webhook.c.agency_id, sa.bindparam("everybody", type_=_ID))
    ),
    webhook.c.missed_to_seq.is_not(None),
)
_HAS_ROOM = sa.select(sa.func.count()).where(_ITS_DELIVERIES, _WAITING).correlate(
    webhook
).scalar_subquery() < sa.bindparam("most", type_=sa.Integer)
_BEHIND = (
    sa.select(webhook.c.id)
    .join(acting_agency, acting_agency.c.agency_id == webhook.c.agency_id)
    .where(
        webhook.c.removed_at.is_(None),
        webhook.c.id > sa.bindparam("after", type_=_ID),
        _ENABLED,
        _IS_BEHIND,
        _HAS_ROOM,
    )
    .order_by(webhook.c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_LOCK = _ACTING.where(webhook.c.id == sa.bindparam("id", type_=_ID)).with_for_update(of=webhook)
_UPDATE = webhook.update().where(webhook.c.id == sa.bindparam("its_id", type_=_ID))
_INSERT = webhook_delivery.insert()
_MAY_GO = sa.or_(
    webhook_delivery.c.kind == DeliveryKind.TEST.value,
    sa.and_(_ENABLED, sa.or_(webhook.c.quiet_until.is_(None), webhook.c.quiet_until <= _NOW)),
)
_EARLIER = webhook_delivery.alias("earlier")
_DUE = sa.and_(
    _WAITING,
    webhook_delivery.c.next_try_at <= _NOW,
    _MAY_GO,
    ~sa.exists().where(
        _EARLIER.c.webhook_id == webhook_delivery.c.webhook_id,
        _EARLIER.c.subject_id == webhook_delivery.c.subject_id,
        _EARLIER.c.seq < webhook_delivery.c.seq,
        _EARLIER.c.status == DeliveryStatus.WAITING.value,
    ),
)
"""What may be sent now: its time has come, its webhook does not rest, and nothing earlier about its subject waits."""
_WITH_WORK = _ACTING.where(sa.exists().where(_ITS_DELIVERIES, _DUE).correlate(webhook)).order_by(webhook.c.id)
_NEXT = (
    sa.select(webhook_delivery)
    .join(webhook, _ITS_DELIVERIES)
    .where(webhook.c.id == sa.bindparam("id", type_=_ID), _DUE)
    .order_by(webhook_delivery.c.next_try_at, webhook_delivery.c.seq, webhook_delivery.c.id)
    .limit(1)
)
_CHANGE = (
    webhook_delivery.update()
    .where(webhook_delivery.c.id == sa.bindparam("its_id", type_=_ID), _WAITING)
    .values(version=webhook_delivery.c.version + 1)
)
_CLAIM = _CHANGE.where(webhook_delivery.c.next_try_at == sa.bindparam("as_read", type_=_AT))
_ONE = _ACTING.where(webhook.c.id == sa.bindparam("id", type_=_ID))
_OLD = (
    sa.select(webhook_delivery.c.id)
    .join(webhook, _ITS_DELIVERIES)
    .where(
        sa.or_(
            webhook_delivery.c.ended_at < sa.bindparam("before", type_=_AT),
            webhook.c.removed_at.is_not(None),
        )
    )
    .limit(_OLD_AT_ONCE)
)
_REMOVE = webhook_delivery.delete().where(webhook_delivery.c.id.in_(sa.bindparam("ids", type_=_ID, expanding=True)))
_REMOVE_EMPTY = webhook.delete().where(webhook.c.removed_at.is_not(None), ~sa.exists().where(_ITS_DELIVERIES))
_SECRETS_IN_USE = SECRETS.join(webhook, webhook.c.id == webhook_secret.c.webhook_id).where(
    _ENABLED, webhook.c.removed_at.is_(None)
)
_log = structlog.get_logger("registry.platform.webhooks")


class Turns:
    """Who waits for a turn, in the order in which they began to. Nobody is remembered who does not wait."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def in_order(self, ids: Collection[UUID]) -> list[UUID]:
        """These, who wait now. Who had a turn since, or has nothing to wait for, begins anew behind the others."""
        known = [each for each in self._waiting if each in ids]
        self._waiting = dict.fromkeys([*known, *ids])
        return list(self._waiting)


class Deliverer:
    """Hands events over to webhooks, and sends what waits, whenever it is run."""

    def __init__(
        self,
        read: Callable[[], Read],
        unit_of_work: UnitOfWork,
        sender: Sender,
        secrets: SecretKeys,
        clock: Callable[[], datetime],
        *,
        public_url: str,
        feed: Feed,
        copy: bool = False,
    ) -> None:
        """From a `copy` nothing is sent."""
        self._read = read
        self._work = unit_of_work
        self.sender = sender
        self._secrets = secrets
        self._clock = clock
        self._public_url = public_url
        self._feed = feed
        self._copy = copy
        self._holder = new_id().hex
        self._held_until: datetime | None = None
        self._working: dict[UUID, tuple[UUID, asyncio.Task[None]]] = {}
        self._turns = Turns()
        self._handed_to = _FIRST
        self._left: dict[UUID, datetime] = {}
        self._failed: BaseException | None = None
        self._unreadable: set[UUID] = set()

    @property
    def is_on(self) -> bool:
        """Whether anything is sent: not from a copy, and not without the keys under which secrets are kept."""
        return bool(self._secrets) and not self._copy

    async def run(self) -> None:
        """Hand over what is new, and begin to send what is due, if no other process does.

        Sending goes on when this returns; `settle` waits for it. Raises what a task met since the last run.
        """
        if not self.is_on:
            return
        if (failed := self._failed) is not None:
            self._failed = None
            raise failed
        now = self._clock()
        behind, due = await self._behind(), await self._with_work(now)
        if not (behind or due) or not await self._is_mine(now):
            return
        self._left = {each: until for each, until in self._left.items() if until > now}
        for webhook_id in behind:
            self._handed_to = webhook_id
            if webhook_id not in self._left:
                await self.hand_over(webhook_id)
        for row in await self._with_work(self._clock()):
            self._begin(row)

    @property
    def serving(self) -> int:
        """How many webhooks are being sent to."""
        return len(self._working)

    async def settle(self) -> None:
        """Wait until everything that is being sent is over."""
        while self._working:
            await asyncio.wait([task for _, task in self._working.values()])
            await asyncio.sleep(0)

    async def close(self) -> None:
        """End what is being sent. Where it is not known whether it arrived, it is sent again."""
        for _, task in self._working.values():
            task.cancel()
        await asyncio.gather(*(task for _, task in self._working.values()), return_exceptions=True)
        if self._held_until is not None:
            self._held_until = None
            async with self._work() as write:
                await release_lease(write, TASK, self._holder, self._clock())

    async def hand_over(self, webhook_id: UUID) -> bool:
        """Make deliveries of the next events that concern a webhook, and move its cursor with them.

        Whether anything was looked at. What fails for one webhook is logged and left, so that others have theirs.
        """
        try:
            async with self._work() as write:
                row = await write.first(_LOCK, {"id": webhook_id})
                if row is None or row.status != WebhookStatus.ENABLED:
                    return False
                return await self._hand_over(write, row, self._clock())
        except (DomainError, DBAPIError):
            raise  # it is the database's trouble, and everybody's
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this webhook's
            _log.error("events were not handed over to a webhook", webhook_id=str(webhook_id), exc_info=error)
            self._left[webhook_id] = self._clock() + LEFT_FOR
            return False

    async def _hand_over(self, write: Write, row: Row[Any], now: datetime) -> bool:
        types = wanted_types(msgspec.json.decode(row.types, type=list[str]))
        heard = await events_after(
            write,
            reader_of(row),
            row.after_seq,
            BATCH,
            sights=self._feed.sights,
            now=now,
            wanted=Wanted(types=types or frozenset()),
        )
        asked = [event for event in heard.events if types is None or event.type in types]
        missed_to = -1 if row.missed_to_seq is None else row.missed_to_seq
        missed = missed_by(row)
        if new := [event for event in asked if event.seq > missed_to]:
            await write.run(_INSERT, [_delivery_of(row, event, now) for event in new])
        values: dict[str, object] = {"after_seq": heard.looked_to}
        if row.missed_to_seq is not None:
            missed = missed or Missed(disabled_at=row.enabled_at, place=row.after_seq + 1)
            for event in asked[: len(asked) - len(new)]:
                missed.add(event.type)
            over = not heard.more or heard.looked_to >= missed_to
            values |= {"missed_to_seq": None if over else missed_to}
            values |= {"missed": None if over else msgspec.to_builtins(missed)}
            if over and missed.types:
                await write.run(_INSERT, _digest_of(row, missed, self._feed, now))
        await write.run(_UPDATE.values(**values), {"its_id": row.id})
        return heard.looked_to > int(row.after_seq)

    async def _behind(self) -> list[UUID]:
        """Some webhooks for which there are new events, in the order of their ids, behind those of the last run.

        So each has its turn before any has a second, also while there is always something new for all.
        """
        asked = {"everybody": EVERYBODY, "most": MOST_WAITING, "after": self._handed_to, "limit": _HAND_OVERS_AT_ONCE}
        found = [row.id for row in await self._read().all(_BEHIND, asked)]
        if len(found) < _HAND_OVERS_AT_ONCE and self._handed_to != _FIRST:
            again = await self._read().all(
                _BEHIND, asked | {"after": _FIRST, "limit": _HAND_OVERS_AT_ONCE - len(found)}
            )
            found += [row.id for row in again if row.id not in found]
        return found

    async def _with_work(self, now: datetime) -> list[Row[Any]]:
        """The webhooks with something to send now that are not being served; who waited longest for a turn first."""
        rows = {row.id: row for row in await self._read().all(_WITH_WORK, {"now": now}) if row.id not in self._working}
        return [rows[id_] for id_ in self._turns.in_order(rows)]

    def _begin(self, row: Row[Any]) -> None:
        of_agency = Counter(agency_id for agency_id, _ in self._working.values())
        if len(self._working) >= MOST_AT_ONCE or of_agency[row.agency_id] >= MOST_OF_AN_AGENCY:
            return
        task = asyncio.create_task(self._serve(row.id), name=f"webhook {row.id}")
        self._working[row.id] = (row.agency_id, task)
        task.add_done_callback(lambda _: self._working.pop(row.id, None))

    async def _serve(self, webhook_id: UUID) -> None:
        try:
            for _ in range(_IN_A_ROW):
                if not await self.deliver_next(webhook_id):
                    return
        except (DomainError, DBAPIError) as error:
            self._failed = error  # the next run says so
        except Exception as error:  # noqa: BLE001  # whatever it is, others are served
            _log.error("a webhook was not served", webhook_id=str(webhook_id), exc_info=error)

    async def deliver_next(self, webhook_id: UUID) -> bool:
        """Try to deliver what waits first at a webhook; False when nothing is due there now."""
        now, read = self._clock(), self._read()
        row = await read.first(_ONE, {"id": webhook_id})
        delivery = await read.first(_NEXT, {"id": webhook_id, "now": now})
        if row is None or delivery is None:
            return False
        async with self._work() as write:
            its = {"its_id": delivery.id, "as_read": delivery.next_try_at}
            claim = {"next_try_at": now + CLAIMED_FOR, "attempts": delivery.attempts + 1, "last_tried_at": now}
            if not await write.run(_CLAIM.values(**claim), its):
                return True  # another process was first
        signers = await self._signers(row, now)
        if not signers:
            await self._postpone(delivery, now)
            return False
        body = await self._body(row, delivery, now)
        if body is None:
            await self._end(delivery, DeliveryStatus.WITHHELD)
            return True
        headers = {
            "Content-Type": messages.MEDIA_TYPE,
            "User-Agent": _AGENT,
            **signed_headers(signers, str(message_id(delivery)), now, body),
        }
        tried = await self.sender.send(row.url, headers, body)
        await self._note(row, delivery, tried)
        return True

    async def _signers(self, row: Row[Any], now: datetime) -> list[str]:
        """The secrets that sign now, newest first, as far as they can be read.

        Those that cannot are the operator's to mend, and keep no other from signing.
        """
        found, unreadable = [], ""
        for each in await live_secrets(self._read(), [row.id], now):
            try:
                found.append(self._secret(each))
            except CannotDecryptError as error:
                unreadable = str(error)
        if unreadable and row.id not in self._unreadable:
            _log.error("the secret of a webhook cannot be decrypted", webhook_id=str(row.id), cause=unreadable)
            self._unreadable.add(row.id)
        return found

    def _secret(self, row: Row[Any]) -> str:
        """Raises CannotDecryptError."""
        return self._secrets.decrypt(row.secret, place_of(webhook_secret.c.secret, row.id)).decode()

    async def _still_unreadable(self) -> bool:
        """Whether a secret that could not be read signs still: its webhook may be rotated, disabled or deleted."""
        if not self._unreadable:
            return False
        rows = await self._read().all(_SECRETS_IN_USE, {"ids": sorted(self._unreadable), "now": self._clock()})
        left = set()
        for each in rows:
            try:
                self._secret(each)
            except CannotDecryptError:
                left.add(each.webhook_id)
        self._unreadable = left
        return bool(left)

    async def _body(self, row: Row[Any], delivery: Row[Any], now: datetime) -> bytes | None:
        """What is sent, by what the agency may know at this moment; None where that is nothing any more."""
        if delivery.kind != DeliveryKind.EVENT:
            return messages.of_webhook(row, delivery, self._public_url)
        reader = reader_of(row)
        heard = await events_after(self._read(), reader, delivery.seq - 1, 1, sights=self._feed.sights, now=now)
        told = next((event for event in heard.events if event.id == delivery.event_id), None)
        if told is None:
            return None
        shown = reader if row.body == BodyKind.FULL else msgspec.structs.replace(reader, whole=False)
        thin = msgspec.structs.replace(told, data=told.data if shown.whole else None)
        return messages.of_event(as_told(self._feed.places, shown, thin), self._public_url)

    async def _postpone(self, delivery: Row[Any], now: datetime) -> None:
        values = {"next_try_at": now + UNREADABLE_AGAIN_AFTER, "attempts": delivery.attempts}
        async with self._work() as write:
            await write.run(_CHANGE.values(**values), {"its_id": delivery.id})

    async def _end(self, delivery: Row[Any], status: DeliveryStatus) -> None:
        async with self._work() as write:
            await write.run(_CHANGE.values(status=status, ended_at=self._clock()), {"its_id": delivery.id})

    async def _note(self, row: Row[Any], delivery: Row[Any], tried: Tried) -> None:
        """Keep what came of a try, of the delivery and of the webhook."""
        now = self._clock()
        said = {"http_status": tried.status, "error": tried.error, "took_ms": tried.took_ms}
        its = {"its_id": delivery.id}
        async with self._work() as write:
            locked = await write.first(_LOCK, {"id": row.id})
            if tried.outcome is Outcome.DELIVERED:
                done = {"status": DeliveryStatus.DELIVERED, "ended_at": now}
                await write.run(_CHANGE.values(**done, **said), its)
                if locked is not None and locked.failures:
                    well = {"failures": 0, "failing_from": None, "failed_at": None, "quiet_until": None}
                    await write.run(_UPDATE.values(**well), {"its_id": row.id})
                return
            attempt, asked = delivery.attempts + 1, asked_to_wait(tried.retry_after, now)
            wait = again_after(attempt, jitter(delivery.id, attempt))
            if wait is None or delivery.kind == DeliveryKind.TEST or tried.outcome is Outcome.GONE:
                await write.run(_CHANGE.values(status=DeliveryStatus.FAILED, ended_at=now, **said), its)
            else:
                await write.run(_CHANGE.values(next_try_at=now + max(wait, asked), **said), its)
            if locked is not None and delivery.kind != DeliveryKind.TEST:
                await self._note_failure(write, locked, tried, asked, now)
        _log.warning(
            "a webhook was not delivered",
            webhook_id=str(row.id),
            delivery_id=str(delivery.id),
            outcome=tried.outcome,
            status=tried.status,
        )

    async def _note_failure(self, write: Write, row: Row[Any], tried: Tried, asked: timedelta, now: datetime) -> None:
        """Let a webhook rest that fails again and again, or that asks for it, and disable it where it has for days."""
        before = failing_since(row.failing_from, row.failed_at, now)
        failures, since = (1, now) if before is None else (row.failures + 1, before)
        rest = max(quiet_for(failures), asked)
        values = {"failures": failures, "failing_from": since, "failed_at": now}
        values |= {"quiet_until": now + rest if rest else None}
        await write.run(_UPDATE.values(**values), {"its_id": row.id})
        gone = tried.outcome is Outcome.GONE
        if row.status == WebhookStatus.ENABLED and (gone or is_given_up(since, now)):
            caller = Caller(principal=REGISTRY, now=now, trace_id=new_id().hex)
            because = DisabledBecause.GONE if gone else DisabledBecause.FAILING
            await disable(write, caller, row, because)
            _log.warning("a webhook was disabled", webhook_id=str(row.id), because=because)

    async def _is_mine(self, now: datetime) -> bool:
        """Whether this process delivers; the lease is renewed in time, and not at each run."""
        if self._held_until is not None and timedelta(0) < self._held_until - now - LEASE / 2 <= LEASE:
            return True
        async with self._work() as write:
            mine = await take_lease(write, TASK, self._holder, now, now + LEASE)
        self._held_until = now + LEASE if mine else None
        return mine

    async def check(self) -> str:
        """`ok`, or why webhooks that agencies count on are not sent. Receivers that fail are their agencies' to see."""
        if self._copy:
            return "ok"
        if await self._still_unreadable():
            return _UNREADABLE
        if not self._secrets and await webhooks_enabled(self._read()):
            return "webhooks are sent no longer: REGISTRY_SECRET_KEYS is not set, under which their secrets are kept"
        return "ok"

    async def waiting(self) -> int:
        """How many deliveries wait, in the database that all processes share."""
        return await deliveries_waiting(self._read())


def reader_of(row: Row[Any]) -> FeedReader:
    """As whom a webhook hears of events: as an administrator of its agency would, whoever made it."""
    return reader_for(
        Principal(
            subject=f"webhook:{row.id}",
            agency_id=row.agency_id,
            roles=frozenset({Role.AGENCY_ADMIN}),
            scopes=frozenset({"*"}),
            token_id="webhook",  # noqa: S106  # there is no token
            issuer=REGISTRY.issuer,
        )
    )


def _delivery_of(row: Row[Any], event: Told, now: datetime) -> dict[str, object]:
    return {
        "id": new_id(),
        "webhook_id": row.id,
        "kind": DeliveryKind.EVENT,
        "type": event.type,
        "event_id": event.id,
        "seq": event.seq,
        "subject_id": event.subject_id,
        "status": DeliveryStatus.WAITING,
        "attempts": 0,
        "version": 1,
        "next_try_at": now,
        "created_at": now,
    }


def _digest_of(row: Row[Any], missed: Missed, feed: Feed, now: datetime) -> dict[str, object]:
    told = {
        "disabled_at": format_instant(missed.disabled_at),
        "enabled_at": format_instant(row.enabled_at),
        "events": sum(missed.types.values()),
        "types": dict(sorted(missed.types.items())),
        "after": feed.places.cursor(row.agency_id, missed.place),
    }
    return {
        "id": new_id(),
        "webhook_id": row.id,
        "kind": DeliveryKind.MISSED,
        "type": messages.MISSED,
        "told": told,
        "status": DeliveryStatus.WAITING,
        "attempts": 0,
        "version": 1,
        "next_try_at": now,
        "created_at": now,
    }


async def remove_old_deliveries(write: Write, now: datetime) -> int:
    """Remove some of the log that is old, or of webhooks that were deleted; how many."""
    ids = [row.id for row in await write.all(_OLD, {"before": now - KEPT_FOR})]
    if ids:
        return await write.run(_REMOVE, {"ids": ids})
    await write.run(_REMOVE_EMPTY)
    return 0
