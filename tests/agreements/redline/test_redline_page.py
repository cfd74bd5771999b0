"""The redline's page: whole, safe, and readable without colours, without eyes and without the network."""

import base64
import hashlib
import re
from itertools import pairwise
from typing import Any

import pytest

from registry.agreements.redline.style import STYLE
from tests.agreements.redline.test_redline import FIRST, SECOND, revised
from tests.support.agreements import UNLIMITED
from tests.support.cast import Cast
from tests.support.html import HtmlPage, contrast
from tests.support.service import Caller

pytestmark = pytest.mark.one_database

HOSTILE = """</p><script>alert(1)</script> "quoted" & 'single' <img src=x onerror=alert(1)> \u202egnorw\u202c {style}"""
HOSTILE_TITLE = HOSTILE.partition("\u202e")[0].strip()  # nothing that nobody sees is taken in a title


async def shown(reader: Caller, path: str) -> HtmlPage:
    response = await reader.get(f"{path}/redline.html")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return HtmlPage(response.text)


@pytest.fixture
async def path(cast: Cast) -> str:
    """Two versions that differ in everything that a redline tells."""
    terms: dict[str, Any] = {
        **UNLIMITED,
        "suspension": "at_once",
        "categories": ["k9", "vehicle"],
        "max_duration_hours": 48,
        "reimbursement": {"model": "actual_after_hours", "free_hours": 12},
        "clauses": {"max_duration_hours": "2"},
    }
    return await revised(cast.assisting, cast.requesting, title="Second reading", terms=terms)


