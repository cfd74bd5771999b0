"""What clauses say in words of who pays, commands, is liable and what renews, against the codes of the terms."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import pytest

from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.remarks import RemarkCode
from registry.agreements.instruments.terms import Reimbursement, Terms
from registry.agreements.instruments.worded import contradicted, said_in_words, statements, worded_otherwise
from registry.agreements.instruments.written import TermDates, WrittenClause, written_otherwise
from tests.agreements.checks.corpus import DATA, document, held_out, sections
from tests.support.agreements import sign_agreement
from tests.support.cast import Cast, today
from tests.support.places import present
from tests.support.service import Service

PATH = "/v1/agreements"
# By statement: sentences that make it, and sentences that look alike and do not.
SAYING = {
    "requesting_pays": (
        "The Requesting Agency shall reimburse the Assisting Agency for all actual costs.",
        "The assisting party will be fully reimbursed within sixty days.",
        "Overtime is reimbursed by the receiving agency.",
    ),
    "each_bears_its_own": (
        "Each party shall bear its own costs.",
        "Every member jurisdiction, and each agency, shall absorb its own expenses.",
    ),
    "no_charge": (
        "No charge shall be made for services rendered under this agreement.",
        "Assistance is given free of charge.",
        "Assistance is rendered without reimbursement.",
        "The assisting agency is not entitled to any reimbursement.",
    ),
    "assisting_commands": (
        "Command of the personnel sent remains with the assisting agency.",
        "Officers shall be under the command of their own agency.",
        "The assisting agency commands its personnel at all times.",
    ),
    "requesting_commands": (
        "The Requesting Party shall be in command of all situations.",
        "Personnel shall be under the direction and control of the requesting agency.",
    ),
    "unified_command": ("A unified command shall be established at every incident.",),
    "each_answers_for_its_own": (
        "Each party shall be responsible for the acts and omissions of its own employees.",
        "Each agency is liable for the negligence of its own officers.",
    ),
    "requesting_is_liable": (
        "The requesting agency shall assume all liability arising from the assistance.",
        "The Receiving Party shall indemnify and hold harmless the other.",
        "The requesting agency is liable for all acts of the officers lent to it.",
    ),
    "sending_is_liable": ("The responding agency shall be liable for the negligence of its people.",),
    "does_not_renew": (
        "This agreement shall not automatically renew.",
        "The term will not be automatically extended.",
        "There is no automatic renewal.",
        "There is no renewal.",
        "It shall remain in effect for five years and shall not renew.",
        "This agreement shall not be renewed.",
    ),
    "renews": (
        "This agreement shall automatically renew for one year.",
        "It renews automatically on each anniversary.",
        "It is deemed renewed unless a party objects.",
    ),
    "renews_by_agreement": (
        "This agreement may be renewed twice by mutual written agreement.",
        "The parties may renew by a written agreement.",
        "The term may be extended with the written consent of all parties.",
        "It is renewed only by a signed instrument.",
    ),
    "no_proof_of_insurance": (
        "No certificate of insurance need be shown.",
        "The parties need not furnish certificates.",
        "Proof of insurance is not required.",
        "A party shall not be required to furnish evidence of insurance.",
    ),
    "suspends_at_once": (
        "Any party may immediately suspend its participation in this agreement.",
        "A member may suspend its participation at once.",
        "An agency may suspend its participation at any time without notice.",
    ),
    "suspends_by_notice": (
        "A party may suspend its participation upon ten days' written notice.",
        "Any agency may, on notice to the others, suspend its own participation.",
    ),
    "no_suspension": (
        "No party may suspend its participation in this agreement.",
        "The parties shall not suspend their participation during a declared disaster.",
    ),
    "suspension_not_said": (
        "This agreement is silent on suspension.",
        "Nothing is said of suspending the participation of a party.",
        "The suspension of a party's participation has not been addressed.",
    ),
    "no_reimbursement": (
        "There shall be no reimbursement.",
        "No reimbursement will be paid under this agreement.",
        "The Requesting Agency shall not reimburse the Assisting Agency.",
        "The assisting party shall not be reimbursed.",
        "No party shall be reimbursed for services rendered under this agreement.",
    ),
    "requesting_is_not_liable": (
        "The requesting agency shall not assume any liability.",
        "The Receiving Party shall not be liable for the acts of officers sent to it.",
    ),
    "sending_is_not_liable": ("The assisting agency will not bear any liability for the negligence of its officers.",),
    "leaves_without_notice": (
        "Any party may terminate at any time without notice.",
        "A party may withdraw from this agreement without prior written notice.",
        "Either agency may, without notice, terminate this agreement.",
        "This memorandum may be terminated by either party at any time, without notice.",
        "No notice is required to withdraw from this agreement.",
        "Notice of termination is not required.",
    ),
    "does_not_leave": (
        "No party may terminate this agreement.",
        "A party cannot terminate this agreement by a letter.",
        "This agreement may not be terminated by notice.",
        "No party may terminate before June 30, 2100.",
        "No party may withdraw from this agreement before the end of the initial term.",
        "This agreement may not be terminated prior to its third anniversary.",
        "Neither party shall cancel this agreement during the first year.",
        "No party may terminate before June 30, 2100, and thereafter only upon ninety days' written notice.",
    ),
    "needs_approval": (
        "Requests must be approved by the Chief of Police.",
        "All requests for assistance shall be approved by the sheriff of the assisting agency.",
        "Each loan requires the approval of the assisting agency's chief.",
        "No personnel shall be sent without the approval of the Chief.",
        "Equipment may be released only with the approval of the commander.",
    ),
    "needs_no_approval": (
        "No approval is required.",
        "Approval of the chief is not required.",
        "Assistance may be sent without prior approval of the chief.",
        "A request need not be approved by the sheriff.",
    ),
    "counts_from_receipt": (
        "A party may withdraw thirty (30) days after receipt of written notice.",
        "It ends sixty days from the date of receipt of the notice.",
        "Termination is effective ninety days after the notice is received.",
        "It terminates upon receipt of ten days' written notice.",
        "The notice ends it thirty days after it is received.",
        "The period of notice runs from its receipt.",
    ),
    "counts_from_giving": (
        "A party may withdraw thirty (30) days after giving written notice.",
        "Termination is effective sixty days after written notice is mailed.",
        "It ends ninety days from the date of mailing.",
    ),
}
UNLIKE = (
    "Invoices are paid thirty days after receipt of the invoice.",
    "A party may withdraw by thirty days' written notice.",
    "It ends ten days after receipt of a notice of default that was not cured.",
    "The Requesting Agency shall reimburse training costs only.",
    "Officers receive no reimbursement for meals.",
    "There shall be no reimbursement for the first twelve hours.",
    "No reimbursement will be paid unless a claim is submitted within sixty days.",
    "Each party shall bear its own costs except as provided in section 7.",
    "Whether the requesting agency pays anything has not been agreed.",
    "Command remains with the assisting agency until the officer reports to the scene.",
    "The officer has an excellent command of Spanish.",
    "A unified command may be established.",
    "The Requesting Party shall not be in command of the aircraft.",
    "Failure to help will not result in liability to a party.",
    "No party may terminate this agreement without notice.",
    "This agreement may not be terminated without prior written notice to the other.",
    "A party may terminate without cause upon thirty days' written notice.",
    "A party may terminate without notice where the other is in breach.",
    "The chief may recall officers at any time without notice.",
    "Either party may terminate an officer's assignment without notice.",
    "Notice is required to withdraw from this agreement.",
    "No party may terminate before giving thirty days' written notice.",
    "No party may withdraw until ninety (90) days after it has given notice.",
    "No party may terminate an officer before a hearing.",
    "No party may terminate this agreement on less than thirty days' notice.",
    "No party may withdraw from this agreement until one year after it has told the others.",
    "No party may terminate this agreement except for a material breach.",
    "A party may terminate before the end of the term.",
    "Failure to renew does not terminate the duties before the term ends.",
    "Requests for overtime must be approved by the sergeant.",
    "Requests must be approved by the chief of the requesting agency.",
    "Loans of over seventy-two hours require the approval of the chief.",
    "No approval is required in an emergency.",
    "Requests to the media office shall be approved by the chief.",
    "Requests are approved or declined within the hour.",
    "Assistance shall not be sent without a request.",
    "The agreement may be renewed by signature.",
    "The urban renewal project displaced the substation automatically.",
    "A party may suspend an officer from participation in an exercise that its chief directs.",
    "No party may suspend another's employee.",
    "A party shall not suspend its participation except upon notice.",
    "Weapons with automatic extension of the stock are not lent.",
)
HEADINGS = {each.code: each.headings[0] for each in statements()}


def made(heading: str, sentence: str) -> list[str]:
    clause = WrittenClause(number="1", heading=heading, text=sentence)
    return [each.statement.code for each in said_in_words([clause], Terms(categories=["any"]))]


@pytest.mark.parametrize(("code", "sentence"), [(code, each) for code, those in SAYING.items() for each in those])
def test_a_sentence_says_this_and_nothing_else(code: str, sentence: str) -> None:
    assert made(HEADINGS[code], sentence) == [code]
    assert made("purpose", sentence) == [], "elsewhere it may speak of anything"


@pytest.mark.parametrize("sentence", UNLIKE)
def test_what_looks_alike_says_none_of_it(sentence: str) -> None:
    assert {code for heading in {*HEADINGS.values()} for code in made(heading, sentence)} <= {"does_not_renew"}


def test_what_renews_itself_may_be_extended_by_agreement_too() -> None:
    both = "It shall automatically renew for one year. It may be extended further by mutual written agreement."
    assert made("renewal", both) == ["renews"]


def coded(**terms: Any) -> Terms:
    return Terms(categories=["any"], **terms)


def remarked(heading: str, sentence: str, terms: Terms, **dates: Any) -> list[str]:
    clause = WrittenClause(number="7", heading=heading, text=sentence)
    its = TermDates(notice=Notice(), effective_on=date(2026, 1, 1), **dates)
    return [each.detail for each in worded_otherwise([clause], terms, its)]


def test_it_is_remarked_where_the_code_says_another_thing_and_nowhere_else() -> None:
    pays, commands = SAYING["requesting_pays"][0], SAYING["assisting_commands"][0]
    none, full = coded(reimbursement=Reimbursement(model="none")), coded(reimbursement=Reimbursement(model="full"))
    (detail,) = remarked("reimbursement", pays, none)
    assert detail.startswith("Clause 7 says “Requesting Agency shall reimburse”, which reads as if")
    assert "reimbursement is coded “none”" in detail
    assert remarked("reimbursement", pays, full) == remarked("reimbursement", pays, coded()) == []
    assert len(remarked("command_and_control", commands, coded(command="requesting"))) == 1
    assert remarked("command_and_control", commands, coded(command="assisting")) == []
    liable = SAYING["requesting_is_liable"][0]
    assert len(remarked("liability", liable, coded(liability="respective"))) == 1
    assert remarked("liability", liable, coded(liability="receiving")) == []
    elsewhere = coded(command="requesting", clauses={"command": "9"})
    assert remarked("command_and_control", commands, elsewhere) == [], "the terms name another clause for it"
    named = coded(command="requesting", clauses={"command": "7"})
    assert len(remarked("operations", commands, named)) == 1


def test_a_renewal_is_held_against_the_dates() -> None:
    never, always = SAYING["does_not_renew"][0], SAYING["renews"][0]
    ends: dict[str, Any] = {"expires_on": date(2028, 12, 31)}
    assert len(remarked("renewal", never, coded(), **ends, auto_renew_months=12)) == 1
    assert remarked("renewal", never, coded(), **ends) == []
    assert len(remarked("renewal", always, coded(), **ends)) == 1
    assert remarked("renewal", always, coded(), **ends, auto_renew_months=12) == []
    assert remarked("renewal", always, coded()) == [], "without an end there is nothing to renew"


@pytest.mark.parametrize(
    ("heading", "sentence", "terms"),
    [
        ("reimbursement", "No charge shall be made.", {"reimbursement": Reimbursement(model="actual_after_hours")}),
        (
            "reimbursement",
            "Help is given free of charge.",
            {"reimbursement": Reimbursement(model="actual_after_hours")},
        ),
        ("insurance", "No certificate of insurance need be shown.", {"insurance_required": True}),
        ("insurance", "The parties need not furnish certificates.", {"insurance_required": True}),
        (
            "command_and_control",
            "The assisting agency commands its personnel at all times.",
            {"command": "requesting"},
        ),
        ("liability", "The requesting agency is liable for all acts.", {"liability": "respective"}),
    ],
)
def test_a_text_that_says_another_thing_is_remarked_on_named_or_under_its_heading(
    heading: str, sentence: str, terms: dict[str, Any]
) -> None:
    (name,) = terms
    assert len(remarked(heading, sentence, coded(**terms))) == 1
    assert len(remarked("general", sentence, coded(**terms, clauses={name: "7"}))) == 1


@pytest.mark.parametrize("sentence", SAYING["renews_by_agreement"])
def test_a_renewal_by_agreement_is_none_by_itself(sentence: str) -> None:
    ends: dict[str, Any] = {"expires_on": date(2098, 12, 31)}
    assert len(remarked("renewal", sentence, coded(), **ends, auto_renew_months=12)) == 1
    assert len(remarked("term", sentence, coded(), **ends, auto_renew_months=12, auto_renew_times="no_limit")) == 1
    assert remarked("renewal", sentence, coded(), **ends) == []


def test_a_longest_loan_is_read_wherever_it_stands() -> None:
    clause = WrittenClause(number="7", heading="general", text="No loan lasts longer than 48 hours.")
    dates = TermDates(notice=Notice(), effective_on=date(2098, 1, 1))
    (remark,) = written_otherwise([clause], coded(max_duration_hours=72), dates)
    assert (remark.code, remark.clause) == ("says_otherwise", "7")
    assert [*written_otherwise([clause], coded(max_duration_hours=48), dates)] == []


def test_a_suspension_is_held_against_its_term() -> None:
    by_notice, never = SAYING["suspends_by_notice"][0], SAYING["no_suspension"][0]
    assert len(remarked("suspension", by_notice, coded(suspension="at_once"))) == 1
    assert remarked("suspension", by_notice, coded(suspension="by_notice")) == []
    (unsaid,) = remarked("suspension", by_notice, coded())
    assert unsaid.endswith("look at the sentence.")
    assert "is not entered in the terms: enter it" in unsaid, "a blank decides from when the party is free"
    assert len(remarked("termination", never, coded(suspension="by_notice"))) == 1


def under(days: int | None = None, **fields: Any) -> dict[str, Any]:
    return {"notice": Notice(days=days, **fields), "effective_on": date(2099, 1, 1)}


def remarks(heading: str, sentence: str, terms: Terms, **dates: Any) -> list[tuple[str, str]]:
    clause = WrittenClause(number="7", heading=heading, text=sentence)
    return [(each.code, each.detail) for each in worded_otherwise([clause], terms, TermDates(**dates))]


@pytest.mark.parametrize("sentence", SAYING["leaves_without_notice"])
def test_leaving_without_notice_is_held_against_the_notice(sentence: str) -> None:
    ((code, detail),) = remarks("termination", sentence, coded(), **under(30))
    assert (code, "notice is coded “30 days”" in detail) == ("says_otherwise", True)
    ((code, detail),) = remarks("termination", sentence, coded(), **under())
    assert (code, "notice is not entered in the terms: enter it" in detail) == ("term_not_entered", True)
    assert remarks("termination", sentence, coded(), **under(0)) == []
    assert remarks("notices", sentence, coded(), **under(30)) == []
    assert len(remarks("notices", sentence, coded(), **under(30, clause="7"))) == 1, "the notice names its clause"
    assert remarks("termination", sentence, coded(), **under(30, clause="8")) == []


def test_that_nobody_leaves_early_is_held_against_a_notice_that_lets_one_leave() -> None:
    sentence = SAYING["does_not_leave"][0]
    ((code, detail),) = remarks("termination", sentence, coded(), **under(30))
    assert (code, "no party may leave" in detail) == ("says_otherwise", True)
    assert remarks("termination", sentence, coded(), **under()) == [], "who leaves without a notice needs the others"


def test_a_denial_of_payment_or_liability_is_held_against_the_code() -> None:
    for sentence in SAYING["no_reimbursement"]:
        for model in ("full", "personnel_excluded", "actual_after_hours"):
            paid = coded(reimbursement=Reimbursement(model=model))
            assert len(remarked("reimbursement", sentence, paid)) == 1
        assert remarked("reimbursement", sentence, coded(reimbursement=Reimbursement(model="none"))) == []
    (denied,) = SAYING["sending_is_not_liable"]
    assert len(remarked("liability", denied, coded(liability="sending"))) == 1
    assert remarked("liability", denied, coded(liability="receiving")) == []


def test_an_approval_in_words_is_held_against_the_terms_of_approval() -> None:
    asks, asks_none = SAYING["needs_approval"][0], SAYING["needs_no_approval"][0]
    dates = under()
    ((code, detail),) = remarks("request_procedure", asks, coded(), **dates)
    assert code == "term_not_entered"
    assert "a loan's approval is not entered in the terms" in detail
    assert [code for code, _ in remarks("request_procedure", asks, coded(approval_required=False), **dates)] == [
        "says_otherwise"
    ]
    ((_, over),) = remarks("request_procedure", asks, coded(approval_over_hours=24), **dates)
    assert "coded “over 24 hours”" in over
    assert remarks("request_procedure", asks, coded(approval_required=True), **dates) == []
    assert len(remarks("request_procedure", asks_none, coded(approval_required=True), **dates)) == 1
    assert remarks("request_procedure", asks_none, coded(), **dates) == [], "silence asks for none either"
    named = coded(approval_required=False, clauses={"approval_required": "7"})
    assert len(remarks("general", asks, named, **dates)) == 1


@pytest.mark.parametrize(
    ("sentence", "denied"),
    [
        ("The Requesting Agency shall not reimburse the Assisting Agency.", "requesting_pays"),
        ("The assisting party shall not be reimbursed.", "requesting_pays"),
        ("The agreement shall not automatically renew.", "renews"),
        ("The Requesting Party shall not be in command.", "requesting_commands"),
        ("Command does not remain with the assisting agency.", "assisting_commands"),
        ("The requesting agency shall not assume any liability.", "requesting_is_liable"),
        ("The assisting agency shall not be liable for the acts of its people.", "sending_is_liable"),
        ("No agency may suspend its participation without notice.", "suspends_at_once"),
        ("No party may terminate this agreement without notice.", "leaves_without_notice"),
        ("Requests need not be approved by the Chief of Police.", "needs_approval"),
        ("Assistance may not be sent without prior approval.", "needs_no_approval"),
        ("Nothing is lent without reimbursement.", "no_charge"),
        ("The requesting agency is not liable for the acts of officers lent.", "requesting_is_liable"),
        ("This agreement may not be renewed by mutual agreement.", "renews_by_agreement"),
        ("The assisting agency does not command its personnel.", "assisting_commands"),
    ],
)
def test_a_denial_is_never_read_as_the_statement_that_it_denies(sentence: str, denied: str) -> None:
    assert denied not in {code for heading in {*HEADINGS.values()} for code in made(heading, sentence)}


async def test_the_agreement_its_version_and_its_completeness_remark_it(service: Service, cast: Cast) -> None:
    provisions = [
        {"number": "1", "heading": "reimbursement", "text": SAYING["requesting_pays"][0]},
        {"number": "2", "heading": "renewal", "text": SAYING["does_not_renew"][0]},
        {"number": "3", "heading": "command_and_control", "text": SAYING["assisting_commands"][0]},
        {"number": "4", "heading": "termination", "text": SAYING["leaves_without_notice"][0]},
    ]
    terms = {"reimbursement": {"model": "none"}, "command": "assisting"}
    end = today().replace(year=today().year + 2, day=1)
    found = await sign_agreement(
        service,
        cast.assisting,
        cast.requesting,
        provisions=provisions,
        terms=terms,
        expires_on=end,
        auto_renew_months=12,
        auto_renew_times="no_limit",
    )
    for place in ("", "/versions/1", "/completeness"):
        answer = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}{place}")
        told = [each["clause"] for each in answer["remarks"] if each["code"] == RemarkCode.SAYS_OTHERWISE]
        assert told == ["1", "2", "4"], place


def flags(*, of_held_out: bool) -> Iterator[tuple[str, str, str]]:
    """What would be flagged in texts that agencies signed, were each code another one."""
    present(DATA / "moa_texts")
    for name, its in sections().items():
        if held_out(name) is of_held_out:
            clauses = [
                WrittenClause(number=c.number, heading=c.heading, text=c.text or "")
                for c in document(name, its).clauses
            ]
            for said in said_in_words(clauses, Terms(categories=["any"])):
                yield name, said.statement.code, said.words


def test_in_real_texts_what_is_flagged_is_right() -> None:
    """Looked at one by one: of those held out the number alone."""
    looked_at = {
        (
            "mn_orono_joint_law_enforcement_assistance_page9",
            "requesting_commands",
            "Requesting Party shall be in command",
        )
    }
    # Of one form, “shall take effect 90-days after receipt of such notice”, as twelve sheriffs signed it.
    of_one_form = {(name, code, words) for name, code, words in flags(of_held_out=False) if name.endswith("__WSO")}
    assert {(code, words) for _, code, words in of_one_form} == {("counts_from_receipt", "days after receipt")}
    assert len(of_one_form) == 12
    assert set(flags(of_held_out=False)) == looked_at | of_one_form
    assert len(list(flags(of_held_out=True))) == 1
    counted = {each.code: (each.read, each.right) for each in statements() if each.read}
    read = {"requesting_commands": (1, 1), "counts_from_receipt": (12, 12)}
    assert counted == read, "what an answer says of how sure it is, is what was counted here"


@pytest.mark.parametrize(
    ("text", "terms", "words"),
    [
        ("No loan lasts longer than ninety-six hours.", {"max_duration_hours": 72}, {"max_duration_hours"}),
        ("No loan lasts longer than ninety-six (72) hours.", {"max_duration_hours": 72}, {"max_duration_hours"}),
        ("No loan lasts longer than seventy-two hours.", {"max_duration_hours": 72}, set()),
        ("Help is given free of charge.", {"reimbursement": {"model": "full"}}, {"reimbursement"}),
    ],
)
def test_a_term_is_contradicted_by_its_own_clause_alone(text: str, terms: dict[str, Any], words: set[str]) -> None:
    dates = TermDates(notice=Notice(), effective_on=date(2099, 1, 1))
    (name,) = terms
    clause = WrittenClause(number="4.2", heading="reimbursement", text=text)
    named, unnamed = (
        msgspec.convert({"categories": ["any"], "clauses": clauses, **terms}, Terms) for clauses in ({name: "4.2"}, {})
    )
    assert set(contradicted([clause], named, dates)) == words
    assert contradicted([clause], unnamed, dates) == {}
