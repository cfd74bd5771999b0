"""When: a small grammar of days, hours and durations, as dispatchers in the United States write them.

A window is read on the wall clock of a time zone. What has no end is given one, and that is said (`assumed`); what has
two readings is read one way, and the other is an alternative.

    when      = [from] point [until point] [duration] | duration
    point     = now | day [part] [clock] | clock [day] | part
    day       = today | tonight | [next | this] weekday | [next | this] weekend | [next | this] week | date | holiday
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from registry.platform.kernel.time import Window, instant_on_clock, wall_clock, written_day
from registry.resources.search.rules.bounds import ASSUMED_HOURS, Point, alone, both_bare, bounds, clock_changes, zoned
from registry.resources.search.rules.calendar import (
    Day,
    both,
    day_at,
    hyphened_date_at,
    part_at,
    time_word,
)
from registry.resources.search.rules.clocks import Clock, Length, amount_at, clock_at, length_at
from registry.resources.search.rules.numbers import HOUR_DIGITS
from registry.resources.search.rules.tokens import JOINS, Sentence, Span

NOW = frozenset("now asap immediately stat immediate urgent urgently".split())
_FROM = frozenset("from on at starting beginning start starts between by after since for".split())
_UNTIL = frozenset("to til till until thru through and".split())
_ENDING = frozenset("until til till by before thru through".split())
_WHOLE_DAYS = _ENDING - {"by", "before"}
"""What leads to the last day that is meant, all of it: “until Friday”."""
_BESIDE_A_TIME = JOINS | frozenset("about around at between from in on the".split())
_HALVES = frozenset(("am", "pm"))
_OVER = frozenset("back done ended ending finish finished over return returned".split())
_QUARTERS = frozenset(("00", "15", "30", "45"))
_LEAD = frozenset("right for starting from at on needed the about around all later".split())


class When(Struct, kw_only=True, frozen=True):
    """A window that a sentence asks about."""

    window: Window
    span: tuple[Span, ...]
    assumed: str | None = None
    """What was not said and is assumed."""
    other: Window | None = None
    """The other reading, where there are two."""
    remarks: tuple[str, ...] = ()
    """What was taken where the sentence names a day twice, and differently, or one that is over."""


def find_when(
    sentence: Sentence, now: datetime, zone: ZoneInfo, *, counts: frozenset[int] = frozenset()
) -> When | None:
    """The first time that the sentence tells, and a duration wherever it stands. `now` is aware.

    `counts` is where things begin that a number before them counts: “1800 cones” are no hour.
    """
    local = wall_clock(now, zone)
    soon = _find_delay(sentence)
    if soon is not None:
        sentence.take(soon[1])
    length, length_span = _find_length(sentence)
    if length_span is not None:
        sentence.take(length_span)
    if soon is not None:
        return _delayed(soon, length, length_span, local, zone)
    remarks: tuple[str, ...] = ()
    for at in range(len(sentence)):
        first = _lead(sentence, at)
        start = _point(sentence, first, written_day(local))
        if start is None:
            continue
        of_digits = False
        if start.clock is not None and start.clock.bare and not _is_hour(sentence, start, first):
            of_digits = _is_hour_of_digits(sentence, first, counts)
            if not of_digits:
                continue
        end, spans = _second(sentence, start, local), Span(at, start.span.end)
        if end is not None:
            spans = Span(at, end.span.end)
        if not of_digits and _bare_only(start) and end is None and sentence.word(first - 1) not in _FROM | _ENDING:
            continue
        if end is None and start.clock is not None and sentence.word(first - 1) in _ENDING:
            if _is_arrival(sentence, first):
                remarks += (f"“{sentence.said([spans])}” is read as when it is to be there, and not as the end.",)
            elif length is None:
                start, end = _now_at(at), start
                remarks += (f"“{sentence.said([spans])}” says no beginning, so now is taken.",)
        elif end is None and start.day is not None and length is None and _led_by(sentence, first) in _WHOLE_DAYS:
            start, end = _now_at(at), start
            remarks += (f"“{sentence.said([spans])}” says no beginning, so now is taken; the whole of the day counts.",)
        dated = _as_date(sentence, start, end, written_day(local))
        if of_digits and start.clock is not None:
            said = sentence.said([Span(first, start.span.end)])
            remarks += (f"“{said}” is read as the hour, {start.clock.hour:02}:{start.clock.minute:02}.",)
        remarks += tuple(_slips(sentence, spans))
        sentence.take(spans)
        remarks += tuple(_another(sentence, local))
        found = (spans, length_span) if length_span is not None else (spans,)
        told = _window(start, end, length, local, zone, found)
        if dated is not None:
            told = replace(told, other=zoned(*alone(dated, local)[:2], zone))
        return replace(told, remarks=(*remarks, *told.remarks))
    if length is not None and length_span is not None:
        began = instant_on_clock(local, zone)
        return When(window=Window(start=began, end=length.after(local, zone)), span=(length_span,))
    return None


def _now_at(at: int) -> Point:
    return Point(None, "", None, True, Span(at, at))


def _as_date(sentence: Sentence, start: Point, end: Point | None, today: date) -> Point | None:
    """The day that hours by themselves may be meant as: “12-5” is noon to five, or December 5."""
    if end is None or start.day is not None or end.day is not None or not both_bare(start, end):
        return None
    day = hyphened_date_at(sentence, start.span.first, today)
    return None if day is None else Point(day, "", None, False, start.span)


def _slips(sentence: Sentence, span: Span) -> Iterator[str]:
    """Which names of days are read though they are misspelt."""
    for at in range(*span):
        word = sentence.word(at)
        if (meant := time_word(word)) != word:
            yield f"“{sentence.said([Span(at, at + 1)])}” is read as {meant.capitalize()}."


def _another(sentence: Sentence, local: datetime) -> Iterator[str]:
    """A further day that the sentence names, with its hours: one time is searched at a time."""
    for at in range(len(sentence)):
        first = _lead(sentence, at)
        point = _point(sentence, first, written_day(local))
        if point is None or point.day is None:
            continue
        end = _second(sentence, point, local)
        span = Span(first, point.span.end if end is None else end.span.end)
        yield f"One time is searched at a time. “{sentence.said([span])}” is another: search for it by itself."
        sentence.take(span)
        return


def _delayed(
    soon: tuple[timedelta, Span], length: Length | None, length_span: Span | None, local: datetime, zone: ZoneInfo
) -> When:
    begins = local + soon[0]
    if soon[0] % timedelta(days=1):  # hours pass as they do, whatever the clocks are put to meanwhile
        begins = wall_clock(instant_on_clock(local, zone) + soon[0], zone)
    if length is None or length_span is None:
        over = begins + timedelta(hours=ASSUMED_HOURS)
        return When(window=zoned(begins, over, zone), span=(soon[1],), assumed=f"{ASSUMED_HOURS} hours")
    window = Window(start=instant_on_clock(begins, zone), end=length.after(begins, zone))
    return When(window=window, span=(soon[1], length_span))


def _bare_only(point: Point) -> bool:
    return point.clock is not None and point.clock.bare and point.day is None and not point.part


def _is_hour(sentence: Sentence, point: Point, first: int) -> bool:
    """Whether a number without “am”, “hrs” or a colon is an hour: by its day, or by a range or word about time."""
    if point.day is not None or point.part:
        return True
    return sentence.word(first - 1) in _FROM | _ENDING or sentence.word(point.span.end) in _UNTIL | {"-", "–"}


def _is_hour_of_digits(sentence: Sentence, at: int, counts: frozenset[int]) -> bool:
    """Whether four digits by themselves are an hour: “drone 0200”, “drone 1800”; not where they count a thing."""
    word = sentence.word(at)
    if len(word) != HOUR_DIGITS or not word.isdecimal() or sentence.adjoins(at) or sentence.adjoins(at + 1):
        return False
    if word[0] == "0":
        return True
    behind = range(at + 1, at + 4)
    return at > 0 and word[2:] in _QUARTERS and counts.isdisjoint(behind)


def _is_arrival(sentence: Sentence, first: int) -> bool:
    """“here by 0400” is when it comes; “back by 0400” when it is over."""
    if sentence.word(first - 1) == "by":
        return sentence.word(first - 2) not in _OVER
    return sentence.word(first - 1) == "before" and sentence.word(first - 2) in ("here", "arrive", "arriving", "there")


def _lead(sentence: Sentence, at: int) -> int:
    """Past the words that lead to a time, such as “starting”."""
    while sentence.word(at) in _LEAD | _FROM | _ENDING:
        at += 1
    return at


def _led_by(sentence: Sentence, first: int) -> str:
    """The word that leads to what begins there, past its article: “until the end of the week”."""
    return sentence.word(first - 1 - (sentence.word(first - 1) == "the"))


def _find_delay(sentence: Sentence) -> tuple[timedelta, Span] | None:
    """“in 2 hours”, “two weeks from now”: it begins then."""
    for at in range(len(sentence)):
        if sentence.word(at) == "in" and (soon := amount_at(sentence, at + 1)) is not None:
            return soon[0], Span(at, soon[1].end)
        counted = amount_at(sentence, at)
        if (
            counted is not None
            and sentence.word(counted[1].end) == "from"
            and sentence.word(counted[1].end + 1) == "now"
        ):
            return counted[0], Span(at, counted[1].end + 2)
    return None


def _find_length(sentence: Sentence) -> tuple[Length | None, Span | None]:
    for at in range(len(sentence)):
        found = length_at(sentence, at)
        if found is not None:
            return found
    return None, None


def _point(sentence: Sentence, at: int, today: date) -> Point | None:
    """The point of time that begins there, in either order of day and hour."""
    day: Day | None = None
    part, clock, here, day_last = "", None, at, False
    while True:
        here_now = here + (sentence.word(here) in _BESIDE_A_TIME and here > at)
        word = sentence.word(here_now)
        if here == at and (word in NOW or (word == "right" and sentence.word(at + 1) == "now")):
            return Point(None, "", None, True, Span(at, here_now + 1 + (word == "right")))
        if day is None and (found := day_at(sentence, here_now, today)) is not None:
            day, here, day_last = found[0], found[1].end, clock is not None
            part = part or day.part
        elif day is not None and (same := _same_day(sentence, here_now, day, today)) is not None:
            (day, span), here = same, same[1].end
            del span
        elif clock is None and (hour := clock_at(sentence, here_now, alone=day is None and not part)) is not None:
            clock, here = hour[0], hour[1].end
        elif (
            not part
            and (named := part_at(sentence, here_now)) is not None
            and (word not in _HALVES or (day is not None and clock is None))
        ):
            part, here = named[0], named[1].end
        else:
            break
    return Point(day, part, clock, False, Span(at, here), day_last) if here > at else None


def _same_day(sentence: Sentence, at: int, day: Day, today: date) -> tuple[Day, Span] | None:
    """The day named a second time, as in “Saturday, December 12”."""
    bracket = sentence.word(at) == "("
    found = day_at(sentence, at + bracket, today)
    if found is None or (same := both(day, found[0])) is None:
        return None
    end = found[1].end
    return same, Span(at, end + (bracket and sentence.word(end) == ")"))


def _second(sentence: Sentence, start: Point, local: datetime) -> Point | None:
    """The end of a range that begins with `start`."""
    joint = start.span.end
    if sentence.word(joint) not in _UNTIL | {"-", "–", "—", "&"}:
        return None
    end = _point(sentence, joint + 1, written_day(local))
    dated = start.day is not None and start.day.is_date and start.clock is None
    if end is None and dated and start.day is not None and sentence.word(joint) in ("-", "and", "&"):
        end = _same_month(sentence, joint + 1, start.day)
    if sentence.word(joint) in ("and", "&") and not _is_between(sentence, start) and not _is_next_day(start, end):
        return None
    bare = start.clock is not None and start.clock.bare
    if end is None and bare and (sentence.word(joint) in ("-", "–", "—") or _is_between(sentence, start)):
        end = _bare_end(sentence, joint + 1, written_day(local))
    if end is not None and _bare_only(end) and start.clock is None and not start.now:
        return None
    return end


def _is_between(sentence: Sentence, start: Point) -> bool:
    """“between 8 and 12”, “Saturday between 8 and 12”."""
    return any(sentence.word(at) == "between" for at in range(max(start.span.first - 1, 0), start.span.end))


def _is_next_day(start: Point, end: Point | None) -> bool:
    """“Friday and Saturday”: whole days, of which the second follows the first."""
    if end is None or start.day is None or end.day is None or start.clock or end.clock or start.part or end.part:
        return False
    days = end.day.first - start.day.last
    return days == timedelta(days=1) or (start.day.is_weekday and days == timedelta(days=-6))


def _bare_end(sentence: Sentence, at: int, today: date) -> Point | None:
    """The second hour of “6-10”, with the day that may stand behind it."""
    word = sentence.word(at)
    if not (word.isdecimal() and len(word) <= 2 and int(word) <= 24):
        return None
    clock = Clock(int(word), bare=True)
    day = day_at(sentence, at + 1, today)
    if day is None:
        return Point(None, "", clock, False, Span(at, at + 1))
    return Point(day[0], day[0].part, clock, False, Span(at, day[1].end), True)


def _same_month(sentence: Sentence, at: int, day: Day) -> Point | None:
    """“July 4-6”: the second number is a day of the same month."""
    word = sentence.word(at)
    if not (word.isdecimal() and day.first.day < int(word) <= 31):
        return None
    try:
        other = day.first.replace(day=int(word))
    except ValueError:
        return None
    return Point(Day(first=other, last=other, is_date=True), "", None, False, Span(at, at + 1))


def _window(
    start: Point, end: Point | None, length: Length | None, local: datetime, zone: ZoneInfo, span: tuple[Span, ...]
) -> When:
    if start.now and end is None:
        if length is None:
            over, assumed = local + timedelta(hours=ASSUMED_HOURS), f"{ASSUMED_HOURS} hours"
            return When(window=zoned(local, over, zone), span=span, assumed=assumed)
        return When(window=Window(start=instant_on_clock(local, zone), end=length.after(local, zone)), span=span)
    begins, ends, exact = bounds(start, end, local)
    if ends <= local and any(
        point is not None and point.day is not None and point.day.is_weekday for point in (start, end)
    ):
        begins, ends = begins + timedelta(days=7), ends + timedelta(days=7)
    remarks = tuple(point.day.disagrees for point in (start, end) if point and point.day and point.day.disagrees)
    if ends <= local and length is None:
        if start.day is None or start.day.is_date:
            remarks += ("The time that the sentence names is over.",)
        else:
            begins, ends = begins + timedelta(days=1), ends + timedelta(days=1)
            remarks += (
                f"The time that the sentence names is over today; {begins:%A}, {begins:%B} {begins.day} is taken.",
            )
    if length is None and _of_one_of_days(start, end):
        remarks += (
            f"The hours are those of {begins:%A}, {begins:%B} {begins.day} alone: search for each other day by itself.",
        )
    other = None
    if start.day is not None and start.day.other is not None and end is None:
        shifted = start._replace(day=start.day.other)
        other = zoned(*bounds(shifted, None, local)[:2], zone)
    if end is not None and both_bare(start, end) and not start.part and begins.hour < 12:
        later = timedelta(hours=12)
        other = zoned(begins + later, ends + later if ends.hour <= 12 else ends, zone) if ends.hour <= 12 else None
    if length is not None:
        window = Window(start=instant_on_clock(begins, zone), end=length.after(begins, zone))
        return When(window=window, span=span, remarks=(*remarks, *clock_changes(begins, None, zone)))
    remarks += tuple(clock_changes(begins, ends, zone))
    unsaid = None if exact else f"{ASSUMED_HOURS} hours"
    return When(window=zoned(begins, ends, zone), span=span, assumed=unsaid, other=other, remarks=remarks)


def _of_one_of_days(start: Point, end: Point | None) -> bool:
    """Whether hours are named of several days, as “weekdays 8-5”: one time is searched at a time."""
    day, of_hours = start.day, start.clock is not None or bool(start.part)
    return day is not None and day.last > day.first and of_hours and (end is None or end.day is None)
