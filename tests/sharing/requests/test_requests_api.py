"""Requests over HTTP: drafted in private, decided line by line when submitted, seen by each side as far as it concerns
it.
"""

from typing import Any
from uuid import uuid4

from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.policy import window_of
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, make_request, submitted


async def partners(cast: Cast, **terms: Any) -> dict[str, Any]:
    """An asset of the assisting agency, under an agreement with the requesting one."""
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    return await make_asset(cast.assisting)


async def test_a_draft_shows_what_was_asked_and_what_may_be_done(cast: Cast) -> None:
    asset = await partners(cast)
    line = line_for(asset, place={"latitude": 44.9, "longitude": -93.1}, note="at the county line")
    made = await make_request(cast.requesting, asset, incident_number="26-1", lines=[line])
    assert made["status"] == "draft"
    (shown,) = made["lines"]
    assert {name: shown[name] for name in line} == line | {"window": shown["window"]}
    assert shown["assisting_agency"] == {"id": str(cast.assisting.id), "name": cast.assisting.name}
    assert shown["decision"] is None
    assert {a["action"] for a in made["allowed_actions"] if a["allowed"]} == {"update", "submit", "withdraw"}
    found = await cast.requesting.coordinator.get(f"/v1/requests/{made['id']}")
    assert found.json() == made
    again = await cast.requesting.coordinator.get(
        f"/v1/requests/{made['id']}", headers={"if-none-match": found.headers["etag"]}
    )
    assert again.status_code == 304


async def test_creating_needs_a_token_and_a_role_that_asks(cast: Cast) -> None:
    body = {"purpose": "mutual_aid", "summary": "x", "lines": [line_for({"id": str(uuid4())})]}
    assert_problem(await cast.requesting.service.anonymous.post("/v1/requests", body), 401)
    assert_problem(await cast.requesting.auditor.post("/v1/requests", body), 403, "forbidden")


async def test_what_may_not_be_seen_is_the_same_as_what_is_not_there(cast: Cast) -> None:
    hidden = await make_asset(cast.neighbour)
    problems = []
    for asset_id in (hidden["id"], str(uuid4())):
        body = {"purpose": "mutual_aid", "summary": "x", "lines": [line_for({"id": asset_id})]}
        response = await cast.requesting.coordinator.post("/v1/requests", body)
        problem = assert_problem(response, 422, "unknown_asset")
        problem.pop("trace_id")
        problems.append(problem)
    assert problems[0] == problems[1]
    assert problems[0]["errors"][0]["pointer"] == "/lines/0/asset_id"


async def test_an_agency_does_not_ask_itself_nor_for_more_than_there_is(cast: Cast) -> None:
    asset = await partners(cast)
    own = await make_asset(cast.requesting)
    body = {"purpose": "mutual_aid", "summary": "x", "lines": [line_for(asset), line_for(own)]}
    problem = assert_problem(await cast.requesting.coordinator.post("/v1/requests", body), 422, "own_asset")
    assert problem["errors"][0]["pointer"] == "/lines/1/asset_id"
    body["lines"] = [line_for(asset, quantity=2)]
    assert_problem(await cast.requesting.coordinator.post("/v1/requests", body), 422, "quantity_over_capacity")


async def test_a_malformed_request_names_the_place(cast: Cast) -> None:
    asset = await partners(cast)
    window = line_for(asset)["window"]
    good = {"purpose": "mutual_aid", "summary": "x", "lines": [line_for(asset)]}
    caller = cast.requesting.coordinator
    assert_problem(await caller.post("/v1/requests", {**good, "lines": []}), 400)
    assert_problem(await caller.post("/v1/requests", {**good, "status": "approved"}), 400, "unknown_field")
    assert_problem(await caller.post("/v1/requests", {**good, "lines": [line_for(asset, quantity=0)]}), 400)
    naive = {"start": window["start"].rstrip("Z"), "end": window["end"]}
    assert_problem(await caller.post("/v1/requests", {**good, "lines": [{**line_for(asset), "window": naive}]}), 400)
    turned = {"start": window["end"], "end": window["start"]}
    problem = assert_problem(
        await caller.post("/v1/requests", {**good, "lines": [{**line_for(asset), "window": turned}]}),
        422,
        "window_reversed",
    )
    assert problem["errors"][0]["pointer"] == "/lines/0/window/end"
    assert_problem(await caller.post("/v1/requests", {**good, "purpose": "joyride"}), 422, "unknown_purpose")


