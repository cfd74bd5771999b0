"""Names of agencies and assets in a sentence, without a service."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from registry.resources.search.rules.kinds import Lexicon, Meaning, Means
from registry.resources.search.rules.names import agencies_in, asset_name_in, holds_name, is_called, with_name
from registry.resources.search.rules.tokens import Sentence
from registry.resources.search.rules.understanding import Setting
from tests.resources.search.asking import understand_text

NAMES = (
    "Duluth Police Department",
    "St. Louis County Sheriff's Office",
    "St. Louis Police Department",
    "Duluth Harbor",
)
WORDS = Lexicon(
    [
        ("K9", Meaning(means=Means.CATEGORY, code="k9", name="K9 team")),
        ("bomb squad", Meaning(means=Means.CATEGORY, code="team.bomb_squad", name="Bomb squad")),
        ("boat", Meaning(means=Means.CATEGORY, code="vessel", name="Vessel")),
    ]
)
SETTING = Setting(now=datetime(2026, 11, 24, 21, tzinfo=UTC), zone=ZoneInfo("America/Chicago"), home=(44.98, -93.27))


@pytest.mark.parametrize(
    ("q", "meant", "words"),
    [
        ("Duluth PD boat", "Duluth Police Department", "Duluth PD"),
        ("boat from the duluth police dept", "Duluth Police Department", "duluth police dept"),
        ("st louis county so dogs", "St. Louis County Sheriff's Office", "st louis county so"),
        (
            "St. Louis County Sheriff's Office boat",
            "St. Louis County Sheriff's Office",
            "St. Louis County Sheriff's Office",
        ),
        ("Duluth PD's boat", "Duluth Police Department", "Duluth PD's"),
        ("Duluth's boats", "Duluth Police Department", "Duluth's"),
        ("St. Louis County’s dogs", "St. Louis County Sheriff's Office", "St. Louis County’s"),
        ("today's boats", None, None),
        ("boat near Duluth", None, None),
        ("Duluth police boat", None, None),
        ("boat so we can look", None, None),
    ],
)
def test_an_agency_is_named_by_where_and_what_it_is(q: str, meant: str | None, words: str | None) -> None:
    sentence = Sentence(q)
    called = [(name, each) for each in agencies_in(sentence) for name in NAMES if is_called(name, each)]
    first = called[0] if called else None
    assert (first and first[0]) == meant
    assert (first and sentence.said([first[1].span])) == words


@pytest.mark.parametrize(
    ("q", "said", "left"),
    [
        ("K9 Rex tonight", "K9 Rex", ()),
        ("is Hennepin County bomb squad free", "Hennepin County bomb squad", ("free",)),
        ("K9 near Rex", None, ()),
        ("bomb squad", None, ()),
    ],
)
def test_words_beside_a_category_may_be_the_name_of_an_asset(q: str, said: str | None, left: tuple[str, ...]) -> None:
    found = understand_text(q, WORDS, SETTING)
    span = asset_name_in(found)
    if said is None:
        assert span is None
        return
    assert span is not None
    assert found.sentence.said([span]).startswith(said)
    named = with_name(found, span)
    assert named.where is None
    assert set(named.left) <= set(left)


def test_a_name_is_held_word_by_word() -> None:
    assert holds_name("Duluth K-9 Rex", "K9 Rex")
    assert not holds_name("K9 Rexford", "K9 Rex")
