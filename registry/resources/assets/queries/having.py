"""Whether what is asked for can be had: how many are free, what stands in the way, and when next enough is free.

Policies say whether something *may* be lent; this says whether it *can*. It asks what a reservation asks, for all that
is asked about in one statement, however many assets these are. Two more are needed where their owners keep some of a
category at home, and two where people go with them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read
from registry.platform.kernel.time import LATEST, Window
from registry.resources.allocations.occupancy import Hold, KindHold, Occupancy, Stretch, conflicts
from registry.resources.allocations.people import people_allocations_in, person_holds
from registry.resources.allocations.queries import allocations_of_several, as_holds, as_kind_holds
from registry.resources.allocations.rules import Teams, first_time_together, needed_for, without_anybody
from registry.resources.assets.queries.facts import AssetRow, weeks_in
from registry.resources.assets.queries.keeping import Wanted, spare_among
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.schemas.availability import AskAvailability, AskBlock, BlocksAsk
from registry.resources.assets.schemas.planning import Until
from registry.resources.assets.tables import asset
from registry.resources.certificates.queries import certificates_of_several, goes_with, has_certificates
from registry.resources.minimums.queries import has_minimums
from registry.resources.minimums.rules import HELD_BACK

MOST_BLOCKS: Final = 20
HAVING: list[sa.ColumnElement[Any]] = [
    *(asset.c[name].label(f"had_{name}") for name in ("agency_id", "category", "capacity", "service_status")),
    asset.c.turnaround_minutes.label("had_turnaround_minutes"),
    weeks_in(asset.c.category, asset.c.agency_id).label("had_weeks_in"),
    has_certificates(asset.c.id).label("had_certificates"),
    has_minimums(asset.c.agency_id, asset.c.category).label("had_minimums"),
]
"""What of an asset decides whether it can be had, for statements of other rooms; `of_columns` reads them."""


class Had(Struct, kw_only=True, frozen=True):
    """What of an asset decides whether it can be had."""

    id: UUID
    agency_id: UUID
    category: str
    capacity: int
    in_service: bool
    turnaround: timedelta
    weeks_in: str | None
    has_certificates: bool
    has_minimums: bool = True


def of_asset(found: AssetRow) -> Had:
    """The same of an asset that was read already."""
    return Had(
        id=found.id,
        agency_id=found.agency_id,
        category=found.category,
        capacity=found.capacity,
        in_service=found.service_status is ServiceStatus.IN_SERVICE,
        turnaround=found.turnaround,
        weeks_in=found.weeks_in,
        has_certificates=found.has_certificates,
    )


def of_columns(row: Row[Any], asset_id: UUID) -> Had:
    """The same from the columns `HAVING`."""
    return Had(
        id=asset_id,
        agency_id=row.had_agency_id,
        category=row.had_category,
        capacity=row.had_capacity,
        in_service=row.had_service_status == ServiceStatus.IN_SERVICE,
        turnaround=timedelta(minutes=0 if row.had_weeks_in else row.had_turnaround_minutes),
        weeks_in=row.had_weeks_in,
        has_certificates=bool(row.had_certificates),
        has_minimums=bool(row.had_minimums),
    )


class Ask(Struct, kw_only=True, frozen=True):
    """So many of an asset for a window. `beside` is what else the same agency asks for of it: window and quantity."""

    asset: Had
    quantity: int
    window: Window
    beside: Sequence[tuple[Window, int]] = ()

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The window as a stretch."""
        return self.window.start, self.window.end

    @property
    def opens(self) -> datetime:
        """From when on what holds the asset counts; of a laboratory, from the beginning of the first week."""
        return needed_for(self.window, self.asset.turnaround, self.asset.weeks_in).start


class _Held(Struct, kw_only=True, frozen=True):
    """What stands beside an ask: the asset's holds by kind, the others of its agency that it must leave, its people."""

    alone: Occupancy
    kinds: Sequence[KindHold]
    spared: Sequence[Occupancy]
    teams: Teams


