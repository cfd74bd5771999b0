"""From when amendments are texts of the agreement.

One that is signed here waits for each party that is bound, on record, while it is out: each signs in view of who is
asked. What is complete is not undone by an older signature to the original that is entered later, nor does it bind that
party. A paper was signed before it came here, and waits for nobody: it binds those to each other who say that they have
signed it, and is a text of the agreement from the second signature on, whatever is entered when.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.settling.proposed import (
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
    sa.select(agreement_amendment.c.version_id, agreement_amendment.c.is_paper, agreement_version_dates.c.starts_at)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_amendment.c.version_id)
    .where(
        agreement_amendment.c.agreement_id == _ID,
        agreement_amendment.c.closed_at.is_(None),
        agreement_amendment.c.stage == Stage.OUT_FOR_SIGNATURE,
    )
    .order_by(agreement_amendment.c.id)
)
_PAPERS = (
    sa.select(agreement_amendment.c.version_id, agreement_amendment.c.executed_at)
    .where(
        agreement_amendment.c.agreement_id == _ID,
        agreement_amendment.c.stage == Stage.EXECUTED,
        agreement_amendment.c.is_paper,
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
    """When the amendment that is out for signature is a text of the agreement: at once, later, or None while it waits.

    It is when the last of those who are bound has signed it, or is bound no more; of a paper, when two have signed it.
    A party that does not sign a renewal ends with its term, and the others wait for it no longer than that, where two
    of them have signed: one alone renews nothing. None while one is outstanding, and where everybody left without a
    signature.
    """
    signed = await _signed(write, out.version_id, pending, now)
    if out.is_paper:
        return await _set(write, out.version_id, second_signature(row.executed_at, parts, signed))
    runs_out_at = _runs_out_at(row, texts, out)
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
    return await _set(write, out.version_id, agreed_at(row.executed_at, asked) if signed else None)


async def date_papers(
    write: Write,
    row: Row[Any],
    parts: Mapping[UUID, Row[Any]],
    pending: Mapping[tuple[UUID, UUID], datetime],
    now: datetime,
) -> bool:
    """Date each paper that is executed by the signatures that are on record now; whether that changed a day.

    A signature of an earlier day may be entered after others.
    """
    changed = False
    for paper in await write.all(_PAPERS, {"id": row.id}) if row.executed_at is not None else ():
        at = second_signature(row.executed_at, parts, await _signed(write, paper.version_id, pending, now))
        if at is not None and at != paper.executed_at:
            await _set(write, paper.version_id, at)
            changed = True
    return changed


def second_signature(
    executed_at: datetime, parts: Mapping[UUID, Row[Any]], signed: Mapping[UUID, datetime]
) -> datetime | None:
    """When a paper binds two parties to each other; None while it binds none to another."""
    signatures = sorted(at for agency_id, at in signed.items() if agency_id in parts)
    return None if len(signatures) < BOUND_AT_LEAST else max(executed_at, signatures[BOUND_AT_LEAST - 1])


async def _signed(
    write: Write, version_id: UUID, pending: Mapping[tuple[UUID, UUID], datetime], now: datetime
) -> dict[UUID, datetime]:
    """By party, from when its signature to the version counts, also one that is reported and not contested."""
    # Of two requests at once the one that waited may have read the clock first: what is written down has happened.
    signatures = await write.all(_SIGNATURES, {"version_id": version_id})
    found = {each.agency_id: min(each.counts_from, now) for each in signatures}
    return found | {agency_id: at for (its_version, agency_id), at in pending.items() if its_version == version_id}


async def _set(write: Write, version_id: UUID, executed_at: datetime | None) -> datetime | None:
    await write.run(_SET_AMENDMENT, {"its_version": version_id, "executed_at": executed_at})
    return executed_at
