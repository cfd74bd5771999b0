"""What the grammar of times understands, as a table; and what holds at every hour of the year in every zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from registry.platform.kernel.time import wall_clock
from registry.resources.search.rules.bounds import ASSUMED_HOURS
from registry.resources.search.rules.times import When, find_when
from registry.resources.search.rules.tokens import Sentence

CHICAGO = ZoneInfo("America/Chicago")
TUESDAY = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)  # 15:00 in Chicago
ZONES = ["America/Chicago", "America/New_York", "America/Phoenix", "America/Los_Angeles", "Pacific/Honolulu", "UTC"]
# Windows on the wall clock, all of them on the Tuesday above or later.
UNDERSTOOD = {
    "now": ("11-24 15:00", "11-24 23:00"),
    "asap": ("11-24 15:00", "11-24 23:00"),
    "right now": ("11-24 15:00", "11-24 23:00"),
    "now for 48 hours": ("11-24 15:00", "11-26 15:00"),
    "today": ("11-24 15:00", "11-25 00:00"),
    "tonight": ("11-24 18:00", "11-25 06:00"),
    "tonite": ("11-24 18:00", "11-25 06:00"),
    "this afternoon": ("11-24 15:00", "11-24 18:00"),
    "this evening": ("11-24 18:00", "11-25 00:00"),
    "tomorrow": ("11-25 00:00", "11-26 00:00"),
    "tmrw morning": ("11-25 06:00", "11-25 12:00"),
    "tomorrow night": ("11-25 18:00", "11-26 06:00"),
    "day after tomorrow": ("11-26 00:00", "11-27 00:00"),
    "tomorrow 0600-1400": ("11-25 06:00", "11-25 14:00"),
    "tomorow 9am-noon": ("11-25 09:00", "11-25 12:00"),
    "tomorrow at 0600": ("11-25 06:00", "11-25 14:00"),
    "noon tomorrow": ("11-25 12:00", "11-25 20:00"),
    "tonight 2000 til 0400": ("11-24 20:00", "11-25 04:00"),
    "tonight 20:00 - tomorrow 04:00": ("11-24 20:00", "11-25 04:00"),
    "tonight 8 to 11": ("11-24 20:00", "11-24 23:00"),
    "at 6 tonight": ("11-24 18:00", "11-25 02:00"),
    "tomorrow night 2200-0600": ("11-25 22:00", "11-26 06:00"),
    "2000 to tomorrow 0400": ("11-24 20:00", "11-25 04:00"),
    "from 6 to 10 pm": ("11-24 18:00", "11-24 22:00"),
    "9-11am": ("11-25 09:00", "11-25 11:00"),
    "noon to midnight": ("11-25 12:00", "11-26 00:00"),
    "until 6am": ("11-24 15:00", "11-25 06:00"),
    "by 0600 tomorrow": ("11-25 06:00", "11-25 14:00"),
    "in 2 hours": ("11-24 17:00", "11-25 01:00"),
    "in 2 days for 3 hours": ("11-26 15:00", "11-26 18:00"),
    "for 48 hours": ("11-24 15:00", "11-26 15:00"),
    "for 72 hrs": ("11-24 15:00", "11-27 15:00"),
    "for the next 12 hours": ("11-24 15:00", "11-25 03:00"),
    "for a week": ("11-24 15:00", "12-01 15:00"),
    "48-hour": ("11-24 15:00", "11-26 15:00"),
    "starting tomorrow 0600 for 48 hours": ("11-25 06:00", "11-27 06:00"),
    "tomorrow for 3 days": ("11-25 00:00", "11-28 00:00"),
    "sat": ("11-28 00:00", "11-29 00:00"),
    "Saturday night": ("11-28 18:00", "11-29 06:00"),
    "overnight friday": ("11-27 18:00", "11-28 06:00"),
    "tuesday": ("11-24 15:00", "11-25 00:00"),
    "between 1 and 3 pm tuesday": ("12-01 13:00", "12-01 15:00"),
    "next Tuesday afternoon": ("12-01 12:00", "12-01 18:00"),
    "between 2 and 4 pm friday": ("11-27 14:00", "11-27 16:00"),
    "fri 6pm to sun 8am": ("11-27 18:00", "11-29 08:00"),
    "friday to sunday": ("11-27 00:00", "11-30 00:00"),
    "Saturday 00:00 - Monday 00:00": ("11-28 00:00", "11-30 00:00"),
    "this weekend": ("11-28 00:00", "11-30 00:00"),
    "wkend": ("11-28 00:00", "11-30 00:00"),
    "next weekend": ("12-05 00:00", "12-07 00:00"),
    "weekend of dec 12": ("12-12 00:00", "12-14 00:00"),
    "next week": ("11-30 00:00", "12-07 00:00"),
    "this week": ("11-24 15:00", "11-30 00:00"),
    "dec 3": ("12-03 00:00", "12-04 00:00"),
    "3 December": ("12-03 00:00", "12-04 00:00"),
    "Dec. 3rd, 2026": ("12-03 00:00", "12-04 00:00"),
    "dec 3-5": ("12-03 00:00", "12-06 00:00"),
    "12/24": ("12-24 00:00", "12-25 00:00"),
    "12/24/26 0800-1600": ("12-24 08:00", "12-24 16:00"),
    "12/24 0800 to 12/25 0800": ("12-24 08:00", "12-25 08:00"),
    "2026-12-24": ("12-24 00:00", "12-25 00:00"),
    "from 0600 to 1800 on 7 december": ("12-07 06:00", "12-07 18:00"),
    "thanksgiving": ("11-26 00:00", "11-27 00:00"),
    "new year's eve": ("12-31 00:00", "01-01 00:00"),
    "saturday december 12 10pm": ("12-12 22:00", "12-13 06:00"),
    "12/12 (sat) 2200-0200": ("12-12 22:00", "12-13 02:00"),
    "10pm Saturday, Dec 12": ("12-12 22:00", "12-13 06:00"),
    "saturday dec 12 10pm to sunday dec 13 4am": ("12-12 22:00", "12-13 04:00"),
    "next tuesday dec 1 0800 for 4 hours": ("12-01 08:00", "12-01 12:00"),
    "Saturday the 12th at 10pm": ("12-12 22:00", "12-13 06:00"),
    "thanksgiving thursday": ("11-26 00:00", "11-27 00:00"),
    "dec 12 2000-2200": ("12-12 20:00", "12-12 22:00"),
    "tomorrow am": ("11-25 06:00", "11-25 12:00"),
    "tomorrow pm": ("11-25 12:00", "11-26 00:00"),
    "in an hour": ("11-24 16:00", "11-25 00:00"),
    "in half an hour": ("11-24 15:30", "11-24 23:30"),
    "in a few hours": ("11-24 18:00", "11-25 02:00"),
    "until friday": ("11-24 15:00", "11-28 00:00"),
    "thru sunday": ("11-24 15:00", "11-30 00:00"),
    "until friday noon": ("11-24 15:00", "11-27 12:00"),
    "asap til 6": ("11-24 15:00", "11-24 18:00"),
    "in december": ("12-01 00:00", "01-01 00:00"),
    "first week of december": ("12-01 00:00", "12-08 00:00"),
    "last week of january": ("01-25 00:00", "02-01 00:00"),
    "31/12": ("12-31 00:00", "01-01 00:00"),
    "12/5 8-12": ("12-05 08:00", "12-05 12:00"),
    "5 December 8-12": ("12-05 08:00", "12-05 12:00"),
    "8 to 12 saturday": ("11-28 08:00", "11-28 12:00"),
    "saturday 8 til noon": ("11-28 08:00", "11-28 12:00"),
    "saturday between 8 and 12": ("11-28 08:00", "11-28 12:00"),
    "sat 8 am - 12 noon": ("11-28 08:00", "11-28 12:00"),
    "tomorrow first light": ("11-25 06:00", "11-25 14:00"),
    "early tomorrow": ("11-25 06:00", "11-25 12:00"),
    "first thing tomorrow": ("11-25 06:00", "11-25 12:00"),
    "friday and saturday": ("11-27 00:00", "11-29 00:00"),
    "dec 5 and 6": ("12-05 00:00", "12-07 00:00"),
    "saterday": ("11-28 00:00", "11-29 00:00"),
    "thrusday night": ("11-26 18:00", "11-27 06:00"),
    "decmber 5": ("12-05 00:00", "12-06 00:00"),
    "tomorrow around 8": ("11-25 08:00", "11-25 16:00"),
    "about 8 tonight": ("11-24 20:00", "11-25 04:00"),
    "22-06": ("11-24 22:00", "11-25 06:00"),
    "20 hundred hours": ("11-24 20:00", "11-25 04:00"),
    "12 hour shift tomorrow 6am": ("11-25 06:00", "11-25 18:00"),
    "weekdays": ("11-24 15:00", "11-28 00:00"),
    "next weekdays": ("11-30 00:00", "12-05 00:00"),
    "end of the week": ("11-27 00:00", "11-28 00:00"),
    "until the end of the week": ("11-24 15:00", "11-28 00:00"),
    "end of next month": ("12-31 00:00", "01-01 00:00"),
    "tomorrow 12-5": ("11-25 12:00", "11-25 17:00"),
    "12-5-2026": ("12-05 00:00", "12-06 00:00"),
    "day shift tomorrow": ("11-25 06:00", "11-25 18:00"),
    "for a day shift saturday": ("11-28 06:00", "11-28 18:00"),
    "friday night shift": ("11-27 18:00", "11-28 06:00"),
    "xmas": ("12-25 00:00", "12-26 00:00"),
    "mlk day": ("01-18 00:00", "01-19 00:00"),
    "july 4": ("07-04 00:00", "07-05 00:00"),
    "July 4th 10am-10pm": ("07-04 10:00", "07-04 22:00"),
}
# A digit that belongs to a word is neither a day nor an hour nor a count of days.
BESIDE_A_NAME = {
    "K9 December 5": ("12-05 00:00", "12-06 00:00"),
    "K9 dec 5 8am-2pm": ("12-05 08:00", "12-05 14:00"),
    "K-9 Dec 5": ("12-05 00:00", "12-06 00:00"),
    "K9 March 14": ("03-14 00:00", "03-15 00:00"),
    "K9 July 4": ("07-04 00:00", "07-05 00:00"),
    "K9 Dec 5th near Duluth": ("12-05 00:00", "12-06 00:00"),
    "2 K9 Dec 5": ("12-05 00:00", "12-06 00:00"),
    "K9 x3 Dec 5": ("12-05 00:00", "12-06 00:00"),
    "Type-2 helicopter Dec 5": ("12-05 00:00", "12-06 00:00"),
    "Type-2 December 5": ("12-05 00:00", "12-06 00:00"),
    "C13 May 5": ("05-05 00:00", "05-06 00:00"),
    "UH-1 May 5": ("05-05 00:00", "05-06 00:00"),
    "C130 May 5": ("05-05 00:00", "05-06 00:00"),
    "level 3 Dec 5": ("12-05 00:00", "12-06 00:00"),
    "5 December K9": ("12-05 00:00", "12-06 00:00"),
    "5 December 2 K9": ("12-05 00:00", "12-06 00:00"),
    "5 December 8am K9": ("12-05 08:00", "12-05 16:00"),
    "9 December K9": ("12-09 00:00", "12-10 00:00"),
    "K9 9 December": ("12-09 00:00", "12-10 00:00"),
    "K9 12/5": ("12-05 00:00", "12-06 00:00"),
    "K9 on Dec 12": ("12-12 00:00", "12-13 00:00"),
    "K9 until 6pm": ("11-24 15:00", "11-24 18:00"),
    "K9 night search": ("11-24 18:00", "11-25 06:00"),
    "dog sat9pm-11pm": ("11-28 21:00", "11-28 23:00"),
    "dog tomorrow 8a-2p": ("11-25 08:00", "11-25 14:00"),
}
NO_TIME = [
    "K9 December",
    "K9/11",
    "K-9 shift",
    "bomb squad",
    "911 dispatchers",
    "2 dogs",
    "type 2",
    "may we borrow a dog",
    "24/7 coverage",
    "route 2026",
    "2-3 dogs",
    "12-5 dogs",
    "team 3-2",
    "9-1-1",
]


def understood(text: str, now: datetime = TUESDAY, zone: ZoneInfo = CHICAGO) -> When | None:
    return find_when(Sentence(text), now, zone)


def shown(at: datetime, zone: ZoneInfo = CHICAGO) -> str:
    return wall_clock(at, zone).strftime("%m-%d %H:%M")


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_a_time_is_understood(text: str) -> None:
    for around in ("{}", "bomb dogs {} Duluth", "2 dogs, {}"):
        found = understood(around.format(text))
        assert found is not None, around
        assert (shown(found.window.start), shown(found.window.end)) == UNDERSTOOD[text], around


@pytest.mark.parametrize("text", BESIDE_A_NAME)
def test_a_digit_of_a_name_is_no_time(text: str) -> None:
    found = understood(text)
    assert found is not None
    assert (shown(found.window.start), shown(found.window.end)) == BESIDE_A_NAME[text]


@pytest.mark.parametrize("text", NO_TIME)
def test_what_is_no_time_is_not_taken_for_one(text: str) -> None:
    assert understood(text) is None


def test_a_year_is_a_time_as_well() -> None:
    for text, expected in {"next year": (2027, 2028), "this year": (2026, 2027)}.items():
        found = understood(text)
        assert found is not None
        assert (found.window.start.year, wall_clock(found.window.end, CHICAGO).year) == expected, text


def test_a_misspelt_day_and_a_second_time_are_said() -> None:
    found = understood("dogs staurday 8-12 and monday 9-11")
    assert found is not None
    assert shown(found.window.start) == "11-28 08:00"
    assert found.remarks == (
        "“staurday” is read as Saturday.",
        "One time is searched at a time. “monday 9-11” is another: search for it by itself.",
    )
    day_first = understood("dogs 5/12")
    assert day_first is not None
    assert day_first.other is not None, "the fifth of December is sooner than the twelfth of May"
    assert (shown(day_first.window.start), shown(day_first.other.start)) == ("05-12 00:00", "12-05 00:00")


def test_hours_that_are_written_like_a_date_may_be_one() -> None:
    found = understood("drone 12-5 near Duluth")
    assert found is not None
    assert found.other is not None
    assert (shown(found.window.start), shown(found.window.end)) == ("11-25 12:00", "11-25 17:00")
    assert (shown(found.other.start), shown(found.other.end)) == ("12-05 00:00", "12-06 00:00")


def test_the_end_of_the_week_is_its_friday_and_may_be_its_sunday() -> None:
    found = understood("end of the week")
    assert found is not None
    assert found.other is not None
    assert (shown(found.window.start), shown(found.other.start)) == ("11-27 00:00", "11-29 00:00")
    saturday = understood("end of the week", now=TUESDAY + timedelta(days=4))
    assert saturday is not None
    assert (shown(saturday.window.start), saturday.other) == ("11-29 00:00", None)


def test_hours_of_several_days_are_searched_on_the_first_and_that_is_said() -> None:
    found = understood("drone next weekdays 8-5")
    assert found is not None
    assert (shown(found.window.start), shown(found.window.end)) == ("11-30 08:00", "11-30 17:00")
    assert found.remarks == ("The hours are those of Monday, November 30 alone: search for each other day by itself.",)


def test_what_is_assumed_is_said() -> None:
    assert [(understood(t) or pytest.fail(t)).assumed for t in ("now", "tomorrow 0600", "tonight", "for 3 days")] == [
        f"{ASSUMED_HOURS} hours",
        f"{ASSUMED_HOURS} hours",
        None,
        None,
    ]


def test_where_weekday_and_date_disagree_the_date_is_taken_and_it_is_said() -> None:
    found = understood("sunday december 12 10pm")
    assert found is not None
    assert shown(found.window.start) == "12-12 22:00"
    (remark,) = found.remarks
    assert "December 12, 2026 is a Saturday, but the sentence also says Sunday" in remark
    assert found.other is not None
    assert shown(found.other.start) == "11-29 22:00"
    agreed = understood("saturday december 12 10pm")
    assert agreed is not None
    assert (agreed.remarks, agreed.other) == ((), None)


def test_what_is_over_today_is_said_and_tomorrows_is_taken() -> None:
    evening = TUESDAY + timedelta(hours=4)
    for text in ("this afternoon", "today 0600-1400"):
        found = understood(text, evening)
        assert found is not None
        assert shown(found.window.start).startswith("11-25"), text
        assert "over today; Wednesday" in found.remarks[0]
    past = understood("dec 3 2025")
    assert past is not None
    assert past.remarks == ("The time that the sentence names is over.",)


def test_next_tuesday_on_a_monday_has_two_readings() -> None:
    monday = TUESDAY - timedelta(days=1)
    found = understood("next tuesday", monday)
    assert found is not None
    assert found.other is not None
    assert (shown(found.window.start), shown(found.other.start)) == ("12-01 00:00", "11-24 00:00")


def test_in_the_small_hours_tonight_is_the_night_that_is_under_way() -> None:
    small_hours = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)  # 02:30 in Chicago
    found = understood("tonight", small_hours)
    assert found is not None
    assert (shown(found.window.start), shown(found.window.end)) == ("11-24 02:30", "11-24 06:00")


def test_the_words_that_were_understood_are_named() -> None:
    sentence = Sentence("2 bomb dogs tomorrow 0600 for 48 hours Duluth")
    found = find_when(sentence, TUESDAY, CHICAGO)
    assert found is not None
    assert sentence.said(found.span) == "tomorrow 0600 for 48 hours"
    assert [sentence.tokens[at].word for at in sentence.left()] == ["2", "bomb", "dogs", "duluth"]


AT_ANY_TIME = st.integers(0, 3 * 366 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
FALL_BACK, SPRING_FORWARD = datetime(2026, 11, 1, 6, 30, tzinfo=UTC), datetime(2027, 3, 14, 7, 30, tzinfo=UTC)


@given(AT_ANY_TIME, st.sampled_from(sorted(UNDERSTOOD)), st.sampled_from(ZONES))
@example(FALL_BACK, "tonight", "America/Chicago")
@example(SPRING_FORWARD, "now", "America/Chicago")
@example(SPRING_FORWARD, "this weekend", "America/Chicago")
def test_at_every_hour_a_window_is_ahead_and_ends_after_it_begins(now: datetime, text: str, zone: str) -> None:
    found = understood(text, now, ZoneInfo(zone))
    assert found is not None
    assert found.window.start < found.window.end
    if "2026" not in text and "/26" not in text:
        assert found.window.end > now
        assert found.window.start >= now - timedelta(hours=26)
        assert found.window.end < now + timedelta(days=380)


@given(AT_ANY_TIME, st.sampled_from(ZONES))
@example(FALL_BACK, "America/Chicago")
@example(SPRING_FORWARD, "America/Chicago")
def test_hours_are_those_of_the_wall_clock_and_durations_those_that_pass(now: datetime, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    found = understood("tomorrow 0600-1400", now, zone)
    assert found is not None
    start, end = wall_clock(found.window.start, zone), wall_clock(found.window.end, zone)
    assert (start.hour, end.hour, start.day) == (6, 14, (wall_clock(now, zone) + timedelta(days=1)).day)
    found = understood("for 48 hours", now, zone)
    assert found is not None
    assert found.window.start == now
    assert found.window.end - found.window.start == timedelta(hours=48)
    found = understood("tomorrow", now, zone)
    assert found is not None
    start, end = wall_clock(found.window.start, zone), wall_clock(found.window.end, zone)
    assert (start.hour, end.hour, (end - start).days) == (0, 0, 1)


@pytest.mark.parametrize(
    ("text", "now", "hours"),
    [
        ("nov 1 0000-0600", datetime(2026, 10, 30, tzinfo=UTC), 7),
        ("nov 1 0100-0130", datetime(2026, 10, 30, tzinfo=UTC), 1.5),
        ("mar 14 0000-0600", datetime(2027, 3, 1, tzinfo=UTC), 5),
        ("mar 14 0230-0300", datetime(2027, 3, 1, tzinfo=UTC), 0.5),
        ("mar 14", datetime(2027, 3, 1, tzinfo=UTC), 23),
        ("nov 1", datetime(2026, 10, 30, tzinfo=UTC), 25),
    ],
)
def test_where_clocks_change_a_window_is_as_long_as_it_lasts(text: str, now: datetime, hours: float) -> None:
    found = understood(text, now)
    assert found is not None
    assert found.window.end - found.window.start == timedelta(hours=hours)


@given(st.text(alphabet="0123456789 -:/apmtonsday", max_size=30), AT_ANY_TIME)
def test_no_text_fails(text: str, now: datetime) -> None:
    found = understood(text, now)
    assert found is None or found.window.start < found.window.end


@pytest.mark.parametrize(
    ("text", "now", "said"),
    [
        ("mar 14 2:30 am to 6 am", datetime(2027, 3, 1, tzinfo=UTC), "There is no 02:30 on Sunday, March 14"),
        ("mar 14 0230 for 4 hours", datetime(2027, 3, 1, tzinfo=UTC), "03:30 is taken as the beginning"),
        ("mar 14 1 am to 2:30 am", datetime(2027, 3, 1, tzinfo=UTC), "03:30 is taken as the end"),
        ("nov 1 1:30 am to 6 am", datetime(2026, 10, 30, tzinfo=UTC), "twice on Sunday, November 1: the first"),
        ("nov 1 0000 to 1:30 am", datetime(2026, 10, 30, tzinfo=UTC), "the last is taken as the end"),
    ],
)
def test_an_hour_that_the_clocks_skip_or_show_twice_is_said(text: str, now: datetime, said: str) -> None:
    found = understood(text, now)
    assert found is not None
    assert said in " ".join(found.remarks)


def test_hours_pass_as_they_do_while_the_clocks_are_changed() -> None:
    """At one at night, an hour before the clocks are put forward."""
    found = understood("in 2 hours for 4 hours", datetime(2027, 3, 14, 7, tzinfo=UTC))
    assert found is not None
    assert found.window.start == datetime(2027, 3, 14, 9, tzinfo=UTC)
    assert found.remarks == ()


@pytest.mark.parametrize(
    "text", ["night vision goggles 0800-1200", "night-vision 0800-1200", "5 night scopes 8am-12pm"]
)
def test_what_sees_at_night_is_no_time(text: str) -> None:
    found = understood(text, datetime(2026, 11, 24, 21, tzinfo=UTC))
    assert found is not None
    assert (found.window.start, found.window.end) == (
        datetime(2026, 11, 25, 14, tzinfo=UTC),
        datetime(2026, 11, 25, 18, tzinfo=UTC),
    )
