"""Queries about what an agency keeps at home of a category: the assets that a reserve minimum counts.

Its owner is answered by all of them, as a loan is. Others are answered by those alone that they see themselves: what
can be had would else tell how much there is that is not shown to them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy.engine import Row

from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category_closure
from registry.platform.database.handles import Read
from registry.platform.kernel.time import EARLIEST, LATEST, Window
from registry.resources.allocations.occupancy import Occupancy
from registry.resources.allocations.queries import as_kind_holds, live
from registry.resources.allocations.rules import AllocationStatus
from registry.resources.allocations.tables import allocation
from registry.resources.assets.queries.facts import AssetRow, weeks_in
from registry.resources.assets.queries.visibility import visible_to
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.tables import asset
from registry.resources.minimums.queries import minimums_counting, minimums_of_several
from registry.resources.minimums.rules import (
    Counted,
    Minimum,
    Reserve,
    Share,
    kept_during,
    most_together,
    reserve_in,
    spare,
)

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
        visible_to(among_many=True),
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
    sa.select(
        *_COUNTS,
        asset.c.agency_id,
        category_closure.c.ancestor,
        asset.c.turnaround_minutes,
        weeks_in(asset.c.category, asset.c.agency_id).label("weeks_in"),
    )
    .select_from(
        asset.join(category_closure, category_closure.c.descendant == asset.c.category).outerjoin(
            allocation, _HELD_IN_WINDOW
        )
    )
    .where(
        asset.c.agency_id.in_(sa.bindparam("owners", type_=asset.c.agency_id.type, expanding=True)),
        visible_to(among_many=True),
        _IN_SERVICE,
        category_closure.c.ancestor.in_(sa.bindparam("categories", type_=sa.Text, expanding=True)),
    )
    .order_by(asset.c.n)
)
LONGEST_TURNAROUND = timedelta(minutes=44_640)
_WEEK = timedelta(days=7)
_OWNER = sa.select(asset.c.agency_id, asset.c.category, agency.c.time_zone).join(
    agency, agency.c.id == asset.c.agency_id
)
OWNER_OF = _OWNER.where(asset.c.id == sa.bindparam("id", type_=asset.c.id.type))
"""Of an asset what its agency's minimums are asked by: the agency, its time zone, the asset's category."""


async def reserves_in(
    read: Read,
    viewer: UUID,
    agency_id: UUID,
    time_zone: str | None,
    minimums: dict[str, list[Minimum]],
    window: Window,
    now: datetime,
) -> list[Reserve]:
    """What the minimums keep in the window, category by category, of what `viewer` sees.

    Those that do not hold then are left out.
    """
    found = []
    for category, its in minimums.items():
        if kept := kept_during(its, window, time_zone or "UTC"):
            asked = {"owner": agency_id, "category": category, "start": window.start, "end": window.end}
            rows = await read.all_slowly(_COUNTED, {**asked, "viewer": viewer, "at": now})
            found.append(reserve_in(window, kept, _as_counted(rows, now)))
    return found


def _as_counted(rows: Iterable[Row[Any]], now: datetime) -> list[Counted]:
    """The assets in these rows, which have an asset once for each of its allocations."""
    found: dict[UUID, Counted] = {}
    for row in rows:
        before = found.get(row.asset_id, Counted(id=row.asset_id, capacity=row.capacity))
        holds = () if row.id is None else as_kind_holds([row], now)
        found[row.asset_id] = Counted(id=row.asset_id, capacity=row.capacity, holds=(*before.holds, *holds))
    return [*found.values()]


async def reserves_of(read: Read, viewer: UUID, found: AssetRow, window: Window, now: datetime) -> list[Reserve]:
    """What an asset's agency keeps in the window of all that is counted with it, of what `viewer` sees."""
    minimums = await minimums_counting(read, found.agency_id, found.category)
    if not minimums:
        return []
    return await reserves_in(read, viewer, found.agency_id, found.time_zone, minimums, window, now)


async def reserves_of_several(
    read: Read, viewer: UUID, owner: UUID, categories: Collection[str], window: Window, now: datetime
) -> list[Reserve]:
    """What an agency keeps in the window of all that is counted with assets of these categories."""
    minimums = await minimums_of_several(read, [owner], categories)
    zone = next((zone for _, _, zone in minimums), None)
    by_category = {code: its for (_, code, _), its in minimums.items()}
    return await reserves_in(read, viewer, owner, zone, by_category, window, now)


class Wanted(Struct, kw_only=True, frozen=True):
    """What is wanted at once of one agency: as many of each asset, by its id, and the categories of them."""

    owner: UUID
    quantities: Mapping[UUID, int]
    categories: Collection[str]


