"""The shipped standard clauses and templates: every one can be drafted, and what is drafted says what it must."""

from datetime import date

import msgspec
import pytest

from registry.agreements.checks.completeness import CheckedText, ReadProvision, examine
from registry.agreements.checks.lists import CHECKLISTS, RECOGNITION, applicable
from registry.agreements.clauses.library import (
    PLACEHOLDERS,
    STANDARD_CLAUSES,
    TEMPLATES,
    parse_clauses,
    parse_placeholders,
    parse_template,
)
from registry.agreements.clauses.rules import (
    about_answers,
    asked_by,
    chosen,
    composed,
    filled,
    named_in_order,
    open_in,
    refused,
)
from registry.agreements.clauses.schemas import Template
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.terms import Terms, contradictions
from registry.agreements.law.rules import Matter, Party
from tests.support.cases import every_case

EXAMPLES = {name: each.example for name, each in PLACEHOLDERS.items()}


def text_of(template: Template) -> CheckedText:
    """The template filled with the examples of its questions."""
    clauses = [STANDARD_CLAUSES[code] for code in template.standard_clauses]
    said = composed(clauses, EXAMPLES, PLACEHOLDERS)
    return CheckedText(
        clauses=[
            ReadProvision(number=str(number), heading=clause.heading, text=text)
            for number, (clause, text) in enumerate(zip(clauses, said.texts, strict=True), 1)
        ],
        terms=msgspec.convert({"categories": template.categories, "purposes": template.purposes, **said.terms}, Terms),
        expires_on=date(2029, 12, 31),
        auto_renew_months=said.particulars.get("auto_renew_months"),
        review_every_months=said.particulars.get("review_every_months"),
    )


def test_there_is_a_template_for_each_kind_of_sharing_and_a_choice_where_practice_differs() -> None:
    assert [*TEMPLATES] == ["equipment_loan", "information_sharing", "k9", "lab_service", "mutual_aid", "task_force"]
    variants = {
        heading: [c for c in STANDARD_CLAUSES.values() if c.heading == heading]
        for heading in ("reimbursement", "liability", "command_and_control")
    }
    assert [
        [clause.terms["reimbursement"]["model"] for clause in variants["reimbursement"]],
        [clause.terms["liability"] for clause in variants["liability"]],
        [clause.terms["command"] for clause in variants["command_and_control"]],
    ] == [
        ["none", "actual_after_hours", "full", "personnel_excluded", "fixed_rate"],
        ["respective", "sending", "receiving"],
        ["requesting", "assisting", "unified"],
    ]


def test_every_template_says_what_good_practice_and_the_statutes_of_its_kind_ask_for() -> None:
    """Each required item is said by a clause and rests on no term alone; only powers may be denied to officers."""
    with every_case() as case:
        for template in TEMPLATES.values():
            document = text_of(template)
            matter = Matter(
                instrument=template.kind,
                headings=frozenset(clause.heading for clause in document.clauses),
                purposes=frozenset(template.purposes),
                parties=(Party(state="FL", kind="county"), Party(state="FL", kind="city")),
            )
            lists = applicable(CHECKLISTS.values(), matter)
            assert CHECKLISTS["general"] in lists
            for findings in examine(document, lists, RECOGNITION):
                lacking = [
                    (item.id, item.status)
                    for item in findings.items
                    if item.severity == "required"
                    and item.status not in ("found", "for_counsel")
                    and (item.id, item.status) != ("powers", "denied")
                ]
                with case(f"{template.code} held against {findings.code}"):
                    assert lacking == []


def test_the_information_sharing_template_says_what_the_security_policy_asks_for() -> None:
    (found,) = examine(text_of(TEMPLATES["information_sharing"]), [CHECKLISTS["cjis_ca_3"]], RECOGNITION)
    assert [item.id for item in found.items if item.severity == "required" and item.status != "found"] == []


def test_no_template_contradicts_itself_and_each_term_names_the_provision_that_says_it() -> None:
    for template in TEMPLATES.values():
        document = text_of(template)
        assert contradictions(document.terms, [clause.number for clause in document.clauses]) == []
        assert document.terms.clauses.keys() == template.terms.keys()
        assert not any(open_in(clause.text) for clause in document.clauses)


def test_a_template_is_silent_of_what_its_clauses_do_not_say() -> None:
    silent = msgspec.convert({"categories": ["any"]}, Terms)
    for template in TEMPLATES.values():
        terms = text_of(template).terms
        unsaid = set(Terms.__struct_fields__) - {"categories", "purposes", "clauses", *template.terms}
        assert {name: getattr(terms, name) for name in unsaid} == {name: getattr(silent, name) for name in unsaid}


def test_every_clause_tells_to_have_counsel_review() -> None:
    told = [*(each.counsel for each in STANDARD_CLAUSES.values()), *(each.counsel for each in TEMPLATES.values())]
    assert [counsel for counsel in told if "Have counsel review" not in counsel] == []


def test_every_example_fits_its_question() -> None:
    with every_case() as case:
        for each in PLACEHOLDERS.values():
            with case(each.name):
                assert each.kind == "given" or refused(each, each.example) is None


