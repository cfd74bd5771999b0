"""What proves to an agency that the ledger holds an event, and that it was only ever added to.

Each proof is verified before it is given: of a ledger that is not the one that was sealed none is, and that is said.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Row

from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import Orders
from registry.platform.kernel.errors import Busy, Conflict, NotFound, RuleBroken
from registry.platform.ledger.merkle import consistency, inclusion, is_consistent, leaf_hash, proof, root_by_inclusion
from registry.platform.ledger.notes import base64_of
from registry.platform.ledger.proof_schemas import (
    LedgerCheckpoint,
    LedgerCheckpointPage,
    LedgerCheckpointQuery,
    LedgerConsistency,
    LedgerConsistencyQuery,
    LedgerKey,
    LedgerKeys,
    LedgerProof,
)
from registry.platform.ledger.queries import CONCERNED, PRIVATE, who_asks
from registry.platform.ledger.signing import known_keys
from registry.platform.ledger.tables import (
    ledger_archived_segment,
    ledger_checkpoint,
    ledger_cosignature,
    ledger_event,
    ledger_event_agency,
    ledger_leaf,
)
from registry.platform.ledger.tree import root_at, stored_for

_NEWEST_SIZE = sa.select(sa.func.max(ledger_checkpoint.c.tree_size)).scalar_subquery()
_SIZE = sa.select(_NEWEST_SIZE.label("newest_size"))
_EVENT = (
    sa.select(
        ledger_event.c.canonical,
        PRIVATE,
        ledger_leaf.c.seq,
        ledger_leaf.c.leaf_hash,
        _NEWEST_SIZE.label("newest_size"),
    )
    .join_from(ledger_event, ledger_leaf, ledger_leaf.c.event_id == ledger_event.c.id, isouter=True)
    .where(
        ledger_event.c.id == sa.bindparam("event_id", type_=ledger_event.c.id.type),
        CONCERNED,
    )
)
_ARCHIVED = (
    sa.select(
        sa.null().label("canonical"),
        sa.null().label("private"),
        ledger_leaf.c.seq,
        ledger_leaf.c.leaf_hash,
        _NEWEST_SIZE.label("newest_size"),
    )
    .join_from(
        ledger_leaf,
        ledger_archived_segment,
        sa.and_(
            ledger_leaf.c.seq >= ledger_archived_segment.c.start,
            ledger_leaf.c.seq < ledger_archived_segment.c.tree_size,
        ),
    )
    .join(ledger_event_agency, ledger_event_agency.c.event_id == ledger_leaf.c.event_id)
    .where(
        ledger_leaf.c.event_id == sa.bindparam("event_id", type_=ledger_event.c.id.type),
        ledger_event_agency.c.agency_id == sa.bindparam("agency_id", type_=ledger_event.c.id.type),
        sa.bindparam("auditor", type_=sa.Boolean),
    )
)
"""An event that was archived: its leaf, for the auditors of the agencies that it concerns, whatever it was about."""
_CHECKPOINT = sa.select(ledger_checkpoint)
_NEWEST = _CHECKPOINT.order_by(ledger_checkpoint.c.tree_size.desc()).limit(1)
_AT = _CHECKPOINT.where(ledger_checkpoint.c.tree_size == sa.bindparam("tree_size", type_=sa.BigInteger))
_ORDERS = Orders(LedgerCheckpointQuery, created_at=ledger_checkpoint.c.tree_size)
_LINES = (
    sa.select(ledger_cosignature.c.tree_size, ledger_cosignature.c.line)
    .where(ledger_cosignature.c.tree_size.in_(sa.bindparam("sizes", expanding=True)))
    .order_by(ledger_cosignature.c.tree_size, ledger_cosignature.c.verifier_key)
)
_ASK_AGAIN_SECONDS = 600
"""For programs that repeat by themselves: somebody has to mend the ledger first."""
_log = structlog.get_logger("registry.platform.ledger")


async def newest_checkpoint(read: Read) -> LedgerCheckpoint:
    """The checkpoint of the largest tree. Raises Conflict while nothing is signed."""
    row = await read.first(_NEWEST)
    if row is None:
        raise _nothing_signed()
    return (await _with_lines(read, [row]))[0]


@cache
def _page(sort: str, *, after: bool) -> sa.Select[Any]:
    return _ORDERS.page(_CHECKPOINT, sort, after=after)


async def list_checkpoints(read: Read, query: LedgerCheckpointQuery) -> LedgerCheckpointPage:
    """A page of the checkpoints. They are in the order of their trees, which is that of their signing."""
    rows = await read.all(_page(query.sort, after=query.cursor is not None), _ORDERS.parameters(query))
    kept, next_cursor = _ORDERS.cut(rows, query)
    return LedgerCheckpointPage(items=await _with_lines(read, kept), next_cursor=next_cursor)


async def list_keys(read: Read) -> LedgerKeys:
    """The keys by which checkpoints are verified, the newest first."""
    found = [
        LedgerKey(verifier_key=str(each.verifier), created_at=each.created_at, retired_at=each.retired_at)
        for each in reversed(await known_keys(read))
    ]
    return LedgerKeys(keys=found)


async def prove_event(read: Read, principal: Principal, event_id: UUID, tree_size: int | None) -> LedgerProof:
    """That the tree of that size, or of the newest checkpoint, holds the event, with its bytes where these are here.

    Raises NotFound for an event that the caller may not see, Conflict for one that no checkpoint holds yet, RuleBroken
    for a tree that does not hold it, or is none, and Busy where the ledger was changed.
    """
    asked = {"event_id": event_id, **who_asks(principal)}
    rows = await read.fast(_EVENT, asked) or await read.fast(
        _ARCHIVED, {name: asked[name] for name in ("event_id", "agency_id", "auditor")}
    )
    if not rows:
        raise NotFound("ledger_event")
    row = rows[0]
    if tree_size is None:
        if row.seq is None or row.seq >= (row.newest_size or 0):
            raise Conflict(
                "The event is recorded, and in no signed checkpoint yet. Ask again in some seconds.", "not_signed_yet"
            )
        tree_size = int(row.newest_size)
    if row.seq is None or row.seq >= tree_size:
        raise _no_tree(f"A tree of {tree_size} events does not hold this one.", "tree_size")
    root = await _root(read, tree_size, row.newest_size or 0, "tree_size")
    if row.canonical is not None and leaf_hash(row.canonical) != row.leaf_hash:
        raise _changed(f"the event at place {row.seq} has another hash")
    path = await _proof(read, inclusion(row.seq, tree_size))
    if root_by_inclusion(row.leaf_hash, row.seq, tree_size, path) != root:
        raise _changed(f"the event at place {row.seq} does not lead to the root of {tree_size} events")
    signed = await read.fast(_AT, {"tree_size": tree_size})
    if any(each.root_hash != root for each in signed):
        raise _changed(f"the root of {tree_size} events is not the one that was signed")
    return LedgerProof(
        event_id=event_id,
        seq=row.seq,
        tree_size=tree_size,
        leaf_hash=base64_of(row.leaf_hash),
        hashes=[base64_of(each) for each in path],
        root_hash=base64_of(root),
        checkpoint=(await _with_lines(read, signed))[0] if signed else None,
        public_part=None if row.canonical is None else row.canonical.decode(),
        private_part=None if row.private is None else row.private.decode(),
    )


async def prove_consistency(read: Read, query: LedgerConsistencyQuery) -> LedgerConsistency:
    """That the tree of the later size begins with that of the earlier one.

    Raises RuleBroken for a tree that is none, Conflict where no later size is named and nothing is signed yet, and
    Busy where the ledger was changed.
    """
    newest = int((await read.fast(_SIZE))[0].newest_size or 0)
    if query.to is None and not newest:
        raise _nothing_signed()
    later = query.to or newest
    if query.from_ > later:
        raise _no_tree(f"No checkpoint has {query.from_} events yet: the newest has {later}.", "from")
    before, after = await _root(read, query.from_, newest, "from"), await _root(read, later, newest, "to")
    path = await _proof(read, consistency(query.from_, later))
    if not is_consistent(query.from_, later, before, after, path):
        raise _changed(f"the tree of {later} events does not extend that of {query.from_}")
    return LedgerConsistency(
        from_tree_size=query.from_,
        from_root_hash=base64_of(before),
        to_tree_size=later,
        to_root_hash=base64_of(after),
        hashes=[base64_of(each) for each in path],
    )


async def _root(read: Read, size: int, newest: int, parameter: str) -> bytes:
    """The root of a tree that a checkpoint holds: of what is sealed and not signed yet nobody counts the events.

    `newest` is the size of the newest checkpoint.
    """
    if size > newest:
        raise _no_tree(f"There are no {size} signed events yet.", parameter)
    if (root := await root_at(read, size)) is None:
        raise _changed(f"the event at place {size - 1} is missing")
    return root


async def _proof(read: Read, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    try:
        return proof(ranges, await stored_for(read, ranges))
    except KeyError as lacking:
        raise _changed(f"the subtree {lacking} is missing") from None


def _changed(cause: str) -> Busy:
    """The error where the ledger is not the one that was sealed; what does not agree is for the operator alone."""
    _log.error("the ledger was changed: no proof is given", cause=cause)
    return Busy(
        "The ledger is not the one that was sealed, so that this cannot be proved. Tell the operator, who finds out "
        "with `registry ledger verify` what was changed; keep the checkpoints that you have.",
        "ledger_changed",
        retry_after=_ASK_AGAIN_SECONDS,
    )


def _nothing_signed() -> Conflict:
    return Conflict(
        "No checkpoint is signed yet. Ask again in some seconds; `/health/ready` says whether any is signed here.",
        "not_signed_yet",
    )


def _no_tree(detail: str, parameter: str) -> RuleBroken:
    return RuleBroken.at(detail, "no_such_tree", "no such tree", parameter=parameter)


async def _with_lines(read: Read, rows: Sequence[Row[Any]]) -> list[LedgerCheckpoint]:
    """The checkpoints of these rows, each with the lines that witnesses have added."""
    if not rows:
        return []
    lines: dict[int, str] = {}
    for each in await read.all(_LINES, {"sizes": [row.tree_size for row in rows]}):
        lines[each.tree_size] = lines.get(each.tree_size, "") + each.line
    return [_as_checkpoint(row, lines) for row in rows]


def _as_checkpoint(row: Row[Any], lines: Mapping[int, str]) -> LedgerCheckpoint:
    signed_at: datetime = row.signed_at
    return LedgerCheckpoint(
        tree_size=row.tree_size,
        root_hash=base64_of(row.root_hash),
        signed_at=signed_at,
        note=row.note + lines.get(row.tree_size, ""),
    )
