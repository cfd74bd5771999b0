"""What a file is, is judged by its content; its text is found page by page; a hostile one is stopped."""

import asyncio
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from registry.platform.files.kinds import ANY, JPEG, MAIL, OPEN_TEXT, PDF, PLAIN, PNG, RTF, TIFF, WORD
from registry.platform.files.pieces import LONGEST_PIECE, MOST_CHARACTERS, joined, pieces
from registry.platform.files.reading import FileReader, Reading, find_recogniser
from registry.platform.files.refusals import Refused
from tests.platform.files.hostile import GOOD_WORD, HOSTILE, PARTS, page_of, pdf_of, relations
from tests.support.documents import make_mail, make_open_text, make_pdf, make_picture, make_word, repacked

AGENCY = UUID(int=1)
# A page on which a word is written 180,000 times over: half a minute's work.
SLOW = page_of(b"BT /F1 12 Tf (hello) Tj ET " * 180_000, b"[]")


async def read(folder: Path, content: bytes, media_type: str, *, seconds: int = 20) -> Reading:
    path = folder / "file"
    path.write_bytes(content)
    return await FileReader(seconds=seconds).read(path, media_type, AGENCY)


def texts(reading: Reading) -> list[tuple[int | None, str]]:
    return [(piece.page, piece.text) for piece in reading.pieces]


NOT_EMPTY = {name: case for name, case in HOSTILE.items() if case[2] != "file_empty"}


@pytest.mark.parametrize("name", NOT_EMPTY)
async def test_a_hostile_file_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    media_type, status, code, make = NOT_EMPTY[name]
    with pytest.raises(Refused) as refused:
        await read(tmp_path, make(), media_type)
    assert (refused.value.code, refused.value.of_another_kind) == (code, status == 415)


async def test_a_pdf_is_read_page_by_page(tmp_path: Path) -> None:
    found = await read(tmp_path, make_pdf("Ninety days' notice", "", "Signed"), PDF)
    assert (found.pages, found.text) == (3, "whole")
    assert texts(found) == [(1, "Ninety days' notice"), (3, "Signed")]


async def test_a_scan_has_no_text(tmp_path: Path) -> None:
    found = await read(tmp_path, make_pdf("", ""), PDF)
    assert (found.pages, found.text, found.pieces) == (2, "none", [])


async def test_a_word_document_is_read_without_what_was_deleted(tmp_path: Path) -> None:
    marked = (
        b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        b"<w:p><w:r><w:t>Thirty</w:t></w:r><w:del><w:r><w:delText>Ten</w:delText></w:r></w:del>"
        b"<w:r><w:tab/><w:t>days</w:t></w:r></w:p><w:p><w:r><w:instrText>PAGE</w:instrText><w:t>End</w:t></w:r></w:p>"
        b"</w:body></w:document>"
    )
    found = await read(tmp_path, repacked(GOOD_WORD, {"word/document.xml": marked}), WORD)
    assert (found.pages, found.text, texts(found)) == (None, "whole", [(None, "Thirty days\nEnd")])


WORD_XML = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def body(*paragraphs: str) -> bytes:
    content = "".join(f"<w:p>{each}</w:p>" for each in paragraphs)
    return f"<w:document {WORD_XML}><w:body>{content}</w:body></w:document>".encode()


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


async def test_text_that_was_moved_under_tracked_changes_stands_where_it_went(tmp_path: Path) -> None:
    moved = body(
        run("First.") + f"<w:moveFrom>{run('Ten days.')}</w:moveFrom>",
        f"<w:moveTo>{run('Ten days.')}</w:moveTo>" + f"<w:ins>{run(' New.')}</w:ins>",
    )
    found = await read(tmp_path, repacked(GOOD_WORD, {"word/document.xml": moved}), WORD)
    assert texts(found) == [(None, "First.\nTen days. New.")]
    assert found.remarks == ["tracked_changes"]


async def test_headers_footers_notes_and_comments_of_a_word_document_are_read_each_apart(tmp_path: Path) -> None:
    kinds = {
        "header1": "header",
        "footer1": "footer",
        "footnotes": "footnotes",
        "endnotes": "endnotes",
        "comments": "comments",
    }
    content = dict[str, bytes]()
    overrides = ""
    for name, kind in kinds.items():
        tag = {"header": "hdr", "footer": "ftr"}.get(kind, kind)
        content[f"word/{name}.xml"] = f"<w:{tag} {WORD_XML}><w:p>{run(f'In the {kind}.')}</w:p></w:{tag}>".encode()
        overrides += (
            f'<Override PartName="/word/{name}.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            f'wordprocessingml.{kind}+xml"/>'
        )
    types = PARTS["[Content_Types].xml"].replace(b"</Types>", f"{overrides}</Types>".encode())
    found = await read(tmp_path, repacked(GOOD_WORD, {**content, "[Content_Types].xml": types}), WORD)
    assert texts(found)[0] == (None, "A memorandum of agreement.")
    assert {text for _, text in texts(found)} >= {f"In the {kind}." for kind in kinds.values()}
    assert (found.text, found.remarks) == ("whole", ["comments"])


