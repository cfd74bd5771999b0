"""Money: a decimal text on the wire, whole cents inside, never a float and never negative."""

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from registry.platform.kernel.money import Money

LARGEST = 10**15 - 1


@given(st.integers(0, LARGEST))
def test_cents_survive_the_way_out_and_back(minor: int) -> None:
    shown = msgspec.json.encode(Money.from_minor(minor, "USD"))
    assert msgspec.json.decode(shown, type=Money).to_minor() == minor


def test_an_amount_beyond_what_a_float_holds_loses_no_cent() -> None:
    assert Money(amount="9999999999999.99").to_minor() == LARGEST


@pytest.mark.parametrize(
    "amount",
    [
        *("1", "1.5", "1.500", "01.00", "-1.00", "+1.00", "1,000.00", "1e3", "NaN", "Infinity", " 1.00", "1.00\\n"),
        *(".50", "١.٠٠", "1_0.00", "0x1.00", "", "10000000000000.00"),
    ],
)
def test_an_amount_written_otherwise_is_refused(amount: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"amount": "{amount}"}}', type=Money)


@pytest.mark.parametrize("raw", ["12.5", "12", "null", "true"])
def test_a_json_number_is_no_amount(raw: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"amount": {raw}}}', type=Money)


@pytest.mark.parametrize("currency", ["usd", "US", "USDX", "US$", "USD\\n", ""])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"amount": "1.00", "currency": "{currency}"}}', type=Money)
