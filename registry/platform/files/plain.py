"""Parses plain text in UTF-8, such as the text layer of a scan; form feeds separate its pages."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from registry.platform.files.kinds import LONGEST_SIGN, NAMES, kind_of
from registry.platform.files.pieces import MOST_CHARACTERS, MOST_PAGES, Found, joined, pieces
from registry.platform.files.refusals import Refused
from registry.platform.files.remarks import Missing

# Text layers contain some, where a font has no character map for blanks. A larger share means that it is not text.
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0e-\x1f\x7f]")
_MOST_CONTROLS = 0.05


def read_plain(file: BinaryIO) -> Iterator[Found]:
    """The number of pages where there are form feeds, then the text. Raises Refused."""
    raw = file.read()
    if (kind := kind_of(raw[:LONGEST_SIGN])) is not None:
        raise Refused(
            "content_mismatch",
            f"The file is not plain text: it begins like {NAMES.get(kind, kind)}.",
            of_another_kind=True,
        )
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise Refused("file_not_text", "The file is not text in UTF-8. Convert it and send it again.") from None
    if "\x00" in text or len(_CONTROL.findall(text)) > len(text) * _MOST_CONTROLS:
        raise Refused("file_not_text", "The file contains NUL, or mostly control characters, so it is not text.")
    pages = text[:MOST_CHARACTERS].removesuffix("\f").split("\f")
    if len(pages) > 1:
        yield len(pages)
    for number, page in joined(enumerate(pages[:MOST_PAGES], start=1)):
        yield from pieces(page, number if len(pages) > 1 else None)
    if len(text) > MOST_CHARACTERS or len(pages) > MOST_PAGES:
        yield Missing.UNREAD
