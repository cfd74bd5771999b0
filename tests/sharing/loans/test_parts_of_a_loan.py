"""Of several a part is handed over, and a part comes back: what the loan, the asset, the line and limits say."""

from datetime import timedelta
from typing import Any

import pytest

from registry.platform.kernel.time import Window, utc_now
from tests.support.assets import make_asset
from tests.support.documents import file_with_loan
from tests.support.loans import CONDITION, REASON, Partners, make_loan, make_partners, see, step, under_way
from tests.support.policy import make_decision
from tests.support.problems import assert_problem
from tests.support.requests import line_for, need_line, submitted

Found = dict[str, Any]


async def radios(partners: Partners, capacity: int = 10) -> Found:
    return await make_asset(partners.assisting, category="communications.radio_cache", capacity=capacity)


async def free(partners: Partners, asset: Found) -> int:
    """How many can be had for the time of the loan."""
    window = under_way()
    query = {"from": utc_now().isoformat(), "to": window.end.isoformat()}
    found = await partners.assisting.coordinator.done("GET", f"/v1/assets/{asset['id']}/availability", params=query)
    return int(min(each["free_quantity"] for each in found["intervals"]))


async def lent_on_a_line(partners: Partners, asset: Found, quantity: int) -> tuple[Found, Found]:
    """A request for so many of the asset, and the loan that answers it."""
    lines = [line_for(asset, quantity=quantity, window=under_way())]
    asked = await submitted(partners.requesting, asset, lines=lines)
    body = {"decision_id": asked["lines"][0]["decision"]["id"]}
    return asked, await partners.assisting.coordinator.done("POST", "/v1/loans", body)


async def test_what_does_not_leave_with_the_rest_is_free_again_and_open_on_the_line(partners: Partners) -> None:
    asset = await radios(partners)
    asked, loan = await lent_on_a_line(partners, asset, 10)
    assert (loan["quantity"], loan["reserved_quantity"]) == (10, 10)
    sent = await step(partners.assisting, loan, "dispatch", {**CONDITION, "quantity": 6})
    assert (sent["status"], sent["quantity"], sent["reserved_quantity"]) == ("dispatched", 6, 10)
    assert await free(partners, asset) == 4
    seen = await partners.requesting.coordinator.done("GET", f"/v1/requests/{asked['id']}")
    (line,) = seen["lines"]
    assert (seen["status"], line["status"], line["remaining_quantity"]) == ("partially_filled",) * 2 + (4,)
    assert line["loan"]["quantity"] == 6
    page = await partners.requesting.coordinator.done("GET", "/v1/inbox", params={"limit": 200})
    assert "help_lacking" in {each["kind"] for each in page["items"] if each["subject"]["id"] == asked["id"]}
    events = (await partners.requesting.auditor.done("GET", f"/v1/loans/{loan['id']}/history?sort=version"))["items"]
    assert {name: events[-1]["data"][name] for name in ("quantity", "released_quantity")} == {
        "quantity": 6,
        "released_quantity": 4,
    }
    received = await step(partners.requesting, loan, "receive")
    assert (received["status"], received["quantity"]) == ("on_scene", 6)
    asking = {"tiers": [[str(partners.assisting.id)]]}
    path = f"/v1/requests/{asked['id']}/lines/{line['id']}/source"
    again = await partners.requesting.coordinator.done("POST", path, asking)
    offered = next(each for each in again["lines"] if each["fills_line_no"])
    path = f"/v1/requests/{asked['id']}/lines/{offered['id']}/offer"
    later = await partners.assisting.coordinator.done("POST", path, {"asset_id": asset["id"], "quantity": 4})
    decided = next(each for each in later["lines"] if each["id"] == offered["id"])["decision"]["id"]
    rest = await partners.assisting.coordinator.done("POST", "/v1/loans", {"decision_id": decided})
    assert rest["quantity"] == 4, "the rest follows"
    filled = await partners.requesting.coordinator.done("GET", f"/v1/requests/{asked['id']}")
    assert filled["status"] == "filled"
    await step(partners.assisting, loan, "return")
    await step(partners.assisting, rest, "dispatch")
    await step(partners.assisting, rest, "return")
    assert await free(partners, asset) == 10


