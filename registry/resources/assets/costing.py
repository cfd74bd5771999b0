"""What an hour of an asset costs on a day: one answer, whichever of two places says it."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from msgspec import Struct

from registry.resources.rates.rules import HourlyRate, rate_on


class HourlyCost(Struct, kw_only=True, frozen=True):
    """What an hour costs, and what says so; the days are those of the rate."""

    amount_minor: int
    currency: str
    stated_in: Literal["rates", "asset"]
    effective_on: date | None = None
    expires_on: date | None = None


def hourly_cost_on(
    rates: Iterable[HourlyRate], stated_minor: int | None, currency: str, day: date
) -> HourlyCost | None:
    """The asset's own rate that holds on the day; where none does, what its record states; else None.

    A rate goes before the record, since it has its days and its source.
    """
    held = rate_on(rates, day)
    if held is not None:
        return HourlyCost(
            amount_minor=held.amount_minor,
            currency=held.currency,
            stated_in="rates",
            effective_on=held.effective_on,
            expires_on=held.expires_on,
        )
    if stated_minor is None:
        return None
    return HourlyCost(amount_minor=stated_minor, currency=currency, stated_in="asset")
