"""What kind of thing is asked for: categories and capabilities by the words that people have for them.

The words are data. The longest phrase wins; a phrase may be misspelt, and its words may stand apart (“a dog for
narcotics”). What has two meanings gets the first, and the other is an alternative.
"""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from itertools import islice

from msgspec import Struct

from registry.platform.kernel.spelling import lacks_letter, lacks_vowel, long_words, nearest_word
from registry.platform.kernel.words import Slip, stem
from registry.resources.search.rules.ordinary import is_ordinary
from registry.resources.search.rules.tokens import SIGNS, Sentence, Span, tokenise

_FURTHEST = 3
"""How many words may stand between those of one phrase."""
_LONGEST = 6
_MOST_ALTERNATIVES = 5


class Means(StrEnum):
    """What a phrase names."""

    CATEGORY = "category"
    CAPABILITY = "capability"
    ATTRIBUTE = "attribute"


class Meaning(Struct, kw_only=True, frozen=True, order=True):
    """A category or capability by its code, or an attribute by its name, with the value that the phrase says."""

    means: Means
    code: str
    name: str
    value: str = ""


class Kind(Struct, kw_only=True, frozen=True):
    """What was found, where, which of its words were misspelt, and what else it may be."""

    meaning: Meaning
    span: tuple[Span, ...]
    slips: tuple[Slip, ...] = ()
    alternatives: tuple[Meaning, ...] = ()


class Lexicon:
    """Phrases and their meanings; phrases are compared by the stems of their words."""

    def __init__(self, phrases: Iterable[tuple[str, Meaning]]) -> None:
        self._meanings: dict[tuple[str, ...], list[Meaning]] = {}
        words: set[str] = set()
        for phrase, meaning in phrases:
            tokens = [token.word for token in tokenise(phrase) if token.word not in SIGNS]
            if not tokens:
                continue
            words.update(tokens)
            known = self._meanings.setdefault(tuple(map(stem, tokens)), [])
            if meaning not in known:
                known.append(meaning)
        self._words = long_words(words)
        self._stems = frozenset(map(stem, words))
        self._scattered: dict[str, list[tuple[str, ...]]] = {}
        for stems in self._meanings:
            if len(stems) > 1:
                for each in set(stems):
                    self._scattered.setdefault(each, []).append(stems)

    def reading(self, word: str) -> tuple[str, Slip | None]:
        """The stem of a word, or of the one that it seems a slip of."""
        its_stem = stem(word)
        if its_stem in self._stems or is_ordinary(word):
            return its_stem, None
        meant = nearest_word(word, self._words)
        return (its_stem, None) if meant is None else (stem(meant), Slip(word, meant))

    def is_known(self, its_stem: str) -> bool:
        """Whether a phrase has that word."""
        return its_stem in self._stems

    def reading_behind(self, word: str, before: str) -> tuple[str, Slip | None]:
        """The same of a short word that lacks a letter, as the second of two that make a phrase: “bomb dgs”."""
        pairs = (phrase for phrase in self.with_word(before) if len(phrase) == 2 and phrase[0] == before)
        meant = [
            second
            for _, second in pairs
            if lacks_vowel(word, second) or lacks_vowel(word, f"{second}s") or lacks_letter(word, second)
        ]
        if len(meant) != 1:
            return stem(word), None
        return meant[0], Slip(word, next((each for each in self._words if stem(each) == meant[0]), meant[0]))

    def meanings(self, stems: Sequence[str]) -> Sequence[Meaning]:
        """What the phrase means; empty where it means nothing."""
        return self._meanings.get(tuple(stems), ())

    def with_word(self, its_stem: str) -> Sequence[tuple[str, ...]]:
        """The phrases of several words of which that is one."""
        return self._scattered.get(its_stem, ())


def find_kinds(sentence: Sentence, lexicon: Lexicon) -> list[Kind]:
    """All that the sentence names, none overlapping another: the longest phrases first, of equals the first."""
    places, stems, slips = _readings(sentence, lexicon)
    found = list(_together(sentence, lexicon, places, stems, slips))
    longest = max((size for size, _ in found), default=0)
    purpose = purpose_at(sentence)
    roots = {root_of(kind.meaning) for _, kind in found if kind.span[-1].end <= purpose} & THINGS
    for size, kind in _apart(lexicon, places, stems, slips):
        across = kind.span[0].first < purpose < kind.span[-1].end
        meant = kind if not (across and roots) else under(kind, roots)
        if size > longest and meant is not None:
            found.append((size, meant))
    kept: list[Kind] = []
    taken: set[int] = set()
    for _, kind in sorted(found, key=lambda each: (-each[0], len(each[1].slips), each[1].span)):
        own = {at for span in kind.span for at in range(*span)}
        if not own & taken:
            taken |= own
            kept.append(kind)
    return kept


