"""Months on the calendar, terms that renew themselves, and when a civil day is over."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import hypothesis.strategies as st
import pytest
from hypothesis import given

from registry.agreements.deadlines.periods import Term, open_notice_day, term_at
from registry.agreements.instruments.notice import Period
from registry.agreements.instruments.term_days import Renewal, last_day, renewal_day, term_end, term_ends
from registry.platform.kernel.time import add_months, day_ends_at, last_day_before, on_calendar

CHICAGO = "America/Chicago"
DAY = timedelta(days=1)
DAYS = st.dates(date(1900, 1, 1), date(2200, 1, 1))
BEGINNINGS = st.dates(date(1900, 1, 1), date(1990, 1, 1))  # so that all of their terms end on the calendar
MONTHS = st.integers(-1_200, 1_200)
ZONES = st.sampled_from([CHICAGO, "UTC", "Pacific/Apia", "Pacific/Kiritimati", "America/Phoenix", "America/Havana"])


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2025-01-31", 1, "2025-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-01-31", 2, "2024-03-31"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2100-01-31", 1, "2100-02-28"),
        ("2000-01-31", 1, "2000-02-29"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-01-15", -1, "2025-12-15"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-08-31", 0, "2026-08-31"),
    ],
)
def test_months_later_it_is_the_same_day_or_the_last_of_the_month(day: str, months: int, expected: str) -> None:
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(expected)


@given(DAYS, MONTHS)
def test_adding_months_moves_the_month_by_exactly_that_many(day: date, months: int) -> None:
    later = add_months(day, months)
    assert later.year * 12 + later.month - (day.year * 12 + day.month) == months
    assert later.day == min(day.day, monthrange(later.year, later.month)[1])


@given(DAYS, MONTHS)
def test_adding_and_taking_away_come_back_unless_the_day_was_cut(day: date, months: int) -> None:
    later = add_months(day, months)
    back = add_months(later, -months)
    assert back == day if later.day == day.day else back < day


@given(DAYS, DAYS, MONTHS)
def test_what_is_earlier_stays_so(one: date, other: date, months: int) -> None:
    first, second = sorted([one, other])
    assert add_months(first, months) <= add_months(second, months)


@pytest.mark.parametrize(
    ("first", "months", "renewals", "expected"),
    [
        ("2026-12-31", 12, 1, "2027-12-31"),
        ("2027-02-28", 12, 1, "2028-02-29"),
        ("2024-02-29", 12, 1, "2025-02-28"),
        ("2026-01-31", 1, 1, "2026-02-28"),
        ("2026-01-31", 1, 2, "2026-03-31"),
        ("2026-06-30", 36, 2, "2032-06-30"),
        ("2026-06-30", 36, 0, "2026-06-30"),
    ],
)
def test_a_term_ends_on_the_corresponding_day_or_with_the_month(
    first: str, months: int, renewals: int, expected: str
) -> None:
    assert term_end(date.fromisoformat(first), months * renewals) == date.fromisoformat(expected)


def test_a_month_from_31_january_ends_with_each_month_and_is_not_worn_down() -> None:
    """A term of 31 January through 28 February that goes on by a month, through a leap year."""
    ends = [term_end(date(2099, 2, 28), n) for n in range(13)]
    said = "02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31 01-31 02-28".split()
    assert [f"{each:%m-%d}" for each in ends] == said
    assert term_end(date(2103, 2, 28), 12) == date(2104, 2, 29)
    assert [
        f"{each:%m-%d}" for each in (term_end(date(2099, 1, 30), n) for n in range(4))
    ] == "01-30 02-28 03-30 04-30".split()


@pytest.mark.parametrize(
    ("effective", "expires", "months", "expected"),
    [
        ("2099-01-30", "2099-02-28", 1, "02-28 03-30 04-30 05-30"),  # no 30 February: its last, and then the 30th
        ("2104-01-30", "2104-02-29", 1, "02-29 03-30 04-30 05-30"),
        ("2099-01-29", "2099-02-28", 1, "02-28 03-29 04-29 05-29"),
        ("2099-01-31", "2099-02-28", 1, "02-28 03-31 04-30 05-31"),
        ("2099-02-01", "2099-02-28", 1, "02-28 03-31 04-30 05-31"),  # it ended with its month
        ("2099-02-28", "2100-02-28", 1, "02-28 03-28 04-28 05-28"),
        ("2098-03-01", "2099-02-28", 60, "02-28 02-29 02-28 02-28"),
        ("2098-02-28", "2099-02-28", 60, "02-28 02-28 02-28 02-28"),
        ("2103-02-28", "2103-02-28", 1, "02-28 03-31 04-30 05-31"),  # a single day is no period in months
        ("2099-06-30", "2100-06-30", 6, "06-30 12-30 06-30 12-30"),
        ("2099-07-01", "2100-06-30", 6, "06-30 12-31 06-30 12-31"),
        ("2099-01-15", "2099-02-14", 1, "02-14 03-14 04-14 05-14"),
    ],
)
def test_what_ended_with_a_month_goes_on_to_the_day_that_its_first_term_was_counted_to(
    effective: str, expires: str, months: int, expected: str
) -> None:
    first, began = date.fromisoformat(expires), date.fromisoformat(effective)
    renewal = Renewal(months=months, on_day=renewal_day(began, first))
    assert [f"{each:%m-%d}" for each in islice(term_ends(first, renewal, first), 4)] == expected.split()


@given(BEGINNINGS, st.integers(1, 60), st.integers(1, 60), st.integers(0, 40))
def test_no_day_is_lost_or_gained_from_one_renewal_to_the_next(
    began: date, lasts: int, months: int, number: int
) -> None:
    """Who counts whole months from the day on which it began comes to the corresponding day, or the month's last."""
    first = add_months(began, lasts)
    renewal = Renewal(months=months, on_day=renewal_day(began, first))
    counted = add_months(began, lasts + months * number)
    assert renewal.ends_on(first, number) == counted
    assert next(term_ends(first, renewal, counted)) == counted
    assert last_day(first, Renewal(months=months, times=number, on_day=renewal.on_day)) == counted


