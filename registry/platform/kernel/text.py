"""Text as it enters: bounded, NFC, not blank, no control characters; and the one tokeniser that every search shares."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Annotated, NamedTuple

from msgspec import Meta

# C0 controls (PostgreSQL fails on NUL) and DEL are refused; tab and line breaks are allowed only in prose. On one line
# C1 controls are refused too, and characters that nobody sees (soft hyphen, width 0, direction marks): with them
# one number or name could be made to look like another.
# What has to be said is not said by blanks: one character at least is to be seen.
_BLANK = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_UNSEEN = r"\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
_OFF_THE_LINE = rf"\x00-\x1f\x7f-\x9f{_UNSEEN}"
NAME_PATTERN = rf"\A[{_BLANK}]*[^{_BLANK}{_OFF_THE_LINE}][^{_OFF_THE_LINE}]*\Z"
# A file's name is one, and leads nowhere: no folder stands before it.
FILENAME_PATTERN = rf"\A[{_BLANK}]*[^{_BLANK}{_OFF_THE_LINE}/\\][^{_OFF_THE_LINE}/\\]*\Z"
# What is looked for is taken as it came: search passes over what nobody sees.
AS_IT_CAME_PATTERN = r"\A[^\x00-\x1f\x7f]+\Z"
PROSE_PATTERN = r"\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z"
SAID_PATTERN = rf"\A[\t\n\r{_BLANK}{_UNSEEN}]*[^\x00-\x1f\x7f{_BLANK}{_UNSEEN}][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z"
# What another agency reads reads as it was written: pasted characters that nobody sees do no harm there, but those that
# turn the direction of what follows would let a number or a condition be read backwards.
_TURNING = r"\u202a-\u202e\u2066-\u2069"
_HARMLESS = r"\u00ad\u200b-\u200f\u2028\u2029\u2060-\u2065\ufeff"  # what nobody sees, but for those
NOTE_PATTERN = rf"\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f{_TURNING}]*\Z"
REASON_PATTERN = (
    rf"\A[\t\n\r{_BLANK}{_HARMLESS}]*[^\x00-\x1f\x7f{_BLANK}{_UNSEEN}]"
    rf"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f{_TURNING}]*\Z"
)
_FORMS = {
    NAME_PATTERN: "on one line, not blank, without control or invisible characters",
    FILENAME_PATTERN: "on one line, not blank, without `/`, `\\`, control or invisible characters",
    AS_IT_CAME_PATTERN: "on one line, without control characters",
    PROSE_PATTERN: "without control characters",
    SAID_PATTERN: "not blank, without control characters",
    NOTE_PATTERN: "without control characters, also such as turn the direction of text",
    REASON_PATTERN: "not blank, without control characters, also such as turn the direction of text",
}

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)]
Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=80,
        pattern=r"\A[a-z0-9][a-z0-9_.-]*\Z",
        extra={"form": "a code of at most 80 lower-case letters, digits, `_`, `.` and `-`"},
    ),
]
Prose = Annotated[str, Meta(max_length=4000, pattern=NOTE_PATTERN)]
ClauseText = Annotated[str, Meta(min_length=1, max_length=40000, pattern=SAID_PATTERN)]
OwnReason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        pattern=REASON_PATTERN,
        description="Why, in a sentence for your own agency; the other one does not read it.",
    ),
]
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        pattern=REASON_PATTERN,
        description="Why, in a sentence that the other agency will read.",
    ),
]
Sha256 = Annotated[
    str,
    Meta(
        min_length=64,
        max_length=64,
        pattern=r"\A[0-9a-f]{64}\Z",
        extra={"form": "64 characters, each a digit or a letter from a to f"},
        description="SHA-256, in hex.",
    ),
]
JobTitle = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=120,
        pattern=NAME_PATTERN,
        description="The office of whoever signed, not a name.",
        examples=["Chief of Police"],
    ),
]
Citation = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        pattern=NAME_PATTERN,
        description="The law, charter, schedule or provision that says so. Have counsel review.",
        examples=["RCW 39.34.040; have counsel review"],
    ),
]


def form_in_words(meta: Meta, text: str) -> str:
    """The text of a pattern's requirement, appended to `text`. Raises KeyError for a pattern that has no words yet."""
    return str(meta.extra["form"]) if meta.extra else f"{text}, {_FORMS[meta.pattern or '']}"


_SENTENCE_ENDS = re.compile(r"[.!?;][”’\"')]*(?=\s)")