def test_what_does_not_fit_a_question_is_refused() -> None:
    number, amount, words = (PLACEHOLDERS[name] for name in ("notice_days", "rate_per_hour", "covered_incidents"))
    with every_case() as case:
        for placeholder, answer in (
            *((number, wrong) for wrong in (0, 3651, "60 days", "", "-1", "٣", "1" * 20)),
            *((amount, wrong) for wrong in (85, "85", "85.0", "$85.00", "1,000.00")),
            *((words, wrong) for wrong in ("two\nlines", "{parties}", " floods", "floods.", "x" * 301)),
        ):
            with case(f"{placeholder.name}: {answer!r}"):
                assert refused(placeholder, answer) is not None
    assert [refused(*each) for each in ((number, 60), (number, "60"), (amount, "85.00"), (words, "floods"))] == [
        None
    ] * 4


def test_an_answer_is_never_filled_again() -> None:
    assert filled("{a} and {b}", {"a": "{b}", "b": "c"}) == "{b} and c"
    assert filled("{a} and {b}", {"a": "x"}) == "x and {b}"


def test_parties_are_named_as_a_sentence_names_them() -> None:
    assert named_in_order(["A"]) == "A"
    assert named_in_order(["A", "B"]) == "A and B"
    assert named_in_order(["A", "B", "C"]) == "A, B and C"
    assert "1000 agencies" in named_in_order(["A"] * 1000)


def test_a_clause_is_replaced_under_its_own_heading_only() -> None:
    template = TEMPLATES["k9"]
    choice = chosen(template, {"reimbursement.none": "reimbursement.rate", "metrics.yearly": None}, STANDARD_CLAUSES)
    codes = [clause.code for clause in choice.clauses]
    assert (choice.faults, "reimbursement.rate" in codes, "metrics.yearly" in codes) == ([], True, False)
    wrong = {
        "reimbursement.none": "liability.own_acts",
        "liability.own_acts": "nothing.such",
        "term.open": "term.fixed",
    }
    faults = chosen(template, wrong, STANDARD_CLAUSES).faults
    assert [(fault.pointer, fault.code) for fault in faults] == [
        ("/instead/reimbursement.none", "heading_differs"),
        ("/instead/liability.own_acts", "unknown_standard_clause"),
        ("/instead/term.open", "unknown_standard_clause"),
    ]


def test_every_fault_of_the_answers_is_told_at_once() -> None:
    asked = asked_by([STANDARD_CLAUSES["reimbursement.after_hours"]], PLACEHOLDERS)
    found = [(fault.pointer, fault.code) for fault in about_answers(asked, {"free_hours": "a day", "colour": "blue"})]
    assert found == [
        ("/answers/free_hours", "answer_unfit"),
        ("/answers/claim_days", "answer_missing"),
        ("/answers/colour", "answer_not_asked"),
    ]


CLAUSE = "- {code: a.b, version: 1, heading: purpose, title: A, text: 'For {needs_met}'}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("heading: purpose", "heading: nothing"), "no heading 'nothing'"),
        (("{needs_met}", "{nothing}"), "no placeholder 'nothing'"),
        (("}", ", counsel: Fine as it is.}"), "have counsel review"),
        (("}", ", terms: {liability: everybody}}"), "Invalid enum value"),
        (("}", ", terms: {max_quantity: '{notice_days}', recall_notice_hours: '{board}'}}"), "Expected `int"),
        (("}", ", colour: blue}"), "unknown field"),
        (("}", ", particulars: {colour: blue}}"), "no particular"),
    ],
)
def test_a_clause_that_cannot_be_drafted_is_refused(change: tuple[str, str], said: str) -> None:
    old, new = change
    changed = CLAUSE.removesuffix("}") + new if old == "}" else CLAUSE.replace(old, new)
    with pytest.raises(ValueError, match=said):
        parse_clauses(changed, PLACEHOLDERS)


def test_a_template_of_what_is_not_there_is_refused() -> None:
    whole = """
        {code: t, version: 1, name: T, description: For tests., kind: mou, counsel: Have counsel review.,
         categories: [any], purposes: [], standard_clauses: [term.fixed]}"""
    assert parse_template(whole, "t.yaml", STANDARD_CLAUSES, PLACEHOLDERS).kind is AgreementKind.MOU
    for change, said in (
        (("code: t", "code: u"), "file's name"),
        (("[term.fixed]", "[term.fixed, term.fixed]"), "given twice"),
        (("[term.fixed]", "[term.none]"), "no standard clause"),
        (("[term.fixed]", "[liability.own_acts, liability.assisting]"), "two clauses say 'liability'"),
        (("[any]", "[dragons]"), "no category"),
        (("purposes: []", "purposes: [fun]"), "no purpose"),
        (("Have counsel review.", "Fine."), "have counsel review"),
    ):
        with pytest.raises(ValueError, match=said):
            parse_template(whole.replace(*change), "t.yaml", STANDARD_CLAUSES, PLACEHOLDERS)
    with pytest.raises(ValueError, match="a least and a most"):
        parse_placeholders("{days: {kind: number, question: How many?, example: '1'}}")
