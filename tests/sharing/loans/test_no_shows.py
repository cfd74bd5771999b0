"""Who does not come: reported after a grace, contested by people, and resumed once the report is withdrawn."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.platform.access.principals import Role
from registry.platform.kernel.time import Window, format_instant
from tests.support.assets import make_asset
from tests.support.loans import REASON, Partners, make_loan, reserve_then, reserved_as_it_began, step, under_way
from tests.support.policy import make_decision
from tests.support.problems import assert_problem
from tests.support.requests import line_for, submitted

Found = dict[str, Any]


def begun(minutes: int) -> Window:
    """A window of eight hours that began so many minutes ago."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes)
    return Window(start=start, end=start + timedelta(hours=8))


async def missed(partners: Partners) -> tuple[Found, Found]:
    """A request whose loan the assisting agency reported as not begun, and that loan."""
    dog, window = await make_asset(partners.assisting), under_way()
    found = await submitted(partners.requesting, dog, lines=[line_for(dog, window=window)])
    decision_id = UUID(found["lines"][0]["decision"]["id"])
    loan = await reserve_then(partners.assisting, decision_id, window.start)
    return found, await step(partners.assisting, loan, "report-no-show")


async def line_of(partners: Partners, found: Found) -> Found:
    seen = await partners.requesting.coordinator.done("GET", f"/v1/requests/{found['id']}")
    line: Found = seen["lines"][0]
    return line


async def waits(agency: Any, loan: Found) -> list[Found]:
    page = await agency.coordinator.done("GET", "/v1/inbox?limit=200")
    return [each for each in page["items"] if each["subject"]["id"] == loan["id"] and each["kind"] == "no_show"]


async def test_who_is_held_up_is_late_and_not_missing(partners: Partners) -> None:
    loan = await reserved_as_it_began(partners, window=begun(20))
    path = f"/v1/loans/{loan['id']}/report-no-show"
    problem = assert_problem(await partners.requesting.coordinator.post(path, REASON), 422, "no_show_too_early")
    assert "from" in problem["detail"]
    (offered,) = (each for each in loan["allowed_actions"] if each["action"] == "report_no_show")
    assert (offered["allowed"], offered["reason"]) == (False, problem["detail"])
    late = await reserved_as_it_began(partners, window=begun(31))
    assert (await step(partners.requesting, late, "report-no-show"))["status"] == "no_show"


async def test_who_is_asked_for_after_the_start_has_half_an_hour_from_then(partners: Partners) -> None:
    """Help is often reserved for a time that has begun: nobody can have come before."""
    loan = await make_loan(partners, window=begun(300))
    path = f"/v1/loans/{loan['id']}/report-no-show"
    problem = assert_problem(await partners.requesting.coordinator.post(path, REASON), 422, "no_show_too_early")
    from_at = datetime.fromisoformat(loan["reserved_at"]) + timedelta(minutes=30)
    assert format_instant(from_at) in problem["detail"]


async def test_a_report_is_marked_on_the_line_and_waits_for_one_after_the_other(partners: Partners) -> None:
    found, loan = await missed(partners)
    line = await line_of(partners, found)
    assert (line["status"], line["loan"], line["ended_loan"]["status"]) == ("permitted", None, "no_show")
    assert line["ended_loan"]["no_show"] == loan["no_show"]
    (entry,) = await waits(partners.requesting, loan)
    assert entry["action"]["operation"] == "contest_loan_no_show"
    assert await waits(partners.assisting, loan) == []
    said = {"reason": "We were there (demo)."}
    machine = partners.requesting.machine
    assert_problem(await machine.post(f"/v1/loans/{loan['id']}/contest-no-show", said), 403, "forbidden")
    await step(partners.requesting, loan, "contest-no-show", said)
    assert (await line_of(partners, found))["ended_loan"]["no_show"]["contested_reason"] == said["reason"]
    assert await waits(partners.requesting, loan) == []
    (entry,) = await waits(partners.assisting, loan)
    assert entry["action"]["operation"] == "withdraw_loan_no_show"
    page = await partners.requesting.coordinator.done("GET", "/v1/inbox?waiting_on=partners&limit=200")
    assert loan["id"] in {each["subject"]["id"] for each in page["items"] if each["kind"] == "no_show"}
    await step(partners.assisting, loan, "withdraw-no-show")
    assert await waits(partners.assisting, loan) == []


