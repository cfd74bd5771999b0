"""The shipped checklists hold together, and a file that does not is refused with what to mend."""

import pytest

from registry.agreements.checks.lists import CHECKLISTS, parse_checklist, parse_measured, parse_vocabulary
from registry.agreements.checks.lists import VOCABULARY as VOCABULARY_SHIPPED
from registry.agreements.checks.schemas import Marks
from registry.agreements.instruments.rules import AgreementKind

GOOD = """
code: example
name: Example
law:
  state: MN
  citation: Example Stat. 1(2)
  source: primary
  checked_on: 2026-01-31
  checked_against: Read by nobody, being an example.
  applies_to: {instruments: [mutual_aid], parties: {states: [MN]}}
  touches: [{why: So it is., instrument: mutual_aid, parties: [{state: MN}]}]
  leaves: [{why: So it is., instrument: mou, parties: [{state: MN}]}]
  says: It says so.
  made_of_it: An example.
  left_out: The rest.
counsel: Have counsel review.
items:
  - id: liability
    title: Liability
    asks: Say who is liable.
    citation: Example Stat. 1(1)
    severity: required
    headings: [liability]
    terms: [liability]
    vocabulary: [liability]
    words: [each for itself]
"""
VOCABULARY = {"liability": Marks(words=["bear* ... liabilit*"], topic=["liabilit*"])}


def test_a_file_becomes_a_checklist_and_its_vocabulary_joins_the_words_of_its_items() -> None:
    found, law = parse_checklist(GOOD, "example.yaml", VOCABULARY)
    assert (found.code, found.jurisdiction, found.citation) == ("example", "MN", "Example Stat. 1(2)")
    assert (law.state, law.citation) == ("MN", "Example Stat. 1(2)")
    assert found.applies_to.instruments == (AgreementKind.MUTUAL_AID,)
    assert found.items[0].marks.words == ["bear* ... liabilit*", "each for itself"]


@pytest.mark.parametrize(
    ("there", "instead", "complaint"),
    [
        ("code: example", "code: other", "not the file's name"),
        ("citation: Example Stat. 1(2)", "citation: ''", "length >= 1"),
        ("citation: Example Stat. 1(1)", "citation: ''", "length >= 1"),
        ("Have counsel review.", "It is the law.", "counsel review"),
        ("severity: required", "severity: vital", "severity"),
        ("headings: [liability]", "headings: [astrology]", "no heading 'astrology'"),
        ("headings: [liability]", "headings: [liability, liability]", "'liability' is given twice"),
        ("headings: [liability]", "headings: [liability]\n    also_under: [nowhere]", "no heading 'nowhere'"),
        ("terms: [liability]", "terms: [lender]", "no term 'lender'"),
        ("terms: [liability]", "terms: [clauses]", "no term 'clauses'"),
        ("terms: [liability]", "dates: [signed_on]", "signed_on"),
        ("vocabulary: [liability]", "vocabulary: [law]", "no vocabulary 'law'"),
        ("words: [each for itself]", "words: [Each]", "matching regex"),
        ("words: [each for itself]", "words: ['bear* ... liabilit*']", "given twice"),
        ("    vocabulary: [liability]\n    words: [each for itself]\n", "", "a heading without words"),
        ("law:\n  state: MN", "law:\n  state: Minnesota", "length <= 2"),
        ("states: [MN]", "states: [WI]", "applies by parties of that state"),
        ("instruments: [mutual_aid]", "instruments: [handshake]", "handshake"),
        ("instruments: [mutual_aid]", "instruments: [mou]", "must apply, and does not: So it is."),
        ("{instruments: [mutual_aid], parties", "{parties", "must not apply, and does: So it is."),
        ("instruments: [mutual_aid]", "headings: [astrology]", "'astrology' is none"),
        ("title: Liability", "titel: Liability", "titel"),
        ("items:", "things:", "things"),
        ("items:", "items: [", "example.yaml"),
    ],
    ids=lambda text: text[:40].strip(),
)
def test_what_nothing_can_satisfy_is_refused_by_the_files_name(there: str, instead: str, complaint: str) -> None:
    assert there in GOOD
    with pytest.raises(ValueError, match=r"^example\.yaml: ") as refused:
        parse_checklist(GOOD.replace(there, instead), "example.yaml", VOCABULARY)
    assert complaint in str(refused.value)


def test_an_item_given_twice_is_refused() -> None:
    items = GOOD[GOOD.index("  - id") :]
    with pytest.raises(ValueError, match="the item 'liability' is given twice"):
        parse_checklist(GOOD + items, "example.yaml", VOCABULARY)


def test_words_without_a_topic_are_refused_for_no_denial_would_be_seen() -> None:
    with pytest.raises(ValueError, match="without a topic"):
        parse_checklist(GOOD.replace("    vocabulary: [liability]\n", ""), "example.yaml", VOCABULARY)


def test_a_vocabulary_that_holds_no_patterns_is_refused() -> None:
    absence = (
        "absence: {having: [is], nothing: ['no'], settling: [agreed], rules: [rule], left_open: [open], "
        "not_agreed: [unclear], conditions: [if], then: [shall], limits: [during], unlimited: [term], cases: [y], "
        "put_off: [later], elsewhere: [x]}"
    )
    assert parse_vocabulary(f"{absence}\nmatters: {{a: {{says: [one two]}}}}").matters["a"].says == ["one two"]
    for matters in ("{a: one}", "{a: {says: [ONE]}}", "[b]", "{a: {says: [b", "{A: {says: [b]}}", "{a: {tells: [b]}}"):
        with pytest.raises(ValueError, match=r"^words\.yaml: "):
            parse_vocabulary(f"{absence}\nmatters: {matters}")


def test_figures_that_are_none_are_refused() -> None:
    counts = '{"texts": 8, "templates": 2, "answers": 8, "said": 4, "read": 5, "right": 3}'
    measured = parse_measured(f'{{"a": {{"items": {{"b": {counts}}}, "held_out": {counts}}}}}')["a"]
    assert (measured.items["b"].precision, measured.items["b"].recall) == (0.6, 0.75)
    assert "read as found 5 times, 3 of them rightly" in measured.items["b"].detail
    with pytest.raises(ValueError, match=r"^measured\.json: "):
        parse_measured('{"a": {}}')


def test_the_four_checklists_are_shipped_with_the_paragraphs_of_their_sources() -> None:
    sizes = {code: len(found.items) for code, found in CHECKLISTS.items()}
    assert sizes == {"cjis_ca_3": 12, "fl_23_1225": 9, "general": 36, "mt_44_11_305": 14}
    montana = [item.citation.removeprefix("Mont. Code Ann. 44-11-305") for item in CHECKLISTS["mt_44_11_305"].items]
    assert sorted({*montana}, key=lambda place: int(place.strip("()"))) == [f"({n})" for n in range(1, 14)]
    assert montana.count("(5)") == 2, "which asks for the manner of ending, and for what becomes of the property"


def test_every_checklist_names_its_law_its_reading_and_counsel() -> None:
    for found in CHECKLISTS.values():
        assert "counsel" in found.counsel
        assert found.checked_against.endswith(".")
        for item in found.items:
            assert item.citation
            assert item.asks.endswith(".")


def test_every_vocabulary_is_used_by_some_checklist() -> None:
    used = {pattern for found in CHECKLISTS.values() for item in found.items for pattern in item.marks.says}
    assert [name for name, marks in VOCABULARY_SHIPPED.matters.items() if not used.issuperset(marks.says)] == []
