"""Parses PDF: checks that it is a complete PDF that everybody may open, and extracts the text of each page.

Beside what is drawn on the pages, the values of its form, annotations and the names of attachments are text too. What a
viewer would run or follow is noticed, and left alone.
"""

import re
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from pypdf import PageObject, PdfReader, overwrite_configuration
from pypdf.errors import LimitReachedError
from pypdf.generic import ArrayObject, DictionaryObject, NameObject

from registry.platform.files.packages import opens_as_zip
from registry.platform.files.pieces import MOST_PAGES, Found, Piece, joined, pieces
from registry.platform.files.refusals import Refused, ambiguous, damaged, encrypted, expands_too_far
from registry.platform.files.remarks import FileRemark, Missing

_HEADER = re.compile(rb"%PDF-[12]\.[0-9]")
_TAIL_BYTES = 2_048
_MOST_DECODED = 64 * 2**20
_ARCHIVE_BEHIND = re.compile(rb"Rar!\x1a\x07[\x00\x01]|7z\xbc\xaf\x27\x1c\x00")
_MOST_ANNOTATIONS = 20_000
_DEEPEST = 32
# A picture as large as a page at 100 dots an inch, with no more words than a stamp or an envelope number beside it.
_PAGE_PIXELS = 850 * 1_100
_FEW_CHARACTERS = 200
_DRAWN_BYTES = 2_000  # more than a frame or a rule on an otherwise blank page takes

_HARMLESS: Final = frozenset(("/GoTo", "/Named", "/Hide", "/SetOCGState", "/Trans", "/GoTo3DView"))
_SCRIPTS: Final = frozenset(("/JavaScript", "/Rendition"))
_MEDIA: Final = frozenset(("/RichMedia", "/Screen", "/3D", "/Movie", "/Sound"))

# The largest size of one decoded stream. No external program is ever started to decode one.
overwrite_configuration(
    zlib_maximum_output_length=_MOST_DECODED,
    lzw_maximum_output_length=_MOST_DECODED,
    run_length_maximum_output_length=_MOST_DECODED,
    array_based_stream_maximum_output_length=_MOST_DECODED,
    maximum_declared_stream_length=_MOST_DECODED,
    jbig2dec_binary=None,
    disable_legacy_handling=True,
)


def read_pdf(file: BinaryIO) -> Iterator[Found]:
    """The number of pages, the text of each, remarks, and what is missing. Raises Refused."""
    _check_frame(file)
    reader, restricted = opened_pdf(file)
    try:
        count = len(reader.pages)
    except LimitReachedError:
        raise expands_too_far() from None
    except Exception as error:  # the library may raise anything for a broken structure
        raise damaged("its pages cannot be found") from error
    if not count:
        raise damaged("it has no pages")
    yield count
    if restricted:
        yield FileRemark.USE_RESTRICTED
    beside = _Beside()
    yield from _of_catalog(reader, beside)
    missing: list[Missing] = []
    for number, text in joined(_page_texts(reader, min(count, MOST_PAGES), missing)):
        yield from pieces(text, number)
        yield from _of_page(reader, number, beside)
    yield from (remark for remark in FileRemark if remark in beside.remarks)
    yield from dict.fromkeys(missing)
    if count > MOST_PAGES or beside.unread:
        yield Missing.UNREAD


class _Beside:
    """What is found beside the pages' own text."""

    def __init__(self) -> None:
        self.remarks: set[FileRemark] = set()
        self.annotations = 0
        self.unread = False


def _page_texts(reader: PdfReader, count: int, missing: list[Missing]) -> Iterator[tuple[int, str]]:
    for number in range(1, count + 1):
        try:
            page = reader.pages[number - 1]
            text = page.extract_text()
            if is_picture(page, text):
                missing.append(Missing.PICTURE)
        except LimitReachedError:
            raise expands_too_far() from None
        except Exception:  # noqa: BLE001  # the other pages may be readable; this one is missing
            missing.append(Missing.UNREAD)
            text = ""
        yield number, text


def is_picture(page: PageObject, text: str) -> bool:
    """Whether the page shows something to read that is not text: a scan, or letters drawn as lines."""
    said = len("".join(text.split()))
    if said >= _FEW_CHARACTERS:
        return False
    resources = _dictionary(page.get("/Resources"))
    shown = [_dictionary(each) for each in _dictionary(resources.get("/XObject")).values()]
    pictures = [each for each in shown if each.get("/Subtype") == "/Image"]
    if not said:
        contents = page.get_contents()
        return bool(shown) or (contents is not None and len(contents.get_data()) > _DRAWN_BYTES)
    return any(_number(each.get("/Width")) * _number(each.get("/Height")) >= _PAGE_PIXELS for each in pictures)


def _of_catalog(reader: PdfReader, beside: _Beside) -> Iterator[Piece]:
    """What the document as a whole does when it is opened, and the names of files within it."""
    attached: list[str] = []
    try:
        root = reader.root_object
        _notice_action(root.get("/OpenAction"), beside)
        _notice_more_actions(root, beside)
        names = _dictionary(root.get("/Names"))
        if "/JavaScript" in names:
            beside.remarks.add(FileRemark.SCRIPTS)
        form = _dictionary(root.get("/AcroForm"))
        if "/XFA" in form:
            beside.remarks.add(FileRemark.DYNAMIC_FORM)
            beside.unread = True
        if "/Collection" in root:
            beside.unread = True
        attached = [str(each.name) for each in reader.attachment_list]
    except LimitReachedError:
        raise expands_too_far() from None
    except Exception:  # noqa: BLE001  # the pages may be readable all the same
        beside.unread = True
    if attached:
        beside.remarks.add(FileRemark.EMBEDDED_FILES)
        yield from pieces("\n".join(attached), None)


