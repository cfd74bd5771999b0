"""Distances are those of the great circle, exact at the edge of the circle asked about, for assets and for agencies."""

from math import asin, atan2, cos, degrees, radians, sin
from urllib.parse import urlencode

import pytest

from registry.platform.kernel.geo import EARTH_KM
from tests.support.assets import make_asset
from tests.support.cast import Cast

MINNEAPOLIS, FAIRBANKS, UTQIAGVIK, SUVA = (44.98, -93.27), (64.84, -147.72), (71.29, -156.79), (-17.8, 179.9)
BEARINGS = (0, 45, 90, 135, 225, 270)


def away(point: tuple[float, float], bearing: float, km: float) -> dict[str, float]:
    """Where one arrives from there, by the textbook and not by the registry's own arithmetic."""
    reach, lat, lon, course = km / EARTH_KM, radians(point[0]), radians(point[1]), radians(bearing)
    north = asin(sin(lat) * cos(reach) + cos(lat) * sin(reach) * cos(course))
    east = lon + atan2(sin(course) * sin(reach) * cos(lat), cos(reach) - sin(lat) * sin(north))
    return {"latitude": degrees(north), "longitude": (degrees(east) + 540) % 360 - 180}


async def found(cast: Cast, point: tuple[float, float], within_km: float, **more: object) -> list[dict[str, object]]:
    asked = {"latitude": point[0], "longitude": point[1], "within_km": within_km, **more}
    page = await cast.assisting.coordinator.done(
        "GET", f"/v1/assets?{urlencode({'agency_id': cast.assisting.id, **asked})}"
    )
    items: list[dict[str, object]] = page["items"]
    return items


@pytest.mark.parametrize(
    ("point", "within_km"), [(MINNEAPOLIS, 80), (FAIRBANKS, 500), (UTQIAGVIK, 500), (SUVA, 300)], ids=str
)
async def test_a_circle_holds_what_lies_a_hundred_metres_inside_and_nothing_a_hundred_metres_outside(
    cast: Cast, point: tuple[float, float], within_km: int
) -> None:
    inside = [(await make_asset(cast.assisting, location=away(point, b, within_km - 0.1)))["id"] for b in BEARINGS]
    for bearing in BEARINGS:
        await make_asset(cast.assisting, location=away(point, bearing, within_km + 0.1))
    for more in ({}, {"category": "k9.narcotics"}, {"q": "team"}):
        items = await found(cast, point, within_km, **more)
        assert {item["id"] for item in items} == set(inside), more
        assert {item["distance_km"] for item in items} == {within_km - 0.1}


async def test_from_the_far_north_the_nearest_comes_first(cast: Cast) -> None:
    """On a flat map the one due west would seem nearer than it is."""
    reaches = [(90, 480), (0, 470), (270, 490), (180, 460), (45, 475)]
    made = {
        km: (await make_asset(cast.assisting, location=away(FAIRBANKS, bearing, km)))["id"] for bearing, km in reaches
    }
    items = await found(cast, FAIRBANKS, 500)
    assert [item["id"] for item in items] == [made[km] for km in sorted(made)]
    assert [item["distance_km"] for item in items] == sorted(made)


async def test_what_has_the_very_point_is_no_distance_away(cast: Cast) -> None:
    await make_asset(cast.assisting, location={"latitude": 44.98, "longitude": -93.27})
    assert [item["distance_km"] for item in await found(cast, MINNEAPOLIS, 0.001)] == [0]


async def test_agencies_are_as_far_away_as_they_are(cast: Cast) -> None:
    admin = cast.assisting.admin
    path = f"/v1/agencies/{cast.assisting.id}"
    for place, km in (((52.1, -165.3), 79.9), ((52.1, -165.3), 80.1)):
        etag = (await admin.get(path)).headers["etag"]
        await admin.done("PATCH", path, {"location": away(place, 80, km)}, if_match=etag)
        query = urlencode({"ids": cast.assisting.id, "latitude": place[0], "longitude": place[1], "within_km": 80})
        items = (await admin.done("GET", f"/v1/agencies?{query}"))["items"]
        assert [item["distance_km"] for item in items] == ([79.9] if km < 80 else [])
