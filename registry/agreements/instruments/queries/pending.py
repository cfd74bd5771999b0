"""What of an agreement rests on reports that have not taken effect."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.agreements.instruments.consent_tables import agreement_pending
from registry.agreements.instruments.pending import Without
from registry.platform.database.handles import Read

_ID = agreement_pending.c.agreement_id.type
_NOW = sa.bindparam("now", type_=agreement_pending.c.takes_effect_at.type)
_STILL = sa.select(agreement_pending.c.agreement_id, agreement_pending.c.without).where(
    agreement_pending.c.takes_effect_at > _NOW
)
_ONE = _STILL.where(agreement_pending.c.agreement_id == sa.bindparam("id", type_=_ID))
_SEVERAL = _STILL.where(agreement_pending.c.agreement_id.in_(sa.bindparam("ids", type_=_ID, expanding=True)))
read_without = msgspec.json.Decoder(Without).decode


async def without_pending(read: Read, agreement_id: UUID, now: datetime) -> Without | None:
    """The agreement without the reports that have not taken effect by `now`; None where there is none."""
    rows = await read.fast(_ONE, {"id": agreement_id, "now": now})
    return read_without(rows[0].without) if rows else None


async def all_without_pending(read: Read, agreement_ids: Sequence[UUID], now: datetime) -> dict[UUID, Without]:
    """As `without_pending`, by agreement, of those that have such reports."""
    rows = await read.all(_SEVERAL, {"ids": list(agreement_ids), "now": now}) if agreement_ids else ()
    return {row.agreement_id: read_without(row.without) for row in rows}
