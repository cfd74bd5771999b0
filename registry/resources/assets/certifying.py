"""Rules about the certifications of an asset: which days they have, and how one stands on a day."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, Protocol, TypeVar

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


class Lapsing(Protocol):
    """A certification with the instant at which it lapses."""

    @property
    def code(self) -> str:
        """What it is for."""

    @property
    def lapses_at(self) -> datetime | None:
        """The first instant at which it is no longer valid; None where it does not expire."""


_L = TypeVar("_L", bound=Lapsing)
_NEVER = datetime.max.replace(tzinfo=UTC)


def lapses_at(expires_on: date | None, expires_at: datetime | None) -> datetime | None:
    """The first instant at which a certification is no longer valid; None where it does not expire.

    A date without an instant ends at midnight UTC, which in every mainland zone is before local midnight: the error
    is on the safe side.
    """
    if expires_at is not None or expires_on is None:
        return expires_at
    return datetime.combine(expires_on + timedelta(days=1), time(), UTC)


def first_to_lapse(held: Iterable[_L]) -> _L | None:
    """The certification that determines how long an asset is certified; None when there is none on file.

    Of several with one code the latest counts (it was renewed); of several codes the earliest to expire.
    """
    latest: dict[str, _L] = {}
    for each in held:
        before = latest.get(each.code)
        if before is None or (each.lapses_at or _NEVER) > (before.lapses_at or _NEVER):
            latest[each.code] = each
    return min(latest.values(), key=lambda each: (each.lapses_at or _NEVER, each.code), default=None)


class CertifiedToLend(StrEnum):
    """Whether an asset has the certification that lending it calls for, from the start to the end of a window."""

    NOT_REQUIRED = "not_required"
    CURRENT = "current"
    LAPSES = "lapses"
    NONE_ON_FILE = "none_on_file"


def certified_to_lend(held: Iterable[Lapsing], *, required: bool, until: datetime) -> CertifiedToLend:
    """How the certifications that hold at its start stand at a window's end; as the baseline policies decide."""
    if not required:
        return CertifiedToLend.NOT_REQUIRED
    first = first_to_lapse(held)
    if first is None:
        return CertifiedToLend.NONE_ON_FILE
    return CertifiedToLend.CURRENT if (first.lapses_at or _NEVER) >= until else CertifiedToLend.LAPSES
