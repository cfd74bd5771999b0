"""The words of assets' names and tags, kept once each, by which a misspelt one is found."""

from sqlalchemy.dialects import postgresql, sqlite

from registry.platform.database.handles import Write
from registry.platform.kernel.spelling import SHORTEST, halves
from registry.platform.kernel.text import tokens
from registry.resources.assets.tables import asset_word

_INSERT: dict[str, sqlite.Insert | postgresql.Insert] = {
    "sqlite": sqlite.insert(asset_word).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(asset_word).on_conflict_do_nothing(),
}
_MOST_DIGITS = 4
"""A longer number among the letters is one that a machine gave; nobody types it from memory."""


def keep_words(write: Write, name: str, tag: str) -> None:
    """Keep the words of an asset's name and tag, so that it is found by a misspelling of one."""
    rows = word_rows(name, tag)
    if rows:
        write.defer(_INSERT[write.dialect], rows)


def word_rows(name: str, tag: str) -> list[dict[str, object]]:
    """The rows of `asset_word`, in the order of the words: who writes at the same time waits and is not waited for."""
    words = sorted({each for text in (name, tag) for each in tokens(text) if _may_be_misspelt(each)})
    return [{"word": word, **halves(word)._asdict()} for word in words]


def _may_be_misspelt(word: str) -> bool:
    digits = sum(letter.isdecimal() for letter in word)
    return len(word) - digits >= SHORTEST - 1 and digits <= _MOST_DIGITS
