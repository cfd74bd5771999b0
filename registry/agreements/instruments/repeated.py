"""Whether a text repeats restricted wording, which would so be read by more than the wording itself.

A sentence is repeated where a run of its words stands in the other text: half of it, yet at least twelve words and at
most 25, or all of a sentence that has at least six; five of them differ, for “x x x” fills a form. In the 43 texts of
agencies at hand 68 of 951 clauses share such a run with another clause of their own text, each because the text says
the thing twice; of 294 pairs of texts of different origin two do, which list the same cities.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence

from registry.agreements.instruments.figures import sentences
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.text import split_words, whole_word

_SHORTEST = 6
_LEAST = 12
_MOST = 25
_DIFFERENT = 5


class Wording:
    """Sentences, each with whose it is: the key of the clause or paper that says it."""

    def __init__(self, texts: Iterable[tuple[Hashable, str]]) -> None:
        self._runs = _Runs((key, run) for key, text in texts for each in sentences(text) for run in _runs(_words(each)))

    def repeated_in(self, text: Sequence[str], *, told_elsewhere: Iterable[Sequence[str]] = ()) -> set[Hashable]:
        """Whose sentences the text repeats, apart from runs of words that other texts say as well.

        Each text is in its parts, such as pages, between which a sentence may go on.
        """
        found = set(self._runs.found_in(text))
        if found:
            known = _Runs(found)
            for other in told_elsewhere:
                found.difference_update(known.found_in(other))
        return {key for key, _ in found}


class _Runs:
    """Runs of words with whose they are, found in time linear in a text, however often that says the same word."""

    def __init__(self, runs: Iterable[tuple[Hashable, tuple[str, ...]]]) -> None:
        self._owners: dict[tuple[str, ...], set[Hashable]] = {}
        self._lengths: dict[tuple[str, ...], set[int]] = {}
        for key, run in runs:
            self._owners.setdefault(run, set()).add(key)
            self._lengths.setdefault(run[:_SHORTEST], set()).add(len(run))

    def found_in(self, text: Sequence[str]) -> Iterator[tuple[Hashable, tuple[str, ...]]]:
        words = _words("\n".join(text))
        for start in range(len(words) - _SHORTEST + 1):
            for length in self._lengths.get(tuple(words[start : start + _SHORTEST]), ()):
                run = tuple(words[start : start + length])
                for key in self._owners.get(run, ()):
                    yield key, run


def check_repeated(named: Sequence[str], reason: str | None, *, pointer: str = "", parameter: str = "") -> None:
    """Raises RuleBroken where restricted wording, `named`, is repeated and nobody said why more may read it now.

    What is named the caller may read: to anybody else it is not told that there is such wording.
    """
    if named and reason is None:
        said = ", ".join(named)
        raise RuleBroken.at(
            f"It repeats sentences of {said}, which only some may read, and so more would read them. Leave them out, "
            "restrict it too, or say in `declassify_reason` why more may read them now.",
            "repeats_restricted",
            f"needed for what repeats {said}",
            **({"pointer": pointer} if pointer else {"parameter": parameter}),
        )


# What a scanner takes for one another is one here, on both sides: “arrnory” is “armory”, “l3” is “13”, “O” is “0”.
_ALIKE = str.maketrans({"l": "1", "i": "1", "o": "0"})


def check_said(named: Sequence[str], reason: str | None = None, *, pointer: str) -> None:
    """Raises RuleBroken where a comment or a reason repeats restricted wording, `named`, which its author may read.

    Not with a `reason` why more may read it now, where what is asked takes one.
    """
    if named and reason is None:
        said = ", ".join(named)
        raise RuleBroken.at(
            f"It repeats sentences of {said}, which only some of those may read who read this. Say it in other words, "
            "name the clause, or say why more may read it now, where `declassify_reason` is taken.",
            "repeats_restricted",
            f"repeats {said}",
            pointer=pointer,
        )


def _words(text: str) -> list[str]:
    return [whole_word(parts).replace("rn", "m").translate(_ALIKE) for parts in split_words(text)]


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The runs of which one is enough for the sentence to be repeated."""
    if len(words) < _SHORTEST:
        return
    least = min(len(words), max(_LEAST, min(_MOST, (len(words) + 1) // 2)))
    for start in range(len(words) - least + 1):
        run = tuple(words[start : start + least])
        if len({*run}) >= _DIFFERENT:
            yield run
