"""Preparation of text for the search index: normalised, and divided into short passages."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct

from registry.platform.files.remarks import FileRemark, Missing
from registry.platform.kernel.words import index_words

LONGEST_PIECE = 8_000
MOST_CHARACTERS = 2_000_000
MOST_PAGES = 2_000

_BROKEN_AT_SOFT_HYPHEN = re.compile("\xad[ \t]*\n")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BLANKS = re.compile(r"[ \t\u00a0]+")
_EMPTY_LINES = re.compile(r"\n(?: ?\n)+")
# A line that only counts the pages stands between the halves of a word, and belongs to neither.
_COUNTS = r"(?:\s*(?:page\s*)?[-–]?\s*\d{1,4}\s*(?:(?:of|/)\s*\d{1,4})?\s*[-–]?\s*)"
_BROKEN_AT_END = re.compile(rf"[^\W\d_][-‐\xad](?=\s*(?:\n{_COUNTS})?\Z)", re.IGNORECASE)
_BEGINS_WITHIN = re.compile(rf"(\A\s*(?:{_COUNTS}\n)?\s*)([^\W\d_]+)", re.IGNORECASE)


class Piece(Struct, kw_only=True, frozen=True):
    """A passage of a file's text with its search tokens; `page` where the file has pages."""

    page: int | None
    text: str
    words: str


Found: TypeAlias = int | Piece | FileRemark | Missing
"""What a parser finds: how many pages there are, passages, remarks, and that something is missing."""


def joined(pages: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The pages, a word that is broken over two of them as a whole on the one on which it begins."""
    held: tuple[int, str] | None = None
    for number, text in pages:
        if held is not None:
            broken, rest = _BROKEN_AT_END.search(held[1]), _BEGINS_WITHIN.match(text)
            if broken is not None and rest is not None and rest[2][0].islower():
                at = broken.end()
                held = held[0], f"{held[1][: at - 1]}-\n{rest[2]}{held[1][at:]}"
                text = rest[1] + text[rest.end() :]
            yield held
        held = number, text
    if held is not None:
        yield held


def cleaned(text: str) -> str:
    """The text in NFC, with blanks for unprintable characters. A soft hyphen at a line end becomes a plain one."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _UNPRINTABLE.sub(" ", _BROKEN_AT_SOFT_HYPHEN.sub("-\n", text).replace("\xad", ""))
    text = _EMPTY_LINES.sub("\n\n", _BLANKS.sub(" ", unicodedata.normalize("NFC", text)))
    return text.strip()


def pieces(text: str, page: int | None) -> Iterator[Piece]:
    """The text in passages of at most `LONGEST_PIECE` characters, divided at the end of a paragraph, line or word."""
    rest = cleaned(text)
    while len(rest) > LONGEST_PIECE:
        at = max(rest.rfind("\n\n", 0, LONGEST_PIECE), 0)
        for blank in ("\n", " "):
            at = at if at > LONGEST_PIECE // 2 else max(rest.rfind(blank, 0, LONGEST_PIECE), 0)
        at = at or LONGEST_PIECE
        if rest[at - 1] in "-‐":  # the line ends within a word
            at = max(rest.rfind(" ", 0, at), rest.rfind("\n", 0, at)) if " " in rest[1:at] else at
        yield _piece(page, rest[:at].rstrip())
        rest = rest[at:].lstrip()
    if rest:
        yield _piece(page, rest)


def _piece(page: int | None, text: str) -> Piece:
    return Piece(page=page, text=text, words=index_words(text))
