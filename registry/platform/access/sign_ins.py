"""Refused sign-ins on record, summed: whoever tries thousands of tokens fills one row of the ledger in a minute.

A refusal is counted by the issuer that the token names, the reason, and the agency where a verified token names one.
Nothing of the token is kept. Sums are recorded in the background once their time is over, or when the service stops;
each refusal by itself is in the log. Tokens of issuers that are not trusted are in the log and the metrics alone:
anybody can make up names of issuers.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import structlog
from msgspec import Struct

from registry.platform.access.refusals import Reason

_log = structlog.get_logger("registry.platform.access")
_MOST_SUMMED = 10_000
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


class RefusedSignIns(Struct, kw_only=True, frozen=True):
    """Refusals of one issuer's tokens for one reason, for one agency or one that is not known, from a time to another.

    A `token_id` or subject is not part of it: a person who mistypes must not be on record for ever.
    """

    issuer: str
    reason: str
    agency_id: UUID | None
    start: datetime
    end: datetime
    count: int


RecordSignIns: TypeAlias = Callable[[RefusedSignIns], Awaitable[None]]
_Key: TypeAlias = tuple[str, str, UUID | None, datetime]


class SignInSums:
    """Sums refused sign-ins, and has them recorded."""

    def __init__(self, record: RecordSignIns) -> None:
        self._record = record
        self._sums: dict[_Key, int] = {}

    def note(self, issuer: str, reason: str, agency_id: UUID | None, now: datetime) -> None:
        """Count a refusal. Only memory is touched: whoever tries tokens makes nobody wait."""
        start = now.replace(second=0, microsecond=0)
        if reason == Reason.EXPIRED:  # every client meets it as its token runs out
            start = start.replace(minute=0)
        key = (issuer, reason, agency_id, start)
        if key not in self._sums and len(self._sums) >= _MOST_SUMMED:
            _log.error("refused sign-in not counted", issuer=issuer, reason=reason)
            return
        self._sums[key] = self._sums.get(key, 0) + 1

    async def record_sums(self, now: datetime | None = None) -> None:
        """Record the sums whose time is over at `now`; all without it. What cannot be recorded stays for later."""
        for key, count in list(self._sums.items()):
            issuer, reason, agency_id, start = key
            end = start + (_HOUR if reason == Reason.EXPIRED else _MINUTE)
            if now is not None and now < end:
                continue
            await self._record(
                RefusedSignIns(issuer=issuer, reason=reason, agency_id=agency_id, start=start, end=end, count=count)
            )
            left = self._sums.pop(key) - count  # more may have come while it was recorded
            if left:
                self._sums[key] = left
