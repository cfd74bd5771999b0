"""Segments: a part of the ledger as a file, which whoever has the public key can verify without the registry.

A segment is one JSON document a line. The first says where it begins, has the hashes of the complete subtrees before
that (`peaks`), and the signed checkpoint with which it ends. Each other line is an event, in order: its public part as
it was hashed, or, where the reader may not see it or it was archived, its leaf's hash alone. The root over all of them
must be the checkpoint's, so that nothing in the file can be changed, left out or put in another order; see
docs/ledger.md.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy.engine import Connection, Row

from registry.platform.ledger.checking import AT_ONCE
from registry.platform.ledger.merkle import HASH_BYTES, Growth, leaf_hash
from registry.platform.ledger.notes import (
    Checkpoint,
    Note,
    NoteError,
    VerifierKey,
    parse_checkpoint,
    parse_note,
    verified_by,
)
from registry.platform.ledger.queries import CONCERNED
from registry.platform.ledger.tables import ledger_checkpoint, ledger_cosignature, ledger_event, ledger_leaf
from registry.platform.ledger.tree import as_stored, growth_of, stored_question
from registry.platform.ledger.verifying import Held

FORMAT = "registry-ledger-segment/1"
_AFTER = sa.bindparam("after", type_=sa.BigInteger)
_NEWEST = sa.select(ledger_checkpoint).order_by(ledger_checkpoint.c.tree_size.desc()).limit(1)
_LINES = (
    sa.select(ledger_cosignature.c.line)
    .where(ledger_cosignature.c.tree_size == sa.bindparam("size", type_=sa.BigInteger))
    .order_by(ledger_cosignature.c.verifier_key)
)
_PAGE = (
    sa.select(ledger_leaf.c.seq, ledger_leaf.c.leaf_hash, ledger_event.c.canonical)
    .join_from(ledger_leaf, ledger_event, ledger_event.c.id == ledger_leaf.c.event_id, isouter=True)
    .where(ledger_leaf.c.seq > _AFTER, ledger_leaf.c.seq < sa.bindparam("end", type_=sa.BigInteger))
    .order_by(ledger_leaf.c.seq)
    .limit(AT_ONCE)
)
_PAGE_FOR = _PAGE.add_columns(sa.case((CONCERNED, sa.true()), else_=sa.false()).label("seen"))


class SegmentError(Exception):
    """There is no such segment, or the file is none; the message says why."""


class Head(Struct, kw_only=True):
    """The first line."""

    format: str
    start: int
    peaks: list[bytes]
    checkpoint: str


class Line(Struct, kw_only=True, omit_defaults=True):
    """An event: its public part, or its leaf's hash; in an archive, its private part besides."""

    seq: int
    public: str | UnsetType = UNSET
    leaf: bytes | UnsetType = UNSET
    private: str | UnsetType = UNSET


class _Private(Struct):
    private_sha256: str


class SegmentVerified(Struct, kw_only=True):
    """What a segment holds, and what is wrong with it."""

    start: int
    checkpoint: Checkpoint
    shown: int = 0
    hidden: int = 0
    faults: list[str] = []


encode = msgspec.json.Encoder().encode
_head = msgspec.json.Decoder(Head).decode
_private_of = msgspec.json.Decoder(_Private).decode
_line = msgspec.json.Decoder(Line).decode


def export_segment(
    connection: Connection,
    write: Callable[[bytes], object],
    *,
    start: int = 0,
    size: int | None = None,
    agency_id: UUID | None = None,
) -> int:
    """Write the events from place `start` to the checkpoint of that size, or the newest; how many.

    With `agency_id` only what concerns that agency is in full, restricted events included, as its auditors read it.
    Raises SegmentError for a checkpoint that was not signed, and for a start behind it.
    """
    statement = _NEWEST if size is None else sa.select(ledger_checkpoint).where(ledger_checkpoint.c.tree_size == size)
    signed = connection.execute(statement).first()
    if signed is None:
        raise SegmentError(
            "No checkpoint was signed yet" if size is None else f"No checkpoint of {size} events was signed"
        )
    if start >= signed.tree_size:
        raise SegmentError(f"The checkpoint holds {signed.tree_size} events: begin before that")
    write(encode(head_of(connection, start, signed)) + b"\n")
    page: sa.Select[Any] = _PAGE if agency_id is None else _PAGE_FOR
    asked = {} if agency_id is None else {"agency_id": agency_id, "auditor": True}
    after, written = start - 1, 0
    while rows := connection.execute(page, {"after": after, "end": signed.tree_size, **asked}).all():
        for row in rows:
            seen = row.canonical is not None and (agency_id is None or row.seen)
            line = Line(seq=row.seq, public=row.canonical.decode()) if seen else Line(seq=row.seq, leaf=row.leaf_hash)
            write(encode(line) + b"\n")
        written += len(rows)
        after = rows[-1].seq
    return written


