"""When: a small grammar of days, hours and durations, as dispatchers in the United States write them.

A window is read on the wall clock of a time zone. What has no end is given one, and that is said (`assumed`); what has
two readings is read one way, and the other is an alternative.

    when      = [from] point [until point] [duration] | duration
    point     = now | day [part] [clock] | clock [day] | part
    day       = today | tonight | [next | this] weekday | [next | this] weekend | [next | this] week | date | holiday
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from registry.platform.kernel.time import Window, instant_on_clock, wall_clock, written_day
from registry.resources.search.rules.calendar import Day, both, day_at, part_hours, time_word
from registry.resources.search.rules.clocks import Clock, Length, amount_at, clock_at, length_at
from registry.resources.search.rules.numbers import HOUR_DIGITS
from registry.resources.search.rules.tokens import JOINS, Sentence, Span

ASSUMED_HOURS = 8
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


class _Point(NamedTuple):
    """A day, a part of it, an hour of it, or now; and the tokens that say it."""

    day: Day | None
    part: str
    clock: Clock | None
    now: bool
    span: Span
    day_last: bool = False
    """The day stands after the hour, and so may be that of a whole range: “2 to 4 pm Friday”."""


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
        elif end is None and start.day is not None and length is None and sentence.word(first - 1) in _WHOLE_DAYS:
            start, end = _now_at(at), start
            remarks += (f"“{sentence.said([spans])}” says no beginning, so now is taken; the whole of the day counts.",)
        if of_digits and start.clock is not None:
            said = sentence.said([Span(first, start.span.end)])
            remarks += (f"“{said}” is read as the hour, {start.clock.hour:02}:{start.clock.minute:02}.",)
        remarks += tuple(_slips(sentence, spans))
        sentence.take(spans)
        remarks += tuple(_another(sentence, local))
        found = (spans, length_span) if length_span is not None else (spans,)
        told = _window(start, end, length, local, zone, found)
        return replace(told, remarks=(*remarks, *told.remarks))
    if length is not None and length_span is not None:
        began = instant_on_clock(local, zone)
        return When(window=Window(start=began, end=length.after(local, zone)), span=(length_span,))
    return None


def _now_at(at: int) -> _Point:
    return _Point(None, "", None, True, Span(at, at))


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
    if length is None or length_span is None:
        over = begins + timedelta(hours=ASSUMED_HOURS)
        return When(window=_zoned(begins, over, zone), span=(soon[1],), assumed=f"{ASSUMED_HOURS} hours")
    window = Window(start=instant_on_clock(begins, zone), end=length.after(begins, zone))
    return When(window=window, span=(soon[1], length_span))


def _bare_only(point: _Point) -> bool:
    return point.clock is not None and point.clock.bare and point.day is None and not point.part


def _is_hour(sentence: Sentence, point: _Point, first: int) -> bool:
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


def _point(sentence: Sentence, at: int, today: date) -> _Point | None:
    """The point of time that begins there, in either order of day and hour."""
    day: Day | None = None
    part, clock, here, day_last = "", None, at, False
    while True:
        here_now = here + (sentence.word(here) in _BESIDE_A_TIME and here > at)
        word = sentence.word(here_now)
        if here == at and (word in NOW or (word == "right" and sentence.word(at + 1) == "now")):
            return _Point(None, "", None, True, Span(at, here_now + 1 + (word == "right")))
        if day is None and (found := day_at(sentence, here_now, today)) is not None:
            day, here, day_last = found[0], found[1].end, clock is not None
            part = part or day.part
        elif day is not None and (same := _same_day(sentence, here_now, day, today)) is not None:
            (day, span), here = same, same[1].end
            del span
        elif clock is None and (hour := clock_at(sentence, here_now, alone=day is None and not part)) is not None:
            clock, here = hour[0], hour[1].end
        elif not part and part_hours(word) is not None and (word not in _HALVES or (day is not None and clock is None)):
            part, here = word, here_now + 1
        else:
            break
    return _Point(day, part, clock, False, Span(at, here), day_last) if here > at else None


def _same_day(sentence: Sentence, at: int, day: Day, today: date) -> tuple[Day, Span] | None:
    """The day named a second time, as in “Saturday, December 12”."""
    bracket = sentence.word(at) == "("
    found = day_at(sentence, at + bracket, today)
    if found is None or (same := both(day, found[0])) is None:
        return None
    end = found[1].end
    return same, Span(at, end + (bracket and sentence.word(end) == ")"))


def _second(sentence: Sentence, start: _Point, local: datetime) -> _Point | None:
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


def _is_between(sentence: Sentence, start: _Point) -> bool:
    """“between 8 and 12”, “Saturday between 8 and 12”."""
    return any(sentence.word(at) == "between" for at in range(max(start.span.first - 1, 0), start.span.end))


def _is_next_day(start: _Point, end: _Point | None) -> bool:
    """“Friday and Saturday”: whole days, of which the second follows the first."""
    if end is None or start.day is None or end.day is None or start.clock or end.clock or start.part or end.part:
        return False
    days = end.day.first - start.day.last
    return days == timedelta(days=1) or (start.day.is_weekday and days == timedelta(days=-6))


def _bare_end(sentence: Sentence, at: int, today: date) -> _Point | None:
    """The second hour of “6-10”, with the day that may stand behind it."""
    word = sentence.word(at)
    if not (word.isdecimal() and len(word) <= 2 and int(word) <= 24):
        return None
    clock = Clock(int(word), bare=True)
    day = day_at(sentence, at + 1, today)
    if day is None:
        return _Point(None, "", clock, False, Span(at, at + 1))
    return _Point(day[0], day[0].part, clock, False, Span(at, day[1].end), True)


def _same_month(sentence: Sentence, at: int, day: Day) -> _Point | None:
    """“July 4-6”: the second number is a day of the same month."""
    word = sentence.word(at)
    if not (word.isdecimal() and day.first.day < int(word) <= 31):
        return None
    try:
        other = day.first.replace(day=int(word))
    except ValueError:
        return None
    return _Point(Day(first=other, last=other, is_date=True), "", None, False, Span(at, at + 1))


def _window(
    start: _Point, end: _Point | None, length: Length | None, local: datetime, zone: ZoneInfo, span: tuple[Span, ...]
) -> When:
    if start.now and end is None:
        if length is None:
            over, assumed = local + timedelta(hours=ASSUMED_HOURS), f"{ASSUMED_HOURS} hours"
            return When(window=_zoned(local, over, zone), span=span, assumed=assumed)
        return When(window=Window(start=instant_on_clock(local, zone), end=length.after(local, zone)), span=span)
    begins, ends, exact = _bounds(start, end, local)
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
    other = None
    if start.day is not None and start.day.other is not None and end is None:
        shifted = start._replace(day=start.day.other)
        other = _zoned(*_bounds(shifted, None, local)[:2], zone)
    if end is not None and _both_bare(start, end) and not start.part and begins.hour < 12:
        later = timedelta(hours=12)
        other = _zoned(begins + later, ends + later if ends.hour <= 12 else ends, zone) if ends.hour <= 12 else None
    if length is not None:
        window = Window(start=instant_on_clock(begins, zone), end=length.after(begins, zone))
        return When(window=window, span=span, remarks=remarks)
    unsaid = None if exact else f"{ASSUMED_HOURS} hours"
    return When(window=_zoned(begins, ends, zone), span=span, assumed=unsaid, other=other, remarks=remarks)


def _both_bare(start: _Point, end: _Point) -> bool:
    """Whether neither hour tells its half of the day: “6-10”."""
    hours = [point.clock for point in (start, end) if point.clock is not None]
    return len(hours) == 2 and all(each.bare and not each.meridiem and 1 <= each.hour <= 12 for each in hours)


def _is_past_noon(start: _Point, end: _Point) -> bool:
    """“9-5” is from nine to seventeen."""
    return (
        _both_bare(start, end)
        and not start.part
        and start.clock is not None
        and end.clock is not None
        and end.clock.hour <= start.clock.hour
    )


def _next_hour(clock: Clock, local: datetime) -> Clock:
    """“now until 6” ends at the next hand of a clock on six."""
    if not clock.bare or clock.meridiem or not 1 <= clock.hour <= 12:
        return clock
    later = clock._replace(hour=clock.hour % 12 + 12)
    return later if clock.on(written_day(local)) <= local < later.on(written_day(local)) else clock


def _zoned(begins: datetime, ends: datetime, zone: ZoneInfo) -> Window:
    start, end = instant_on_clock(begins, zone), instant_on_clock(ends, zone, last=True)
    return Window(start=start, end=end if end > start else start + (ends - begins))


def _bounds(start: _Point, end: _Point | None, local: datetime) -> tuple[datetime, datetime, bool]:
    """Beginning and end on the wall clock, and whether the end was said."""
    if end is not None and end.day_last and start.day is None and not start.now:
        start, end = start._replace(day=end.day, part=end.part), end._replace(day=None)
    if end is not None and end.clock is not None and start.now and end.day is None:
        end = end._replace(clock=_next_hour(end.clock, local))
    if end is not None and end.clock is not None and start.clock is not None and start.clock.bare:
        if end.clock.meridiem in ("am", "pm"):
            start = start._replace(clock=start.clock.like(end.clock))
        end = end._replace(clock=end.clock.in_part(start.part))
        if _is_past_noon(start, end) and end.clock is not None:
            end = end._replace(clock=end.clock._replace(hour=end.clock.hour + 12))
    begins, ends, exact = _alone(start, local)
    if end is None:
        return begins, ends, exact
    if end.day is None and end.clock is not None:
        ends = end.clock.on(written_day(begins))
        if ends <= begins:
            ends += timedelta(days=1)
        return begins, ends, True
    _, ends, _ = _alone(end, begins)
    if end.clock is not None:
        ends = _alone(end, begins)[0]
    while ends <= begins:
        ends += timedelta(days=7)
    return begins, ends, True


def _alone(point: _Point, local: datetime) -> tuple[datetime, datetime, bool]:
    """The window that a point tells by itself: a whole day, a part of one, or from an hour on."""
    assumed = timedelta(hours=ASSUMED_HOURS)
    if point.now:
        return local, local + assumed, False
    if point.clock is not None:
        begins = _at_hour(point, local)
        return begins, begins + assumed, False
    if point.part:
        begins, ends = _part_of(point, local)
        return (max(begins, local) if begins < local < ends else begins), ends, True
    day = point.day
    assert day is not None
    begins = datetime.combine(day.first, datetime.min.time())
    ends = datetime.combine(day.last + timedelta(days=1), datetime.min.time())
    return (max(begins, local) if begins < local < ends else begins), ends, True


def _at_hour(point: _Point, local: datetime) -> datetime:
    assert point.clock is not None
    clock = point.clock
    if point.day is None:
        if point.part:
            clock = clock.in_part(point.part)
        found = clock.on(written_day(local))
        return found if found > local else found + timedelta(days=1)
    if point.part:
        clock = clock.in_part(point.part)
    found = clock.on(point.day.first)
    if (
        point.part == "night"
        and clock.hour < 12
        and not (point.day.first == written_day(local) and found > local and local.hour < 5)
    ):
        found += timedelta(days=1)
    return found


def _part_of(point: _Point, local: datetime) -> tuple[datetime, datetime]:
    hours = part_hours(point.part)
    assert hours is not None
    first = point.day.first if point.day is not None else written_day(local)
    midnight = datetime.combine(first, datetime.min.time())
    if point.part in ("tonight", "night", "overnight") and first == written_day(local) and local.hour < 5:
        midnight -= timedelta(days=1)  # in the small hours “tonight” is the night that is under way
    begins, ends = midnight + timedelta(hours=hours[0]), midnight + timedelta(hours=hours[1])
    if point.day is None and ends <= local:
        begins, ends = begins + timedelta(days=1), ends + timedelta(days=1)
    return begins, ends
