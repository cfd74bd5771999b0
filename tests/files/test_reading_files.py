"""What a file is, is judged by its content; its text is found page by page; a hostile one is stopped."""

import asyncio
from pathlib import Path

import pytest

from registry.files.kinds import PDF, PLAIN, WORD
from registry.files.pieces import LONGEST_PIECE, MOST_CHARACTERS, pieces
from registry.files.reading import FileReader, Reading
from registry.files.refusals import Refused
from tests.files.hostile import GOOD_WORD, HOSTILE, page_of
from tests.support.documents import make_pdf, make_word, repacked

# A page on which a word is written 180,000 times over: half a minute's work.
SLOW = page_of(b"BT /F1 12 Tf (hello) Tj ET " * 180_000, b"[]")


async def read(folder: Path, content: bytes, media_type: str, *, seconds: int = 20) -> Reading:
    path = folder / "file"
    path.write_bytes(content)
    return await FileReader(seconds=seconds).read(path, media_type)


def texts(reading: Reading) -> list[tuple[int | None, str]]:
    return [(piece.page, piece.text) for piece in reading.pieces]


NOT_EMPTY = {name: case for name, case in HOSTILE.items() if case[2] != "file_empty"}


@pytest.mark.parametrize("name", NOT_EMPTY)
async def test_t18_a_hostile_file_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
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
    assert (found.pages, found.text, found.pieces) == (1, "partial", [])


async def test_the_event_loop_goes_on_while_a_hostile_file_is_read(tmp_path: Path) -> None:
    reading = asyncio.create_task(read(tmp_path, SLOW, PDF, seconds=2))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 50


async def test_a_reader_finds_neither_environment_nor_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is this one's child, and knows nothing of it: what it would print of a secret is nothing."""
    monkeypatch.setenv("REGISTRY_LEDGER_KEY", "canary")
    seen = tmp_path / "seen"
    monkeypatch.setattr(
        "registry.files.reading._MAIN",
        f"import os; open({str(seen)!r}, 'w').write(repr((dict(os.environ), os.getcwd())))",
    )
    with pytest.raises(RuntimeError, match="did not start"):
        await read(tmp_path, b"text", PLAIN)
    assert "canary" not in seen.read_text()
    assert seen.read_text().endswith("'/')")
