"""Whom a successor releases from an agreement, and from when."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.settling.departed import set_party
from registry.agreements.instruments.commands.settling.proposed import Proposed, completed, gone_at, gone_by
from registry.agreements.instruments.consent import ProposalKind
from registry.agreements.instruments.in_force import first_instant_of_all
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.tables import (
    agreement,
    agreement_force_window,
    agreement_party,
    agreement_party_window,
)
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import Interval

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_window, _force = agreement_party_window, agreement_force_window
_BOUND = sa.select(_window.c.agency_id, _window.c.starts_at, _window.c.ends_at).where(_window.c.agreement_id == _ID)
_IN_FORCE = sa.select(_force.c.starts_at, _force.c.ends_at).where(_force.c.agreement_id == _ID)
_SIGNED = sa.select(agreement_party.c.agency_id).where(
    agreement_party.c.agreement_id == _ID, agreement_party.c.joined_at.is_not(None)
)


class Releases(Struct, kw_only=True, frozen=True):
    """By party, when it is released; by proposal, when the other text is in its place; and for whom that is news.

    `changed`: None where a party that was to be released is not any more.
    """

    released: dict[UUID, datetime]
    in_place_at: dict[UUID, datetime]
    changed: dict[UUID, datetime | None]


async def releases(
    write: Write, agreement_id: UUID, proposals: Sequence[Proposed], parts: Mapping[UUID, Row[Any]], now: datetime
) -> Releases:
    """From when each party is bound no more, because a text that it signed takes this one's place.

    Windows are a party's, not a pair's: whoever is released is released towards everybody. So nobody is before each
    party that is still bound has agreed, and the successor is in force for all of those that signed it at once.
    """
    released: dict[UUID, datetime] = {}
    in_place_at: dict[UUID, datetime] = {}
    for each in proposals:
        if each.kind is not ProposalKind.SUPERSESSION:
            continue
        gone = gone_at(parts, released)
        agreed_at = completed(each, parts, gone_by(parts, released, now), now)
        if agreed_at is None:
            continue
        signed = {row.agency_id for row in await write.all(_SIGNED, {"id": each.successor_id})}
        both = [
            agency_id
            for agency_id, part in parts.items()
            if agency_id in signed and part.joined_at is not None and _after(gone.get(agency_id), agreed_at)
        ]
        bound: dict[UUID, list[Interval]] = {agency_id: [] for agency_id in both}
        for row in await write.all(_BOUND, {"id": each.successor_id}):
            if row.agency_id in bound:
                bound[row.agency_id].append(Interval(start=row.starts_at, end=end_of(row.ends_at)))
        in_force = _intervals(await write.all(_IN_FORCE, {"id": each.successor_id}))
        at = first_instant_of_all(agreed_at, [in_force, *bound.values()])
        if at is not None:
            released |= dict.fromkeys(both, at)
            in_place_at[each.id] = at
    changed = {
        agency_id: released.get(agency_id)
        for agency_id, part in parts.items()
        if released.get(agency_id) != part.released_at
    }
    for agency_id, at in changed.items():
        await set_party(write, agreement_id, agency_id, released_at=at)
    return Releases(released=released, in_place_at=in_place_at, changed=changed)


def _after(gone: datetime | None, at: datetime) -> bool:
    """Whether a party that is gone then, or never, is there at the instant."""
    return gone is None or gone > at


def _intervals(rows: Iterable[Row[Any]]) -> list[Interval]:
    return [Interval(start=row.starts_at, end=end_of(row.ends_at)) for row in rows]
