"""What is shown of a text in which words were found: some two hundred characters, and where the words stand in them."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from registry.kernel.text import PlacedToken, placed_tokens

LONGEST_EXCERPT = 200
_LEAD = 60


class HitRange(Struct, kw_only=True, frozen=True):
    """A half-open range of characters (Unicode code points) of the excerpt."""

    start: Annotated[int, Meta(ge=0)]
    end: Annotated[int, Meta(ge=0)]


class Excerpt(Struct, kw_only=True, frozen=True):
    """A piece of a text, and where in it the words were found."""

    text: str
    hits: list[HitRange]


def excerpt(text: str, words: Sequence[str]) -> Excerpt:
    """The piece of `text` in which most of the `words` stand, the first of such; its beginning where none does.

    `words` are as `search_words` gives them: folded, a trailing `*` for the beginning of a word.
    """
    found = list(_found(text, words))
    start, end = _stretch(text, _densest(found))
    hits: list[HitRange] = []
    for placed, _ in found:
        inside = start <= placed.start < end
        if inside and (not hits or placed.start - start >= hits[-1].end):
            hits.append(HitRange(start=placed.start - start, end=min(placed.end, end) - start))
    return Excerpt(text=text[start:end], hits=hits)


def _found(text: str, words: Sequence[str]) -> Iterator[tuple[PlacedToken, int]]:
    """Each place at which one of the words stands, with the word's index."""
    whole = {word: index for index, word in enumerate(words) if not word.endswith("*")}
    beginnings = [(word[:-1], index) for index, word in enumerate(words) if word.endswith("*")]
    for placed in placed_tokens(text):
        if (index := whole.get(placed.token)) is not None:
            yield placed, index
            continue
        for beginning, index in beginnings:
            if placed.token.startswith(beginning):
                yield placed, index
                break


def _densest(found: Sequence[tuple[PlacedToken, int]]) -> tuple[int, int]:
    """From where to where the most different words stand close enough to be shown together."""
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
    """The place with some text around it, cut between words."""
    room = max(LONGEST_EXCERPT - (place[1] - place[0]), 0)
    start = max(place[0] - min(_LEAD, room), 0)
    if start and (blank := text.find(" ", start, place[0])) >= 0:
        start = blank + 1
    end = min(start + LONGEST_EXCERPT, len(text))
    if end < len(text) and (blank := text.rfind(" ", max(place[1], start + 1), end)) >= 0:
        end = blank
    return start, end
