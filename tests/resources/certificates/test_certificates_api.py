"""A K9 team is handler, dog and discipline: certified, found, lent and freed as one."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from registry.platform.kernel.time import Window
from tests.support.assets import make_asset
from tests.support.cases import every_case
from tests.support.cast import LONG_AHEAD, Cast, today
from tests.support.loans import CONDITION, REASON, Partners, make_loan, make_partners, step, under_way
from tests.support.personnel import enter_person
from tests.support.policy import make_decision
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_later

DAY = timedelta(days=1)


@pytest.fixture
async def partners(cast: Cast) -> Partners:
    return await make_partners(cast)


async def make_team(partners: Partners, handler: dict[str, Any] | None = None, **certificate: Any) -> dict[str, Any]:
    """A K9 team with a handler and one certificate; the asset, with `handler` and `certificate` beside it."""
    asset = await make_asset(partners.assisting, certifications=[])
    handler = handler or await enter_person(partners.assisting)
    made = await certify(partners, asset, handler, **certificate)
    return {**asset, "handler": handler, "certificate": made}


async def certify(partners: Partners, asset: dict[str, Any], handler: dict[str, Any], **fields: Any) -> Any:
    body = {
        "discipline": "k9.narcotics",
        "issuer": "NPCA",
        "number": "DEMO-1",
        "issued_on": "2026-01-15",
        "expires_on": str(LONG_AHEAD),
        "handler_id": handler["id"],
        **fields,
    }
    return await partners.assisting.admin.done("POST", f"/v1/assets/{asset['id']}/certificates", body)


async def found(partners: Partners, **query: str) -> set[str]:
    """The ids of the owner's assets that a partner finds with that query."""
    asked = {"agency_id": str(partners.assisting.id), "limit": "200", **query}
    path = "/v1/assets?" + "&".join(f"{name}={value}" for name, value in asked.items())
    return {item["id"] for item in (await partners.requesting.coordinator.done("GET", path))["items"]}


def at_noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def of_window(window: Window) -> dict[str, str]:
    return {"available_from": f"{window.start:%Y-%m-%dT%H:%M:%SZ}", "available_to": f"{window.end:%Y-%m-%dT%H:%M:%SZ}"}


async def test_others_see_discipline_and_status_but_nobody(partners: Partners) -> None:
    team = await make_team(partners)
    path = f"/v1/assets/{team['id']}/certificates"
    (own,) = (await partners.assisting.coordinator.done("GET", path))["items"]
    assert (own["handler_id"], own["number"], own["status"]) == (team["handler"]["id"], "DEMO-1", "current")
    (seen,) = (await partners.requesting.coordinator.done("GET", path))["items"]
    assert (seen["discipline"], seen["issuer"], seen["status"]) == ("k9.narcotics", "NPCA", "current")
    assert (seen["handler_id"], seen["number"], seen["void_because"]) == (None, None, None)
    far = f"?from={LONG_AHEAD + DAY}T12:00:00Z&to={LONG_AHEAD + 2 * DAY}T12:00:00Z"
    (late,) = (await partners.requesting.coordinator.done("GET", path + far))["items"]
    assert late["status"] == "expired"
    assert_problem(
        await partners.requesting.coordinator.get(f"{path}?from=2030-01-01T00:00:00Z"), 422, "incomplete_window"
    )
    assert_problem(await partners.stranger.coordinator.get(path), 404, "not_found")
    assert_problem(await partners.assisting.service.anonymous.get(path), 401, "unauthenticated")
    history = await partners.assisting.auditor.done("GET", f"/v1/assets/{team['id']}/history")
    assert history["items"][0]["type"] == "asset.certificate_recorded"


