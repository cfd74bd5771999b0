"""A calendar of engagements and corrective actions, as RFC 5545 has it: the same content is the same bytes."""

import hashlib
from datetime import date, datetime, timedelta

from msgspec import Struct

_REFRESH = timedelta(hours=12)


class Entry(Struct, kw_only=True, frozen=True):
    """One event: its name for ever, when it is, and what it says; `end` None for a day."""

    name: str
    changed_at: datetime
    version: int
    start: datetime | date
    end: datetime | None
    words: str
    place: str | None


class CalendarContent(Struct, kw_only=True, frozen=True):
    """What a calendar holds, before it is written."""

    agency_name: str
    entries: tuple[Entry, ...]


def tag(content: CalendarContent) -> str:
    """An entity tag of what the calendar holds, without writing it."""
    return f'"{hashlib.sha256(repr(content).encode()).hexdigest()[:32]}"'


def written(content: CalendarContent) -> bytes:
    """The calendar's bytes. SEQUENCE grows with every change, and DTSTAMP says when the last one was."""
    from icalendar import Calendar, Event  # here, since few ask for calendars, and each start would take longer

    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Registry of resource sharing//Engagements//EN")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", f"Exercises and meetings, {content.agency_name}")
    calendar.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT12H")
    for entry in content.entries:
        event = Event()
        event.add("uid", f"engagement.{entry.name}@registry")
        event.add("dtstamp", entry.changed_at.replace(microsecond=0))
        event.add("sequence", entry.version)
        event.add("summary", entry.words)
        if isinstance(entry.start, datetime) and entry.end is not None:
            event.add("dtstart", entry.start.replace(microsecond=0))
            event.add("dtend", entry.end.replace(microsecond=0))
        else:
            event.add("dtstart", entry.start)
            event.add("dtend", entry.start + timedelta(days=1))
            event.add("transp", "TRANSPARENT")
        if entry.place is not None:
            event.add("location", entry.place)
        calendar.add_component(event)
    return bytes(calendar.to_ical())
