"""The checklists on agreements that agencies really signed: what is asserted was read in the text first.

The memoranda are whole and of one federal template, so nearly everything in them stands under a numbered heading; the
municipal papers are excerpts, in which what the excerpt leaves out must be missing.
"""

import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from registry.agreements.checks.completeness import Clause, Document, examine
from registry.agreements.checks.lists import CHECKLISTS
from registry.agreements.checks.schemas import ItemFinding
from registry.agreements.terms import Terms

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "agreements"
MISSING = "real agreements are not in this environment"
real = pytest.mark.skipif(not DATA.exists() and not os.environ.get("CI"), reason=MISSING)

# The template's headings, and what a clerk who enters the paper would file them under.
TEMPLATE = {
    "PURPOSE": "purpose",
    "AUTHORITY": "authority",
    "POLICY": "scope",
    "TRAINING AND ASSIGNMENTS": "training",
    "DESIGNATION OF AUTHORIZED FUNCTIONS": "powers",
    "RESOLUTION OF LOCAL CHARGES": "joint_operations",
    "NOMINATION OF PERSONNEL": "credentialing",
    "TRAINING OF PERSONNEL": "training",
    "CERTIFICATION AND AUTHORIZATION": "credentialing",
    "COSTS AND EXPENDITURES": "reimbursement",
    "ICE SUPERVISION": "command_and_control",
    "REPORTING REQUIREMENTS": "reporting",
    "RELEASE OF INFORMATION TO THIRD PARTIES": "confidentiality",
    "LIABILITY AND RESPONSIBILITY": "liability",
    "COMPLAINT PROCEDURES": "civil_rights",
    "CIVIL RIGHTS STANDARDS": "civil_rights",
    "MODIFICATION OF THIS MOA": "amendment",
    "EFFECTIVE DATE, SUSPENSION, AND TERMINATION OF THIS MOA": "termination",
}
NUMBER = re.compile(r"\s*([IVX]+)\.\s*(.*)")


def by_numbered_headings(text: str) -> list[Clause]:
    """The text cut at its Roman numerals; a heading may stand on the numeral's line or below it."""
    found: list[tuple[str, str, list[str]]] = []
    lines = text.splitlines()
    for index, line in enumerate(lines):
        numbered = NUMBER.fullmatch(line)
        heading = ""
        if numbered:
            heading = numbered[2].strip() or next((below.strip() for below in lines[index + 1 :] if below.strip()), "")
        if numbered and heading in TEMPLATE:
            found.append((numbered[1], TEMPLATE[heading], []))
        elif found:
            found[-1][2].append(line)
    return [Clause(number=number, heading=heading, text="\n".join(body)) for number, heading, body in found]


def memorandum(name: str) -> list[Clause]:
    (file,) = (DATA / "moa_texts").glob(f"{name}*.txt")
    return by_numbered_headings(file.read_text("utf-8"))


def excerpt(name: str, *cuts: tuple[str, str, str]) -> list[Clause]:
    """An excerpt cut before each of the given words, which begin a provision of that number under that heading."""
    text = (DATA / "other_mou_excerpts" / f"{name}.txt").read_text("utf-8").split("---\n", 1)[1]
    places = [text.index(words) for _, _, words in cuts]
    assert places == sorted(places)
    return [
        Clause(number=number, heading=heading, text=text[start:end])
        for (number, heading, _), start, end in zip(cuts, places, [*places[1:], len(text)], strict=True)
    ]


def held(clauses: list[Clause], code: str, expires_on: date | None = None, **terms: Any) -> Mapping[str, ItemFinding]:
    its_terms = msgspec.convert({"categories": ["any"], **terms}, Terms)
    document = Document(clauses=clauses, terms=its_terms, expires_on=expires_on)
    (found,) = examine(document, [CHECKLISTS[code]])
    return {item.id: item for item in found.items}


def statuses(found: Mapping[str, ItemFinding]) -> dict[str, str]:
    return {name: item.status for name, item in found.items()}


def quoted(item: ItemFinding) -> str:
    return " ".join(passage.text for passage in item.passages)


SEMINOLE = (
    ("0", "authority", "WHEREAS, the subscribed"),
    ("I", "scope", "SECTION I."),
)


@real
def test_seminole_2005_names_both_types_of_florida_agreement_and_the_assistance() -> None:
    found = held(excerpt("fl_seminole_mutual_aid_2005", *SEMINOLE), "fl_23_1225")
    assert found["agreement_type"].status == "found"
    assert "Voluntary Cooperation Agreement" in quoted(found["agreement_type"])
    assert found["nature_of_assistance"].status == "found"
    assert found["nature_of_assistance"].provisions == ["I"]


