"""What stands beside a page of assets: totals, facets, corrections, what emptied it; and other forms of it."""

import csv
import io
import json
from typing import Any, get_args
from urllib.parse import urlencode
from uuid import UUID, uuid4

import openpyxl
import pytest
import sqlalchemy as sa

from registry.platform.database.connect import unit_of_work
from registry.resources.assets.commands.indexing import reindex
from registry.resources.assets.queries.counting import CONDITIONS
from registry.resources.assets.queries.finding import MOST_KEPT, counting_statement, page_statement
from registry.resources.assets.schemas.listing import AssetQuery, ConditionName
from registry.resources.assets.tables import asset as asset_table
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import make_partners
from tests.support.problems import assert_problem
from tests.support.service import Service

HERE = {"latitude": 44.98, "longitude": -93.27, "within_km": 50}
TONIGHT = {"available_from": "2031-01-01T00:00:00Z", "available_to": "2031-01-02T00:00:00Z"}


async def listed(cast: Cast, **asked: Any) -> dict[str, Any]:
    """The page that the owner's coordinator gets, of the owner's assets alone."""
    query = urlencode({"agency_id": cast.assisting.id, **asked}, doseq=True)
    found: dict[str, Any] = await cast.assisting.coordinator.done("GET", f"/v1/assets?{query}")
    return found


def names(page: dict[str, Any]) -> list[str]:
    return [item["name"] for item in page["items"]]


# People's words, one asset of the kind each must find.
@pytest.mark.parametrize(
    ("asked", "category"),
    [
        ("dogs", "k9.patrol"),
        ("canines", "k9.patrol"),
        ("K-9s", "k9.patrol"),
        ("k9s", "k9.patrol"),
        ("narcotcs", "k9.narcotics"),
        ("narcotis", "k9.narcotics"),
        ("labs", "lab.toxicology"),
        ("narcotics dogs", "k9.narcotics"),
        ("drug dog", "k9.narcotics"),
        ("buses", "vehicle.transport"),
        ("bomb tech", "team.bomb_squad"),
        ("bomb technician", "team.bomb_squad"),
        ("EOD", "team.bomb_squad"),
        ("BearCat", "vehicle.armored_rescue"),
        ("helicoptor", "aircraft.helicopter"),
        ("bomb sqaud", "team.bomb_squad"),
    ],
)
async def test_a_kind_is_found_by_the_words_that_people_type(cast: Cast, asked: str, category: str) -> None:
    asset = await make_asset(
        cast.assisting, category=category, name="One", tag="A-1", type_level=None, certifications=[]
    )
    other = await make_asset(
        cast.assisting, category="facility.holding", name="Rooms", tag="A-2", type_level=None, certifications=[]
    )
    found = {item["id"] for item in (await listed(cast, q=asked))["items"]}
    assert asset["id"] in found
    assert other["id"] not in found


async def test_what_is_looked_for_beside_a_misspelt_word_is_said(cast: Cast) -> None:
    await make_asset(cast.assisting, name="One")
    page = await listed(cast, q="narcotcs team")
    assert page["corrections"] == [{"given": "narcotcs", "also": "narcotics"}]
    assert (await listed(cast, q="narcotics team"))["corrections"] == []


async def test_a_name_is_found_as_it_is_written_even_where_it_looks_misspelt(cast: Cast) -> None:
    asset = await make_asset(
        cast.assisting, category="facility.holding", name="Narcotis", type_level=None, certifications=[]
    )
    dog = await make_asset(cast.assisting, name="Rex")
    assert {item["id"] for item in (await listed(cast, q="narcotis"))["items"]} == {asset["id"], dog["id"]}


async def test_a_private_assets_words_correct_nobody(cast: Cast) -> None:
    secret = f"zebra{uuid4().hex[:8]}".replace("0", "o")
    await make_asset(cast.assisting, name=secret, sharing="private")
    page = await cast.stranger.coordinator.done("GET", f"/v1/assets?q={secret[:-1]}")
    assert page["items"] == []
    assert page["corrections"] == []


