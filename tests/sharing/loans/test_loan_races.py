"""Two people at once on one loan, its asset or its agreement: never both of what excludes one another."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

from registry.platform.kernel.time import Window
from tests.support.assets import make_asset
from tests.support.loans import CONDITION, REASON, Partners, body_for, make_loan, see, step, under_way
from tests.support.patience import until_answered
from tests.support.policy import make_decision
from tests.support.problems import assert_problem

ROUNDS = 6


async def asset_status(partners: Partners, asset: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await partners.assisting.admin.done("GET", f"/v1/assets/{asset['id']}")
    return found


async def test_an_extension_is_never_accepted_after_a_recall(partners: Partners) -> None:
    for _ in range(ROUNDS):
        loan = await make_loan(partners, "on_scene")
        asked = await step(partners.requesting, loan, "request-extension")
        path, caller = f"/v1/loans/{loan['id']}", partners.assisting.coordinator
        accepted, recalled = await asyncio.gather(
            caller.post(f"{path}/accept-extension", {"extension_id": asked["extensions"][-1]["id"]}),
            caller.post(f"{path}/recall", body_for("recall")),
        )
        assert recalled.status_code == 200
        assert accepted.status_code in (200, 409)
        found = await see(partners.assisting, loan["id"])
        planned_end_at = (
            asked["extensions"][0]["planned_end_at"] if accepted.status_code == 200 else loan["planned_end_at"]
        )
        assert (found["recall_requested"], found["planned_end_at"]) == (True, planned_end_at)


async def test_a_loan_comes_back_or_is_lost_and_its_asset_with_it(partners: Partners) -> None:
    for _ in range(ROUNDS):
        asset = await make_asset(partners.assisting)
        loan = await make_loan(partners, "dispatched", asset=asset)
        path = f"/v1/loans/{loan['id']}"
        back, lost = await asyncio.gather(
            partners.assisting.coordinator.post(f"{path}/return", CONDITION),
            partners.requesting.coordinator.post(f"{path}/report-lost", REASON),
        )
        assert sorted([back.status_code, lost.status_code]) == [200, 409]
        status = "in_service" if back.status_code == 200 else "out_of_service"
        assert (await asset_status(partners, asset))["service_status"] == status


async def test_a_reservation_and_the_end_of_its_ground_at_once(partners: Partners) -> None:
    legal, path = partners.assisting.legal, f"/v1/agreements/{partners.agreement['id']}"
    for _ in range(ROUNDS):
        decision = await make_decision(partners.requesting, await make_asset(partners.assisting), window=under_way())
        reserved, suspended = await asyncio.gather(
            partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)}),
            legal.post(f"{path}/suspend", REASON),
        )
        assert suspended.status_code == 200
        if reserved.status_code == 201:  # it came first; what was reserved does not leave without its ground
            sent = await partners.assisting.coordinator.post(f"/v1/loans/{reserved.json()['id']}/dispatch", CONDITION)
            assert_problem(sent, 409, "decision_worsened")
        else:
            assert_problem(reserved, 409, "decision_worsened")
        await legal.done("POST", f"{path}/reinstate", REASON)


async def test_an_asset_is_reserved_or_retired(partners: Partners) -> None:
    for _ in range(ROUNDS):
        asset = await make_asset(partners.assisting)
        decision = await make_decision(partners.requesting, asset, window=under_way())
        reserved, retired = await asyncio.gather(
            partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)}),
            partners.assisting.admin.post(f"/v1/assets/{asset['id']}/retire", REASON),
        )
        assert (reserved.status_code, retired.status_code) in ((201, 409), (409, 200))


async def test_an_asset_is_reserved_for_what_it_is(partners: Partners) -> None:
    for _ in range(ROUNDS):
        asset = await make_asset(partners.assisting)
        admin, path = partners.assisting.admin, f"/v1/assets/{asset['id']}"
        decision = await make_decision(partners.requesting, asset, window=under_way())
        reserved, changed = await asyncio.gather(
            partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)}),
            admin.patch(path, {"category": "k9.patrol", "certifications": []}, if_match="*"),
        )
        assert (reserved.status_code, changed.status_code) in ((201, 409), (409, 200))
        if reserved.status_code == 201:
            assert reserved.json()["asset"]["category"] == "k9.narcotics"


async def test_a_loss_and_an_edit_of_the_capacity_do_not_block_one_another(partners: Partners) -> None:
    for _ in range(2 * ROUNDS):
        asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=5, type_level=None)
        window = under_way()
        loan = await make_loan(partners, "dispatched", asset=asset, quantity=2, window=window)
        later = Window(start=window.end, end=window.end + timedelta(hours=1))
        await make_loan(partners, asset=asset, quantity=2, window=later)
        lost, edited = await asyncio.gather(
            until_answered(
                partial(partners.requesting.coordinator.post, f"/v1/loans/{loan['id']}/report-lost", REASON)
            ),
            until_answered(
                partial(partners.assisting.admin.patch, f"/v1/assets/{asset['id']}", {"capacity": 4}, if_match="*")
            ),
        )
        assert (lost.status_code, edited.status_code) == (200, 200), edited.text
        assert (await asset_status(partners, asset))["capacity"] in (2, 4)
