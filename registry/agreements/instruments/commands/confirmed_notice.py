"""A notice that another reported, and its giver confirms, where it counts from receipt: it stands as its own."""

from typing import Any

from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.receiving import report_receipts
from registry.agreements.instruments.commands.settling.standing import stand_as_own
from registry.agreements.instruments.queries.days import today_of
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write


async def confirmed_as_own(write: Write, caller: Caller, row: Row[Any], report: Row[Any]) -> dict[str, object] | None:
    """Let the notice stand as the caller's own, counted from now; what the ledger tells of whom it awaits.

    What is said of the receipts of those who were not asked is the caller's report of them. None, and nothing is done,
    where the report itself has effect.
    """
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    stands = await stand_as_own(write, row, report, today.by_agreement, caller.now)
    if stands is None:
        return None
    await report_receipts(write, caller, row, stands.reported, stands.notice, stands.notice.reason)
    return {"awaited_from": sorted(map(str, stands.goes_to - stands.said))}
