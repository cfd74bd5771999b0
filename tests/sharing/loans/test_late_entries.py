"""What is recorded later than it was done: the loan, its metrics and what can be had go by when it was done."""

from datetime import datetime, timedelta
from typing import Any

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import Window, utc_now
from registry.sharing.loans.commands import reserving
from registry.sharing.loans.schemas.given import NewLoan
from tests.support.assets import make_asset
from tests.support.cast import Agency
from tests.support.loans import CONDITION, REASON, Partners, make_loan, step
from tests.support.policy import acting_for, make_decision, policies_of
from tests.support.problems import assert_problem


async def _begun(partners: Partners, *, hours: int = 4, ago: int = 6, **asset: Any) -> dict[str, Any]:
    """A reserved loan whose time began some hours ago and is over."""
    start = utc_now().replace(microsecond=0) - timedelta(hours=ago)
    window = Window(start=start, end=start + timedelta(hours=hours))
    made = await make_asset(partners.assisting, **asset)
    decision = await make_decision(partners.requesting, made, window=window, now=start)
    service = partners.assisting.service
    async with unit_of_work(service.database) as write:
        caller = acting_for(partners.assisting, Role.COORDINATOR, now=start)
        loan = await reserving.reserve(write, caller, policies_of(service), NewLoan(decision_id=decision.id))
    seen: dict[str, Any] = await partners.assisting.coordinator.done("GET", f"/v1/loans/{loan.id}")
    return seen


def _at(loan: dict[str, Any], **later: int) -> str:
    return (datetime.fromisoformat(loan["starts_at"]) + timedelta(**later)).isoformat()


async def test_what_left_came_and_went_back_in_time_is_not_late_however_late_it_is_recorded(
    partners: Partners,
) -> None:
    loan = await _begun(partners)
    steps: tuple[tuple[Agency, str, dict[str, Any], dict[str, int], str], ...] = (
        (partners.assisting, "dispatch", CONDITION, {"minutes": 10}, "dispatched_at"),
        (partners.requesting, "receive", {}, {"minutes": 40}, "arrived_at"),
        (partners.requesting, "start-return", {}, {"hours": 3}, "return_started_at"),
        (partners.assisting, "return", CONDITION, {"hours": 3, "minutes": 30}, "returned_at"),
    )
    for agency, verb, body, later, column in steps:
        said = _at(loan, **later)
        loan = await step(agency, loan, verb, {**body, "occurred_at": said})
        assert datetime.fromisoformat(loan[column]) == datetime.fromisoformat(said), verb
    assert loan["returned_at"] < loan["due_when_returned_at"]
    history = await partners.assisting.coordinator.done("GET", f"/v1/loans/{loan['id']}/history")
    back = next(each for each in history["items"] if each["type"] == "loan.returned")
    assert datetime.fromisoformat(back["occurred_at"]) == datetime.fromisoformat(loan["returned_at"])
    assert back["recorded_at"] > back["occurred_at"]


async def test_an_act_is_refused_before_what_precedes_it_with_that_time_and_in_the_future(partners: Partners) -> None:
    loan = await _begun(partners)
    path = f"/v1/loans/{loan['id']}"
    owner, asking = partners.assisting.coordinator, partners.requesting.coordinator
    early = await owner.post(f"{path}/dispatch", {**CONDITION, "occurred_at": _at(loan, hours=-1)})
    assert_problem(early, 422, "not_then")
    assert "It was reserved at" in early.json()["detail"]
    loan = await step(partners.assisting, loan, "dispatch", {**CONDITION, "occurred_at": _at(loan, hours=1)})
    for caller, verb, body in (
        (asking, "receive", {}),
        (asking, "start-return", {}),
        (owner, "return", CONDITION),
        (owner, "report-lost", REASON),
        (owner, "recall", {**REASON, "by": (utc_now() + timedelta(hours=1)).isoformat()}),
    ):
        refused = await caller.post(f"{path}/{verb}", {**body, "occurred_at": _at(loan, minutes=59)})
        assert_problem(refused, 422, "not_then")
        assert f"It left at {loan['dispatched_at'][:19]}" in refused.json()["detail"], verb
        assert refused.json()["errors"][0]["pointer"] == "/occurred_at"
        yet = (utc_now() + timedelta(minutes=5)).isoformat()
        assert_problem(await caller.post(f"{path}/{verb}", {**body, "occurred_at": yet}), 422, "not_then")
    assert_problem(await owner.post(f"{path}/return", {**CONDITION, "occurred_at": "2026-07-04T18:00:00"}), 400)


async def test_one_sent_out_in_time_is_recorded_after_its_time_and_one_sent_out_after_it_is_not(
    partners: Partners,
) -> None:
    loan = await _begun(partners)
    path = f"/v1/loans/{loan['id']}/dispatch"
    assert_problem(await partners.assisting.coordinator.post(path, CONDITION), 422, "window_over")
    out = await step(partners.assisting, loan, "dispatch", {**CONDITION, "occurred_at": _at(loan, minutes=5)})
    assert (out["status"], out["overdue"]) == ("dispatched", True)


async def test_what_was_ready_again_by_now_is_not_held_and_what_came_back_damaged_is(partners: Partners) -> None:
    loan = await _begun(partners, turnaround_minutes=60)
    await step(partners.assisting, loan, "dispatch", {**CONDITION, "occurred_at": _at(loan, minutes=5)})
    await step(partners.assisting, loan, "return", {**CONDITION, "occurred_at": _at(loan, hours=3)})
    path = f"/v1/assets/{loan['asset']['id']}/unavailability"
    assert (await partners.assisting.coordinator.done("GET", path))["items"] == []
    hurt = await _begun(partners)
    await step(partners.assisting, hurt, "dispatch", {**CONDITION, "occurred_at": _at(hurt, minutes=5)})
    damaged = {**CONDITION, "grade": "damaged", "occurred_at": _at(hurt, hours=3)}
    await step(partners.assisting, hurt, "return", damaged)
    path = f"/v1/assets/{hurt['asset']['id']}/unavailability"
    (held,) = (await partners.assisting.coordinator.done("GET", path))["items"]
    assert held["kind"] == "damage"


async def test_a_recall_given_by_telephone_counts_from_when_it_was_given(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    said = loan["arrived_at"]
    by = (utc_now() + timedelta(hours=1)).isoformat()
    recalled = await step(partners.assisting, loan, "recall", {**REASON, "by": by, "occurred_at": said})
    assert recalled["recall"]["requested_at"] == said
    assert recalled["recall"]["due_at"] == recalled["recall"]["by"], "the agreement has no notice"
    lost = await step(partners.requesting, loan, "report-lost", {**REASON, "occurred_at": said})
    history = await partners.assisting.coordinator.done("GET", f"/v1/loans/{lost['id']}/history")
    found = {each["type"]: datetime.fromisoformat(each["occurred_at"]) for each in history["items"]}
    assert found["loan.lost"] == datetime.fromisoformat(said)
