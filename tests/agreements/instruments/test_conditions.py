"""What a text makes a condition of its being in force: an approval, and whether a rule on record asks for one."""

from typing import Any

import pytest

from registry.agreements.instruments.conditions import BodyRule, about_conditions, awaited
from tests.agreements.checks.corpus import DATA, document, sections
from tests.agreements.dossier.test_agreement_file import data, unpacked
from tests.agreements.instruments.test_amendments import act
from tests.support.agreements import agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Cast
from tests.support.places import present
from tests.support.service import Service

PATH = "/v1/agreements"
OF_A_BODY = (
    "This Agreement shall become effective upon approval by the City Council.",
    "Effective upon approval by the City Council.",
    "This Agreement shall become effective upon approval by the City Council and remain in effect until terminated.",
    "It shall not take effect until ratified by the governing body of each party.",
    "No party is bound until this agreement has been approved by its Board of Supervisors.",
    "This memorandum takes effect when approved by the county commission.",
    "This Agreement is effective on the date on which the last governing body approves it.",
    "This compact is subject to ratification by the legislature.",
    "This Agreement is expressly contingent upon the approval of the governing bodies of the parties.",
    "Upon approval by the Board of Commissioners, this Agreement shall become effective.",
    "No such agreement shall be valid until it has been approved by the Council.",
    "The agreement shall not be binding unless the city council adopts it.",
    "The effective date of this Agreement shall be the date on which it is approved by the City Council.",
    "This agreement must be approved by the City Council before it becomes effective.",
    "Neither party shall be obligated under this Agreement until its governing board has ratified it.",
    "This Agreement takes effect upon signature of both parties and approval by the City Council.",
)
OF_AN_OFFICE = (
    "This Agreement is subject to approval by the Attorney General.",
    "Before becoming effective, this agreement shall receive the approval of the attorney general.",
    "As a condition precedent to its becoming effective the agreement needs the approval of the Attorney General.",
    "This compact shall not be in force until approved by the Governor of each state.",
    "This Agreement shall be submitted to the Attorney General for approval before it takes effect.",
    "Subject to approval by the Attorney General, this agreement takes effect on July 1, 2099.",
)
NO_CONDITION = (
    "This MOA becomes effective upon signature of both parties and will remain in effect until either party ends it.",
    "No amendment to this agreement shall be effective until approved by the City Council.",
    "Termination is effective upon approval by the governing body.",
    "The standard operating procedures take effect upon approval by the Board.",
    "Expenditures under this Agreement shall be subject to approval by the Board.",
    "This agreement takes effect upon signature and without approval by the City Council.",
    "This agreement takes effect upon signature and need not be approved by the City Council.",
    "This agreement shall not be subject to approval by the City Council.",
    "This agreement takes effect upon signature, having been approved by the City Council on May 5, 2098.",
    "This agreement remains in effect until it is terminated with the approval of the City Council.",
    "Renewal of this agreement is subject to approval by the City Council.",
    "Whether this agreement takes effect upon approval by the City Council is left open.",
    "Approval by the City Council is not required for this agreement to take effect.",
    "The parties agree that it is in effect; upon request of the Board, reports are approved by the Council.",
    "Admission of a new party is effective upon approval by the Board.",
    "Either party may use force only when approved by the Board's policy.",
    "This Agreement shall remain in effect until the City Council approves a new one.",
    "Each party represents that this agreement has been approved by its governing body and is binding upon it.",
    "Rules adopted by the Board under this Agreement take effect upon adoption by the Board.",
    "An officer is deputised upon approval by the City Council.",
    "The SOP will be annually reviewed and approved by the Board.",
    "The mayor and council approved this agreement on May 5, 2098.",
)


def found_in(*sentences: str, heading: str = "term") -> list[str]:
    clauses = tuple((str(n), heading, sentence) for n, sentence in enumerate(sentences, start=1))
    return [each.kind for each in awaited(clauses)]


@pytest.mark.parametrize("sentence", OF_A_BODY)
def test_a_sentence_makes_a_bodys_approval_a_condition(sentence: str) -> None:
    assert found_in(sentence) == ["body"]


@pytest.mark.parametrize("sentence", OF_AN_OFFICE)
def test_a_sentence_makes_an_offices_approval_a_condition(sentence: str) -> None:
    assert found_in(sentence) == ["office"]


@pytest.mark.parametrize("sentence", NO_CONDITION)
def test_a_sentence_that_looks_alike_makes_none(sentence: str) -> None:
    for heading in ("term", "general", "signatures", "termination"):
        assert found_in(sentence, heading=heading) == []


