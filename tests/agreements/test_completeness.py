"""How an item of a checklist is recognised: by headings, terms, dates and words, and what makes it weak."""

from datetime import date
from typing import Any

import msgspec
import pytest

from registry.agreements.checks.completeness import Clause, Document, applicable, examine, is_stated
from registry.agreements.checks.lists import CHECKLISTS
from registry.agreements.checks.schemas import Checklist, ChecklistFindings, ChecklistItem, ChecklistScope, ItemFinding
from registry.agreements.rules import AgreementKind, Sensitivity
from registry.agreements.terms import Terms

SAYS = "Each party shall bear its own liability."
OTHER = "The parties meet in spring."
ITEM: dict[str, Any] = {
    "headings": ["liability"],
    "also_under": ["indemnification"],
    "terms": ["liability"],
    "words": ["bear* ... liabilit*"],
}


def checklist(scope: ChecklistScope | None = None, **item: Any) -> Checklist:
    return Checklist(
        code="example",
        name="Example",
        jurisdiction=None,
        citation="Example 1",
        applies=scope or ChecklistScope(),
        verified="An example.",
        counsel="Have counsel review.",
        items=[
            msgspec.convert(
                {"id": "x", "title": "X", "asks": "Say x.", "citation": "Example 1(1)", "severity": "required", **item},
                ChecklistItem,
            )
        ],
    )


def clauses(*given: tuple[str, str]) -> list[Clause]:
    return [Clause(number=str(n), heading=heading, text=text) for n, (heading, text) in enumerate(given, 1)]


def terms(**given: object) -> Terms:
    return msgspec.convert({"categories": ["any"], **given}, Terms)


def finding(
    given: list[Clause], its_terms: Terms | None = None, told: dict[str, Any] | None = None, **item: Any
) -> ItemFinding:
    document = Document(clauses=given, terms=its_terms or terms(), **(told or {}))
    (findings,) = examine(document, [checklist(**(item or ITEM))])
    return findings.items[0]


SPLIT = terms(liability="split")


@pytest.mark.parametrize(
    ("given", "its_terms", "status", "provisions", "said_by", "reasons"),
    [
        ([("liability", SAYS)], SPLIT, "found", ["1"], ["liability"], []),
        ([("indemnification", SAYS)], SPLIT, "found", ["1"], ["liability"], []),
        ([], SPLIT, "found", [], ["liability"], []),
        ([("liability", OTHER)], SPLIT, "found", ["1"], ["liability"], []),
        ([("liability", SAYS)], terms(), "weak", ["1"], [], ["term_silent"]),
        ([("liability", OTHER)], terms(), "weak", ["1"], [], ["heading_without_words"]),
        ([("purpose", SAYS)], terms(), "weak", ["1"], [], ["words_without_heading"]),
        (
            [("liability", OTHER), ("purpose", SAYS)],
            terms(),
            "weak",
            ["1", "2"],
            [],
            ["heading_without_words", "words_without_heading"],
        ),
        ([("indemnification", OTHER)], terms(), "missing", [], [], ["not_said"]),
        ([("purpose", OTHER)], terms(), "missing", [], [], ["not_said"]),
        ([], terms(), "missing", [], [], ["not_said"]),
        ([("purpose", SAYS), ("liability", SAYS)], SPLIT, "found", ["2"], ["liability"], []),
    ],
)
def test_an_item_is_found_by_a_heading_with_its_words_or_by_a_term(
    given: list[tuple[str, str]],
    its_terms: Terms,
    status: str,
    provisions: list[str],
    said_by: list[str],
    reasons: list[str],
) -> None:
    found = finding(clauses(*given), its_terms)
    assert (found.status, found.provisions, found.terms) == (status, provisions, said_by)
    assert [reason.code for reason in found.reasons] == reasons


def test_without_a_term_that_can_be_silent_the_words_alone_suffice() -> None:
    found = finding(clauses(("insurance", "Each party is insured.")), headings=["insurance"], words=["insured"])
    assert (found.status, found.reasons) == ("found", [])


def test_an_item_without_any_mark_is_left_to_counsel() -> None:
    found = finding(clauses(("liability", SAYS)), headings=[])
    assert (found.status, found.provisions, found.reasons) == ("for_counsel", [], [])


