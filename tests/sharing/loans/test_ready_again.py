"""Until it is ready again an asset is promised to nobody and does not leave; an hour that is past is what it was."""

from datetime import timedelta
from typing import Any

import pytest

from registry.platform.kernel.time import Window, utc_now
from tests.support.assets import make_asset
from tests.support.loans import CONDITION, Partners, make_loan, out_since, step
from tests.support.policy import make_decision
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_later

Found = dict[str, Any]
HOUR = timedelta(hours=1)
BY_WORD = "Chief to chief by telephone (demo)."


async def back(partners: Partners, asset: Found, hours_ago: float) -> None:
    """A loan of the asset that left ten hours ago and came back so many hours ago, as its owner enters it now."""
    now = utc_now().replace(microsecond=0)
    loan = await out_since(partners, asset, Window(start=now - 10 * HOUR, end=now - hours_ago * HOUR + HOUR))
    said = {**CONDITION, "occurred_at": (now - hours_ago * HOUR).isoformat()}
    await step(partners.assisting, loan, "return", said)


def from_hour(offset: float, hours: float = 3) -> Window:
    start = utc_now().replace(microsecond=0) + offset * HOUR
    return Window(start=start, end=start + hours * HOUR)


@pytest.mark.parametrize("start", [0, 2])
async def test_what_came_back_an_hour_ago_is_not_reserved_before_it_is_ready(partners: Partners, start: int) -> None:
    asset = await make_asset(partners.assisting, turnaround_minutes=240)
    await back(partners, asset, 1)
    decision = await make_decision(partners.requesting, asset, window=from_hour(start))
    refused = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
    assert_problem(refused, 409, "asset_not_free")
    await make_loan(partners, asset=asset, window=from_hour(3))


async def test_what_is_reserved_for_later_does_not_leave_before_it_is_ready(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, turnaround_minutes=240)
    await back(partners, asset, 1)
    loan = await make_loan(partners, asset=asset, window=from_hour(3.01))
    early = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/dispatch", CONDITION)
    assert_problem(early, 409, "asset_not_free")


async def test_what_left_before_it_was_ready_is_entered_as_it_was(partners: Partners) -> None:
    """It was ready two hours ago and had left an hour before: that is past, and nobody else had it."""
    asset = await make_asset(partners.assisting, turnaround_minutes=240)
    await back(partners, asset, 6)
    loan = await make_loan(partners, asset=asset, window=from_hour(-4, 8))
    left = {**CONDITION, "occurred_at": loan["starts_at"], "agreed_by_word": BY_WORD}
    assert (await step(partners.assisting, loan, "dispatch", left))["status"] == "dispatched"
