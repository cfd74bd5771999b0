"""Which day it is for an agency that acts on an agreement, and of which day its acts are."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.tables import agreement_signature
from registry.directory.agencies.queries import zones_of_agencies
from registry.platform.database.handles import Read
from registry.platform.kernel.days import Today

_SIGNED = sa.select(*(agreement_signature.c[name] for name in ("counts_from", "recorded_at", "signed_on"))).where(
    agreement_signature.c.agreement_id == sa.bindparam("id", type_=agreement_signature.c.agreement_id.type)
)


async def signed_days(read: Read, agreement_id: UUID) -> list[tuple[datetime, date]]:
    """From when each signature counts, and the day that it bears where its agency is."""
    rows = await read.all(_SIGNED, {"id": agreement_id})
    return [(row.counts_from or row.recorded_at, row.signed_on) for row in rows]


async def today_of(read: Read, agency_id: UUID, time_zone: str, now: datetime) -> Today:
    """Which day it is where the agency is that acts, and by the agreement's time zone.

    The operator's own agency may have no zone: its people go by the agreement's.
    """
    return (await today_of_each(read, [agency_id], time_zone, now))[agency_id]


async def today_of_each(read: Read, agency_ids: Iterable[UUID], time_zone: str, now: datetime) -> dict[UUID, Today]:
    """As `today_of`, of several agencies."""
    ids = list(agency_ids)
    zones = await zones_of_agencies(read, ids)
    return {each: Today(now=now, agency_zone=zones.get(each, time_zone), agreement_zone=time_zone) for each in ids}
