"""Recognises the text of pictures with tesseract: of a picture, and of pages of a PDF that are nothing but one.

What it finds may be wrong; the pages that it could not read, or did not come to, stay without text.
"""

import resource
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO, Final

from pypdf import PdfReader

from registry.platform.files.kinds import PDF
from registry.platform.files.pdf import is_picture, opened_pdf
from registry.platform.files.pieces import MOST_PAGES, Found, pieces
from registry.platform.files.remarks import FileRemark, Missing

_ENVIRONMENT: Final = {"OMP_THREAD_LIMIT": "1"}
_LONGEST_PAGE: Final = 45.0
_SMALLEST: Final = 200 * 200


def recognise_text(file: BinaryIO, *, media_type: str, recogniser: str, seconds: int) -> Iterator[Found]:
    """The text that the program recognises, page by page, as long as there is time."""
    ends_at = time.monotonic() + seconds * 0.9
    for page, picture in _pictures(file, media_type):
        left = ends_at - time.monotonic()
        text = _recognised(picture, recogniser, min(left, _LONGEST_PAGE)) if picture and left > 1 else ""
        if text.strip():
            yield FileRemark.TEXT_RECOGNISED
            yield from pieces(text, page)
    # Nobody can tell whether all of it was recognised, and as it is written.
    yield Missing.PICTURE


def _recognised(picture: bytes, recogniser: str, seconds: float) -> str:
    with suppress(subprocess.SubprocessError, OSError):
        found = subprocess.run(  # noqa: S603  # the program that the operator installed; the picture is its input
            [recogniser, "stdin", "stdout", "-l", "eng"],
            input=picture,
            capture_output=True,
            env=dict(_ENVIRONMENT),
            cwd="/",
            preexec_fn=partial(_limit_time, max(int(seconds), 1)),  # this process has one thread
            check=True,
        )
        return found.stdout.decode(errors="replace").replace("\f", "\n")
    return ""


def _limit_time(seconds: int) -> None:
    """The program computes all the time; this process may end no other, not even at a time limit."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


def _pictures(file: BinaryIO, media_type: str) -> Iterator[tuple[int | None, bytes]]:
    """Each page that is a picture, with it; empty where it is packed in a way that is not read here."""
    if media_type != PDF:
        yield None, file.read()
        return
    reader = opened_pdf(file)[0]
    for number in range(1, min(len(reader.pages), MOST_PAGES) + 1):
        picture = b""
        try:
            page = reader.pages[number - 1]
            if not is_picture(page, page.extract_text()):
                continue
            picture = _largest(reader, number)
        except Exception:  # noqa: BLE001  # the page stays without text
            picture = b""
        yield number, picture


def _largest(reader: PdfReader, number: int) -> bytes:
    """The largest picture of the page, as a file that the program reads."""
    page: Any = reader.pages[number - 1]
    shown = [each.get_object() for each in page["/Resources"]["/XObject"].values()]
    pictures = [each for each in shown if each.get("/Subtype") == "/Image"]
    best = max(pictures, key=lambda each: each["/Width"] * each["/Height"], default=None)
    if best is None or best["/Width"] * best["/Height"] < _SMALLEST:
        return b""
    return _as_file(best)


def _as_file(picture: Any) -> bytes:
    kind = picture.get("/Filter")
    filters = [str(kind)] if isinstance(kind, str) else [str(each) for each in kind or ()]
    width, height = int(picture["/Width"]), int(picture["/Height"])
    if filters == ["/DCTDecode"]:
        return bytes(picture._data)
    if filters == ["/CCITTFaxDecode"]:
        return _fax(picture, width, height)
    if set(filters) <= {"/FlateDecode", "/LZWDecode", "/RunLengthDecode", "/ASCII85Decode", "/ASCIIHexDecode"}:
        return _bitmap(picture.get_data(), picture, width, height)
    return b""


def _bitmap(pixels: bytes, picture: Any, width: int, height: int) -> bytes:
    bits, space = int(picture.get("/BitsPerComponent", 1)), str(picture.get("/ColorSpace"))
    if bits == 1:  # PBM is black where PDF is white
        row = (width + 7) // 8
        return b"P4 %d %d\n" % (width, height) + bytes(255 - each for each in pixels[: row * height])
    if bits == 8 and len(pixels) >= width * height * 3 and "Gray" not in space:
        return b"P6 %d %d 255\n" % (width, height) + pixels[: width * height * 3]
    if bits == 8 and len(pixels) >= width * height:
        return b"P5 %d %d 255\n" % (width, height) + pixels[: width * height]
    return b""


def _fax(picture: Any, width: int, height: int) -> bytes:
    """A TIFF of one strip around what a fax machine would have sent."""
    given: Any = picture.get("/DecodeParms") or {}
    about: Mapping[str, Any] = given[0].get_object() if isinstance(given, list) else given.get_object()
    packed = bytes(picture._data)
    scheme = 4 if int(about.get("/K", 0)) < 0 else 3
    white = 1 if about.get("/BlackIs1") else 0
    entries = (
        (256, 4, width),
        (257, 4, height),
        (258, 3, 1),
        (259, 3, scheme),
        (262, 3, white),
        (273, 4, 8 + 2 + 9 * 12 + 4),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, len(packed)),
    )
    out = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for tag, kind, value in entries:
        out += struct.pack("<HHII", tag, kind, 1, value)
    return out + struct.pack("<I", 0) + packed
