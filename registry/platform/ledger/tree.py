"""The stored hashes of the ledger's tree, for proofs, for the sealer and for whoever verifies them.

Stored are the leaves (`ledger_leaf`) and the complete subtrees of every fourth level above them (`ledger_node`): one
row more for 15 leaves. Of each level a proof needs a few ranges of at most 15 neighbours, all in one statement.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from registry.platform.database.fast import Selection
from registry.platform.database.handles import Read, Rows
from registry.platform.ledger.merkle import STRIDE, Growth, Stored, needed, peaks, root_of_range
from registry.platform.ledger.tables import ledger_leaf, ledger_node

LAST = sa.select(ledger_leaf.c.seq, ledger_leaf.c.root_hash).order_by(ledger_leaf.c.seq.desc()).limit(1)

_ROOT = sa.select(ledger_leaf.c.root_hash).where(ledger_leaf.c.seq == sa.bindparam("seq", type_=sa.BigInteger))


class TreeChangedError(Exception):
    """The stored tree is not the one that was sealed; the message says what does not agree."""


_AT_ONCE = 8


class Question(NamedTuple):
    """A statement for stored hashes, and its parameters."""

    statement: Selection
    parameters: dict[str, object]


def stored_question(ranges: Iterable[tuple[int, int]]) -> Question | None:
    """The question for all stored hashes that the roots of these ranges of leaves are made of; None for none."""
    asked = needed(ranges)
    if not asked:
        return None
    leaves = _filled([(0, *each) for each in asked.pop(0, ())], 0)
    nodes = _filled([(level, *each) for level, its in asked.items() for each in its], STRIDE)
    parameters: dict[str, object] = {}
    for number, (level, start, end) in enumerate([*leaves, *nodes]):
        parameters |= {f"start_{number}": start, f"end_{number}": end}
        if level:
            parameters[f"level_{number}"] = level
    return Question(_of_parts(len(leaves), len(leaves) + len(nodes)), parameters)


def _filled(parts: list[tuple[int, int, int]], level: int) -> list[tuple[int, int, int]]:
    """The parts and as many empty ones as make their number one of a few: so few statements are ever compiled."""
    return parts + [(level, 0, 0)] * (-len(parts) % _AT_ONCE)


@cache
def _of_parts(leaves: int, parts: int) -> Selection:
    """The statement for so many ranges, of which so many are of leaves. There are a few such statements."""
    found = [_part(number, is_leaf=number < leaves) for number in range(parts)]
    return found[0] if len(found) == 1 else sa.union_all(*found)


def _part(which: int, *, is_leaf: bool) -> sa.Select[Any]:
    level, number, found = (
        (sa.literal_column("0", sa.Integer), ledger_leaf.c.seq, ledger_leaf.c.leaf_hash)
        if is_leaf
        else (ledger_node.c.level, ledger_node.c.number, ledger_node.c.hash)
    )
    its = [] if is_leaf else [ledger_node.c.level == sa.bindparam(f"level_{which}", type_=sa.Integer)]
    start, end = (sa.bindparam(f"{name}_{which}", type_=sa.BigInteger) for name in ("start", "end"))
    return sa.select(level.label("level"), number.label("number"), found.label("hash")).where(
        *its, number >= start, number < end
    )


def as_stored(rows: Rows) -> Stored:
    """The hashes by level and number."""
    return {(row.level, row.number): row.hash for row in rows}


async def stored_for(read: Read, ranges: Iterable[tuple[int, int]]) -> Stored:
    """The stored hashes that the roots of these ranges of leaves are made of."""
    asked = stored_question(ranges)
    return {} if asked is None else as_stored(await read.fast(*asked))


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
    rows = await read.fast(_ROOT, {"seq": size - 1})
    return rows[0].root_hash if rows else None