def shortened(text: str, most: int) -> str:
    """The text, where it has at most so many characters; else what whole sentences of it fit in, then “…”.

    Where the first sentence alone takes up more than half, whole words; where one word does, as much of it as fits.
    """
    if len(text) <= most:
        return text
    sentence = max((found.end() for found in _SENTENCE_ENDS.finditer(text, 0, most - 1)), default=0)
    if sentence > most // 2:
        return f"{text[:sentence]} …"
    word = text.rfind(" ", most // 2, most)
    return f"{text[: most - 1 if word < 0 else word]}…"


def counted(many: int, one: str, several: str | None = None) -> str:
    """“1 hour”, “2 hours”; `several` where that is not `one` with an s."""
    return f"{many} {one if many == 1 else several or f'{one}s'}"


def spoken(word: str) -> str:
    """A status or an action as it is said within a sentence: “on scene”, “waiting for approval”."""
    return {"needs_approval": "waiting for approval", "closed_manually": "closed"}.get(word, word.replace("_", " "))


LONGEST_TOKEN = 64  # PostgreSQL refuses lexemes longer than 2 KB
# A hyphen at the end of a line joins as well: scanned and justified texts divide words there.
_WORD = re.compile(r"[^\W_]+(?:(?:['’.]|[-‐](?:[ \t]*\n[ \t]*)?)[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_INVISIBLE = frozenset("\xad\u200b\u200c\u200d\u2060\ufeff")  # soft hyphen, joiners and other characters of width 0


def _fold(text: str) -> str:
    if text.isascii():  # nothing to decompose or to leave out, which takes long in a long text
        return text.lower()
    # Decomposed before and after: only the first step turns “𝐀” into a letter that has a case.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in decomposed if c not in _INVISIBLE and not unicodedata.combining(c))


_fold_one = lru_cache(maxsize=4096)(_fold)


class PlacedToken(NamedTuple):
    """A token of a text with its position."""

    token: str
    start: int
    end: int


class PlacedWord(NamedTuple):
    """A word of a text: as a whole, and in its parts, which of a simple word are itself."""

    whole: PlacedToken
    parts: tuple[PlacedToken, ...]


def placed_words(text: str) -> Iterator[PlacedWord]:
    """The words in their order, each with its place in the text as it is: folding makes text longer and shorter."""
    folds = {character: _fold_one(character) for character in set(text)}
    folded = "".join([folds[character] for character in text])
    origin: Sequence[int] = range(len(text))
    if any(len(fold) != 1 for fold in folds.values()):
        origin = [index for index, character in enumerate(text) for _ in folds[character]]
    for word in _WORD.finditer(folded):
        first = word.start()
        parts = tuple(
            PlacedToken(part[0][:LONGEST_TOKEN], origin[first + part.start()], origin[first + part.end() - 1] + 1)
            for part in _PART.finditer(word[0])
        )
        whole = "".join(_PART.findall(word[0]))[:LONGEST_TOKEN]
        yield PlacedWord(PlacedToken(whole, parts[0].start, parts[-1].end), parts)


def split_words(text: str) -> list[tuple[str, ...]]:
    """The words in their order, folded to lower case without accents, each in its parts: “K-9” is `k` and `9`.

    They are made here and not by the databases, whose own parsers disagree, so the same words find the same rows
    on both.
    """
    return [tuple(_PART.findall(word)) for word in _WORD.findall(_fold(text))]


def whole_word(parts: Sequence[str]) -> str:
    """The word that the parts make: “K-9” is `k9`."""
    return "".join(parts)[:LONGEST_TOKEN]


def tokens(text: str) -> list[str]:
    """The words, a compound as a whole and then part by part: “K-9” yields `k9`, `k` and `9`."""
    found: list[str] = []
    for parts in split_words(text):
        found.append(whole_word(parts))
        if len(parts) > 1:
            found.extend(part[:LONGEST_TOKEN] for part in parts)
    return found


def query_tokens(text: str) -> list[str]:
    """Words to look for: a compound is looked for as a whole, so “K-9” finds `k9` and not every `9`."""
    return [whole_word(parts) for parts in split_words(text)][:16]


def folded_key(text: str) -> str:
    """The form under which two spellings count as the same name."""
    return " ".join(tokens(text))


def normal_key(text: str) -> str:
    """The form of a number that people give to things: “E7”, “e7”, “Ｅ7” and “ E7” are one; “E-7” is another.

    Compatible characters are one (NFKC), case does not count, nor blanks at the ends and how many stand between, nor
    what nobody sees: width 0, direction marks, controls.
    """
    seen = "".join(c for c in unicodedata.normalize("NFKC", text) if c.isspace() or not _unseen(c))
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


_BETWEEN = re.compile(r"[\s\u2010-\u2015\u2212-]+")


def filing_key(text: str) -> str:
    """The form of a number under which papers are filed: “MOU-2026-14”, “mou 2026-14 ” and “MOU – 2026 – 14” are one.

    As `normal_key`, and whatever dashes and blanks stand between two parts are one dash.
    """
    key = normal_key(text)
    return _BETWEEN.sub("-", key).strip("-") or key


def _unseen(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf")


def folded(*texts: str | None) -> str:
    """The texts in a form in which a part can be found regardless of case."""
    return "\n".join(filter(None, texts)).casefold()
