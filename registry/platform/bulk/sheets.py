"""Reads untrusted CSV and XLSX in bounded memory, with row numbers and column letters as a spreadsheet shows them.

Formulas are never evaluated: the cell of a formula becomes a `Formula`, and code that needs its value rejects it.
"""

import io
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

import msgspec
from msgspec import Struct

from registry.platform.bulk.delimited import decoded, delimiter_of, read_rows, told
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.bulk.workbooks import Budget, SheetFacts, scan

MOST_BYTES: Final = 64 * 2**20
MOST_NAMED: Final = 20
HEADER_WITHIN: Final = 10  # a title and a date of the last change often stand above the headers

UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, ParseError, ExpatError, EOFError, NotImplementedError),
    *(AttributeError, LookupError, OSError, OverflowError, RecursionError, RuntimeError, TypeError, ValueError),
)
"""What the library raises for broken or hostile workbooks; each means that the file cannot be read."""


class Formula(Struct, frozen=True):
    """A cell that contains a formula instead of a value."""


Hidden: TypeAlias = Literal["take", "skip"]
"""Whether rows and columns that a spreadsheet hides are taken; it is said either way."""

Known: TypeAlias = Callable[[str], bool]
"""Whether a header means a column."""

Value: TypeAlias = str | int | float | bool | datetime | Formula | None


class Line(Struct, kw_only=True, frozen=True):
    """A row: its number as a spreadsheet shows it, and its cells from column A on."""

    row: int
    values: list[Value]
    fault: str | None = None  # what is wrong with the row as a whole


class Origin(Struct, kw_only=True, frozen=True):
    """The position of a row. `sheet` is None for CSV, which has no sheets; `lettered`: its columns have letters."""

    file: str
    sheet: str | None = None
    lettered: bool = True


class Sheet(Struct, kw_only=True, frozen=True):
    """A sheet of a workbook, or a file of text: whether it was taken, and what is to be known about it."""

    file: str
    sheet: str | None
    taken: bool
    rows: int
    remarks: list[str]


class Table(Struct, kw_only=True, frozen=True):
    """A sheet with one header row."""

    origin: Origin
    headers: list[str]
    lines: list[Line]
    sheets: list[Sheet] = []
    """Every sheet of the file."""

    @property
    def file(self) -> str:
        """The file's name."""
        return self.origin.file


def letter(column: int) -> str:
    """The letters of the column with this index, counted from 0."""
    from openpyxl.utils import get_column_letter  # as in `_workbook`

    return str(get_column_letter(column + 1))


def read_file(path: Path, known: Known, sheet: str | None = None, hidden: Hidden = "take") -> Table:
    """The file's table. Raises ImportFormatError when it is not a table, OSError when it cannot be opened."""
    with path.open("rb") as source:
        return read_table(source, path.name, known, sheet, hidden)


def read_table(source: BinaryIO, file: str, known: Known, sheet: str | None = None, hidden: Hidden = "take") -> Table:
    """The table of a CSV or XLSX file; the header row is the first one with two headers that are `known`.

    `sheet` names the sheet of a workbook; by default it is the one that was open when the workbook was saved. Raises
    ImportFormatError.
    """
    if source.seek(0, io.SEEK_END) > MOST_BYTES:
        raise ImportFormatError(f"{file} has more than {MOST_BYTES // 2**20} MiB. Split it.")
    source.seek(0)
    is_workbook = source.read(4) == b"PK\x03\x04"
    source.seek(0)
    budget = Budget(file)
    if is_workbook:
        return _workbook(source, file, known, sheet, hidden, budget)
    text, encoding = decoded(source.read(), file)
    delimiter = delimiter_of(text, known, HEADER_WITHIN)
    table = _table(Origin(file=file), _within(_csv(text, delimiter, file), budget), known)
    told_of = Sheet(file=file, sheet=None, taken=True, rows=len(table.lines), remarks=[told(encoding, delimiter)])
    return msgspec.structs.replace(table, sheets=[told_of])


def _table(origin: Origin, lines: Iterable[Line], known: Known) -> Table:
    kept = list(lines)
    for at, line in enumerate(kept[:HEADER_WITHIN]):
        headers = [value.strip() if isinstance(value, str) else "" for value in line.values]
        if sum(known(header) for header in headers) >= 2:
            rest = [_checked(later, len(headers), origin.sheet) for later in kept[at + 1 :] if not _is_blank(later)]
            return Table(origin=origin, headers=headers, lines=rest)
    where = f" of sheet “{origin.sheet}”" if origin.sheet else ""
    raise ImportFormatError(f"{origin.file} has no row of headers among the first {HEADER_WITHIN} rows{where}.")


def _within(lines: Iterable[Line], budget: Budget) -> Iterator[Line]:
    """The lines, as long as the budget lasts."""
    for line in lines:
        budget.count(len(line.values), line.row)
        budget.check_time()
        yield line


