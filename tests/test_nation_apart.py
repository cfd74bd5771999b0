"""What is drawn in processes of their own is what would be drawn here."""

from collections.abc import Callable, Iterable
from functools import partial
from uuid import UUID

import pytest

from benchmarks.nation.apart import apart, here


def test_what_several_draw_is_taken_in_turn_so_that_rows_have_the_same_order_every_time() -> None:
    draws: tuple[Callable[[], Iterable[object]], ...] = (partial(range, 3), partial(list, [UUID(int=7), UUID(int=8)]))
    taken = [0, UUID(int=7), 1, UUID(int=8), 2]
    assert list(here(*draws)) == taken
    assert list(apart(*draws)) == taken


def test_who_takes_is_told_when_drawing_fails() -> None:
    with pytest.raises(RuntimeError, match="ended with 1"):
        list(apart(partial(range, 0, 5, 0)))