class _Reserves(Struct, kw_only=True, frozen=True):
    """What agencies keep around a window, and by what rule each of the assets that are counted is held."""

    by_owner: Mapping[UUID, Sequence[Reserve]]
    rules: Mapping[UUID, Share]

    def spared(self, wanted: Sequence[Wanted]) -> list[list[Occupancy]]:
        """Of each that is wanted, what has to be free of all that its agency keeps some of.

        What is wanted alike of the same reserve has the same answer, which is the same object: of a thousand assets of
        a few agencies there are a few.
        """
        counted = {owner: [{each.id for each in its.assets} for its in these] for owner, these in self.by_owner.items()}
        known: dict[tuple[object, ...], list[Occupancy]] = {}
        found = []
        for each in wanted:
            shares = {
                asset_id: structs.replace(self.rules[asset_id], quantity=quantity)
                for asset_id, quantity in each.quantities.items()
                if asset_id in self.rules
            }
            needed: list[Occupancy] = []
            for number, its in enumerate(self.by_owner.get(each.owner, ())):
                here = [share for asset_id, share in shares.items() if asset_id in counted[each.owner][number]]
                alike = (each.owner, number, *sorted(map(structs.astuple, here), key=str))
                if alike not in known:
                    known[alike] = spare(its, shares)
                needed += known[alike]
            found.append(needed)
        return found


async def _reserves_among(
    read: Read, viewer: UUID, owners: Collection[UUID], categories: Collection[str], window: Window, now: datetime
) -> _Reserves:
    """One query for the minimums, and where there are any one more for the assets that they count."""
    minimums = await minimums_of_several(read, owners, categories)
    if not minimums:
        return _Reserves(by_owner={}, rules={})
    around = Window(
        start=max(window.start - _WEEK, EARLIEST), end=min(window.end + max(LONGEST_TURNAROUND, _WEEK), LATEST)
    )
    asked = {
        "owners": sorted({owner for owner, _, _ in minimums}),
        "categories": sorted({code for _, code, _ in minimums}),
        "start": around.start,
        "end": around.end,
        "viewer": viewer,
        "at": now,
    }
    groups: dict[tuple[UUID, str], list[Row[Any]]] = {}
    rules: dict[UUID, Share] = {}
    for row in await read.all_slowly(_COUNTED_OF_SEVERAL, asked):
        groups.setdefault((row.agency_id, row.ancestor), []).append(row)
        ready = timedelta(minutes=0 if row.weeks_in else row.turnaround_minutes)
        rules[row.asset_id] = Share(quantity=0, turnaround=ready, weeks_in=row.weeks_in)
    by_owner: dict[UUID, list[Reserve]] = {}
    for (owner, code, zone), its in minimums.items():
        if kept := kept_during(its, around, zone or "UTC"):
            assets = _as_counted(groups.get((owner, code), ()), now)
            by_owner.setdefault(owner, []).append(reserve_in(around, kept, assets))
    return _Reserves(by_owner=by_owner, rules=rules)


async def spare_among(
    read: Read, viewer: UUID, wanted: Sequence[Wanted], window: Window, now: datetime
) -> list[list[Occupancy]]:
    """Of each that is wanted, what has to be free of all that its agency keeps some of: the very check of a loan."""
    owners = {each.owner for each in wanted}
    reserves = await _reserves_among(
        read, viewer, owners, {code for each in wanted for code in each.categories}, window, now
    )
    return reserves.spared(wanted)


async def held_back_among(
    read: Read, viewer: UUID, wanted: Sequence[Wanted], window: Window, now: datetime
) -> list[bool]:
    """Of each that is wanted, whether its agency would keep too few at home if it were lent in the window."""
    spared = await spare_among(read, viewer, wanted, window, now)
    each_once = {id(need): need for needed in spared for need in needed}
    short = {key for key, need in each_once.items() if not need.fits((window.start, window.end))}
    return [any(id(need) in short for need in needed) for needed in spared]


class Free(Struct, kw_only=True, frozen=True):
    """An asset of which so many are free."""

    id: UUID
    owner: UUID
    category: str
    quantity: int


async def free_together(read: Read, viewer: UUID, free: Sequence[Free], window: Window, now: datetime) -> int:
    """How many of all these can be lent at once, so that their owners keep enough.

    Of what a minimum counts all are taken to need as long as the one that is ready again last.
    """
    owners, categories = {each.owner for each in free}, {each.category for each in free}
    reserves = await _reserves_among(read, viewer, owners, categories, window, now)
    quantities = {each.id: max(each.quantity, 0) for each in free}
    bounds = []
    for its in (each for found in reserves.by_owner.values() for each in found):
        ids = [each.id for each in its.assets if each.id in quantities]
        needed = spare(its, {each: reserves.rules[each] for each in ids})
        bounds += [(ids, min(each.free_quantity((window.start, window.end)) for each in needed))] if needed else []
    return most_together(quantities, bounds)
