"""QR codes read back from the drawing that was answered, by another library than the one that draws them."""

import re

import zxingcpp
from PIL import Image

_PART = re.compile(r"([Mmh])(-?[\d.]+)(?: ?(-?[\d.]+))?")
_PIXELS = 8
"""A module of the code, in pixels."""


def read_code(drawing: str) -> str:
    """What the code in an SVG says: a path of horizontal strokes, each a row of black modules."""
    box, strokes = re.search(r'viewBox="0 0 (\d+) \d+"', drawing), re.search(r'stroke="#000" d="([^"]+)"', drawing)
    assert box is not None
    assert strokes is not None
    size = int(box[1])
    picture, x, y = Image.new("L", (size, size), 255), 0, -1.0
    for what, first, second in _PART.findall(strokes[1]):
        if what == "h":
            for column in range(x, x + int(first)):
                picture.putpixel((column, int(y)), 0)
            x += int(first)
        else:
            x = int(first) + (0 if what == "M" else x)
            y = float(second) + (0 if what == "M" else y)
    (found,) = zxingcpp.read_barcodes(picture.resize((size * _PIXELS, size * _PIXELS), Image.Resampling.NEAREST))
    text: str = found.text
    return text
