"""Plain text in UTF-8, such as the text layer of a scan; form feeds divide its pages."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from registry.files.kinds import kind_of
from registry.files.pieces import MOST_CHARACTERS, MOST_PAGES, Piece, pieces
from registry.files.refusals import Refused

# Text layers hold some: a font without a map of its glyphs gives them for blanks. More than that is no text.
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0e-\x1f\x7f]")
_MOST_CONTROLS = 0.05


def read_plain(file: BinaryIO) -> Iterator[int | Piece | None]:
    """The number of pages where there are form feeds, then the text. Raises Refused."""
    raw = file.read()
    if (kind := kind_of(raw[:64])) is not None:
        raise Refused(
            "content_mismatch", f"The file is not plain text: it begins as {kind} does.", of_another_kind=True
        )
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise Refused("file_not_text", "The file is not text in UTF-8. Convert it and send it again.") from None
    if "\x00" in text or len(_CONTROL.findall(text)) > len(text) * _MOST_CONTROLS:
        raise Refused("file_not_text", "The file holds NUL or mostly control characters, as text does not.")
    pages = text[:MOST_CHARACTERS].removesuffix("\f").split("\f")
    if len(pages) > 1:
        yield len(pages)
    for number, page in enumerate(pages[:MOST_PAGES], start=1):
        yield from pieces(page, number if len(pages) > 1 else None)
    if len(text) > MOST_CHARACTERS or len(pages) > MOST_PAGES:
        yield None
