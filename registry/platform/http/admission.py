"""How many reading requests are worked on at once, by how long they take.

An event loop that works on more than it can answer in a moment answers all of them late. So a request that finds too
many before it waits a little for its turn, and is refused when that does not come: waiting costs nothing, and those who
are refused do not come back at once. How many is measured: as long as requests take longer than they should, fewer are
admitted, and more again as soon as some have to wait although they take less.

Changes are not counted here: they wait in a queue of their own, bounded in length and time, and while that stands still
the service goes on reading.
"""

import asyncio
import time
from collections import deque

from registry.platform.kernel.errors import Busy

TARGET_SECONDS = 0.25
WAIT_SECONDS = 0.4
LEAST = 16
FIRST = 64
SAMPLE = 32


class Admission:
    """A gate with a measured width, and a short queue in front of it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._least = min(LEAST, most)
        self.limit = min(FIRST, most)
        self.running = 0
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._sample: list[float] = []
        self._had_to_wait = False

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    async def enter(self) -> float:
        """Wait for one's turn; the instant at which it came, for `leave`. Raises Busy when it does not come in time."""
        if self.running < self.limit and not self._waiting:
            self.running += 1
            return time.monotonic()
        self._had_to_wait = True
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(turn)
        patience = loop.call_later(WAIT_SECONDS, self._give_up, turn)
        try:
            has_come = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():  # the turn was given at the same moment
                self._pass_on()
            raise
        finally:
            patience.cancel()
        if not has_come:
            raise Busy("The service is at its limit; try again in a moment.", "overloaded")
        return time.monotonic()

    def _give_up(self, turn: "asyncio.Future[bool]") -> None:
        if not turn.done():
            turn.set_result(False)
        while self._waiting and self._waiting[0].done():  # those who came first also give up first
            self._waiting.popleft()

    def leave(self, since: float) -> None:
        """End a request that entered at `since`."""
        self._measure(time.monotonic() - since)
        self._pass_on()

    def _pass_on(self) -> None:
        self.running -= 1
        while self._waiting and self.running < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(True)

    def _measure(self, seconds: float) -> None:
        """Adjust the limit once a sample of requests has been seen, by the slowest of it but for a few reports."""
        self._sample.append(seconds)
        if len(self._sample) < SAMPLE:
            return
        slow = sorted(self._sample)[-SAMPLE // 8]
        if slow > TARGET_SECONDS:
            self.limit = max(self._least, int(self.limit * max(TARGET_SECONDS / slow, 0.5)))
        elif self._had_to_wait:
            self.limit = min(self._most, self.limit + max(1, self.limit // 8))
        self._sample.clear()
        self._had_to_wait = False