async def test_a_name_or_tag_with_one_letter_wrong_is_found_where_nothing_is_as_it_is_written(cast: Cast) -> None:
    """Left out, put in, changed, exchanged, at either end or in the middle; with its pages; and one letter only."""
    mine = {"agency_id": str(cast.assisting.id)}
    for _ in range(2):
        await make_asset(cast.assisting, name="Zorbanthe", tag=f"QUIXLE-{uuid4().int % 900 + 100}")
    named = {"zorbnthe", "zorbanthee", "zorbinthe", "zorabnthe", "xorbanthe", "zorbanthx", "zorbnathe"}
    for written in sorted(named):
        page = await listed(cast, q=f"{written} team", **mine)
        assert len(page["items"]) == 2, written
        assert page["corrections"] == [{"given": written, "also": "zorbanthe"}]
    for written in ("zorbnte", "zorb", "zrbanth", '"zorbnthe"x'):
        page = await listed(cast, q=written, **mine)
        assert (page["items"], page["corrections"]) == ([], []), written
    first = await listed(cast, q="zorbnthe", limit=1, include="total", **mine)
    last = await listed(cast, q="zorbnthe", limit=1, include="total", cursor=first["next_cursor"], **mine)
    assert first["total"]["count"] == 2
    assert len({page["items"][0]["id"] for page in (first, last)}) == 2
    tag = first["items"][0]["tag"]
    for written, count in ((tag.replace("X", "C"), 1), (f"{tag[:-1]}{(int(tag[-1]) + 1) % 10}", 0)):
        items = (await listed(cast, q=written, limit=1, **mine))["items"]
        assert [item["tag"] for item in items] == [tag] * count, "another number is another thing"


async def test_what_is_found_as_it_is_written_is_not_corrected_whatever_else_leaves_it_out(cast: Cast) -> None:
    one = await make_asset(cast.assisting, name="Vexolarn")
    other = await make_asset(cast.assisting, name="Vexolart", capacity=1)
    assert [item["id"] for item in (await listed(cast, q="vexolarn"))["items"]] == [one["id"]]
    page = await listed(cast, q="vexolarn", ids=other["id"])
    assert (page["items"], page["corrections"]) == ([], [])
    assert ["words"] in [each["without"] for each in page["emptied_by"]]
    path = f"/v1/assets/{other['id']}"
    tag = (await cast.assisting.admin.get(path)).headers["etag"]
    await cast.assisting.admin.patch(path, {"name": "Brimwolde"}, if_match=tag)
    assert [item["id"] for item in (await listed(cast, q="brinwolde"))["items"]] == [other["id"]]


async def test_a_total_is_counted_when_it_is_asked_for_and_is_the_same_on_every_page(cast: Cast) -> None:
    for _ in range(3):
        await make_asset(cast.assisting)
    assert (await listed(cast))["total"] is None
    first = await listed(cast, include="total", limit=2)
    assert first["total"] == {"count": 3, "or_more": False, "held_back": None}
    assert (await listed(cast, include="total", limit=2, cursor=first["next_cursor"]))["total"] == first["total"]


async def test_facets_tell_by_what_the_assets_found_differ(cast: Cast) -> None:
    for category, level in (("k9.narcotics", 2), ("k9.narcotics", 1), ("k9.patrol", None)):
        await make_asset(cast.assisting, category=category, type_level=level)
    page = await listed(cast, facets="category,type_level,agency,state,service_status", category="k9")
    found = {facet["name"]: [(v["value"], v["count"]) for v in facet["values"]] for facet in page["facets"]}
    assert found == {
        "category": [("k9.narcotics", 2), ("k9.patrol", 1)],
        "type_level": [("1", 1), ("2", 1), (None, 1)],
        "agency": [(str(cast.assisting.id), 3)],
        "state": [("MN", 3)],
        "service_status": [("in_service", 3)],
    }
    (agency,) = (facet for facet in page["facets"] if facet["name"] == "agency")
    assert agency["values"][0]["label"] == cast.assisting.name
    assert [f["name"] for f in (await listed(cast, facets=["state", "category"]))["facets"]] == ["state", "category"]


