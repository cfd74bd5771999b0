"""When an agreement binds a party: from dates, signatures, notices and approvals to windows of instants.

Two agencies have an agreement in force at an instant when both have a window that contains it. Windows are
half-open, [start, end), and computed from the whole history each time, so no order of events can leave one
behind.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from registry.kernel.errors import RuleBroken
from registry.kernel.time import EARLIEST, LATEST, known_zone


class Interval(msgspec.Struct, kw_only=True, frozen=True):
    """The half-open stretch [start, end) of UTC instants; `end` None means without end."""

    start: datetime
    end: datetime | None = None

    def contains(self, at: datetime) -> bool:
        """Whether `at` lies in it: the start does, the end does not."""
        return self.start <= at and (self.end is None or at < self.end)

    def is_empty(self) -> bool:
        """Whether it contains no instant at all."""
        return self.end is not None and self.end <= self.start


class AgreementDates(msgspec.Struct, kw_only=True, frozen=True):
    """The dates that all parties of an agreement version share."""

    executed_at: datetime | None
    starts_at: datetime
    ends_at: datetime | None = None
    # Terminated, superseded, or this version replaced by the next; may lie in the future (termination with
    # notice).
    ended_at: datetime | None = None
    # One that has not been lifted has no end.
    suspensions: tuple[Interval, ...] = ()


class VerbalActivation(msgspec.Struct, kw_only=True, frozen=True):
    """An agreement set in motion by word of mouth, to be ratified in writing by a deadline."""

    ratify_by: datetime
    ratified_at: datetime | None = None


class PartyHistory(msgspec.Struct, kw_only=True, frozen=True):
    """What one agency did as a party. One that left and joined again has a history for each membership."""

    # The instant at which the agency signed or confirmed for itself; nobody else can bind it.
    joined_at: datetime | None
    notice_given_on: date | None = None
    notice_days: int = 0
    # When a governing body's approval was present: None where local law asks for none, empty where it is
    # lacking.
    approvals: tuple[Interval, ...] | None = None
    verbal: VerbalActivation | None = None


def day_starts_at(day: date, zone: ZoneInfo) -> datetime:
    """The first instant that exists of the civil day `day`, in UTC.

    Where clocks go back over midnight, the first of its two midnights; where they go forward over it, the
    instant of the change; where the whole day was skipped (Apia, 2011-12-30), the first instant of the next.
    So the end of one day is always the start of the next. Raises RuleBroken outside 1900–2200.
    """
    midnight = datetime.combine(_checked(day), time())
    first = midnight.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == midnight:
        return first
    # Midnight falls into a gap: read with the offset after it, it lies before the change; with the one
    # before, after.
    low, high = (int(midnight.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (1, 0))
    while low < high:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).replace(tzinfo=None) < midnight:
            low = middle + 1
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def utc_bounds(effective_on: date, expires_on: date | None, time_zone: str) -> tuple[datetime, datetime | None]:
    """The instants [starts_at, ends_at) of an agreement's civil dates in its own IANA time zone.

    It begins as `effective_on` begins and, as `expires_on` is its last day, ends as the day after begins;
    without `expires_on` it has no end. Raises RuleBroken for an unknown zone, a date outside 1900–2200 and an
    expiry that leaves no day.
    """
    zone = known_zone(time_zone, "/time_zone")
    starts_at = day_starts_at(effective_on, zone)
    if expires_on is None:
        return starts_at, None
    ends_at = day_starts_at(_day_after(expires_on), zone)
    if ends_at <= starts_at:
        raise RuleBroken(
            "The expiry date must not lie before the effective date; it is the last day in force.",
            "expires_too_early",
        )
    return starts_at, ends_at


def checked_notice_days(days: int) -> int:
    """`days` itself; raises RuleBroken unless it is a notice period of 0 to 3,650 days (ten years)."""
    if not 0 <= days <= 3_650:
        raise RuleBroken("A notice period is 0 to 3,650 days.", "notice_days_out_of_range")
    return days


def withdrawal_ends_at(notice_given_on: date, notice_days: int, time_zone: str) -> datetime:
    """The instant at which a party that gave notice of withdrawal is no longer bound.

    The day of the notice is not counted and the last day of the period is included, as courts count days (for
    instance Federal Rule of Civil Procedure 6(a)(1)): thirty days' notice given on 1 June binds through 1
    July. An agreement that counts otherwise says so in its notice period; have counsel review. Raises
    RuleBroken for a period beyond 0–3,650 days or a date outside 1900–2200.
    """
    last_day = _checked(notice_given_on) + timedelta(days=checked_notice_days(notice_days))
    return day_starts_at(_day_after(last_day), ZoneInfo(time_zone))


def party_windows(dates: AgreementDates, party: PartyHistory, time_zone: str) -> tuple[Interval, ...]:
    """The windows in which one party is bound: disjoint, not touching, in order; none when it never is.

    Bound is: executed, effective and not expired, not ended, not suspended; joined, and not past the end of
    its notice of withdrawal; its governing body's approval present where local law makes that a condition of
    validity; and, after an activation by word of mouth, not past the deadline without ratification (a late
    ratification binds from then on, not backwards). `time_zone` is the agreement's, in which notice periods
    are counted.
    """
    if dates.executed_at is None or party.joined_at is None:
        return ()
    ends = [end for end in (dates.ends_at, dates.ended_at) if end is not None]
    if party.notice_given_on is not None:
        ends.append(withdrawal_ends_at(party.notice_given_on, party.notice_days, time_zone))
    span = Interval(start=max(dates.executed_at, dates.starts_at, party.joined_at), end=min(ends) if ends else None)
    breaks = list(dates.suspensions)
    if party.approvals is not None:
        breaks.extend(_remaining(span, party.approvals))
    if party.verbal is not None:
        breaks.append(Interval(start=party.verbal.ratify_by, end=party.verbal.ratified_at))
    return _remaining(span, breaks)


def _remaining(span: Interval, taken: Iterable[Interval]) -> tuple[Interval, ...]:
    """What is left of `span` without `taken`, whose intervals may overlap, be empty and come in any order."""
    if span.is_empty():
        return ()
    left: list[Interval] = []
    free_from = span.start
    for block in sorted((block for block in taken if not block.is_empty()), key=lambda block: block.start):
        if span.end is not None and block.start >= span.end:
            break
        if block.start > free_from:
            left.append(Interval(start=free_from, end=block.start))
        if block.end is None:
            return tuple(left)
        free_from = max(free_from, block.end)
    if span.end is None or free_from < span.end:
        left.append(Interval(start=free_from, end=span.end))
    return tuple(left)


def _checked(day: date) -> date:
    if not EARLIEST.date() <= day <= LATEST.date():
        raise RuleBroken("Give a date between the years 1900 and 2200.", "date_out_of_range")
    return day


def _day_after(day: date) -> date:
    return _checked(day) + timedelta(days=1)