async def test_it_is_a_whole_page_with_landmarks_and_headings_in_order(cast: Cast, path: str) -> None:
    page = await shown(cast.requesting.coordinator, path)
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("title").text == page.one("h1").text
    assert re.fullmatch(r"Redline of MA-\d+: version 1 to version 2", page.one("title").text)
    assert [each.tag for each in page.elements if each.parents == ("html", "body")] == [
        *("a", "header", "nav", "main", "footer")
    ]
    levels = [int(each.tag[1]) for each in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


async def test_the_first_thing_in_it_leads_past_the_rest(cast: Cast, path: str) -> None:
    page = await shown(cast.requesting.coordinator, path)
    skip = next(each for each in page.elements if each.parents == ("html", "body"))
    assert (skip.tag, skip.attributes["href"]) == ("a", f"#{page.one('main').attributes['id']}")


async def test_every_name_and_link_in_it_leads_somewhere_once(cast: Cast, path: str) -> None:
    page = await shown(cast.requesting.coordinator, path)
    ids = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    named = [each.attributes["aria-labelledby"] for each in page.elements if "aria-labelledby" in each.attributes]
    linked = [each.attributes["href"].removeprefix("#") for each in page.all("a")]
    assert {*named, *linked} <= {*ids}
    assert len(page.all("article")) == 3


async def test_insertions_and_deletions_are_announced(cast: Cast, path: str) -> None:
    page = await shown(cast.requesting.coordinator, path)
    changes = [each for each in page.all("ins", "del") if "article" in each.parents]
    assert [(each.tag, each.text) for each in changes[:2]] == [
        ("del", " [deleted: 72 end of deleted text] "),
        ("ins", " [inserted: 48 end of inserted text] "),
    ]
    for each in page.all("ins", "del"):
        word = "inserted" if each.tag == "ins" else "deleted"
        assert each.text.startswith(f" [{word}: ")
        assert each.text.endswith(f" end of {word} text] ")
    assert "text-decoration:underline" in STYLE
    assert "text-decoration:line-through" in STYLE


async def test_changed_terms_are_a_table_with_caption_and_scopes(cast: Cast, path: str) -> None:
    page = await shown(cast.requesting.coordinator, path)
    assert [each.text for each in page.all("caption")] == ["Changed particulars", "Changed terms"]
    scopes = [(each.attributes["scope"], each.text) for each in page.all("th")]
    assert ("col", "Provision") in scopes
    assert [text for scope, text in scopes if scope == "row"] == [
        *("title", "categories", "max duration hours", "reimbursement, model", "reimbursement, free hours")
    ]
    cells = " ".join(each.text for each in page.all("td"))
    assert "none, now 2" in cells
    assert "[inserted: k9" in cells


async def test_it_loads_nothing_runs_nothing_and_says_so(cast: Cast, path: str) -> None:
    response = await cast.requesting.coordinator.get(f"{path}/redline.html")
    page = HtmlPage(response.text)
    assert not page.all("script", "img", "link", "iframe", "object", "form", "base")
    assert not [each for each in page.elements if {"src", "style", "onerror"} & each.attributes.keys()]
    assert "url(" not in STYLE
    style = base64.b64encode(hashlib.sha256(page.one("style").text.encode()).digest()).decode()
    assert response.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_whatever_an_agreement_says_stays_text(cast: Cast) -> None:
    hostile = [{**FIRST[0], "text": HOSTILE}, *FIRST[1:]]
    path = await revised(
        cast.assisting,
        cast.requesting,
        second=[hostile[0], *SECOND[1:3], {**SECOND[3], "text": HOSTILE}],
        title=HOSTILE_TITLE,
    )
    response = await cast.requesting.legal.get(f"{path}/redline.html")
    page = HtmlPage(response.text)
    assert not page.all("script", "img")
    assert HOSTILE in page.one("main").text
    assert HOSTILE_TITLE in page.one("header").text
    assert {each.tag for each in page.elements if each.parents[-1:] == ("p",) and "article" in each.parents} == {
        *("span", "ins", "del")
    }, "every run is an element of its own, which its direction cannot leave"


async def test_a_change_of_blank_space_is_said_and_not_marked(cast: Cast) -> None:
    """A text that was set in other lines would otherwise be all marks, and each of them be read aloud."""
    second = [
        {**FIRST[0], "text": "The parties help\none  another."},
        {**FIRST[1], "text": "No  loan exceeds 48 hours."},
        FIRST[2],
    ]
    page = await shown(cast.requesting.coordinator, await revised(cast.assisting, cast.requesting, second=second))
    one, two = page.all("article")
    assert "Its words are the same; only line breaks or spaces differ." in one.text
    assert "The parties help\none  another." in one.text
    assert "Some line breaks or spaces differ too; they are not marked." in two.text
    assert [each.tag for each in page.all("ins", "del")] == ["del", "ins"]


async def test_withheld_text_is_said_to_be_withheld(cast: Cast, path: str) -> None:
    page = await shown(cast.requesting.coordinator, path)
    (article,) = [each for each in page.all("article") if each.text.strip().startswith("3 ")]
    assert "Its text differs." in article.text
    assert "The text is withheld from you." in article.text


async def test_the_notes_tell_what_no_text_shows(cast: Cast) -> None:
    moved = [
        {"number": "A", "heading": "equipment", "text": "No loan exceeds 72 hours.", "sensitivity": "public"},
        FIRST[0],
    ]
    page = await shown(cast.requesting.coordinator, await revised(cast.assisting, cast.requesting, second=moved))
    notes = " ".join(each.text for each in page.all("li") if "article" in each.parents)
    for note in (
        "It stands in another place than in version 1.",
        "Its number was 2.",
        "Its sensitivity was parties and is public.",
        "Its text is the same.",
    ):
        assert note in notes


async def test_where_nothing_differs_the_page_says_so(cast: Cast, path: str) -> None:
    response = await cast.requesting.coordinator.get(f"{path}/redline.html?from_version_no=2&to_version_no=2")
    page = HtmlPage(response.text)
    assert page.one("main").text.count("Unchanged.") == 2
    assert "0 differ, 4 unchanged." in page.one("main").text
    assert not page.all("nav", "article")


PAIRS = (
    *(("ink", "paper"), ("quiet", "paper"), ("link", "paper"), ("ins", "ins-paper"), ("del", "del-paper")),
    *(("mark-ink", "mark-paper"), ("quiet", "mark-paper")),
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast_in_both_schemes(scheme: str) -> None:
    light, dark = re.findall(r":root\{([^}]+)\}", STYLE)
    chosen = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6})", light if scheme == "light" else dark))
    assert {name for pair in PAIRS for name in pair} | {"rule"} == chosen.keys()
    for ink, paper in PAIRS:
        assert contrast(chosen[ink], chosen[paper]) >= 4.5, (ink, paper)
    assert contrast(chosen["rule"], chosen["paper"]) >= 3, "lines that carry meaning (WCAG 1.4.11)"
    colours = re.findall(r"(?<![-\w])(?:color|background|border[a-z-]*|outline)[^;}]*", STYLE)
    assert not [each for each in colours if "#" in each], "no colour beside the named ones"
