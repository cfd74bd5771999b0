"""Word documents (OOXML): whether it is one, whole, and its text. No macro, no entity, no bomb gets past."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from registry.files.pieces import MOST_CHARACTERS, Piece, pieces
from registry.files.refusals import Refused, ambiguous, damaged, encrypted, expands

MOST_ENTRIES = 4_000
MOST_EXPANDED = 256 * 2**20
MOST_RATIO = 200
_RATIO_FROM = 4 * 2**20  # small parts of nothing but blanks are compressed far more, and harm nobody
_CHUNK = 2**20
_DOCUMENT = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_NOTES = ("word/footnotes.xml", "word/endnotes.xml")
_SAFE_NAME = re.compile(r"\A(?!/)(?!.*(?:^|/)\.\.?(?:/|$))[^\\\x00-\x1f:]+\Z")
_STANDS_FOR = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-", f"{_W}p": "\n"}


def read_word(file: BinaryIO) -> Iterator[int | Piece | None]:
    """The text of the document, then of its notes. Raises Refused."""
    try:
        with zipfile.ZipFile(file) as archive:
            _check_entries(file, archive)
            _unpack_all(archive)
            main = _main_part(archive)
            # What opens the text is read before anything is given away: a broken document is refused as a whole.
            texts = [_text_of(archive, main)]
            texts += [_text_of(archive, part) for part in _NOTES if part in archive.namelist()]
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OverflowError, KeyError) as error:
        raise damaged("it is not a whole ZIP archive, as a Word document is") from error
    except (ParseError, DefusedXmlException, LookupError) as error:
        raise damaged("its text is not well-formed XML without definitions of its own") from error
    for text in texts:
        yield from pieces(text, None)
    if sum(map(len, texts)) >= MOST_CHARACTERS:
        yield None


def _check_entries(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Nothing before, behind or between: one table of contents, each name once, no name that leads anywhere else."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise expands()
    file.seek(0)
    if not file.read(4).startswith(b"PK\x03\x04") or min((e.header_offset for e in entries), default=1) != 0:
        raise ambiguous("something else, for it does not begin with its first part")
    if archive.comment:
        raise ambiguous("something else, for there is something behind it")
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise encrypted()
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise damaged("its parts are packed in a way that a document's are not")
    names = [entry.filename for entry in entries]
    if len({name.lower() for name in names}) != len(names) or not all(map(_SAFE_NAME.match, names)):
        raise damaged("its parts have names that a document's have not")
    if any("vbaproject" in name.lower() for name in names):
        raise Refused("file_has_macros", "The document holds macros. Save it without (as .docx) and send it again.")


def _unpack_all(archive: zipfile.ZipFile) -> None:
    """Every part once, checked against its sum and counted as it really is: what it says of itself may be a lie."""
    left = MOST_EXPANDED
    for entry in archive.infolist():
        expanded = 0
        with archive.open(entry) as part:
            while chunk := part.read(_CHUNK):
                expanded += len(chunk)
                left -= len(chunk)
                if left < 0 or expanded > max(_RATIO_FROM, entry.compress_size * MOST_RATIO):
                    raise expands()


def _main_part(archive: zipfile.ZipFile) -> str:
    """The part that holds the text. Raises Refused for a package of another kind, such as a workbook."""
    with archive.open("[Content_Types].xml") as part:
        kinds = {
            element.get("PartName", "").lstrip("/"): element.get("ContentType", "")
            for _, element in iterparse(part, forbid_dtd=True)
            if element.tag == f"{_TYPES}Override"
        }
    main: str | None = next((name for name, kind in kinds.items() if kind == _DOCUMENT), None)
    if main is None:
        detail = "The file is a package of parts, but not a Word document (DOCX)."
        raise Refused("content_mismatch", detail, of_another_kind=True)
    return main


def _text_of(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as part:
        return "".join(_texts(part))


def _texts(part: IO[bytes]) -> Iterator[str]:
    """What stands in the part, in order; text that was deleted under review, and field codes, are no text."""
    given, hidden = 0, 0
    stack: list[Element] = []
    for event, element in iterparse(part, events=("start", "end"), forbid_dtd=True):
        if event == "start":
            stack.append(element)
            hidden += element.tag == _FALLBACK
            continue
        stack.pop()
        hidden -= element.tag == _FALLBACK
        text = (element.text or "") if element.tag == f"{_W}t" else _STANDS_FOR.get(element.tag, "")
        if text and not hidden:
            given += len(text)
            yield text
            if given >= MOST_CHARACTERS:
                return
        if stack:
            stack[-1].remove(element)  # what is read is let go of
