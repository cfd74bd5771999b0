"""Cells and distances, held against the plain arithmetic of the sphere."""

from math import asin, atan2, cos, degrees, pi, radians, sin

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from registry.platform.kernel.geo import (
    EARTH_KM,
    cell_of,
    cells_within,
    distance_km,
    haversine_to_km,
    km_to_haversine,
    rounded_km,
)

LATITUDES = st.floats(-90, 90)
LONGITUDES = st.floats(-180, 180)
REACHES = st.floats(0, 2000)


def destination(latitude: float, longitude: float, bearing: float, km: float) -> tuple[float, float]:
    """Where one arrives after `km` along a great circle; written down here a second time, from the textbook."""
    reach, lat, lon, course = km / EARTH_KM, radians(latitude), radians(longitude), radians(bearing)
    north = asin(max(-1.0, min(1.0, sin(lat) * cos(reach) + cos(lat) * sin(reach) * cos(course))))
    east = lon + atan2(sin(course) * sin(reach) * cos(lat), cos(reach) - sin(lat) * sin(north))
    return degrees(north), (degrees(east) + 540) % 360 - 180


@given(LATITUDES, LONGITUDES, REACHES, st.floats(0, 360), st.floats(0, 1))
@example(44.98, -93.27, 80, 90, 1)
@example(0, 180, 80, 90, 1)
@example(0, -180, 80, 270, 1)
@example(89.9, 10, 80, 0, 1)
@example(-89.9, 10, 80, 180, 1)
@example(90, 0, 80, 45, 1)
@example(71.4, 179.9, 500, 60, 1)
@example(83, 0, 0, 0, 0)
def test_every_point_within_reach_lies_in_one_of_the_cells(
    latitude: float, longitude: float, km: float, bearing: float, part: float
) -> None:
    there = destination(latitude, longitude, bearing, km * part)
    assert cell_of(*there) in cells_within(latitude, longitude, km)


@given(LATITUDES, LONGITUDES, REACHES)
def test_cells_are_each_named_once_and_exist(latitude: float, longitude: float, km: float) -> None:
    cells = cells_within(latitude, longitude, km)
    assert cells == sorted(set(cells))
    assert all(0 <= cell // 1000 < 360 and 0 <= cell % 1000 < 720 for cell in cells)


@given(st.floats(-60, 60), LONGITUDES, st.floats(1, 300))
def test_cells_far_out_of_reach_are_left_out(latitude: float, longitude: float, km: float) -> None:
    """A search that reads the whole country is correct and useless."""
    furthest = km + 3 * 111.2  # the corners of the box that holds the circle, and a cell beyond
    for cell in cells_within(latitude, longitude, km):
        middle = ((cell // 1000) / 2 - 89.75, (cell % 1000) / 2 - 179.75)
        assert distance_km(latitude, longitude, *middle) <= 1.6 * furthest


def test_a_search_of_the_usual_size_reads_few_cells() -> None:
    assert len(cells_within(44.98, -93.27, 80)) <= 30


def test_a_search_from_a_pole_reads_every_longitude() -> None:
    assert {cell % 1000 for cell in cells_within(90, 0, 80)} == set(range(720))


@pytest.mark.parametrize("latitude", [-90, -45.3, 0, 45.3, 90])
def test_the_antimeridian_has_one_cell_from_both_sides(latitude: float) -> None:
    assert cell_of(latitude, 180) == cell_of(latitude, -180)


def test_the_poles_and_edges_have_cells() -> None:
    assert cell_of(90, 0) == 359_360
    assert cell_of(-90, -180) == 0
    assert cell_of(44.98, -93.27) == 269_173


@given(LATITUDES, LONGITUDES, st.floats(0, 360), st.floats(0, 20_000))
def test_a_distance_is_what_was_travelled(latitude: float, longitude: float, bearing: float, km: float) -> None:
    there = destination(latitude, longitude, bearing, km)
    assert distance_km(latitude, longitude, *there) == pytest.approx(km, abs=0.5)


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
def test_a_distance_is_the_same_both_ways_and_never_beyond_the_antipode(
    latitude: float, longitude: float, other_latitude: float, other_longitude: float
) -> None:
    there = distance_km(latitude, longitude, other_latitude, other_longitude)
    back = distance_km(other_latitude, other_longitude, latitude, longitude)
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there <= pi * EARTH_KM + 1e-6


def test_a_known_distance() -> None:
    """Minneapolis to Saint Paul: about 14 km."""
    assert distance_km(44.9778, -93.2650, 44.9537, -93.0900) == pytest.approx(14.0, abs=0.2)


def test_whole_kilometres_are_rounded_up() -> None:
    assert [rounded_km(km) for km in (0, 0.01, 1, 1.01)] == [0, 1, 1, 2]


@given(st.floats(0, 20_000))
def test_a_haversine_tells_its_distance(km: float) -> None:
    assert haversine_to_km(km_to_haversine(km)) == pytest.approx(km, abs=1e-3 if km < 19_000 else 0.5)


@given(st.floats(-70, 70), LONGITUDES, st.floats(1, 500))
def test_the_cells_of_a_circle_are_no_wider_than_the_circle(latitude: float, longitude: float, km: float) -> None:
    """A cell more on either side at most: each cell costs a look into an index."""
    columns = {cell % 1000 for cell in cells_within(latitude, longitude, km)}
    widest = degrees(asin(min(sin(km / EARTH_KM) / cos(radians(latitude)), 1)))
    assert len(columns) <= 4 * widest + 2
