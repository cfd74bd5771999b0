"""Which provision became which, what is told of it, and what is never told of a text that is withheld."""

from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.terms import Reimbursement, Terms
from registry.agreements.redline.comparing import provision_changes
from registry.agreements.redline.matching import ComparedProvision, partners
from registry.agreements.redline.schemas import ProvisionChange
from registry.agreements.redline.terms import particular_changes, term_changes
from registry.platform.kernel.money import Money

PURPOSE = "The parties help one another in emergencies that exceed their own means."
LOANS = "No loan of equipment exceeds seventy-two hours unless both chiefs agree in writing beforehand."
COSTS = "Each party bears its own costs for the first twelve hours; actual costs follow after that."
RECALL = "The assisting agency may recall what it sent at any time and without giving a reason."
KEYS = "Encryption keys are exchanged on the first working day of each month."


def clause(
    number: str,
    text: str,
    heading: str = "purpose",
    sensitivity: Sensitivity = Sensitivity.PARTIES,
    *,
    withheld: bool = False,
) -> ComparedProvision:
    return ComparedProvision(
        number=number,
        heading=heading,
        sensitivity=sensitivity,
        exemption="an exemption" if sensitivity is Sensitivity.RESTRICTED else None,
        text=None if withheld else text,
        digest=sha256(text.encode()).digest(),
    )


def compared(old: list[ComparedProvision], new: list[ComparedProvision]) -> list[ProvisionChange]:
    return list(provision_changes(old, new, partners(old, new)))


def told(old: list[ComparedProvision], new: list[ComparedProvision]) -> list[tuple[str, str | None, str | None]]:
    """Kind, old number and new number of each change."""
    return [
        (each.kind, each.from_.number if each.from_ else None, each.to.number if each.to else None)
        for each in compared(old, new)
    ]


def test_what_is_unchanged_is_not_told() -> None:
    both = [clause("1", PURPOSE), clause("2", LOANS)]
    assert told(both, both) == []


def test_what_keeps_its_number_is_changed() -> None:
    assert told([clause("1", LOANS)], [clause("1", LOANS.replace("seventy-two", "forty-eight"))]) == [
        ("changed", "1", "1")
    ]


def test_an_insertion_renumbers_what_follows_and_changes_none_of_it() -> None:
    old = [clause("1", PURPOSE), clause("2", LOANS), clause("3", COSTS)]
    new = [clause("1", PURPOSE), clause("2", RECALL), clause("3", LOANS), clause("4", COSTS)]
    assert told(old, new) == [("inserted", None, "2"), ("renumbered", "2", "3"), ("renumbered", "3", "4")]
    assert told(new, old) == [("deleted", "2", None), ("renumbered", "3", "2"), ("renumbered", "4", "3")]


def test_what_was_renumbered_and_reworded_is_still_itself() -> None:
    old = [clause("1", PURPOSE), clause("2", LOANS)]
    new = [clause("1", RECALL), clause("2", PURPOSE), clause("3", LOANS.replace("seventy-two", "forty-eight"))]
    assert told(old, new) == [("inserted", None, "1"), ("renumbered", "1", "2"), ("renumbered", "2", "3")]
    assert compared(old, new)[2].differs == ["number", "text"]


def test_under_another_heading_a_similar_text_is_another_provision() -> None:
    old, new = [clause("2", LOANS, "equipment")], [clause("3", LOANS, "liability")]
    assert told(old, new) == [("deleted", "2", None), ("inserted", None, "3")]


def test_what_stands_in_another_place_has_moved() -> None:
    old = [clause("1", PURPOSE), clause("2", LOANS), clause("3", COSTS), clause("4", RECALL)]
    new = [clause("1", RECALL), clause("2", PURPOSE), clause("3", LOANS), clause("4", COSTS)]
    assert told(old, new) == [
        ("moved", "4", "1"),
        ("renumbered", "1", "2"),
        ("renumbered", "2", "3"),
        ("renumbered", "3", "4"),
    ]
    lettered = [clause("D", RECALL), clause("A", PURPOSE)]
    assert told(lettered[::-1], lettered) == [("moved", "A", "A")]


def test_a_number_that_says_something_else_is_changed_throughout() -> None:
    (change,) = compared([clause("2", LOANS)], [clause("2", COSTS, "reimbursement")])
    assert (change.kind, change.differs) == ("changed", ["heading", "text"])


