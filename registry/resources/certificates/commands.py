"""Writes of certificates. The commands of assets, which call them, check who may record one and for what."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from registry.platform.database.handles import Write
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import LATEST, day_ends_at, day_starts_at
from registry.resources.certificates.schemas import NewAssetCertificate
from registry.resources.certificates.tables import asset_certificate

_INSERT = asset_certificate.insert()
_END = asset_certificate.update().where(
    asset_certificate.c.id == sa.bindparam("its_id", type_=asset_certificate.c.id.type)
)


async def keep_certificate(
    write: Write, asset_id: UUID, new: NewAssetCertificate, time_zone: str, now: datetime
) -> UUID:
    """Store a certificate of an asset whose agency is in that time zone; returns its id."""
    certificate_id = new_id()
    last = LATEST if new.expires_on is None else day_ends_at(new.expires_on, time_zone)
    await write.run(
        _INSERT,
        {
            "id": certificate_id,
            "asset_id": asset_id,
            **{name: getattr(new, name) for name in new.__struct_fields__},
            "valid_from_at": day_starts_at(new.issued_on, ZoneInfo(time_zone)),
            "valid_until_at": last,
            "created_at": now,
            "updated_at": now,
            "version": 1,
        },
    )
    return certificate_id


async def mark_ended(write: Write, certificate_id: UUID, reason: str, now: datetime) -> None:
    """Store that a certificate holds no more."""
    ended = {"ended_at": now, "ended_reason": reason, "updated_at": now, "version": asset_certificate.c.version + 1}
    await write.run(_END.values(**ended), {"its_id": certificate_id})
