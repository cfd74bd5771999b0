"""The shipped checklists hold together, and a file that does not is refused with what to mend."""

from importlib import resources

import pytest

from registry.agreements.checks.lists import CHECKLISTS, parse_checklist, parse_vocabulary
from registry.agreements.rules import AgreementKind

GOOD = """
code: example
name: Example
jurisdiction: MN
citation: Example Stat. 1
applies: {kinds: [mutual_aid], states: [MN]}
verified: Read by nobody, being an example.
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
VOCABULARY = {"liability": ["bear* ... liabilit*"]}


def test_a_file_becomes_a_checklist_and_its_vocabulary_joins_the_words_of_its_items() -> None:
    found = parse_checklist(GOOD, "example.yaml", VOCABULARY)
    assert (found.code, found.applies.kinds, found.applies.states) == ("example", [AgreementKind.MUTUAL_AID], ["MN"])
    assert found.items[0].words == ["bear* ... liabilit*", "each for itself"]


@pytest.mark.parametrize(
    ("there", "instead", "complaint"),
    [
        ("code: example", "code: other", "not the file's name"),
        ("citation: Example Stat. 1\n", "citation: ''\n", "length >= 1"),
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
        ("states: [MN]", "states: [Minnesota]", "length <= 2"),
        ("kinds: [mutual_aid]", "kinds: [handshake]", "handshake"),
        ("kinds: [mutual_aid]", "headings: [astrology]", "no heading 'astrology'"),
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


def test_a_vocabulary_that_holds_no_patterns_is_refused() -> None:
    assert parse_vocabulary("a: [one two]") == {"a": ["one two"]}
    for text in ("a: one", "a: [ONE]", "- a", "a: [b", "A: [b]"):
        with pytest.raises(ValueError, match=r"^words\.yaml: "):
            parse_vocabulary(text)


def test_the_four_checklists_are_shipped_with_the_paragraphs_of_their_sources() -> None:
    sizes = {code: len(found.items) for code, found in CHECKLISTS.items()}
    assert sizes == {"cjis_ca_3": 12, "fl_23_1225": 9, "general": 36, "mt_44_11_305": 14}
    montana = [item.citation.removeprefix("Mont. Code Ann. 44-11-305") for item in CHECKLISTS["mt_44_11_305"].items]
    assert sorted({*montana}, key=lambda place: int(place.strip("()"))) == [f"({n})" for n in range(1, 14)]
    assert montana.count("(5)") == 2, "which asks for the manner of ending, and for what becomes of the property"


def test_every_checklist_names_its_law_its_reading_and_counsel() -> None:
    for found in CHECKLISTS.values():
        assert "counsel" in found.counsel
        assert found.verified
        for item in found.items:
            assert item.citation
            assert item.asks.endswith(".")


def test_every_vocabulary_is_used_by_some_checklist() -> None:
    folder = resources.files("registry.agreements") / "checklists"
    words = parse_vocabulary((folder / "words.yaml").read_text("utf-8"))
    used = {pattern for found in CHECKLISTS.values() for item in found.items for pattern in item.words}
    assert [name for name, patterns in words.items() if not used.issuperset(patterns)] == []
