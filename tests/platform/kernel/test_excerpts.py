"""What is shown of a text in which words were found."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from registry.platform.http.searching import search_words
from registry.platform.kernel.excerpts import LONGEST_EXCERPT, excerpt
from registry.platform.kernel.text import tokens

WORDS = st.lists(st.sampled_from(["notice", "ninety", "days", "in", "writing", "ﬁre", "Añoka", "K-9"]), max_size=300)
FILLER = "The parties help one another in emergencies. " * 40


def shown(text: str, *words: str) -> tuple[str, list[str]]:
    found = excerpt(text, search_words(" ".join(words)))
    return found.text, [found.text[hit.start : hit.end] for hit in found.hits]


def test_the_words_are_shown_with_some_text_around_them() -> None:
    text, hits = shown(f"{FILLER}Either party may end it upon ninety days' notice. {FILLER}", "ninety", "notice")
    assert hits == ["ninety", "notice"]
    assert "end it upon ninety days' notice." in text
    assert 120 < len(text) <= LONGEST_EXCERPT


def test_it_is_cut_between_words() -> None:
    text, _ = shown(f"{FILLER}ninety {FILLER}", "ninety")
    assert {*tokens(text)} <= {*tokens(f"{FILLER} ninety")}


def test_where_more_of_the_words_stand_together_is_shown_rather_than_the_first() -> None:
    text, hits = shown(f"A notice. {FILLER} Notice of ninety days. {FILLER}", "ninety", "notice", "days")
    assert hits == ["Notice", "ninety", "days"]
    assert text.startswith("in emergencies.") or "Notice of ninety days" in text


@pytest.mark.parametrize(
    ("text", "words", "hits"),
    [
        ("Signed by the Sheriff", ("sher*",), ["Sheriff"]),
        ("The K-9 team", ("k9",), ["K-9"]),
        ("The K-9 team", ("9",), ["9"]),
        ("tennination or suspension", ("tennination",), ["tennination"]),
        ("termi-\nnation", ("terminat*",), ["termi-\nnation"]),
        ("It was terminated", ("terminate",), ["terminated"]),
        (
            "Upon 90 days' notice, 90-day notice, 90 notice days",
            ('"90 day notice"',),
            ["90 days' notice", "90-day notice"],
        ),
        ("A K9 team or a K-9 team", ('"K-9 team"',), ["K9 team", "K-9 team"]),
        ("Nothing of it", ("sheriff",), []),
        ("", ("sheriff",), []),
    ],
)
def test_a_hit_is_the_word_as_it_is_written(text: str, words: tuple[str, ...], hits: list[str]) -> None:
    assert shown(text, *words) == (text, hits)


@given(WORDS, st.lists(st.sampled_from(["notice", "nine*", "days", "fire", "anoka", "k9", "k*", "none"]), min_size=1))
def test_ranges_lie_in_the_text_in_order_and_apart(words: list[str], looked_for: list[str]) -> None:
    text = " ".join(words)
    found = excerpt(text, search_words(" ".join(looked_for)))
    assert found.text in text
    ends = [0]
    for hit in found.hits:
        assert ends[-1] <= hit.start < hit.end <= len(found.text)
        ends.append(hit.end)
    wanted = {word for word in looked_for if any(t == word or t.startswith(word.strip("*")) for t in tokens(text))}
    assert bool(found.hits) or not wanted


def test_a_word_longer_than_an_excerpt_is_cut_as_everything_is() -> None:
    text, hits = shown(f"see {'a' * 500} there", f"{'a' * 64}")
    assert (text, hits) == ("a" * LONGEST_EXCERPT, ["a" * LONGEST_EXCERPT])
