"""Rules about the certifications of an asset: which days they have, and how one stands on a day."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Protocol

from registry.platform.kernel.errors import RuleBroken

EXPIRING: Final = timedelta(days=30)
"""How long before its last valid day a certification counts as expiring: time to hold another test."""


class Certified(Protocol):
    """A certification's days."""

    @property
    def issued_on(self) -> date | None:
        """The day on which it was issued."""

    @property
    def effective_on(self) -> date | None:
        """The first valid day, where that is another."""

    @property
    def expires_on(self) -> date | None:
        """The last valid day; None where it does not expire."""


class CertificationStatus(StrEnum):
    """How a certification stands on a day, or from one day up to another; what is better comes later."""

    EXPIRED = "expired"
    NOT_YET = "not_yet"
    EXPIRING = "expiring"
    CURRENT = "current"


def first_day(held: Certified) -> date | None:
    """The first valid day: the one that is stated, else the day of issue."""
    return held.effective_on or held.issued_on


def status_during(held: Certified, first: date, last: date) -> CertificationStatus:
    """How a certification stands from the first day up to and including the last.

    It is current only where it is valid on both.
    """
    begins = first_day(held)
    if begins is not None and begins > first:
        return CertificationStatus.NOT_YET
    if held.expires_on is None:
        return CertificationStatus.CURRENT
    if held.expires_on < last:
        return CertificationStatus.EXPIRED
    return CertificationStatus.EXPIRING if held.expires_on < last + EXPIRING else CertificationStatus.CURRENT


def check_certification_days(held: Certified, pointer: str) -> None:
    """Raises RuleBroken for a certification whose last valid day lies before its first, or before its issue."""
    begins = max(filter(None, (held.issued_on, held.effective_on)), default=None)
    if begins is not None and held.expires_on is not None and held.expires_on < begins:
        named = "effective_on" if begins == held.effective_on else "issued_on"
        raise RuleBroken.at(
            "A certification must expire on or after the day on which it is issued and takes effect.",
            "certification_reversed",
            f"before {named}",
            pointer=f"{pointer}/expires_on",
        )
