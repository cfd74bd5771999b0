"""How an item of a checklist is recognised: by headings, terms, dates and words, and what makes it weak."""

from datetime import date
from typing import Any

import msgspec
import pytest

from registry.agreements.checks.completeness import NOT_MEASURED, CheckedText, ReadProvision, examine, is_stated
from registry.agreements.checks.lists import CHECKLISTS, LAWS, RECOGNITION, applicable
from registry.agreements.checks.schemas import Checklist, ChecklistFindings, ChecklistItem, ItemFinding, Marks
from registry.agreements.instruments.rules import AgreementKind, Sensitivity
from registry.agreements.instruments.terms import Terms
from registry.agreements.law.rules import AppliesTo, Matter, Party

SAYS = "Each party shall bear its own liability."
LEDGER = "The ledger bears a liability."
OTHER = "The parties meet in spring."
ITEM: dict[str, Any] = {
    "headings": ["liability"],
    "also_under": ["indemnification"],
    "terms": ["liability"],
    "marks": {"words": ["bear* ... liabilit*"], "topic": ["liabilit*"]},
}


def checklist(scope: AppliesTo | None = None, **item: Any) -> Checklist:
    return Checklist(
        code="example",
        name="Example",
        jurisdiction=None,
        citation="Example 1",
        applies_to=scope or AppliesTo(),
        source="primary",
        checked_on=date(2026, 1, 1),
        checked_against="An example.",
        counsel="Have counsel review.",
        items=[
            msgspec.convert(
                {"id": "x", "title": "X", "asks": "Say x.", "citation": "Example 1(1)", "severity": "required", **item},
                ChecklistItem,
            )
        ],
    )


def clauses(*given: tuple[str, str]) -> list[ReadProvision]:
    return [ReadProvision(number=str(n), heading=heading, text=text) for n, (heading, text) in enumerate(given, 1)]


def terms(**given: object) -> Terms:
    return msgspec.convert({"categories": ["any"], **given}, Terms)


def finding(
    given: list[ReadProvision], its_terms: Terms | None = None, told: dict[str, Any] | None = None, **item: Any
) -> ItemFinding:
    document = CheckedText(clauses=given, terms=its_terms or terms(), **(told or {}))
    (findings,) = examine(document, [checklist(**(item or ITEM))], RECOGNITION)
    return findings.items[0]


@pytest.mark.parametrize(
    "text", ["No certificate of insurance need be shown.", "The parties need not furnish certificates."]
)
def test_a_certificate_of_insurance_that_is_not_asked_for_denies_no_credentials(text: str) -> None:
    (its,) = (each for each in CHECKLISTS["general"].items if each.id == "credentialing")
    document = CheckedText(clauses=clauses(("insurance", text)), terms=terms())
    (findings,) = examine(document, [CHECKLISTS["general"]], RECOGNITION)
    assert next(each.status for each in findings.items if each.id == its.id) == "missing"


SPLIT = terms(liability="split")


