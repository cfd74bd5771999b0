"""Reads untrusted CSV as numbered lines, in bounded memory; a bad line affects only itself.

Each physical line is parsed separately. The lists read here have no line breaks inside cells, and so an unclosed quote
invalidates one row instead of all rows after it.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO, Final

from registry.platform.bulk.refusals import ImportFormatError, Refused

_LONGEST_LINE: Final = 16_384
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def read_headers(source: BinaryIO, file: str) -> list[str]:
    """The column headers in order, without a byte order mark; a blank one is allowed.

    Raises ImportFormatError when there is no readable header row, or when a header occurs twice.
    """
    written = source.readline(_LONGEST_LINE)
    if not written:
        raise ImportFormatError(f"{file} is empty: it has no header row.")
    try:
        headers = [header.strip() for header in split_line(written.removeprefix(b"\xef\xbb\xbf"))]
    except Refused as refused:
        raise ImportFormatError(f"{file} has no readable header row. {refused.detail}") from None
    if repeated := [header for header, times in Counter(headers).items() if header and times > 1]:
        raise ImportFormatError(f"{file} has the header {', '.join(repeated)} more than once.")
    return headers


def read_lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines after the header, numbered as in an editor; of a line that is too long, only the beginning."""
    for number in count(2):
        written = rest = source.readline(_LONGEST_LINE)
        if not written:
            return
        while len(rest) == _LONGEST_LINE and not rest.endswith(b"\n"):
            rest = source.readline(_LONGEST_LINE)
        yield number, written


def split_line(written: bytes) -> list[str]:
    """The cells of one line; an empty list for a blank line.

    Raises Refused for bytes that are not UTF-8, control characters, broken quoting and lines that are too long.
    """
    if len(written) == _LONGEST_LINE:
        raise Refused("line_too_long", f"The line has {_LONGEST_LINE} bytes or more.")
    try:
        text = written.decode().rstrip("\r\n")
    except UnicodeDecodeError as fault:
        raise Refused("invalid_utf8", f"Byte {fault.start + 1} of the line is not UTF-8.") from None
    if found := _CONTROL.search(text):
        code = "nul_character" if found[0] == "\0" else "control_character"
        raise Refused(code, f"Character {found.start() + 1} of the line is U+{ord(found[0]):04X}.")
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error as fault:
        raise Refused("row_unreadable", f"The line is not valid CSV: {fault}.") from None
