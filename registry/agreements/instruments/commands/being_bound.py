"""Whether an agency acts as one that is bound: what it does without being so is refused."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.consent import NO_PART
from registry.agreements.instruments.queries.visibility import bound_by_now, still_bound
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import WrongStatus

_JOINED = sa.select(agreement_party.c.joined_at).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)
_BOUND = _JOINED.where(bound_by_now())  # `rules.unbound` says the same of a row that is read already
_ASKED = _JOINED.where(still_bound())


async def check_bound(read: Read, agreement_id: UUID, agency_id: UUID, now: datetime) -> None:
    """Let an agency act as one that is bound; raises WrongStatus for one that has not joined, or has left.

    Of which others only report that it signed, or gave its word, is not bound before that takes effect.
    """
    await _check(read, _BOUND, agreement_id, agency_id, now)


async def check_asked(read: Read, agreement_id: UUID, agency_id: UUID, now: datetime) -> None:
    """As `check_bound`, for an answer to what the bound are asked: also for who will be, once a report takes effect."""
    await _check(read, _ASKED, agreement_id, agency_id, now)


async def _check(read: Read, criterion: sa.Select[Any], agreement_id: UUID, agency_id: UUID, now: datetime) -> None:
    if await read.value(criterion, {"id": agreement_id, "agency_id": agency_id, "now": now}) is None:
        raise WrongStatus(NO_PART)
