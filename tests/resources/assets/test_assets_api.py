"""Assets over HTTP: registered by their owner, seen by partners in force, retired and never deleted."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.resources.allocations.commands import allocate, mark_out
from registry.resources.assets.commands.booking import lock_for_booking
from registry.resources.assets.tables import asset_attribute
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import LONG_AHEAD, Cast, today
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

NEW = {"category": "k9.narcotics", "name": "Narcotics team (demo)"}
REASON = {"reason": "Off duty (demo)"}
ABSENT = "01a00000-0000-7000-8000-00000000dead"


async def test_an_asset_is_registered_for_the_callers_own_agency(cast: Cast) -> None:
    response = await cast.assisting.admin.post("/v1/assets", NEW)
    made = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/assets/{made['id']}"
    assert made["agency"] == {"id": str(cast.assisting.id), "name": cast.assisting.name}
    assert (made["service_status"], made["sharing"], made["capacity"]) == ("in_service", "agreement", 1)
    assert made["tag"].startswith("A-")
    read = await cast.assisting.coordinator.get(response.headers["location"])
    assert {**read.json(), "allowed_actions": made["allowed_actions"]} == made


async def test_everything_said_of_an_asset_is_kept(cast: Cast) -> None:
    said = {
        "description": "Passive alert.\nStaged at the north substation.",
        "tag": 'K9 100% "Rex"',
        "type_level": 1,
        "capacity": 3,
        "sharing": "network",
        "location": {"latitude": -12.5, "longitude": 179.99},
        "mobilisation_minutes": 45,
        "hourly_rate": {"amount": "125.50", "currency": "USD"},
        "funding": ["leso_1033", "ab481"],
        "certification_required": False,
        "home_base": "North precinct (demo)",
        "home_location": {"latitude": 44.9, "longitude": -93.2},
        "service_area": {"states": ["WI"], "counties": ["27053"], "within_km": 60.5},
        "identifiers": [
            {"kind": "vin", "value": "1M8GDM9AXKP042788", "public": False},
            {"kind": "call_sign", "value": "K9 seven", "public": True},
        ],
        "condition": "good",
        "crew": [
            {"role": "Handler", "quantity": 1, "capabilities": ["crash.reconstruction"], "provided_by": "assisting"}
        ],
        "attributes": {"alert": "passive", "dog_age_years": 4, "off_lead": True, "call_sign": "K9 seven", "shift": 2.5},
    }
    made = await cast.assisting.machine.done("POST", "/v1/assets", {**NEW, **said})
    assert {name: made[name] for name in said} == said


async def test_k9_teams_need_a_certification_unless_their_owner_says_otherwise(cast: Cast) -> None:
    admin = cast.assisting.admin
    assert (await admin.done("POST", "/v1/assets", NEW))["certification_required"]
    assert not (await admin.done("POST", "/v1/assets", {**NEW, "certification_required": False}))[
        "certification_required"
    ]
    van = {"category": "vehicle.crime_scene", "name": "Van (demo)"}
    assert not (await admin.done("POST", "/v1/assets", van))["certification_required"]


async def test_registering_needs_a_token_and_the_right_role(service: Service, cast: Cast) -> None:
    assert_problem(await service.anonymous.post("/v1/assets", NEW), 401, "unauthenticated")
    for role in (Role.APPROVER, Role.LEGAL, Role.AUDITOR):
        assert_problem(await cast.assisting.as_(role).post("/v1/assets", NEW), 403, "forbidden")


@pytest.mark.parametrize(
    ("fields", "status", "code", "pointer"),
    [
        ({"category": "k9.nonsense"}, 422, "unknown_category", "/category"),
        ({"category": "any"}, 422, "unknown_category", "/category"),
        ({"category": "team.swat", "type_level": 4}, 422, "unknown_type_level", "/type_level"),
        (
            {"certifications": [{"code": "x", "issued_on": "2026-01-02", "expires_on": "2026-01-01"}]},
            422,
            "certification_reversed",
            "/certifications/0/expires_on",
        ),
        ({"type_level": 5}, 400, "invalid_body", "/type_level"),
        ({"capacity": 0}, 400, "invalid_body", "/capacity"),
        ({"location": {"latitude": 91, "longitude": 0}}, 400, "invalid_body", "/location/latitude"),
        ({"location": {"latitude": 44.98, "longitude": 93.27}}, 422, "unlikely_place", "/location"),
        ({"location": {"latitude": 1}}, 400, "invalid_body", "/location/longitude"),
        ({"hourly_rate": {"amount": "1e3"}}, 400, "invalid_body", "/hourly_rate/amount"),
        ({"agency_id": str(uuid4())}, 400, "unknown_field", "/agency_id"),
        ({"name": ""}, 400, "invalid_body", "/name"),
    ],
)
async def test_what_does_not_fit_is_named(
    cast: Cast, fields: dict[str, object], status: int, code: str, pointer: str
) -> None:
    problem = assert_problem(await cast.assisting.admin.post("/v1/assets", {**NEW, **fields}), status, code)
    assert problem["errors"][0]["pointer"] == pointer


async def test_a_tag_is_unique_within_its_agency_only(cast: Cast) -> None:
    await make_asset(cast.assisting, tag="K9-ONE")
    again = await cast.assisting.admin.post("/v1/assets", {**NEW, "tag": "K9-ONE"})
    assert_problem(again, 409, "asset_tag_taken")
    await make_asset(cast.neighbour, tag="K9-ONE")


async def test_a_repeated_registration_has_one_effect(cast: Cast) -> None:
    key = f"asset-{uuid4()}"
    first = await cast.assisting.admin.post("/v1/assets", {**NEW, "tag": "K9-TWICE"}, key=key)
    second = await cast.assisting.admin.post("/v1/assets", {**NEW, "tag": "K9-TWICE"}, key=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content


async def test_who_sees_an_asset_follows_its_sharing_and_the_agreements_in_force(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting)
    long_over = today() - timedelta(days=2)
    await sign_agreement(service, cast.assisting, cast.neighbour, expires_on=long_over)
    viewers = {"own": cast.assisting, "partner": cast.requesting, "former": cast.neighbour, "stranger": cast.stranger}
    seen = {
        "private": {"own"},
        "agreement": {"own", "partner"},
        "network": {"own", "partner", "former", "stranger"},
    }
    for sharing, expected in seen.items():
        asset = await make_asset(cast.assisting, sharing=sharing)
        for name, agency in viewers.items():
            one = await agency.coordinator.get(f"/v1/assets/{asset['id']}")
            listed = await agency.coordinator.done("GET", f"/v1/assets?agency_id={cast.assisting.id}")
            assert (one.status_code == 200) is (name in expected), (sharing, name)
            assert (asset["id"] in [item["id"] for item in listed["items"]]) is (name in expected), (sharing, name)


async def test_an_invisible_asset_looks_like_none_at_all(cast: Cast) -> None:
    asset = await make_asset(cast.assisting)
    stranger = cast.stranger.admin
    ways = [("GET", "", None), ("GET", "/history", None), ("PATCH", "", {"name": "Mine"})]
    ways += [("GET", "/availability?from=2031-01-01T00:00:00Z&to=2031-01-02T00:00:00Z", None)]
    ways += [("POST", f"/{verb}", REASON) for verb in ("take-out-of-service", "return-to-service", "retire")]
    for method, rest, body in ways:
        answers = []
        for asset_id in (asset["id"], ABSENT):
            path = f"/v1/assets/{asset_id}{rest}"
            response = await stranger.send(method, path, **({} if body is None else {"json": body}))
            problem = assert_problem(response, 404, "not_found")
            answers.append({k: v for k, v in problem.items() if k not in ("instance", "trace_id")})
        assert answers[0] == answers[1]


async def test_a_partner_sees_but_does_not_touch(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting)
    asset = await make_asset(cast.assisting)
    path = f"/v1/assets/{asset['id']}"
    found = await cast.requesting.admin.get(path)
    assert found.json()["allowed_actions"] == []
    etag = found.headers["etag"]
    assert_problem(await cast.requesting.admin.patch(path, {"name": "Mine"}, if_match=etag), 403, "forbidden")
    for verb in ("take-out-of-service", "return-to-service", "retire"):
        assert_problem(await cast.requesting.admin.post(f"{path}/{verb}", REASON), 403, "forbidden")
    assert (await cast.requesting.coordinator.done("GET", f"{path}/history?sort=version"))["items"] == []


@pytest.mark.parametrize("other", ["t 1", "T 1 ", "T  1", "\uff34 1", "T\u00a01"])
async def test_a_tag_is_the_same_in_every_spelling(cast: Cast, other: str) -> None:
    await make_asset(cast.assisting, tag="T 1")
    body = {"category": "k9", "name": "Another team (demo)", "tag": other}
    assert_problem(await cast.assisting.admin.post("/v1/assets", body), 409, "asset_tag_taken")
    mine = await make_asset(cast.assisting)
    path = f"/v1/assets/{mine['id']}"
    assert_problem(await cast.assisting.admin.patch(path, {"tag": other}, if_match="*"), 409, "asset_tag_taken")
    assert (await make_asset(cast.requesting, tag=other))["tag"] == other, "shown as its owner writes it"


async def test_a_merge_patch_changes_what_it_names_and_clears_what_is_null(cast: Cast) -> None:
    asset = await make_asset(
        cast.assisting, attributes={"breed": "Malinois", "alert": "passive"}, mobilisation_minutes=9
    )
    path = f"/v1/assets/{asset['id']}"
    admin = cast.assisting.admin
    patch: dict[str, object] = {
        "type_level": None,
        "location": None,
        "mobilisation_minutes": None,
        "hourly_rate": {"amount": "99.00", "currency": "USD"},
        "attributes": {"alert": None, "sex": "female"},
        "certifications": [],
    }
    changed = await admin.done("PATCH", path, patch, if_match=(await admin.get(path)).headers["etag"])
    expected = {
        **asset,
        **patch,
        "attributes": {"breed": "Malinois", "sex": "female"},
        "certification_statuses": [],
        "version": 2,
    }
    expected["hourly_cost"] = {
        "amount": patch["hourly_rate"],
        "stated_in": "asset",
        "effective_on": None,
        "expires_on": None,
    }
    assert {**changed, "updated_at": asset["updated_at"]} == {**expected, "affected_loans": [], "affected_packages": []}


@pytest.mark.parametrize(
    ("attributes", "code", "at"),
    [
        ({"breed": 7}, "invalid_attribute", "breed"),
        ({"dog_age_years": "four"}, "invalid_attribute", "dog_age_years"),
        ({"dog_age_years": 21}, "invalid_attribute", "dog_age_years"),
        ({"alert": "barks"}, "invalid_attribute", "alert"),
        ({"fentanyl_trained": "yes"}, "invalid_attribute", "fentanyl_trained"),
        ({"fentanyl_train": True}, "unknown_attribute", "fentanyl_train"),
    ],
)
async def test_attributes_are_held_against_the_category_when_an_asset_is_made_and_changed(
    cast: Cast, attributes: dict[str, object], code: str, at: str
) -> None:
    admin = cast.assisting.admin
    problem = assert_problem(await admin.post("/v1/assets", {**NEW, "attributes": attributes}), 422, code)
    assert [each["pointer"] for each in problem["errors"]] == [f"/attributes/{at}"]
    path = f"/v1/assets/{(await make_asset(cast.assisting, category='k9.narcotics'))['id']}"
    etag = (await admin.get(path)).headers["etag"]
    problem = assert_problem(await admin.patch(path, {"attributes": attributes}, if_match=etag), 422, code)
    assert [each["pointer"] for each in problem["errors"]] == [f"/attributes/{at}"]


async def test_another_category_has_to_suit_the_attributes_that_stay(cast: Cast) -> None:
    admin = cast.assisting.admin
    van = await admin.done(
        "POST", "/v1/assets", {"category": "vehicle", "name": "Van (demo)", "attributes": {"drive": "tracked"}}
    )
    path = f"/v1/assets/{van['id']}"
    etag = (await admin.get(path)).headers["etag"]
    boat: dict[str, object] = {"category": "vehicle.patrol", "attributes": {"seats": 5}}
    moved = await admin.done("PATCH", path, boat, if_match=etag)
    assert moved["attributes"] == {"drive": "tracked", "seats": 5}
    etag = (await admin.get(path)).headers["etag"]
    drone: dict[str, object] = {"category": "aircraft.drone", "attributes": {"seats": "many"}}
    assert_problem(await admin.patch(path, drone, if_match=etag), 422, "invalid_attribute")
    await admin.done("PATCH", path, {"attributes": {"zooms": 5, "drive": None}}, if_match=etag)
    etag = (await admin.get(path)).headers["etag"]
    # What was free in a vehicle is a slip in a drone.
    problem = assert_problem(
        await admin.patch(path, {"category": "aircraft.drone"}, if_match=etag), 422, "unknown_attribute"
    )
    assert problem["errors"][0]["pointer"] == "/attributes/zooms"


async def test_attributes_are_kept_for_search_as_numbers_and_text(cast: Cast, service: Service) -> None:
    attributes = {"breed": "Malinois", "dog_age_years": 4, "off_lead": True, "shift": 2.5}
    asset = await make_asset(cast.assisting, category="k9.narcotics", attributes=attributes)
    assert await kept_for_search(service, asset["id"]) == {
        "breed": (None, "malinois"),
        "dog_age_years": (4.0, None),
        "off_lead": (None, "true"),
        "shift": (2.5, None),
    }
    path, admin = f"/v1/assets/{asset['id']}", cast.assisting.admin
    patch: dict[str, object] = {"attributes": {"breed": None, "off_lead": False, "shift": None, "dog_age_years": 5}}
    await admin.done("PATCH", path, patch, if_match=(await admin.get(path)).headers["etag"])
    assert await kept_for_search(service, asset["id"]) == {"dog_age_years": (5.0, None), "off_lead": (None, "false")}
    patch = {"name": "Another name"}
    await admin.done("PATCH", path, patch, if_match=(await admin.get(path)).headers["etag"])
    assert await kept_for_search(service, asset["id"]) == {"dog_age_years": (5.0, None), "off_lead": (None, "false")}


async def kept_for_search(service: Service, asset_id: str) -> dict[str, tuple[float | None, str | None]]:
    ours = sa.select(asset_attribute).where(asset_attribute.c.asset_id == UUID(asset_id))
    return {row.name: (row.number, row.text) for row in await service.database.read().all(ours)}


async def test_a_patch_that_changes_nothing_makes_no_version(cast: Cast) -> None:
    asset = await make_asset(cast.assisting)
    path = f"/v1/assets/{asset['id']}"
    admin = cast.assisting.admin
    same = {name: asset[name] for name in ("name", "location", "certifications", "hourly_rate", "attributes", "tag")}
    assert (await admin.done("PATCH", path, same, if_match=(await admin.get(path)).headers["etag"]))["version"] == 1
    assert len((await admin.done("GET", f"{path}/history?sort=version"))["items"]) == 1


async def test_editing_needs_the_current_version(cast: Cast) -> None:
    path = f"/v1/assets/{(await make_asset(cast.assisting))['id']}"
    admin = cast.assisting.admin
    assert_problem(await admin.patch(path, {"name": "One"}), 428, "precondition_required")
    etag = (await admin.get(path)).headers["etag"]
    assert (await admin.get(path, headers={"if-none-match": etag})).status_code == 304
    await admin.done("PATCH", path, {"name": "Two"}, if_match=etag)
    assert_problem(await admin.patch(path, {"name": "Three"}, if_match=etag), 412, "stale_version")
    assert_problem(await admin.send("POST", f"{path}/retire", json=REASON, headers={"if-match": etag}), 412)


async def test_service_statuses_change_only_as_the_table_says(cast: Cast) -> None:
    path = f"/v1/assets/{(await make_asset(cast.assisting))['id']}"
    admin = cast.assisting.admin
    assert_problem(await admin.post(f"{path}/return-to-service", REASON), 409, "wrong_status")
    key = f"out-{uuid4()}"
    out = await admin.post(f"{path}/take-out-of-service", REASON, key=key)
    assert out.json()["service_status"] == "out_of_service"
    assert (await admin.post(f"{path}/take-out-of-service", REASON, key=key)).content == out.content
    assert_problem(await admin.post(f"{path}/take-out-of-service", REASON), 409, "wrong_status")
    assert (await admin.done("POST", f"{path}/return-to-service", REASON))["service_status"] == "in_service"
    retired = await admin.post(f"{path}/retire", REASON)
    assert not any(action["allowed"] for action in retired.json()["allowed_actions"])
    for verb in ("take-out-of-service", "return-to-service", "retire"):
        assert_problem(await admin.post(f"{path}/{verb}", REASON), 409, "wrong_status")
    edit = await admin.patch(path, {"name": "Again"}, if_match=retired.headers["etag"])
    assert_problem(edit, 409, "asset_retired")


async def test_a_change_of_state_needs_its_reason(cast: Cast) -> None:
    path = f"/v1/assets/{(await make_asset(cast.assisting))['id']}"
    assert_problem(await cast.assisting.admin.post(f"{path}/retire", {}), 400, "invalid_body")
    assert_problem(await cast.assisting.admin.post(f"{path}/retire", {"reason": ""}), 400, "invalid_body")


async def test_history_tells_what_changed_and_repeats_no_free_text(cast: Cast) -> None:
    asset = await make_asset(cast.assisting)
    path = f"/v1/assets/{asset['id']}"
    admin = cast.assisting.admin
    etag = (await admin.get(path)).headers["etag"]
    edit = {"name": "Handler named here", "capacity": 2, "location": {"latitude": 45.5, "longitude": -93}}
    await admin.done("PATCH", path, edit, if_match=etag)
    await admin.done("POST", f"{path}/take-out-of-service", REASON)
    history = await cast.assisting.auditor.get(f"{path}/history?sort=version")
    events = history.json()["items"]
    assert [e["type"] for e in events] == ["asset.created", "asset.updated", "asset.taken_out_of_service"]
    assert events[1]["data"]["capacity"] == {"from": 1, "to": 2}
    assert events[1]["data"]["location"]["to"] == {"latitude": "45.5", "longitude": "-93.0"}
    assert "Handler named here" not in history.text


async def test_availability_says_how_many_are_free_and_when_not_but_never_who(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting)
    asset = await make_asset(cast.assisting, category="communications.radio_cache", capacity=40, type_level=None)
    start = datetime(2031, 5, 1, tzinfo=UTC)
    hour = timedelta(hours=1)
    for begins, ends, quantity in ((2, 4, 30), (3, 6, 8), (10, 12, 39)):
        async with unit_of_work(service.database) as write:
            await allocate(
                write,
                await lock_for_booking(write, UUID(asset["id"])),
                allocation_id=new_id(),
                loan_id=new_id(),
                quantity=quantity,
                window=Window(start=start + begins * hour, end=start + ends * hour),
                requesting_agency_id=cast.neighbour.id,
                assisting_agency_id=cast.assisting.id,
                now=start - hour,
            )
    path = f"/v1/assets/{asset['id']}/availability"
    asked = "from=2031-05-01T00:00:00Z&to=2031-05-02T00:00:00Z"
    response = await cast.requesting.coordinator.get(f"{path}?{asked}&quantity=3")
    assert response.json() == {
        "asset_id": asset["id"],
        "window": {"start": "2031-05-01T00:00:00Z", "end": "2031-05-02T00:00:00Z"},
        "capacity": 40,
        "service_status": "in_service",
        "free_quantity": 1,
        "blocking": [
            {"start": "2031-05-01T03:00:00Z", "end": "2031-05-01T04:00:00Z"},
            {"start": "2031-05-01T10:00:00Z", "end": "2031-05-01T12:00:00Z"},
        ],
        "intervals": [
            {
                "start": f"2031-05-01T{begins:02}:00:00Z",
                "end": f"2031-05-01T{ends:02}:00:00Z" if ends < 24 else "2031-05-02T00:00:00Z",
                "free_quantity": free,
                "blocked_by": ["loan"] if free < 40 else [],
            }
            for begins, ends, free in (
                *((0, 2, 40), (2, 3, 10), (3, 4, 2), (4, 6, 32), (6, 10, 40), (10, 12, 1), (12, 24, 40)),
            )
        ],
        "next_free": "2031-05-01T12:00:00Z",
        "weeks": None,
        "certified": [
            {
                "recorded_as": "certification",
                "code": "uspca_narcotics",
                "issuer": None,
                "effective_on": "2024-01-15",
                "expires_on": str(LONG_AHEAD),
                "holds": "current",
            }
        ],
    }
    assert str(cast.neighbour.id) not in response.text
    path = f"/v1/assets/{(await make_asset(cast.assisting))['id']}"
    await cast.assisting.admin.done("POST", f"{path}/take-out-of-service", REASON)
    assert (await cast.requesting.coordinator.done("GET", f"{path}/availability?{asked}"))["free_quantity"] == 0


async def test_what_is_overdue_is_not_available_at_any_time(service: Service, cast: Cast) -> None:
    asset = await make_asset(cast.assisting)
    now = datetime.now(UTC)
    loan_id = new_id()
    async with unit_of_work(service.database) as write:
        await allocate(
            write,
            await lock_for_booking(write, UUID(asset["id"])),
            allocation_id=new_id(),
            loan_id=loan_id,
            quantity=1,
            window=Window(start=now - timedelta(days=2), end=now - timedelta(days=1)),
            requesting_agency_id=cast.requesting.id,
            assisting_agency_id=cast.assisting.id,
            now=now - timedelta(days=3),
        )
        await mark_out(write, await lock_for_booking(write, UUID(asset["id"])), loan_id, now - timedelta(days=2))
    asked = "from=2150-05-01T00:00:00Z&to=2150-05-02T00:00:00Z"
    found = await cast.assisting.coordinator.done("GET", f"/v1/assets/{asset['id']}/availability?{asked}")
    assert found["free_quantity"] == 0
    assert found["blocking"] == [{"start": "2150-05-01T00:00:00Z", "end": "2150-05-02T00:00:00Z"}]


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [
        ("from=2031-05-02T00:00:00Z&to=2031-05-01T00:00:00Z", 422, "to"),
        ("from=2031-05-01T00:00:00Z&to=2031-05-01T00:00:00Z", 422, "to"),
        ("from=1800-05-01T00:00:00Z&to=2031-05-01T00:00:00Z", 422, "from"),
        ("from=2031-05-01T00:00:00&to=2031-05-02T00:00:00Z", 400, "from"),
        ("from=2031-05-01T00:00:00Z&to=2031-05-02T00:00:00Z&quantity=0", 400, "quantity"),
    ],
)
async def test_a_window_that_is_none_is_refused_by_name(cast: Cast, query: str, status: int, parameter: str) -> None:
    asset = await make_asset(cast.assisting)
    response = await cast.assisting.coordinator.get(f"/v1/assets/{asset['id']}/availability?{query}")
    assert assert_problem(response, status)["errors"][0]["parameter"] == parameter


async def test_a_list_by_several_statuses_finds_assets_in_any_of_them(cast: Cast) -> None:
    made = {
        name: await make_asset(cast.assisting, name=name, sharing=sharing)
        for name, sharing in {"one": "network", "two": "agreement", "three": "private"}.items()
    }
    path = f"/v1/assets/{made['two']['id']}/take-out-of-service"
    await cast.assisting.admin.done("POST", path, {"reason": "a new clutch"})

    async def found(query: str) -> set[str]:
        page = await cast.assisting.coordinator.done("GET", f"/v1/assets?agency_id={cast.assisting.id}&{query}")
        return {each["name"] for each in page["items"]} & made.keys()

    assert await found("service_status=in_service") == {"one", "three"}
    assert await found("service_status=in_service&service_status=out_of_service") == {"one", "two", "three"}
    assert await found("sharing=network&sharing=agreement") == {"one", "two"}
    assert await found("sharing=network&sharing=private&service_status=out_of_service") == set()
