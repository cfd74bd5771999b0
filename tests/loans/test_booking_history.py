"""Nothing is ever promised twice: random histories by callers at once, and code without the lock, which fails."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from registry.assets.allocations import holds_in
from registry.assets.holds import first_conflict
from registry.assets.tables import allocation
from registry.database.handles import Write
from registry.kernel.errors import Conflict
from registry.kernel.time import Window
from registry.loans import commands
from registry.policy import commands as policy_commands
from tests.loans.histories import (
    History,
    Item,
    lost_acknowledgements,
    overbookings,
    run_history,
    unjustified,
)
from tests.support.assets import make_asset
from tests.support.loans import Partners

HISTORIES = 5
OPERATIONS = 300


async def items(partners: Partners, *capacities: int) -> list[Item]:
    made = [await make_asset(partners.assisting, capacity=capacity) for capacity in capacities]
    return [Item(UUID(asset["id"]), capacity) for asset, capacity in zip(made, capacities, strict=True)]


@pytest.mark.parametrize("seed", range(HISTORIES))
async def test_in_no_history_is_more_promised_than_there_is(partners: Partners, seed: int) -> None:
    history = await run_history(partners, await items(partners, 1, 1, 4), operations=OPERATIONS, seed=seed)
    assert overbookings(history) == []
    assert unjustified(history) == []
    assert await lost_acknowledgements(partners, history) == []
    assert enough_happened(history)


def enough_happened(history: History) -> bool:
    """A history in which nobody met anybody proves nothing."""
    granted = sum(booking.state != "none" for booking in history.bookings)
    return granted > OPERATIONS / 10 and len(history.refusals) > OPERATIONS / 10


async def test_the_checker_finds_what_code_without_the_lock_promises_twice(
    partners: Partners, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect == "sqlite":
        pytest.skip("one writer at a time: there is no race to lose")
    monkeypatch.setattr(commands, "allocate", naive_allocate)
    monkeypatch.setattr(policy_commands, "hold_still", let_go)  # deciding holds the asset too
    for seed in range(HISTORIES):
        history = await run_history(partners, await items(partners, 2, 2, 4), operations=OPERATIONS, seed=seed)
        if overbookings(history):
            return
    pytest.fail("the checker saw nothing wrong with bookings that nobody locked")


async def let_go(_write: Write, _asset_id: UUID) -> None:
    """Nobody is kept from the asset."""


async def naive_allocate(
    write: Write,
    *,
    allocation_id: UUID,
    asset_id: UUID,
    loan_id: UUID,
    units: int,
    window: Window,
    now: datetime,
    **sides: Any,
) -> None:
    """What is written first and is wrong: look, then insert, and hope that nobody did the same meanwhile."""
    holds = await holds_in(write, asset_id, window, now)
    capacity = await write.value(sa.text("SELECT capacity FROM asset WHERE id = :id"), {"id": asset_id})
    if first_conflict(capacity, holds, (window.start, window.end), units) is not None:
        raise Conflict("The asset is committed for part of that time.", "asset_not_free")
    values = {"id": allocation_id, "asset_id": asset_id, "loan_id": loan_id, "units": units, **sides}
    await write.run(
        allocation.insert(),
        {**values, "exclusive": False, "state": "held", "starts_at": window.start, "ends_at": window.end},
    )
