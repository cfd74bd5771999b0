"""When an agreement ends, and by what: by lapse of time, or because somebody brought it about."""

from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from registry.agreements.deadlines.rules import EndedBy, Record
from registry.agreements.instruments.in_force import Renewal
from registry.agreements.instruments.in_force import last_day as last_day_of
from registry.agreements.instruments.rules import Stage
from registry.platform.kernel.time import day_ends_at, last_day_before


class Ending(Struct, frozen=True):
    on: date
    at: datetime
    by: EndedBy


def renews(renewal: Renewal | None, renewals: int) -> bool:
    """Whether a term that so many renewals led to is followed by another by itself."""
    return renewal is not None and (renewal.times is None or renewals < renewal.times)


def last_day(record: Record) -> date | None:
    """The last day on which the agreement binds anybody, as far as it is settled; None where it has no end."""
    known = [end for end in (decided_end(record), natural_end(record)) if end is not None]
    return min(known, key=lambda end: end.at).on if known else None


def decided_end(record: Record) -> Ending | None:
    """The end that somebody brought about: a termination, a successor, or notices that leave nobody to be bound to.

    For a party that leaves it is the end, too, whatever the others do.
    """
    superseded = record.stage is Stage.SUPERSEDED
    known: list[tuple[datetime, EndedBy]] = []
    if record.terminated_at is not None:
        known.append((record.terminated_at, "supersession" if superseded else "termination"))
    if record.bound_until is not None:
        known.append((record.bound_until, "notice"))
    if record.leaves_at is not None:
        known.append((record.leaves_at, "departure"))
    if not known:
        return None
    # A successor releases all at once, and nobody is left to be bound to: of two ends at one instant the deed counts.
    at, by = min(known, key=lambda end: end[0])
    return Ending(last_day_before(at, record.time_zone), at, by)


def of_all(record: Record) -> Record:
    """The record without what ends for the party alone that asks."""
    if record.of_all is None:
        return record if record.leaves_at is None else replace(record, leaves_at=None)
    own = record.of_all
    return replace(record, leaves_at=None, of_all=None, expires_on=own.expires_on, renewal=own.renewal)


def goes_on_without(record: Record) -> bool:
    """Whether the others are bound by a later text on, when those have ended that bind the party."""
    ends, last = natural_end(record), natural_end(of_all(record))
    return record.of_all is not None and ends is not None and (last is None or ends.at < last.at)


def natural_end(record: Record) -> Ending | None:
    """The end by lapse of time, once every renewal that the text allows is used; None where there is none."""
    on = last_day_of(record.expires_on, record.renewal)
    return None if on is None else Ending(on, day_ends_at(on, record.time_zone), "expiry")
