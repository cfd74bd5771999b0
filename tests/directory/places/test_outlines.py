"""Points lie in the counties in which they lie, up to the date line and out to the shore."""

import random

import pytest

from registry.directory.places.outlines import counties, county_at, lies_near, shape, states

KNOWN = {
    "Minneapolis": (44.98, -93.27, "27053"),
    "Saint Paul": (44.954, -93.09, "27123"),
    "Washington": (38.8951, -77.0364, "11001"),
    "Alexandria, an independent city": (38.8048, -77.0469, "51510"),
    "New Orleans, a parish": (29.9511, -90.0715, "22071"),
    "Anchorage": (61.2181, -149.9003, "02020"),
    "Utqiagvik, the northernmost": (71.29, -156.79, "02185"),
    "Attu, behind the date line": (52.9, 172.9, "02016"),
    "Unalaska": (53.8739, -166.5376, "02016"),
    "Honolulu": (21.3069, -157.8583, "15003"),
    "San Juan": (18.4655, -66.1057, "72127"),
    "Charlotte Amalie": (18.3419, -64.9307, "78030"),
    "Pago Pago": (-14.2756, -170.702, "60010"),
    "Hagåtña": (13.4757, 144.7489, "66010"),
    "Saipan": (15.19, 145.75, "69110"),
}


@pytest.mark.parametrize("place", KNOWN)
def test_a_point_lies_in_its_county(place: str) -> None:
    latitude, longitude, code = KNOWN[place]
    found = county_at(latitude, longitude)
    assert found is not None
    assert found.code == code


def test_a_point_in_a_hole_lies_in_the_county_that_fills_it() -> None:
    # Fairfax is an independent city amid Fairfax County.
    city, county = county_at(38.8462, -77.3064), county_at(38.78, -77.28)
    assert city is not None
    assert county is not None
    assert (city.name, county.name) == ("Fairfax city", "Fairfax County")


@pytest.mark.parametrize(
    ("latitude", "longitude", "code"),
    [
        (25.77, -80.12, "12086"),  # off Miami Beach
        (35, -130, None),  # the Pacific
        (42.5, -87.0, None),  # the middle of Lake Michigan
        (49.5, -97.1, None),  # Manitoba
        (19.4326, -99.1332, None),  # Mexico City
        (90, 0, None),
        (-90, 180, None),
        (0, -180, None),
    ],
)
def test_at_sea_and_abroad_the_nearest_county_counts_for_a_few_kilometres(
    latitude: float, longitude: float, code: str | None
) -> None:
    found = county_at(latitude, longitude)
    assert (found and found.code) == code


def test_just_off_the_date_line_both_sides_are_near() -> None:
    """Semisopochnoi lies at 179.6° east; what lies beyond the line is asked about too."""
    inside = county_at(51.95, 179.6)
    assert inside is not None
    assert inside.code == "02016"
    assert county_at(51.95, -179.99) is None or county_at(51.95, -179.99) == inside


def test_the_middle_of_nearly_every_county_lies_in_it() -> None:
    outside = [each.name for each in counties() if county_at(each.latitude, each.longitude) != each]
    assert len(outside) < len(counties()) / 200, "some are crescents"


def test_every_state_and_territory_is_there_with_its_counties() -> None:
    assert len(states()) == 56
    assert len(counties()) == 3231
    assert {each.state for each in counties()} == {each.state for each in states()}
    assert {"AK", "HI", "DC", "PR", "AS", "GU", "MP", "VI"} <= {each.state for each in states()}


def test_no_point_lies_in_two_counties() -> None:
    """Shared borders are stored once, so that neighbours neither overlap nor leave gaps."""
    drawn = random.Random(7)
    for _ in range(500):
        latitude, longitude = drawn.uniform(37, 41), drawn.uniform(-100, -85)
        assert county_at(latitude, longitude) is not None


def test_a_county_is_near_up_to_the_kilometres_that_are_allowed() -> None:
    # Saint Paul's western border with Minneapolis is at about 93.207° west.
    assert lies_near("27123", 44.96, -93.22, 2.0)
    assert not lies_near("27123", 44.96, -93.22, 0.5)
    assert lies_near("27123", 44.954, -93.09, 0.0)
    assert not lies_near("27123", 35, -130, 5.0)


def test_shapes_are_closed_and_holes_follow_the_outer_ring() -> None:
    for code in ("27053", "51059", "MN", "AK"):
        for polygon in shape(code):
            assert polygon
            assert all(ring[0] == ring[-1] and len(ring) >= 4 for ring in polygon)
    assert max(len(polygon) for polygon in shape("51059")) > 1, "Fairfax County has the city of Fairfax in it"
    with pytest.raises(KeyError):
        shape("99999")
