"""What changed in a text, word by word: a list of runs from which both texts can be read again exactly.

Words that occur once in both texts anchor the comparison (patience); what lies between two anchors is compared by a
longest common subsequence; and words that agree by chance between larger changes are told as changed, since nobody can
read a clause of which every third word stands. The standard library's `difflib` does not serve: on words that recur, as
filled-in forms have them, it takes cubic time (two texts of 1,000 words: 7 s). Here the comparison has a budget,
counted in pairs of words and not in seconds, so that one text gives one redline on any machine; what would exceed it is
told as replaced.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Literal

from msgspec import Struct

BUDGET = 2_000_000_000
"""Pairs of words that one redline compares beside its anchors. Two forms of a 25,000-character memorandum need 300."""
_LARGEST_GAP = 40_000_000  # the same between two anchors, 6,000 words by 6,000, for which 5 MB are held
_DEEPEST = 12  # rounds of anchoring, each of which costs the length of the text

_SIGNS = r"""!-/:-@\[-`{-~‐-―‘’“”…§¶"""
# A run of one sign is one word, so that a line to be filled in is not a hundred of them. Whatever is neither blank nor
# sign belongs to a word, combining marks too. The alternatives share no character: matching takes linear time.
_PIECE = re.compile(rf"(\s*)(?:([^\s{_SIGNS}]+(?:[-'’.,/][^\s{_SIGNS}]+)*)|(([{_SIGNS}])\4*)|\Z)")


class TextRun(Struct, kw_only=True, frozen=True):
    """A piece of text that both versions hold, or that one of them does."""

    kind: Literal["equal", "delete", "insert"]
    text: str


class Budget:
    """What is left of the pairs of words that may be compared."""

    def __init__(self, pairs: int = BUDGET) -> None:
        self.left = pairs

    def take(self, pairs: int) -> bool:
        """Whether so many may be compared; they are then spent."""
        if pairs > min(self.left, _LARGEST_GAP):
            return False
        self.left -= pairs
        return True


class Block(Struct, frozen=True):
    """`size` words that are the same from `old` on and from `new` on."""

    old: int
    new: int
    size: int


def pieces(text: str) -> tuple[list[str], list[str]]:
    """The words of a text and the blank space before each; the last word is empty, and stands for the end."""
    gaps, words = [], []
    for match in _PIECE.finditer(text):
        gaps.append(match[1])
        words.append(match[2] or match[3] or "")
        if not words[-1]:
            break  # blanks at the end make one match with it, and the end would be matched once more
    return gaps, words


def runs(old: str, new: str, budget: Budget) -> list[TextRun]:
    """The runs that lead from the old text to the new one, a deletion before the insertion that replaces it.

    Equal and deleted runs make up the old text, equal and inserted ones the new text.
    """
    if old == new:
        return [TextRun(kind="equal", text=old)] if old else []
    old_gaps, old_words = pieces(old)
    new_gaps, new_words = pieces(new)
    found = _Runs()
    i = j = 0
    for block in readable(blocks(old_words, new_words, budget), old_words, new_words):
        found.replace(_joined(old_gaps, old_words, i, block.old), _joined(new_gaps, new_words, j, block.new))
        i, j = block.old + block.size, block.new + block.size
        for a, b in zip(range(block.old, i), range(block.new, j), strict=True):
            found.replace(old_gaps[a], new_gaps[b])
            found.keep(old_words[a])
    return found.finished()


def _joined(gaps: Sequence[str], words: Sequence[str], start: int, end: int) -> str:
    return "".join(part for index in range(start, end) for part in (gaps[index], words[index]))


class _Runs:
    """Runs as they come, put together where they touch."""

    def __init__(self) -> None:
        self._done: list[TextRun] = []
        self._equal: list[str] = []
        self._old: list[str] = []
        self._new: list[str] = []

    def replace(self, old: str, new: str) -> None:
        if old == new:
            self.keep(old)
            return
        self._old.append(old)
        self._new.append(new)

    def keep(self, text: str) -> None:
        if text:
            self._flush()
            self._equal.append(text)

    def finished(self) -> list[TextRun]:
        self._flush()
        self._emit("equal", "".join(self._equal))
        return self._done

    def _flush(self) -> None:
        """Let blank space that both sides begin with stand, and tell the rest as changed."""
        old, new = "".join(self._old), "".join(self._new)
        if old or new:
            self._old, self._new = [], []
            same = 0
            while same < min(len(old), len(new)) and old[same] == new[same] and old[same].isspace():
                same += 1
            self._equal.append(old[:same])
            if old[same:] or new[same:]:
                self._emit("equal", "".join(self._equal))
                self._equal = []
                self._emit("delete", old[same:])
                self._emit("insert", new[same:])

    def _emit(self, kind: Literal["equal", "delete", "insert"], text: str) -> None:
        if text:
            self._done.append(TextRun(kind=kind, text=text))


def blocks(old: Sequence[str], new: Sequence[str], budget: Budget) -> list[Block]:
    """Where the two have the same words, in order; both must end with the same word."""
    found: list[Block] = []
    waiting = [(0, len(old), 0, len(new), 0)]
    while waiting:
        i, i_end, j, j_end, depth = waiting.pop()
        start = i
        while i < i_end and j < j_end and old[i] == new[j]:
            i, j = i + 1, j + 1
        if i > start:
            found.append(Block(start, j - (i - start), i - start))
        end = i_end
        while i < i_end and j < j_end and old[i_end - 1] == new[j_end - 1]:
            i_end, j_end = i_end - 1, j_end - 1
        if i_end < end:
            found.append(Block(i_end, j_end, end - i_end))
        if i == i_end or j == j_end:
            continue
        anchors = _anchors(old, new, i, i_end, j, j_end) if depth < _DEEPEST else []
        if anchors:
            edges = [(i, j), *anchors, (i_end, j_end)]
            waiting += [(a, a_end, b, b_end, depth + 1) for (a, b), (a_end, b_end) in pairwise(edges)]
        elif budget.take((i_end - i) * (j_end - j)):
            found += [Block(i + a, j + b, 1) for a, b in in_common(old[i:i_end], new[j:j_end])]
    return _merged(sorted(found, key=lambda block: block.old))


def _merged(found: Sequence[Block]) -> list[Block]:
    """Blocks that follow on each other in both texts are one."""
    merged: list[Block] = []
    for block in found:
        last = merged[-1] if merged else None
        if last and last.old + last.size == block.old and last.new + last.size == block.new:
            merged[-1] = Block(last.old, last.new, last.size + block.size)
        else:
            merged.append(block)
    return merged


def _anchors(old: Sequence[str], new: Sequence[str], i: int, i_end: int, j: int, j_end: int) -> list[tuple[int, int]]:
    """The longest chain of words that occur once in either part, in the order of both."""
    once_old, once_new = _once(old, i, i_end), _once(new, j, j_end)
    pairs = [(at, once_new[word]) for word, at in once_old.items() if word in once_new]
    return [pairs[index] for index in increasing([at for _, at in pairs])]


def _once(words: Sequence[str], start: int, end: int) -> dict[str, int]:
    counts = Counter(words[start:end])
    return {words[index]: index for index in range(start, end) if counts[words[index]] == 1}


def in_common(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int]]:
    """A longest common subsequence as pairs of indexes, from the last to the first.

    Hyyrö's bit-parallel form: the zeros among the first *i* bits of a row count what the first *i* old words have in
    common with the new words so far, and a row follows from the one before by four operations on whole integers.
    """
    places: dict[str, int] = {}
    for index, word in enumerate(old):
        places[word] = places.get(word, 0) | 1 << index
    mask = (1 << len(old)) - 1
    rows = [mask]
    for word in new:
        row = rows[-1]
        met = row & places.get(word, 0)
        rows.append((row + met | row - met) & mask)
    i, j = len(old), len(new)
    while i and j:
        if rows[j] >> i - 1 & 1:
            i -= 1
        elif rows[j - 1] >> i - 1 & 1:
            i, j = i - 1, j - 1
            yield i, j
        else:
            j -= 1


def increasing(numbers: Sequence[int]) -> list[int]:
    """The indexes of a longest strictly increasing subsequence."""
    ends: list[int] = []  # by length, the smallest number that such a sequence can end with
    at: list[int] = []
    before: list[int] = []
    for index, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(at[length - 1] if length else -1)
        ends[length : length + 1] = [number]
        at[length : length + 1] = [index]
    chain = []
    index = at[-1] if at else -1
    while index >= 0:
        chain.append(index)
        index = before[index]
    return chain[::-1]


def readable(found: Sequence[Block], old: Sequence[str], new: Sequence[str]) -> list[Block]:
    """The blocks without those between two changes of which neither is shorter, counted in characters."""
    old_at, new_at = ([*accumulate(map(len, words), initial=0)] for words in (old, new))

    def changed(before: Block, after: Block) -> int:
        """The length of the larger side of the change between two blocks."""
        return max(
            old_at[after.old] - old_at[before.old + before.size], new_at[after.new] - new_at[before.new + before.size]
        )

    kept = [Block(0, 0, 0)]
    for block in [*found, Block(len(old), len(new), 0)]:
        while len(kept) > 1 and (shorter := min(changed(kept[-2], kept[-1]), changed(kept[-1], block))):
            if old_at[kept[-1].old + kept[-1].size] - old_at[kept[-1].old] > shorter:
                break
            kept.pop()
        kept.append(block)
    return kept
