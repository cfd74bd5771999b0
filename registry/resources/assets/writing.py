"""A calendar of when an asset is taken, as RFC 5545 has it: the same content is the same bytes."""

import hashlib
from datetime import datetime, timedelta

from msgspec import Struct

_REFRESH = timedelta(hours=1)


class Entry(Struct, frozen=True):
    """One event: its name for ever, when it is, and what it says."""

    name: str
    start: datetime
    end: datetime
    words: str


class CalendarContent(Struct, frozen=True):
    """What a calendar holds, before it is written."""

    asset_name: str
    on: datetime
    """The beginning of the day, in UTC, of which it tells: within a day the same content is the same bytes."""
    entries: tuple[Entry, ...]


def tag(content: CalendarContent) -> str:
    """An entity tag of what the calendar holds, without writing it."""
    return f'"{hashlib.sha256(repr(content).encode()).hexdigest()[:32]}"'


def written(content: CalendarContent) -> bytes:
    """The calendar's bytes. DTSTAMP, by which readers tell the newer of two, is the day: never one still to come."""
    from icalendar import Calendar, Event  # here, since few ask for calendars, and each start would take longer

    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Registry of resource sharing//Availability//EN")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", f"Availability, {content.asset_name}")
    calendar.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for entry in content.entries:
        event = Event()
        event.add("uid", f"{entry.name}@registry")
        event.add("dtstamp", content.on)
        event.add("dtstart", entry.start.replace(microsecond=0))
        event.add("dtend", entry.end.replace(microsecond=0))
        event.add("summary", entry.words)
        event.add("transp", "OPAQUE")
        calendar.add_component(event)
    return bytes(calendar.to_ical())
