"""Refusals on record, summed: whoever is refused thousands of times in a minute fills two rows of the ledger.

The first refusal of a person for an operation in a minute is recorded at once. Those that follow in the same minute are
counted, and recorded as one when the minute is over, or when the service stops.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from registry.platform.access.principals import Caller

_MOST_SUMMED = 10_000


class Denial(Struct, kw_only=True):
    """Refusals of one person for one operation in one minute; the last of them in full, and how many it stands for."""

    caller: Caller
    operation: str
    path: str
    reason: str
    count: int = 1


Record: TypeAlias = Callable[[Denial], Awaitable[None]]


class Denials:
    """Sums refusals, and has them recorded."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._sums: OrderedDict[tuple[object, ...], tuple[datetime, Denial | None]] = OrderedDict()

    async def note(self, denial: Denial) -> None:
        """Record a refusal, or count it to the ones before it in the same minute."""
        principal, minute = denial.caller.principal, denial.caller.now.replace(second=0, microsecond=0)
        key = (principal.agency_id, principal.issuer, principal.subject, denial.operation, minute)
        known = self._sums.get(key)
        if known is None:
            self._sums[key] = (minute, None)
            while len(self._sums) > _MOST_SUMMED:
                await self._write(next(iter(self._sums)))
            await self._record(denial)
            return
        if known[1] is not None:
            denial.count += known[1].count
        self._sums[key] = (minute, denial)

    async def record_sums(self, now: datetime | None = None) -> None:
        """Record the sums of the minutes that are over at `now`; of all without it."""
        over = [key for key, (minute, _) in self._sums.items() if now is None or (now - minute).total_seconds() >= 60]
        for key in over:
            await self._write(key)

    async def _write(self, key: tuple[object, ...]) -> None:
        _, denial = self._sums.pop(key)
        if denial is not None:
            await self._record(denial)
