"""Rules about rates: by what they count, and which of them holds on a day."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Protocol, TypeVar

from msgspec import Struct

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.text import normal_key


class RateBasis(StrEnum):
    """What an amount is for: an hour or a day of the equipment, a mile, or an hour of a class of personnel."""

    HOUR = "hour"
    DAY = "day"
    MILE = "mile"
    PERSONNEL_HOUR = "personnel_hour"


class HourlyRate(Struct, kw_only=True, frozen=True):
    """A rate by the hour of one asset."""

    effective_on: date
    expires_on: date | None
    amount_minor: int
    currency: str


class Dated(Protocol):
    """Something that holds from a day on, up to and including another day where it has one."""

    @property
    def effective_on(self) -> date:
        """The first day."""

    @property
    def expires_on(self) -> date | None:
        """The last day; None while it holds."""


D = TypeVar("D", bound=Dated)


def rate_on(rates: Iterable[D], day: date) -> D | None:
    """The rate that holds on a day: of those whose days include it, the one that took effect last.

    The rates are those of one thing on one basis. None where no rate holds.
    """
    holding = [each for each in rates if holds_on(each, day)]
    return max(holding, key=lambda each: each.effective_on, default=None)


def holds_on(rate: Dated, day: date) -> bool:
    """Whether the rate's days include the day."""
    return rate.effective_on <= day and (rate.expires_on is None or day <= rate.expires_on)


def check_days(effective_on: date, expires_on: date | None) -> None:
    """Raises RuleBroken for a rate that ends before it begins."""
    if expires_on is not None and expires_on < effective_on:
        raise RuleBroken.at(
            "The last day of a rate must not lie before its first.",
            "rate_reversed",
            "before effective_on",
            pointer="/expires_on",
        )


def check_personnel_class(basis: RateBasis, personnel_class: str | None) -> None:
    """Raises RuleBroken for a rate of personnel without their class, and for any other with one."""
    if (basis is RateBasis.PERSONNEL_HOUR) != (personnel_class is not None):
        raise RuleBroken.at(
            "A rate by the hour of personnel names their class, and no other rate does.",
            "personnel_class_mismatch",
            "goes with the basis personnel_hour, and only with it",
            pointer="/personnel_class",
        )


def subject_key(asset_id: str | None, cost_code: str | None, basis: str, personnel_class: str | None) -> str:
    """What the rate is for, as one text: an agency has one rate for it from any day on.

    A cost code is one in every spelling. It alone may have the sign that stands between the parts, so two keys differ
    wherever what they are for does.
    """
    return "|".join((asset_id or "", normal_key(cost_code or ""), basis, personnel_class or ""))