async def test_a_draft_is_the_requesting_agencys_alone(cast: Cast) -> None:
    made = await make_request(cast.requesting, await partners(cast))
    for agency in (cast.assisting, cast.stranger):
        assert_problem(await agency.coordinator.get(f"/v1/requests/{made['id']}"), 404, "not_found")
        assert_problem(await agency.coordinator.post(f"/v1/requests/{made['id']}/submit"), 404, "not_found")
    assert (await cast.assisting.coordinator.done("GET", "/v1/requests"))["items"] == []
    ended = await act(cast.requesting.coordinator, made, "withdraw")
    assert ended["status"] == "withdrawn"
    assert_problem(await cast.assisting.coordinator.get(f"/v1/requests/{made['id']}"), 404, "not_found")


async def test_one_line_may_be_permitted_and_another_denied(cast: Cast) -> None:
    asset = await partners(cast, max_duration_hours=72)
    other = await make_asset(cast.assisting)
    lines = [line_for(asset), line_for(other, window=window_of(hours=100))]
    found = await submitted(cast.requesting, asset, lines=lines)
    assert [line["status"] for line in found["lines"]] == ["permitted", "denied"]
    assert found["status"] == "permitted"
    decision = found["lines"][1]["decision"]
    assert decision["outcome"] == "denied"
    assert [reason["policy_id"] for reason in decision["reasons"]] == ["duration_over_limit"]
    record = await cast.assisting.coordinator.done("GET", f"/v1/decisions/{decision['id']}")
    assert record["outcome"] == "denied"
    assert all(line["decided_at"] for line in found["lines"])


async def test_a_denied_request_is_a_successful_answer(cast: Cast) -> None:
    asset = await make_asset(cast.assisting, sharing="network")
    made = await make_request(cast.requesting, asset)
    response = await cast.requesting.coordinator.post(f"/v1/requests/{made['id']}/submit")
    assert response.status_code == 200
    assert response.json()["status"] == "denied"
    assert response.json()["lines"][0]["decision"]["reasons"][-1]["policy_id"] == "no_ground"


async def test_an_assisting_agency_sees_its_own_lines_and_no_others(cast: Cast) -> None:
    asset = await partners(cast)
    await sign_agreement(cast.neighbour.service, cast.neighbour, cast.requesting, terms={"max_duration_hours": 1})
    theirs = await make_asset(cast.neighbour)
    found = await submitted(cast.requesting, asset, lines=[line_for(asset), line_for(theirs)])
    assert found["status"] == "permitted"
    path = f"/v1/requests/{found['id']}"
    assisting = await cast.assisting.coordinator.done("GET", path)
    neighbour = await cast.neighbour.coordinator.done("GET", path)
    assert [line["asset_id"] for line in assisting["lines"]] == [asset["id"]]
    assert [line["asset_id"] for line in neighbour["lines"]] == [theirs["id"]]
    assert (assisting["status"], neighbour["status"]) == ("permitted", "denied")
    listed = (await cast.neighbour.coordinator.done("GET", "/v1/requests"))["items"]
    assert [(item["id"], item["line_count"], item["status"]) for item in listed] == [(found["id"], 1, "denied")]
    history = await cast.neighbour.coordinator.get(f"{path}/history?sort=version")
    assert history.json()["items"]
    for secret in (asset["id"], str(cast.assisting.id), found["lines"][0]["id"]):
        assert secret not in history.text
        assert secret not in str(neighbour)


async def test_only_the_requesting_agency_edits_submits_and_withdraws(cast: Cast) -> None:
    found = await submitted(cast.requesting, await partners(cast))
    path = f"/v1/requests/{found['id']}"
    caller = cast.assisting.coordinator
    assert_problem(await caller.post(f"{path}/submit"), 403, "forbidden")
    assert_problem(await caller.post(f"{path}/withdraw", {"reason": "no"}), 403, "forbidden")
    etag = (await caller.get(path)).headers["etag"]
    assert_problem(await caller.patch(path, {"summary": "mine"}, if_match=etag), 403, "forbidden")
    assert_problem(await cast.stranger.coordinator.get(path), 404, "not_found")
    assert_problem(await cast.stranger.coordinator.get(f"{path}/history?sort=version"), 404, "not_found")


