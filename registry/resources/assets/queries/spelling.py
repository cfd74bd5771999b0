"""Misspelt words of a search for assets: what they may mean, by the vocabulary of the taxonomy, then by assets' names.

A word that the taxonomy does not know is looked for as it is *or* as the word that it seems a slip of, and the answer
says so. Where no asset has all words as they are written, those of names and tags count as well, one wrong letter off:
the answer then names those alone that stand in what was found, so that nobody learns of an asset that is not shown.
"""

import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from registry.directory.taxonomy.plain_words import load_words
from registry.directory.taxonomy.tables import category
from registry.platform.database.handles import Read
from registry.platform.database.search import matches, word_parameters
from registry.platform.kernel.spelling import SHORTEST, halves_around, is_one_slip, long_words, nearest_word
from registry.platform.kernel.text import query_tokens, tokens
from registry.platform.kernel.words import Slip, Sought, stem
from registry.resources.assets.schemas.listing import Correction
from registry.resources.assets.tables import asset, asset_word

REMEMBERED_SECONDS = 60.0
_WAYS, _MOST_LOOKED_AT, _MOST_MEANT = 4, 2_000, 20
_TEXTS = sa.select(category.c.description).where(category.c.agency_id.is_(None))


class Vocabulary(Struct, kw_only=True, frozen=True):
    """The words of the taxonomy: those that a slip may mean, and the stems of all."""

    words: Collection[str]
    stems: frozenset[str]


_kept: list[tuple[float, Vocabulary]] = []


async def vocabulary(read: Read) -> Vocabulary:
    """The words by which the categories that all share are named and described, cached for a minute.

    Not those of agencies' own categories: with such a word one agency would take the correction of a slip from all.
    """
    at = time.monotonic()
    if _kept and at - _kept[0][0] < REMEMBERED_SECONDS:
        return _kept[0][1]
    words: set[str] = set()
    for row in await read.all(_TEXTS):
        words.update(tokens(row.description))
    for each in load_words():
        words.update(tokens(each.phrase))
    found = Vocabulary(words=long_words(words), stems=frozenset(map(stem, words)))
    _kept[:] = [(at, found)]
    return found


async def with_corrections(read: Read, sought: Sought, text: str) -> Sought:
    """What is looked for, with what its misspelt words may mean."""
    known = await vocabulary(read)
    slips = []
    for token in query_tokens(text):
        its_stem = stem(token)
        if its_stem in known.stems or its_stem not in sought.stems:
            continue
        meant = nearest_word(token, known.words)
        if meant is not None and stem(meant) != its_stem:
            slips.append(Slip(written=token, meant=meant))
    return msgspec.structs.replace(sought, slips=tuple(dict.fromkeys(slips))) if slips else sought


async def with_own_words(read: Read, sought: Sought, text: str) -> Sought | None:
    """What is looked for, with the words of names and tags that its words may be a slip of; None where none is near."""
    known = await vocabulary(read)
    slips = []
    for token in dict.fromkeys(query_tokens(text)):
        its_stem = stem(token)
        if len(token) < SHORTEST or its_stem in known.stems or its_stem not in sought.stems:
            continue
        found = await read.all(NEAR, near_parameters(token))
        near = sorted({row.word for row in found if _is_slip_of(token, row.word)})[:_MOST_MEANT]
        slips += [Slip(written=token, meant=word) for word in near if stem(word) != its_stem]
    if not slips:
        return None
    return msgspec.structs.replace(sought, slips=tuple(dict.fromkeys((*sought.slips, *slips))))


def _nearby() -> sa.CompoundSelect[Any]:
    """Words that share a half with the one asked about: eight looks into an index."""
    parts = []
    for i in range(_WAYS):
        for half in ("head", "tail"):
            column = asset_word.c[half]
            its = sa.select(asset_word.c.word).where(
                column == sa.bindparam(f"{half}_{i}", type_=sa.Text),
                asset_word.c.letters == sa.bindparam(f"letters_{i}", type_=sa.Integer),
            )
            parts.append(sa.select(its.limit(_MOST_LOOKED_AT).subquery(f"{half}s_{i}")))
    return sa.union_all(*parts)


NEAR = _nearby()


def near_parameters(word: str) -> dict[str, object]:
    """The parameters of `NEAR`."""
    return {
        f"{name}_{i}": value for i, each in enumerate(halves_around(word)) for name, value in each._asdict().items()
    }


def _is_slip_of(written: str, meant: str) -> bool:
    """Whether one letter is wrong; a number is another number, and no slip."""
    return is_one_slip(written, meant) and _digits(written) == _digits(meant)


def _digits(word: str) -> str:
    return "".join(filter(str.isdecimal, word))


def corrections_in(sought: Sought | None, exactly: Sought | None, rows: Sequence[Any]) -> list[Correction]:
    """What the answer says of misspelt words.

    Of those that were added to what was looked for `exactly`, the ones that stand in a name or tag that was found.
    """
    if sought is None:
        return []
    added = frozenset(sought.slips) - frozenset(() if exactly is None else exactly.slips)
    shown = {word for row in rows for text in (row.name, row.tag) for word in tokens(text)} if added else set()
    return [
        Correction(given=slip.written, also=slip.meant)
        for slip in sought.slips
        if slip not in added or slip.meant in shown
    ]


async def words_in_use(read: Read, words: Iterable[str]) -> set[str]:
    """Those of these words that some asset has in its name or tag, whoever may see it.

    Where very many have the word somewhere in their text, it counts as used without a look at each.
    """
    found = set()
    statement = _HAVING[read.dialect]
    for word in words:
        sought = word_parameters(read.dialect, Sought(stems=(stem(word),)))
        rows = await read.all_slowly(statement, sought)
        if len(rows) == _MOST_HAVING or any(word in tokens(text) for row in rows for text in (row.name, row.tag)):
            found.add(word)
    return found


_MOST_HAVING = 500
_HAVING = {
    dialect: sa.select(asset.c.name, asset.c.tag).where(matches(asset, dialect)).limit(_MOST_HAVING)
    for dialect in ("sqlite", "postgresql")
}
