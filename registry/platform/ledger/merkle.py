"""The Merkle tree of RFC 9162 (and RFC 6962): its hashes, how it grows, and what proves that it held something.

Everything here is a function of hashes: no database, no clock, no keys. A subtree is named by its level and its number
among those of its level: the subtree (3, 5) is over the leaves 40 to 47. Level 0 are the leaves.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

LEAF, NODE = b"\x00", b"\x01"
"""What is hashed in front of a leaf's bytes, and of two subtrees: neither can be taken for the other."""
HASH_BYTES = 32
STRIDE = 4
"""Subtrees of every fourth level are stored, the leaves among them; those between are made of the stored ones."""
EMPTY_ROOT = hashlib.sha256(b"").digest()

Subtree: TypeAlias = tuple[int, int]
"""Level, and number among the subtrees of that level."""
Stored: TypeAlias = Mapping[Subtree, bytes]


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(LEAF + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the subtree over two others."""
    return hashlib.sha256(NODE + left + right).digest()


def root_of(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees, which stand from left to right and each are smaller than the one before."""
    if not peaks:
        return EMPTY_ROOT
    *others, root = peaks
    for peak in reversed(others):
        root = node_hash(peak, root)
    return root


class Growth:
    """A tree that only grows: its size, and the hashes of the complete subtrees that it consists of.

    Appending a leaf takes one hash on average; the root about as many as there are such subtrees.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Raises ValueError unless there is a hash for each subtree that a tree of that size consists of."""
        self.size, self.peaks = size, [*peaks]
        if len(self.peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves consists of {size.bit_count()} complete subtrees")

    def append(self, leaf: bytes) -> list[tuple[Subtree, bytes]]:
        """Append the hash of a leaf; each subtree above it that it completes, the lowest first."""
        completed: list[tuple[Subtree, bytes]] = []
        level, number = 0, self.size
        while number & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            level, number = level + 1, number >> 1
            completed.append(((level, number), leaf))
        self.peaks.append(leaf)
        self.size += 1
        return completed

    @property
    def root(self) -> bytes:
        """The root of the tree as it is now."""
        return root_of(self.peaks)


def peaks(start: int, end: int) -> list[Subtree]:
    """The complete subtrees that the leaves from `start` to before `end` consist of, from left to right.

    `start` must be where a subtree of at least that size begins, as it is of every range that a proof names.
    """
    found: list[Subtree] = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def inclusion(index: int, size: int) -> list[tuple[int, int]]:
    """The ranges of leaves whose roots prove that a tree of that size holds leaf `index` (RFC 9162, 2.1.3.1).

    In the order of the proof, from the leaf upwards. Raises ValueError for a leaf that is not in the tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves holds none with the number {index}")
    found: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _left(end - start)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    found.reverse()
    return found


def consistency(old: int, new: int) -> list[tuple[int, int]]:
    """The ranges of leaves whose roots prove that a tree of `new` leaves extends one of `old` (RFC 9162, 2.1.4.1).

    Raises ValueError unless the old tree has a leaf and the new one no fewer.
    """
    if not 0 < old <= new:
        raise ValueError(f"no tree of {new} leaves extends one of {old}")
    found: list[tuple[int, int]] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _left(end - start)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start, whole = middle, False
    if not whole:
        found.append((start, end))
    found.reverse()
    return found


def _left(size: int) -> int:
    """How many of so many leaves are in the left subtree: the largest power of two below."""
    return 1 << ((size - 1).bit_length() - 1)


def needed(ranges: Iterable[tuple[int, int]]) -> dict[int, list[tuple[int, int]]]:
    """Which stored subtrees the roots of these ranges are made of: for each stored level, ranges of numbers."""
    found: dict[int, list[tuple[int, int]]] = {}
    for start, end in ranges:
        for level, number in peaks(start, end):
            above = level % STRIDE
            found.setdefault(level - above, []).append((number << above, (number + 1) << above))
    return {level: _joined(its) for level, its in sorted(found.items())}


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers in as few ranges as possible."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def root_of_range(start: int, end: int, stored: Stored) -> bytes:
    """The root over a range of leaves. Raises KeyError with the subtree that it lacks."""
    return root_of([_made(subtree, stored) for subtree in peaks(start, end)])


def _made(subtree: Subtree, stored: Stored) -> bytes:
    level, number = subtree
    above = level % STRIDE
    hashes = [stored[level - above, each] for each in range(number << above, (number + 1) << above)]
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root to which a proof of inclusion leads (RFC 9162, 2.1.3.2); None for one that cannot be of such a tree."""
    if not 0 <= index < size:
        return None
    place, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            root = node_hash(sibling, root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        place, last = place >> 1, last >> 1
    return root if last == 0 else None


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether a proof shows that the tree with the new root extends the one with the old root (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    hashes = [old_root, *path] if old & (old - 1) == 0 else [*path]
    if not hashes:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = node_hash(each, first), node_hash(each, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, each)
        place, last = place >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def proof(ranges: Sequence[tuple[int, int]], stored: Stored) -> list[bytes]:
    """The hashes of a proof, by its ranges and the stored subtrees that these need."""
    return [root_of_range(start, end, stored) for start, end in ranges]
