"""Reports that their parties contest, of agreements that bind two agencies: see `instruments.disputed`.

And ends that are reported of them, which they have not confirmed.
"""

from collections.abc import Collection
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.consent import OF_ONE, EndingGround, ReportStatus
from registry.agreements.instruments.consent_tables import agreement_proposal, agreement_reported_act
from registry.agreements.instruments.disputed import TOLD_APART
from registry.platform.database.handles import Read

_report, _proposal = agreement_reported_act, agreement_proposal
_SIDES = sa.bindparam("sides", type_=_report.c.agency_id.type, expanding=True)
# Of what one of the two did, or of what would be so for all. That one does not leave whom the others are not bound to
# concerns the two as little as what a third party is said to have done.
_CONTESTED = (
    sa.select(_report.c.id, _report.c.agreement_id)
    .outerjoin(_proposal, _proposal.c.id == _report.c.proposal_id)
    .where(
        _report.c.agreement_id.in_(sa.bindparam("ids", type_=_report.c.agreement_id.type, expanding=True)),
        _report.c.status == ReportStatus.CONTESTED,
        ~_report.c.is_settled,
        _report.c.kind.not_in(TOLD_APART),
        sa.or_(
            _report.c.agency_id.in_(_SIDES),
            _proposal.c.kind.not_in(OF_ONE),
            _proposal.c.proposed_by_id.in_(_SIDES),
        ),
    )
    .order_by(_report.c.id)
)


# Whom an end is reported of, which has no effect until each that is bound has said so: see `settling.proposed`.
_UNSAID_ENDS = (
    sa.select(_report.c.id, _report.c.agreement_id)
    .join(_proposal, _proposal.c.id == _report.c.proposal_id)
    .where(
        _report.c.agreement_id.in_(sa.bindparam("ids", type_=_report.c.agreement_id.type, expanding=True)),
        _report.c.status.in_((ReportStatus.UNSECONDED, ReportStatus.OPEN, ReportStatus.UNCONFIRMED)),
        ~_report.c.is_settled,
        _proposal.c.ground == EndingGround.REPORTED,
        _proposal.c.taken_back_at.is_(None),
        _proposal.c.agreed_at.is_(None),
    )
    .order_by(_report.c.id)
)


async def unsaid_ends(read: Read, agreement_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """By agreement the reports of an end that a party which is bound has not confirmed: confirmed, it would be over."""
    found: dict[UUID, list[UUID]] = {}
    if agreement_ids:
        for row in await read.all(_UNSAID_ENDS, {"ids": sorted(agreement_ids)}):
            found.setdefault(row.agreement_id, []).append(row.id)
    return found


async def contested_between(
    read: Read, agreement_ids: Collection[UUID], sides: Collection[UUID]
) -> dict[UUID, list[UUID]]:
    """By agreement the reports that are contested and, confirmed after all, would change what binds the two."""
    found: dict[UUID, list[UUID]] = {}
    if agreement_ids:
        for row in await read.all(_CONTESTED, {"ids": sorted(agreement_ids), "sides": sorted(sides)}):
            found.setdefault(row.agreement_id, []).append(row.id)
    return found
