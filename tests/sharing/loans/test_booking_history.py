"""Nothing is ever promised twice: random histories by callers at once, and code without the lock, which fails."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from registry.platform.database.handles import Write
from registry.resources.allocations.rules import Bookable
from registry.resources.assets.tables import asset
from registry.sharing.loans.commands import handing_over, reserving
from registry.sharing.policy.commands import deciding
from registry.sharing.policy.commands.recording import lock_chain
from registry.sharing.policy.queries.getting import Chain
from tests.sharing.loans.histories import History, Item, lost_acknowledgements, overbookings, run_history, unjustified
from tests.support.assets import make_asset
from tests.support.length import at_length
from tests.support.loans import Partners

HISTORIES = at_length(2, 5, 50)
OPERATIONS = at_length(200, 400, 2_000)


async def items(partners: Partners, *capacities: int) -> list[Item]:
    made = [await make_asset(partners.assisting, capacity=capacity) for capacity in capacities]
    return [Item(UUID(asset["id"]), capacity) for asset, capacity in zip(made, capacities, strict=True)]


@pytest.mark.grows
@pytest.mark.parametrize("seed", range(HISTORIES))
async def test_in_no_history_is_more_promised_than_there_is(partners: Partners, seed: int) -> None:
    history = await run_history(partners, await items(partners, 1, 1, 4), operations=OPERATIONS, seed=seed)
    assert overbookings(history) == []
    assert unjustified(history) == []
    assert await lost_acknowledgements(partners, history) == []
    assert enough_happened(history)


def enough_happened(history: History) -> bool:
    """A history in which nobody met anybody proves nothing."""
    granted = sum(booking.status != "none" for booking in history.bookings)
    return granted > OPERATIONS / 10 and len(history.refusals) > OPERATIONS / 10


async def test_the_checker_finds_what_code_without_the_lock_promises_twice(
    partners: Partners, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect == "sqlite":
        pytest.skip("one writer at a time: there is no race to lose")
    monkeypatch.setattr(handing_over, "lock_for_booking", not_waiting)
    monkeypatch.setattr(reserving, "lock_for_booking", not_waiting)
    monkeypatch.setattr(deciding, "lock_chain", chain_alone)
    for seed in range(5):
        history = await run_history(partners, await items(partners, 2, 2, 4), operations=OPERATIONS, seed=seed)
        if overbookings(history):
            return
    pytest.fail("the checker saw nothing wrong with bookings that nobody locked")


async def not_waiting(write: Write, asset_id: UUID) -> Bookable:
    """What is written first and is wrong: look at the asset, and hope that nobody commits it meanwhile."""
    capacity = await write.value(sa.select(asset.c.capacity).where(asset.c.id == asset_id))
    return Bookable(id=asset_id, capacity=capacity, in_service=True)


async def chain_alone(write: Write, root_decision_id: UUID, _asset_id: UUID | None = None) -> Chain:
    """Deciding locks the asset too, in the same statement as the decision."""
    return await lock_chain(write, root_decision_id)
