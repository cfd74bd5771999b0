"""Figures in the words of a clause, and where they are not those of the term."""

from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.agreements.instruments.figures import Figure, figures, sentences, spelled_out
from registry.agreements.instruments.notice import Notice, PartyNotice
from registry.agreements.instruments.terms import Reimbursement, Terms
from registry.agreements.instruments.written import TermDates, WrittenClause, written_otherwise
from registry.platform.kernel.money import Money
from tests.agreements.checks.corpus import DATA, document, sections
from tests.support.agreements import sign_agreement
from tests.support.cases import every_case
from tests.support.cast import Cast
from tests.support.places import present
from tests.support.service import Service

ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
ONES += "seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(n: int) -> str:
    """A number as contracts write it."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10 - 2] + (f"-{ONES[n % 10]}" if n % 10 else "")
    if n < 1_000:
        return f"{ONES[n // 100]} hundred" + (f" and {in_words(n % 100)}" if n % 100 else "")
    return f"{in_words(n // 1_000)} thousand" + (f" {in_words(n % 1_000)}" if n % 1_000 else "")


def found(text: str) -> list[tuple[str, int]]:
    return [(each.unit, each.value) for sentence in sentences(text) for each in figures(sentence) if each.certain]


@given(st.integers(0, 999_999))
def test_every_number_is_read_in_words(n: int) -> None:
    assert spelled_out(in_words(n)) == n


@given(st.integers(1, 9_999), st.sampled_from(["hours", "days"]))
def test_words_digits_and_both_are_one_figure(n: int, unit: str) -> None:
    for written in (in_words(n), str(n), f"{in_words(n)} ({n})", f"{n} ({in_words(n)})", f"{n:,}"):
        assert found(f"within {written} {unit} of it") == [(unit, n)], written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("upon ninety (90) days' written notice", [("days", 90)]),
        ("for the first twelve consecutive hours", [("hours", 12)]),
        ("a 24-hour period, or a sixty-day one", [("hours", 24), ("days", 60)]),
        ("nine-\nty (90) calendar days", [("days", 90)]),
        ("three weeks; two years", [("days", 21), ("months", 24)]),
        ("until June 30, 2028", [("date", 630)]),
        ("the 31st day of December", [("date", 1231)]),
        ("by 12/31/2028 or 2028-12-31", [("date", 1231), ("date", 1231)]),
        ("shall not exceed $1,250.00", [("money", 125_000)]),
        ("five thousand dollars", [("money", 500_000)]),
    ],
)
def test_figures_are_found_as_they_are_written(text: str, expected: list[tuple[str, int]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "within 9O days",  # an O, read by a machine
        "within l0 days",
        "thirty (60) days",  # which of the two?
        "section 4.2 days of training",
        "available 24/7 hours",
        "a reasonable number of days",
        "MOU-90 days",
        "two twenty days",
        "June 45",
    ],
)
def test_what_may_be_misread_or_is_no_figure_is_not_made_one(text: str) -> None:
    assert found(text) == []


@given(st.text(alphabet="0Ol1I5 -(),.$ninetythrday\n", max_size=80))
def test_a_figure_that_is_certain_stands_in_the_text(text: str) -> None:
    for sentence in sentences(text):
        for each in figures(sentence):
            assert each.words in sentence


def clause(text: str, heading: str = "termination", number: str = "8.1") -> WrittenClause:
    return WrittenClause(number=number, heading=heading, text=text)


def otherwise(*clauses: WrittenClause, terms: Terms | None = None, **dates: Any) -> list[str]:
    said = {"notice": Notice(days=30), "effective_on": date(2026, 1, 1), "expires_on": date(2028, 12, 31), **dates}
    return [each.detail for each in written_otherwise(clauses, terms or Terms(categories=["any"]), TermDates(**said))]


def test_a_notice_that_the_clause_gives_otherwise_is_told_with_clause_words_and_term() -> None:
    (told,) = otherwise(clause("Either party may terminate upon ninety (90) days' written notice."))
    assert told == "Clause 8.1 says “ninety (90) days”, yet the notice is 30 days: mend the one that is wrong."
    (told,) = otherwise(clause("A party leaves upon one month's notice."))
    assert "“one month”, yet the notice is 30 days" in told
    (told,) = otherwise(clause("A party leaves upon ninety days' notice."), notice=Notice())
    assert "yet the notice is not entered" in told
    assert otherwise(clause("Notice is thirty (30) days, or ten days in an emergency.")) == []
    own = Notice(days=30, by_party=[PartyNotice(agency_id=UUID(int=1), months=6)])
    assert otherwise(clause("The County gives six (6) months' notice."), notice=own) == []
    assert otherwise(clause("Records are kept for ninety days.")) == [], "that is not about notice"


def test_a_last_day_that_the_clause_gives_otherwise_is_told() -> None:
    (told,) = otherwise(clause("It expires on June 30 of each year.", "term"))
    assert "“June 30”, yet the last day is 2028-12-31" in told
    assert otherwise(clause("It begins January 1, 2026 and ends on December 31, 2028.", "term")) == []
    assert otherwise(clause("This agreement is dated May 5, 2025.", "term")) == []


def test_a_first_day_that_the_clause_gives_otherwise_is_told() -> None:
    text = "This agreement takes effect on March 1, 2026 and ends on December 31, 2028."
    (told,) = otherwise(clause(text, "term"))
    assert told == "Clause 8.1 says “March 1, 2026”, yet the first day is 2026-01-01: mend the one that is wrong."
    assert otherwise(clause(text, "term"), effective_on=date(2026, 3, 1)) == []
    assert otherwise(clause(text, "term"), effective_on=date(2026, 4, 1), amends=True) == [], "it may repeat the first"
    (told,) = otherwise(clause(text, "term"), amends=True)
    assert "“March 1, 2026”, yet the first day is 2026-01-01" in told, "no earlier text began later"
    for other in (
        "It is effective upon signature and continues until December 31, 2028.",
        "It renews effective January 1, 2029.",
        "The agreement that took effect on May 5, 2020 is replaced.",
    ):
        assert otherwise(clause(other, "term")) == [], other


def test_a_limit_that_no_term_says_is_told_and_one_against_no_limit_too() -> None:
    loan, cost = "No loan shall exceed 48 hours.", "Reimbursement shall not exceed $5,000."
    (told,) = otherwise(clause(loan, "resource_allocation"))
    assert told == (
        "Clause 8.1 says “48 hours” of the longest loan, and the terms do not say it, so nobody is held to it: "
        "enter it."
    )
    (told,) = otherwise(clause(cost, "reimbursement"))
    assert "says “$5,000” of the highest cost, and the terms do not say it" in told
    free = Terms(categories=["any"], max_duration_hours="no_limit", cost_ceiling="no_limit")
    for text, heading, words in (
        (loan, "resource_allocation", "longest loan"),
        (cost, "reimbursement", "highest cost"),
    ):
        (told,) = otherwise(clause(text, heading), terms=free)
        assert f"yet the {words} has no limit: mend the one that is wrong" in told
    said = Terms(categories=["any"], max_duration_hours=48, cost_ceiling=Money(amount="5000.00"))
    assert otherwise(clause(loan, "resource_allocation"), clause(cost, "reimbursement"), terms=said) == []


@pytest.mark.parametrize(
    ("text", "heading", "words"),
    [
        ("It ends on Decernber 30, 2028.", "term", "Decernber 30, 2028"),
        ("It ends on O1/02/2099.", "term", "O1/02/2099"),
        ("It ends on the 3l day of 0ctober, 2O28.", "term", "3l day of 0ctober, 2O28"),
        ("Either party may terminate upon l5 days' notice.", "termination", "l5 days"),
    ],
)
def test_a_figure_that_a_scanner_may_have_misread_is_told_as_uncertain(text: str, heading: str, words: str) -> None:
    (told,) = otherwise(clause(text, heading))
    assert told.startswith(f"Clause 8.1 has “{words}”, which a scanner may have misread: it seems to say another thing")
    assert told.endswith("Look at the paper.")


def test_a_misread_figure_that_is_the_terms_is_not_told() -> None:
    assert otherwise(clause("It ends on Decernber 3l, 2O28.", "term")) == []
    assert otherwise(clause("A party leaves upon 3O days' notice.")) == []
    (told,) = otherwise(clause("A party leaves upon l5 days' notice, or ninety days' notice."))
    assert "says “ninety days”" in told, "what is certain goes first"


def test_hours_days_and_money_of_named_clauses_are_compared() -> None:
    pay = Reimbursement(model="actual_after_hours", free_hours=8)
    terms = Terms(
        categories=["any"],
        reimbursement=pay,
        max_duration_hours=72,
        cost_ceiling=Money(amount="5000.00"),
        claim_window_days=60,
        clauses={
            "max_duration_hours": "4.2",
            "cost_ceiling": "6.2",
            "reimbursement": "6.1",
            "claim_window_days": "6.3",
        },
    )
    told = otherwise(
        clause("No loan exceeds four days.", "equipment", "4.2"),
        clause("Costs count after the first twelve hours.", "reimbursement", "6.1"),
        clause("They never exceed $4,000.", "reimbursement", "6.2"),
        clause("Claims are filed within ninety days.", "reimbursement", "6.3"),
        terms=terms,
    )
    assert [each.split(":")[0] for each in told] == [
        "Clause 4.2 says “four days”, yet the longest loan is 72 hours",
        "Clause 6.1 says “twelve hours”, yet the hours that are free are 8",
        "Clause 6.3 says “ninety days”, yet the window for claims is 60 days",
        "Clause 6.2 says “$4,000”, yet the highest cost is 5000.00 USD",
    ]
    pause = Terms(categories=["any"], suspension="by_notice", suspension_notice_days=30, clauses={"suspension": "9.1"})
    (said,) = otherwise(clause("A party may suspend upon ten (10) days' notice.", "purpose", "9.1"), terms=pause)
    assert said.startswith("Clause 9.1 says “ten (10) days”, yet the notice of a suspension is 30 days")
    right = otherwise(clause("No loan exceeds three (3) days.", "equipment", "4.2"), terms=terms)
    assert right == []


def test_figures_of_clauses_that_no_term_names_are_compared_under_a_heading_that_fits() -> None:
    terms = Terms(
        categories=["any"],
        max_duration_hours=72,
        notice_hours=24,
        approval_over_hours=48,
        cost_ceiling=Money(amount="5000.00"),
        reimbursement=Reimbursement(model="fixed_rate", rate_per_hour=Money(amount="45.00")),
    )
    with every_case() as case:
        for heading, text, expected in (
            ("term", "It may be terminated upon sixty days' notice.", "“sixty days”, yet the notice is 30 days"),
            ("general", "Any party may withdraw upon 60 days notice.", "“60 days”, yet the notice is 30 days"),
            (
                "term",
                "It remains in effect for a period of five years.",
                "“five years”, yet the term ends on 2028-12-31",
            ),
            (
                "term",
                "The term is five (5) years from the effective date.",
                "“five (5) years”, yet the term ends on 2028-12-31",
            ),
            ("term", "This agreement shall last two years.", "“two years”, yet the term ends on 2028-12-31"),
            ("scope", "Assistance shall not exceed four days.", "“four days”, yet the longest loan is 72 hours"),
            (
                "request_procedure",
                "Requests are made 48 hours in advance.",
                "“48 hours”, yet the notice before a loan is",
            ),
            (
                "request_procedure",
                "A deployment of more than three days needs the chief's approval.",
                "“three days”, yet the loan that needs approval is 48 hours",
            ),
            (
                "reimbursement",
                "The cost of a loan shall not exceed $4,000.",
                "“$4,000”, yet the highest cost is 5000.00",
            ),
            ("reimbursement", "Overtime is billed at $50 per hour.", "“$50”, yet the rate per hour is 45.00 USD"),
        ):
            with case(text):
                (told,) = otherwise(clause(text, heading), terms=terms)
                assert expected in told
        for heading, text in (
            ("term", "It remains in effect for a term of three (3) years."),
            ("term", "The term is three (3) years from the effective date."),
            ("term", "It is renewed for a period of five years."),
            ("term", "A party in breach may be terminated upon ten days' notice."),
            ("records", "Records are kept for a term of five years."),
            ("scope", "Officers have at least two years of experience, and help at most three days."),
            ("scope", "Assistance shall not exceed three days."),
            ("credentialing", "Ninety days' notice is given when personnel withdraw."),
            ("reimbursement", "The cost of a loan shall not exceed $5,000.00."),
            ("insurance", "Each party keeps cover of not more than $1,000,000."),
            ("general", "Sixty days' notice is given of a change of address."),
        ):
            with case(text):
                assert otherwise(clause(text, heading), terms=terms) == []


def test_in_real_texts_what_is_read_as_a_terms_figure_is_about_it() -> None:
    """Looked at one by one: each is the notice of an end, that of a suspension, or how long the text holds."""
    present(DATA / "moa_texts")
    terms = Terms(
        categories=["any"],
        max_duration_hours=7_777,
        notice_hours=7_776,
        approval_over_hours=7_775,
        recall_notice_hours=7_774,
        claim_window_days=3_333,
        suspension="by_notice",
        suspension_notice_days=3_332,
        cost_ceiling=Money(amount="77777.77"),
        reimbursement=Reimbursement(model="fixed_rate", rate_per_hour=Money(amount="777.77")),
    )
    read: Counter[str] = Counter()
    for name, its in sections().items():
        clauses = [clause(c.text or "", c.heading, c.number) for c in document(name, its).clauses]
        dates: dict[str, Any] = {"notice": Notice(), "effective_on": date(2099, 1, 1), "expires_on": date(2199, 1, 1)}
        dates |= {"auto_renew_months": 77, "auto_renew_times": 777}
        for told in otherwise(*clauses, terms=terms, **dates):
            read[told.partition("yet ")[2].partition(" is ")[0].partition(" ends ")[0]] += 1
    assert read == {"the notice": 36, "the notice of a suspension": 12, "the term": 1}


def test_the_length_of_the_term_and_the_number_of_its_renewals_are_compared() -> None:
    yearly: dict[str, Any] = {"auto_renew_months": 12, "auto_renew_times": 2}
    whole = "This agreement is for a term of three years and shall automatically renew for two (2) additional one-year"
    assert otherwise(clause(f"{whole} terms.", "term"), **yearly) == []
    (told,) = otherwise(clause(f"{whole} terms.", "term"), **{**yearly, "auto_renew_times": 3})
    assert "says “two (2) additional one-year terms”, yet the number of automatic renewals is 3" in told
    (told,) = otherwise(clause(f"{whole} terms.", "term"), **{**yearly, "auto_renew_times": "no_limit"})
    assert "yet the number of automatic renewals has no limit" in told
    (told,) = otherwise(
        clause("It renews itself for up to two further terms.", "renewal"), **yearly | {"auto_renew_times": 5}
    )
    assert "“two further terms”, yet the number of automatic renewals is 5" in told
    (told,) = otherwise(clause("It has a term of five (5) years, and renews thereafter.", "term"), **yearly)
    assert "“five (5) years”, yet the term ends on 2028-12-31" in told
    for text in (
        "It may be renewed for four additional one-year terms by mutual agreement.",
        "It is automatically renewed unless notice is given sixty days before three terms are over.",
        "Automatic renewal for a one-year term.",
        "It may be extended for a period of nine years.",
    ):
        assert otherwise(clause(text, "term"), **yearly, notice=Notice(days=60)) == [], text
    assert otherwise(clause("It renews automatically for four terms.", "term"), auto_renew_months=None) == []
    assert ("times", 3) in found("for three successive terms, not a one-year term")


def test_a_word_and_a_number_that_differ_are_told() -> None:
    (told,) = otherwise(clause("Upon thirty (60) days' notice."))
    assert told == "Clause 8.1 says “thirty (60) days”: the word and the number differ."


def test_words_and_figures_that_differ_are_told_whatever_the_clause_is_about() -> None:
    for words in (
        *("ninety (60) days", "twelve (18) months", "forty-eight (72) hours"),
        *("five hundred (400) dollars", "Five hundred dollars ($400)", "$400 (five hundred dollars)"),
    ):
        (told,) = otherwise(clause(f"The trial is for {words} at most.", "purpose", "3"))
        assert told == f"Clause 3 says “{words}”: the word and the number differ."
    for words in ("ninety (90) days", "five hundred (500) dollars", "five hundred dollars ($500.25)", "$500"):
        assert otherwise(clause(f"The trial is for {words} at most.", "purpose", "3")) == []


def test_a_notice_to_leave_is_compared_under_whatever_heading_it_stands() -> None:
    text = "Either party may terminate this agreement upon sixty days written notice."
    dates: dict[str, Any] = {"notice": Notice(days=90)}
    (told,) = otherwise(clause(text, "purpose", "1"), **dates)
    assert told == "Clause 1 says “sixty days”, yet the notice is 90 days: mend the one that is wrong."
    for other, heading in (
        ("The insurance policy is not cancelled without thirty days notice under this agreement.", "insurance"),
        ("Each party keeps insurance that is not cancelled without thirty days notice to the agreement.", "liability"),
        ("Notice of a loan is given three days before, and the team leaves at once.", "scope"),
    ):
        assert otherwise(clause(other, heading, "1"), **dates) == []


def test_money_is_in_cents_and_a_day_without_a_year_is_that_of_every_year() -> None:
    assert Figure(unit="date", value=630, words="").is_day(date(2031, 6, 30))
    assert not Figure(unit="date", value=630, words="", year=2028).is_day(date(2031, 6, 30))


def clauses(answer: dict[str, Any]) -> list[str]:
    """The clauses that say another figure than their term."""
    return [each["clause"] for each in answer["remarks"] if each["code"] == "says_otherwise"]


async def test_the_agreement_its_version_and_the_check_tell_it_and_restricted_words_stay_where_they_are(
    service: Service, cast: Cast
) -> None:
    provisions = [
        {"number": "8", "heading": "termination", "text": "Upon ninety (90) days' written notice."},
        {
            "number": "9",
            "heading": "term",
            "text": "It ends on June 30, 2031.",
            "sensitivity": "restricted",
            "exemption": "Security information (demo)",
        },
    ]
    found = await sign_agreement(
        service, cast.assisting, cast.requesting, provisions=provisions, expires_on="2031-12-31"
    )
    path = f"/v1/agreements/{found['id']}"
    for answer in (found, await cast.requesting.legal.done("GET", f"{path}/completeness")):
        assert clauses(answer) == ["8"]
    whole = await cast.requesting.legal.done("GET", f"{path}/versions/1")
    assert clauses(whole) == ["8", "9"], "who reads the clause reads the remark"
    coordinator = await cast.requesting.coordinator.done("GET", f"{path}/versions/1")
    assert clauses(coordinator) == ["8"]


def test_a_renewal_is_compared_wherever_it_stands_and_so_is_the_notice_before_it() -> None:
    yearly: dict[str, Any] = {"auto_renew_months": 12, "auto_renew_times": "no_limit"}
    for heading in ("renewal", "term", "general"):
        (told,) = otherwise(clause("It renews itself automatically for two years.", heading), **yearly)
        assert told == "Clause 8.1 says “two years”, yet a renewed term is 12 months: mend the one that is wrong."
        late = "It renews automatically for one year unless a party gives sixty (60) days' notice before."
        (told,) = otherwise(clause(late, heading), **yearly)
        assert "“sixty (60) days”, yet the notice before a renewal is 30 days" in told
        assert otherwise(clause(late, heading), **yearly, notice=Notice(days=60)) == []
        assert otherwise(clause(late, heading), **yearly, notice=Notice()) == []
    whole = "Its term is three years, and it renews itself automatically for one year."
    assert otherwise(clause(whole, "term"), **yearly) == [], "what is said before is another thing"


def test_how_long_equipment_is_lent_is_read_where_it_stands_under_that_heading() -> None:
    terms = Terms(categories=["any"], max_duration_hours=72)
    for text in ("No loan exceeds 48 hours.", "Equipment is lent for no longer than 48 hours."):
        (told,) = otherwise(clause(text, "equipment"), terms=terms)
        assert told == "Clause 8.1 says “48 hours”, yet the longest loan is 72 hours: mend the one that is wrong."
        assert otherwise(clause(text.replace("48 hours", "three days"), "equipment"), terms=terms) == []
