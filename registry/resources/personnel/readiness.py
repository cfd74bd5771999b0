"""Whether somebody can be sent throughout a window, and what stands against it."""

from collections.abc import Sequence
from datetime import date
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from registry.platform.kernel.time import LAST_DAY, Window, civil_day, last_day_before
from registry.resources.personnel.duty_hours import WeeklySpan, covers
from registry.resources.personnel.rules import PersonnelStatus
from registry.resources.personnel.schemas import ProhibitiveCondition, Weekday, WeeklyHours

Hindrance: TypeAlias = Literal["status", "condition", "absence", "weekly_hours", "committed"]
_WEEKDAYS: tuple[str, ...] = get_args(Weekday)


class Days(Struct, frozen=True):
    """The day of the planned start and that of the planned return, where the agency is."""

    first: date
    last: date

    @classmethod
    def of(cls, window: Window, time_zone: str) -> "Days":
        """The days of a window there."""
        return cls(civil_day(window.start, time_zone), last_day_before(window.end, time_zone))


def spans_of(hours: Sequence[WeeklyHours]) -> list[WeeklySpan]:
    """The weekly hours as stretches of a week."""
    return [
        WeeklySpan.of(_WEEKDAYS.index(weekday), each.start, each.end) for each in hours for weekday in each.weekdays
    ]


def hindrances(
    *,
    status: PersonnelStatus,
    conditions: Sequence[ProhibitiveCondition],
    absences: Sequence[Window],
    hours: Sequence[WeeklyHours],
    committed: bool,
    window: Window,
    time_zone: str,
) -> list[Hindrance]:
    """What stands against sending somebody; empty when nothing does."""
    days = Days.of(window, time_zone)
    found: dict[Hindrance, bool] = {
        "status": status is not PersonnelStatus.ACTIVE,
        "condition": any(
            each.from_on <= days.last and (each.until_on or LAST_DAY) >= days.first for each in conditions
        ),
        "absence": any(each.start < window.end and window.start < each.end for each in absences),
        "weekly_hours": not covers(spans_of(hours), window, time_zone),
        "committed": committed,
    }
    return [name for name, stands in found.items() if stands]
