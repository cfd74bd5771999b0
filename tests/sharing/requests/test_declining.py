"""An assisting agency need not lend what it may: it declines a line, or cancels its loan, and both sides read why."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from registry.platform.access.principals import Role
from registry.sharing.loans.rules import DeclineReason
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.loans import under_way
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, submitted
from tests.support.service import Caller

pytestmark = pytest.mark.second_later

NO = {"reason_code": "crew_lacking", "reason": "both handlers are on leave that night (demo)"}
WHY = {"reason": "as told on the telephone (demo)"}


async def asked(cast: Cast, lines: int = 1, **terms: Any) -> dict[str, Any]:
    """A request of so many lines, each for an asset of its own and for now, under an agreement with these terms."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    bodies = [line_for(await make_asset(cast.assisting), window=under_way()) for _ in range(lines)]
    return await submitted(cast.requesting, {}, lines=bodies)


def line_path(found: dict[str, Any], verb: str = "decline", number: int = 0) -> str:
    """The path of that verb of the line."""
    return f"/v1/requests/{found['id']}/lines/{found['lines'][number]['id']}/{verb}"


async def seen(agency: Agency, found: dict[str, Any]) -> dict[str, Any]:
    """The request as the agency's coordinator sees it now."""
    request: dict[str, Any] = await agency.coordinator.done("GET", f"/v1/requests/{found['id']}")
    return request


async def waiting(caller: Caller) -> list[str]:
    """The requests that wait for the caller."""
    return [item["id"] for item in (await caller.done("GET", "/v1/requests?waiting_for_me=true"))["items"]]


def offered(line: dict[str, Any]) -> set[str]:
    """What may be done with the line."""
    return {each["action"] for each in line["allowed_actions"] if each["allowed"]}


async def test_what_is_permitted_is_declined_and_both_sides_read_why_on_the_line(cast: Cast) -> None:
    found = await asked(cast)
    answer = await cast.assisting.coordinator.done("POST", line_path(found), NO)
    assert answer["status"] == "declined"
    for side in (cast.assisting, cast.requesting):
        request = await seen(side, found)
        (line,) = request["lines"]
        assert (request["status"], line["status"], line["awaiting"]) == ("declined", "declined", [])
        ended = line["ended"]
        assert (ended["by_agency"], ended["reason_code"]) == (cast.assisting.reference, NO["reason_code"])
        assert (ended["reason"], ended["ended_at"] is not None) == (NO["reason"], True)
    listed = (await cast.requesting.coordinator.done("GET", "/v1/requests?status=declined"))["items"]
    assert [item["id"] for item in listed] == [found["id"]]
    assert await waiting(cast.assisting.coordinator) == []
    decision = {"decision_id": found["lines"][0]["decision"]["id"]}
    assert_problem(await cast.assisting.coordinator.post("/v1/loans", decision), 409, "decision_declined")
    record = await cast.assisting.coordinator.done("GET", f"/v1/decisions/{decision['decision_id']}")
    assert (record["satisfied"], record["ended"]) == (False, "declined")


async def test_what_is_approved_or_waits_for_it_is_declined_too(cast: Cast) -> None:
    found = await asked(cast, lines=2, approval_required=True)
    await cast.assisting.coordinator.done("POST", line_path(found), NO)
    assert [line["status"] for line in (await seen(cast.requesting, found))["lines"]] == ["declined", "needs_approval"]
    await act(cast.assisting.approver, found, "approve")
    answer = await cast.assisting.coordinator.done("POST", line_path(found, number=1), NO)
    assert [line["status"] for line in answer["lines"]] == ["declined", "declined"]
    assert await waiting(cast.assisting.approver) == []
    assert_problem(await cast.assisting.approver.post(f"/v1/requests/{found['id']}/approve", WHY), 409)


async def test_one_line_is_declined_and_another_lent(cast: Cast) -> None:
    found = await asked(cast, lines=2)
    await cast.assisting.coordinator.done("POST", line_path(found), NO)
    assert (await seen(cast.requesting, found))["status"] == "permitted"
    decision = {"decision_id": found["lines"][1]["decision"]["id"]}
    await cast.assisting.coordinator.done("POST", "/v1/loans", decision)
    request = await seen(cast.requesting, found)
    assert (request["status"], [line["status"] for line in request["lines"]]) == (
        "partially_filled",
        ["declined", "reserved"],
    )


async def test_each_reason_is_a_word_of_the_list_beside_a_text(cast: Cast) -> None:
    found = await asked(cast, lines=len(DeclineReason))
    for number, code in enumerate(DeclineReason):
        body = {"reason_code": code.value, "reason": NO["reason"]}
        answer = await cast.assisting.coordinator.done("POST", line_path(found, number=number), body)
        assert answer["lines"][number]["ended"]["reason_code"] == code
    path = line_path(found)
    for body in ({}, {"reason": NO["reason"]}, {"reason_code": "other"}, {**NO, "reason_code": "mood"}):
        assert_problem(await cast.assisting.coordinator.post(path, body), 400)
    assert_problem(await cast.assisting.coordinator.post(path, {**NO, "more": 1}), 400, "unknown_field")