@pytest.mark.parametrize(
    ("name", "value"),
    [("expires_on", date(2027, 12, 31)), ("auto_renew_months", 12), ("review_every_months", 36)],
)
def test_a_date_or_a_cycle_says_it_too(name: str, value: object) -> None:
    item: dict[str, Any] = {"headings": ["term"], "dates": [name], "words": ["period of"]}
    found = finding([], told={name: value}, **item)
    assert (found.status, found.terms) == ("found", [name])
    assert finding([], **item).status == "missing"


@pytest.mark.parametrize(
    ("given", "name", "stated"),
    [
        ({}, "reimbursement", False),
        ({"reimbursement": {"model": "full"}}, "reimbursement", True),
        ({"clauses": {"reimbursement": "5"}}, "reimbursement", True),
        ({}, "liability", False),
        ({"liability": "split"}, "liability", True),
        ({}, "insurance_required", False),
        ({"insurance_required": True}, "insurance_required", True),
        ({"clauses": {"insurance_required": "5"}}, "insurance_required", True),
        ({"recall_notice_hours": 0}, "recall_notice_hours", True),
        ({}, "recall_notice_hours", False),
        ({}, "categories", False),
        ({"categories": ["k9"]}, "categories", True),
        ({"purposes": ["training"]}, "purposes", True),
    ],
)
def test_a_term_is_stated_when_somebody_set_it(given: dict[str, object], name: str, stated: bool) -> None:
    assert is_stated(terms(**given), name) is stated


def test_restricted_text_counts_and_is_never_quoted() -> None:
    secret = Clause(number="9", heading="liability", text=SAYS, sensitivity=Sensitivity.RESTRICTED)
    found = finding([secret, Clause(number="10", heading="liability", text=SAYS)], SPLIT)
    assert found.provisions == ["9", "10"]
    assert [(passage.provision, passage.text) for passage in found.passages] == [("10", SAYS)]
    alone = finding([secret], SPLIT)
    assert (alone.status, alone.provisions, alone.passages) == ("found", ["9"], [])
    assert SAYS not in str(alone)


def test_every_provision_is_named_and_the_first_three_are_quoted() -> None:
    found = finding(clauses(*[("liability", SAYS)] * 5), SPLIT)
    assert found.provisions == ["1", "2", "3", "4", "5"]
    assert [passage.provision for passage in found.passages] == ["1", "2", "3"]


def test_the_sentences_name_the_place() -> None:
    (reason,) = finding(clauses(("liability", OTHER), ("liability", OTHER))).reasons
    assert reason.detail == "Provision 1 (and 1 more) stands under the heading, but no words in it say what is asked."
    (reason,) = finding(clauses(("liability", SAYS))).reasons
    assert reason.detail.startswith("Provision 1 says it, yet the terms say “silent” of liability.")


def test_items_are_counted_by_severity_and_status() -> None:
    listed = checklist(**ITEM)
    more = [
        msgspec.structs.replace(listed.items[0], id="y", severity="recommended", terms=[]),
        msgspec.structs.replace(listed.items[0], id="z", headings=[], also_under=[], terms=[], words=[]),
    ]
    both = msgspec.structs.replace(listed, items=[*listed.items, *more])
    (found,) = examine(Document(clauses=clauses(("liability", SAYS)), terms=terms()), [both])
    assert msgspec.to_builtins(found.required) == {"found": 0, "weak": 1, "missing": 0, "for_counsel": 1}
    assert msgspec.to_builtins(found.recommended) == {"found": 1, "weak": 0, "missing": 0, "for_counsel": 0}


