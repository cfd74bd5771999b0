"""A laboratory's window: it is lent by slots of a week, and eight hours of one stand for all of it.

Whatever day of a week a loan of a laboratory names, it holds its slots for that whole week. Whoever says “next week”
means one slot in it. Seven days and nights would be asked for, and denied, where an agreement limits hours.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from registry.platform.kernel.time import Window, instant_on_clock, wall_clock, written_day
from registry.resources.certificates.rules import LAB_CATEGORY
from registry.resources.search.rules.bounds import ASSUMED_HOURS
from registry.resources.search.rules.kinds import Meaning, root_of
from registry.resources.search.rules.times import When

_LONGEST = timedelta(hours=25)  # a day on which clocks are put back
_DAY, _SATURDAY = timedelta(days=1), 5
_BEGINS = time(8)


def as_slot(when: When, category: Meaning | None, zone: ZoneInfo) -> When:
    """The time as it can be asked for: of a laboratory eight hours of its first working day, where it is longer."""
    window = when.window
    if category is None or root_of(category) != LAB_CATEGORY or window.end - window.start <= _LONGEST:
        return when
    local = wall_clock(window.start, zone)
    first = written_day(local)
    days = (first + n * _DAY for n in range(3))
    working = (day for day in days if day.weekday() < _SATURDAY and _morning(day, zone) < window.end)
    day = next(working, first)
    start = max(_morning(day, zone), window.start)
    remark = (
        f"A laboratory is lent by slots of a week, which a loan on any day of it holds: {ASSUMED_HOURS} hours of "
        f"{day:%A}, {day:%B} {day.day} stand for that week, and can be asked for as they are."
    )
    return replace(
        when,
        window=Window(start=start, end=min(start + timedelta(hours=ASSUMED_HOURS), window.end)),
        assumed=f"{ASSUMED_HOURS} hours",
        other=None,
        remarks=(*when.remarks, remark),
    )


def _morning(day: date, zone: ZoneInfo) -> datetime:
    return instant_on_clock(datetime.combine(day, _BEGINS), zone)