async def test_facets_in_another_order_are_counted_by_the_same_statement(cast: Cast) -> None:
    query = "category=k9&facets=state,category,agency"
    await cast.assisting.coordinator.done("GET", f"/v1/assets?{query}")
    built = counting_statement.cache_info().misses
    page = await cast.assisting.coordinator.done("GET", "/v1/assets?category=k9&facets=agency,state,category")
    assert [facet["name"] for facet in page["facets"]] == ["agency", "state", "category"]
    assert counting_statement.cache_info().misses == built


def test_so_many_statements_are_kept_and_no_more_whatever_is_asked() -> None:
    assert page_statement.cache_info().maxsize == counting_statement.cache_info().maxsize == MOST_KEPT


async def test_facets_and_totals_count_what_the_caller_may_see(cast: Cast) -> None:
    await make_asset(cast.assisting, sharing="private")
    await make_asset(cast.assisting, sharing="network")
    query = f"agency_id={cast.assisting.id}&include=total&facets=category"
    page = await cast.stranger.coordinator.done("GET", f"/v1/assets?{query}")
    assert page["total"]["count"] == 1
    assert [value["count"] for value in page["facets"][0]["values"]] == [1]


def of_own(page: dict[str, Any]) -> list[dict[str, Any]]:
    """What emptied it, but for the owner: assets of other agencies may be there as well."""
    return [each for each in page["emptied_by"] if each["without"] != ["agency"]]


async def test_an_empty_answer_says_which_condition_emptied_it(cast: Cast) -> None:
    for name in ("One", "Two", "Three"):
        await make_asset(cast.assisting, name=name)
    far = {"latitude": 30, "longitude": -93.27, "within_km": 50}
    page = await listed(cast, category="k9.narcotics", **far)
    assert page["items"] == []
    assert of_own(page) == [{"without": ["place"], "count": 3, "or_more": False}]
    page = await listed(cast, q="two", type_at_least=1)
    assert of_own(page) == [{"without": ["type_at_least"], "count": 1, "or_more": False}]
    page = await listed(cast, q="nobodysword", **far)
    (together,) = page["emptied_by"]
    assert {"words"} < set(together["without"]), "no single one, but these together"
    assert together["count"] >= 1
    (alone,) = (await cast.assisting.coordinator.done("GET", "/v1/assets?q=nobodysword"))["emptied_by"]
    assert alone["without"] == ["words"]
    assert (await listed(cast, q="two"))["emptied_by"] == []
    unmet = {"certification": "bomb", "funding": "ab481", "identifier": "none-has-it", "serves_county": "27053"}
    (together,) = of_own(await listed(cast, **unmet))
    assert set(together["without"]) == {"certification", "funding", "identifier", "service_area"}


def test_every_filter_belongs_to_a_condition_that_can_be_given_up() -> None:
    assert set(CONDITIONS) == set(get_args(ConditionName))
    filters = {field for fields in CONDITIONS.values() for field in fields}
    # Of whoever asks what has changed, nothing is the usual answer: it is not explained.
    others = {"limit", "cursor", "sort", "include", "facets", "updated_from", "updated_to"}
    assert {*AssetQuery.__struct_fields__} - filters == others


async def test_what_is_lent_out_then_is_said_to_be_there_at_another_time(service: Service, cast: Cast) -> None:
    asset = await make_asset(cast.assisting)
    path = f"/v1/assets/{asset['id']}/take-out-of-service"
    await cast.assisting.admin.done("POST", path, {"reason": "being repaired (demo)"})
    page = await listed(cast, category="k9", **TONIGHT)
    assert of_own(page) == [{"without": ["available"], "count": 1, "or_more": False}]


async def test_what_is_out_of_service_is_counted_as_left_out_whatever_else_is_asked(cast: Cast) -> None:
    await make_partners(cast)
    assets = [await make_asset(cast.assisting) for _ in range(2)]
    await make_asset(cast.assisting, sharing="private")
    path = f"/v1/assets/{assets[0]['id']}/take-out-of-service"
    await cast.assisting.admin.done("POST", path, {"reason": "being repaired (demo)"})
    for asked in ({"lendable": "true"}, {"lendable": "true", **TONIGHT}, {"service_status": "in_service"}):
        query = urlencode({"agency_id": cast.assisting.id, "include": "left_out", **asked})
        page = await cast.requesting.coordinator.done("GET", f"/v1/assets?{query}")
        assert [each["id"] for each in page["items"]] == [assets[1]["id"]], asked
        assert page["left_out"] == [{"reason": "not_in_service", "count": 1, "or_more": False}], asked


