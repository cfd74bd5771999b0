"""The words of assets' names, by which a misspelt one is found: they go with the last asset that has them."""

import asyncio
import random
import string
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.resources.assets.commands.spelling import (
    LOOKED_AT_AGAIN,
    MOST_AT_ONCE,
    drop_words,
    keep_words,
    remove_unused_words,
)
from registry.resources.assets.tables import asset_word
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.service import Service


def new_word() -> str:
    """A word that no other test has."""
    return "zq" + "".join(random.choices(string.ascii_lowercase, k=10))


def misspelt(word: str) -> str:
    return word[:-1] + ("a" if word[-1] != "a" else "b")


async def found(agency: Agency, word: str, kind: str = "assets") -> list[str]:
    if kind == "assets":
        page = await agency.coordinator.done("GET", f"/v1/assets?q={word}&agency_id={agency.id}")
        return [each["name"] for each in page["items"]]
    lines = (await agency.coordinator.get(f"/v1/assets.{kind}?q={word}&agency_id={agency.id}")).text
    return [each for each in ("Dog", "Other") if each in lines]


async def swept(service: Service, **later: Any) -> None:
    """Other tests leave words too: until all that is due has been looked at."""
    now = utc_now() + later.get("after", LOOKED_AT_AGAIN * 0)
    for _ in range(10):
        await remove_unused_words(service.database.read(), partial(unit_of_work, service.database), now)


async def is_kept(service: Service, word: str) -> bool:
    statement = sa.select(asset_word.c.word).where(asset_word.c.word == word)
    return await service.database.read().value(statement) is not None


async def rename(owner: Agency, asset: dict[str, Any], name: str) -> None:
    await owner.admin.done("PATCH", f"/v1/assets/{asset['id']}", {"name": name}, if_match="*")


async def test_a_word_goes_with_the_last_asset_that_is_called_so(service: Service, cast: Cast) -> None:
    word, owner = new_word(), cast.assisting
    first, last = [await make_asset(owner, name=f"{name} {word}") for name in ("Dog", "Other")]
    for kind in ("assets", "ndjson", "csv", "geojson"):
        names = await found(owner, misspelt(word), kind)
        assert {each.split()[0] for each in names} == {"Dog", "Other"}, "a file finds what the list finds"
    await rename(owner, first, "Dog")
    await swept(service)
    assert await found(owner, misspelt(word)) == [f"Other {word}"]
    await rename(owner, last, "Other")
    await swept(service)
    assert not await is_kept(service, word)
    await rename(owner, last, f"Other {word}")
    assert await found(owner, misspelt(word)) == [f"Other {word}"], "kept anew"
    await swept(service, after=LOOKED_AT_AGAIN)
    assert await is_kept(service, word)


async def test_a_word_that_was_removed_while_an_asset_with_it_was_entered_comes_back(
    service: Service, cast: Cast
) -> None:
    word = new_word()
    await make_asset(cast.assisting, name=f"Dog {word}")
    now = utc_now()
    async with unit_of_work(service.database) as write:
        drop_words(write, (word, ""), ("", ""), now + LOOKED_AT_AGAIN)
        await write.run(asset_word.delete().where(asset_word.c.word == word))
    await swept(service)
    assert not await is_kept(service, word)
    await swept(service, after=2 * LOOKED_AT_AGAIN)
    assert await is_kept(service, word)
    assert await found(cast.assisting, misspelt(word)) == [f"Dog {word}"]


async def test_no_more_words_than_a_batch_are_looked_at_at_once(service: Service) -> None:
    words = [new_word() for _ in range(MOST_AT_ONCE + 5)]
    async with unit_of_work(service.database) as write:
        for word in words:
            keep_words(write, word, "")
    await swept(service)
    assert await is_kept(service, words[0]), "nobody has said that an asset has it no more"
    async with unit_of_work(service.database) as write:
        drop_words(write, (" ".join(words), ""), ("", ""), utc_now())
    one_unit = partial(unit_of_work, service.database)
    assert 0 < await remove_unused_words(service.database.read(), one_unit, utc_now()) <= MOST_AT_ONCE
    await swept(service)
    assert not any([await is_kept(service, word) for word in words])


async def test_two_who_enter_the_same_new_words_the_other_way_round_do_not_wait_for_each_other(
    service: Service, dialect: str
) -> None:
    """Each enters thousands of assets in one transaction, so that they meet half way; in any other order one fails."""
    if dialect == "sqlite":
        pytest.skip("SQLite lets one writer in at a time")
    for _ in range(2):
        names = [new_word() for _ in range(2_000)]

        async def enter(in_order: list[str]) -> None:
            async with unit_of_work(service.database) as write:
                for name in in_order:
                    keep_words(write, name, "")

        await asyncio.gather(enter(names), enter(names[::-1]))
        assert await is_kept(service, names[-1])
