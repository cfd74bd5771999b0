"""Archives: sealed segments as compressed files, each named by its SHA-256, in a folder with a manifest.

A folder holds the ledger from place 0 on, without a gap. Each file is a segment (`segments`) of at most some thousand
events, compressed by gzip, with the private parts besides: it is all that was recorded. Its first line has the signed
checkpoint over its events, so that whoever has the public key can verify a file alone. `manifest.json` lists the files
in order, and has the checkpoint of the last one: with it nobody can leave out a file, at the end either.

A file is written under another name, read again, and only then named by its hash; the manifest is replaced as a whole,
last. So whenever the writing is killed, the folder holds what its manifest says, and the next run goes on from there.
"""

import fcntl
import gzip
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection, Row

from registry.platform.ledger.checking import AT_ONCE
from registry.platform.ledger.merkle import root_of
from registry.platform.ledger.notes import NoteError, VerifierKey, parse_checkpoint, parse_note
from registry.platform.ledger.segments import Line, SegmentError, begin, encode, head_of, verify_segment
from registry.platform.ledger.signing import KEYS, as_keys
from registry.platform.ledger.tables import ledger_archived_segment, ledger_checkpoint, ledger_event, ledger_leaf
from registry.platform.ledger.verifying import Held

FORMAT = "registry-ledger-archive/1"
MANIFEST = "manifest.json"
ENDING = ".ndjson.gz"
SEGMENT_EVENTS = 10_000
"""Events of one segment at most, as far as checkpoints stand closer than that. A segment is dropped in one transaction,
which keeps the only writer of SQLite for about as many milliseconds as it has tens of events."""
_PARTIAL = ".partial"
_LEVEL = 6
_SIZE = sa.bindparam("size", type_=sa.BigInteger)
_START = sa.bindparam("start", type_=sa.BigInteger)
_END = sa.bindparam("end", type_=sa.BigInteger)
_LIMIT = sa.select(sa.func.max(ledger_checkpoint.c.tree_size)).where(
    ledger_checkpoint.c.signed_at < sa.bindparam("before", type_=ledger_checkpoint.c.signed_at.type)
)
_WITHIN = (
    sa.select(ledger_checkpoint)
    .where(ledger_checkpoint.c.tree_size > _START, ledger_checkpoint.c.tree_size <= _END)
    .order_by(ledger_checkpoint.c.tree_size.desc())
    .limit(1)
)
_NEXT = (
    sa.select(ledger_checkpoint)
    .where(ledger_checkpoint.c.tree_size > _START)
    .order_by(ledger_checkpoint.c.tree_size)
    .limit(1)
)
_PAGE = (
    sa.select(ledger_leaf.c.seq, ledger_event.c.canonical, ledger_event.c.private, ledger_event.c.recorded_at)
    .join_from(ledger_leaf, ledger_event, ledger_event.c.id == ledger_leaf.c.event_id, isouter=True)
    .where(ledger_leaf.c.seq >= _START, ledger_leaf.c.seq < _END)
    .order_by(ledger_leaf.c.seq)
    .limit(AT_ONCE)
)
_GONE_TO = sa.select(sa.func.max(ledger_archived_segment.c.tree_size))
_CHECKPOINT = sa.select(ledger_checkpoint).where(ledger_checkpoint.c.tree_size == _SIZE)


class LedgerArchiveError(Exception):
    """There is nothing to archive, or the folder is no archive of this ledger; the message says why."""


class ArchivedSegment(Struct, kw_only=True, frozen=True):
    """One file: the events from place `start` to before `tree_size`, and when the first and the last were recorded.

    `sha256` is of the file as it is, and `bytes` its length.
    """

    start: int
    tree_size: int
    sha256: str
    bytes: int
    first_recorded_at: datetime
    last_recorded_at: datetime

    @property
    def name(self) -> str:
        """Of the file."""
        return self.sha256 + ENDING


class Manifest(Struct, kw_only=True):
    """What a folder holds. `checkpoint` is that of the last segment, with the lines of witnesses."""

    format: str
    checkpoint: str
    segments: list[ArchivedSegment]

    @property
    def tree_size(self) -> int:
        """How many events the folder holds."""
        return self.segments[-1].tree_size if self.segments else 0