def test_in_texts_that_agencies_signed_no_condition_is_read_where_there_is_none() -> None:
    """Read through: none of the 43 texts waits for anything but signatures, whatever heading its clauses have."""
    present(DATA / "moa_texts")
    texts = [document(name, its).clauses for name, its in sections().items()]
    assert len(texts) == 43
    for heading in ("term", "general"):
        found = [awaited(((c.number, heading, c.text),)) for clauses in texts for c in clauses]
        assert set(found) == {()}, heading


def rule(agency: str, *, required: bool | None, bodies: tuple[str, ...] = ()) -> BodyRule:
    return BodyRule(agency=agency, required=required, bodies=bodies)


def said_of(sentence: str, *rules: BodyRule) -> list[tuple[str, str]]:
    return [(each.code, each.detail) for each in about_conditions(awaited((("5", "term", sentence),)), rules)]


def test_a_condition_that_no_rule_asks_for_is_remarked() -> None:
    silent = (rule("Elm", required=None), rule("Oak", required=None))
    ((code, detail),) = said_of(OF_A_BODY[0], *silent)
    assert code == "condition_not_entered"
    assert detail.startswith("Clause 5 says “effective upon approval by the City Council”, which reads as if")
    assert "each party is read as bound from its signature on" in detail
    assert said_of(OF_A_BODY[0], rule("Elm", required=True), silent[1]) == [], "one council, and one rule that asks"


def test_where_each_is_to_approve_each_is_asked_for_its_rule() -> None:
    each = OF_A_BODY[3]
    ((code, detail),) = said_of(each, rule("Elm", required=True), rule("Oak", required=None))
    assert (code, "Oak" in detail, "Elm" in detail) == ("condition_not_entered", True, False)
    assert said_of(each, rule("Elm", required=True), rule("Oak", required=True)) == []


def test_a_rule_that_asks_for_none_says_otherwise_than_the_text() -> None:
    ((code, detail),) = said_of(OF_A_BODY[0], rule("Elm", required=False), rule("Oak", required=None))
    assert (code, "Elm says that it needs none" in detail) == ("says_otherwise", True)


def test_an_offices_approval_is_not_a_councils() -> None:
    wants = OF_AN_OFFICE[0]
    assert [code for code, _ in said_of(wants, rule("Elm", required=None))] == ["condition_not_entered"]
    assert said_of(wants, rule("Elm", required=True)) == [], "none is on record, so it is not bound"
    ((_, detail),) = said_of(wants, rule("Elm", required=True, bodies=("City Council",)))
    assert "the approvals on record are of City Council" in detail
    assert said_of(wants, rule("Elm", required=True, bodies=("Attorney General of Iowa",))) == []


def conditions(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["code"], each["clause"]) for each in found["remarks"] if each["code"] == "condition_not_entered"]


CLAUSE = {"number": "8", "heading": "term", "sensitivity": "parties", "text": OF_A_BODY[0]}


async def test_it_is_said_as_it_is_entered_signed_and_read_and_in_the_file(service: Service, cast: Cast) -> None:
    said = [("condition_not_entered", "8")]
    body = agreement_body(cast.assisting, cast.requesting, provisions=[CLAUSE])
    drafted = await cast.assisting.legal.done("POST", PATH, body)
    assert conditions(drafted) == said
    signed = await sign_agreement(service, cast.assisting, cast.requesting, provisions=[CLAUSE])
    assert (signed["status"], conditions(signed)) == ("in_force", said)
    for place in ("", "/versions/1", "/completeness"):
        answer = await cast.requesting.legal.done("GET", f"{PATH}/{signed['id']}{place}")
        assert conditions(answer) == said, place
    parts = await unpacked(cast.requesting.legal, signed["id"])
    warned = [each for each in data(parts, "manifest.json")["warnings"] if "City Council" in each]
    assert len(warned) == 1


async def test_it_is_said_of_a_paper_until_a_rule_asks_for_the_approval(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting, provisions=[CLAUSE])
    assert conditions(found) == [("condition_not_entered", "8")]
    rule = {"required": True, "effective_on": None, "reason": "the text asks for it", "citation": "Clause 8 (demo)"}
    await act(cast.requesting, found, "set-approval-rule", rule)
    lacking = await confirm_agreement(found, cast.requesting)
    assert (lacking["status"], conditions(lacking)) == ("not_yet_effective", [])


async def test_what_is_withheld_is_not_quoted(service: Service, cast: Cast) -> None:
    secret = {**CLAUSE, "sensitivity": "restricted", "exemption": "Demonstration exemption"}
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=[secret])
    seen = await cast.requesting.coordinator.done("GET", f"{PATH}/{found['id']}")
    assert conditions(seen) == []