async def test_what_leads_out_of_a_word_document_or_is_run_by_it_is_said(tmp_path: Path) -> None:
    code = "<w:r><w:instrText>DDEAUTO cmd x</w:instrText></w:r>"
    found = await read(
        tmp_path,
        repacked(
            GOOD_WORD,
            {
                "word/document.xml": body(run("x") + "<w:r><w:object/></w:r>" + code),
                "word/embeddings/oleObject1.bin": b"\xd0\xcf",
                "word/_rels/settings.xml.rels": relations("attachedTemplate", "file:///C:/Templates/Normal.dotm"),
            },
        ),
        WORD,
    )
    assert found.remarks == ["embedded_objects", "external_references", "actions"]
    assert found.text == "whole"
    imported = repacked(
        GOOD_WORD, {"word/document.xml": body(run("x")).replace(b"</w:body>", b"<w:altChunk/></w:body>")}
    )
    assert (await read(tmp_path, imported, WORD)).text == "partial"


async def test_a_word_document_of_pictures_alone_has_no_text(tmp_path: Path) -> None:
    scanned = repacked(GOOD_WORD, {"word/document.xml": body(), "word/media/image1.png": b"\x89PNG"})
    assert (await read(tmp_path, scanned, WORD)).text == "none"


async def test_form_values_annotations_and_attachments_of_a_pdf_are_read_apart_from_its_text(tmp_path: Path) -> None:
    out = BytesIO()
    canvas = Canvas(out, invariant=1)
    canvas.drawString(72, 700, "The chief signs below")
    canvas.acroForm.textfield(name="chief", value="A. N. Example", x=72, y=600)
    canvas.acroForm.checkbox(name="agreed", checked=True, x=72, y=500)
    canvas.acroForm.checkbox(name="declined", checked=False, x=72, y=400)
    canvas.textAnnotation("Ask the county first", Rect=[10, 10, 50, 50])
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(out))
    writer.add_attachment("rates.xlsx", b"1,2")
    script = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("app.alert(1)")}
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject(script)
    written = BytesIO()
    writer.write(written)
    found = await read(tmp_path, written.getvalue(), PDF)
    assert [each for each in texts(found) if each[0] is None] == [(None, "rates.xlsx")]
    assert (1, "The chief signs below") in texts(found)
    (beside,) = [text for page, text in texts(found) if page == 1 and "chief:" in text]
    assert beside.splitlines() == ["chief: A. N. Example", "agreed: Yes", "Ask the county first"]
    assert (found.text, found.remarks) == ("whole", ["comments", "embedded_files", "scripts"])


async def test_what_a_pdf_does_when_it_is_opened_is_said(tmp_path: Path) -> None:
    launches = pdf_of(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F (calc.exe) >> >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] "
            b"/Annots [<< /Subtype /Link /A << /S /URI /URI (x) >> >>] /AA << /O << /S /JavaScript /JS (1) >> >> >>",
        }
    )
    assert (await read(tmp_path, launches, PDF)).remarks == ["scripts", "actions"]


async def test_a_pdf_that_an_empty_password_opens_is_read(tmp_path: Path) -> None:
    found = await read(tmp_path, make_pdf("Anybody reads this.", password=""), PDF)
    assert (texts(found), found.text, found.remarks) == ([(1, "Anybody reads this.")], "whole", ["use_restricted"])


async def test_pages_that_are_pictures_leave_a_text_partial_or_none(tmp_path: Path) -> None:
    out = BytesIO()
    canvas = Canvas(out, invariant=1)
    scan = ImageReader(BytesIO(make_picture("Ninety days")))
    for stamp in (None, "Envelope 7"):
        canvas.drawImage(scan, 0, 0, 600, 800)
        if stamp:
            canvas.drawString(72, 10, stamp)
        canvas.showPage()
    canvas.save()
    found = await read(tmp_path, out.getvalue(), PDF)
    assert (found.text, texts(found)) == ("partial", [(2, "Envelope 7")])
    out = BytesIO()
    canvas = Canvas(out, invariant=1)
    canvas.drawImage(scan, 0, 0, 600, 800)
    canvas.save()
    assert (await read(tmp_path, out.getvalue(), PDF)).text == "none"


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (["upon termi-", "nation of it"], ["upon termi-\nnation", "of it"]),
        (["upon termi-\nPage 1 of 2\n", "2\nnation of it"], ["upon termi-\nnation\nPage 1 of 2", "2\n of it"]),
        (["the K-", "9 team"], ["the K-", "9 team"]),
        (["see above -", "and below"], ["see above -", "and below"]),
        (["Anoka-", "Ramsey"], ["Anoka-", "Ramsey"]),
        (["", "", "nation"], ["", "", "nation"]),
    ],
)
def test_a_word_that_is_broken_over_two_pages_is_whole_on_the_first(pages: list[str], expected: list[str]) -> None:
    found = [text.strip() for _, text in joined(enumerate(pages, start=1))]
    assert found == [text.strip() for text in expected]


