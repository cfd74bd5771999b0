"""Excerpts of a text around search words: about two hundred characters, with the positions of the words."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from registry.platform.kernel.text import PlacedToken
from registry.platform.kernel.words import Sought, places_of

LONGEST_EXCERPT = 200
_LEAD = 60


class HitRange(Struct, kw_only=True, frozen=True):
    """A half-open range of characters (Unicode code points) of the excerpt."""

    start: Annotated[int, Meta(ge=0)]
    end: Annotated[int, Meta(ge=0)]


class Excerpt(Struct, kw_only=True, frozen=True):
    """A passage of a text, with the positions of the words found."""

    text: str
    hits: list[HitRange]


def excerpt(text: str, sought: Sought) -> Excerpt:
    """The piece of `text` in which most of what is sought stands, the first of such; its beginning where none does."""
    found = places_of(text, sought)
    start, end = _stretch(text, _densest(found))
    hits: list[HitRange] = []
    for placed, _ in found:
        inside = start <= placed.start < end
        if inside and (not hits or placed.start - start >= hits[-1].end):
            hits.append(HitRange(start=placed.start - start, end=min(placed.end, end) - start))
    return Excerpt(text=text[start:end], hits=hits)


def _densest(found: Sequence[tuple[PlacedToken, int]]) -> tuple[int, int]:
    """The range that contains the most different words and is short enough to be shown."""
    best, best_count = (0, 0), 0
    most = len({word for _, word in found})
    for at, (first, _) in enumerate(found):
        if best_count == most:
            break
        seen: set[int] = set()
        end = first.end
        for placed, word in found[at : at + LONGEST_EXCERPT]:
            if placed.end - first.start > LONGEST_EXCERPT and placed is not first:
                break
            seen.add(word)
            end = max(end, placed.end)
        if len(seen) > best_count:
            best, best_count = (first.start, end), len(seen)
    return best


def _stretch(text: str, place: tuple[int, int]) -> tuple[int, int]:
    """The range, extended by surrounding text to word boundaries."""
    room = max(LONGEST_EXCERPT - (place[1] - place[0]), 0)
    start = max(place[0] - min(_LEAD, room), 0)
    if start and (blank := text.find(" ", start, place[0])) >= 0:
        start = blank + 1
    end = min(start + LONGEST_EXCERPT, len(text))
    if end < len(text) and (blank := text.rfind(" ", max(place[1], start + 1), end)) >= 0:
        end = blank
    return start, end