async def test_only_the_assisting_agency_declines_and_only_what_it_has_not_lent(cast: Cast) -> None:
    found = await asked(cast)
    path = line_path(found)
    assert_problem(await cast.requesting.service.anonymous.post(path, NO), 401)
    assert_problem(await cast.stranger.coordinator.post(path, NO), 404, "not_found")
    assert_problem(await cast.requesting.coordinator.post(path, NO), 403, "forbidden")
    assert_problem(await cast.assisting.auditor.post(path, NO), 403, "forbidden")
    unknown = f"/v1/requests/{found['id']}/lines/{uuid4()}/decline"
    assert_problem(await cast.assisting.coordinator.post(unknown, NO), 404, "not_found")
    assert_problem(await cast.assisting.coordinator.post(path, NO, if_match='"9-00000000"'), 412, "stale_version")
    decision = {"decision_id": found["lines"][0]["decision"]["id"]}
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", decision)
    assert_problem(await cast.assisting.coordinator.post(path, NO), 409, "wrong_status")
    await cast.requesting.coordinator.done("POST", f"/v1/loans/{loan['id']}/cancel", {**WHY, "still_needed": True})
    key = f"decline-{found['id']}"
    first = await cast.assisting.coordinator.post(path, NO, key=key)
    assert first.status_code == 200
    assert (await cast.assisting.coordinator.post(path, NO, key=key)).content == first.content
    assert_problem(await cast.assisting.coordinator.post(path, NO), 409, "wrong_status")


async def test_a_line_of_another_owner_is_neither_seen_nor_declined(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    await sign_agreement(cast.neighbour.service, cast.neighbour, cast.requesting)
    bodies = [line_for(await make_asset(owner)) for owner in (cast.assisting, cast.neighbour)]
    found = await submitted(cast.requesting, {}, lines=bodies)
    assert_problem(await cast.neighbour.coordinator.post(line_path(found), NO), 404, "not_found")
    await cast.assisting.coordinator.done("POST", line_path(found), NO)
    theirs = await cast.neighbour.coordinator.get(f"/v1/requests/{found['id']}")
    assert theirs.json()["status"] == "permitted"
    history = await cast.neighbour.auditor.get(f"/v1/requests/{found['id']}/history")
    for secret in (NO["reason"], str(cast.assisting.id), found["lines"][0]["id"]):
        assert secret not in theirs.text + history.text
    assert (await seen(cast.requesting, found))["status"] == "permitted"


async def test_an_agency_that_cancels_its_loan_has_declined(cast: Cast) -> None:
    found = await asked(cast)
    decision = {"decision_id": found["lines"][0]["decision"]["id"]}
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", decision)
    body = {"reason": "the dog is lame (demo)", "reason_code": "not_available"}
    cancelled = await cast.assisting.coordinator.done("POST", f"/v1/loans/{loan['id']}/cancel", body)
    assert (cancelled["ended_by"], cancelled["decline_reason"]) == ("assisting", "not_available")
    for side in (cast.assisting, cast.requesting):
        request = await seen(side, found)
        (line,) = request["lines"]
        assert (request["status"], line["status"], line["loan"]) == ("declined", "declined", None)
        assert (line["ended"]["by_agency"], line["ended"]["reason"]) == (cast.assisting.reference, body["reason"])
        assert line["ended"]["reason_code"] == line["ended_loan"]["decline_reason"] == "not_available"
    assert_problem(await cast.assisting.coordinator.post("/v1/loans", decision), 409, "decision_declined")
    assert await waiting(cast.assisting.coordinator) == []
    line = (await seen(cast.requesting, found))["lines"][0]
    assert "ask_again" in offered(line)


async def test_a_cancellation_without_a_word_is_declined_as_other(cast: Cast) -> None:
    found = await asked(cast)
    decision = {"decision_id": found["lines"][0]["decision"]["id"]}
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", decision)
    await cast.assisting.coordinator.done("POST", f"/v1/loans/{loan['id']}/cancel", WHY)
    assert (await seen(cast.requesting, found))["lines"][0]["ended"]["reason_code"] == "other"


async def test_a_line_is_never_declined_and_lent_at_once(cast: Cast) -> None:
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting)
    other = cast.assisting.as_(Role.COORDINATOR, subject="other")
    for _ in range(8):
        found = await submitted(cast.requesting, await make_asset(cast.assisting))
        decision = {"decision_id": found["lines"][0]["decision"]["id"]}
        loan, declined = await asyncio.gather(
            other.post("/v1/loans", decision), cast.assisting.coordinator.post(line_path(found), NO)
        )
        assert {loan.status_code, declined.status_code} in ({201, 409}, {409, 200})
        expected = "filled" if loan.status_code == 201 else "declined"
        assert (await seen(cast.requesting, found))["status"] == expected


async def test_history_tells_both_sides_that_and_why_a_line_was_declined(cast: Cast) -> None:
    found = await asked(cast)
    await cast.assisting.coordinator.done("POST", line_path(found), NO)
    for side in (cast.assisting, cast.requesting):
        page = await side.auditor.done("GET", f"/v1/requests/{found['id']}/history")
        (event,) = [each for each in page["items"] if each["type"] == "request.line_declined"]
        data = event["data"]
        assert (data["reason_code"], data["reason"]) == (NO["reason_code"], NO["reason"])
        assert data["edxl"] == {"message": "CommitResource", "schedule": "Committed", "response": "Decline"}
        assert [line["status"] for line in data["lines"]] == [{"from": "permitted", "to": "declined"}]


async def test_metrics_count_what_was_declined_and_why(cast: Cast) -> None:
    found = await asked(cast, lines=3)
    await cast.assisting.coordinator.done("POST", line_path(found), NO)
    decision = {"decision_id": found["lines"][1]["decision"]["id"]}
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", decision)
    body = {**WHY, "reason_code": "out_of_service"}
    await cast.assisting.coordinator.done("POST", f"/v1/loans/{loan['id']}/cancel", body)
    scores = (await cast.requesting.coordinator.done("GET", "/v1/scorecard"))["groups"][0]["scores"]
    assert (scores["declined"]["numerator"], scores["declined"]["denominator"]) == (2, 3)
    reasons = {each["code"]: each["lines"] for each in scores["decline_reasons"]}
    assert reasons == {"declined_crew_lacking": 1, "declined_out_of_service": 1}
