"""Objectives over HTTP: set, measured, corrected, contested; and how far an agreement achieves them."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.cast import LONG_AHEAD, Cast, today
from tests.support.loans import Partners, make_loan, make_partners
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

GOAL = {
    "title": "Trained together",
    "measured_in": "hours",
    "direction": "at_least",
    "target": 40,
    "weight": 2,
    "due_on": str(LONG_AHEAD),
}


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    return await make_partners(cast)


def value(number: float, **fields: Any) -> dict[str, Any]:
    return {"measured_on": str(today()), "value": number, "source": "Training log", **fields}


def of(partners: Partners, end: str = "objectives") -> str:
    return f"/v1/agreements/{partners.agreement['id']}/{end}"


def path_of(found: dict[str, Any], verb: str = "") -> str:
    return f"/v1/objectives/{found['id']}" + (f"/{verb}" if verb else "")


async def make_objective(partners: Partners, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await partners.assisting.coordinator.done("POST", of(partners), {**GOAL, **fields})
    return made


NO_ID = {"measurement_id": str(uuid4())}
BODIES: dict[str, dict[str, Any]] = {
    "withdraw": {"reason": "Dissolved."},
    "measure": {"measured_on": "2026-01-01", "value": 1, "source": "Log"},
    "correct-measurement": {"measured_on": "2026-01-01", "value": 1, "source": "Log", "reason": "Twice.", **NO_ID},
    "contest-measurement": {"reason": "Not there.", **NO_ID},
    "withdraw-contest": NO_ID,
}


async def test_an_objective_is_set_by_a_party_and_read_by_each(service: Service, partners: Partners) -> None:
    response = await partners.assisting.coordinator.post(of(partners), GOAL, key="set-1")
    assert response.status_code == 201
    made = response.json()
    assert response.headers["location"] == path_of(made)
    assert (await partners.assisting.coordinator.post(of(partners), GOAL, key="set-1")).json() == made
    assert (made["status"], made["set_on"], made["weight"]) == ("no_data", str(today()), 2)
    seen = await partners.requesting.auditor.get(path_of(made))
    assert (seen.status_code, seen.json()["allowed_actions"]) == (200, [])
    listed = await partners.requesting.coordinator.done("GET", of(partners))
    assert [each["id"] for each in listed["items"]] == [made["id"]]
    for path in (path_of(made), of(partners), of(partners, "attainment"), path_of(made, "history")):
        # The agreement is published, so that a stranger knows that it exists, and not what it is to achieve.
        hidden = (404, "not_found") if path.startswith("/v1/objectives") else (403, "forbidden")
        assert_problem(await partners.stranger.coordinator.get(path), *hidden)
        assert_problem(await service.anonymous.get(path), 401, "unauthenticated")


async def test_what_breaks_a_rule_is_refused(partners: Partners) -> None:
    who = partners.assisting.coordinator
    assert_problem(await who.post(of(partners), {**GOAL, "due_on": "2020-01-01"}), 422, "not_then")
    assert_problem(await who.post(of(partners), {**GOAL, "baseline": 41}), 422, "target_reached")
    assert_problem(await who.post(of(partners), {**GOAL, "weight": 0}), 400, "invalid_body")
    assert_problem(await who.post(of(partners), GOAL, if_match='"99-00000000"'), 412, "stale_version")
    assert_problem(await partners.assisting.approver.post(of(partners), GOAL), 403, "forbidden")
    assert_problem(await partners.stranger.coordinator.post(of(partners), GOAL), 403, "forbidden")
    nowhere = f"/v1/agreements/{uuid4()}/objectives"
    assert_problem(await partners.assisting.coordinator.post(nowhere, GOAL), 404, "not_found")


@pytest.mark.parametrize("verb", BODIES)
async def test_each_step_is_a_partys(service: Service, partners: Partners, verb: str) -> None:
    made = await make_objective(partners)
    path, body = path_of(made, verb), BODIES[verb]
    assert_problem(await service.anonymous.post(path, body), 401, "unauthenticated")
    assert_problem(await partners.stranger.coordinator.post(path, body), 404, "not_found")
    assert_problem(await partners.assisting.auditor.post(path, body), 403, "forbidden")
    assert_problem(await partners.assisting.coordinator.post(path, {**body, "colour": "red"}), 400, "unknown_field")
    stale = await partners.assisting.coordinator.post(path, body, if_match='"9-00000000"')
    assert_problem(stale, 412, "stale_version")
    if "measurement_id" in body:
        assert_problem(await partners.assisting.coordinator.post(path, body), 422, "unknown_measurement")
    await partners.assisting.coordinator.done("POST", path_of(made, "withdraw"), BODIES["withdraw"])
    assert_problem(await partners.assisting.coordinator.post(path, body), 409, "wrong_status")


async def test_a_measurement_is_corrected_by_another_and_both_stay(partners: Partners) -> None:
    made = await make_objective(partners)
    who = partners.assisting.coordinator
    entered = await who.done("POST", path_of(made, "measure"), value(45, evidence_sha256="ab" * 32), key="m-1")
    assert (
        await who.done("POST", path_of(made, "measure"), value(45, evidence_sha256="ab" * 32), key="m-1")
    ) == entered
    (first,) = entered["measurements"]
    assert (entered["status"], first["source"], first["agency"]) == (
        "met",
        "Training log",
        partners.assisting.reference,
    )
    body = {**value(12), "measurement_id": first["id"], "reason": "Counted twice."}
    theirs = await partners.requesting.coordinator.post(path_of(made, "correct-measurement"), body)
    assert_problem(theirs, 409, "wrong_status")
    found = await who.done("POST", path_of(made, "correct-measurement"), body)
    assert [(each["value"], each["status"]) for each in found["measurements"]] == [(45, "corrected"), (12, "stands")]
    assert found["measurements"][1]["corrects_id"] == first["id"]
    assert (found["status"], found["deciding_id"]) == ("not_yet_due", found["measurements"][1]["id"])
    assert_problem(await who.post(path_of(made, "correct-measurement"), body), 409, "wrong_status")
    tomorrow = {**value(1), "measured_on": str(LONG_AHEAD)}
    assert_problem(await who.post(path_of(made, "measure"), tomorrow), 422, "not_then")
    assert_problem(await who.post(path_of(made, "measure"), {**value(1), "value": None}), 422, "value_missing")


async def test_what_another_party_contests_does_not_count_until_that_is_taken_back(partners: Partners) -> None:
    made = await make_objective(partners)
    entered = await partners.assisting.coordinator.done("POST", path_of(made, "measure"), value(45))
    body = {"measurement_id": entered["measurements"][0]["id"], "reason": "Not there."}
    own = await partners.assisting.coordinator.post(path_of(made, "contest-measurement"), body)
    assert_problem(own, 409, "wrong_status")
    contested = await partners.requesting.coordinator.done("POST", path_of(made, "contest-measurement"), body)
    (it,) = contested["measurements"]
    assert (contested["status"], it["status"], it["contested_by"]) == (
        *("no_data", "contested"),
        partners.requesting.reference,
    )
    back = {"measurement_id": it["id"]}
    assert_problem(await partners.assisting.coordinator.post(path_of(made, "withdraw-contest"), back), 409)
    again = await partners.requesting.coordinator.done("POST", path_of(made, "withdraw-contest"), back)
    assert (again["status"], again["measurements"][0]["status"]) == ("met", "stands")
    machine = await partners.requesting.machine.post(path_of(made, "contest-measurement"), body)
    assert_problem(machine, 403, "forbidden")
    history = await partners.requesting.auditor.done("GET", path_of(made, "history"))
    assert [each["type"].partition(".")[2] for each in history["items"]] == [
        *("contest_withdrawn", "measurement_contested", "measured", "set")
    ]


async def test_each_withdraws_its_own_objective(partners: Partners) -> None:
    made = await make_objective(partners)
    theirs = await partners.requesting.coordinator.post(path_of(made, "withdraw"), BODIES["withdraw"])
    assert_problem(theirs, 409, "wrong_status")
    found = await partners.assisting.coordinator.done("POST", path_of(made, "withdraw"), BODIES["withdraw"])
    assert (found["status"], found["withdrawn_reason"]) == ("withdrawn", "Dissolved.")
    assert all(each["reason"] == "The objective is withdrawn." for each in found["allowed_actions"])


async def test_a_metric_is_read_from_the_scorecard(partners: Partners) -> None:
    made = await make_objective(partners, metric="activations", target=1)
    who, path = partners.assisting.coordinator, path_of(made, "measure")
    plain = {"measured_on": str(today()), "source": "Scorecard"}
    assert_problem(await who.post(path, value(3)), 422, "value_computed")
    assert (await who.done("POST", path, plain))["measurements"][0]["value"] == 0
    await make_loan(partners, "dispatched")
    found = await who.done("POST", path, plain)
    assert ([each["value"] for each in found["measurements"]], found["status"]) == ([0, 1], "met")
    rate = await make_objective(partners, metric="on_time_return", target=0.9)
    assert_problem(await who.post(path_of(rate, "measure"), plain), 422, "nothing_to_count")


async def test_attainment_tells_the_weights_and_no_bare_figure(partners: Partners) -> None:
    who = partners.assisting.coordinator
    empty = await who.done("GET", of(partners, "attainment"))
    assert (empty["weight_met"], empty["weight_evaluated"], empty["value"]) == (0, 0, None)
    met = await make_objective(partners, weight=3)
    await make_objective(partners, weight=5)
    await who.done("POST", path_of(met, "measure"), value(40))
    found = await partners.requesting.auditor.done("GET", of(partners, "attainment"))
    assert (found["weight_met"], found["weight_evaluated"], found["value"]) == (3, 3, 1.0)
    counts = {each["status"]: each["objectives"] for each in found["counts"]}
    assert (counts["met"], counts["no_data"]) == (1, 1)
