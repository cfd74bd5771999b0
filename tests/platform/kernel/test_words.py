"""What an index keeps, and what is found in it: words in all their forms, beginnings, phrases."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from registry.platform.http.searching import search_words
from registry.platform.kernel.text import tokens
from registry.platform.kernel.words import Sought, index_words, phrase_of, places_of, stem

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
WORDS = st.lists(
    st.sampled_from(["notice", "notices", "ninety", "90-day", "days", "K-9", "K9", "officer", "office", "it's", "ﬁre"]),
    max_size=12,
).map(" ".join)
SOUGHT = st.sampled_from(
    ["notice", "day", "k9", '"90 day"', '"K-9 officer"', '"notice ninety days"', "off*", "offi*", "notic* 90", "it's"]
)


@pytest.mark.parametrize(
    "forms",
    [
        ("recall", "recalls", "recalled", "recalling"),
        ("terminate", "terminates", "terminated", "terminating", "termination"),
        ("day", "days"),
        ("party", "parties"),
        ("deputy", "deputies"),
        ("officer", "officers"),
        ("office", "offices"),
    ],
)
def test_the_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


def test_words_that_police_work_keeps_apart_have_stems_of_their_own() -> None:
    apart = ("officer", "office", "police", "policy", "custody", "custodian", "party", "part", "agency", "agent")
    assert len({stem(word) for word in apart}) == len(apart)


def test_an_index_keeps_stems_in_order_then_parts_then_words_as_they_are_written() -> None:
    assert index_words("the dog") == "the dog"
    assert index_words("Dogs, and dogs") == "dog and dog | =dogs"
    assert index_words("K-9 teams") == "k9 team | k 9 team | =teams"
    assert index_words("dog", "", "cat") == "dog | cat"
    assert index_words("!?") == ""


@given(ANY)
def test_an_index_holds_nothing_that_its_query_languages_or_patterns_could_read(text: str) -> None:
    kept = index_words(text)
    assert all(word == "|" or word.removeprefix("=").isalnum() for word in kept.split(" ") if kept)
    assert bool(kept) == bool(tokens(text))


@given(WORDS, SOUGHT)
def test_what_is_found_has_its_place_in_the_text(text: str, q: str) -> None:
    sought = search_words(q)
    places = {index for _, index in places_of(text, sought)}
    terms = len(sought.stems) + len(sought.beginnings) + len(sought.phrases)
    assert sought.stands_in(index_words(text)) == (len(places) == terms)


def test_no_phrase_goes_from_one_text_to_the_next() -> None:
    sought = search_words('"blue harbour"')
    assert sought.stands_in(index_words("The Blue Harbour"))
    assert not sought.stands_in(index_words("The Blue", "Harbour"))


def test_what_holds_no_word_is_no_phrase() -> None:
    assert phrase_of("?!") is None
    assert len(Sought()) == 0
