"""What is lost on a loan, some or all of it, and what is found again: what the loan, the asset and the request say."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import REASON, Partners, make_loan, make_partners, see, step, under_way
from tests.support.policy import make_decision
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_later


async def _six(partners: Partners, status: str = "on_scene") -> tuple[dict[str, Any], dict[str, Any]]:
    """Six of a cache of ten, lent and in that status."""
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=10)
    return asset, await make_loan(partners, status, asset=asset, quantity=6)


async def _seen(partners: Partners, asset: dict[str, Any]) -> tuple[int, str]:
    seen = await partners.assisting.admin.done("GET", f"/v1/assets/{asset['id']}")
    return seen["capacity"], seen["service_status"]


async def _free(partners: Partners, asset: dict[str, Any], quantity: int) -> bool:
    """Whether that many more can be reserved for the time of the loan; nothing stays reserved."""
    decision = await make_decision(partners.requesting, asset, quantity=quantity, window=under_way())
    answer = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
    if answer.status_code == 409:
        return False
    await step(partners.assisting, answer.json(), "cancel")
    return True


async def test_of_six_one_is_lost_and_five_come_back(partners: Partners) -> None:
    asset, loan = await _six(partners)
    after = await step(partners.requesting, loan, "report-lost", {**REASON, "quantity": 1})
    assert (after["status"], after["quantity"], after["lost_quantity"]) == ("on_scene", 6, 1)
    assert after["ended_reason"] == REASON["reason"]
    assert await _seen(partners, asset) == (9, "in_service")
    assert await _free(partners, asset, 4)
    assert not await _free(partners, asset, 5)
    back = await step(partners.assisting, loan, "return")
    assert (back["status"], back["lost_quantity"]) == ("returned", 1)
    assert await _free(partners, asset, 9)


@pytest.mark.parametrize("finder", ["requesting", "assisting"])
async def test_what_either_side_reported_by_mistake_either_puts_right(partners: Partners, finder: str) -> None:
    asset, loan = await _six(partners)
    await step(partners.requesting, loan, "report-lost")
    assert await _seen(partners, asset) == (4, "in_service")
    found = await step(partners.side(finder), loan, "report-found", {**REASON, "quantity": 5})
    assert (found["status"], found["lost_quantity"]) == ("on_scene", 1)
    assert await _seen(partners, asset) == (9, "in_service")
    assert await _free(partners, asset, 4)
    assert not await _free(partners, asset, 5)
    found = await step(partners.side(finder), loan, "report-found")
    assert (found["lost_quantity"], found["ended_reason"]) == (0, None)
    await step(partners.requesting, loan, "start-return")
    await step(partners.assisting, loan, "return")
    assert await _free(partners, asset, 10)


async def test_what_was_out_of_service_because_it_was_lost_is_in_service_when_it_is_found(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, "dispatched", asset=asset)
    await step(partners.requesting, loan, "report-lost")
    assert await _seen(partners, asset) == (1, "out_of_service")
    await step(partners.requesting, loan, "report-found")
    assert await _seen(partners, asset) == (1, "in_service")
    assert not await _free(partners, asset, 1)
    await step(partners.assisting, loan, "return")
    assert await _free(partners, asset, 1)


async def test_what_its_owner_put_into_service_meanwhile_is_not_counted_twice(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, "dispatched", asset=asset)
    await step(partners.assisting, loan, "report-lost")
    await partners.assisting.admin.done("POST", f"/v1/assets/{asset['id']}/return-to-service", REASON)
    await step(partners.assisting, loan, "report-found")
    assert await _seen(partners, asset) == (1, "in_service")


@pytest.mark.parametrize("status", ["returned", "closed"])
async def test_what_is_found_after_the_rest_is_back_is_at_home_when_its_owner_says_so(
    partners: Partners, status: str
) -> None:
    asset, loan = await _six(partners)
    await step(partners.requesting, loan, "report-lost", {**REASON, "quantity": 2})
    await step(partners.assisting, loan, "return")
    if status == "closed":
        await step(partners.assisting, loan, "close")
    refused = await partners.requesting.coordinator.post(f"/v1/loans/{loan['id']}/report-found", REASON)
    assert_problem(refused, 409, "wrong_status")
    assert "bring it to the assisting agency" in refused.json()["detail"]
    found = await step(partners.assisting, loan, "report-found")
    assert (found["status"], found["lost_quantity"], found["ended_reason"]) == (status, 0, None)
    assert (await see(partners.requesting, loan["id"]))["lost_quantity"] == 0
    assert await _seen(partners, asset) == (10, "in_service")
    assert await _free(partners, asset, 10)


async def test_more_than_is_out_or_lost_is_refused_with_how_many_it_is(partners: Partners) -> None:
    _, loan = await _six(partners)
    await step(partners.requesting, loan, "report-lost", {**REASON, "quantity": 2})
    for verb, most in (("report-lost", 4), ("report-found", 2)):
        path, body = f"/v1/loans/{loan['id']}/{verb}", {**REASON, "quantity": most + 1}
        refused = await partners.requesting.coordinator.post(path, body)
        assert_problem(refused, 422, "quantity_over_loan")
        assert refused.json()["errors"][0]["pointer"] == "/quantity"
        assert f"Of this loan {most} are" in refused.json()["detail"]
        assert_problem(await partners.requesting.coordinator.post(path, {**REASON, "quantity": 0}), 400)


async def test_what_is_found_beyond_what_is_agreed_at_one_time_waits_for_both_until_enough_is_back(cast: Cast) -> None:
    partners = await make_partners(cast, categories=["any"], max_quantity=3)
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=10)
    first = await make_loan(partners, "on_scene", asset=asset, quantity=3)
    await step(partners.requesting, first, "report-lost", {**REASON, "quantity": 2})
    second = await make_loan(partners, "on_scene", asset=asset, quantity=2)
    both = (partners.assisting, partners.requesting)

    async def waits(agency: Agency) -> list[dict[str, Any]]:
        page = await agency.coordinator.done("GET", "/v1/inbox", params={"limit": 200})
        return [each for each in page["items"] if each["kind"] == "over_limit"]

    assert [await waits(agency) for agency in both] == [[], []], "three at one time are agreed"
    found = await step(partners.requesting, first, "report-found")
    assert (found["lost_quantity"], found["over_limit"]["quantity"], found["over_limit"]["most"]) == (0, 5, 3)
    for agency in both:
        assert (await see(agency, second["id"]))["over_limit"] == found["over_limit"]
        (entry,) = await waits(agency)
        assert entry["subject"]["id"] == second["id"]
        assert entry["task"].startswith("5 are out, more than the 3 that are agreed at one time")
    await step(partners.assisting, second, "return")
    assert [await waits(agency) for agency in both] == [[], []]
    assert (await see(partners.requesting, first["id"]))["over_limit"] is None


async def test_a_find_is_offered_only_where_something_is_lost(partners: Partners) -> None:
    _, loan = await _six(partners)
    offered = {each["action"]: each for each in loan["allowed_actions"]}["report_found"]
    assert offered["reason"] == "Nothing of this loan is lost."
    await step(partners.requesting, loan, "report-lost")
    seen = await see(partners.assisting, loan["id"])
    assert {each["action"] for each in seen["allowed_actions"] if each["allowed"]} == {"report_found", "contest_time"}


async def test_what_is_promised_for_later_stays_promised_when_some_is_lost_and_found(partners: Partners) -> None:
    asset, loan = await _six(partners)
    now = under_way()
    later = type(now)(start=now.start + timedelta(days=2), end=now.end + timedelta(days=2))
    promised = await make_loan(partners, asset=asset, quantity=10, window=later)
    await step(partners.requesting, loan, "report-lost", {**REASON, "quantity": 1})
    await step(partners.requesting, loan, "report-found")
    assert (await see(partners.assisting, promised["id"]))["asset_warnings"] == []