class ArchiveVerified(Struct, kw_only=True):
    """What a folder holds, and what is wrong with it."""

    origin: str
    segments: int = 0
    events: int = 0
    faults: list[str] = []


_manifest_of = msgspec.json.Decoder(Manifest).decode


def read_manifest(folder: Path) -> Manifest:
    """What the folder says that it holds; nothing where it has no manifest. Raises LedgerArchiveError."""
    path = folder / MANIFEST
    if not path.exists():
        return Manifest(format=FORMAT, checkpoint="", segments=[])
    try:
        found = _manifest_of(path.read_bytes())
    except msgspec.DecodeError as error:
        raise LedgerArchiveError(f"{path} is no manifest of an archive: {error}") from None
    if found.format != FORMAT or not found.segments:
        raise LedgerArchiveError(f"{path} is no manifest that this version can read")
    return found


def write_archive(
    connection: Connection,
    folder: Path,
    before: datetime,
    told: Callable[[ArchivedSegment], None] = lambda _: None,
    *,
    most: int = SEGMENT_EVENTS,
) -> Manifest:
    """Add to the folder what was signed before that instant; what the folder holds then.

    `told` is called with each segment once it is in the manifest. Raises LedgerArchiveError where the folder is the
    archive of another ledger, or lacks what has left the database, and where an event of the segments was dropped.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        for left in folder.glob(f"*{_PARTIAL}"):
            left.unlink()
        manifest = read_manifest(folder)
        _check_continues(connection, folder, manifest)
        limit = connection.execute(_LIMIT, {"before": before}).scalar() or 0
        keys = [each.verifier for each in as_keys(connection.execute(KEYS).all())]
        while manifest.tree_size < limit:
            signed = _signed_next(connection, manifest.tree_size, limit, most)
            segment, checkpoint = _write(connection, folder, manifest.tree_size, signed, before, keys)
            manifest.segments.append(segment)
            manifest.checkpoint = checkpoint
            _replace(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
            told(segment)
    return manifest


def verify_archive(folder: Path, keys: Sequence[VerifierKey], held: Sequence[Held] = ()) -> ArchiveVerified:
    """Verify a folder with the public keys alone, and against checkpoints that were kept.

    Raises LedgerArchiveError for what is no archive.
    """
    manifest = read_manifest(folder)
    if not manifest.segments:
        raise LedgerArchiveError(f"{folder} has no {MANIFEST}: it is no archive of a ledger")
    try:
        newest = parse_checkpoint(parse_note(manifest.checkpoint))
    except NoteError as error:
        raise LedgerArchiveError(f"the checkpoint in {folder / MANIFEST} is none: {error}") from None
    found = ArchiveVerified(origin=newest.origin, faults=[])
    end, root = 0, b""
    for segment in manifest.segments:
        if segment.start != end:
            found.faults.append(f"a segment is missing: the manifest goes on at place {segment.start} after {end}")
        path = folder / segment.name
        try:
            if _sha256(path) != segment.sha256:
                found.faults.append(f"{path.name} is another file than its name says: it was changed")
                end = segment.tree_size
                continue
            with gzip.open(path) as lines:
                first = next(iter(lines), b"")
                head, _, checkpoint = begin(first)
            with gzip.open(path) as lines:
                verified = verify_segment(lines, keys, held)
        except FileNotFoundError:
            found.faults.append(f"{path.name} is missing: it holds the places {segment.start} to {segment.tree_size}")
            end = segment.tree_size
            continue
        except (SegmentError, OSError, EOFError) as error:
            found.faults.append(f"{path.name}: {error}")
            end = segment.tree_size
            continue
        found.faults += [f"{path.name}: {fault}" for fault in verified.faults]
        if verified.hidden:
            found.faults.append(f"{path.name} holds {verified.hidden} events as hashes alone")
        if (head.start, checkpoint.size) != (segment.start, segment.tree_size):
            found.faults.append(f"{path.name} holds other places than the manifest says")
        elif root and segment.start == end and root_of(head.peaks) != root:
            found.faults.append(f"{path.name} does not continue the segment before it: it is of another ledger")
        if checkpoint.origin != newest.origin:
            found.faults.append(f"{path.name} is of the ledger {checkpoint.origin}")
        end, root = segment.tree_size, checkpoint.root
        found.segments += 1
        found.events += verified.shown
    if (newest.size, newest.root) != (end, root or newest.root):
        found.faults.append(f"the manifest's checkpoint holds {newest.size} events, and its segments end with {end}")
    return found


def lines_of(folder: Path, segment: ArchivedSegment) -> list[bytes]:
    """The lines of a segment, whose file is what its name says. Raises LedgerArchiveError where it is not."""
    path = folder / segment.name
    if not path.is_file() or _sha256(path) != segment.sha256:
        raise LedgerArchiveError(f"{path} is missing, or another file than its name says")
    with gzip.open(path) as lines:
        return lines.read().splitlines()


def _check_continues(connection: Connection, folder: Path, manifest: Manifest) -> None:
    """Raises LedgerArchiveError unless the folder's end is a checkpoint of this ledger, and nothing behind it left."""
    gone_to = connection.execute(_GONE_TO).scalar() or 0
    if manifest.tree_size < gone_to:
        raise LedgerArchiveError(
            f"{folder} holds {manifest.tree_size} events, and the first {gone_to} have left the database for another "
            "archive: continue that one"
        )
    if manifest.segments:
        signed = connection.execute(_CHECKPOINT, {"size": manifest.tree_size}).first()
        try:
            said = parse_note(manifest.checkpoint).text
        except NoteError as error:
            raise LedgerArchiveError(f"the checkpoint in {folder / MANIFEST} is none: {error}") from None
        if signed is None or parse_note(signed.note).text != said:
            raise LedgerArchiveError(f"{folder} is the archive of another ledger")


