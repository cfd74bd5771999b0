"""Parses RTF: headers, footers, notes and comments as well, without deleted text; objects stay unopened."""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from striprtf.striprtf import rtf_to_text

from registry.platform.files.pieces import MOST_CHARACTERS, Found, pieces
from registry.platform.files.refusals import Refused, ambiguous, damaged, follows_template
from registry.platform.files.remarks import FileRemark, Missing

_TOKEN = re.compile(r"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'[0-9a-f]{2}|\\[^a-z]|[{}]|[^\\{}]+", re.IGNORECASE | re.DOTALL)
_DEEPEST = 1_000
_NOTICED: Final = {
    "object": FileRemark.EMBEDDED_OBJECTS,
    "objdata": FileRemark.EMBEDDED_OBJECTS,
    "deleted": FileRemark.TRACKED_CHANGES,
    "revised": FileRemark.TRACKED_CHANGES,
    "annotation": FileRemark.COMMENTS,
}
# Destinations that the library leaves out, although they hold text for readers; each begins a paragraph of its own.
_READ_TOO = frozenset(
    ("header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf", "footnote", "annotation")
)
_PIXELS = frozenset(("pict", "objdata"))
_TEMPLATE = re.compile(r"\\\*\\template\s*(https?:|ftp:|file:|\\\\\\\\|//)", re.IGNORECASE)
_RUNS = re.compile(r"\\fldinst\b[^}]{0,40}\bDDE", re.IGNORECASE)
_FETCHES = re.compile(r"\\fldinst\b[^}]{0,40}\bINCLUDE(?:PICTURE|TEXT)\b", re.IGNORECASE)
_BINARY = re.compile(rb"\\bin\d")


def read_rtf(file: BinaryIO) -> Iterator[Found]:
    """What is noticed, then the text. Raises Refused."""
    raw = file.read()
    if _BINARY.search(raw):
        raise Refused("file_damaged", "The file holds binary data, which RTF documents of word processors do not.")
    text = raw.decode("latin-1")
    noticed: set[FileRemark] = set()
    if _TEMPLATE.search(text):
        raise follows_template()
    if _RUNS.search(text):
        noticed.add(FileRemark.ACTIONS)
    if _FETCHES.search(text):
        noticed.add(FileRemark.EXTERNAL_REFERENCES)
    prepared = "".join(_prepared(text, noticed))
    try:
        found: str = rtf_to_text(prepared, errors="replace")  # type: ignore[no-untyped-call]  # it ships no types
    except (ValueError, LookupError, IndexError) as error:
        raise damaged("its groups and codes do not fit together") from error
    yield from (remark for remark in FileRemark if remark in noticed)
    yield from pieces(found[:MOST_CHARACTERS], None)
    if len(found) > MOST_CHARACTERS:
        yield Missing.UNREAD
    elif not found.strip() and "\\pict" in text:
        yield Missing.PICTURE


def _prepared(text: str, noticed: set[FileRemark]) -> Iterator[str]:
    """The codes and text without what tracked changes deleted, and with those destinations that are to be read too.

    Raises Refused where groups are not closed, nest too deeply, or something follows the last.
    """
    deleted = [False]
    optional, end = "", 0
    for token in _TOKEN.finditer(text):
        end = token.end()
        if token[0] == r"\*":  # what follows may be left out by a program that does not know it
            optional = token[0]
            continue
        word = (token[1] or "").lower()
        if word not in _READ_TOO:
            yield optional
        optional = ""
        if token[0] == "{":
            deleted.append(deleted[-1])
            if len(deleted) > _DEEPEST:
                raise damaged("its groups nest too deeply")
            yield "{"
            continue
        if token[0] == "}":
            deleted.pop()
            yield "}"
            if len(deleted) == 1:
                break
            if not deleted:
                raise damaged("its groups are not closed")
            continue
        if word in _NOTICED and token[2] != "0":
            noticed.add(_NOTICED[word])
        if word == "deleted":
            deleted[-1] = token[2] != "0"
        elif word == "plain":
            deleted[-1] = False
            yield token[0]
        elif word in _READ_TOO:
            yield "\\par "
        elif word in _PIXELS:  # megabytes in hexadecimal, which the library would look at digit by digit
            deleted[-1] = True
            yield token[0]
        elif word or not deleted[-1]:
            yield token[0]
    if len(deleted) != 1 or not end:
        raise damaged("it is cut off")
    if text[end:].strip("\x00\t\r\n "):
        raise ambiguous("another format, because other data follows it")
