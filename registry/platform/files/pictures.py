"""Checks pictures: PNG, JPEG and TIFF by their structure. They have no text, unless it is recognised."""

import struct
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import BinaryIO, Final

from registry.platform.files.kinds import JPEG, PNG, TIFF
from registry.platform.files.packages import opens_as_zip
from registry.platform.files.pieces import Found
from registry.platform.files.png import Rows, header_of
from registry.platform.files.refusals import ambiguous, damaged, expands_too_far
from registry.platform.files.remarks import FileRemark, Missing

MOST_PIXELS: Final = 50_000_000
"""Of a PNG or JPEG, which is shown as one picture."""
MOST_SCANNED_PIXELS: Final = 400_000_000
"""Of a page of a TIFF, which is scanned."""
_MOST_PAGES = 2_000
_MOST_CHUNKS = 200_000
WITHOUT_LENGTH: Final = frozenset((0x01, *range(0xD0, 0xD9)))
_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS: Final = frozenset((0xC3, 0xC7, 0xCB, 0xCF))
_ARITHMETIC: Final = frozenset((0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
_HUFFMAN, _SCAN, _QUANTITIES = 0xC4, 0xDA, 0xDB
SHOWING: Final = _SIZES | {_HUFFMAN, 0xCC, _SCAN, _QUANTITIES, 0xDC, 0xDD}
"""The parts of a JPEG that its pixels need: sizes, tables, scans, how many lines there are, and restarts."""
_KNOWN: Final = SHOWING | {0xDE, 0xDF, *range(0xE0, 0xF0), 0xFE}


def read_picture(media_type: str) -> Callable[[BinaryIO], Iterator[Found]]:
    """The reader of that kind of picture."""

    def read(file: BinaryIO) -> Iterator[Found]:
        raw = file.read()
        if opens_as_zip(file):
            raise ambiguous("a ZIP archive")
        try:
            pages, end = _CHECKS[media_type](raw)
        except (struct.error, IndexError) as error:
            raise damaged("the picture is cut off") from error
        if raw[end:].strip(b"\x00\r\n "):
            yield FileRemark.DATA_BEHIND
        if pages is not None:
            yield pages
        yield Missing.PICTURE

    return read


def _check_size(width: int, height: int, most: int = MOST_PIXELS) -> None:
    if not width or not height:
        raise damaged("the picture has no size")
    if width * height > most:
        raise expands_too_far()


def _png(raw: bytes) -> tuple[None, int]:
    length, kind = struct.unpack_from(">I4s", raw, 8)
    if kind != b"IHDR":
        raise damaged("the picture does not begin with its size")
    header = header_of(raw[16 : 16 + length])
    _check_size(header.width, header.height)
    rows, kinds, place = Rows(header), [b""], 8
    for _ in range(_MOST_CHUNKS):
        length, kind = struct.unpack_from(">I4s", raw, place)
        end = place + 12 + length
        (checksum,) = struct.unpack_from(">I", raw, end - 4)
        if zlib.crc32(memoryview(raw)[place + 4 : end - 4]) != checksum:
            raise damaged("a part of the picture does not match its checksum")
        if kind in kinds and (kind == b"IHDR" or (kind == b"IDAT" and kinds[-1] != kind)):
            raise damaged("the parts of the picture do not follow one another")
        if kind == b"IDAT":
            rows.add(memoryview(raw)[place + 8 : end - 4])
        if kind != kinds[-1]:
            kinds.append(kind)
        place = end
        if kind == b"IEND":
            rows.end()
            return None, place
    raise damaged("the picture has too many parts")


def _jpeg(raw: bytes) -> tuple[None, int]:
    """Up to the end of the picture, each part must be one that a decoder knows, and what it needs come before it."""
    place, shape, tables, scans = 2, b"", set[int](), 0
    while True:
        if raw[place] != 0xFF:
            raise damaged("the parts of the picture do not follow one another")
        while raw[place] == 0xFF:
            place += 1
        marker = raw[place]
        place += 1
        if marker == 0xD9:
            if not scans:
                raise damaged("the picture has no pixels")
            return None, place
        if marker in WITHOUT_LENGTH:
            continue
        (length,) = struct.unpack_from(">H", raw, place)
        said = raw[place + 2 : place + length]
        if marker not in _KNOWN or length < 2 or len(said) != length - 2:
            raise damaged("a part of the picture is none that there is")
        if marker in _SIZES:
            _, height, width, components = struct.unpack_from(">BHHB", said)
            if shape or not components or len(said) != 6 + 3 * components:
                raise damaged("the picture has several sizes, or none")
            _check_size(width, height)
            shape = said[6::3]
        tables.add(marker)
        place += length
        if marker == _SCAN:
            _check_scan(said, shape, tables)
            end = behind_scan(raw, place)
            if end == place:
                raise damaged("a part of its pixels is empty")
            place, scans = end, scans + 1


def _check_scan(said: bytes, shape: bytes, tables: Collection[int]) -> None:
    """Raises Refused unless the pixels that follow are of the picture's colours, and its tables are there already."""
    colours = said[1:-3:2]
    if not said or not shape or len(said) != 4 + 2 * said[0] or not said[0] or not set(colours) <= set(shape):
        raise damaged("its pixels are of another picture")
    if _LOSSLESS.isdisjoint(tables) and _QUANTITIES not in tables:
        raise damaged("the tables that its pixels need are missing")
    if _ARITHMETIC.isdisjoint(tables) and _HUFFMAN not in tables:
        raise damaged("the tables that its pixels need are missing")


def behind_scan(raw: bytes, place: int) -> int:
    """Where the compressed pixels end: at the next marker that is not one of theirs."""
    while True:
        place = raw.find(b"\xff", place)
        if place < 0 or place + 1 >= len(raw):
            raise damaged("the picture is cut off")
        if raw[place + 1] != 0 and not 0xD0 <= raw[place + 1] <= 0xD7 and raw[place + 1] != 0xFF:
            return place
        place += 1 if raw[place + 1] == 0xFF else 2


def _tiff(raw: bytes) -> tuple[int, int]:
    order = "<" if raw.startswith(b"II") else ">"
    (place,) = struct.unpack_from(f"{order}I", raw, 4)
    seen: set[int] = set()
    while place:
        if place in seen or len(seen) >= _MOST_PAGES:
            raise damaged("its pages never end")
        seen.add(place)
        (count,) = struct.unpack_from(f"{order}H", raw, place)
        sizes = {256: 0, 257: 0}
        for number in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHI4s", raw, place + 2 + 12 * number)
            if tag in sizes:
                sizes[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", value)[0]
        _check_size(sizes[256], sizes[257], MOST_SCANNED_PIXELS)
        (place,) = struct.unpack_from(f"{order}I", raw, place + 2 + 12 * count)
    if not seen:
        raise damaged("it has no pages")
    return len(seen), len(raw)


_CHECKS: Final[Mapping[str, Callable[[bytes], tuple[int | None, int]]]] = {PNG: _png, JPEG: _jpeg, TIFF: _tiff}
