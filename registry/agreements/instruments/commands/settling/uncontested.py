"""What was reported of a party, and that one did not contest in its time: it has effect from the day of the act."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.settling.effects import apply_report, stop_silence
from registry.agreements.instruments.commands.settling.standing import stand_as_own
from registry.agreements.instruments.commands.silence import may_act, needs_own_word
from registry.agreements.instruments.consent import CONTEST_PERIOD, ReportedKind, ReportStatus, Unconfirmed
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.tables import agreement
from registry.platform.database.handles import Write
from registry.platform.kernel.time import civil_day

_report = agreement_reported_act
_ID = sa.bindparam("id", type_=agreement.c.id.type)
_DUE = (
    sa.select(_report)
    .where(
        _report.c.agreement_id == _ID,
        _report.c.status == ReportStatus.OPEN,
        ~_report.c.is_settled,
        _report.c.notified_at <= sa.bindparam("long_enough_ago", type_=_report.c.notified_at.type),
    )
    .order_by(_report.c.id)
)
_ITS_ID = sa.bindparam("its_id", type_=_report.c.id.type)
_SETTLE = _report.update().where(_report.c.id == _ITS_ID).values(is_settled=True)
_AGREEMENT = sa.select(
    *(agreement.c[name] for name in ("id", "executed_at", "starts_at", "terminated_at", "time_zone"))
).where(agreement.c.id == _ID)


async def settle_reports(
    write: Write, agreement_id: UUID, now: datetime, *, acted_until_now: UUID | None = None
) -> None:
    """Date back what was known long enough and not contested, by who could contest it.

    `acted_until_now` is an agency that may act no more only since this transaction. A notice comes after what the
    others were told of it, which is their word of when it came to them.
    """
    due = await write.all(_DUE, {"id": agreement_id, "long_enough_ago": now - CONTEST_PERIOD})
    for report in sorted(due, key=lambda each: each.kind == ReportedKind.GAVE_NOTICE):
        if report.agency_id != acted_until_now and not await may_act(write, report.agency_id):
            await stop_silence(write, report, Unconfirmed.MAY_NOT_ACT)
            continue
        if await needs_own_word(write, report, by=report.notified_at + CONTEST_PERIOD):
            await stop_silence(write, report, Unconfirmed.OWN_WORD_REQUIRED)
            continue
        await write.run(_SETTLE, {"its_id": report.id})
        if report.kind != ReportedKind.GAVE_NOTICE or not await _stands(write, report):
            await apply_report(write, report, report.counts_at, manner="reported")


async def _stands(write: Write, report: Row[Any]) -> bool:
    """Whether the notice counts from receipt, and so stands as its giver's own since its days to contest were over.

    Nobody reports its receipt then: of those who have not said when it came that is awaited, until one says so.
    """
    row = await write.first(_AGREEMENT, {"id": report.agreement_id})
    assert row is not None
    effect_from = report.notified_at + CONTEST_PERIOD
    counts_on = civil_day(effect_from, row.time_zone)
    return await stand_as_own(write, row, report, counts_on, effect_from) is not None