def test_no_piece_ends_within_a_word() -> None:
    text = ("word " * 1598).strip() + " termi-\nnation and more"
    assert all(not piece.text.endswith("-") for piece in pieces(text, None))


async def test_an_open_document_text_is_read_with_what_stands_beside_it(tmp_path: Path) -> None:
    content = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>Gone.</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
        '<office:forms><form:text form:name="chief" form:current-value="A. N. Example"/></office:forms>'
        "<text:h>Recall</text:h><text:p>Ninety<text:s text:c='2'/>days<text:tab/>notice"
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>In writing.</text:p>"
        "</text:note-body></text:note><office:annotation><text:p>Ask first.</text:p></office:annotation>.</text:p>"
        '<draw:image xlink:href="https://elsewhere.example/x.png"/>'
    )
    styles = (
        '<x xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
        "<style:header><text:p>Draft</text:p></style:header></x>"
    )
    found = await read(tmp_path, make_open_text(content, **{"styles.xml": styles.encode()}), OPEN_TEXT)
    assert [text for _, text in texts(found)] == [
        "Recall\nNinety days notice.",
        "1In writing.",
        "Ask first.",
        "chief: A. N. Example",
        "Draft",
    ]
    assert (found.text, found.remarks) == ("whole", ["tracked_changes", "comments", "external_references"])


async def test_an_rtf_is_read_with_its_header_and_notes_and_without_what_was_deleted(tmp_path: Path) -> None:
    rtf = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\header Draft\par}Ninety{\deleted  ten} days\rquote  notice"
        rb"{\footnote In writing.}{\*\annotation Ask first.} A\'f1oka\par{\object\objocx{\*\objdata 0105}}}"
    )
    found = await read(tmp_path, rtf, RTF)
    (text,) = [text for _, text in texts(found)]
    assert [line.strip() for line in text.splitlines() if line.strip()] == [
        "Draft",
        "Ninety days’ notice",
        "In writing.",
        "Ask first. Añoka",
    ]
    assert found.remarks == ["tracked_changes", "comments", "embedded_objects"]


async def test_large_pictures_in_an_rtf_are_passed_over(tmp_path: Path) -> None:
    rtf = rb"{\rtf1 Before {\pict\pngblip " + b"89504e47" * 1_000_000 + rb"}after}"
    found = await read(tmp_path, rtf, RTF, seconds=5)
    assert texts(found) == [(None, "Before after")]


async def test_an_e_mail_is_read_and_its_attachments_are_named(tmp_path: Path) -> None:
    found = await read(tmp_path, make_mail("Notice of ninety days.", "notice.pdf", Subject="End"), MAIL)
    (said, attached) = [text for _, text in texts(found)]
    assert "Subject: End" in said
    assert "Notice of ninety days." in said
    assert attached == "notice.pdf (application/pdf)"
    assert (found.text, found.remarks) == ("whole", ["embedded_files"])
    page = (
        make_mail("x")
        .replace(b"text/plain", b"text/html")
        .replace(b"\nx\n", b"\n<p>Ninety<script>1</script> days</p>\n")
    )
    assert "Ninety days" in texts(await read(tmp_path, page, MAIL))[0][1]
    sealed = make_mail("x").replace(b"text/plain", b"application/pkcs7-mime")
    assert (await read(tmp_path, sealed, MAIL)).text == "partial"


@pytest.mark.parametrize(("kind", "media_type", "pages"), [("PNG", PNG, None), ("JPEG", JPEG, None), ("TIFF", TIFF, 1)])
async def test_a_picture_is_kept_and_has_no_text(tmp_path: Path, kind: str, media_type: str, pages: int | None) -> None:
    found = await read(tmp_path, make_picture("Ninety days", kind=kind), media_type)
    assert (found.pages, found.text, found.pieces, found.remarks) == (pages, "none", [], [])
    if kind != "TIFF":
        behind = await read(tmp_path, make_picture(kind=kind) + b"<script>alert(1)</script>", media_type)
        assert behind.remarks == ["data_behind"]


