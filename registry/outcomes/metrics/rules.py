"""The periods of a time zone over which metrics are counted, and the hours of assets."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from registry.platform.kernel.time import FIRST_DAY, add_months, day_starts_at

Grain: TypeAlias = Literal["day", "week", "month", "quarter", "year"]
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


class Period(msgspec.Struct, kw_only=True, frozen=True):
    """A day, week (from Monday, ISO 8601), month, quarter or year of a time zone as instants [starts_at, ends_at)."""

    label: str
    starts_at: datetime
    ends_at: datetime


def period_of(at: datetime, zone: ZoneInfo, grain: Grain) -> Period:
    """The period of `zone` that contains the instant `at`.

    It runs from the first instant of its first day to that of the next one's, so each instant has exactly one, also
    where clocks go back from the first day of a month into the last day of the one before.
    """
    local = at.astimezone(zone)
    first = _first_day(date(local.year, local.month, local.day), grain)
    period = _period(first, zone, grain)
    return period if at < period.ends_at else _period(_next_day(first, grain), zone, grain)


def periods(start: datetime, end: datetime, zone: ZoneInfo, grain: Grain) -> tuple[Period, ...]:
    """The periods of `zone` that the window [start, end) touches, whole and in order."""
    found: list[Period] = []
    if start < end:
        found.append(period_of(start, zone, grain))
        local = found[0].starts_at.astimezone(zone)
        first = _first_day(date(local.year, local.month, local.day), grain)
        while found[-1].ends_at < end:
            first = _next_day(first, grain)
            found.append(_period(first, zone, grain))
    return tuple(found)


def period_before(period: Period, zone: ZoneInfo, grain: Grain) -> Period:
    """The period before that one."""
    return period_of(period.starts_at - timedelta(microseconds=1), zone, grain)


def _first_day(day: date, grain: Grain) -> date:
    if grain == "day":
        return day
    if grain == "week":
        return day - timedelta(days=day.weekday())
    months = _MONTHS[grain]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _next_day(first: date, grain: Grain) -> date:
    """The first day of the next period."""
    if grain in _MONTHS:
        return add_months(first, _MONTHS[grain])
    return first + timedelta(days=7 if grain == "week" else 1)


def _period(first: date, zone: ZoneInfo, grain: Grain) -> Period:
    week = first.isocalendar()
    label = {
        "day": first.isoformat(),
        "week": f"{week.year:04d}-W{week.week:02d}",
        "month": f"{first.year:04d}-{first.month:02d}",
        "quarter": f"{first.year:04d}-Q{(first.month + 2) // 3}",
        "year": f"{first.year:04d}",
    }[grain]
    return Period(
        label=label, starts_at=day_starts_at(first, zone), ends_at=day_starts_at(_next_day(first, grain), zone)
    )


Days: TypeAlias = tuple[date, date]
"""From a day on, up to another one that is not included."""
NO_DAYS: Final[Days] = (FIRST_DAY, FIRST_DAY)


class Pieces(msgspec.Struct, kw_only=True, frozen=True):
    """Days in pieces: whole years, whole months before and after these, and the days left before and after all."""

    years: Days = NO_DAYS
    months: tuple[Days, Days] = (NO_DAYS, NO_DAYS)
    days: tuple[Days, Days] = (NO_DAYS, NO_DAYS)


def pieces_of(first: date, after: date) -> Pieces:
    """The days from `first` up to `after`, which is not included, in pieces as large as there are."""
    years = _whole(first, after, 12)
    edges = (first, after), NO_DAYS
    if years != NO_DAYS:
        edges = (first, years[0]), (years[1], after)
    months = _whole(*edges[0], 1), _whole(*edges[1], 1)
    left: list[Days] = []
    for edge, whole in zip(edges, months, strict=True):
        left += [edge] if whole == NO_DAYS else [(edge[0], whole[0]), (whole[1], edge[1])]
    # Beside whole years an edge ends or begins with whole months, so that at most two pieces are left.
    days = [piece for piece in left if piece[0] < piece[1]]
    return Pieces(years=years, months=months, days=tuple([*days, NO_DAYS, NO_DAYS][:2]))  # type: ignore[arg-type]


def _whole(first: date, after: date, months: int) -> Days:
    """The whole years (of 12 `months`) or months that lie within these days."""
    start, end = (date(day.year, 1 if months == 12 else day.month, 1) for day in (first, after))
    start = start if start == first else add_months(start, months)
    return (start, end) if start < end else NO_DAYS


def days_alone(first: date, after: date) -> Pieces:
    """The same as days alone."""
    return Pieces(days=((first, after), NO_DAYS))


Stretch: TypeAlias = tuple[datetime, datetime | None, int]
"""From an instant on, up to another or without end, with how many of an asset are concerned."""


def utilisation(
    capacity: int, lent: Iterable[Stretch], lost: Iterable[Stretch], start: datetime, end: datetime
) -> tuple[timedelta, timedelta]:
    """The time lent and the time available in [start, end), of each piece of an asset, added up.

    Available leaves out what was out of service, kept for the home agency or gone (`lost`), piece by piece. What is
    lent beyond what is available then counts on neither side, so that the first is never more than the second.
    """
    changes: dict[datetime, list[int]] = {}
    for which, stretches in enumerate((lent, lost)):
        for opens, closes, quantity in stretches:
            first, last = max(opens, start), end if closes is None else min(closes, end)
            if first < last:
                changes.setdefault(first, [0, 0])[which] += quantity
                changes.setdefault(last, [0, 0])[which] -= quantity
    used = available = timedelta()
    held, at = [0, 0], start
    for instant in [*sorted(changes), max(start, end)]:
        there = max(capacity - held[1], 0)
        available += there * (instant - at)
        used += min(held[0], there) * (instant - at)
        change = changes.get(instant, [0, 0])
        held, at = [held[0] + change[0], held[1] + change[1]], instant
    return used, available
