"""Rules about past loans: of when they can be, how clocks are read, and what either side can do about one.

A past loan is one agency's word about what is over. It holds no asset, rests on no decision and obliges nobody, so the
silence of the other agency never counts, and it may contest it at any time.
"""

import re
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from registry.platform.bulk.fields import RowRefused
from registry.platform.kernel.errors import Fault, Forbidden, WrongStatus
from registry.platform.kernel.time import (
    Window,
    day_after,
    day_starts_at,
    format_instant,
    instant_on_clock,
    on_calendar,
    utc_offset,
    wall_clock,
)


class PastLoanStatus(StrEnum):
    """Where a past loan stands: one side's word, contested by the other, or taken back."""

    REPORTED = "reported"
    CONTESTED = "contested"
    WITHDRAWN = "withdrawn"


class PastLoanOutcome(StrEnum):
    """What became of it: it came back, was lost, or never left, and whose no that was."""

    RETURNED = "returned"
    LOST = "lost"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    DECLINED = "declined"
    UNFILLED = "unfilled"


class PastLoanAction(StrEnum):
    """The actions of people on a past loan."""

    CONTEST = "contest"
    WITHDRAW_CONTEST = "withdraw_contest"
    WITHDRAW = "withdraw"


_S, _A = PastLoanStatus, PastLoanAction
TRANSITIONS: Final[dict[tuple[PastLoanStatus, PastLoanAction], PastLoanStatus]] = {
    (_S.REPORTED, _A.CONTEST): _S.CONTESTED,
    (_S.CONTESTED, _A.WITHDRAW_CONTEST): _S.REPORTED,
    (_S.REPORTED, _A.WITHDRAW): _S.WITHDRAWN,
    (_S.CONTESTED, _A.WITHDRAW): _S.WITHDRAWN,
}
OWN: Final = frozenset({_A.WITHDRAW})
"""What the agency does that took it over; all else is the other side's."""


def advance(status: PastLoanStatus, action: PastLoanAction) -> PastLoanStatus:
    """The status after `action`. Raises WrongStatus when the table has no such transition."""
    after = TRANSITIONS.get((status, action))
    if after is None:
        raise WrongStatus.of("A past loan", status, action)
    return after


def check_whose(action: PastLoanAction, *, own: bool) -> None:
    """Raises Forbidden when `action` is the other agency's; `own` says that the actor's agency took it over."""
    if own and action not in OWN:
        raise Forbidden("It is what your agency says itself: only the other one contests it.", "other_sides_action")
    if not own and action in OWN:
        raise Forbidden("The other agency took it over, and it alone withdraws that.", "other_sides_action")


def check_correctable(status: PastLoanStatus) -> None:
    """Raises WrongStatus for a past loan that was withdrawn: its number is used up."""
    if status is _S.WITHDRAWN:
        raise WrongStatus("It was withdrawn, and is not taken over again: give it another number.")


def refused(detail: str, code: str, pointer: str) -> RowRefused:
    """The refusal of a row, at one of its fields."""
    return RowRefused([Fault(code=code, detail=detail, pointer=pointer)])


class Said(Struct, frozen=True):
    """What a cell says of a time: a day, the time on it where there is one, and how far from UTC where that is said."""

    day: date
    at: time | None
    offset: timedelta | None


_DAY: Final = r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})|(?P<us_m>\d{1,2})/(?P<us_d>\d{1,2})/(?P<us_y>\d{4})"
_TIME: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.0+)?)? ?(?P<half>[AaPp])?(?:\.?[Mm]\.?)?"
_OFFSET: Final = r"(?P<utc>[Zz])|(?P<sign>[+-])(?P<off_hour>\d{2}):?(?P<off_minute>\d{2})"
_SAID: Final = re.compile(rf"(?:{_DAY})(?:[T ]+{_TIME} ?(?:{_OFFSET})?)?", re.ASCII)
EXPECTED: Final = "a day as 2023-07-04 or 7/4/2023, alone or with a time as 08:30 or 8:30 AM, and perhaps -05:00"


def read_said(text: str, pointer: str) -> Said:
    """What a cell says. `7/4/2023` is the fourth of July. Raises RowRefused for what is no day or time."""
    found = _SAID.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError(text)
        parts = found.groupdict()
        year, month, day = (int(parts[name] or parts[f"us_{name}"]) for name in ("y", "m", "d"))
        return Said(date(year, month, day), _time(parts), _offset(parts))
    except ValueError:
        raise refused(f"This is no time: write {EXPECTED}.", "not_a_time", pointer) from None


def _time(parts: dict[str, str | None]) -> time | None:
    if parts["hour"] is None:
        return None
    hour = int(parts["hour"])
    if parts["half"] is not None:
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        hour = hour % 12 + (12 if parts["half"] in "Pp" else 0)
    return time(hour, int(parts["minute"] or 0), int(parts["second"] or 0))


def _offset(parts: dict[str, str | None]) -> timedelta | None:
    if parts["utc"] is not None:
        return timedelta()
    if parts["sign"] is None:
        return None
    ahead = timedelta(hours=int(parts["off_hour"] or 0), minutes=int(parts["off_minute"] or 0))
    if ahead > timedelta(hours=14):
        raise ValueError(ahead)
    return ahead if parts["sign"] == "+" else -ahead


def past_window(start: str, end: str, zone: ZoneInfo, now: datetime) -> Window:
    """The window that the two cells say, by the clocks of that zone unless they say how far they are from UTC.

    A day without a time begins and ends where it does there. Raises RowRefused for what cannot be read, a time that the
    clocks skip or show twice, an end before its start, and a window that is not over.
    """
    window = Window(start=_instant(start, zone, "/start", last=False), end=_instant(end, zone, "/end", last=True))
    if window.end <= window.start:
        raise refused("It ends before it begins.", "window_reversed", "/end")
    if window.end > now:
        raise refused(
            f"It is not over: it ends at {format_instant(window.end)}. What is still to come, or under way, is asked "
            "for and reserved here, so that it collides with nothing.",
            "not_past",
            "/end",
        )
    return window.checked("")


def _instant(text: str, zone: ZoneInfo, pointer: str, *, last: bool) -> datetime:
    said = read_said(text, pointer)
    if not on_calendar(said.day):
        words = "Give a day between the years 1900 and 2200."
        raise refused(words, "date_out_of_range", pointer)
    if said.at is None:
        return day_starts_at(day_after(said.day) if last else said.day, zone)
    shown = datetime.combine(said.day, said.at)
    if said.offset is not None:
        return shown.replace(tzinfo=timezone(said.offset))
    found = instant_on_clock(shown, zone)
    if wall_clock(found, zone) != shown:
        raise refused(
            f"The clocks of {zone.key} skipped {shown:%Y-%m-%d %H:%M} when they were put forward: write the time that "
            "they showed.",
            "clock_skipped",
            pointer,
        )
    if instant_on_clock(shown, zone, last=True) != found:
        raise refused(
            f"The clocks of {zone.key} showed {shown:%Y-%m-%d %H:%M} twice when they were put back: write how far "
            f"it is from UTC behind it, as {utc_offset(found, zone)}.",
            "clock_twice",
            pointer,
        )
    return found
