"""Two agreements held against each other: what cannot hold together, and what is stricter in one of them."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from registry.agreements.checks.contradictions import (
    LIMITS,
    STANCES,
    categories_in_common,
    compare,
    overlap,
    purposes_in_common,
)
from registry.agreements.checks.schemas import Contradiction
from registry.agreements.instruments.terms import Terms


def terms(**given: object) -> Terms:
    return msgspec.convert({"categories": ["any"], **given}, Terms)


def money(amount: str, currency: str = "USD") -> dict[str, str]:
    return {"amount": amount, "currency": currency}


def only(this: dict[str, Any], other: dict[str, Any]) -> Contradiction:
    (found,) = compare(terms(**this), terms(**other))
    return found


@pytest.mark.parametrize("given", [{}, {"liability": "split", "max_duration_hours": 72, "purposes": ["training"]}])
def test_two_that_say_the_same_do_not_differ(given: dict[str, Any]) -> None:
    assert compare(terms(**given), terms(**given)) == []


FIXED = {"model": "fixed_rate", "rate_per_hour": money("90.00")}
HELPS = {"agency_id": str(UUID(int=1)), "role": "assists"}
SENT = {"categories": ["k9"], "trigger": "Second alarm"}
AFTER = {"model": "actual_after_hours", "free_hours": 12}


@pytest.mark.parametrize(
    ("this", "other", "pointers"),
    [
        ({"liability": "sending"}, {"liability": "receiving"}, ("/liability", "/liability")),
        ({"command": "requesting"}, {"command": "unified"}, ("/command", "/command")),
        ({"sop_control": "assisting"}, {"sop_control": "requesting"}, ("/sop_control", "/sop_control")),
        ({"pay_control": "assisting"}, {"pay_control": "requesting"}, ("/pay_control", "/pay_control")),
        (
            {"reimbursement": {"model": "full"}},
            {"reimbursement": FIXED},
            ("/reimbursement/model", "/reimbursement/model"),
        ),
        (
            {"reimbursement": FIXED},
            {"reimbursement": {**FIXED, "rate_per_hour": money("95.00")}},
            ("/reimbursement/rate_per_hour", "/reimbursement/rate_per_hour"),
        ),
        (
            {"reimbursement": FIXED},
            {"reimbursement": {**FIXED, "rate_per_hour": money("90.00", "CAD")}},
            ("/reimbursement/rate_per_hour", "/reimbursement/rate_per_hour"),
        ),
        (
            {"reimbursement": AFTER},
            {"reimbursement": {**AFTER, "free_hours": 24}},
            ("/reimbursement/free_hours", "/reimbursement/free_hours"),
        ),
        (
            {"reimbursement": {"model": "none"}, "clauses": {"reimbursement": "5"}},
            {"reimbursement": {"model": "full"}},
            ("/reimbursement/model", "/reimbursement/model"),
        ),
    ],
)
def test_what_one_loan_cannot_have_twice_is_a_conflict_told_at_both_places(
    this: dict[str, Any], other: dict[str, Any], pointers: tuple[str, str]
) -> None:
    for found, places in ((only(this, other), pointers), (only(other, this), pointers[::-1])):
        assert (found.severity, found.stricter) == ("contradicts", None)
        assert (found.this.pointer, found.other.pointer) == places
        assert found.this.value != found.other.value
        assert found.this.value in found.detail
        assert found.other.value in found.detail


@pytest.mark.parametrize(
    ("this", "other", "stricter"),
    [
        ({"max_duration_hours": 48}, {"max_duration_hours": 72}, "this"),
        ({"max_duration_hours": 48}, {}, "this"),
        ({"max_quantity": 2}, {"max_quantity": 1}, "other"),
        ({"notice_hours": 4}, {"notice_hours": 8}, "other"),
        ({"notice_hours": 4}, {}, "this"),
        ({"claim_window_days": 60}, {"claim_window_days": 30}, "other"),
        ({"recall_notice_hours": 0}, {"recall_notice_hours": 2}, "other"),
        ({"recall_notice_hours": 0}, {}, "this"),
        ({"cost_ceiling": money("99.50")}, {"cost_ceiling": money("100.00")}, "this"),
        ({"cost_ceiling": money("99.50")}, {}, "this"),
        ({"cost_ceiling": money("99.50")}, {"cost_ceiling": money("100.00", "CAD")}, None),
        ({"insurance_required": True}, {}, "this"),
        ({"least_priority": "urgent"}, {}, "this"),
        ({"least_priority": "urgent"}, {"least_priority": "emergency"}, "other"),
        ({"directions": [HELPS]}, {}, "this"),
        ({"directions": [HELPS]}, {"directions": [HELPS, {**HELPS, "agency_id": str(UUID(int=2))}]}, "other"),
        ({"directions": [HELPS]}, {"directions": [{**HELPS, "role": "requests"}]}, None),
        ({"automatic_aid": [SENT]}, {}, None),
        ({"automatic_aid": [SENT]}, {"automatic_aid": [{**SENT, "trigger": "Third alarm"}]}, None),
        ({"approval_required": True}, {"approval_over_hours": 8}, "this"),
        ({"approval_over_hours": 8}, {"approval_over_hours": 24}, "this"),
        ({"approval_over_hours": 8}, {}, "this"),
        ({"categories": ["k9.narcotics"]}, {"categories": ["k9"]}, "this"),
        ({"categories": ["k9", "lab"]}, {"categories": ["k9", "vehicle"]}, None),
        ({"categories": ["any"]}, {"categories": ["k9", "vehicle"]}, "other"),
        ({"purposes": ["training"]}, {}, "this"),
        ({"purposes": ["training"]}, {"purposes": ["training", "exercise"]}, "this"),
        ({"purposes": ["training", "mutual_aid"]}, {"purposes": ["training", "exercise"]}, None),
        ({"reimbursement": {"model": "full"}}, {}, None),
    ],
)
def test_of_two_limits_the_stricter_satisfies_both(
    this: dict[str, Any], other: dict[str, Any], stricter: str | None
) -> None:
    mirrored = {"this": "other", "other": "this", None: None}[stricter]
    for found, expected in ((only(this, other), stricter), (only(other, this), mirrored)):
        assert (found.severity, found.stricter) == ("differs", expected)
        assert found.detail.endswith(".")


@pytest.mark.parametrize("name", STANCES)
def test_a_silent_agreement_contradicts_nobody(name: str) -> None:
    assert compare(terms(**{name: "silent"}), terms(**{name: "requesting" if name != "liability" else "split"})) == []


def test_each_place_names_its_provision_where_the_terms_do() -> None:
    found = only(
        {"max_duration_hours": 48, "clauses": {"max_duration_hours": "4.2"}},
        {"max_duration_hours": 72},
    )
    assert msgspec.to_builtins(found) == {
        "term": "max_duration_hours",
        "severity": "differs",
        "stricter": "this",
        "this": {"pointer": "/max_duration_hours", "value": "48 h", "provision": "4.2"},
        "other": {"pointer": "/max_duration_hours", "value": "72 h", "provision": None},
        "detail": "The longest loan is 48 h here and 72 h there; this one is stricter.",
    }


def test_approval_is_told_where_each_of_the_two_says_it() -> None:
    found = only({"approval_required": True}, {"approval_over_hours": 8})
    assert (found.this.pointer, found.other.pointer) == ("/approval_required", "/approval_over_hours")
    assert found.detail == "Approval is needed always here and over 8 h there; this one is stricter."
    assert only({"approval_over_hours": 8}, {}).other.value == "never"


def test_everything_is_told_and_conflicts_come_first() -> None:
    this = terms(max_duration_hours=48, liability="sending", insurance_required=True, command="assisting")
    other = terms(liability="split", command="requesting")
    assert [(each.term, each.severity) for each in compare(this, other)] == [
        ("liability", "contradicts"),
        ("command", "contradicts"),
        ("max_duration_hours", "differs"),
        ("insurance_required", "differs"),
    ]


@pytest.mark.parametrize(
    ("these", "others", "common"),
    [
        (["k9"], ["k9"], ["k9"]),
        (["k9"], ["k9.narcotics"], ["k9.narcotics"]),
        (["k9.narcotics"], ["k9"], ["k9.narcotics"]),
        (["any"], ["lab", "k9"], ["lab", "k9"]),
        (["k9", "lab.dna"], ["lab", "vehicle"], ["lab.dna"]),
        (["k9"], ["k9_support"], []),
        (["k9"], ["vehicle"], []),
    ],
)
def test_of_two_categories_the_narrower_is_common(these: list[str], others: list[str], common: list[str]) -> None:
    assert categories_in_common(these, others) == common
    assert sorted(categories_in_common(others, these)) == sorted(common)


@pytest.mark.parametrize(
    ("these", "others", "common"),
    [
        ([], [], []),
        (["a"], [], ["a"]),
        ([], ["a", "b"], ["a", "b"]),
        (["a", "b"], ["b", "c"], ["b"]),
        (["a"], ["b"], []),
    ],
)
def test_an_agreement_that_names_no_purpose_covers_all(these: list[str], others: list[str], common: list[str]) -> None:
    assert purposes_in_common(these, others) == common


@pytest.mark.parametrize(
    ("this", "other", "meet"),
    [
        ({}, {}, True),
        ({"categories": ["k9"]}, {"categories": ["lab"]}, False),
        ({"purposes": ["training"]}, {"purposes": ["exercise"]}, False),
        ({"purposes": ["training"]}, {}, True),
        ({"categories": ["k9"], "purposes": ["training"]}, {"purposes": ["training", "exercise"]}, True),
    ],
)
def test_only_what_one_loan_can_fall_under_twice_is_compared(
    this: dict[str, Any], other: dict[str, Any], meet: bool
) -> None:
    assert overlap(terms(**this), terms(**other)) is meet
    assert overlap(terms(**other), terms(**this)) is meet


OF_SUSPENDING = ("suspension", "suspension_notice_days")


def test_every_term_is_compared_or_said_not_to_be() -> None:
    """A new term is decided here, not forgotten."""
    single = {
        *("reimbursement", "cost_ceiling", "approval_required", "approval_over_hours", "insurance_required"),
        *("least_priority", "directions", "automatic_aid", "categories", "purposes"),
    }
    # Where a term is written, how long the text lasts, and who may end or join it, says nothing of a loan.
    not_compared = {"clauses", "rights_to_end", "open_to_accession", "surviving", "open_ended", *OF_SUSPENDING}
    assert {*STANCES, *LIMITS} | single | not_compared == {*Terms.__struct_fields__}
