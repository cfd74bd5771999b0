"""The arithmetic of metrics: shares and quantiles with 95 % intervals, months, hours.

Every figure includes the counts from which it was computed, and is None where there was nothing to count: a rate of
zero and no rate are different.
"""

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from registry.platform.kernel.time import day_starts_at

# The 97.5 % point of the standard normal distribution: two-sided 95 %.
_Z = 1.959963984540054
_TAIL = 0.025


class Share(msgspec.Struct, kw_only=True, frozen=True):
    """A part of a whole with its 95 % Wilson interval; value and interval are None for an empty whole."""

    numerator: int
    denominator: int
    value: float | None
    low: float | None
    high: float | None


class Quantile(msgspec.Struct, kw_only=True, frozen=True):
    """A percentile of `n` observations with its distribution-free 95 % interval.

    A bound is None where so few observations cannot bound the percentile on that side.
    """

    percent: int
    n: int
    value: float | None
    low: float | None
    high: float | None


class Month(msgspec.Struct, kw_only=True, frozen=True):
    """A calendar month of a time zone as the instants [starts_at, ends_at)."""

    label: str
    starts_at: datetime
    ends_at: datetime


def share(numerator: int, denominator: int) -> Share:
    """`numerator` out of `denominator`. Raises ValueError when it is not a part of it.

    The interval is Wilson's score interval (1927): it stays within 0 and 1 and keeps its level for small counts and for
    shares near 0 and 1, where the usual approximation does not.
    """
    if not 0 <= numerator <= denominator:
        raise ValueError(f"{numerator} is no part of {denominator}")
    if denominator == 0:
        return Share(numerator=0, denominator=0, value=None, low=None, high=None)
    value, n, z2 = numerator / denominator, denominator, _Z * _Z
    centre = (value + z2 / (2 * n)) / (1 + z2 / n)
    reach = _Z / (1 + z2 / n) * math.sqrt(value * (1 - value) / n + z2 / (4 * n * n))
    # At the ends the bound is known exactly, and computing it could differ by a rounding error.
    low = 0.0 if numerator == 0 else centre - reach
    high = 1.0 if numerator == denominator else centre + reach
    return Share(numerator=numerator, denominator=denominator, value=value, low=low, high=high)


def quantile(values: Iterable[float], percent: int) -> Quantile:
    """The `percent` percentile: the smallest observation with at least that part of all at or below it.

    It is always a value that occurred, and the same as `percentile_disc` in SQL; of an even number of
    observations the median is the lower of the two in the middle. Raises ValueError unless `percent` is 1 to
    99.
    """
    ordered = sorted(values)
    low, high = interval_ranks(len(ordered), percent)
    if not ordered:
        return Quantile(percent=percent, n=0, value=None, low=None, high=None)
    return Quantile(
        percent=percent,
        n=len(ordered),
        value=ordered[-(-len(ordered) * percent // 100) - 1],
        low=None if low is None else ordered[low - 1],
        high=None if high is None else ordered[high - 1],
    )


def interval_ranks(n: int, percent: int) -> tuple[int | None, int | None]:
    """Ranks, from 1, of the observations that enclose the `percent` percentile with at least 95 % confidence.

    The number of observations below the percentile is binomial whatever the distribution; each tail is cut
    where its exact probability is at most 2.5 %. A side on which even the extreme observation does not reach
    that is None: the median needs 6 observations, p90 has an upper bound from 36 on. Raises ValueError unless
    `percent` is 1 to 99.
    """
    if not 1 <= percent <= 99:
        raise ValueError(f"{percent} is no percentile from 1 to 99")
    return _lower_rank(n, percent / 100), _upper_rank(n, percent / 100)


def _lower_rank(n: int, p: float) -> int | None:
    """The largest rank r with P(Binomial(n, p) < r) <= 2.5 %."""
    below, rank = 0.0, 0
    for successes, probability in _binomial(n, p):
        below += probability
        if below > _TAIL:
            break
        rank = successes + 1
    return rank or None


def _upper_rank(n: int, p: float) -> int | None:
    """The smallest rank r with P(Binomial(n, p) >= r) <= 2.5 %; computed as the lower one from the other end."""
    rank = _lower_rank(n, 1 - p)
    return None if rank is None else n + 1 - rank


def _binomial(n: int, p: float) -> Iterable[tuple[int, float]]:
    """Numbers of successes with their probability, in order, omitting a lower tail of less than 1e-30 in total."""
    first = max(0, math.floor(n * p - 12 * math.sqrt(n * p * (1 - p)) - 12))
    log_choose = math.lgamma(n + 1) - math.lgamma(first + 1) - math.lgamma(n - first + 1)
    probability = math.exp(log_choose + first * math.log(p) + (n - first) * math.log1p(-p))
    for successes in range(first, n + 1):
        yield successes, probability
        probability *= (n - successes) / (successes + 1) * p / (1 - p)


def month_of(at: datetime, zone: ZoneInfo) -> Month:
    """The month of `zone` that contains the instant `at`.

    A month runs from the first instant of its first day to that of the next month's, so each instant has
    exactly one, also where clocks go back from the first day of a month into the last day of the one before.
    """
    local = at.astimezone(zone)
    month = _month(local.year, local.month, zone)
    return month if at < month.ends_at else _next(month, zone)


def months(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[Month, ...]:
    """The months of `zone` that the window [start, end) touches, whole and in order."""
    found: list[Month] = []
    if start < end:
        found.append(month_of(start, zone))
        while found[-1].ends_at < end:
            found.append(_next(found[-1], zone))
    return tuple(found)


def _month(year: int, month: int, zone: ZoneInfo) -> Month:
    first = date(year, month, 1)
    after = date(year + month // 12, month % 12 + 1, 1)
    return Month(
        label=f"{year:04d}-{month:02d}",
        starts_at=day_starts_at(first, zone),
        ends_at=day_starts_at(after, zone),
    )


def _next(month: Month, zone: ZoneInfo) -> Month:
    year, number = int(month.label[:4]), int(month.label[5:])
    return _month(year + number // 12, number % 12 + 1, zone)


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