async def test_of_an_offer_for_a_need_what_does_not_leave_is_needed_again(partners: Partners) -> None:
    asset = await radios(partners)
    need = need_line(quantity=5, category="communications.radio_cache", type_at_least=None, window=under_way())
    asked = await submitted(partners.requesting, {}, lines=[need])
    path = f"/v1/requests/{asked['id']}/lines"
    asking = {"tiers": [[str(partners.assisting.id)]]}
    asked = await partners.requesting.coordinator.done("POST", f"{path}/{asked['lines'][0]['id']}/source", asking)
    offer = {"asset_id": asset["id"], "quantity": 5}
    done = await partners.assisting.coordinator.done("POST", f"{path}/{asked['lines'][1]['id']}/offer", offer)
    body = {"decision_id": done["lines"][0]["decision"]["id"]}
    loan = await partners.assisting.coordinator.done("POST", "/v1/loans", body)
    seen = await partners.requesting.coordinator.done("GET", f"/v1/requests/{asked['id']}")
    assert (seen["lines"][0]["status"], seen["lines"][0]["remaining_quantity"]) == ("filled", 0)
    await step(partners.assisting, loan, "dispatch", {**CONDITION, "quantity": 3})
    seen = await partners.requesting.coordinator.done("GET", f"/v1/requests/{asked['id']}")
    assert (seen["lines"][0]["status"], seen["lines"][0]["remaining_quantity"]) == ("partially_filled", 2)


async def test_some_come_back_and_the_loan_goes_on_with_the_rest(partners: Partners) -> None:
    asset = await radios(partners)
    loan = await make_loan(partners, "on_scene", asset=asset, quantity=6)
    shown = await file_with_loan(partners.assisting.coordinator, loan["id"], kind="photo", occasion="return")
    some = {**CONDITION, "quantity": 4, "document_ids": [shown["id"]]}
    part = await step(partners.assisting, loan, "return", some)
    assert (part["status"], part["quantity"], part["returned_quantity"]) == ("on_scene", 6, 4)
    assert (part["returned_at"], part["condition_in"]) == (None, None)
    seen = await see(partners.requesting, loan["id"])
    (came,) = seen["partial_returns"]
    assert (came["quantity"], came["condition"]["document_ids"]) == (4, [shown["id"]]), "the other side reads it, too"
    assert await free(partners, asset) == 8
    cited = await partners.assisting.coordinator.post(
        f"/v1/loans/{loan['id']}/documents/{shown['id']}/withdraw", REASON
    )
    assert_problem(cited, 409, "wrong_status")
    refused = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/return", {**CONDITION, "quantity": 3})
    assert assert_problem(refused, 422, "quantity_over_loan")["detail"] == "Of this loan 2 are still out."
    lost = await partners.requesting.coordinator.post(f"/v1/loans/{loan['id']}/report-lost", {**REASON, "quantity": 3})
    assert_problem(lost, 422, "quantity_over_loan")
    extended = await step(partners.requesting, loan, "request-extension")
    assert extended["extension_pending"], "the rest may stay longer"
    await step(partners.requesting, loan, "report-lost", {**REASON, "quantity": 1})
    back = await step(partners.assisting, loan, "return")
    assert (back["status"], back["returned_quantity"], back["lost_quantity"]) == ("returned", 5, 1), "all of it"
    assert await free(partners, asset) == 9
    events = (await partners.requesting.auditor.done("GET", f"/v1/loans/{loan['id']}/history?sort=version"))["items"]
    assert [each["type"] for each in events].count("loan.partly_returned") == 1
    assert [each["type"] for each in events].count("loan.returned") == 1


async def test_when_the_rest_of_what_came_back_is_lost_the_loan_is_lost_and_goes_on_as_it_is_found(
    partners: Partners,
) -> None:
    asset = await radios(partners)
    loan = await make_loan(partners, "on_scene", asset=asset, quantity=6)
    await step(partners.assisting, loan, "return", {**CONDITION, "quantity": 4})
    gone = await step(partners.requesting, loan, "report-lost")
    assert (gone["status"], gone["lost_quantity"]) == ("lost", 2)
    assert await free(partners, asset) == 8
    found = await step(partners.requesting, loan, "report-found", {**REASON, "quantity": 1})
    assert (found["status"], found["lost_quantity"]) == ("on_scene", 1)
    assert await free(partners, asset) == 8, "it is out"
    await step(partners.assisting, loan, "return")
    assert await free(partners, asset) == 9


