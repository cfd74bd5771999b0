"""A notice that another reported, where it counts from receipt: it stands as its giver's own, by its yes or silence.

That it was given says nothing of who received it. Who reported it as a party has said when it came to itself; what the
others said of that when they were told, or did not contest, counts as their word; the rest is awaited as of any notice.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.noticing import notices_end_at, write_own_notice
from registry.agreements.instruments.commands.settling.closing import drop_departures
from registry.agreements.instruments.commands.settling.effects import apply_receipt
from registry.agreements.instruments.consent import ClosedBecause, ReportedKind, ReportStatus
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.delivery import read_deliveries, received_days
from registry.agreements.instruments.queries.governing import bound_on
from registry.agreements.instruments.receipt import NOTHING_RECEIVED, awaited
from registry.agreements.instruments.rules import is_gone
from registry.agreements.instruments.schemas.given import WithdrawalNotice
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.platform.database.handles import Write

_report = agreement_reported_act
_PART = sa.select(agreement_party).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)
_SAID_BY_OTHERS = sa.select(*(_report.c[name] for name in ("agency_id", "acted_on", "answered_at"))).where(
    _report.c.proposal_id == sa.bindparam("proposal_id", type_=_report.c.proposal_id.type),
    _report.c.kind == ReportedKind.WAS_NOTIFIED,
    sa.or_(
        # It consented to the departure itself, and so to what is said of it.
        _report.c.status.in_((ReportStatus.CONFIRMED, ReportStatus.REPLACED)),
        sa.and_(_report.c.status == ReportStatus.OPEN, _report.c.is_settled),  # in time it said nothing else
    ),
)


class Standing(Struct, kw_only=True, frozen=True):
    """A notice that stands: to whom it goes, who of these has said when it came, and what was said of the rest."""

    notice: WithdrawalNotice
    goes_to: frozenset[UUID]
    said: frozenset[UUID]
    reported: Mapping[UUID, date]


async def stand_as_own(
    write: Write, row: Row[Any], report: Row[Any], counts_on: date, now: datetime
) -> Standing | None:
    """Let the notice that is reported stand as its giver's own, of the day that it bears and counted on that day.

    None, and nothing is done, where it counts from giving by each text that binds the party, or the party is bound by
    none any more: there the report itself has effect.
    """
    part = await write.first(_PART, {"id": row.id, "agency_id": report.agency_id})
    if part is None or part.joined_at is None or is_gone(part, now):
        return None
    bound_by = await bound_on(write, row, report.agency_id, counts_on)
    goes_to = awaited(bound_by, NOTHING_RECEIVED)
    if not goes_to:
        return None
    said = [] if report.proposal_id is None else await write.all(_SAID_BY_OTHERS, {"proposal_id": report.proposal_id})
    replaced = ClosedBecause.REPLACED
    await drop_departures(write, row.id, report.agency_id, report.reason, now, because=replaced)
    notice = WithdrawalNotice(
        notice_on=report.acted_on,
        kind=report.notice_kind or "withdrawal",
        leaves_on=report.leaves_on,
        reason=report.reason,
        evidence_sha256=report.evidence_sha256,
        evidence_location=report.evidence_location,
        deliveries=read_deliveries(report.deliveries),
    )
    its = (report.agency_id, notice.kind, counts_on, notice.leaves_on)
    leaves_at = notices_end_at(bound_by, row.time_zone, *its, NOTHING_RECEIVED, bears=notice.notice_on)
    own = (row.id, report.agency_id, notice)
    await write_own_notice(write, *own, counts_on=counts_on, leaves_at=leaves_at, now=now)
    days = {each: day for each, day in received_days(notice.deliveries).items() if each in goes_to}
    own_words = {each.agency_id: (each.acted_on, each.answered_at) for each in said if each.agency_id in goes_to}
    if report.recorded_by_id in days:
        own_words.setdefault(report.recorded_by_id, (days[report.recorded_by_id], report.recorded_at))
    for agency_id, (received_on, said_at) in own_words.items():
        await apply_receipt(write, row.id, report.agency_id, agency_id, received_on, recorded_at=said_at)
    reported = {each: day for each, day in days.items() if each not in own_words}
    return Standing(notice=notice, goes_to=goes_to, said=frozenset(own_words), reported=reported)
