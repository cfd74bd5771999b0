"""What follows for what others reported when the document that shows it is withdrawn."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.commands.holding import follow_by_itself, settle_due
from registry.agreements.instruments.commands.settling.effects import stop_silence
from registry.agreements.instruments.consent import ReportStatus, Unconfirmed
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.queries.evidence import read_with
from registry.platform.database.handles import Write

_report = agreement_reported_act
_SHOWN_BY_IT = sa.select(_report).where(
    _report.c.agreement_id == sa.bindparam("id", type_=_report.c.agreement_id.type),
    _report.c.evidence_sha256 == sa.bindparam("sha256", type_=_report.c.evidence_sha256.type),
    _report.c.status == ReportStatus.OPEN,
    ~_report.c.is_settled,
)


async def follow_withdrawn_evidence(write: Write, agreement_id: UUID, sha256: str, now: datetime) -> list[UUID]:
    """Let no silence count on what nothing on file shows to party and reporter any more; the reports that it is about.

    They have effect by the party's own word alone. What had effect before has it still. The agreement is locked.
    """
    await settle_due(write, agreement_id, now)
    stopped = []
    for report in await write.all(_SHOWN_BY_IT, {"id": agreement_id, "sha256": sha256}):
        its, reporter_id = report.agency_id, report.recorded_by_id
        if its not in await read_with(write, agreement_id, sha256, [its], reporter_id):
            await stop_silence(write, report, Unconfirmed.EVIDENCE_NOT_ON_FILE)
            stopped.append(report.id)
    if stopped:
        await follow_by_itself(write, agreement_id, now, now)
    return stopped
