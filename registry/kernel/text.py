"""Text as it enters: bounded, NFC, no control characters; and the one tokeniser both search indexes share."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Annotated, NamedTuple

from msgspec import Meta

# C0 controls (NUL makes PostgreSQL fail), and DEL are refused; tab and line breaks only in prose.
NAME_PATTERN = r"\A[^\x00-\x1f\x7f]+\Z"
PROSE_PATTERN = r"\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z"

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)]
Code = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"\A[a-z0-9][a-z0-9_.-]*\Z")]
Prose = Annotated[str, Meta(max_length=4000, pattern=PROSE_PATTERN)]
ClauseText = Annotated[str, Meta(min_length=1, max_length=40000, pattern=PROSE_PATTERN)]
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        pattern=PROSE_PATTERN,
        description="Why, in a sentence that the other agency will read.",
    ),
]

LONGEST_TOKEN = 64  # PostgreSQL refuses lexemes over 2 KB
# A hyphen at the end of a line joins too: scanned and justified text breaks words there.
_WORD = re.compile(r"[^\W_]+(?:(?:['’.]|[-‐](?:[ \t]*\n[ \t]*)?)[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_INVISIBLE = frozenset("\xad\u200b\u200c\u200d\u2060\ufeff")  # soft hyphen, joiners, marks of width 0


def _fold(text: str) -> str:
    # Decomposed before and after: “𝐀” becomes a letter that has a case only by the first step.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in decomposed if c not in _INVISIBLE and not unicodedata.combining(c))


_fold_one = lru_cache(maxsize=4096)(_fold)


class PlacedToken(NamedTuple):
    """A token of a text, and where it stands in it."""

    token: str
    start: int
    end: int


def placed_tokens(text: str) -> Iterator[PlacedToken]:
    """What `tokens` gives, each with its place in the text as it is: folding makes text longer and shorter.

    A compound comes as a whole, then part by part.
    """
    folds = {character: _fold_one(character) for character in set(text)}
    folded = "".join([folds[character] for character in text])
    origin: Sequence[int] = range(len(text))
    if any(len(fold) != 1 for fold in folds.values()):
        origin = [index for index, character in enumerate(text) for _ in folds[character]]
    for word in _WORD.finditer(folded):
        parts = list(_PART.finditer(word[0]))
        whole = "".join(part[0] for part in parts)[:LONGEST_TOKEN]
        yield PlacedToken(whole, origin[word.start()], origin[word.end() - 1] + 1)
        for part in parts if len(parts) > 1 else ():
            start, end = word.start() + part.start(), word.start() + part.end()
            yield PlacedToken(part[0][:LONGEST_TOKEN], origin[start], origin[end - 1] + 1)


def tokens(text: str) -> list[str]:
    """Words for the index, folded to lower case without accents; “K-9” yields `k9`, `k` and `9`.

    Tokens are made here and not by the databases, whose own parsers disagree, so the same words find the same
    rows on both.
    """
    found: list[str] = []
    for word in _WORD.findall(_fold(text)):
        parts = _PART.findall(word)
        found.append("".join(parts)[:LONGEST_TOKEN])
        if len(parts) > 1:
            found.extend(part[:LONGEST_TOKEN] for part in parts)
    return found


def index_words(text: str) -> str:
    """What an index keeps of a text: each token once, for how often one comes is not asked."""
    return " ".join(dict.fromkeys(tokens(text)))


def query_tokens(text: str) -> list[str]:
    """Words to look for: a compound is looked for as a whole, so “K-9” finds `k9` and not every `9`."""
    return ["".join(_PART.findall(word))[:LONGEST_TOKEN] for word in _WORD.findall(_fold(text))][:16]


def folded_key(text: str) -> str:
    """The form under which two spellings count as the same name."""
    return " ".join(tokens(text))
