"""Words in the text of provisions, found in time linear in the text: what a checklist recognises a clause by.

A pattern is words in order: `worker* compensation`. `a|b` is either word, `liab*` every word that begins so, and `...`
lets up to a dozen words stand between its neighbours: `bear* ... liab*`. Words are compared without case, accents and
apostrophes. A pattern never reaches from one provision into the next. There is no regular expression that a text could
make run for ever: each pattern is a merge of sorted lists of places.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Annotated

from msgspec import Meta, Struct

Pattern = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=120,
        pattern=r"\A[a-z0-9]+\*?(?:\|[a-z0-9]+\*?)*(?: (?:\.\.\. )?[a-z0-9]+\*?(?:\|[a-z0-9]+\*?)*)*\Z",
        description="Words in order; `a|b` either, `liab*` a beginning, `...` up to a dozen words between.",
        examples=["bear* ... liab*"],
    ),
]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_BETWEEN = 12
_LONGEST_PASSAGE = 240
_BEFORE = 60


class Match(Struct, kw_only=True, frozen=True):
    """A pattern found in a provision, named by its place in the document: characters [start, end) of its text."""

    ordinal: int
    start: int
    end: int


class Wording:
    """The words of a document's provisions, indexed once for any number of patterns."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._spans: list[tuple[int, int]] = []
        self._first: list[int] = []  # of each provision: the place of its first word
        self._places: dict[str, list[int]] = {}
        folded: dict[str, str] = {}
        for ordinal, text in enumerate(texts):
            self._first.append(len(self._spans) + ordinal * (_BETWEEN + 2))
            for found in _WORD.finditer(text):
                word = found[0]
                if word not in folded:
                    folded[word] = _fold(word)
                self._places.setdefault(folded[word], []).append(len(self._spans) + ordinal * (_BETWEEN + 2))
                self._spans.append(found.span())
        self._vocabulary = sorted(self._places)
        self._elements: dict[str, list[int]] = {}

    def matches(self, pattern: str) -> list[Match]:
        """The first match of the pattern in each provision that has one, in the order of the document."""
        parts = pattern.split(" ")
        reach = 1
        # Each match so far, by the places of its first and its last word. Of several that end before a word, the one
        # that ends last reaches furthest, so it is the only one to look at.
        found = [(place, place) for place in self._of(parts[0])]
        for part in parts[1:]:
            if part == "...":
                reach = 1 + _BETWEEN
            else:
                found = list(_continued(found, self._of(part), reach))
                reach = 1
        firsts: dict[int, Match] = {}
        for first, last in found:
            ordinal = bisect_right(self._first, first) - 1
            if ordinal not in firsts:
                shift = ordinal * (_BETWEEN + 2)
                start, end = self._spans[first - shift][0], self._spans[last - shift][1]
                firsts[ordinal] = Match(ordinal=ordinal, start=start, end=end)
        return list(firsts.values())

    def passage(self, match: Match) -> str:
        """The match with some words around it, on one line; what is left out at either side is marked by “…”."""
        text = self._texts[match.ordinal]
        start = max(0, match.start - _BEFORE)
        end = min(len(text), max(match.end, start + _LONGEST_PASSAGE))
        if start > 0:
            start = text.find(" ", start, match.start) + 1 or match.start
        if end < len(text):
            end = max(text.rfind(" ", match.end, end), match.end)
        words = " ".join(text[start:end].split())
        return f"{'…' if start > 0 else ''}{words}{'…' if end < len(text) else ''}"

    def _of(self, element: str) -> list[int]:
        """Where any of the element's words stands, in order."""
        if element not in self._elements:
            places: set[int] = set()
            for word in element.split("|"):
                for known in self._known(word):
                    places.update(self._places[known])
            self._elements[element] = sorted(places)
        return self._elements[element]

    def _known(self, word: str) -> Sequence[str]:
        """The words of the text that are, or begin with, this one."""
        if not word.endswith("*"):
            return [word] if word in self._places else []
        low = bisect_left(self._vocabulary, word[:-1])
        return self._vocabulary[low : bisect_left(self._vocabulary, word[:-1] + "\U0010ffff")]


def _continued(found: Sequence[tuple[int, int]], places: Sequence[int], reach: int) -> Iterator[tuple[int, int]]:
    """The matches lengthened by a word at one of the places, at most `reach` words on."""
    index, latest = 0, None
    for place in places:
        while index < len(found) and found[index][1] < place:
            latest = found[index]
            index += 1
        if latest is not None and place - latest[1] <= reach:
            yield latest[0], place


def _fold(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    return "".join(c for c in decomposed if c not in "'’" and not unicodedata.combining(c))
