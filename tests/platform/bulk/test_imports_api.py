"""Imports over HTTP: a file is uploaded, mapped, checked and written; every row says what became of it."""

from typing import Any, get_args

import pytest

from registry.app import IMPORTERS
from registry.platform.access.principals import Role
from registry.platform.bulk.schemas import ImportKind
from tests.support.cast import Cast
from tests.support.imports import MAPPING, csv_of, imported, rows_of, run, send_file, unit_row, uploaded, xlsx_of
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_long

NOTHING = {"created": 0, "updated": 0, "unchanged": 0, "refused": 0}


async def assets(cast: Cast) -> dict[str, dict[str, Any]]:
    """The agency's assets by tag."""
    page = await cast.assisting.admin.done("GET", f"/v1/assets?agency_id={cast.assisting.id}&limit=200")
    return {item["tag"]: item for item in page["items"]}


async def test_an_upload_suggests_a_mapping_and_enters_nothing(cast: Cast) -> None:
    content = csv_of(unit_row("11", Type="Drug dog"), unit_row("12", Type="K9 team"))
    found = await uploaded(cast.assisting.admin, content, filename="fleet.csv")
    assert (found["status"], found["rows"], found["header_row"]) == ("uploaded", 2, 1)
    assert found["read_as"] == "UTF-8, with commas between cells"
    suggested = {each["header"]: each["suggestion"] for each in found["columns"]}
    assert {header: each["field"] for header, each in suggested.items()} == {
        "Unit": "tag",
        "Title": "name",
        "Type": "category",
        "Lat": "location.latitude",
        "Lon": "location.longitude",
    }
    assert all(0.8 <= each["confidence"] <= 1 and each["because"] for each in suggested.values())
    assert found["columns"][0] == {
        "column": "A",
        "header": "Unit",
        "examples": ["11", "12"],
        "suggestion": suggested["Unit"],
    }
    assert found["suggested_mapping"]["category"]["values"] == {"Drug dog": "k9.narcotics", "K9 team": "k9"}
    assert found["missing"] == []
    assert await assets(cast) == {}


async def test_what_is_suggested_can_be_sent_as_it_is(cast: Cast) -> None:
    found = await uploaded(cast.assisting.admin, csv_of(unit_row("11", Type="Drug dog")))
    ran = await run(cast.assisting.admin, found, mapping=found["suggested_mapping"])
    assert (ran["status"], ran["counts"]) == ("done", {**NOTHING, "created": 1})
    assert (await assets(cast))["11"]["category"] == "k9.narcotics"


async def test_a_dry_run_is_the_default_and_writes_nothing_and_says_the_same(cast: Cast) -> None:
    admin = cast.assisting.admin
    found = await uploaded(admin, csv_of(unit_row("1"), unit_row("2", Lat="north"), unit_row("3")))
    path = f"/v1/imports/{found['id']}/run"
    checked = await admin.done("POST", path, {"mapping": dict(MAPPING), "on_error": "skip", "wait_seconds": 30})
    assert (checked["status"], checked["dry_run"]) == ("checked", True)
    assert checked["counts"] == {**NOTHING, "created": 2, "refused": 1}
    said = await rows_of(admin, found)
    assert await assets(cast) == {}
    ran = await run(admin, found)
    assert (ran["status"], ran["counts"]) == ("done", checked["counts"])
    assert [(row["row"], row["outcome"], row["faults"]) for row in await rows_of(admin, found)] == [
        (row["row"], row["outcome"], row["faults"]) for row in said
    ]
    assert set(await assets(cast)) == {"1", "3"}


