"""Instants, civil days and windows.

An instant is an aware `datetime` in UTC between 1900 and 2200. A civil day is never converted between time zones. A
window is half-open, so that consecutive bookings do not overlap. The clock is read once per request, at the edge. The
day of an instant depends on a place; only `civil_day` computes it.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Meta, Struct

from registry.platform.kernel.errors import RuleBroken

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
LONGEST_WINDOW = timedelta(days=5 * 366)
FIRST_DAY, LAST_DAY = EARLIEST.date(), LATEST.date()
_DAY = timedelta(days=1)

INSTANT_FORM = "RFC 3339 instant with an offset; stored and shown in UTC."
DAY_FORM = "Calendar date, never shifted through a time zone."

Instant = Annotated[
    datetime,
    Meta(
        tz=True,
        description=INSTANT_FORM,
        examples=["2026-07-04T18:00:00Z"],
    ),
]
CivilDate = Annotated[date, Meta(description=DAY_FORM, examples=["2026-07-04"])]
ActDay = Annotated[
    date,
    Meta(
        description="The day of the act, in the agency's time zone. It must have begun there, or in the agreement's "
        "time zone.",
        examples=["2026-07-04"],
    ),
]


def utc_now() -> datetime:
    """The current instant. The clock is read nowhere else."""
    return datetime.now(UTC)


def civil_day(at: datetime, time_zone: str) -> date:
    """The calendar day of `at` in that IANA zone."""
    return at.astimezone(ZoneInfo(time_zone)).date()


def minute_of_day(at: datetime, time_zone: str) -> int:
    """The minutes that the clocks of that IANA zone show since midnight."""
    there = at.astimezone(ZoneInfo(time_zone))
    return there.hour * 60 + there.minute


def written_day(written: datetime) -> date:
    """The day of a date and time written without a zone, as in a spreadsheet's cell.

    Raises ValueError for an aware `datetime`, whose day depends on the place.
    """
    if written.tzinfo is not None:
        raise ValueError("use civil_day for the day of an instant")
    return written.date()


def format_instant(at: datetime) -> str:
    """Fixed-width RFC 3339 text, so that text order is time order.

    Raises ValueError for a naive value: guessing a zone would store a wrong instant.
    """
    if at.tzinfo is UTC:
        return _formatted(at)
    if at.tzinfo is None:
        raise ValueError("an instant needs a UTC offset")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@lru_cache(maxsize=64)
def _formatted(at: datetime) -> str:
    """Kept, since the moment of a change stands in all rows that it writes. `at` is in UTC itself."""
    return at.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def checked_instant(at: datetime, pointer: str) -> datetime:
    """`at` in UTC. Raises RuleBroken outside 1900–2200, where conversions overflow and a typing error is likely."""
    if not EARLIEST.replace(tzinfo=None) <= at.replace(tzinfo=None) <= LATEST.replace(tzinfo=None):
        raise RuleBroken.at(
            "Give an instant between the years 1900 and 2200.",
            "instant_out_of_range",
            "not between 1900 and 2200",
            pointer=pointer,
        )
    return at.astimezone(UTC)


def known_end(at: datetime) -> datetime | None:
    """`at` as an end that is told or counted with; None for what is kept as the latest instant, since it has no end."""
    return None if at >= LATEST else at


class Window(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The half-open interval [start, end)."""

    start: Instant
    end: Instant

    def checked(self, pointer: str = "") -> "Window":
        """The same window in UTC.

        Raises RuleBroken when it is empty, reversed, out of range or longer than five years.
        """
        window = Window(
            start=checked_instant(self.start, f"{pointer}/start"), end=checked_instant(self.end, f"{pointer}/end")
        )
        if window.start >= window.end:
            raise RuleBroken.at(
                "The window's end must lie after its start.",
                "window_reversed",
                "not after the start",
                pointer=f"{pointer}/end",
            )
        if window.end - window.start > LONGEST_WINDOW:
            raise RuleBroken.at(
                "A window spans at most five years.", "window_too_long", "over five years", pointer=f"{pointer}/end"
            )
        return window


@cache
def _zones() -> frozenset[str]:
    """Area/Location names and UTC; `localtime`, `Factory` and similar names depend on the machine."""
    return frozenset(name for name in available_timezones() if "/" in name) | {"UTC"}


def known_zone(name: str, pointer: str) -> ZoneInfo:
    """The IANA zone called `name`. Raises RuleBroken when there is none."""
    if name not in _zones():
        raise RuleBroken.at(
            f"“{name[:60]}” is not an IANA time zone such as America/Chicago.",
            "unknown_time_zone",
            "not an IANA time zone name",
            pointer=pointer,
        )
    return ZoneInfo(name)


