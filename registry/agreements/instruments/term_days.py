"""The civil days of a term: its first and last, its renewals, and when a notice has run out."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from registry.agreements.instruments.notice import Period, runs_out_on
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import (
    LAST_DAY,
    add_months,
    civil_day,
    day_after,
    day_starts_at,
    known_zone,
    last_day_before,
)


def utc_bounds(effective_on: date, expires_on: date | None, time_zone: str) -> tuple[datetime, datetime | None]:
    """The instants [starts_at, ends_at) of an agreement's civil dates in its own IANA time zone.

    It begins as `effective_on` begins and, as `expires_on` is its last day, ends as the day after begins;
    without `expires_on` it has no end. Raises RuleBroken for an unknown zone, a date outside 1900–2200 and an
    expiry that leaves no day.
    """
    zone = known_zone(time_zone, "/time_zone")
    starts_at = day_starts_at(effective_on, zone)
    if expires_on is None:
        return starts_at, None
    ends_at = day_starts_at(day_after(expires_on), zone)
    if ends_at <= starts_at:
        raise RuleBroken(
            "The expiry date must not lie before the effective date; it is the last day in force.",
            "expires_too_early",
        )
    return starts_at, ends_at


def withdrawal_ends_at(notice_given_on: date, period: Period, time_zone: str) -> datetime:
    """The instant at which a party that gave notice of withdrawal is no longer bound.

    Thirty days' notice given on 1 June binds through 1 July, and so does a month's. Raises RuleBroken for a date
    outside 1900–2200.
    """
    return day_starts_at(day_after(runs_out_on(notice_given_on, period)), ZoneInfo(time_zone))


def renewal_day(effective_on: date, expires_on: date | None) -> int | None:
    """The day of the month that a term which ends with a month has to go on to, where that is not each month's last.

    What began on the 30th of January and ran through the 28th of February ended on the corresponding day, for want of
    a 30th: the next terms end on the 30th of March and of April. What began on the first of February ended with its
    month, and so do the terms that follow: there, and where the term does not end with a month, None.
    """
    if expires_on is None or not _ends_a_month(expires_on):
        return None
    in_months = (expires_on.year, expires_on.month) > (effective_on.year, effective_on.month)
    return effective_on.day if in_months and expires_on.day <= effective_on.day < 31 else None


def _ends_a_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def term_end(first_ends_on: date, months: int, on_day: int | None = None) -> date:
    """The last day of the term that ends `months` after the first one.

    That is the corresponding day, or the month's last where it has no such day: four months after 30 December end on
    30 April, a month after 30 January on 28 February. A term that ended with a month goes on to the end of one: half a
    year after 30 June ends on 31 December, a year after 28 February 2027 on the 29th of 2028. Where `on_day` says so,
    of `renewal_day`, it ends on that day instead, or the month's last. Each is counted from the first, never from one
    that a short month cut, so that no day is lost or gained on the way.
    """
    if on_day is not None:
        last = add_months(first_ends_on.replace(day=1), months + 1) - timedelta(days=1)
        return last.replace(day=min(on_day, last.day))
    whole_months = _ends_a_month(first_ends_on)
    if whole_months:
        return add_months(first_ends_on + timedelta(days=1), months) - timedelta(days=1)
    return add_months(first_ends_on, months)


RenewalTimes: TypeAlias = int | Literal["no_limit", "silent"]
"""How often a text says that its term goes on by itself: so many times, without a limit, or it does not say."""


class Renewal(msgspec.Struct, kw_only=True, frozen=True):
    """A term that goes on by itself: by how many months, and how often at most (None: without end).

    `is_silent`: how often is entered as not said, so the one renewal that is spoken of is counted, and none is assumed.
    `on_day`: the day of the month to which its terms run, see `renewal_day`.
    """

    months: int
    times: int | None = None
    is_silent: bool = False
    on_day: int | None = None

    def ends_on(self, first_ends_on: date, number: int) -> date:
        """The last day of the term to which so many renewals have led."""
        return term_end(first_ends_on, self.months * number, self.on_day)


def renewal_of(months: int | None, times: RenewalTimes | None, on_day: int | None) -> Renewal | None:
    """How a term goes on by itself, from what is stored of it; None where it does not."""
    if not months:
        return None
    if times is None or times == "silent":  # what is not said at all is refused where it is entered
        return Renewal(months=months, times=1, is_silent=True, on_day=on_day)
    return Renewal(months=months, times=None if times == "no_limit" else times, on_day=on_day)


def last_day(expires_on: date | None, renewal: Renewal | None) -> date | None:
    """The last day that renewals can reach; None where there is none.

    What is not said is counted in neither: no last day is made up where none is entered, and no renewal after the one
    that is spoken of. So without a last day it is in force until it is ended.

    Each term's end is counted from the first one's, so that 31 January is not worn down to the 28th.
    """
    if expires_on is None or renewal is None:
        return expires_on
    return None if renewal.times is None else renewal.ends_on(expires_on, renewal.times)


def term_ends(expires_on: date, renewal: Renewal | None, not_before: date) -> Iterator[date]:
    """The last days of the terms that end on `not_before` or later, in order; without end where renewals are."""
    number, step = 0, renewal.months if renewal else 0
    if step and not_before > expires_on:
        number = max(((not_before.year - expires_on.year) * 12 + not_before.month - expires_on.month) // step - 1, 0)
    while renewal is not None or number == 0:
        if renewal is not None and renewal.times is not None and number > renewal.times:
            return
        ends_on = expires_on if renewal is None else renewal.ends_on(expires_on, number)
        if ends_on > LAST_DAY:
            return
        if ends_on >= not_before:
            yield ends_on
        number += 1


def running_term(expires_on: date, renewal: Renewal | None, day: date) -> date | None:
    """The last day of the term that holds the day, of the first that is to come, else of the last; None beyond 2200."""
    return next(term_ends(expires_on, renewal, day), None) or last_day(expires_on, renewal)


def term_day(at: datetime, time_zone: str, *over_at: datetime | None) -> date:
    """The day whose term runs at `at`: once it is over for good, by the first of those instants, its last day.

    An agreement that has ended, or in which fewer than two parties are left, renews itself no more.
    """
    over = earliest(*over_at)
    return civil_day(at, time_zone) if over is None or at < over else last_day_before(over, time_zone)
