"""When a governing body's approval is needed, and from when a hand counts that waited for one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from registry.platform.kernel.intervals import Interval, remaining


def approved_from(
    texts: Mapping[int, datetime], needed: Sequence[Interval], approvals: Mapping[int, Sequence[Interval]]
) -> dict[int, datetime]:
    """From when the party's hand to each text counts where each text needs an approval that names it.

    Its hand to a later text binds it not before that: until then it is bound by the text before, which nobody took
    away. The original is not among them, for it has none before; what it lacks leaves a gap.
    """
    found: dict[int, datetime] = {}
    for n, signed_at in texts.items():
        lacking = [] if n == 0 else [part for each in needed for part in remaining(each, approvals.get(n, ()))]
        free = next(iter(remaining(Interval(start=signed_at), lacking)), None)
        if free is not None:
            found[n] = free.start
    return found


class ApprovalChange(msgspec.Struct, frozen=True, order=True):
    """A rule: from when an approval is needed, or is needed no more."""

    starts_at: datetime
    recorded_at: datetime
    needed: bool


def approval_needed(changes: Iterable[ApprovalChange]) -> tuple[Interval, ...]:
    """When a party needs its governing body's approval: disjoint, in order, whatever the order of the changes."""
    found: list[Interval] = []
    begun: datetime | None = None
    for change in sorted(changes):
        if change.needed and begun is None:
            begun = change.starts_at
        elif not change.needed and begun is not None:
            if begun < change.starts_at:
                found.append(Interval(start=begun, end=change.starts_at))
            begun = None
    return (*found, Interval(start=begun)) if begun is not None else tuple(found)
