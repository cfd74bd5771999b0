"""Which word a misspelt one may mean, out of a vocabulary."""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

SHORTEST: Final = 5
"""Shorter words have too many neighbours: `dog` and `dig`, `tox` and `box`."""
SHORTEST_TURNED: Final = 3
"""Words as short as this are slips where two letters changed places alone: `dgo`, `baot`."""
_TWO_FROM: Final = 8
_VOWELS: Final = frozenset("aeiouy")


def nearest_word(word: str, vocabulary: Iterable[str]) -> str | None:
    """The word of the vocabulary that `word` is a slip of; None when there is none, or when it is too short to tell.

    A slip is a letter left out, put in, changed, or two that changed places: one of them, from eight letters on two.
    In a shorter word it is two letters that changed places, and nothing else. The first letter is taken as it is, as
    people nearly always have it right.
    """
    if not word.isalpha():
        return None
    if len(word) < SHORTEST:
        return next((each for each in vocabulary if _is_turned(word, each)), None)
    best = min(((slips, abs(len(each) - len(word)), each) for slips, each in slips_of(word, vocabulary)), default=None)
    return None if best is None else best[2]


def _is_turned(word: str, other: str) -> bool:
    """Whether two letters side by side changed places, behind the first."""
    return (
        len(word) == len(other) >= SHORTEST_TURNED
        and word[0] == other[0]
        and word != other
        and sorted(word) == sorted(other)
        and is_one_slip(word, other)
    )


def lacks_vowel(word: str, other: str) -> bool:
    """Whether `word` is the other one without its only vowel: `dgs` for `dogs`.

    Too little to tell a short word by alone; it is asked where a neighbour says already which few words may be meant.
    """
    return (
        SHORTEST_TURNED <= len(word) == len(other) - 1
        and word[0] == other[0]
        and _VOWELS.isdisjoint(word)
        and is_one_slip(word, other)
    )


def lacks_letter(word: str, other: str) -> bool:
    """Whether `word` is the other one, of four letters or more, without one letter behind its first: `bot` for `boat`.

    As `lacks_vowel`, it is asked only where a neighbour says which few words may be meant.
    """
    return SHORTEST_TURNED <= len(word) == len(other) - 1 and word[0] == other[0] and is_one_slip(word, other)


def slips_of(text: str, vocabulary: Iterable[str]) -> list[tuple[int, str]]:
    """The names or words that the text may be a slip of, each with the number of its slips; see `nearest_word`."""
    if len(text) < SHORTEST:
        return []
    most = 2 if len(text) >= _TWO_FROM else 1
    near = [each for each in vocabulary if each[0] == text[0] and abs(len(each) - len(text)) <= most]
    found = process.extract(text, near, scorer=OSA.distance, score_cutoff=most, limit=None)
    return [(int(slips), each) for each, slips, _ in found]


def is_one_slip(one: str, other: str) -> bool:
    """Whether one letter that is left out, put in or changed, or two that changed places, make one of the other."""
    return OSA.distance(one, other, score_cutoff=1) <= 1


class Halves(NamedTuple):
    """The two halves of a word, and how many letters it has: by either of them its misspellings are found."""

    head: str
    tail: str
    letters: int


def halves(word: str) -> Halves:
    """The halves of a word; of an uneven one the second is longer."""
    middle = len(word) // 2
    return Halves(word[:middle], word[middle:], len(word))


def halves_around(word: str) -> list[Halves]:
    """What a word has to share one half with, of as many letters, to be one slip from this one.

    One slip leaves a half as it is, unless it exchanged the letters beside the middle.
    """
    letters = len(word)
    found = [Halves(word[: n // 2], word[-(n - n // 2) :], n) for n in (letters - 1, letters, letters + 1)]
    middle = letters // 2
    exchanged = word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]
    return [*found, halves(exchanged)]


def long_words(words: Iterable[str]) -> Collection[str]:
    """Those of the words that a misspelt one may be a slip of, each once, in order."""
    return sorted({word for word in words if len(word) >= SHORTEST_TURNED and word.isalpha()})
