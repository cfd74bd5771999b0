"""Which rate holds on a day."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from registry.platform.kernel.errors import RuleBroken
from registry.resources.rates.rules import RateBasis, check_days, check_personnel_class, rate_on, subject_key


class Rate(Struct, kw_only=True, frozen=True):
    effective_on: date
    expires_on: date | None = None


JULY, AUGUST, SEPTEMBER = date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1)


def test_the_rate_that_took_effect_last_holds() -> None:
    old, new = Rate(effective_on=JULY), Rate(effective_on=AUGUST)
    assert rate_on([new, old], date(2026, 7, 31)) == old
    assert rate_on([old, new], AUGUST) == new
    assert rate_on([old, new], date(2026, 6, 30)) is None


def test_both_ends_belong_to_a_rate_and_an_older_one_without_end_holds_again_after_it() -> None:
    always, for_august = Rate(effective_on=JULY), Rate(effective_on=AUGUST, expires_on=date(2026, 8, 31))
    assert rate_on([always, for_august], AUGUST) == for_august
    assert rate_on([always, for_august], date(2026, 8, 31)) == for_august
    assert rate_on([always, for_august], SEPTEMBER) == always
    assert rate_on([for_august], SEPTEMBER) is None


days = st.dates(date(2026, 1, 1), date(2026, 3, 1))


@given(
    st.lists(st.builds(Rate, effective_on=days, expires_on=st.none() | days), unique_by=lambda r: r.effective_on), days
)
def test_the_order_in_which_rates_come_makes_no_difference(rates: list[Rate], day: date) -> None:
    found = rate_on(rates, day)
    assert rate_on(rates[::-1], day) == found
    if found is not None:
        assert found.effective_on <= day
        assert found.expires_on is None or day <= found.expires_on


def test_a_rate_does_not_end_before_it_begins() -> None:
    check_days(JULY, JULY)
    with pytest.raises(RuleBroken):
        check_days(AUGUST, JULY)


def test_a_class_of_personnel_goes_with_its_basis_alone() -> None:
    check_personnel_class(RateBasis.PERSONNEL_HOUR, "deputy")
    check_personnel_class(RateBasis.MILE, None)
    for basis, personnel in ((RateBasis.HOUR, "deputy"), (RateBasis.PERSONNEL_HOUR, None)):
        with pytest.raises(RuleBroken):
            check_personnel_class(basis, personnel)


def test_one_key_of_a_rate_for_every_spelling_of_its_cost_code() -> None:
    assert subject_key(None, " 8010a", "hour", None) == subject_key(None, "８010A", "hour", None)
    assert subject_key(None, "a|b", "hour", None) != subject_key(None, "a b", "hour", None)
    assert subject_key(None, None, "hour", None) != subject_key(None, None, "day", None)
