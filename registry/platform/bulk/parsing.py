"""Parses an untrusted table row by row, in the confined process: text with delimiters, NDJSON or a workbook.

Nothing is held but the row at hand (and of a workbook the texts that its cells share). What a file may hold at most is
said by `LIMITS`; a bad row costs only itself, unless it cannot be told where the next one begins.
"""

import codecs
import csv
import io
import itertools
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from registry.platform.bulk.delimited import read_rows
from registry.platform.bulk.harmless import unharmed
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.bulk.sheets import UNREADABLE, Formula, cell_value, letter
from registry.platform.bulk.workbooks import Budget, Limits, scan

LIMITS: Final = Limits(rows=200_000, columns=500, cells=4_000_000, seconds=120.0)
LONGEST_CELL: Final = 20_000
LONGEST_HEADER: Final = 200
END_MARK: Final = "# complete"
"""How the last line of our own exports begins, as CSV; it is no row."""
BROKEN_MARK: Final = "# broken off"
_MARKED: Final = "complete"
_SAMPLE: Final = 65_536
_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_DEEPEST: Final = 5

Cell: TypeAlias = str | int | float | bool | Formula | None


class TableHead(Struct, kw_only=True, frozen=True, tag_field="what", tag="head"):
    """What the file is, before its rows. `headers` are known here only where a format has them beside its rows."""

    format: Literal["csv", "ndjson", "xlsx"]
    read_as: str
    sheet: str | None = None
    sheets: list[str] = []
    remarks: list[str] = []
    headers: list[str] | None = None


class TableRow(Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="what", tag="row"):
    """A row, numbered as a spreadsheet shows it; `fault` says what is wrong with it as a whole."""

    row: int
    cells: list[Cell] = []
    fault: str | None = None


def parse(source: BinaryIO, file: str, sheet: str | None = None) -> Iterator[TableHead | TableRow]:
    """The head, then each row that is not blank. Raises ImportFormatError for what is no table, or too large a one."""
    first = source.read(4096)
    source.seek(0)
    if not first.strip():
        raise ImportFormatError(f"{file} is empty.")
    budget = Budget(file, limits=LIMITS)
    if first.startswith(b"PK\x03\x04"):
        rows = _workbook(source, file, sheet, budget)
    elif first.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"):
        rows = _ndjson(source, file, budget)
    else:
        rows = _csv(source, file, budget)
    for each in rows:
        yield _counted(each, budget) if isinstance(each, TableRow) else each


def _counted(row: TableRow, budget: Budget) -> TableRow:
    budget.count(len(row.cells), row.row)
    budget.check_time()
    if len(row.cells) > LIMITS.columns:
        raise budget.exceeded(f"has {len(row.cells):,} columns in row {row.row}, more than {LIMITS.columns}")
    for at, cell in enumerate(row.cells):
        if isinstance(cell, str) and len(cell) > LONGEST_CELL:
            words = f"Column {letter(at)} has {len(cell):,} characters; a cell has at most {LONGEST_CELL:,}."
            return TableRow(row=row.row, fault=words)
    return row


# Text


def _csv(source: BinaryIO, file: str, budget: Budget) -> Iterator[TableHead | TableRow]:
    codec, encoding = _encoding(source, file, budget)
    source.seek(0)
    sample = codecs.getincrementaldecoder(codec)().decode(source.read(_SAMPLE))
    delimiter = _delimiter(sample)
    yield TableHead(format="csv", read_as=f"{encoding}, with {_DELIMITERS[delimiter]} between cells")
    source.seek(0)
    text = io.TextIOWrapper(source, encoding=codec, newline="")
    for row, found in read_rows(text, delimiter, file):
        if isinstance(found, str):
            yield TableRow(row=row, fault=found)
        elif row > 1 and found and found[0].startswith((END_MARK, BROKEN_MARK)):
            continue
        elif any(cell.strip() for cell in found):
            yield TableRow(row=row, cells=list[Cell](map(unharmed, found)))


def _encoding(source: BinaryIO, file: str, budget: Budget) -> tuple[str, str]:
    """The codec, and what people call it: by the mark, else UTF-8, else Windows-1252. Raises ImportFormatError."""
    source.seek(0)
    head = source.read(4)
    if head.startswith(codecs.BOM_UTF8):
        found = "utf-8-sig", "UTF-8"
    elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found = "utf-16", "UTF-16"
    elif len(head) == 4 and head[1::2] == b"\0\0":
        found = "utf-16-le", "UTF-16"
    elif len(head) == 4 and head[0::2] == b"\0\0":
        found = "utf-16-be", "UTF-16"
    else:
        found = "utf-8", "UTF-8"
    if _decodes(source, found[0], budget):
        return found
    if found[0] != "utf-8":
        raise ImportFormatError(f"{file} begins like {found[1]}, and is not that throughout. Save it as “CSV UTF-8”.")
    _refuse_mixture(source, file)
    if _decodes(source, "cp1252", budget):
        return "cp1252", "Windows-1252"
    raise ImportFormatError(f"{file} is neither UTF-8 nor Windows-1252. Save it as “CSV UTF-8”, or as XLSX.")


