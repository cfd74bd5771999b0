"""Whether a named day has come or is over, where two time zones are involved.

A user means the day in the time zone of their agency, but its legal effect follows the agreement's time zone. So a day
lies in the future only while it has not begun in either zone, and it is over only once it has ended in both.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import civil_day, day_starts_at


class Today(Struct, kw_only=True, frozen=True):
    """The instant `now` as a day in two time zones: the acting agency's, and the agreement's."""

    now: datetime
    agency_zone: str
    agreement_zone: str

    @property
    def at_agency(self) -> date:
        """The current day in the agency's time zone."""
        return civil_day(self.now, self.agency_zone)

    @property
    def by_agreement(self) -> date:
        """The current day in the agreement's time zone, which counts in law."""
        return civil_day(self.now, self.agreement_zone)

    @property
    def later(self) -> date:
        """The later of the two: a period that counts from today is not over before it is by either."""
        return max(self.at_agency, self.by_agreement)

    def has_come(self, day: date) -> bool:
        """Whether the day has begun in at least one of the zones."""
        return day <= self.later

    def is_over(self, day: date) -> bool:
        """Whether the day has ended in both zones."""
        return day < min(self.at_agency, self.by_agreement)

    def counts_from(self, day: date) -> datetime:
        """From when an act counts that the agency did on that day: as the day began where the agency is, never later.

        By the agreement's clocks it may have begun before, when nobody there can have acted yet. Never after `now`.
        """
        return min(day_starts_at(day, ZoneInfo(self.agency_zone)), self.now)

    def __str__(self) -> str:
        """The current day in each zone, as a sentence."""
        there = f"It is {self.at_agency} where the agency is ({self.agency_zone})"
        if self.agency_zone == self.agreement_zone:
            return f"{there}."
        return f"{there} and {self.by_agreement} by the agreement's time zone ({self.agreement_zone})."

    def check_come(self, day: date, pointer: str, code: str, rule: str) -> None:
        """Raises RuleBroken, with the rule and the current day in each zone, for a day that has not begun."""
        if not self.has_come(day):
            raise RuleBroken.at(f"{rule} {self}", code, f"{day} is yet to come", pointer=pointer)
