"""Who declined to sign a text or to join an agreement, and why."""

from collections.abc import Collection
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.schemas.signing import Declined
from registry.agreements.instruments.signing_tables import agreement_declined
from registry.agreements.instruments.tables import agreement_signature, agreement_version
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read

# Whoever has signed the text since has changed its mind.
_DECLINED = (
    sa.select(agreement_declined, agreement_version.c.no, agency.c.name)
    .join(agreement_version, agreement_version.c.id == agreement_declined.c.version_id)
    .join(agency, agency.c.id == agreement_declined.c.agency_id)
    .outerjoin(
        agreement_signature,
        sa.and_(
            agreement_signature.c.version_id == agreement_declined.c.version_id,
            agreement_signature.c.agency_id == agreement_declined.c.agency_id,
        ),
    )
    .where(agreement_signature.c.id.is_(None))
    .order_by(agreement_declined.c.id.desc())
)
_OF_AGREEMENT = _DECLINED.where(
    agreement_declined.c.agreement_id == sa.bindparam("agreement_id", type_=agreement_declined.c.agreement_id.type)
)
_OF_VERSION = _DECLINED.where(
    agreement_declined.c.version_id == sa.bindparam("version_id", type_=agreement_declined.c.version_id.type)
)


async def declined_by(
    read: Read, *, agreement_id: UUID | None = None, version_id: UUID | None = None
) -> list[Declined]:
    """Who declined what of the agreement, or of one version of it, and has not signed it since; the latest first."""
    if version_id is not None:
        rows = await read.fast(_OF_VERSION, {"version_id": version_id})
    else:
        rows = await read.fast(_OF_AGREEMENT, {"agreement_id": agreement_id})
    return [
        Declined(
            agency=AgencyReference(id=row.agency_id, name=row.name),
            action=row.action,
            version_no=row.no,
            reason=row.reason,
            declined_at=row.declined_at,
        )
        for row in rows
    ]


def round_stopped(declined: Collection[Declined], outstanding: Collection[UUID], agency_id: UUID) -> str | None:
    """Why the round of signatures stands still for the agency, as a sentence; None while nobody else declined."""
    for each in declined:
        if each.action == "sign" and each.agency.id in outstanding and each.agency.id != agency_id:
            return (
                f"{each.agency.name} declined to sign: “{each.reason}” Nobody signs until it has signed after all, or "
                "the custodian has sent the text back or withdrawn it."
            )
    return None
