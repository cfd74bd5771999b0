"""A request that was closed by hand: its loans run on, and no other is made on it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from registry.platform.access.principals import Role
from registry.platform.kernel.time import Window
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import step
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, submitted


async def closed_with_a_loan(cast: Cast, **terms: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """What the decision is named by, and the loan, of a request that is closed."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    asset = await make_asset(cast.assisting)
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    window = Window(start=start, end=start + timedelta(hours=8))
    found = await submitted(cast.requesting, asset, lines=[line_for(asset, window=window)])
    decision = {"decision_id": found["lines"][0]["decision"]["id"]}
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", decision)
    closed = await act(cast.requesting.as_(Role.APPROVER, subject="commander"), found, "close-manually")
    assert closed["status"] == "closed_manually"
    return decision, loan


async def test_a_loan_that_is_cancelled_later_leaves_nothing_to_reserve_again(cast: Cast) -> None:
    decision, loan = await closed_with_a_loan(cast)
    await step(cast.requesting, loan, "cancel")
    again = await cast.assisting.coordinator.post("/v1/loans", decision)
    assert_problem(again, 409, "decision_withdrawn")


async def test_its_loan_is_dispatched_extended_and_brought_back(cast: Cast) -> None:
    _, loan = await closed_with_a_loan(cast, approval_over_hours=9)
    loan = await step(cast.assisting, loan, "dispatch")
    loan = await step(cast.requesting, loan, "receive")
    loan = await step(cast.requesting, loan, "request-extension")
    assert loan["extensions"][0]["status"] == "pending"
    both = cast.assisting.as_(Role.COORDINATOR, Role.APPROVER)
    loan = await both.done("POST", f"/v1/loans/{loan['id']}/accept-extension", {})
    assert loan["extensions"][0]["status"] == "accepted"
    loan = await step(cast.assisting, loan, "return")
    assert loan["status"] == "returned"
