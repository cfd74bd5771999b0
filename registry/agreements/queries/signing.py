"""A text that is out for signature: who has signed, and whose turn it is."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from registry.agencies.tables import agency
from registry.agreements.schemas.signing import SigningRound
from registry.agreements.signing_tables import agreement_signing, agreement_signing_turn
from registry.agreements.tables import agreement_party, agreement_signature, agreement_version
from registry.agreements.turns import SigningOrder, next_to_sign
from registry.database.handles import Read

_TURNS = (
    sa.select(
        agreement_signing.c.signing_order,
        agreement_signing.c.due_on,
        agreement_signing_turn.c.agency_id,
        agreement_signature.c.id.label("signature_id"),
    )
    .join(agreement_signing_turn, agreement_signing_turn.c.version_id == agreement_signing.c.version_id)
    .outerjoin(
        agreement_signature,
        sa.and_(
            agreement_signature.c.version_id == agreement_signing_turn.c.version_id,
            agreement_signature.c.agency_id == agreement_signing_turn.c.agency_id,
        ),
    )
    .join(agreement_version, agreement_version.c.id == agreement_signing.c.version_id)
    .join(
        agreement_party,
        sa.and_(
            agreement_party.c.agreement_id == agreement_version.c.agreement_id,
            agreement_party.c.agency_id == agreement_signing_turn.c.agency_id,
        ),
    )
    .where(
        agreement_signing.c.version_id == sa.bindparam("version_id", type_=agreement_signing.c.version_id.type),
        # Whoever has left since it went out is not waited for.
        sa.or_(
            agreement_signature.c.id.is_not(None),
            agreement_party.c.leaves_at.is_(None),
            agreement_party.c.leaves_at > sa.bindparam("now", type_=agreement_party.c.leaves_at.type),
        ),
    )
    .order_by(agreement_signing_turn.c.turn)
)
_NAME = sa.select(agency.c.name).where(agency.c.id == sa.bindparam("id", type_=agency.c.id.type))


async def signing_of(read: Read, version_id: UUID, now: datetime) -> SigningRound | None:
    """The version's round of signatures; None where it never went out for signature."""
    rows = await read.all(_TURNS, {"version_id": version_id, "now": now})
    if not rows:
        return None
    order = SigningOrder(rows[0].signing_order)
    outstanding = [row.agency_id for row in rows if row.signature_id is None]
    return SigningRound(
        order=order,
        next=next_to_sign(order, outstanding),
        signed=[row.agency_id for row in rows if row.signature_id is not None],
        outstanding=outstanding,
        due_on=rows[0].due_on,
    )


async def others_first(read: Read, found: SigningRound, agency_id: UUID) -> str | None:
    """Why the agency has to wait with its signature, as a sentence; None when it does not.

    Who joins a text that all have signed has no turn to wait for.
    """
    if agency_id not in found.outstanding or agency_id in found.next:
        return None
    return (
        f"The parties sign one after the other, and it is the turn of {await read.value(_NAME, {'id': found.next[0]})}."
    )
