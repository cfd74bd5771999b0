"""Thirty-six real memoranda as scanned, filed as text and found by their words, scanning faults included."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from registry.platform.kernel.text import tokens
from registry.platform.kernel.words import stem
from tests.support.agreements import record_agreement
from tests.support.cast import Cast, make_cast
from tests.support.documents import file_document
from tests.support.places import REAL_DATA, present
from tests.support.service import Service

pytestmark = pytest.mark.second_long

REAL = REAL_DATA / "agreements" / "moa_texts"


@pytest.fixture(scope="module")
def memoranda() -> Mapping[str, str]:
    """The texts by file name."""
    return {path.name: path.read_text() for path in sorted(present(REAL).glob("*.txt"))}


@pytest.fixture(scope="module")
async def filed(service: Service, memoranda: Mapping[str, str]) -> tuple[Cast, dict[str, str]]:
    """Each memorandum on file with an agreement of its own; which agreement is whose."""
    cast, names = await make_cast(service), dict[str, str]()
    for name, text in memoranda.items():
        made = await record_agreement(cast.assisting, cast.requesting, title=name[:60], provisions=[])
        await file_document(cast.assisting.legal, made["id"], text, filename=name, kind="signed_copy")
        names[made["id"]] = name
    return cast, names


async def found(filed: tuple[Cast, dict[str, str]], q: str) -> dict[str, list[dict[str, Any]]]:
    """Hits in documents, by file name, over all pages."""
    cast, names = filed
    hits: dict[str, list[dict[str, Any]]] = {}
    path = f"/v1/agreements/search?q={q}&source=document&party_id={cast.requesting.id}&limit=100"
    while path:
        response = await cast.requesting.coordinator.get(path)
        for hit in response.json()["items"]:
            hits.setdefault(names[hit["agreement_id"]], []).append(hit)
        path = response.links.get("next", {}).get("url", "")
    return hits


def those_with(memoranda: Mapping[str, str], *words: str) -> set[str]:
    """The texts in which each of the words stands, in whatever form."""
    return {name for name, text in memoranda.items() if {*map(stem, words)} <= {*map(stem, tokens(text))}}


@pytest.mark.parametrize(
    "word",
    ["tennination", "signahire", "90day", "deconfliction", "ofspecific", "otheiwise", "reimburse", "nondiscrimination"],
)
async def test_a_word_is_found_in_the_texts_that_hold_it_and_in_no_other(
    memoranda: Mapping[str, str], filed: tuple[Cast, dict[str, str]], word: str
) -> None:
    hits = await found(filed, word)
    assert {*hits} == those_with(memoranda, word)
    for name, each in hits.items():
        for hit in each:
            assert hit["hits"], (name, hit["passage"])
            shown = hit["passage"][hit["hits"][0]["start"] : hit["hits"][0]["end"]]
            assert stem(word) in map(stem, tokens(shown))
            assert len(hit["passage"]) <= 200


async def test_the_scanners_faults_are_there_to_be_found(memoranda: Mapping[str, str]) -> None:
    assert len(memoranda) == 36
    assert len(those_with(memoranda, "tennination")) == 12
    assert len(those_with(memoranda, "signahire")) == 1


async def test_a_phrase_is_found_with_its_words_together(
    memoranda: Mapping[str, str], filed: tuple[Cast, dict[str, str]]
) -> None:
    hits = await found(filed, "Warrant+Service+Officer")
    titled = {
        name for name, text in memoranda.items() if re.search(r"warrant\s+service\s+officer", text, re.IGNORECASE)
    }
    assert titled <= {*hits}
    assert len(titled) == 9
    for name in titled:
        shown = [tokens(hit["passage"][at["start"] : at["end"]]) for hit in hits[name] for at in hit["hits"]]
        assert {"warrant", "service", "officer"} <= {token for each in shown for token in each}


async def test_a_notice_of_ninety_days_is_found_however_its_line_breaks(
    memoranda: Mapping[str, str], filed: tuple[Cast, dict[str, str]]
) -> None:
    hits = await found(filed, "90-day+written+notice")
    expected = {name for name, text in memoranda.items() if re.search(r"90-\s*day\s+written\s+notice", text)}
    assert expected <= {*hits}
    assert len(expected) >= 9


async def test_a_recall_is_found_by_recalls(service: Service) -> None:
    """In the excerpts of local agreements; the memoranda know no recall."""
    cast, recalling = await make_cast(service), set[str]()
    for path in sorted(present(REAL.with_name("other_mou_excerpts")).glob("*.txt")):
        made = await record_agreement(cast.assisting, cast.requesting, title=path.stem, provisions=[])
        await file_document(cast.assisting.legal, made["id"], path.read_text(), filename=path.name)
        recalling |= {made["id"]} if "recall" in path.read_text().lower() else set()
    path_ = f"/v1/agreements/search?q=recalls&source=document&party_id={cast.requesting.id}&sort=relevance"
    page = await cast.requesting.coordinator.done("GET", path_)
    assert {hit["agreement_id"] for hit in page["items"]} == recalling
    assert len(recalling) == 2


@pytest.mark.parametrize(
    ("q", "said"),
    [
        ("suspends", r"\bsuspen(?:d|ds|ded|ding)\b"),
        ("terminate", r"\bterminat(?:e|es|ed|ing|ion|ions)\b"),
        ("90 day notice", r"\b90[- ]\s*days?\b"),
        ('"90 day written notice"', r"\b90[- ]\s*days?['’]?\s+written\s+notice\b"),
        ('"warrant service officers"', r"\bwarrant\s+service\s+officers?\b"),
    ],
)
async def test_what_counsel_asks_for_is_found_in_every_form_of_its_words(
    memoranda: Mapping[str, str], filed: tuple[Cast, dict[str, str]], q: str, said: str
) -> None:
    hits = await found(filed, quote(q))
    expected = {name for name, text in memoranda.items() if re.search(said, text, re.IGNORECASE)}
    assert expected
    assert expected <= {*hits}
    if q.startswith('"'):
        assert {*hits} == expected


async def test_the_beginning_of_a_word_finds_what_scanning_made_of_its_end(
    memoranda: Mapping[str, str], filed: tuple[Cast, dict[str, str]]
) -> None:
    hits = await found(filed, "tenn*")
    begun = {name for name, text in memoranda.items() if any(t.startswith("tenn") for t in tokens(text))}
    assert {*hits} == begun


async def test_a_stranger_finds_none_of_it(filed: tuple[Cast, dict[str, str]]) -> None:
    cast, _ = filed
    for q in ("tennination", "immigration", "sheriff"):
        page = await cast.stranger.legal.done("GET", f"/v1/agreements/search?q={q}&party_id={cast.requesting.id}")
        assert page == {"items": [], "next_cursor": None}
