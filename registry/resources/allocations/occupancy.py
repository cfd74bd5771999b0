"""The free quantity of an asset in a window: capacity minus the largest quantity held at one time.

Holds and windows are half-open, so that consecutive bookings do not overlap. A hold whose end is None (an overdue
asset) has no end and overlaps everything after its start.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from registry.platform.kernel.errors import RuleBroken

Stretch: TypeAlias = tuple[datetime, datetime | None]
Hold: TypeAlias = tuple[datetime, datetime | None, int]
KindHold: TypeAlias = tuple[datetime, datetime | None, int, str]


def free_quantity(capacity: int, holds: Iterable[Hold], window: Stretch) -> int:
    """The quantity free throughout `window`; negative when an overdue loan overlaps later reservations.

    Raises RuleBroken for an empty window.
    """
    return capacity - max(quantity for _, quantity in levels(holds, window))


def first_conflict(capacity: int, holds: Iterable[Hold], window: Stretch, quantity: int) -> Stretch | None:
    """The earliest interval of `window` in which another `quantity` does not fit; None when it fits throughout.

    A refused booking is answered with it. Raises RuleBroken for an empty window.
    """
    return next(conflicts(capacity, holds, window, quantity), None)


def conflicts(capacity: int, holds: Iterable[Hold], window: Stretch, quantity: int) -> Iterator[Stretch]:
    """Every maximal interval of `window` in which another `quantity` does not fit, in order.

    The last end is None when the shortage has no end within a window without end. Raises RuleBroken for an empty
    window.
    """
    short_from: datetime | None = None
    for at, held in levels(holds, window):
        short = held + quantity > capacity
        if short and short_from is None:
            short_from = at
        elif not short and short_from is not None:
            yield short_from, at
            short_from = None
    if short_from is not None:
        yield short_from, window[1]


def first_fit(
    capacity: int, holds: Iterable[Hold], opens: datetime, length: timedelta, quantity: int
) -> datetime | None:
    """The earliest instant from `opens` on from which `quantity` is free for the whole `length`; None for never."""
    free_from: datetime | None = opens
    for start, end in conflicts(capacity, holds, (opens, None), quantity):
        if free_from is not None and start - free_from >= length:
            return free_from
        free_from = end
    return free_from


class Interval(NamedTuple):
    """A stretch with one free quantity, and what holds the rest."""

    start: datetime
    end: datetime
    free_quantity: int
    blocked_by: tuple[str, ...]


def intervals(capacity: int, holds: Iterable[KindHold], window: tuple[datetime, datetime]) -> list[Interval]:
    """The window, cut where something begins or ends to hold; what is alike and adjoining is one interval.

    More may be held than there is: then nothing is free.
    """
    opens, closes = window
    changes: dict[datetime, list[tuple[str, int]]] = {opens: []}
    for start, end, quantity, kind in holds:
        first = max(start, opens)
        if first >= closes or (end is not None and end <= first):
            continue
        changes.setdefault(first, []).append((kind, quantity))
        if end is not None and end < closes:
            changes.setdefault(end, []).append((kind, -quantity))
    held: Counter[str] = Counter()
    found: list[Interval] = []
    instants = sorted(changes)
    for at, until in zip(instants, [*instants[1:], closes], strict=True):
        for kind, quantity in changes[at]:
            held[kind] += quantity
        here = Interval(at, until, max(capacity - held.total(), 0), tuple(sorted(k for k, n in held.items() if n)))
        if found and found[-1][2:] == here[2:]:
            found[-1] = found[-1]._replace(end=until)
        else:
            found.append(here)
    return found


def levels(holds: Iterable[Hold], window: Stretch) -> Iterator[tuple[datetime, int]]:
    """The instants in `window` at which the quantity held changes, beginning with its start, with that quantity."""
    opens, closes = window
    if closes is not None and closes <= opens:
        raise RuleBroken("The window's end must lie after its start.", "window_reversed")
    changes = {opens: 0}
    for start, end, quantity in holds:
        first = max(start, opens)
        if (end is not None and end <= first) or (closes is not None and first >= closes):
            continue
        changes[first] = changes.get(first, 0) + quantity
        if end is not None and (closes is None or end < closes):
            changes[end] = changes.get(end, 0) - quantity
    held = 0
    for at in sorted(changes):
        held += changes[at]
        yield at, held


class Occupancy(Struct, kw_only=True, frozen=True):
    """How something is held of which a quantity is needed, and how many of it there are."""

    quantity: int
    capacity: int
    in_service: bool
    turnaround: timedelta
    holds: Sequence[Hold]

    def free_quantity(self, window: tuple[datetime, datetime]) -> int:
        """How many are free throughout the window, and until they are ready again after it."""
        if not self.in_service:
            return 0
        return max(free_quantity(self.capacity, self.holds, (window[0], window[1] + self.turnaround)), 0)

    def fits(self, window: tuple[datetime, datetime]) -> bool:
        """Whether as many as are needed are free."""
        return self.free_quantity(window) >= self.quantity

    def blocking(self, window: tuple[datetime, datetime]) -> list[Stretch]:
        """The stretches of the window, with the turnaround after it, in which fewer are free than are needed."""
        needed = (window[0], window[1] + self.turnaround)
        return [needed] if not self.in_service else list(conflicts(self.capacity, self.holds, needed, self.quantity))

    def first_fit(self, opens: datetime, length: timedelta) -> datetime | None:
        """From when on as many as are needed are free for that long; None for never, as far as is known."""
        if not self.in_service or self.quantity > self.capacity:
            return None
        return first_fit(self.capacity, self.holds, opens, length + self.turnaround, self.quantity)


def first_common_fit(needed: Sequence[Occupancy], opens: datetime, length: timedelta) -> datetime | None:
    """The earliest instant from which all that is needed is free for the whole `length`; None for never.

    Each round goes on to where the last of them is free, which is the end of something that holds it, so that there are
    no more rounds than there are such ends.
    """
    at = opens
    while True:
        starts = [each.first_fit(at, length) for each in needed]
        found = [start for start in starts if start is not None]
        if len(found) < len(starts):
            return None
        latest = max(found, default=at)
        if latest <= at:
            return at
        at = latest
