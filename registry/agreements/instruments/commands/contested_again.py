"""What becomes of others' reports of a leaving, whose place the party's own notice took, once it takes that back."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.reported import answer_report, count_report, report_of
from registry.agreements.instruments.consent import LEAVING, ReportStatus
from registry.agreements.instruments.consent_tables import agreement_proposal, agreement_reported_act
from registry.platform.database.handles import Write

_report, _proposal = agreement_reported_act, agreement_proposal
_REPLACED = sa.select(_report).where(
    _report.c.agreement_id == sa.bindparam("id", type_=_report.c.agreement_id.type),
    _report.c.agency_id == sa.bindparam("agency_id", type_=_report.c.agency_id.type),
    _report.c.kind.in_(LEAVING),
    _report.c.status == ReportStatus.REPLACED,
)
_DROPPED = sa.select(_report).where(
    _report.c.proposal_id == sa.bindparam("proposal_id", type_=_report.c.proposal_id.type),
    _report.c.status == ReportStatus.TAKEN_BACK,
    _report.c.answered_at == sa.bindparam("dropped_at", type_=_report.c.answered_at.type),
)
_REOPEN = _proposal.update().where(_proposal.c.id == sa.bindparam("its_id", type_=_proposal.c.id.type))
_RESTORE = _report.update().where(_report.c.id == sa.bindparam("its_report", type_=_report.c.id.type))


async def stand_contested(write: Write, row: Row[Any], agency_id: UUID, reason: str, now: datetime) -> list[UUID]:
    """Let what others had reported of the agency's leaving stand as contested by it; the ids of these reports.

    Its own notice took their place (`replace_reports`). To take that back says that the agency stays; it does not undo
    what another says of it, who takes it back, or sees it confirmed after all.
    """
    found = await write.all(_REPLACED, {"id": row.id, "agency_id": agency_id})
    for report in found:
        await _contest(write, row, report, reason, now)
    return [report.id for report in found]


async def _contest(write: Write, row: Row[Any], report: Row[Any], reason: str, now: datetime) -> None:
    """As the party contests it; the departure is before the others again, and their days to answer begin anew."""
    said_no = {"answered_at": now, "contested_at": now, "answer_reason": reason}
    await answer_report(write, report, now, status=ReportStatus.CONTESTED, **said_no)
    if report.proposal_id is None:
        return
    await write.run(_REOPEN, {"its_id": report.proposal_id, "taken_back_at": None, "closed_because": None})
    closed_at = report.answered_at
    for told in await write.all(_DROPPED, {"proposal_id": report.proposal_id, "dropped_at": closed_at}):
        if told.notified_at == closed_at:  # it waited for a second operator, and was told to nobody before
            values: dict[str, object] = {"status": ReportStatus.UNSECONDED, "notified_at": None}
        else:
            status = ReportStatus.OPEN if told.because is None else ReportStatus.UNCONFIRMED
            values = {"status": status, "notified_at": now}
        await write.run(_RESTORE, {"its_report": told.id, **values, "answered_at": None, "answer_reason": None})
        await count_report(write, row, await report_of(write, row.id, told.id), now)
