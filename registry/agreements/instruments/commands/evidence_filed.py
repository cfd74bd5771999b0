"""What follows for what others reported when the document that shows it comes on file after the report.

Whether the paper is filed first or last, the party's days run from when it can both answer and read what there is to
answer: a paper filed later begins them, in full, and one that was withdrawn and is filed again begins them anew.
"""

from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.commands.holding import follow_by_itself
from registry.agreements.instruments.commands.open_text import open_text
from registry.agreements.instruments.commands.reported import answer_report, count_report, notified
from registry.agreements.instruments.consent import ReportStatus, Unconfirmed
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.queries.evidence import shown_on_file
from registry.agreements.instruments.queries.rows import row_whoever_asks
from registry.agreements.instruments.queries.texts import may_be_signed
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write

_report = agreement_reported_act
_WAITING = (
    sa.select(_report)
    .where(
        _report.c.agreement_id == sa.bindparam("id", type_=_report.c.agreement_id.type),
        _report.c.evidence_sha256 == sa.bindparam("sha256", type_=_report.c.evidence_sha256.type),
        _report.c.status == ReportStatus.UNCONFIRMED,
        _report.c.because == Unconfirmed.EVIDENCE_NOT_ON_FILE,
        ~_report.c.is_settled,
    )
    .order_by(_report.c.id)
)


async def waits_for_paper(write: Write, agreement_id: UUID, sha256: str) -> bool:
    """Whether something reported of a party stands unconfirmed for want of a document of that hash."""
    return await write.first(_WAITING, {"id": agreement_id, "sha256": sha256}) is not None


async def follow_filed_evidence(write: Write, caller: Caller, agreement_id: UUID, sha256: str) -> list[UUID]:
    """Tell the parties of what the document shows of them, now that they and the reporters can read it.

    The reports whose days begin with it. One against which something else stands by now names that instead, and one of
    a text that waits for no signature any more stays as it is. The agreement is locked, and what was due is settled.
    """
    row = await row_whoever_asks(write, caller.principal, agreement_id)
    begun = []
    for report in await write.all(_WAITING, {"id": agreement_id, "sha256": sha256}):
        if not await shown_on_file(write, report):
            continue
        text = report.version_id
        if text is not None and not await may_be_signed(write, row.id, open_text(row).version_id, text):
            continue
        told = await answer_report(write, report, caller.now, **await notified(write, caller, row, report))
        await count_report(write, row, told, caller.now)
        if told.status == ReportStatus.OPEN:
            begun.append(told.id)
    if begun:
        await follow_by_itself(write, agreement_id, caller.now, caller.now)
    return begun
