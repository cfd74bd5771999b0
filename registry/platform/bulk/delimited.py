"""Text with delimiters as spreadsheets write it: in which encoding, and with which delimiter, is found out and said."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from typing import Final

from registry.platform.bulk.refusals import ImportFormatError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def decoded(written: bytes, file: str) -> tuple[str, str]:
    """The text, and in which encoding it was: by its mark, else UTF-8, else Windows-1252. Raises ImportFormatError."""
    for mark, codec, name in _MARKS:
        if written.startswith(mark):
            return _decoded(written, codec, name, file), name
    try:
        return written.decode(), "UTF-8"
    except UnicodeDecodeError:
        return _decoded(written, "cp1252", "UTF-8 or Windows-1252", file), "Windows-1252"


def _decoded(written: bytes, codec: str, name: str, file: str) -> str:
    try:
        return written.decode(codec)
    except UnicodeDecodeError as fault:
        row = written[: fault.start].count(b"\n") + 1
        words = f"{file} is not {name} (line {row}). Save it as “CSV UTF-8”, or as XLSX."
        raise ImportFormatError(words) from None


def read_rows(text: Iterable[str], delimiter: str, file: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each row with its number: its cells, or what is wrong with the row as a whole.

    After a fault the csv module goes on with the next line, which is a row only where no quotation was open. So a fault
    costs its row alone where the row has no quotation mark, and the whole file otherwise: what stands in a cell must
    never become a row. `text` is given line by line, with the ends of the lines. Raises ImportFormatError.
    """
    lines = _LinesOfRow(text)
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    for row in count(1):
        before = reader.line_num
        lines.taken.clear()
        try:
            cells = next(reader, None)
        except csv.Error as fault:
            if any('"' in line for line in lines.taken):
                raise _broken_quotation("".join(lines.taken), delimiter, file, row, before + 1, fault) from None
            yield row, _without_quotation(fault)
            continue
        if cells is None:
            return
        yield row, cells


class _LinesOfRow:
    """Hands lines on, and keeps those that were taken since `taken` was last cleared."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = iter(text)
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self.taken.append(line)
        return line


def _without_quotation(fault: csv.Error) -> str:
    if "field limit" in str(fault):
        return f"A cell has more than {csv.field_size_limit():,} characters."
    return f"This is not valid CSV: {fault}."


def _broken_quotation(text: str, delimiter: str, file: str, row: int, line: int, fault: csv.Error) -> ImportFormatError:
    """What is wrong with the quotation of a row, of which `text` is as much as was read, and where it begins."""
    from openpyxl.utils import get_column_letter  # here, since it takes a tenth of a second of each start

    at, column = _faulty_cell(text, delimiter)
    cell = f"column {get_column_letter(column + 1)} of row {row} (line {line + _line_ends(text[:at])} of the file)"
    if text[at : at + 1] != '"':
        words = f"The cell in {cell} has more than {csv.field_size_limit():,} characters. Shorten it"
    elif "unexpected end" in str(fault):
        words = (
            f"A quotation mark opens the cell in {cell}, and nothing closes it up to the end of the file. Close it or "
            "take it away"
        )
    elif "field limit" in str(fault):
        words = (
            f"A quotation mark opens the cell in {cell}, and the {csv.field_size_limit():,} characters that a cell may "
            "have end before another closes it. Close it, or shorten the cell"
        )
    else:
        words = (
            f"A quotation mark opens the cell in {cell}, and another closes it before the cell ends. Write each "
            "quotation mark within a quoted cell twice"
        )
    return ImportFormatError(f"{file} cannot be told apart into rows. {words}, and send the whole file again.")


def _faulty_cell(text: str, delimiter: str) -> tuple[int, int]:
    """Where the first cell begins that is not well-formed or too long, and its index."""
    one = re.compile(rf'("[^"]*(?:""[^"]*)*"|(?!")[^{re.escape(delimiter)}\r\n]*){re.escape(delimiter)}')
    at = column = 0
    while (found := one.match(text, at)) and len(found[1]) <= csv.field_size_limit():
        at, column = found.end(), column + 1
    return at, column


def _line_ends(text: str) -> int:
    return len(re.findall(r"\r\n?|\n", text))


def delimiter_of(text: str, known: Callable[[str], bool], within: int) -> str:
    """The delimiter that makes most known headers of one of the first rows; a comma where none makes two."""

    def headers(delimiter: str) -> int:
        return max((sum(map(known, map(str.strip, row))) for row in _rows(text, delimiter, within)), default=0)

    return max(_DELIMITERS, key=headers)  # the first of equals


def _rows(text: str, delimiter: str, within: int) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from islice(reader, within)
    except csv.Error:  # the rows so far are all there is to go by
        return


def told(encoding: str, delimiter: str) -> str:
    """How the text was read, for the report."""
    return f"Read as {encoding} with {_DELIMITERS[delimiter]}."