@pytest.mark.parametrize(
    ("given", "its_terms", "status", "provisions", "said_by", "reasons"),
    [
        ([("liability", SAYS)], SPLIT, "found", ["1"], ["liability"], []),
        ([("indemnification", SAYS)], SPLIT, "found", ["1"], ["liability"], []),
        ([], SPLIT, "weak", [], ["liability"], ["term_alone"]),
        ([("liability", OTHER)], SPLIT, "weak", ["1"], ["liability"], ["heading_without_words", "term_alone"]),
        ([("liability", SAYS)], terms(), "found", ["1"], [], ["term_silent"]),
        ([("liability", OTHER)], terms(), "weak", ["1"], [], ["heading_without_words"]),
        ([("purpose", SAYS)], terms(), "weak", ["1"], [], ["words_without_heading"]),
        (
            [("liability", OTHER), ("purpose", SAYS)],
            terms(),
            "weak",
            ["2"],
            [],
            ["words_without_heading", "heading_without_words"],
        ),
        ([("indemnification", OTHER)], terms(), "missing", [], [], ["not_said"]),
        ([("purpose", OTHER)], terms(), "missing", [], [], ["not_said"]),
        ([], terms(), "missing", [], [], ["not_said"]),
        ([("purpose", SAYS), ("liability", SAYS)], SPLIT, "found", ["2"], ["liability"], []),
    ],
)
def test_an_item_is_found_by_its_words_under_a_heading_and_a_term_alone_is_weak(
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
    found = finding(
        clauses(("insurance", "Each party is insured.")), headings=["insurance"], marks={"words": ["insured"]}
    )
    assert (found.status, found.reasons) == ("found", [])


def test_an_item_without_any_mark_is_left_to_counsel() -> None:
    found = finding(clauses(("liability", SAYS)), headings=[])
    assert (found.status, found.provisions, found.reasons) == ("for_counsel", [], [])


@pytest.mark.parametrize(
    ("name", "value"),
    [("expires_on", date(2027, 12, 31)), ("auto_renew_months", 12), ("review_every_months", 36)],
)
def test_a_date_or_a_cycle_alone_is_weak(name: str, value: object) -> None:
    item: dict[str, Any] = {"headings": ["term"], "dates": [name], "marks": {"words": ["period of"]}}
    found = finding([], told={name: value}, **item)
    assert (found.status, found.terms, [reason.code for reason in found.reasons]) == ("weak", [name], ["term_alone"])
    assert finding([], **item).status == "missing"


def test_a_term_is_nothing_where_the_source_asks_that_it_be_written() -> None:
    found = finding([], SPLIT, **ITEM, requires_clause=True)
    assert (found.status, found.terms, [reason.code for reason in found.reasons]) == (
        "missing",
        ["liability"],
        ["term_alone"],
    )
    assert "asks that the text say it" in found.reasons[0].detail
    assert finding(clauses(("liability", SAYS)), SPLIT, **ITEM, requires_clause=True).status == "found"


DENIALS = [
    "No liability is borne by any party under a rule that has been agreed.",
    "The parties do not bear any liability.",
    "Who shall bear liability has not been agreed.",
    "Whether each shall bear its liability is left open and remains undecided.",
    "The parties have made no rule by which they bear liability.",
    "Nothing has been settled on how they bear liability.",
    "This agreement is silent on whether they bear liability.",
    "There is no liability that they bear.",
    "How they bear liability is yet to be agreed.",
]


@pytest.mark.parametrize("sentence", DENIALS)
def test_a_clause_that_denies_it_is_denied_and_never_found(sentence: str) -> None:
    for heading in ("liability", "indemnification"):
        found = finding(clauses((heading, sentence)))
        assert (found.status, found.provisions) == ("denied", ["1"])
        assert [reason.code for reason in found.reasons] == ["denied"]
        assert found.passages[0].provision == "1"


@pytest.mark.parametrize(
    "sentence",
    [
        "Each party shall bear its own liability, not limited to injury.",
        "Each party shall bear liability no later than the day of the loss.",
        "They shall bear no cost except the liability, and shall bear that liability in full.",
        "Pub. L. No. 107 applies and they bear liability.",
        "Whether or not sued, they bear liability.",
        "This does not change the law; each party shall bear its liability.",
    ],
)
def test_a_negation_of_something_else_takes_nothing_back(sentence: str) -> None:
    assert finding(clauses(("liability", sentence))).status == "found"


def test_what_one_clause_says_and_another_denies_is_weak() -> None:
    found = finding(clauses(("liability", SAYS), ("general", "Liability has not been agreed.")))
    assert (found.status, found.provisions) == ("weak", ["1", "2"])
    assert found.reasons[0].code == "said_and_denied"


def test_a_rule_that_gives_nothing_answers_the_question() -> None:
    free = {"says": ["no charge shall", "shall not be ... reimbursed"], "topic": ["charge", "reimburs*"]}
    for sentence in ("No charge shall be made for help.", "The sender shall not be reimbursed."):
        assert finding(clauses(("general", sentence)), marks=free, headings=["reimbursement"]).status == "found"
    for sentence in ("No charge has been agreed.", "It is not agreed whether the sender shall not be reimbursed."):
        assert finding(clauses(("general", sentence)), marks=free, headings=["reimbursement"]).status == "denied"


def test_what_is_left_to_another_text_is_weak() -> None:
    found = finding(clauses(("liability", "How they bear liability is set forth in Appendix B.")))
    assert (found.status, [reason.code for reason in found.reasons]) == ("weak", ["left_elsewhere"])


def test_words_that_only_touch_it_are_weak_and_words_in_another_sense_are_nothing() -> None:
    marks = {"says": ["bear* ... liabilit*"], "touches": ["claim*"], "unless": ["ledger"], "topic": ["liabilit*"]}
    for sentence, status, code in (("A claim is filed.", "weak", "touched"), (LEDGER, "missing", "not_said")):
        found = finding(clauses(("general", sentence)), headings=["liability"], marks=marks)
        assert (found.status, [reason.code for reason in found.reasons]) == (status, [code])


def test_what_says_it_says_it_anywhere_and_is_what_is_quoted() -> None:
    marks = {"says": ["bear* ... liabilit*"], "touches": ["liability"], "topic": ["liabilit*"]}
    given = clauses(("purpose", "Liability matters."), ("general", f"They meet. {SAYS} They part."))
    found = finding(given, headings=["liability"], marks=marks)
    assert (found.status, found.provisions) == ("found", ["2"])
    assert SAYS in found.passages[0].text


def test_what_was_not_measured_says_so() -> None:
    found = finding([])
    assert found.how_sure == NOT_MEASURED
    assert found.how_sure.detail == "Not measured."


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
    secret = ReadProvision(number="9", heading="liability", text=SAYS, sensitivity=Sensitivity.RESTRICTED)
    found = finding([secret, ReadProvision(number="10", heading="liability", text=SAYS)], SPLIT)
    assert found.provisions == ["9", "10"]
    assert [(passage.provision, passage.text) for passage in found.passages] == [("10", SAYS)]
    alone = finding([secret], SPLIT)
    assert (alone.status, alone.provisions, alone.passages) == ("found", ["9"], [])
    assert SAYS not in str(alone)


def test_of_a_withheld_provision_only_its_heading_counts() -> None:
    secret = ReadProvision(number="9", heading="liability", text=None, sensitivity=Sensitivity.RESTRICTED)
    other = msgspec.structs.replace(secret, number="8", heading="purpose")
    (reason,) = finding([other], terms()).reasons
    assert (
        reason.detail
        == "Perhaps the provision whose text is withheld from you says it, or denies it: ask who may read it."
    )
    found = finding([other, secret], SPLIT, {"terms_withheld": ["liability"]})
    assert (found.status, found.provisions, found.terms) == ("withheld", [], [])
    assert [each.code for each in found.reasons] == ["withheld"]
    assert found.reasons[0].detail.startswith("Provision 9 stands under the heading. Perhaps one of 2 provisions")
    spoken = finding([secret, *clauses(("liability", OTHER))])
    assert (spoken.status, [each.code for each in spoken.reasons]) == ("weak", ["heading_without_words", "withheld"])
    assert finding([secret, *clauses(("liability", SAYS))], SPLIT).status == "found"


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
        msgspec.structs.replace(listed.items[0], id="z", headings=[], also_under=[], terms=[], marks=Marks()),
    ]
    both = msgspec.structs.replace(listed, items=[*listed.items, *more])
    (found,) = examine(CheckedText(clauses=clauses(("liability", SAYS)), terms=terms()), [both], RECOGNITION)
    assert msgspec.to_builtins(found.required) == {
        "found": 1,
        "weak": 0,
        "missing": 0,
        "denied": 0,
        "withheld": 0,
        "for_counsel": 1,
    }
    assert msgspec.to_builtins(found.recommended) == {
        "found": 1,
        "weak": 0,
        "missing": 0,
        "denied": 0,
        "withheld": 0,
        "for_counsel": 0,
    }