async def test_editing_needs_the_current_version(cast: Cast) -> None:
    made = await make_request(cast.requesting, await partners(cast))
    path, caller = f"/v1/requests/{made['id']}", cast.requesting.coordinator
    assert_problem(await caller.patch(path, {"summary": "new"}), 428, "precondition_required")
    etag = (await caller.get(path)).headers["etag"]
    changed = await caller.done("PATCH", path, {"summary": "new"}, if_match=etag)
    assert (changed["summary"], changed["version"]) == ("new", 2)
    assert_problem(await caller.patch(path, {"summary": "newer"}, if_match=etag), 412, "stale_version")
    assert_problem(await caller.post(f"{path}/submit", if_match=etag), 412, "stale_version")


async def test_a_repeated_request_has_one_effect_and_one_answer(cast: Cast) -> None:
    asset = await partners(cast)
    body = {"purpose": "mutual_aid", "summary": "x", "lines": [line_for(asset)]}
    caller, key = cast.requesting.coordinator, f"ask-{uuid4()}"
    first = await caller.post("/v1/requests", body, key=key)
    second = await caller.post("/v1/requests", body, key=key)
    assert first.content == second.content
    path = f"/v1/requests/{first.json()['id']}/submit"
    once = await caller.post(path, key=f"{key}-submit")
    again = await caller.post(path, key=f"{key}-submit")
    assert once.status_code == again.status_code == 200
    assert once.content == again.content
    assert_problem(await caller.post(path), 409, "wrong_status")


async def test_time_that_is_over_cannot_be_asked_for(cast: Cast) -> None:
    asset = await partners(cast)
    made = await make_request(cast.requesting, asset, lines=[line_for(asset, window=window_of(start_in_hours=-48))])
    response = await cast.requesting.coordinator.post(f"/v1/requests/{made['id']}/submit")
    assert_problem(response, 422, "window_over")


async def test_the_lines_of_a_draft_are_replaced(cast: Cast) -> None:
    asset = await partners(cast)
    made = await make_request(cast.requesting, asset)
    path, caller = f"/v1/requests/{made['id']}", cast.requesting.coordinator
    etag = (await caller.get(path)).headers["etag"]
    other = await make_asset(cast.assisting)
    changed = await caller.done("PATCH", path, {"lines": [line_for(other), line_for(asset)]}, if_match=etag)
    assert [(line["line_no"], line["asset_id"]) for line in changed["lines"]] == [(1, other["id"]), (2, asset["id"])]
    assert changed["status"] == "draft"


async def test_requests_are_listed_by_side_and_status_page_by_page(cast: Cast) -> None:
    asset = await partners(cast)
    made = [await make_request(cast.requesting, asset) for _ in range(3)]
    asked = [await submitted(cast.requesting, asset) for _ in range(2)]
    caller = cast.requesting.coordinator
    seen, path = [], "/v1/requests?limit=2"
    while path:
        response = await caller.get(path)
        seen += [item["id"] for item in response.json()["items"]]
        path = response.links["next"]["url"] if "next" in response.links else ""
    assert seen == [each["id"] for each in reversed(made + asked)]

    async def ids(agency_caller: Any, query: str) -> list[str]:
        return [item["id"] for item in (await agency_caller.done("GET", f"/v1/requests?{query}"))["items"]]

    assert await ids(caller, "status=draft&sort=created_at") == [each["id"] for each in made]
    assert await ids(caller, "status=permitted&side=requesting") == [each["id"] for each in reversed(asked)]
    assert await ids(caller, "side=assisting") == []
    assert await ids(cast.assisting.coordinator, "side=assisting") == [each["id"] for each in reversed(asked)]
    assert_problem(await caller.get("/v1/requests?cursor=bm9wZQ"), 422, "bad_cursor")
    assert_problem(await caller.get("/v1/requests?side=both"), 400)


