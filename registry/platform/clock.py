"""Whether this machine's clock can be believed, by the clocks of others and by what was recorded last.

Acts are dated by it, and some are done because a time is over, which nothing undoes. A process whose clock is wrong
must not do these, and should get no requests.
"""

import asyncio
import math
from collections.abc import Callable, Sequence

import sqlalchemy as sa
import structlog
from msgspec import Struct
from sqlalchemy.exc import DBAPIError

from registry.platform.database.connect import Database
from registry.platform.http.health import CHECK_SECONDS, OK
from registry.platform.kernel.errors import DomainError
from registry.platform.kernel.time import apart, utc_now
from registry.platform.ledger.tables import ledger_event

LEAST_BOUND_SECONDS = 60.0
_THEIRS = sa.text("SELECT clock_timestamp()")
_NEWEST = sa.select(ledger_event.c.recorded_at).order_by(ledger_event.c.id.desc()).limit(1)
_log = structlog.get_logger("registry.platform.clock")


class Comparison(Struct, kw_only=True, frozen=True):
    """By how many seconds this machine's time is ahead (behind: below 0) of others; None where one tells none."""

    database: float | None = None
    ledger: float | None = None
    """Of the newest act. One that is ahead of now was recorded by a clock that was wrong, if this one is not."""
    issuers: Sequence[float] = ()

    @property
    def nearest_issuer(self) -> float | None:
        """Of the token issuer whose clock differs least."""
        return min(self.issuers, key=abs, default=None)


def fault_of(found: Comparison, bound: float) -> str:
    """What is wrong with this machine's clock, and what to do; empty where nothing is.

    A token issuer whose clock agrees vouches for it, also against the database's and the ledger's: these may have been
    wrong with this machine's own. One whose clock differs alone says nothing while another agrees.
    """
    nearest = found.nearest_issuer
    if nearest is not None:
        return "" if abs(nearest) <= bound else _said(nearest, "the clock of every token issuer that tells its time")
    if found.database is not None and abs(found.database) > bound:
        return _said(found.database, "the database's clock")
    if found.ledger is not None and found.ledger < -bound:
        return _said(found.ledger, "the newest act in the ledger")
    return ""


def _said(ahead: float, whose: str) -> str:
    return f"this machine's time is {apart(ahead, whose)}: compare it with another's, and let it follow one (chrony)"


async def ahead_of_database(database: Database) -> float | None:
    """By how much this machine's time is ahead of the server's, as far as is sure; None on SQLite, which has none."""
    if database.dialect != "postgresql":
        return None
    before = utc_now()
    theirs = await database.read().value(_THEIRS)
    after = utc_now()
    unsure = (after - before).total_seconds() / 2
    ahead = (before - theirs).total_seconds() + unsure
    return math.copysign(max(0.0, abs(ahead) - unsure), ahead)


async def ahead_of_ledger(database: Database) -> float | None:
    """By how much this machine's time is ahead of the newest act; None where nothing was recorded yet."""
    newest = await database.read().value(_NEWEST)
    return None if newest is None else (utc_now() - newest).total_seconds()


class ClockCheck:
    """Compares the clock whenever it is asked, and tells the log when it turns wrong, and when it is right again."""

    def __init__(
        self,
        database: Database,
        issuers: Callable[[], Sequence[float]],
        first_keys: asyncio.Event,
        *,
        skew_seconds: float,
        by_database: bool = True,
    ) -> None:
        """`first_keys` is set once each issuer was asked for its keys.

        Without `by_database` neither the database's clock nor the newest act in its ledger is compared.
        """
        self._database = database
        self._issuers = issuers
        self._first_keys = first_keys
        self._bound = max(LEAST_BOUND_SECONDS, skew_seconds)
        self._by_database = by_database
        self._fault = ""
        self.found = Comparison()

    async def ask(self) -> str:
        """`ok`, or what is wrong. While the database does not answer, which is a check of its own, the issuers tell."""
        of_database = of_ledger = None
        if self._by_database:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    of_database = await ahead_of_database(self._database)
                    of_ledger = await ahead_of_ledger(self._database)
            except (DomainError, DBAPIError, TimeoutError):
                of_ledger = None
        self.found = Comparison(database=of_database, ledger=of_ledger, issuers=self._issuers())
        fault = fault_of(self.found, self._bound)
        if fault and not self._fault:
            _log.error("this machine's clock is wrong: nothing is done because a time is over", cause=fault)
        elif self._fault and not fault:
            _log.warning("this machine's clock is right again")
        self._fault = fault
        return fault or OK

    async def may_act(self) -> bool:
        """Whether what falls due may be done. At the start it waits until the issuers were asked."""
        await self._first_keys.wait()
        return await self.ask() == OK