async def test_assets_are_found_by_the_state_of_their_agency(cast: Cast) -> None:
    asset = await make_asset(cast.assisting, name=f"state{uuid4().hex[:8]}", sharing="network")
    for more in ({}, {"category": "k9"}, {"q": asset["name"]}, HERE, {"category": "k9.narcotics", **HERE}):
        page = await listed(cast, state=["WI", "MN"], **more)
        assert names(page) == [asset["name"]], more
        assert names(await listed(cast, state="WI", **more)) == []


@pytest.mark.parametrize("more", [{}, {"category": "k9"}, {"category": "k9.narcotics"}, {"q": "team"}, HERE], ids=str)
async def test_every_list_is_sorted_by_name_both_ways_page_by_page(cast: Cast, more: dict[str, Any]) -> None:
    for name in ("Bravo", "alpha", "Delta", "Charlie", "Bravo"):
        await make_asset(cast.assisting, name=f"{name} team")
    wanted = ["Bravo team", "Bravo team", "Charlie team", "Delta team", "alpha team"]
    for sort, expected in (("name", wanted), ("-name", wanted[::-1])):
        seen: list[str] = []
        cursor: dict[str, Any] = {}
        while True:
            page = await listed(cast, sort=sort, limit=2, **more, **cursor)
            seen += names(page)
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == expected, sort


async def test_all_of_the_network_can_be_sorted_by_name(cast: Cast) -> None:
    marker = f"aaa{uuid4().hex[:8]}"
    for number in (2, 1):
        await make_asset(
            cast.assisting, name=f"{marker} {number}", category=("k9", "vehicle")[number - 1], type_level=None
        )
    page = await cast.assisting.coordinator.done("GET", "/v1/assets?sort=name&limit=200")
    found = names(page)
    assert found == sorted(found)


async def test_assets_are_found_by_what_they_state_of_themselves(cast: Cast) -> None:
    stated = {
        "small": {"breed": "Malinois", "dog_age_years": 3, "fentanyl_trained": True},
        "large": {"breed": "German Shepherd", "dog_age_years": 8, "fentanyl_trained": False},
    }
    for name, attributes in stated.items():
        await make_asset(cast.assisting, name=name, attributes=attributes)
    await make_asset(cast.assisting, name="silent")
    for asked, expected in (
        ({"attr.breed": "malinois"}, ["small"]),
        ({"attr.breed": "MALINOIS", "attr.dog_age_years_to": "3"}, ["small"]),
        ({"attr.dog_age_years_from": "3"}, ["large", "small"]),
        ({"attr.dog_age_years_from": "3.5"}, ["large"]),
        ({"attr.dog_age_years_from": "3", "attr.dog_age_years_to": "8"}, ["large", "small"]),
        ({"attr.dog_age_years": "8"}, ["large"]),
        ({"attr.fentanyl_trained": "true"}, ["small"]),
        ({"attr.colour": "brown"}, []),
    ):
        for more in ({}, {"category": "k9"}, {"category": "k9.narcotics"}, {"q": "detection"}, HERE):
            assert sorted(names(await listed(cast, **asked, **more))) == expected, (asked, more)
    page = await listed(cast, **{"attr.breed": "Poodle", "category": "k9"})
    assert [each["without"] for each in page["emptied_by"]] == [["attributes"]]


async def test_case_of_what_is_stated_does_not_matter_in_any_alphabet(cast: Cast) -> None:
    await make_asset(cast.assisting, name="found", attributes={"breed": "CÃO Straßenhund"})
    for asked in ("cão strassenhund", "CÃO STRASSENHUND", "Ca\u0303o Straßenhund", "ＣÃO straßenhund"):
        assert names(await listed(cast, **{"attr.breed": asked})) == ["found"], asked
    assert names(await listed(cast, **{"attr.breed": "cao strassenhund"})) == []


async def test_the_longest_text_that_can_be_stated_is_found(cast: Cast) -> None:
    longest = "\ufdfa" * 200  # of all characters the one that becomes longest: 18 letters
    await make_asset(cast.assisting, name="found", attributes={"breed": longest})
    assert names(await listed(cast, **{"attr.breed": longest})) == ["found"]


