"""The sealer: gives each committed event its place in the ledger, and has checkpoints signed.

Writers give no places: each would have to wait for the one before. They leave the event's id in `ledger_unsealed`, in
the same transaction, and the sealer takes what is there, in batches, each in a short transaction. Of all processes one
seals at a time: on PostgreSQL by an advisory lock that ends with the transaction, also when the process does; on SQLite
only the serving process seals, through its one writer. A batch is stored whole or not at all, and an event has one
place by the table's own constraint, so that no end of a process at any moment seals one twice or leaves one out.

The order is that of `ledger_unsealed.n`: no event stands before one that its transaction could see, whatever the clocks
say. Checkpoints are timed by the process's own monotonic clock for the same reason.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
import structlog
from msgspec import Struct

from registry.platform.access.principals import REGISTRY, Caller
from registry.platform.database.handles import Read, Write
from registry.platform.encryption import CannotDecryptError
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.merkle import STRIDE, Growth, leaf_hash, root_of_range
from registry.platform.ledger.notes import Checkpoint, sign
from registry.platform.ledger.signing import (
    SECRET_KEYS_MISSING,
    UNREADABLE,
    LedgerKeys,
    ensure_key,
    forget_retired,
    signers,
)
from registry.platform.ledger.tables import (
    EVERYBODY,
    ledger_checkpoint,
    ledger_event,
    ledger_feed,
    ledger_leaf,
    ledger_node,
    ledger_unsealed,
)
from registry.platform.ledger.tree import LAST, TreeChangedError, grown, stored_for

BATCH = 256
"""Events sealed in one transaction: some milliseconds of a writer's time."""
_BATCHES_AT_ONCE = 50
"""Batches in one run, so that a checkpoint is due now and then also after an import of a million rows."""
CHECKPOINT_EVENTS = 1_000
CHECKPOINT_SECONDS = 10.0
"""A checkpoint is signed when so many events, or the first one so long ago, are in none yet."""
LATE_SECONDS = 5.0
"""An event that waits longer than this to be sealed is worth an alarm; at rest none waits for 0.2 seconds."""
OK = "ok"

Work: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
"""Opens a transaction."""

