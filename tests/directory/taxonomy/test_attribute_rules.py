"""What an asset may state: defined attributes in the form that their definitions give, others freely, slips not."""

import pytest

from registry.directory.taxonomy.rules import (
    AttributeDefinition,
    AttributeKind,
    AttributeValue,
    check_attributes,
    in_force,
    read_value,
    slip_for,
    upwards,
)
from registry.directory.taxonomy.seed import load_categories
from registry.directory.taxonomy.seed_details import load_attributes
from registry.platform.kernel.errors import RuleBroken


def defined(name: str, kind: AttributeKind, **more: object) -> AttributeDefinition:
    return AttributeDefinition(name=name, kind=kind, description="It is what it says.", **more)  # type: ignore[arg-type]  # each of its own type


BREED = defined("breed", AttributeKind.TEXT)
SEATS = defined("seats", AttributeKind.NUMBER, minimum=1.0, maximum=9.0)
LENGTH = defined("length_m", AttributeKind.NUMBER, measured_in="m", minimum=0.5)
NIGHT = defined("night_vision", AttributeKind.BOOLEAN)
DRIVE = defined("drive", AttributeKind.CHOICE, choices=("two_wheel", "all_wheel"))
ALL = (BREED, SEATS, LENGTH, NIGHT, DRIVE)


def refused(attributes: dict[str, AttributeValue | None]) -> list[tuple[str, str | None, str]]:
    with pytest.raises(RuleBroken) as error:
        check_attributes(ALL, attributes)
    assert error.value.code == error.value.faults[0].code
    return [(fault.code, fault.pointer, fault.detail) for fault in error.value.faults]


def test_values_of_the_defined_kind_and_free_ones_are_taken() -> None:
    check_attributes(
        ALL,
        {
            "breed": "Malinois",
            "seats": 8,
            "length_m": 5.5,
            "night_vision": False,
            "drive": "all_wheel",
            "handler_note": "two handlers",
            "antennas": 3,
        },
    )
    check_attributes(ALL, {"seats": 1, "length_m": 0.5})
    check_attributes((), {"anything": True})


def test_a_cleared_value_is_not_checked_whatever_its_name() -> None:
    check_attributes(ALL, {"seats": None, "seat": None})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("breed", 7, "not text"),
        ("breed", True, "not text"),
        ("seats", "8", "not a number"),
        ("seats", True, "not a number"),
        ("length_m", "5", "not a number, in m"),
        ("seats", 0, "less than 1"),
        ("seats", 9.5, "more than 9"),
        ("length_m", 0.25, "less than 0.5"),
        ("night_vision", "yes", "neither true nor false"),
        ("night_vision", 1, "neither true nor false"),
        ("drive", "tracked", "not one of two_wheel, all_wheel"),
        ("drive", True, "not one of two_wheel, all_wheel"),
    ],
)
def test_a_value_that_is_none_of_the_attributes_is_refused_with_what_it_should_be(
    name: str, value: AttributeValue, says: str
) -> None:
    assert refused({name: value}) == [("invalid_attribute", f"/attributes/{name}", says)]


def test_every_fault_is_told_at_once() -> None:
    found = refused({"seats": 0, "breed": "Lab", "drives": "two_wheel", "night_vision": "no"})
    assert [(code, pointer) for code, pointer, _ in found] == [
        ("invalid_attribute", "/attributes/seats"),
        ("unknown_attribute", "/attributes/drives"),
        ("invalid_attribute", "/attributes/night_vision"),
    ]


@pytest.mark.parametrize(
    "slip", ["seat", "nightvision", "night-vision", "night_visions", "lenght_m", "breeds", "brede", "seets"]
)
def test_a_slip_for_a_defined_name_is_refused_with_the_name(slip: str) -> None:
    ((code, pointer, detail),) = refused({slip: "x"})
    assert (code, pointer) == ("unknown_attribute", f"/attributes/{slip}")
    assert detail == f"no such attribute; did you mean `{slip_for(slip, [each.name for each in ALL])}`?"


@pytest.mark.parametrize(
    ("name", "known"), [("weight_kg", "height_m"), ("age", "range"), ("seating_plan", "seats"), ("color", "model")]
)
def test_another_word_is_no_slip(name: str, known: str) -> None:
    assert slip_for(name, [known]) is None


def test_no_shipped_name_looks_like_a_slip_for_another_that_holds_beside_it() -> None:
    tree, own = {fact.code: fact for fact in load_categories()}, load_attributes()
    for code in tree:
        names = [each.name for _, each in in_force(upwards(code, tree), own)]
        slips = [(name, slip_for(name, [other for other in names if other != name])) for name in names]
        assert [pair for pair in slips if pair[1] is not None] == [], code


def test_definitions_hold_below_and_a_nearer_one_hides_one_of_the_same_name() -> None:
    nearer = defined("seats", AttributeKind.NUMBER, maximum=2.0)
    found = in_force(["k9.patrol", "k9", "any"], {"k9": [BREED, SEATS], "k9.patrol": [nearer, NIGHT], "lab": [DRIVE]})
    assert found == [("k9", BREED), ("k9.patrol", nearer), ("k9.patrol", NIGHT)]


@pytest.mark.parametrize(
    ("definition", "text", "value"),
    [
        (SEATS, " 8 ", 8),
        (LENGTH, "5.5", 5.5),
        (SEATS, "eight", "eight"),
        (SEATS, "1e3", "1e3"),
        (NIGHT, "Yes", True),
        (NIGHT, "0", False),
        (NIGHT, "perhaps", "perhaps"),
        (DRIVE, "All wheel", "all_wheel"),
        (BREED, "Malinois ", "Malinois "),
        (None, "8", "8"),
    ],
)
def test_a_cell_of_a_table_is_read_as_its_attribute_says(
    definition: AttributeDefinition | None, text: str, value: AttributeValue
) -> None:
    found = read_value(definition, text)
    assert found == value
    assert type(found) is type(value)
