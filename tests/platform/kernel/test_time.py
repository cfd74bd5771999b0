"""Instants have an offset and a sane year, windows are half-open and bounded, dates stay where they are."""

from datetime import UTC, date, datetime, timedelta, timezone

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import (
    EARLIEST,
    LATEST,
    LONGEST_WINDOW,
    CivilDate,
    Instant,
    Window,
    checked_instant,
    format_instant,
    known_zone,
    utc_now,
)

NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)
MOMENTS = st.datetimes(timezones=st.just(UTC))


def instant(text: str) -> datetime:
    return msgspec.json.decode(f'"{text}"', type=Instant)


@pytest.mark.parametrize("text", ["2026-07-04T12:00:00", "2026-07-04T12:00", "2026-07-04", "12:00:00Z"])
def test_a_naive_time_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        instant(text)


@pytest.mark.parametrize("raw", ["1783166400", "1783166400.5", '"1783166400"', "null"])
def test_a_number_is_no_time(raw: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=Instant)


def test_an_offset_is_read_and_shown_in_utc() -> None:
    assert checked_instant(instant("2026-07-04T07:00:00-05:00"), "/at") == NOON
    assert checked_instant(instant("2026-07-04T07:00:00-05:00"), "/at").tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1899-12-31T23:59:59Z", "2200-01-01T00:00:01Z"],
)
def test_an_instant_out_of_range_breaks_a_rule_and_overflows_nothing(text: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        checked_instant(instant(text), "/starts_at")
    assert refused.value.code == "instant_out_of_range"
    assert refused.value.faults[0].pointer == "/starts_at"


@given(MOMENTS, MOMENTS)
def test_formatted_instants_sort_as_time_does(one: datetime, other: datetime) -> None:
    assert (format_instant(one) < format_instant(other)) == (one < other)


@given(MOMENTS)
def test_a_formatted_instant_has_one_width_and_reads_back(at: datetime) -> None:
    assert len(format_instant(at)) == 27
    assert datetime.fromisoformat(format_instant(at)) == at


def test_a_naive_instant_is_not_formatted() -> None:
    with pytest.raises(ValueError, match="UTC offset"):
        format_instant(datetime(2026, 7, 4, 12))  # noqa: DTZ001  # naive on purpose


def test_the_clock_tells_utc() -> None:
    assert utc_now().tzinfo is UTC


def window(start: datetime, end: datetime) -> Window:
    return Window(start=start, end=end).checked("/window")


def test_a_window_comes_back_in_utc() -> None:
    central = timezone(timedelta(hours=-5))
    checked = window(NOON.astimezone(central), (NOON + timedelta(hours=1)).astimezone(central))
    assert (checked.start, checked.end) == (NOON, NOON + timedelta(hours=1))
    assert checked.start.tzinfo is checked.end.tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "end", "code", "pointer"),
    [
        (NOON, NOON, "window_reversed", "/window/end"),
        (NOON, NOON - timedelta(microseconds=1), "window_reversed", "/window/end"),
        (NOON, NOON + LONGEST_WINDOW + timedelta(microseconds=1), "window_too_long", "/window/end"),
        (datetime(1800, 1, 1, tzinfo=UTC), NOON, "instant_out_of_range", "/window/start"),
        (NOON, datetime(2300, 1, 1, tzinfo=UTC), "instant_out_of_range", "/window/end"),
    ],
)
def test_a_window_that_makes_no_sense_names_the_place(start: datetime, end: datetime, code: str, pointer: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        window(start, end)
    assert (refused.value.code, refused.value.faults[0].pointer) == (code, pointer)


def test_the_longest_and_the_shortest_window_pass() -> None:
    assert window(NOON, NOON + LONGEST_WINDOW).end == NOON + LONGEST_WINDOW
    assert window(NOON, NOON + timedelta(microseconds=1)).start == NOON
    assert checked_instant(EARLIEST, "") == EARLIEST
    assert checked_instant(LATEST, "") == LATEST


@pytest.mark.parametrize("text", ["2026-02-29", "2026-7-4", "2026-07-04T00:00:00Z", "20260704"])
def test_a_civil_date_is_a_calendar_date(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'"{text}"', type=CivilDate)
    assert msgspec.json.decode('"2024-02-29"', type=CivilDate) == date(2024, 2, 29)


@pytest.mark.parametrize("name", ["America/Chicago", "UTC", "America/Indiana/Knox"])
def test_a_zone_is_known_by_its_iana_name(name: str) -> None:
    assert known_zone(name, "/time_zone").key == name


@pytest.mark.parametrize(
    "name", ["", "CST", "localtime", "Factory", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "america/chicago"]
)
def test_any_other_name_is_no_zone(name: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        known_zone(name, "/time_zone")
    assert (refused.value.code, refused.value.faults[0].pointer) == ("unknown_time_zone", "/time_zone")
