"""How asking ends: withdrawn, closed, run out, or answered by loans, from which a request's status is derived."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.platform.access.principals import Role
from registry.sharing.requests.queries.getting import get_request
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import under_way
from tests.support.policy import acting_for, window_of
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, submitted

pytestmark = pytest.mark.second_later

REASON = {"reason": "the search was called off (demo)"}


async def asked(cast: Cast, lines: int = 1, **terms: Any) -> dict[str, Any]:
    """A permitted request with so many lines, each for an asset of its own and for now."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    window = under_way()
    bodies = [line_for(await make_asset(cast.assisting), window=window) for _ in range(lines)]
    return await submitted(cast.requesting, {}, lines=bodies)


async def loan_for(cast: Cast, found: dict[str, Any], number: int = 0) -> dict[str, Any]:
    """A loan that answers the line."""
    body = {"decision_id": found["lines"][number]["decision"]["id"]}
    made: dict[str, Any] = await cast.assisting.coordinator.done("POST", "/v1/loans", body)
    return made


async def walk(agency: Agency, loan: dict[str, Any], *verbs: str) -> None:
    """What the agency's coordinator does to the loan."""
    for verb in verbs:
        again = {**REASON, "still_needed": True}
        body = {"grade": "good"} if verb in ("dispatch", "return") else again if verb == "cancel" else {}
        await agency.coordinator.done("POST", f"/v1/loans/{loan['id']}/{verb}", body)


async def status(cast: Cast, found: dict[str, Any]) -> str:
    """The request's status as the requesting agency sees it now, the list agreeing with the request."""
    caller = cast.requesting.coordinator
    shown: str = (await caller.done("GET", f"/v1/requests/{found['id']}"))["status"]
    listed = (await caller.done("GET", f"/v1/requests?status={shown}"))["items"]
    assert found["id"] in [item["id"] for item in listed]
    return shown


async def test_a_request_is_filled_by_its_loans_and_completed_when_they_are_closed(cast: Cast) -> None:
    found = await asked(cast, lines=2)
    first = await loan_for(cast, found, 0)
    assert await status(cast, found) == "partially_filled"
    second = await loan_for(cast, found, 1)
    assert await status(cast, found) == "filled"
    for loan in (first, second):
        await walk(cast.assisting, loan, "dispatch", "return")
    assert await status(cast, found) == "filled"
    await walk(cast.assisting, first, "close")
    assert await status(cast, found) == "filled"
    await walk(cast.assisting, second, "close")
    assert await status(cast, found) == "completed"
    seen = await cast.requesting.coordinator.done("GET", f"/v1/requests/{found['id']}")
    assert [(line["status"], line["loan"]["status"]) for line in seen["lines"]] == [("filled", "closed")] * 2


async def test_a_line_that_is_still_needed_is_as_it_was_once_its_loan_is_cancelled(cast: Cast) -> None:
    found = await asked(cast)
    loan = await loan_for(cast, found)
    await walk(cast.requesting, loan, "cancel")
    assert await status(cast, found) == "permitted"
    await loan_for(cast, found)
    assert await status(cast, found) == "filled"


async def test_a_line_says_why_its_loan_was_cancelled_to_both_sides(cast: Cast) -> None:
    found = await asked(cast)
    loan = await loan_for(cast, found)
    await walk(cast.requesting, loan, "cancel")
    for side in (cast.requesting, cast.assisting):
        (line,) = (await side.coordinator.done("GET", f"/v1/requests/{found['id']}"))["lines"]
        assert (line["status"], line["loan"]) == ("permitted", None)
        ended = line["ended_loan"]
        assert (ended["id"], ended["status"], ended["ended_reason"]) == (loan["id"], "cancelled", REASON["reason"])
        assert (ended["ended_by"], line["ended"]) == ("requesting", None)
    await loan_for(cast, found)
    (line,) = (await cast.requesting.coordinator.done("GET", f"/v1/requests/{found['id']}"))["lines"]
    assert line["loan"]["status"] == "reserved"
    assert line["ended_loan"]["id"] == loan["id"]


