"""Patterns of words, found in the text of provisions."""

import msgspec
import pytest

from registry.agreements.instruments.wording import Pattern, Wording

TEXT = "The Sheriff shall bear\nany and all liability. Workers’ Compensation stays home; so does the worker's pension."


def found(pattern: str, *texts: str) -> list[tuple[int, str]]:
    """The provisions that have it, each with the words themselves."""
    return [(m.ordinal, texts[m.ordinal][m.start : m.end]) for m in Wording(texts).matches(pattern)]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("sheriff", "Sheriff"),
        ("sheriff shall", "Sheriff shall"),
        ("bear ... liabilit*", "bear\nany and all liability"),
        ("chief|sheriff ... liability", "Sheriff shall bear\nany and all liability"),
        ("workers compensation", "Workers’ Compensation"),
        ("workers pension", "worker's pension"),
        ("comp* stays|rests", "Compensation stays"),
    ],
)
def test_words_are_found_whatever_their_case_breaks_and_apostrophes(pattern: str, words: str) -> None:
    assert found(pattern, TEXT) == [(0, words)]


@pytest.mark.parametrize(
    "pattern",
    [
        "sherif",  # a word is whole unless it ends in a star
        "shall sheriff",  # the order counts
        "sheriff bear",  # neighbours stand next to each other
        "liability bear",
        "mayor|chief",
        "pensions*",
    ],
)
def test_other_words_are_not(pattern: str) -> None:
    assert found(pattern, TEXT) == []


def test_up_to_a_dozen_words_stand_between_and_no_more() -> None:
    assert found("bear ... liability", "bear " + "x " * 12 + "liability")
    assert not found("bear ... liability", "bear " + "x " * 13 + "liability")


def test_the_nearest_beginning_counts_so_that_a_later_one_is_not_lost() -> None:
    text = "bear x x x x x x x x x x x x x bear the liability"
    assert found("bear ... liability", text) == [(0, "bear the liability")]
    assert found("a b ... c", "a b a c c") == [(0, "a b a c")]
    assert found("the ... the ... end", "the the the end") == [(0, "the the end")]


def test_a_pattern_never_reaches_from_one_provision_into_the_next() -> None:
    assert found("bear ... liability", "They bear", "liability for it") == []
    assert found("bear liability", "They bear", "liability for it") == []
    assert found("bear ... liability", "", "They bear all liability", "") == [(1, "bear all liability")]


def test_each_sentence_that_has_it_is_told_once_at_its_first_place() -> None:
    texts = ("aid and aid. More aid.", "none", "first aid")
    assert found("aid", *texts) == [(0, "aid"), (0, "aid"), (2, "aid")]
    assert [match.start for match in Wording(texts).matches("aid")] == [0, 18, 6]


def test_a_pattern_never_reaches_from_one_sentence_into_the_next() -> None:
    assert found("bear ... liability", "They bear. Liability is another matter.") == []
    assert found("bear ... liability", "They bear under 8 U.S.C. 1357 all liability.")
    assert found("bear ... liability", "They bear under Pub. L. No. 107 all liability.")


def test_a_title_in_capitals_says_nothing() -> None:
    assert found("liability", "LIABILITY AND INSURANCE") == []
    assert found("liability", "LIABILITY\n\nLiability is borne.") == [(0, "Liability")]


@pytest.mark.parametrize(
    ("pattern", "scanned"),
    [("perform", "perfonn"), ("terms", "tenns"), ("terminat*", "tennination"), ("until", "unti1"), ("more", "m0re")],
)
def test_common_mistakes_of_scanning_are_read_through(pattern: str, scanned: str) -> None:
    assert found(pattern, f"They {scanned}.") == [(0, scanned)]


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("They shall not bear liability.", True),
        ("No party shall bear liability.", True),
        ("They bear liability in no case.", False),  # too subtle to be told by its place
        ("They bear no liability.", True),
        ("Liability they bear is not borne.", False),
        ("They do not meet, and they bear liability.", False),
        ("They bear liability, not limited to injury.", False),
        ("They shall not act unless they bear liability.", False),
    ],
)
def test_a_negation_counts_in_its_own_part_of_the_sentence(text: str, negated: bool) -> None:
    wording = Wording([text])
    assert [wording.negated(match) for match in wording.matches("bear ... liability")] in ([negated], [])


def test_accents_and_ligatures_are_no_hindrance_and_places_stay_those_of_the_text() -> None:
    text = "ﬁnancé of the Straße"
    assert found("financ*", text) == [(0, "ﬁnancé")]
    assert found("strasse", text) == [(0, "Straße")]


def test_no_text_finds_nothing() -> None:
    assert found("aid") == []
    assert found("aid", "", "§ 1 — …") == []


def test_a_passage_is_short_on_one_line_and_says_where_it_was_cut() -> None:
    text = "before " * 60 + "they bear\n\nall liability " + "after " * 60
    wording = Wording([text])
    (match,) = wording.matches("bear ... liability")
    passage = wording.passage(match)
    assert "they bear all liability after" in passage
    assert passage.startswith("…before ")
    assert passage.endswith(" after…")
    assert len(passage) <= 242
    whole = Wording(["They bear it."])
    assert whole.passage(whole.matches("bear")[0]) == "They bear it."


def test_a_passage_holds_the_whole_match_even_where_no_blank_is_near() -> None:
    wording = Wording(["x" * 300 + " bear " + "y" * 300])
    (match,) = wording.matches("bear yy*")
    assert wording.passage(match) == f"…bear {'y' * 300}"


@pytest.mark.parametrize("text", ["", "Aid", "... aid", "aid ...", "aid  help", "a**", "*", "a|", "a.b", "a ... ... b"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, Pattern)
