"""Text as it enters: bounded, NFC, no control characters; and the one tokeniser both search indexes share."""

import re
import unicodedata
from typing import Annotated

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
_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")


def _fold(text: str) -> str:
    # Decomposed before and after: “𝐀” becomes a letter that has a case only by the first step.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


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


def query_tokens(text: str) -> list[str]:
    """Words to look for: a compound is looked for as a whole, so “K-9” finds `k9` and not every `9`."""
    return ["".join(_PART.findall(word))[:LONGEST_TOKEN] for word in _WORD.findall(_fold(text))][:16]


def folded_key(text: str) -> str:
    """The form under which two spellings count as the same name."""
    return " ".join(tokens(text))
