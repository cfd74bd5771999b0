"""Fewer arrive than were sent out: both sides read so, and whichever erred puts its count right."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import RuleBroken
from registry.sharing.loans.commands import counting
from registry.sharing.loans.schemas.given import ArrivalCount
from tests.sharing.loans.test_parts_of_a_loan import free, lent_on_a_line, radios
from tests.support.cast import Agency
from tests.support.loans import CONDITION, REASON, Partners, make_loan, see, step
from tests.support.policy import acting_for
from tests.support.problems import assert_problem

Found = dict[str, Any]


async def short(partners: Partners, sent: int = 3, arrived: int = 2) -> Found:
    """A loan of which fewer arrived than were sent, as its owner sees it."""
    loan = await make_loan(partners, "dispatched", asset=await radios(partners), quantity=sent)
    await step(partners.requesting, loan, "receive", {"quantity": arrived})
    return await see(partners.assisting, loan["id"])


async def waiting(agency: Agency, loan: Found) -> list[Found]:
    """What waits for the agency's coordinator since some of the loan is missing."""
    page = await agency.coordinator.done("GET", "/v1/inbox", params={"limit": 200})
    return [each for each in page["items"] if (each["kind"], each["subject"]["id"]) == ("missing", loan["id"])]


async def offered(agency: Agency, loan: Found, action: str) -> Found:
    """What the loan says of that action."""
    seen = await see(agency, loan["id"])
    found: Found = next(each for each in seen["allowed_actions"] if each["action"] == action)
    return found


async def test_what_did_not_arrive_waits_for_both_sides_with_one_action(partners: Partners) -> None:
    loan = await short(partners)
    assert (loan["quantity"], loan["received_quantity"], loan["missing_quantity"]) == (3, 2, 1)
    path = f"/v1/loans/{loan['id']}"
    lost = {"operation": "report_loan_lost", "path": f"{path}/report-lost", "decision_id": None}
    for agency, operation in ((partners.assisting, "accept_loan_count"), (partners.requesting, "correct_loan_count")):
        (entry,) = await waiting(agency, loan)
        assert entry["task"].startswith("1 of 3 did not arrive, as the requesting agency counted")
        assert (entry["action"]["operation"], entry["instead"]) == (operation, lost)
    whole = await make_loan(partners, "on_scene", asset=await radios(partners), quantity=3)
    assert whole["missing_quantity"] == 0
    assert not await waiting(partners.assisting, whole)


async def test_whoever_sent_them_accepts_that_fewer_left(partners: Partners) -> None:
    asset = await radios(partners)
    asked, loan = await lent_on_a_line(partners, asset, 3)
    await step(partners.assisting, loan, "dispatch")
    await step(partners.requesting, loan, "receive", {"quantity": 2})
    assert await free(partners, asset) == 7
    done = await step(partners.assisting, loan, "accept-count", {"note": "It stood in the store (demo)."})
    assert (done["status"], done["quantity"], done["received_quantity"]) == ("on_scene", 2, 2)
    assert (done["missing_quantity"], done["reserved_quantity"]) == (0, 3)
    assert await free(partners, asset) == 8, "it is at home"
    for agency in (partners.assisting, partners.requesting):
        assert not await waiting(agency, loan)
    line = (await partners.requesting.coordinator.done("GET", f"/v1/requests/{asked['id']}"))["lines"][0]
    assert (line["status"], line["remaining_quantity"], line["loan"]["quantity"]) == ("partially_filled", 1, 2)
    events = (await partners.requesting.auditor.done("GET", f"/v1/loans/{loan['id']}/history?sort=version"))["items"]
    assert events[-1]["type"] == "loan.count_accepted"
    assert {name: events[-1]["data"][name] for name in ("quantity", "released_quantity")} == {
        "quantity": 2,
        "released_quantity": 1,
    }
    back = await step(partners.assisting, loan, "return")
    assert (back["status"], back["returned_quantity"]) == ("returned", 2)
    assert await free(partners, asset) == 10


async def test_whoever_received_them_corrects_the_count(partners: Partners) -> None:
    loan = await short(partners)
    path = f"/v1/loans/{loan['id']}/correct-count"
    coordinator = partners.requesting.coordinator
    assert_problem(await coordinator.post(path, {"quantity": 4}), 422, "quantity_over_loan")
    assert_problem(await coordinator.post(path, {"quantity": 2}), 422, "same_count")
    fewer = await step(partners.requesting, loan, "correct-count", {"quantity": 1})
    assert (fewer["received_quantity"], fewer["missing_quantity"]) == (1, 2)
    done = await step(partners.requesting, loan, "correct-count", {"quantity": 3})
    assert (done["received_quantity"], done["missing_quantity"], done["quantity"]) == (3, 0, 3)
    assert not await waiting(partners.assisting, loan)
    refused = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/accept-count", {})
    assert assert_problem(refused, 409, "wrong_status")["detail"].startswith("Nothing is missing")
    events = (await partners.requesting.auditor.done("GET", f"/v1/loans/{loan['id']}/history?sort=version"))["items"]
    assert [each["data"]["quantity"] for each in events if each["type"] == "loan.count_corrected"] == [
        {"from": 2, "to": 1},
        {"from": 1, "to": 3},
    ]


