"""What bad files do to an import: a clear answer, in bounded time and memory, and no harm."""

import io
import zipfile
from pathlib import Path
from uuid import uuid4

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.platform.bulk.harmless import harmless, is_run, unharmed
from registry.platform.bulk.parsing import TableHead, TableRow, parse
from registry.platform.bulk.reading import TableReader
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.bulk.sheets import Formula
from tests.support.cast import Cast
from tests.support.imports import csv_of, send_file, unit_row, xlsx_of
from tests.support.problems import assert_problem

READER = TableReader()


@given(st.text(alphabet=st.sampled_from("'=+-@|% \tab1"), max_size=8))
def test_what_is_made_harmless_comes_back_as_it_was(text: str) -> None:
    assert not is_run(harmless(text))
    assert unharmed(harmless(text)) == text


async def read(tmp_path: Path, content: bytes, reader: TableReader = READER) -> tuple[TableHead, list[TableRow]]:
    path = tmp_path / "table"
    path.write_bytes(content)
    async with reader.opened(path, uuid4(), file="table", sheet=None) as table:
        return table.head, [row async for rows in table.rows() for row in rows]


async def refusal(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(ImportFormatError) as refused:
        await read(tmp_path, content)
    return refused.value.detail


async def test_a_cell_of_ten_megabytes_costs_its_row_alone(tmp_path: Path) -> None:
    huge = csv_of(unit_row("1"), unit_row("2", Title="x" * 10_000_000), unit_row("3"))
    _, rows = await read(tmp_path, huge)
    assert [(row.row, bool(row.fault)) for row in rows] == [(1, False), (2, False), (3, True), (4, False)]
    assert rows[2].fault is not None
    assert "131,072 characters" in rows[2].fault
    _, rows = await read(tmp_path, csv_of(unit_row("1", Title="x" * 20_001)))
    assert rows[1].fault == "Column B has 20,001 characters; a cell has at most 20,000."


async def test_a_million_columns_are_refused(tmp_path: Path) -> None:
    assert "1,000,000 columns" in await refusal(tmp_path, b"a," * 999_999 + b"a\n")
    named = ",".join(f'"c{at}":1' for at in range(600))
    assert "more than 500 different members" in await refusal(tmp_path, f"{{{named}}}\n".encode())


async def test_too_many_rows_are_refused(tmp_path: Path) -> None:
    assert "more than 200,000 rows" in await refusal(tmp_path, b"a,b\n" * 200_001)


def zip_of(**parts: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return written.getvalue()


async def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = zip_of(**{"xl/worksheets/sheet1.xml": b"<worksheet>" + b" " * 2**28 + b"</worksheet>"})
    assert len(bomb) < 2**20
    assert "unpacks to more than" in await refusal(tmp_path, bomb)


async def test_a_broken_or_locked_workbook_is_refused(tmp_path: Path) -> None:
    good = xlsx_of(unit_row("1"))
    for bad in (good[: len(good) // 2], zip_of(**{"xl/workbook.xml": b"<x/>"}), zip_of(note=b"nothing")):
        assert "is not a workbook that can be read" in await refusal(tmp_path, bad)


async def test_a_formula_is_never_computed(tmp_path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Fleet")
    sheet.append(["Unit", "Title"])
    sheet.append(["1", "=HYPERLINK(A1)"])
    written = io.BytesIO()
    book.save(written)
    _, rows = await read(tmp_path, written.getvalue())
    assert rows[1].cells == ["1", Formula()]


async def test_two_encodings_in_one_file_are_told_apart(tmp_path: Path) -> None:
    mixed = "Unit,Title\n1,Ärger\n".encode() + "2,Öl\n".encode("cp1252")
    assert "line 2 is UTF-8, line 3 is not" in await refusal(tmp_path, mixed)
    assert "UTF-16" in await refusal(tmp_path, b"\xff\xfea\x00b")
    assert "neither UTF-8 nor Windows-1252" in await refusal(tmp_path, b"Unit,Title\n1,\x81\n")


LIMIT = 131_072
HIDDEN = 'x{}\nHID,Hidden,vehicle\ny",vehicle\nB,second,vehicle\n'


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ('Tag,Name,Type\nA,"' + HIDDEN.format("y" * LIMIT), "column B of row 2 (line 2", "before another closes it"),
        ('Tag,Name,Type\n"A\nb",n,v\nC,"' + "HID,b,c\n" * 20_000, "column B of row 3 (line 4", "before another"),
        ('Tag,Name,Type\nA,n,"open\nHID,Hidden,vehicle\n', "column C of row 2 (line 2", "nothing closes it"),
        ('Tag,Name,Type\n"A"b,"' + HIDDEN.format(""), "column A of row 2 (line 2", "before the cell ends"),
        ('Tag,Name,Type\n' + "x" * (LIMIT + 1) + ',"' + HIDDEN.format(""), "column A of row 2 (line 2", "Shorten it"),
    ],
    ids=["long", "never closed and long", "never closed", "closed too early", "beside a long one"],
)  # fmt: skip
def test_where_rows_cannot_be_told_apart_the_file_is_refused_with_the_place(
    text: str, where: str, why: str, delimiter: str
) -> None:
    with pytest.raises(ImportFormatError) as refused:
        list(parse(io.BytesIO(text.replace(",", delimiter).encode()), "fleet.csv"))
    assert where in refused.value.detail
    assert why in refused.value.detail
    assert "HID" not in refused.value.detail


async def test_what_stands_in_a_quoted_cell_stays_there(tmp_path: Path) -> None:
    _, rows = await read(tmp_path, ('Tag,Name,Type\nA,"' + HIDDEN.format("y" * 30_000)).encode())
    assert [(row.row, bool(row.fault)) for row in rows] == [(1, False), (2, True), (3, False)]
    _, rows = await read(tmp_path, b'Tag,Name,Type\nA,12" pipe,v\nB,"say ""no""\nHID,x,v",v\n')
    assert [row.cells[:2] for row in rows[1:]] == [["A", '12" pipe'], ["B", 'say "no"\nHID,x,v']]


@pytest.mark.one_database
async def test_a_refused_table_leaves_nothing(cast: Cast) -> None:
    file = ("Unit,Title,Type\n" + "A,n,vehicle\n" * 600 + 'B,"' + HIDDEN.format("y" * LIMIT)).encode()
    refused = assert_problem(await send_file(cast.assisting.admin, file), 422, "import_format")
    assert "column B of row 602" in refused["detail"]
    assert (await cast.assisting.admin.done("GET", "/v1/imports"))["items"] == []


async def test_lines_that_are_no_objects_cost_themselves(tmp_path: Path) -> None:
    deep = '{"a":' * 10 + "1" + "}" * 10
    lines = ['{"Unit":"1"}', "{", "[1]", '{"Unit":2}', deep, "[" * 100_000]
    _, rows = await read(tmp_path, "\n".join(lines).encode())
    assert [(row.row, row.fault) for row in rows] == [
        (1, None),
        (2, "The line is not valid JSON in UTF-8."),
        (3, "The line is not a JSON object."),
        (4, None),
        (5, "The object is nested more than 5 deep."),
        (6, "The line is not valid JSON in UTF-8."),
    ]


async def test_what_is_inserted_into_the_process_cannot_open_anything(tmp_path: Path) -> None:
    """Whoever takes over the parser finds no file and no socket, and the import says that it could not be read."""
    taken_over = """
import sys
sys.path.insert(0, sys.argv[1])
from registry.platform.bulk import child
def parse(source, file, sheet):
    try:
        open("/etc/hostname")
    except PermissionError:
        pass
    else:
        raise SystemExit("a file was opened")
    import socket
    try:
        socket.socket()
    except PermissionError:
        raise child.ImportFormatError("nothing could be opened")
    yield
child.parse = parse
import socket
child.main(sys.argv[2], sys.argv[3])
"""
    with pytest.raises(ImportFormatError, match="nothing could be opened"):
        await read(tmp_path, b"a,b\n1,2\n", TableReader(main=taken_over))


async def test_a_process_that_ends_or_writes_nonsense_is_an_unreadable_file(tmp_path: Path) -> None:
    for main in ("import sys; sys.exit(3)", "print('nonsense')", 'print(\'{"what":"row","row":1}\')'):
        with pytest.raises(ImportFormatError, match="could not be read"):
            await read(tmp_path, b"a,b\n1,2\n", TableReader(main=main))


async def test_a_process_that_never_ends_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ImportFormatError, match="could not be read"):
        await read(tmp_path, b"a,b\n", TableReader(main="while True: pass", seconds=0.5))