async def test_attributes_lead_to_assets_of_every_agency(cast: Cast) -> None:
    breed = f"breed{uuid4().hex[:8]}"
    asset = await make_asset(cast.assisting, sharing="network", attributes={"breed": breed})
    page = await cast.stranger.coordinator.done("GET", f"/v1/assets?attr.breed={breed}")
    assert [item["id"] for item in page["items"]] == [asset["id"]]


async def test_arrival_is_estimated_from_mobilisation_and_the_speed_of_the_kind(cast: Cast) -> None:
    """80 km away: an hour by road, and less by air."""
    there = {"latitude": 44.98 + 80 / 111.195, "longitude": -93.27}
    plain: dict[str, Any] = {"type_level": None, "certifications": [], "location": there}
    for name, category, minutes in (
        ("dog", "k9.narcotics", 30),
        ("helicopter", "aircraft.helicopter", 45),
        ("unknown", "k9.narcotics", None),
    ):
        await make_asset(cast.assisting, **plain, name=name, category=category, mobilisation_minutes=minutes)
    point = {"latitude": 44.98, "longitude": -93.27}
    page = await listed(cast, **point, within_km=100, sort="arrival")
    found = {item["name"]: item["arrival_minutes"] for item in page["items"]}
    assert found == {"helicopter": pytest.approx(69, abs=1), "dog": pytest.approx(90, abs=1), "unknown": None}
    assert names(page) == ["helicopter", "dog", "unknown"]
    page = await listed(cast, **point, within_minutes=92)
    assert names(page) == ["dog", "helicopter"]
    assert page["left_out"] == [{"reason": "arrival_unknown", "count": 1, "or_more": False}]
    assert names(await listed(cast, **point, within_minutes=75, sort="arrival")) == ["helicopter"]
    assert names(await listed(cast, **point, within_minutes=92, within_km=10)) == []
    assert (await listed(cast, **point, within_minutes=10))["emptied_by"][0]["without"] == ["place"]
    first = await listed(cast, **point, within_km=100, sort="arrival", limit=1)
    second = await listed(cast, **point, within_km=100, sort="arrival", limit=2, cursor=first["next_cursor"])
    assert names(first) + names(second) == ["helicopter", "dog", "unknown"]


async def test_assets_are_found_by_words_they_state_and_by_where_they_are(cast: Cast) -> None:
    asset = await make_asset(
        cast.assisting, name="One", attributes={"breed": "Vizsla", "fentanyl_trained": True, "vehicle_included": False}
    )
    for words in ("vizsla", "fentanyl", "Minneapolis", "Hennepin County", "minneapolis vizsla dog"):
        assert names(await listed(cast, q=words)) == ["One"], words
    for words in ("vehicle included", "Duluth"):
        assert names(await listed(cast, q=words)) == [], words
    admin, path = cast.assisting.admin, f"/v1/assets/{asset['id']}"
    edit = {"attributes": {"breed": "Beagle"}, "location": {"latitude": 46.79, "longitude": -92.1}}
    await admin.done("PATCH", path, edit, if_match=(await admin.get(path)).headers["etag"])
    assert names(await listed(cast, q="beagle Duluth")) == ["One"]
    assert names(await listed(cast, q="vizsla")) == []


async def test_the_words_of_assets_are_written_anew(service: Service, cast: Cast) -> None:
    asset = await make_asset(cast.assisting, name="One")
    lost = sa.update(asset_table).where(asset_table.c.id == UUID(asset["id"])).values(search_text="lost")
    async with unit_of_work(service.database) as write:
        await write.run(lost)
    assert names(await listed(cast, q="dog")) == []
    assert await reindex(service.database) >= 1
    assert names(await listed(cast, q="dog")) == ["One"]
    assert await reindex(service.database) == 0
    now = await cast.assisting.coordinator.done("GET", f"/v1/assets/{asset['id']}")
    assert now["version"] == asset["version"]


