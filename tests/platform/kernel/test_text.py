"""Words for both indexes, and the text that may come in at all."""

import unicodedata

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from registry.platform.kernel.text import (
    LONGEST_TOKEN,
    ClauseText,
    Code,
    Name,
    Prose,
    Reason,
    filing_key,
    folded_key,
    normal_key,
    placed_words,
    query_tokens,
    shortened,
    tokens,
)

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("K-9", ["k9", "k", "9"]),
        ("Narcotics K-9 team", ["narcotics", "k9", "k", "9", "team"]),
        ("St. Paul", ["st", "paul"]),
        ("O’Brien County", ["obrien", "o", "brien", "county"]),
        ("Añoka—Ramsey", ["anoka", "ramsey"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("ﬁre № 7", ["fire", "no", "7"]),
        ("snake_case", ["snake", "case"]),
        ("termi-\nnation", ["termination", "termi", "nation"]),
        ("termi‐  \n  nation", ["termination", "termi", "nation"]),
        ("termi\xadnation zero\u200bwidth", ["termination", "zerowidth"]),
        ("ends -\nbegins", ["ends", "begins"]),
        ("  ", []),
        ("!?%&*\"'()", []),
    ],
)
def test_words_are_folded_and_compounds_found_whole_and_in_parts(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_a_compound_is_looked_for_as_a_whole() -> None:
    assert query_tokens("K-9") == ["k9"]
    assert query_tokens("k9 Narcotics") == ["k9", "narcotics"]


@given(ANY)
def test_what_is_looked_for_is_what_was_indexed(text: str) -> None:
    assert set(query_tokens(text)) <= set(tokens(text))


@given(ANY)
def test_each_token_has_its_place_in_the_text_as_it_is(text: str) -> None:
    placed = list(placed_words(text))
    flat = [part for each in placed for part in ([each.whole] if len(each.parts) == 1 else [each.whole, *each.parts])]
    assert [each.token for each in flat] == tokens(text)
    assert all(0 <= each.start < each.end <= len(text) for each in flat)


@pytest.mark.parametrize(
    ("text", "word", "there"),
    [
        ("the oﬃcer’s oath", "officers", "oﬃcer’s"),
        ("½ STRASSE or straße 5", "strasse", "STRASSE"),
        ("An\u0303oka County", "county", "County"),
        ("notice of termi-\nnation, in writing", "termination", "termi-\nnation"),
    ],
)
def test_a_place_is_right_where_folding_changes_the_length(text: str, word: str, there: str) -> None:
    (first, *_) = [text[each.whole.start : each.whole.end] for each in placed_words(text) if each.whole.token == word]
    assert first == there


@given(ANY)
def test_a_token_holds_nothing_that_a_query_language_could_read(text: str) -> None:
    """Quotes, stars, ampersands and blanks would be operators of FTS5 or tsquery."""
    assert all(character.isalnum() for token in tokens(text) for character in token)
    assert all(0 < len(token) <= LONGEST_TOKEN for token in tokens(text))


@given(ANY)
def test_composed_and_decomposed_text_is_the_same(text: str) -> None:
    assert tokens(unicodedata.normalize("NFC", text)) == tokens(unicodedata.normalize("NFD", text))


@given(st.text(st.characters(max_codepoint=0x17F, categories=["L", "N", "Z"], exclude_characters="ı"), max_size=40))
def test_case_makes_no_difference(text: str) -> None:
    """Except for the dotless i, which is a letter of its own wherever it is in use."""
    assert tokens(text.upper()) == tokens(text.lower())


@given(ANY)
def test_tokens_are_stable_under_a_second_folding(text: str) -> None:
    for token in tokens(text):
        assert tokens(token) == [token]


def test_capitals_that_only_decompose_into_letters_are_folded_too() -> None:
    assert tokens("𝐀𝐁 ＫＭ ℌ") == ["ab", "km", "h"]


def test_a_query_is_bounded() -> None:
    assert len(query_tokens("word " * 1000)) == 16
    assert tokens("x" * 1000) == ["x" * LONGEST_TOKEN]


def test_two_spellings_of_a_name_have_one_key() -> None:
    assert folded_key("St. Louis  County") == folded_key("ST LOUIS COUNTY") != folded_key("St. Lucie County")


def accepts(kind: object, text: str) -> bool:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("kind", [Name, Prose, ClauseText, Reason])
@pytest.mark.parametrize("bad", ["\x00", "\x01", "\x1f", "\x7f", "\x0b"])
def test_control_characters_are_refused(kind: object, bad: str) -> None:
    assert not accepts(kind, f"a{bad}b")
    assert not accepts(kind, f"a{bad}")
    assert accepts(kind, "Añoka 警察 🚓")


@pytest.mark.parametrize("bad", ["\x85", "\xad", "\u200b", "\u200e", "\u202e", "\u2060", "\u2066", "\ufeff"])
def test_what_nobody_sees_makes_no_second_name(bad: str) -> None:
    assert not accepts(Name, f"MA-1{bad}")
    for kind in (Prose, Reason):
        assert accepts(kind, f"pasted{bad} text") == (bad not in "\u202e\u2066"), "nothing is read backwards"
        assert accepts(kind, f"{bad}pasted") == (bad not in "\u202e\u2066")


def test_line_breaks_are_for_prose_only() -> None:
    assert accepts(Prose, "one\n\ttwo\r\n")
    assert not accepts(Name, "one\ntwo")
    assert not accepts(Name, "one\n"), "`$` would let the last line break through"


@pytest.mark.parametrize("text", ["", "A", "a b", "a\n", "-a", "é", "a" * 81, "١"])
def test_a_code_is_lower_case_ascii(text: str) -> None:
    assert not accepts(Code, text)
    assert accepts(Code, "k9.narcotics-2_b")


@pytest.mark.parametrize(("kind", "longest"), [(Name, 200), (Prose, 4000), (ClauseText, 40000), (Reason, 1000)])
def test_text_is_bounded(kind: object, longest: int) -> None:
    assert accepts(kind, "x" * longest)
    assert not accepts(kind, "x" * (longest + 1))


def test_a_normal_key_is_one_for_what_looks_the_same() -> None:
    same = ["MA-1", "ma-1", " MA-1 ", "MA-1\u200b", "\u202eMA-1", "\uff2d\uff21-1", "MA\u00ad-1", "MA-1\u0085"]
    assert {normal_key(spelling) for spelling in same} == {"ma-1"}
    assert normal_key("a \u00a0 b") == normal_key("A\tB") == "a b"
    assert len({normal_key(other) for other in ("MA-1", "MA-2", "MA 1", "MA1", "M\u00c1-1")}) == 5


def test_a_filing_key_is_one_whatever_dashes_and_blanks_are_between_the_parts() -> None:
    same = ["MOU-2026-14", "mou 2026-14 ", "MOU \u2013 2026 \u2013 14", "\uff2d\uff2f\uff35\u20112026\u201114"]
    assert {filing_key(spelling) for spelling in same} == {"mou-2026-14"}
    assert len({filing_key(other) for other in ("MOU-2026-14", "MOU-2026-1-4", "MOU/2026/14", "MOU2026-14", "-")}) == 5


def test_a_normal_key_is_its_own() -> None:
    for text in ("\u0130stanbul", "stra\u00dfe", "\ufb01re", "\u1e9e 1", "K9-07"):
        assert normal_key(normal_key(text)) == normal_key(text)


def test_what_is_shortened_ends_with_a_sentence_or_a_word() -> None:
    assert shortened("Short enough.", 13) == "Short enough."
    assert shortened("One sentence is here. Another one is there.", 30) == "One sentence is here. …"
    assert (
        shortened("Short. What follows is one long sentence of many words.", 40) == "Short. What follows is one long…"
    )
    assert shortened("x" * 50, 20) == "x" * 19 + "…"


@given(st.text(max_size=200), st.integers(min_value=4, max_value=120))
def test_what_is_shortened_is_never_longer_than_was_asked_for(text: str, most: int) -> None:
    assert len(shortened(text, most)) <= most
