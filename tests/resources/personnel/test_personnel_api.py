"""Personnel records over HTTP: kept by their own agency, seen by no other, and named only to whom they are sent."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.resources.allocations.people import release_people
from registry.resources.personnel.queries.getting import may_see_name
from registry.resources.personnel.schemas import NEW_CREDENTIAL_EXAMPLE, NEW_RECORD_EXAMPLE
from tests.support.agreements import sign_agreement
from tests.support.cast import Cast
from tests.support.personnel import commit_to, enter_person, speaks
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

NEW = {"display_name": "Officer (demo)"}
REASON = {"reason": "As agreed (demo)."}
VERBS = ("place-on-leave", "return-to-duty", "separate")
ABSENT = "01a00000-0000-7000-8000-00000000dead"


async def test_everything_said_of_somebody_is_kept(cast: Cast) -> None:
    body: dict[str, Any] = {
        **NEW_RECORD_EXAMPLE,
        "absences": [{"start": "2031-01-01T00:00:00Z", "end": "2031-01-05T00:00:00Z"}],
    }
    response = await cast.assisting.coordinator.post("/v1/personnel", body)
    made = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/personnel/{made['id']}"
    assert response.headers["cache-control"] == "no-store"
    for name in ("display_name", "tag", "rank", "location", "training", "weekly_hours", "absences"):
        assert made[name] == body[name], name
    assert made["capabilities"][0] == body["capabilities"][0]
    assert (made["status"], made["training_hours"]) == ("active", 40)
    (credential,) = made["credentials"]
    assert (credential["verification"], credential["number"]) == ("unverified", "EMT-55512 (demo)")
    assert (await cast.assisting.admin.get(f"/v1/personnel/{made['id']}")).json() == made


async def test_entering_needs_a_token_and_the_right_role(service: Service, cast: Cast) -> None:
    assert_problem(await service.anonymous.post("/v1/personnel", NEW), 401, "unauthenticated")
    for role in (Role.APPROVER, Role.LEGAL, Role.AUDITOR):
        assert_problem(await cast.assisting.as_(role).post("/v1/personnel", NEW), 403, "forbidden")
    assert_problem(await service.operator.get("/v1/personnel"), 403, "forbidden")


@pytest.mark.parametrize(
    ("fields", "status", "code", "pointer"),
    [
        ({"capabilities": [{"capability": "language.xxx"}]}, 422, "unknown_capability", "/capabilities/0/capability"),
        (
            {"capabilities": [speaks("hmn", said="FLUENT")]},
            400,
            "invalid_body",
            "/capabilities/0/self_reported_level",
        ),
        (
            {"capabilities": [speaks("hmn", said="basic")]},
            422,
            "level_not_on_scale",
            "/capabilities/0/self_reported_level",
        ),
        ({"capabilities": [speaks("hmn"), speaks("hmn")]}, 422, "capability_repeated", "/capabilities/1/capability"),
        (
            {"qualifications": [{"position": "negotiation", "status": "trainee"}]},
            422,
            "unknown_position",
            "/qualifications/0/position",
        ),
        (
            {"qualifications": [{"position": "position.safety_officer", "status": "qualified"}]},
            422,
            "task_book_open",
            "/qualifications/0/task_book",
        ),
        (
            {"credentials": [{**NEW_CREDENTIAL_EXAMPLE, "expires_on": "2020-01-01"}]},
            422,
            "days_reversed",
            "/credentials/0/expires_on",
        ),
        (
            {"absences": [{"start": "2031-01-02T00:00:00Z", "end": "2031-01-01T00:00:00Z"}]},
            422,
            "window_reversed",
            "/absences/0/end",
        ),
        ({"tag": "--"}, 422, "tag_without_letters", "/tag"),
        ({"display_name": "a\u202eb"}, 400, "invalid_body", "/display_name"),
        ({"birthday": "1990-01-01"}, 400, "unknown_field", "/birthday"),
        (
            {"weekly_hours": [{"weekdays": ["monday"], "start": "25:00", "end": "07:00"}]},
            400,
            "invalid_body",
            "/weekly_hours/0/start",
        ),
    ],
)
async def test_what_does_not_fit_is_named(
    cast: Cast, fields: dict[str, object], status: int, code: str, pointer: str
) -> None:
    problem = assert_problem(await cast.assisting.coordinator.post("/v1/personnel", {**NEW, **fields}), status, code)
    assert problem["errors"][0]["pointer"] == pointer


async def test_a_tag_is_one_in_its_agency_however_it_is_written(cast: Cast) -> None:
    await enter_person(cast.assisting, tag="P-0417")
    again = await cast.assisting.coordinator.post("/v1/personnel", {**NEW, "tag": "p 0417"})
    assert_problem(again, 409, "personnel_tag_taken")
    await enter_person(cast.neighbour, tag="P-0417")


async def test_a_repeated_entry_has_one_effect(cast: Cast) -> None:
    key = f"person-{uuid4()}"
    first, second = [await cast.assisting.coordinator.post("/v1/personnel", NEW, key=key) for _ in range(2)]
    assert (first.status_code, first.content) == (201, second.content)


async def test_nobody_elses_record_exists_even_for_a_partner(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting)
    person = await enter_person(cast.assisting, speaks("hmn", "3"), credentials=[NEW_CREDENTIAL_EXAMPLE])
    credential = person["credentials"][0]["id"]
    ways: list[tuple[str, str, Any]] = [("GET", "", None), ("GET", "/history", None), ("PATCH", "", {"rank": "Chief"})]
    ways += [("GET", "/name", None), ("GET", "/availability?from=2031-01-01T00:00:00Z&to=2031-01-02T00:00:00Z", None)]
    ways += [("POST", f"/{verb}", REASON) for verb in VERBS]
    ways += [("POST", "/add-credential", NEW_CREDENTIAL_EXAMPLE)]
    ways += [("POST", f"/credentials/{credential}/revoke", REASON)]
    ways += [("POST", f"/credentials/{credential}/verify", {"method": "looked_up"})]
    for other in (cast.requesting, cast.stranger):
        for method, rest, body in ways:
            answers = []
            for personnel_id in (person["id"], ABSENT):
                path = f"/v1/personnel/{personnel_id}{rest}"
                options = {} if body is None else {"json": body, "headers": {"if-match": "*"}}
                problem = assert_problem(await other.admin.send(method, path, **options), 404, "not_found")
                answers.append({k: v for k, v in problem.items() if k not in ("instance", "trace_id")})
            assert answers[0] == answers[1]
        listed = await other.coordinator.done("GET", f"/v1/personnel?ids={person['id']}")
        assert listed["items"] == []


async def test_a_name_is_told_to_whom_somebody_is_sent_and_the_reading_is_on_record(
    service: Service, cast: Cast
) -> None:
    person = await enter_person(cast.assisting, display_name="Sgt. Only Here (demo)")
    path = f"/v1/personnel/{person['id']}/name"
    assert not await may_see_name(service.database.read(), cast.requesting.id, UUID(person["id"]))
    loan_id = await commit_to(service, person, cast.requesting)
    shown = await cast.requesting.coordinator.get(path)
    assert shown.json() == {
        "id": person["id"],
        "agency": cast.assisting.reference,
        "display_name": "Sgt. Only Here (demo)",
        "rank": None,
        "title": None,
    }
    assert shown.headers["cache-control"] == "no-store"
    for agency in (cast.requesting, cast.assisting):
        audited = await agency.auditor.done("GET", "/v1/audit-events?type=personnel.name_read")
        assert [event["data"] for event in audited["items"]] == [{"personnel_id": person["id"]}]
        assert "Only Here" not in str(audited)
    assert_problem(await cast.neighbour.coordinator.get(path), 404, "not_found")
    assert_problem(await cast.requesting.coordinator.get(path.removesuffix("/name")), 404, "not_found")
    await cast.assisting.coordinator.done("GET", path)
    again = await cast.assisting.auditor.done("GET", "/v1/audit-events?type=personnel.name_read")
    assert len(again["items"]) == 1, "one's own people are nobody's secret"
    async with unit_of_work(service.database) as write:
        await release_people(write, loan_id)
    assert_problem(await cast.requesting.coordinator.get(path), 404, "not_found")


async def test_a_patch_changes_what_it_names_and_needs_the_current_version(cast: Cast) -> None:
    person = await enter_person(cast.assisting, speaks("hmn", "3"), rank="Officer")
    path, keeper = f"/v1/personnel/{person['id']}", cast.assisting.coordinator
    assert_problem(await keeper.patch(path, {"rank": "Sergeant"}), 428, "precondition_required")
    etag = (await keeper.get(path)).headers["etag"]
    edit = {"rank": None, "capabilities": [speaks("som", said="2")], "title": "Detective"}
    changed = await keeper.done("PATCH", path, edit, if_match=etag)
    assert {**person, **edit, "version": 2} == {**changed, "updated_at": person["updated_at"]}
    assert_problem(await keeper.patch(path, {"rank": "Chief"}, if_match=etag), 412, "stale_version")
    etag = (await keeper.get(path)).headers["etag"]
    assert (await keeper.get(path, headers={"if-none-match": etag})).status_code == 304
    assert (await keeper.done("PATCH", path, edit, if_match=etag))["version"] == 2, "nothing changed"
    wrong = await keeper.patch(path, {"capabilities": [speaks("xxx")]}, if_match=etag)
    assert_problem(wrong, 422, "unknown_capability")


async def test_statuses_change_only_as_the_table_says_and_who_left_leaves_little(cast: Cast) -> None:
    away = [{"start": "2031-01-01T00:00:00Z", "end": "2031-01-02T00:00:00Z"}]
    person = await enter_person(cast.assisting, speaks("hmn", "3"), absences=away)
    path, keeper = f"/v1/personnel/{person['id']}", cast.assisting.coordinator
    assert_problem(await keeper.post(f"{path}/return-to-duty", REASON), 409, "wrong_status")
    key = f"leave-{uuid4()}"
    leave = await keeper.post(f"{path}/place-on-leave", REASON, key=key)
    assert leave.json()["status"] == "on_leave"
    assert (await keeper.post(f"{path}/place-on-leave", REASON, key=key)).content == leave.content
    assert_problem(await keeper.post(f"{path}/separate", REASON, if_match='"1-00000000"'), 412, "stale_version")
    gone = await keeper.post(f"{path}/separate", REASON)
    assert (gone.json()["status"], gone.json()["absences"]) == ("separated", [])
    assert not any(action["allowed"] for action in gone.json()["allowed_actions"])
    for verb in VERBS:
        assert_problem(await keeper.post(f"{path}/{verb}", REASON), 409, "wrong_status")
    edit = await keeper.patch(path, {"rank": "Chief"}, if_match=gone.headers["etag"])
    assert_problem(edit, 409, "personnel_separated")
    assert_problem(await keeper.post(f"{path}/add-credential", NEW_CREDENTIAL_EXAMPLE), 409, "personnel_separated")
    found = await keeper.done("GET", f"/v1/personnel?capability=language.hmn&ids={person['id']}")
    assert found["items"] == [], "who left is counted nowhere"


async def test_who_is_committed_is_not_separated(service: Service, cast: Cast) -> None:
    person = await enter_person(cast.assisting)
    path, keeper = f"/v1/personnel/{person['id']}", cast.assisting.coordinator
    await commit_to(service, person, cast.requesting)
    offered = {a["action"]: a for a in (await keeper.done("GET", path))["allowed_actions"]}
    assert not offered["separate"]["allowed"]
    assert_problem(await keeper.post(f"{path}/separate", REASON), 409, "personnel_committed")


async def test_a_credential_is_verified_by_people_and_revoked_for_good(cast: Cast) -> None:
    person = await enter_person(cast.assisting, {"capability": "aviation.remote_pilot"})
    path, keeper = f"/v1/personnel/{person['id']}", cast.assisting.coordinator
    added = await keeper.done("POST", f"{path}/add-credential", NEW_CREDENTIAL_EXAMPLE)
    one = f"{path}/credentials/{added['credentials'][0]['id']}"
    check = {"method": "looked_up"}
    assert_problem(await cast.assisting.machine.post(f"{one}/verify", check), 403, "forbidden")
    assert_problem(await keeper.post(f"{path}/credentials/{ABSENT}/verify", check), 404, "not_found")
    verified = (await keeper.done("POST", f"{one}/verify", check))["credentials"][0]
    assert (verified["verification"], verified["verified_by"][:11]) == ("verified", "coordinator")
    assert verified["verified_at"] is not None

    async def holds() -> bool:
        asked = f"/v1/personnel?capability=aviation&ids={person['id']}"
        return bool((await keeper.done("GET", asked))["items"])

    assert await holds()
    revoked = (await keeper.done("POST", f"{one}/revoke", REASON))["credentials"][0]
    assert (revoked["verification"], revoked["status"]) == ("revoked", "revoked")
    assert not await holds(), "a capability without a good credential counts no more"
    for verb, body in (("verify", check), ("revoke", REASON)):
        assert_problem(await keeper.post(f"{one}/{verb}", body), 409, "credential_revoked")


async def test_people_are_found_by_capability_level_and_test(cast: Cast) -> None:
    one = await enter_person(cast.assisting, speaks("hmn.mww", "3"))
    two = await enter_person(cast.assisting, speaks("hmn", said="4"))
    await enter_person(cast.assisting, speaks("som", "5"))

    async def found(query: str) -> list[str]:
        page = await cast.assisting.auditor.done("GET", f"/v1/personnel?sort=created_at&{query}")
        return [item["id"] for item in page["items"]]

    assert await found("capability=language.hmn") == [one["id"], two["id"]]
    assert await found("capability=language.hmn&level_at_least=3%2B") == [two["id"]]
    assert await found("capability=language.hmn&level_at_least=3&tested=true") == [one["id"]]
    assert await found("capability=language.hmn&tested=true&level_at_least=3%2B") == []
    assert await found(f"tag={two['tag'].lower()}") == [two["id"]]
    assert await found("status=separated") == []
    caller = cast.assisting.coordinator
    assert_problem(await caller.get("/v1/personnel?capability=language.xxx"), 422, "unknown_capability")
    assert_problem(await caller.get("/v1/personnel?level_at_least=3"), 422, "level_without_capability")
    asked = "/v1/personnel?capability=negotiation&level_at_least=3"
    assert_problem(await caller.get(asked), 422, "level_not_on_scale")


async def test_availability_needs_both_days_and_names_what_stands_against_it(service: Service, cast: Cast) -> None:
    licence = {**NEW_CREDENTIAL_EXAMPLE, "effective_on": "2031-01-01", "expires_on": "2031-01-31"}
    person = await enter_person(
        cast.assisting,
        {"capability": "aviation.remote_pilot"},
        speaks("hmn", "3"),
        credentials=[licence],
        absences=[{"start": "2031-01-20T00:00:00Z", "end": "2031-01-21T00:00:00Z"}],
    )
    path, reader = f"/v1/personnel/{person['id']}/availability", cast.assisting.auditor

    async def asked(start: str, end: str) -> tuple[bool, list[str], list[str]]:
        found = await reader.done("GET", f"{path}?from={start}T12:00:00Z&to={end}T12:00:00Z")
        return found["available"], found["because"], found["capabilities"]

    assert await asked("2031-01-10", "2031-01-12") == (True, [], ["aviation.remote_pilot", "language.hmn"])
    assert await asked("2031-01-30", "2031-02-01") == (True, [], ["language.hmn"]), "it lapses before the return"
    assert await asked("2031-01-19", "2031-01-20") == (False, ["absence"], ["aviation.remote_pilot", "language.hmn"])
    await commit_to(service, person, cast.requesting)
    now = datetime.now(UTC)
    soon = f"from={now:%Y-%m-%dT%H:%M:%SZ}&to={now + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
    assert (await reader.done("GET", f"{path}?{soon}"))["because"] == ["committed"]
    wrong = await reader.get(f"{path}?from=2031-01-02T00:00:00Z&to=2031-01-01T00:00:00Z")
    assert_problem(wrong, 422, "range_reversed")


async def test_history_tells_that_something_changed_and_never_what_it_says(cast: Cast) -> None:
    person = await enter_person(cast.assisting, display_name="Named Nowhere", tag="TAG-4711")
    path, keeper = f"/v1/personnel/{person['id']}", cast.assisting.coordinator
    edit = {"rank": "Private Matter", "capabilities": [speaks("hmn", "3")]}
    await keeper.done("PATCH", path, edit, if_match="*")
    await keeper.done("POST", f"{path}/place-on-leave", REASON)
    history = await cast.assisting.auditor.get(f"{path}/history?sort=version")
    events = history.json()["items"]
    assert [event["type"] for event in events] == [
        "personnel.entered",
        "personnel.updated",
        "personnel.placed_on_leave",
    ]
    assert events[1]["data"] == {"changed": ["capabilities", "rank"]}
    assert all(event["agency_ids"] == [str(cast.assisting.id)] for event in events)
    for word in ("Named Nowhere", "TAG-4711", "Private Matter", "hmn"):
        assert word not in history.text
