"""Time intervals with or without an end, and their difference."""

from collections.abc import Iterable
from datetime import datetime

import msgspec


class Interval(msgspec.Struct, kw_only=True, frozen=True):
    """The half-open interval [start, end) of UTC instants; `end` None means without end."""

    start: datetime
    end: datetime | None = None

    def contains(self, at: datetime) -> bool:
        """Whether `at` lies in the interval, which includes its start and excludes its end."""
        return self.start <= at and (self.end is None or at < self.end)

    def is_empty(self) -> bool:
        """Whether it contains no instant at all."""
        return self.end is not None and self.end <= self.start


def earliest(*ends: datetime | None) -> datetime | None:
    """The earliest of the ends; None, which means no end, where there is none."""
    return min((end for end in ends if end is not None), default=None)


def remaining(span: Interval, taken: Iterable[Interval]) -> tuple[Interval, ...]:
    """The parts of `span` outside the intervals `taken`, which may overlap, be empty and come in any order."""
    if span.is_empty():
        return ()
    left: list[Interval] = []
    free_from = span.start
    for block in sorted((block for block in taken if not block.is_empty()), key=lambda block: block.start):
        if span.end is not None and block.start >= span.end:
            break
        if block.start > free_from:
            left.append(Interval(start=free_from, end=block.start))
        if block.end is None:
            return tuple(left)
        free_from = max(free_from, block.end)
    if span.end is None or free_from < span.end:
        left.append(Interval(start=free_from, end=span.end))
    return tuple(left)
