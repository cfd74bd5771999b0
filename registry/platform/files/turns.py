"""How many files an agency may send at once, and whose is read next.

Turns at the few places are given by agency and not by arrival, so that nobody waits for another agency's many files.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final
from uuid import UUID

from registry.platform.kernel.errors import Busy

MOST_WAITING: Final = 16
"""How many files of one agency may wait in a process."""
PATIENCE_SECONDS: Final = 60.0


class Uploads:
    """The files of each agency that are on their way: from the first byte until they are filed or refused.

    Each is a request that is being answered and room on the disk, for as long as its sender likes to take. More than
    may wait for their turn are refused before their first byte. Each process counts its own.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._coming: Counter[UUID] = Counter()

    @contextmanager
    def one_more(self, agency: UUID) -> Iterator[None]:
        """Count a file of the agency until the end of the block. Raises Busy when it has too many."""
        if self._coming[agency] >= self._most:
            raise Busy(
                f"{self._most} files of your agency are on their way already. Send this one when some have arrived.",
                "reader_busy",
                retry_after=5,
            )
        self._coming[agency] += 1
        try:
            yield
        finally:
            self._coming[agency] -= 1
            if not self._coming[agency]:
                del self._coming[agency]


class Turns:
    """Gives the turn to the agency whose last one is longest ago.

    With several places, one agency has at most half of them, so that one is free or soon free for another. Each process
    has turns of its own. `of` and `code` are how a refusal names what waits, and itself.
    """

    def __init__(
        self,
        places: int,
        *,
        patience: float = PATIENCE_SECONDS,
        retry_after: int = 5,
        of: str = "file",
        code: str = "reader_busy",
    ) -> None:
        self._of = of
        self._code = code
        self._free = places
        self._most_of_one = max(places // 2, 1)
        self._patience = patience
        self._retry_after = retry_after
        self._running: Counter[UUID] = Counter()
        self._waiting: dict[UUID, deque[asyncio.Future[None]]] = {}
        self._last: dict[UUID, int] = {}
        self._given = 0

    @asynccontextmanager
    async def turn(self, agency: UUID) -> AsyncIterator[None]:
        """Wait for a turn of the agency, and end it with the block.

        Raises Busy when too many of its files wait already, and when the turn does not come in time.
        """
        await self._enter(agency)
        try:
            yield
        finally:
            self._leave(agency)

    def waiting(self, agency: UUID) -> int:
        """How many files of the agency wait."""
        return len(self._waiting.get(agency, ()))

    @property
    def in_use(self) -> int:
        """How many files have their turn now."""
        return self._running.total()

    @property
    def all_waiting(self) -> int:
        """How many files of all agencies wait."""
        return sum(map(len, self._waiting.values()))

    async def _enter(self, agency: UUID) -> None:
        if self.waiting(agency) >= MOST_WAITING:
            raise self._busy(f"{MOST_WAITING} {self._of}s of your agency wait to be read already")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(agency, deque()).append(turn)
        self._give()
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it was given at the same moment
                self._leave(agency)
            else:
                self._forget(agency, turn)
            if isinstance(error, TimeoutError):
                raise self._busy(f"{self._of}s of your agency are being read already, and take long") from None
            raise

    def _leave(self, agency: UUID) -> None:
        self._free += 1
        self._running[agency] -= 1
        if not self._running[agency]:
            del self._running[agency]
        self._give()

    def _give(self) -> None:
        while self._free and (able := [each for each in self._waiting if self._running[each] < self._most_of_one]):
            agency = min(able, key=lambda each: self._last.get(each, 0))  # the first to come, of those without a turn
            turn = self._waiting[agency].popleft()
            if not self._waiting[agency]:
                del self._waiting[agency]
            self._given += 1
            self._last[agency] = self._given
            self._running[agency] += 1
            self._free -= 1
            turn.set_result(None)
        if not self._waiting and not self._running:
            self._last.clear()

    def _forget(self, agency: UUID, turn: "asyncio.Future[None]") -> None:
        self._waiting[agency].remove(turn)
        if not self._waiting[agency]:
            del self._waiting[agency]

    def _busy(self, why: str) -> Busy:
        return Busy(f"The {self._of} was not read: {why}. Send it again.", self._code, retry_after=self._retry_after)
