"""What names mean: alone, with a state, in a text, ambiguous and narrowed."""

import random

import pytest

from registry.directory.places.gazetteer import (
    FARTHEST_KM,
    PlaceKind,
    counties_named,
    find_places,
    nearest_place,
    state_named,
    towns,
)
from registry.platform.kernel.geo import distance_km


def first(text: str) -> tuple[str, str, str]:
    place = find_places(text)[0]
    return place.name, place.state, place.kind.value


@pytest.mark.parametrize(
    ("text", "name", "state", "kind"),
    [
        ("Minneapolis", "Minneapolis", "MN", "place"),
        ("MINNEAPOLIS", "Minneapolis", "MN", "place"),
        ("springfield il", "Springfield", "IL", "place"),
        ("Springfield, Oregon", "Springfield", "OR", "place"),
        ("Springfield, OR", "Springfield", "OR", "place"),
        ("portland or", "Portland", "OR", "place"),
        ("Winston-Salem", "Winston-Salem", "NC", "place"),
        ("winston salem nc", "Winston-Salem", "NC", "place"),
        ("St. Paul", "Saint Paul", "MN", "place"),
        ("saint louis, mo", "St. Louis", "MO", "place"),
        ("Ft Worth", "Fort Worth", "TX", "place"),
        ("nyc", "New York City", "NY", "place"),
        ("Washington, D.C.", "Washington", "DC", "place"),
        ("Hennepin County", "Hennepin County", "MN", "county"),
        ("hennepin, mn", "Hennepin County", "MN", "county"),
        ("Orange County, CA", "Orange County", "CA", "county"),
        ("Orleans Parish", "Orleans Parish", "LA", "county"),
        ("Minnesota", "Minnesota", "MN", "state"),
        ("new york", "New York", "NY", "state"),
        ("LA", "Louisiana", "LA", "state"),
        ("mn", "Minnesota", "MN", "state"),
        ("Puerto Rico", "Puerto Rico", "PR", "state"),
        ("Hagåtña", "Hagåtña", "GU", "place"),
    ],
)
def test_a_name_is_found_however_it_is_written(text: str, name: str, state: str, kind: str) -> None:
    assert first(text) == (name, state, kind)


def test_an_ambiguous_name_is_answered_with_all_that_have_it_the_greatest_first() -> None:
    found = find_places("Springfield")
    assert len(found) >= 15
    assert [(each.name, each.state) for each in found[:3]] == [
        ("Springfield", "MO"),
        ("Springfield", "MA"),
        ("Springfield", "IL"),
    ]
    people = [each.population or 0 for each in found]
    assert people == sorted(people, reverse=True)


def test_a_state_or_a_point_narrows() -> None:
    assert [each.state for each in find_places("Springfield", state="VT")] == ["VT"]
    assert find_places("Springfield", near=(44.05, -123.02))[0].state == "OR"
    assert find_places("Springfield", state="AK") == []


def test_the_beginning_of_a_name_finds_it_when_nothing_is_called_so() -> None:
    assert [each.name for each in find_places("Minneap")] == ["Minneapolis", "Minneapolis"]
    assert find_places("zz") == []
    assert find_places("!!") == []
    assert find_places("Nowhere in Particular") == []


def test_counties_and_states_are_known_by_name() -> None:
    assert [each.fips for each in counties_named("HENNEPIN", "MN")] == ["27053"]
    assert {each.fips for each in counties_named("Fairfax", "VA")} >= {"51059"}
    assert len(counties_named("Washington")) > 20
    assert all(each.kind is PlaceKind.COUNTY for each in counties_named("Washington"))
    assert [state_named(each) for each in ("MN", "co", "Colorado", "minnesota", "UTAHJ", "")] == [
        *("MN", "CO", "CO", "MN", None, None),
    ]


def test_the_nearest_town_is_the_one_that_all_others_are_farther_than() -> None:
    drawn = random.Random(7)
    contiguous = [(drawn.uniform(24, 50), drawn.uniform(-125, -66)) for _ in range(40)]
    northern = [(drawn.uniform(52, 73), drawn.uniform(-180, -129)) for _ in range(25)]
    edges = [(51.9, 179.9), (51.9, -179.9), (90.0, 0.0), (-90.0, 3.0), (0.0, 0.0), (18.2, -66.4), (13.4, 144.7)]
    for north, east in (*contiguous, *northern, *edges):
        found = min(
            (distance_km(north, east, each.latitude, each.longitude), each.name, each.state) for each in towns()
        )
        for km in (25.0, FARTHEST_KM):
            town = nearest_place(north, east, km)
            assert (None if town is None else (town.name, town.state)) == (found[1:] if found[0] <= km else None)