def head_of(connection: Connection, start: int, signed: Row[Any]) -> Head:
    """The first line of the segment from place `start` to a signed checkpoint, which is a row of its table."""
    before = stored_question([(0, start)])
    growth = Growth() if before is None else growth_of(start, as_stored(connection.execute(*before).all()))
    lines = "".join(connection.execute(_LINES, {"size": signed.tree_size}).scalars())
    return Head(format=FORMAT, start=start, peaks=growth.peaks, checkpoint=signed.note + lines)


def begin(raw: bytes) -> tuple[Head, Note, Checkpoint]:
    """The first line of a segment, with the checkpoint in it. Raises SegmentError for what is none."""
    try:
        head = _head(raw)
        note = parse_note(head.checkpoint)
        checkpoint = parse_checkpoint(note)
        Growth(head.start, head.peaks)
    except (msgspec.DecodeError, NoteError, ValueError) as error:
        raise SegmentError(f"it is no segment of a ledger: {error}") from None
    if head.format != FORMAT or head.start < 0 or any(len(each) != HASH_BYTES for each in head.peaks):
        raise SegmentError("it is no segment of a ledger that this version can read")
    return head, note, checkpoint


def event_of(raw: bytes) -> Line:
    """A further line of a segment. Raises SegmentError for what is none."""
    try:
        line = _line(raw)
    except msgspec.DecodeError as error:
        raise SegmentError(f"a line is no event: {error}") from None
    if (line.public is UNSET) == (line.leaf is UNSET) or (
        isinstance(line.leaf, bytes) and len(line.leaf) != HASH_BYTES
    ):
        raise SegmentError(f"the line of place {line.seq} has not one of an event and a hash")
    return line


def verify_segment(lines: Iterable[bytes], keys: Sequence[VerifierKey], held: Sequence[Held] = ()) -> SegmentVerified:
    """Verify a segment with the public keys alone, and against checkpoints that were kept.

    Reads line by line. Raises SegmentError for what is no segment.
    """
    reading = iter(lines)
    head, note, checkpoint = begin(next(reading, b""))
    found = SegmentVerified(start=head.start, checkpoint=checkpoint, faults=[])
    try:
        if not verified_by(note, keys):
            found.faults.append("the checkpoint is not signed by the key that you gave")
    except NoteError as error:
        found.faults.append(f"the checkpoint is forged: {error}")
    growth = Growth(head.start, head.peaks)
    kept = {each.checkpoint.size: each for each in held}
    _compare(growth, kept, found)
    for raw in reading:
        line = event_of(raw)
        if line.seq != growth.size:
            found.faults.append(f"place {growth.size} is missing: the next event is that of place {line.seq}")
            return found
        if isinstance(line.public, str):
            found.shown += 1
            growth.append(leaf_hash(line.public.encode()))
            if isinstance(line.private, str) and not _belongs(line.private, line.public):
                found.faults.append(f"the event of place {line.seq} has another private part than was recorded")
        else:
            assert isinstance(line.leaf, bytes)
            found.hidden += 1
            growth.append(line.leaf)
        _compare(growth, kept, found)
    if growth.size != checkpoint.size:
        found.faults.append(f"it ends with place {growth.size - 1}, and the checkpoint holds {checkpoint.size} events")
    elif growth.root != checkpoint.root:
        found.faults.append("one of its events was edited, put in or moved: the checkpoint was signed over others")
    return found


def _belongs(private: str, public: str) -> bool:
    try:
        return hashlib.sha256(private.encode()).hexdigest() == _private_of(public).private_sha256
    except msgspec.DecodeError:
        return False


def _compare(growth: Growth, kept: dict[int, Held], found: SegmentVerified) -> None:
    each = kept.get(growth.size)
    if each is not None and each.checkpoint.root != growth.root:
        found.faults.append(
            f"the first {growth.size} events are not those of the checkpoint in {each.whose}: the ledger was rewritten"
        )