@given(BEGINNINGS, st.integers(1, 60), st.integers(1, 60), st.integers(0, 40))
def test_who_counts_to_the_day_before_comes_to_the_end_of_a_month_wherever_it_began_with_one(
    day: date, lasts: int, months: int, number: int
) -> None:
    began = day.replace(day=1)
    first = add_months(began, lasts) - timedelta(days=1)
    renewal = Renewal(months=months, on_day=renewal_day(began, first))
    assert renewal.ends_on(first, number) == add_months(began, lasts + months * number) - timedelta(days=1)


@given(DAYS, st.integers(1, 120), st.integers(0, 20))
def test_terms_follow_each_other_without_gap_or_overlap(first: date, months: int, renewals: int) -> None:
    end, following = (term_end(first, months * n) for n in (renewals, renewals + 1))
    assert following > end
    assert (following.year, following.month) == (add_months(end, months).year, add_months(end, months).month)


YEARLY = Renewal(months=12)


def test_a_term_lasts_through_its_last_day() -> None:
    first = date(2026, 6, 30)
    assert term_at(first, YEARLY, date(2025, 1, 1)) == Term(0, first)
    assert term_at(first, YEARLY, first) == Term(0, first)
    assert term_at(first, YEARLY, first + DAY) == Term(1, date(2027, 6, 30))
    assert term_at(first, None, first + DAY) == Term(0, first)


def test_renewals_stop_at_their_number() -> None:
    assert term_at(date(2026, 6, 30), Renewal(months=12, times=2), date(2060, 1, 1)) == Term(2, date(2028, 6, 30))
    assert term_at(date(2026, 6, 30), YEARLY, date(2300, 1, 1)) is None


@given(DAYS, st.integers(1, 120), st.none() | st.integers(1, 10), st.dates(date(1950, 1, 1), date(2150, 1, 1)))
def test_the_term_found_is_the_first_that_is_not_over(first: date, months: int, times: int | None, day: date) -> None:
    term = term_at(first, Renewal(months=months, times=times), day)
    if term is None:
        assert first > date(2199, 12, 31)
        return
    assert term.ends_on == term_end(first, months * term.renewals)
    if times is None or term.renewals < times:
        assert term.ends_on >= day
    if term.renewals:
        assert term_end(first, months * (term.renewals - 1)) < day


def test_a_notice_day_that_went_by_gives_way_to_the_next_terms() -> None:
    first, last = date(2026, 12, 31), date(2026, 11, 1)
    assert open_notice_day(first, YEARLY, Period(days=60), last) == Term(0, last)
    assert open_notice_day(first, YEARLY, Period(days=60), last + DAY) == Term(1, date(2027, 11, 1))
    assert open_notice_day(first, Renewal(months=12, times=1), Period(days=60), date(2027, 11, 2)) is None
    assert open_notice_day(first, None, Period(days=60), last) == Term(0, last)
    assert open_notice_day(first, None, Period(days=60), last + DAY) is None


def test_a_notice_longer_than_the_term_is_given_terms_ahead() -> None:
    found = open_notice_day(date(2026, 1, 31), Renewal(months=1), Period(days=100), date(2026, 1, 15))
    assert found == Term(3, date(2026, 1, 20))


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        ("2026-03-08", CHICAGO, "2026-03-09T05:00:00+00:00"),  # clocks went forward that morning
        ("2026-11-01", CHICAGO, "2026-11-02T06:00:00+00:00"),  # and back
        ("2026-07-04", "Pacific/Kiritimati", "2026-07-04T10:00:00+00:00"),
        ("2011-12-29", "Pacific/Apia", "2011-12-30T10:00:00+00:00"),  # the thirtieth was left out there
        ("2026-12-31", "UTC", "2027-01-01T00:00:00+00:00"),
    ],
)
def test_a_day_is_over_where_the_agreement_is(day: str, zone: str, expected: str) -> None:
    assert day_ends_at(date.fromisoformat(day), zone) == datetime.fromisoformat(expected)


@given(st.dates(date(1901, 1, 1), date(2199, 12, 31)), ZONES)
def test_the_last_moment_of_a_day_is_in_that_day(day: date, zone: str) -> None:
    assert last_day_before(day_ends_at(day, zone), zone) in (day, day - DAY)
    if (zone, day) != ("Pacific/Apia", date(2011, 12, 30)):
        assert last_day_before(day_ends_at(day, zone), zone) == day


def test_days_beyond_the_registrys_calendar_end_at_its_bounds() -> None:
    assert on_calendar(date(1900, 1, 1))
    assert not on_calendar(date(2200, 1, 1))
    assert day_ends_at(date(2400, 1, 1), CHICAGO) == datetime(2200, 1, 1, tzinfo=UTC)
    assert day_ends_at(date(1800, 1, 1), CHICAGO) == datetime(1900, 1, 1, tzinfo=UTC)