def _is_blank(line: Line) -> bool:
    return line.fault is None and not any(v.strip() if isinstance(v, str) else v is not None for v in line.values)


def _checked(line: Line, width: int, sheet: str | None) -> Line:
    """Check a row whose length differs from the header's.

    A short CSV row was cut off; a short row of a workbook ends with blank cells.
    """
    extra = next((at for at, value in enumerate(line.values) if at >= width and value not in (None, "")), None)
    if line.fault is None and extra is not None:
        return Line(row=line.row, values=line.values, fault=f"Column {letter(extra)} has a value and no header.")
    if line.fault is None and sheet is None and len(line.values) < width:
        words = f"The row has {len(line.values)} cells, the header {width}."
        return Line(row=line.row, values=line.values, fault=words)
    return line


def _csv(text: str, delimiter: str, file: str) -> Iterator[Line]:
    for row, found in read_rows(io.StringIO(text, newline=""), delimiter, file):
        if isinstance(found, str):
            yield Line(row=row, values=[], fault=found)
        else:
            yield Line(row=row, values=list[Value](found))


def _workbook(source: BinaryIO, file: str, known: Known, sheet: str | None, hidden: Hidden, budget: Budget) -> Table:
    from openpyxl import load_workbook  # here, since it takes a tenth of a second of each start

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that the reader ignores
        try:
            with zipfile.ZipFile(source) as archive:
                facts = scan(archive, budget)
            source.seek(0)
            book = load_workbook(source, read_only=True, data_only=False, keep_links=False)
            try:
                return _chosen(book, file, known, sheet, hidden, facts)
            finally:
                book.close()
        except ImportFormatError:
            raise
        except UNREADABLE:
            raise _broken(file) from None


def _chosen(
    book: Any, file: str, known: Known, sheet: str | None, hidden: Hidden, facts: Mapping[str, SheetFacts]
) -> Table:
    names = [page.title for page in book.worksheets]
    if not names or (sheet is not None and sheet not in names):
        raise ImportFormatError(f"{file} has no sheet “{sheet}”; it has: {', '.join(names) or 'none'}.")
    active = book.active.title if book.active is not None and book.active.title in names else names[0]
    name = str(sheet or active)
    page = book[name]
    its = facts.get(_path(page)) or SheetFacts()
    page.reset_dimensions()  # do not trust the dimensions that the file declares
    lines = (Line(row=at, values=[cell_value(cell) for cell in row]) for at, row in enumerate(page.iter_rows(), 1))
    table = _table(Origin(file=file, sheet=name), _within(lines, Budget(file)), known)
    remarks = list(_remarks(table, its, hidden))
    if hidden == "skip":
        table = _shown(table, its)
    why = "it was not asked for" if sheet else "it was not open when the workbook was saved"
    sheets = [
        Sheet(
            file=file,
            sheet=title,
            taken=title == name,
            rows=len(table.lines) if title == name else (facts.get(_path(book[title])) or SheetFacts()).rows,
            remarks=[
                *([] if title == name else [f"Not taken: {why}."]),
                *([] if book[title].sheet_state == "visible" else ["The sheet is hidden."]),
                *(remarks if title == name else []),
            ],
        )
        for title in names
    ]
    return msgspec.structs.replace(table, sheets=sheets)


def _path(page: Any) -> str:
    return str(getattr(page, "_worksheet_path", "")).lstrip("/")


def _remarks(table: Table, its: SheetFacts, hidden: Hidden) -> Iterator[str]:
    """What a person who looks at the sheet does not see, and what became of it."""
    done = "taken" if hidden == "take" else "not taken"
    if rows := [str(line.row) for line in table.lines if line.row in its.hidden_rows]:
        by = ", by a filter or by hand" if its.is_filtered else ""
        yield f"Hidden{by}, and {done}: {_several('row', rows)}."
    if columns := [letter(at) for at, header in enumerate(table.headers) if header and its.is_hidden(at)]:
        yield f"Hidden, and {done}: {_several('column', columns)}."
    if its.merged:
        merged = _several("range", its.merged)
        yield f"Merged cells, of which the first alone has the value: {merged}."


def _several(what: str, which: Sequence[str]) -> str:
    more = f" and {len(which) - MOST_NAMED} more" if len(which) > MOST_NAMED else ""
    return f"{what}{'s' if len(which) > 1 else ''} {', '.join(which[:MOST_NAMED])}{more}"


def _shown(table: Table, its: SheetFacts) -> Table:
    """The table without what is hidden."""
    headers = ["" if its.is_hidden(at) else header for at, header in enumerate(table.headers)]
    lines = [
        msgspec.structs.replace(
            line, values=[None if its.is_hidden(at) else value for at, value in enumerate(line.values)]
        )
        for line in table.lines
        if line.row not in its.hidden_rows
    ]
    return msgspec.structs.replace(table, headers=headers, lines=lines)


def cell_value(cell: Any) -> Value:
    """What the cell holds; a formula is not computed, and what is no value counts as one."""
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