@pytest.mark.parametrize(
    ("scope", "kind", "headings", "states", "applies"),
    [
        (ChecklistScope(), "compact", set(), set(), True),
        (ChecklistScope(kinds=[AgreementKind.MOU]), "mou", set(), set(), True),
        (ChecklistScope(kinds=[AgreementKind.MOU]), "moa", set(), set(), False),
        (ChecklistScope(headings=["recall"]), "moa", {"recall", "term"}, set(), True),
        (ChecklistScope(headings=["recall"]), "moa", {"term"}, set(), False),
        (ChecklistScope(kinds=[AgreementKind.MOU], headings=["recall"]), "mou", set(), set(), True),
        (ChecklistScope(states=["FL"]), "mou", set(), {"FL", "GA"}, True),
        (ChecklistScope(states=["FL"]), "mou", set(), {"GA"}, False),
        (ChecklistScope(states=["FL"], kinds=[AgreementKind.MOU]), "moa", set(), {"FL"}, False),
    ],
)
def test_a_checklist_applies_by_kind_or_heading_and_by_the_states_of_the_parties(
    scope: ChecklistScope, kind: str, headings: set[str], states: set[str], applies: bool
) -> None:
    found = applicable([checklist(scope)], kind=AgreementKind(kind), headings=headings, states=states)
    assert bool(found) is applies


@pytest.mark.parametrize(
    ("kind", "headings", "states", "codes"),
    [
        ("mutual_aid", set(), {"FL"}, ["fl_23_1225", "general"]),
        ("mutual_aid", set(), {"MT", "WY"}, ["general", "mt_44_11_305"]),
        ("mutual_aid", {"information_sharing"}, {"MN"}, ["cjis_ca_3", "general"]),
        ("information_sharing", set(), {"FL"}, ["cjis_ca_3", "general"]),
        ("equipment_loan", set(), {"FL"}, ["general"]),
    ],
)
def test_the_shipped_checklists_are_for_whom_they_are_meant(
    kind: str, headings: set[str], states: set[str], codes: list[str]
) -> None:
    found = applicable(CHECKLISTS.values(), kind=AgreementKind(kind), headings=headings, states=states)
    assert [each.code for each in found] == codes


FLORIDA = [
    ("scope", "The agencies render voluntary cooperation, to include assistance with burglaries and narcotics."),
    ("request_procedure", "An agency in need of assistance shall notify the agency head of the assisting agency."),
    ("right_to_decline", "The agency head or designee shall evaluate the situation; the decision shall be final."),
    ("command_and_control", "Officers sent are under the direct supervision of the requesting agency head."),
    ("liability", "Each agency assumes responsibility for the acts, omissions or conduct of its own employees."),
    ("reimbursement", "The agency that furnishes aid bears the loss of its equipment and compensates its employees."),
    ("term", "This agreement shall remain in effect until January 1, 2030."),
]
FLORIDA_TERMS = terms(liability="respective", command="requesting")
ITEM_OF = {
    "scope": ("agreement_type", "missing"),
    "request_procedure": ("requesting", "missing"),
    "right_to_decline": ("authorizing", "weak"),  # what is left of the procedure says nothing of authorising
    "reimbursement": ("compensation", "missing"),
    "term": ("time_limit", "missing"),
}


def held_against_florida(given: list[tuple[str, str]], its_terms: Terms = FLORIDA_TERMS) -> dict[str, str]:
    (found,) = examine(Document(clauses=clauses(*given), terms=its_terms), [CHECKLISTS["fl_23_1225"]])
    assert isinstance(found, ChecklistFindings)
    return {item.id: item.status for item in found.items}


def test_an_agreement_that_says_all_of_it_is_complete_by_florida_law() -> None:
    statuses = held_against_florida(FLORIDA)
    assert {*statuses.values()} == {"found", "for_counsel"}
    assert statuses["other_terms"] == "for_counsel"


@pytest.mark.parametrize("heading", ITEM_OF)
def test_without_the_clause_the_item_is_no_longer_found(heading: str) -> None:
    item, then = ITEM_OF[heading]
    assert held_against_florida(FLORIDA)[item] == "found", "or this test could not fail"
    assert held_against_florida([clause for clause in FLORIDA if clause[0] != heading])[item] == then


@pytest.mark.parametrize(("heading", "item"), [("liability", "liability"), ("command_and_control", "command")])
def test_without_clause_and_term_it_is_missing_and_the_term_alone_still_says_it(heading: str, item: str) -> None:
    rest = [clause for clause in FLORIDA if clause[0] != heading]
    assert held_against_florida(rest)[item] == "found"
    assert held_against_florida(rest, terms())[item] == "missing"
    assert held_against_florida(FLORIDA, terms())[item] == "weak"
