"""What is shipped of categories beside the tree agrees with FEMA's list and with itself."""

import json
from collections.abc import Sequence

import pytest

from registry.directory.taxonomy.rules import AttributeKind, Scheme
from registry.directory.taxonomy.seed import CategoryFact, load_categories, load_types, parse_categories
from registry.directory.taxonomy.seed_details import (
    load_attributes,
    load_measures,
    load_speeds,
    load_typing,
    parse_attributes,
    parse_measures,
    parse_speeds,
    parse_typing,
)
from tests.support.places import REAL_DATA, present

RTLT = REAL_DATA / "typing" / "fema_rtlt_resource_types.json"
LEVELS = {"Type I": 1, "Type II": 2, "Type III": 3, "Type IV": 4}
TYPING = "category,scheme,nims_id,nims_name,discipline,levels"
MEASURES = "category,type_level,component,measure,requirement"
SPEEDS = "category,speed_kmh,basis"
ATTRIBUTES = "category,name,kind,measured_in,choices,minimum,maximum,description"


def tree() -> Sequence[CategoryFact]:
    return parse_categories(
        (
            "code,name,parent,resource_kind,description,aliases",
            "any,Anything,,any,The root.,",
            "k9,K9,any,team,Dogs.,",
            "k9.patrol,Patrol K9,k9,team,Tracks.,",
            "lab,Lab,any,service,Tests.,",
        )
    )


def test_what_is_said_of_fema_is_what_fema_published() -> None:
    published = {resource["id"]: resource for resource in json.loads(present(RTLT).read_text("utf-8"))}
    typed = [fact for fact in load_typing().values() if fact.scheme is Scheme.NIMS]
    assert len(typed) >= 30
    for fact in typed:
        resource = published[fact.nims_id]
        assert fact.nims_name == resource["name"]
        assert fact.discipline == resource["discipline"]
        assert sorted(fact.levels) == sorted(LEVELS[level] for level in resource["type_levels"])


def test_all_ten_of_femas_law_enforcement_resources_are_there() -> None:
    law = [fact for fact in load_typing().values() if fact.discipline == "Law Enforcement Operations"]
    assert sorted(fact.nims_id or "" for fact in law) == sorted(
        f"6-508-{number}" for number in (1002, 1003, 1005, 1034, 1176, 1216, 1231, 1240, 1245, 1290)
    )


def test_no_resource_of_fema_stands_for_two_categories() -> None:
    ids = [fact.nims_id for fact in load_typing().values() if fact.nims_id]
    assert len(set(ids)) == len(ids)


def test_laboratory_services_have_the_discipline_of_their_accreditation() -> None:
    labs = {fact.code for fact in load_categories() if fact.parent == "lab"}
    accredited = {code for code, fact in load_typing().items() if fact.scheme is Scheme.ISO_IEC_17025}
    assert accredited == labs - {"lab.pathology"}  # medical examiners are accredited otherwise


def test_a_described_type_is_one_that_exists() -> None:
    typing = load_typing()
    assert all(fact.type_level in typing[fact.category].levels for fact in load_types())
    described = {(fact.category, fact.type_level) for fact in load_types()}
    assert {(fact.category, fact.type_level) for fact in load_measures()} == described


def test_what_travels_has_a_speed_and_a_service_or_place_has_none() -> None:
    speeds = load_speeds()
    for fact in load_categories():
        still = fact.code == "any" or fact.code.partition(".")[0] in ("lab", "facility")
        assert (fact.code in speeds) is not still, fact.code
    assert speeds["aircraft.helicopter"].speed_kmh > speeds["vehicle.patrol"].speed_kmh
    assert speeds["aircraft.drone"].speed_kmh == speeds["vehicle"].speed_kmh, "its pilot drives it there"
    assert all(speed.basis for speed in speeds.values())


