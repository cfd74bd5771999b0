"""A laboratory is booked by the ISO week, from Monday to Monday on its own clocks."""

from datetime import UTC, datetime, timedelta

from registry.platform.kernel.time import Window
from registry.resources.allocations.rules import slots_short, weeks_of, whole_weeks

CHICAGO = "America/Chicago"


def at(day: int, hour: int, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def test_a_window_holds_each_week_that_it_touches() -> None:
    week = Window(start=at(9, 5), end=at(16, 5))  # clocks have gone forward on the 8th
    assert whole_weeks(Window(start=at(11, 12), end=at(11, 13)), CHICAGO) == week
    assert whole_weeks(week, CHICAGO) == week
    assert whole_weeks(Window(start=at(9, 5) - timedelta(seconds=1), end=at(16, 5)), CHICAGO).start == at(2, 6)
    assert whole_weeks(Window(start=at(9, 5), end=at(16, 5) + timedelta(seconds=1)), CHICAGO).end == at(23, 5)


def test_a_week_is_as_long_as_its_clocks_say() -> None:
    before, change, after = weeks_of(Window(start=at(24, 12, 2), end=at(10, 12)), CHICAGO)
    assert (before.end, change.end) == (change.start, after.start)
    assert change.end - change.start == timedelta(days=7, hours=-1)
    assert after.end - after.start == timedelta(days=7)


def test_the_weeks_that_have_too_few_slots_say_how_many_they_have() -> None:
    held = [(at(9, 5), at(16, 5), 3), (at(16, 5), at(23, 5), 1)]
    window = Window(start=at(10, 12), end=at(25, 12))
    assert slots_short(4, held, window, CHICAGO, 2) == [("2026-W11", 1)]
    assert slots_short(4, held, window, CHICAGO, 4) == [("2026-W11", 1), ("2026-W12", 3)]