@pytest.mark.parametrize("contested", [False, True])
async def test_a_loan_resumes_once_the_report_is_withdrawn(partners: Partners, contested: bool) -> None:
    found, loan = await missed(partners)
    if contested:
        await step(partners.requesting, loan, "contest-no-show", {"reason": "We were there (demo)."})
    resumed = await step(partners.assisting, loan, "withdraw-no-show")
    assert (resumed["status"], resumed["id"]) == ("reserved", loan["id"])
    line = await line_of(partners, found)
    assert (line["status"], line["loan"]["id"]) == ("reserved", loan["id"])
    free = {
        "decision_id": str(
            (await make_decision(partners.requesting, {"id": loan["asset"]["id"]}, window=under_way())).id
        )
    }
    assert_problem(await partners.assisting.coordinator.post("/v1/loans", free), 409, "asset_not_free")
    out = await step(partners.assisting, resumed, "dispatch")
    assert (await step(partners.assisting, out, "return"))["status"] == "returned"
    again = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/withdraw-no-show", {})
    assert_problem(again, 409, "wrong_status")


async def test_a_second_no_show_has_words_of_its_own(partners: Partners) -> None:
    _, loan = await missed(partners)
    await step(partners.requesting, loan, "contest-no-show", {"reason": "We were there (demo)."})
    await step(partners.assisting, loan, "withdraw-no-show")
    second = (await step(partners.requesting, loan, "report-no-show"))["no_show"]
    assert (second["contested_at"], second["withdrawn_at"]) == (None, None)


async def test_it_stays_over_where_it_cannot_resume(partners: Partners) -> None:
    owner = partners.assisting

    async def lent_again(found: Found, loan: Found) -> None:
        body = {"decision_id": (await line_of(partners, found))["decision"]["id"]}
        await owner.coordinator.done("POST", "/v1/loans", body)

    async def out_of_service(found: Found, loan: Found) -> None:
        await owner.coordinator.done("POST", f"/v1/assets/{loan['asset']['id']}/take-out-of-service", REASON)

    async def withdrawn(found: Found, loan: Found) -> None:
        await partners.requesting.coordinator.done("POST", f"/v1/requests/{found['id']}/withdraw", REASON)

    for happens in (lent_again, out_of_service, withdrawn):
        found, loan = await missed(partners)
        await happens(found, loan)
        over = await step(owner, loan, "withdraw-no-show")
        assert (over["status"], over["no_show"]["withdrawn_at"] is not None) == ("no_show", True), happens.__name__
        events = await owner.auditor.done("GET", f"/v1/loans/{loan['id']}/history")
        last = next(each for each in events["items"] if each["type"] == "loan.no_show_withdrawn")
        assert last["data"]["resumed"] is False
        assert last["data"]["not_resumed"]


async def test_what_is_lent_meanwhile_and_what_resumes_are_never_both_reserved(partners: Partners) -> None:
    owner = partners.assisting.coordinator
    for _ in range(4):
        found, loan = await missed(partners)
        body = {"decision_id": (await line_of(partners, found))["decision"]["id"]}
        made, withdrawn = await asyncio.gather(
            owner.post("/v1/loans", body), owner.post(f"/v1/loans/{loan['id']}/withdraw-no-show", {})
        )
        assert withdrawn.status_code == 200
        assert (made.status_code == 201) == (withdrawn.json()["status"] == "no_show")


async def test_who_may_withdraw_a_report(partners: Partners) -> None:
    _, loan = await missed(partners)
    path = f"/v1/loans/{loan['id']}/withdraw-no-show"
    owner = partners.assisting
    assert_problem(await owner.service.anonymous.post(path, {}), 401)
    assert_problem(await partners.stranger.coordinator.post(path, {}), 404)
    assert_problem(await owner.as_(Role.AUDITOR).post(path, {}), 403)
    assert_problem(await partners.requesting.coordinator.post(path, {}), 409, "wrong_status")
    assert_problem(await owner.coordinator.post(path, {"nothing": 1}), 400)
    assert_problem(await owner.coordinator.post(path, {}, if_match='"99-00000000"'), 412)
    first = await owner.coordinator.post(path, {}, key=f"withdraw-{loan['id']}")
    assert first.status_code == 200
    assert (await owner.coordinator.post(path, {}, key=f"withdraw-{loan['id']}")).content == first.content
