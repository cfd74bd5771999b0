"""What is wrong with the database, told once in the log: it does not answer, cannot store, or is damaged.

Every request meets the same trouble, and each is answered; the cause is of interest once. It is told again when it is
another, or when the last one was a while ago.
"""

import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum

import structlog

from registry.platform.kernel.text import shortened

TOLD_AGAIN_SECONDS = 60.0
STABLE_SECONDS = 10.0
"""Who has failed is well again once nothing has failed for so long: a full disk takes a change now and then."""
_LONGEST = 300
_log = structlog.get_logger("registry.platform.database")


class ToldOnce:
    """Logs the cause of a trouble that everybody meets once, and again when it is another or was a while ago."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._met: dict[str, float] = {}

    def meet(self, event: str, cause: object) -> None:
        """Log the cause unless that has just been done. Only its first line, in which no row is quoted."""
        words = f"{type(cause).__name__}: {shortened(str(cause).partition(chr(10))[0], _LONGEST)}"
        now = self._clock()
        known, self._met[words] = self._met.get(words), now
        if known is None or now - known > TOLD_AGAIN_SECONDS:
            _log.error(event, cause=words)

    def over(self, event: str) -> None:
        """What was wrong works. Once nothing has failed for a while, that is told, and a trouble is news again."""
        if self._met and self._clock() - max(self._met.values()) >= STABLE_SECONDS:
            _log.warning(event)
            self._met.clear()


class TroubleKind(StrEnum):
    """What is wrong with the database."""

    OUT_OF_REACH = "out_of_reach"
    TIME_OVER = "time_over"
    DEADLOCK = "deadlock"
    NOT_STORED = "not_stored"
    DAMAGED = "damaged"


class Trouble:
    """The troubles of this process's database."""

    def __init__(self) -> None:
        self._told = ToldOnce()
        self.damage: str | None = None
        self.times: Counter[TroubleKind] = Counter()

    def meet(self, kind: TroubleKind, event: str, cause: object) -> None:
        """Count a trouble, and log its cause unless that has just been done."""
        self.times[kind] += 1
        self._told.meet(event, cause)

    def damaged(self, cause: object) -> None:
        """Note that stored pages cannot be read. That stays so until somebody has repaired it and starts again."""
        self.meet(
            TroubleKind.DAMAGED, "the database is damaged: stop the service, and restore a backup or repair it", cause
        )
        self.damage = shortened(str(cause).partition("\n")[0], _LONGEST)

    def over(self) -> None:
        """A change was stored: once that has been so for a while, what was wrong before would be news again."""
        if self.damage is None:
            self._told.over("the database stores changes again")


trouble = Trouble()
"""One for the process, as translating an error knows of nothing else."""
