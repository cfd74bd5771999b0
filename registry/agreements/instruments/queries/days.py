"""Which day it is for an agency that acts on an agreement."""

from datetime import datetime
from uuid import UUID

from registry.directory.agencies.queries import zone_of_agency
from registry.platform.database.handles import Read
from registry.platform.kernel.days import Today


async def today_of(read: Read, agency_id: UUID, time_zone: str, now: datetime) -> Today:
    """Which day it is where the agency is that acts, and by the agreement's time zone.

    The operator's own agency may have no zone: its people go by the agreement's.
    """
    return Today(now=now, agency_zone=await zone_of_agency(read, agency_id) or time_zone, agreement_zone=time_zone)
