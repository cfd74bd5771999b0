"""Categories that agencies add: their own to keep, everybody's to see, covered by what covers the ones above."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from registry.directory.taxonomy.commands.seeding import seed_taxonomy
from registry.directory.taxonomy.queries import own_words
from registry.directory.taxonomy.rules import MOST_OWN_CATEGORIES, own_code
from registry.directory.taxonomy.schemas import NEW_CATEGORY_EXAMPLE
from registry.directory.taxonomy.tables import category
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.imports import run, uploaded
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

WHY = {"reason": "Sold (demo)"}
ROOT_VERSION = sa.select(category.c.version).where(category.c.code == "any")
CABLE: dict[str, Any] = {
    "name": "cable_m",
    "kind": "number",
    "measured_in": "m",
    "minimum": 0,
    "maximum": 500,
    "description": "Length of its cable.",
}
MAST = {**CABLE, "name": "mast_m", "measured_in": "ft"}


async def added(agency: Agency, **fields: Any) -> dict[str, Any]:
    """A category of the agency."""
    body = {**NEW_CATEGORY_EXAMPLE, "name": f"Tethered drone {uuid4().hex[:8]}", **fields}
    made: dict[str, Any] = await agency.admin.done("POST", "/v1/categories", body)
    return made


async def asset_of(agency: Agency, code: str, **fields: Any) -> dict[str, Any]:
    body = {"category": code, "name": "Tethered drone 1 (demo)", "sharing": "agreement", **fields}
    made: dict[str, Any] = await agency.admin.done("POST", "/v1/assets", body)
    return made


async def etag(agency: Agency, path: str) -> str:
    return str((await agency.admin.get(path)).headers["etag"])


async def test_an_agency_adds_a_category_that_everybody_sees(cast: Cast) -> None:
    body = {**NEW_CATEGORY_EXAMPLE, "name": "Tethered drone (demo)"}
    response = await cast.assisting.admin.post("/v1/categories", body)
    assert response.status_code == 201, response.text
    made = response.json()
    assert made["code"] == f"own-{cast.assisting.id.hex[-12:]}.tethered_drone_demo"
    assert response.headers["location"] == f"/v1/categories/{made['code']}"
    assert made["agency"] == {"id": str(cast.assisting.id), "name": cast.assisting.name}
    assert made["ancestors"] == ["any", "aircraft", "aircraft.drone"]
    assert (made["resource_kind"], made["status"], made["version"]) == ("aircraft", "in_use", 1)
    assert [each["action"] for each in made["allowed_actions"]] == ["update", "retire"]
    read = await cast.stranger.auditor.done("GET", response.headers["location"])
    assert read == {**made, "allowed_actions": []}


async def test_what_holds_above_holds_for_it(cast: Cast) -> None:
    made = await added(cast.assisting)
    assert (made["typing"], [each["level"] for each in made["types"]]) == ("levels_only", [1, 2])
    assert made["speed_kmh"] == 80
    names = [(each["name"], each["defined_by"]) for each in made["attributes"]]
    assert ("seats", "aircraft") in names
    assert names[-1] == ("cable_m", made["code"])
    faster = await added(cast.assisting, speed_kmh=60)
    assert (faster["speed_kmh"], faster["speed_basis"]) == (60, "Stated by the agency that added the category.")


async def test_an_asset_of_it_is_found_under_the_categories_above_at_once(cast: Cast) -> None:
    admin = cast.assisting.admin
    mine = f"agency_id={cast.assisting.id}"
    assert (await admin.done("GET", f"/v1/assets?category=aircraft&{mine}"))["items"] == []
    made = await added(cast.assisting)
    asset = await asset_of(cast.assisting, made["code"], type_level=2, attributes={"cable_m": 100, "indoor": False})
    for code in ("aircraft", "aircraft.drone", made["code"]):
        found = (await admin.done("GET", f"/v1/assets?category={code}&{mine}"))["items"]
        assert [each["id"] for each in found] == [asset["id"]], code
    assert made["code"] in [
        each["code"] for each in (await admin.done("GET", "/v1/categories?under=aircraft&limit=200"))["items"]
    ]
    alias = await added(cast.assisting, aliases=["zeppelin on a string"])
    found = (await cast.stranger.coordinator.done("GET", "/v1/categories?q=zeppelin&limit=200"))["items"]
    assert alias["code"] in [each["code"] for each in found]


async def test_its_assets_have_its_types_and_attributes_and_those_above(cast: Cast) -> None:
    made = await added(cast.assisting)
    new = {"category": made["code"], "name": "Drone (demo)"}
    admin = cast.assisting.admin
    assert_problem(await admin.post("/v1/assets", {**new, "type_level": 3}), 422, "unknown_type_level")
    for attributes in ({"cable_m": 501}, {"cable_m": "long"}, {"indoor": "yes"}):
        assert_problem(await admin.post("/v1/assets", {**new, "attributes": attributes}), 422, "invalid_attribute")
    assert_problem(await admin.post("/v1/assets", {**new, "attributes": {"cables_m": 1}}), 422, "unknown_attribute")


async def test_an_agreement_on_the_category_above_covers_its_assets(service: Service, cast: Cast) -> None:
    made = await added(cast.assisting)
    asset = await asset_of(cast.assisting, made["code"])
    await sign_agreement(service, cast.assisting, cast.requesting, terms={"categories": ["aircraft.drone"]})
    lendable = f"/v1/assets?lendable=true&category=aircraft.drone&agency_id={cast.assisting.id}"
    found = (await cast.requesting.coordinator.done("GET", lendable))["items"]
    assert [each["id"] for each in found] == [asset["id"]]


async def test_another_agency_neither_uses_nor_edits_nor_retires_it(cast: Cast) -> None:
    path = f"/v1/categories/{(made := await added(cast.assisting))['code']}"
    other = cast.requesting.admin
    problem = assert_problem(
        await other.post("/v1/assets", {"category": made["code"], "name": "Theirs (demo)"}), 422, "unknown_category"
    )
    assert problem["errors"][0]["pointer"] == "/category"
    tag = await etag(cast.assisting, path)
    assert_problem(await other.patch(path, {"name": "Theirs"}, if_match=tag), 403, "forbidden")
    assert_problem(await other.post(f"{path}/retire", WHY), 403, "forbidden")
    again = await cast.requesting.admin.post("/v1/categories", {**NEW_CATEGORY_EXAMPLE, "name": made["name"]})
    assert again.status_code == 201, "each agency has names of its own"


async def test_it_needs_a_token_and_an_administrator(service: Service, cast: Cast) -> None:
    path = f"/v1/categories/{(await added(cast.assisting))['code']}"
    tag = await etag(cast.assisting, path)
    assert_problem(await service.anonymous.post("/v1/categories", NEW_CATEGORY_EXAMPLE), 401, "unauthenticated")
    assert_problem(await service.anonymous.patch(path, {"name": "N"}), 401, "unauthenticated")
    assert_problem(await service.anonymous.post(f"{path}/retire", WHY), 401, "unauthenticated")
    for role in (Role.COORDINATOR, Role.APPROVER, Role.LEGAL, Role.AUDITOR):
        caller = cast.assisting.as_(role)
        assert_problem(await caller.post("/v1/categories", NEW_CATEGORY_EXAMPLE), 403, "forbidden")
        assert_problem(await caller.patch(path, {"name": "N"}, if_match=tag), 403, "forbidden")
        assert_problem(await caller.post(f"{path}/retire", WHY), 403, "forbidden")


@pytest.mark.parametrize(
    ("change", "status", "code", "pointer"),
    [
        ({"parent": "any"}, 422, "unknown_category", "/parent"),
        ({"parent": "aircraft.unicorn"}, 422, "unknown_category", "/parent"),
        ({"parent": "Aircraft"}, 400, "invalid_body", "/parent"),
        ({"name": ""}, 400, "invalid_body", "/name"),
        ({"code": "mine"}, 400, "unknown_field", "/code"),
        ({"speed_kmh": 0}, 400, "invalid_body", "/speed_kmh"),
        ({"attributes": [{**CABLE, "name": "Cable"}]}, 400, "invalid_body", "/attributes/0/name"),
        ({"attributes": [{**CABLE, "kind": "date"}]}, 400, "invalid_body", "/attributes/0/kind"),
        ({"attributes": [{**CABLE, "minimum": 9, "maximum": 1}]}, 422, "invalid_definition", "/attributes/0"),
        ({"attributes": [{**CABLE, "kind": "text"}]}, 422, "invalid_definition", "/attributes/0"),
        ({"attributes": [CABLE, CABLE]}, 422, "invalid_definition", "/attributes/1"),
        ({"attributes": [{**CABLE, "name": "seats"}]}, 422, "invalid_definition", "/attributes/0"),  # of `aircraft`
        (
            {"attributes": [{**CABLE, "name": "mast_m", "measured_in": "ft"}]},
            422,
            "invalid_definition",
            "/attributes/0",
        ),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_place(
    cast: Cast, change: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    body = {**NEW_CATEGORY_EXAMPLE, "name": f"Refused {uuid4().hex}", **change}
    problem = assert_problem(await cast.assisting.admin.post("/v1/categories", body), status, code)
    assert [each["pointer"] for each in problem["errors"]] == [pointer]


async def test_none_is_added_under_one_that_an_agency_added(cast: Cast) -> None:
    made = await added(cast.assisting)
    body = {**NEW_CATEGORY_EXAMPLE, "parent": made["code"], "name": "Deeper (demo)"}
    assert_problem(await cast.assisting.admin.post("/v1/categories", body), 422, "unknown_category")


async def test_a_name_serves_once_and_a_repeat_is_answered_alike(cast: Cast) -> None:
    admin = cast.assisting.admin
    body, key = {**NEW_CATEGORY_EXAMPLE, "name": "Repeated (demo)"}, uuid4().hex
    first = await admin.post("/v1/categories", body, key=key)
    again = await admin.post("/v1/categories", body, key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert_problem(await admin.post("/v1/categories", body), 409, "category_name_taken")


async def test_two_that_come_at_once_with_one_name_are_one(cast: Cast) -> None:
    admin = cast.assisting.admin
    body = {**NEW_CATEGORY_EXAMPLE, "name": "At once (demo)"}
    answers = await asyncio.gather(*(admin.post("/v1/categories", body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


@pytest.mark.one_database
async def test_an_agency_adds_so_many_and_no_more(cast: Cast) -> None:
    for number in range(MOST_OWN_CATEGORIES):
        await added(cast.stranger, name=f"Category {number}", attributes=[])
    body = {**NEW_CATEGORY_EXAMPLE, "name": "One more (demo)"}
    assert_problem(await cast.stranger.admin.post("/v1/categories", body), 409, "too_many_categories")
    found = await cast.stranger.admin.done("GET", f"/v1/assets?category=aircraft&agency_id={cast.stranger.id}")
    assert found["items"] == []


async def test_its_assets_are_found_by_its_new_words_at_once(cast: Cast) -> None:
    admin, mine = cast.assisting.admin, f"agency_id={cast.assisting.id}"
    made = await added(cast.assisting)
    asset = await asset_of(cast.assisting, made["code"])
    assert (await admin.done("GET", f"/v1/assets?q=quillkite&{mine}"))["items"] == []
    await admin.done("PATCH", f"/v1/categories/{made['code']}", {"aliases": ["quillkite"]}, if_match="*")
    (found,) = (await admin.done("GET", f"/v1/assets?q=quillkite&{mine}"))["items"]
    assert (found["id"], found["version"]) == (asset["id"], asset["version"])


async def test_an_alias_that_leads_astray_is_refused_by_name(cast: Cast) -> None:
    admin, made = cast.assisting.admin, await added(cast.assisting, aliases=["sky kite"])
    path = f"/v1/categories/{made['code']}"
    name = (await admin.done("GET", "/v1/categories/k9.narcotics"))["name"]
    for astray, code, named in ((name.upper(), "alias_taken", "k9.narcotics"), ("Team", "alias_too_common", "Team")):
        body = {**NEW_CATEGORY_EXAMPLE, "name": f"Kite {uuid4().hex[:8]}", "aliases": ["sky kite", astray]}
        for refused in (
            await admin.post("/v1/categories", body),
            await admin.patch(path, {"aliases": ["sky kite", astray]}, if_match="*"),
        ):
            assert named in assert_problem(refused, 422, code)["detail"]
    other = await added(cast.assisting)
    refused = await admin.patch(path, {"aliases": [other["name"]]}, if_match="*")
    assert other["code"] in assert_problem(refused, 422, "alias_taken")["detail"]
    same = await admin.done("PATCH", path, {"aliases": ["kite team"]}, if_match="*")
    assert same["aliases"] == ["kite team"]


async def test_it_is_corrected_with_its_version(cast: Cast) -> None:
    path = f"/v1/categories/{(made := await added(cast.assisting))['code']}"
    admin = cast.assisting.admin
    assert_problem(await admin.patch(path, {"name": "One"}), 428, "precondition_required")
    tag = await etag(cast.assisting, path)
    attributes = [{**CABLE, "maximum": 900}, {"name": "spare_cable", "kind": "boolean", "description": "Has another."}]
    patch = {"name": "Kite (demo)", "aliases": ["kite"], "speed_kmh": 50, "attributes": attributes}
    changed = await admin.done("PATCH", path, patch, if_match=tag)
    assert (changed["code"], changed["version"]) == (made["code"], 2)
    assert (changed["name"], changed["aliases"], changed["speed_kmh"]) == ("Kite (demo)", ["kite"], 50)
    own = [each for each in changed["attributes"] if each["defined_by"] == made["code"]]
    assert [(each["name"], each["maximum"]) for each in own] == [("cable_m", 900), ("spare_cable", None)]
    assert_problem(await admin.patch(path, {"name": "Three"}, if_match=tag), 412, "stale_version")
    same = await admin.done("PATCH", path, patch, if_match=await etag(cast.assisting, path))
    assert same["version"] == 2
    asset = await asset_of(cast.assisting, made["code"], attributes={"cable_m": 800, "spare_cable": True})
    assert asset["attributes"] == {"cable_m": 800, "spare_cable": True}


async def test_what_an_attribute_is_stays(cast: Cast) -> None:
    path = f"/v1/categories/{(await added(cast.assisting))['code']}"
    for other in ({"kind": "boolean", "measured_in": None, "minimum": None, "maximum": None}, {"measured_in": "ft"}):
        response = await cast.assisting.admin.patch(
            path, {"attributes": [{**CABLE, **other}]}, if_match=await etag(cast.assisting, path)
        )
        assert_problem(response, 422, "invalid_definition")


async def test_a_category_that_all_share_is_nobodys_to_change(service: Service, cast: Cast) -> None:
    path = "/v1/categories/aircraft.drone"
    tag = await etag(cast.assisting, path)
    assert_problem(await cast.assisting.admin.patch(path, {"name": "Mine"}, if_match=tag), 403, "forbidden")
    assert_problem(await cast.assisting.admin.post(f"{path}/retire", WHY), 403, "forbidden")
    assert_problem(await service.operator.post(f"{path}/retire", WHY), 409, "shared_category")
    assert_problem(await cast.assisting.admin.post("/v1/categories/own-0.nothing/retire", WHY), 404, "not_found")
    for code, status in ((path.rsplit("/", 1)[1], 200), ("own-0.nothing", 404)):
        assert (await cast.assisting.auditor.get(f"/v1/categories/{code}/history")).status_code == status
    assert (await cast.assisting.auditor.done("GET", f"{path}/history"))["items"] == [], "it comes with the release"
    assert_problem(await service.anonymous.get(f"{path}/history"), 401, "unauthenticated")
    assert_problem(await cast.assisting.auditor.get(f"{path}/history?sort=name"), 400)


async def test_a_retired_one_takes_no_new_asset_and_keeps_those_it_has(cast: Cast) -> None:
    admin = cast.assisting.admin
    path = f"/v1/categories/{(made := await added(cast.assisting))['code']}"
    asset = await asset_of(cast.assisting, made["code"])
    van = await asset_of(cast.assisting, "vehicle", name="Van (demo)")
    retired = await admin.done("POST", f"{path}/retire", WHY)
    assert (retired["status"], retired["version"]) == ("retired", 2)
    told = await cast.stranger.auditor.done("GET", f"{path}/history?sort=version")
    assert [(each["type"], each["subject"]["version"]) for each in told["items"]] == [
        ("category.added", 1),
        ("category.retired", 2),
    ]
    assert told["agencies"] == [{"id": str(cast.assisting.id), "name": cast.assisting.name}]
    assert_problem(await admin.post(f"{path}/retire", WHY), 409, "category_retired")
    assert_problem(
        await admin.patch(path, {"name": "N"}, if_match=await etag(cast.assisting, path)), 409, "category_retired"
    )
    new = {"category": made["code"], "name": "Another (demo)"}
    assert_problem(await admin.post("/v1/assets", new), 409, "category_retired")
    moved = f"/v1/assets/{van['id']}"
    response = await admin.patch(moved, {"category": made["code"]}, if_match=await etag(cast.assisting, moved))
    assert_problem(response, 409, "category_retired")
    kept = f"/v1/assets/{asset['id']}"
    renamed = await admin.done("PATCH", kept, {"name": "Kept"}, if_match=await etag(cast.assisting, kept))
    assert renamed["category"] == made["code"]
    mine = f"agency_id={cast.assisting.id}"
    found = (await admin.done("GET", f"/v1/assets?category=aircraft.drone&{mine}"))["items"]
    assert [each["id"] for each in found] == [asset["id"]]


async def test_the_operator_retires_what_an_agency_should_not_have_added(service: Service, cast: Cast) -> None:
    path = f"/v1/categories/{(await added(cast.assisting))['code']}"
    assert (await service.operator.done("POST", f"{path}/retire", WHY))["status"] == "retired"
    stale = await added(cast.assisting)
    response = await service.operator.post(f"/v1/categories/{stale['code']}/retire", WHY, if_match='"7-00000000"')
    assert_problem(response, 412, "stale_version")


async def test_an_upgrade_leaves_what_agencies_added_and_the_count_of_changes(service: Service, cast: Cast) -> None:
    made = await added(cast.assisting)
    root = await cast.assisting.admin.done("GET", "/v1/categories/any")
    async with unit_of_work(service.database) as write:
        assert await seed_taxonomy(write) == 0
        async with write.rehearsal():
            counted = await write.value(ROOT_VERSION)
            await write.run(category.update().where(category.c.code == "k9").values(name="Other animals"))
            assert await seed_taxonomy(write) == 1
            assert await write.value(ROOT_VERSION) == counted + 1, "who serves meanwhile reads the tree anew"
    assert await cast.assisting.admin.done("GET", f"/v1/categories/{made['code']}") == made
    assert (await cast.assisting.admin.done("GET", "/v1/categories/any"))["version"] >= root["version"] > 1


async def test_its_words_are_known_as_its_agencys_and_gone_when_it_is_retired(service: Service, cast: Cast) -> None:
    made = await added(cast.assisting, aliases=["drug dog"])
    found = [each for each in await own_words(service.database.read()) if each[0].category == made["code"]]
    assert [(each.phrase, each.source, owner) for each, owner in found] == [
        (made["name"], "agency", cast.assisting.id),
        ("drug dog", "agency", cast.assisting.id),
    ]
    await cast.assisting.admin.done("POST", f"/v1/categories/{made['code']}/retire", WHY)
    assert not [each for each in await own_words(service.database.read()) if each[0].category == made["code"]]


async def test_a_table_of_its_agency_says_it_by_its_name(cast: Cast) -> None:
    made = await added(cast.assisting, aliases=["kite carrier"])
    table = f"tag,name,category\nK-1,One,{made['name']}\nK-2,Two,Kite carrier\n".encode()
    for owner, created in ((cast.assisting, 2), (cast.stranger, 0)):
        found = await uploaded(owner.admin, table)
        ran = await run(owner.admin, found, mapping=found["suggested_mapping"])
        assert ran["counts"]["created"] == created, "the words are its agency's alone"
    listed = (await cast.assisting.admin.done("GET", f"/v1/assets?category={made['code']}"))["items"]
    assert {each["tag"] for each in listed} == {"K-1", "K-2"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Tethered drone (demo)", "own-00000000beef.tethered_drone_demo"),
        ("K-9 überwachung", "own-00000000beef.k9_uberwachung"),
        ("犬", "own-00000000beef.category"),
        ("x" * 90, "own-00000000beef." + "x" * 40),
    ],
)
def test_a_code_is_the_agencys_and_plain(name: str, code: str) -> None:
    assert own_code("01a223ae9a2f7331a81a00000000beef", name) == code