async def test_a_run_after_a_lost_race_writes_nothing(cast: Cast) -> None:
    admin = cast.assisting.admin
    found = await uploaded(admin, csv_of(unit_row("1")))
    seen = (await admin.get(f"/v1/imports/{found['id']}")).headers["etag"]
    await run(admin, found, dry_run=True)
    body = {"mapping": dict(MAPPING), "dry_run": False}
    path = f"/v1/imports/{found['id']}/run"
    assert_problem(await admin.post(path, body, if_match=seen), 412, "stale_version")
    assert_problem(await admin.post(path, body, if_match="rubbish"), 400, "malformed")
    assert await assets(cast) == {}


async def test_every_fault_names_row_column_value_what_is_expected_and_what_to_do(cast: Cast) -> None:
    admin = cast.assisting.admin
    rows = [unit_row("1", Lat="north"), unit_row("2", Type="unicorn"), unit_row("", Lat="95"), unit_row("4", Lat="95")]
    found = await imported(admin, csv_of(*rows))
    north, unicorn, blank, beyond = await rows_of(admin, found, "&outcome=refused")
    assert north["faults"] == [
        {
            "column": "D",
            "header": "Lat",
            "field": "location.latitude",
            "value": "north",
            "code": "not_a_number",
            "detail": "This is not a number.",
            "expected": "a decimal number, such as 44.98",
            "remedy": "Correct the cell, and send the file again; rows that were taken stay as they are.",
        }
    ]
    (fault,) = unicorn["faults"]
    assert (unicorn["row"], fault["column"], fault["value"], fault["code"]) == (3, "C", "unicorn", "unknown_category")
    assert "values" in fault["remedy"]
    assert [(each["column"], each["code"]) for each in blank["faults"]] == [("A", "cell_blank")]
    assert [(each["column"], each["value"]) for each in beyond["faults"]] == [("D", "95")]
    assert "90" in beyond["faults"][0]["detail"]


async def test_abort_writes_nothing_unless_every_row_can_be_written(cast: Cast) -> None:
    admin = cast.assisting.admin
    found = await uploaded(admin, csv_of(unit_row("1"), unit_row("2", Type="unicorn")))
    ran = await run(admin, found, on_error="abort")
    assert (ran["status"], ran["counts"]) == ("stopped", {**NOTHING, "created": 1, "refused": 1})
    assert "Nothing was written" in ran["note"]
    assert await assets(cast) == {}
    mended = await imported(admin, csv_of(unit_row("1"), unit_row("2")), on_error="abort")
    assert (mended["status"], mended["counts"]["created"]) == ("done", 2)


@pytest.mark.parametrize(("on_error", "status", "there"), [("skip", "done", {"1"}), ("abort", "stopped", set())])
async def test_an_unknown_category_is_a_fault_of_its_row_also_where_the_row_states_attributes(
    cast: Cast, on_error: str, status: str, there: set[str]
) -> None:
    admin = cast.assisting.admin
    mapping = {**MAPPING, "attributes.seats": {"constant": "2"}}
    rows = [unit_row("1", Type="vehicle.transport"), unit_row("2", Type="unicorn")]
    ran = await imported(admin, csv_of(*rows), mapping=mapping, on_error=on_error)
    assert (ran["status"], ran["counts"]) == (status, {**NOTHING, "created": 1, "refused": 1})
    (refused,) = await rows_of(admin, ran, "&outcome=refused")
    (fault,) = refused["faults"]
    assert (refused["row"], fault["column"], fault["value"], fault["code"]) == (3, "C", "unicorn", "unknown_category")
    assert set(await assets(cast)) == there
    await imported(admin, csv_of(rows[0]), mapping=mapping)
    met = await imported(admin, csv_of(unit_row("1", Type="unicorn")), mapping=mapping)
    assert met["counts"] == {**NOTHING, "refused": 1}, "one that is on record as well"


