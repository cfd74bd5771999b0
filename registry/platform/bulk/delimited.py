"""Text with delimiters as spreadsheets write it: in which encoding, and with which delimiter, is found out and said."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from itertools import islice
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
