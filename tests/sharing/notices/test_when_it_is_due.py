"""When somebody is told is a pure function of the choices, of when it was last looked, and of now."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import civil_day, minute_of_day
from registry.sharing.notices.rules import (
    LOOK_EVERY,
    Choices,
    Rhythm,
    Weekday,
    after_quiet,
    check_quiet,
    is_due,
    is_quiet,
    next_look,
)

pytestmark = pytest.mark.one_database

ZONE = "America/Chicago"
ZONES = (ZONE, "UTC", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana")
"""Lord Howe's clocks change by half an hour, Havana's at midnight."""
# In 2099 clocks go forward at two on Sunday 8 March in Chicago, and back at two on Sunday 1 November.
BASE = Choices(
    rhythm=Rhythm.DAILY,
    digest_at=7 * 60,
    digest_on=Weekday.MONDAY,
    quiet_from=None,
    quiet_to=None,
    time_zone=ZONE,
)


def chosen(**other: object) -> Choices:
    return replace(BASE, **other)


def there(year: int, month: int, day: int, hour: int, minute: int = 0, *, fold: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(ZONE), fold=fold).astimezone(UTC)


minutes = st.integers(0, 1439)
quiet = st.one_of(st.just((None, None)), st.tuples(minutes, minutes).filter(lambda ends: ends[0] != ends[1]))
choices = st.builds(
    lambda rhythm, at, on, ends, zone: chosen(
        rhythm=rhythm, digest_at=at, digest_on=on, quiet_from=ends[0], quiet_to=ends[1], time_zone=zone
    ),
    st.sampled_from(Rhythm),
    minutes,
    st.sampled_from(Weekday),
    quiet,
    st.sampled_from(ZONES),
)
instants = st.datetimes(datetime(2099, 1, 1), datetime(2100, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


@given(choices, instants)
def test_the_next_look_is_later_and_never_in_quiet_hours(chose: Choices, looked_at: datetime) -> None:
    at = next_look(chose, looked_at)
    assert (at is None) == (chose.rhythm is Rhythm.NONE)
    if at is not None:
        assert at > looked_at
        assert not is_quiet(chose, at)
        longest = {Rhythm.AT_ONCE: timedelta(hours=50), Rhythm.DAILY: timedelta(days=4)}
        assert at - looked_at <= longest.get(chose.rhythm, timedelta(days=11))


@given(choices, instants, st.integers(0, 20 * 24 * 60))
def test_what_is_due_stays_due_and_is_due_from_the_next_look_on(
    chose: Choices, looked_at: datetime, later: int
) -> None:
    now = looked_at + timedelta(minutes=later)
    at = next_look(chose, looked_at)
    assert is_due(chose, looked_at, now) == (at is not None and at <= now)
    if is_due(chose, looked_at, now):
        assert is_due(chose, looked_at, now + timedelta(minutes=1))
    assert not is_due(chose, now, now), "whoever was just looked after is not due"


@given(choices, instants, st.integers(0, 60 * 24 * 60))
def test_looking_later_never_makes_the_next_look_sooner(chose: Choices, looked_at: datetime, later: int) -> None:
    first, second = next_look(chose, looked_at), next_look(chose, looked_at + timedelta(minutes=later))
    assert first is None or (second is not None and first <= second)


@given(minutes, st.sampled_from(ZONES), instants)
def test_a_daily_digest_comes_once_on_each_day(at: int, zone: str, start: datetime) -> None:
    chose, days, looked = chosen(digest_at=at, time_zone=zone), [], start
    for _ in range(10):
        found = next_look(chose, looked)
        assert found is not None
        looked = found
        days.append(civil_day(found, zone))
    assert [(after - before).days for before, after in pairwise(days)] == [1] * 9


def test_a_weekly_digest_comes_on_its_day_at_its_hour() -> None:
    chose = chosen(rhythm=Rhythm.WEEKLY, digest_on=Weekday.SUNDAY)
    first = next_look(chose, there(2099, 3, 2, 12))
    assert first == there(2099, 3, 8, 7), "on the day on which clocks go forward, at seven as they show it then"
    assert next_look(chose, first) == there(2099, 3, 15, 7)


def test_a_time_that_is_skipped_is_counted_on_and_one_that_comes_twice_is_its_first() -> None:
    chose = chosen(digest_at=150)
    assert next_look(chose, there(2099, 3, 8, 0)) == there(2099, 3, 8, 3, 30)
    back = chosen(digest_at=90)
    first = next_look(back, there(2099, 11, 1, 0))
    assert first == there(2099, 11, 1, 1, 30)
    assert next_look(back, first) == there(2099, 11, 2, 1, 30), "not at the second half past one"


def test_quiet_hours_over_both_changes_of_the_clocks_end_when_the_clocks_say_so() -> None:
    night = chosen(rhythm=Rhythm.AT_ONCE, quiet_from=22 * 60, quiet_to=6 * 60)
    for day, month, hours in ((7, 3, 7), (31, 10, 9), (4, 7, 8)):
        evening = there(2099, month, day, 22)
        ends = after_quiet(night, evening)
        assert ends - evening == timedelta(hours=hours)
        assert minute_of_day(ends, ZONE) == 6 * 60
    assert not is_quiet(night, there(2099, 7, 4, 6))
    assert is_quiet(night, there(2099, 7, 4, 5, 59))


def test_quiet_hours_that_end_in_an_hour_that_comes_twice_are_quiet_until_each_of_the_two() -> None:
    chose = chosen(rhythm=Rhythm.AT_ONCE, quiet_from=22 * 60, quiet_to=90)
    first, second = there(2099, 11, 1, 1, 30), there(2099, 11, 1, 1, 30, fold=1)
    assert after_quiet(chose, there(2099, 10, 31, 23)) == first
    assert after_quiet(chose, there(2099, 11, 1, 1, 10, fold=1)) == second


def test_whoever_wants_to_be_told_at_once_is_looked_after_every_two_minutes_outside_quiet_hours() -> None:
    chose = chosen(rhythm=Rhythm.AT_ONCE, quiet_from=12 * 60, quiet_to=13 * 60)
    assert next_look(chose, there(2099, 7, 4, 9)) == there(2099, 7, 4, 9) + LOOK_EVERY
    assert next_look(chose, there(2099, 7, 4, 11, 59)) == there(2099, 7, 4, 13)


def test_a_digest_in_quiet_hours_is_put_off_to_their_end() -> None:
    chose = chosen(digest_at=5 * 60, quiet_from=22 * 60, quiet_to=6 * 60)
    assert next_look(chose, there(2099, 7, 4, 12)) == there(2099, 7, 5, 6)


@pytest.mark.parametrize(
    ("ends", "code"),
    [((None, 60), "quiet_hours_open"), ((60, None), "quiet_hours_open"), ((60, 60), "quiet_hours_empty")],
)
def test_quiet_hours_have_two_ends_that_differ(ends: tuple[int | None, int | None], code: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        check_quiet(*ends)
    assert refused.value.code == code
    check_quiet(None, None)
    check_quiet(60, 30)
