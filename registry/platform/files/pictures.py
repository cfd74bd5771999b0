"""Checks pictures: PNG, JPEG and TIFF by their structure. They have no text, unless it is recognised."""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final

from registry.platform.files.kinds import JPEG, PNG, TIFF
from registry.platform.files.packages import opens_as_zip
from registry.platform.files.pieces import Found
from registry.platform.files.refusals import ambiguous, damaged, expands_too_far
from registry.platform.files.remarks import FileRemark, Missing

MOST_PIXELS = 400_000_000
_MOST_PAGES = 2_000
_MOST_CHUNKS = 200_000
_WITHOUT_LENGTH: Final = frozenset((0x01, *range(0xD0, 0xD9)))
_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


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


def _check_size(width: int, height: int) -> None:
    if not width or not height:
        raise damaged("the picture has no size")
    if width * height > MOST_PIXELS:
        raise expands_too_far()


def _png(raw: bytes) -> tuple[None, int]:
    place = 8
    for number in range(_MOST_CHUNKS):
        length, kind = struct.unpack_from(">I4s", raw, place)
        end = place + 12 + length
        (checksum,) = struct.unpack_from(">I", raw, end - 4)
        if zlib.crc32(raw[place + 4 : end - 4]) != checksum:
            raise damaged("a part of the picture does not match its checksum")
        if (number == 0) != (kind == b"IHDR"):
            raise damaged("the picture does not begin with its size")
        if kind == b"IHDR":
            _check_size(*struct.unpack_from(">II", raw, place + 8))
        place = end
        if kind == b"IEND":
            return None, place
    raise damaged("the picture has too many parts")


def _jpeg(raw: bytes) -> tuple[None, int]:
    place, sized = 2, False
    while True:
        if raw[place] != 0xFF:
            raise damaged("the parts of the picture do not follow one another")
        while raw[place] == 0xFF:
            place += 1
        marker = raw[place]
        place += 1
        if marker == 0xD9:
            if not sized:
                raise damaged("the picture has no size")
            return None, place
        if marker in _WITHOUT_LENGTH:
            continue
        (length,) = struct.unpack_from(">H", raw, place)
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", raw, place + 3)
            _check_size(width, height)
            sized = True
        place += length
        if marker == 0xDA:
            place = _behind_scan(raw, place)


def _behind_scan(raw: bytes, place: int) -> int:
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
        _check_size(sizes[256], sizes[257])
        (place,) = struct.unpack_from(f"{order}I", raw, place + 2 + 12 * count)
    if not seen:
        raise damaged("it has no pages")
    return len(seen), len(raw)


_CHECKS: Final[Mapping[str, Callable[[bytes], tuple[int | None, int]]]] = {PNG: _png, JPEG: _jpeg, TIFF: _tiff}
