"""The hours for which loans really had an asset, or somebody, and whether an hour that is entered late fits them.

What is promised is looked at from now on, and is free again once it is back. What was had is over, and stays: nobody
else had the same of it at that time, whenever that is recorded.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct

from registry.platform.kernel.time import Window, format_instant
from registry.resources.allocations.occupancy import Hold, Stretch, conflicts


class Use(Struct, kw_only=True, frozen=True):
    """What one loan had: how many from when to when, of them how many it lost, and what came back before the rest.

    `capacity` is how many there were when it was reserved. Of somebody it is one of one.
    """

    start: datetime
    end: datetime
    quantity: int = 1
    lost: int = 0
    capacity: int = 1
    back: Sequence[tuple[datetime, int]] = ()

    def holds(self, widened: Callable[[Window], Window], *, less: int) -> list[Hold]:
        """What it held, part by part, with so many `less` in the last."""
        rest = self.quantity - less - sum(quantity for _, quantity in self.back)
        parts = [(at, quantity) for at, quantity in (*self.back, (self.end, rest)) if quantity > 0 and at > self.start]
        held = [(widened(Window(start=self.start, end=at)), quantity) for at, quantity in parts]
        return [(window.start, window.end, quantity) for window, quantity in held]


def taken(
    capacity: int,
    uses: Sequence[Use],
    window: Window,
    quantity: int,
    widened: Callable[[Window], Window] = lambda window: window,
) -> list[Stretch]:
    """When in the window others had so much that another `quantity` did not fit; empty where it did.

    There may have been more than there are now: some were lost since, or given away. So what others had fits what there
    is without what they lost, or what there was with it. `widened` is what is held of a laboratory: whole weeks.
    """
    if window.end <= window.start:
        return []
    span = widened(window)
    stretch = (span.start, span.end)
    as_it_is = [hold for use in uses for hold in use.holds(widened, less=use.lost)]
    short = list(conflicts(capacity, as_it_is, stretch, quantity))
    as_it_was = [hold for use in uses for hold in use.holds(widened, less=0)]
    most = max([capacity, *(use.capacity for use in uses)])
    return short if short and any(conflicts(most, as_it_was, stretch, quantity)) else []


class Taken(Struct, kw_only=True, frozen=True):
    """From when to when, in all, others had what an hour that is entered would take: the asset, or who goes with it."""

    start: datetime
    end: datetime
    people: bool = False

    @property
    def why_not_left(self) -> str:
        """Why it cannot have left as early as is said, and from when on it can."""
        return f"{self._who} until {format_instant(self.end)}: it cannot have left before."

    @property
    def why_not_so_long(self) -> str:
        """Why it cannot have been away as long as is said."""
        return f"{self._who} from {format_instant(self.start)} on: it cannot have been away after that."

    @property
    def _who(self) -> str:
        return "Somebody who goes with it was on another loan" if self.people else "Another loan had it"


def in_all(short: Sequence[Stretch], *, people: bool = False) -> Taken | None:
    """The stretches of a window that is over as one; None for none."""
    if not short:
        return None
    end = short[-1][1]
    assert end is not None, "a window that is over has an end"
    return Taken(start=short[0][0], end=end, people=people)
