"""By which of an agreement's texts a party is bound on a day: what it did not sign changes nothing for it."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.signed_texts import pending_signatures, signed_texts, with_word
from registry.agreements.instruments.queries.texts import dates_of, executed_texts
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.agreements.instruments.terms import Terms
from registry.platform.database.handles import Read
from registry.platform.kernel.time import day_starts_at

_VERBALLY = sa.select(agreement_party.c.verbally_at).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)


def governing(row: Row[Any], texts: Sequence[Row[Any]], signed: Collection[int], day: date) -> Row[Any]:
    """The text by which a party that signed these gives notice on that day: the one with which the day began.

    Where it began with none of them, the first that followed. An amendment that the party did not sign changes nothing
    for it, whenever it is recorded.
    """
    dates, at = dates_of(row, texts, ()), day_starts_at(day, ZoneInfo(row.time_zone))
    order = [n for n in dates.by_effect if n in signed] or dates.by_effect
    begun = [n for n in order if dates.begins[n] <= at]
    return texts[begun[-1] if begun else order[0]]


async def bound_by(read: Read, row: Row[Any], agency_id: UUID, day: date) -> Row[Any]:
    """The text by which the party gives notice, or suspends its participation, on that day."""
    texts = await executed_texts(read, row.id)
    signed = await signed_texts(read, texts, await pending_signatures(read, row.id))
    verbally_at = await read.value(_VERBALLY, {"id": row.id, "agency_id": agency_id})
    return governing(row, texts, with_word(signed.get(agency_id, {}), verbally_at, texts), day)


async def terms_that_bind(read: Read, row: Row[Any], agency_id: UUID, now: datetime) -> Terms:
    """The terms of the text that binds the agency today."""
    today = await today_of(read, agency_id, row.time_zone, now)
    text = await bound_by(read, row, agency_id, today.at_agency)
    return msgspec.json.decode(text.terms, type=Terms)
