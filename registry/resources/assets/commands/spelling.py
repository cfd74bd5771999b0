"""The words of assets' names and tags, kept once each, by which a misspelt one is found."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.platform.database.handles import Read, Write
from registry.platform.kernel.spelling import SHORTEST, halves
from registry.platform.kernel.text import tokens
from registry.resources.assets.queries.spelling import words_in_use
from registry.resources.assets.tables import asset_word, asset_word_dropped

UnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
_INSERT: dict[str, sqlite.Insert | postgresql.Insert] = {
    "sqlite": sqlite.insert(asset_word).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(asset_word).on_conflict_do_nothing(),
}
_DROP: dict[str, sqlite.Insert | postgresql.Insert] = {
    "sqlite": sqlite.insert(asset_word_dropped).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(asset_word_dropped).on_conflict_do_nothing(),
}
_MOST_DIGITS = 4
"""A longer number among the letters is one that a machine gave; nobody types it from memory."""
MOST_AT_ONCE: Final = 100
LOOKED_AT_AGAIN: Final = timedelta(hours=1)
"""Longer than any transaction takes."""
_WORD = sa.bindparam("its_word", type_=sa.Text)
_DUE = (
    sa.select(asset_word_dropped.c.word)
    .where(asset_word_dropped.c.due_at <= sa.bindparam("now", type_=asset_word_dropped.c.due_at.type))
    .order_by(asset_word_dropped.c.due_at)
    .limit(MOST_AT_ONCE)
)
_REMOVE = asset_word.delete().where(asset_word.c.word == _WORD)
_SETTLED = asset_word_dropped.delete().where(asset_word_dropped.c.word == _WORD)
_LATER = (
    asset_word_dropped.update()
    .where(asset_word_dropped.c.word == _WORD)
    .values(due_at=sa.bindparam("later", type_=asset_word_dropped.c.due_at.type))
)


def keep_words(write: Write, name: str, tag: str) -> None:
    """Keep the words of an asset's name and tag, so that it is found by a misspelling of one."""
    rows = word_rows(name, tag)
    if rows:
        # Of many assets the rows come together only at the end; two who enter the same words must not wait for each
        # other.
        write.defer(_INSERT[write.dialect], rows, in_order_of="word")


def drop_words(write: Write, before: tuple[str, str], after: tuple[str, str], now: datetime) -> None:
    """Note which words of its name and tag an asset has no more, so that they go where no other has them."""
    gone = {*_words(*before)} - {*_words(*after)}
    if gone:
        write.defer(_DROP[write.dialect], [{"word": word, "due_at": now} for word in gone], in_order_of="word")


async def remove_unused_words(read: Read, unit_of_work: UnitOfWork, now: datetime) -> int:
    """Remove words that no asset has any more, of those that one had; how many. A hundred at most.

    What is removed is looked at once more an hour later: an asset that was being entered when it was removed may have
    found the word there, and gets it back. Who enters one afterwards keeps it anew.
    """
    words = sorted(row.word for row in await read.all(_DUE, {"now": now}))
    if not words:
        return 0
    in_use = await words_in_use(read, words)
    removed = 0
    async with unit_of_work() as write:
        for word in words:
            its = {"its_word": word}
            if word in in_use:
                await write.run(_INSERT[write.dialect], _row(word))
            elif await write.run(_REMOVE, its):
                removed += 1
                await write.run(_LATER, {**its, "later": now + LOOKED_AT_AGAIN})
                continue
            await write.run(_SETTLED, its)
    return removed


def word_rows(name: str, tag: str) -> list[dict[str, object]]:
    """The rows of `asset_word`, in the order of the words."""
    return [_row(word) for word in _words(name, tag)]


def _row(word: str) -> dict[str, object]:
    return {"word": word, **halves(word)._asdict()}


def _words(name: str, tag: str) -> list[str]:
    return sorted({each for text in (name, tag) for each in tokens(text) if _may_be_misspelt(each)})


@lru_cache(maxsize=4_096)  # what an agency has is called by the same few words
def _may_be_misspelt(word: str) -> bool:
    digits = sum(letter.isdecimal() for letter in word)
    return len(word) - digits >= SHORTEST - 1 and digits <= _MOST_DIGITS
