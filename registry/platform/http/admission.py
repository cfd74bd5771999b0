"""How many reading requests are worked on at once, by how long they take, and who waits for how long.

An event loop that works on more than it can answer in a moment answers all of them late. So a request that finds too
many before it waits for its turn. How many are admitted is measured: as long as requests take longer than they should,
fewer, and more again as soon as some have to wait although they take less.

Turns come in the order in which requests came. A read that never waits for its database ends before the next one
begins, so a bound of those in progress says nothing of it; therefore few are admitted in each turn of the event loop,
too. The loop then looks at its connections again after some milliseconds, and who has asked meanwhile waits here, where
that is counted, and not unseen in the socket.

After a while each of those who wait is looked at once: whoever has more before it than three quarters of those admitted
meanwhile would not be answered in time, and is refused. Not sooner, since waiting costs nothing, and most who are
refused come back at once.

Changes are not counted here: they wait in a queue of their own, bounded in length and time, and while that stands still
the service goes on reading.
"""

import asyncio
import time
from collections import deque

from registry.platform.kernel.errors import Busy

TARGET_SECONDS = 0.25
LOOK_SECONDS = 0.3
"""How long a request waits before it is looked at: whether its turn will come in three quarters of that time."""
MORE_SECONDS = 0.5
"""How long it then still waits at most, if the service has become slower: seldom, since it is long for a refusal."""
LEAST = 16
FIRST = 64
SAMPLE = 32
IN_ONE_TURN = 16
"""How many are admitted in one turn of the event loop."""


class _Place:
    """A place in the queue: how many were before it, and what had been admitted and refused until then."""

    __slots__ = ("admitted", "before", "gone", "patience", "turn")

    def __init__(self, turn: "asyncio.Future[bool]", before: int, admitted: int, gone: int) -> None:
        self.turn = turn
        self.before = before
        self.admitted = admitted
        self.gone = gone
        self.patience: asyncio.TimerHandle | None = None


class Admission:
    """A gate with a measured width, and a queue in front of it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._least = min(LEAST, most)
        self.limit = min(FIRST, most)
        self.running = 0
        self.waiting = 0
        self._places: deque[_Place] = deque()
        self._admitted = 0
        self._gone = 0
        self._sample: list[float] = []
        self._had_to_wait = False
        self._in_this_turn = 0

    async def enter(self) -> float:
        """Wait for one's turn; the instant at which it came, for `leave`. Raises Busy when it does not come in time."""
        if not self.waiting and self._is_open():
            self._admit()
            return time.monotonic()
        self._had_to_wait = self._had_to_wait or self.running >= self.limit
        loop = asyncio.get_running_loop()
        place = _Place(loop.create_future(), self.waiting, self._admitted, self._gone)
        place.patience = loop.call_later(LOOK_SECONDS, self._look, place)
        self._places.append(place)
        self.waiting += 1
        try:
            has_come = await place.turn
        except asyncio.CancelledError:
            if place.turn.cancelled():
                self._leave_queue()
            elif place.turn.result():  # the turn was given at the same moment
                self._end()
            raise
        finally:
            place.patience.cancel()
        if not has_come:
            raise Busy("The service is at its limit; try again in a moment.", "overloaded")
        return time.monotonic()

    def _look(self, place: _Place) -> None:
        """Refuse whose turn will not come in time.

        Those who were before it have been admitted, are gone, or are before it still.
        """
        admitted = self._admitted - place.admitted
        before_it_still = place.before - admitted - (self._gone - place.gone)
        if before_it_still * 4 > admitted * 3:
            self._give_up(place)
        elif not place.turn.done():
            place.patience = asyncio.get_running_loop().call_later(MORE_SECONDS, self._give_up, place)

    def _give_up(self, place: _Place) -> None:
        if not place.turn.done():
            place.turn.set_result(False)
            self._leave_queue()

    def _leave_queue(self) -> None:
        self.waiting -= 1
        self._gone += 1
        while self._places and self._places[0].turn.done():
            self._places.popleft()

    def leave(self, since: float) -> None:
        """End a request that entered at `since`."""
        self._measure(time.monotonic() - since)
        self._end()

    def _end(self) -> None:
        self.running -= 1
        self._admit_waiting()

    def _is_open(self) -> bool:
        return self.running < self.limit and self._in_this_turn < IN_ONE_TURN

    def _admit(self) -> None:
        self.running += 1
        self._admitted += 1
        if not self._in_this_turn:
            asyncio.get_running_loop().call_soon(self._begin_turn)
        self._in_this_turn += 1

    def _begin_turn(self) -> None:
        """The loop has looked at its connections."""
        self._in_this_turn = 0
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        while self._places and self._is_open():
            turn = self._places.popleft().turn
            if not turn.done():
                self._admit()
                self.waiting -= 1
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
