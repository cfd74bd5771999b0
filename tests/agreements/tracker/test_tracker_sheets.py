"""Reading spreadsheets that nobody vouches for: rows with the addresses people see, and files that are none."""

import io
import resource
import zipfile
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import Workbook

from registry.platform.bulk import workbooks
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.bulk.sheets import Formula, Table
from tests.support.sheets import csv_bytes, read, xlsx_bytes

HEADERS = ["Number", "Title", "Signed"]


def rows(table: Table) -> list[tuple[int, list[Any]]]:
    return [(line.row, line.values) for line in table.lines]


def refusal(content: bytes, file: str = "tracker.csv", sheet: str | None = None) -> str:
    with pytest.raises(ImportFormatError) as caught:
        read(content, file, sheet)
    return caught.value.detail


@pytest.mark.parametrize("make", [csv_bytes, xlsx_bytes])
def test_rows_keep_the_numbers_that_a_spreadsheet_shows(make: Any) -> None:
    found = read(make(["Agreements, as of May"], [], HEADERS, ["A-1", "One", "x"], ["", "", ""], ["A-2", "Two", "y"]))
    assert found.headers == HEADERS
    assert rows(found) == [(4, ["A-1", "One", "x"]), (6, ["A-2", "Two", "y"])]


def test_line_breaks_in_a_cell_do_not_shift_the_rows() -> None:
    found = read(csv_bytes(HEADERS, ["A-1", "One\nand a half", "x"], ["A-2", "Two", "y"]))
    assert [row for row, _ in rows(found)] == [2, 3]


def test_a_workbook_gives_dates_numbers_and_formulas_as_what_they_are() -> None:
    found = read(xlsx_bytes(HEADERS, [7, "=A2&1", date(2025, 5, 8)]), "t.xlsx")
    assert found.origin.sheet == "Sheet1"
    assert rows(found) == [(2, [7, Formula(), datetime(2025, 5, 8)])]  # noqa: DTZ001


def test_a_sheet_is_chosen_by_name_or_is_the_one_that_was_open() -> None:
    content = xlsx_bytes(HEADERS, ["A-1", "One", "x"], sheet="Now", Old=[HEADERS, ["B-1", "Old", "y"]])
    assert read(content, "t.xlsx").origin.sheet == "Now"
    assert rows(read(content, "t.xlsx", "Old")) == [(2, ["B-1", "Old", "y"])]
    assert "it has: Now, Old" in refusal(content, "t.xlsx", "New")


def test_a_row_of_another_length_says_so() -> None:
    short, long = read(b"Number,Title,Signed\nA-1,One\nA-2,Two,y,z\n").lines
    assert short.fault == "The row has 2 cells, the header 3."
    assert long.fault == "Column D has a value and no header."
    (blank_tail,) = read(xlsx_bytes(HEADERS, ["A-1", "One"]), "t.xlsx").lines
    assert blank_tail.fault is None


def test_an_unclosed_quote_refuses_the_file_and_says_where_it_is() -> None:
    said = refusal(b'Number,Title,Signed\nA-1,One,x\nA-2,"Two,y\nA-3,Three,z\n')
    assert "column B of row 3 (line 3 of the file)" in said
    assert "nothing closes it" in said


