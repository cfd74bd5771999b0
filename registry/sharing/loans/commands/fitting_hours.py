"""What is recorded later than it was done fits what other loans really had: the same is never had twice at one time.

What was had is read from the loans themselves, whose times follow what both agencies agree on (`queries/used_hours`).
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy.engine import Row

from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Conflict, RuleBroken
from registry.platform.kernel.time import Window, format_instant
from registry.resources.allocations.rules import Bookable, Stock
from registry.resources.assets.commands.booking import stock_of
from registry.sharing.loans.queries.agreeing import taken_by_agreeing, words_on_agreeing
from registry.sharing.loans.queries.used_hours import last_part, taken_by_others
from registry.sharing.loans.rules import LoanAction
from registry.sharing.loans.times import Contested
from registry.sharing.loans.used_hours import Taken

AWAY_UNTIL: Final = frozenset({LoanAction.RECEIVE, LoanAction.START_RETURN, LoanAction.RETURN, LoanAction.REPORT_LOST})
"""Acts that say that it was away, with this loan, until they were done."""


async def check_left(
    write: Write, asset: Bookable, row: Row[Any], quantity: int, left_at: datetime, now: datetime
) -> None:
    """Whether so many can have left then, by what others really had from then until now, or until the agreed return.

    Raises Conflict `asset_not_free`, or `personnel_not_free` of who goes with it, with from when on it can have left.
    """
    window = Window(start=left_at, end=min(now, row.planned_end_at))
    found = await taken_by_others(write, asset, row, window, quantity, now, recorded_by=now)
    if found is not None:
        raise _conflict(found, found.why_not_left)


async def check_away(read: Read, row: Row[Any], until: datetime, now: datetime) -> None:
    """Whether what was sent out can have been away until then, by what was recorded of others before it was.

    Only what was entered out of order can meet others: nothing leaves that another loan has. Raises RuleBroken
    `not_then`; what it left for is not in doubt, so that it can always have come back in time.
    """
    if row.dispatched_at is None or row.dispatch_recorded_at <= row.dispatched_at:
        return
    stock, window = await stock_of(read, row.asset_id), Window(start=row.dispatched_at, end=until)
    found = await taken_by_others(read, stock, row, window, last_part(row), now, recorded_by=row.dispatch_recorded_at)
    if found is not None:
        raise RuleBroken.at(found.why_not_so_long, "not_then", "another loan had it then", pointer="/occurred_at")


async def check_agreed(read: Read, stock: Stock, row: Row[Any], contest: Contested, now: datetime) -> None:
    """Whether a time can be accepted by which the loan had it for longer than was said. Raises as `check_left`."""
    found = await taken_by_agreeing(read, stock, row, contest, now)
    if found is not None:
        raise _conflict(found, words_on_agreeing(contest, found))


def _conflict(found: Taken, words: str) -> Conflict:
    blocking = {"start": format_instant(found.start), "end": format_instant(found.end)}
    return Conflict(words, "personnel_not_free" if found.people else "asset_not_free", extra={"blocking": blocking})
