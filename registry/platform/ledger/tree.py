"""The stored hashes of the ledger's tree, for proofs, for the sealer and for whoever verifies them.

Stored are the leaves (`ledger_leaf`) and the complete subtrees of every fourth level above them (`ledger_node`): one
row more for 15 leaves. Of each level a proof needs a few ranges of at most 15 neighbours, all in one statement.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from registry.platform.database.handles import Read, Rows
from registry.platform.ledger.merkle import Growth, Stored, needed, peaks, root_of_range
from registry.platform.ledger.tables import ledger_leaf, ledger_node

LAST = sa.select(ledger_leaf.c.seq, ledger_leaf.c.root_hash).order_by(ledger_leaf.c.seq.desc()).limit(1)


class TreeChangedError(Exception):
    """The stored tree is not the one that was sealed; the message says what does not agree."""


def select_stored(ranges: Iterable[tuple[int, int]]) -> sa.Select[Any] | sa.CompoundSelect[Any] | None:
    """The statement for all stored hashes that the roots of these ranges of leaves are made of; None for none."""
    parts = [_part(level, start, end) for level, its in needed(ranges).items() for start, end in its]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else sa.union_all(*parts)


def _part(level: int, start: int, end: int) -> sa.Select[Any]:
    number, found = (
        (ledger_node.c.number, ledger_node.c.hash) if level else (ledger_leaf.c.seq, ledger_leaf.c.leaf_hash)
    )
    its = [ledger_node.c.level == level] if level else []
    return sa.select(sa.literal(level, sa.Integer).label("level"), number.label("number"), found.label("hash")).where(
        *its, number >= start, number < end
    )


def as_stored(rows: Rows) -> Stored:
    """The hashes by level and number."""
    return {(row.level, row.number): row.hash for row in rows}


async def stored_for(read: Read, ranges: Iterable[tuple[int, int]]) -> Stored:
    """The stored hashes that the roots of these ranges of leaves are made of."""
    statement = select_stored(ranges)
    return {} if statement is None else as_stored(await read.all(statement))


async def grown(read: Read) -> tuple[Growth, bytes | None]:
    """The tree as it is stored, to be appended to, and the root that stands with its last leaf; None for an empty one.

    Raises TreeChangedError where the hashes do not lead to that root.
    """
    last = await read.first(LAST)
    if last is None:
        return Growth(), None
    size = last.seq + 1
    growth = growth_of(size, await stored_for(read, [(0, size)]))
    if growth.root != last.root_hash:
        raise TreeChangedError(f"the hashes of the tree of {size} leaves do not lead to its root")
    return growth, last.root_hash


def growth_of(size: int, stored: Stored) -> Growth:
    """The tree of that size, to be appended to. Raises TreeChangedError where a stored hash is missing."""
    try:
        return Growth(
            size,
            [root_of_range(number << level, (number + 1) << level, stored) for level, number in peaks(0, size)],
        )
    except KeyError as lacking:
        raise TreeChangedError(f"the subtree {lacking} of the tree of {size} leaves is missing") from None


async def root_at(read: Read, size: int) -> bytes | None:
    """The root of the tree of that size, as it stands with its last leaf; None while there is no such tree."""
    found: bytes | None = await read.value(sa.select(ledger_leaf.c.root_hash).where(ledger_leaf.c.seq == size - 1))
    return found
