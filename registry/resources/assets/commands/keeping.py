"""The check that a loan leaves at home what its agency keeps there."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from msgspec import structs

from registry.directory.taxonomy.tables import category
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller, Role
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Conflict, Forbidden
from registry.platform.kernel.time import Window, format_instant
from registry.resources.allocations.occupancy import KindHold, Stretch
from registry.resources.allocations.rules import AllocationKind, Bookable, Stock
from registry.resources.assets.queries.keeping import OWNER_OF, reserves_in
from registry.resources.minimums.queries import COUNTED, LOCKED, by_category
from registry.resources.minimums.rules import Kept, first_short

_NAME = sa.select(category.c.name).where(category.c.code == sa.bindparam("code", type_=sa.Text))
BY_AN_APPROVER: Final = (
    "Somebody who approves for your agency (an approver) can reserve it all the same, with an `override_reason`."
)
"""The way out where a loan is reserved."""
BY_AN_APPROVER_FOR_LONGER: Final = (
    "Somebody who approves for your agency (an approver) can accept it all the same, with an `override_reason`."
)
"""The way out where a longer loan is accepted."""
BY_AN_APPROVER_FOR_SOONER: Final = (
    "Somebody who approves for your agency (an approver) can send it out all the same, with an `override_reason`."
)
"""The way out where a loan begins before its time."""


async def keep_minimums(
    write: Write,
    caller: Caller,
    asset: Bookable,
    window: Window,
    override: str | None,
    way_out: str,
) -> dict[str, object]:
    """Check that enough stay at home while the asset is lent in the window, as it has just been allocated.

    The minimums are locked, so that of two loans at once, of whichever assets, the second counts the first. Who lends
    several assets locks and allocates all of them before, and then asks for each: assets are locked before minimums.

    With an `override`, the reason of somebody who approves for the agency, the loan goes through; what is returned is
    for the record of the owner's side alone, since no other agency is told of minimums. A refusal names the `way_out`.
    Raises Conflict `under_reserve_minimum`, Forbidden for an override by anybody else.
    """
    if not asset.has_minimums:
        return {}
    short = await _short(write, asset, window, caller.now, LOCKED)
    if not short:
        return {}
    if override is None:
        raise await _under(write, *short[0], way_out)
    _permit_override(caller)
    overridden = [str(kept.minimum.id) for _, kept in short]
    return {"reserve_minimum_ids": overridden, "override_reason": override}


async def check_minimums(read: Read, asset: Stock, quantity: int, window: Window, now: datetime, way_out: str) -> None:
    """Raises what `keep_minimums` would without an override, once so many of the asset were away in the window too.

    Nothing is locked: it is for an answer before the act.
    """
    leaving = (window.start, window.end, quantity, AllocationKind.LOAN.value)
    short = await _short(read, asset, window, now, COUNTED, leaving) if asset.has_minimums else []
    if short:
        raise await _under(read, *short[0], way_out)


async def _short(
    read: Read,
    asset: Stock,
    window: Window,
    now: datetime,
    statement: sa.Select[Any],
    leaving: KindHold | None = None,
) -> list[tuple[Stretch, Kept]]:
    """Where fewer would be at home than is kept; `leaving` is what of the asset is not allocated yet."""
    owner = await read.first(OWNER_OF, {"id": asset.id})
    assert owner is not None, "a loan's asset is never deleted"
    needed = asset.with_turnaround(window)
    rows = await read.all(statement, {"owner": owner.agency_id, "category": owner.category})
    minimums = by_category(row for row in rows if row.counts)
    reserves = await reserves_in(read, owner.agency_id, owner.agency_id, owner.time_zone, minimums, needed, now)
    found = []
    for each in reserves:
        assets = [
            structs.replace(its, holds=(*its.holds, leaving)) if leaving and its.id == asset.id else its
            for its in each.assets
        ]
        short = first_short(assets, each.kept, needed)
        found += [] if short is None else [short]
    return found


def _permit_override(caller: Caller) -> None:
    """Raises Forbidden, in words, for whoever does not approve for the agency."""
    refused = refusal(caller.principal, Action.REQUESTS_APPROVE, ["assisting"])
    if refused is None:
        return
    if Role.APPROVER not in caller.principal.roles:
        refused = (
            "Only somebody who approves for your agency (an approver) can lend what it keeps at home. Ask an approver "
            "to do this, with an `override_reason`."
        )
    raise Forbidden(refused)


async def _under(read: Read, stretch: Stretch, kept: Kept, way_out: str) -> Conflict:
    (start, end), minimum = stretch, kept.minimum
    name = await read.value(_NAME, {"code": minimum.category}) or minimum.category
    reason = minimum.reason if minimum.reason[-1] in ".!?" else f"{minimum.reason}."
    return Conflict(
        f"Fewer than {minimum.quantity} of “{name}” would stay at home for part of that time. Your agency "
        f"keeps them from {minimum.effective_on} on: {reason} {way_out}",
        "under_reserve_minimum",
        extra={
            "reserve_minimum": {
                "id": str(minimum.id),
                "category": minimum.category,
                "quantity": minimum.quantity,
                "effective_on": minimum.effective_on.isoformat(),
                "reason": minimum.reason,
            },
            "blocking": {"start": format_instant(start), "end": None if end is None else format_instant(end)},
        },
    )
