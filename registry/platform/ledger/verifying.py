"""Whether the ledger is the one that was sealed: events, leaves, tree, checkpoints and their signatures.

Everything is read once, in one state, in pages; memory does not grow with the ledger. What is found is named by the
first event that it touches. Where somebody has rewritten the ledger with all its hashes, only checkpoints show it, and
they name the events between two of them; where that somebody also holds the signing key, only a checkpoint that was
kept elsewhere shows it (`held`).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection, Row

from registry.platform.ledger.checking import AT_ONCE, fault_of
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.merkle import STRIDE, Growth, Subtree, leaf_hash
from registry.platform.ledger.notes import (
    Checkpoint,
    NoteError,
    VerifierKey,
    parse_checkpoint,
    parse_key,
    parse_note,
    verified_by,
)
from registry.platform.ledger.schemas import PublicPart
from registry.platform.ledger.signing import KEYS, as_keys
from registry.platform.ledger.tables import (
    EVERYBODY,
    ledger_archived_segment,
    ledger_checkpoint,
    ledger_cosignature,
    ledger_event,
    ledger_event_agency,
    ledger_feed,
    ledger_leaf,
    ledger_node,
    ledger_unsealed,
)
from registry.platform.ledger.tree import TreeChangedError, as_stored, growth_of, stored_question

MOST = 20
_SEQ = sa.bindparam("after", type_=sa.BigInteger)
_LEAVES = (
    sa.select(ledger_leaf.c.seq, ledger_leaf.c.event_id, ledger_leaf.c.leaf_hash, ledger_leaf.c.root_hash, ledger_event)
    .join_from(ledger_leaf, ledger_event, ledger_event.c.id == ledger_leaf.c.event_id, isouter=True)
    .where(ledger_leaf.c.seq > _SEQ)
    .order_by(ledger_leaf.c.seq)
    .limit(AT_ONCE)
)
_WITHOUT_LEAF = (
    sa.select(
        ledger_event,
        sa.exists().where(ledger_unsealed.c.event_id == ledger_event.c.id).label("waits"),
    )
    .where(~sa.exists().where(ledger_leaf.c.event_id == ledger_event.c.id))
    .order_by(ledger_event.c.id)
    .limit(AT_ONCE)
)
_WITHOUT_LEAF_AFTER = _WITHOUT_LEAF.where(ledger_event.c.id > sa.bindparam("after", type_=ledger_event.c.id.type))
_AGENCIES = sa.select(ledger_event_agency.c.event_id, ledger_event_agency.c.agency_id).where(
    ledger_event_agency.c.event_id.in_(sa.bindparam("ids", type_=ledger_event_agency.c.event_id.type, expanding=True))
)
_NODES = sa.select(ledger_node.c.number, ledger_node.c.hash).where(
    ledger_node.c.level == sa.bindparam("level"),
    ledger_node.c.number >= sa.bindparam("start", type_=sa.BigInteger),
    ledger_node.c.number < sa.bindparam("end", type_=sa.BigInteger),
)
_LEVELS = sa.select(ledger_node.c.level, sa.func.max(ledger_node.c.number).label("last")).group_by(ledger_node.c.level)
_CHECKPOINTS = (
    sa.select(ledger_checkpoint)
    .where(ledger_checkpoint.c.tree_size > _SEQ)
    .order_by(ledger_checkpoint.c.tree_size)
    .limit(AT_ONCE)
)
_COSIGNED = sa.select(
    ledger_cosignature.c.tree_size, ledger_cosignature.c.verifier_key, ledger_cosignature.c.line
).order_by(ledger_cosignature.c.tree_size, ledger_cosignature.c.verifier_key)
_SEALED_WITH = sa.select(ledger_leaf.c.seq).where(ledger_leaf.c.leaf_hash == sa.bindparam("hash")).limit(1)
_TWICE = (
    sa.select(ledger_leaf.c.event_id, sa.func.max(ledger_leaf.c.seq).label("seq"))
    .group_by(ledger_leaf.c.event_id)
    .having(sa.func.count() > 1)
    .order_by(sa.func.max(ledger_leaf.c.seq))
    .limit(MOST)
)
_SEALED_AND_WAITING = (
    sa.select(ledger_unsealed.c.event_id)
    .where(sa.exists().where(ledger_leaf.c.event_id == ledger_unsealed.c.event_id))
    .limit(MOST)
)
_FOR_ALL = ledger_event.c.audience != "agencies"
_ITS_AGENCY = sa.exists().where(
    ledger_event_agency.c.event_id == ledger_feed.c.event_id, ledger_event_agency.c.agency_id == ledger_feed.c.agency_id
)


_ARCHIVED = sa.select(ledger_archived_segment).order_by(ledger_archived_segment.c.start)
_RECORDED = sa.select(ledger_event.c.canonical).where(
    ledger_event.c.id == sa.bindparam("id", type_=ledger_event.c.id.type)
)
_decode = msgspec.json.Decoder(PublicPart).decode


def _filed(agency_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        ledger_feed.c.agency_id == agency_id,
        ledger_feed.c.seq == ledger_leaf.c.seq,
        ledger_feed.c.event_id == ledger_leaf.c.event_id,
    )


_EVERYBODY = sa.bindparam("everybody", EVERYBODY, type_=ledger_feed.c.agency_id.type)
_UNFILED = (
    sa.select(ledger_leaf.c.seq, ledger_leaf.c.event_id)
    .join_from(ledger_leaf, ledger_event, ledger_event.c.id == ledger_leaf.c.event_id)
    .join(ledger_event_agency, ledger_event_agency.c.event_id == ledger_event.c.id)
    .where(
        ledger_leaf.c.seq > _SEQ,
        sa.case((_FOR_ALL, ~_filed(_EVERYBODY)), else_=~_filed(ledger_event_agency.c.agency_id)),
    )
    .order_by(ledger_leaf.c.seq)
    .limit(MOST)
)
_FILED_WRONGLY = (
    sa.select(ledger_feed.c.seq, ledger_feed.c.event_id)
    .outerjoin(
        ledger_leaf,
        sa.and_(ledger_leaf.c.seq == ledger_feed.c.seq, ledger_leaf.c.event_id == ledger_feed.c.event_id),
    )
    .outerjoin(ledger_event, ledger_event.c.id == ledger_feed.c.event_id)
    .where(
        ledger_feed.c.seq > _SEQ,
        sa.or_(
            ledger_leaf.c.seq.is_(None),
            sa.case(
                (ledger_event.c.id.is_(None), sa.and_(ledger_feed.c.agency_id != _EVERYBODY, ~_ITS_AGENCY)),
                (_FOR_ALL, ledger_feed.c.agency_id != _EVERYBODY),
                else_=~_ITS_AGENCY,
            ),
        ),
    )
    .order_by(ledger_feed.c.seq)
    .limit(MOST)
)


class LedgerVerified(Struct, kw_only=True):
    """What there is, and what is wrong with it, the first first; a fault is one sentence.

    Of the sealed events, `archived` are those of which the leaf alone is here.
    """

    sealed: int = 0
    archived: int = 0
    unsealed: int = 0
    checkpoints: int = 0
    root: bytes = b""
    faults: list[str] = []


class _Archived:
    """A segment that is marked as archived, and how many of its events are missing."""

    def __init__(self, row: Row[Any]) -> None:
        self.start, self.tree_size, self.dropped = row.start, row.tree_size, row.dropped
        self.sha256, self.event_id, self.missing = row.sha256, row.event_id, 0
        self.says = (row.start, row.tree_size, row.sha256, row.dropped, row.kept_by)


def _archived_of(canonical: bytes) -> tuple[object, ...] | None:
    """What an event says that was archived; None for another event."""
    try:
        event = _decode(canonical)
    except msgspec.DecodeError:
        return None
    data = event.data
    if event.type != EventType.LEDGER_SEGMENT_ARCHIVED:
        return None
    return tuple(data.get(name) for name in ("start", "tree_size", "sha256", "dropped", "kept_by"))


class Held(Struct, frozen=True, kw_only=True):
    """A checkpoint that somebody kept elsewhere."""

    checkpoint: Checkpoint
    whose: str


def verify_ledger(
    connection: Connection,
    *,
    keys: Sequence[VerifierKey] = (),
    held: Sequence[Held] = (),
    from_size: int = 0,
) -> LedgerVerified:
    """Verify the ledger that the connection sees.

    With `keys`, the newest checkpoint must be signed by one of them; otherwise the database's own keys are believed.
    With `from_size` the events before it are not looked at again: their tree is taken as it stands with that event.
    """
    return _Verification(connection, keys, held).run(from_size)


def faults_of_ledger(connection: Connection) -> list[str]:
    """What is wrong with the ledger, one sentence each."""
    return [f"ledger: {fault}" for fault in verify_ledger(connection).faults]


class _Verification:
    def __init__(self, connection: Connection, trusted: Sequence[VerifierKey], held: Sequence[Held]) -> None:
        self._connection = connection
        self._trusted = trusted
        self._held = sorted(held, key=lambda each: each.checkpoint.size)
        self._keys = [each.verifier for each in as_keys(connection.execute(KEYS).all())]
        self._growth = Growth()
        self._whole = True
        self._agreed = self._agreed_with_held = self._from = self._end = 0
        self._archived = [_Archived(row) for row in connection.execute(_ARCHIVED)]
        self._newest: Row[Any] | None = None
        self.found = LedgerVerified(faults=[])

    def run(self, from_size: int) -> LedgerVerified:
        self._begin(from_size)
        checkpoints = self._signed()
        following = next(checkpoints, None)
        self._compare_held()
        for rows in self._pages():
            agencies = self._agencies([row.id for row in rows if row.id is not None])
            completed: list[tuple[Subtree, bytes]] = []
            for row in rows:
                self._leaf(row, agencies.get(row.id, []))
                completed += self._grow(row)
                while following is not None and following.tree_size <= self._growth.size:
                    self._checkpoint(following)
                    following = next(checkpoints, None)
                self._compare_held()
            self._nodes(completed)
        self.found.sealed, self.found.root = self._end, self._growth.root
        while following is not None:
            self._cut_off(following.tree_size, "a signed checkpoint")
            following = next(checkpoints, None)
        for each in self._held:
            self._cut_off(each.checkpoint.size, f"the checkpoint in {each.whose}")
        self._without_leaf()
        for archived in self._archived:
            self._left(archived)
        self._doubled()
        self._superfluous_nodes()
        self._signatures()
        if not self.found.faults:
            self._misfiled()
        return self.found

    def _begin(self, size: int) -> None:
        """Take the tree of the first events as it is stored."""
        self._from = self._end = size
        asked = stored_question([(0, size)])
        if asked is not None:
            try:
                self._growth = growth_of(size, as_stored(self._connection.execute(*asked).all()))
            except TreeChangedError as error:
                self._whole, self._growth = False, Growth()
                self._say(f"the tree of the first {size} events cannot be made: {error}")

    def _say(self, fault: str) -> None:
        if len(self.found.faults) < MOST:
            self.found.faults.append(fault)
        elif len(self.found.faults) == MOST:
            self.found.faults.append("… and perhaps more")

    def _pages(self) -> Iterator[Sequence[Row[Any]]]:
        after = self._from - 1
        while rows := self._connection.execute(_LEAVES, {"after": after}).all():
            yield rows
            after = rows[-1].seq

    def _agencies(self, ids: list[UUID]) -> dict[UUID, list[UUID]]:
        found: dict[UUID, list[UUID]] = {}
        if ids:
            for row in self._connection.execute(_AGENCIES, {"ids": ids}):
                found.setdefault(row.event_id, []).append(row.agency_id)
        return found

    def _leaf(self, row: Row[Any], agencies: list[UUID]) -> None:
        """One leaf against its event."""
        if row.id is None:
            archived = next((each for each in self._archived if each.start <= row.seq < each.tree_size), None)
            if archived is None:
                self._say(f"event {row.event_id} (place {row.seq}) was dropped: its row is gone")
            else:
                archived.missing += 1
                self.found.archived += 1
            return
        hash_ = leaf_hash(row.canonical)
        if hash_ != row.leaf_hash:
            elsewhere = self._connection.execute(_SEALED_WITH, {"hash": hash_}).scalar()
            self._say(
                f"event {row.id} (place {row.seq}) was edited: its bytes are not those that were sealed"
                if elsewhere is None
                else f"event {row.id} (place {row.seq}) was moved: its bytes were sealed in place {elsewhere}"
            )
        elif (fault := fault_of(row, agencies)) is not None:
            self._say(f"event {row.id} (place {row.seq}) {fault}")

    def _grow(self, row: Row[Any]) -> list[tuple[Subtree, bytes]]:
        """Append the leaf, and compare the root with the one that stands there."""
        if row.seq != self._end:
            self._whole = False
            self._say(f"events were dropped with their leaves: nothing stands in {_places(self._end, row.seq)}")
        self._end = row.seq + 1
        completed = self._growth.append(row.leaf_hash)
        if self._whole and self._growth.root != row.root_hash:
            self._whole = False
            self._say(
                f"event {row.event_id} (place {row.seq}) was edited, put in or moved together with its hash: "
                "from there on it is not the tree that was sealed"
            )
        return completed if self._whole else []

    def _nodes(self, completed: list[tuple[Subtree, bytes]]) -> None:
        """The stored subtrees against those that the leaves make."""
        made = {subtree: node for subtree, node in completed if subtree[0] % STRIDE == 0}
        for level in sorted({level for level, _ in made}):
            numbers = [number for at, number in made if at == level]
            asked = {"level": level, "start": min(numbers), "end": max(numbers) + 1}
            stored = {row.number: row.hash for row in self._connection.execute(_NODES, asked)}
            for number in numbers:
                if stored.get(number) != made[level, number]:
                    over = _places(number << level, (number + 1) << level)
                    what = "is missing" if number not in stored else "is not what its events make"
                    self._say(f"the stored subtree over {over} {what}")

    def _superfluous_nodes(self) -> None:
        for row in self._connection.execute(_LEVELS):
            if self._whole and row.last >= self._growth.size >> row.level:
                self._say(f"a subtree of level {row.level} is stored for events that are not there")

    def _signed(self) -> Iterator[Row[Any]]:
        after = max(self._from - 1, 0)
        while rows := self._connection.execute(_CHECKPOINTS, {"after": after}).all():
            for row in rows:
                self.found.checkpoints += 1
                self._newest = row
                yield row
            after = rows[-1].tree_size

    def _checkpoint(self, row: Row[Any]) -> None:
        """A stored checkpoint against the tree of its size, and its signature."""
        what = f"the checkpoint of {row.tree_size} events"
        try:
            note = parse_note(row.note)
            said = parse_checkpoint(note)
            if not verified_by(note, self._keys):
                self._say(f"{what} is forged: it is signed by none of the ledger's keys")
        except NoteError as error:
            self._say(f"{what} is forged: {error}")
            return
        if (said.size, said.root) != (row.tree_size, row.root_hash) or said.origin not in {k.name for k in self._keys}:
            self._say(f"{what} is another one than its row says")
        elif said.size == self._growth.size:
            self._agree(said, what)

    def _agree(self, said: Checkpoint, what: str) -> None:
        """The root of a checkpoint against the tree of the same size."""
        if said.root == self._growth.root:
            self._agreed = said.size
        elif self._whole:
            self._whole = False
            self._say(
                f"an event in {_places(self._agreed, said.size)} was edited, dropped, put in or moved, and all "
                f"hashes after it were made anew: {what} was signed over other events"
            )

    def _compare_held(self) -> None:
        """What was kept elsewhere against the tree of the same size."""
        while self._held and self._held[0].checkpoint.size <= self._growth.size:
            said, whose = self._held[0].checkpoint, self._held.pop(0).whose
            if said.size < self._growth.size:
                continue
            if said.root == self._growth.root:
                self._agreed_with_held = said.size
            else:
                self._say(
                    f"the first {said.size} events are not those of the checkpoint in {whose}: the ledger was "
                    f"rewritten, with an event in {_places(self._agreed_with_held, said.size)}"
                )

    def _cut_off(self, size: int, what: str) -> None:
        if size > self._end:
            empty = _places(self._end, size)
            self._say(f"events were cut off: {what} says that there are {size}, and nothing stands in {empty}")

    def _without_leaf(self) -> None:
        """Events that are not sealed: each must wait to be."""
        after: UUID | None = None
        while True:
            statement, given = (_WITHOUT_LEAF, None) if after is None else (_WITHOUT_LEAF_AFTER, {"after": after})
            rows = self._connection.execute(statement, given).all()
            agencies = self._agencies([row.id for row in rows])
            for row in rows:
                if not row.waits:
                    self._say(
                        f"event {row.id} has no place and does not wait for one: it was put in, or its leaf was dropped"
                    )
                elif (fault := fault_of(row, agencies.get(row.id, []))) is not None:
                    self._say(f"event {row.id} (not sealed yet) {fault}")
                self.found.unsealed += 1
            if len(rows) < AT_ONCE:
                return
            after = rows[-1].id

    def _left(self, archived: "_Archived") -> None:
        """A segment whose events have left, against the sealed event that says how many did."""
        where = _places(archived.start, archived.tree_size)
        row = self._connection.execute(_RECORDED, {"id": archived.event_id}).first()
        said = None if row is None else _archived_of(row.canonical)
        if said != archived.says:
            self._say(f"{where} are marked as archived, and no event of the ledger says so: {archived.event_id}")
        elif archived.start >= self._from and archived.missing != archived.dropped:
            self._say(
                f"in {where}, which are archived, {archived.missing} events are missing, and {archived.dropped} were "
                f"dropped with the archive: compare it with the file {archived.sha256}"
            )

    def _doubled(self) -> None:
        for row in self._connection.execute(_TWICE):
            self._say(f"event {row.event_id} was sealed twice, the second time in place {row.seq}")
        for row in self._connection.execute(_SEALED_AND_WAITING):
            self._say(f"event {row.event_id} is sealed, and waits to be sealed again")

    def _misfiled(self) -> None:
        """The feed, by which agencies hear of events, against the events that are known to be whole."""
        missing, superfluous = "missing from the feed of an agency that", "in the feed of an agency that"
        for row in self._connection.execute(_UNFILED, {"after": self._from - 1}):
            self._say(f"event {row.event_id} (place {row.seq}) is {missing} it concerns")
        for row in self._connection.execute(_FILED_WRONGLY, {"after": self._from - 1}):
            self._say(f"event {row.event_id} (place {row.seq}) is {superfluous} it does not concern")

    def _signatures(self) -> None:
        """The newest checkpoint by a key that is known from elsewhere, and what witnesses have signed."""
        if self._trusted:
            if self._newest is None:
                self._say("no checkpoint was signed, so that no key says anything of this ledger")
            elif not _is_signed_by(self._newest.note, self._trusted):
                self._say(
                    f"the newest checkpoint, of {self._newest.tree_size} events, is not signed by the key that you gave"
                )
        texts: dict[int, str] = {}
        for row in self._connection.execute(_COSIGNED):
            note = texts.get(row.tree_size) or self._note_of(row.tree_size)
            texts = {row.tree_size: note}
            try:
                signed = _is_signed_by(note + row.line, [parse_key(row.verifier_key)])
            except NoteError:
                signed = False
            if not signed:
                self._say(f"what a witness signed under the checkpoint of {row.tree_size} events is forged")

    def _note_of(self, size: int) -> str:
        found = self._connection.execute(
            sa.select(ledger_checkpoint.c.note).where(ledger_checkpoint.c.tree_size == size)
        ).scalar()
        return str(found)


def _places(start: int, end: int) -> str:
    """The places from the first to before the second, in words."""
    return f"place {start}" if end - start == 1 else f"places {start} to {end - 1}"


def _is_signed_by(note: str, keys: Iterable[VerifierKey]) -> bool:
    try:
        return bool(verified_by(parse_note(note), keys))
    except NoteError:
        return False
