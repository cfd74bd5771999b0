"""Outcome reviews over HTTP: opened with a frozen scorecard, decided by each party, completed by the custodian."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.agreements import sign_agreement
from tests.support.cast import LONG_AHEAD, Cast, today
from tests.support.deadlines import settle
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

KEEP = {"outcome": "keep", "reasons": "It works."}
GOAL = {
    "title": "Hours",
    "measured_in": "hours",
    "direction": "at_least",
    "target": 4,
    "due_on": str(LONG_AHEAD),
}


@pytest.fixture
async def signed(service: Service, cast: Cast) -> dict[str, Any]:
    """An agreement of two parties with nothing public in it."""
    return await sign_agreement(service, cast.assisting, cast.requesting, provisions=[])


def of(found: dict[str, Any], end: str = "outcome-reviews") -> str:
    return f"/v1/agreements/{found['id']}/{end}"


def path_of(review: dict[str, Any], verb: str = "") -> str:
    return f"/v1/outcome-reviews/{review['id']}" + (f"/{verb}" if verb else "")


def done_on(outcome: str = "keep") -> dict[str, Any]:
    return {"reviewed_on": str(today()), "outcome": outcome, "note": "Contacts updated."}


async def test_a_review_freezes_what_was_answered_that_day(cast: Cast, signed: dict[str, Any]) -> None:
    who = cast.assisting.legal
    goal = await who.done("POST", of(signed, "objectives"), GOAL)
    response = await who.post(of(signed), key="open-1")
    assert response.status_code == 201
    opened = response.json()
    assert response.headers["location"] == path_of(opened)
    assert (await who.post(of(signed), key="open-1")).json() == opened
    assert (opened["status"], opened["agency"], opened["previous_id"]) == ("open", cast.assisting.reference, None)
    assert [each["version_no"] for each in opened["new_versions"]] == [1]
    assert opened["scorecard"]["agreement_id"] == signed["id"]
    assert [(each["id"], each["status"]) for each in opened["objectives"]] == [(goal["id"], "no_data")]
    value = {"measured_on": str(today()), "value": 9, "source": "Log"}
    await cast.assisting.coordinator.done("POST", f"/v1/objectives/{goal['id']}/measure", value)
    later = await cast.requesting.auditor.done("GET", path_of(opened))
    assert (later["scorecard"], later["objectives"]) == (opened["scorecard"], opened["objectives"]), "frozen"
    assert_problem(await cast.requesting.legal.post(of(signed)), 409, "review_open")
    await who.done("POST", path_of(opened, "decide"), KEEP)
    await who.done("POST", path_of(opened, "complete"), done_on())
    second = await cast.requesting.legal.done("POST", of(signed))
    assert (second["previous_id"], second["new_versions"]) == (opened["id"], [])
    assert [(each["status_before"], each["status"]) for each in second["objectives"]] == [("no_data", "met")]


async def test_each_party_decides_and_the_custodian_enters_what_follows(
    service: Service, cast: Cast, signed: dict[str, Any]
) -> None:
    await settle(service, signed, review_every_months=12)
    one, two = cast.assisting.legal, cast.requesting.approver
    opened = await one.done("POST", of(signed))
    nobody = await one.post(path_of(opened, "complete"), done_on())
    assert "decided" in assert_problem(nobody, 409, "wrong_status")["detail"]
    await one.done("POST", path_of(opened, "decide"), {"outcome": "terminate", "reasons": "Costs."})
    await two.done("POST", path_of(opened, "decide"), {"outcome": "amend", "reasons": "Radios."})
    found = await one.done("POST", path_of(opened, "decide"), KEEP)
    assert [(each["agency"]["id"], each["outcome"]) for each in found["decisions"]] == [
        (str(cast.requesting.id), "amend"),
        (str(cast.assisting.id), "keep"),
    ]
    assert_problem(await one.post(path_of(opened, "complete"), done_on("terminate")), 422, "outcome_not_decided")
    tomorrow = {**done_on(), "reviewed_on": str(LONG_AHEAD)}
    assert_problem(await one.post(path_of(opened, "complete"), tomorrow), 422, "not_then")
    assert_problem(await cast.requesting.legal.post(path_of(opened, "complete"), done_on()), 403, "forbidden")
    answers = [await one.post(path_of(opened, "complete"), done_on("amend"), key="c-1") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    done = answers[0].json()
    assert (done["status"], done["outcome"], done["in_time"]) == (
        "completed",
        "amend",
        today().isoformat() <= done["due_on"],
    )
    entered = (await one.done("GET", of(signed, "periodic-reviews")))["items"]
    assert [(each["id"], each["outcome"]) for each in entered] == [(done["periodic_review_id"], "amend")]
    for verb, body in (("decide", KEEP), ("complete", done_on())):
        assert_problem(await one.post(path_of(opened, verb), body), 409, "wrong_status")
    history = await cast.requesting.auditor.done("GET", path_of(opened, "history"))
    assert [each["type"].partition(".")[2] for each in history["items"]] == [
        *("completed", "decided", "decided", "decided", "opened")
    ]


async def test_compliance_goes_by_the_agreements_own_cycle(
    service: Service, cast: Cast, signed: dict[str, Any]
) -> None:
    reader = cast.requesting.auditor
    none = await reader.done("GET", of(signed, "review-compliance"))
    assert (none["every_months"], none["value"], none["next_due_on"]) == (None, None, None)
    await settle(service, signed, review_every_months=1)
    overdue = await reader.done("GET", of(signed, "review-compliance"))
    assert (overdue["overdue"], overdue["in_time"], overdue["value"]) == (True, 0, 0.0)
    review = {"reviewed_on": str(today()), "outcome": "keep"}
    await cast.assisting.legal.done("POST", of(signed, "complete-review"), review)
    found = await reader.done("GET", of(signed, "review-compliance"))
    assert (found["overdue"], found["late"], found["in_time"], found["value"]) == (False, 1, 0, 0.0)


@pytest.mark.parametrize(("verb", "body"), [("decide", KEEP), ("complete", done_on())])
async def test_each_step_is_for_those_whose_it_is(
    service: Service, cast: Cast, signed: dict[str, Any], verb: str, body: dict[str, Any]
) -> None:
    opened = await cast.assisting.legal.done("POST", of(signed))
    path = path_of(opened, verb)
    assert_problem(await service.anonymous.post(path, body), 401, "unauthenticated")
    assert_problem(await cast.stranger.legal.post(path, body), 404, "not_found")
    assert_problem(await cast.assisting.coordinator.post(path, body), 403, "forbidden")
    assert_problem(await cast.assisting.legal.post(path, {**body, "colour": "red"}), 400, "unknown_field")
    assert_problem(await cast.assisting.legal.post(path, body, if_match='"9-00000000"'), 412, "stale_version")
    assert_problem(await cast.assisting.legal.post(f"/v1/outcome-reviews/{uuid4()}/{verb}", body), 404)


async def test_reviews_are_for_the_parties(service: Service, cast: Cast, signed: dict[str, Any]) -> None:
    opened = await cast.assisting.legal.done("POST", of(signed))
    paths = (path_of(opened), path_of(opened, "history"), of(signed), of(signed, "review-compliance"))
    for path in paths:
        assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
        assert_problem(await cast.stranger.legal.get(path), 404, "not_found")
        assert (await cast.requesting.auditor.get(path)).status_code == 200
    assert_problem(await service.anonymous.post(of(signed)), 401)
    assert_problem(await cast.stranger.legal.post(of(signed)), 404)
    assert_problem(await cast.requesting.coordinator.post(of(signed)), 403, "forbidden")
    assert_problem(await cast.requesting.legal.post(of(signed), if_match='"99-00000000"'), 412)
