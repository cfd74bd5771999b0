"""When an agreement binds a party: from dates, signatures, notices and approvals to windows of instants.

Two agencies have an agreement in force at an instant when both have a window that contains it. Windows are
half-open, [start, end), and computed from the whole history each time, so no order of events can leave one
behind.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
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


class AmendedText(msgspec.Struct, kw_only=True, frozen=True):
    """When a later version, an amendment or a renewal, was executed, and from when until when it means to hold."""

    executed_at: datetime
    starts_at: datetime
    ends_at: datetime | None = None


class AgreementDates(msgspec.Struct, kw_only=True, frozen=True):
    """The dates that all parties share: of the original text, of what amended it, and of the whole."""

    executed_at: datetime | None
    starts_at: datetime
    ends_at: datetime | None = None
    # In the order of their version numbers.
    amendments: tuple[AmendedText, ...] = ()
    # Terminated or superseded; may lie in the future (termination with notice).
    ended_at: datetime | None = None
    # One that has not been lifted has no end.
    suspensions: tuple[Interval, ...] = ()

    @property
    def last_ends_at(self) -> datetime | None:
        """The end that the newest executed version gives the agreement."""
        return self.amendments[-1].ends_at if self.amendments else self.ends_at


class TextWindow(Interval, kw_only=True, frozen=True):
    """A stretch in which one version is the text: 0 is the original, n the n-th amendment."""

    text: int = 0


class VerbalActivation(msgspec.Struct, kw_only=True, frozen=True):
    """An agreement set in motion by word of mouth, to be ratified in writing by a deadline."""

    ratify_by: datetime
    ratified_at: datetime | None = None


class PartyHistory(msgspec.Struct, kw_only=True, frozen=True):
    """What one agency did as a party."""

    # The instant at which the agency signed, confirmed or gave its word for itself; nobody else can bind it.
    joined_at: datetime | None
    # When the notice that it gave has run out.
    leaves_at: datetime | None = None
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


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later; the month's last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def term_end(first_ends_on: date, months: int) -> date:
    """The last day of the term that ends `months` after the first one.

    A term begins on the day after the one before and lasts whole months, so that is the day which is moved: half a year
    after 30 June ends on 31 December, a year after 28 February 2027 on the 29th of 2028.
    """
    return add_months(first_ends_on + timedelta(days=1), months) - timedelta(days=1)


class Renewal(msgspec.Struct, kw_only=True, frozen=True):
    """A term that goes on by itself: by how many months, and how often at most (None: without end)."""

    months: int
    times: int | None = None


def last_day(expires_on: date | None, renewal: Renewal | None) -> date | None:
    """The last day that renewals can reach; None where there is none.

    Each term's end is counted from the first one's, so that 31 January is not worn down to the 28th.
    """
    if expires_on is None or renewal is None:
        return expires_on
    return None if renewal.times is None else term_end(expires_on, renewal.months * renewal.times)


def term_ends(expires_on: date, renewal: Renewal | None, not_before: date) -> Iterator[date]:
    """The last days of the terms that end on `not_before` or later, in order; without end where renewals are."""
    number, step = 0, renewal.months if renewal else 0
    if step and not_before > expires_on:
        number = max(((not_before.year - expires_on.year) * 12 + not_before.month - expires_on.month) // step - 1, 0)
    while renewal is not None or number == 0:
        if renewal is not None and renewal.times is not None and number > renewal.times:
            return
        ends_on = term_end(expires_on, number * step)
        if ends_on > LATEST.date():
            return
        if ends_on >= not_before:
            yield ends_on
        number += 1


def text_windows(dates: AgreementDates) -> tuple[TextWindow, ...]:
    """Which version is the text when: each from its execution and effective date until a later one takes its place.

    In order, disjoint, not empty. A version that was replaced does not come back when the one after it expires.
    """
    if dates.executed_at is None:
        return ()
    original = AmendedText(executed_at=dates.executed_at, starts_at=dates.starts_at, ends_at=dates.ends_at)
    texts = (original, *dates.amendments)
    begins = [max(text.executed_at, text.starts_at) for text in texts]
    windows = (
        TextWindow(text=n, start=begins[n], end=_earliest(text.ends_at, dates.ended_at, *begins[n + 1 :]))
        for n, text in enumerate(texts)
    )
    return tuple(window for window in windows if not window.is_empty())


def party_windows(dates: AgreementDates, party: PartyHistory) -> tuple[TextWindow, ...]:
    """The windows in which one party is bound, each by one version: disjoint, in order; none when it never is.

    Bound is: executed, effective and not expired, not ended, not suspended; joined, and not past the end of
    its notice; its governing body's approval present where local law makes that a condition of validity; and,
    after an activation by word of mouth, not past the deadline without ratification (a late ratification binds
    from then on, not backwards).
    """
    if party.joined_at is None:
        return ()
    found: list[TextWindow] = []
    for window in text_windows(dates):
        start = max(window.start, party.joined_at)
        span = Interval(start=start, end=_earliest(window.end, party.leaves_at))
        breaks = list(dates.suspensions)
        if party.approvals is not None:
            breaks.extend(_remaining(span, party.approvals))
        if party.verbal is not None:
            breaks.append(Interval(start=party.verbal.ratify_by, end=party.verbal.ratified_at))
        found.extend(TextWindow(text=window.text, start=s.start, end=s.end) for s in _remaining(span, breaks))
    return tuple(found)


def bound_until(windows: Sequence[TextWindow]) -> tuple[datetime | None, ...]:
    """For each window of a party, in order, when it stops being bound: where no other window follows at once."""
    found: list[datetime | None] = []
    for n in reversed(range(len(windows))):
        goes_on = n + 1 < len(windows) and windows[n].end == windows[n + 1].start
        found.append(found[-1] if goes_on else windows[n].end)
    return tuple(reversed(found))


def force_windows(parties: Iterable[Sequence[Interval]]) -> tuple[Interval, ...]:
    """When at least two parties are bound at once: disjoint, not touching, in order."""
    change: dict[datetime, int] = {}
    for windows in parties:
        for window in windows:
            change[window.start] = change.get(window.start, 0) + 1
            if window.end is not None:
                change[window.end] = change.get(window.end, 0) - 1
    found: list[Interval] = []
    bound, since = 0, None
    for at in sorted(change):
        bound += change[at]
        if bound >= 2 and since is None:
            since = at
        elif bound < 2 and since is not None:
            found.append(Interval(start=since, end=at))
            since = None
    return (*found, Interval(start=since)) if since is not None else tuple(found)


def _earliest(*ends: datetime | None) -> datetime | None:
    return min((end for end in ends if end is not None), default=None)


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
