"""Queries about what of an asset is free when, and what keeps it from being had."""

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Rows
from registry.platform.http.paging import asked_window
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound, RuleBroken
from registry.platform.kernel.time import LATEST, Window, civil_day, known_end
from registry.resources.allocations.occupancy import (
    Hold,
    KindHold,
    Occupancy,
    Stretch,
    conflicts,
    intervals,
)
from registry.resources.allocations.people import person_allocations_in, person_holds
from registry.resources.allocations.queries import (
    allocations_in,
    as_holds,
    as_kind_holds,
    unavailability_row,
    unavailable_from,
)
from registry.resources.allocations.rules import (
    AllocationKind,
    first_time_together,
    unavailability_status,
    weeks_of,
    without_anybody,
)
from registry.resources.allocations.rules import UnavailabilityStatus as Status
from registry.resources.assets.queries.certified import certified_in
from registry.resources.assets.queries.facts import AssetRow, visible_asset
from registry.resources.assets.queries.keeping import reserves_of
from registry.resources.assets.queries.visibility import relations
from registry.resources.assets.rules import ServiceStatus
from registry.resources.assets.schemas.availability import (
    Availability,
    AvailabilityQuery,
    Blocking,
    FreeInterval,
    WeekSlots,
)
from registry.resources.assets.schemas.planning import Unavailability, UnavailabilityList, Until
from registry.resources.certificates.queries import teams_in
from registry.resources.minimums.rules import HELD_BACK, Reserve, kept_back

MOST_INTERVALS = 2000


class Occupied(Struct, kw_only=True, frozen=True):
    """What holds an asset from the start of a window on: its allocations, and what of it its agency keeps at home.

    And who can go with it, each with what holds him or her (empty for what is lent without anybody), and when nobody
    of them can since they are away for another reason than this asset.
    """

    rows: Rows
    kept: list[KindHold]
    holds: list[Hold]
    people: dict[UUID, list[Hold]]
    nobody: list[Stretch]

    def of(self, found: AssetRow, quantity: int) -> Occupancy:
        """The asset, of which so many are needed."""
        return Occupancy(
            quantity=quantity,
            capacity=found.capacity,
            in_service=found.service_status is ServiceStatus.IN_SERVICE,
            turnaround=found.turnaround,
            holds=self.holds,
        )


def from_then_on(found: AssetRow, window: Window) -> Window:
    """From the window's start on; of a laboratory, what began earlier in the first week counts for that week."""
    return Window(start=found.needed(window).start, end=LATEST)


async def occupied_from(
    read: Read, found: AssetRow, window: Window, reserves: Sequence[Reserve], now: datetime
) -> Occupied:
    """What holds the asset from the window's start on; whether it is in service is not among it."""
    later = from_then_on(found, window)
    rows = await allocations_in(read, found.id, later, now)
    kept = kept_back(found.id, reserves, later, found.weeks_in)
    people, elsewhere = await _who_can_go(read, found, {row.loan_id for row in rows}, window, now)
    return Occupied(
        rows=rows,
        kept=kept,
        holds=as_holds(rows, now) + [hold[:3] for hold in kept],
        people=people,
        nobody=_nobody_at(elsewhere, window.start),
    )


async def get_availability(read: Read, caller: Caller, asset_id: UUID, query: AvailabilityQuery) -> Availability:
    """What of an asset is free in a window, interval by interval, and when next as much as is wanted for as long.

    Raises NotFound, RuleBroken.
    """
    found = await visible_asset(read, caller.principal, asset_id, caller.now)
    window = asked_window(query.from_, query.to, "from", "to")
    reserves = await reserves_of(read, caller.agency_id, found, from_then_on(found, window), caller.now)
    occupied = await occupied_from(read, found, window, reserves, caller.now)
    rows, kept, span = occupied.rows, occupied.kept, (window.start, window.end)
    needed = occupied.of(found, query.quantity)
    teams = {found.id: occupied.people} if occupied.people else {}
    alone = bool(without_anybody(teams, span))
    usable = found.service_status is ServiceStatus.IN_SERVICE
    nobody: list[KindHold] = [(start, end, found.capacity, "handler") for start, end in occupied.nobody]
    holds = occupied.holds + [hold[:3] for hold in nobody]
    if found.agency_id != caller.agency_id:
        kept = [(start, end, quantity, HELD_BACK) for start, end, quantity, _ in kept]
    parts = intervals(
        found.capacity,
        as_kind_holds(rows, caller.now) + nobody + kept,
        span,
    )
    if len(parts) > MOST_INTERVALS:
        raise RuleBroken.at(
            f"That window has more than {MOST_INTERVALS} intervals; ask for a shorter one.",
            "too_many_intervals",
            "too far from `from`",
            parameter="to",
        )
    return Availability(
        asset_id=asset_id,
        window=window,
        capacity=found.capacity,
        service_status=found.service_status,
        free_quantity=0 if alone else needed.free_quantity(span),
        blocking=[
            Window(start=start, end=end or window.end)
            for start, end in ([span] if alone else conflicts(found.capacity, holds, span, query.quantity))
        ],
        intervals=[
            FreeInterval(
                start=part.start,
                end=part.end,
                free_quantity=part.free_quantity if usable else 0,
                blocked_by=cast(list[Blocking], [*part.blocked_by, *([] if usable else ["out_of_service"])]),
            )
            for part in parts
        ],
        weeks=None if found.weeks_in is None else _weeks(needed, window, found.weeks_in),
        certified=await certified_in(read, found, window),
        next_free=first_time_together([needed], teams, window.start, window.end - window.start),
    )


