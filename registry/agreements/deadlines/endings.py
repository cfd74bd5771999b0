"""When an agreement ends to whom it is told, and by what: as it is stored, by the one rule in `instruments.ends`."""

from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from registry.agreements.deadlines.rules import Record
from registry.agreements.instruments.ends import EndedBy
from registry.agreements.instruments.term_days import Renewal
from registry.platform.kernel.time import last_day_before


class Ending(Struct, frozen=True):
    on: date
    at: datetime
    by: EndedBy


def renews(renewal: Renewal | None, renewals: int) -> bool:
    """Whether a term that so many renewals led to is followed by another by itself."""
    return renewal is not None and (renewal.times is None or renewals < renewal.times)


def ending_of(record: Record) -> Ending | None:
    """The end, as far as it is settled, for the party that asks; None where there is none.

    For a party that leaves, or that no text binds any more by which the others go on, it is that, whatever they do.
    """
    own = record.own_over_at
    at = record.over_at if own is None else own
    if at is None:
        return None
    by: EndedBy = record.over_by or "expiry"
    if own is not None:
        by = "departure" if record.leaves_at == own else "expiry"
    return Ending(last_day_before(at, record.time_zone), at, by)


def last_day(record: Record) -> date | None:
    """The last day before that end."""
    ending = ending_of(record)
    return None if ending is None else ending.on


def of_all(record: Record) -> Record:
    """The record without what ends for the party alone that asks."""
    return replace(record, own_over_at=None)


def goes_on_without(record: Record) -> bool:
    """Whether the others are bound by a later text on, when those have ended that bind the party."""
    return record.own_over_at is not None and record.own_over_at != record.leaves_at
