"""What a change of an agreement locks, and in which order."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.commands.public_view import watch_public_view
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.queries.visibility import in_public_view
from registry.agreements.instruments.tables import agreement
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound

_named = sa.select(agreement.c.id).where(
    agreement.c.id.in_(sa.bindparam("ids", type_=agreement.c.id.type, expanding=True))
)
_found = _named.cte("changed", recursive=True)
_changed = _found.union(
    sa.select(agreement_proposal.c.agreement_id)
    .join(_found, _found.c.id == agreement_proposal.c.successor_id)
    .where(agreement_proposal.c.taken_back_at.is_(None))
)
_LOCK = (
    sa.select(agreement.c.id, in_public_view().label("shown_to_others"))
    .where(agreement.c.id.in_(sa.select(_changed.c.id)))
    .order_by(agreement.c.id)
    .with_for_update(key_share=True)
)


async def lock(write: Write, now: datetime, *agreement_ids: UUID) -> None:
    """Have the agreements, and all whose place they take, changed by nobody else. Raises NotFound for the first.

    Whoever changes an agreement changes those whose place it takes with it. All are locked in the order of their ids,
    in one statement, so no two changes wait for each other; who changes several agreements names them at once. One
    that is superseded while the lock is waited for is locked as it is met, out of that order: should the database
    refuse that, the change is tried again. What of them others than the parties are shown is compared as of `now`.
    """
    found = {row.id: bool(row.shown_to_others) for row in await write.all(_LOCK, {"ids": agreement_ids})}
    if agreement_ids[0] not in found:
        raise NotFound("agreement")
    await watch_public_view(write, found, now)