async def _who_can_go(
    read: Read, found: AssetRow, own_loans: Set[UUID | None], window: Window, now: datetime
) -> tuple[dict[UUID, list[Hold]], list[list[Hold]]]:
    """Who can go with a dog in the window, with what holds each of them, and the same without the dog's own loans.

    Who is on leave is held without end, as far as is known.
    """
    people: dict[UUID, list[Hold]] = {}
    elsewhere: list[list[Hold]] = []
    if not found.has_certificates or found.service_status is not ServiceStatus.IN_SERVICE:
        return people, elsewhere
    for row in await teams_in(read, found.id, found.category, window):
        if row.goes and row.handler_id not in people:
            held = await person_allocations_in(read, row.handler_id, Window(start=window.start, end=LATEST), now)
            away: list[Hold] = [] if row.on_duty else [(window.start, None, 1)]
            people[row.handler_id] = [*away, *person_holds(held, now)]
            elsewhere.append([*away, *person_holds([each for each in held if each.loan_id not in own_loans], now)])
    return people, elsewhere


def _nobody_at(people: Sequence[Sequence[Hold]], opens: datetime) -> list[Stretch]:
    """When all of these people are held, so that there is nobody to go at that moment."""
    # Who is on leave, or late, and committed as well is one person who cannot go.
    away = [stretch for holds in people for stretch in conflicts(1, holds, (opens, None), 1)]
    return [*conflicts(len(people), [(*each, 1) for each in away], (opens, None), 1)] if people else []


def _weeks(needed: Occupancy, window: Window, zone: str) -> list[WeekSlots]:
    """The slots that are left, week by week, where the laboratory is."""
    weeks = []
    for week in weeks_of(window, zone):
        year, number, _ = civil_day(week.start, zone).isocalendar()
        left = needed.free_quantity((week.start, week.end))
        weeks.append(WeekSlots(week=f"{year}-W{number:02}", window=week, free_quantity=left))
    return weeks


async def list_unavailability(read: Read, caller: Caller, asset_id: UUID) -> UnavailabilityList:
    """What keeps an asset from being had, now and later. Raises NotFound."""
    found = await visible_asset(read, caller.principal, asset_id, caller.now)
    rows = await unavailable_from(read, asset_id, caller.now)
    return UnavailabilityList(items=[as_unavailability(row, caller, found) for row in rows])


async def get_unavailability(read: Read, caller: Caller, asset_id: UUID, unavailability_id: UUID) -> Unavailability:
    """One time in which the asset cannot be had, or could not. Raises NotFound."""
    found = await visible_asset(read, caller.principal, asset_id, caller.now)
    row = await unavailability_row(read, asset_id, unavailability_id)
    if row is None:
        raise NotFound("unavailability")
    return as_unavailability(row, caller, found)


def as_unavailability(row: Row[Any], caller: Caller, its: AssetRow | Row[Any]) -> Unavailability:
    """The representation of an allocation that is no loan, of the asset `its`, as the caller may see it."""
    own = its.agency_id == caller.agency_id
    status = unavailability_status(row.starts_at, row.free_at, row.released_at, caller.now)
    offered: list[AllowedAction] = []
    if refusal(caller.principal, Action.ASSETS_SERVE, relations(caller.principal, its.agency_id)) is None:
        offered = _offered(row, status, retired=its.service_status == ServiceStatus.RETIRED)
    return Unavailability(
        id=row.id,
        asset_id=row.asset_id,
        kind=row.kind,
        status=status,
        window=Until(start=row.starts_at, end=known_end(row.ends_at)),
        quantity=None if row.whole else row.quantity,
        reason=row.reason if own else None,
        loan_id=row.loan_id if own else None,
        assessment=row.assessment,
        created_at=row.created_at,
        ended_at=row.released_at,
        allowed_actions=offered,
        version=row.version,
    )


def _offered(row: Row[Any], status: Status, *, retired: bool) -> list[AllowedAction]:
    """What the owner may do about it, each with the reason if not now."""
    to_assess = row.kind == AllocationKind.DAMAGE and row.assessment is None
    gone = "It is over." if status is Status.OVER else "The asset is retired." if retired else None
    found = [offer("end", withheld=gone or ("Assess first whether it is fit." if to_assess else None))]
    if row.kind == AllocationKind.DAMAGE:
        found.append(offer("assess", withheld=gone or (None if to_assess else "It is assessed already.")))
    return found
