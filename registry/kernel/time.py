"""Instants, civil dates and windows.

An instant is an aware `datetime` in UTC between 1900 and 2200; a civil date never passes through a time zone; a
window is half-open, so back-to-back bookings do not clash. The clock is read once per request, at the edge.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Meta, Struct

from registry.kernel.errors import Fault, RuleBroken

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
LONGEST_WINDOW = timedelta(days=5 * 366)

Instant = Annotated[
    datetime,
    Meta(
        tz=True,
        description="RFC 3339 instant with an offset; stored and shown in UTC.",
        examples=["2026-07-04T18:00:00Z"],
    ),
]
CivilDate = Annotated[
    date, Meta(description="Calendar date, never shifted through a time zone.", examples=["2026-07-04"])
]


def utc_now() -> datetime:
    """The one place where the clock is read."""
    return datetime.now(UTC)


def format_instant(at: datetime) -> str:
    """Fixed-width RFC 3339 text, so that text order is time order.

    Raises ValueError for a naive value: guessing a zone would store a wrong instant.
    """
    if at.tzinfo is None:
        raise ValueError("an instant needs a UTC offset")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def checked_instant(at: datetime, pointer: str) -> datetime:
    """`at` in UTC; raises RuleBroken outside 1900–2200, where conversions overflow or a typing error is certain."""
    if not EARLIEST.replace(tzinfo=None) <= at.replace(tzinfo=None) <= LATEST.replace(tzinfo=None):
        raise RuleBroken(
            "Give an instant between the years 1900 and 2200.",
            "instant_out_of_range",
            faults=[Fault(pointer=pointer, code="instant_out_of_range", detail="not between 1900 and 2200")],
        )
    return at.astimezone(UTC)


class Window(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The half-open interval [start, end)."""

    start: Instant
    end: Instant

    def checked(self, pointer: str = "") -> "Window":
        """The same window in UTC; raises RuleBroken when empty, reversed, out of range or longer than five years."""
        window = Window(
            start=checked_instant(self.start, f"{pointer}/start"), end=checked_instant(self.end, f"{pointer}/end")
        )
        if window.start >= window.end:
            raise RuleBroken(
                "The window's end must lie after its start.",
                "window_reversed",
                faults=[Fault(pointer=f"{pointer}/end", code="window_reversed", detail="not after the start")],
            )
        if window.end - window.start > LONGEST_WINDOW:
            raise RuleBroken(
                "A window spans at most five years.",
                "window_too_long",
                faults=[Fault(pointer=f"{pointer}/end", code="window_too_long", detail="over five years")],
            )
        return window


@cache
def _zones() -> frozenset[str]:
    """Area/Location names and UTC; `localtime`, `Factory` and the like mean something else on every machine."""
    return frozenset(name for name in available_timezones() if "/" in name) | {"UTC"}


def known_zone(name: str, pointer: str) -> ZoneInfo:
    """The IANA zone called `name`; raises RuleBroken when there is none."""
    if name not in _zones():
        raise RuleBroken(
            f"“{name[:60]}” is not an IANA time zone such as America/Chicago.",
            "unknown_time_zone",
            faults=[Fault(pointer=pointer, code="unknown_time_zone", detail="not an IANA time zone name")],
        )
    return ZoneInfo(name)
