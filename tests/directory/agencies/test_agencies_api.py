"""Agencies over HTTP: entered as listed, admitted by the operator, corrected by themselves, never deleted."""

from typing import Any
from uuid import uuid4

from tests.support.cast import Cast, make_agency
from tests.support.problems import assert_problem
from tests.support.service import Service

NEW = {"name": "Demo Police", "kind": "city", "level": "local", "state": "MN"}


def offered(found: dict[str, Any]) -> set[str]:
    """The actions that the agency offers."""
    return {action["action"] for action in found["allowed_actions"] if action["allowed"]}


async def test_a_new_agency_is_listed_and_cannot_act_until_it_is_activated(service: Service) -> None:
    listed = await make_agency(service, active=False)
    assert_problem(await listed.coordinator.get("/v1/agencies"), 403, "agency_not_active")
    active = await make_agency(service)
    assert (await active.coordinator.get("/v1/agencies")).status_code == 200


async def test_creating_needs_a_token(service: Service) -> None:
    response = await service.anonymous.post("/v1/agencies", NEW)
    assert_problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_only_the_operator_enters_agencies(cast: Cast) -> None:
    assert_problem(await cast.stranger.admin.post("/v1/agencies", NEW), 403, "forbidden")


async def test_an_unknown_agency_is_not_found(cast: Cast) -> None:
    assert_problem(await cast.stranger.coordinator.get(f"/v1/agencies/{uuid4()}"), 404, "not_found")


async def test_a_malformed_agency_names_the_place(service: Service) -> None:
    problem = assert_problem(await service.operator.post("/v1/agencies", {**NEW, "state": "Minnesota"}), 400)
    assert problem["errors"][0]["pointer"] == "/state"
    problem = assert_problem(await service.operator.post("/v1/agencies", {**NEW, "ori": "MN0270000"}), 400)
    assert problem["code"] == "unknown_field"


async def test_an_ori_belongs_to_one_agency(service: Service) -> None:
    ori = f"MN{uuid4().hex[:7].upper()}"
    await service.operator.done("POST", "/v1/agencies", {**NEW, "oris": [ori]})
    assert_problem(await service.operator.post("/v1/agencies", {**NEW, "oris": [ori]}), 409, "ori_taken")


async def test_an_unknown_parent_or_zone_breaks_a_rule(service: Service) -> None:
    problem = assert_problem(await service.operator.post("/v1/agencies", {**NEW, "parent_id": str(uuid4())}), 422)
    assert problem["errors"][0]["pointer"] == "/parent_id"
    assert_problem(
        await service.operator.post("/v1/agencies", {**NEW, "time_zone": "Mars/Olympus"}), 422, "unknown_time_zone"
    )


async def test_a_repeated_creation_has_one_effect_and_one_answer(service: Service) -> None:
    first = await service.operator.post("/v1/agencies", NEW, key=f"create-{uuid4()}")
    key = first.request.headers["idempotency-key"]
    second = await service.operator.post("/v1/agencies", NEW, key=key)
    assert second.status_code == first.status_code == 201
    assert second.content == first.content
    assert second.headers["location"] == first.headers["location"]
    assert second.headers["idempotency-replayed"] == "true"
    other = await service.operator.post("/v1/agencies", {**NEW, "name": "Another"}, key=key)
    assert_problem(other, 422, "idempotency_key_reused")


async def test_an_agency_corrects_its_own_record_and_no_other(cast: Cast) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"
    etag = (await cast.assisting.admin.get(path)).headers["etag"]
    changed = await cast.assisting.admin.patch(path, {"time_zone": "America/Denver"}, if_match=etag)
    assert changed.json()["time_zone"] == "America/Denver"
    assert_problem(await cast.stranger.admin.patch(path, {"name": "Mine"}, if_match=etag), 403, "forbidden")


async def test_editing_needs_the_current_version(cast: Cast) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"
    assert_problem(await cast.assisting.admin.patch(path, {"sworn": 12}), 428, "precondition_required")
    etag = (await cast.assisting.admin.get(path)).headers["etag"]
    await cast.assisting.admin.done("PATCH", path, {"sworn": 12}, if_match=etag)
    assert_problem(await cast.assisting.admin.patch(path, {"sworn": 13}, if_match=etag), 412, "stale_version")


