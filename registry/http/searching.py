"""What every searchable list understands: words, and a circle around a point."""

from typing import Annotated

from msgspec import Meta

from registry.database.search import near
from registry.kernel.errors import Fault, RuleBroken
from registry.kernel.text import NAME_PATTERN, query_tokens

MOST_WORDS = 16

Words = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NAME_PATTERN,
        description="Words to find, all of them; a trailing * matches beginnings.",
        examples=["narcotics"],
    ),
]
WithinKm = Annotated[
    float, Meta(gt=0, le=500, description="Radius around the point, in kilometres; needs latitude and longitude.")
]


def search_words(text: str) -> list[str]:
    """The words to look for, a trailing `*` kept. Raises RuleBroken when the text holds no word, or too many."""
    words: list[str] = []
    for part in text.split():
        found = query_tokens(part)
        if found and part.endswith("*"):
            found[-1] += "*"
        words += found
    if not words or len(words) > MOST_WORDS:
        raise RuleBroken(
            f"Search for one to {MOST_WORDS} words.",
            "bad_words",
            faults=[Fault(parameter="q", code="bad_words", detail=f"holds {len(words)} words")],
        )
    return words


def place_parameters(
    dialect: str, latitude: float | None, longitude: float | None, within_km: float | None
) -> dict[str, object]:
    """The parameters of a search around a point, empty when none is asked. Raises RuleBroken for half a point."""
    if latitude is None and longitude is None and within_km is None:
        return {}
    if latitude is None or longitude is None or within_km is None:
        raise RuleBroken(
            "A search around a point needs latitude, longitude and within_km.",
            "incomplete_place",
            faults=[Fault(parameter="within_km", code="incomplete_place", detail="give all three or none")],
        )
    return near(dialect, latitude, longitude, within_km)
