"""How many units of an asset are free in a window: capacity minus the most that is held at one time.

Holds and windows are half-open, so back-to-back bookings do not clash; an end of None is a hold without end
(an asset that is overdue) and clashes with everything after its start.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeAlias

from registry.kernel.errors import RuleBroken

Stretch: TypeAlias = tuple[datetime, datetime | None]
Hold: TypeAlias = tuple[datetime, datetime | None, int]


def free_units(capacity: int, holds: Iterable[Hold], window: Stretch) -> int:
    """Units free throughout `window`; below zero where an overdue loan has overtaken later reservations.

    Raises RuleBroken for a window that contains no instant.
    """
    return capacity - max(units for _, units in _levels(holds, window))


def first_conflict(capacity: int, holds: Iterable[Hold], window: Stretch, units: int) -> Stretch | None:
    """The earliest stretch of `window` in which `units` more do not fit; None when they fit throughout.

    This is what a refused booking is shown. Raises RuleBroken for a window that contains no instant.
    """
    return next(conflicts(capacity, holds, window, units), None)


def conflicts(capacity: int, holds: Iterable[Hold], window: Stretch, units: int) -> Iterator[Stretch]:
    """Every longest stretch of `window` in which `units` more do not fit, in order.

    The last one's end is None when the shortage has no end inside an endless window. Raises RuleBroken for a window
    that contains no instant.
    """
    short_from: datetime | None = None
    for at, held in _levels(holds, window):
        short = held + units > capacity
        if short and short_from is None:
            short_from = at
        elif not short and short_from is not None:
            yield short_from, at
            short_from = None
    if short_from is not None:
        yield short_from, window[1]


def _levels(holds: Iterable[Hold], window: Stretch) -> Iterator[tuple[datetime, int]]:
    """Sweep `window`: its start and each instant at which the sum held changes, with that sum."""
    opens, closes = window
    if closes is not None and closes <= opens:
        raise RuleBroken("The window's end must lie after its start.", "window_reversed")
    changes = {opens: 0}
    for start, end, units in holds:
        first = max(start, opens)
        if (end is not None and end <= first) or (closes is not None and first >= closes):
            continue
        changes[first] = changes.get(first, 0) + units
        if end is not None and (closes is None or end < closes):
            changes[end] = changes.get(end, 0) - units
    held = 0
    for at in sorted(changes):
        held += changes[at]
        yield at, held