async def test_an_unchanged_agency_is_not_sent_again(cast: Cast) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"
    etag = (await cast.assisting.admin.get(path)).headers["etag"]
    again = await cast.assisting.admin.get(path, headers={"if-none-match": etag})
    assert again.status_code == 304


async def test_a_status_changes_only_as_the_table_says(service: Service, cast: Cast) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"
    assert_problem(await service.operator.post(f"{path}/activate", {"reason": "again"}), 409, "wrong_status")
    assert offered(await service.operator.done("GET", path)) == {"update", "suspend", "dissolve"}
    dissolved = await service.operator.done(
        "POST", f"{path}/dissolve", {"reason": "merged", "successor_id": str(cast.neighbour.id)}
    )
    assert dissolved["status"] == "dissolved"
    assert dissolved["successor_agency"] == cast.neighbour.reference
    assert offered(dissolved) == set()


async def test_a_suspended_agency_is_refused_within_a_second(service: Service, cast: Cast) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"
    await service.operator.done("POST", f"{path}/suspend", {"reason": "keys lost"})
    refused = await cast.assisting.as_(subject="first-seen-after-the-suspension").get(path)
    assert_problem(refused, 403, "agency_not_active")
    assert (await cast.neighbour.coordinator.get(path)).json()["status"] == "suspended"
    assert offered(await service.operator.done("GET", path)) == {"update", "reinstate", "dissolve"}


async def test_agencies_are_found_by_word_state_and_distance(service: Service, cast: Cast) -> None:
    word = cast.assisting.name.split()[-1]
    found = await cast.requesting.coordinator.done("GET", f"/v1/agencies?q=assisting+{word}&state=MN")
    assert [item["id"] for item in found["items"]] == [str(cast.assisting.id)]
    near = "latitude=44.9&longitude=-93.2&within_km=50&limit=200"
    items = (await cast.requesting.coordinator.done("GET", f"/v1/agencies?{near}"))["items"]
    assert items
    assert all(item["distance_km"] <= 50 for item in items)
    assert [i["distance_km"] for i in items] == sorted(i["distance_km"] for i in items)
    far = await cast.requesting.coordinator.done("GET", "/v1/agencies?latitude=10&longitude=10&within_km=50")
    assert far["items"] == []


async def test_many_agencies_are_named_in_one_call(cast: Cast) -> None:
    wanted = [cast.assisting, cast.requesting, cast.stranger]
    query = "&".join(f"ids={agency.id}" for agency in wanted)
    items = (await cast.neighbour.coordinator.done("GET", f"/v1/agencies?{query}&ids={uuid4()}"))["items"]
    assert {item["id"]: item["name"] for item in items} == {str(agency.id): agency.name for agency in wanted}
    whole = await cast.neighbour.coordinator.done("GET", f"/v1/agencies/{items[0]['id']}")
    assert {name: items[0][name] for name in ("version", "updated_at")} == {
        name: whole[name] for name in ("version", "updated_at")
    }
    too_many = "&".join(f"ids={uuid4()}" for _ in range(101))
    for refused in (too_many, "ids=x"):
        assert_problem(await cast.neighbour.coordinator.get(f"/v1/agencies?{refused}"), 400, "invalid_parameter")


async def test_pages_follow_one_another_without_gap_or_repeat(service: Service) -> None:
    marker = f"paged{uuid4().hex[:8]}"
    made = [
        (await service.operator.done("POST", "/v1/agencies", {**NEW, "name": f"{marker} {i}"}))["id"] for i in range(5)
    ]
    seen, path = [], f"/v1/agencies?q={marker}&limit=2"
    while path:
        response = await service.operator.get(path)
        seen += [item["id"] for item in response.json()["items"]]
        path = response.links["next"]["url"] if "next" in response.links else ""
    assert seen == made[::-1]


async def test_a_limit_above_the_maximum_is_refused_not_cut(cast: Cast) -> None:
    assert_problem(await cast.requesting.coordinator.get("/v1/agencies?limit=201"), 400, "invalid_parameter")


async def test_history_tells_what_changed_and_hides_contact_details(service: Service, cast: Cast) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"
    etag = (await cast.assisting.admin.get(path)).headers["etag"]
    await cast.assisting.admin.done("PATCH", path, {"phone": "+1 555 0199"}, if_match=etag)
    history = await cast.assisting.auditor.get(f"{path}/history?sort=version")
    assert [e["type"] for e in history.json()["items"]] == ["agency.created", "agency.activated", "agency.updated"]
    assert "555 0199" not in history.text
