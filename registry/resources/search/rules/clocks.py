"""Hours of the day and durations: “0600”, “6 am”, “18:30”, “noon”; “for 48 hours”, “3 days”, “overnight”."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from registry.platform.kernel.time import instant_on_clock
from registry.resources.search.rules.calendar import AFTER_A_DATE, day_at, is_of_word, sees_at_night
from registry.resources.search.rules.numbers import number_at
from registry.resources.search.rules.tokens import Sentence, Span

_HOURS = {"hrs", "hours", "hour", "hr", "h"}
_NAMED = {"noon": 12, "midday": 12, "midnight": 24, "sunrise": 6, "sunset": 18, "dawn": 6, "dusk": 18}
_UNTIL_OR_TO = frozenset("- – to til till until thru through".split())
_BESIDE_AN_HOUR = frozenset("about after around at before by from til till to until".split())
_ROUND = {"noon": 12, "midnight": 24}
_UNITS = {
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("night", "nights", "shift", "shifts"), timedelta(days=1)),
    **dict.fromkeys(("wk", "wks", "week", "weeks"), timedelta(days=7)),
    **dict.fromkeys(("month", "months"), timedelta(days=30)),
}
_EARLY_HOURS = frozenset(f"{hour:02}" for hour in range(10))
_LONGEST = timedelta(days=366)
_MOST = 10**6  # of any unit more than the longest, and few enough to be multiplied
_AFTER_MIDNIGHT = 5
_EARLIEST = 6  # at which a day's work begins
_ANY_DAY = date(2000, 1, 1)
"""Whether a day is named does not depend on which day it is."""


class Clock(NamedTuple):
    """An hour of the day; 24:00 is midnight at its end."""

    hour: int
    minute: int = 0
    bare: bool = False
    """Written as a number alone, so that only what stands beside it tells that it is an hour."""
    meridiem: str = ""

    def on(self, day: date) -> datetime:
        """That hour of the day, on the wall clock."""
        return datetime.combine(day, time()) + timedelta(hours=self.hour, minutes=self.minute)

    def like(self, other: "Clock") -> "Clock":
        """“9-11 am” is 9 am: the hour in the half of the day that makes it come before the other."""
        if self.meridiem or self.hour > 12 or self.hour == 0:
            return self
        hour = self.hour % 12 + (12 if other.meridiem == "pm" else 0)
        return self._replace(hour=hour if hour < other.hour or other.meridiem == "am" else self.hour % 12)

    def in_part(self, part: str) -> "Clock":
        """“8 tonight” is 20:00, and “2 tonight” 02:00."""
        if self.meridiem or not self.bare or not 1 <= self.hour <= 11:
            return self
        late = part in ("afternoon", "evening") or (part in ("night", "tonight") and self.hour > _AFTER_MIDNIGHT)
        return self._replace(hour=self.hour + 12) if late else self


class Length(NamedTuple):
    """How long: hours pass as they do, days are of the calendar."""

    amount: timedelta
    of_days: bool

    def after(self, local: datetime, zone: ZoneInfo) -> datetime:
        """The instant at which it ends when it begins at `local`."""
        if self.of_days:
            return max(
                instant_on_clock(local + self.amount, zone, last=True),
                instant_on_clock(local, zone) + timedelta(hours=1),
            )
        return instant_on_clock(local, zone) + self.amount


def clock_at(sentence: Sentence, at: int, *, alone: bool) -> tuple[Clock, Span] | None:
    """The hour that is written there. A number of one or two digits `alone` is an hour only in a range with one."""
    word = sentence.word(at)
    if word in _NAMED:
        return Clock(_NAMED[word], meridiem="named"), Span(at, at + 1)
    if word == "first" and sentence.word(at + 1) == "light":
        return Clock(_NAMED["dawn"], meridiem="named"), Span(at, at + 2)
    if word == "dark" and sentence.word(at - 1) in _BESIDE_AN_HOUR:
        return Clock(_NAMED["dusk"], meridiem="named"), Span(at, at + 1)
    if not word or not word[0].isdecimal() or "." in word or is_of_word(sentence, at):
        return None
    if ":" in word:
        hour, minute = map(int, word.split(":"))
        return _with_meridiem(sentence, hour, minute, Span(at, at + 1), bare=False)
    number, after = int(word), sentence.word(at + 1)
    if len(word) == 4 and number // 100 <= 24 and number % 100 < 60 and number <= 2400:
        found = _with_meridiem(sentence, number // 100, number % 100, Span(at, at + 1), bare=True)
        if found is not None and sentence.word(found[1].end) in _HOURS:
            return found[0]._replace(bare=False), Span(at, found[1].end + 1)
        return None if found is None else (found[0]._replace(meridiem=found[0].meridiem or "24 h"), found[1])
    if len(word) == 3 and number // 100 <= 12 and number % 100 < 60 and after in ("am", "pm", "a", "p"):
        return _with_meridiem(sentence, number // 100, number % 100, Span(at, at + 1), bare=False)
    if len(word) > 2 or number > 24:
        return None
    if after in _ROUND and number == 12:  # “12 noon”
        return Clock(_ROUND[after], meridiem="named"), Span(at, at + 2)
    if after == "hundred" and number < 24:  # “20 hundred hours”
        return Clock(number, meridiem="24 h"), Span(at, at + 2 + (sentence.word(at + 2) in _HOURS))
    if after in ("am", "pm") or (after in ("a", "p") and sentence.adjoins(at + 1)):
        return _with_meridiem(sentence, number, 0, Span(at, at + 1), bare=False)
    if after in ("oclock",):
        return Clock(number, bare=True), Span(at, at + 2)
    is_hour = sentence.word(at - 1) in _BESIDE_AN_HOUR
    if after in _UNTIL_OR_TO | {"and"}:
        # “between 2 and 4 pm”, “9-11am”, “8 til noon”: by the other end of the range.
        other = clock_at(sentence, at + 2, alone=False) if number <= 12 else None
        is_hour |= other is not None and bool(other[0].meridiem)
    between = after == "and" and sentence.word(at - 1) == "between"
    if after in _UNTIL_OR_TO or between:
        # “8-12 Saturday”: by the day behind the range; “Saturday 8-12”: by the one before; “22-06” by its digits.
        is_hour |= alone and (_is_hour_of_a_day(sentence, at + 2) or _is_past_noon(sentence, at))
        is_hour |= not alone and sentence.word(at + 2).isdecimal()
        is_hour |= number > 12 and sentence.word(at + 2) in _EARLY_HOURS
    return (Clock(number, bare=True), Span(at, at + 1)) if is_hour else None


def _is_hour_of_a_day(sentence: Sentence, at: int) -> bool:
    """Whether a number that may be an hour stands there, with a day behind it."""
    word = sentence.word(at)
    may_be = word.isdecimal() and len(word) <= 2 and int(word) <= 24
    return may_be and day_at(sentence, at + 1, _ANY_DAY) is not None


def _is_past_noon(sentence: Sentence, at: int) -> bool:
    """Whether the hours there go past noon, as “12-5” and “10-2”: of how many of something, the second is more."""
    first, sign, last = sentence.word(at), sentence.word(at + 1), sentence.word(at + 2)
    if not (sign == "-" and all(each.isdecimal() and len(each) <= 2 for each in (first, last))):
        return False
    return _EARLIEST <= int(first) <= 12 and 1 <= int(last) < int(first) and sentence.word(at + 3) in AFTER_A_DATE


def _with_meridiem(sentence: Sentence, hour: int, minute: int, span: Span, *, bare: bool) -> tuple[Clock, Span] | None:
    after = sentence.word(span.end)
    half = {"am": "am", "pm": "pm", "a": "am", "p": "pm"}.get(after, "")
    if half and after in ("a", "p") and not sentence.adjoins(span.end):
        half = ""
    if half:
        if not 1 <= hour <= 12:
            return None
        return Clock(hour % 12 + (12 if half == "pm" else 0), minute, meridiem=half), Span(span.first, span.end + 1)
    if not (0 <= hour < 24 and 0 <= minute < 60) and (hour, minute) != (24, 0):
        return None
    return Clock(hour, minute, bare=bare), span


def amount_at(sentence: Sentence, at: int) -> tuple[timedelta, Span] | None:
    """A number of units of time: “two weeks”, “a week”, “72 hours”, “half an hour”."""
    if sentence.word(at) == "half":
        end = at + 1 + (sentence.word(at + 1) in ("a", "an"))
        half = _UNITS.get(sentence.word(end))
        return None if half is None else (half / 2, Span(at, end + 1))
    number = number_at(sentence, at)
    if is_of_word(sentence, at) or (number is None and sentence.word(at) not in ("a", "an")):
        return None
    value, end = (1.0, at + 1) if number is None else (number.value, number.span.end)
    unit = None if sees_at_night(sentence, end) else _UNITS.get(sentence.word(end))
    if unit is None or not 0 < value <= _MOST or (amount := unit * value) > _LONGEST:
        return None
    return amount, Span(at, end + 1)


def length_at(sentence: Sentence, at: int) -> tuple[Length, Span] | None:
    """The duration that begins there: “for 48 hours”, “for the next 3 days”, “72 hrs”, “48-hour”, “for a week”."""
    first = at
    led = sentence.word(at) in ("for", "next", "over", "during")
    if led:
        first += 1
        while sentence.word(first) in ("the", "next", "about", "up", "to", "at", "least", "another"):
            first += 1
    number = number_at(sentence, first)
    if is_of_word(sentence, first):
        return None
    if sentence.word(first) == "hundred" and first and sentence.tokens[first - 1].is_number:
        return None  # “20 hundred hours”: an hour
    if number is None:
        unit_at = first + 1
        if not (led and sentence.word(first) in ("a", "an", "one") and sentence.word(unit_at) in _UNITS):
            return None
        value, end = 1.0, unit_at
    else:
        value, end = number.value, number.span.end
        end += sentence.word(end) == "-"
    unit = None if sees_at_night(sentence, end) else _UNITS.get(sentence.word(end))
    if unit is None or (not led and sentence.word(at - 1) in ("type", "within", "under", "in")):
        return None
    if not led and sentence.word(end) in ("h", "hr", "hrs", "hour", "hours") and _is_clock(sentence.word(first)):
        return None
    if sentence.word(end + 1) in ("away", "out", "drive", "old", "notice"):
        return None
    if sentence.word(end) == "day" and sentence.word(end + 1) == "shift":
        return None  # “for a day shift”: a part of a day
    if not led and sentence.word(end + 1) == "from" and (word := sentence.word(end + 2)) and not word[0].isdecimal():
        return None  # “two weeks from Friday”: a day, and no length
    if not 0 < value <= _MOST or (amount := unit * value) > _LONGEST:
        return None
    shift = sentence.word(end + 1) == "shift" and unit < timedelta(days=1)  # “12 hour shift”
    return Length(amount, unit >= timedelta(days=1)), Span(at, end + 1 + shift)


def _is_clock(word: str) -> bool:
    return len(word) == 4 and word.isdecimal()
