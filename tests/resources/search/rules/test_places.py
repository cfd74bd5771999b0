"""Where: what a reach without a place is counted from, without a service."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from registry.platform.kernel.errors import RuleBroken
from registry.resources.search.rules.kinds import Lexicon, Meaning, Means
from registry.resources.search.rules.overruling import overruled
from registry.resources.search.rules.places import Point
from registry.resources.search.rules.saying import Said, as_query
from registry.resources.search.rules.understanding import Setting
from registry.resources.search.schemas import SearchQuery, UnderstoodFrom
from tests.resources.search.asking import understand_text

MINNEAPOLIS = (44.98, -93.27)
WORDS = Lexicon([("bomb dog", Meaning(means=Means.CATEGORY, code="k9.explosives", name="Explosives dog"))])


def said_of(q: str, home: Point | None = MINNEAPOLIS, **parameters: float | str) -> Said:
    now, zone = datetime(2026, 11, 24, 21, tzinfo=UTC), ZoneInfo("America/Chicago")
    setting = Setting(now=now, zone=zone, home=home, home_state="MN")
    asked = SearchQuery(q=q, **parameters)  # type: ignore[arg-type]  # numbers for the parameters that are numbers
    return overruled(asked, understand_text(q, WORDS, setting), setting)


@pytest.mark.parametrize(
    ("q", "km", "minutes"),
    [
        ("bomb dog near me", 80, None),
        ("closest bomb dog", 80, None),
        ("bomb dog nearby now", 80, None),
        ("bomb dogs in our area", 80, None),
        ("bomb dog within 20 minutes", None, 20),
        ("bomb dog within 30 miles of us", 48.3, None),
        ("bomb dog an hour away", None, 60),
    ],
)
def test_without_a_place_near_means_the_asking_agency(q: str, km: float | None, minutes: int | None) -> None:
    said = said_of(q)
    query = as_query(said, SearchQuery(q=q))
    assert (query.latitude, query.longitude) == MINNEAPOLIS
    assert (query.within_km, query.within_minutes) == (km, minutes)
    assert "where your agency is" in said.remarks[0]
    unplaced = said_of(q, None)
    assert unplaced.place is None
    assert "has not been recorded" in unplaced.remarks[0]


def test_of_places_of_one_name_it_is_said_which_is_taken_and_what_else_there_is() -> None:
    (remark,) = said_of("bomb dog near Lakeside").remarks
    assert remark.startswith("“Lakeside” is taken as Lakeside, IA: the nearest to your agency. None is known in MN. ")
    assert remark.endswith("; say the state for another.")
    assert "Lakeside, MT" in remark
    for plain in (
        "bomb dog near Lakeside IA",
        "bomb dog near Springfield",
        "bomb dog near Duluth",
        "bomb dog near Fargo",
    ):
        assert said_of(plain).remarks == (), plain


def test_a_county_is_that_of_the_own_state_though_another_is_nearer() -> None:
    for q, state in {"bomb dog in Lake County": "MN", "bomb dog in Lake County SD": "SD"}.items():
        place = said_of(q).place
        assert place is not None
        assert place[0] is not None
        assert place[0].state == state


def test_a_place_that_is_named_goes_before_words_that_mean_here() -> None:
    for q in ("bomb dog closest to Duluth", "nearest bomb dog Duluth MN", "bomb dog nearby Duluth"):
        said = said_of(q)
        assert said.place is not None
        assert said.place[0] is not None
        assert (said.place[0].name, said.left, said.remarks) == ("Duluth", (), ()), q


@pytest.mark.parametrize(
    ("q", "meant"),
    [
        ("bomb dog near Minneapolsi", "Minneapolis"),
        ("bomb dog within 30 miles of Dulth MN", "Duluth"),
        ("bomb dog Rochestr", "Rochester"),
    ],
)
def test_a_place_that_is_misspelt_is_not_taken_and_the_nearest_names_are_offered(q: str, meant: str) -> None:
    said = said_of(q)
    assert said.did_you_mean[0].name == meant
    assert said.place is None
    if "near" in q or "of" in q:
        assert "No place is known as" in said.remarks[0]
        assert f"Did you mean {meant}, MN" in said.remarks[0]
    with pytest.raises(RuleBroken) as refused:
        said_of("bomb dog", place=q.split()[-1 - q.endswith("MN")])
    assert meant in refused.value.faults[0].detail


def test_words_that_are_no_place_offer_none() -> None:
    assert said_of("bomb dog suspicious package school").did_you_mean == ()


def test_a_distance_by_its_parameter_is_counted_from_the_agency_as_well() -> None:
    said = said_of("bomb dog", within_minutes=30)
    assert said.place is not None
    assert said.place[3].understood_from is UnderstoodFrom.ASSUMED
    assert said.within_minutes is not None


def test_a_distance_around_a_whole_state_is_said_to_be_left_out() -> None:
    assert "whole state" in said_of("bomb dog Minnesota within 30 miles").remarks[0]


@pytest.mark.parametrize(
    ("q", "state"),
    [
        ("bomb dogs in MN", "MN"),
        ("bomb dogs in mn", "MN"),
        ("bomb dogs in OR", "OR"),
        ("bomb dogs in or around town", None),
        ("bomb dogs in WI tonight", "WI"),
        ("bomb dogs near Duluth MN", None),
    ],
)
def test_a_state_is_understood_by_its_postal_code_behind_a_word_for_where(q: str, state: str | None) -> None:
    said = said_of(q)
    query = as_query(said, SearchQuery(q=q))
    assert query.state == (() if state is None else (state,))
    assert said.left in ((), ("town",))


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ("St. Paul's bomb dog", "Saint Paul"),
        ("Hennepin County's bomb dogs", "Hennepin County"),
        ("bomb dog near St. Mary's", "Saint Marys"),
    ],
)
def test_whose_something_is_may_be_a_place_without_its_ending(q: str, name: str) -> None:
    place = said_of(q).place
    assert place is not None
    assert place[0] is not None
    assert place[0].name == name
