"""Since when a party is bound no more because the last text that it signed has ended, while others go on by a later."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.settling.departed import parts_of
from registry.agreements.instruments.in_force import lapses
from registry.agreements.instruments.queries.signed_texts import with_word
from registry.agreements.instruments.queries.texts import dates_of
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import earliest

_SET_PARTY = agreement_party.update().where(
    agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)


async def lapsed_parts(
    write: Write,
    row: Row[Any],
    texts: Sequence[Row[Any]],
    signed: Mapping[UUID, Mapping[int, datetime]],
    parts: Mapping[UUID, Row[Any]],
) -> Mapping[UUID, Row[Any]]:
    """The parties with the instant from which others are bound by a text later than each of theirs.

    It has no say any more in what the others do with the agreement, until it signs their text too.
    """
    found: dict[UUID, datetime] = {}
    if row.executed_at is not None and any(part.joined_at is not None for part in parts.values()):
        held = {
            each: (frozenset(with_word(signed.get(each, {}), part.verbally_at, texts)), _gone(part))
            for each, part in parts.items()
            if part.joined_at is not None
        }
        found = lapses(dates_of(row, texts, ()), held)
    changed = {each: found.get(each) for each, part in parts.items() if part.lapsed_at != found.get(each)}
    for agency_id, at in changed.items():
        await write.run(_SET_PARTY, {"its_id": row.id, "its_agency": agency_id, "lapsed_at": at})
    return await parts_of(write, row.id) if changed else parts


def _gone(part: Row[Any]) -> datetime | None:
    return earliest(part.leaves_at, part.released_at)
