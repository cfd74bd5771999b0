"""Months on the calendar, and the terms of an agreement that renews itself."""

from calendar import monthrange
from datetime import MAXYEAR, MINYEAR, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.agreements.in_force import day_starts_at
from registry.agreements.rules import last_notice_day
from registry.kernel.time import EARLIEST, LATEST

_DAY = timedelta(days=1)
_FIRST, _LAST = EARLIEST.date(), LATEST.date()


def plus_months(day: date, months: int) -> date:
    """The day of that number `months` later, or the last of its month: a month after 31 January is 28 or 29 February.

    Counted from the first day in one go, never month by month: two months after 31 January is 31 March. Raises
    OverflowError outside the years 1–9999.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError("beyond the calendar")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def term_end(first_last_day: date, months: int, renewals: int) -> date:
    """The last day of the term after so many renewals.

    A term begins as the one before ends and lasts whole months, so the day after it is what moves: a term through 28
    February 2027 renews for a year through 29 February 2028, the day before 1 March.
    """
    return plus_months(first_last_day + _DAY, months * renewals) - _DAY


class Term(Struct, frozen=True):
    """One term: how many renewals led to it, and its last day."""

    renewals: int
    last_day: date


def term_at(first_last_day: date, months: int, times: int | None, at: datetime, time_zone: str) -> Term:
    """The term that holds `at`, or the first or the last one that there is. `times` None renews without end."""
    today = at.astimezone(ZoneInfo(time_zone)).date()
    between = (today.year - first_last_day.year) * 12 + today.month - first_last_day.month
    renewals = max(between // months - 1, 0)  # surely not too late; a step or two are left
    if times is not None:
        renewals = min(renewals, times)
    while (times is None or renewals < times) and at >= day_ends_at(
        term_end(first_last_day, months, renewals), time_zone
    ):
        renewals += 1
    return Term(renewals, term_end(first_last_day, months, renewals))


def open_notice_day(
    first_last_day: date, months: int | None, times: int | None, notice_days: int, term: Term, at: datetime, zone: str
) -> Term | None:
    """The next term that can still be prevented from being followed by another, or left by its end; as its notice day.

    `last_day` of the answer is the last day to give notice. What has passed is settled, so the next term's counts; None
    where there is no next one.
    """
    renewals, last_day = term.renewals, term.last_day
    while at >= day_ends_at(day := last_notice_day(last_day, notice_days), zone):
        if months is None or (times is not None and renewals >= times):
            return None
        renewals += 1
        last_day = term_end(first_last_day, months, renewals)
    return Term(renewals, day)


def on_calendar(day: date) -> bool:
    """Whether the registry can say when the day ends: it lies between the years 1900 and 2200."""
    return _FIRST <= day < _LAST


@lru_cache(maxsize=65_536)
def day_ends_at(day: date, time_zone: str) -> datetime:
    """The first instant after the civil day, in UTC; for days beyond the calendar, the calendar's own bounds."""
    if not on_calendar(day):
        return EARLIEST if day < _FIRST else LATEST
    return day_starts_at(day + _DAY, ZoneInfo(time_zone))


def last_day_before(at: datetime, time_zone: str) -> date:
    """The civil day that holds the last moment before `at`."""
    return (at - timedelta(microseconds=1)).astimezone(ZoneInfo(time_zone)).date()
