"""On which day what is told of an agreement happened. Pure.

A day that an agency names, or on which it does something here, is the day where that agency is. What follows in law
begins and ends by the agreement's clocks, but no sooner than the day of the act by which it does: where the agency's
day begins before the agreement's, the instant from which its act counts is still of the day before by those clocks.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import civil_day, last_day_before, wall_clock


class Days(Struct, kw_only=True, frozen=True):
    """The days of an agreement, as they are told at `now`.

    `zones`: of the agencies that have one. `own`: the day of what a party did, by the instant from which that counts.
    """

    now: datetime
    time_zone: str
    zones: Mapping[UUID, str]
    own: Mapping[datetime, date]

    def of(self, agency_id: UUID, at: datetime) -> date:
        """The day of what the agency did at the instant, where it is."""
        return civil_day(at, self.zones.get(agency_id, self.time_zone))

    def clock(self, agency_id: UUID, at: datetime) -> str:
        """What the clock showed where the agency is."""
        return f"{wall_clock(at, ZoneInfo(self.zones.get(agency_id, self.time_zone))):%H:%M}"

    def first(self, at: datetime) -> date:
        """The first day of what begins at the instant."""
        by_agreement = civil_day(at, self.time_zone)
        return max(by_agreement, self.own.get(at, by_agreement))

    def counts(self, agency_id: UUID, at: datetime) -> date:
        """The day from which what the agency did counts, of which that is the instant."""
        return max(self.first(at), self.of(agency_id, at))

    def last(self, ends_at: datetime) -> date:
        """The last day of what ends at the instant."""
        return last_day_before(ends_at, self.time_zone)

    def of_window(self, window: Interval) -> tuple[date, date | None]:
        """The first and the last day of a stretch; one that is over before its own first day ends has that one."""
        first = self.first(window.start)
        return first, None if window.end is None else max(first, self.last(window.end))

    def is_to_come(self, at: datetime) -> bool:
        """Whether the instant is still to come, so that nothing has happened then."""
        return at > self.now


def own_days(acts: Iterable[tuple[datetime, date]]) -> dict[datetime, date]:
    """Of acts, each with the instant from which it counts, the latest own day by the instant."""
    found: dict[datetime, date] = {}
    for at, day in acts:
        found[at] = max(day, found.get(at, day))
    return found
