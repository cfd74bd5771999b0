"""Packages over HTTP: registered, found, shared as far as every member is, corrected, and retired."""

from typing import Any
from uuid import uuid4

from registry.platform.access.principals import Role
from registry.platform.kernel.time import Window, format_instant
from tests.support.assets import make_asset
from tests.support.cases import every_case
from tests.support.cast import Agency, Cast
from tests.support.consent import end_agreement
from tests.support.loans import REASON, Partners, make_loan
from tests.support.packages import make_package
from tests.support.policy import window_of
from tests.support.problems import assert_problem
from tests.support.service import Caller

BOAT: dict[str, Any] = {"category": "vessel.dive_boat", "type_level": None, "certifications": []}
KIT: dict[str, Any] = {"category": "equipment", "type_level": None, "certifications": [], "capacity": 6}


async def dive_team(owner: Agency, **fields: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A boat, six kits, and the package of the boat with four of them."""
    boat = await make_asset(owner, name="River boat", **BOAT)
    kits = await make_asset(owner, name="Diver's kit", **KIT)
    return boat, kits, await make_package(owner, boat, kits, quantities=(1, 4), **fields)


async def listed(caller: Caller, **query: object) -> list[str]:
    """The ids of the packages that the caller finds."""
    asked = "&".join(f"{name}={value}" for name, value in {"limit": 200, **query}.items())
    return [each["id"] for each in (await caller.done("GET", f"/v1/packages?{asked}"))["items"]]


def of_window(window: Window) -> dict[str, object]:
    return {"available_from": format_instant(window.start), "available_to": format_instant(window.end)}


async def test_a_coordinator_groups_own_assets_and_a_partner_finds_them_together(partners: Partners) -> None:
    owner, partner = partners.assisting, partners.requesting
    rate = {"hourly_rate": {"amount": "10.00", "currency": "USD"}}
    boat, kits = [await make_asset(owner, **of, **rate) for of in (BOAT, KIT)]
    body = {
        "name": "Dive team",
        "description": "Searches under water.",
        "members": [{"asset_id": boat["id"]}, {"asset_id": kits["id"], "quantity": 4}],
    }
    answer = await owner.coordinator.post("/v1/packages", body)
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/packages/{made['id']}"
    assert (made["status"], made["sharing"], made["version"], made["hidden_by"]) == ("active", "agreement", 1, [])
    assert [(each["asset_id"], each["quantity"], each["capacity"]) for each in made["members"]] == [
        (boat["id"], 1, 1),
        (kits["id"], 4, 6),
    ]
    assert made["hourly_cost"] == {"amount": "50.00", "currency": "USD"}
    assert {each["action"]: each["allowed"] for each in made["allowed_actions"]}["update"] is True
    theirs = await partner.coordinator.done("GET", f"/v1/packages/{made['id']}")
    assert {**theirs, "allowed_actions": []} == {**made, "allowed_actions": []}
    assert theirs["allowed_actions"] == []
    assert await listed(partner.coordinator, agency_id=owner.id) == [made["id"]]
    seen = await partner.coordinator.done("GET", f"/v1/assets/{boat['id']}")
    assert seen["packages"] == [{"id": made["id"], "name": "Dive team"}]
    history = await owner.coordinator.done("GET", f"/v1/packages/{made['id']}/history")
    assert [each["type"] for each in history["items"]] == ["package.created"]
    assert "Dive team" not in str(history), "what people name may be anybody, and a ledger forgets nothing"
    assert (await partner.coordinator.done("GET", f"/v1/packages/{made['id']}/history"))["items"] == []


async def test_packages_are_found_by_words_of_their_own_or_of_their_assets_and_by_what_they_are(
    partners: Partners,
) -> None:
    owner, reader = partners.assisting, partners.requesting.coordinator
    mine: dict[str, object] = {"agency_id": owner.id}
    boat, _, team = await dive_team(owner, name="Underwater recovery", description="Searches lakes.")
    dogs = await make_package(owner, *[await make_asset(owner) for _ in range(2)], name="A pair of dogs")
    await owner.coordinator.done("POST", f"/v1/packages/{dogs['id']}/retire", REASON)
    retired = await owner.coordinator.done("GET", f"/v1/packages/{dogs['id']}")
    cases: dict[str, tuple[dict[str, object], list[str]]] = {
        "a word of its name, in another form": ({"q": "recoveries"}, [team["id"]]),
        "of its description": ({"q": "lake"}, [team["id"]]),
        "of an asset in it": ({"q": "boats"}, [team["id"]]),
        "one of each": ({"q": "underwater+boat"}, [team["id"]]),
        "a beginning": ({"q": "underwat*"}, [team["id"]]),
        "a beginning of a word as it is written": ({"q": "recovery*"}, [team["id"]]),
        "a phrase": ({"q": '"underwater recovery"'}, [team["id"]]),
        "a phrase that is none": ({"q": '"recovery underwater"'}, []),
        "a word that is nowhere": ({"q": "underwater+helicopter"}, []),
        "a category above that of an asset": ({"category": "vessel"}, [team["id"]]),
        "another": ({"category": "k9"}, [dogs["id"]]),
        "an asset": ({"asset_id": boat["id"]}, [team["id"]]),
        "status": ({"status": "active"}, [team["id"]]),
        "sharing": ({"sharing": "network"}, []),
        "one of several ways of sharing": ({"sharing": "network&sharing=agreement"}, [dogs["id"], team["id"]]),
        "ids": ({"ids": dogs["id"]}, [dogs["id"]]),
        "by name": ({"sort": "name"}, [dogs["id"], team["id"]]),
        "the newest first": ({}, [dogs["id"], team["id"]]),
        "changed since": ({"updated_from": retired["updated_at"]}, [dogs["id"]]),
        "changed before": ({"updated_to": retired["updated_at"]}, [team["id"]]),
    }
    with every_case() as case:
        for name, (query, expected) in cases.items():
            with case(name):
                assert await listed(reader, **mine, **query) == expected
    first = await reader.get(f"/v1/packages?agency_id={owner.id}&limit=1")
    rest = await reader.get(first.links["next"]["url"])
    assert [first.json()["items"][0]["id"], rest.json()["items"][0]["id"]] == [dogs["id"], team["id"]]
    assert rest.json()["next_cursor"] is None
    with every_case() as case:
        for asked, code in (
            ("available_from=2030-01-01T00:00:00Z", "incomplete_window"),
            ("category=unicorn", "unknown_category"),
            ("q=-", "bad_words"),
            ("q=boat+OR+van", "search_not_supported"),
        ):
            with case(asked):
                assert_problem(await reader.get(f"/v1/packages?{asked}"), 422, code)
    assert_problem(await reader.get("/v1/packages?colour=red"), 400, "unknown_parameter")


async def test_it_is_free_only_when_every_asset_is_as_often_as_it_is_needed(partners: Partners) -> None:
    owner, reader = partners.assisting, partners.requesting.coordinator
    boat, kits, team = await dive_team(owner)
    window = window_of()
    path = f"/v1/packages/{team['id']}/availability?from={format_instant(window.start)}&to={format_instant(window.end)}"

    async def is_free() -> dict[str, Any]:
        seen: dict[str, Any] = await reader.done("GET", path)
        found = await listed(reader, agency_id=owner.id, **of_window(window))
        assert (found == [team["id"]]) is seen["free"], "the list and the package say the same"
        return seen

    assert (await is_free())["free"] is True
    few = await make_loan(partners, asset=kits, quantity=2, window=window)
    assert (await is_free())["free"] is True, "four of six are left"
    await make_loan(partners, asset=kits, quantity=1, window=window)
    short = await is_free()
    assert short["free"] is False
    assert [(each["asset_id"], each["free_quantity"], len(each["blocking"])) for each in short["members"]] == [
        (boat["id"], 1, 0),
        (kits["id"], 3, 1),
    ]
    assert short["next_free"] == format_instant(window.end).replace(".000000", "")
    await owner.coordinator.done("POST", f"/v1/loans/{few['id']}/cancel", REASON)
    assert (await is_free())["free"] is True
    out = await owner.coordinator.done("POST", f"/v1/assets/{boat['id']}/take-out-of-service", REASON)
    named = [{"id": team["id"], "name": team["name"]}]
    assert out["affected_packages"] == out["packages"] == named, "what can no longer be had whole is named"
    idle = await is_free()
    assert (idle["free"], idle["next_free"]) == (False, None)
    await owner.coordinator.done("POST", f"/v1/assets/{boat['id']}/return-to-service", REASON)
    assert (await is_free())["free"] is True
    await owner.coordinator.done("POST", f"/v1/packages/{team['id']}/retire", REASON)
    assert (await reader.done("GET", path))["free"] is False
    assert (await reader.done("GET", f"/v1/assets/{boat['id']}"))["packages"] == []
    backwards = f"from={format_instant(window.end)}&to={format_instant(window.start)}"
    assert_problem(await reader.get(f"/v1/packages/{team['id']}/availability?{backwards}"), 422, "range_reversed")


async def test_nobody_sees_a_package_with_an_asset_that_is_not_for_them(cast: Cast, partners: Partners) -> None:
    owner, partner, stranger = partners.assisting, partners.requesting, partners.stranger
    boat, kits, team = await dive_team(owner, sharing="network")
    path = f"/v1/packages/{team['id']}"
    assert [each["id"] for each in team["hidden_by"]] == [boat["id"], kits["id"]], (
        "they are for partners, and the package for all"
    )
    assert (await partner.coordinator.get(path)).status_code == 200
    unknown = assert_problem(await stranger.coordinator.get(path), 404, "not_found")
    absent = assert_problem(await stranger.coordinator.get(f"/v1/packages/{uuid4()}"), 404, "not_found")
    assert unknown["detail"] == absent["detail"]
    assert await listed(stranger.coordinator, ids=team["id"]) == []
    window = "from=2030-01-01T00:00:00Z&to=2030-01-02T00:00:00Z"
    for address in (f"{path}/availability?{window}", f"{path}/history"):
        assert_problem(await stranger.coordinator.get(address), 404, "not_found")

    async def share(asset: dict[str, Any], sharing: str) -> dict[str, Any]:
        changed: dict[str, Any] = await owner.admin.done(
            "PATCH", f"/v1/assets/{asset['id']}", {"sharing": sharing}, if_match="*"
        )
        return changed

    await share(boat, "network")
    assert_problem(await stranger.coordinator.get(path), 404, "not_found")
    await share(kits, "network")
    seen = await stranger.coordinator.done("GET", path)
    assert (seen["hidden_by"], len(seen["members"])) == ([], 2)
    hidden = await share(kits, "private")
    assert hidden["affected_packages"] == [{"id": team["id"], "name": team["name"]}]
    for reader in (stranger.coordinator, partner.coordinator):
        assert_problem(await reader.get(path), 404, "not_found")
        assert await listed(reader, ids=team["id"]) == []
        assert await listed(reader, asset_id=boat["id"]) == []
        assert (await reader.done("GET", f"/v1/assets/{boat['id']}"))["packages"] == [], "nor by the asset they see"
    named = [{"id": kits["id"], "name": kits["name"]}]
    assert (await owner.coordinator.done("GET", path))["hidden_by"] == named
    await share(kits, "agreement")
    await end_agreement(partners.agreement, owner, partner)
    assert_problem(await partner.coordinator.get(path), 404, "not_found")


async def test_a_package_holds_own_assets_once_and_no_more_of_them_than_there_are(partners: Partners) -> None:
    owner = partners.assisting
    boat, kits, team = await dive_team(owner)
    theirs = await make_asset(partners.requesting, sharing="network")
    gone = await make_asset(owner)
    await owner.admin.done("POST", f"/v1/assets/{gone['id']}/retire", REASON)
    one = {"asset_id": boat["id"]}
    cases: dict[str, tuple[list[dict[str, Any]], int, str, str | None]] = {
        "another agency's": ([one, {"asset_id": theirs["id"]}], 422, "not_own_asset", "/members/1/asset_id"),
        "nobody's": ([one, {"asset_id": str(uuid4())}], 422, "not_own_asset", "/members/1/asset_id"),
        "twice": ([one, one], 422, "member_repeated", "/members/1/asset_id"),
        "retired": ([one, {"asset_id": gone["id"]}], 409, "asset_retired", "/members/1/asset_id"),
        "too many": (
            [one, {"asset_id": kits["id"], "quantity": 7}],
            422,
            "quantity_over_capacity",
            "/members/1/quantity",
        ),
        "one alone": ([one], 400, "invalid_body", "/members"),
        "none of it": ([one, {"asset_id": kits["id"], "quantity": 0}], 400, "invalid_body", "/members/1/quantity"),
    }
    with every_case() as case:
        for name, (members, status, code, pointer) in cases.items():
            with case(name):
                refused = await owner.coordinator.post("/v1/packages", {"name": "Other team", "members": members})
                assert assert_problem(refused, status, code)["errors"][0]["pointer"] == pointer
                path = f"/v1/packages/{team['id']}"
                edited = await owner.coordinator.patch(path, {"members": members}, if_match="*")
                assert_problem(edited, status, code)
    assert await listed(owner.coordinator, agency_id=owner.id) == [team["id"]]
    assert_problem(await owner.coordinator.post("/v1/packages", {"name": "x"}), 400, "invalid_body")
    assert_problem(await owner.coordinator.post("/v1/packages", {"name": "x", "members": [], "colour": "red"}), 400)
    members = [{"asset_id": each["id"]} for each in (boat, kits)]
    taken = await owner.coordinator.post("/v1/packages", {"name": team["name"].upper(), "members": members})
    assert_problem(taken, 409, "package_name_taken")


async def test_who_may_make_and_change_a_package(partners: Partners) -> None:
    owner, partner = partners.assisting, partners.requesting
    boat, kits, team = await dive_team(owner)
    path = f"/v1/packages/{team['id']}"
    members = [{"asset_id": each["id"]} for each in (boat, kits)]
    for who, status in (
        (owner.service.anonymous, 401),
        (owner.auditor, 403),
        (owner.legal, 403),
        (owner.as_(Role.COORDINATOR, scope="assets:*"), 403),
        (owner.machine, 201),
        (owner.admin, 201),
    ):
        answer = await who.post("/v1/packages", {"name": f"Team {uuid4().hex}", "members": members})
        assert answer.status_code == status, answer.text
    assert_problem(await owner.service.anonymous.get(path), 401, "unauthenticated")
    for reader, status in ((partner.coordinator, 403), (partners.stranger.coordinator, 404), (owner.auditor, 403)):
        assert_problem(await reader.patch(path, {"name": "Mine"}, if_match="*"), status)
        assert_problem(await reader.post(f"{path}/retire", REASON), status)


async def test_a_package_is_corrected_under_its_version(partners: Partners) -> None:
    owner = partners.assisting
    boat, kits, team = await dive_team(owner)
    path = f"/v1/packages/{team['id']}"
    etag = (await owner.coordinator.get(path)).headers["etag"]
    same = await owner.coordinator.get(path, headers={"if-none-match": etag})
    assert same.status_code == 304
    assert_problem(await owner.coordinator.patch(path, {"name": "Divers"}), 428, "precondition_required")
    van = await make_asset(owner, category="vehicle.transport", type_level=None, certifications=[])
    change = {"name": "Divers", "members": [{"asset_id": van["id"]}, {"asset_id": boat["id"]}]}
    changed = await owner.coordinator.done("PATCH", path, change, if_match=etag)
    assert (changed["name"], changed["version"], changed["description"]) == ("Divers", 2, team["description"])
    assert [each["asset_id"] for each in changed["members"]] == [van["id"], boat["id"]]
    assert (await owner.coordinator.done("GET", f"/v1/assets/{kits['id']}"))["packages"] == []
    stale = assert_problem(await owner.coordinator.patch(path, {"name": "Others"}, if_match=etag), 412, "stale_version")
    assert stale["current_version"] == 2
    again = await owner.coordinator.done("PATCH", path, change, if_match="*")
    assert again == changed, "what changes nothing is no change"
    found = await listed(owner.coordinator, agency_id=owner.id, q="divers")
    assert found == [team["id"]], "its new name is looked for"


async def test_a_retired_package_is_kept_and_its_name_is_free(partners: Partners) -> None:
    owner = partners.assisting
    boat, kits, team = await dive_team(owner)
    path, key = f"/v1/packages/{team['id']}", f"retire-{uuid4()}"
    assert_problem(await owner.coordinator.post(f"{path}/retire", {}), 400, "invalid_body")
    stale = await owner.coordinator.post(f"{path}/retire", REASON, if_match='"7-00000000"')
    assert_problem(stale, 412, "stale_version")
    first = await owner.coordinator.post(f"{path}/retire", REASON, key=key)
    again = await owner.coordinator.post(f"{path}/retire", REASON, key=key)
    assert (first.status_code, first.content) == (200, again.content)
    retired = first.json()
    assert (retired["status"], retired["retired_reason"]) == ("retired", REASON["reason"])
    assert all(not each["allowed"] and each["reason"] for each in retired["allowed_actions"])
    assert (await partners.requesting.coordinator.done("GET", path))["retired_reason"] is None
    assert_problem(await owner.coordinator.post(f"{path}/retire", REASON), 409, "wrong_status")
    assert_problem(await owner.coordinator.patch(path, {"name": "Again"}, if_match="*"), 409, "wrong_status")
    new = {"name": team["name"], "members": [{"asset_id": each["id"]} for each in (boat, kits)]}
    made = [await owner.coordinator.post("/v1/packages", new, key=key) for _ in range(2)]
    assert made[0].status_code == 201
    assert made[0].content == made[1].content
