"""Who has used the registry, as it is stored: written from the sightings of each process, and by administrators."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.platform.access.sightings import Sighting
from registry.platform.access.tables import principal
from registry.platform.database.handles import Write
from registry.platform.database.types import Json
from registry.platform.kernel.ids import new_id

_ID = principal.c.id.type
_SEEN_AT = sa.bindparam("seen_at", type_=principal.c.last_seen_at.type)
# Of two processes the later sighting counts, whichever is stored first.
_SEEN_AGAIN = (
    principal.update()
    .where(
        principal.c.agency_id == sa.bindparam("its_agency", type_=_ID),
        principal.c.issuer == sa.bindparam("its_issuer"),
        principal.c.subject == sa.bindparam("its_subject"),
        principal.c.last_seen_at <= _SEEN_AT,
    )
    .values(
        roles=sa.bindparam("its_roles"),
        last_seen_at=_SEEN_AT,
        name=sa.case((principal.c.name_purged_at.is_(None), sa.bindparam("its_name", type_=sa.Text))),
        attributes=sa.case((principal.c.name_purged_at.is_(None), sa.bindparam("its_attributes", type_=Json))),
    )
)
_FIRST_SEEN = {
    "sqlite": sqlite.insert(principal).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(principal).on_conflict_do_nothing(),
}
_LOCK = sa.select(principal.c.id).where(principal.c.id == sa.bindparam("id", type_=_ID)).with_for_update()
_CHANGE = principal.update().where(principal.c.id == sa.bindparam("its_id", type_=_ID))


async def record_sightings(write: Write, sightings: Sequence[Sighting]) -> None:
    """Store who was seen: those that are new, and of the others when, in which roles and, where it is kept, the name.

    In one order, so that two processes never wait for each other's rows in a circle.
    """
    for each in sorted(sightings, key=_key):
        who = each.principal
        roles = ",".join(sorted(who.roles))
        name = who.name if who.name_kept else None
        its = {"its_agency": who.agency_id, "its_issuer": who.issuer, "its_subject": who.subject}
        attributes = dict(who.attributes) or None
        told: Mapping[str, object] = {
            **its,
            "seen_at": each.seen_at,
            "its_roles": roles,
            "its_name": name,
            "its_attributes": attributes,
        }
        if not await write.run(_SEEN_AGAIN, told):
            row = {
                "id": new_id(),
                "agency_id": who.agency_id,
                "issuer": who.issuer,
                "subject": who.subject,
                "name": name,
                "attributes": attributes,
                "roles": roles,
                "first_seen_at": each.seen_at,
                "last_seen_at": each.seen_at,
                "version": 1,
            }
            await write.run(_FIRST_SEEN[write.dialect], row)  # one that is there was seen later by another process


def _key(sighting: Sighting) -> tuple[UUID, str, str]:
    who = sighting.principal
    return who.agency_id, who.issuer, who.subject


async def lock_principal(write: Write, id_: UUID) -> bool:
    """Have it changed by nobody else; False when there is none with that id."""
    return await write.value(_LOCK, {"id": id_}) is not None


async def count_change(write: Write, id_: UUID, version: int) -> None:
    """Give it its next version: something about it changed elsewhere."""
    await write.run(_CHANGE.values(version=version), {"its_id": id_})


async def begin_idle_days_anew(write: Write, id_: UUID, version: int, now: datetime) -> None:
    """Count its idle days from now on."""
    await write.run(_CHANGE.values(restored_at=now, version=version), {"its_id": id_})


async def forget_name(write: Write, id_: UUID, version: int, now: datetime) -> None:
    """Forget its name and attributes, and keep none from now on."""
    await write.run(_CHANGE.values(name=None, attributes=None, name_purged_at=now, version=version), {"its_id": id_})