@real
def test_seminole_2005_breaks_off_before_the_rest_so_the_rest_is_missing() -> None:
    found = held(excerpt("fl_seminole_mutual_aid_2005", *SEMINOLE), "fl_23_1225")
    missing = {name for name, status in statuses(found).items() if status == "missing"}
    assert missing == {"liability", "authorizing", "command", "time_limit", "compensation"}
    assert found["requesting"].status == "weak", "that each may request is no procedure, and stands in the scope"
    assert [reason.code for reason in found["requesting"].reasons] == ["words_without_heading"]


@real
def test_seminole_without_its_recitals_no_longer_says_that_cooperation_is_voluntary() -> None:
    scope_alone = excerpt("fl_seminole_mutual_aid_2005", *SEMINOLE)[1:]
    found = held(scope_alone, "fl_23_1225")["agreement_type"]
    assert "OPERATIONAL ASSISTANCE" in quoted(found)
    assert "Voluntary" not in quoted(found)


RAVENNA = (
    ("1", "authority", "The Mayor is hereby"),
    ("2", "term", "Such agreements shall remain"),
    ("3", "reimbursement", "Each agreement shall provide that no charge"),
    ("4", "liability", "Each agreement shall further provide"),
)


@real
def test_ravenna_ohio_sets_three_years_sixty_days_no_charge_and_no_liability() -> None:
    clauses = excerpt("oh_ravenna_242_01_mutual_aid", *RAVENNA)
    found = held(clauses, "general", liability="respective")
    assert {name: found[name].provisions for name in ("term", "termination", "reimbursement", "liability")} == {
        "term": ["2"],
        "termination": ["2"],
        "reimbursement": ["3"],
        "liability": ["4"],
    }
    assert all(found[name].status == "found" for name in ("term", "termination", "reimbursement", "liability"))
    assert found["authority"].status == "weak", "it empowers the mayor, and names no statute under which"
    assert "three years" in quoted(found["term"])
    assert "sixty days notice" in quoted(found["termination"])
    assert "no charge" in quoted(found["reimbursement"])
    absent = ("command", "activation", "insurance", "powers", "credentialing", "workers_compensation")
    assert {found[name].status for name in absent} == {"missing"}


@real
@pytest.mark.parametrize(("number", "item"), [("2", "term"), ("2", "termination"), ("3", "reimbursement")])
def test_ravenna_without_the_sentence_does_not_say_it(number: str, item: str) -> None:
    clauses = excerpt("oh_ravenna_242_01_mutual_aid", *RAVENNA)
    assert held(clauses, "general")[item].status == "found"
    rest = [clause for clause in clauses if clause.number != number]
    assert held(rest, "general")[item].status != "found"


PENNSYLVANIA = (
    ("1", "definitions", "[Ord. 898, 1/19/2000, s. 1]"),
    ("2", "scope", "[Ord. 898, 1/19/2000, s. 2]"),
    ("3", "right_to_decline", "[Ord. 898, 1/19/2000, s. 3]"),
    ("4", "command_and_control", "[Ord. 898, 1/19/2000, s. 4]"),
    ("4.A", "recall", "A. Recall of Personnel"),
)


@real
def test_the_pennsylvania_ordinance_lets_the_sender_decline_and_recall_and_the_receiver_command() -> None:
    clauses = excerpt("pa_ord898_police_fire_mutual_aid", *PENNSYLVANIA)
    found = held(clauses, "general", command="requesting", recall_notice_hours=0)
    assert {
        name: (found[name].status, found[name].provisions) for name in ("right_to_decline", "recall", "command")
    } == {
        "right_to_decline": ("found", ["3"]),
        "recall": ("found", ["4.A"]),
        "command": ("found", ["4"]),
    }
    assert "voluntary and not compulsory" in quoted(found["right_to_decline"])
    assert "under the direction" in quoted(found["command"])
    assert {found[name].status for name in ("liability", "reimbursement", "insurance", "term")} == {"missing"}


@real
def test_orono_minnesota_waives_liability_for_sending_nothing_and_for_recalling() -> None:
    found = held(
        excerpt(
            "mn_orono_joint_law_enforcement_assistance_page9",
            ("3", "request_procedure", "Subd. 3."),
            ("4", "scope", "Subd. 4."),
            ("5", "recall", "Subd. 5."),
            ("6", "command_and_control", "Subd. 6."),
        ),
        "fl_23_1225",
        command="requesting",
    )
    assert (found["requesting"].status, found["authorizing"].status) == ("found", "found")
    assert "may authorize and direct" in quoted(found["authorizing"])
    assert found["command"].provisions == ["6"]
    assert "shall be in command" in quoted(found["command"])
    assert found["liability"].status == "weak", "it stands under other headings, and says only who is not liable"
    assert found["liability"].provisions == ["3", "5"]
    assert found["time_limit"].status == "missing"


