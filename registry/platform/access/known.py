"""Who has used the registry, as it is stored: written from the sightings of each process, and by administrators."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.platform.access.permissions import PERMISSIONS, Action
from registry.platform.access.principals import RevocationKind, Role
from registry.platform.access.sightings import Sighting, idle_before
from registry.platform.access.tables import principal, revocation, seen_agency
from registry.platform.database.handles import Read, Write
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
_SEEN_ONCE = {
    "sqlite": sqlite.insert(seen_agency).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(seen_agency).on_conflict_do_nothing(),
}
_SEEN_OF = sa.select(seen_agency.c.agency_id).where(
    seen_agency.c.agency_id.in_(sa.bindparam("agency_ids", type_=_ID, expanding=True))
)
_ANSWERS = frozenset(PERMISSIONS[Action.AGREEMENTS_SIGN]) - {Role.SERVICE}
"""Roles in which a person confirms or contests what others say of the agency."""
_IDLE_BEFORE = sa.bindparam("idle_before", type_=principal.c.last_seen_at.type)
_ACTIVE = sa.select(principal.c.issuer, principal.c.subject, principal.c.roles).where(
    principal.c.agency_id == sa.bindparam("agency_id", type_=_ID),
    sa.or_(principal.c.last_seen_at >= _IDLE_BEFORE, principal.c.restored_at >= _IDLE_BEFORE),
    ~sa.exists().where(
        revocation.c.kind == RevocationKind.PERSON.value,
        revocation.c.issuer == principal.c.issuer,
        revocation.c.value == principal.c.subject,
        revocation.c.agency_id == principal.c.agency_id,
        revocation.c.lifted_at.is_(None),
    ),
)
_LOCK = sa.select(principal.c.id).where(principal.c.id == sa.bindparam("id", type_=_ID)).with_for_update()
_CHANGE = principal.update().where(principal.c.id == sa.bindparam("its_id", type_=_ID))


async def record_sightings(write: Write, sightings: Sequence[Sighting]) -> None:
    """Store who was seen: those that are new, and of the others when, in which roles and, where it is kept, the name.

    Of an agency whose first person that is who may answer for it, the instant is kept: from then on it can say no to
    what is said of it. Who only reads there cannot, and a service is no person. In one order, so that two processes
    never wait for each other's rows in a circle.
    """
    first: dict[UUID, datetime] = {}
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
        if Role.SERVICE not in who.roles and who.roles & _ANSWERS:  # also one that was known in other roles
            first[who.agency_id] = min(each.seen_at, first.get(who.agency_id, each.seen_at))
    for agency_id, at in sorted(first.items()):
        await see_agency(write, agency_id, at)


async def see_agency(write: Write, agency_id: UUID, at: datetime) -> None:
    """Keep when a person who may answer for the agency was first seen; nothing where one was seen before."""
    await write.run(_SEEN_ONCE[write.dialect], {"agency_id": agency_id, "first_seen_at": at})


async def seen_of(read: Read, agency_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Those of the agencies for which a person who may answer for them has used the registry."""
    return frozenset(row.agency_id for row in await read.all(_SEEN_OF, {"agency_ids": sorted(agency_ids)}))


def _key(sighting: Sighting) -> tuple[UUID, str, str]:
    who = sighting.principal
    return who.agency_id, who.issuer, who.subject


async def active_with(
    read: Read, agency_id: UUID, role: Role, now: datetime, idle_days: int
) -> frozenset[tuple[str, str]]:
    """Issuer and subject of those who were seen with the role for the agency, neither suspended nor inactive."""
    rows = await read.all(_ACTIVE, {"agency_id": agency_id, "idle_before": idle_before(now, idle_days)})
    return frozenset((row.issuer, row.subject) for row in rows if role in row.roles.split(","))


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