async def test_requests_are_found_by_statuses_partner_incident_text_and_window(cast: Cast) -> None:
    asset = await partners(cast)
    plain = await make_request(cast.requesting, asset)
    asked = await submitted(cast.requesting, asset, incident_number="26-0815", summary="Straße K9 search (demo).")
    start, end = asked["lines"][0]["window"]["start"], asked["lines"][0]["window"]["end"]

    async def found(agency: Agency, query: str) -> list[str]:
        return [item["id"] for item in (await agency.coordinator.done("GET", f"/v1/requests?{query}"))["items"]]

    for query, expected in (
        ("status=draft&status=permitted", [asked["id"], plain["id"]]),
        ("status=permitted&status=denied", [asked["id"]]),
        ("status=draft&status=closed_manually", [plain["id"]]),
        (f"partner_id={cast.assisting.id}", [asked["id"], plain["id"]]),
        (f"partner_id={cast.neighbour.id}", []),
        (f"ids={plain['id']}&ids={cast.assisting.id}", [plain["id"]]),
        (f"ids={plain['id']}&ids={asked['id']}&status=permitted", [asked["id"]]),
        ("incident_number=26-0815", [asked["id"]]),
        ("q=strasse+k9", [asked["id"]]),
        ("q=26-08", [asked["id"]]),
        ("q=%25", []),
        (f"window_to={end}&incident_number=26-0815", [asked["id"]]),
        (f"window_from={end}", []),
        (f"window_to={start}", []),
    ):
        assert await found(cast.requesting, query) == expected, query
    assert await found(cast.assisting, f"partner_id={cast.requesting.id}") == [asked["id"]]
    assert await found(cast.assisting, f"partner_id={cast.assisting.id}") == []
    assert await found(cast.assisting, f"ids={plain['id']}&ids={asked['id']}") == [asked["id"]]
    (item,) = (await cast.assisting.coordinator.done("GET", "/v1/requests"))["items"]
    assert item["requesting_agency"] == cast.requesting.reference
    assert item["assisting_agencies"] == [cast.assisting.reference]
    assert item["assets"] == [{"id": asset["id"], "name": asset["name"]}]
    reversed_window = f"/v1/requests?window_from={end}&window_to={start}"
    assert_problem(await cast.requesting.coordinator.get(reversed_window), 422, "range_reversed")


async def test_what_is_edited_is_found_by_its_new_words(cast: Cast) -> None:
    asset = await partners(cast)
    made = await make_request(cast.requesting, asset, incident_number="26-1")
    caller, path = cast.requesting.coordinator, f"/v1/requests/{made['id']}"
    etag = (await caller.get(path)).headers["etag"]
    await caller.done("PATCH", path, {"summary": "Boat, instead (demo)."}, if_match=etag)
    for query, count in (("q=boat", 1), ("q=26-1", 1), ("q=vehicle", 0)):
        assert len((await caller.done("GET", f"/v1/requests?{query}"))["items"]) == count, query


async def test_a_permitted_request_waits_for_whoever_may_reserve_until_it_is_reserved(cast: Cast) -> None:
    asset = await partners(cast)
    asked = await submitted(cast.requesting, asset)
    assert asked["status"] == "permitted"

    async def waiting(agency_caller: Any) -> list[str]:
        return [item["id"] for item in (await agency_caller.done("GET", "/v1/requests?waiting_for_me=true"))["items"]]

    for reserving in (cast.assisting.coordinator, cast.assisting.approver):
        assert await waiting(reserving) == [asked["id"]]
    for other in (cast.assisting.auditor, cast.requesting.coordinator, cast.neighbour.coordinator):
        assert await waiting(other) == []
    body = {"decision_id": asked["lines"][0]["decision"]["id"]}
    loan = await cast.assisting.coordinator.done("POST", "/v1/loans", body)
    for reserving in (cast.assisting.coordinator, cast.assisting.approver):
        assert await waiting(reserving) == []
    rain = {"reason": "rain (demo)", "still_needed": True}
    await cast.requesting.coordinator.done("POST", f"/v1/loans/{loan['id']}/cancel", rain)
    assert await waiting(cast.assisting.coordinator) == [asked["id"]], "what never took place may be reserved again"
    await act(cast.requesting.coordinator, asked, "withdraw")
    assert await waiting(cast.assisting.coordinator) == []
