"""What is published of an agency's people, as rules: bands on one grid, groups of published members, late changes."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise, product

import pytest
from msgspec import structs

from registry.platform.kernel.errors import RuleBroken
from registry.resources.personnel.disclosure import (
    LONGEST_DELAY_DAYS,
    THRESHOLDS,
    WHOLE_AGENCY,
    Cell,
    CellKey,
    Group,
    band_of,
    check_threshold,
    free_in,
    next_cell,
    published,
    shown_count,
)
from registry.resources.personnel.duty_hours import ALL_BLOCKS

TODAY = date(2026, 7, 6)
DAY = timedelta(days=1)


def group(people: int, blocks: int = ALL_BLOCKS) -> Group:
    found = Group()
    for _ in range(people):
        found.add(blocks)
    return found


def test_a_band_is_nobody_some_or_a_multiple_of_the_threshold() -> None:
    assert [band_of(n, 3) for n in range(10)] == [0, 1, 1, 3, 3, 3, 6, 6, 6, 9]
    assert [shown_count(band, 3) for band in (1, 3, 6)] == [None, 3, 6]


def test_a_stricter_threshold_holds_at_once_for_what_was_published_by_a_laxer_one() -> None:
    assert [shown_count(band_of(n, 3), 6) for n in (1, 4, 5, 6, 8, 9, 12)] == [None, None, None, 6, 6, 6, 12]


def test_the_grids_of_all_thresholds_lie_in_one_another() -> None:
    """Else two thresholds, one after the other, would cut out a band narrower than either."""
    for fine, coarse in pairwise(THRESHOLDS):
        bands: dict[int, set[int]] = {}
        for people in range(200):
            bands.setdefault(band_of(people, fine), set()).add(band_of(people, coarse))
        assert all(len(coarser) == 1 for coarser in bands.values()), (fine, coarse)
    with pytest.raises(RuleBroken):
        check_threshold(5)


def worlds(most: int) -> Iterator[tuple[int, int, int]]:
    """How many people have a capability, of these how many at a higher step, and of these how many tested."""
    return ((a, b, c) for a, b, c in product(range(most + 1), repeat=3) if a >= b >= c)


def test_questions_that_hold_one_another_narrow_no_number_within_its_band() -> None:
    """The differencing attack, exhausted: of each cell every number of its band fits all that is published."""
    threshold, most = 3, 11
    fitting: dict[tuple[int, ...], list[set[int]]] = {}
    for world in worlds(most):
        seen = tuple(band_of(people, threshold) for people in world)
        sets = fitting.setdefault(seen, [set(), set(), set()])
        for found, people in zip(sets, world, strict=True):
            found.add(people)
    for seen, sets in fitting.items():
        for band, numbers in zip(seen, sets, strict=True):
            assert numbers == {n for n in range(most + 1) if band_of(n, threshold) == band}, seen


def leaves(*people: int) -> dict[CellKey, Cell]:
    return {(f"g.{i}", 1, False): Cell(band=band_of(n, 3), counted=n) for i, n in enumerate(people)}


def test_a_group_tells_nothing_that_its_members_do_not() -> None:
    """With a number of its own, three members of “some” and a group of six would say that each has exactly two."""
    above = {f"g.{i}": (f"g.{i}", "g") for i in range(3)}
    assert (
        published(leaves(2, 2, 2), above)["g", 1, False] == published(leaves(1, 1, 2), above)["g", 1, False] == (1, 0)
    )
    assert published(leaves(4, 1, 7), above)["g", 1, False] == (6, 0)
    assert ("g", 1, False) not in published(leaves(0, 0, 0), above)
    assert not published({WHOLE_AGENCY: Cell(band=9, blocks=ALL_BLOCKS)}, above), (
        "how many there are in all is not asked"
    )


def changed(before: Cell, people: int, today: date, *, draw: int = 0) -> Cell:
    return next_cell(before, group(people), 3, today, lambda _: draw, first=False)


def test_one_person_more_or_less_is_published_on_a_day_that_nobody_foresees() -> None:
    before = next_cell(Cell(), group(2), 3, TODAY, lambda _: 0, first=True)
    for draw in range(LONGEST_DELAY_DAYS):
        cell, day = changed(before, 3, TODAY, draw=draw), TODAY
        while cell.band == before.band:
            day += DAY
            cell = changed(cell, 3, day, draw=random.randrange(LONGEST_DELAY_DAYS))
        assert day == TODAY + DAY * (1 + draw)
        assert cell == Cell(band=3, blocks=ALL_BLOCKS, counted=3)


def test_what_did_not_last_was_never_published() -> None:
    before = next_cell(Cell(), group(2), 3, TODAY, lambda _: 0, first=True)
    waiting = changed(before, 3, TODAY, draw=9)
    assert (waiting.band, waiting.publish_on) == (1, TODAY + DAY * 10)
    assert changed(waiting, 2, TODAY + DAY) == structs.replace(before, counted=2)


def test_what_as_many_as_the_threshold_change_is_published_at_once() -> None:
    before = next_cell(Cell(), group(2), 3, TODAY, lambda _: 0, first=True)
    assert changed(before, 5, TODAY).band == 3
    assert changed(before, 4, TODAY).band == 1
    slowly = before
    for people, band in ((3, 1), (4, 1), (5, 3)):
        slowly = changed(slowly, people, TODAY, draw=13)
        assert slowly.band == band, "together they are as many"


def test_within_a_band_nothing_ever_changes() -> None:
    before = next_cell(Cell(), group(5), 3, TODAY, lambda _: 0, first=True)
    assert {changed(before, n, TODAY) for n in (3, 4, 5)} == {before}


def test_hours_are_of_groups_and_never_of_one() -> None:
    one, other = 0b0011, 0b0110
    mixed = Group()
    for blocks in (one, one, other, other):
        mixed.add(blocks)
    cell = next_cell(Cell(), mixed, 3, TODAY, lambda _: 0, first=True)
    assert cell.blocks == 0b0010, "when three or more can be sent"
    assert next_cell(Cell(), group(2, one), 3, TODAY, lambda _: 0, first=True).blocks == 0
    assert free_in(0b0010, cell.blocks, 0) == "yes"
    assert free_in(0b0001, cell.blocks, 0b0001) == "likely"
    assert free_in(0b0011, cell.blocks, 0b0010) == "unknown"
