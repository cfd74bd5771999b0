"""From when to when on a wall clock: what a point of time stands for by itself, and two as a beginning and an end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from registry.platform.kernel.time import Window, instant_on_clock, wall_clock, written_day
from registry.resources.search.rules.calendar import Day, part_hours
from registry.resources.search.rules.clocks import Clock
from registry.resources.search.rules.tokens import Span

ASSUMED_HOURS = 8


class Point(NamedTuple):
    """A day, a part of it, an hour of it, or now; and the tokens that say it."""

    day: Day | None
    part: str
    clock: Clock | None
    now: bool
    span: Span
    day_last: bool = False
    """The day stands after the hour, and so may be that of a whole range: “2 to 4 pm Friday”."""


def alone(point: Point, local: datetime) -> tuple[datetime, datetime, bool]:
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


def bounds(start: Point, end: Point | None, local: datetime) -> tuple[datetime, datetime, bool]:
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
    begins, ends, exact = alone(start, local)
    if end is None:
        return begins, ends, exact
    if end.day is None and end.clock is not None:
        ends = end.clock.on(written_day(begins))
        if ends <= begins:
            ends += timedelta(days=1)
        return begins, ends, True
    _, ends, _ = alone(end, begins)
    if end.clock is not None:
        ends = alone(end, begins)[0]
    while ends <= begins:
        ends += timedelta(days=7)
    return begins, ends, True


def zoned(begins: datetime, ends: datetime, zone: ZoneInfo) -> Window:
    start, end = instant_on_clock(begins, zone), instant_on_clock(ends, zone, last=True)
    return Window(start=start, end=end if end > start else start + (ends - begins))


def clock_changes(begins: datetime, ends: datetime | None, zone: ZoneInfo) -> Iterator[str]:
    """What is taken for an hour that the clocks skip, or show twice, on the day on which they are changed."""
    for which, shown in (("beginning", begins), ("end", ends)):
        if shown is None:
            continue
        taken = wall_clock(instant_on_clock(shown, zone), zone)
        day = f"{shown:%A}, {shown:%B} {shown.day}"
        if taken != shown:
            yield (
                f"There is no {shown:%H:%M} on {day}: the clocks are put forward. {taken:%H:%M} is taken as the "
                f"{which}."
            )
        elif instant_on_clock(shown, zone, last=True) != instant_on_clock(shown, zone):
            first = "first" if which == "beginning" else "last"
            yield f"The clocks show {shown:%H:%M} twice on {day}: the {first} is taken as the {which}."


def both_bare(start: Point, end: Point) -> bool:
    """Whether neither hour tells its half of the day: “6-10”."""
    hours = [point.clock for point in (start, end) if point.clock is not None]
    return len(hours) == 2 and all(each.bare and not each.meridiem and 1 <= each.hour <= 12 for each in hours)


def _is_past_noon(start: Point, end: Point) -> bool:
    """“9-5” is from nine to seventeen."""
    return (
        both_bare(start, end)
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


def _at_hour(point: Point, local: datetime) -> datetime:
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


def _part_of(point: Point, local: datetime) -> tuple[datetime, datetime]:
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
