"""Whether an agency acts as one that is bound: what it does without being so is refused."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.consent import NO_PART, OF_ANOTHER
from registry.agreements.instruments.queries.parties import JOINED_AT
from registry.agreements.instruments.queries.visibility import bound_by_now, still_bound
from registry.agreements.instruments.rules import hand_barred
from registry.agreements.instruments.tables import agreement_party
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import WrongStatus

_BOUND = JOINED_AT.where(bound_by_now())  # `rules.unbound` says the same of a row that is read already
_ASKED = JOINED_AT.where(still_bound())
_PART = JOINED_AT.with_only_columns(
    *(agreement_party.c[name] for name in ("joined_at", "leaves_at", "released_at", "lapsed_at"))
)


async def check_bound(read: Read, agreement_id: UUID, agency_id: UUID, now: datetime) -> None:
    """Let an agency act as one that is bound; raises WrongStatus for one that has not joined, or has left.

    Of which others only report that it signed, or gave its word, is not bound before that takes effect.
    """
    await _check(read, _BOUND, agreement_id, agency_id, now)


async def check_asked(read: Read, agreement_id: UUID, agency_id: UUID, now: datetime) -> None:
    """As `check_bound`, for an answer to what the bound are asked: also for who will be, once a report takes effect."""
    await _check(read, _ASKED, agreement_id, agency_id, now)


async def check_hand(
    read: Read,
    agreement_id: UUID,
    agency_id: UUID,
    at: datetime,
    *,
    of_bound: bool,
    begins_at: datetime | None = None,
    reported: bool = False,
) -> None:
    """Let a party's hand be put to a text, from that instant; the same whether it signs, confirms or is reported to.

    `of_bound`: the text is a change that only who is bound signs (`open_text.OpenText.of_bound`). `begins_at`: when the
    text begins, where the hand is of an earlier day. Raises WrongStatus.
    """
    part = await read.first(_PART, {"id": agreement_id, "agency_id": agency_id})
    assert part is not None
    bar = hand_barred(part, at, begins_at or at, of_bound=of_bound)
    if bar is not None:
        raise WrongStatus(OF_ANOTHER[bar] if reported else bar)


async def _check(read: Read, criterion: sa.Select[Any], agreement_id: UUID, agency_id: UUID, now: datetime) -> None:
    if await read.value(criterion, {"id": agreement_id, "agency_id": agency_id, "now": now}) is None:
        raise WrongStatus(NO_PART)
