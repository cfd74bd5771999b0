"""Dropping: the events of an archived segment leave the database, and their leaves stay.

A segment is dropped in one transaction: either its events go, the row that says so is there, and an event tells the
network of it, or nothing happened. Nothing goes that is younger than a year, that a legal hold keeps, or that is not,
byte for byte, in a file that is what its name says.

What the registry itself goes on reading stays (`subjects.STAYING_KINDS`), and so does the newest event of each thing,
by which the next one is numbered. How many went is in the event that tells of it, which is sealed as any other: so
`registry ledger verify` finds an event that somebody else deletes, also among the archived places.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Conflict, NotFound, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.archiving import ArchivedSegment, LedgerArchiveError, lines_of
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.merkle import leaf_hash
from registry.platform.ledger.schemas import AuditedType
from registry.platform.ledger.segments import begin, event_of
from registry.platform.ledger.subjects import STAYING_KINDS, STAYING_TYPES
from registry.platform.ledger.tables import (
    ledger_archived_segment,
    ledger_dropping,
    ledger_event,
    ledger_hold,
    ledger_leaf,
)

YOUNGEST: Final = timedelta(days=366)
"""An event stays in the database for a year at least, and a leap year has so many days."""

Keeper: TypeAlias = Callable[[Write, int, int], Awaitable[str | None]]
"""Why the events from one place to before another have to stay; None where nothing keeps them."""

_START = sa.bindparam("start", type_=sa.BigInteger)
_END = sa.bindparam("end", type_=sa.BigInteger)
_OF_LEAF = ledger_event.c.id == ledger_leaf.c.event_id
_PLACES = sa.and_(ledger_leaf.c.seq >= _START, ledger_leaf.c.seq < _END)
_THERE = (
    sa.select(
        ledger_leaf.c.seq,
        ledger_leaf.c.leaf_hash,
        ledger_event.c.canonical,
        ledger_event.c.private,
        ledger_event.c.recorded_at,
    )
    .join_from(ledger_leaf, ledger_event, _OF_LEAF, isouter=True)
    .where(_PLACES)
    .order_by(ledger_leaf.c.seq)
)
_LATER = ledger_event.alias("later")
_HAS_LATER = sa.exists().where(
    _LATER.c.subject_id == ledger_event.c.subject_id,
    sa.tuple_(_LATER.c.subject_version, _LATER.c.n) > sa.tuple_(ledger_event.c.subject_version, ledger_event.c.n),
)
_GOES = sa.and_(
    ledger_event.c.subject_kind.not_in(sorted(STAYING_KINDS)),
    ledger_event.c.type.not_in(sorted(STAYING_TYPES)),
    sa.or_(ledger_event.c.type.in_(sorted(AuditedType)), _HAS_LATER),
)
_DROP = ledger_event.delete().where(
    ledger_event.c.id.in_(
        sa.select(ledger_event.c.id).join_from(ledger_leaf, ledger_event, _OF_LEAF).where(_PLACES, _GOES)
    )
)
_BEGIN = ledger_dropping.insert()
_END_OF_IT = ledger_dropping.delete()
_INSERT = ledger_archived_segment.insert()
_GONE_TO = sa.select(sa.func.max(ledger_archived_segment.c.tree_size))
_TURN = sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column("5209320")))
"""The number of the advisory lock of those who drop or place a hold; it is used for nothing else."""
_HOLDS = sa.select(ledger_hold).where(ledger_hold.c.lifted_at.is_(None)).order_by(ledger_hold.c.placed_at)
_HOLD = sa.select(ledger_hold).where(ledger_hold.c.id == sa.bindparam("id", type_=ledger_hold.c.id.type))
_PLACE = ledger_hold.insert()
_LIFT = ledger_hold.update().where(ledger_hold.c.id == sa.bindparam("its_id", type_=ledger_hold.c.id.type))


async def dropped_to(read: Read) -> int:
    """The place up to which events were dropped; 0 while none were."""
    return int(await read.value(_GONE_TO) or 0)


async def drop_segment(
    write: Write, caller: Caller, folder: Path, segment: ArchivedSegment, kept_by: str, keepers: Sequence[Keeper]
) -> int:
    """Drop the events of an archived segment from the database; how many went.

    `kept_by` says where agencies ask for the archive. Has no effect on a segment that was dropped already. Raises
    Conflict for events that are too young or have to stay, and LedgerArchiveError where the file is not what is here.
    """
    await _take_turn(write)
    gone_to = await dropped_to(write)
    if segment.tree_size <= gone_to:
        return 0
    if segment.start != gone_to:
        raise Conflict(f"Segments are dropped in their order: the next one begins with place {gone_to}.")
    places = {"start": segment.start, "end": segment.tree_size}
    await _refuse_what_is_kept(write, segment, keepers)
    newest = await _compare(write, folder, segment, caller.now)
    await write.run(_BEGIN, {"start": segment.start, "tree_size": segment.tree_size})
    dropped = await write.run(_DROP, places)
    await write.run(_END_OF_IT)
    what = {
        "start": segment.start,
        "tree_size": segment.tree_size,
        "sha256": segment.sha256,
        "dropped": dropped,
        "kept_by": kept_by,
    }
    event_id = record(
        write,
        caller,
        EventType.LEDGER_SEGMENT_ARCHIVED,
        subject=("ledger_segment", new_id(), 1),
        agencies=[],
        data=what,
        audience="network",
    )
    await write.run(_INSERT, {**what, "last_recorded_at": newest, "event_id": event_id})
    return dropped


async def _take_turn(write: Write) -> None:
    if write.dialect == "postgresql":  # on SQLite there is one writer
        await write.run(_TURN)


async def _refuse_what_is_kept(write: Write, segment: ArchivedSegment, keepers: Sequence[Keeper]) -> None:
    """Raises Conflict where a hold on the ledger, or one of the keepers, wants the events here."""
    places = f"the places {segment.start} to {segment.tree_size - 1}"
    if (hold := await write.first(_HOLDS)) is not None:
        raise Conflict(f"The ledger is under a legal hold ({hold.authority}): nothing of it is dropped.", "record_held")
    for keeper in keepers:
        if (why := await keeper(write, segment.start, segment.tree_size)) is not None:
            raise Conflict(f"Of {places} nothing is dropped: {why}.", "record_held")


async def _compare(write: Write, folder: Path, segment: ArchivedSegment, now: datetime) -> datetime:
    """When the newest event was recorded. Raises LedgerArchiveError unless the file holds each of them, Conflict for
    one that is too young.
    """
    lines = lines_of(folder, segment)
    rows = await write.all(_THERE, {"start": segment.start, "end": segment.tree_size})
    begin(lines[0])
    if not len(rows) == len(lines) - 1 == segment.tree_size - segment.start:
        raise LedgerArchiveError(f"{segment.name} does not hold as many events as the database")
    for raw, row in zip(lines[1:], rows, strict=True):
        line = event_of(raw)
        if (
            line.seq != row.seq
            or row.canonical is None
            or line.public != row.canonical.decode()
            or line.private != row.private.decode()
            or leaf_hash(row.canonical) != row.leaf_hash
        ):
            raise LedgerArchiveError(f"the event at place {row.seq} is not the one in {segment.name}")
    newest: datetime = max(row.recorded_at for row in rows)
    if newest > now - YOUNGEST:
        raise Conflict(
            f"Of the places {segment.start} to {segment.tree_size - 1} one was recorded on {newest:%Y-%m-%d}: events "
            "stay in the database for a year at least.",
            "too_young",
        )
    return newest


async def place_ledger_hold(write: Write, caller: Caller, authority: str, reason: str) -> UUID:
    """Keep the whole ledger in the database until the hold is lifted; its id."""
    await _take_turn(write)
    hold_id = new_id()
    told = {"authority": authority, "reason": reason}
    await write.run(_PLACE, {"id": hold_id, **told, "placed_at": caller.now})
    subject = ("ledger_hold", hold_id, 1)
    record(write, caller, EventType.LEDGER_HOLD_PLACED, subject=subject, agencies=[], data=told)
    return hold_id


async def lift_ledger_hold(write: Write, caller: Caller, hold_id: UUID, authority: str, reason: str) -> None:
    """End a hold on the whole ledger. Raises NotFound, and WrongStatus for one that is lifted already."""
    hold = await write.first(_HOLD, {"id": hold_id})
    if hold is None:
        raise NotFound("ledger_hold")
    if hold.lifted_at is not None:
        raise WrongStatus("The hold is lifted already.")
    lifted = {"lifted_at": caller.now, "lifted_authority": authority, "lifted_reason": reason}
    await write.run(_LIFT, {"its_id": hold.id, **lifted})
    told = {"authority": authority, "reason": reason}
    record(write, caller, EventType.LEDGER_HOLD_LIFTED, subject=("ledger_hold", hold.id, 2), agencies=[], data=told)
