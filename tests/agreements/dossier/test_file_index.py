"""The index, as a page and as a PDF: whole, readable by ear, and nothing in it that a title could make of it."""

from datetime import UTC, date, datetime
from io import BytesIO
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from pypdf import PdfReader

from registry.agreements.dossier import commands
from registry.agreements.dossier.commands import index_template
from registry.agreements.dossier.page import index_page, printed_index
from registry.agreements.dossier.rules import Audience, ReceiptLine, plain_stem
from registry.agreements.dossier.schemas import FileIndex, FilePart, WithheldPart
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.timeline.rules import ActBasis, ActKind, ActStatus
from registry.agreements.timeline.schemas import BoundWindow, PartyTimeline, Timeline, TimelineAct, TowardsParties
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.print.pdf import is_installed, make_pdf
from tests.agreements.dossier.test_agreement_file import unpacked
from tests.support.agreements import sign_agreement
from tests.support.cast import Cast
from tests.support.html import HtmlPage
from tests.support.service import Service

HOSTILE = (
    """</p><script>alert(1)</script> "q" & 'x' <img src=x onerror=alert(1)> {style} """
    """#sys.version #read("/etc/passwd") *b* $x$ = H \\"""
)
printed = pytest.mark.skipif(not is_installed(), reason="the engine is optional")


def timeline(words: str) -> Timeline:
    """A party that was bound by an act, and one that was not, of which something is contested."""
    one, other = (AgencyReference(id=UUID(int=no), name=words) for no in (2, 3))
    start = datetime(2025, 1, 1, 6, tzinfo=UTC)
    facts: dict[str, Any] = {"version_no": 1, "acted_on": date(2025, 1, 1), "recorded_at": None, "proposal_id": None}
    facts["counts_on"] = date(2025, 1, 1)
    paper = Evidence(sha256=None, on_file=False, document=None, location=words)
    signed = TimelineAct(
        act_no=1,
        kind=ActKind.SIGNED,
        agency=one,
        counts_from=start,
        basis=ActBasis.OWN,
        status=None,
        reported_only=False,
        recorded_by=one,
        evidence=paper,
        reported_act_id=None,
        detail=words,
        **facts,
    )
    contested = msgspec.structs.replace(
        signed,
        act_no=2,
        counts_from=None,
        reported_only=True,
        basis=ActBasis.REPORT,
        status=ActStatus.CONTESTED,
        agency=other,
    )
    window = BoundWindow(
        version_no=1,
        first_on=date(2025, 1, 1),
        last_on=None,
        start=start,
        end=None,
        towards=[TowardsParties(agency_ids=[other.id], first_on=date(2025, 1, 1), last_on=None, start=start, end=None)],
        bound_by=[1],
        begins_by=[1],
        ends_by=[],
        reported_only=True,
    )
    no_notice: dict[str, Any] = {"awaiting_receipt": None, "disputed_receipts": None, "receipts_corrected": []}
    return Timeline(
        agreement_id=UUID(int=1),
        number=words,
        title=words,
        time_zone="America/Chicago",
        term_ends_on=None,
        view="party",
        parties=[
            PartyTimeline(agency=one, windows=[window], contested=[], pending=[], **no_notice),
            PartyTimeline(agency=other, windows=[], contested=[2], pending=[], **no_notice),
        ],
        acts=[signed, contested],
        acts_withheld=None,
    )


def index(words: str) -> FileIndex:
    """An index in which every text is `words`."""
    part = FilePart(
        path="versions/001/text.txt", title=words, media_type="text/plain", source="x", size_bytes=7, sha256="ab" * 32
    )
    return FileIndex(
        agreement_id=UUID(int=1),
        number=words,
        title=words,
        kind="mutual_aid",
        status="in_force",
        as_of=date(2026, 5, 1),
        starts_on=date(2025, 1, 1),
        ends="no end on record",
        warnings=[words],
        audience=Audience.PARTIES,
        custodian=words,
        parties=[words, words],
        receipts=[
            ReceiptLine(
                giver_id=UUID(int=2),
                giver=words,
                notice_on=date(2026, 4, 1),
                recipient=words,
                stands=words,
                awaited=True,
            )
        ],
        recorded_until=None,
        notes=[words],
        timeline=timeline(words),
        parts=[part],
        withheld=[WithheldPart(kind="provision", version_no=1, number=words, exemption=words, reason=words)],
    )


