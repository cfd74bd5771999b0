"""What was asked for is what is lent: an asset that its owner changes waits for the requesting agency's word."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast, today
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, make_request, submitted

YEAR = timedelta(days=365)

RATE = {"hourly_rate": {"amount": "9999.00", "currency": "USD"}}
APPROVED: dict[str, Any] = {"approval_required": True}


async def edit(cast: Cast, asset: dict[str, Any], **fields: Any) -> dict[str, Any]:
    done: dict[str, Any] = await cast.assisting.admin.done("PATCH", f"/v1/assets/{asset['id']}", fields, if_match="*")
    return done


async def see(agency: Any, request: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = await agency.coordinator.done("GET", f"/v1/requests/{request['id']}")
    return seen


async def reserve(cast: Cast, request: dict[str, Any]) -> Any:
    decision = (await see(cast.assisting, request))["lines"][0]["decision"]["id"]
    return await cast.assisting.coordinator.post("/v1/loans", {"decision_id": decision})


def accepting(asset: dict[str, Any]) -> dict[str, Any]:
    return {"lines": [{"line_no": 1, "asset_version": asset["version"]}]}


async def test_a_changed_asset_is_not_reserved_before_it_is_accepted(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset = await make_asset(cast.assisting)
    asked = await submitted(cast.requesting, asset)
    assert asked["lines"][0]["asset_changed"] == []
    changed = await edit(cast, asset, **RATE, name="A patrol dog (demo)")
    (line,) = (await see(cast.requesting, asked))["lines"]
    assert (line["asset_changed"], line["asset_version"]) == (["name", "hourly_rate"], changed["version"])
    assert line["asset_name"] == asset["name"], "the line shows what was asked for"
    refused = await reserve(cast, asked)
    assert assert_problem(refused, 409, "asset_changed")["changed"] == ["name", "hourly_rate"]
    accepted = await act(cast.requesting.coordinator, asked, "accept-changed-assets", accepting(changed))
    (line,) = accepted["lines"]
    assert (line["asset_changed"], line["asset_name"], line["status"]) == ([], "A patrol dog (demo)", "permitted")
    loan = (await reserve(cast, asked)).json()
    assert loan["asset"]["hourly_rate"] == RATE["hourly_rate"]


async def test_an_approval_is_of_the_asset_that_was_asked_for(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=APPROVED)
    asset = await make_asset(cast.assisting)
    asked = await submitted(cast.requesting, asset)
    changed = await edit(cast, asset, **RATE)
    path = f"/v1/requests/{asked['id']}/approve"
    reason = {"reason": "as told on the telephone (demo)"}
    assert_problem(await cast.assisting.approver.post(path, reason), 409, "asset_changed")
    await act(cast.requesting.coordinator, asked, "accept-changed-assets", accepting(changed))
    approved = await act(cast.assisting.approver, asked, "approve")
    assert approved["status"] == "approved"
    again = await edit(cast, asset, description="Another dog (demo).")
    assert_problem(await reserve(cast, asked), 409, "asset_changed")
    accepted = await act(cast.requesting.coordinator, asked, "accept-changed-assets", accepting(again))
    assert accepted["lines"][0]["status"] == "needs_approval", "what was approved is not what is asked for now"
    assert_problem(await reserve(cast, asked), 409, "decision_not_satisfied")
    await act(cast.assisting.approver, asked, "approve")
    assert (await reserve(cast, asked)).status_code == 201


@pytest.mark.parametrize("fields", [{"tag": "K9-other"}, {"mobilisation_minutes": 5}, {"certifications": []}])
async def test_what_nobody_relied_on_waits_for_nothing(cast: Cast, fields: dict[str, Any]) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset = await make_asset(cast.assisting, certification_required=False)
    asked = await submitted(cast.requesting, asset)
    await edit(cast, asset, **fields)
    assert (await see(cast.requesting, asked))["lines"][0]["asset_changed"] == []
    assert (await reserve(cast, asked)).status_code == 201


async def test_a_category_that_changes_later_rewrites_no_request_and_no_metric(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset = await make_asset(cast.assisting, type_level=None, certification_required=False)
    asked = await submitted(cast.requesting, asset)
    day = today()
    window = f"from={day - YEAR}T00:00:00Z&to={day + YEAR}T00:00:00Z"
    path = f"/v1/scorecard?{window}&category=k9"
    counted = (await cast.requesting.auditor.done("GET", path))["groups"]
    assert counted[0]["scores"]["time_to_decision"]["n"] == 1
    await edit(cast, asset, category="vehicle.command_post")
    assert (await cast.requesting.auditor.done("GET", path))["groups"] == counted
    assert (await see(cast.requesting, asked))["lines"][0]["category"] == "k9.narcotics"


async def test_only_who_asked_accepts_and_only_what_was_read(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset, other = await make_asset(cast.assisting), await make_asset(cast.assisting)
    asked = await make_request(cast.requesting, asset, lines=[line_for(asset), line_for(other)])
    path, body = f"/v1/requests/{asked['id']}/accept-changed-assets", accepting(asset)
    coordinator = cast.requesting.coordinator
    assert_problem(await coordinator.post(path, body), 409, "wrong_status")
    await act(coordinator, asked, "submit", {})
    assert_problem(await coordinator.post(path, body), 409, "wrong_status")
    read = await edit(cast, asset, **RATE)
    await edit(cast, asset, name="A third dog (demo)")
    assert_problem(await coordinator.post(path, accepting(read)), 409, "asset_changed")
    unknown = {"lines": [{"line_no": 9, "asset_version": 1}]}
    assert_problem(await coordinator.post(path, unknown), 422, "unknown_line")
    assert_problem(await coordinator.post(path, {"lines": []}), 400, "invalid_body")
    assert_problem(await coordinator.post(path, accepting(read), if_match='"99-00000000"'), 412, "stale_version")
    assert_problem(await cast.assisting.coordinator.post(path, body), 403, "forbidden")
    assert_problem(await cast.stranger.coordinator.post(path, body), 404, "not_found")
    assert_problem(await cast.requesting.service.anonymous.post(path, body), 401, "unauthenticated")
    lines = (await see(cast.requesting, asked))["lines"]
    key = "accept-once"
    latest = {"lines": [{"line_no": 1, "asset_version": lines[0]["asset_version"]}]}
    first, again = [await coordinator.post(path, latest, key=f"{key}-{asked['id']}") for _ in range(2)]
    assert first.status_code == 200
    assert first.content == again.content
    assert [
        line["decision"]["id"] == then["decision"]["id"]
        for line, then in zip(first.json()["lines"], lines, strict=True)
    ] == [False, True], "the other line keeps its decision"