async def test_rows_are_met_by_their_tag_in_its_normal_form(cast: Cast) -> None:
    admin = cast.assisting.admin
    await imported(admin, csv_of(unit_row("T1"), unit_row("T2")))
    before = await assets(cast)
    again = await imported(admin, csv_of(unit_row("t1", Title="Unit T1"), unit_row("Ｔ2 ", Title="Newer")))
    assert again["counts"] == {**NOTHING, "unchanged": 1, "updated": 1}
    after = await assets(cast)
    assert set(after) == {"T1", "T2"}, "the spelling on record stays"
    assert after["T1"] == before["T1"]
    assert (after["T2"]["name"], after["T2"]["version"]) == ("Newer", 2)


async def test_the_second_row_with_a_tag_is_refused_and_says_which_one_was_taken(cast: Cast) -> None:
    admin = cast.assisting.admin
    found = await imported(admin, csv_of(unit_row("4702", Title="First"), unit_row("9"), unit_row("4702 ", Title="No")))
    (second,) = await rows_of(admin, found, "&outcome=refused")
    (fault,) = second["faults"]
    assert (second["row"], fault["code"], fault["column"], fault["value"]) == (4, "key_repeated", "A", "4702")
    assert fault["detail"] == "Row 2 has the same tag and comes first, so that one counts, and this row does not."
    assert (await assets(cast))["4702"]["name"] == "First"


async def test_of_rows_with_a_tag_the_first_that_can_be_taken_counts_and_a_row_says_all_its_faults(cast: Cast) -> None:
    admin = cast.assisting.admin
    headers = ("Unit", "Title", "Type", "Lat", "Lon", "Ready in")
    rows = [
        [*unit_row("7", Type="unicorn", Lat="99"), "soon"],
        [*unit_row("7", Title="Good", Type="Patrol car"), "0.5 h"],
        [*unit_row("7", Title="Late", Lat="north"), "1"],
        [*unit_row("8"), "1"],
        [*unit_row("9"), "30 min"],
    ]
    sent = csv_of(*rows, headers=headers)
    found = await uploaded(admin, sent)
    (ready,) = [each["suggestion"] for each in found["columns"] if each["header"] == "Ready in"]
    assert ready["field"] == "mobilisation_minutes"
    assert "Numbers without a unit are read as minutes" in ready["because"]
    assert found["suggested_mapping"]["mobilisation_minutes"]["measure"] == "minutes"
    mapping = {**MAPPING, "mobilisation_minutes": {"header": "Ready in"}}
    for dry_run in (True, False):
        ran = await run(admin, found, mapping=mapping, dry_run=dry_run)
        assert ran["counts"] == {**NOTHING, "created": 3, "refused": 2}
        first, third = await rows_of(admin, ran, "&outcome=refused")
        assert {(each["field"], each["code"]) for each in first["faults"]} == {
            ("mobilisation_minutes", "not_a_number"),
            ("category", "unknown_category"),
            ("location.latitude", first["faults"][-1]["code"]),
        }
        assert [each["code"] for each in third["faults"]] == ["not_a_number"]
    made = await assets(cast)
    assert {tag: (each["name"], each["mobilisation_minutes"]) for tag, each in made.items()} == {
        "7": ("Good", 30),
        "8": (made["8"]["name"], 1),
        "9": (made["9"]["name"], 30),
    }
    assert made["7"]["category"].startswith("vehicle")


async def test_a_blank_cell_leaves_what_is_there(cast: Cast) -> None:
    admin = cast.assisting.admin
    await imported(admin, csv_of(unit_row("1")))
    again = await imported(admin, csv_of(unit_row("1", Lat="", Lon="", Title="Unit 1")))
    assert again["counts"] == {**NOTHING, "unchanged": 1}
    assert (await assets(cast))["1"]["location"] == {"latitude": 44.98, "longitude": -93.27}


