"""What follows for what others reported once a person who may answer for the party is seen for the first time.

The 14 days run from the later of the record and that instant: nobody can be held by not answering what nobody told it.
People are noted as they come, and stored in the background, so the days begin with the next change of the agreement or
the next sweep, and count from the instant itself.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.commands.reported import answer_report, count_report
from registry.agreements.instruments.commands.silence import unconfirmed_because
from registry.agreements.instruments.consent import ReportStatus, Unconfirmed
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.queries.rows import row_whoever_asks
from registry.platform.access.principals import REGISTRY
from registry.platform.access.tables import seen_agency
from registry.platform.database.handles import Write

_report = agreement_reported_act
REACHED = (
    sa.select(_report, seen_agency.c.first_seen_at)
    .join(seen_agency, seen_agency.c.agency_id == _report.c.agency_id)
    .where(
        _report.c.status == ReportStatus.UNCONFIRMED,
        _report.c.because == Unconfirmed.NOT_REACHED,
        ~_report.c.is_settled,
    )
)
"""The reports that stood unconfirmed for want of a person who may answer them, of whom one has been seen since."""
_REACHED = REACHED.where(_report.c.agreement_id == sa.bindparam("id", type_=_report.c.agreement_id.type)).order_by(
    _report.c.id
)


async def begin_days(write: Write, agreement_id: UUID, now: datetime) -> list[tuple[UUID, UUID, datetime]]:
    """Let the days run of what is reported of parties that were seen since: report, party, and from when.

    One against which something else stands by now names that instead.
    """
    reports = await write.all(_REACHED, {"id": agreement_id})
    if not reports:
        return []
    row = await row_whoever_asks(write, REGISTRY, agreement_id)
    begun = []
    for report in reports:
        whys = await unconfirmed_because(write, agreement_id, [report], report.recorded_by_id, now)
        because = whys[report.agency_id]
        status = ReportStatus.OPEN if because is None else ReportStatus.UNCONFIRMED
        told_at = max(report.notified_at, report.first_seen_at)
        told = await answer_report(write, report, now, status=status, because=because, notified_at=told_at)
        await count_report(write, row, told, now)
        if status is ReportStatus.OPEN:
            begun.append((told.id, told.agency_id, told_at))
    return begun
