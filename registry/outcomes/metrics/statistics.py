"""The statistics of metrics: shares, percentiles, counts and their changes, each with a 95 % interval.

Every figure includes the counts from which it was computed, and is None where there was nothing to count: a rate of
zero and no rate are different. The sources: Wilson (1927) for shares, Newcombe (1998, method 10) for the difference of
two, order statistics for percentiles, the score interval of a Poisson mean for counts, and the square-and-add rule of
Zou and Donner (2008) for the difference of two counts.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

# The 97.5 % point of the standard normal distribution: two-sided 95 %.
_Z = 1.959963984540054
_TAIL = 0.025
# Two intervals of 97.5 % hold both at once in 95 % of cases at least (Bonferroni).
_TAIL_OF_TWO = _TAIL / 2
ERROR: Final = 0.01
"""How far a percentile taken from buckets may be from the exact one, relative to it."""
ZERO: Final = -(2**30)
"""The bucket of nothing at all."""
_SMALLEST: Final = 1e-6


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


class Interval(msgspec.Struct, kw_only=True, frozen=True):
    """A value with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


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


def interval_ranks(n: int, percent: int, tail: float = _TAIL) -> tuple[int | None, int | None]:
    """Ranks, from 1, of the observations that enclose the `percent` percentile with at least 95 % confidence.

    The number of observations below the percentile is binomial whatever the distribution; each tail is cut
    where its exact probability is at most `tail`. A side on which even the extreme observation does not reach
    that is None: the median needs 6 observations, p90 has an upper bound from 36 on. Raises ValueError unless
    `percent` is 1 to 99.
    """
    if not 1 <= percent <= 99:
        raise ValueError(f"{percent} is no percentile from 1 to 99")
    return _lower_rank(n, percent / 100, tail), _upper_rank(n, percent / 100, tail)


def _lower_rank(n: int, p: float, tail: float) -> int | None:
    """The largest rank r with P(Binomial(n, p) < r) <= tail."""
    below, rank = 0.0, 0
    for successes, probability in _binomial(n, p):
        below += probability
        if below > tail:
            break
        rank = successes + 1
    return rank or None


def _upper_rank(n: int, p: float, tail: float) -> int | None:
    """The smallest rank r with P(Binomial(n, p) >= r) <= tail; computed as the lower one from the other end."""
    rank = _lower_rank(n, 1 - p, tail)
    return None if rank is None else n + 1 - rank


def _binomial(n: int, p: float) -> Iterable[tuple[int, float]]:
    """Numbers of successes with their probability, in order, omitting a lower tail of less than 1e-30 in total."""
    first = max(0, math.floor(n * p - 12 * math.sqrt(n * p * (1 - p)) - 12))
    log_choose = math.lgamma(n + 1) - math.lgamma(first + 1) - math.lgamma(n - first + 1)
    probability = math.exp(log_choose + first * math.log(p) + (n - first) * math.log1p(-p))
    for successes in range(first, n + 1):
        yield successes, probability
        probability *= (n - successes) / (successes + 1) * p / (1 - p)


def count(events: int) -> Interval:
    """A number of events with the score interval of its mean, as if they came independently (Poisson).

    Raises ValueError for a negative number.
    """
    if events < 0:
        raise ValueError(f"{events} is no number of events")
    centre, reach = events + _Z * _Z / 2, _Z * math.sqrt(events + _Z * _Z / 4)
    return Interval(value=events, low=max(centre - reach, 0.0), high=centre + reach)


def share_change(now: Share, before: Share) -> Interval | None:
    """The difference of two independent shares with Newcombe's interval; None where one of them is of nothing."""
    if now.value is None or before.value is None:
        return None
    assert now.low is not None
    assert now.high is not None
    assert before.low is not None
    assert before.high is not None
    return _square_and_add(
        Interval(value=now.value, low=now.low, high=now.high),
        Interval(value=before.value, low=before.low, high=before.high),
    )


def count_change(now: int, before: int) -> Interval:
    """The difference of two independent numbers of events, by the intervals of both."""
    return _square_and_add(count(now), count(before))


def quantile_change(now: Iterable[float], before: Iterable[float], percent: int) -> Interval | None:
    """The difference of two percentiles; None where too few observations bound one of them.

    Distribution-free and cautious: both are enclosed at 97.5 %, so that both are within at once in 95 % of cases at
    least. Raises ValueError unless `percent` is 1 to 99.
    """
    enclosed = []
    for values in (sorted(now), sorted(before)):
        low, high = interval_ranks(len(values), percent, _TAIL_OF_TWO)
        if low is None or high is None:
            return None
        place = -(-len(values) * percent // 100)
        enclosed.append(Interval(value=values[place - 1], low=values[low - 1], high=values[high - 1]))
    this, that = enclosed
    return Interval(value=this.value - that.value, low=this.low - that.high, high=this.high - that.low)


def _square_and_add(this: Interval, that: Interval) -> Interval:
    """The difference of two independent estimates, from the intervals of each."""
    difference = this.value - that.value
    return Interval(
        value=difference,
        low=difference - math.hypot(this.value - this.low, that.high - that.value),
        high=difference + math.hypot(this.high - this.value, that.value - that.low),
    )


_GAMMA: Final = (1 + ERROR) / (1 - ERROR)
_LOG_GAMMA: Final = math.log(_GAMMA)


def bucket_of(value: float) -> int:
    """The bucket of a value, of which the bucket's own value differs by 1 % at most (DDSketch, Masson et al. 2019).

    Numbers of values by bucket add up in any order, also in a database. Nothing, and what is too small to measure, is
    in `ZERO`. Raises ValueError for a negative value.
    """
    if value < 0:
        raise ValueError(f"{value} is negative")
    return ZERO if value < _SMALLEST else math.ceil(math.log(value) / _LOG_GAMMA)


def bucket_value(bucket: int) -> float:
    """The value that stands for all of a bucket."""
    return 0.0 if bucket == ZERO else 2.0 * _GAMMA**bucket / (1 + _GAMMA)


def quantile_of_buckets(buckets: Mapping[int, int], percent: int) -> Quantile:
    """As `quantile`, of numbers of values by bucket: each figure within 1 % of the exact one."""
    n = sum(buckets.values())
    low, high = interval_ranks(n, percent)
    if not n:
        return Quantile(percent=percent, n=0, value=None, low=None, high=None)
    ranks = (-(-n * percent // 100), low, high)
    at: dict[int, float] = {}
    below = 0
    for bucket in sorted(buckets):
        below += buckets[bucket]
        for rank in ranks:
            if rank is not None and rank <= below:
                at.setdefault(rank, bucket_value(bucket))
    return Quantile(
        percent=percent,
        n=n,
        value=at[ranks[0]],
        low=None if low is None else at[low],
        high=None if high is None else at[high],
    )