def test_a_file_that_is_no_tracker_is_refused_with_one_sentence() -> None:
    assert "no row of headers" in refusal(b"")
    assert "no row of headers" in refusal(b"name,age\nx,1\n")
    assert "is not UTF-8 or Windows-1252 (line 2)" in refusal(b"Number,Title\nA-1,\x81\n")
    assert "is not a workbook" in refusal(b"PK\x03\x04 and then nothing", "t.xlsx")
    whole = xlsx_bytes(HEADERS, ["A-1", "One", "x"])
    assert "is not a workbook" in refusal(whole[: len(whole) // 2], "t.xlsx")


def rewritten(content: bytes, part: str, change: Any) -> bytes:
    """The workbook with one part of it changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, change(data) if info.filename == part else data)
    return out.getvalue()


def test_a_workbook_with_entities_is_not_read() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    hostile = rewritten(xlsx_bytes(HEADERS, ["A-1", "One", "x"]), "xl/worksheets/sheet1.xml", lambda data: bomb + data)
    assert "is not a workbook" in refusal(hostile, "t.xlsx")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b't="n"', b't="s"'),
        lambda data: data.replace(b'r="A2"', b'r="A"'),
        lambda data: data.replace(b"<v>", b"<v>9" + b"9" * 5000),
        lambda data: data[: len(data) // 2],
        lambda _data: b"<worksheet/>",
        lambda _data: b"\x00\xff",
    ],
)
def test_a_damaged_sheet_ends_in_one_sentence(change: Any) -> None:
    content = xlsx_bytes(HEADERS, [1, "One", 3])
    words = refusal(rewritten(content, "xl/worksheets/sheet1.xml", change), "t.xlsx")
    assert words.startswith("t.xlsx ")


def test_delimiter_and_encoding_are_found_out_and_said() -> None:
    text = "Number{0}Title{0}Signed\nA-1{0}Größe\nA-2{0}Two, and more{0}y\n"
    for mark, name in ((",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        content = text.format(mark).replace("Two, and", '"Two, and').replace("more", 'more"')
        for codec, said in (
            ("utf-8", "UTF-8"),
            ("utf-8-sig", "UTF-8"),
            ("utf-16", "UTF-16"),
            ("cp1252", "Windows-1252"),
        ):
            found = read(content.encode(codec))
            assert [line.values[1] for line in found.lines] == ["Größe", "Two, and more"]
            assert found.sheets[0].remarks == [f"Read as {said} with {name}."]


def hiding() -> bytes:
    """A workbook with a hidden row, a filtered list, a hidden column, merged cells and two other sheets."""
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = "Now"
    for line in ([*HEADERS, "Expires on"], ["A-1", "One", "x", "2030-01-01"], ["A-2", "Two", "y", "2031-01-01"]):
        page.append(line)
    page.row_dimensions[3].hidden = True
    page.column_dimensions["D"].hidden = True
    page.merge_cells("F2:F3")
    book.create_sheet("Old").append(["Number", "Title"])
    book.create_sheet("Lists").sheet_state = "hidden"
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def test_every_sheet_and_what_is_hidden_is_named() -> None:
    found = read(hiding(), "t.xlsx")
    assert [(sheet.sheet, sheet.taken, sheet.rows, sheet.remarks) for sheet in found.sheets] == [
        (
            "Now",
            True,
            2,
            [
                "Hidden, and taken: row 3.",
                "Hidden, and taken: column D.",
                "Merged cells, of which the first alone has the value: range F2:F3.",
            ],
        ),
        ("Old", False, 1, ["Not taken: it was not open when the workbook was saved."]),
        ("Lists", False, 0, ["Not taken: it was not open when the workbook was saved.", "The sheet is hidden."]),
    ]
    assert [line.row for line in found.lines] == [2, 3]
    shown = read(hiding(), "t.xlsx", hidden="skip")
    assert ([line.row for line in shown.lines], shown.headers) == ([2], [*HEADERS, ""])
    assert shown.sheets[0].remarks[:2] == ["Hidden, and not taken: row 3.", "Hidden, and not taken: column D."]


def bomb(rows: int, row: str) -> bytes:
    """A small workbook whose sheet unpacks to many rows like this one."""
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    body = "".join(row.format(n) for n in range(1, rows + 1)).encode()
    sheet = head + body + b"</sheetData></worksheet>"
    return rewritten(xlsx_bytes(HEADERS), "xl/worksheets/sheet1.xml", lambda _: sheet)


def test_a_workbook_that_unpacks_to_too_many_cells_is_refused_by_the_limit_before_its_rows_are_built() -> None:
    cells = 1_200_000
    content = bomb(3, '<row r="{0}">' + "<c/>" * (cells // 3) + "</row>")
    assert len(content) < 100_000
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "has more than 1,000,000 cells" in refusal(content, "t.xlsx")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used < 200_000
    assert "has a cell at XFD1, beyond 500 columns" in refusal(bomb(9, '<row r="{0}"><c r="XFD{0}"/></row>'), "t.xlsx")
    assert "has more than 50,000 rows" in refusal(bomb(2, '<row r="{0}00000"/>'), "t.xlsx")


def test_a_workbook_that_takes_too_long_is_refused_by_that_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_SECONDS", -1.0)
    assert "takes more than -1 seconds to read" in refusal(xlsx_bytes(HEADERS, ["A-1", "One", "x"]), "t.xlsx")


def test_what_would_unpack_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    content = rewritten(xlsx_bytes(HEADERS), "docProps/app.xml", lambda data: data + b" " * 2_000_000)
    assert len(content) < 100_000
    monkeypatch.setattr(workbooks, "MOST_INFLATED_BYTES", 1_000_000)
    assert "unpacks to more than" in refusal(content, "t.xlsx")


def test_more_rows_than_a_tracker_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_ROWS", 5)
    lines = [[f"A-{n}", "One", "x"] for n in range(6)]
    for content, file in ((csv_bytes(HEADERS, *lines), "t.csv"), (xlsx_bytes(HEADERS, *lines), "t.xlsx")):
        assert "has more than" in refusal(content, file)
