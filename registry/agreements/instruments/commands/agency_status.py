"""What follows for its agreements when an agency stops acting in the registry, or ends."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.commands.holding import follow_by_itself
from registry.agreements.instruments.commands.locking import lock
from registry.agreements.instruments.commands.settling.effects import stop_silences
from registry.agreements.instruments.commands.settling.uncontested import settle_reports
from registry.agreements.instruments.commands.silence import may_act
from registry.agreements.instruments.consent import ReportStatus, Unconfirmed
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.queries.visibility import not_left
from registry.agreements.instruments.tables import agreement_party
from registry.directory.agencies.rules import AgencyStatus
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Write
from registry.platform.ledger.event_types import EventType

_report = agreement_reported_act
_AGENCY = sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type)
_TOLD = sa.select(_report.c.agreement_id).where(
    _report.c.agency_id == _AGENCY, _report.c.status == ReportStatus.OPEN, ~_report.c.is_settled
)
_BOUND = sa.select(agreement_party.c.agreement_id).where(
    agreement_party.c.agency_id == _AGENCY, agreement_party.c.joined_at.is_not(None)
)
_DISSOLVED_FROM = (
    sa.select(agreement_party.c.agreement_id)
    .join(agency, agency.c.id == agreement_party.c.agency_id)
    .where(
        agreement_party.c.agency_id == _AGENCY,
        agreement_party.c.joined_at.is_not(None),
        agency.c.status == AgencyStatus.DISSOLVED,
        not_left(),
    )
)
_CONCERNED = sa.union(_TOLD, _BOUND).order_by("agreement_id")


async def follow_agency_status(write: Write, agency_id: UUID, now: datetime) -> None:
    """Let the agency's silence count no more once it may not act, and its agreements bind it until it is dissolved.

    Its agreements bind an agency that is suspended as before; it goes on where it was when it is reinstated, and what
    was reported of it meanwhile, or before without its answer, waits for its own word. Of its end each agreement that
    bound it tells in its own history.
    """
    if await may_act(write, agency_id):
        return
    dissolved = {row.agreement_id for row in await write.all(_DISSOLVED_FROM, {"agency_id": agency_id, "now": now})}
    concerned = [row.agreement_id for row in await write.all(_CONCERNED, {"agency_id": agency_id})]
    if concerned:
        await lock(write, now, *concerned)
    for agreement_id in concerned:
        await settle_reports(write, agreement_id, now, acted_until_now=agency_id)
        await stop_silences(write, agreement_id, agency_id, Unconfirmed.MAY_NOT_ACT, now)
        ended = (EventType.AGREEMENT_PARTY_DISSOLVED, {"agency_id": str(agency_id)})
        await follow_by_itself(write, agreement_id, now, now, also=[ended] if agreement_id in dissolved else [])