async def test_availability_tells_what_holds_in_the_window_and_what_lapses_in_it(partners: Partners) -> None:
    """Record and certificates together; of a certificate that is void, nothing."""
    handler, first = await enter_person(partners.assisting), today() + 5 * DAY
    recorded = {"code": "uspca_narcotics", "issuer": "USPCA", "expires_on": str(first + DAY)}
    gone = {"code": "uspca_patrol", "expires_on": str(today())}
    asset = await make_asset(partners.assisting, certifications=[recorded, gone])
    await certify(partners, asset, handler)
    await certify(partners, asset, handler, discipline="k9.patrol", issued_on=str(first + 2 * DAY), expires_on=None)
    ended = await certify(partners, asset, handler, discipline="k9.tracking")
    path, admin = f"/v1/assets/{asset['id']}", partners.assisting.admin
    await admin.done("POST", f"{path}/certificates/{ended['id']}/end", REASON)
    asked = f"{path}/availability?from={first}T12:00:00Z&to={first + 9 * DAY}T12:00:00Z"

    async def told() -> list[tuple[str, ...]]:
        answer = await partners.requesting.coordinator.get(asked)
        assert handler["id"] not in answer.text
        names = ("recorded_as", "code", "issuer", "holds")
        return [tuple(each[name] for name in names) for each in answer.json()["certified"]]

    expected = [
        ("certification", "uspca_narcotics", "USPCA", "lapses"),
        ("certificate", "k9.narcotics", "NPCA", "current"),
        ("certificate", "k9.patrol", "NPCA", "begins"),
    ]
    assert await told() == expected
    await partners.assisting.coordinator.done("POST", f"/v1/personnel/{handler['id']}/separate", REASON)
    assert await told() == expected[:1]


async def test_a_list_tells_of_each_team_whether_by_whom_and_until_when_it_is_certified(partners: Partners) -> None:
    """As the asset's own availability does, in one statement more for the page and none for an item."""
    first = today() + 5 * DAY
    window = of_window(Window(start=at_noon(first), end=at_noon(first + 4 * DAY)))
    recorded = {"code": "uspca_narcotics", "issuer": "USPCA", "expires_on": str(first + DAY)}
    teams = {
        "current": await make_team(partners),
        "lapses": await make_asset(partners.assisting, certifications=[recorded]),
        "none_on_file": await make_asset(partners.assisting, certifications=[]),
        "not_required": await make_asset(partners.assisting, category="vehicle.patrol", certifications=[]),
    }
    ids = "&".join(f"ids={each['id']}" for each in teams.values())
    path = f"/v1/assets?{ids}&" + "&".join(f"{name}={value}" for name, value in window.items())
    for reader in (partners.requesting.coordinator, partners.assisting.admin):
        answer = await reader.get(path)
        listed = {each["id"]: each for each in answer.json()["items"]}
        for standing, team in teams.items():
            item = listed[team["id"]]
            its = f"/v1/assets/{team['id']}/availability?from={window['available_from']}&to={window['available_to']}"
            assert item["certification"] == standing
            assert item["certified"] == (await reader.done("GET", its))["certified"]
    assert teams["current"]["handler"]["id"] not in answer.text
    gone = await make_team(partners, expires_on=str(today() - 2 * DAY))
    (lapsed,) = (await partners.requesting.coordinator.done("GET", f"/v1/assets?ids={gone['id']}"))["items"]
    assert (lapsed["certification"], lapsed["certified"]) == ("lapses", [])
    (told,) = listed[teams["current"]["id"]]["certified"]
    assert (told["issuer"], told["expires_on"], told["holds"]) == ("NPCA", str(LONG_AHEAD), "current")


async def test_a_team_stays_one_as_long_as_it_has_certificates(partners: Partners) -> None:
    """A certificate of a vehicle would be told in one place and not in another."""
    asset = await make_team(partners)
    admin, path = partners.assisting.admin, f"/v1/assets/{asset['id']}"
    tag = (await admin.get(path)).headers["etag"]
    refused = await admin.patch(path, {"category": "vehicle.command_post"}, if_match=tag)
    assert_problem(refused, 409, "certificates_in_the_way")
    within = await admin.patch(path, {"category": "k9.explosives"}, if_match=tag)
    assert within.status_code == 200
    for each in (await admin.done("GET", f"{path}/certificates"))["items"]:
        await admin.done("POST", f"{path}/certificates/{each['id']}/end", {"reason": "retired (demo)"})
    tag = (await admin.get(path)).headers["etag"]
    moved = await admin.patch(path, {"category": "vehicle.command_post"}, if_match=tag)
    assert moved.status_code == 200


