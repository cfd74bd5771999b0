"""Text on its way into the search index: cleaned, and cut into pieces that a person can take in."""

import re
import unicodedata
from collections.abc import Iterator

from msgspec import Struct

from registry.kernel.text import index_words

LONGEST_PIECE = 8_000
MOST_CHARACTERS = 2_000_000
MOST_PAGES = 2_000

_BROKEN_AT_SOFT_HYPHEN = re.compile("\xad[ \t]*\n")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BLANKS = re.compile(r"[ \t\u00a0]+")
_EMPTY_LINES = re.compile(r"\n(?: ?\n)+")


class Piece(Struct, kw_only=True, frozen=True):
    """Some text of a file, with the words it is found by; `page` where the file has pages."""

    page: int | None
    text: str
    words: str


def cleaned(text: str) -> str:
    """NFC, blanks for what cannot be stored or seen; words broken at a soft hyphen are left with a plain one."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _UNPRINTABLE.sub(" ", _BROKEN_AT_SOFT_HYPHEN.sub("-\n", text).replace("\xad", ""))
    text = _EMPTY_LINES.sub("\n\n", _BLANKS.sub(" ", unicodedata.normalize("NFC", text)))
    return text.strip()


def pieces(text: str, page: int | None) -> Iterator[Piece]:
    """The text in stretches of at most `LONGEST_PIECE` characters, cut where a paragraph, line or word ends."""
    rest = cleaned(text)
    while len(rest) > LONGEST_PIECE:
        at = max(rest.rfind("\n\n", 0, LONGEST_PIECE), 0)
        for blank in ("\n", " "):
            at = at if at > LONGEST_PIECE // 2 else max(rest.rfind(blank, 0, LONGEST_PIECE), 0)
        at = at or LONGEST_PIECE
        yield _piece(page, rest[:at].rstrip())
        rest = rest[at:].lstrip()
    if rest:
        yield _piece(page, rest)


def _piece(page: int | None, text: str) -> Piece:
    return Piece(page=page, text=text, words=index_words(text))