def test_attributes_are_defined_for_every_branch_and_each_name_means_one_thing() -> None:
    defined = load_attributes()
    branches = {fact.code for fact in load_categories() if fact.parent == "any"}
    assert branches <= set(defined)
    alike: dict[str, tuple[AttributeKind, str | None]] = {}
    for own in defined.values():
        for each in own:
            assert alike.setdefault(each.name, (each.kind, each.measured_in)) == (each.kind, each.measured_in)
    assert {"seats", "length_m", "thermal_imaging", "accreditation"} <= set(alike)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("k10,nims,6-1,Dogs,Law,1 2", "'k10' is not a category"),
        ("k9,fema,6-1,Dogs,Law,1 2", "'fema' is not a scheme"),
        ("k9,nims,6-1,Dogs,Law,2 1", "the levels are not some of 1 2 3 4 in order"),
        ("k9,nims,6-1,Dogs,Law,5", "the levels are not some of 1 2 3 4 in order"),
        ("k9,nims,,Dogs,Law,1", "NIMS, and only NIMS, gives an id, a name and levels"),
        ("lab,iso_iec_17025,,,Biology,1", "NIMS, and only NIMS, gives an id, a name and levels"),
    ],
)
def test_typing_that_contradicts_itself_is_refused_by_line(row: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^typing.csv, line 2: {says}"):
        parse_typing((TYPING, row), tree())


def test_a_category_is_typed_once() -> None:
    with pytest.raises(ValueError, match="line 3: 'lab' is typed twice"):
        parse_typing((TYPING, "lab,iso_iec_17025,,,Biology,", "lab,iso_iec_17025,,,Biology,"), tree())


def test_a_measure_of_no_type_and_a_speed_of_nothing_are_refused_by_line() -> None:
    typing = parse_typing((TYPING, "k9,nims,6-1,Dogs,Law,1 2"), tree())
    with pytest.raises(ValueError, match="line 2: there is no type 3 of 'k9'"):
        parse_measures((MEASURES, "k9,3,dog,number,2"), typing)
    with pytest.raises(ValueError, match="line 3: 'dog' is measured twice so"):
        parse_measures((MEASURES, "k9,1,dog,number,2", "k9,1,dog,number,3"), typing)
    with pytest.raises(ValueError, match="line 2: 'fast' is no speed in km/h"):
        parse_speeds((SPEEDS, "k9,fast,By road."), tree())
    with pytest.raises(ValueError, match="line 3: 'k9' is no category, or stands there twice"):
        parse_speeds((SPEEDS, "k9,80,By road.", "k9,90,By road."), tree())


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (("k10,age,number,,,,,Age.",), "line 2: 'k10' is not a category"),
        (("k9,age,integer,,,,,Age.",), "line 2: 'integer' is not a kind of attribute"),
        (("k9,Age,number,,,,,Age.",), "line 2: 'Age' is not a name of small letters, digits and `_`"),
        (("k9,age,number,,,old,,Age.",), "line 2: the bounds are not numbers"),
        (("k9,age,number,,,9,1,Age.",), "line 2: the minimum lies above the maximum"),
        (("k9,age,text,years,,,,Age.",), "line 2: bounds and a unit are for the kind `number`"),
        (("k9,age,choice,,,,,Age.",), "line 2: choices are for the kind `choice`, which needs some"),
        (("k9,age,number,,a;b,,,Age.",), "line 2: choices are for the kind `choice`, which needs some"),
        (("k9,age,choice,,a;a,,,Age.",), "line 2: a choice is given twice"),
        (("k9,age,number,,,,,Age.", "k9,age,number,,,,,Age."), "line 3: 'age' of 'k9' is defined twice"),
        (("k9,age,number,,,,,Age.", "lab,age,text,,,,,Age."), "line 3: 'age' has another kind or unit elsewhere"),
        (("k9,age,number,,,,,Age.", "k9.patrol,age,number,,,,,Age."), "'age' of 'k9.patrol' is defined above it"),
    ],
)
def test_definitions_that_contradict_one_another_are_refused(rows: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=f"^attributes.csv.* {says}"):
        parse_attributes((ATTRIBUTES, *rows), tree())
