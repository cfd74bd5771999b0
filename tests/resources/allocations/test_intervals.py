"""A window in intervals: against counting hour by hour, and at its edges."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from registry.resources.allocations.occupancy import KindHold, first_fit, free_quantity, intervals

HOUR = timedelta(hours=1)
START = datetime(2031, 3, 3, tzinfo=UTC)
DAY = (START, START + 24 * HOUR)


def at(hour: float) -> datetime:
    return START + hour * HOUR


def test_an_empty_asset_is_one_free_interval() -> None:
    assert [tuple(each) for each in intervals(3, [], DAY)] == [(*DAY, 3, ())]


def test_intervals_cover_the_window_and_say_what_counting_each_hour_says() -> None:
    chance = random.Random(7)
    for _ in range(200):
        capacity = chance.randrange(1, 6)
        holds: list[KindHold] = []
        for _ in range(chance.randrange(7)):
            begins = chance.randrange(-5, 24)
            ends = None if chance.random() < 0.1 else at(begins + chance.randrange(1, 12))
            kind = chance.choice(["loan", "blackout", "damage"])
            holds.append((at(begins), ends, chance.randrange(1, capacity + 1), kind))
        found = intervals(capacity, holds, DAY)
        assert (found[0].start, found[-1].end) == DAY
        assert all(one.end == next_.start for one, next_ in pairwise(found))
        assert all(one[2:] != next_[2:] for one, next_ in pairwise(found)), "alike ones are one"
        for hour in range(24):
            instant = at(hour + 0.5)
            held = [h for h in holds if h[0] <= instant and (h[1] is None or h[1] > instant)]
            (part,) = [each for each in found if each.start <= instant < each.end]
            assert part.free_quantity == max(capacity - sum(h[2] for h in held), 0)
            assert part.blocked_by == tuple(sorted({h[3] for h in held}))


def test_the_next_fit_is_the_first_instant_from_which_as_much_is_free_for_as_long() -> None:
    chance = random.Random(11)
    for _ in range(200):
        capacity, quantity = 4, chance.randrange(1, 5)
        holds = []
        for _ in range(chance.randrange(8)):
            begins = chance.randrange(24)
            holds.append((at(begins), at(begins + chance.randrange(1, 9)), chance.randrange(1, 5)))
        length = chance.randrange(1, 9) * HOUR
        expected = next(
            at(hour) for hour in range(60) if free_quantity(capacity, holds, (at(hour), at(hour) + length)) >= quantity
        )
        assert first_fit(capacity, holds, START, length, quantity) == expected


def test_what_never_comes_back_leaves_no_fit() -> None:
    assert first_fit(1, [(at(3), None, 1)], START, 4 * HOUR, 1) is None
    assert first_fit(1, [(at(3), None, 1)], START, 3 * HOUR, 1) == START
