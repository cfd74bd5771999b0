"""The day on which a party left by a notice that others report: counted anew while the report waits for its answer.

By which text the notice ran may come to light after the report, in whatever order papers are found.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.noticing import notices_end_at
from registry.agreements.instruments.commands.reported import count_report, report_of
from registry.agreements.instruments.commands.settling.departed import parts_of
from registry.agreements.instruments.consent import UNANSWERED, ReportedKind
from registry.agreements.instruments.consent_tables import agreement_consent, agreement_proposal, agreement_reported_act
from registry.agreements.instruments.delivery import read_deliveries, received_days
from registry.agreements.instruments.queries.governing import governing
from registry.agreements.instruments.receipt import Receipts
from registry.platform.database.handles import Write

_report, _proposal, _consent = agreement_reported_act, agreement_proposal, agreement_consent
_NOTICES = sa.select(_report).where(
    _report.c.agreement_id == sa.bindparam("id", type_=_report.c.agreement_id.type),
    _report.c.kind == ReportedKind.GAVE_NOTICE,
    _report.c.status.in_(UNANSWERED),
    ~_report.c.is_settled,
)
_REDATE = _report.update().where(_report.c.id == sa.bindparam("its_report", type_=_report.c.id.type))
_REDATE_PROPOSAL = _proposal.update().where(_proposal.c.id == sa.bindparam("its_proposal", type_=_proposal.c.id.type))
_REDATE_CONSENTS = _consent.update().where(
    _consent.c.proposal_id == sa.bindparam("its_proposal", type_=_proposal.c.id.type),
    _consent.c.counts_from == sa.bindparam("counted", type_=_consent.c.counts_from.type),
)


async def redated_notices(
    write: Write,
    row: Row[Any],
    texts: Sequence[Row[Any]],
    signed: Mapping[UUID, Mapping[int, datetime]],
    parts: Mapping[UUID, Row[Any]],
    now: datetime,
) -> Mapping[UUID, Row[Any]]:
    """The parties, once each notice that is only reported runs by the texts that bound its party on its day."""
    changed = False
    for report in await write.all(_NOTICES, {"id": row.id}):
        bound_by = governing(row, texts, signed, parts.values(), report.agency_id, report.acted_on)
        kind = report.notice_kind or "withdrawal"
        its = (report.agency_id, kind, report.acted_on, report.leaves_on)
        received = received_days(read_deliveries(report.deliveries))
        runs_out_at = notices_end_at(bound_by, row.time_zone, *its, Receipts(received=received, left={}))
        if runs_out_at is None or runs_out_at == report.counts_at:
            continue
        changed = True
        await write.run(_REDATE, {"its_report": report.id, "counts_at": runs_out_at})
        if report.proposal_id is not None:
            about = {"its_proposal": report.proposal_id}
            await write.run(_REDATE_PROPOSAL, {**about, "not_before": runs_out_at})
            await write.run(_REDATE_CONSENTS, {**about, "counted": report.counts_at, "counts_from": runs_out_at})
        await count_report(write, row, await report_of(write, row.id, report.id), now)
    return await parts_of(write, row.id) if changed else parts