async def test_a_page_is_geojson_for_who_asks_for_it(cast: Cast) -> None:
    placed = await make_asset(cast.assisting, name="Placed")
    await make_asset(cast.assisting, name="Nowhere", location=None)
    path = f"/v1/assets?agency_id={cast.assisting.id}&limit=1&sort=created_at"
    reader = cast.assisting.coordinator
    response = await reader.get(path, headers={"Accept": "application/geo+json"})
    assert response.headers["content-type"] == "application/geo+json"
    assert response.headers["vary"] == "Authorization, Accept"
    page = response.json()
    assert page["type"] == "FeatureCollection"
    (feature,) = page["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [-93.27, 44.98]}
    assert (feature["type"], feature["id"]) == ("Feature", placed["id"])
    assert feature["properties"]["name"] == "Placed"
    assert not {"id", "location"} & feature["properties"].keys()
    exported = (await reader.get(path.replace("/v1/assets?", "/v1/assets.geojson?").replace("&limit=1", ""))).json()
    assert exported["features"][0].keys() == feature.keys(), "an export is of the same shape"
    assert not {"id", "location"} & exported["features"][0]["properties"].keys()
    response = await reader.get(response.links["next"]["url"], headers={"Accept": "application/geo+json;q=1.0, */*"})
    assert [each["geometry"] for each in response.json()["features"]] == [None]
    for accept in (
        "*/*",
        "application/json",
        "application/geo+json;q=0.2, application/json",
        "text/csv;q=0.2, application/*",
    ):
        assert "items" in (await reader.get(path, headers={"Accept": accept})).json(), accept
    for accept in ("application/geo+json;q=0", "text/html", "application/pdf, application/json;q=0"):
        refused = assert_problem(await reader.get(path, headers={"Accept": accept}), 406, "not_acceptable")
        assert "text/csv" in refused["detail"]


async def test_a_page_is_a_table_for_who_asks_for_it(cast: Cast) -> None:
    await make_asset(cast.assisting, name="=Placed", tag="F-1")
    await make_asset(cast.assisting, name="Nowhere", tag="F-2", location=None)
    reader = cast.assisting.coordinator
    path = f"/v1/assets?agency_id={cast.assisting.id}&limit=1&sort=created_at"
    lines = await reader.get(path, headers={"Accept": "application/x-ndjson"})
    (line,) = lines.text.splitlines()
    assert json.loads(line)["tag"] == "F-1"
    assert lines.headers["vary"] == "Authorization, Accept"
    table = await reader.get(path, headers={"Accept": "text/csv"})
    (row,) = csv.DictReader(io.StringIO(table.content.decode()))
    assert (row["tag"], row["name"], row["location.latitude"]) == ("F-1", "'=Placed", "44.98")
    table = await reader.get(table.links["next"]["url"], headers={"Accept": "text/*"})
    (row,) = csv.DictReader(io.StringIO(table.content.decode()))
    assert (row["tag"], row["location.latitude"]) == ("F-2", "")
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    book = openpyxl.load_workbook(io.BytesIO((await reader.get(path, headers={"Accept": kind})).content))
    assert [row[4].value for row in book["Assets"].iter_rows()] == ["tag", "F-1"]


@pytest.mark.parametrize(
    ("query", "status", "parameter"),
    [
        ("sort=distance", 422, "sort"),
        ("sort=arrival", 422, "sort"),
        ("within_minutes=60", 422, "latitude"),
        ("state=Minnesota", 400, "state"),
        ("facets=colour", 400, "facets"),
        ("include=everything", 400, "include"),
        ("attr.seats_from=many", 422, "attr.seats_from"),
        ("attr.=4", 400, "attr."),
        ("attr.Breed=4", 400, "attr.Breed"),
        ("attr.a=1&attr.a=2", 400, "attr.a"),
        ("attr.a=", 400, "attr.a"),
        ("&".join(f"attr.a{n}=1" for n in range(9)), 400, "attr."),
        ("attributes=x", 400, "attributes"),
    ],
)
async def test_a_filter_that_cannot_be_meant_is_refused_by_name(
    cast: Cast, query: str, status: int, parameter: str
) -> None:
    problem = assert_problem(await cast.assisting.coordinator.get(f"/v1/assets?{query}"), status)
    assert problem["errors"][0]["parameter"] == parameter
