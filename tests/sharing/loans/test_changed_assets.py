"""An asset that is edited or taken out of service while loans of it are not yet returned."""

from typing import Any

import pytest

from tests.support.assets import make_asset
from tests.support.loans import CONDITION, REASON, Partners, make_loan, see, step
from tests.support.problems import assert_problem
from tests.support.requests import submitted

pytestmark = pytest.mark.second_later


async def edit(partners: Partners, asset: dict[str, Any], **fields: Any) -> dict[str, Any]:
    done: dict[str, Any] = await partners.assisting.admin.done(
        "PATCH", f"/v1/assets/{asset['id']}", fields, if_match="*"
    )
    return done


async def serve(partners: Partners, asset: dict[str, Any], verb: str) -> dict[str, Any]:
    done: dict[str, Any] = await partners.assisting.coordinator.done("POST", f"/v1/assets/{asset['id']}/{verb}", REASON)
    return done


def offered(loan: dict[str, Any], action: str) -> dict[str, Any]:
    return next(each for each in loan["allowed_actions"] if each["action"] == action)


async def test_taking_out_of_service_names_the_loans_marks_them_and_holds_back_the_hand_over(
    partners: Partners,
) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, asset=asset)
    out = await serve(partners, asset, "take-out-of-service")
    assert out["affected_loans"] == [
        {
            "loan_id": loan["id"],
            "requesting_agency": partners.requesting.reference,
            "quantity": 1,
            "window": {"start": loan["starts_at"], "end": loan["planned_end_at"]},
            "out": False,
        }
    ]
    for side in (partners.assisting, partners.requesting):
        (warning,) = (await see(side, loan["id"]))["asset_warnings"]
        assert (warning["kind"], warning["reason"], warning["started_at"]) == (
            "asset_unavailable",
            REASON["reason"],
            out["service_changed_at"],
        )
    withheld = offered(await see(partners.assisting, loan["id"]), "dispatch")
    assert not withheld["allowed"]
    assert REASON["reason"] in withheld["reason"]
    path = f"/v1/loans/{loan['id']}/dispatch"
    assert_problem(await partners.assisting.coordinator.post(path, CONDITION), 409, "decision_worsened")
    back = await serve(partners, asset, "return-to-service")
    assert [each["loan_id"] for each in back["affected_loans"]] == [loan["id"]]
    assert (await see(partners.requesting, loan["id"]))["asset_warnings"] == []
    assert (await step(partners.assisting, loan, "dispatch"))["status"] == "dispatched"


async def test_a_mark_changes_the_etag_so_that_nobody_reads_an_old_loan(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, asset=asset)
    before = (await partners.requesting.coordinator.get(f"/v1/loans/{loan['id']}")).headers["etag"]
    await serve(partners, asset, "take-out-of-service")
    after = await partners.requesting.coordinator.get(f"/v1/loans/{loan['id']}", headers={"if-none-match": before})
    assert after.status_code == 200


async def test_the_other_side_finds_it_in_the_history_of_the_asset(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, "on_scene", asset=asset)
    await edit(partners, asset, name="Another team (demo)")
    await serve(partners, asset, "take-out-of-service")
    path = f"/v1/assets/{asset['id']}/history?sort=version"
    told = (await partners.requesting.auditor.done("GET", path))["items"]
    assert [event["type"] for event in told] == ["asset.loans_affected"] * 2
    assert told[0]["data"] == {"changed": ["name"], "loan_ids": [loan["id"]]}
    assert told[1]["data"]["reason"] == REASON["reason"]
    assert (await partners.stranger.coordinator.get(path)).status_code == 404


async def test_a_loan_that_is_out_is_told_but_can_come_back(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, "on_scene", asset=asset)
    named = (await serve(partners, asset, "take-out-of-service"))["affected_loans"]
    assert [(each["loan_id"], each["out"]) for each in named] == [(loan["id"], True)]
    assert [each["kind"] for each in (await see(partners.requesting, loan["id"]))["asset_warnings"]] == [
        "asset_unavailable"
    ]
    assert (await step(partners.assisting, loan, "return"))["asset_warnings"] == []


@pytest.mark.parametrize("status", ["returned", "closed", "cancelled", "no_show", "lost"])
async def test_a_loan_that_is_over_is_neither_named_nor_marked(partners: Partners, status: str) -> None:
    asset = await make_asset(partners.assisting, capacity=5)
    loan = await make_loan(partners, status, asset=asset)
    assert (await edit(partners, asset, name="Another team (demo)"))["affected_loans"] == []
    assert (await see(partners.requesting, loan["id"]))["asset_warnings"] == []


