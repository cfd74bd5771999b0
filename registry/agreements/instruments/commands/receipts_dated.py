"""From which day a receipt counts that is of an earlier day: what is asked of the others, and when that is gone.

Two say of it: who gave the notice, and who received it. To the others, who are bound to both and to those, it moves an
end that they went by; so to them it counts from when they were told, until they agree to its day (`earlier_days`).
"""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.earlier_days import count_from_its_day
from registry.agreements.instruments.commands.settling.closing import drop_proposal
from registry.agreements.instruments.commands.settling.dated_back import OwnAct
from registry.agreements.instruments.commands.settling.effects import receipt_of
from registry.agreements.instruments.consent import ClosedBecause
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.schemas.evidence import OnPaper
from registry.directory.agencies.queries import references
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.time import day_starts_at

_proposal = agreement_proposal
_OF_NOTICE = sa.select(_proposal).where(
    _proposal.c.agreement_id == sa.bindparam("id", type_=_proposal.c.agreement_id.type),
    _proposal.c.notice_of_id == sa.bindparam("giver_id", type_=_proposal.c.notice_of_id.type),
    _proposal.c.taken_back_at.is_(None),
)


async def ask_of_receipt(
    write: Write, caller: Caller, row: Row[Any], giver_id: UUID, paper: OnPaper
) -> dict[str, object]:
    """Put to the others the day on which the own agency received the notice, where to them it counts from a later one.

    What the ledger tells of it. Where it makes no difference to any of them it counts from its day at once.
    """
    receipt = await receipt_of(write, row.id, giver_id, caller.agency_id)
    if receipt is None or receipt.received_on is None or receipt.counts_on is None:
        return {}
    at = day_starts_at(receipt.received_on, ZoneInfo(row.time_zone))
    act = OwnAct(agency_id=caller.agency_id, at=at, notice_of_id=giver_id)
    giver = (await references(write, {giver_id}))[giver_id]
    said = f"The notice of {giver.name} was received on {receipt.received_on}; it is said now."
    return await count_from_its_day(write, caller, row, act, paper, receipt.received_on, said)


async def drop_receipt_days(
    write: Write, caller: Caller, row: Row[Any], giver_id: UUID, reason: str, *, of_id: UUID | None = None
) -> None:
    """Close what was asked of receipts of that one's notice, or of one party's alone (`of_id`): it is said anew.

    Also what all have agreed to: it was of this notice, and of that day.
    """
    for each in await write.all(_OF_NOTICE, {"id": row.id, "giver_id": giver_id}):
        if of_id in (None, each.proposed_by_id):
            await drop_proposal(write, each.id, reason, caller.now, ClosedBecause.REPLACED)