def test_the_page_has_landmarks_headings_in_order_tables_with_heads_and_no_script() -> None:
    page = HtmlPage(index_page(index(HOSTILE)))
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("title").text == page.one("h1").text == f"File of agreement {HOSTILE}"
    assert {each.tag for each in page.elements} == {
        *("html", "head", "meta", "title", "style", "body", "header", "h1", "bdi", "main", "section", "h2", "ul", "li"),
        *("div", "table", "caption", "thead", "tbody", "tr", "th", "td", "a", "code"),
    }
    levels = [int(each.tag[1]) for each in page.all("h1", "h2")]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert {each.attributes["scope"] for each in page.all("th")} == {"col", "row"}
    assert [each.attributes["href"] for each in page.all("a")] == ["versions/001/text.txt"]
    assert not any(name.startswith("on") for each in page.elements for name in each.attributes)
    (policy,) = [each for each in page.all("meta") if "http-equiv" in each.attributes]
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'sha256-")
    said = [each.text for each in page.all("bdi")]
    assert sum(HOSTILE in each for each in said) == 21
    assert "Bound by act 1. Begins by act 1. KNOWN BY REPORT ALONE, in part or whole." in said
    assert "It was bound to no other on any day. CONTESTED: act 2, which changes nothing here." in said
    assert "CONTESTED: report alone (contested)" in said
    assert {"Status: in force, as of 2026-05-01", "Starts on: 2025-01-01", "Ends on: no end on record"} <= {*said}


@printed
async def test_the_pdf_is_tagged_names_its_language_and_takes_every_word_as_it_is() -> None:
    made = await make_pdf(index_template(), printed_index(index(HOSTILE)))
    assert made == await make_pdf(index_template(), printed_index(index(HOSTILE))), "the same bytes for the same data"
    reader = PdfReader(BytesIO(made))
    root: Any = reader.trailer["/Root"]
    assert (root["/MarkInfo"]["/Marked"], root["/Lang"]) == (True, "en")
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()
    assert reader.metadata is not None
    assert reader.metadata.title == f"File of agreement {HOSTILE}"
    tags = set[str]()
    waiting = [root["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        tags |= {str(node["/S"])} if "/S" in node else set()
        kids = node.get("/K", [])
        kids = kids if isinstance(kids, list) else [kids]
        waiting += [each for each in kids if not isinstance(each, int) and "/StructParent" not in each.get_object()]
    assert {"/Table", "/TH", "/TD", "/H1", "/L", "/LI"} <= tags
    text = "".join("".join(page.extract_text() for page in reader.pages).split())
    assert "".join(HOSTILE.split()) in text


@printed
async def test_a_character_that_the_fonts_lack_is_written_as_its_number() -> None:
    made = await make_pdf(index_template(), printed_index(index("日\u202e\U0001f600 Añoka “§ 5”")))
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(made)).pages)
    assert "[U+65E5][U+202E][U+1F600] Añoka “§ 5”" in " ".join(text.split())


@printed
async def test_latin_greek_and_cyrillic_names_are_shown_and_nothing_runs_over_an_edge() -> None:
    names = "Saint-Barthélemy Żyrardów Đồng Αστυνομία Полиция"
    letters = "".join(chr(each) for each in (*range(0x180, 0x250), *range(0x3A3, 0x500), *range(0x1E00, 0x1F00)))
    unbroken = "W" * 120
    made = await make_pdf(index_template(), printed_index(index(f"{names} {unbroken} {letters}")))
    pages = PdfReader(BytesIO(made)).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert "[U+" not in text
    for name in names.split():
        assert name in text
    edge = float(pages[0].mediabox.width) - 50  # the margin is 2 cm, 57 points
    beyond: list[str] = []

    def look(said: str, _: object, matrix: list[float], *__: object) -> None:
        if said.strip() and matrix[4] > edge:
            beyond.append(said)

    for page in pages:
        page.extract_text(visitor_text=look)
    assert beyond == []
    assert unbroken not in text, "it goes on in the next line"
    assert "\u200b" not in text, "and a hash that is copied is the hash"
    for number, page in enumerate(pages, 1):
        assert f"{number} of {len(pages)}" in page.extract_text()


@pytest.mark.one_database
async def test_without_the_engine_the_index_says_that_no_pdf_was_made(
    service: Service, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the package is not installed."""
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    monkeypatch.setattr(commands, "is_installed", lambda: False)
    parts = await unpacked(cast.assisting.legal, made["id"])
    assert "index.pdf" not in parts
    assert b"No PDF of this index was made" in parts["index.html"]
    assert b"No PDF of this index was made" in parts["manifest.json"]


def test_a_name_becomes_one_that_every_file_system_takes() -> None:
    assert plain_stem('../CON: "Añoka"\\x.pdf. ') == "con-anoka-x-pdf"
    assert plain_stem("日本") == plain_stem(None) == "document"
    assert len(plain_stem("a" * 300)) == 60
