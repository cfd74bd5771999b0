"""The words and signs of a sentence, each with its place, and what of it is understood already.

A number and the letters beside it are two tokens: “9am”, “K9”, “x3”. So are the sides of a hyphen, so that “K-9” and
“K9” read alike.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from registry.platform.kernel.text import split_words

_TOKEN = re.compile(r"\d{1,2}:\d{2}|\d+(?:\.\d+)?|[^\W\d_]+(?:['’][^\W\d_]+)*|[-–—/(),&+#]")
_POSSESSIVE = re.compile(r"[^\W\d_]['’][sS]$")
SIGNS = frozenset("-–—/(),&+#")
JOINS = frozenset("-–—/,")
"""Signs between words that may belong together; the grammar passes over them where they carry no meaning."""


class Token(NamedTuple):
    """A word, a number or a sign: folded to lower case without accents, and where it stands in the sentence."""

    word: str
    start: int
    end: int
    capital: bool = False
    owner: str = ""
    """Of “Lakeside's” the word without its ending; empty where a word does not say whose something is."""

    @property
    def is_number(self) -> bool:
        """Whether it is written in digits."""
        return self.word[0].isdecimal()


class Span(NamedTuple):
    """The tokens from `first` up to and without `end`."""

    first: int
    end: int

    @property
    def size(self) -> int:
        """How many tokens."""
        return self.end - self.first


def tokenise(text: str) -> tuple[Token, ...]:
    """The tokens of the text, in order."""
    return tuple(
        Token(
            _folded(found[0]),
            found.start(),
            found.end(),
            capital=found[0][0].isupper(),
            owner=_folded(found[0][:-2]) if _POSSESSIVE.search(found[0]) else "",
        )
        for found in _TOKEN.finditer(text)
    )


def _folded(written: str) -> str:
    if not written[0].isalpha():
        return written
    return "".join(part for parts in split_words(written) for part in parts) or written


class Sentence:
    """The tokens of a sentence, and which of them are understood; what is understood once is not read again."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenise(text)
        self._taken: set[int] = set()

    def __len__(self) -> int:
        return len(self.tokens)

    def word(self, at: int) -> str:
        """The token there, folded; empty beyond the ends and where something is understood already."""
        return self.tokens[at].word if 0 <= at < len(self.tokens) and at not in self._taken else ""

    def owner(self, at: int) -> str:
        """The token there without the ending that says whose something is; the token itself where it has none."""
        word = self.word(at)
        return self.tokens[at].owner or word if word else ""

    def free(self, span: Span) -> bool:
        """Whether nothing of the span is understood yet."""
        return self._taken.isdisjoint(range(*span))

    def take(self, *spans: Span) -> None:
        """Mark the spans as understood."""
        for span in spans:
            self._taken.update(range(*span))

    def without(self, span: Span) -> "Sentence":
        """The same sentence, with the span understood as well; this one stays as it is."""
        rest = Sentence(self.text)
        rest._taken = {*self._taken, *range(*span)}
        return rest

    def left(self) -> list[int]:
        """The places of the words and numbers that nothing has understood."""
        return [at for at, token in enumerate(self.tokens) if at not in self._taken and token.word not in SIGNS]

    def said(self, spans: Iterable[Span]) -> str:
        """The text of the spans, as it was written."""
        whole = sorted(span for span in spans if span.size)
        return " … ".join(self.text[self.tokens[a].start : self.tokens[b - 1].end] for a, b in joined(whole))

    def adjoins(self, at: int) -> bool:
        """Whether no blank stands between the token and the one before it."""
        return 0 < at < len(self.tokens) and self.tokens[at - 1].end == self.tokens[at].start


def joined(spans: Sequence[Span]) -> list[Span]:
    """The spans, those that adjoin as one."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].end >= span.first:
            found[-1] = Span(found[-1].first, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found
