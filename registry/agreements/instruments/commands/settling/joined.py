"""Since when a party is one: from the first of its signatures to a text of the agreement, whichever text that is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.settling.departed import parts_of, set_party
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import earliest


async def joined_by_signature(
    write: Write,
    row: Row[Any],
    texts: Sequence[Row[Any]],
    signed: Mapping[UUID, Mapping[int, datetime]],
    pending: Mapping[tuple[UUID, UUID], datetime],
    parts: Mapping[UUID, Row[Any]],
) -> Mapping[UUID, Row[Any]]:
    """The parties; those that signed a change, which was executed, before they had joined, or without, are so since.

    Signing the original makes its party one at once, and so does what is reported of that.
    Who signed a change and says so before it says that it signed the original, or never signed that, is bound to who
    signed the change too. A signature to what is no text yet, or comes to nothing, makes nobody a party.
    """
    if row.executed_at is None:
        return parts
    changes = {n for n, text in enumerate(texts) if text.executed_at is not None}
    joined = {
        each: earliest(
            part.joined_at,
            *(at for n, at in signed.get(each, {}).items() if n in changes),
            pending.get((texts[0].version_id, each)),
        )
        for each, part in parts.items()
    }
    changed = {each: at for each, at in joined.items() if at != parts[each].joined_at}
    for agency_id, at in changed.items():
        await set_party(write, row.id, agency_id, joined_at=at)
    return await parts_of(write, row.id) if changed else parts
