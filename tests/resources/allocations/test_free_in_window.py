"""What is free in a window, asked of the database, is what adding up the holds one by one says."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import LATEST, Window
from registry.resources.allocations.commands import allocate, hold, mark_out
from registry.resources.allocations.occupancy import Hold, free_quantity
from registry.resources.allocations.queries import free_in_window
from registry.resources.allocations.rules import AllocationKind
from registry.resources.assets.commands.booking import lock_for_booking
from registry.resources.assets.tables import asset
from tests.support.assets import make_asset
from tests.support.cast import Cast

HOUR = timedelta(hours=1)
START = datetime(2031, 3, 3, tzinfo=UTC)
NOW = START - 5 * HOUR
_FREE = sa.select(asset.c.id).where(
    asset.c.id == sa.bindparam("id", type_=asset.c.id.type), free_in_window(asset.c.id, asset.c.capacity)
)


@pytest.mark.parametrize(("capacity", "turnaround"), [(1, 0), (1, 3), (6, 0), (6, 2)])
async def test_search_and_booking_agree_with_the_holds(cast: Cast, capacity: int, turnaround: int) -> None:
    chance = random.Random(f"{capacity} {turnaround}")
    made = await make_asset(cast.assisting, capacity=capacity, turnaround_minutes=60 * turnaround)
    asset_id, holds, database = UUID(made["id"]), list[Hold](), cast.assisting.service.database
    after = turnaround * HOUR
    for attempt in range(40):
        start = START + chance.randrange(90) * HOUR
        window = Window(start=start, end=start + chance.randrange(1, 14) * HOUR)
        quantity = chance.randrange(1, capacity + 1)
        expected = free_quantity(capacity, holds, (window.start, window.end + after)) >= quantity
        asked = {"id": asset_id, "start": window.start, "end": window.end, "quantity": quantity, "at": NOW}
        found = await database.read().first(_FREE, asked)
        assert (found is not None) is expected, (attempt, window, quantity)
        async with unit_of_work(database) as write:
            bookable = await lock_for_booking(write, asset_id)
            if attempt % 5 == 4:
                planned = window if attempt % 10 == 4 else Window(start=START + (200 + attempt) * HOUR, end=LATEST)
                whole = attempt % 3 == 0
                await hold(
                    write,
                    bookable,
                    allocation_id=new_id(),
                    kind=AllocationKind.BLACKOUT,
                    quantity=None if whole else quantity,
                    window=planned,
                    owner_id=cast.assisting.id,
                    now=NOW,
                )
                holds.append((planned.start, planned.end, capacity if whole else quantity))
                continue
            try:
                loan_id = new_id()
                await allocate(
                    write,
                    bookable,
                    allocation_id=new_id(),
                    loan_id=loan_id,
                    quantity=quantity,
                    window=window,
                    requesting_agency_id=cast.requesting.id,
                    assisting_agency_id=cast.assisting.id,
                    now=NOW,
                )
                booked = True
            except Conflict:
                booked = False
            assert booked is expected
            if booked:
                holds.append((window.start, window.end + after, quantity))


async def test_an_asset_late_on_its_way_back_is_held_without_end_even_within_its_turnaround(cast: Cast) -> None:
    made = await make_asset(cast.assisting, turnaround_minutes=240)
    asset_id, database, loan_id = UUID(made["id"]), cast.assisting.service.database, new_id()
    async with unit_of_work(database) as write:
        bookable = await lock_for_booking(write, asset_id)
        window = Window(start=START, end=START + 4 * HOUR)
        await allocate(
            write,
            bookable,
            allocation_id=new_id(),
            loan_id=loan_id,
            quantity=1,
            window=window,
            requesting_agency_id=cast.requesting.id,
            assisting_agency_id=cast.assisting.id,
            now=START,
        )
        await mark_out(write, bookable, loan_id, START)
    asked = {"id": asset_id, "start": START + 90 * HOUR, "end": START + 91 * HOUR, "quantity": 1}
    assert await database.read().first(_FREE, {**asked, "at": START + 3 * HOUR}) is not None
    assert await database.read().first(_FREE, {**asked, "at": START + 5 * HOUR}) is None
