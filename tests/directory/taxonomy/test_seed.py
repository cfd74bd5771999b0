"""The shipped facts hold together, and a file that does not is refused with the line to mend."""

from collections import Counter

import pytest

from registry.directory.taxonomy.seed import (
    CategoryFact,
    closure,
    load_categories,
    load_headings,
    load_purposes,
    load_types,
    parse_categories,
    parse_types,
)

HEADER = "code,name,parent,resource_kind,description,aliases"
ROOT = "any,Anything,,any,The root.,"


def categories(*rows: str) -> tuple[CategoryFact, ...]:
    return parse_categories((HEADER, ROOT, *rows))


def test_there_are_some_hundred_and_eighty_categories_under_one_root() -> None:
    facts = load_categories()
    assert len(facts) >= 170
    assert [fact.code for fact in facts if fact.parent is None] == ["any"]
    assert facts[0].code == "any"


def test_no_shipped_code_looks_like_one_that_an_agency_adds() -> None:
    assert not [fact.code for fact in load_categories() if fact.code.startswith("own")]


def test_a_code_spells_out_its_place_in_the_tree() -> None:
    for fact in load_categories():
        if fact.parent is not None:
            assert fact.code == (f"{fact.parent}." if fact.parent != "any" else "") + fact.code.rpartition(".")[2]


def test_parents_come_before_their_children_whatever_the_order_of_the_file() -> None:
    facts = categories("k9.patrol,Patrol K9,k9,team,Tracks.,", "k9,K9,any,team,Dogs.,", "lab,Lab,any,service,Tests.,")
    assert [fact.code for fact in facts] == ["any", "k9", "lab", "k9.patrol"]


def test_the_words_that_the_design_uses_are_there() -> None:
    assert {
        "k9.narcotics",
        "k9.explosives",
        "lab.dna",
        "lab.digital_forensics",
        "vehicle.command_post",
        "aircraft.drone",
        "communications.radio_cache",
        "team.swat",
    } <= {fact.code for fact in load_categories()}


def test_no_alias_leads_to_two_categories() -> None:
    words = Counter(word.casefold() for fact in load_categories() for word in {fact.name.casefold(), *fact.aliases})
    assert [word for word, times in words.items() if times > 1] == []


def test_types_are_of_known_categories_and_begin_at_the_most_capable() -> None:
    levels: dict[str, list[int]] = {}
    for fact in load_types():
        levels.setdefault(fact.category, []).append(fact.type_level)
        assert fact.source
    assert levels == {
        "aircraft.helicopter": [1, 2, 3, 4],
        "aircraft.fixed_wing": [1, 2],
        "team.swat": [1, 2, 3],
    }


def test_purposes_and_headings_have_the_codes_that_policies_and_checklists_name() -> None:
    assert {"mutual_aid", "warrant_service", "disaster_response", "immigration_enforcement", "training"} <= {
        purpose.code for purpose in load_purposes()
    }
    assert {heading.code for heading in load_headings()} >= set(
        (
            "scope information_sharing resource_allocation joint_operations command_and_control liability "
            "indemnification workers_compensation insurance reimbursement powers credentialing confidentiality "
            "records term renewal termination dispute metrics review"
        ).split()
    )


def test_the_closure_reaches_from_every_category_up_to_the_root() -> None:
    pairs = closure(categories("k9,K9,any,team,Dogs.,", "k9.patrol,Patrol K9,k9,team,Tracks.,"))
    assert sorted(pairs) == [
        ("any", "any"),
        ("any", "k9"),
        ("any", "k9.patrol"),
        ("k9", "k9"),
        ("k9", "k9.patrol"),
        ("k9.patrol", "k9.patrol"),
    ]


def test_the_shipped_closure_has_each_pair_once_and_the_root_above_all() -> None:
    facts = load_categories()
    pairs = closure(facts)
    assert len(set(pairs)) == len(pairs)
    assert {below for above, below in pairs if above == "any"} == {fact.code for fact in facts}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (("k9,K9,any,team,Dogs.,", "k9,Dogs,any,team,Dogs.,"), "line 4: 'k9' is on line 3 already"),
        (("k9.patrol,Patrol,k9,team,Tracks.,",), "line 3: parent 'k9' is not a category"),
        (("a,A,b,team,A.,", "b,B,a,team,B.,"), "line 3: 'a' is in a circle of parents"),
        (("a,A,a,team,A.,",), "line 3: 'a' is in a circle of parents"),
        (("k9,K9,,team,Dogs.,",), "line 3: 'any', and only that, has no parent"),
        (("k9,K9,any,dogs,Dogs.,",), "line 3: 'dogs' is not a resource kind"),
        (("k9,K9,any,team,,",), "line 3: description is empty"),
        (("k9,K9,any,team",), "line 3: 4 cells instead of 6"),
    ],
)
def test_a_category_file_that_contradicts_itself_is_refused_by_line(rows: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=f"^categories.csv, {says}"):
        categories(*rows)


def test_a_category_file_with_other_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1: the columns must be code, name, parent"):
        parse_categories(("code,name",))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (("k10,1,Able.,FEMA",), "line 2: 'k10' is not a category"),
        (("any,5,Able.,FEMA",), "line 2: type level '5' is not 1, 2, 3 or 4"),
        (("any,I,Able.,FEMA",), "line 2: type level 'I' is not 1, 2, 3 or 4"),
        (("any,1,Able.,FEMA", "any,1,Less able.,FEMA"), "line 3: type 1 of 'any' is given twice"),
        (("any,1,Able.,",), "line 2: source is empty"),
    ],
)
def test_a_type_file_that_contradicts_itself_is_refused_by_line(rows: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=f"^types.csv, {says}"):
        parse_types(("category,type_level,minimum_capability,source", *rows), categories())
