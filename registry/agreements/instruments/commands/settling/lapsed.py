"""Since when a party is bound no more because the last text that it signed has ended, while others go on by a later."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.settling.departed import parts_of, set_party
from registry.agreements.instruments.held_texts import held_by, lapses
from registry.agreements.instruments.histories import AgreementDates
from registry.agreements.instruments.queries.signed_texts import histories_of, with_word
from registry.agreements.instruments.queries.texts import dates_of
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import earliest


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
        dates = dates_of(row, texts, ())
        found = lapses(dates, held) | _never_bound(dates, texts, signed, parts)
    changed = {each: found.get(each) for each, part in parts.items() if part.lapsed_at != found.get(each)}
    for agency_id, at in changed.items():
        await set_party(write, row.id, agency_id, lapsed_at=at)
    return await parts_of(write, row.id) if changed else parts


def _never_bound(
    dates: AgreementDates,
    texts: Sequence[Row[Any]],
    signed: Mapping[UUID, Mapping[int, datetime]],
    parts: Mapping[UUID, Row[Any]],
) -> dict[UUID, datetime]:
    """Whose hands hold nothing, since those who go on had given up what it signed: it was bound to nobody, from then.

    What others do with the agreement is not for it to consent to.
    """
    joined = {each: part for each, part in parts.items() if part.joined_at is not None}
    histories = histories_of(texts, signed, joined)
    held = held_by(dates, histories)
    holding = [each for each, stages in held.items() if any(its for _, its in stages)]
    if len(holding) < 2:
        return {}
    return {each: parts[each].joined_at for each in held if each not in holding and histories[each].texts}


def _gone(part: Row[Any]) -> datetime | None:
    return earliest(part.leaves_at, part.released_at)