async def test_constants_words_and_measures_stand_for_what_the_file_has_not(cast: Cast) -> None:
    admin = cast.assisting.admin
    content = csv_of(["1", "ERV", "2", "Type II"], ["2", "Van", "1.5", ""], headers=["No", "Kind", "Ready", "Level"])
    mapping = {
        "tag": {"header": "No"},
        "name": {"header": "Kind"},
        "category": {"header": "Kind", "values": {"erv": "vehicle.command_post", "VAN": "vehicle.transport"}},
        "mobilisation_minutes": {"header": "Ready", "measure": "hours"},
        "sharing": {"constant": "network"},
        "attributes.seats": {"constant": "2"},
    }
    ran = await imported(admin, content, mapping=mapping)
    assert ran["counts"] == {**NOTHING, "created": 2}
    found = await assets(cast)
    assert {tag: (each["category"], each["mobilisation_minutes"], each["sharing"]) for tag, each in found.items()} == {
        "1": ("vehicle.command_post", 120, "network"),
        "2": ("vehicle.transport", 90, "network"),
    }
    one = await admin.done("GET", f"/v1/assets/{found['1']['id']}")
    assert one["attributes"] == {"seats": 2}, "of the kind that the category defines"


async def test_a_county_that_contradicts_the_point_is_named_and_the_row_is_taken(cast: Cast) -> None:
    admin = cast.assisting.admin
    headers = ("Unit", "Title", "Type", "Lat", "Lon", "County", "State")
    rows = [[*unit_row("1"), "Hennepin", "MN"], [*unit_row("2"), "Erie", "Pennsylvania"], [*unit_row("3"), "", ""]]
    mapping = {**MAPPING, "county": {"header": "County"}, "state": {"header": "State"}}
    found = await imported(admin, csv_of(*rows, headers=headers), mapping=mapping)
    assert found["counts"] == {**NOTHING, "created": 3}
    agrees, contradicts, silent = await rows_of(admin, found)
    assert agrees["remarks"] == silent["remarks"] == []
    (remark,) = contradicts["remarks"]
    assert (remark["code"], remark["column"], remark["value"]) == ("place_contradicts", "F", "Erie")
    assert remark["detail"] == "The point lies in Hennepin County, MN, and not in Erie, Pennsylvania."


@pytest.mark.parametrize(
    ("content", "read_as"),
    [
        (csv_of(unit_row("1", Title="Ärger")), "UTF-8, with commas between cells"),
        (b"\xef\xbb\xbf" + csv_of(unit_row("1", Title="Ärger")), "UTF-8, with commas between cells"),
        (csv_of(unit_row("1", Title="Ärger"), delimiter=";"), "UTF-8, with semicolons between cells"),
        (csv_of(unit_row("1", Title="Ärger"), delimiter="\t"), "UTF-8, with tabs between cells"),
        (csv_of(unit_row("1", Title="Ärger")).decode().encode("utf-16"), "UTF-16, with commas between cells"),
        (csv_of(unit_row("1", Title="Ärger")).decode().encode("cp1252"), "Windows-1252, with commas between cells"),
        (xlsx_of(unit_row("1", Title="Ärger")), "a workbook, its sheet “Fleet”"),
        (
            '{"Unit":"1","Title":"Ärger","Type":"vehicle.patrol","Lat":44.98,"Lon":-93.27}\n'.encode(),
            "NDJSON in UTF-8",
        ),
    ],
    ids=["utf-8", "bom", "semicolons", "tabs", "utf-16", "windows-1252", "xlsx", "ndjson"],
)
async def test_the_same_row_comes_in_in_every_format(cast: Cast, content: bytes, read_as: str) -> None:
    found = await uploaded(cast.assisting.admin, content)
    assert found["read_as"] == read_as
    ran = await run(cast.assisting.admin, found)
    assert ran["counts"] == {**NOTHING, "created": 1}, await rows_of(cast.assisting.admin, found)
    (one,) = (await assets(cast)).values()
    assert (one["name"], one["location"]) == ("Ärger", {"latitude": 44.98, "longitude": -93.27})


