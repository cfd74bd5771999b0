"""The process that parses one untrusted table, confined as the reader of documents is, and writes it line by line.

It is started with an empty environment and the file as its standard input. What the parsers import is imported before
anything is given up; then there are no files, no network and no other processes, and limits of time and memory.
"""

import os
import sys
from importlib import import_module
from typing import Final, Literal

import msgspec
from msgspec import Struct

from registry.platform.bulk.parsing import LIMITS, parse
from registry.platform.bulk.refusals import ImportFormatError
from registry.platform.files.confinement import confine, limit

_IMPORTED_LATER: Final = (
    *("encodings.cp437", "encodings.cp1252", "encodings.utf_8_sig", "encodings.utf_16"),
    *("encodings.utf_16_le", "encodings.utf_16_be", "encodings.ascii", "encodings.latin_1"),
    *("openpyxl.reader.excel", "openpyxl.worksheet._read_only", "openpyxl.worksheet._reader", "xml.etree.ElementTree"),
)
"""What the libraries import within functions; a test tells what is missing here."""


class TableEnd(Struct, kw_only=True, frozen=True, tag_field="what", tag="end"):
    """The last line. With `refused`, why the table cannot be taken."""

    refused: str = ""
    ready: Literal[True] = True


def main(file: str, sheet: str) -> None:
    """Parse standard input, which is called `file`, and write what is found to standard output."""
    for module in _IMPORTED_LATER:
        import_module(module)
    limit(int(LIMITS.seconds))
    with os.fdopen(0, "rb") as source:
        confine()
        out = sys.stdout.buffer
        end = TableEnd()
        try:
            for each in parse(source, file, sheet or None):
                out.write(msgspec.json.encode(each) + b"\n")
        except ImportFormatError as error:
            end = TableEnd(refused=error.detail)
        out.write(msgspec.json.encode(end) + b"\n")
        out.flush()