def _signed_next(connection: Connection, start: int, limit: int, most: int) -> Row[Any]:
    """The checkpoint with which the segment from that place ends."""
    asked = {"start": start, "end": min(start + most, limit)}
    found = connection.execute(_WITHIN, asked).first() or connection.execute(_NEXT, {"start": start}).first()
    assert found is not None, "the limit is a checkpoint itself"
    return found


def _write(
    connection: Connection, folder: Path, start: int, signed: Row[Any], before: datetime, keys: Sequence[VerifierKey]
) -> tuple[ArchivedSegment, str]:
    """Write one segment; what it is, and its checkpoint with the lines of witnesses."""
    partial = folder / f"{start}{_PARTIAL}"
    head = head_of(connection, start, signed)
    with partial.open("xb") as raw:
        partial.chmod(0o600)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=raw, mtime=0) as file:
            file.write(encode(head) + b"\n")
            times = [*_events(connection, file.write, start, signed.tree_size)]
        raw.flush()
        os.fsync(raw.fileno())
    if max(times) >= before:
        partial.unlink()
        raise LedgerArchiveError(
            f"of the places {start} to {signed.tree_size - 1} one was recorded at {max(times).isoformat()}, by a clock "
            "that was ahead of the one that signed: name a later day"
        )
    with gzip.open(partial) as lines:
        if faults := verify_segment(lines, keys).faults:
            raise LedgerArchiveError(f"what was written is not what was signed: {faults[0]}")
    segment = ArchivedSegment(
        start=start,
        tree_size=signed.tree_size,
        sha256=_sha256(partial),
        bytes=partial.stat().st_size,
        first_recorded_at=min(times),
        last_recorded_at=max(times),
    )
    partial.rename(folder / segment.name)
    _sync(folder)
    return segment, head.checkpoint


def _events(connection: Connection, write: Callable[[bytes], object], start: int, end: int) -> Iterator[datetime]:
    """Write each event as a line; when it was recorded."""
    while start < end:
        rows = connection.execute(_PAGE, {"start": start, "end": end}).all()
        if not rows:
            raise LedgerArchiveError(f"the event at place {start} is missing: run `registry ledger verify`")
        for row in rows:
            if row.canonical is None:
                raise LedgerArchiveError(f"the event at place {row.seq} is not here: run `registry ledger verify`")
            line = Line(seq=row.seq, public=row.canonical.decode(), private=row.private.decode())
            write(encode(line) + b"\n")
            yield row.recorded_at
        start = rows[-1].seq + 1


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(path: Path, content: bytes) -> None:
    """Put a whole file in the place of another."""
    partial = path.with_name(path.name + _PARTIAL)
    with partial.open("xb") as file:
        partial.chmod(0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of two processes that write one folder, the second is refused."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LedgerArchiveError(f"another process writes {folder}") from None
        yield
    finally:
        os.close(descriptor)
