"""What others than the parties are shown of an agreement, compared before and after a change.

Their `version` and `updated_at` move with what they are shown, and with nothing else: a stranger who reads again and
again learns of no draft, comment, hold or report from it.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.visibility import in_public_view
from registry.agreements.instruments.tables import agreement
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound

_NOBODY = "stranger"
_STRANGER = Principal(
    subject=_NOBODY,
    agency_id=UUID(int=0),
    roles=frozenset(),
    scopes=frozenset(),
    token_id=_NOBODY,
    issuer=_NOBODY,
)
_WATCHED = "agreements watched by others"
_NEXT = agreement.update().values(
    public_changes=agreement.c.public_changes + 1,
    public_updated_at=sa.bindparam("now", type_=agreement.c.public_updated_at.type),
)
_CHANGED = _NEXT.where(agreement.c.id == sa.bindparam("its_id", type_=agreement.c.id.type))
_FIRST_SHOWN = _NEXT.where(
    agreement.c.id.in_(sa.bindparam("ids", type_=agreement.c.id.type, expanding=True)), in_public_view()
)


async def watch_public_view(write: Write, locked: Mapping[UUID, bool], now: datetime) -> None:
    """Count a change of what others are shown of the agreements at the end of the transaction, if there is one.

    `locked`: whether each is public now. Both readings are as of one instant, so what time alone changes, such as that
    a term has run out, is not put down to whoever acts next.
    """
    before: dict[UUID, bytes | None] = await write.read_once(_WATCHED, _none_yet)
    if not before:

        async def compare() -> None:
            hidden = [agreement_id for agreement_id, shown in before.items() if shown is None]
            if hidden:
                await write.run(_FIRST_SHOWN, {"ids": hidden, "now": now})
            for agreement_id, shown in before.items():
                if shown is not None and shown != await _shown(write, agreement_id, now):
                    await write.run(_CHANGED, {"its_id": agreement_id, "now": now})

        write.at_the_end(compare)
    for agreement_id, is_public in locked.items():
        if agreement_id not in before:
            before[agreement_id] = await _shown(write, agreement_id, now) if is_public else None


async def _none_yet() -> dict[UUID, bytes | None]:
    return {}


async def _shown(write: Write, agreement_id: UUID, now: datetime) -> bytes | None:
    """What a stranger reads of the agreement as of then; None where it reads nothing."""
    try:
        found = await get_agreement(write, _STRANGER, agreement_id, now)
    except NotFound:
        return None
    own = msgspec.structs.replace(found, version=0, updated_at=found.created_at)
    return msgspec.json.encode(own)
