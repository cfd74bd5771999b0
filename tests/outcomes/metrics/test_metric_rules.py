"""The arithmetic of metrics: intervals against exact sums, months in odd zones, hours against counting."""

import math
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.outcomes.metrics.rules import Grain, Stretch, period_before, period_of, periods, pieces_of, utilisation
from registry.outcomes.metrics.statistics import interval_ranks, quantile, share

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 7, 4, 18, tzinfo=UTC)


def hour(offset: float) -> datetime:
    return START + timedelta(hours=offset)


@given(st.dates(date(2097, 1, 1), date(2102, 12, 31)), st.integers(0, 1500))
def test_pieces_hold_each_day_once_and_are_as_large_as_there_are(first: date, days: int) -> None:
    after = first + timedelta(days=days)
    pieces = pieces_of(first, after)
    every = [pieces.years, *pieces.months, *pieces.days]
    held = [start + timedelta(days=n) for start, end in every for n in range((end - start).days)]
    assert sorted(held) == [first + timedelta(days=n) for n in range(days)]
    for start, end in (pieces.years, *pieces.months):
        assert (start.day, end.day) == (1, 1)
    assert {day.month for day in pieces.years} == {1}
    assert all((end - start).days < 60 for start, end in pieces.days)
    assert all((end - start).days < 2 * 365 for start, end in pieces.months)


