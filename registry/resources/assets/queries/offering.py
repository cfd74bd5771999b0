"""What is to be known of assets that were found: their owners and costs, what an agreement covers, what is free."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.queries.in_force import covers_asset
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import Window, civil_day
from registry.resources.allocations.queries import free_quantity_in_window
from registry.resources.assets.costing import hourly_cost_on
from registry.resources.assets.queries.keeping import Wanted, spare_among
from registry.resources.assets.rules import Sharing
from registry.resources.assets.tables import asset
from registry.resources.rates.queries import hourly_rates_of, read_hourly_rates

_OFFERS = (
    sa.select(
        asset.c.id,
        asset.c.agency_id,
        asset.c.category,
        agency.c.name.label("agency_name"),
        agency.c.time_zone,
        asset.c.hourly_rate_minor,
        asset.c.currency,
        hourly_rates_of(asset.c.id).label("hourly_rates"),
        sa.and_(
            asset.c.sharing != Sharing.PRIVATE.value,
            covers_asset(asset.c.agency_id, asset.c.category),
        ).label("covered"),
    )
    .join(agency, agency.c.id == asset.c.agency_id)
    .where(asset.c.id.in_(sa.bindparam("ids", type_=asset.c.id.type, expanding=True)))
)
_WITH_FREE = _OFFERS.add_columns(free_quantity_in_window(asset.c.id, asset.c.capacity).label("free_quantity"))


class Offer(Struct, kw_only=True, frozen=True):
    """What stands beside an asset that was found."""

    agency_name: str
    covered: bool | None
    """Whether an agreement in force covers it for the caller's agency; None for its own."""
    hourly_cost: Money | None
    free_quantity: int | None
    """Of it alone, throughout the window, without what its owner holds back; None where none is asked for."""


async def offers_of(read: Read, caller: Caller, ids: Sequence[UUID], window: Window | None) -> dict[UUID, Offer]:
    """What stands beside these assets, which the caller may see and which are free in the window: in one statement.

    With a window one more for what their agencies keep at home, as `spare_among` asks it.
    """
    if not ids:
        return {}
    parameters: dict[str, object] = {"ids": list(ids), "viewer": caller.agency_id, "at": caller.now}
    if window is not None:
        parameters |= {"start": window.start, "end": window.end}
    rows = await read.all_slowly(_OFFERS if window is None else _WITH_FREE, parameters)
    free: dict[UUID, int] = {}
    if window is not None:
        wanted = [Wanted(owner=row.agency_id, quantities={row.id: 1}, categories=[row.category]) for row in rows]
        spared = await spare_among(read, caller.agency_id, wanted, window, caller.now)
        each_once = {id(need): need for needed in spared for need in needed}
        bounds = {key: need.free_quantity((window.start, window.end)) for key, need in each_once.items()}
        for row, needed in zip(rows, spared, strict=True):
            free[row.id] = max(min([int(row.free_quantity), *(bounds[id(need)] for need in needed)]), 0)
    found = {}
    for row in rows:
        day = civil_day(caller.now, row.time_zone or "UTC")
        cost = hourly_cost_on(read_hourly_rates(row.hourly_rates), row.hourly_rate_minor, row.currency, day)
        found[row.id] = Offer(
            agency_name=row.agency_name,
            covered=None if row.agency_id == caller.agency_id else bool(row.covered),
            hourly_cost=None if cost is None else Money.from_minor(cost.amount_minor, cost.currency),
            free_quantity=free.get(row.id),
        )
    return found
