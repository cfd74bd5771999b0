"""What-ifs on record, summed by person: whoever asks for one length after another to find a bound is seen to do so.

Nothing is stored of what was asked or answered, and no request waits for it. The questions of a person in a minute are
counted, with the assets that they were about, and recorded as one event when the minute is over or the service stops.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.platform.access.principals import Caller

_MOST_SUMMED: Final = 10_000
_MOST_ASSETS: Final = 100
_MINUTE: Final = timedelta(minutes=1)


class QuestionsAsked(Struct, kw_only=True, frozen=True):
    """Questions of one person in one minute; `caller` is the last one. At most a hundred assets are counted."""

    caller: Caller
    minute: datetime
    count: int
    assets: int


Record: TypeAlias = Callable[[QuestionsAsked], Awaitable[None]]
_Key: TypeAlias = tuple[UUID, str, str, datetime]


class _Sum(Struct):
    caller: Caller
    count: int
    assets: set[UUID]


class QuestionSums:
    """Sums what-ifs, and has them recorded."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._sums: OrderedDict[_Key, _Sum] = OrderedDict()

    async def note(self, caller: Caller, asset_id: UUID) -> None:
        """Count a question. Of very many people at once the oldest sum is recorded first."""
        principal, minute = caller.principal, caller.now.replace(second=0, microsecond=0)
        key = (principal.agency_id, principal.issuer, principal.subject, minute)
        its = self._sums.get(key)
        if its is None:
            its = self._sums[key] = _Sum(caller=caller, count=0, assets=set())
            if len(self._sums) > _MOST_SUMMED:
                await self._write(next(iter(self._sums)))
        its.caller, its.count = caller, its.count + 1
        if len(its.assets) < _MOST_ASSETS:
            its.assets.add(asset_id)

    async def record_sums(self, now: datetime | None = None) -> None:
        """Record the sums of the minutes that are over at `now`; of all without it. What cannot be stays for later."""
        for key in [key for key in self._sums if now is None or now - key[-1] >= _MINUTE]:
            await self._write(key)

    async def _write(self, key: _Key) -> None:
        its = self._sums[key]
        asked = its.count
        await self._record(QuestionsAsked(caller=its.caller, minute=key[-1], count=asked, assets=len(its.assets)))
        if its.count == asked:
            self._sums.pop(key, None)
        else:  # more came while it was recorded
            its.count -= asked
