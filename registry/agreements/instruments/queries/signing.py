"""A text that is out for signature: who has signed, and whose turn it is."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.visibility import not_left
from registry.agreements.instruments.schemas.signing import SigningRound
from registry.agreements.instruments.signing_sequence import SigningOrder, next_to_sign
from registry.agreements.instruments.signing_tables import agreement_signing, agreement_signing_turn
from registry.agreements.instruments.tables import agreement_party, agreement_signature, agreement_version
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read

_TURNS = (
    sa.select(
        agreement_signing.c.signing_order,
        agreement_signing.c.due_on,
        agreement_signing_turn.c.agency_id,
        agency.c.name.label("agency_name"),
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
    .join(agency, agency.c.id == agreement_signing_turn.c.agency_id)
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
            not_left(),
        ),
    )
    .order_by(agreement_signing_turn.c.turn)
)


async def signing_of(read: Read, version_id: UUID, now: datetime) -> SigningRound | None:
    """The version's round of signatures; None where it never went out for signature."""
    rows = await read.all(_TURNS, {"version_id": version_id, "now": now})
    if not rows:
        return None
    order = SigningOrder(rows[0].signing_order)
    outstanding = [_named(row) for row in rows if row.signature_id is None]
    return SigningRound(
        order=order,
        next=next_to_sign(order, outstanding),
        signed=[_named(row) for row in rows if row.signature_id is not None],
        outstanding=outstanding,
        due_on=rows[0].due_on,
    )


def _named(row: Row[Any]) -> AgencyReference:
    return AgencyReference(id=row.agency_id, name=row.agency_name)


def others_first(found: SigningRound, agency_id: UUID) -> str | None:
    """Why the agency has to wait with its signature, as a sentence; None when it does not.

    Who joins a text that all have signed has no turn to wait for.
    """
    if agency_id not in ids_of(found.outstanding) or agency_id in ids_of(found.next):
        return None
    return f"The parties sign one after the other, and it is the turn of {found.next[0].name}."


def ids_of(agencies: Iterable[AgencyReference]) -> set[UUID]:
    """The ids of the agencies."""
    return {each.id for each in agencies}