def test_the_shipped_checklists_are_for_whom_they_are_meant() -> None:
    for code, law in LAWS.items():
        for matter in law.touches:
            assert code in {each.code for each in applicable(CHECKLISTS.values(), matter)}
        for matter in law.leaves:
            assert code not in {each.code for each in applicable(CHECKLISTS.values(), matter)}


def test_several_apply_at_once_in_the_order_of_their_codes() -> None:
    parties = (Party(state="FL", kind="county"), Party(state="FL", kind="city"))
    matter = Matter(instrument=AgreementKind.MUTUAL_AID, headings=frozenset({"information_sharing"}), parties=parties)
    assert [each.code for each in applicable(CHECKLISTS.values(), matter)] == ["cjis_ca_3", "fl_23_1225", "general"]


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
    (found,) = examine(CheckedText(clauses=clauses(*given), terms=its_terms), [CHECKLISTS["fl_23_1225"]], RECOGNITION)
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
def test_without_the_clause_it_is_missing_whatever_the_terms_say(heading: str, item: str) -> None:
    rest = [clause for clause in FLORIDA if clause[0] != heading]
    assert held_against_florida(rest)[item] == "missing", "the statute asks that the agreement say it"
    assert held_against_florida(FLORIDA, terms())[item] == "found"


# What is left open is denied and what is put off is weak, whoever wrote it; what names who settles it says so.


