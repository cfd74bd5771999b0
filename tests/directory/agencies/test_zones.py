"""Every agency that takes part has a time zone: from its place, else from its state, else somebody says it."""

from collections.abc import Iterator
from zoneinfo import available_timezones

import pytest

from registry.directory.agencies.fbi import AgencyRecord, join, read_cde, read_lee
from registry.directory.agencies.zones import zone_of
from tests.support.cast import Cast, make_agency
from tests.support.places import REAL_DATA, present
from tests.support.problems import assert_problem
from tests.support.service import Service

NEW = {"name": "Demo Police", "kind": "city", "level": "local"}
REASON = {"reason": "joined (demo)"}


@pytest.mark.parametrize(
    ("point", "state", "zone"),
    [
        ((44.98, -93.27), "MN", "America/Chicago"),
        ((39.77, -86.16), "IN", "America/Indiana/Indianapolis"),
        ((19.72, -155.08), "HI", "Pacific/Honolulu"),
        ((36.05, -109.05), "AZ", "America/Denver"),  # the Navajo Nation moves its clocks, the state around it does not
        ((33.45, -112.07), "AZ", "America/Phoenix"),
        ((-36.85, 174.76), None, "Pacific/Auckland"),
        ((30.0, -40.0), "NC", "America/New_York"),  # a point in the Atlantic, whose meridian has no civil time
        ((30.0, -40.0), None, None),
        (None, "OH", "America/New_York"),
        (None, "TX", None),  # El Paso goes by other clocks than Houston
        (None, "ZZ", None),
        (None, None, None),
    ],
)
def test_place_comes_before_state_and_a_state_of_two_times_says_nothing(
    point: tuple[float, float] | None, state: str | None, zone: str | None
) -> None:
    assert zone_of(point, state) == zone


@pytest.fixture(scope="module")
def records() -> Iterator[list[AgencyRecord]]:
    folder = present(REAL_DATA / "agencies")
    lee, cde = folder / "fbi_lee_latest.csv", folder / "cde_agencies_2018_latlon.csv"
    with lee.open("rb") as employees, cde.open("rb") as places:
        yield [row for row in join(read_lee(employees), read_cde(places)) if isinstance(row, AgencyRecord)]


def test_of_18330_real_agencies_981_must_be_asked_and_place_and_state_agree_but_for_ten(
    records: list[AgencyRecord],
) -> None:
    """Nine of the ten are of the Navajo Nation, one stands beside Georgia."""
    points = [None if r.latitude is None or r.longitude is None else (r.latitude, r.longitude) for r in records]
    zones = [zone_of(point, r.state) for point, r in zip(points, records, strict=True)]
    assert sum(zone is None for zone in zones) == 981
    assert {zone for zone in zones if zone} <= available_timezones()
    by_state = [zone_of(None, r.state) for r in records]
    assert sum(a is not None and a != b for a, b in zip(by_state, zones, strict=True)) == 10


async def test_an_agency_gets_the_zone_of_its_place_unless_another_is_given(service: Service) -> None:
    place = {"location": {"latitude": 19.72, "longitude": -155.08}}
    made = await service.operator.done("POST", "/v1/agencies", {**NEW, **place})
    assert made["time_zone"] == "Pacific/Honolulu"
    told = await service.operator.done("POST", "/v1/agencies", {**NEW, **place, "time_zone": "UTC"})
    assert told["time_zone"] == "UTC"


async def test_one_whose_zone_nothing_tells_takes_part_once_somebody_says_it(service: Service) -> None:
    made = await service.operator.done("POST", "/v1/agencies", {**NEW, "state": "TX"})
    assert made["time_zone"] is None
    path = f"/v1/agencies/{made['id']}/activate"
    refused = assert_problem(await service.operator.post(path, REASON), 422, "time_zone_missing")
    assert refused["errors"][0]["pointer"] == "/time_zone"
    unknown = {**REASON, "time_zone": "America/Houston"}
    assert_problem(await service.operator.post(path, unknown), 422, "unknown_time_zone")
    active = await service.operator.done("POST", path, {**REASON, "time_zone": "America/Chicago"})
    assert (active["status"], active["time_zone"]) == ("active", "America/Chicago")
    history = await service.operator.done("GET", f"/v1/agencies/{made['id']}/history?sort=version")
    assert history["items"][-1]["data"]["time_zone"] == "America/Chicago"


async def test_one_that_takes_part_does_not_lose_its_zone_and_a_listed_one_may(service: Service, cast: Cast) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"
    etag = (await cast.assisting.admin.get(path)).headers["etag"]
    problem = await cast.assisting.admin.patch(path, {"time_zone": None}, if_match=etag)
    assert_problem(problem, 422, "time_zone_missing")
    listed = await make_agency(service, active=False)
    path = f"/v1/agencies/{listed.id}"
    etag = (await service.operator.get(path)).headers["etag"]
    assert (await service.operator.patch(path, {"time_zone": None}, if_match=etag)).json()["time_zone"] is None
