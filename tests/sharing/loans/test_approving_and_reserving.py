"""Who approved what is asked of an agency does not reserve it, unless the agency says so on record."""

from datetime import datetime, timedelta
from typing import Any

from registry.platform.access.principals import Role
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import make_loan, make_partners, read_extension
from tests.support.problems import assert_problem
from tests.support.requests import act, submitted
from tests.support.service import Caller

REASON = {"reason": "two teams remain on duty (demo)"}


def both(agency: Agency, subject: str = "one-for-all") -> Caller:
    """One person of the agency who may approve and reserve."""
    return agency.as_(Role.APPROVER, Role.COORDINATOR, subject=subject)


async def approved(cast: Cast) -> dict[str, Any]:
    """A request that this person of the assisting agency has approved."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True})
    found = await submitted(cast.requesting, await make_asset(cast.assisting))
    return await act(both(cast.assisting), found, "approve", REASON)


async def relax(agency: Agency) -> None:
    change = {"separation": "approve_reserve", "reason": "One commander at night (demo)."}
    await agency.admin.done("POST", f"/v1/agencies/{agency.id}/relax-separation", change)


def body_of(found: dict[str, Any]) -> dict[str, str]:
    return {"decision_id": found["lines"][0]["decision"]["id"]}


async def inbox(caller: Caller) -> list[str]:
    return [item["id"] for item in (await caller.done("GET", "/v1/requests?waiting_for_me=true"))["items"]]


async def test_who_approved_a_line_does_not_reserve_it(cast: Cast) -> None:
    found = await approved(cast)
    refused = await both(cast.assisting).post("/v1/loans", body_of(found))
    problem = assert_problem(refused, 403, "separation_of_duties")
    assert problem["separation"] == "approve_reserve"
    assert problem["earlier_act"]["act"] == "approve"
    assert problem["earlier_act"]["roles"] == ["approver", "coordinator"]
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", body_of(found))
    assert loan["separation_relaxed"] is False


async def test_it_waits_for_another_coordinator_and_not_for_who_approved(cast: Cast) -> None:
    found = await approved(cast)
    assert await inbox(both(cast.assisting)) == []
    assert await inbox(cast.assisting.coordinator) == [found["id"]]
    await relax(cast.assisting)
    assert await inbox(both(cast.assisting)) == [], "relaxing does not hold for what was approved before"
    assert_problem(await both(cast.assisting).post("/v1/loans", body_of(found)), 403, "separation_of_duties")
    later = await approved(cast)
    assert await inbox(both(cast.assisting)) == [later["id"]]


async def test_relaxed_one_person_does_both_and_the_loan_says_so(cast: Cast) -> None:
    await relax(cast.assisting)
    found = await approved(cast)
    loan = await both(cast.assisting).done("POST", "/v1/loans", body_of(found))
    seen = await cast.requesting.coordinator.done("GET", f"/v1/loans/{loan['id']}")
    assert seen["separation_relaxed"] is True
    events = (await cast.requesting.auditor.done("GET", f"/v1/loans/{loan['id']}/history"))["items"]
    assert events[0]["data"]["separation_relaxed"] == ["approve_reserve"]


async def test_an_approval_for_the_asking_side_bars_nobody_of_the_other(cast: Cast) -> None:
    """The same name in the other agency is another person, as far as separating that agency's duties goes."""
    found = await approved(cast)
    same = both(cast.requesting)
    assert_problem(await same.post("/v1/loans", body_of(found)), 403, "forbidden")
    other = cast.assisting.as_(Role.COORDINATOR, subject="somebody-else")
    assert (await other.post("/v1/loans", body_of(found))).status_code == 201


async def test_who_reserved_does_not_approve_the_longer_loan_by_accepting_it(cast: Cast) -> None:
    partners = await make_partners(cast, approval_over_hours=24)
    one = both(partners.assisting, subject=f"coordinator@{str(partners.assisting.id)[-6:]}")
    loan = await make_loan(partners, "on_scene")
    until = datetime.fromisoformat(loan["planned_end_at"]) + timedelta(hours=24)
    path = f"/v1/loans/{loan['id']}"
    asked = {"planned_end_at": until.isoformat(), "reason": "The search goes on (demo)."}
    await partners.requesting.coordinator.done("POST", f"{path}/request-extension", asked)
    read = await read_extension(partners.assisting, loan["id"])
    refused = assert_problem(await one.post(f"{path}/accept-extension", read), 403, "separation_of_duties")
    assert refused["separation"] == "approve_reserve"
    for caller, allowed in ((one, False), (partners.assisting.approver, True)):
        offers = {each["action"]: each["allowed"] for each in (await caller.done("GET", path))["allowed_actions"]}
        assert offers["accept_extension"] is allowed
    accepted = await partners.assisting.approver.done("POST", f"{path}/accept-extension", read)
    assert accepted["extension_pending"] is False


async def test_what_needs_no_approval_of_its_own_is_extended_by_who_reserved_it(cast: Cast) -> None:
    partners = await make_partners(cast)
    loan = await make_loan(partners, "on_scene")
    until = datetime.fromisoformat(loan["planned_end_at"]) + timedelta(hours=4)
    path = f"/v1/loans/{loan['id']}"
    asked = {"planned_end_at": until.isoformat(), "reason": "The search goes on (demo)."}
    await partners.requesting.coordinator.done("POST", f"{path}/request-extension", asked)
    read = await read_extension(partners.assisting, loan["id"])
    accepted = await partners.assisting.coordinator.done("POST", f"{path}/accept-extension", read)
    assert accepted["extension_pending"] is False