async def test_a_line_says_how_many_of_its_loan_are_lost_and_goes_on_when_they_are_found(cast: Cast) -> None:
    found = await asked(cast)
    loan = await loan_for(cast, found)
    await walk(cast.assisting, loan, "dispatch")
    await cast.requesting.coordinator.done("POST", f"/v1/loans/{loan['id']}/report-lost", REASON)
    assert await status(cast, found) == "completed"
    (line,) = (await cast.requesting.coordinator.done("GET", f"/v1/requests/{found['id']}"))["lines"]
    lost = line["loan"]
    assert (lost["status"], lost["lost_quantity"], lost["ended_reason"]) == ("lost", 1, REASON["reason"])
    await cast.assisting.coordinator.done("POST", f"/v1/loans/{loan['id']}/report-found", REASON)
    assert await status(cast, found) == "filled"


async def test_who_asks_is_told_that_another_approves_only_where_somebody_has_to(cast: Cast) -> None:
    found = await asked(cast)
    both = cast.requesting.as_(Role.COORDINATOR, Role.APPROVER)
    seen = await both.done("GET", f"/v1/requests/{found['id']}")
    reasons = {each["action"]: each["reason"] for each in seen["allowed_actions"]}
    assert reasons["approve"] == reasons["reject"] == "No line waits for an approval."


async def test_what_is_refused_is_refused_with_the_reason_that_its_offer_gives(cast: Cast) -> None:
    """Of a request that was withdrawn, and of one on which everything is decided and nobody has to approve."""
    both = cast.requesting.as_(Role.COORDINATOR, Role.APPROVER)
    decided, withdrawn = await asked(cast), await asked(cast)
    await act(cast.requesting.coordinator, withdrawn, "withdraw", REASON)
    approver = cast.assisting.as_(Role.APPROVER)
    for found, person, verbs in (
        (withdrawn, both, ("update", "submit", "withdraw", "close_manually")),
        (decided, both, ("submit",)),
        (decided, approver, ("approve", "reject")),
    ):
        path = f"/v1/requests/{found['id']}"
        seen = await person.get(path)
        reasons = {each["action"]: each["reason"] for each in seen.json()["allowed_actions"] if not each["allowed"]}
        for verb in verbs:
            if verb == "update":
                refused = await person.patch(path, {"priority": "urgent"}, if_match=seen.headers["ETag"])
            else:
                refused = await person.post(f"{path}/{verb.replace('_', '-')}", REASON, if_match=seen.headers["ETag"])
            assert refused.status_code == 409, (verb, refused.text)
            assert refused.json()["detail"] == reasons[verb], verb


async def test_a_withdrawn_request_cannot_be_reserved_any_more(cast: Cast) -> None:
    found = await asked(cast)
    ended = await act(cast.requesting.coordinator, found, "withdraw", REASON)
    assert ended["status"] == ended["lines"][0]["status"] == "withdrawn"
    assert ended["ended_reason"] == REASON["reason"]
    decision = {"decision_id": found["lines"][0]["decision"]["id"]}
    refused = await cast.assisting.coordinator.post("/v1/loans", decision)
    assert_problem(refused, 409, "decision_withdrawn")
    again = await cast.requesting.coordinator.post(f"/v1/requests/{found['id']}/withdraw", REASON)
    assert_problem(again, 409, "wrong_status")
    seen = await cast.assisting.coordinator.done("GET", f"/v1/requests/{found['id']}")
    assert seen["status"] == "withdrawn"