async def test_what_a_file_is_is_told_by_its_beginning(tmp_path: Path) -> None:
    memo = b"To: all\nFrom: desk\nDate: today\nSubject: recall\n\nCome back."
    for content, expected in (
        (make_pdf("x"), PDF),
        (GOOD_WORD, WORD),
        (make_open_text("<text:p>x</text:p>"), OPEN_TEXT),
        (rb"{\rtf1 x}", RTF),
        (make_mail("x"), MAIL),
        (make_picture(), PNG),
        (memo, PLAIN),
    ):
        (tmp_path / "file").write_bytes(content)
        assert await FileReader().kind(tmp_path / "file", ANY) == expected
    for content in (b"GIF89a", b"\x7fELF", b"Rar!\x1a\x07"):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(Refused):
            await FileReader().kind(tmp_path / "file", ANY)


@pytest.mark.skipif(not find_recogniser(), reason="tesseract is not installed")
async def test_the_text_of_pictures_is_recognised_where_that_is_wanted(tmp_path: Path) -> None:
    path, out = tmp_path / "file", BytesIO()
    canvas = Canvas(out, invariant=1)
    canvas.drawImage(ImageReader(BytesIO(make_picture("Ninety days notice"))), 0, 0, 600, 800)
    canvas.showPage()
    canvas.drawString(72, 700, "Typed")
    canvas.save()
    for content, media_type, page in ((make_picture("Ninety days notice"), PNG, None), (out.getvalue(), PDF, 1)):
        path.write_bytes(content)
        found = await FileReader(recogniser=find_recogniser()).read(path, media_type, AGENCY)
        assert found.pieces[0].page == page
        assert "Ninety days notice" in found.pieces[0].text
        assert (found.text, found.remarks) == ("partial", ["text_recognised"])


async def test_tables_and_accents_of_a_word_document_are_read(tmp_path: Path) -> None:
    found = await read(tmp_path, make_word("Añoka County", "K-9 “team”"), WORD)
    assert texts(found) == [(None, "Añoka County\nK-9 “team”")]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"one\ntwo", [(None, "one\ntwo")]),
        (b"\xef\xbb\xbfone\r\ntwo", [(None, "one\ntwo")]),
        (b"one\ftwo\f", [(1, "one"), (2, "two")]),
        (b"one\f\fthree", [(1, "one"), (3, "three")]),
        (b"termi\xc2\xad\nnation", [(None, "termi-\nnation")]),
        (
            b"of the\x03County, in a text layer of some length",
            [(None, "of the County, in a text layer of some length")],
        ),
        (b"An\xcc\x83oka  \t County\n\n\n\n7", [(None, "Añoka County\n\n7")]),
    ],
)
async def test_plain_text_is_cleaned_and_form_feeds_are_pages(
    tmp_path: Path, raw: bytes, expected: list[tuple[int | None, str]]
) -> None:
    assert texts(await read(tmp_path, raw, PLAIN)) == expected


async def test_a_text_may_begin_as_it_likes(tmp_path: Path) -> None:
    for text in ("MZ is how this agreement is called among the parties to it, and has been for long.", "PKZ", "%PD"):
        assert texts(await read(tmp_path, text.encode(), PLAIN)) == [(None, text)]


async def test_blank_text_has_no_text(tmp_path: Path) -> None:
    assert (await read(tmp_path, b" \n\n ", PLAIN)).text == "none"


def test_a_long_text_is_cut_where_a_paragraph_ends() -> None:
    paragraph = "The parties help one another. " * 60
    found = [piece.text for piece in pieces(f"{paragraph}\n\n" * 20, 7)]
    assert len(found) > 3
    assert all(len(text) <= LONGEST_PIECE and text.endswith("another.") for text in found)
    assert "".join(found).replace("\n", "").replace(" ", "") == (paragraph * 20).replace(" ", "")
    assert [len(text) for text in (p.text for p in pieces("x" * 20_000, None))] == [8000, 8000, 4000]


async def test_more_text_than_is_indexed_is_kept_in_part(tmp_path: Path) -> None:
    found = await read(tmp_path, b"notice of ninety days " * (MOST_CHARACTERS // 20), PLAIN)
    assert found.text == "partial"
    assert sum(len(piece.text) for piece in found.pieces) <= MOST_CHARACTERS


async def test_a_file_that_takes_for_ever_is_given_up_with_what_was_read(tmp_path: Path) -> None:
    found = await read(tmp_path, SLOW, PDF, seconds=2)
    assert (found.pages, found.text, found.pieces, found.remarks) == (1, "none", [], ["reading_stopped"])


async def test_the_event_loop_goes_on_while_a_hostile_file_is_read(tmp_path: Path) -> None:
    reading = asyncio.create_task(read(tmp_path, SLOW, PDF, seconds=2))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 50
