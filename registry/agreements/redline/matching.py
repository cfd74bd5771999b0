"""Which provision of the old version is which of the new one: by number, or by what it says where that moved on."""

from collections import defaultdict
from collections.abc import Sequence
from heapq import nsmallest
from itertools import pairwise
from zlib import crc32

from msgspec import Struct

from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.redline.words import pieces

# Pairs of neighbouring words, of all that either text has, which both must have. One word in four changed leaves 0.33;
# two provisions of one memorandum that say different things share under 0.1.
_SAME_ELSEWHERE = 0.33
_SAME_NUMBER = 0.2
_NUMBER_COUNTS = 0.2  # where two resemble about as much, the number decides
_SKETCH = 128  # of the pairs of words as many are compared, those of the smallest hash: the error is about 0.04


class ComparedProvision(Struct, kw_only=True, frozen=True):
    """A provision as far as the reader may read it: `text` is None where it is withheld, and `digest` stands for it.

    The digest is empty where not even that it equals another text may be told.
    """

    number: str
    heading: str
    sensitivity: Sensitivity
    exemption: str | None
    text: str | None
    digest: bytes

    @property
    def said(self) -> tuple[bool, bytes]:
        """What makes two clauses say the same.

        A withheld text is the same as a withheld one only: that a legible text equals it would give it away.
        """
        return self.text is None, self.digest

    def comparable(self, other: "ComparedProvision") -> bool:
        """Whether it may be told that the two say the same, or do not."""
        return (self.text is None) == (other.text is None) and bool(self.digest) and bool(other.digest)


def partners(old: Sequence[ComparedProvision], new: Sequence[ComparedProvision]) -> dict[int, int]:
    """For the index of an old provision the index of the new one that it became.

    The same number with the same text; then the same text under the same heading; then the most similar text, under the
    same number or heading; then the same number, whatever it says now. What is left has gone, or come.
    """
    found: dict[int, int] = {}
    by_number = {clause.number: j for j, clause in enumerate(new)}
    for i, clause in enumerate(old):
        j = by_number.get(clause.number)
        if j is not None and new[j].said == clause.said:
            found[i] = j
    _same_text(old, new, found)
    _similar_text(old, new, found)
    taken = set(found.values())
    for i, clause in enumerate(old):
        j = by_number.get(clause.number)
        if i not in found and j is not None and j not in taken:
            found[i] = j
    return found


def counterparts(one: Sequence[ComparedProvision], other: Sequence[ComparedProvision]) -> dict[int, int]:
    """For the index of a provision of one agreement the index of the one that stands for it in another agreement.

    Numbers mean nothing from one agreement to another: it is the same text, then the most similar one under the same
    heading, then the one that is left under that heading on both sides, in order.
    """
    found: dict[int, int] = {}
    _same_text(one, other, found)
    _similar_text(one, other, found, numbered=False)
    taken = set(found.values())
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    for j in reversed(range(len(other))):
        if j not in taken:
            waiting[other[j].heading].append(j)
    for i, clause in enumerate(one):
        if i not in found and (left := waiting.get(clause.heading)):
            found[i] = left.pop()
    return found


def _same_text(old: Sequence[ComparedProvision], new: Sequence[ComparedProvision], found: dict[int, int]) -> None:
    taken = set(found.values())
    waiting: defaultdict[object, list[int]] = defaultdict(list)
    for j in reversed(range(len(new))):
        if j not in taken:
            waiting[new[j].heading, new[j].said].append(j)
    for i, clause in enumerate(old):
        if i not in found and (same := waiting.get((clause.heading, clause.said))):
            found[i] = same.pop()


def _similar_text(
    old: Sequence[ComparedProvision],
    new: Sequence[ComparedProvision],
    found: dict[int, int],
    *,
    numbered: bool = True,
) -> None:
    """The closest first, so that no provision is taken by one that it resembles less."""
    taken = set(found.values())
    sketched = [(j, clause, sketch_of(clause.text)) for j, clause in enumerate(new) if j not in taken and clause.text]
    candidates = []
    for i, clause in enumerate(old):
        if i in found or not clause.text or not sketched:
            continue
        sketch = sketch_of(clause.text)
        for j, other, its_sketch in sketched:
            same_number = numbered and clause.number == other.number
            if same_number or clause.heading == other.heading:
                closeness = resemblance(sketch, its_sketch)
                if closeness >= (_SAME_NUMBER if same_number else _SAME_ELSEWHERE):
                    candidates.append((-closeness - _NUMBER_COUNTS * same_number, abs(i - j), i, j))
    for *_, i, j in sorted(candidates):
        if i not in found and j not in taken:
            found[i] = j
            taken.add(j)


def sketch_of(text: str) -> frozenset[int]:
    """The smallest hashes of the text's pairs of neighbouring words, signs and letter case left aside."""
    words = [word for word in pieces(text.casefold())[1] if word[:1].isalnum()]
    return frozenset(nsmallest(_SKETCH, {crc32(" ".join(pair).encode()) for pair in pairwise(["", *words, ""])}))


def resemblance(one: frozenset[int], other: frozenset[int]) -> float:
    """An estimate, from their sketches, of the share of word pairs that two texts have in common; exact for short ones.

    Broder's: of the smallest hashes of both texts together, the share that each of the two has.
    """
    both = one & other
    most = len(both) / max(len(one), len(other), 1)
    if most < _SAME_NUMBER:
        return most  # too little, whatever it is exactly; so it is for nearly all pairs, and spares the sorting
    smallest = sorted(one | other)[:_SKETCH]
    return len(both.intersection(smallest)) / len(smallest)