async def test_that_fewer_arrived_is_said_within_fourteen_days(partners: Partners) -> None:
    loan = await short(partners)
    late = acting_for(
        partners.requesting, Role.COORDINATOR, now=datetime.fromisoformat(loan["updated_at"]) + CONTEST_PERIOD
    )
    database, loan_id = partners.assisting.service.database, UUID(loan["id"])
    with pytest.raises(RuleBroken, match="That 2 arrived stands"):
        async with unit_of_work(database) as write:
            await counting.correct_count(write, late, loan_id, ArrivalCount(quantity=1))
    async with unit_of_work(database) as write:
        done = await counting.correct_count(write, late, loan_id, ArrivalCount(quantity=3))
    assert done.missing_quantity == 0, "that more did, at any time"
    (offer,) = [each for each in done.allowed_actions if each.action == "correct_count"]
    assert (offer.allowed, offer.reason) == (False, "Nothing of it is missing, and the count stands.")


async def test_what_is_missing_is_reported_lost_or_comes_back(partners: Partners) -> None:
    loan = await short(partners, 5, 3)
    some = await step(partners.requesting, loan, "report-lost", {**REASON, "quantity": 1})
    assert (some["lost_quantity"], some["missing_quantity"]) == (1, 1)
    back = await step(partners.assisting, loan, "return")
    assert (back["returned_quantity"], back["missing_quantity"]) == (4, 0), "its owner has all of them"
    assert not (await offered(partners.requesting, loan, "correct_count"))["allowed"]


async def test_once_all_that_arrived_is_back_its_owner_looks_for_the_rest_at_home(partners: Partners) -> None:
    loan = await short(partners, 5, 3)
    part = await step(partners.assisting, loan, "return", {**CONDITION, "quantity": 3})
    assert (part["status"], part["missing_quantity"]) == ("on_scene", 2)
    assert "All that arrived is back" in (await offered(partners.assisting, loan, "accept_count"))["reason"]
    (entry,) = await waiting(partners.assisting, loan)
    assert entry["action"]["operation"] == "return_loan"
    some = await step(partners.assisting, loan, "return", {**CONDITION, "quantity": 1})
    assert some["missing_quantity"] == 1, "no more is missing than is out"
    gone = await step(partners.requesting, loan, "report-lost")
    assert (gone["status"], gone["missing_quantity"]) == ("lost", 0)
    assert not await waiting(partners.requesting, loan)


VERBS = ("accept-count", "correct-count")


@pytest.mark.parametrize("verb", VERBS)
async def test_a_count_is_put_right_by_people_of_its_side_at_the_version_they_read(
    partners: Partners, verb: str
) -> None:
    loan = await short(partners)
    agency, other = partners.assisting, partners.requesting
    if verb == "correct-count":
        agency, other = other, agency
    path, body = f"/v1/loans/{loan['id']}/{verb}", {"quantity": 3} if verb == "correct-count" else {}
    assert_problem(await agency.service.anonymous.post(path, body), 401, "unauthenticated")
    assert_problem(await partners.stranger.coordinator.post(path, body), 404, "not_found")
    machine = agency.as_(Role.SERVICE, scope="loans:read loans:end loans:contest")
    assert_problem(await machine.post(path, body), 403)
    assert_problem(await agency.legal.post(path, body), 403, "forbidden")
    assert_problem(await other.coordinator.post(path, body), 403, "other_sides_action")
    for wrong in ({**body, "quantity": 0}, {**body, "other": 1}):
        assert (await agency.coordinator.post(path, wrong)).status_code == 400
    assert_problem(await agency.coordinator.post(path, body, if_match='"9-00000000"'), 412, "stale_version")
    etag, key = (await agency.coordinator.get(f"/v1/loans/{loan['id']}")).headers["etag"], str(uuid4())
    first, again = [await agency.coordinator.post(path, body, key=key, if_match=etag) for _ in range(2)]
    assert (first.status_code, again.content) == (200, first.content)
    refused = await agency.coordinator.post(path, body)
    assert_problem(refused, *((422, "same_count") if verb == "correct-count" else (409, "wrong_status")))
