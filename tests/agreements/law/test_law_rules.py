"""To what a rule of law applies, and which rules are refused."""

from datetime import date
from typing import Any

import msgspec
import pytest

from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.law.rules import AppliesTo, Law, Matter, Party, applies, checked_laws, faults
from registry.agreements.law.switch import is_on
from tests.support.cases import every_case
from tests.support.law import TurnOn

FLORIDA, GEORGIA = Party(state="FL", kind="county"), Party(state="GA", kind="city")
FEDERAL, UNKNOWN = Party(kind="federal"), Party(kind="other")
FLORIDA_ASKS, GEORGIA_HELPS = Party(state="FL", kind="county", side="requesting"), Party(state="GA", side="assisting")


def to(**given: Any) -> AppliesTo:
    return msgspec.convert(given, AppliesTo)


def among(*parties: Party, **given: Any) -> Matter:
    return Matter(parties=parties, **given)


def test_a_rule_applies_where_all_its_conditions_hold() -> None:
    mutual_aid = Matter(instrument=AgreementKind.MUTUAL_AID)
    cases: list[tuple[str, AppliesTo, Matter, bool]] = [
        ("no condition", to(), Matter(), True),
        ("the kind", to(instruments=["mutual_aid"]), mutual_aid, True),
        ("another kind", to(instruments=["mou"]), mutual_aid, False),
        ("no agreement", to(instruments=["mou"]), Matter(), False),
        (
            "a heading in place of the kind",
            to(instruments=["mou"], headings=["recall"]),
            Matter(instrument=AgreementKind.MOA, headings=frozenset({"recall"})),
            True,
        ),
        ("a heading alone", to(headings=["recall"]), mutual_aid, False),
        ("a category's ancestor", to(categories=["k9"]), Matter(categories=frozenset({"k9.narcotics", "k9"})), True),
        ("another category", to(categories=["personnel"]), Matter(categories=frozenset({"k9", "any"})), False),
        ("a purpose", to(purposes=["training"]), Matter(purposes=frozenset({"training", "exercise"})), True),
        ("a purpose that is not said", to(purposes=["training"]), Matter(), False),
        ("a party's state", to(parties={"states": ["FL"]}), among(GEORGIA, FLORIDA), True),
        ("no party of the state", to(parties={"states": ["FL"]}), among(GEORGIA, FEDERAL), False),
        ("two of the state", to(parties={"states": ["FL"], "least": 2}), among(FLORIDA, GEORGIA), False),
        (
            "two of one sort",
            to(parties={"states": ["FL"], "least": 2}),
            among(Party(state="FL", kind="city", count=2)),
            True,
        ),
        ("a level", to(parties={"levels": ["county"]}), among(FLORIDA), True),
        ("an unknown level", to(parties={"levels": ["county"]}), among(Party(state="FL")), False),
        ("a kind of agency", to(parties={"kinds": ["city"]}), among(GEORGIA), True),
        ("the side that asks", to(requesting={"states": ["FL"]}), among(FLORIDA_ASKS, GEORGIA_HELPS), True),
        ("the other side", to(assisting={"states": ["FL"]}), among(FLORIDA_ASKS, GEORGIA_HELPS), False),
        ("another state", to(parties={"states": ["FL"]}, across=["other_state"]), among(FLORIDA, GEORGIA), True),
        ("one state", to(parties={"states": ["FL"]}, across=["other_state"]), among(FLORIDA, FLORIDA), False),
        ("a federal party", to(parties={"states": ["FL"]}, across=["other_state"]), among(FLORIDA, FEDERAL), False),
        ("federal, as is asked", to(parties={"states": ["FL"]}, across=["federal"]), among(FLORIDA, FEDERAL), True),
        ("no state known", to(parties={"states": ["FL"]}, across=["other_state"]), among(FLORIDA, UNKNOWN), True),
    ]
    with every_case() as case:
        for name, scope, matter, expected in cases:
            with case(name):
                assert applies(scope, matter) is expected


GOOD = Law(
    state="FL",
    citation="Example Stat. 1(2)",
    source="primary",
    checked_on=date(2026, 1, 31),
    checked_against="Read by nobody.",
    applies_to=to(parties={"states": ["FL"]}),
    touches=(among(FLORIDA, why="A party is of Florida."),),
    leaves=(among(GEORGIA, why="None is."),),
    says="It says so.",
    made_of_it="An example.",
    left_out="The rest.",
)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"citation": "Example Stat. 1"}, "names no subsection"),
        ({"citation": "Example Stat. 1(2); have counsel review"}, "leave it out"),
        ({"state": "GA"}, "applies by parties of that state"),
        ({"state": None}, "a law of no state"),
        ({"applies_to": to()}, "applies by parties of that state"),
        ({"applies_to": to(parties={"states": ["FL"]}, categories=["unicorn"])}, "'unicorn' is none"),
        ({"leaves": (among(FLORIDA, why="It must not."),)}, "must not apply, and does: It must not"),
        ({"touches": (among(GEORGIA, why="It must."),)}, "must apply, and does not: It must"),
        ({"touches": (among(FLORIDA),)}, "without “why”"),
        ({"says": "It says so"}, "full stop"),
    ],
)
def test_a_rule_that_touches_what_it_must_not_or_says_too_little_is_refused(
    change: dict[str, Any], complaint: str
) -> None:
    assert list(faults("example", GOOD)) == []
    with pytest.raises(ValueError, match=complaint) as refused:
        checked_laws({"example": msgspec.structs.replace(GOOD, **change)})
    assert str(refused.value).startswith("example: ")


@pytest.mark.parametrize(
    "left_out", ["source", "checked_on", "checked_against", "applies_to", "touches", "leaves", "citation", "says"]
)
def test_every_field_is_needed(left_out: str) -> None:
    told = {name: value for name, value in msgspec.to_builtins(GOOD).items() if name != left_out}
    with pytest.raises(msgspec.ValidationError, match=left_out):
        msgspec.convert(told, Law)


def test_without_a_matter_that_it_must_leave_alone_it_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="leaves"):
        msgspec.convert({**msgspec.to_builtins(GOOD), "leaves": []}, Law)


def test_a_rule_of_a_secondary_source_says_so_and_is_off_until_it_is_turned_on(turned_on: TurnOn) -> None:
    hearsay = msgspec.structs.replace(GOOD, source="secondary")
    assert GOOD.cited == "Example Stat. 1(2); have counsel review"
    assert hearsay.cited == "Example Stat. 1(2); known from a secondary source only; have counsel review"
    assert (is_on("example", GOOD), is_on("example", hearsay)) == (True, False)
    turned_on("example")
    assert (is_on("example", hearsay), is_on("another", hearsay)) == (True, False)
