"""Text that names another county than the coordinates is told, unless the border is near or nothing is known."""

import pytest

from registry.directory.places.rules import Verdict, check_location, check_place
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.geo import Location

MINNEAPOLIS = (44.98, -93.27)
AT_SEA = (35.0, -130.0)


@pytest.mark.parametrize(
    ("county", "state", "point", "verdict"),
    [
        ("HENNEPIN", "MN", MINNEAPOLIS, Verdict.AGREES),
        ("Hennepin County", "Minnesota", MINNEAPOLIS, Verdict.AGREES),
        ("HENNEPIN", None, MINNEAPOLIS, Verdict.AGREES),
        ("CARVER, HENNEPIN", "MN", MINNEAPOLIS, Verdict.AGREES),
        ("Carver; Hennepin", "MN", MINNEAPOLIS, Verdict.AGREES),
        (None, "MN", MINNEAPOLIS, Verdict.AGREES),
        ("ramsey", "MN", (44.96, -93.22), Verdict.AGREES),  # a kilometre from it
        ("RAMSEY", "MN", MINNEAPOLIS, Verdict.CONTRADICTS),
        ("Saint Louis", "MN", MINNEAPOLIS, Verdict.CONTRADICTS),
        ("HENNEPIN", "WI", MINNEAPOLIS, Verdict.CONTRADICTS),
        (None, "WI", MINNEAPOLIS, Verdict.CONTRADICTS),
        ("NOT SPECIFIED", "MN", MINNEAPOLIS, Verdict.UNKNOWN),
        ("Allegancy", "MI", (42.5, -85.9), Verdict.UNKNOWN),
        ("WEBER", "UTAHJ", (41.2, -111.9), Verdict.UNKNOWN),
        (None, None, MINNEAPOLIS, Verdict.UNKNOWN),
        ("HENNEPIN", "MN", AT_SEA, Verdict.UNKNOWN),
        ("Fairfax", "VA", (38.8462, -77.3064), Verdict.AGREES),  # the city's name is the county's too
    ],
)
def test_a_text_is_held_against_a_point(
    county: str | None, state: str | None, point: tuple[float, float], verdict: Verdict
) -> None:
    assert check_place(county, state, *point).verdict is verdict


def test_a_contradiction_says_which_county_it_is() -> None:
    found = check_place("Ramsey", "MN", *MINNEAPOLIS)
    assert found.county is not None
    assert (found.county.code, found.county.name, found.county.state) == ("27053", "Hennepin County", "MN")


@pytest.mark.parametrize(
    ("latitude", "longitude", "said"),
    [
        (0, 0, "leave the point out"),
        (44.98, 93.27, "latitude 44.98, longitude -93.27, near "),
        (-81.78, 24.55, "latitude 24.55, longitude -81.78, near Key West, FL"),
    ],
)
def test_a_point_that_is_a_slip_is_refused_with_what_is_meant(latitude: float, longitude: float, said: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        check_location(Location(latitude=latitude, longitude=longitude))
    assert refused.value.code == "unlikely_place"
    assert said in refused.value.faults[0].detail


@pytest.mark.parametrize(("latitude", "longitude"), [(44.98, -93.27), (13.47, 144.75), (28.0, -70.0), (10.0, 10.0)])
def test_a_point_with_a_town_or_far_from_any_may_be_meant(latitude: float, longitude: float) -> None:
    check_location(Location(latitude=latitude, longitude=longitude))