def test_the_closest_text_is_taken_and_not_the_first() -> None:
    nearly = LOANS.replace("beforehand", "before")
    hardly = LOANS.replace("both chiefs agree", "the two sheriffs agree").replace("seventy-two", "ten")
    old = [clause("1", LOANS)]
    assert told(old, [clause("8", hardly), clause("9", nearly)]) == [("inserted", None, "8"), ("renumbered", "1", "9")]


def test_provisions_of_the_same_words_keep_their_order() -> None:
    old = [clause(number, "Reserved.") for number in ("3", "5", "7")]
    new = [clause(number, "Reserved.") for number in ("3", "6", "8")]
    assert told(old, new) == [("renumbered", "5", "6"), ("renumbered", "7", "8")]


def test_what_has_gone_is_told_after_what_it_stood_after() -> None:
    old = [clause("0", KEYS), clause("1", PURPOSE), clause("2", LOANS), clause("3", COSTS)]
    new = [clause("1", PURPOSE + " Always."), clause("3", COSTS + " In dollars.")]
    assert told(old, new) == [
        ("deleted", "0", None),
        ("changed", "1", "1"),
        ("deleted", "2", None),
        ("changed", "3", "3"),
    ]


def test_heading_sensitivity_and_exemption_are_told_too() -> None:
    old = clause("9", KEYS, "communications", Sensitivity.RESTRICTED)
    (change,) = compared([old], [clause("9", KEYS, "confidentiality")])
    assert change.differs == ["heading", "sensitivity", "exemption"]
    assert change.from_ is not None
    assert change.to is not None
    assert (change.from_.exemption, change.to.exemption) == ("an exemption", None)
    assert change.runs is not None
    assert [(run.kind, run.text) for run in change.runs] == [("equal", KEYS)]


CLAUSES = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "4", "5", "6"]),
        st.sampled_from([PURPOSE, LOANS, COSTS, RECALL, PURPOSE + " Always.", LOANS[:40], "Reserved."]),
        st.sampled_from(["purpose", "equipment"]),
    ),
    max_size=6,
    unique_by=lambda drawn: drawn[0],
).map(lambda drawn: [clause(*each) for each in drawn])


@given(old=CLAUSES, new=CLAUSES)
def test_every_provision_is_accounted_for_once_and_its_text_can_be_read_again(
    old: list[ComparedProvision], new: list[ComparedProvision]
) -> None:
    found = partners(old, new)
    assert len(set(found.values())) == len(found)
    changes = compared(old, new)
    unchanged = {i for i, j in found.items() if (old[i].number, old[i].said) == (new[j].number, new[j].said)}
    sides: dict[str, list[str]] = {"from": [], "to": []}
    for change in changes:
        assert change.runs is not None
        for name, side, without, texts in (
            ("from", change.from_, "insert", {each.number: each.text for each in old}),
            ("to", change.to, "delete", {each.number: each.text for each in new}),
        ):
            read_again = "".join(run.text for run in change.runs if run.kind != without)
            assert read_again == (texts[side.number] if side else "")
            sides[name] += [side.number] if side else []
    silent = len(found) - sum(1 for each in changes if each.from_ and each.to)
    assert silent <= len(unchanged)
    assert len(sides["from"]) + silent == len(old)
    assert len(sides["to"]) + silent == len(new)
    assert [n for n in (each.number for each in new) if n in sides["to"]] == sides["to"], "in the new text's order"


def test_of_a_withheld_text_only_that_it_changed_is_told() -> None:
    old = clause("9", KEYS, sensitivity=Sensitivity.RESTRICTED, withheld=True)
    same = clause("9", KEYS, sensitivity=Sensitivity.RESTRICTED, withheld=True)
    other = clause("9", KEYS + " And burnt.", sensitivity=Sensitivity.RESTRICTED, withheld=True)
    assert told([old], [same]) == []
    (change,) = compared([old], [other])
    assert (change.kind, change.differs, change.runs) == ("changed", ["text"], None)


def test_that_a_legible_text_equals_a_withheld_one_is_not_told() -> None:
    """Else whoever reads the declassified text, or writes a guess, would know the one that was withheld."""
    old = clause("9", KEYS, sensitivity=Sensitivity.RESTRICTED, withheld=True)
    changes = [compared([old], [clause("9", text)]) for text in (KEYS, "Something else entirely.")]
    assert [[(c.kind, c.differs, c.runs) for c in each] for each in changes] == [
        [("changed", ["sensitivity", "exemption"], None)]
    ] * 2
    elsewhere = [told([old], [clause("10", text)]) for text in (KEYS, "Something else entirely.")]
    assert elsewhere[0] == elsewhere[1] == [("deleted", "9", None), ("inserted", None, "10")]