async def test_with_all_help_reserved_a_request_is_neither_withdrawn_nor_revised(cast: Cast) -> None:
    found = await asked(cast)
    await loan_for(cast, found)
    path, caller = f"/v1/requests/{found['id']}", cast.requesting.coordinator
    assert_problem(await caller.post(f"{path}/withdraw", REASON), 409, "wrong_status")
    etag = (await caller.get(path)).headers["etag"]
    assert_problem(await caller.patch(path, {"priority": "urgent"}, if_match=etag), 409, "wrong_status")
    assert (await caller.patch(path, {"summary": "other words"}, if_match=etag)).status_code == 200


async def test_an_approver_of_the_requesting_side_closes_what_stays_open_and_loans_run_on(cast: Cast) -> None:
    found = await asked(cast, lines=2)
    loan = await loan_for(cast, found)
    path = f"/v1/requests/{found['id']}/close-manually"
    colleague = cast.requesting.as_(Role.APPROVER, subject="commander")
    assert_problem(await cast.requesting.service.anonymous.post(path, REASON), 401)
    assert_problem(await cast.stranger.approver.post(path, REASON), 404, "not_found")
    assert_problem(await cast.assisting.approver.post(path, REASON), 403, "forbidden")
    assert_problem(await cast.requesting.coordinator.post(path, REASON), 403, "forbidden")
    assert_problem(await colleague.post(path, {}), 400)
    assert_problem(await colleague.post(path, REASON, if_match='"9-00000000"'), 412, "stale_version")
    first = await colleague.post(path, REASON, key=f"close-{found['id']}")
    assert (await colleague.post(path, REASON, key=f"close-{found['id']}")).content == first.content
    closed = first.json()
    assert closed["status"] == "closed_manually"
    assert [line["status"] for line in closed["lines"]] == ["filled", "withdrawn"]
    refused = await cast.assisting.coordinator.post("/v1/loans", {"decision_id": found["lines"][1]["decision"]["id"]})
    assert_problem(refused, 409, "decision_withdrawn")
    await walk(cast.assisting, loan, "dispatch", "return", "close")
    assert await status(cast, found) == "closed_manually"
    assert_problem(await colleague.post(path, REASON), 409, "wrong_status")


async def test_asking_lapses_when_the_time_asked_for_is_over(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    asset = await make_asset(cast.assisting)
    window = window_of(hours=4)
    found = await submitted(cast.requesting, asset, lines=[line_for(asset, window=window)])
    read = cast.requesting.service.database.read()
    caller = acting_for(cast.requesting, Role.COORDINATOR)
    tick = timedelta(microseconds=1)
    before = await get_request(read, caller.principal, UUID(found["id"]), window.end - tick)
    after = await get_request(read, caller.principal, UUID(found["id"]), window.end)
    assert (before.status, after.status) == ("permitted", "expired")
    assert not [action.action for action in after.allowed_actions if action.allowed]


async def test_a_request_is_never_withdrawn_and_answered_at_once(cast: Cast) -> None:
    for _ in range(8):
        found = await asked(cast)
        decision = {"decision_id": found["lines"][0]["decision"]["id"]}
        loan, withdrawal = await asyncio.gather(
            cast.assisting.coordinator.post("/v1/loans", decision),
            cast.requesting.coordinator.post(f"/v1/requests/{found['id']}/withdraw", REASON),
        )
        assert {loan.status_code, withdrawal.status_code} in ({201, 409}, {409, 200})
        expected = "filled" if loan.status_code == 201 else "withdrawn"
        assert await status(cast, found) == expected


async def test_history_tells_each_step_to_both_sides(cast: Cast) -> None:
    found = await asked(cast)
    await act(cast.requesting.coordinator, found, "withdraw", REASON)

    async def told(agency: Agency) -> list[str]:
        page = await agency.auditor.done("GET", f"/v1/requests/{found['id']}/history?sort=version")
        return [event["type"] for event in page["items"]]

    assert await told(cast.requesting) == ["request.created", "request.submitted", "request.withdrawn"]
    assert await told(cast.assisting) == ["request.submitted", "request.withdrawn"]
