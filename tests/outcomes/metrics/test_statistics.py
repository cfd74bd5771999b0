"""The statistics of metrics against scipy's and against exact sums."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from registry.outcomes.metrics.statistics import (
    count,
    count_change,
    interval_ranks,
    quantile_change,
    share,
    share_change,
)

SHARES = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(SHARES)
def test_a_share_has_the_wilson_interval_of_scipy(counted: tuple[int, int]) -> None:
    found = share(*counted)
    theirs = stats.binomtest(*counted).proportion_ci(0.95, method="wilson")
    assert found.low == pytest.approx(theirs.low, abs=1e-12)
    assert found.high == pytest.approx(theirs.high, abs=1e-12)


@given(st.integers(1, 3000), st.integers(1, 99), st.sampled_from([0.025, 0.0125]))
def test_the_ranks_of_a_percentile_are_those_of_the_binomial_distribution_of_scipy(
    n: int, percent: int, tail: float
) -> None:
    low, high = interval_ranks(n, percent, tail)
    below = stats.binom(n, percent / 100)
    # The largest rank that so many observations below it are this unlikely to miss, and the smallest above.
    assert below.cdf((low or 0) - 1) <= tail + 1e-12
    assert below.cdf(low or 0) > tail - 1e-12
    if high is not None:
        assert below.sf(high - 1) <= tail + 1e-12
        assert below.sf(high - 2) > tail - 1e-12


@given(st.integers(0, 1_000_000))
def test_the_interval_of_a_count_holds_the_means_that_a_score_test_does_not_reject(events: int) -> None:
    found, z = count(events), stats.norm.ppf(0.975)
    for bound in (found.low, found.high):
        assert (events - bound) ** 2 == pytest.approx(z * z * bound, rel=1e-6, abs=1e-6)
    assert found.low <= events <= found.high


@pytest.mark.parametrize(
    ("this", "that", "low", "high"),
    # Newcombe 1998, table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_two_shares_has_the_interval_that_newcombe_published(
    this: tuple[int, int], that: tuple[int, int], low: float, high: float
) -> None:
    found = share_change(share(*this), share(*that))
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_a_change_from_nothing_is_none() -> None:
    assert share_change(share(1, 2), share(0, 0)) is None
    assert quantile_change([1, 2, 3], [1, 2, 3], 50) is None


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_change_turned_round_is_the_same_with_the_other_sign(this: int, that: int) -> None:
    found, turned = count_change(this, that), count_change(that, this)
    assert found.low <= found.value == this - that <= found.high
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))


def test_the_change_of_a_median_is_enclosed_by_the_ranks_of_both() -> None:
    # Of 20 observations ranks 5 and 16 enclose the median at 97.5 %: the tails of Binomial(20, 1/2) say so.
    assert sum(math.comb(20, k) for k in range(5)) / 2**20 <= 0.0125 < sum(math.comb(20, k) for k in range(6)) / 2**20
    found = quantile_change(range(1, 21), range(101, 121), 50)
    assert found is not None
    assert (found.value, found.low, found.high) == (-100, 5 - 116, 16 - 105)


def test_no_number_of_events_is_negative() -> None:
    with pytest.raises(ValueError, match="no number of events"):
        count(-1)