async def test_what_is_refused(partners: Partners) -> None:
    asset, handler = await make_asset(partners.assisting), await enter_person(partners.assisting)
    theirs = await enter_person(partners.requesting)
    path, admin = f"/v1/assets/{asset['id']}/certificates", partners.assisting.admin
    body = {"discipline": "k9.narcotics", "issuer": "NPCA", "issued_on": "2026-01-15", "handler_id": handler["id"]}
    assert_problem(await admin.post(path, {**body, "handler_id": theirs["id"]}), 422, "unknown_personnel_record")
    assert_problem(await admin.post(path, {**body, "handler_id": None}), 422, "certificate_misfit")
    assert_problem(await admin.post(path, {**body, "expires_on": "2026-01-14"}), 422, "days_reversed")
    assert_problem(await admin.post(path, {**body, "issued_on": "soon"}), 400, "invalid_body")
    assert_problem(await partners.assisting.coordinator.post(path, body), 403, "forbidden")
    assert_problem(await partners.requesting.admin.post(path, body), 403, "forbidden")
    assert_problem(await partners.stranger.admin.post(path, body), 404, "not_found")
    again = "certify-once"
    made = await admin.done("POST", path, body, key=again)
    assert made == await admin.done("POST", path, body, key=again)
    end = f"{path}/{made['id']}/end"
    assert_problem(await partners.stranger.admin.post(end, REASON), 404, "not_found")
    await admin.done("POST", end, REASON)
    assert_problem(await admin.post(end, REASON), 409, "wrong_status")
    await admin.done("POST", f"/v1/assets/{asset['id']}/retire", REASON)
    assert_problem(await admin.post(path, body), 409, "asset_retired")


async def test_only_teams_that_are_certified_are_found_for_a_discipline(partners: Partners) -> None:
    day = today()
    teams = {
        "current": await make_team(partners),
        "expired": await make_team(partners, expires_on=str(day - 2 * DAY)),
        "to come": await make_team(partners, issued_on=str(day + 5 * DAY)),
        "another discipline": await make_team(partners, discipline="k9.patrol"),
        "left": await make_team(partners),
        "out of service": await make_team(partners),
        "ended": await make_team(partners),
        "none": await make_asset(partners.assisting),
    }
    admin, coordinator = partners.assisting.admin, partners.assisting.coordinator
    await coordinator.done("POST", f"/v1/personnel/{teams['left']['handler']['id']}/separate", REASON)
    away = f"/v1/assets/{teams['out of service']['id']}"
    await admin.done("POST", f"{away}/take-out-of-service", REASON)
    ended = teams["ended"]
    await admin.done("POST", f"/v1/assets/{ended['id']}/certificates/{ended['certificate']['id']}/end", REASON)
    assert await found(partners, certified_for="k9.narcotics") == {teams["current"]["id"]}
    assert await found(partners, certified_for="k9") == {teams["current"]["id"], teams["another discipline"]["id"]}
    soon = under_way()
    later = Window(start=soon.start + 9 * DAY, end=soon.end + 9 * DAY)
    by_then = await found(partners, certified_for="k9.narcotics", **of_window(later))
    assert by_then == {teams["current"]["id"], teams["to come"]["id"]}
    left_out = f"/v1/assets?agency_id={partners.assisting.id}&certified_for=k9.narcotics&include=left_out"
    page = await partners.requesting.coordinator.done("GET", left_out)
    assert page["left_out"] == [{"reason": "not_in_service", "count": 1, "or_more": False}]
    await admin.done("POST", f"{away}/return-to-service", REASON)
    assert teams["out of service"]["id"] in await found(partners, certified_for="k9.narcotics")
    assert_problem(await admin.get("/v1/assets?certified_for=k9.none"), 422, "unknown_category")


async def test_a_decision_rests_on_the_team_and_not_on_what_the_record_says(partners: Partners) -> None:
    """The asset's own record says that it is certified for long; its certificates do not."""
    handler = await enter_person(partners.assisting)
    asset = await make_asset(partners.assisting)
    assert (await make_decision(partners.requesting, asset, window=under_way())).outcome == "permitted"
    await certify(partners, asset, handler, expires_on=str(today() - 2 * DAY))
    assert (await make_decision(partners.requesting, asset, window=under_way())).outcome == "denied"
    await certify(partners, asset, handler)
    assert (await make_decision(partners.requesting, asset, window=under_way())).outcome == "permitted"
    await partners.assisting.coordinator.done("POST", f"/v1/personnel/{handler['id']}/separate", REASON)
    assert (await make_decision(partners.requesting, asset, window=under_way())).outcome == "denied"


