"""A text that is out for signature: who has signed, and whose turn it is."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from registry.agreements.reviews import due_at
from registry.agreements.signing_schemas import SigningRound
from registry.agreements.signing_tables import agreement_signing, agreement_signing_turn
from registry.agreements.tables import agreement_signature
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
    .where(agreement_signing.c.version_id == sa.bindparam("version_id", type_=agreement_signing.c.version_id.type))
    .order_by(agreement_signing_turn.c.turn)
)


async def signing_of(read: Read, version_id: UUID, zone: ZoneInfo, now: datetime) -> SigningRound | None:
    """The version's round of signatures; None where it never went out for signature."""
    rows = await read.all(_TURNS, {"version_id": version_id})
    if not rows:
        return None
    order, due_on = SigningOrder(rows[0].signing_order), rows[0].due_on
    outstanding = [row.agency_id for row in rows if row.signature_id is None]
    return SigningRound(
        order=order,
        next=next_to_sign(order, outstanding),
        signed=[row.agency_id for row in rows if row.signature_id is not None],
        outstanding=outstanding,
        due_on=due_on,
        overdue=bool(outstanding) and due_on is not None and now >= due_at(due_on, zone),
    )
