"""Queries about agreeing on a time of an act: whether others really had what the loan would have had by it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.time import Window
from registry.resources.allocations.rules import Stock
from registry.resources.assets.commands.booking import stock_of
from registry.sharing.loans.queries.getting import side_of
from registry.sharing.loans.queries.used_hours import last_part, taken_by_others
from registry.sharing.loans.times import SAID_IN, Contested, TimeContestStatus, TimedAct, done_by, misfit
from registry.sharing.loans.used_hours import Taken


async def why_not_agreed(read: Read, caller: Caller, row: Row[Any], contests: Sequence[Contested]) -> str | None:
    """Why the caller's agency cannot accept any of the times that are contested of its acts; None where it can one.

    What does not fit the loan itself says so without being asked here.
    """
    acts, side = dict(row._mapping), side_of(row, caller.principal)
    waiting = [
        each
        for each in contests
        if each.status is TimeContestStatus.OPEN
        and done_by(each.act) is side
        and misfit(each.act, each.other_said_at, acts) is None
    ]
    refused: str | None = None
    for each in waiting:
        stock = await stock_of(read, row.asset_id)
        found = await taken_by_agreeing(read, stock, row, each, caller.now)
        if found is None:
            return None
        refused = refused or words_on_agreeing(each, found)
    return refused


async def taken_by_agreeing(read: Read, stock: Stock, row: Row[Any], contest: Contested, now: datetime) -> Taken | None:
    """When others really had what the loan would have had for longer by the contested time; None where it fits."""
    said, other = dict(row._mapping)[SAID_IN[contest.act]], contest.other_said_at
    if contest.act is TimedAct.DISPATCH and other < said:
        return await taken_by_others(
            read, stock, row, Window(start=other, end=said), row.quantity, now, recorded_by=now
        )
    if contest.act is TimedAct.RETURN and other > said:
        return await taken_by_others(
            read, stock, row, Window(start=said, end=other), last_part(row), now, recorded_by=now
        )
    return None


def words_on_agreeing(contest: Contested, found: Taken) -> str:
    """Why the contested time cannot be accepted."""
    why = found.why_not_left if contest.act is TimedAct.DISPATCH else found.why_not_so_long
    return f"{why} Both words stand; agree on the time of that loan first, where it is wrong."
