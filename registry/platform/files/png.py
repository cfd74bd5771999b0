"""What a PNG's pixels need: as many bytes as its size, depth and interlacing say, and not one more.

Pixels are compressed, so that a picture of a few bytes can stand for gigabytes, and anything can hide behind the last
row. They are inflated piece by piece and thrown away; only their number counts.
"""

import struct
import zlib
from typing import Final

from msgspec import Struct

from registry.platform.files.refusals import damaged

# Of each kind of colour (PNG, 11.2.1): how many samples a pixel has, and how many bits each may have.
_COLOURS: Final = {0: (1, (1, 2, 4, 8, 16)), 2: (3, (8, 16)), 3: (1, (1, 2, 4, 8)), 4: (2, (8, 16)), 6: (4, (8, 16))}
# The seven passes of an interlaced picture (PNG, 8.2): where each begins, and how far its pixels are from each other.
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_AT_ONCE: Final = 65_536


class Header(Struct, kw_only=True, frozen=True):
    """What a PNG says of its pixels."""

    width: int
    height: int
    bits: int
    interlaced: bool

    @property
    def inflated(self) -> int:
        """How many bytes all rows have, each with the one that says how it is filtered."""
        if not self.interlaced:
            return self._rows(self.width, self.height)
        return sum(
            self._rows(_steps(self.width, left, across), _steps(self.height, top, down))
            for left, top, across, down in _PASSES
        )

    def _rows(self, width: int, height: int) -> int:
        return height * (1 + (width * self.bits + 7) // 8) if width else 0


def _steps(size: int, first: int, step: int) -> int:
    return max(0, (size - first + step - 1) // step)


def header_of(said: bytes) -> Header:
    """The header in an IHDR. Raises Refused for one that no PNG has."""
    if len(said) != 13:
        raise damaged("the picture does not begin with its size")
    width, height, depth, colour, compression, filtering, interlacing = struct.unpack(">II5B", said)
    samples, depths = _COLOURS.get(colour, (0, ()))
    if depth not in depths or compression or filtering or interlacing > 1:
        raise damaged("the picture's colours are of no kind that there is")
    return Header(width=width, height=height, bits=samples * depth, interlaced=interlacing == 1)


class Rows:
    """Counts the rows of a picture while its compressed parts are given, one after the other."""

    def __init__(self, header: Header) -> None:
        self._missing = header.inflated
        self._stream = zlib.decompressobj()

    def add(self, part: memoryview) -> None:
        """Take the next part. Raises Refused for what is not compressed, and for more than the picture has."""
        for place in range(0, len(part), _AT_ONCE):
            given: bytes = bytes(part[place : place + _AT_ONCE])
            while given:
                if self._stream.eof:
                    raise damaged("something stands behind the picture's last row")
                try:
                    self._missing -= len(self._stream.decompress(given, _AT_ONCE))
                except zlib.error as error:
                    raise damaged("its pixels are not compressed as a picture's are") from error
                if self._missing < 0 or self._stream.unused_data:
                    raise damaged("something stands behind the picture's last row")
                given = self._stream.unconsumed_tail

    def end(self) -> None:
        """Raises Refused where rows are missing."""
        try:
            self._missing -= len(self._stream.flush())
        except zlib.error as error:
            raise damaged("its pixels are not compressed as a picture's are") from error
        if self._missing or not self._stream.eof:
            raise damaged("rows of the picture are missing, or too many")