class TestShare:
    def test_nothing_of_nothing_has_no_value(self) -> None:
        empty = share(0, 0)
        assert (empty.value, empty.low, empty.high) == (None, None, None)

    @pytest.mark.parametrize(
        ("numerator", "denominator", "low", "high"),
        [
            (0, 10, 0.0, 0.2775),
            (1, 10, 0.0179, 0.4042),
            (5, 10, 0.2366, 0.7634),
            (10, 10, 0.7225, 1.0),
            (81, 263, 0.2553, 0.3662),
        ],
    )
    def test_published_wilson_intervals_come_out(
        self, numerator: int, denominator: int, low: float, high: float
    ) -> None:
        found = share(numerator, denominator)
        assert found.low == pytest.approx(low, abs=5e-5)
        assert found.high == pytest.approx(high, abs=5e-5)

    @given(st.integers(1, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    def test_the_value_lies_in_its_interval_and_the_interval_between_zero_and_one(
        self, counted: tuple[int, int]
    ) -> None:
        found = share(*counted)
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert 0 <= found.low <= found.value <= found.high <= 1

    @pytest.mark.parametrize(("numerator", "denominator"), [(2, 1), (-1, 1), (0, -1)])
    def test_what_is_not_part_of_a_whole_is_refused(self, numerator: int, denominator: int) -> None:
        with pytest.raises(ValueError, match="no part of"):
            share(numerator, denominator)


def coverage(n: int, percent: int, low: int | None, high: int | None) -> Fraction:
    """The exact probability that a percentile lies from the `low`-th to the `high`-th of n observations."""
    p = Fraction(percent, 100)
    return sum(
        (
            math.comb(n, below) * p**below * (1 - p) ** (n - below)
            for below in range(low or 0, n + 1 if high is None else high)
        ),
        Fraction(0),
    )


class TestQuantile:
    @given(n=st.integers(0, 150), percent=st.sampled_from([10, 50, 90]))
    def test_the_interval_covers_95_percent_exactly_and_neither_rank_can_be_drawn_in(
        self, n: int, percent: int
    ) -> None:
        low, high = interval_ranks(n, percent)
        assert coverage(n, percent, low, high) >= Fraction(95, 100)
        tail = Fraction(25, 1000)
        if n:
            assert 1 - coverage(n, percent, (low or 0) + 1, None) > tail
            assert 1 - coverage(n, percent, None, (n + 1 if high is None else high) - 1) > tail

    def test_the_ranks_for_a_hundred_observations_are_the_known_ones(self) -> None:
        assert interval_ranks(100, 50) == (40, 61)
        assert interval_ranks(100, 90) == (84, 96)

    @pytest.mark.parametrize(
        ("n", "percent", "bounded"),
        [(5, 50, (False, False)), (6, 50, (True, True)), (35, 90, (True, False)), (36, 90, (True, True))],
    )
    def test_too_few_observations_leave_a_side_unbounded(
        self, n: int, percent: int, bounded: tuple[bool, bool]
    ) -> None:
        low, high = interval_ranks(n, percent)
        assert (low is not None, high is not None) == bounded

    def test_millions_of_observations_are_as_the_normal_distribution_has_them(self) -> None:
        low, high = interval_ranks(2_000_000, 50)
        reach = 1.959964 * math.sqrt(2_000_000) / 2
        assert low == pytest.approx(1_000_000 - reach, abs=2)
        assert high == pytest.approx(1_000_000 + reach, abs=2)

    @given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.integers(1, 99))
    def test_the_value_occurred_has_its_part_at_or_below_it_and_lies_in_its_interval(
        self, values: list[int], percent: int
    ) -> None:
        found = quantile(values, percent)
        value = found.value
        assert value is not None
        assert value in values
        assert sum(v <= value for v in values) * 100 >= len(values) * percent
        assert sum(v < value for v in values) * 100 < len(values) * percent
        assert found.low is None or found.low <= value
        assert found.high is None or value <= found.high

    def test_of_nothing_there_is_no_median(self) -> None:
        nothing = quantile([], 50)
        assert (nothing.n, nothing.value, nothing.low, nothing.high) == (0, None, None, None)

    def test_the_first_and_the_last_percentile_are_the_extremes_of_few_observations(self) -> None:
        assert (quantile([3, 1, 2], 1).value, quantile([3, 1, 2], 99).value) == (1, 3)

    @pytest.mark.parametrize("percent", [0, 100])
    def test_the_extremes_are_no_percentiles(self, percent: int) -> None:
        with pytest.raises(ValueError, match="no percentile"):
            quantile([1, 2], percent)


ZONES = ["UTC", "America/New_York", "America/St_Johns", "America/Havana", "Pacific/Apia", "Asia/Kathmandu"]


class TestMonths:
    @pytest.mark.parametrize(
        ("zone", "label"),
        [("UTC", "2026-03"), ("America/New_York", "2026-02"), ("Asia/Kathmandu", "2026-03")],
    )
    def test_the_same_instant_lies_in_different_months(self, zone: str, label: str) -> None:
        assert period_of(datetime(2026, 3, 1, 2, tzinfo=UTC), ZoneInfo(zone), "month").label == label

    def test_the_change_of_the_clock_makes_march_an_hour_shorter(self) -> None:
        march = period_of(datetime(2026, 3, 15, tzinfo=UTC), ZoneInfo("America/New_York"), "month")
        assert march.ends_at - march.starts_at == timedelta(days=31, hours=-1)

    def test_where_clocks_go_back_from_the_first_of_a_month_its_bucket_has_begun_all_the_same(self) -> None:
        # St. John's, 1 November 2009: 00:01 became 23:01 of 31 October.
        st_johns = ZoneInfo("America/St_Johns")
        first_midnight = datetime(2009, 11, 1, 2, 30, tzinfo=UTC)
        half_past_eleven_again = first_midnight + timedelta(minutes=30)
        assert half_past_eleven_again.astimezone(st_johns).month == 10
        assert period_of(first_midnight, st_johns, "month").label == "2009-11"
        assert period_of(half_past_eleven_again, st_johns, "month").label == "2009-11"

    @given(
        at=st.integers(-20 * 365 * 24 * 60, 220 * 365 * 24 * 60).map(lambda m: EPOCH + timedelta(minutes=m)),
        zone=st.sampled_from(ZONES).map(ZoneInfo),
    )
    def test_each_instant_lies_in_its_month_and_months_follow_without_a_gap(self, at: datetime, zone: ZoneInfo) -> None:
        assert period_of(at, zone, "month").starts_at <= at < period_of(at, zone, "month").ends_at
        year = periods(at, at + timedelta(days=400), zone, "month")
        assert year[0] == period_of(at, zone, "month")
        assert all(a.ends_at == b.starts_at for a, b in pairwise(year))
        assert year[-1].starts_at < at + timedelta(days=400) <= year[-1].ends_at
        assert len({month.label for month in year}) == len(year) in {14, 15}

    @pytest.mark.parametrize(
        ("grain", "label", "before"),
        [
            ("day", "2026-01-01", "2025-12-31"),
            ("week", "2026-W01", "2025-W52"),
            ("month", "2026-01", "2025-12"),
            ("quarter", "2026-Q1", "2025-Q4"),
            ("year", "2026", "2025"),
        ],
    )
    def test_each_period_is_named_and_has_one_before_it(self, grain: Grain, label: str, before: str) -> None:
        zone = ZoneInfo("America/Chicago")
        found = period_of(datetime(2026, 1, 1, 12, tzinfo=UTC), zone, grain)
        assert (found.label, period_before(found, zone, grain).label) == (label, before)
        assert period_before(found, zone, grain).ends_at == found.starts_at

    @given(
        at=st.integers(0, 150 * 365 * 24 * 60).map(lambda m: EPOCH + timedelta(minutes=m)),
        zone=st.sampled_from(ZONES).map(ZoneInfo),
        grain=st.sampled_from(["day", "week", "quarter", "year"]),
    )
    def test_a_longer_period_is_made_of_whole_days(self, at: datetime, zone: ZoneInfo, grain: Grain) -> None:
        period = period_of(at, zone, grain)
        days = periods(period.starts_at, period.ends_at, zone, "day")
        assert period.starts_at <= at < period.ends_at
        assert (days[0].starts_at, days[-1].ends_at) == (period.starts_at, period.ends_at)
        assert all(a.ends_at == b.starts_at for a, b in pairwise(days))

    def test_an_empty_window_touches_no_month(self) -> None:
        assert periods(START, START, ZoneInfo("UTC"), "month") == ()


hours = st.integers(-3, 15)
stretches = st.lists(st.tuples(hours.map(hour), st.none() | hours.map(hour), st.integers(1, 4)), max_size=6)


def held(stretches: list[Stretch], offset: int) -> int:
    """How many are concerned in the hour that begins there."""
    return sum(n for a, b, n in stretches if a <= hour(offset) and (b is None or hour(offset) < b))


class TestHours:
    @given(st.integers(1, 4), stretches, stretches)
    def test_utilisation_is_hours_out_over_hours_available_piece_by_piece(
        self, capacity: int, lent: list[Stretch], lost: list[Stretch]
    ) -> None:
        there = [max(capacity - held(lost, offset), 0) for offset in range(12)]
        used = sum(min(held(lent, offset), left) for offset, left in enumerate(there))
        found = utilisation(capacity, lent, lost, hour(0), hour(12))
        assert found == (timedelta(hours=used), timedelta(hours=sum(there)))

    def test_an_empty_window_has_no_hours(self) -> None:
        assert utilisation(3, [(hour(0), None, 1)], [], hour(4), hour(2)) == (timedelta(), timedelta())
