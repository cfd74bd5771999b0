"""What an entry offers: the operation that settles it, the one that answers no, and damage for its owner to assess."""

from typing import Any

import pytest

from registry.platform.access.principals import Role
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import CONDITION, Partners, make_loan, make_partners, step
from tests.support.problems import assert_problem
from tests.support.requests import line_for, sourced, submitted

Entry = dict[str, Any]
NO = {"reason": "Needed at home (demo).", "reason_code": "not_available"}


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    """Fresh partners with an agreement that covers everything."""
    return await make_partners(cast)


async def waiting(agency: Agency, kind: str, role: Role = Role.COORDINATOR, whose: str = "me") -> list[Entry]:
    page = await agency.as_(role).done("GET", "/v1/inbox", params={"waiting_on": whose, "limit": 200})
    return [each for each in page["items"] if each["kind"] == kind]


async def test_what_came_back_damaged_waits_for_its_owner_until_it_is_assessed(partners: Partners) -> None:
    loan = await make_loan(partners, "on_scene")
    await step(partners.assisting, loan, "return", {**CONDITION, "grade": "damaged"})
    (entry,) = await waiting(partners.assisting, "damage")
    assert entry["subject"]["id"] == loan["asset"]["id"]
    assert entry["action"]["operation"] == "assess_asset_damage"
    for agency, whose in (
        (partners.requesting, "me"),
        (partners.requesting, "partners"),
        (partners.assisting, "partners"),
    ):
        assert await waiting(agency, "damage", whose=whose) == []
    assert [each["action"] for each in await waiting(partners.assisting, "damage", Role.AUDITOR, "agency")] == [None]
    assert await waiting(partners.assisting, "damage", Role.AUDITOR) == []
    said = {"assessment": "fit", "reason": "A scratch only (demo)."}
    etag = (await partners.assisting.coordinator.get(entry["action"]["path"].removesuffix("/assess"))).headers["etag"]
    done = await partners.assisting.coordinator.post(entry["action"]["path"], said, if_match=etag)
    assert done.status_code == 200, done.text
    assert await waiting(partners.assisting, "damage") == []


async def test_an_extension_that_needs_an_approval_offers_it_to_the_approver_alone(cast: Cast) -> None:
    partners = await make_partners(cast, categories=["any"], approval_over_hours=12)
    loan = await make_loan(partners, "on_scene")
    asked = await step(partners.requesting, loan, "request-extension")
    body = {"extension_id": asked["extensions"][-1]["id"]}
    (coordinators,) = await waiting(partners.assisting, "extension")
    assert coordinators["action"] is None, "accepting is an approval, which a coordinator cannot give"
    assert coordinators["instead"]["operation"] == "decline_loan_extension"
    path = f"/v1/loans/{loan['id']}"
    seen = {
        each["action"]: each for each in (await partners.assisting.coordinator.done("GET", path))["allowed_actions"]
    }
    assert not seen["accept_extension"]["allowed"], "the loan says the same as the inbox, and so does the refusal"
    assert f"by somebody with the role approver of {partners.assisting.name}" in seen["accept_extension"]["reason"]
    refused = assert_problem(await partners.assisting.coordinator.post(f"{path}/accept-extension", body), 409)
    assert refused["detail"] == seen["accept_extension"]["reason"]
    (entry,) = await waiting(partners.assisting, "extension", Role.APPROVER)
    assert entry["action"]["operation"] == "accept_loan_extension"
    done = await partners.assisting.approver.post(entry["action"]["path"], body)
    assert done.status_code == 200, done.text
    assert done.json()["planned_end_at"] == asked["extensions"][0]["planned_end_at"]


async def test_an_owner_reads_where_it_declines_as_soon_as_it_is_asked(partners: Partners) -> None:
    found = await submitted(partners.requesting, await make_asset(partners.assisting))
    (entry,) = await waiting(partners.assisting, "answer")
    assert entry["instead"]["operation"] == "decline_request_line"
    done = await partners.assisting.coordinator.post(entry["instead"]["path"], NO)
    assert done.status_code == 200, done.text
    assert await waiting(partners.assisting, "answer") == []
    seen = await partners.requesting.coordinator.done("GET", f"/v1/requests/{found['id']}")
    assert seen["lines"][0]["status"] == "declined"