THINGS = frozenset("aircraft communications equipment facility k9 lab vehicle vessel".split())
"""The categories of what is no team and no person."""
_LEADS_TO_A_PURPOSE = frozenset(("for", "to"))


def root_of(meaning: Meaning) -> str:
    """The broadest category or capability over this one."""
    return meaning.code.split(".")[0]


def under(kind: Kind, roots: Collection[str]) -> Kind | None:
    """The kind as what its words mean under these roots; None where they mean nothing there."""
    meanings = [each for each in (kind.meaning, *kind.alternatives) if root_of(each) in roots]
    return _kind(meanings, kind.span, kind.slips) if meanings else None


def purpose_at(sentence: Sentence) -> int:
    """Where it is said what a thing is for, as behind “for” and “to”; the end where it is not."""
    return next((at for at in range(1, len(sentence)) if sentence.word(at) in _LEADS_TO_A_PURPOSE), len(sentence))


def _readings(sentence: Sentence, lexicon: Lexicon) -> tuple[list[int], list[str], list[Slip | None]]:
    places = [at for at in sentence.left() if not _is_plural_of_number(sentence, at)]
    read = [lexicon.reading(sentence.tokens[at].word) for at in places]
    for i, (before, _) in enumerate(read[:-1]):
        if read[i + 1][1] is None and not _is_meant(lexicon, read[i + 1][0], {each for each, _ in read}):
            read[i + 1] = lexicon.reading_behind(sentence.tokens[places[i + 1]].word, before)
    return places, [each for each, _ in read], [slip for _, slip in read]


def _is_meant(lexicon: Lexicon, its_stem: str, said: Collection[str]) -> bool:
    """Whether a word means something by itself or with others of the sentence: “bomb bot”, and not “patrol bot”."""
    if not lexicon.is_known(its_stem):
        return False
    return bool(lexicon.meanings((its_stem,))) or any(set(each) <= {*said} for each in lexicon.with_word(its_stem))


def _is_plural_of_number(sentence: Sentence, at: int) -> bool:
    return sentence.tokens[at].word == "s" and sentence.adjoins(at) and sentence.tokens[at - 1].is_number


def _together(
    sentence: Sentence, lexicon: Lexicon, places: list[int], stems: list[str], slips: list[Slip | None]
) -> Iterable[tuple[int, Kind]]:
    for first in range(len(places)):
        for end in range(min(first + _LONGEST, len(places)), first, -1):
            span = Span(places[first], places[end - 1] + 1)
            if span.size > end - first and not _only_signs_between(sentence, places[first:end]):
                continue
            meanings = lexicon.meanings(stems[first:end])
            misspelt = tuple(slip for slip in slips[first:end] if slip is not None)
            if meanings and (len(misspelt) * 2 <= max(end - first, 2) or end - first == len(misspelt) == 2):
                plural = span.end < len(sentence) and _is_plural_of_number(sentence, span.end)
                yield end - first, _kind(meanings, (Span(span.first, span.end + plural),), misspelt)


def _only_signs_between(sentence: Sentence, places: Sequence[int]) -> bool:
    return all(
        sentence.tokens[at].word in ("-", "/", "&")
        for one, other in zip(places, islice(places, 1, None), strict=False)
        for at in range(one + 1, other)
    )


def _apart(
    lexicon: Lexicon, places: list[int], stems: list[str], slips: list[Slip | None]
) -> Iterable[tuple[int, Kind]]:
    """Phrases of which all words are there, not far from one another, in whatever order."""
    tried: set[tuple[str, ...]] = set()
    for its_stem in stems:
        for phrase in lexicon.with_word(its_stem):
            if phrase in tried or not set(phrase) <= set(stems):
                continue
            tried.add(phrase)
            at = [stems.index(each) for each in phrase]
            if max(at) - min(at) < len(phrase) + _FURTHEST and len(set(at)) == len(phrase):
                span = tuple(Span(places[i], places[i] + 1) for i in sorted(at))
                misspelt = tuple(slip for i in at if (slip := slips[i]) is not None)
                yield len(phrase), _kind(lexicon.meanings(phrase), span, misspelt)


def _kind(meanings: Sequence[Meaning], span: tuple[Span, ...], slips: tuple[Slip, ...]) -> Kind:
    first, *others = meanings
    return Kind(meaning=first, span=span, slips=slips, alternatives=tuple(others[:_MOST_ALTERNATIVES]))
