"""A calendar as RFC 5545 has it: one all-day event for each deadline, on its civil day, shifted through no zone.

An event keeps its UID when its day moves; SEQUENCE grows with every change of what its day follows from, and DTSTAMP
says when the last of them was, so that the same calendar is the same bytes. What is met, waived or gone is left out,
and subscribers drop it at their next refresh. Titles, days and duties are in it, and never a clause's text. Events
carry no CLASS, since what is private some calendars show as “Busy”: who knows the secret address may read them. An
event has alarms where somebody has to act by its day: at nine in the morning, its lead before and again the day before.
"""

import hashlib
from datetime import date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from msgspec import Struct

from registry.agreements.deadlines.rules import LEAD_DAYS, Due, Record, asks_for_an_act
from registry.agreements.deadlines.wording import TITLES, words
from registry.platform.kernel.time import day_ends_at

_DAY = timedelta(days=1)
_NINE = timedelta(hours=9)
_REFRESH = timedelta(hours=12)


def revision(record: Record, due: Due) -> int:
    """A number that grows whenever something changes that the deadline's day follows from."""
    return record.version + due.term + due.revision


def changed_at(record: Record, due: Due) -> datetime:
    """When the last such change was: an edit, a certificate, or the renewal that began the term."""
    record, known = record.of(due.beside), [record.changed_at]
    if due.changed_at is not None:
        known.append(due.changed_at)
    if due.term and record.expires_on is not None and record.renewal is not None:
        began = record.renewal.ends_on(record.expires_on, due.term - 1)
        known.append(day_ends_at(began, record.time_zone))
    return max(known).replace(microsecond=0)


def uid(record: Record, due: Due) -> str:
    """The event's name for ever: kind, agreement and, where there are several, whose or which it is."""
    return ".".join(filter(None, [due.kind.value, str(record.id), due.subject])) + "@registry"


class CalendarContent(Struct, frozen=True):
    """What a calendar holds, before it is written: the feed, its agency's name, and the deadlines in due order."""

    feed_id: UUID
    agency_name: str
    entries: list[tuple[Record, Due]]


def tag(content: CalendarContent) -> str:
    """An entity tag of what the calendar holds, without writing it."""
    digest = hashlib.sha256(content.agency_name.encode())
    for record, due in content.entries:
        digest.update(repr(_facts(record, due)).encode())
    return f'"{digest.hexdigest()[:32]}"'


def written(content: CalendarContent) -> bytes:
    """The calendar's bytes."""
    from icalendar import Calendar  # here, since few ask for calendars, and each start would take longer

    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Registry of resource sharing//Deadlines//EN")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", f"Agreement deadlines, {content.agency_name}")
    calendar.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT12H")
    opening, closing, _ = bytes(calendar.to_ical()).partition(b"END:VCALENDAR")
    events = (_event(*_facts(record, due)) for record, due in content.entries)
    return b"".join([opening, *events, closing, b"\r\n"])


def _summary(record: Record, due: Due) -> str:
    name = due.duty.title if due.duty is not None else TITLES[due.kind]
    return f"{name}: {record.number} {record.title}"


def _facts(record: Record, due: Due) -> tuple[str, datetime, int, date, str, str, str, tuple[int, ...]]:
    """What an event says, in the order in which `_event` takes it."""
    said = words(record, due)
    description = "\n".join(filter(None, [said.action, said.basis, said.citation]))
    name = uid(record, due)
    return (
        *(name, changed_at(record, due), revision(record, due), due.on, due.kind.value),
        *(_summary(record, due), description),
        (LEAD_DAYS[due.kind], 1) if asks_for_an_act(due) else (),
    )


@lru_cache(maxsize=16_384)
def _event(  # as `_facts` says them
    name: str,
    at: datetime,
    sequence: int,
    on: date,
    kind: str,
    summary: str,
    description: str,
    alarms: tuple[int, ...],
) -> bytes:
    """One event's bytes, kept: writing takes a third of a millisecond, and subscribers come back every few hours."""
    from icalendar import Alarm, Event  # as in `written`

    event = Event()
    event.add("uid", name)
    event.add("dtstamp", at)
    event.add("last-modified", at)
    event.add("sequence", sequence)
    event.add("dtstart", on)
    event.add("dtend", on + _DAY)
    event.add("summary", summary)
    event.add("description", description)
    event.add("categories", [kind])
    event.add("transp", "TRANSPARENT")
    for days in alarms:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("trigger", _NINE - days * _DAY)
        alarm.add("description", summary)
        event.add_component(alarm)
    return bytes(event.to_ical())
