"""Search parameters that lists share: words, and a circle around a point."""

import re
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from registry.platform.database.search import near
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.text import AS_IT_CAME_PATTERN, query_tokens
from registry.platform.kernel.words import Phrase, Sought, phrase_of, stem

Q = TypeVar("Q", bound=msgspec.Struct)

MOST_WORDS = 16
_QUOTES = re.compile('["“”„‟″]')
_EXCLUDED = re.compile(r"-\w")
_WILDCARD = re.compile(r"\*.|\w\?\w")

Words = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=AS_IT_CAME_PATTERN,
        description="Words to find, all of them in whatever form; phrases in quotation marks; a trailing * matches "
        "beginnings.",
        examples=["narcotics"],
    ),
]
Part = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=AS_IT_CAME_PATTERN, description="Part of the text, literally.")
]
WithinKm = Annotated[
    float, Meta(gt=0, le=500, description="Radius around the point, in kilometres; needs latitude and longitude.")
]

PLACED_SORT: Final = Meta(
    description="The order of the list. By default `distance` when a point is given, else `-created_at`."
)


def search_words(text: str) -> Sought:
    """What to look for: words, beginnings with a trailing `*`, and phrases in quotation marks.

    Raises RuleBroken when the text holds no word, or too many, and for what other searches understand and this one does
    not, rather than look for it as a word.
    """
    outside, inside = _divided(text)
    stems: dict[str, None] = {}
    beginnings: dict[str, None] = {}
    phrases: dict[Phrase, None] = {}
    for part in outside:
        found = query_tokens(part)
        if found and part.endswith("*"):
            beginnings[found.pop()] = None
        stems |= dict.fromkeys(map(stem, found))
    for quoted in inside:
        phrase = phrase_of(quoted)
        if phrase is not None and len(phrase.parts) == 1:
            stems |= dict.fromkeys(phrase.wholes)
        elif phrase is not None:
            phrases[phrase] = None
    sought = Sought(stems=tuple(stems), beginnings=tuple(beginnings), phrases=tuple(phrases))
    if not 0 < len(sought) <= MOST_WORDS:
        raise RuleBroken.at(
            f"Search for one to {MOST_WORDS} words.", "bad_words", f"holds {len(sought)} words", parameter="q"
        )
    return sought


def _divided(text: str) -> tuple[list[str], list[str]]:
    """What stands outside quotation marks, blank by blank, and what stands inside. Raises RuleBroken."""
    sections = _QUOTES.split(text)
    if len(sections) % 2 == 0:
        raise _not_supported("A quotation is not closed: quotation marks come in pairs")
    outside = [part for section in sections[::2] for part in section.split()]
    inside = sections[1::2]
    for at, part in enumerate(outside):
        if part in ("AND", "OR") and 0 < at < len(outside) - 1:
            raise _not_supported("AND and OR are not operators here: all words are looked for; search once for each")
        if part in ("NOT", "NEAR") and at < len(outside) - 1:
            raise _not_supported(f"{part} is not an operator here: leave it out, or write it in small letters")
        if _EXCLUDED.match(part):
            raise _not_supported("A word cannot be excluded: leave out the hyphen before it")
        if _WILDCARD.search(part):
            raise _not_supported("Only a trailing * is understood, for the beginning of a word")
    if any("*" in quoted for quoted in inside):
        raise _not_supported("A beginning (*) cannot be looked for in quotation marks")
    return outside, inside


def _not_supported(what: str) -> RuleBroken:
    return RuleBroken.at(f"{what}.", "search_not_supported", parameter="q")


def place_parameters(
    dialect: str, latitude: float | None, longitude: float | None, within_km: float | None
) -> dict[str, object]:
    """The parameters of a search around a point; empty when none was requested.

    Raises RuleBroken for an incomplete point.
    """
    if latitude is None and longitude is None and within_km is None:
        return {}
    if latitude is None or longitude is None or within_km is None:
        raise RuleBroken.at(
            "A search around a point needs latitude, longitude and within_km.",
            "incomplete_place",
            "give all three or none",
            parameter="within_km",
        )
    return near(dialect, latitude, longitude, within_km)


def containing(part: str) -> str:
    r"""The LIKE pattern, with `\` as its escape, that finds the literal part in `folded` text."""
    escaped = part.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def with_sort(query: Q, *, placed: bool) -> Q:
    """The query with its order: the requested one, else by distance around a point, else newest first.

    Raises RuleBroken for an order by distance without a point.
    """
    asked: Any = query
    if asked.sort in ("distance", "arrival") and not placed:
        raise RuleBroken.at(
            f"To sort by {asked.sort}, give the point: latitude, longitude and within_km.",
            "incomplete_place",
            "needs a point",
            parameter="sort",
        )
    return msgspec.structs.replace(query, sort=asked.sort or ("distance" if placed else "-created_at"))
