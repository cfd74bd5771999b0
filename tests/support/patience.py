"""Asking again as `Retry-After` says, where a slow machine let the wait for a lock end before the lock was free."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from registry.platform.database.trouble import TroubleKind, trouble
from registry.platform.kernel.errors import Busy

MOST = 20
_T = TypeVar("_T")


async def until_answered(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The first answer but `database_busy`, by which nothing was done. Fails if two changes waited for one another."""
    before = trouble.times[TroubleKind.DEADLOCK]
    for _ in range(MOST):
        answer = await ask()
        assert trouble.times[TroubleKind.DEADLOCK] == before, "locks are taken in one order"
        if answer.status_code != 503 or answer.json()["code"] != "database_busy":
            return answer
        assert int(answer.headers["Retry-After"]) >= 1
    return answer


async def until_told(act: Callable[[], Awaitable[_T]]) -> _T:
    """What the act, in a transaction of its own, comes to once it does not wait in vain for a lock; as above."""
    before = trouble.times[TroubleKind.DEADLOCK]
    for _ in range(MOST):
        try:
            return await act()
        except Busy:
            assert trouble.times[TroubleKind.DEADLOCK] == before, "locks are taken in one order"
    return await act()
