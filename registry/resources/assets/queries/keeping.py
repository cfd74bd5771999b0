"""Queries about what an agency keeps at home of a category: the assets that a reserve minimum counts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category_closure
from registry.platform.database.handles import Read
from registry.platform.kernel.time import LATEST, Window
from registry.resources.allocations.occupancy import KindHold
from registry.resources.allocations.queries import as_kind_holds, live
from registry.resources.allocations.rules import AllocationKind, AllocationStatus
from registry.resources.allocations.tables import allocation
from registry.resources.assets.queries.facts import AssetRow
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.tables import asset
from registry.resources.minimums.queries import minimums_counting, minimums_of_several
from registry.resources.minimums.rules import Counted, Kept, Minimum, first_short, kept_back, kept_during

_COUNTS = (
    asset.c.id.label("asset_id"),
    asset.c.capacity,
    *(allocation.c[name] for name in ("id", "kind", "quantity", "status", "starts_at", "ends_at", "free_at")),
)
_HELD_IN_WINDOW = sa.and_(
    allocation.c.asset_id == asset.c.id,
    live(),
    allocation.c.starts_at < sa.bindparam("end", type_=allocation.c.ends_at.type),
    sa.or_(
        allocation.c.free_at > sa.bindparam("start", type_=allocation.c.starts_at.type),
        allocation.c.status == AllocationStatus.OUT.value,
    ),
)
_IN_SERVICE = asset.c.service_status == ServiceStatus.IN_SERVICE.value
_COUNTED = (
    sa.select(*_COUNTS)
    .select_from(asset.outerjoin(allocation, _HELD_IN_WINDOW))
    .where(
        asset.c.agency_id == sa.bindparam("owner", type_=asset.c.agency_id.type),
        _IN_SERVICE,
        asset.c.category.in_(
            sa.select(category_closure.c.descendant).where(
                category_closure.c.ancestor == sa.bindparam("category", type_=sa.Text)
            )
        ),
    )
    .order_by(asset.c.n)
)
_COUNTED_OF_SEVERAL = (
    sa.select(*_COUNTS, asset.c.agency_id, category_closure.c.ancestor, asset.c.turnaround_minutes)
    .select_from(
        asset.join(category_closure, category_closure.c.descendant == asset.c.category).outerjoin(
            allocation, _HELD_IN_WINDOW
        )
    )
    .where(
        asset.c.agency_id.in_(sa.bindparam("owners", type_=asset.c.agency_id.type, expanding=True)),
        _IN_SERVICE,
        category_closure.c.ancestor.in_(sa.bindparam("categories", type_=sa.Text, expanding=True)),
    )
    .order_by(asset.c.n)
)
LONGEST_TURNAROUND = timedelta(minutes=44_640)
_OWNER = sa.select(asset.c.agency_id, asset.c.category, agency.c.time_zone).join(
    agency, agency.c.id == asset.c.agency_id
)
OWNER_OF = _OWNER.where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type))
"""Of an asset what its agency's minimums are asked by: the agency, its time zone, the asset's category."""


class Reserve(Struct, kw_only=True, frozen=True):
    """What an agency keeps of one category in a window, and the assets of which it keeps that."""

    kept: Sequence[Kept]
    assets: Sequence[Counted]


async def reserves_in(
    read: Read,
    agency_id: UUID,
    time_zone: str | None,
    minimums: dict[str, list[Minimum]],
    window: Window,
    now: datetime,
) -> list[Reserve]:
    """What the minimums keep in the window, category by category; those that do not hold then are left out."""
    found = []
    for category, its in minimums.items():
        if kept := kept_during(its, window, time_zone or "UTC"):
            found.append(Reserve(kept=kept, assets=await _counted(read, agency_id, category, window, now)))
    return found


async def _counted(read: Read, agency_id: UUID, category: str, window: Window, now: datetime) -> list[Counted]:
    asked = {"owner": agency_id, "category": category, "start": window.start, "end": window.end}
    return _as_counted(await read.all_slowly(_COUNTED, asked), now)


def _as_counted(rows: Iterable[Row[Any]], now: datetime) -> list[Counted]:
    """The assets in these rows, which have an asset once for each of its allocations."""
    found: dict[UUID, Counted] = {}
    for row in rows:
        before = found.get(row.asset_id, Counted(id=row.asset_id, capacity=row.capacity))
        holds = () if row.id is None else as_kind_holds([row], now)
        found[row.asset_id] = Counted(id=row.asset_id, capacity=row.capacity, holds=(*before.holds, *holds))
    return [*found.values()]


async def kept_back_of(read: Read, found: AssetRow, window: Window, now: datetime) -> list[KindHold]:
    """How many of an asset cannot be lent in the window, and when, since its agency keeps them at home."""
    minimums = await minimums_counting(read, found.agency_id, found.category)
    reserves = await reserves_in(read, found.agency_id, found.time_zone, minimums, window, now) if minimums else []
    return [hold for each in reserves for hold in kept_back(found.id, each.assets, each.kept, window)]


class Wanted(Struct, kw_only=True, frozen=True):
    """What is wanted at once of one agency: as many of each asset, by its id, and the categories of them."""

    owner: UUID
    quantities: Mapping[UUID, int]
    categories: Collection[str]


async def held_back_among(read: Read, wanted: Sequence[Wanted], window: Window, now: datetime) -> list[bool]:
    """Of each that is wanted, whether its agency would keep too few at home if it were lent in the window.

    That is the very check of a loan, for a page at once: one query for the minimums, and where there are any one more
    for the assets that they count.
    """
    owners = {each.owner for each in wanted}
    minimums = await minimums_of_several(read, owners, {code for each in wanted for code in each.categories})
    if not minimums:
        return [False] * len(wanted)
    until = Window(start=window.start, end=min(window.end + LONGEST_TURNAROUND, LATEST))
    asked = {
        "owners": sorted({owner for owner, _, _ in minimums}),
        "categories": sorted({code for _, code, _ in minimums}),
        "start": until.start,
        "end": until.end,
    }
    groups: dict[tuple[UUID, str], list[Row[Any]]] = {}
    turnarounds: dict[UUID, timedelta] = {}
    for row in await read.all_slowly(_COUNTED_OF_SEVERAL, asked):
        groups.setdefault((row.agency_id, row.ancestor), []).append(row)
        turnarounds[row.asset_id] = timedelta(minutes=row.turnaround_minutes)
    reserves: dict[UUID, list[Reserve]] = {}
    for (owner, code, zone), its in minimums.items():
        if kept := kept_during(its, until, zone or "UTC"):
            assets = _as_counted(groups.get((owner, code), ()), now)
            reserves.setdefault(owner, []).append(Reserve(kept=kept, assets=assets))
    return [
        any(_goes_short(each.quantities, turnarounds, reserve, window) for reserve in reserves.get(each.owner, ()))
        for each in wanted
    ]


def _goes_short(
    quantities: Mapping[UUID, int], turnarounds: Mapping[UUID, timedelta], reserve: Reserve, window: Window
) -> bool:
    """Whether lending these in the window, each with its turnaround, leaves fewer than the reserve keeps."""
    lent = {
        each.id: (window.start, min(window.end + turnarounds[each.id], LATEST))
        for each in reserve.assets
        if each.id in quantities
    }
    if not lent:
        return False
    assets = [
        Counted(
            id=each.id,
            capacity=each.capacity,
            holds=(*each.holds, (*lent[each.id], quantities[each.id], AllocationKind.LOAN.value)),
        )
        if each.id in lent
        else each
        for each in reserve.assets
    ]
    needed = Window(start=window.start, end=max(end for _, end in lent.values()))
    return first_short(assets, reserve.kept, needed) is not None