async def can_be_had(read: Read, viewer: UUID, asks: Sequence[Ask], now: datetime) -> list[AskAvailability]:
    """Of each ask whether it can be had, as the agency `viewer` may know it."""
    if not asks:
        return []
    window = Window(start=min(each.opens for each in asks), end=LATEST)
    rows = await allocations_of_several(read, {each.asset.id for each in asks}, window, now)
    spared = await _spared(read, viewer, asks, window, now)
    teams = await _teams(read, asks, window, now)
    found = []
    for each, needed, people in zip(asks, spared, teams, strict=True):
        its = rows.get(each.asset.id, [])
        beside = [(its.start, its.end, quantity) for its, quantity in each.beside]
        alone = Occupancy(
            quantity=each.quantity,
            capacity=each.asset.capacity,
            in_service=each.asset.in_service,
            turnaround=each.asset.turnaround,
            holds=[*as_holds(its, now), *beside],
        )
        kinds = [*as_kind_holds(its, now), *((*hold, "other_line") for hold in beside)]
        held = _Held(alone=alone, kinds=kinds, spared=needed, teams=people)
        found.append(_answer(each, held, own=each.asset.agency_id == viewer))
    return found


def _answer(ask: Ask, held: _Held, *, own: bool) -> AskAvailability:
    nobody = bool(without_anybody(held.teams, ask.span))
    free = 0 if nobody else min(each.free_quantity(ask.span) for each in (held.alone, *held.spared))
    enough = free >= ask.quantity
    return AskAvailability(
        available=enough,
        free_quantity=free,
        blocking=[] if enough else _blocking(ask, held, nobody=nobody, own=own),
        next_free=first_time_together(
            [held.alone, *held.spared], held.teams, ask.window.start, ask.window.end - ask.window.start
        ),
    )


def _blocking(ask: Ask, held: _Held, *, nobody: bool, own: bool) -> list[AskBlock]:
    """What stands in the way, each from its own beginning to its end, the first to begin first."""
    if not held.alone.in_service:
        return [_block("out_of_service", (ask.window.start, None))]
    short = held.alone.blocking(ask.span)
    found = [_block(kind, (start, end)) for start, end, _, kind in held.kinds if _overlaps((start, end), short)]
    keeps: BlocksAsk = "reserve_minimum" if own else HELD_BACK
    found += [_block(keeps, stretch) for each in held.spared for stretch in each.blocking(ask.span)]
    if nobody:
        away = [stretch for people in held.teams.values() for holds in people.values() for stretch in _away(holds, ask)]
        found += [_block("handler", stretch) for stretch in away] or [_block("handler", ask.span)]
    each_once = {(each.window.start, each.window.end, each.reason): each for each in found}
    return sorted(each_once.values(), key=lambda each: each.window.start)[:MOST_BLOCKS]


def _away(holds: Sequence[Hold], ask: Ask) -> list[Stretch]:
    """When somebody who would go is held, as far as that concerns the ask."""
    return [(start, end) for start, end, _ in holds if any(conflicts(1, [(start, end, 1)], ask.span, 1))]


def _overlaps(stretch: Stretch, others: Sequence[Stretch]) -> bool:
    start, end = stretch
    return any((end is None or end > first) and (last is None or start < last) for first, last in others)


def _block(reason: Any, stretch: Stretch) -> AskBlock:
    start, end = stretch
    return AskBlock(reason=reason, window=Until(start=start, end=end))


async def _spared(
    read: Read, viewer: UUID, asks: Sequence[Ask], window: Window, now: datetime
) -> list[list[Occupancy]]:
    if not any(each.asset.has_minimums for each in asks):
        return [[] for _ in asks]
    wanted = [
        Wanted(owner=each.asset.agency_id, quantities={each.asset.id: each.quantity}, categories=[each.asset.category])
        for each in asks
    ]
    return await spare_among(read, viewer, wanted, window, now)


async def _teams(read: Read, asks: Sequence[Ask], window: Window, now: datetime) -> list[Teams]:
    """Who can go with each asset, with what holds each of them; who is on leave is held without end."""
    of_teams = {each.asset.id for each in asks if each.asset.has_certificates and each.asset.in_service}
    if not of_teams:
        return [{} for _ in asks]
    certificates = await certificates_of_several(read, of_teams)
    going = [goes_with(certificates.get(each.asset.id, []), each.asset.category, each.window) for each in asks]
    held = await people_allocations_in(read, {person for each in going for person in each}, window, now)
    found: list[Teams] = []
    for each, people in zip(asks, going, strict=True):
        its = {
            person: [*([] if on_duty else [(each.window.start, None, 1)]), *person_holds(held.get(person, []), now)]
            for person, on_duty in people.items()
        }
        found.append({each.asset.id: its} if its and each.asset.id in of_teams else {})
    return found
