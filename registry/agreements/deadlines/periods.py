"""Terms and notice days at an instant, and when a civil day is over."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.agreements.in_force import Renewal, day_starts_at, last_day, term_ends
from registry.agreements.rules import last_notice_day
from registry.kernel.time import EARLIEST, LATEST

_DAY = timedelta(days=1)
_FIRST, _LAST = EARLIEST.date(), LATEST.date()


class Term(Struct, frozen=True):
    """One term: how many renewals led to it, and its last day."""

    renewals: int
    ends_on: date


def term_at(expires_on: date, renewal: Renewal | None, today: date) -> Term | None:
    """The term that holds the day, or the first that is to come, else the last there was; None beyond the calendar."""
    ends_on = next(term_ends(expires_on, renewal, today), None) or last_day(expires_on, renewal)
    return None if ends_on is None else Term(_renewals(expires_on, renewal, ends_on), ends_on)


def open_notice_day(expires_on: date, renewal: Renewal | None, notice_days: int, today: date) -> Term | None:
    """The last day to give notice, of the first term for which it is not over; as that term, ending on that day.

    What has passed is settled, so the next term's counts then; None where there is no next one.
    """
    for ends_on in term_ends(expires_on, renewal, today):
        notice_on = last_notice_day(ends_on, notice_days)
        if notice_on >= today:
            return Term(_renewals(expires_on, renewal, ends_on), notice_on)
    return None


def _renewals(expires_on: date, renewal: Renewal | None, ends_on: date) -> int:
    if renewal is None:
        return 0
    return ((ends_on.year - expires_on.year) * 12 + ends_on.month - expires_on.month) // renewal.months


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