async def test_dog_and_handler_are_lent_and_freed_as_one(partners: Partners) -> None:
    team, window = await make_team(partners), under_way()
    second = await make_team(partners, team["handler"])
    handler = f"/v1/personnel/{team['handler']['id']}"
    loan = await make_loan(partners, asset=team, window=window)
    assert loan["handler_id"] == team["handler"]["id"]
    name = await partners.requesting.coordinator.done("GET", f"{handler}/name")
    assert name["display_name"] == team["handler"]["display_name"]

    decision = await make_decision(partners.requesting, second, window=window)
    body = {"decision_id": str(decision.id)}
    refused = await partners.assisting.coordinator.post("/v1/loans", body)
    assert_problem(refused, 409, "personnel_not_free")
    assert "handler" in refused.json()["detail"]
    assert refused.json()["blocking"]["start"][:19] == loan["starts_at"][:19]
    assert await found(partners, **of_window(window)) == set()
    asked = f"?from={of_window(window)['available_from']}&to={of_window(window)['available_to']}"
    free = await partners.requesting.coordinator.done("GET", f"/v1/assets/{second['id']}/availability{asked}")
    assert (free["free_quantity"], free["intervals"][0]["blocked_by"]) == (0, ["handler"])
    gone = await partners.assisting.coordinator.post(f"{handler}/separate", REASON)
    assert_problem(gone, 409, "personnel_committed")

    loan = await step(partners.assisting, loan, "dispatch")
    loan = await step(partners.assisting, loan, "return")
    assert_problem(await partners.requesting.coordinator.get(f"{handler}/name"), 404, "not_found")
    assert (await partners.assisting.coordinator.done("POST", "/v1/loans", body))["handler_id"] == loan["handler_id"]


async def test_search_availability_and_reserving_agree_on_who_can_go_with_the_dog(partners: Partners) -> None:
    """Those of the dog's discipline whose certificate holds; somebody on leave or on another loan cannot go."""
    window, coordinator = under_way(), partners.assisting.coordinator
    busy, away, both = [await enter_person(partners.assisting) for _ in range(3)]
    for person in (busy, both):
        await make_loan(partners, asset=await make_team(partners, person), window=window)
    for person in (away, both):
        await coordinator.done("POST", f"/v1/personnel/{person['id']}/place-on-leave", REASON)
    own: dict[str, str] = {}
    other = {"discipline": "k9.patrol"}
    expired = {"expires_on": str(today() - 2 * DAY)}
    cases: dict[str, tuple[list[tuple[str, dict[str, str]]], str | None]] = {
        "on duty and free": ([("free", own)], None),
        "on leave": ([("away", own)], "personnel_not_active"),
        "one on leave, another free": ([("away", own), ("free", own)], None),
        "one committed, another free": ([("busy", own), ("free", own)], None),
        "one on leave and committed, another free": ([("both", own), ("free", own)], None),
        "one on leave, another committed": ([("away", own), ("busy", own)], "personnel_not_"),
        "committed, and the free one's has expired": ([("busy", own), ("free", expired)], "personnel_not_free"),
        "on leave, and the free one's has expired": ([("away", own), ("free", expired)], "personnel_not_active"),
        "committed, and the free one's is of another discipline": (
            [("busy", own), ("free", other)],
            "personnel_not_free",
        ),
        "of another discipline, where there is no other": ([("free", other)], None),
        "committed, of another discipline": ([("busy", other)], "personnel_not_free"),
        "one person with both": ([("free", expired), ("free", other), ("free", own)], None),
    }
    asked = of_window(window)
    with every_case() as case:
        for name, (certificates, refused) in cases.items():
            with case(name):
                people = {"busy": busy, "away": away, "both": both, "free": await enter_person(partners.assisting)}
                dog = await make_asset(partners.assisting, certifications=[])
                for who, certificate in certificates:
                    await certify(partners, dog, people[who], **certificate)
                assert (dog["id"] in await found(partners, **asked)) == (refused is None)
                path = f"/v1/assets/{dog['id']}/availability?from={asked['available_from']}&to={asked['available_to']}"
                free = await partners.requesting.coordinator.done("GET", path)
                assert free["free_quantity"] == (1 if refused is None else 0)
                assert free["intervals"][0]["blocked_by"] == ([] if refused is None else ["handler"])
                decision = await make_decision(partners.requesting, dog, window=window)
                assert decision.outcome == "permitted"
                answer = await coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
                if refused is None:
                    assert answer.json()["handler_id"] == people["free"]["id"], answer.text
                else:
                    assert answer.json()["code"].startswith(refused), answer.text


