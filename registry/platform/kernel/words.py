"""What an index keeps of a text, and what is looked for in it: stems, beginnings and phrases, one rule for every list.

A word stands for all its forms: it is indexed and looked for by its stem (Porter's English stemmer, in its second
edition), here and not in the databases, so that both find the same. What an index keeps is one text: the stems of the
words in their order, which phrases are looked for in, then, where there are compounds, the stems of their parts in
order, then each word that is not its own stem, marked, for who looks for its beginning.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

from msgspec import Struct
from snowballstemmer.english_stemmer import EnglishStemmer

from registry.platform.kernel.text import LONGEST_TOKEN, PlacedToken, placed_words, split_words, whole_word

AS_WRITTEN = "="
"""Stands before a word that is indexed as it is written; no word holds it."""
BOUNDARY = "|"
"""Stands where no phrase goes across; no word holds it."""

# What the stemmer throws together, and police work keeps apart; and what it keeps apart that is one.
_OWN_STEMS = {"officer": "officer", "officers": "officer", "buses": "bus", "busses": "bus"}
_SEVERAL = re.compile(r"([a-z]{0,3}\d{1,4})s\Z")
_stemmer, _one_at_a_time = EnglishStemmer(), Lock()
LONGEST_NAME = 60


@lru_cache(maxsize=2**16)
def stem(token: str) -> str:
    """What the forms of a word have in common: “terminate” and “termination” have `termin`."""
    if token in _OWN_STEMS:
        return _OWN_STEMS[token]
    if (several := _SEVERAL.match(token)) is not None:  # “K-9s”
        return several[1]
    if token[-1:].isdecimal():  # numbers, of which every row of a table has others: no ending of a word is taken off
        return token
    with _one_at_a_time:  # it works on a state of its own
        found: str = _stemmer.stemWord(token)
    return found or token


def index_words(*texts: str) -> str:
    """What an index keeps of these texts; empty where there is no word in them. No phrase goes from one to another."""
    kept = [
        each for each in (_short(text) if len(text) <= LONGEST_NAME else _kept(text) for text in texts) if each.wholes
    ]
    ordered = [each.wholes for each in kept]
    if any(each.has_compounds for each in kept):
        ordered += [each.parts for each in kept]
    stems = f" {BOUNDARY} ".join(ordered)
    written = dict.fromkeys(token for each in kept for token in each.written)
    return " ".join([stems, BOUNDARY, *written]) if written else stems


class _Kept(NamedTuple):
    """What an index keeps of one text: the stems of its words, and of their parts; what is no stem, marked."""

    wholes: str
    parts: str
    has_compounds: bool
    written: tuple[str, ...]


def _kept(text: str) -> _Kept:
    wholes: list[str] = []
    parts: list[str] = []
    written: dict[str, None] = {}
    words = split_words(text)
    for word in words:
        whole = whole_word(word)
        tokens = [part[:LONGEST_TOKEN] for part in word]
        stems = [*map(stem, tokens)]
        wholes.append(stems[0] if len(word) == 1 else stem(whole))
        parts += stems
        if wholes[-1] != whole:
            written[AS_WRITTEN + whole] = None
        if len(word) > 1:
            written |= {AS_WRITTEN + token: None for token, its in zip(tokens, stems, strict=True) if its != token}
    return _Kept(" ".join(wholes), " ".join(parts), len(parts) > len(words), tuple(written))


# Names of categories, towns and counties come with every asset that is written.
_short = lru_cache(maxsize=2**13)(_kept)


class Phrase(Struct, kw_only=True, frozen=True):
    """Stems that stand one behind another: with compounds as wholes, or in their parts."""

    wholes: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def orders(self) -> tuple[tuple[str, ...], ...]:
        """The sequences of which one has to be in what an index keeps."""
        return (self.wholes,) if self.wholes == self.parts else (self.wholes, self.parts)


class Slip(NamedTuple):
    """A word that is looked for, and another that it may be a misspelling of, which then does as well."""

    written: str
    meant: str


class Sought(Struct, kw_only=True, frozen=True):
    """What is looked for, all of it: stems, beginnings of words (or of their stems), and phrases."""

    stems: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    slips: tuple[Slip, ...] = ()

    @property
    def readings(self) -> tuple[tuple[str, ...], ...]:
        """For each stem that is looked for, all that stand for it: itself, and those of the words it may mean."""
        meant: dict[str, dict[str, None]] = {}
        for slip in self.slips:
            meant.setdefault(stem(slip.written), {})[stem(slip.meant)] = None
        return tuple((each, *meant.get(each, ())) for each in self.stems)

    def __len__(self) -> int:
        return len(self.stems) + len(self.beginnings) + sum(len(phrase.wholes) for phrase in self.phrases)

    def stands_in(self, indexed: str) -> bool:
        """Whether all of it is in what `index_words` kept of a text."""
        kept, padded = indexed.split(), f" {indexed} "
        words = {*kept}
        return (
            all(any(one in words for one in reading) for reading in self.readings)
            and all(
                any(word.removeprefix(AS_WRITTEN).startswith(beginning) for word in kept)
                for beginning in self.beginnings
            )
            and all(any(f" {' '.join(order)} " in padded for order in phrase.orders) for phrase in self.phrases)
        )


def phrase_of(text: str) -> Phrase | None:
    """The text as a phrase; None where there is no word in it."""
    words = split_words(text)
    if not words:
        return None
    return Phrase(
        wholes=tuple(stem(whole_word(parts)) for parts in words),
        parts=tuple(stem(part[:LONGEST_TOKEN]) for parts in words for part in parts),
    )


def places_of(text: str, sought: Sought) -> list[tuple[PlacedToken, int]]:
    """Each place of the text where something that is looked for stands, in order, with which of it it is."""
    words = list(placed_words(text))
    wholes = [word.whole for word in words]
    parts = [part for word in words for part in word.parts]
    stems = {each: index for index, each in enumerate(sought.stems)}
    found = list(_single(_words_and_parts(wholes, parts), stems, sought.beginnings))
    first_phrase = len(sought.stems) + len(sought.beginnings)
    for index, phrase in enumerate(sought.phrases, start=first_phrase):
        found += [(place, index) for place in _in_order(wholes, phrase.wholes)]
        found += [(place, index) for place in _in_order(parts, phrase.parts)]
    return sorted(found, key=lambda each: (each[0].start, -each[0].end))


def _words_and_parts(wholes: Sequence[PlacedToken], parts: Sequence[PlacedToken]) -> Iterator[PlacedToken]:
    """Every word, and the parts of those that are compounds."""
    yield from wholes
    known = set(wholes)
    yield from (part for part in parts if part not in known)


def _single(
    placed: Iterator[PlacedToken], stems: dict[str, int], beginnings: Sequence[str]
) -> Iterator[tuple[PlacedToken, int]]:
    for each in placed:
        its_stem = stem(each.token)
        if (index := stems.get(its_stem)) is not None:
            yield each, index
            continue
        for index, beginning in enumerate(beginnings, start=len(stems)):
            if each.token.startswith(beginning) or its_stem.startswith(beginning):
                yield each, index
                break


def _in_order(placed: Sequence[PlacedToken], order: Sequence[str]) -> Iterator[PlacedToken]:
    """Where the stems stand one behind another, from the first word's beginning to the last one's end."""
    stems = [stem(each.token) for each in placed]
    for at in range(len(stems) - len(order) + 1):
        if stems[at] == order[0] and stems[at : at + len(order)] == list(order):
            yield PlacedToken(" ".join(order), placed[at].start, placed[at + len(order) - 1].end)
