"""Windows of one agency for one asset that adjoin: for limits and approvals they count as one loan. Pure.

Else a limit of three days would be got round by asking twice for two.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from registry.platform.kernel.time import Window
from registry.sharing.policy.facts import OtherWindow

LONGEST_GAP: Final = timedelta(hours=24)
"""Windows that lie no further apart adjoin: what comes back for a night and leaves again was lent once."""


def joined_with(own: Window, others: Iterable[OtherWindow]) -> tuple[OtherWindow, ...]:
    """The windows that adjoin or overlap `own`, and what adjoins these, and so on; in the order of their starts."""
    left = sorted(others, key=lambda each: (each.start, each.end))
    start, end = own.start, own.end
    found: list[OtherWindow] = []
    while near := [each for each in left if each.start - end <= LONGEST_GAP and start - each.end <= LONGEST_GAP]:
        found += near
        left = [each for each in left if each not in near]
        start = min(start, *(each.start for each in near))
        end = max(end, *(each.end for each in near))
    return tuple(sorted(found, key=lambda each: (each.start, each.end)))