_TURN = sa.select(sa.func.pg_try_advisory_xact_lock(sa.literal_column("5209318")))
"""The number of the advisory lock of sealers; it is used for nothing else."""
_STATE = sa.select(
    sa.select(sa.func.max(ledger_leaf.c.seq)).scalar_subquery().label("seq"),
    sa.select(sa.func.max(ledger_checkpoint.c.tree_size)).scalar_subquery().label("signed"),
    sa.select(sa.func.min(ledger_unsealed.c.n)).scalar_subquery().label("n"),
)
_WAITING = (
    sa.select(ledger_unsealed.c.n, ledger_unsealed.c.event_id, ledger_event.c.canonical)
    .join_from(ledger_unsealed, ledger_event)
    .order_by(ledger_unsealed.c.n)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_FIRST_WAITING = (
    sa.select(ledger_event.c.recorded_at)
    .join_from(ledger_unsealed, ledger_event)
    .order_by(ledger_unsealed.c.n)
    .limit(1)
)
_SEALED = ledger_unsealed.delete().where(ledger_unsealed.c.n.in_(sa.bindparam("numbers", expanding=True)))
_INSERT_LEAF = ledger_leaf.insert()
_INSERT_FEED = ledger_feed.insert()
_INSERT_NODE = ledger_node.insert()
_INSERT_CHECKPOINT = ledger_checkpoint.insert()
_LAST_CHECKPOINT = (
    sa.select(ledger_checkpoint.c.tree_size, ledger_checkpoint.c.root_hash)
    .order_by(ledger_checkpoint.c.tree_size.desc())
    .limit(1)
)
_log = structlog.get_logger("registry.platform.ledger")


class SealingState(Struct, kw_only=True):
    """How far the ledger is sealed, as one process last saw it."""

    tree_size: int = 0
    stored: int = 0
    """Of these, how many were seen in the database: those that are being sealed may come to nothing."""
    checkpoint_size: int = 0
    sealed: int = 0
    """Events that this process has sealed."""
    checkpoints: int = 0
    """Checkpoints that this process has signed."""


class Sealer:
    """Seals what waits whenever it is run, and signs a checkpoint when one is due."""

    def __init__(
        self,
        read: Callable[[], Read],
        work: Work,
        keys: LedgerKeys,
        now: Callable[[], datetime],
        *,
        batch: int = BATCH,
        every_events: int = CHECKPOINT_EVENTS,
        every_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self._reader = read
        self._work = work
        self._keys = keys
        self._now = now
        self._batch = batch
        self.every_events = every_events
        self.every_seconds = every_seconds
        self._growth = Growth()
        self._head: tuple[int, float] | None = None
        self._uncovered: tuple[int, float] | None = None
        self._changed = ""
        self._unsigned = ""
        self.state = SealingState()

    async def run(self) -> None:
        """Seal what waits, batch by batch, and sign a checkpoint if one is due.

        A tree that is not the one that was sealed is left as it is, with what waits: `check` says so, and the log.
        """
        try:
            for _ in range(_BATCHES_AT_ONCE):
                if not await self._look() or await self._in_transaction(self._seal_batch) < self._batch:
                    break
            await self._look()
            if self._checkpoint_due():
                await self._in_transaction(self._checkpoint)
        except TreeChangedError as error:
            self._meet(f"the ledger was changed: {error}. Nothing is sealed on top of it: run `registry ledger verify`")
        else:
            self._meet("")

    async def check(self) -> str:
        """`ok`, or what is wrong with the sealing of events or the signing of checkpoints."""
        if self._changed:
            return self._changed
        late = await self.unsealed_seconds()
        if late > LATE_SECONDS:
            return f"the oldest event that is not sealed has waited for {late:.0f} s"
        return self._unsigned or OK

    @property
    def signs(self) -> bool:
        """Whether checkpoints are signed. Without keys for secrets none are, which is no fault unless some were."""
        return bool(self._keys)

    async def unsealed_seconds(self) -> float:
        """How long the oldest event that is not sealed has waited; 0 where none waits.

        By its own time, and at least for as long as this process has seen it wait, should the clock have been set back.
        """
        recorded_at = await self._reader().value(_FIRST_WAITING)
        if recorded_at is None:
            return 0.0
        seen = 0.0 if self._head is None else time.monotonic() - self._head[1]
        waited: float = (self._now() - recorded_at).total_seconds()
        return max(waited, seen)

    async def _look(self) -> bool:
        """Whether something waits; and note how far the ledger is, and since when.

        Raises TreeChangedError where less is sealed than was signed.
        """
        (found,) = await self._reader().fast(_STATE)
        now = time.monotonic()
        self.state.tree_size = self.state.stored = 0 if found.seq is None else found.seq + 1
        self.state.checkpoint_size = found.signed or 0
        if found.n is None:
            self._head = None
        elif self._head is None or self._head[0] != found.n:
            self._head = (found.n, now)
        if self.state.tree_size <= self.state.checkpoint_size:
            self._uncovered = None
        elif self._uncovered is None or self._uncovered[0] != self.state.checkpoint_size:
            self._uncovered = (self.state.checkpoint_size, now)
        if self.state.tree_size < self.state.checkpoint_size:
            raise TreeChangedError(f"of {self.state.checkpoint_size} signed events {self.state.tree_size} are left")
        return found.n is not None

    def _checkpoint_due(self) -> bool:
        if not self._keys:
            once = self.state.checkpoint_size > 0
            self._unsigned = f"checkpoints are signed no longer: {SECRET_KEYS_MISSING}" if once else ""
            return False
        if self._uncovered is None:
            self._unsigned = ""
            return False
        many = self.state.tree_size - self.state.checkpoint_size >= self.every_events
        return many or time.monotonic() - self._uncovered[1] >= self.every_seconds

    async def _in_transaction(self, step: Callable[[Write], Awaitable[int]]) -> int:
        async with self._work() as write:
            return await step(write)

    async def _seal_batch(self, write: Write) -> int:
        if not await _turn(write):
            return 0
        rows = await write.fast(_WAITING, {"limit": self._batch})
        if not rows:
            return 0
        growth = await self._grown(write)
        leaves, feed, nodes = [], [], []
        for row in rows:
            seq, hash_ = growth.size, leaf_hash(row.canonical)
            nodes += [
                {"level": level, "number": number, "hash": node}
                for (level, number), node in growth.append(hash_)
                if level % STRIDE == 0
            ]
            leaves.append({"seq": seq, "event_id": row.event_id, "leaf_hash": hash_, "root_hash": growth.root})
            feed += [{"agency_id": each, "seq": seq, "event_id": row.event_id} for each in _followers(row.canonical)]
        write.defer(_INSERT_LEAF, leaves)
        write.defer(_INSERT_FEED, feed)
        if nodes:
            write.defer(_INSERT_NODE, nodes)
        gone = await write.run(_SEALED, {"numbers": [row.n for row in rows]})
        assert gone == len(rows), "nobody else takes rows from the list while this transaction has the turn"
        self.state.sealed += len(rows)
        self.state.tree_size = growth.size
        return len(rows)

    async def _grown(self, write: Write) -> Growth:
        """The tree to append to: as this process left it, or else as it is stored.

        A copy, since the transaction may come to nothing. Raises TreeChangedError.
        """
        last = await write.first(LAST)
        size, root = (0, None) if last is None else (last.seq + 1, last.root_hash)
        if size != self._growth.size or (root is not None and root != self._growth.root):
            self._growth, _ = await grown(write)
        growth = Growth(self._growth.size, self._growth.peaks)
        self._growth = (
            growth  # where the transaction comes to nothing, the next one finds another root, and reads again
        )
        return growth

    async def _checkpoint(self, write: Write) -> int:
        """Sign what is sealed, unless another process has just done so. Returns the size that was signed."""
        if not await _turn(write):
            return 0
        now = self._now()
        await forget_retired(write, now)
        await ensure_key(write, self._keys, Caller(principal=REGISTRY, now=now, trace_id=new_id().hex))
        try:
            found = await signers(write, self._keys, now)
        except CannotDecryptError as error:
            self._cannot_sign(str(error))
            return 0
        last, signed = await write.first(LAST), await write.first(_LAST_CHECKPOINT)
        if last is None or not found or (signed is not None and signed.tree_size > last.seq):
            return 0
        size: int = last.seq + 1
        await _check_growth(write, size, last.root_hash, signed)
        text = Checkpoint(found[-1].origin, size, last.root_hash).text
        note = sign(text, [(each.origin, each.private) for each in found])
        row = {"tree_size": size, "root_hash": last.root_hash, "note": str(note), "signed_at": now}
        await write.run(_INSERT_CHECKPOINT, row)
        self._unsigned = ""
        self.state.checkpoints += 1
        self.state.checkpoint_size = size
        return size

    def _cannot_sign(self, cause: str) -> None:
        words = f"no checkpoint is signed, since the key cannot be read: {UNREADABLE}"
        if words != self._unsigned:
            self._unsigned = words
            _log.error("the key that signs checkpoints cannot be read", cause=cause, todo=UNREADABLE)

    def _meet(self, words: str) -> None:
        if words and words != self._changed:
            _log.error("the ledger was changed: nothing is sealed on top of it", cause=words)
        self._changed = words


class _Audience(Struct, frozen=True):
    audience: str
    agency_ids: list[UUID]


_audience_of = msgspec.json.Decoder(_Audience).decode


def _followers(public_part: bytes) -> Sequence[UUID]:
    """Under which agencies an event stands in the feed."""
    found = _audience_of(public_part)
    return found.agency_ids if found.audience == "agencies" else (EVERYBODY,)


async def _turn(write: Write) -> bool:
    """Whether this transaction may seal: on PostgreSQL, that no other does at the moment."""
    return write.dialect == "sqlite" or bool(await write.value(_TURN))


async def _check_growth(write: Write, size: int, root: bytes, signed: Any) -> None:
    """Raises TreeChangedError unless the stored hashes lead to the root, and to that of the last checkpoint before.

    So the registry signs no tree that does not extend the one that it signed last.
    """
    claims: Sequence[tuple[int, bytes]] = [(size, root)]
    if signed is not None:
        claims = [(signed.tree_size, signed.root_hash), *claims]
    stored = await stored_for(write, [(0, claimed) for claimed, _ in claims])
    for claimed, claim in claims:
        try:
            if root_of_range(0, claimed, stored) == claim:
                continue
        except KeyError as lacking:
            raise TreeChangedError(f"the subtree {lacking} is missing") from None
        raise TreeChangedError(f"its first {claimed} events are not those whose root was kept")