async def test_a_longer_loan_needs_the_handler_as_long(partners: Partners) -> None:
    team, window = await make_team(partners), under_way()
    second = await make_team(partners, team["handler"])
    loan = await make_loan(partners, "on_scene", asset=team, window=window)
    later = Window(start=window.end + timedelta(hours=1), end=window.end + timedelta(hours=5))
    other = await make_loan(partners, asset=second, window=later)
    until = {**REASON, "planned_end_at": (later.start + timedelta(hours=2)).isoformat()}
    path, asking = f"/v1/loans/{loan['id']}/request-extension", partners.requesting.coordinator
    assert_problem(await asking.post(path, until), 409, "personnel_not_free")
    await step(partners.requesting, other, "cancel")
    await step(partners.requesting, loan, "request-extension", until)
    await step(partners.assisting, loan, "accept-extension")
    decision = await make_decision(partners.requesting, second, window=later)
    refused = await partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(decision.id)})
    assert_problem(refused, 409, "personnel_not_free")


async def test_a_team_that_was_parted_does_not_leave(partners: Partners) -> None:
    team = await make_team(partners)
    other = await enter_person(partners.assisting)
    loan = await make_loan(partners, asset=team)
    await certify(partners, team, other)  # so that policy has nothing against the dog
    ended = await partners.assisting.admin.done(
        "POST", f"/v1/assets/{team['id']}/certificates/{team['certificate']['id']}/end", REASON
    )
    assert [each["loan_id"] for each in ended["affected_loans"]] == [loan["id"]]
    dispatched = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/dispatch", CONDITION)
    assert "No certificate of the reserved handler" in assert_problem(dispatched, 409, "handler_left")["detail"]
    await certify(partners, team, team["handler"], expires_on=str(today() - 2 * DAY))
    dispatched = await partners.assisting.coordinator.post(f"/v1/loans/{loan['id']}/dispatch", CONDITION)
    assert "another handler's does" in assert_problem(dispatched, 409, "handler_left")["detail"]


async def test_a_handler_who_is_on_leave_does_not_leave_and_the_refusal_says_who(partners: Partners) -> None:
    team = await make_team(partners)
    loan = await make_loan(partners, asset=team)
    handler = loan["handler_id"]
    path = f"/v1/loans/{loan['id']}/dispatch"
    await partners.assisting.admin.done("POST", f"/v1/personnel/{handler}/place-on-leave", REASON)
    refused = await partners.assisting.coordinator.post(path, CONDITION)
    detail = assert_problem(refused, 409, "personnel_not_active")["detail"]
    assert detail.startswith(f"The team's handler (personnel record {handler}) is not active any more")
    await partners.assisting.admin.done("POST", f"/v1/personnel/{handler}/return-to-duty", REASON)
    await partners.assisting.coordinator.done("POST", path, CONDITION)


async def test_one_handler_is_committed_once_whoever_is_first(partners: Partners) -> None:
    for _ in range(4):
        handler, window = await enter_person(partners.assisting), under_way()
        teams = [await make_team(partners, handler) for _ in range(3)]
        decisions = [await make_decision(partners.requesting, team, window=window) for team in teams]
        answers = await asyncio.gather(
            *(partners.assisting.coordinator.post("/v1/loans", {"decision_id": str(each.id)}) for each in decisions)
        )
        assert sorted(each.status_code for each in answers) == [201, 409, 409]


async def test_of_two_handlers_the_one_who_is_free_goes(partners: Partners) -> None:
    team, window = await make_team(partners), under_way()
    second = await enter_person(partners.assisting)
    await certify(partners, team, second)
    first_loan = await make_loan(partners, asset=await make_team(partners, team["handler"]), window=window)
    loan = await make_loan(partners, asset=team, window=window)
    assert {first_loan["handler_id"], loan["handler_id"]} == {team["handler"]["id"], second["id"]}