@pytest.mark.parametrize(
    ("item", "heading", "sentence", "status"),
    [
        (
            "liability",
            "liability",
            "The question of who (or which agency) bears liability for injuries is reserved for a later memorandum.",
            "denied",
        ),
        (
            "activation",
            "request_procedure",
            "The parties intend to discuss how requests for assistance shall be made.",
            "denied",
        ),
        (
            "equipment",
            "equipment",
            "Which party is liable for damage to equipment remains to be determined by the councils.",
            "denied",
        ),
        ("command", "command_and_control", "Who is in command is left to a later agreement.", "denied"),
        ("reimbursement", "reimbursement", "What costs are reimbursed shall be negotiated at a later date.", "denied"),
        (
            "liability",
            "liability",
            "How they bear liability, who commands, and what is paid remain to be settled.",
            "denied",
        ),
        (
            "procedures",
            "policies_and_procedures",
            "The members will cooperatively develop standard operating procedures.",
            "weak",
        ),
        (
            "procedures",
            "policies_and_procedures",
            "The agencies shall develop policies and procedures that govern the team.",
            "weak",
        ),
        (
            "command",
            "command_and_control",
            "An incident commander will be designated, as is set forth in the SOP.",
            "weak",
        ),
        ("command", "command_and_control", "An incident commander shall be appointed for each call.", "weak"),
        ("equipment", "equipment", "The rules for damage to equipment are to be determined.", "weak"),
        (
            "equipment",
            "equipment",
            "Which party pays for damage to equipment is to be determined by the councils.",
            "weak",
        ),
        (
            "command",
            "command_and_control",
            "The incident commander shall be designated by the requesting agency.",
            "found",
        ),
        ("command", "command_and_control", "The host's sergeant shall be designated as incident commander.", "found"),
        ("authorization", "request_procedure", "Whether help is sent is left to the discretion of the chief.", "found"),
        (
            "procedures",
            "policies_and_procedures",
            "Each officer shall follow the policies of the home agency.",
            "found",
        ),
        (
            "liability",
            "liability",
            "Each party shall bear its own liability, and the rates of pay remain to be determined.",
            "found",
        ),
        ("insurance", "insurance", "Insurance shall be determined by the risk managers hereafter.", "denied"),
        ("insurance", "insurance", "Each party keeps such insurance as is later agreed.", "denied"),
        ("insurance", "insurance", "Each party shall keep liability insurance, hereafter “the policy”.", "found"),
        (
            "training",
            "training",
            "Training exercises shall be conducted jointly; the dates are to be determined.",
            "found",
        ),
    ],
)
def test_what_is_left_open_or_put_off_is_never_found(item: str, heading: str, sentence: str, status: str) -> None:
    (found,) = examine(
        CheckedText(clauses=clauses((heading, sentence)), terms=terms()), [CHECKLISTS["general"]], RECOGNITION
    )
    assert next(each for each in found.items if each.id == item).status == status


@pytest.mark.parametrize(
    ("item", "sentence", "status"),
    [
        ("amendment", "This agreement may not be amended except in writing signed by all parties.", "found"),
        ("amendment", "This agreement may not be amended without the written consent of each party.", "found"),
        ("amendment", "This agreement may not be amended, in writing or otherwise.", "denied"),
        ("termination", "Neither party may terminate this agreement without thirty days written notice.", "found"),
        (
            "termination",
            "No party may withdraw from this agreement unless it has given ninety (90) days written notice.",
            "found",
        ),
        ("termination", "This agreement shall not be terminated save upon ninety days notice.", "found"),
        ("termination", "This agreement may not be terminated by notice, and saves no money.", "denied"),
        ("termination", "No party may terminate this agreement by notice, including without limitation.", "denied"),
    ],
)
def test_a_negation_with_an_exception_says_how_it_is_done(item: str, sentence: str, status: str) -> None:
    document = CheckedText(clauses=clauses((item, sentence)), terms=terms())
    (found,) = examine(document, [CHECKLISTS["general"]], RECOGNITION)
    assert next(each for each in found.items if each.id == item).status == status


@pytest.mark.parametrize(
    ("sentence", "term", "renewal"),
    [
        ("It shall remain in effect for five (5) years from the effective date and shall not renew.", "found", "found"),
        ("This agreement shall not be renewed and shall remain in effect for five years.", "found", "found"),
        ("It is in effect for five years but it does not renew.", "found", "found"),
        ("This agreement shall not be in effect for five years.", "denied", "weak"),
        ("This agreement shall not be in effect for five years and shall not renew.", "denied", "found"),
    ],
)
def test_a_negation_takes_back_its_own_verb_phrase_alone(sentence: str, term: str, renewal: str) -> None:
    document = CheckedText(clauses=clauses(("term", sentence)), terms=terms(), auto_renew_months=12)
    lists = [CHECKLISTS[code] for code in ("general", "fl_23_1225")]
    items = {item.id: item.status for each in examine(document, lists, RECOGNITION) for item in each.items}
    assert (items["time_limit"], items["term"], items["renewal"]) == (term, term, renewal)


