"""Queries about what of an asset is free when, and what keeps it from being had."""

from collections.abc import Sequence
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
from registry.platform.kernel.time import LATEST, Window, civil_day
from registry.resources.allocations.occupancy import (
    Hold,
    KindHold,
    Stretch,
    conflicts,
    first_fit,
    free_quantity,
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
from registry.resources.allocations.rules import AllocationKind, unavailability_status, weeks_of, whole_weeks
from registry.resources.allocations.rules import UnavailabilityStatus as Status
from registry.resources.assets.queries.certified import certified_in
from registry.resources.assets.queries.facts import AssetRow, visible_asset
from registry.resources.assets.queries.keeping import kept_back_of
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
from registry.resources.minimums.rules import HELD_BACK

MOST_INTERVALS = 2000


class Occupied(Struct, kw_only=True, frozen=True):
    """What holds an asset from the start of a window on.

    Its allocations, when no handler can go with it, and what of it its agency keeps at home.
    """

    rows: Rows
    taken: list[Stretch]
    kept: list[KindHold]
    holds: list[Hold]


async def occupied_from(read: Read, found: AssetRow, window: Window, now: datetime) -> Occupied:
    """What holds the asset from the window's start on; whether it is in service is not among it."""
    # Of a laboratory, what began earlier in the first week counts for that week.
    opens = window.start if found.weeks_in is None else whole_weeks(window, found.weeks_in).start
    rows = await allocations_in(read, found.id, Window(start=opens, end=LATEST), now)
    taken = await _handlers_taken(read, found, rows, window, now)
    kept = await kept_back_of(read, found, Window(start=opens, end=LATEST), now)
    holds = as_holds(rows, now) + [(start, end, found.capacity) for start, end in taken]
    return Occupied(rows=rows, taken=taken, kept=kept, holds=holds + [hold[:3] for hold in kept])


async def get_availability(read: Read, caller: Caller, asset_id: UUID, query: AvailabilityQuery) -> Availability:
    """What of an asset is free in a window, interval by interval, and when next as much as is wanted for as long.

    Raises NotFound, RuleBroken.
    """
    found = await visible_asset(read, caller.principal, asset_id, caller.now)
    window = asked_window(query.from_, query.to, "from", "to")
    occupied = await occupied_from(read, found, window, caller.now)
    rows, taken, kept, holds = occupied.rows, occupied.taken, occupied.kept, occupied.holds
    # A loan needs the asset until it is ready again.
    needed = (window.start, min(window.end + found.turnaround, LATEST))
    usable = found.service_status is ServiceStatus.IN_SERVICE
    if found.agency_id != caller.agency_id:
        kept = [(start, end, quantity, HELD_BACK) for start, end, quantity, _ in kept]
    parts = intervals(
        found.capacity,
        as_kind_holds(rows, caller.now) + [(start, end, found.capacity, "handler") for start, end in taken] + kept,
        (window.start, window.end),
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
        free_quantity=max(free_quantity(found.capacity, holds, needed), 0) if usable else 0,
        blocking=[
            Window(start=start, end=end or window.end)
            for start, end in conflicts(found.capacity, holds, (window.start, window.end), query.quantity)
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
        weeks=None if found.weeks_in is None else _weeks(found, holds, window, found.weeks_in, usable=usable),
        certified=await certified_in(read, found, window),
        next_free=first_fit(found.capacity, holds, window.start, needed[1] - window.start, query.quantity)
        if usable and query.quantity <= found.capacity
        else None,
    )


async def _handlers_taken(
    read: Read, found: AssetRow, rows: Sequence[Row[Any]], window: Window, now: datetime
) -> list[Stretch]:
    """When every handler of the asset is on leave or committed elsewhere, so that nobody can go with the dog."""
    if not found.has_certificates or found.service_status is not ServiceStatus.IN_SERVICE:
        return []
    handlers = [row for row in await teams_in(read, found.id, found.category, window) if row.goes]
    own_loans = {row.loan_id for row in rows}
    later = Window(start=window.start, end=LATEST)
    holds: list[Hold] = []
    for handler in handlers:
        held = await person_allocations_in(read, handler.handler_id, later, now)
        away = [] if handler.on_duty else [(window.start, None, 1)]
        taken = [*away, *person_holds([row for row in held if row.loan_id not in own_loans], now)]
        # Who is on leave, or late, and committed as well is one person who cannot go.
        holds += [(start, end, 1) for start, end in conflicts(1, taken, (window.start, None), 1)]
    return list(conflicts(len(handlers), holds, (window.start, None), 1)) if handlers else []


def _weeks(found: AssetRow, holds: Sequence[Hold], window: Window, zone: str, *, usable: bool) -> list[WeekSlots]:
    """The slots that are left, week by week, where the laboratory is."""
    weeks = []
    for week in weeks_of(window, zone):
        year, number, _ = civil_day(week.start, zone).isocalendar()
        left = max(free_quantity(found.capacity, holds, (week.start, week.end)), 0) if usable else 0
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
        window=Until(start=row.starts_at, end=None if row.ends_at >= LATEST else row.ends_at),
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
