"""Untrusted spreadsheets as rows with the addresses that people see: CSV and XLSX, in bounded memory.

A row's number is the one that a spreadsheet shows, so that a cell can be named as its owner knows it. Formulas are
never evaluated: a cell that holds one is a `Formula`, and whoever needs its value refuses it.
"""

import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias
from xml.etree.ElementTree import ParseError

from msgspec import Struct
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from registry.agencies.fbi_lines import ImportFormatError

MOST_BYTES: Final = 64 * 2**20
MOST_INFLATED_BYTES: Final = 256 * 2**20
MOST_PARTS: Final = 2_000
MOST_ROWS: Final = 50_000
MOST_CELLS: Final = 2_000_000
HEADER_WITHIN: Final = 10  # a title and a date of the last change often stand above the headers

_UNREADABLE = (
    *(zipfile.BadZipFile, InvalidFileException, zlib.error, ParseError, EOFError, NotImplementedError),
    *(AttributeError, LookupError, OSError, OverflowError, RecursionError, RuntimeError, TypeError, ValueError),
)
"""What a broken or hostile workbook makes the reader raise; all of it means that the file cannot be read."""


class Formula(Struct, frozen=True):
    """A cell whose value would have to be computed."""


Value: TypeAlias = str | int | float | bool | datetime | Formula | None


class Line(Struct, kw_only=True, frozen=True):
    """A row: its number as a spreadsheet shows it, and its cells from column A on."""

    row: int
    values: list[Value]
    fault: str | None = None  # what is wrong with the row as a whole


class Origin(Struct, kw_only=True, frozen=True):
    """Where a row comes from. `sheet` is None for CSV, which has no sheets; `lettered`: its columns have letters."""

    file: str
    sheet: str | None = None
    lettered: bool = True


class Table(Struct, kw_only=True, frozen=True):
    """A sheet with one header row."""

    origin: Origin
    headers: list[str]
    lines: list[Line]

    @property
    def file(self) -> str:
        """The file's name."""
        return self.origin.file


def letter(column: int) -> str:
    """The letters of a column, counted from 0."""
    return str(get_column_letter(column + 1))


def read_file(path: Path, known: Callable[[str], bool], sheet: str | None = None) -> Table:
    """The file's table. Raises ImportFormatError where it cannot be read as one, OSError where not opened."""
    with path.open("rb") as source:
        return read_table(source, path.name, known, sheet)


def read_table(source: BinaryIO, file: str, known: Callable[[str], bool], sheet: str | None = None) -> Table:
    """The table of a CSV or XLSX file; the header row is the first that has two headers which are `known`.

    `sheet` names the sheet of a workbook; the one that was open when it was saved, otherwise. Raises ImportFormatError.
    """
    if source.seek(0, io.SEEK_END) > MOST_BYTES:
        raise ImportFormatError(f"{file} has more than {MOST_BYTES // 2**20} MiB. Split it.")
    source.seek(0)
    is_workbook = source.read(4) == b"PK\x03\x04"
    source.seek(0)
    name, lines = _workbook(source, file, sheet) if is_workbook else (None, _csv(source, file))
    kept = _bounded(lines, file)
    for at, line in enumerate(kept[:HEADER_WITHIN]):
        headers = [value.strip() if isinstance(value, str) else "" for value in line.values]
        if sum(known(header) for header in headers) >= 2:
            rest = [_checked(later, len(headers), name) for later in kept[at + 1 :] if not _is_blank(later)]
            return Table(origin=Origin(file=file, sheet=name), headers=headers, lines=rest)
    raise ImportFormatError(f"{file} has no row of headers among its first {HEADER_WITHIN} rows.")


def _bounded(lines: Iterable[Line], file: str) -> list[Line]:
    kept: list[Line] = []
    cells = 0
    for line in lines:
        cells += len(line.values)
        if line.row > MOST_ROWS or cells > MOST_CELLS:
            raise ImportFormatError(f"{file} has more than {MOST_ROWS:,} rows or {MOST_CELLS:,} cells. Split it.")
        kept.append(line)
    return kept


def _is_blank(line: Line) -> bool:
    return line.fault is None and not any(v.strip() if isinstance(v, str) else v is not None for v in line.values)


def _checked(line: Line, width: int, sheet: str | None) -> Line:
    """A row of another length: what a CSV lacks was cut off, what a workbook lacks is blank."""
    extra = next((at for at, value in enumerate(line.values) if at >= width and value not in (None, "")), None)
    if line.fault is None and extra is not None:
        return Line(row=line.row, values=line.values, fault=f"Column {letter(extra)} has a value and no header.")
    if line.fault is None and sheet is None and len(line.values) < width:
        words = f"The row has {len(line.values)} cells, the header {width}."
        return Line(row=line.row, values=line.values, fault=words)
    return line


def _csv(source: BinaryIO, file: str) -> Iterator[Line]:
    written = source.read()
    try:
        text = written.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        row = written[: fault.start].count(b"\n") + 1
        raise ImportFormatError(f"{file} is not UTF-8 (line {row}). Save it as “CSV UTF-8”, or as XLSX.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    row = 0
    while True:
        row += 1
        try:
            values = next(reader, None)
        except csv.Error as fault:
            yield Line(row=row, values=[], fault=f"This is not valid CSV: {fault}.")
            if "unexpected end" in str(fault):  # of an unclosed quote, which took the rest of the file
                return
            continue
        if values is None:
            return
        yield Line(row=row, values=list[Value](values))


def _workbook(source: BinaryIO, file: str, sheet: str | None) -> tuple[str | None, Iterable[Line]]:
    try:
        with zipfile.ZipFile(source) as archive:
            parts = archive.infolist()
    except _UNREADABLE:
        raise _broken(file) from None
    # A part never inflates to more than it declares: the archive's reader stops there.
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_INFLATED_BYTES:
        raise ImportFormatError(f"{file} unpacks to more than {MOST_INFLATED_BYTES // 2**20} MiB.")
    source.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that the reader leaves out
        try:
            book = load_workbook(source, read_only=True, data_only=False, keep_links=False)
        except _UNREADABLE:
            raise _broken(file) from None
        try:
            return _chosen(book, file, sheet)
        except _UNREADABLE:
            raise _broken(file) from None
        finally:
            book.close()


def _chosen(book: Any, file: str, sheet: str | None) -> tuple[str, list[Line]]:
    names = [page.title for page in book.worksheets]
    if not names or (sheet is not None and sheet not in names):
        raise ImportFormatError(f"{file} has no sheet “{sheet}”; it has: {', '.join(names) or 'none'}.")
    active = book.active.title if book.active is not None and book.active.title in names else names[0]
    name = str(sheet or active)
    page = book[name]
    page.reset_dimensions()  # what a file says about its own size is not believed
    rows = page.iter_rows(max_row=MOST_ROWS + 1)
    return name, [Line(row=at, values=[_value(cell) for cell in row]) for at, row in enumerate(rows, 1)]


def _value(cell: Any) -> Value:
    value = cell.value
    if cell.data_type == "f":
        return Formula()
    if isinstance(value, datetime | str | int | float) or value is None:
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  # a civil date has no zone
    return str(value) if isinstance(value, time | timedelta) else Formula()


def _broken(file: str) -> ImportFormatError:
    return ImportFormatError(f"{file} is not a workbook that can be read. Save it as XLSX without a password, or CSV.")
