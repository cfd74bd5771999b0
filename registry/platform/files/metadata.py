"""Removes from pictures what they say besides the picture: where and when it was taken, by whom, with what.

A phone writes its place and its owner into each photograph (EXIF, XMP, comments), and a small copy of what was cut
away. What is left is what shows the picture: its pixels, colours and which side is up. What stands behind the picture
goes too. The file was checked before (`pictures`), so that its parts are known to follow one another.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import Final

from registry.platform.files.kinds import JPEG, MAIL, OPEN_TEXT, PDF, PNG, RTF, WORD
from registry.platform.files.pictures import SHOWING, WITHOUT_LENGTH, behind_scan

STRIPPED: Final = frozenset({JPEG, PNG})
"""The kinds of pictures whose metadata is removed. A TIFF's is spread over the whole file."""

LEFT_IN: Final = frozenset({PDF, WORD, OPEN_TEXT, RTF, MAIL})
"""The kinds of papers that may say more than their pages: kept as they came, so that a signature still fits."""

# Of each part of a PNG that shows the picture, how long it can be; what is longer says something else. Profiles of
# colours (iCCP, and in a JPEG ICC) are text of any length for the most part, and go.
_PNG_ONCE: Final[Mapping[bytes, int]] = {
    b"IHDR": 13,
    b"PLTE": 768,
    b"IEND": 0,
    b"tRNS": 256,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"cICP": 4,
    b"sBIT": 4,
    b"pHYs": 9,
    b"bKGD": 6,
}
_EXIF: Final = b"Exif\x00\x00"
_DENSITY, _COLOURS = 0xE0, 0xEE
_START_OF_SCAN, _END = 0xDA, 0xD9
_LONG_ENOUGH: Final = 12
_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = 1
_SIDES: Final = range(1, 9)


def without_metadata(media_type: str, raw: bytes) -> bytes:
    """The picture and nothing else, as a file of the same kind."""
    return _jpeg(raw) if media_type == JPEG else _png(raw)


def _png(raw: bytes) -> bytes:
    out, place, side, seen = [raw[:8]], 8, _UPRIGHT, set[bytes]()
    while True:
        length, kind = struct.unpack_from(">I4s", raw, place)
        end = place + 12 + length
        if kind == b"eXIf":
            side = _side_up(raw[place + 8 : end - 4])
        elif kind == b"IDAT" and side != _UPRIGHT:
            out.append(_chunk(b"eXIf", _only_side(side)))
            side = _UPRIGHT
        if kind == b"IDAT" or (kind not in seen and length <= _PNG_ONCE.get(kind, -1)):
            out.append(raw[place:end])
        seen.add(kind)
        if kind == b"IEND":
            return b"".join(out)
        place = end


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _jpeg(raw: bytes) -> bytes:
    out, place, side = [b""], 2, _UPRIGHT
    while True:
        while raw[place] == 0xFF:
            place += 1
        marker = raw[place]
        place += 1
        if marker == _END:
            break
        start = place
        if marker not in WITHOUT_LENGTH:
            (length,) = struct.unpack_from(">H", raw, place)
            place += length
        said = raw[start + 2 : place]
        if marker == 0xE1 and said.startswith(_EXIF):
            side = _side_up(said[len(_EXIF) :])
        if marker == _START_OF_SCAN:
            place = behind_scan(raw, place)
        if marker in SHOWING or marker in WITHOUT_LENGTH:
            out.append(bytes((0xFF, marker)) + raw[start:place])
        elif marker == _DENSITY and said.startswith(b"JFIF\x00") and len(said) >= _LONG_ENOUGH:
            out.append(_segment(marker, said[:12] + bytes(2)))  # without the small copy that may follow
        elif marker == _COLOURS and said.startswith(b"Adobe") and len(said) >= _LONG_ENOUGH:
            out.append(_segment(marker, said[:12]))
    if side != _UPRIGHT:
        out.insert(0, _segment(0xE1, _EXIF + _only_side(side)))
    return b"".join((b"\xff\xd8", *out, b"\xff\xd9"))


def _segment(marker: int, said: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(said) + 2) + said


def _side_up(exif: bytes) -> int:
    """Which side of the picture is up, as EXIF numbers it; upright where it does not say so."""
    try:
        order = {b"II": "<", b"MM": ">"}[exif[:2]]
        (place,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, place)
        for number in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, place + 2 + 12 * number)
            if tag == _ORIENTATION and value in _SIDES:
                return int(value)
    except (KeyError, struct.error):
        return _UPRIGHT
    return _UPRIGHT


def _only_side(side: int) -> bytes:
    """EXIF that says which side is up, and nothing else."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, _ORIENTATION, 3, 1, side, 0, 0)