def test_a_withheld_provision_that_only_moved_on_is_recognised() -> None:
    old = clause("9", KEYS, sensitivity=Sensitivity.RESTRICTED, withheld=True)
    new = clause("10", KEYS, sensitivity=Sensitivity.RESTRICTED, withheld=True)
    assert told([old], [new]) == [("renumbered", "9", "10")]


BASE: dict[str, Any] = {
    "categories": ["k9", "vehicle"],
    "max_duration_hours": 72,
    "reimbursement": Reimbursement(model="actual_after_hours", free_hours=12),
    "clauses": {"max_duration_hours": "4.2", "reimbursement": "7"},
}
BASE_WIRE = msgspec.to_builtins(BASE)


@pytest.mark.parametrize(
    ("fields", "pointer", "kind", "before", "after"),
    [
        ({"max_duration_hours": 48}, "/terms/max_duration_hours", "changed", 72, 48),
        ({"max_duration_hours": None}, "/terms/max_duration_hours", "removed", 72, None),
        ({"notice_hours": 0}, "/terms/notice_hours", "added", None, 0),
        ({"liability": "respective"}, "/terms/liability", "added", "silent", "respective"),
        ({"insurance_required": True}, "/terms/insurance_required", "added", None, True),
        ({"least_priority": "urgent"}, "/terms/least_priority", "added", None, "urgent"),
        (
            {"cost_ceiling": Money(amount="500.00")},
            "/terms/cost_ceiling",
            "added",
            None,
            {"amount": "500.00", "currency": "USD"},
        ),
        (
            {"reimbursement": Reimbursement(model="actual_after_hours", free_hours=24)},
            "/terms/reimbursement/free_hours",
            "changed",
            12,
            24,
        ),
        (
            {"clauses": {"max_duration_hours": "5", "reimbursement": "7"}},
            "/terms/clauses/max_duration_hours",
            "changed",
            "4.2",
            "5",
        ),
    ],
)
def test_a_term_that_differs_is_told_with_its_place(
    fields: dict[str, Any], pointer: str, kind: str, before: object, after: object
) -> None:
    (change,) = term_changes(Terms(**BASE), Terms(**{**BASE, **fields}))
    assert (change.pointer, change.kind, change.from_, change.to) == (pointer, kind, before, after)


def test_an_amount_of_money_is_one_value() -> None:
    old, new = (Terms(categories=["any"], cost_ceiling=Money(amount=amount)) for amount in ("500.00", "900.00"))
    (change,) = term_changes(old, new)
    assert (change.pointer, change.kind) == ("/terms/cost_ceiling", "changed")


def test_of_a_list_the_members_that_came_and_went_are_told_and_its_order_is_not() -> None:
    (change,) = term_changes(Terms(**BASE), Terms(**{**BASE, "categories": ["vehicle", "aircraft", "k9.patrol"]}))
    assert (change.members_added, change.members_removed) == (["aircraft", "k9.patrol"], ["k9"])
    assert term_changes(Terms(**BASE), Terms(**{**BASE, "categories": ["vehicle", "k9"]})) == []


def test_of_directions_each_party_that_came_or_went_is_told() -> None:
    one, other = ({"agency_id": str(UUID(int=n)), "role": "assists"} for n in (1, 2))
    old, new = (msgspec.convert({**BASE_WIRE, "directions": each}, Terms) for each in ([one], [one, other]))
    (change,) = term_changes(old, new)
    assert (change.pointer, change.members_added, change.members_removed) == ("/terms/directions", [other], [])


def test_the_provision_that_says_a_term_is_named_on_each_side() -> None:
    moved: dict[str, Any] = {"max_duration_hours": 48, "clauses": {"max_duration_hours": "5"}}
    changes = term_changes(Terms(**BASE), Terms(**{**BASE, **moved}))
    assert [(each.pointer, each.from_clause, each.to_clause) for each in changes] == [
        ("/terms/max_duration_hours", "4.2", "5"),
        ("/terms/clauses/reimbursement", "7", None),
    ]


def test_particulars_that_differ_are_told() -> None:
    old = {"title": "Aid", "notice": Notice(days=30), "expires_on": date(2026, 12, 31)}
    changes = particular_changes(old, {**old, "title": "Mutual aid", "expires_on": None})
    assert [(each.pointer, each.from_, each.to) for each in changes] == [
        ("/title", "Aid", "Mutual aid"),
        ("/expires_on", "2026-12-31", None),
    ]