async def test_what_comes_back_damaged_is_held_and_what_comes_back_whole_is_free(partners: Partners) -> None:
    asset = await radios(partners)
    loan = await make_loan(partners, "on_scene", asset=asset, quantity=6)
    await step(partners.assisting, loan, "return", {**CONDITION, "quantity": 4})
    assert await free(partners, asset) == 8
    await step(partners.assisting, loan, "return", {**CONDITION, "quantity": 1, "grade": "damaged"})
    assert await free(partners, asset) == 8
    await step(partners.assisting, loan, "return")
    assert await free(partners, asset) == 9


async def test_each_side_says_how_many_left_and_how_many_arrived(partners: Partners) -> None:
    loan = await make_loan(partners, asset=await radios(partners), quantity=6)
    sent = await step(partners.assisting, loan, "dispatch", {**CONDITION, "quantity": 5})
    assert sent["received_quantity"] is None
    path = f"/v1/loans/{loan['id']}/receive"
    over = await partners.requesting.coordinator.post(path, {"quantity": 6})
    assert_problem(over, 422, "quantity_over_loan")
    none = await partners.requesting.coordinator.post(path, {"quantity": 0})
    assert assert_problem(none, 422, "nothing_arrived")["errors"][0]["pointer"] == "/quantity"
    await partners.requesting.coordinator.done("POST", path, {"quantity": 4})
    seen = await see(partners.assisting, loan["id"])
    assert (seen["quantity"], seen["received_quantity"]) == (5, 4)
    whole = await make_loan(partners, "on_scene", asset=await radios(partners), quantity=3)
    assert (whole["received_quantity"], whole["returned_quantity"]) == (3, 0)
    back = await step(partners.assisting, whole, "return")
    assert (back["returned_quantity"], back["partial_returns"]) == (3, [])


@pytest.mark.parametrize(("verb", "status"), [("dispatch", "reserved"), ("return", "on_scene")])
async def test_no_more_than_there_are_and_by_who_does_it(partners: Partners, verb: str, status: str) -> None:
    loan = await make_loan(partners, status, asset=await radios(partners), quantity=3)
    path = f"/v1/loans/{loan['id']}/{verb}"
    over = await partners.assisting.coordinator.post(path, {**CONDITION, "quantity": 4})
    assert_problem(over, 422, "quantity_over_loan")
    assert_problem(await partners.assisting.coordinator.post(path, {**CONDITION, "quantity": 0}), 400, "invalid_body")
    other = await partners.requesting.coordinator.post(path, {**CONDITION, "quantity": 1})
    assert_problem(other, 403, "other_sides_action")
    unchanged = await see(partners.assisting, loan["id"])
    assert (unchanged["version"], unchanged["quantity"]) == (loan["version"], 3)


async def test_where_fewer_are_left_than_were_promised_these_may_leave(partners: Partners) -> None:
    asset = await radios(partners, 3)
    first = await make_loan(partners, "on_scene", asset=asset, quantity=3, window=under_way(hours=2))
    start = utc_now().replace(microsecond=0) + timedelta(minutes=90)
    later = await make_loan(
        partners, asset=asset, quantity=3, window=Window(start=start, end=start + timedelta(hours=4))
    )
    await step(partners.requesting, first, "report-lost", {**REASON, "quantity": 2})
    await step(partners.assisting, first, "return")
    (offer,) = [
        each for each in (await see(partners.assisting, later["id"]))["allowed_actions"] if each["action"] == "dispatch"
    ]
    assert "As many as there are may leave: say how many (`quantity`)." in offer["reason"]
    assert (await step(partners.assisting, later, "dispatch", {**CONDITION, "quantity": 1}))["quantity"] == 1


async def test_a_limit_counts_what_is_had_of_the_asset_still(cast: Any) -> None:
    partners = await make_partners(cast, categories=["any"], max_quantity=7)
    asset = await radios(partners, 40)
    loan = await make_loan(partners, asset=asset, quantity=7)

    async def outcome(quantity: int) -> str:
        return (await make_decision(partners.requesting, asset, quantity=quantity, window=under_way())).outcome

    assert await outcome(1) == "denied"
    await step(partners.assisting, loan, "dispatch", {**CONDITION, "quantity": 5})
    assert await outcome(2) == "permitted"
    await step(partners.assisting, loan, "return", {**CONDITION, "quantity": 2})
    assert await outcome(2) == "permitted", "beside three that are out, and two that were permitted"
    assert await outcome(1) == "denied"
