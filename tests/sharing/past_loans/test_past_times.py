"""When a past loan was: by the clocks of a zone, over by now, and never in an hour that nobody can tell."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from registry.platform.bulk.fields import RowRefused
from registry.platform.kernel.errors import RuleBroken
from registry.sharing.past_loans.rules import (
    TRANSITIONS,
    PastLoanAction,
    PastLoanStatus,
    past_window,
    read_said,
)

NOW = datetime(2099, 1, 1, tzinfo=UTC)
ZONE = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("start", "end", "starts_at", "ends_at"),
    [
        ("2023-07-04", "2023-07-05", "2023-07-04T05:00Z", "2023-07-06T05:00Z"),
        ("7/4/2023", "07/04/2023", "2023-07-04T05:00Z", "2023-07-05T05:00Z"),
        ("2023-07-04 08:30", "2023-07-04T17:05:30", "2023-07-04T13:30Z", "2023-07-04T22:05:30Z"),
        ("7/4/2023 8:30 AM", "7/4/2023 12:15 p.m.", "2023-07-04T13:30Z", "2023-07-04T17:15Z"),
        ("2023-07-04 12:00am", "2023-07-04 00:30", "2023-07-04T05:00Z", "2023-07-04T05:30Z"),
        ("2023-07-04 08:30Z", "2023-07-04 08:30-05:00", "2023-07-04T08:30Z", "2023-07-04T13:30Z"),
        # The days on which the clocks change have 23 hours and 25.
        ("2023-03-12", "2023-03-12", "2023-03-12T06:00Z", "2023-03-13T05:00Z"),
        ("2023-11-05", "2023-11-05", "2023-11-05T05:00Z", "2023-11-06T06:00Z"),
        ("2023-11-05 01:30 -05:00", "2023-11-05 01:30 -06:00", "2023-11-05T06:30Z", "2023-11-05T07:30Z"),
    ],
)
def test_a_cell_says_a_day_or_a_time_on_it(start: str, end: str, starts_at: str, ends_at: str) -> None:
    window = past_window(start, end, ZONE, NOW)
    assert (window.start, window.end) == (datetime.fromisoformat(starts_at), datetime.fromisoformat(ends_at))


@pytest.mark.parametrize(
    ("start", "end", "code", "pointer"),
    [
        ("2023-03-12 02:30", "2023-03-13", "clock_skipped", "/start"),
        ("2023-03-11", "2023-03-12 02:00", "clock_skipped", "/end"),
        ("2023-11-05 01:30", "2023-11-06", "clock_twice", "/start"),
        ("2023-11-04", "2023-11-05 01:00", "clock_twice", "/end"),
        ("2023-07-05", "2023-07-04", "window_reversed", "/end"),
        ("2023-07-04 09:00", "2023-07-04 09:00", "window_reversed", "/end"),
        ("2098-12-31", "2099-01-01", "not_past", "/end"),
        ("2098-12-01", "2098-12-31 18:01", "not_past", "/end"),
        ("2015-01-01", "2022-01-01", "window_too_long", "/end"),
        ("2023-02-30", "2023-03-01", "not_a_time", "/start"),
        ("4.7.2023", "2023-03-01", "not_a_time", "/start"),
        ("2023-07-04 25:00", "2023-07-05", "not_a_time", "/start"),
        ("2023-07-04 13:00 PM", "2023-07-05", "not_a_time", "/start"),
        ("2023-07-04 10:00 +19:00", "2023-07-05", "not_a_time", "/start"),
        ("today", "2023-07-05", "not_a_time", "/start"),
        ("1850-01-01", "1850-01-02", "date_out_of_range", "/start"),
    ],
)
def test_what_cannot_be_is_refused_at_its_cell(start: str, end: str, code: str, pointer: str) -> None:
    with pytest.raises((RowRefused, RuleBroken)) as refused:
        past_window(start, end, ZONE, NOW)
    assert isinstance(refused.value, RowRefused | RuleBroken)
    assert [(each.code, each.pointer) for each in refused.value.faults] == [(code, pointer)]


def test_it_may_be_over_this_very_instant() -> None:
    assert past_window("2098-12-31", "2098-12-31 18:00", ZONE, NOW).end == NOW
    with pytest.raises(RowRefused):
        past_window("2098-12-31", "2098-12-31 18:00", ZONE, NOW - timedelta(microseconds=1))


def test_a_month_stands_before_its_day() -> None:
    assert read_said("7/4/2023", "/start").day.month == 7


def test_what_is_withdrawn_stays_so() -> None:
    assert not [key for key in TRANSITIONS if key[0] is PastLoanStatus.WITHDRAWN]
    assert {action for _, action in TRANSITIONS} == set(PastLoanAction)
