"""Parses OpenDocument texts (ODT), by the same rules as other packages."""

import re
import zipfile
from collections.abc import Iterator
from typing import BinaryIO
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import parse

from registry.platform.files.packages import has_macros, opened_package
from registry.platform.files.pieces import Found, pieces
from registry.platform.files.refusals import Refused, encrypted
from registry.platform.files.remarks import FileRemark, Missing

MEDIA_TYPE = b"application/vnd.oasis.opendocument.text"
_NAMESPACE = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_TEXT, _OFFICE, _STYLE, _DRAW, _FORM, _MANIFEST = (
    _NAMESPACE % name for name in ("text", "office", "style", "drawing", "form", "manifest")
)
_HREF = "{http://www.w3.org/1999/xlink}href"
_MACRO = re.compile(r"(Basic/.+/(?!script-l[bc]\.xml$)[^/]+\.xml|Scripts/.+)", re.IGNORECASE)
_REMOTE = re.compile(r"\s*(https?:|ftp:|file:|//|\\\\)", re.IGNORECASE)
_MOST_BLANKS = 100
_NOTICED = {
    f"{_TEXT}tracked-changes": FileRemark.TRACKED_CHANGES,
    f"{_DRAW}object": FileRemark.EMBEDDED_OBJECTS,
    f"{_DRAW}object-ole": FileRemark.EMBEDDED_OBJECTS,
    f"{_DRAW}plugin": FileRemark.EMBEDDED_OBJECTS,
    "{urn:oasis:names:tc:opendocument:xmlns:script:1.0}event-listener": FileRemark.SCRIPTS,
    f"{_OFFICE}script": FileRemark.SCRIPTS,
}
_APART = {f"{_OFFICE}annotation", f"{_TEXT}note"}
_LEFT_OUT = {f"{_TEXT}tracked-changes", f"{_OFFICE}forms"}


def read_opendocument(file: BinaryIO) -> Iterator[Found]:
    """The text, then its notes and comments, the values of its form, its headers and footers. Raises Refused."""
    with opened_package(file) as archive:
        names = set(archive.namelist())
        if archive.read("mimetype").strip() != MEDIA_TYPE:
            raise Refused(
                "content_mismatch", "The file is a package, but not an OpenDocument text.", of_another_kind=True
            )
        if any(map(_MACRO.fullmatch, names)):
            raise has_macros()
        if "META-INF/manifest.xml" in names and any(
            element.tag == f"{_MANIFEST}encryption-data" for element in _root(archive, "META-INF/manifest.xml").iter()
        ):
            raise encrypted()
        content = _root(archive, "content.xml")
        styles = _root(archive, "styles.xml") if "styles.xml" in names else Element("none")
    noticed = set(_noticed(content)) | set(_noticed(styles))
    apart = [element for element in content.iter() if element.tag in _APART]
    texts = ["".join(_texts(content)), *("".join(_texts(element, top=True)) for element in apart)]
    texts.append("\n".join(_values(content)))
    texts += [
        "".join(_texts(element))
        for element in styles.iter()
        if element.tag in (f"{_STYLE}header", f"{_STYLE}footer", f"{_STYLE}header-left", f"{_STYLE}footer-left")
    ]
    yield from (remark for remark in FileRemark if remark in noticed)
    for text in texts:
        yield from pieces(text, None)
    if any(name.startswith("Pictures/") for name in names) and not any(text.strip() for text in texts):
        yield Missing.PICTURE


def _root(archive: zipfile.ZipFile, name: str) -> Element:
    with archive.open(name) as part:
        root: Element = parse(part, forbid_dtd=True).getroot()
    return root


def _noticed(root: Element) -> Iterator[FileRemark]:
    for element in root.iter():
        if element.tag in _NOTICED:
            yield _NOTICED[element.tag]
        elif element.tag == f"{_OFFICE}annotation":
            yield FileRemark.COMMENTS
        if element.tag != f"{_TEXT}a" and _REMOTE.match(element.get(_HREF, "")):
            yield FileRemark.EXTERNAL_REFERENCES


def _values(root: Element) -> Iterator[str]:
    """What is entered in the fields of a form."""
    for element in root.iter():
        if element.tag.startswith(_FORM) and (
            value := element.get(f"{_FORM}current-value") or element.get(f"{_FORM}value")
        ):
            yield f"{element.get(f'{_FORM}label') or element.get(f'{_FORM}name') or ''}: {value}"


def _texts(root: Element, *, top: bool = False) -> Iterator[str]:
    """The text below the element in order, without what stands apart; iteratively, since a file may nest deeply."""
    stack: list[Element | str] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        if item.tag in _LEFT_OUT or (item.tag in _APART and not (top and item is root)):
            continue
        parts: list[Element | str] = [item.text or ""]
        for child in item:
            parts += [child, child.tail or ""]
        if item.tag in (f"{_TEXT}p", f"{_TEXT}h", f"{_TEXT}line-break"):
            parts.append("\n")
        elif item.tag == f"{_TEXT}tab":
            parts.append("\t")
        elif item.tag == f"{_TEXT}s":
            count = item.get(f"{_TEXT}c", "1")
            parts.append(" " * min(int(count) if count.isdecimal() else 1, _MOST_BLANKS))
        stack.extend(reversed(parts))