def _of_page(reader: PdfReader, number: int, beside: _Beside) -> Iterator[Piece]:
    """The values of form fields and the words of annotations on the page, apart from its own text."""
    said: list[str] = []
    try:
        page = reader.pages[number - 1]
        _notice_more_actions(page, beside)
        for each in _array(page.get("/Annots")):
            beside.annotations += 1
            if beside.annotations > _MOST_ANNOTATIONS:
                beside.unread = True
                break
            said += _of_annotation(_dictionary(each), beside)
    except LimitReachedError:
        raise expands_too_far() from None
    except Exception:  # noqa: BLE001  # the page's own text was readable
        beside.unread = True
    yield from pieces("\n".join(said), number)


def _of_annotation(annotation: DictionaryObject, beside: _Beside) -> Iterator[str]:
    kind = annotation.get("/Subtype")
    _notice_action(annotation.get("/A"), beside)
    _notice_more_actions(annotation, beside)
    if kind == "/Widget":
        name, value = _inherited(annotation, "/T"), _inherited(annotation, "/V")
        if isinstance(value, NameObject):  # of a box or button: which of its states is chosen
            value = "" if value == "/Off" else value.removeprefix("/")
        shown = (
            ", ".join(map(str, value)) if isinstance(value, ArrayObject) else value if isinstance(value, str) else ""
        )
        if shown:
            yield f"{name}: {shown}" if isinstance(name, str) else shown
    elif kind == "/FileAttachment":
        beside.remarks.add(FileRemark.EMBEDDED_FILES)
        file = _dictionary(annotation.get("/FS"))
        yield str(file.get("/UF") or file.get("/F") or "")
    elif kind in _MEDIA:
        beside.remarks.add(FileRemark.EMBEDDED_OBJECTS)
    elif kind not in ("/Link", "/Popup") and (words := annotation.get("/Contents")):
        beside.remarks.add(FileRemark.COMMENTS)
        yield str(words)


def _inherited(field: DictionaryObject, key: str) -> Any:
    """The value of a field, or of the one that it belongs to."""
    for _ in range(_DEEPEST):
        if key in field:
            return field[key]
        if "/Parent" not in field:
            break
        field = _dictionary(field["/Parent"])
    return None


def _notice_more_actions(holder: DictionaryObject, beside: _Beside) -> None:
    for each in _dictionary(holder.get("/AA")).values():
        _notice_action(each, beside)


def _notice_action(action: Any, beside: _Beside) -> None:
    """What an action does; a link that a reader clicks is none."""
    for _ in range(_DEEPEST):
        found = _dictionary(action)
        kind = found.get("/S")
        if kind in _SCRIPTS:
            beside.remarks.add(FileRemark.SCRIPTS)
        elif kind in ("/GoToR", "/GoToE"):
            beside.remarks.add(FileRemark.EXTERNAL_REFERENCES)
        elif kind is not None and kind != "/URI" and kind not in _HARMLESS:
            beside.remarks.add(FileRemark.ACTIONS)
        following = found.get("/Next")
        if following is None:
            return
        if isinstance(following.get_object(), ArrayObject):
            beside.remarks.add(FileRemark.ACTIONS)
            return
        action = following


def _dictionary(value: Any) -> DictionaryObject:
    found = value.get_object() if value is not None else None
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _array(value: Any) -> list[Any]:
    found = value.get_object() if value is not None else None
    return list(found) if isinstance(found, ArrayObject) else []


def _number(value: Any) -> int:
    found = value.get_object() if value is not None else None
    return int(found) if isinstance(found, int | float) else 0


def _check_frame(file: BinaryIO) -> None:
    """Raises Refused when the file does not begin and end like a PDF, or contains other data besides it."""
    if not _HEADER.match(file.read(16)):
        raise Refused("file_not_pdf", "The file is not a PDF: it does not begin like one.")
    file.seek(0, 2)
    file.seek(max(file.tell() - _TAIL_BYTES, 0))
    if not file.read().rstrip(b"\x00\t\n\f\r ").endswith(b"%%EOF"):
        raise damaged("it does not end like a PDF: it is truncated, or other data follows")
    file.seek(0)
    if _ARCHIVE_BEHIND.search(file.read()):
        raise ambiguous("an archive")
    file.seek(0)
    if opens_as_zip(file):
        raise ambiguous("a ZIP archive")
    file.seek(0)
    if tarfile.is_tarfile(file):
        raise ambiguous("a tar archive")


def opened_pdf(file: BinaryIO) -> tuple[PdfReader, bool]:
    """The document, and whether it is encrypted although anybody may open it. Raises Refused."""
    file.seek(0)
    try:
        reader = PdfReader(file)
        restricted = reader.is_encrypted
        if restricted and not reader.decrypt(""):
            raise encrypted()
        _ = reader.root_object
    except Refused:
        raise
    except LimitReachedError:
        raise expands_too_far() from None
    except Exception as error:
        # Opening may fail because of an unknown kind of encryption.
        file.seek(0)
        if b"/Encrypt" in file.read():
            raise encrypted() from None
        raise damaged("its structure is broken") from error
    return reader, restricted
