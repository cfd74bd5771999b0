"""What is wrong with the database, told once in the log: it does not answer, cannot store, or is damaged.

Every request meets the same trouble, and each is answered; the cause is of interest once. It is told again when it is
another, or when the last one was a while ago.
"""

import time
from collections import Counter
from enum import StrEnum

import structlog

TOLD_AGAIN_SECONDS = 60.0
_LONGEST = 300
_log = structlog.get_logger("registry.platform.database")


class TroubleKind(StrEnum):
    """What is wrong with the database."""

    OUT_OF_REACH = "out_of_reach"
    NOT_STORED = "not_stored"
    DAMAGED = "damaged"


class Trouble:
    """The troubles of this process's database."""

    def __init__(self) -> None:
        self._met: dict[str, float] = {}
        self.damage: str | None = None
        self.times: Counter[TroubleKind] = Counter()

    def meet(self, kind: TroubleKind, event: str, cause: object) -> None:
        """Count a trouble, and log its cause unless that has just been done.

        Only the first line of the cause is logged, in which no row is quoted.
        """
        self.times[kind] += 1
        words = f"{type(cause).__name__}: {str(cause).partition(chr(10))[0][:_LONGEST]}"
        now = time.monotonic()
        known, self._met[words] = self._met.get(words), now
        if known is None or now - known > TOLD_AGAIN_SECONDS:
            _log.error(event, cause=words)

    def damaged(self, cause: object) -> None:
        """Note that stored pages cannot be read. That stays so until somebody has repaired it and starts again."""
        self.meet(
            TroubleKind.DAMAGED, "the database is damaged: stop the service, and restore a backup or repair it", cause
        )
        self.damage = str(cause).partition("\n")[0][:_LONGEST]

    def over(self) -> None:
        """A change was stored: what was wrong before would be news again."""
        if self._met and self.damage is None:
            _log.warning("the database stores changes again")
            self._met.clear()


trouble = Trouble()
"""One for the process, as translating an error knows of nothing else."""