CHANGES: dict[str, Any] = {
    "name": "Patrol team (demo)",
    "description": "No longer certified (demo).",
    "type_level": 4,
    "location": {"latitude": 46.5, "longitude": -93.27},
    "hourly_rate": {"amount": "9000.00", "currency": "USD"},
    "funding": ["state_funds"],
    "condition": "poor",
    "crew": [{"role": "Driver"}],
    "certification_required": False,
    "attributes": {"alert": "aggressive"},
}


@pytest.mark.parametrize("name", CHANGES)
async def test_what_borrowers_rely_on_waits_for_the_requesting_agency(partners: Partners, name: str) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, asset=asset)
    edited = await edit(partners, asset, **{name: CHANGES[name]})
    assert [each["loan_id"] for each in edited["affected_loans"]] == [loan["id"]]
    seen = await see(partners.requesting, loan["id"])
    (warning,) = seen["asset_warnings"]
    assert (warning["kind"], warning["changed"], warning["asset_version"]) == (
        "asset_changed",
        [name],
        edited["version"],
    )
    if name in warning["asset_now"]:
        assert warning["asset_now"][name] == edited[name]
        assert seen["asset"][name] == loan["asset"][name], "the loan keeps what was agreed"
    path = f"/v1/loans/{loan['id']}"
    refused = await partners.assisting.coordinator.post(f"{path}/dispatch", CONDITION)
    assert assert_problem(refused, 409, "asset_changed")["changed"] == [name]
    assert not offered(await see(partners.assisting, loan["id"]), "dispatch")["allowed"]
    accepted = await step(
        partners.requesting, loan, "accept-changed-asset", {"asset_version": edited["version"], "note": "Agreed (demo)"}
    )
    assert accepted["asset_warnings"] == []
    assert accepted["asset"] == warning["asset_now"]
    assert (await step(partners.assisting, loan, "dispatch"))["status"] == "dispatched"


async def test_what_is_judged_again_or_does_not_matter_needs_no_acceptance(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, asset=asset)
    near = {"latitude": 45.0, "longitude": -93.3}
    edited = await edit(
        partners, asset, mobilisation_minutes=10, tag="K9-renamed", sharing="network", location=near, capacity=2
    )
    assert edited["affected_loans"] == []
    assert (await step(partners.assisting, loan, "dispatch"))["status"] == "dispatched"


async def test_only_the_version_that_was_read_is_accepted(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, asset=asset)
    seen = await edit(partners, asset, name="Another team (demo)")
    await edit(partners, asset, name="A third team (demo)")
    path, body = f"/v1/loans/{loan['id']}/accept-changed-asset", {"asset_version": seen["version"]}
    assert_problem(await partners.requesting.coordinator.post(path, body), 409, "asset_changed")
    assert offered(await see(partners.requesting, loan["id"]), "accept_changed_asset")["allowed"]


async def test_an_asset_that_was_corrected_back_needs_no_acceptance(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    loan = await make_loan(partners, asset=asset)
    await edit(partners, asset, name="Mistyped (demo)")
    await edit(partners, asset, name=asset["name"])
    assert (await see(partners.requesting, loan["id"]))["asset_warnings"] == []
    assert (await step(partners.assisting, loan, "dispatch"))["status"] == "dispatched"


async def test_a_coordinator_registers_moves_and_serves_but_does_not_edit(partners: Partners) -> None:
    coordinator = partners.assisting.coordinator
    made = await coordinator.done("POST", "/v1/assets", {"category": "k9", "name": "New team (demo)"})
    path = f"/v1/assets/{made['id']}"
    place = {"latitude": 45.5, "longitude": -93.0}
    etag = (await coordinator.get(path)).headers["etag"]
    assert (await coordinator.done("POST", f"{path}/move", {"location": place}, if_match=etag))["location"] == place
    assert_problem(await coordinator.post(f"{path}/move", {"location": place}, if_match=etag), 412, "stale_version")
    await coordinator.done("POST", f"{path}/take-out-of-service", REASON)
    assert_problem(await coordinator.patch(path, {"name": "Mine"}, if_match="*"), 403, "forbidden")
    assert_problem(await coordinator.post(f"{path}/retire", REASON), 403, "forbidden")
    assert {each["action"] for each in (await coordinator.done("GET", path))["allowed_actions"]} == {
        *("move", "take_out_of_service", "return_to_service")
    }
    await partners.assisting.admin.done("POST", f"{path}/retire", REASON)
    assert_problem(await coordinator.post(f"{path}/move", {"location": place}), 409, "asset_retired")


async def test_a_request_that_is_not_answered_yet_is_no_loan(partners: Partners) -> None:
    asset = await make_asset(partners.assisting)
    await submitted(partners.requesting, asset)
    assert (await serve(partners, asset, "take-out-of-service"))["affected_loans"] == []