async def test_a_kept_mapping_serves_the_next_file(cast: Cast) -> None:
    admin = cast.assisting.admin
    new = {"kind": "assets", "name": "Fleet", "mapping": dict(MAPPING)}
    kept = await admin.done("POST", "/v1/import-mappings", new, key="fleet")
    assert await admin.done("POST", "/v1/import-mappings", new, key="fleet") == kept
    assert_problem(await admin.post("/v1/import-mappings", new), 409, "import_mapping_name_taken")
    assert_problem(await admin.post("/v1/import-mappings", {**new, "kind": "cows"}), 400, "invalid_body")
    assert (await admin.done("GET", "/v1/import-mappings"))["items"] == [kept]
    path = f"/v1/import-mappings/{kept['id']}"
    assert_problem(await admin.patch(path, {"name": "Vehicles"}), 428, "precondition_required")
    assert_problem(await admin.patch(path, {"name": "Vehicles"}, if_match='"7-00000000"'), 412, "stale_version")
    renamed = await admin.done("PATCH", path, {"name": "Vehicles"}, if_match="*")
    assert (renamed["name"], renamed["version"]) == ("Vehicles", 2)
    found = await uploaded(admin, csv_of(unit_row("1")))
    ran = await run(admin, found, mapping=None, mapping_name="Vehicles")
    assert (ran["counts"]["created"], ran["mapping"]) == (1, kept["mapping"])
    refused = await admin.post(f"/v1/imports/{found['id']}/run", {"mapping_name": "Fleet"})
    assert_problem(refused, 422, "unknown_import_mapping")
    assert_problem(await cast.stranger.admin.get(path), 404, "not_found")


async def test_a_mapping_that_does_not_fit_is_refused_before_anything_runs(cast: Cast) -> None:
    admin = cast.assisting.admin
    found = await uploaded(admin, csv_of(["1", "2", "3"], headers=["Unit", "Address", "Address"]))
    path = f"/v1/imports/{found['id']}/run"
    good = {"tag": {"header": "Unit"}, "name": {"header": "Unit"}, "category": {"constant": "vehicle"}}
    for mapping, code in (
        ({"tag": {"header": "Unit"}}, "mapping_incomplete"),
        ({**good, "name": {}}, "mapping_incomplete"),
        ({**good, "name": {"header": "Nothing"}}, "unknown_column"),
        ({**good, "name": {"column": "D"}}, "unknown_column"),
        ({**good, "name": {"header": "Address"}}, "header_repeated"),
        ({**good, "colour": {"header": "Unit"}}, "unknown_field_mapped"),
        ({**good, "mobilisation_minutes": {"header": "Unit", "measure": "weeks"}}, "unknown_measure"),
    ):
        assert_problem(await admin.post(path, {"mapping": mapping}), 422, code)
    assert_problem(await admin.post(path, {}), 422, "mapping_missing")
    repeated = await admin.post(path, {"mapping": {**good, "name": {"header": "Address"}}})
    assert "B and C" in repeated.json()["detail"]
    ran = await run(admin, found, mapping={**good, "name": {"column": "C"}})
    assert ran["counts"]["created"] == 1
    assert (await assets(cast))["1"]["name"] == "3"


async def test_who_may_import_and_who_sees_it(cast: Cast) -> None:
    content = csv_of(unit_row("1"))
    found = await uploaded(cast.assisting.admin, content)
    path = f"/v1/imports/{found['id']}"
    assert_problem(await send_file(cast.assisting.service.anonymous, content), 401, "unauthenticated")
    assert (await cast.assisting.coordinator.get(path)).status_code == 200
    for person in (cast.assisting.approver, cast.assisting.auditor, cast.assisting.legal):
        assert_problem(await send_file(person, content), 403, "forbidden")
        assert_problem(await person.get(path), 403, "forbidden")
    narrow = cast.assisting.as_(Role.SERVICE, scope="imports:run")
    assert_problem(await send_file(narrow, content), 403, "forbidden")  # it may not register assets
    for path_of in (path, f"{path}/rows", f"{path}/report.csv"):
        assert_problem(await cast.stranger.admin.get(path_of), 404, "not_found")
        assert (await cast.assisting.admin.get(path_of)).status_code == 200
    assert_problem(await cast.stranger.admin.post(f"{path}/run", {"mapping": dict(MAPPING)}), 404, "not_found")
    assert found["id"] in [each["id"] for each in (await cast.assisting.admin.done("GET", "/v1/imports"))["items"]]
    assert (await cast.stranger.admin.done("GET", "/v1/imports"))["items"] == []


