"""Engagements over HTTP: planned, answered, held, evaluated; who sees them, and what comes of them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import vobject

from registry.platform.kernel.time import utc_now
from tests.support.agreements import sign_agreement
from tests.support.cast import LONG_AHEAD, Agency, Cast
from tests.support.engagements import (
    EXERCISE,
    PROOF,
    TRAINING,
    engagement_body,
    hold_engagement,
    make_engagement,
    plan_action,
)
from tests.support.personnel import enter_person
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_later

PATH = "/v1/engagements"


def path_of(found: dict[str, Any], verb: str = "") -> str:
    return f"{PATH}/{found['id']}" + (f"/{verb}" if verb else "")


def action_path(found: dict[str, Any], verb: str = "") -> str:
    return f"/v1/corrective-actions/{found['id']}" + (f"/{verb}" if verb else "")


def allowed(found: dict[str, Any]) -> dict[str, str | None]:
    """The actions that are offered, each with the reason for which it is withheld."""
    return {each["action"]: each["reason"] for each in found["allowed_actions"]}


BODIES: dict[str, dict[str, Any]] = {
    "invite": {"agency_ids": [str(uuid4())]},
    "accept-invitation": {},
    "decline-invitation": {"reason": "Committed."},
    "cancel": {"reason": "Flood."},
    "complete": {"participation": [{"group": "sworn", "people": 3}]},
    "evaluate": {"ratings": [{"objective_no": 1, "rating": "performed"}]},
    "plan-action": {"owner_agency_id": str(uuid4()), "title": "Channel", "due_on": str(LONG_AHEAD)},
    "credit-training": {"people": [{"personnel_id": str(uuid4())}], "hours": 8},
}
OF_GUESTS = ("accept-invitation", "decline-invitation")


async def test_an_engagement_is_planned_and_seen_by_host_and_guests(cast: Cast) -> None:
    response = await cast.assisting.coordinator.post(PATH, engagement_body(cast.requesting))
    assert response.status_code == 201
    made = response.json()
    assert response.headers["location"] == f"{PATH}/{made['id']}"
    assert (made["status"], made["version"], made["host_agency"]) == ("planned", 1, cast.assisting.reference)
    assert [(each["agency"], each["status"]) for each in made["invitations"]] == [
        (cast.requesting.reference, "invited")
    ]
    seen = await cast.requesting.auditor.get(path_of(made))
    assert seen.json()["objectives"][0]["text"] == EXERCISE["objectives"][0]["text"]  # type: ignore[index]
    assert (
        await cast.requesting.auditor.get(path_of(made), headers={"if-none-match": seen.headers["etag"]})
    ).status_code == 304
    assert_problem(await cast.stranger.coordinator.get(path_of(made)), 404, "not_found")
    assert_problem(await cast.assisting.service.anonymous.get(path_of(made)), 401, "unauthenticated")
    listed = await cast.requesting.coordinator.done("GET", f"{PATH}?kind=exercise&status=planned")
    assert [each["id"] for each in listed["items"]] == [made["id"]]
    assert (await cast.stranger.coordinator.done("GET", PATH))["items"] == []


async def test_the_same_key_plans_once(cast: Cast) -> None:
    body = engagement_body(cast.requesting)
    first, again = [await cast.assisting.coordinator.post(PATH, body, key="plan-1") for _ in range(2)]
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert len((await cast.assisting.coordinator.done("GET", PATH))["items"]) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exercise_type": None}, "exercise_type_missing"),
        ({"kind": "meeting", "exercise_type": "drill", "objectives": []}, "no_exercise"),
        ({"public": True}, "not_for_the_public"),
        ({"objectives": [{"objective_no": 1, "text": "A"}, {"objective_no": 1, "text": "B"}]}, "number_repeated"),
        ({"agency_ids": [str(uuid4())]}, "unknown_agency"),
        ({"agreement_id": str(uuid4())}, "unknown_agreement"),
        ({"time_zone": "Middle/Earth"}, "unknown_time_zone"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "window_reversed"),
    ],
)
async def test_what_breaks_a_rule_is_refused(cast: Cast, changes: dict[str, Any], code: str) -> None:
    assert_problem(await cast.assisting.coordinator.post(PATH, {**engagement_body(), **changes}), 422, code)


async def test_it_is_malformed_with_a_word_that_is_no_kind_and_refused_to_who_only_reads(cast: Cast) -> None:
    for wrong in ({"kind": "party"}, {"colour": "red"}, {"title": ""}):
        assert_problem(await cast.assisting.coordinator.post(PATH, {**engagement_body(), **wrong}), 400)
    assert_problem(await cast.assisting.auditor.post(PATH, engagement_body()), 403, "forbidden")
    assert_problem(await cast.assisting.service.anonymous.post(PATH, engagement_body()), 401)


@pytest.mark.parametrize("verb", BODIES)
async def test_each_step_is_for_those_whose_it_is(service: Service, cast: Cast, verb: str) -> None:
    made = await make_engagement(cast.assisting, cast.requesting)
    path, body = path_of(made, verb), BODIES[verb]
    theirs, others = (cast.requesting, cast.assisting) if verb in OF_GUESTS else (cast.assisting, cast.requesting)
    assert_problem(await service.anonymous.post(path, body), 401, "unauthenticated")
    assert_problem(await cast.stranger.coordinator.post(path, body), 404, "not_found")
    assert_problem(await cast.assisting.coordinator.post(f"{PATH}/{uuid4()}/{verb}", body), 404, "not_found")
    if verb != "credit-training":  # which each does for its own people
        assert_problem(await others.coordinator.post(path, body), 403, "forbidden")
    assert_problem(await theirs.auditor.post(path, body), 403, "forbidden")
    if body:
        assert_problem(await theirs.coordinator.post(path, {**body, "colour": "red"}), 400, "unknown_field")
    stale = await theirs.coordinator.post(path, body, if_match='"9-00000000"')
    assert_problem(stale, 412, "stale_version")


@pytest.mark.parametrize("verb", BODIES)
async def test_what_is_cancelled_stays_so(cast: Cast, verb: str) -> None:
    made = await make_engagement(cast.assisting, cast.requesting)
    await cast.assisting.coordinator.done("POST", path_of(made, "cancel"), BODIES["cancel"])
    agency = cast.requesting if verb in OF_GUESTS else cast.assisting
    assert_problem(await agency.coordinator.post(path_of(made, verb), BODIES[verb]), 409, "wrong_status")


async def test_a_step_with_a_key_is_taken_once(cast: Cast) -> None:
    made = await make_engagement(cast.assisting, cast.requesting)
    answers = [
        await cast.requesting.coordinator.post(path_of(made, "accept-invitation"), key="accept-1") for _ in range(2)
    ]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert_problem(await cast.requesting.coordinator.post(path_of(made, "accept-invitation")), 409, "wrong_status")


async def test_what_is_planned_is_corrected_by_who_has_read_it(cast: Cast) -> None:
    made = await make_engagement(cast.assisting, cast.requesting)
    host = cast.assisting.coordinator
    assert_problem(await host.patch(path_of(made), {"place": "Hall"}), 428)
    assert_problem(await host.patch(path_of(made), {"place": "Hall"}, if_match='"9-00000000"'), 412)
    found = await host.done("PATCH", path_of(made), {"place": "Hall", "summary": None}, if_match="*")
    assert (found["place"], found["version"]) == ("Hall", 2)
    assert_problem(
        await host.patch(path_of(made), {"ends_at": made["starts_at"]}, if_match="*"), 422, "window_reversed"
    )
    assert_problem(await cast.requesting.coordinator.patch(path_of(made), {"place": "X"}, if_match="*"), 403)
    assert_problem(await cast.stranger.coordinator.patch(path_of(made), {"place": "X"}, if_match="*"), 404)


async def test_a_mind_may_change_until_it_is_held(cast: Cast) -> None:
    made = await make_engagement(cast.assisting, cast.requesting)
    guest = cast.requesting.coordinator
    declined = await guest.done("POST", path_of(made, "decline-invitation"), {"reason": "Committed."})
    assert (declined["invitations"][0]["status"], declined["invitations"][0]["reason"]) == ("declined", "Committed.")
    accepted = await guest.done("POST", path_of(made, "accept-invitation"))
    assert (accepted["invitations"][0]["status"], accepted["invitations"][0]["reason"]) == ("accepted", None)
    assert allowed(accepted) == {
        "accept_invitation": "Your agency has accepted already.",
        "decline_invitation": None,
        "credit_training": "The engagement is planned.",
    }
    further = await cast.assisting.coordinator.done(
        "POST", path_of(made, "invite"), {"agency_ids": [str(cast.neighbour.id)]}
    )
    assert len(further["invitations"]) == 2
    again = await cast.assisting.coordinator.post(path_of(made, "invite"), {"agency_ids": [str(cast.neighbour.id)]})
    assert_problem(again, 409, "invited_already")


async def test_it_is_held_and_evaluated_by_counts_and_ratings(cast: Cast) -> None:
    early = await make_engagement(cast.assisting, cast.requesting)
    assert_problem(await cast.assisting.coordinator.post(path_of(early, "complete"), BODIES["complete"]), 409)
    made = await make_engagement(cast.assisting, cast.requesting, days_ahead=-1)
    host = cast.assisting.coordinator
    twice = {"participation": [{"group": "sworn", "people": 3}, {"group": "sworn", "people": 4}]}
    assert_problem(await host.post(path_of(made, "complete"), twice), 422, "group_repeated")
    held = await host.done("POST", path_of(made, "complete"), BODIES["complete"])
    assert (held["status"], held["participation"]) == ("held", [{"group": "sworn", "people": 3}])
    unknown = {"ratings": [{"objective_no": 9, "rating": "unable"}]}
    assert_problem(await host.post(path_of(made, "evaluate"), unknown), 422, "unknown_objective")
    survey = {"question": "Prepared?", "answers": [{"answer": "Yes", "people": 11}, {"answer": "No", "people": 1}]}
    ratings = [{"objective_no": 1, "rating": "some_challenges"}, {"objective_no": 2, "rating": "unable", "remark": "R"}]
    found = await host.done("POST", path_of(made, "evaluate"), {"ratings": ratings, "surveys": [survey]})
    assert (found["objectives_met"], found["objectives_rated"]) == (1, 2)
    assert [each["rating"] for each in found["objectives"]] == ["some_challenges", "unable"]
    assert found["surveys"] == [survey]
    anew = await host.done("POST", path_of(made, "evaluate"), {"ratings": ratings[:1], "outcome": "One map."})
    assert (anew["objectives_rated"], anew["surveys"], anew["outcome"]) == (1, [], "One map.")
    history = await cast.requesting.auditor.done("GET", path_of(made, "history"))
    assert [each["type"] for each in history["items"]] == [
        *("engagement.evaluated", "engagement.evaluated", "engagement.held", "engagement.planned")
    ]
    assert_problem(await cast.stranger.auditor.get(path_of(made, "history")), 404)


async def test_the_agreement_is_named_to_who_sees_it(service: Service, cast: Cast) -> None:
    signed = await sign_agreement(service, cast.assisting, cast.requesting, provisions=[])
    made = await make_engagement(cast.assisting, cast.requesting, cast.neighbour, agreement_id=signed["id"])
    assert made["agreement"] == {"id": signed["id"], "number": signed["number"]}
    outside = cast.neighbour.coordinator
    assert (await outside.done("GET", path_of(made)))["agreement"] is None
    assert (await outside.done("GET", f"{PATH}?agreement_id={signed['id']}"))["items"] == []
    within = await cast.requesting.coordinator.done("GET", f"{PATH}?agreement_id={signed['id']}")
    assert [each["id"] for each in within["items"]] == [made["id"]]
    foreign = engagement_body(agreement_id=signed["id"])
    assert_problem(await cast.neighbour.coordinator.post(PATH, foreign), 422, "unknown_agreement")


# Training.


async def test_each_agency_credits_its_own_people_and_the_others_are_told_nothing(cast: Cast) -> None:
    held = await hold_engagement(cast.assisting, cast.requesting, **TRAINING)
    person = await enter_person(cast.requesting, {"capability": "negotiation", "self_reported_level": "basic"})
    gained = {"capability": "negotiation", "self_reported_level": "working"}
    body = {"people": [{"personnel_id": person["id"], "capabilities": [gained]}], "hours": 8}
    path = path_of(held, "credit-training")
    assert_problem(await cast.assisting.coordinator.post(path, body), 422, "unknown_personnel_record")
    found = await cast.requesting.coordinator.done("POST", path, body)
    assert (found["credited_people"], found["version"]) == (1, held["version"])
    assert (await cast.assisting.coordinator.done("GET", path_of(held)))["credited_people"] == 0
    record = await cast.requesting.coordinator.done("GET", f"/v1/personnel/{person['id']}")
    assert [(each["course"], each["hours"]) for each in record["training"]] == [(held["title"], 8)]
    assert [each["self_reported_level"] for each in record["capabilities"]] == ["working"]
    assert_problem(await cast.requesting.coordinator.post(path, body), 409, "credited_already")
    twice = {"people": [{"personnel_id": person["id"]}] * 2, "hours": 8}
    assert_problem(await cast.requesting.coordinator.post(path, twice), 422, "person_repeated")
    unknown = {"people": [{"personnel_id": person["id"], "capabilities": [{"capability": "juggling"}]}], "hours": 1}
    other = await hold_engagement(cast.assisting, cast.requesting, **TRAINING)
    assert_problem(await cast.requesting.coordinator.post(path_of(other, "credit-training"), unknown), 422)
    after = await cast.requesting.coordinator.done("GET", f"/v1/personnel/{person['id']}")
    assert after["version"] == record["version"], "what is refused changes nothing"


async def test_who_did_not_accept_credits_nobody_and_an_exercise_trains_nobody(cast: Cast) -> None:
    made = await make_engagement(cast.assisting, cast.requesting, days_ahead=-1, **TRAINING)
    await cast.assisting.coordinator.done("POST", path_of(made, "complete"), BODIES["complete"])
    body = BODIES["credit-training"]
    refused = await cast.requesting.coordinator.post(path_of(made, "credit-training"), body)
    assert "accepted" in assert_problem(refused, 409, "wrong_status")["detail"]
    exercise = await hold_engagement(cast.assisting, cast.requesting)
    assert_problem(await cast.assisting.coordinator.post(path_of(exercise, "credit-training"), body), 409)


# Corrective actions.


async def test_a_corrective_action_goes_from_its_owner_to_its_closure(cast: Cast) -> None:
    held = await hold_engagement(cast.assisting, cast.requesting)
    planned = await plan_action(cast.assisting, cast.requesting, held, objective_no=2)
    assert (planned["status"], planned["late"], planned["engagement"]["title"]) == ("open", False, held["title"])
    owner, host = cast.requesting.coordinator, cast.assisting.coordinator
    assert allowed(await owner.done("GET", action_path(planned))) == {"complete": None}
    assert_problem(await owner.post(action_path(planned, "complete"), {}), 422, "proof_missing")
    assert_problem(await host.post(action_path(planned, "complete"), PROOF), 403, "forbidden")
    assert_problem(await host.post(action_path(planned, "close")), 409, "wrong_status")
    done = await owner.done("POST", action_path(planned, "complete"), PROOF)
    assert (done["status"], done["statement"]) == ("completed", PROOF["statement"])
    again = await host.done("POST", action_path(planned, "reopen"), {"reason": "Spare radios?"})
    assert (again["status"], again["reopened_reason"], again["completed_at"]) == ("open", "Spare radios?", None)
    await owner.done("POST", action_path(planned, "complete"), {"evidence_sha256": ["ab" * 32]})
    assert_problem(await owner.post(action_path(planned, "close")), 403, "forbidden")
    closed = await host.done("POST", action_path(planned, "close"))
    assert (closed["status"], closed["closed_at"] is not None) == ("closed", True)
    history = await owner.done("GET", action_path(planned, "history"))
    assert [each["type"].partition(".")[2] for each in history["items"]] == [
        *("closed", "completed", "reopened", "completed", "planned")
    ]
    mine = await owner.done("GET", f"/v1/corrective-actions?owner_agency_id={cast.requesting.id}&status=closed")
    assert [each["id"] for each in mine["items"]] == [planned["id"]]


@pytest.mark.parametrize(("verb", "body"), [("complete", PROOF), ("close", {}), ("reopen", {"reason": "Why."})])
async def test_each_step_of_a_corrective_action_is_for_those_whose_it_is(
    service: Service, cast: Cast, verb: str, body: dict[str, Any]
) -> None:
    planned = await plan_action(cast.assisting, cast.requesting, await hold_engagement(cast.assisting, cast.requesting))
    path = action_path(planned, verb)
    theirs: Caller = (cast.requesting if verb == "complete" else cast.assisting).coordinator
    assert_problem(await service.anonymous.post(path, body), 401, "unauthenticated")
    assert_problem(await cast.stranger.coordinator.post(path, body), 404, "not_found")
    assert_problem(await cast.assisting.auditor.post(path, body), 403, "forbidden")
    assert_problem(await theirs.post(path, body, if_match='"9-00000000"'), 412, "stale_version")
    if body:
        assert_problem(await theirs.post(path, {**body, "colour": "red"}), 400, "unknown_field")
    assert_problem(await service.anonymous.get(action_path(planned)), 401)
    assert_problem(await cast.stranger.coordinator.get(action_path(planned)), 404)
    if verb == "complete":
        answers = [await theirs.post(path, body, key="once") for _ in range(2)]
        assert [each.status_code for each in answers] == [200, 200]
        assert_problem(await theirs.post(path, body), 409, "wrong_status")


async def test_an_improvement_is_given_to_who_took_part_with_a_day_to_come(cast: Cast) -> None:
    held = await hold_engagement(cast.assisting, cast.requesting)
    host, path = cast.assisting.coordinator, path_of(held, "plan-action")
    good = {"owner_agency_id": str(cast.requesting.id), "title": "Channel", "due_on": str(LONG_AHEAD)}
    outside = {**good, "owner_agency_id": str(cast.stranger.id)}
    assert_problem(await host.post(path, outside), 422, "took_no_part")
    assert_problem(await host.post(path, {**good, "objective_no": 9}), 422, "unknown_objective")
    assert_problem(await host.post(path, {**good, "due_on": "2020-01-01"}), 422, "not_then")
    response = await host.post(path, {**good, "owner_agency_id": str(cast.assisting.id)})
    assert response.status_code == 201
    assert response.headers["location"] == action_path(response.json())


# What waits, what everybody reads, the calendar.


async def inbox_of(person: Caller, whose: str = "me") -> list[dict[str, Any]]:
    found = await person.done("GET", f"/v1/inbox?waiting_on={whose}")
    return [each for each in found["items"] if each["kind"] in ("invitation", "corrective_action")]


async def test_an_invitation_waits_for_its_answer(cast: Cast) -> None:
    made = await make_engagement(cast.assisting, cast.requesting)
    (entry,) = await inbox_of(cast.requesting.coordinator)
    assert (entry["kind"], entry["subject"]["id"], entry["due_at"]) == ("invitation", made["id"], made["starts_at"])
    assert (entry["partner"], entry["late"]) == (cast.assisting.reference, False)
    assert await inbox_of(cast.requesting.auditor) == []
    assert [each["action"] for each in await inbox_of(cast.requesting.auditor, "agency")] == [None]
    (theirs,) = await inbox_of(cast.assisting.coordinator, "partners")
    assert theirs["partner"] == cast.requesting.reference
    accepted = await cast.requesting.coordinator.post(entry["action"]["path"])
    assert accepted.status_code == 200
    assert await inbox_of(cast.requesting.coordinator) == []


async def test_a_corrective_action_waits_for_its_owner_and_then_for_the_host(cast: Cast) -> None:
    held = await hold_engagement(cast.assisting, cast.requesting)
    await plan_action(cast.assisting, cast.requesting, held, title="Far ahead")
    soon = (utc_now() + timedelta(days=9)).strftime("%Y-%m-%d")
    planned = await plan_action(cast.assisting, cast.requesting, held, due_on=soon)
    (entry,) = await inbox_of(cast.requesting.coordinator)
    assert (entry["subject"]["id"], entry["instead"]) == (planned["id"], None)
    assert [each["subject"]["id"] for each in await inbox_of(cast.assisting.coordinator, "partners")] == [planned["id"]]
    assert await inbox_of(cast.assisting.coordinator) == []
    assert (await cast.requesting.coordinator.post(entry["action"]["path"], PROOF)).status_code == 200
    assert await inbox_of(cast.requesting.coordinator) == []
    (back,) = await inbox_of(cast.assisting.coordinator)
    assert back["instead"]["operation"] == "reopen_corrective_action"
    assert await inbox_of(cast.assisting.approver) == [], "who may not close it is not asked to"
    assert (await cast.assisting.coordinator.post(back["action"]["path"])).status_code == 200
    assert await inbox_of(cast.assisting.coordinator) == []


async def test_everybody_reads_the_programmes_that_are_public(service: Service, cast: Cast) -> None:
    words = {"kind": "town_hall", "title": "Town hall", "public": True, "place": "Library"}
    first = await make_engagement(cast.assisting, cast.requesting, days_ahead=2, **words)
    second = await make_engagement(cast.assisting, days_ahead=1, **{**words, "kind": "safety_fair"})
    await make_engagement(cast.assisting, **{**words, "public": False})
    path = f"/v1/public/engagements?host_agency_id={cast.assisting.id}"
    page = await service.anonymous.done("GET", path)
    assert [each["id"] for each in page["items"]] == [second["id"], first["id"]]
    assert page["items"][1]["place"] == "Library"
    assert "invitations" not in page["items"][1]
    assert_problem(await cast.stranger.coordinator.get(path_of(first)), 404, "not_found")
    assert_problem(await service.anonymous.get("/v1/public/engagements?colour=red"), 400, "unknown_parameter")


async def test_a_calendar_holds_what_the_agency_takes_part_in(service: Service, cast: Cast) -> None:
    feed = await cast.requesting.legal.done("POST", "/v1/calendar-feeds", {"label": "Desk"})
    address = f"/engagement-calendars/{feed['address'].rpartition('/')[2]}"
    goes = await make_engagement(cast.assisting, cast.requesting, title="Goes")
    off = await make_engagement(cast.assisting, cast.requesting, title="Cancelled")
    await cast.assisting.coordinator.done("POST", path_of(off, "cancel"), BODIES["cancel"])
    no = await make_engagement(cast.assisting, cast.requesting, title="Declined")
    await cast.requesting.coordinator.done("POST", path_of(no, "decline-invitation"), {})
    await plan_action(cast.assisting, cast.requesting, await hold_engagement(cast.assisting, cast.requesting))
    response = await service.anonymous.get(address)
    told = {event.summary.value: event for event in vobject.readOne(response.text).contents["vevent"]}
    assert told.keys() == {"Goes", EXERCISE["title"], "Due: A common channel"}
    assert told["Goes"].uid.value == f"engagement.{goes['id']}@registry"
    assert told["Due: A common channel"].dtstart.value == LONG_AHEAD
    again = await service.anonymous.get(address, headers={"if-none-match": response.headers["etag"]})
    assert again.status_code == 304
    await cast.requesting.legal.done("POST", f"/v1/calendar-feeds/{feed['id']}/revoke")
    for gone in (address, f"/engagement-calendars/{'A' * 43}.ics", "/engagement-calendars/x"):
        assert_problem(await service.anonymous.get(gone), 404, "not_found")


async def test_of_two_who_complete_one_action_the_second_is_too_late(cast: Cast) -> None:
    held = await hold_engagement(cast.assisting, cast.requesting)
    planned = await plan_action(cast.assisting, cast.requesting, held)
    owner: Agency = cast.requesting
    first = await owner.coordinator.post(action_path(planned, "complete"), PROOF)
    second = await owner.approver.post(action_path(planned, "complete"), PROOF)
    assert (first.status_code, second.status_code) == (200, 409)
