"""Whether a text was given up, by each that had signed it, when another puts its hand to it."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.held_texts import replaced_before
from registry.agreements.instruments.queries.signed_texts import histories_of, signed_texts
from registry.agreements.instruments.queries.texts import dates_of, texts_with
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.platform.database.handles import Read
from registry.platform.kernel.time import civil_day

_PARTS = sa.select(agreement_party).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_party.c.joined_at.is_not(None),
)


async def given_up(
    read: Read, row: Row[Any], version_id: UUID, signed_at: datetime, signed_on: date | None = None
) -> str | None:
    """Why a hand that counts from then binds nobody by the text: it was over, or replaced for each that had signed it.

    The one rule for `sign`, `confirm`, a report of a signature, and for what is offered: see `held_texts.held_by`.
    `signed_on`: the day that the hand bears. None where it would bind.
    """
    texts = await texts_with(read, row.id, version_id)
    place = next((n for n, each in enumerate(texts) if each.version_id == version_id), None)
    if place is None:  # a draft, of which nothing is given up
        return None
    day = civil_day(signed_at, row.time_zone)
    hand = day if signed_on is None else max(signed_on, day)
    no, ends_at = texts[place].no, texts[place].ends_at
    if ends_at is not None and ends_at <= signed_at:
        over_on = civil_day(ends_at, row.time_zone)
        return f"Version {no} was over on {over_on}, so a hand that counts from {hand} binds nobody by it."
    dates = dates_of(row, texts, ())
    signed = await signed_texts(read, texts, {})
    parts = {part.agency_id: part for part in await read.all(_PARTS, {"id": row.id})}
    histories = histories_of(texts, signed, parts)
    found = replaced_before(dates, histories, place, signed_at)
    if found is None:
        return None
    since, by = found
    replaced_on = civil_day(since, row.time_zone)
    return (
        f"Version {no} was replaced by version {texts[by].no} on {replaced_on} for each party that had signed it, so a "
        f"hand that counts from {hand} binds nobody by it. Read the agreement again: version {texts[by].no} is the "
        "text that binds them; or give the day that the paper bears."
    )
