"""Parses Word documents (OOXML), and refuses macros, remote templates, entity definitions and decompression bombs."""

import re
import zipfile
from collections.abc import Iterator
from typing import IO, BinaryIO, Final
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import iterparse

from registry.platform.files.packages import elements, has_macros, opened_package
from registry.platform.files.pieces import MOST_CHARACTERS, Found, pieces
from registry.platform.files.refusals import Refused, follows_template
from registry.platform.files.remarks import FileRemark, Missing

_OOXML = "application/vnd.openxmlformats-officedocument.wordprocessingml."
_DOCUMENT = f"{_OOXML}document.main+xml"
_NOTES: Final = tuple(f"{_OOXML}{kind}+xml" for kind in ("header", "footer", "footnotes", "endnotes"))
_COMMENTS = f"{_OOXML}comments+xml"
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
_RELATION = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_STANDS_FOR = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-", f"{_W}p": "\n"}
# Text that tracked changes deleted or moved elsewhere; and what older programs show instead of what is there.
_LEFT_OUT = {_FALLBACK, f"{_W}del", f"{_W}moveFrom"}
_NOTICED = {
    f"{_W}ins": FileRemark.TRACKED_CHANGES,
    f"{_W}del": FileRemark.TRACKED_CHANGES,
    f"{_W}moveFrom": FileRemark.TRACKED_CHANGES,
    f"{_W}moveTo": FileRemark.TRACKED_CHANGES,
    f"{_W}object": FileRemark.EMBEDDED_OBJECTS,
    f"{_W}control": FileRemark.EMBEDDED_OBJECTS,
    f"{_W}altChunk": FileRemark.EMBEDDED_OBJECTS,
}
_REMOTE = re.compile(r"\s*(https?:|ftp:|\\\\|//|file:(//+[^/]*[^/:|]/|\\\\))", re.IGNORECASE)
_RUNS = re.compile(r"\s*DDE(AUTO)?\b", re.IGNORECASE)
_FETCHES = re.compile(r"\s*INCLUDE(PICTURE|TEXT)\b", re.IGNORECASE)
_UNREAD_PARTS = re.compile(r"word/(diagrams/data|charts/chart)[^/]*\.xml", re.IGNORECASE)


def read_word(file: BinaryIO) -> Iterator[Found]:
    """The text of the document, of its headers, footers, notes and comments, each apart. Raises Refused."""
    with opened_package(file) as archive:
        kinds = _kinds(archive)
        main = next((name for name, kind in kinds.items() if kind == _DOCUMENT), None)
        if main is None:
            detail = "The file is a package of parts, but not a Word document (DOCX)."
            raise Refused("content_mismatch", detail, of_another_kind=True)
        names = archive.namelist()
        if any("vbaproject" in name.lower() for name in (*names, *kinds.values())):
            raise has_macros()
        noticed = set(_outside(archive))
        if any(name.startswith(("word/embeddings/", "word/activeX/")) for name in names):
            noticed.add(FileRemark.EMBEDDED_OBJECTS)
        # Check the whole package before any text is returned: a broken document is refused as a whole.
        parts = [main, *(name for name in names if kinds.get(name) in _NOTES)]
        texts = [_text_of(archive, part, noticed) for part in parts]
        comments = [_text_of(archive, part, noticed) for part in names if kinds.get(part) == _COMMENTS]
        pictures = any(name.startswith("word/media/") for name in names)
        unread = any(map(_UNREAD_PARTS.match, names)) or any(map(_holds_chunk, texts))
    if any(comment.strip() for comment in comments):
        noticed.add(FileRemark.COMMENTS)
    yield from (remark for remark in FileRemark if remark in noticed)
    for text in (*texts, *comments):
        yield from pieces(text.replace(_CHUNK_MARK, "\n"), None)
    if unread or sum(map(len, texts)) >= MOST_CHARACTERS:
        yield Missing.UNREAD
    elif pictures and not any(text.strip() for text in (*texts, *comments)):
        yield Missing.PICTURE


_CHUNK_MARK = "\x00"  # stands where another file is to be read in; XML holds no such character


def _holds_chunk(text: str) -> bool:
    return _CHUNK_MARK in text


def _kinds(archive: zipfile.ZipFile) -> dict[str, str]:
    """The content type of each part that has one of its own."""
    with archive.open("[Content_Types].xml") as part:
        return {
            element.get("PartName", "").lstrip("/"): element.get("ContentType", "")
            for element in elements(part)
            if element.tag == f"{_TYPES}Override"
        }


def _outside(archive: zipfile.ZipFile) -> Iterator[FileRemark]:
    """What leads out of the document, links that a reader clicks aside. Raises Refused for a remote template."""
    for name in archive.namelist():
        if not name.endswith(".rels"):
            continue
        with archive.open(name) as part:
            for element in elements(part):
                if element.tag != _RELATION or element.get("TargetMode") != "External":
                    continue
                kind = element.get("Type", "").rpartition("/")[2]
                if kind == "attachedTemplate" and _REMOTE.match(element.get("Target", "")):
                    raise follows_template()
                if kind == "oleObject":
                    yield FileRemark.EMBEDDED_OBJECTS
                if kind != "hyperlink":
                    yield FileRemark.EXTERNAL_REFERENCES


def _text_of(archive: zipfile.ZipFile, name: str, noticed: set[FileRemark]) -> str:
    with archive.open(name) as part:
        return "".join(_texts(part, noticed))


def _texts(part: IO[bytes], noticed: set[FileRemark]) -> Iterator[str]:
    """The text of the part in order, without what tracked changes deleted or moved away, and without field codes."""
    given, hidden = 0, 0
    stack: list[Element] = []
    for event, element in iterparse(part, events=("start", "end"), forbid_dtd=True):
        if event == "start":
            stack.append(element)
            hidden += element.tag in _LEFT_OUT
            if element.tag in _NOTICED:
                noticed.add(_NOTICED[element.tag])
            continue
        stack.pop()
        hidden -= element.tag in _LEFT_OUT
        if element.tag == f"{_W}instrText":
            noticed.update(_of_field(element.text or ""))
        elif element.tag == f"{_W}fldSimple":
            noticed.update(_of_field(element.get(f"{_W}instr", "")))
        elif element.tag == f"{_W}altChunk":
            yield _CHUNK_MARK
        text = (element.text or "") if element.tag == f"{_W}t" else _STANDS_FOR.get(element.tag, "")
        if text and not hidden:
            given += len(text)
            yield text
            if given >= MOST_CHARACTERS:
                return
        if stack:
            stack[-1].remove(element)  # free the memory of what was read


def _of_field(code: str) -> Iterator[FileRemark]:
    if _RUNS.match(code):
        yield FileRemark.ACTIONS
    if _FETCHES.match(code):
        yield FileRemark.EXTERNAL_REFERENCES
