"""Whether an agency's own people can be sent for what they can do: the same question at an offer and at a loan."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read
from registry.platform.kernel.time import Window
from registry.resources.allocations.people import person_held_in
from registry.resources.personnel.disclosure import shown_count
from registry.resources.personnel.queries.getting import hindrances_of
from registry.resources.personnel.queries.listing import under
from registry.resources.personnel.queries.unpublished import shown_cells
from registry.resources.personnel.readiness import Days, Hindrance
from registry.resources.personnel.rules import PersonnelStatus
from registry.resources.personnel.tables import (
    capability_disclosure,
    capability_published,
    personnel_capability,
    personnel_record,
)

_IDS = sa.bindparam("ids", type_=personnel_record.c.id.type, expanding=True)
_PEOPLE = (
    sa.select(
        *(personnel_record.c[name] for name in ("id", "status", "hours", "absences", "conditions")),
        agency.c.time_zone,
        person_held_in(personnel_record.c.id).label("committed"),
    )
    .join(agency, agency.c.id == personnel_record.c.agency_id)
    .where(
        personnel_record.c.agency_id == sa.bindparam("agency_id", type_=agency.c.id.type),
        personnel_record.c.status != PersonnelStatus.SEPARATED.value,
        personnel_record.c.id.in_(_IDS),
    )
)
_ACTIVE = sa.select(personnel_record.c.id).where(
    personnel_record.c.id.in_(_IDS), personnel_record.c.status == PersonnelStatus.ACTIVE.value
)
_HELD = sa.select(
    *(personnel_capability.c[name] for name in ("personnel_id", "level", "tested_level", "from_on", "until_on"))
).where(personnel_capability.c.personnel_id.in_(_IDS), under(personnel_capability.c.capability))

_PUBLISHED = (
    sa.select(capability_published.c.agency_id, capability_published.c.band, capability_disclosure.c.threshold)
    .join(capability_disclosure, capability_disclosure.c.agency_id == capability_published.c.agency_id)
    .where(capability_published.c.agency_id.in_(_IDS), *shown_cells())
)


class Ability(Struct, kw_only=True, frozen=True):
    """What somebody has to be able to do: a capability at a rank of its scale, or where `tested`, tested at it.

    `step` is that by which other agencies publish how many can; None above the highest.
    """

    capability: str
    rank: int
    tested: bool = False
    step: int | None = None


class CannotBeSent(Struct, kw_only=True, frozen=True):
    """Somebody of those named, by the index, who is unknown, lacks the ability, or cannot be sent throughout."""

    index: int
    unknown: bool = False
    unable: bool = False
    hindrances: tuple[Hindrance, ...] = ()


async def who_cannot_be_sent(
    read: Read, agency_id: UUID, ability: Ability, ids: Sequence[UUID], window: Window, now: datetime
) -> CannotBeSent | None:
    """The first of the agency's people who cannot be sent for the window; None when all of them can.

    The capability is to be current on the day of the planned start and on that of the planned return, where the agency
    is.
    """
    named = {"ids": sorted(ids)}
    rows = {
        row.id: row
        for row in await read.all(
            _PEOPLE, {**named, "agency_id": agency_id, "start": window.start, "end": window.end, "at": now}
        )
    }
    held: dict[UUID, list[Row[Any]]] = {}
    for each in await read.all(_HELD, {**named, "capability": ability.capability}):
        held.setdefault(each.personnel_id, []).append(each)
    for index, person in enumerate(ids):
        row = rows.get(person)
        if row is None:
            return CannotBeSent(index=index, unknown=True)
        days = Days.of(window, row.time_zone or "UTC")
        if not any(_is_able(each, ability, days) for each in held.get(person, ())):
            return CannotBeSent(index=index, unable=True)
        if found := hindrances_of(row, window, committed=bool(row.committed)):
            return CannotBeSent(index=index, hindrances=tuple(found))
    return None


async def who_is_active(read: Read, ids: Sequence[UUID]) -> set[UUID]:
    """Those of these people who are on duty."""
    return {row.id for row in await read.all(_ACTIVE, {"ids": sorted(ids)})} if ids else set()


async def published_counts(
    read: Read, viewer: UUID, ability: Ability, owners: Sequence[UUID], now: datetime
) -> dict[UUID, int]:
    """At least how many people for it each of these agencies publishes to the viewer."""
    if ability.step is None or not owners:
        return {}
    asked = {
        "capability": ability.capability,
        "level": ability.step,
        "tested": ability.tested,
        "viewer": viewer,
        "at": now,
    }
    rows = await read.all(_PUBLISHED, {**asked, "ids": [*owners]})
    return {row.agency_id: max(shown_count(row.band, row.threshold) or 0, 1) for row in rows}


def _is_able(held: Row[Any], ability: Ability, days: Days) -> bool:
    level: int = held.tested_level if ability.tested else held.level
    return level >= ability.rank and held.from_on <= days.first and held.until_on >= days.last