def checked_day(day: date) -> date:
    """`day` itself. Raises RuleBroken outside 1900–2200."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise RuleBroken("Give a date between the years 1900 and 2200.", "date_out_of_range")
    return day


def act_time(occurred_at: datetime | None, now: datetime, not_before: datetime, what: str) -> datetime:
    """When an act was done that is recorded now: then, unless somebody says another time.

    `not_before` is when that happened without which it cannot have been done, which `what` names in a sentence. Raises
    RuleBroken `not_then` for an earlier time, and for one that is yet to come.
    """
    if occurred_at is None:
        return max(now, not_before)
    said = checked_instant(occurred_at, "/occurred_at")
    if said > now:
        words = f"It is {_minute(now)} now: what was done was done by then."
        raise RuleBroken.at(words, "not_then", "yet to come", pointer="/occurred_at")
    if said < not_before:
        words = f"{what} at {_minute(not_before)}: it cannot have been done before."
        raise RuleBroken.at(words, "not_then", "too early", pointer="/occurred_at")
    return said


def _minute(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_after(day: date) -> date:
    """The civil day after `day`. Raises RuleBroken where either is outside 1900–2200."""
    return checked_day(day) + timedelta(days=1)


def day_starts_at(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of the civil day `day`, in UTC.

    If clocks go back over midnight, the first of the two midnights; if they go forward over midnight, the instant of
    the change; if the whole day was skipped (Apia, 2011-12-30), the first instant of the next day. So the end of one
    day is always the start of the next. Raises RuleBroken outside 1900–2200.
    """
    midnight = datetime.combine(checked_day(day), time())
    first = midnight.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == midnight:
        return first
    # Midnight is in a gap: read with the offset after the gap, it lies before the change; with the one
    # before, after.
    low, high = (int(midnight.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (1, 0))
    while low < high:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).replace(tzinfo=None) < midnight:
            low = middle + 1
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def wall_clock(at: datetime, zone: ZoneInfo) -> datetime:
    """What a clock in the zone shows at `at`, without a zone."""
    return at.astimezone(zone).replace(tzinfo=None)


def utc_offset(at: datetime, zone: ZoneInfo) -> str:
    """How far the clocks of the zone are from UTC then, as `-05:00`."""
    ahead = f"{at.astimezone(zone):%z}"
    return f"{ahead[:3]}:{ahead[3:5]}"


def shown_on_clock(at: datetime, time_zone: str) -> str:
    """An instant as the clocks of that IANA zone show it, to the minute, with how far they are from UTC.

    The distance tells the two hours apart that the clocks show twice when they are put back.
    """
    zone = ZoneInfo(time_zone)
    return f"{wall_clock(at, zone):%Y-%m-%d %H:%M} (UTC{utc_offset(at, zone)})"


def instant_on_clock(shown: datetime, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """The instant at which a clock in the zone shows that, in UTC.

    Of two such instants, when clocks go back, the first, or the `last`. An hour that is skipped is counted on from
    before the change, as RFC 5545 (3.3.5) has it.
    """
    found = shown.replace(tzinfo=zone, fold=1 if last else 0).astimezone(UTC)
    if last and wall_clock(found, zone) != shown:
        return shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return found


@lru_cache(maxsize=65_536)
def day_ends_at(day: date, time_zone: str) -> datetime:
    """The first instant after the civil day, in UTC; for days outside 1900–2200, the limit of that range."""
    if not on_calendar(day):
        return EARLIEST if day < FIRST_DAY else LATEST
    return day_starts_at(day + _DAY, ZoneInfo(time_zone))


def on_calendar(day: date) -> bool:
    """Whether the day is between 1900 and 2200, so that its end can be computed."""
    return FIRST_DAY <= day < LAST_DAY


def last_day_before(at: datetime, time_zone: str) -> date:
    """The civil day that contains the last moment before `at`."""
    return civil_day(at - timedelta(microseconds=1), time_zone)


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later, or the last day of that month if it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def apart(ahead: float, whose: str) -> str:
    """How a clock that is ahead of another by so many seconds, or behind it where that is below 0, stands to it."""
    if abs(ahead) < 0.05:
        return f"0.0 s from {whose}"
    return f"{abs(ahead):,.1f} s {'ahead of' if ahead > 0 else 'behind'} {whose}"