def test_the_contract_lists_the_kinds_that_the_application_takes_in() -> None:
    assert set(get_args(ImportKind)) == {*IMPORTERS.by_kind}


async def test_what_is_no_table_is_refused(cast: Cast) -> None:
    admin = cast.assisting.admin
    assert_problem(await send_file(admin, b""), 422, "file_empty")
    assert_problem(await send_file(admin, b"  \n"), 422, "import_format")
    assert_problem(await send_file(admin, csv_of()), 422, "import_format")
    assert_problem(await send_file(admin, csv_of(unit_row("1")), kind="cows"), 400, "invalid_parameter")
    assert_problem(await send_file(admin, xlsx_of(unit_row("1")), sheet="Two"), 422, "import_format")
    for media in (
        "text/csv; header=present; charset=utf-8",
        "text/csv;charset=windows-1252",
        "text/csv; HEADER=absent",
    ):
        response = await admin.send("POST", "/v1/imports?kind=cows", content=b"tag", headers={"content-type": media})
        assert_problem(response, 400, "invalid_parameter")
    for media, words in (("text/csv; charset=utf-7", "charset=utf-7"), ("", "in Content-Type")):
        headers = {"content-type": media} if media else {}
        response = await admin.send("POST", "/v1/imports?kind=assets", content=b"tag", headers=headers)
        assert words in assert_problem(response, 415, "unsupported_media_type")["detail"]
    other = {"content-type": "application/pdf"}
    response = await admin.send("POST", "/v1/imports?kind=assets", content=b"%PDF", headers=other)
    assert_problem(response, 415, "unsupported_media_type")
    assert (await admin.done("GET", "/v1/imports"))["items"] == []


async def test_a_repeated_upload_and_a_repeated_run_are_answered_once(cast: Cast) -> None:
    admin = cast.assisting.admin
    options: dict[str, Any] = {
        "content": csv_of(unit_row("1")),
        "headers": {"content-type": "text/csv", "idempotency-key": "upload"},
    }
    first = await admin.send("POST", "/v1/imports?kind=assets", **options)
    again = await admin.send("POST", "/v1/imports?kind=assets", **options)
    assert first.json() == again.json()
    path = f"/v1/imports/{first.json()['id']}/run"
    body = {"mapping": dict(MAPPING), "dry_run": False, "wait_seconds": 30}
    ran = await admin.done("POST", path, body, key="run")
    assert await admin.done("POST", path, body, key="run") == ran
    assert ran["counts"]["created"] == 1


async def test_the_report_is_a_table_that_no_spreadsheet_runs(cast: Cast) -> None:
    admin = cast.assisting.admin
    found = await imported(admin, csv_of(unit_row("1"), unit_row("2", Type="=cmd()"), unit_row("3", Lat="x" * 500)))
    response = await admin.get(f"/v1/imports/{found['id']}/report.csv")
    assert response.headers["content-type"].startswith("text/csv")
    text = response.content.decode("utf-8-sig")
    lines = text.splitlines()
    assert lines[0].startswith('"row","outcome","id","column","header","field","value","code"')
    assert lines[1].startswith('"2","created"')
    assert '"\'=cmd()"' in lines[2]
    assert "x" * 79 + "…" in lines[3]
    assert "x" * 81 not in text
