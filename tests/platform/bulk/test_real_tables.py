"""Real lists of vehicles, stations and stock, as their keepers wrote them."""

from typing import Any

import pytest

from tests.support.cast import Cast
from tests.support.imports import rows_of, run, send_file, uploaded
from tests.support.places import REAL_DATA, present

FOLDER = REAL_DATA / "importers"
FLEET: dict[str, Any] = {
    "tag": {"header": "Name"},
    "name": {"header": "Item Name"},
    "category": {
        "header": "Type",
        "values": {
            "ERV": "vehicle.command_post",
            "ERCV": "vehicle.communications",
            "SERV": "vehicle.command_post",
            "Passenger": "vehicle.transport",
        },
    },
    "location.latitude": {"header": "Lat"},
    "location.longitude": {"header": "Lon"},
    "county": {"header": "L2"},
    "state": {"header": "L1"},
    "attributes.brand": {"header": "Brand"},
    "attributes.purchased": {"header": "Purchase Date"},
    "attributes.organisation": {"header": "Organisation"},
}


async def taken(cast: Cast, name: str) -> dict[str, Any]:
    content = present(FOLDER / name).read_bytes()
    return await uploaded(cast.assisting.admin, content, filename=name.rpartition("/")[2])


async def every_row(cast: Cast, found: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The report, page by page."""
    pages, path = [], f"/v1/imports/{found['id']}/rows?limit=200"
    while path:
        page = await cast.assisting.admin.get(path)
        pages.append(page.json()["items"])
        path = page.links["next"]["url"] if "next" in page.links else ""
    return pages


async def everything(cast: Cast) -> list[dict[str, Any]]:
    found, path = [], f"/v1/assets?agency_id={cast.assisting.id}&limit=200"
    while path:
        page = await cast.assisting.admin.get(path)
        found += page.json()["items"]
        path = page.links["next"]["url"] if "next" in page.links else ""
    return found


async def test_the_fleet_of_a_national_relief_organisation(cast: Cast) -> None:
    admin = cast.assisting.admin
    found = await taken(cast, "redcross_us/vehicle_vehicle.csv")
    assert (found["rows"], len(found["columns"])) == (338, 19)
    suggested = {each["header"]: each["suggestion"]["field"] for each in found["columns"] if each["suggestion"]}
    assert suggested["Lat"] == "location.latitude"
    assert suggested["Lon"] == "location.longitude"
    assert (suggested["Name"], found["missing"]) == ("name", ["tag"])
    checked = await run(admin, found, mapping=FLEET, dry_run=True)
    ran = await run(admin, found, mapping=FLEET)
    assert ran["counts"] == checked["counts"] == {"created": 337, "updated": 0, "unchanged": 0, "refused": 1}
    (second,) = await rows_of(admin, found, "&outcome=refused")
    (fault,) = second["faults"]
    assert (fault["code"], fault["column"], fault["value"]) == ("key_repeated", "A", "4702")
    assert (
        fault["detail"]
        == f"Row {second['row'] - 1} has the same tag and comes first, so that one counts, and this row does not."
    )
    taken_rows = [row for at in (0, 1) for row in (await every_row(cast, found))[at]]
    contradicting = {row["row"]: row["remarks"][0] for row in taken_rows if row["remarks"]}
    assert {each["code"] for each in contradicting.values()} == {"place_contradicts"}
    assert contradicting[3]["value"] == "Erie", "a point in Lancaster, Pennsylvania, under another county"
    assert "Lancaster" in contradicting[3]["detail"]
    assert 2 not in contradicting, "Greenwich lies in Fairfield"
    assert 0 < len(contradicting) < 338 / 2
    assets = await everything(cast)
    assert len(assets) == 337
    assert sum(each["location"] is not None for each in assets) == 334, "335 of 338 rows, less the repeated one"
    (one,) = [each for each in assets if each["tag"] == "1088"]
    assert one["location"] == {"latitude": 41.0275784531, "longitude": -73.6056238554}
    again = await run(admin, found, mapping=FLEET)
    assert again["counts"] == {"created": 0, "updated": 0, "unchanged": 337, "refused": 1}


async def test_equipment_with_a_condition(cast: Cast) -> None:
    found = await taken(cast, "redcross_train/asset.csv")
    suggested = found["suggested_mapping"]
    assert (suggested["tag"]["header"], suggested["name"]["header"]) == ("Asset No", "Item Name")
    mapping = {
        "tag": {"header": "Asset No"},
        "name": {"header": "Item Name"},
        "category": {"constant": "vehicle"},
        "attributes.condition": {"header": "Condition"},
        "attributes.model": {"header": "Model"},
    }
    ran = await run(cast.assisting.admin, found, mapping=mapping)
    assert ran["counts"]["created"] + ran["counts"]["refused"] == found["rows"] == 41
    assert {
        fault["code"]
        for row in await rows_of(cast.assisting.admin, found, "&outcome=refused")
        for fault in row["faults"]
    } <= {
        "key_repeated",
        "cell_blank",
    }


async def test_a_header_that_stands_twice_is_named_by_its_letters(cast: Cast) -> None:
    found = await taken(cast, "logistics_ph/warehouse.csv")
    letters = [each["column"] for each in found["columns"] if each["header"] == "Address"]
    assert letters == ["F", "M"]
    mapping = {"tag": {"header": "Building"}, "name": {"header": "Name"}, "category": {"constant": "vehicle"}}
    ran = await run(cast.assisting.admin, found, mapping={**mapping, "description": {"column": "F"}})
    assert ran["counts"]["created"] + ran["counts"]["refused"] == found["rows"]
    assert ran["counts"]["created"] > 0


@pytest.mark.long  # fifty processes; what each of them shows is in the tests of bad files
@pytest.mark.one_database
async def test_every_list_of_the_folder_is_taken_in_or_refused_with_a_reason(cast: Cast) -> None:
    """Also those with long quoted cells, short rows and two date formats: nothing is entered, nothing breaks."""
    answers = []
    for path in sorted(present(FOLDER).rglob("*.csv")):
        response = await send_file(cast.assisting.admin, path.read_bytes(), filename=path.name)
        answers.append(response.status_code)
        if response.status_code == 201:
            fields = [each["suggestion"]["field"] for each in response.json()["columns"] if each["suggestion"]]
            assert len(set(fields)) == len(fields), path.name
        else:
            assert response.json()["detail"].endswith("has no rows below its headers."), path.name
    assert answers.count(201) > answers.count(422) > 0
    assert await everything(cast) == []
