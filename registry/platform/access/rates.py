"""How many requests a person or service, and an agency as a whole, may make in a minute.

Each process counts its own requests at once, and on PostgreSQL, where several share the work, tells the others every
second: a limit may be passed by what arrives in a second at the others, and a request costs no statement. Told as the
IETF's draft of RateLimit header fields has it.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from registry.platform.access.principals import Principal
from registry.platform.access.tables import request_count
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import TooManyRequests

WINDOW = timedelta(minutes=1)
_MOST_COUNTED = 20_000
_KEPT = timedelta(minutes=5)

_insertion = postgresql.insert(request_count)
_ADD = _insertion.on_conflict_do_update(
    index_elements=["counted", "minute"], set_={"requests": request_count.c.requests + _insertion.excluded.requests}
).returning(request_count.c.requests)
_FORGET = request_count.delete().where(request_count.c.minute < sa.bindparam("before"))


OpenWrite: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]


class Limit(NamedTuple):
    """How many requests one caller may make in a minute; nobody is limited by 0."""

    name: str
    most: int


def _seconds_left(minute: datetime, now: datetime) -> int:
    """Whole seconds until the next minute, 1 to 60: whoever waits so long is in it."""
    return math.ceil((minute + WINDOW - now).total_seconds())


class _Count:
    __slots__ = ("elsewhere", "here", "minute", "told")

    def __init__(self, minute: datetime) -> None:
        self.minute = minute
        self.here = 0
        self.told = 0
        self.elsewhere = 0

    @property
    def requests(self) -> int:
        return self.here + self.elsewhere


class _Counts:
    """Counts by key and minute, of this process and of the others that share a PostgreSQL."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def _counted(self, key: str, minute: datetime) -> _Count:
        counted = self._counts.get(key)
        if counted is None or counted.minute != minute:
            counted = self._counts[key] = _Count(minute)
            if len(self._counts) > _MOST_COUNTED:
                self._counts.popitem(last=False)
        self._counts.move_to_end(key)
        return counted

    async def share(self, open_write: OpenWrite, now: datetime) -> None:
        """Tell the other processes what was counted here since the last time, and learn what they counted."""
        new = [(key, counted) for key, counted in self._counts.items() if counted.here > counted.told]
        if not new:
            return
        async with open_write() as write:
            await write.run(_FORGET, {"before": now - _KEPT})
            for key, counted in sorted(new):  # in one order, so that processes do not wait for one another in a circle
                here = counted.here
                row = {"counted": key, "minute": counted.minute, "requests": here - counted.told}
                (total,) = (await write.run_returning(_ADD, row))[0]
                counted.told, counted.elsewhere = here, total - here


class FailedAttempts(_Counts):
    """Counts how often a client failed to prove who it is, by address and client, and by address alone.

    By client alone it is not counted: whoever knows an id could keep its client out.
    """

    def __init__(self, *, per_client: int = 10, per_address: int = 100) -> None:
        super().__init__()
        self._client = per_client
        self._address = per_address

    def check(self, address: str, client_id: UUID | None, now: datetime) -> None:
        """Raises TooManyRequests when there were too many failures in this minute, with the seconds until the next."""
        minute = now.replace(second=0, microsecond=0)
        for key, most in self._keys(address, client_id):
            if self._counted(key, minute).requests >= most:
                left = _seconds_left(minute, now)
                raise TooManyRequests(
                    f"The client could not be authenticated {most} times in this minute; go on in {left} s.",
                    retry_after=left,
                )

    def note(self, address: str, client_id: UUID | None, now: datetime) -> None:
        """Count a failure."""
        for key, _ in self._keys(address, client_id):
            self._counted(key, now.replace(second=0, microsecond=0)).here += 1

    def _keys(self, address: str, client_id: UUID | None) -> list[tuple[str, int]]:
        pairs = [(address, self._address)]
        if client_id is not None:
            pairs.append((f"{address}\n{client_id}", self._client))
        return [("failed " + hashlib.sha256(name.encode()).hexdigest()[:32], most) for name, most in pairs]


class RateLimits(_Counts):
    """Counts requests by person or service, and by agency."""

    def __init__(self, *, per_principal: int, per_agency: int) -> None:
        super().__init__()
        self._principal = Limit("principal", per_principal)
        self._agency = Limit("agency", per_agency)
        limits = [limit for limit in (self._principal, self._agency) if limit.most]
        self.policy = ", ".join(f'"{limit.name}";q={limit.most};w={WINDOW.seconds}' for limit in limits)

    def count(self, principal: Principal, now: datetime) -> str:
        """Count a request; the `RateLimit` field of its answer, of the limit that is nearest, empty without limits.

        Raises TooManyRequests beyond a limit, with the seconds until the next minute.
        """
        if not self.policy:
            return ""
        minute = now.replace(second=0, microsecond=0)
        left = _seconds_left(minute, now)
        standing: list[tuple[float, Limit, int]] = []
        person, agency = _keys(principal.agency_id, principal.issuer, principal.subject)
        for limit, key in ((self._principal, person), (self._agency, agency)):
            if not limit.most:
                continue
            counted = self._counted(key, minute)
            if counted.requests >= limit.most:
                raise TooManyRequests(
                    f"More than {limit.most} requests in this minute by your {_WHOSE[limit.name]}; go on in {left} s.",
                    retry_after=left,
                    rate_limit=f'"{limit.name}";r=0;t={left}',
                )
            standing.append(((limit.most - counted.requests - 1) / limit.most, limit, counted.requests + 1))
            counted.here += 1
        if not standing:
            return ""
        _, limit, used = min(standing)
        return f'"{limit.name}";r={limit.most - used};t={left}'


_WHOSE = {"principal": "person or service", "agency": "agency"}


@lru_cache(maxsize=4_096)
def _keys(agency_id: UUID, issuer: str, subject: str) -> tuple[str, str]:
    """By what a person or service, and an agency, are counted: without the person's name."""
    who = hashlib.sha256("\n".join((str(agency_id), issuer, subject)).encode()).hexdigest()[:32]
    return f"principal {who}", f"agency {agency_id}"
