"""Of what was reserved some or all is to be had no more: the line is open again, and both sides read what to do."""

from typing import Any
from uuid import UUID

import pytest

from registry.platform.kernel.time import utc_now
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import CONDITION, REASON, Partners, make_partners, reserve_then, step, under_way
from tests.support.problems import assert_problem
from tests.support.requests import line_for, need_line, submitted

Found = dict[str, Any]


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners with an agreement that covers everything."""
    return await make_partners(cast)


async def waiting(agency: Agency, found: Found) -> list[Found]:
    page = await agency.coordinator.done("GET", "/v1/inbox", params={"limit": 200})
    return [each for each in page["items"] if each["subject"]["id"] == found["id"]]


async def seen(agency: Agency, found: Found) -> Found:
    request: Found = await agency.coordinator.done("GET", f"/v1/requests/{found['id']}")
    return request


async def make_private(owner: Agency, asset: Found) -> None:
    path = f"/v1/assets/{asset['id']}"
    await owner.admin.done("PATCH", path, {"sharing": "private"}, if_match="*")


async def share_again(owner: Agency, asset: Found) -> None:
    await owner.admin.done("PATCH", f"/v1/assets/{asset['id']}", {"sharing": asset["sharing"]}, if_match="*")


async def reserved(partners: Partners, found: Found) -> Found:
    body = {"decision_id": found["lines"][0]["decision"]["id"]}
    made: Found = await partners.assisting.coordinator.done("POST", "/v1/loans", body)
    return made


@pytest.mark.parametrize("reserved_before", [True, False])
async def test_what_its_owner_shares_no_more_is_lacking_and_not_offered_to_be_lent(
    partners: Partners, reserved_before: bool
) -> None:
    asset = await make_asset(partners.assisting)
    found = await submitted(partners.requesting, asset)
    if reserved_before:
        loan = await reserved(partners, found)
        await make_private(partners.assisting, asset)
        await step(partners.requesting, loan, "cancel", {**REASON, "still_needed": True})
    else:
        await make_private(partners.assisting, asset)
    (entry,) = await waiting(partners.requesting, found)
    assert (entry["kind"], entry["action"]["operation"]) == ("help_lacking", "withdraw_request_line")
    assert "not shared" in entry["task"]
    (theirs,) = await waiting(partners.assisting, found)
    assert (theirs["kind"], theirs["action"]["operation"], theirs["instead"]) == (
        "answer",
        "decline_request_line",
        None,
    )
    assert "not shared any more" in theirs["task"]
    line = (await seen(partners.assisting, found))["lines"][0]
    (offer,) = [each for each in line["allowed_actions"] if each["action"] == "create_loan"]
    assert (offer["allowed"], offer["reason"]) == (
        False,
        "It is not shared any more: share it again to lend it, or decline.",
    )
    body = {"decision_id": found["lines"][0]["decision"]["id"]}
    assert not (await partners.assisting.coordinator.post("/v1/loans", body)).is_success
    await share_again(partners.assisting, asset)
    assert not await waiting(partners.requesting, found)
    line = (await seen(partners.assisting, found))["lines"][0]
    (offer,) = [each for each in line["allowed_actions"] if each["action"] == "create_loan"]
    assert offer["allowed"]
    await partners.assisting.coordinator.done("POST", "/v1/loans", body)


async def test_so_is_what_no_agreement_covers_any_more(partners: Partners) -> None:
    found = await submitted(partners.requesting, await make_asset(partners.assisting))
    path = f"/v1/agreements/{partners.agreement['id']}/suspend"
    await partners.assisting.legal.done("POST", path, REASON)
    (entry,) = await waiting(partners.requesting, found)
    assert entry["kind"] == "help_lacking"
    (theirs,) = [each for each in await waiting(partners.assisting, found) if each["kind"] == "answer"]
    assert theirs["action"]["operation"] == "decline_request_line"
    assert "No agreement in force covers it" in theirs["task"]


async def test_what_is_lost_while_it_is_away_is_open_on_its_line(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=10)
    window = under_way()
    found = await submitted(partners.requesting, asset, lines=[line_for(asset, quantity=5, window=window)])
    loan = await reserved(partners, found)
    await step(partners.assisting, loan, "dispatch")
    assert (await seen(partners.requesting, found))["status"] == "filled"
    await step(partners.requesting, loan, "report-lost", {**REASON, "quantity": 2})
    short = await seen(partners.requesting, found)
    (line,) = short["lines"]
    assert (short["status"], line["status"], line["remaining_quantity"]) == ("partially_filled",) * 2 + (2,)
    (entry,) = await waiting(partners.requesting, found)
    assert (entry["kind"], entry["action"]["operation"]) == ("help_lacking", "source_request_line")
    asking = {"tiers": [[str(partners.assisting.id)]]}
    again = await partners.requesting.coordinator.done("POST", entry["action"]["path"], asking)
    assert [each["quantity"] for each in again["lines"] if each["fills_line_no"] is None] == [3, 2]
    # Of the three, one more is lost: what was asked for before does not hide it.
    await step(partners.requesting, loan, "report-lost", {**REASON, "quantity": 1})
    lines = {each["line_no"]: each for each in (await seen(partners.requesting, found))["lines"]}
    assert (lines[1]["status"], lines[1]["remaining_quantity"]) == ("partially_filled", 1)
    (entry,) = [each for each in await waiting(partners.requesting, found) if each["kind"] == "help_lacking"]
    done = await partners.requesting.coordinator.done("POST", entry["instead"]["path"], REASON)
    assert next(each for each in done["lines"] if each["line_no"] == 1)["quantity"] == 2
    assert not [each for each in await waiting(partners.requesting, found) if each["kind"] == "help_lacking"]


async def test_what_is_found_again_or_is_on_its_way_back_is_lacking_no_more(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=10)
    found = await submitted(partners.requesting, asset, lines=[line_for(asset, quantity=5, window=under_way())])
    loan = await reserved(partners, found)
    for verb in ("dispatch", "receive"):
        await step(partners.assisting if verb == "dispatch" else partners.requesting, loan, verb)
    await step(partners.requesting, loan, "report-lost", {**REASON, "quantity": 2})
    await step(partners.requesting, loan, "report-found", {**REASON, "quantity": 1})
    assert (await seen(partners.requesting, found))["lines"][0]["remaining_quantity"] == 1
    await step(partners.requesting, loan, "start-return")
    assert (await seen(partners.requesting, found))["lines"][0]["status"] == "reserved"
    for verb in ("return", "close"):
        await step(partners.assisting, loan, verb)
    ended = await seen(partners.requesting, found)
    assert (ended["status"], ended["lines"][0]["status"]) == ("completed", "filled")


async def test_of_a_need_what_is_lost_is_needed_again(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=10)
    need = need_line(quantity=5, category="communications.radio_cache", type_at_least=None, window=under_way())
    found = await submitted(partners.requesting, {}, lines=[need])
    path = f"/v1/requests/{found['id']}/lines"
    asking = {"tiers": [[str(partners.assisting.id)]]}
    found = await partners.requesting.coordinator.done("POST", f"{path}/{found['lines'][0]['id']}/source", asking)
    offer = {"asset_id": asset["id"], "quantity": 5}
    done = await partners.assisting.coordinator.done("POST", f"{path}/{found['lines'][1]['id']}/offer", offer)
    loan = await reserved(partners, done)
    await step(partners.assisting, loan, "dispatch", CONDITION)
    assert not await waiting(partners.requesting, found)
    await step(partners.assisting, loan, "report-lost", {**REASON, "quantity": 2})
    line = (await seen(partners.requesting, found))["lines"][0]
    assert (line["status"], line["remaining_quantity"]) == ("partially_filled", 2)
    (entry,) = await waiting(partners.requesting, found)
    assert (entry["kind"], entry["action"]["operation"]) == ("help_lacking", "source_request_line")


async def test_what_was_sourced_and_then_leaves_in_part_is_lacking_too(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=10)
    found = await submitted(partners.requesting, asset, lines=[line_for(asset, quantity=8, window=under_way())])
    body = {"decision_id": found["lines"][0]["decision"]["id"], "quantity": 6}
    loan = await partners.assisting.coordinator.done("POST", "/v1/loans", body)
    path = f"/v1/requests/{found['id']}/lines/{found['lines'][0]['id']}"
    await partners.requesting.coordinator.done("POST", f"{path}/withdraw", REASON)
    await step(partners.assisting, loan, "dispatch", {**CONDITION, "quantity": 4})
    (line,) = (await seen(partners.requesting, found))["lines"]
    assert (line["status"], line["quantity"], line["remaining_quantity"]) == ("partially_filled", 6, 2)
    (entry,) = await waiting(partners.requesting, found)
    assert entry["kind"] == "help_lacking"
    done = await partners.requesting.coordinator.done("POST", entry["instead"]["path"], REASON)
    assert (done["lines"][0]["status"], done["lines"][0]["quantity"]) == ("reserved", 4)


async def test_what_was_not_handed_over_waits_for_who_asked_until_it_is_lent_after_all(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    found = await submitted(partners.requesting, asset, lines=[line_for(asset, window=under_way())])
    window = under_way()
    loan = await reserve_then(partners.assisting, UUID(found["lines"][0]["decision"]["id"]), window.start)
    assert not await waiting(partners.requesting, found)
    await step(partners.requesting, loan, "report-no-show")
    (entry,) = await waiting(partners.requesting, found)
    assert (entry["kind"], entry["action"]["operation"]) == ("help_lacking", "withdraw_request_line")
    assert "was not handed over" in entry["task"]
    again = await reserved(partners, found)
    assert not [each for each in await waiting(partners.requesting, found) if each["kind"] == "help_lacking"]
    assert again["planned_end_at"] > utc_now().isoformat()


async def test_a_closed_request_asks_for_nothing_more(partners: Partners) -> None:
    asset = await make_asset(partners.assisting, category="communications.radio_cache", capacity=10)
    found = await submitted(partners.requesting, asset, lines=[line_for(asset, quantity=5, window=under_way())])
    loan = await reserved(partners, found)
    await step(partners.assisting, loan, "dispatch")
    path = f"/v1/requests/{found['id']}"
    await partners.requesting.approver.done("POST", f"{path}/close-manually", REASON)
    await step(partners.requesting, loan, "report-lost", {**REASON, "quantity": 2})
    assert not await waiting(partners.requesting, found)
    source = f"{path}/lines/{found['lines'][0]['id']}/source"
    asking = {"tiers": [[str(partners.assisting.id)]]}
    assert_problem(await partners.requesting.coordinator.post(source, asking), 409, "wrong_status")
    assert (await seen(partners.requesting, found))["lines"][0]["remaining_quantity"] in (None, 0)