def _decodes(source: BinaryIO, codec: str, budget: Budget) -> bool:
    source.seek(0)
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        while chunk := source.read(2**20):
            decoder.decode(chunk)
            budget.check_time()
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_mixture(source: BinaryIO, file: str) -> None:
    """Raises ImportFormatError where one line is UTF-8 and another is not: read as either, names would be garbled."""
    source.seek(0)
    one: int | None = None
    other: int | None = None
    for number, line in enumerate(source, 1):
        if line.isascii():
            continue
        try:
            line.decode()
            one = one or number
        except UnicodeDecodeError:
            other = other or number
        if one and other:
            raise ImportFormatError(
                f"{file} is in two encodings: line {one} is UTF-8, line {other} is not. Open it in the program that "
                "wrote it, and save all of it as “CSV UTF-8”."
            )


def _delimiter(sample: str) -> str:
    """The delimiter by which most of the first rows have equally many cells; a comma where none makes two."""

    def agreeing(delimiter: str) -> tuple[int, int]:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        widths = []
        with suppress(csv.Error):
            widths = [len(row) for row in itertools.islice(rows, 20) if row]
        wide = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
        return (widths.count(wide), wide) if wide > 1 else (0, 0)

    return max(_DELIMITERS, key=agreeing)


# NDJSON


def _ndjson(source: BinaryIO, file: str, budget: Budget) -> Iterator[TableHead | TableRow]:
    headers: dict[str, int] = {}
    remarks = []
    for line in source:
        budget.check_time()
        found = _flat_object(line)
        if isinstance(found, dict):
            for name in found:
                headers.setdefault(name, len(headers))
            if len(headers) > LIMITS.columns:
                raise budget.exceeded(f"has more than {LIMITS.columns} different members")
        elif found is False:
            remarks.append("The export that wrote this file broke off: something may be missing at its end.")
    yield TableHead(format="ndjson", read_as="NDJSON in UTF-8", headers=list(headers), remarks=remarks)
    source.seek(0)
    for row, line in enumerate(source, 1):
        found = _flat_object(line)
        if isinstance(found, str):
            yield TableRow(row=row, fault=found)
        elif isinstance(found, dict) and found:
            cells: list[Cell] = [None] * len(headers)
            for name, value in found.items():
                cells[headers[name]] = value
            yield TableRow(row=row, cells=cells)


def _flat_object(line: bytes) -> dict[str, Cell] | str | bool:
    """The members of the object by their paths; a fault as text; for the end of an export, whether it is whole."""
    line = line.removeprefix(codecs.BOM_UTF8).strip()
    if not line:
        return {}
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return "The line is not valid JSON in UTF-8."
    if not isinstance(found, dict):
        return "The line is not a JSON object."
    if isinstance(found.get(_MARKED), bool) and "count" in found:
        return bool(found[_MARKED])
    try:
        return dict(_members(found, "", 0))
    except ValueError as fault:
        return str(fault)


def _members(found: dict[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Cell]]:
    if depth > _DEEPEST:
        raise ValueError(f"The object is nested more than {_DEEPEST} deep.")
    for name, value in found.items():
        path = f"{prefix}{name}"[:LONGEST_HEADER]
        if isinstance(value, dict):
            yield from _members(value, f"{path}.", depth + 1)
        elif isinstance(value, list):
            yield path, msgspec.json.encode(value).decode()
        else:
            yield path, value


# Workbooks


def _workbook(source: BinaryIO, file: str, sheet: str | None, budget: Budget) -> Iterator[TableHead | TableRow]:
    from openpyxl import load_workbook  # here, since it takes a tenth of a second of each start

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that the reader ignores
        try:
            with zipfile.ZipFile(source) as archive:
                facts = scan(archive, budget)
            source.seek(0)
            book = load_workbook(source, read_only=True, data_only=False, keep_links=False)
            names = [page.title for page in book.worksheets]
            if not names or (sheet is not None and sheet not in names):
                raise ImportFormatError(f"{file} has no sheet “{sheet}”; it has: {', '.join(names) or 'none'}.")
            active = book.active.title if book.active is not None and book.active.title in names else names[0]
            page = book[sheet or active]
            page.reset_dimensions()  # do not trust the dimensions that the file declares
            its = facts.get(str(getattr(page, "_worksheet_path", "")).lstrip("/"))
            remarks = [f"{len(its.hidden_rows)} hidden rows, taken like the others."] if its and its.hidden_rows else []
            if its and its.merged:
                remarks.append(f"{len(its.merged)} merged ranges: of each the first cell alone has the value.")
            read_as = f"a workbook, its sheet “{page.title}”"
            yield TableHead(format="xlsx", read_as=read_as, sheet=page.title, sheets=names, remarks=remarks)
            again = Budget(file, limits=LIMITS)
            yield from _sheet_rows(page.iter_rows(), again)
        except ImportFormatError:
            raise
        except UNREADABLE:
            words = f"{file} is not a workbook that can be read. Save it as XLSX without a password, or as CSV."
            raise ImportFormatError(words) from None


def _sheet_rows(rows: Iterable[Iterable[Any]], budget: Budget) -> Iterator[TableRow]:
    for number, row in enumerate(rows, 1):
        cells = [_cell(cell) for cell in row]
        while cells and cells[-1] in (None, ""):
            cells.pop()
        budget.check_time()
        if any(cell.strip() if isinstance(cell, str) else cell is not None for cell in cells):
            if isinstance(cells[0], str) and cells[0].startswith((END_MARK, BROKEN_MARK)) and number > 1:
                continue
            yield TableRow(row=number, cells=cells)


def _cell(cell: Any) -> Cell:
    value = cell_value(cell)
    if value is None or isinstance(value, str | int | float | bool | Formula):
        return value
    text = value.isoformat()
    return text.removesuffix("T00:00:00")
