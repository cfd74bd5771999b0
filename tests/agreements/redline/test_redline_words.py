"""The word-level comparison: exact for any two texts, readable for those that people write, bounded for all."""

import random
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.agreements.redline.words import Budget, TextRun, in_common, increasing, pieces, runs

WORDS = st.sampled_from(
    ["the", "party", "parties", "72", "hours", "shall", "not", "K-9", "§", "(a)", "______", "é", "ﬁ"]
)
BLANKS = st.sampled_from([" ", "  ", "\n", "\n\n", "\t", "\u00a0", ""])
LIKE_CLAUSES = st.lists(st.tuples(BLANKS, WORDS), max_size=40).map(lambda parts: "".join(map("".join, parts)))
ANY_TEXT = st.text(max_size=60)


def side(found: list[TextRun], without: str) -> str:
    return "".join(run.text for run in found if run.kind != without)


def marked(old: str, new: str) -> str:
    """The redline as one would type it: [-deleted-] and {+inserted+}."""
    shape = {"equal": "{}", "delete": "[-{}-]", "insert": "{{+{}+}}"}
    return "".join(shape[run.kind].format(run.text) for run in runs(old, new, Budget()))


@given(old=LIKE_CLAUSES | ANY_TEXT, new=LIKE_CLAUSES | ANY_TEXT, pairs=st.sampled_from([0, 50, 10**9]))
@example(old="a\u0301b", new="ab", pairs=0)
@example(old="x" + "\u202e" + "y", new="x y", pairs=0)
def test_both_texts_can_be_read_again_exactly(old: str, new: str, pairs: int) -> None:
    found = runs(old, new, Budget(pairs))
    assert side(found, "insert") == old
    assert side(found, "delete") == new
    assert all(run.text for run in found)
    kinds = [run.kind for run in found]
    assert all(one != other for one, other in pairwise(kinds)), "runs of a kind are one"
    assert ("insert", "delete") not in [*pairwise(kinds)], "what goes is told before what comes"


@given(text=LIKE_CLAUSES | ANY_TEXT)
def test_a_text_is_its_words_and_the_blanks_before_them(text: str) -> None:
    gaps, words = pieces(text)
    assert "".join(gap + word for gap, word in zip(gaps, words, strict=True)) == text
    assert all(gap == "" or gap.isspace() for gap in gaps)
    assert all(words[:-1])
    assert words[-1] == ""


@given(text=LIKE_CLAUSES | ANY_TEXT)
def test_what_is_the_same_has_no_changes(text: str) -> None:
    assert {run.kind for run in runs(text, text, Budget())} <= {"equal"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("No loan exceeds 72 hours.", "No loan exceeds 48 hours.", "No loan exceeds [-72-]{+48+} hours."),
        ("The parties help.", "The parties help in need.", "The parties help{+ in need+}."),
        ("The parties shall help.", "The parties help.", "The parties[- shall-] help."),
        ("within 30 days", "within ninety (90) days", "within [-30-]{+ninety (90)+} days"),
        ("Sheriff,  or designee", "Sheriff, or designee", "Sheriff, [- -]or designee"),
        ("on-call", "on call", "[-on-call-]{+on call+}"),
        ("Costs: $1,250.00.", "Costs: $1,350.00.", "Costs: $[-1,250.00-]{+1,350.00+}."),
        ("Name: ________", "Name: ____________", "Name: [-________-]{+____________+}"),
        ("", "New.", "{+New.+}"),
        ("Old.", "", "[-Old.-]"),
    ],
)
def test_it_reads_as_a_person_would_mark_it(old: str, new: str, expected: str) -> None:
    assert marked(old, new) == expected


def test_words_that_agree_by_chance_do_not_cut_a_replacement_up() -> None:
    old = "Each party bears the costs of its own personnel and of all its equipment."
    new = "The requesting agency reimburses the assisting agency within sixty days of a claim."
    assert marked(old, new) == f"[-{old[:-1]}-]{{+{new[:-1]}+}}."
    assert marked("from January to March", "from April to June") == "from [-January to March-]{+April to June+}"


def test_rare_words_hold_the_comparison_together_however_much_lies_between() -> None:
    old = "The agency in command directs the team. " + "It may be recalled. " * 30 + "Liability stays with each party."
    new = (
        "The agency in command directs the team. " + "It is never recalled. " * 45 + "Liability stays with each party."
    )
    found = runs(old, new, Budget())
    assert found[0].text.startswith("The agency in command directs the team.")
    assert found[-1].text.endswith("Liability stays with each party.")


@given(numbers=st.lists(st.integers(0, 12), max_size=10))
def test_the_chain_is_a_longest_increasing_one(numbers: list[int]) -> None:
    chain = [numbers[index] for index in increasing(numbers)]
    assert all(one < other for one, other in pairwise(chain))
    longest = [1] * len(numbers)
    for i in range(len(numbers)):
        longest[i] += max((longest[j] for j in range(i) if numbers[j] < numbers[i]), default=0)
    assert len(chain) == max(longest, default=0)


@given(old=st.lists(st.sampled_from("abc"), max_size=12), new=st.lists(st.sampled_from("abc"), max_size=12))
def test_between_anchors_as_much_as_possible_stays(old: list[str], new: list[str]) -> None:
    """Held against the textbook's table."""
    pairs = [*in_common(old, new)][::-1]
    assert all(old[i] == new[j] for i, j in pairs)
    assert all(i < i_next and j < j_next for (i, j), (i_next, j_next) in pairwise(pairs))
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else max(table[i][j + 1], table[i + 1][j])
    assert len(pairs) == table[-1][-1]


def test_what_exceeds_the_budget_is_told_as_replaced() -> None:
    draw = random.Random(7)
    old, new = (" ".join(draw.choices("ab", k=300)) for _ in range(2))
    assert len(runs(old, new, Budget())) > 3
    spent = Budget(299 * 299)
    first, second = runs(old, new, spent), runs(old, new, spent)
    assert len(first) > len(second)
    assert sum(run.kind != "equal" for run in second) == 2
    assert side(second, "insert") == old


def test_the_same_texts_give_the_same_redline() -> None:
    draw = random.Random(3)
    old, new = (" ".join(draw.choices(["one", "two", "three", "four"], k=500)) for _ in range(2))
    assert runs(old, new, Budget()) == runs(old, new, Budget())