@pytest.mark.parametrize(
    ("item", "heading", "sentence", "status"),
    [
        (
            "reimbursement",
            "reimbursement",
            "Crews shall be used so as to compensate for the lack of knowledge of the area.",
            "weak",
        ),
        ("reimbursement", "reimbursement", "The receiver shall compensate the sender for overtime.", "found"),
        ("definitions", "definitions", "RECEIVER (or RECEIVING AGENCY): the party requesting assistance.", "found"),
        ("definitions", "definitions", "“Sender”: a party that gives assistance.", "found"),
        ("definitions", "definitions", "PURPOSE: The parties want to help one another.", "weak"),
        ("definitions", "definitions", "The following are lent: the boats, a van.", "weak"),
    ],
)
def test_a_word_in_another_sense_says_nothing_and_a_colon_defines(
    item: str, heading: str, sentence: str, status: str
) -> None:
    document = CheckedText(clauses=clauses((heading, sentence)), terms=terms())
    (found,) = examine(document, [CHECKLISTS["general"]], RECOGNITION)
    assert next(each for each in found.items if each.id == item).status == status


@pytest.mark.parametrize(
    "sentence",
    [
        "Reimbursement shall be settled case by case at a later date.",
        "Reimbursement shall be agreed between the parties on a case-by-case basis.",
    ],
)
def test_an_agreement_to_agree_is_weak_alone_and_beside_what_is_denied(sentence: str) -> None:
    denials = [
        ("liability", "Nothing is agreed about liability."),
        ("insurance", "Insurance is left open."),
    ]
    for given in (
        [("reimbursement", sentence)],
        [("reimbursement", sentence), *denials],
        [("purpose", sentence)],
        [("purpose", f"{sentence} Liability is left open."), *denials],
    ):
        document = CheckedText(clauses=clauses(*given), terms=terms())
        (found,) = examine(document, [CHECKLISTS["general"]], RECOGNITION)
        assert next(each for each in found.items if each.id == "reimbursement").status == "weak", given


HELP = "Upon request each party shall render assistance in emergencies."
LEAVE = "Either party may terminate this agreement upon thirty days' written notice"


@pytest.mark.parametrize(
    ("item", "sentences", "status"),
    [
        ("scope", (HELP, "Assistance with evictions has not been agreed."), "found"),
        ("scope", (HELP, "No assistance is provided for labor disputes."), "found"),
        ("scope", (HELP, "It is not agreed that assistance covers parades."), "found"),
        ("scope", (HELP, "Which assistance is rendered has not been agreed."), "weak"),
        ("scope", ("Assistance with evictions has not been agreed.",), "denied"),
        ("dispute", ("Disputes are not subject to arbitration and are decided by the district court.",), "found"),
        ("dispute", ("Disputes shall not be subject to arbitration.",), "weak"),
        ("dispute", ("Disputes shall not be arbitrated.",), "denied"),
        ("termination", (f"{LEAVE}, but no party may terminate it while assistance is being rendered.",), "found"),
        ("termination", ("No party may terminate this agreement during the first year.", f"{LEAVE}."), "found"),
        (
            "termination",
            ("It may not be terminated during the first year; thereafter a party may withdraw upon written notice.",),
            "found",
        ),
        ("termination", ("No party may terminate this agreement during the first year.",), "denied"),
        ("termination", ("No party may terminate this agreement during its term.", f"{LEAVE}."), "weak"),
        ("termination", ("No party may terminate this agreement.", f"{LEAVE}."), "weak"),
        ("complaints", ("Complaints shall be looked into by the home agency's chief.",), "found"),
        ("metrics", ("Measures of effectiveness will be looked into next year.",), "denied"),
        ("dispute", ("How disputes are resolved will be looked into in the coming year.",), "denied"),
        ("liability", ("Who bears liability for injuries will be looked into next year.",), "denied"),
        ("workers_compensation", ("Which party pays workers' compensation will be examined later.",), "denied"),
    ],
)
def test_the_denial_of_a_part_takes_back_nothing_and_what_is_looked_into_later_says_nothing(
    item: str, sentences: tuple[str, ...], status: str
) -> None:
    document = CheckedText(clauses=clauses(*((item, each) for each in sentences)), terms=terms())
    (found,) = examine(document, [CHECKLISTS["general"]], RECOGNITION)
    assert next(each for each in found.items if each.id == item).status == status
