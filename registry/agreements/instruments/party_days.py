"""Of which texts a party's days are: until when it is bound, how its term runs, and how long its notice is.

They are of the texts that bind it and not of the agreement's own: of an amendment that it did not sign no day concerns
it. Where several bind it, to different others, it is bound as long as the longest, and its notice runs as long as the
longest. What suspends it for a while, or an approval that is lacking, changes no day of a text.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from registry.agreements.instruments.histories import AgreementDates, BoundWindow, PartyHistory, TextWindow
from registry.agreements.instruments.in_force import K, bound_windows
from registry.agreements.instruments.notice import Period, last_notice_day
from registry.agreements.instruments.term_days import Renewal, term_ends
from registry.platform.kernel.time import civil_day, day_ends_at

_NEVER = datetime.max.replace(tzinfo=UTC)


class PartyDays(Struct, kw_only=True, frozen=True):
    """The places of the texts that say until when a party is bound, which term runs, and how long its notice is.

    `over_at`: when the text of the running term binds it no more, where that is known.
    """

    last: int
    running: int
    notice: int
    over_at: datetime | None


def lasting_windows(
    dates: AgreementDates,
    parties: Mapping[K, PartyHistory],
    bound: Mapping[K, tuple[BoundWindow, ...]] | None = None,
) -> Mapping[K, tuple[BoundWindow, ...]]:
    """By party when each text binds it, as `bound_windows`, whatever interrupts that for a while.

    `bound` are the windows with the interruptions, where they are known; these themselves, where there are none.
    """
    whole = replace(dates, suspensions=())
    unbroken = {
        each: replace(
            party,
            unanswered=(),
            suspensions=(),
            approvals=None,
            approval_needed=None,
            each_text_needed=(),
            verbal=None,
        )
        for each, party in parties.items()
    }
    if bound is not None and whole == dates and unbroken == parties:
        return bound
    return bound_windows(whole, unbroken)


def party_days(
    dates: AgreementDates,
    windows: Sequence[TextWindow],
    notices: Sequence[Period | None],
    at: datetime,
    day: date,
) -> PartyDays | None:
    """Of which texts the party's days are at the instant, which is on that day; None for one that none ever binds.

    `windows`: its own, of `lasting_windows`; `notices`: what it gives by each text, None where that is silent, which is
    longer than any. Before the first text, that one is meant; in a gap and after the end the last that bound it.
    """
    if not windows:
        return None
    last = max(windows, key=lambda each: _length(dates, each)).text
    there = _binding(windows, at)
    running = max(there, key=lambda each: (each.text == last, _length(dates, each)))

    def notice_of(window: TextWindow) -> tuple[bool, date, bool, tuple[datetime, datetime, int]]:
        period = notices[window.text]
        until = day if period is None else period.after(day)
        return period is None, until, window.text == running.text, _length(dates, window)

    notice = max(there, key=notice_of).text
    over_at = max((each.end or _NEVER for each in there if each.text == running.text), default=_NEVER)
    return PartyDays(last=last, running=running.text, notice=notice, over_at=None if over_at == _NEVER else over_at)


def days_to_come(
    dates: AgreementDates,
    windows: Sequence[TextWindow],
    notices: Sequence[Period | None],
    now: datetime,
    day: date,
) -> tuple[PartyDays | None, datetime | None]:
    """As `party_days`, from when the text binds that binds it longest; and the next instant at which they change."""

    def then(at: datetime) -> PartyDays | None:
        last = max(windows, key=lambda each: _length(dates, each), default=None)
        return None if last is None else party_days(dates, windows, notices, max(at, last.start), day)

    found = then(now)
    turns = (at for at in _edges(windows) if at > now)
    changed = (
        at for at in turns if (its := then(at)) and found and (its.last, its.notice) != (found.last, found.notice)
    )
    return found, next(changed, None)


def _length(dates: AgreementDates, window: TextWindow) -> tuple[datetime, datetime, int]:
    """How long a window binds; of two that end at once, which text would, else which takes effect last."""
    ends_at = dates.ends_at if window.text == 0 else dates.amendments[window.text - 1].ends_at
    return window.end or _NEVER, ends_at or _NEVER, dates.by_effect.index(window.text)


def _binding(windows: Sequence[TextWindow], at: datetime) -> list[TextWindow]:
    """Those that contain the instant; else the last that did, or before all the first to come."""
    there = [each for each in windows if each.contains(at)]
    if there:
        return there
    begun = [each for each in windows if each.start <= at]
    if begun:
        until = max(each.end or _NEVER for each in begun)
        return [each for each in begun if (each.end or _NEVER) == until]
    first = min(each.start for each in windows)
    return [each for each in windows if each.start == first]


def _edges(windows: Sequence[TextWindow]) -> Iterator[datetime]:
    yield from sorted({at for each in windows for at in (each.start, each.end) if at is not None})


def notice_day_let_pass(
    expires_on: date,
    renewal: Renewal,
    period: Period,
    since: datetime,
    now: datetime,
    free_at: datetime,
    time_zone: str,
) -> date | None:
    """A last day to give notice that ended after `since` and by `now`, and by which a party is bound past `free_at`.

    It let that day go by when another's notice was to free it at that instant. None where there is none such: the
    text renews itself no more, or binds the party no longer than that either way.
    """
    for ends_on, renewed_until in pairwise(term_ends(expires_on, renewal, civil_day(since, time_zone))):
        last = last_notice_day(ends_on, period)
        closes_at = day_ends_at(last, time_zone)
        if closes_at > now:
            return None
        if closes_at > since and free_at < day_ends_at(renewed_until, time_zone):
            return last
    return None