async def test_who_is_asked_for_a_need_reads_it_too_and_who_asked_where_it_refuses(partners: Partners) -> None:
    await sourced(partners.requesting, [partners.assisting])
    (entry,) = await waiting(partners.assisting, "offer")
    assert entry["instead"]["operation"] == "decline_request_line"
    offer = {"asset_id": (await make_asset(partners.assisting))["id"], "condition": "Back by midnight (demo)."}
    await partners.assisting.coordinator.done("POST", entry["action"]["path"], offer)
    (theirs,) = await waiting(partners.requesting, "offer_answer")
    done = await partners.requesting.coordinator.post(theirs["instead"]["path"], {"reason": "Too late (demo)."})
    assert done.status_code == 200, done.text
    assert [each["instead"] for each in await waiting(partners.requesting, "offer", whose="partners")] == []


async def test_a_hand_over_can_be_cancelled_from_where_it_waits(partners: Partners) -> None:
    await make_loan(partners)
    (entry,) = await waiting(partners.assisting, "handover")
    done = await partners.assisting.coordinator.post(entry["instead"]["path"], NO)
    assert done.status_code == 200, done.text


def lending(found: Entry) -> Entry:
    """Whether the request's first line may be lent on, as it says itself."""
    (offered,) = (each for each in found["lines"][0]["allowed_actions"] if each["action"] == "create_loan")
    return dict(offered)


async def test_what_is_not_free_is_not_offered_to_be_lent(partners: Partners) -> None:
    kit = await make_asset(partners.assisting, capacity=3)
    wanted = [line_for(kit, quantity=2)]
    found, other = [await submitted(partners.requesting, kit, lines=wanted) for _ in range(2)]
    all_of_it = await submitted(partners.requesting, kit, lines=[line_for(kit, quantity=3)])
    body = {"decision_id": found["lines"][0]["decision"]["id"]}
    await partners.assisting.coordinator.done("POST", "/v1/loans", body)
    offered = {each["subject"]["id"]: each for each in await waiting(partners.assisting, "answer")}
    fewer = offered[other["id"]]
    assert fewer["task"] == "Only 1 of 2 are free then: lend fewer, or decline."
    assert (fewer["action"]["operation"], fewer["instead"]["operation"]) == ("create_loan", "decline_request_line")
    assert fewer["action"]["decision_id"] is not None, "what the body names"
    seen = await partners.assisting.coordinator.done("GET", f"/v1/requests/{other['id']}")
    assert lending(seen) == {"action": "create_loan", "allowed": True, "reason": None}, "as the inbox says"
    body = {"decision_id": other["lines"][0]["decision"]["id"]}
    assert_problem(await partners.assisting.coordinator.post("/v1/loans", body), 409)
    await partners.assisting.coordinator.done("POST", "/v1/loans", {**body, "quantity": 1})
    offered = {each["subject"]["id"]: each for each in await waiting(partners.assisting, "answer")}
    gone = offered[all_of_it["id"]]
    assert gone["task"] == "It is not free: decline, or free it first. It is committed elsewhere then."
    assert (gone["action"]["operation"], gone["instead"]) == ("decline_request_line", None)
    seen = await partners.assisting.coordinator.done("GET", f"/v1/requests/{all_of_it['id']}")
    assert not lending(seen)["allowed"]
    assert (await partners.assisting.coordinator.post(gone["action"]["path"], NO)).status_code == 200


async def test_of_two_lines_for_one_asset_either_may_be_lent_and_request_and_inbox_agree(partners: Partners) -> None:
    dog = await make_asset(partners.assisting)
    owner = partners.assisting.coordinator
    found = await submitted(partners.requesting, dog, lines=[line_for(dog), line_for(dog)])
    entries = {each["action"]["decision_id"]: each for each in await waiting(partners.assisting, "answer")}
    seen = await owner.done("GET", f"/v1/requests/{found['id']}")
    assert [each["availability"]["available"] for each in seen["lines"]] == [True, False], "both at once cannot be had"
    for line in seen["lines"]:
        assert entries[line["decision"]["id"]]["action"]["operation"] == "create_loan"
        assert {"action": "create_loan", "allowed": True, "reason": None} in line["allowed_actions"]
    first, later = (line["decision"]["id"] for line in seen["lines"])
    await owner.done("POST", "/v1/loans", {"decision_id": later})
    (entry,) = await waiting(partners.assisting, "answer")
    assert (entry["id"], entry["action"]["operation"]) == (found["lines"][0]["id"], "decline_request_line")
    seen = await owner.done("GET", f"/v1/requests/{found['id']}")
    assert not lending(seen)["allowed"]
    assert_problem(await owner.post("/v1/loans", {"decision_id": first}), 409)
