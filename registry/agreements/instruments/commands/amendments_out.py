"""Amendments that are out for signature, and when the last one who is asked has signed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.proposed import (
    gone_at,
)
from registry.agreements.instruments.consent import (
    Consenting,
    agreed_at,
)
from registry.agreements.instruments.queries.texts import dates_of
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_signature,
    agreement_version_dates,
)
from registry.platform.database.handles import Rows, Write
from registry.platform.kernel.intervals import earliest

BOUND_AT_LEAST = 2
"""How many are bound by an agreement that is in force."""

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_OUT = (
    sa.select(agreement_amendment.c.version_id, agreement_version_dates.c.starts_at)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_amendment.c.version_id)
    .where(
        agreement_amendment.c.agreement_id == _ID,
        agreement_amendment.c.closed_at.is_(None),
        agreement_amendment.c.stage == Stage.OUT_FOR_SIGNATURE,
    )
    .order_by(agreement_amendment.c.id)
)
_SET_AMENDMENT = agreement_amendment.update().where(
    agreement_amendment.c.version_id == sa.bindparam("its_version", type_=agreement_amendment.c.version_id.type)
)
_SIGNATURES = sa.select(agreement_signature.c.agency_id, agreement_signature.c.counts_from).where(
    agreement_signature.c.version_id == sa.bindparam("version_id", type_=agreement_signature.c.version_id.type)
)


async def amendments_out(write: Write, row: Row[Any]) -> Rows:
    """Those of an executed agreement, in order, each with its first instant."""
    return await write.all(_OUT, {"id": row.id}) if row.executed_at is not None else ()


def _runs_out_at(row: Row[Any], texts: Sequence[Row[Any]], out: Row[Any]) -> datetime | None:
    """When the term of every party is over that does not sign the text that is out; None where that begins before."""
    before = [text for text in texts if text.version_id != out.version_id]
    ends_at = dates_of(row, before, ()).last_ends_at
    return ends_at if ends_at is not None and ends_at <= out.starts_at else None


async def amendment_signed_at(
    write: Write,
    row: Row[Any],
    texts: Sequence[Row[Any]],
    out: Row[Any],
    parts: Mapping[UUID, Row[Any]],
    released: Mapping[UUID, datetime],
    pending: Mapping[tuple[UUID, UUID], datetime],
    now: datetime,
) -> datetime | None:
    """When the last of those who are bound has signed the amendment that is out for signature, or is bound no more.

    A party that does not sign a renewal ends with its term, and the others wait for it no longer than that, where two
    of them have signed: one alone renews nothing. None while one is outstanding, and where everybody left without a
    signature.
    """
    runs_out_at = _runs_out_at(row, texts, out)
    # Of two requests at once the one that waited may have read the clock first: what is written down has happened.
    signatures = await write.all(_SIGNATURES, {"version_id": out.version_id})
    signed = {each.agency_id: min(each.counts_from, now) for each in signatures}
    signed |= {agency_id: at for (its_version, agency_id), at in pending.items() if its_version == out.version_id}
    gone = gone_at(parts, released)
    going_on = [each for each in signed if each in parts and ((at := gone[each]) is None or at > out.starts_at)]
    if len(going_on) < BOUND_AT_LEAST:
        runs_out_at = None
    asked = [
        Consenting(
            given_at=signed.get(agency_id),
            leaves_at=gone[agency_id] if agency_id in signed else earliest(gone[agency_id], runs_out_at),
        )
        for agency_id, part in parts.items()
        if part.joined_at is not None
    ]
    at = agreed_at(row.executed_at, asked) if signed else None
    await write.run(_SET_AMENDMENT, {"its_version": out.version_id, "executed_at": at})
    return at