@real
def test_a_task_force_memorandum_says_most_but_sets_itself_no_time_limit() -> None:
    """Havana, Florida: in effect until either party ends it; the two years in IX are an officer's authorisation."""
    clauses = memorandum("FLORIDA__Havana")
    assert [clause.number for clause in clauses][::17] == ["I", "XVIII"]
    found = held(clauses, "fl_23_1225", liability="sending", command="assisting")
    assert statuses(found) == {
        "agreement_type": "missing",
        "nature_of_assistance": "found",
        "liability": "found",
        "requesting": "weak",
        "authorizing": "missing",
        "command": "found",
        "time_limit": "weak",
        "compensation": "found",
        "other_terms": "for_counsel",
    }
    assert (found["liability"].provisions, found["command"].provisions) == (["XIV"], ["XI"])
    assert "bear the costs of participating LEA personnel" in quoted(found["liability"])
    assert found["time_limit"].provisions == ["IX"]
    assert "two years from the date of the authorization" in quoted(found["time_limit"])
    limited = held(clauses, "fl_23_1225", expires_on=date(2029, 12, 31))["time_limit"]
    assert (limited.status, limited.terms) == ("found", ["expires_on"])


@real
def test_its_clauses_are_weak_where_the_terms_entered_beside_them_say_silent() -> None:
    found = held(memorandum("FLORIDA__Havana"), "fl_23_1225")
    for name in ("liability", "command"):
        assert [reason.code for reason in found[name].reasons] == ["term_silent"]


@real
@pytest.mark.parametrize(
    ("dropped", "code", "item", "then"),
    [
        ("XIV", "general", "liability", "missing"),
        ("XIV", "general", "workers_compensation", "missing"),
        ("XIV", "general", "immunity", "missing"),
        ("X", "fl_23_1225", "compensation", "missing"),
        ("V", "mt_44_11_305", "enforcement_authority", "weak"),
        ("XVII", "general", "amendment", "weak"),
        ("XVIII", "general", "termination", "missing"),
        ("XVIII", "mt_44_11_305", "duration", "weak"),
        ("XIII", "cjis_ca_3", "secondary_dissemination", "missing"),
    ],
)
def test_a_clause_taken_out_of_a_real_memorandum_is_noticed(dropped: str, code: str, item: str, then: str) -> None:
    """Weak and not missing where another section mentions the matter in passing."""
    clauses = memorandum("FLORIDA__Havana")
    stated: dict[str, Any] = {"liability": "sending"} if item != "liability" else {}
    whole = held(clauses, code, liability="sending")[item]
    assert (whole.status, dropped in whole.provisions) == ("found", True)
    rest = held([clause for clause in clauses if clause.number != dropped], code, **stated)[item]
    assert rest.status == then


@real
@pytest.mark.parametrize("name", ["OHIO__Seneca", "PENNSYLVANIA__Damascus", "TEXAS__Smith", "ALABAMA__Lawrence"])
def test_other_signed_copies_of_the_template_are_read_alike(name: str) -> None:
    """Other scans, other noise."""
    terms: dict[str, Any] = {"liability": "sending", "command": "assisting"}
    found = held(memorandum(name), "general", **terms)
    agreed = ("purpose", "authority", "powers", "command", "liability", "workers_compensation", "credentialing")
    assert {each: found[each].status for each in (*agreed, "termination", "amendment")} == dict.fromkeys(
        (*agreed, "termination", "amendment"), "found"
    )
    assert {found[each].status for each in ("insurance", "dispute", "renewal", "right_to_decline")} == {"missing"}


@real
def test_montana_asks_for_what_the_federal_template_does_not_have() -> None:
    found = held(memorandum("FLORIDA__Havana"), "mt_44_11_305", liability="sending", command="assisting")
    missing = {name for name, status in statuses(found).items() if status == "missing"}
    assert missing == {"legal_entity", "disposal_at_termination", "administration", "property", "insurance"}
    assert found["enforcement_authority"].provisions == ["V"]


@real
def test_a_swat_interlocal_has_a_budget_a_board_and_its_members_equipment() -> None:
    found = held(
        excerpt(
            "wa_region1_swat_interlocal_pages5_6",
            ("5.4", "command_and_control", "5.4 Nothing"),
            ("6", "review", "6. DEVELOPMENT AND REVIEW"),
            ("7", "reimbursement", "7. COST SHARING"),
            ("8", "resource_allocation", "8. GRANT FUNDING"),
            ("9", "equipment", "9. EQUIPMENT REQUIREMENTS"),
        ),
        "mt_44_11_305",
        command="unified",
    )
    assert (found["financing"].status, found["financing"].provisions) == ("found", ["7", "8"])
    assert (found["property"].status, found["property"].provisions) == ("found", ["9"])
    assert found["chain_of_command"].status == "found"
    assert found["insurance"].status == "missing"
