"""By which texts two parties are bound to each other, and when; and whom a text that runs out leaves unbound."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from registry.agreements.instruments.histories import BoundWindow, TextWindow
from registry.agreements.instruments.in_force import bind_each_other
from registry.platform.kernel.intervals import earliest


def together(own: Sequence[BoundWindow], its: Sequence[BoundWindow]) -> tuple[TextWindow, ...]:
    """The stretches in which a text binds two parties to each other, of the windows of each."""
    found = []
    for one in own:
        for other in its:
            if bind_each_other(one.text, one.amended, other.text, other.amended):
                start, end = max(one.start, other.start), earliest(one.end, other.end)
                if end is None or start < end:
                    found.append(TextWindow(text=one.text, start=start, end=end))
    return tuple(found)


def goes_on(stretches: Iterable[TextWindow], text: int, at: datetime) -> bool:
    """Whether that text binds the two at the instant."""
    return any(each.text == text and each.contains(at) for each in stretches)


def runs_out(stretches: Sequence[TextWindow], text: int, at: datetime) -> bool:
    """Whether that text binds the two up to the instant, and none does from then on."""
    return any(each.text == text and each.end == at for each in stretches) and not any(
        each.contains(at) for each in stretches
    )
