"""What follows for what others reported once an agency says that its silence never binds it.

The days of what would bind it, or free it, end: that waits for the agency's own word from now on. They begin anew by
no later change of its mind, for nobody would have told it that they do: who wants them to run reports it again.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.commands.holding import follow_by_itself
from registry.agreements.instruments.commands.locking import lock
from registry.agreements.instruments.commands.settling.effects import stop_each
from registry.agreements.instruments.commands.settling.uncontested import settle_reports
from registry.agreements.instruments.commands.silence import needs_own_word
from registry.agreements.instruments.consent import ReportStatus, Unconfirmed
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.platform.database.handles import Write
from registry.platform.ledger.event_types import EventType

_report = agreement_reported_act
# Of what its silence would give effect, by itself or once something is there that is lacking.
_WAITING = sa.select(_report).where(
    _report.c.agency_id == sa.bindparam("agency_id", type_=_report.c.agency_id.type),
    ~_report.c.is_settled,
    sa.or_(
        _report.c.status == ReportStatus.OPEN,
        sa.and_(
            _report.c.status == ReportStatus.UNCONFIRMED,
            _report.c.because.in_((Unconfirmed.NOT_REACHED, Unconfirmed.EVIDENCE_NOT_ON_FILE)),
        ),
    ),
)
_CONCERNED = _WAITING.with_only_columns(_report.c.agreement_id).distinct().order_by(_report.c.agreement_id)
_OF_AGREEMENT = _WAITING.where(
    _report.c.agreement_id == sa.bindparam("id", type_=_report.c.agreement_id.type)
).order_by(_report.c.id)


async def follow_own_word(write: Write, agency_id: UUID, now: datetime) -> None:
    """Let what is reported of the agency, and would bind it or free it, wait for its own word.

    What was due before has had effect. Each agreement tells in its own history which reports these are.
    """
    concerned = [row.agreement_id for row in await write.all(_CONCERNED, {"agency_id": agency_id})]
    if concerned:
        await lock(write, now, *concerned)
    for agreement_id in concerned:
        await settle_reports(write, agreement_id, now)
        reports = await write.all(_OF_AGREEMENT, {"agency_id": agency_id, "id": agreement_id})
        stopped = [each for each in reports if await needs_own_word(write, each)]
        if stopped:
            await stop_each(write, stopped, Unconfirmed.OWN_WORD_REQUIRED)
            about = {"agency_id": str(agency_id), "report_ids": [str(each.id) for each in stopped]}
            told = (EventType.AGREEMENT_OWN_WORD_REQUIRED, about)
            await follow_by_itself(write, agreement_id, now, now, also=[told])
