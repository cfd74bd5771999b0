"""Which agreement a file belongs to, by the file's name. Pure: nothing is opened, and nothing is guessed.

A file belongs to the agreement whose row names it. Otherwise to the one whose name it bears: its number, its title, or
on a published list its agency, form and state. Where the words of one name are part of the words of another, the longer
one counts; where two agreements remain, the file belongs to neither.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.platform.kernel.text import split_words

Words: TypeAlias = tuple[str, ...]
AgreementName: TypeAlias = tuple[Words, ...]
"""What a file's name must have to bear it: each of these, word after word, in whatever order."""

SHORTEST: Final = 3
SHORTEST_OF_DIGITS: Final = 5
"""How many letters and digits a name has at least: a number such as “12”, or a year, stands in many a file's name."""


class AgreementOfFiles(Struct, kw_only=True, frozen=True):
    """An agreement to which files may belong; without `id` it is not in the registry, or not yet.

    `files` are the names that its row gives.
    """

    number: str
    id: UUID | None
    names: tuple[AgreementName, ...]
    files: tuple[str, ...] = ()


def name_of(*parts: str) -> AgreementName:
    """The name that these parts make together."""
    return tuple(words_of(part) for part in parts)


def words_of(text: str) -> Words:
    """The words, folded; “Sheriff's” and “Sheriff_s” are two words each."""
    return tuple(part for word in split_words(text) for part in word)


def by_number_and_title(
    number: str, title: str | None, agreement_id: UUID | None, files: tuple[str, ...] = ()
) -> AgreementOfFiles:
    """An agreement that files know by its number or its title, or that names them itself."""
    names = tuple(name_of(each) for each in (number, title) if each)
    return AgreementOfFiles(number=number, id=agreement_id, names=names, files=files)


class FileNames:
    """The agreements, looked up by the names of files."""

    def __init__(self, agreements: Sequence[AgreementOfFiles]) -> None:
        self._agreements = agreements
        self._named: dict[str, list[AgreementOfFiles]] = {}
        for each in agreements:
            for file in each.files:
                self._named.setdefault(_same(file), []).append(each)

    def owners(self, path: str) -> list[AgreementOfFiles]:
        """The agreements to which a file of that name, or path below the folder, may belong: one if that is clear."""
        file = PurePath(path)
        if found := self._named.get(_same(path)) or self._named.get(_same(file.name)):
            return found
        words = words_of(file.stem)
        borne = [(each, places) for each in self._agreements if (places := _places(words, each))]
        return [each for each, places in borne if not any(places < other for _, other in borne)]

    def lacking(self, paths: Sequence[str]) -> Iterator[tuple[AgreementOfFiles, str]]:
        """The files that rows name and that are not among these."""
        there = {_same(each) for path in paths for each in (path, PurePath(path).name)}
        for each in self._agreements:
            yield from ((each, file) for file in each.files if _same(file) not in there)


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold().strip()


def _places(words: Words, agreement: AgreementOfFiles) -> frozenset[int]:
    """Which of the words are those of the names that the file bears; none where it bears none."""
    return frozenset(place for name in agreement.names for place in _borne(words, name))


def _borne(words: Words, name: AgreementName) -> frozenset[int]:
    written = "".join(word for part in name for word in part)
    if len(written) < (SHORTEST_OF_DIGITS if written.isdigit() else SHORTEST):
        return frozenset()
    found: set[int] = set()
    for part in name:
        at = next((at for at in range(len(words)) if part and words[at : at + len(part)] == part), None)
        if at is None:
            return frozenset()
        found.update(range(at, at + len(part)))
    return frozenset(found)
