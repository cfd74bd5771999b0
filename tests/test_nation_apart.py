"""What is drawn in processes of their own is what would be drawn here."""

from collections.abc import Callable, Iterable
from functools import partial
from uuid import UUID

import pytest

from benchmarks.nation.apart import apart, here


def test_all_that_each_draws_arrives_in_its_order() -> None:
    draws: tuple[Callable[[], Iterable[object]], ...] = (partial(range, 3), partial(list, [UUID(int=7), UUID(int=8)]))
    drawn = list(apart(*draws))
    assert [each for each in drawn if isinstance(each, int)] == [0, 1, 2]
    assert [each for each in drawn if isinstance(each, UUID)] == [UUID(int=7), UUID(int=8)]
    assert list(here(*draws)) == [0, 1, 2, UUID(int=7), UUID(int=8)]


def test_who_takes_is_told_when_drawing_fails() -> None:
    with pytest.raises(RuntimeError, match="ended with 1"):
        list(apart(partial(range, 0, 5, 0)))
