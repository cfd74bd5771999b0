"""An agency's people from a table: suggestions, a check, and entry by their own number; nobody else learns a name."""

from typing import Any

from registry.app import IMPORTERS
from registry.platform.access.principals import Role
from tests.support.cast import Cast
from tests.support.imports import csv_of, rows_of, run, send_file, uploaded
from tests.support.problems import assert_problem

HEADERS = ("Employee Number", "Name", "Spanish", "Tested", "Skills", "License", "Issued by", "Expires")
MAPPING: dict[str, Any] = {
    "tag": {"header": "Employee Number"},
    "display_name": {"header": "Name"},
    "capability.language.spa": {"header": "Spanish"},
    "tested.language.spa": {"header": "Tested"},
    "tested_on": {"constant": "2026-02-10"},
    "tested_by": {"constant": "Language board (demo)"},
    "capabilities": {"header": "Skills"},
    "credential.title": {"header": "License"},
    "credential.issuer": {"header": "Issued by"},
    "credential.expires_on": {"header": "Expires"},
}


def person(tag: str, **cells: str) -> list[str]:
    """A row, with a made-up name that stands nowhere else."""
    row = dict.fromkeys(HEADERS, "") | {"Employee Number": tag, "Name": f"Zyx{tag} (demo)"} | cells
    return [row[header] for header in HEADERS]


def table(*rows: list[str]) -> bytes:
    return csv_of(*rows, headers=HEADERS)


async def record(cast: Cast, tag: str) -> dict[str, Any]:
    keeper = cast.assisting.coordinator
    (found,) = (await keeper.done("GET", f"/v1/personnel?tag={tag}"))["items"]
    whole: dict[str, Any] = await keeper.done("GET", f"/v1/personnel/{found['id']}")
    return whole


async def test_people_are_suggested_checked_entered_and_met_again_by_their_number(cast: Cast) -> None:
    admin = cast.assisting.admin
    full = person(
        "P-1", Spanish="2+", Tested="3", Skills="negotiation=expert", License="EMT licence", Expires="2030-01-31"
    )
    full[HEADERS.index("Issued by")] = "EMS board (demo)"
    found = await uploaded(admin, table(full, person("P-2")), kind="personnel")
    suggested = {name: source["header"] for name, source in found["suggested_mapping"].items()}
    assert suggested["tag"] == "Employee Number"
    assert suggested["display_name"] == "Name"
    assert suggested["capability.language.spa"] == "Spanish"
    assert (suggested["credential.title"], suggested["capabilities"]) == ("License", "Skills")
    assert found["missing"] == []
    checked = await run(admin, found, mapping=MAPPING, dry_run=True)
    assert (checked["status"], checked["counts"]["created"]) == ("checked", 2)
    assert (await cast.assisting.coordinator.done("GET", "/v1/personnel"))["items"] == []
    assert (await run(admin, found, mapping=MAPPING))["counts"]["created"] == 2
    one = await record(cast, "P-1")
    assert {each["capability"]: each["self_reported_level"] for each in one["capabilities"]} == {
        "language.spa": "2+",
        "negotiation": "expert",
    }
    (tested,) = (each["tested"] for each in one["capabilities"] if each["tested"])
    assert tested == {"level": "3", "tested_on": "2026-02-10", "tested_by": "Language board (demo)"}
    assert [(each["title"], each["verification"]) for each in one["credentials"]] == [("EMT licence", "unverified")]
    assert (await run(admin, found, mapping=MAPPING))["counts"]["unchanged"] == 2
    more = person("p1", Spanish="3", License="Pilot certificate", Expires="2031-01-31")
    more[HEADERS.index("Issued by")] = "FAA"
    ran = await run(admin, await uploaded(admin, table(more), kind="personnel"), mapping=MAPPING)
    assert ran["counts"]["updated"] == 1
    one = await record(cast, "P-1")
    assert [each["title"] for each in one["credentials"]] == ["EMT licence", "Pilot certificate"]
    said = {each["capability"]: (each["self_reported_level"], each["tested"] is None) for each in one["capabilities"]}
    assert said == {"language.spa": ("3", False), "negotiation": ("expert", True)}, "what a row leaves out stays"


async def test_what_cannot_be_is_refused_at_its_column(cast: Cast) -> None:
    admin = cast.assisting.admin
    rows = [
        person("1", Spanish="fluent"),
        person("2", Tested="5+"),
        person("3", Skills="telepathy"),
        person("4", License="EMT licence"),
        person("--"),
    ]
    found = await uploaded(admin, table(*rows), kind="personnel")
    ran = await run(admin, found, mapping=MAPPING)
    assert ran["counts"]["refused"] == 5
    faults = [row["faults"][0] for row in await rows_of(admin, found)]
    assert [(each["header"], each["code"]) for each in faults[:3]] == [
        ("Spanish", "level_not_on_scale"),
        ("Tested", "level_not_on_scale"),
        ("Skills", "unknown_capability"),
    ]
    assert faults[3]["field"] == "credential.issuer"
    assert (faults[4]["header"], faults[4]["code"]) == ("Employee Number", "tag_without_letters")
    without = {name: source for name, source in MAPPING.items() if name != "tested_on"}
    ran = await run(admin, await uploaded(admin, table(person("5", Tested="3")), kind="personnel"), mapping=without)
    (row,) = await rows_of(admin, ran)
    assert (row["faults"][0]["header"], row["faults"][0]["code"]) == ("Tested", "test_incomplete")


async def test_only_whoever_may_record_people_imports_them_and_only_readers_of_people_see_the_table(cast: Cast) -> None:
    owner, service = cast.assisting, cast.assisting.service
    content = table(person("P-7"))
    found = await uploaded(owner.admin, content, kind="personnel")
    await run(owner.admin, found, mapping=MAPPING)
    path = f"/v1/imports/{found['id']}"
    blind = service.caller(owner.id, Role.SERVICE, scope="imports:run assets:create assets:update")
    assert_problem(await send_file(blind, content, "personnel"), 403, "forbidden")
    for part in ("", "/rows", "/report.csv"):
        assert_problem(await blind.get(path + part), 403, "forbidden")
        assert_problem(await cast.stranger.admin.get(path + part), 404, "not_found")
    assert_problem(await blind.post(f"{path}/run", {"mapping": MAPPING}), 403, "forbidden")
    assert "Zyx" not in (await blind.get("/v1/imports")).text
    history = await owner.auditor.get(f"/v1/personnel/{(await record(cast, 'P-7'))['id']}/history")
    assert history.status_code == 200
    assert "Zyx" not in history.text


def test_a_key_is_the_number_in_one_form() -> None:
    importer = IMPORTERS.by_kind["personnel"]
    assert importer.key_of({"tag": "P-0417"}) == importer.key_of({"tag": "p 0417"}) != importer.key_of({"tag": "P-417"})
