"""When somebody can be sent: weekly hours by the clocks of the agency, minus absences.

Hours are wall-clock time, so that a shift from 8 to 16 stays one when clocks change. For what other agencies learn, a
week has 28 blocks of six hours, Monday's first; a set of them is a number with one bit for each.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.platform.kernel.time import Window, civil_day, minute_of_day

MINUTES_A_DAY = 24 * 60
MINUTES_A_WEEK = 7 * MINUTES_A_DAY
BLOCK_MINUTES = 6 * 60
BLOCKS = MINUTES_A_WEEK // BLOCK_MINUTES
ALL_BLOCKS = (1 << BLOCKS) - 1
_WEEK = timedelta(days=7)
_MINUTE = timedelta(minutes=1)
_BLOCK = timedelta(minutes=BLOCK_MINUTES)


class WeeklySpan(Struct, kw_only=True, frozen=True):
    """A stretch of each week, in minutes from Monday's midnight; it may run over into the next week."""

    start: int
    end: int

    @classmethod
    def of(cls, weekday: int, starts: str, ends: str) -> "WeeklySpan":
        """From `HH:MM` to `HH:MM` on that weekday (0 is Monday); up to or through midnight where that is not later."""
        first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (starts, ends))
        length = last - first if last > first else last - first + MINUTES_A_DAY
        start = weekday * MINUTES_A_DAY + first
        return cls(start=start, end=start + length)


def _merged(spans: Iterable[WeeklySpan]) -> list[WeeklySpan]:
    """The stretches of two weeks in order, those that meet joined, so that a week's end is no seam."""
    twice = sorted(
        (span.start + shift, span.end + shift) for span in spans for shift in (-MINUTES_A_WEEK, 0, MINUTES_A_WEEK)
    )
    found: list[WeeklySpan] = []
    for start, end in twice:
        if found and start <= found[-1].end:
            found[-1] = WeeklySpan(start=found[-1].start, end=max(end, found[-1].end))
        else:
            found.append(WeeklySpan(start=start, end=end))
    return found


def blocks_of(spans: Sequence[WeeklySpan]) -> int:
    """The blocks of a week that the hours cover from end to end; every one where no hours are given."""
    if not spans:
        return ALL_BLOCKS
    merged = _merged(spans)
    found = 0
    for block in range(BLOCKS):
        start = block * BLOCK_MINUTES
        if any(span.start <= start and start + BLOCK_MINUTES <= span.end for span in merged):
            found |= 1 << block
    return found


def blocks_in(window: Window, time_zone: str) -> int:
    """The blocks of a week that a window touches, by the clocks of that zone."""
    length = window.end - window.start
    if length > _WEEK - _BLOCK:
        return ALL_BLOCKS
    first, last = _minute_of_week(window.start, time_zone), _minute_of_week(window.end - _MINUTE / 60, time_zone)
    block, end = first // BLOCK_MINUTES, last // BLOCK_MINUTES
    if block == end and length > 2 * _BLOCK:
        return ALL_BLOCKS  # it came round to that block a week later: clocks went forward, and the week was short
    found = 1 << block
    while block != end:
        block = (block + 1) % BLOCKS
        found |= 1 << block
    return found


def _minute_of_week(at: datetime, time_zone: str) -> int:
    return civil_day(at, time_zone).weekday() * MINUTES_A_DAY + minute_of_day(at, time_zone)


def covers(spans: Sequence[WeeklySpan], window: Window, time_zone: str) -> bool:
    """Whether the hours cover the whole window; they do where none are given."""
    if not spans or any(span.end - span.start >= MINUTES_A_WEEK for span in _merged(spans)):
        return True
    if window.end - window.start >= _WEEK:
        return False  # hours that leave a gap leave it in each week
    reached = window.start
    for start, end in sorted(_instants(spans, window, time_zone)):
        if start > reached:
            return False
        reached = max(reached, end)
        if reached >= window.end:
            return True
    return False


def _instants(spans: Sequence[WeeklySpan], window: Window, time_zone: str) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of the weeks around a window that is shorter than a week."""
    zone = ZoneInfo(time_zone)
    first = civil_day(window.start, time_zone)
    monday = first - timedelta(days=first.weekday())
    for week in (-1, 0, 1):
        for span in spans:
            monday_then = monday + week * _WEEK
            yield _instant(monday_then, span.start, zone), _instant(monday_then, span.end, zone)


def _instant(monday: date, minute: int, zone: ZoneInfo) -> datetime:
    """That minute of the week by the clocks there."""
    days, rest = divmod(minute, MINUTES_A_DAY)
    hours, minutes = divmod(rest, 60)
    return datetime.combine(monday + timedelta(days=days), time(hours, minutes), zone).astimezone(UTC)
