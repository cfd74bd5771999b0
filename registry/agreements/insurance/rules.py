"""When an agency is insured, from the certificates on file."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import day_starts_at

_DAY = timedelta(days=1)


class InsuranceKind(StrEnum):
    """What a certificate covers."""

    GENERAL_LIABILITY = "general_liability"
    LAW_ENFORCEMENT_LIABILITY = "law_enforcement_liability"
    SELF_INSURANCE = "self_insurance"
    AUTO_LIABILITY = "auto_liability"
    PROFESSIONAL_LIABILITY = "professional_liability"
    WORKERS_COMPENSATION = "workers_compensation"


class RetiredBecause(StrEnum):
    """Why a certificate no longer counts."""

    CANCELLED = "cancelled"
    REPLACED = "replaced"
    ENTERED_IN_ERROR = "entered_in_error"


# Which kinds prove that an agency carries liability insurance; a letter of self-insurance, or of a risk pool, stands in
# for a policy. Have counsel review.
LIABILITY: Final = frozenset(
    {InsuranceKind.GENERAL_LIABILITY, InsuranceKind.LAW_ENFORCEMENT_LIABILITY, InsuranceKind.SELF_INSURANCE}
)


class Cover(Struct, frozen=True):
    """The days, first and last included, on which something is covered."""

    starts_on: date
    through: date


def covered(effective_on: date, expires_on: date, retired_on: date | None) -> Cover | None:
    """The days that a certificate covers; none when it was retired before its first was over.

    A policy that is cancelled or replaced ends before the day on which that was entered; what was entered in error
    never counted and is not asked about here.
    """
    through = expires_on if retired_on is None else min(expires_on, retired_on - _DAY)
    return Cover(effective_on, through) if through >= effective_on else None


def joined(covers: Iterable[Cover]) -> list[Cover]:
    """The same days as stretches without gaps, in order: a certificate that begins the day after another carries on."""
    found: list[Cover] = []
    for cover in sorted(covers, key=lambda each: each.starts_on):
        if found and cover.starts_on <= found[-1].through + _DAY:
            last = found.pop()
            cover = Cover(last.starts_on, max(last.through, cover.through))
        found.append(cover)
    return found


def covered_through(covers: Iterable[Cover], today: date) -> date | None:
    """The last day of the stretch that holds `today`, else of the latest before it; None where none has begun."""
    begun = [cover.through for cover in joined(covers) if cover.starts_on <= today]
    return begun[-1] if begun else None


def insured_during(covers: Iterable[Cover], start: datetime, end: datetime, time_zone: str | None) -> bool:
    """Whether one stretch holds the whole window [start, end), in the agency's time zone.

    Where that is unknown a day counts from the last place on earth where it begins to the end of the UTC day, which in
    every mainland zone comes before the local one: the error is on the safe side.
    """
    first = ZoneInfo(time_zone or "Etc/GMT+12")
    last = ZoneInfo(time_zone or "UTC")
    return any(
        day_starts_at(cover.starts_on, first) <= start and end <= day_starts_at(cover.through + _DAY, last)
        for cover in joined(covers)
    )


def checked_term(effective_on: date, expires_on: date) -> None:
    """Raises RuleBroken for a certificate that covers no day."""
    if expires_on < effective_on:
        detail = "The last day of a certificate must not lie before its first."
        raise RuleBroken.at(detail, "expires_too_early", "before effective_on", pointer="/expires_on")


def retired(already: str | None, because: RetiredBecause) -> RetiredBecause:
    """What a certificate is retired as. Raises WrongStatus for one that is retired already."""
    if already is not None:
        raise WrongStatus(f"The certificate is retired already ({already}).")
    return because
